"""What is answered about the line to the broker: accounts, orders, instruments, prices, proposals, and commands."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import Field, create_model

from bursar.desk.api.shapes.words import (
    Account,
    Count,
    Currency,
    Effect,
    EventId,
    Moment,
    Money,
    Number,
    OrderId,
    Person,
    Place,
    Portfolio,
    Price,
    ProposalId,
    Reason,
    Recorded,
    Sector,
    Sent,
    Shape,
    Shares,
    Side,
    Stamped,
    Strategy,
    Symbol,
)
from bursar.risk.limits import RiskLimits


class Locked(Shape):
    """An account with real money, whose program starts once a person types the phrase."""

    name: str = Field(examples=["savings"])
    account: str = Field(examples=["U7654321"])


class Status(Stamped):
    """How the line is, and whose money it is."""

    state: str = Field(examples=["up"])
    reason: str = Field(examples=[""])
    since: Moment | None
    mode: str | None = Field(examples=["paper"])
    account: Account | None
    simulated: list[str] = Field(description="What of its world is made up.", examples=[["prices"]])
    trading: str = Field(description="active, reducing or halted.", examples=["active"])
    last_event_at: Moment | None
    prices_at: Moment | None = Field(description="When the last prices came, by the clock of their own world.")
    orders_working: Count
    locked: Locked | None = Field(description="Where a phrase is waited for.")


class LineChange(Shape):
    """A change of the line."""

    sequence: Place
    at: Moment
    state: str = Field(examples=["lost"])
    reason: Reason


class SetUp(Shape):
    """An account that is set up. traded: it is the one."""

    name: str = Field(examples=["main"])
    account: Account
    mode: str = Field(examples=["paper"])
    port: int = Field(examples=[4002])
    base_currency: Currency
    notional_per_day_max: Money | None
    traded: bool


def _limits() -> type[Shape]:
    """The limits of an account, as they are named where they are kept; amounts and fractions are text."""
    words: dict[str, Any] = {}
    for each in fields(RiskLimits):
        said, default = str(each.type), each.default
        listed = said.startswith("tuple")
        kind: Any = list[str] if listed else {"bool": bool, "int": int}.get(said, str)
        example = [] if listed else default if kind is not str or default is None else str(default)
        words[each.name] = (kind | None if "None" in said else kind, Field(examples=[example]))
    return create_model("Limits", __base__=Shape, __doc__="The limits of an account; null is none.", **words)


Limits = _limits()


class SetUpTold(SetUp, Stamped):
    """One account that is set up, and the limits that hold in it."""

    limits: Limits  # type: ignore[valid-type]  # made of the fields of RiskLimits, which mypy does not follow


class Unlocked(Stamped):
    """The phrase was right: the program that trades the account starts."""

    name: str = Field(examples=["savings"])
    account: str = Field(examples=["U7654321"])
    state: str = Field(examples=["starting"])


class Order(Shape):
    """An order and where it stands.

    remaining       what may still trade: nothing of one that has ended
    parent_id       the order whose fill activates this one
    oca_group       orders of one group cancel each other: the stop and the target of a position
    cancel_refused  why it would not be canceled, and what to do instead; null where it would
    """

    order_id: OrderId
    account: Account
    portfolio: Portfolio
    strategy: Strategy
    symbol: Symbol
    side: Side
    quantity: Shares
    filled: Shares
    remaining: Shares
    type: str = Field(examples=["limit"])
    limit_price: Price | None
    stop_price: Price | None = Field(examples=[None])
    trail: Price | None = Field(examples=[None])
    time_in_force: str = Field(examples=["day"])
    effect: Effect
    purpose: str = Field(description="entry, reduce, exit, protection or kill.", examples=["entry"])
    status: str = Field(examples=["new"])
    working: bool
    acknowledged: bool
    placed_at: Moment
    parent_id: OrderId | None = Field(examples=[None])
    oca_group: str | None = Field(examples=[None])
    permanent_id: int | None = Field(description="The broker's own number.", examples=[1_234_567])
    reason: Reason
    cancel_refused: str | None = Field(examples=["protects AAPL, which is held; close the position instead"])


class OrderTold(Order, Stamped):
    """One order and where it stands."""


class Change(Shape):
    """One line of an order's trail. before: null where it was placed."""

    order_id: OrderId
    at: Moment
    event: EventId
    before: str | None = Field(examples=["pending_new"])
    after: str = Field(examples=["new"])
    filled: Shares
    quantity: Shares


class Instrument(Shape):
    """What is known of an instrument."""

    symbol: Symbol
    kind: str = Field(examples=["stock"])
    name: str = Field(examples=["Apple Inc."])
    currency: Currency
    exchange: str = Field(examples=["XNYS"])
    sector: Sector
    tick: Price = Field(examples=["0.01"])
    lot: Shares = Field(examples=["1"])
    multiplier: str = Field(examples=["1"])


class InstrumentTold(Instrument, Stamped):
    """What is known of an instrument."""


class Quote(Shape):
    """The latest price of a symbol. source: a quote, or the mark of the books where there is none."""

    source: str = Field(examples=["quote"])
    symbol: Symbol
    at: Moment
    age_seconds: Number
    bid: Price | None
    ask: Price | None
    last: Price | None
    delayed: bool


class QuoteTold(Quote, Stamped):
    """The latest price of a symbol."""


# ---------------------------------------------------------------- proposals


class Leg(Shape):
    """One order of a proposal. order: the one that was sent for it."""

    symbol: Symbol
    side: Side
    quantity: Shares
    effect: Effect
    price: Price
    currency: Currency | None = Field(description="Of the price; null where the instrument is not known.")
    order: OrderId | None
    reason: Reason


class Kept(Shape):
    """What a completed proposal did, beside what it promised by now."""

    state: str = Field(examples=["on_track"])
    sessions: Count
    return_pct: float = Field(examples=[1.45])
    promised_pct: float = Field(examples=[1.0])
    behind_max_pct: float = Field(examples=[5.0])
    cost: Money
    cost_promised: Money
    loss: Money
    loss_max: Money


class Proposal(Shape):
    """What waits for a tap, or what became of it."""

    proposal: ProposalId
    state: str = Field(examples=["pending"])
    end: str | None = Field(examples=[None])
    reason: str | None = Field(examples=[None])
    strategy: Strategy
    made_at: Moment
    expires_at: Moment
    confidence: float = Field(examples=[0.7])
    expected_return_pct: float = Field(examples=[1.2])
    horizon_days: int = Field(examples=[21])
    risk_max_pct: float = Field(examples=[2.0])
    loss_max: Money
    cost: Money | None
    unwinding_cost: Money | None
    legging_loss_max: Money | None
    adverse_move_pct: float | None = Field(examples=[2.0])
    refusals: list[Reason] = Field(description="Why it could not be tapped now.")
    tap_refused: str | None = Field(examples=[None])
    tapped_by: Person | None
    loss: Money
    kept: Kept | None
    legs: list[Leg]


class ProposalTold(Proposal, Stamped):
    """One proposal."""


class LegDone(Shape):
    """How far one order of a proposal is. returned_by: the orders that traded it back."""

    symbol: Symbol
    order: Order | None
    refused: str | None = Field(examples=[None])
    returned_by: list[OrderId]


class Execution(Stamped):
    """How far the orders of a proposal are. stuck: why a person must look."""

    proposal: ProposalId
    state: str = Field(examples=["executing"])
    stuck: str | None = Field(examples=[None])
    legs: list[LegDone]


# ---------------------------------------------------------------- stopping


class KillTold(Shape):
    """The kill that is in force."""

    form: str = Field(examples=["halt"])
    by: Person


class KillAsked(KillTold):
    """The kill that is asked for."""

    reason: Reason


class Trading(Stamped):
    """What the account may do at the moment, and who or what stopped it."""

    state: str = Field(description="active, reducing or halted.", examples=["active"])
    stopped_by: str | None = Field(examples=[None])
    kill: KillTold | None
    kill_finished: bool
    kill_asked: KillAsked | None
    mode: str | None = Field(examples=["paper"])
    simulated: list[str] = Field(examples=[["prices"]])


class CommandTold(Sent):
    """How far a command is, and which events it led to."""

    effects: list[Recorded]
