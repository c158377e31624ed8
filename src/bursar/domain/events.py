"""Everything that can happen, as immutable facts. Read this page first.

An event is committed to the journal before anything acts on it, and never changes afterwards: a
mistake is corrected by a later event. Orders, books and decisions are folds over these.

Each event has
    event_id  unique in its journal. Facts from outside have natural ids (an execution's is made of the
              broker's execution id), so that a repetition is recognized and refused; our own thoughts
              are counted (``v-00000001`` a view, ``d-`` a decision, ``a-`` an approval, ``o-`` an order)
    at        when it became true, UTC
    causes    the events that it follows from, so that ``bursar why`` can walk from a fill to a price

Quantities are in shares or contracts, buys positive where signed; prices are per share in the
instrument's currency; amounts are what the account receives, negative when it pays. All are Decimal;
floats appear only in opinions (views, target weights), which no book is computed from.

The catalogue, with the bytes in which events are kept, is ``docs/decisions/0001``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from bursar.domain.instruments import Instrument
from bursar.domain.money import Money
from bursar.domain.orders import Order, Side
from bursar.domain.targets import Target
from bursar.domain.views import View
from bursar.errors import InputError

#: Every kind of event, by the name under which the journal keeps it.
CATALOGUE: dict[str, type[Event]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact. ``kind`` and ``version`` name its shape in the journal."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    event_id: str
    at: datetime
    causes: tuple[str, ...] = ()

    def __init_subclass__(cls, kind: str = "", version: int = 1) -> None:
        # A dataclass with slots is built twice, the second time without our keyword.
        cls.kind = kind or cls.kind
        cls.version = version if kind else cls.version
        CATALOGUE[cls.kind] = cls

    def __post_init__(self) -> None:
        if not self.event_id:
            raise InputError(f"an event of kind {self.kind} has no id")
        if self.at.utcoffset() != timedelta(0):
            raise InputError(f"{self.event_id}: at is {self.at}; it must be in UTC")


# ---------------------------------------------------------------- the run


class Mode(StrEnum):
    """The world that an account trades in."""

    BACKTEST = "backtest"
    PAPER = "paper"
    LIVE = "live"


class TradingState(StrEnum):
    """What an account may do: everything, only reduce, or nothing."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event, kind="run_started"):
    """Bursar began to work on an account, or began again after a stop.

    settings   the settings that it runs with, as text, without secrets
    simulated  what in this world is made up, in words; empty only where nothing is
    """

    run_id: str
    mode: Mode
    account: str
    seed: int | None = None
    settings: str = ""
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Event, kind="session_opened"):
    """A trading session began."""

    day: date
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFinished(Event, kind="task_finished"):
    """A task of the day's agenda is done, committed with what it led to: it will not be done twice."""

    task: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked(Event, kind="marked"):
    """Prices at which positions are valued.

    official  True for the exchange's closing prices
    rates     units of the base currency for one unit of each other currency
    """

    prices: Mapping[str, Decimal]
    official: bool = False
    rates: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed(Event, kind="session_closed"):
    """A trading session ended, and was looked back on.

    equity  net asset value at the closing marks, in the account's base currency
    """

    day: date
    exchange: str
    equity: Decimal
    cash: Decimal
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingStateChanged(Event, kind="trading_state_changed"):
    """An account may do more or less than before. Back to ACTIVE only by a person, with a reason."""

    account: str
    state: TradingState
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReceived(Event, kind="command_received"):
    """A person, or a program for one, asked for something."""

    command: str
    arguments: Mapping[str, str]
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChanged(Event, kind="line_changed"):
    """The connection to the broker got better or worse."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted(Event, kind="alerted"):
    """Something that a person should know. severity: info, warning or critical."""

    severity: str
    message: str


# ---------------------------------------------------------------- opinion and decision


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFormed(Event, kind="view_formed"):
    """An analyst formed a view."""

    view: View

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.event_id != self.view.view_id:
            raise InputError(f"view {self.view.view_id} is journalled as {self.event_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstained(Event, kind="abstained"):
    """An analyst had no opinion."""

    analyst: str
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Event, kind="decided"):
    """A strategy said what it wants to hold.

    equity  of the portfolio at that moment, in the account's base currency
    prices  at which targets were turned into shares
    """

    portfolio: str
    strategy: str
    targets: tuple[Target, ...]
    equity: Decimal
    prices: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSkipped(Event, kind="decision_skipped"):
    """A decision was due and was not made, because something that it needs is missing."""

    portfolio: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitTriggered(Event, kind="exit_triggered"):
    """Monitoring saw a position reach its stop or its target.

    level  the price that had to be reached; observed  the price that was
    """

    portfolio: str
    symbol: str
    reason: str
    level: Decimal
    observed: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one rule of the gate measured, against its limit. ``passed`` is False for a soft warning."""

    rule: str
    measured: Decimal
    limit: Decimal
    passed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved(Event, kind="approved"):
    """The gate let an order through; its checks show how near it came to each limit."""

    order_id: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Event, kind="rejected"):
    """The gate stopped an order, which was never sent."""

    order: Order
    rule: str
    measured: Decimal
    limit: Decimal
    message: str


# ---------------------------------------------------------------- orders


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event, kind="order_placed"):
    """We are about to send this order. Committed before the first byte leaves."""

    order: Order

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.event_id != self.order.order_id:
            raise InputError(f"order {self.order.order_id} is journalled as {self.event_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted(Event, kind="order_accepted"):
    """The broker has it. ``permanent_id`` is the broker's own number, stable over reconnects."""

    order_id: str
    permanent_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected(Event, kind="order_rejected"):
    """The broker refused it; nothing of it will trade any more."""

    order_id: str
    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Event, kind="cancel_requested"):
    """We are about to ask the broker to cancel."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRejected(Event, kind="cancel_rejected"):
    """The broker could not cancel: the order is done, or unknown."""

    order_id: str
    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled(Event, kind="order_canceled"):
    """The rest of the order will not trade."""

    order_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired(Event, kind="order_expired"):
    """Its time in force ran out."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRequested(Event, kind="amend_requested"):
    """We are about to ask the broker to change the order into this one, under the same id."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended(Event, kind="order_amended"):
    """The broker works the changed order."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRejected(Event, kind="amend_rejected"):
    """The broker would not change it; the order stands as it was."""

    order_id: str
    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFlagged(Event, kind="order_flagged"):
    """What became of the order cannot be known without a person; nothing moves on its symbol until then."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled(Event, kind="filled"):
    """The broker executed some or all of an order; execution and commission together.

    order_id      empty for a trade that was not ours (made in TWS, say)
    commission    what was paid for it, never negative; a rebate is a FeeCharged with a positive amount
    settles_on    the day on which cash and shares change hands
    traded_on     the day on the exchange's calendar; where it is not given, the day of ``at`` in UTC
    """

    order_id: str
    execution_id: str
    account: str
    portfolio: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Money
    settles_on: date | None = None
    strategy: str = ""
    traded_on: date | None = None

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.quantity <= 0 or self.price < 0 or self.commission.amount < 0:
            raise InputError(
                f"fill {self.execution_id} of {self.symbol}: quantity {self.quantity} must be above zero, "
                f"price {self.price} and commission {self.commission} not below"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCorrected(Event, kind="fill_corrected"):
    """The broker restated an execution. A quantity of zero busts it: it never happened.

    corrects  the execution that was restated, itself a correction or not
    The books are then those of a journal in which the first report had been right.
    """

    execution_id: str
    corrects: str
    quantity: Decimal
    price: Decimal
    commission: Money

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.quantity < 0 or self.price < 0 or self.commission.amount < 0:
            raise InputError(
                f"correction {self.execution_id}: quantity {self.quantity}, price {self.price} and commission "
                f"{self.commission} must not be below zero"
            )


# ---------------------------------------------------------------- accounts, cash and income


class LotMethod(StrEnum):
    """Which lot a sale takes, by the names of IBKR's Tax Optimizer. What is set there must be set here.

    SPECIFIC takes the oldest first until ``LotsChosen`` names others.
    """

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    SPECIFIC = "specific"
    LONG_TERM_GAIN = "long_term_gain"
    LONG_TERM_LOSS = "long_term_loss"
    SHORT_TERM_GAIN = "short_term_gain"
    SHORT_TERM_LOSS = "short_term_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened(Event, kind="account_opened"):
    """We began to keep books for an account; said again, its lot method and permissions change from then on."""

    account: str
    base_currency: str
    lot_method: LotMethod = LotMethod.FIFO
    shorts_allowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioOpened(Event, kind="portfolio_opened"):
    """A part of an account got a name and a purpose. Books are kept for portfolios that were never opened, too."""

    account: str
    portfolio: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioClosed(Event, kind="portfolio_closed"):
    """A portfolio is not used any more. Its history stays."""

    account: str
    portfolio: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsChosen(Event, kind="lots_chosen"):
    """A person named the lots that a sale takes. IBKR accepts that until the evening of the trade.

    lots  quantity by the event that the lot came from, above zero each; together the quantity of the sale
    """

    execution_id: str
    lots: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBudgetSet(Event, kind="risk_budget_set"):
    """How much of a portfolio's risk a part of it may use.

    level  what the part is: strategy, sector, symbol or horizon
    share  of the portfolio's risk, 0 to 1
    """

    account: str
    portfolio: str
    level: str
    name: str
    share: Decimal
    method: str = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionReported(Event, kind="attribution_reported"):
    """A return was explained. effects: by name, as fractions; they sum to the active return."""

    account: str
    portfolio: str
    method: str
    first: date
    last: date
    effects: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentListed(Event, kind="instrument_listed"):
    """The facts of an instrument, as they stand from now on."""

    instrument: Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited(Event, kind="deposited"):
    """Cash came in from outside (or, with a negative amount, went out)."""

    account: str
    portfolio: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CashMoved(Event, kind="cash_moved"):
    """Cash went from one portfolio of an account to another."""

    account: str
    from_portfolio: str
    to_portfolio: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCharged(Event, kind="fee_charged"):
    """A fee that belongs to no fill: data, exchange, advice, borrow. Positive amounts are rebates."""

    account: str
    portfolio: str
    amount: Money
    what: str
    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestPaid(Event, kind="interest_paid"):
    """Interest on cash; negative when it was charged."""

    account: str
    portfolio: str
    amount: Money


class Income(StrEnum):
    """The kinds of income from holding a share, which are taxed differently."""

    DIVIDEND = "dividend"
    PAYMENT_IN_LIEU = "payment_in_lieu"
    RETURN_OF_CAPITAL = "return_of_capital"


@dataclass(frozen=True, slots=True, kw_only=True)
class DividendPaid(Event, kind="dividend_paid"):
    """Cash for a holding, before tax was withheld; negative when a short had to pay it.

    withheld  tax kept back, in the same currency; negative when it was given back
    A return of capital lowers the cost of the lots instead of being income.
    """

    account: str
    portfolio: str
    symbol: str
    amount: Money
    withheld: Money
    income: Income = Income.DIVIDEND
    ex_date: date | None = None

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.withheld.currency != self.amount.currency:
            raise InputError(f"{self.symbol}: {self.withheld.currency} withheld from {self.amount.currency}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyConverted(Event, kind="currency_converted"):
    """One currency was exchanged for another; both amounts are positive."""

    account: str
    portfolio: str
    sold: Money
    bought: Money
    commission: Money


# ---------------------------------------------------------------- positions that come and go without a trade


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdopted(Event, kind="position_adopted"):
    """A position that was there before us, or came in by transfer.

    quantity  signed; cost_basis  total in the instrument's currency, signed like the quantity, or None
              where nobody knows it
    hands_off  True for one that Bursar must never sell
    """

    account: str
    portfolio: str
    symbol: str
    quantity: Decimal
    cost_basis: Money | None = None
    acquired: date | None = None
    hands_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReleased(Event, kind="position_released"):
    """A position left by transfer, at cost; nothing was sold. quantity is above zero."""

    account: str
    portfolio: str
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMoved(Event, kind="position_moved"):
    """Shares went from one portfolio of an account to another, with their lots."""

    account: str
    from_portfolio: str
    to_portfolio: str
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(Event, kind="split"):
    """``new`` shares for every ``old`` one: 4 for 1, or 1 for 20 in a reverse split.

    Two whole numbers and no ratio, because a third has no exact Decimal.
    stock_dividend  True where it was paid as shares (21 for 20 is five percent); the arithmetic is the same
    """

    symbol: str
    new: Decimal
    old: Decimal
    stock_dividend: bool = False

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.new <= 0 or self.old <= 0:
            raise InputError(f"{self.symbol}: a split of {self.new} for {self.old}; both must be above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpunOff(Event, kind="spun_off"):
    """Shares of a child were given for shares of the parent.

    ratio          child shares for one parent share
    basis_fraction part of the parent's cost that goes with the child, 0 to 1
    """

    symbol: str
    child: str
    ratio: Decimal
    basis_fraction: Decimal

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.ratio <= 0 or not 0 <= self.basis_fraction <= 1:
            raise InputError(
                f"{self.symbol}: {self.ratio} shares of {self.child} with {self.basis_fraction} of the cost; "
                "the ratio must be above zero and the fraction from 0 to 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged(Event, kind="merged"):
    """Shares were taken for cash, for shares of another company, or both.

    into   the company that is held afterwards, or empty where only cash was paid
    ratio  its shares for one old share
    cash   for one old share
    price  of one of its shares on the day; needed where both are given, to say how much of the gain is realized
    """

    symbol: str
    into: str
    ratio: Decimal
    cash: Money
    price: Decimal | None = None

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if (self.into != "") != (self.ratio > 0) or self.cash.amount < 0 or (self.into == "" and not self.cash.amount):
            raise InputError(
                f"{self.symbol}: merged into {self.into!r} at {self.ratio} with {self.cash}; "
                "give cash, or a company with a ratio above zero, or both"
            )
        if self.into and self.cash.amount and self.price is None:
            raise InputError(f"{self.symbol}: paid in shares of {self.into} and in cash; give the price of its share")


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionPaid(Event, kind="fraction_paid"):
    """Cash in lieu of a fraction of a share that a corporate action left: a sale without an order.

    quantity  above zero, of the position as it stands after the action; amount  what was paid for it
    """

    account: str
    portfolio: str
    symbol: str
    quantity: Decimal
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolChanged(Event, kind="symbol_changed"):
    """The same shares under another name."""

    symbol: str
    new_symbol: str


class OptionEnd(StrEnum):
    """How an option ends other than by a trade."""

    EXERCISED = "exercised"
    ASSIGNED = "assigned"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionEnded(Event, kind="option_ended"):
    """Options were exercised by us, assigned to us, or expired.

    quantity  contracts, above zero; the shares that move follow from the option's terms
    cash      paid instead of shares where the option settles in cash, negative when we paid it
    """

    account: str
    portfolio: str
    symbol: str
    quantity: Decimal
    how: OptionEnd
    cash: Money | None = None


# ---------------------------------------------------------------- contradictions


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakFound(Event, kind="break_found"):
    """Our books and the broker disagree; trading on the symbol stops until it is explained."""

    account: str
    symbol: str
    what: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakExplained(Event, kind="break_explained"):
    """A person, or a statement, settled a break."""

    break_id: str
    explanation: str
    by: str
