"""What is answered about what is thought, and what is kept: strategies, views, meetings, events, the audit, why."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from bursar.desk.api.shapes.words import (
    Analyst,
    Count,
    Currency,
    Day,
    DecisionId,
    Digest,
    Event,
    EventId,
    Fraction,
    Listed,
    Moment,
    Money,
    Number,
    OrderId,
    Person,
    Place,
    Portfolio,
    Reason,
    Recorded,
    Shape,
    Shares,
    Stamped,
    Strategy,
    Symbol,
    ViewId,
)

Probability = Annotated[float, Field(examples=[0.61])]


class StrategyLine(Shape):
    """A strategy. set_up: the settings name it."""

    strategy: Strategy
    set_up: bool
    decisions: Count


class Strategies(Listed[StrategyLine]):
    """Strategies, and what may be done without a person's word."""

    autonomy: str = Field(examples=["automatic"])


class Target(Shape):
    """What a strategy wants to hold of a symbol, of equity, and the views that it rests on."""

    symbol: Symbol
    weight: Fraction
    reason: Reason
    views: list[ViewId]


class Decision(Shape):
    """What a strategy decided."""

    sequence: Place
    decision: DecisionId
    at: Moment
    portfolio: Portfolio
    strategy: Strategy
    equity: Money
    targets: list[Target]


class StrategyTold(Stamped):
    """A strategy's last decision; null where it never decided."""

    strategy: Strategy
    last_decision: Decision | None


class AnalystLine(Shape):
    """An analyst, and how many views it formed."""

    analyst: Analyst
    views: Count


class MeetingLine(Shape):
    """A meeting of the committee in a line. quorate: symbols that had their quorum."""

    at: Moment
    quorum: Count
    quorate: Count
    resolutions: Count
    views: Count


class Resolution(Shape):
    """What was resolved about a symbol; figures as the journal has them."""

    symbol: Symbol
    action: str = Field(examples=["buy"])
    quantity: Shares
    weight: Fraction
    confidence: int = Field(description="0 to 100.", examples=[61])
    probability: Probability
    expected_excess_return: Fraction
    horizon_days: int = Field(examples=[21])
    coverage: float = Field(examples=[0.8])
    sources: Count
    reason: Reason
    votes: dict[Analyst, Probability]
    dissent: list[Analyst]


class Seat(Shape):
    """An analyst at a meeting, and what its weight rests on."""

    analyst: Analyst
    reads: list[str] = Field(examples=[["prices"]])
    weight: Fraction
    votes: Count
    hit_rate: Fraction | None
    brier: Fraction | None
    rank_ic: Fraction | None
    skill: Fraction | None
    uniqueness: Fraction


class Step(Shape):
    """One of the steps of a meeting."""

    name: str = Field(examples=["Screen"])
    summary: str = Field(examples=["40 of 500 symbols are liquid enough"])
    kept: list[Symbol]
    dropped: dict[Symbol, Reason]


class Evidence(Shape):
    """One fact that a view rests on."""

    statement: str = Field(examples=["12-1 momentum is high"])
    source: str = Field(examples=["closes to 2021-12-31"])
    value: Number | None


class View(Shape):
    """One analyst's opinion of one symbol."""

    view_id: ViewId
    analyst: Analyst
    symbol: Symbol
    horizon_days: int = Field(examples=[21])
    expected_excess_return: Fraction
    confidence: float = Field(examples=[0.55])
    evidence: list[Evidence]
    known_at: Moment


class Silence(Shape):
    """An analyst that had no opinion of some symbols."""

    analyst: Analyst
    symbols: list[Symbol]
    reason: Reason


class Meeting(Stamped):
    """A meeting whole: who voted how, with what weight, and what was resolved."""

    at: Moment
    quorum: Count
    quorate: Count
    climate: dict[Annotated[str, Field(examples=["turbulence"])], Number]
    resolutions: list[Resolution]
    seats: list[Seat]
    steps: list[Step]
    views: list[View]
    abstentions: list[Silence]
    questions: list[Event]
    signals: list[Event]


class Heard(Stamped):
    """A signal that was put into the box. heard: its source is one that is listened to."""

    signal: str = Field(examples=["s-1"])
    source: str = Field(examples=["desk"])
    heard: bool


# ---------------------------------------------------------------- records


class Kept(Shape):
    """A report that is kept."""

    name: str = Field(examples=["demo"])
    bytes: Count


class Report(Shape):
    """The report of one run, as ``bursar demo --json`` printed it, whose other keys follow these."""

    model_config = ConfigDict(extra="allow", frozen=True)

    not_enough_data: dict[Annotated[str, Field(examples=["sharpe_ratio"])], Reason]
    seed: int = Field(examples=[7])
    currency: Currency
    strategy: Strategy
    simulated: list[str] = Field(examples=[["prices"]])
    synthetic: bool


class Events(Listed[Recorded]):
    """Events from a sequence number on. next: where to go on."""

    next: Place


class Sound(Shape):
    """Whether a journal is as it was written: where it is, its length and its end; where not, the event and why."""

    sound: bool
    events: Count | None = None
    head: Digest | None = None
    event: Place | None = Field(default=None, examples=[None])
    problem: Reason | None = Field(default=None, examples=[None])


class Audit(Stamped):
    """Whether anybody touched the journals: the one that trades, and the desk's own."""

    journal: Sound
    notes: Sound


class Did(Shape):
    """Who did what at the desk."""

    note: Place
    at: Moment
    by: Person
    did: str = Field(examples=["cancel"])
    said: dict[Annotated[str, Field(examples=["reason"])], Reason]


class Link(Shape):
    """One event of a chain of causes. repeated: it was told before, with its own causes."""

    event_id: EventId
    sequence: Place | None
    says: str = Field(examples=["bought 100 AAPL at $150.00, fee $1.00"])
    details: list[str] = Field(examples=[["because: ranked first"]])
    repeated: bool = Field(examples=[False])
    event: Event | None
    causes: list[Link] = Field(examples=[[]])


class Why(Stamped):
    """Why an order was sent: from its fills back to the decision, the views and the prices."""

    wanted: OrderId
    links: list[Link]


class Cause(Shape):
    """What stood in the way of a trade. change: what would have changed it; removed: it took the trade away whole."""

    step: str = Field(examples=["cash"])
    says: str = Field(examples=["5.0 % of equity was wanted, and cash was left for 2.0 %"])
    change: str = Field(examples=["$3,000.00 more cash"])
    measured: Number | None
    limit: Number | None
    event_id: str = Field(examples=["d-00000001"])
    removed: bool


class WhyNot(Stamped):
    """Why a symbol was not traded on a day, or why its target was what it was."""

    symbol: Symbol
    day: Day
    happened: bool
    says: str = Field(examples=["It did happen: bought 100 at $150.00 (o-00000001)"])
    held: Shares
    wanted: Fraction | None
    causes: list[Cause]
    orders: list[OrderId]
    context: list[str] = Field(examples=[["technical expected +2.00 % above cash in 21 days, 55 % sure"]])


class OpenApi(Shape):
    """The API, as OpenAPI 3.1 describes one."""

    model_config = ConfigDict(extra="allow", frozen=True)

    openapi: str = Field(examples=["3.1.0"])
