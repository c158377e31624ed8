"""The words that answers are made of, each with an example; the example of a whole answer is made of theirs.

Shapes describe; nothing is built or checked by them when a route answers, so that they cost no request anything. That
the answers are of their shapes is tested.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")

Sequence = Annotated[int, Field(description="Of the last event that the answer knows.", examples=[28])]
Place = Annotated[int, Field(description="In the journal.", examples=[14])]
Count = Annotated[int, Field(examples=[2])]
Digest = Annotated[str, Field(description="Of the event's bytes and of all before it.", examples=["d46027f36e2b8941"])]
EventId = Annotated[str, Field(examples=["f-1"])]
OrderId = Annotated[str, Field(examples=["o-00000002"])]
ProposalId = Annotated[str, Field(examples=["p-00000001"])]
ViewId = Annotated[str, Field(examples=["v-00000001"])]
DecisionId = Annotated[str, Field(examples=["d-00000001"])]

Moment = Annotated[str, Field(examples=["2022-01-05T21:00:00Z"], json_schema_extra={"format": "date-time"})]
Day = Annotated[str, Field(examples=["2022-01-05"], json_schema_extra={"format": "date"})]

Account = Annotated[str, Field(examples=["DU9000001"])]
Portfolio = Annotated[str, Field(examples=["main"])]
Symbol = Annotated[str, Field(examples=["AAPL"])]
Sector = Annotated[str, Field(examples=["technology"])]
Currency = Annotated[str, Field(examples=["USD"])]
Strategy = Annotated[str, Field(examples=["momentum"])]
Analyst = Annotated[str, Field(examples=["technical"])]
Person = Annotated[str, Field(examples=["ann"])]
Reason = Annotated[str, Field(examples=["the news changed"])]
Name = Annotated[str, Field(examples=["sharpe"])]
Side = Annotated[str, Field(examples=["buy"])]
Effect = Annotated[str, Field(description="open or close.", examples=["open"])]

Money = Annotated[str, Field(description="An amount with all of its digits.", examples=["15400.00"])]
Price = Annotated[str, Field(examples=["154.00"])]
Shares = Annotated[str, Field(examples=["100"])]
Part = Annotated[str, Field(description="A fraction with all of its digits.", examples=["0.25"])]
Amount = Annotated[float, Field(description="In the base currency; nothing is booked by it.", examples=[15400.0])]
Fraction = Annotated[float, Field(examples=[0.1534])]
Number = Annotated[float, Field(examples=[1.25])]

#: Figures by name; null is what there is not enough data for.
Figures = dict[Name, Number | None]
#: Amounts by currency.
Purse = dict[Currency, Money]

#: An event as the journal keeps it: what it holds beside these depends on its kind.
Event = Annotated[
    dict[str, Any],
    Field(
        description="As the journal keeps it; what it holds beside these depends on its kind.",
        examples=[{"kind": "line_changed", "version": 1, "event_id": "line/1", "at": "2022-01-03T14:30:00Z"}],
    ),
]


class Shape(BaseModel):
    """Something that is answered."""

    # They are needed when OpenAPI is asked for, and not before: to build them all takes a while.
    model_config = ConfigDict(frozen=True, defer_build=True)


class Stamped(Shape):
    """What is told as of a place in the journal."""

    sequence: Sequence


class Page(Stamped, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    total: int = Field(description="In all pages.", examples=[1])
    next: str | None = Field(description="The cursor of the page that follows; null on the last.", examples=[None])


class Listed(Stamped, Generic[Item]):
    """A list that is told whole."""

    items: list[Item]


class Recorded(Shape):
    """An event in its place."""

    sequence: Place
    digest: Digest
    event: Event


class Sent(Stamped):
    """A command on its way to the loop."""

    command: str = Field(description="Its id, for GET /api/v1/commands.", examples=["1fff0b2b3366352b"])
    name: str = Field(examples=["cancel"])
    by: Person
    state: str = Field(description="sent, and taken once the loop has obeyed or refused it.", examples=["sent"])
    taken_at_sequence: Place | None
