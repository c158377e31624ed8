"""Limits: how much of each risk an account may take. Fractions are of equity unless a name says otherwise.

Several sets of limits bind together as the strictest of each (``strictest``). In a market that swings more than it
was set for, limits shrink and never grow (``adapted``). What nobody can have meant is refused when it is written
down: a limit of zero, and limits that contradict each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bursar.errors import InputError

#: A session of a stock exchange has so many minutes at most; waits that leave none of them open nothing ever.
SESSION_MINUTES = 390


class Funding(StrEnum):
    """How a purchase in another currency is paid, said before the order."""

    REFUSE = "refuse"
    CONVERT = "convert"
    BORROW = "borrow"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """The limits of one account. None, and an empty list, mean that there is no such limit.

    position_weight_max         largest position, long or short
    position_value_max          the same in the base currency
    sector_weight_max           largest sector: this is what "concentration" means here
    leverage_max                longs and shorts together, over equity
    order_value_max             one order, in the base currency
    order_weight_max            one order, as a part of equity: beyond it a finger slipped
    opening_orders_per_day_max  accepted opening parent orders in one session of the exchange
    notional_per_day_max        what the opening orders of a session may come to, in the base currency
    repeats_per_day_max         opening orders of one side in one symbol in a session
    duplicate_seconds           an equal opening order within that time is taken for the same one
    messages_per_minute_max     orders, changes and cancels sent in sixty seconds
    allowed_symbols             nothing else is opened
    forbidden_sectors           nothing is opened there
    shorts_allowed              a sale may open a position
    covers_allowed              a purchase may close one
    collar_max                  distance of a price from the last close and from the market, as a part of it
    opening_wait_minutes        after the opening bell in which nothing opens
    closing_wait_minutes        before the closing bell in which nothing opens
    quote_age_seconds_max       of the quote that an opening order rests on
    foreign_funding             refuse; convert: the currency must be there already; borrow: on margin
    preview_weight_min          an order of that part of equity is shown to the broker before it is approved
    cash_reserve                part of equity that purchases leave untouched, against slippage
    margin_cushion_warning      equity above maintenance margin, as a part of equity, below which the gate warns
    margin_cushion_min          the same, below which nothing opens
    daily_loss_max              since the previous official close, flows left out
    daily_loss_kill             the same, beyond which everything is closed at once
    drawdown_max                from the highest close since the last re-arming, flows left out
    drawdown_wait_sessions      closes to wait for before a person may re-arm after that
    volatility_warning          annualized volatility of the portfolio above which the gate warns
    volatility_max              the same, above which it blocks
    portfolio_risk_max          lost if every position fell to its stop
    var_95_max                  loss of one day that nineteen of twenty days do not exceed
    correlation_max             mean correlation of the positions, weighted by their risk
    overnight_gap_max           lost in a bad night (three deviations); warned of, and blocked before a holiday
    earnings_blocked            nothing opens over earnings, unless the strategy says that it means to
    volatility_reference        of the market, a year: above it weights shrink in proportion
    """

    position_weight_max: Decimal = Decimal("0.20")
    position_value_max: Decimal | None = None
    sector_weight_max: Decimal = Decimal("0.30")
    leverage_max: Decimal = Decimal(1)
    order_value_max: Decimal | None = None
    order_weight_max: Decimal = Decimal("0.50")
    opening_orders_per_day_max: int = 10
    notional_per_day_max: Decimal | None = None
    repeats_per_day_max: int = 5
    duplicate_seconds: int = 60
    messages_per_minute_max: int = 120
    allowed_symbols: tuple[str, ...] = ()
    forbidden_sectors: tuple[str, ...] = ()
    shorts_allowed: bool = False
    covers_allowed: bool = False
    collar_max: Decimal = Decimal("0.20")
    opening_wait_minutes: int = 1
    closing_wait_minutes: int = 5
    quote_age_seconds_max: int = 60
    foreign_funding: Funding = Funding.REFUSE
    preview_weight_min: Decimal | None = None
    cash_reserve: Decimal = Decimal("0.005")
    margin_cushion_warning: Decimal = Decimal("0.25")
    margin_cushion_min: Decimal = Decimal("0.10")
    daily_loss_max: Decimal | None = Decimal("0.03")
    daily_loss_kill: Decimal | None = None
    drawdown_max: Decimal | None = Decimal("0.20")
    drawdown_wait_sessions: int = 5
    volatility_warning: Decimal = Decimal("0.15")
    volatility_max: Decimal | None = None
    portfolio_risk_max: Decimal | None = None
    var_95_max: Decimal | None = Decimal("0.05")
    correlation_max: Decimal | None = None
    overnight_gap_max: Decimal = Decimal("0.10")
    earnings_blocked: bool = True
    volatility_reference: Decimal | None = None

    def __post_init__(self) -> None:
        for name in _PARTS:
            self._part(name)
        for name in _ABOVE_ZERO:
            amount = getattr(self, name)
            if amount is not None and not amount > 0:
                raise InputError(f"{name} is {amount}; nothing could ever be opened under it. Give more than 0{_LEAVE}")
        for name, least in _COUNTS.items():
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; give at least {least}")
        if not 0 <= self.cash_reserve < 1:
            raise InputError(f"cash_reserve is {self.cash_reserve:%}; give 0 % to less than 100 %")
        self._agree()

    def _part(self, name: str) -> None:
        part: Decimal | None = getattr(self, name)
        if part is not None and not 0 < part <= 1:
            raise InputError(f"{name} is {part:%}; give more than 0 % and at most 100 %")

    def _agree(self) -> None:
        """Refuse what contradicts itself, in words that the owner of the money understands."""
        if self.margin_cushion_warning < self.margin_cushion_min:
            raise InputError(
                f"the warning of a thin margin (margin_cushion_warning, {self.margin_cushion_warning:.0%}) would come "
                f"after trading was stopped for it (margin_cushion_min, {self.margin_cushion_min:.0%}); "
                "put the warning above the stop"
            )
        if self.opening_wait_minutes + self.closing_wait_minutes >= SESSION_MINUTES:
            raise InputError(
                f"waiting {self.opening_wait_minutes} minutes after the opening bell and {self.closing_wait_minutes} "
                f"before the closing one leaves nothing of a day of {SESSION_MINUTES} minutes; shorten one of them"
            )
        daily, drawdown = self.daily_loss_max, self.drawdown_max
        if daily is not None and drawdown is not None and daily > drawdown:
            raise InputError(
                f"one day may lose {daily:.1%} (daily_loss_max), and all days together only "
                f"{drawdown:.1%} (drawdown_max); lower the first or raise the second"
            )
        kill = self.daily_loss_kill
        if kill is not None and daily is not None and kill <= daily:
            raise InputError(
                f"everything would be closed at a loss of {kill:.1%} (daily_loss_kill), before openings were stopped "
                f"for it at {daily:.1%} (daily_loss_max); raise the first or lower the second"
            )
        if self.volatility_max is not None and self.volatility_warning > self.volatility_max:
            raise InputError(
                f"the warning at a volatility of {self.volatility_warning:.1%} (volatility_warning) would never come, "
                f"since {self.volatility_max:.1%} (volatility_max) is blocked already; lower the warning"
            )
        if self.position_weight_max > self.leverage_max:
            raise InputError(
                f"a single position may be {self.position_weight_max:.0%} of equity (position_weight_max), and all "
                f"together only {self.leverage_max:.0%} (leverage_max); lower the first or raise the second"
            )

    def with_budget(self, notional_per_day: Decimal) -> RiskLimits:
        """These limits with another daily budget for what opens."""
        return replace(self, notional_per_day_max=notional_per_day)

    def adapted(self, volatility: float | None) -> RiskLimits:
        """These limits in a market of that annual volatility: smaller where it is above the reference, else the same.

        Unknown volatility changes nothing: whoever wants to stand aside then has a rule that says so.
        """
        reference = self.volatility_reference
        if reference is None or volatility is None or not volatility > float(reference):
            return self
        part = reference / Decimal(repr(volatility))
        smaller: dict[str, Any] = {
            name: value * part for name in _ADAPTED if (value := getattr(self, name)) is not None
        }
        return replace(self, **smaller)


_LEAVE = ", or leave it out for no limit"
_PARTS = (
    "position_weight_max",
    "sector_weight_max",
    "collar_max",
    "daily_loss_max",
    "daily_loss_kill",
    "drawdown_max",
    "portfolio_risk_max",
    "var_95_max",
    "correlation_max",
    "overnight_gap_max",
    "margin_cushion_min",
    "margin_cushion_warning",
)
_ABOVE_ZERO = (
    "position_value_max",
    "leverage_max",
    "order_value_max",
    "order_weight_max",
    "notional_per_day_max",
    "preview_weight_min",
    "volatility_warning",
    "volatility_max",
    "volatility_reference",
)
_COUNTS = {
    "opening_orders_per_day_max": 1,
    "repeats_per_day_max": 1,
    "messages_per_minute_max": 1,
    "quote_age_seconds_max": 1,
    "duplicate_seconds": 0,
    "opening_wait_minutes": 0,
    "closing_wait_minutes": 0,
    "drawdown_wait_sessions": 0,
}
_ADAPTED = ("position_weight_max", "position_value_max", "sector_weight_max", "order_value_max", "order_weight_max")

#: Where less is stricter, more is stricter, and a yes is a permission.
_LARGER_IS_STRICTER = frozenset(
    {
        "duplicate_seconds",
        "opening_wait_minutes",
        "closing_wait_minutes",
        "cash_reserve",
        "margin_cushion_warning",
        "margin_cushion_min",
        "drawdown_wait_sessions",
        "earnings_blocked",
    }
)
_FUNDING = (Funding.REFUSE, Funding.CONVERT, Funding.BORROW)


def strictest(sets: Sequence[RiskLimits]) -> RiskLimits:
    """The limits that keep all of ``sets``. Raises InputError where together they leave nothing to trade."""
    if not sets:
        raise InputError("no limits were given; name one profile at least")
    return RiskLimits(
        **{each.name: _strictest(each.name, [getattr(one, each.name) for one in sets]) for each in fields(RiskLimits)}
    )


def _strictest(name: str, values: list[Any]) -> Any:
    if name == "allowed_symbols":
        return _common([value for value in values if value])
    if name == "forbidden_sectors":
        return tuple(sorted({sector for value in values for sector in value}))
    if name == "foreign_funding":
        return min(values, key=_FUNDING.index)
    given = [value for value in values if value is not None]
    if not given:
        return None
    return max(given) if name in _LARGER_IS_STRICTER else min(given)


def _common(lists: list[tuple[str, ...]]) -> tuple[str, ...]:
    if not lists:
        return ()
    shared = set(lists[0]).intersection(*lists[1:])
    if not shared:
        raise InputError(
            f"the profiles have no allowed symbol in common ({'; '.join(', '.join(each) for each in lists)}), "
            "so nothing could be traded; leave one of them out"
        )
    return tuple(sorted(shared))
