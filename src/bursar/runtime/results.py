"""What a run came to: the values that the report, the terminal and the JSON are made from.

Pure values: whoever ran the days fills them from the journal and the books, and ``desk`` shows them.
Money is Decimal, exact, in the account's base currency; fractions and ratios are floats; a figure that
the run cannot support is None, and ``ReportKeys.missing`` says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from bursar.domain.committee import Resolution, Seating, Step
from bursar.domain.orders import Purpose, Side
from bursar.errors import InputError

_NOTHING_MISSING: Mapping[str, str] = MappingProxyType({})


# ---------------------------------------------------------------- a day


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLine:
    """One analyst's view of one stock. The return is over the horizon, above cash; 0.02 is two percent."""

    view_id: str
    analyst: str
    symbol: str
    expected_excess_return: float
    confidence: float
    horizon_days: int
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AbstentionLine:
    """An analyst that had no opinion of these symbols, and why."""

    analyst: str
    symbols: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingLine:
    """The morning's committee: who sat there with what weight, its five steps, and what it resolved.

    quorate  how many symbols had their quorum
    """

    meeting_id: str
    at: datetime
    quorum: int
    quorate: int
    seats: tuple[Seating, ...]
    steps: tuple[Step, ...]
    resolutions: tuple[Resolution, ...]
    climate: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLine:
    """A wanted weight, a fraction of equity."""

    symbol: str
    weight: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLine:
    """What a strategy wanted to hold; ``skipped`` says why nothing was decided, and is empty otherwise."""

    decision_id: str
    at: datetime
    strategy: str = ""
    equity: Decimal | None = None
    targets: tuple[TargetLine, ...] = ()
    skipped: str = ""


class OrderOutcome(StrEnum):
    """How an order ended, as a reader asks it."""

    FILLED = "filled"
    PARTLY_FILLED = "partly filled"
    WORKING = "working"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REFUSED_BY_GATE = "stopped by the gate"
    REFUSED_BY_BROKER = "refused by the broker"
    FLAGGED = "waits for a person"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """An order of the day, sent or stopped.

    reason         why it was wanted
    outcome_note   why it ended as it did: the rule that stopped it, the broker's words; empty when it filled
    warnings       what the gate measured beyond a soft limit, in words
    filled         shares; average_price over its fills, None without any
    """

    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    purpose: Purpose
    strategy: str
    reason: str
    outcome: OrderOutcome
    outcome_note: str = ""
    warnings: tuple[str, ...] = ()
    filled: Decimal = Decimal(0)
    average_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FillLine:
    """One execution; quantity is above zero and the side gives the sign; fee is what was paid, not negative.

    realized  profit of the shares that it closed, after the fees of both sides; None for one that opens
    """

    event_id: str
    at: datetime
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    realized: Decimal | None = None

    @property
    def notional(self) -> Decimal:
        """Price times quantity, without the fee."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """One session of the exchange, from the morning's analysis to the review.

    fees    paid that day, not negative
    pnl     change of equity since the last official close (the first day: since the initial cash), flows excluded
    equity  net asset value at the official close; cash is the part of it that is money
    """

    day: date
    views: tuple[ViewLine, ...]
    decisions: tuple[DecisionLine, ...]
    orders: tuple[OrderLine, ...]
    fills: tuple[FillLine, ...]
    fees: Decimal
    pnl: Decimal
    equity: Decimal
    cash: Decimal
    abstentions: tuple[AbstentionLine, ...] = ()
    meeting: MeetingLine | None = None
    notes: tuple[str, ...] = ()


# ---------------------------------------------------------------- the books at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """Shares bought together; cost includes the fee."""

    acquired: date
    quantity: Decimal
    cost: Decimal
    unrealized: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionLine:
    """A holding at the last official close. weight is a fraction of equity; cost includes fees."""

    symbol: str
    sector: str
    quantity: Decimal
    price: Decimal
    value: Decimal
    weight: float
    cost: Decimal
    unrealized: Decimal
    lots: tuple[LotLine, ...]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """Shares bought and sold again: pnl is after the fees of both sides; days are calendar days."""

    symbol: str
    opened: date
    closed: date
    quantity: Decimal
    pnl: Decimal
    reason: str = ""

    @property
    def days(self) -> int:
        """Calendar days from purchase to sale."""
        return (self.closed - self.opened).days


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSummary:
    """The books after the last day. realized and fees are totals of the run, fees not negative."""

    cash: Decimal
    positions: tuple[PositionLine, ...]
    round_trips: tuple[RoundTrip, ...]
    realized: Decimal
    unrealized: Decimal
    fees: Decimal


# ---------------------------------------------------------------- the whole run


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """A value at the official close of a day."""

    day: date
    equity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """The yardstick, from the same cash on the same first day.

    kind   "price" or "total return"; it must be the kind of prices that the run traded on
    curve  one point a day, the same days as the run's
    """

    name: str
    kind: str
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """Where the traded names came from. survivors: True when they were picked knowing who would last."""

    origin: str
    symbols: tuple[str, ...]
    survivors: bool
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutBest:
    """The result had the names that earned most earned nothing: their profit, open and closed, taken out."""

    symbols: tuple[str, ...]
    pnl: Decimal
    total_return_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSpread:
    """The same days under other seeds: how much of the result is the simulated way inside the days.

    total_return_pct  by seed, in percent, this run's own among them
    """

    total_return_pct: Mapping[int, float]

    @property
    def lowest(self) -> float:
        """The worst of them, percent."""
        return min(self.total_return_pct.values())

    @property
    def highest(self) -> float:
        """The best of them, percent."""
        return max(self.total_return_pct.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportKeys:
    """The headline figures. Keys that end in ``_pct`` are percent, every other ratio is a fraction.

    total_trades                 orders that traded, wholly or in part
    current_positions            number of holdings
    win_rate                     part of closed round trips with a profit after fees
    sharpe_ratio                 annualized over 252 days, in excess of the Treasury bill
    max_drawdown                 largest part lost from a peak, the start counted as one; positive is a loss
    average_trade_duration_days  calendar days of closed round trips, on average
    missing                      for each key that is None, why
    """

    initial_cash: Decimal
    current_value: Decimal
    total_return_pct: float
    total_trades: int
    current_positions: int
    cash_balance: Decimal
    win_rate: float | None
    sharpe_ratio: float | None
    max_drawdown: float | None
    average_trade_duration_days: float | None
    missing: Mapping[str, str] = field(default_factory=lambda: _NOTHING_MISSING)

    def __post_init__(self) -> None:
        for name in ("win_rate", "sharpe_ratio", "max_drawdown", "average_trade_duration_days"):
            figure: float | None = getattr(self, name)
            if figure is not None and not math.isfinite(figure):
                raise InputError(f"{name} is {figure}; give None, and the reason in missing")
            if (figure is None) != (name in self.missing):
                raise InputError(f"{name} is {figure}; a figure is missing exactly when missing says why")

    def as_json(self) -> dict[str, float | int | None]:
        """The keys as JSON numbers: money to the cent, percent and ratios to six places."""
        return {
            "initial_cash": _cents(self.initial_cash),
            "current_value": _cents(self.current_value),
            "total_return_pct": round(self.total_return_pct, 6),
            "total_trades": self.total_trades,
            "current_positions": self.current_positions,
            "cash_balance": _cents(self.cash_balance),
            "win_rate": _places(self.win_rate),
            "sharpe_ratio": _places(self.sharpe_ratio),
            "max_drawdown": _places(self.max_drawdown),
            "average_trade_duration_days": _places(self.average_trade_duration_days),
        }


def _cents(amount: Decimal) -> float:
    return float(amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def _places(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """Everything that a demo came to.

    in_process         True when no wire lay between Bursar and the exchange
    strategy           what decided, in words
    costs              what trading cost, in words: "5 basis points of notional"
    simulated          what in this world is made up, in words
    share_all_cash     part of the days that ended without any position
    cash_weight        part of equity that was cash at the close, on average
    bill_return_pct    what the Treasury bill returned over the same days, percent; None where unknown
    spread             what other seeds made of the same days; None where they were not run
    notes              what a reader must know beside that
    synthetic          True when the market itself never was: it stands above everything else
    """

    run_folder: Path
    journal_path: Path
    seed: int
    currency: str
    in_process: bool
    strategy: str
    costs: str
    days: tuple[DayResult, ...]
    benchmark: Benchmark
    book: BookSummary
    keys: ReportKeys
    universe: Universe
    without_best: WithoutBest
    simulated: tuple[str, ...]
    share_all_cash: float
    cash_weight: float
    bill_return_pct: float | None = None
    spread: SeedSpread | None = None
    notes: tuple[str, ...] = ()
    synthetic: bool = False

    def __post_init__(self) -> None:
        if not self.days:
            raise InputError("a demo of no days has no result; ask for at least one")
        if [point.day for point in self.benchmark.curve] != [result.day for result in self.days]:
            raise InputError(f"the days of {self.benchmark.name} are not those of the run; they cannot be compared")

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """Equity at the close of each day."""
        return tuple(CurvePoint(day=result.day, equity=result.equity) for result in self.days)
