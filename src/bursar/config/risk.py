"""The section ``[risk]``: limits that no order passes, and when a position is closed.

What each limit means to the gate stands beside it in ``risk/limits.py``; here is what a person may set.
"""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Literal

from bursar.config.kinds import (
    AmountOrNone,
    Count,
    Fraction,
    FractionOrNone,
    Names,
    Number,
    ProfileNames,
    Symbols,
)
from bursar.config.section import Section, setting
from bursar.risk.limits import Funding, RiskLimits
from bursar.risk.profiles import under

_WEIGHT = 'a fraction above 0 and at most 1, such as 0.20 or "20%"'
_PART_OR_NONE = 'a fraction above 0 and at most 1, such as 0.03 or "3%", or "" for no such limit'
_MONEY_OR_NONE = 'an amount above 0, such as 50000, or "" for no such limit'


class Risk(Section):
    """Limits that no order passes, and when a position is closed. Weights are fractions of equity."""

    profiles: ProfileNames = setting(
        (),
        "Sets of limits that ship and bind beside those below, the strictest of each.",
        'any of "fund", "service", "strategies", "learner"',
    )
    position_weight_max: Fraction = setting(Decimal("0.20"), "Largest position.", _WEIGHT, gt=0, le=1)
    position_value_max: AmountOrNone = setting(None, "Largest position, in the base currency.", _MONEY_OR_NONE, gt=0)
    sector_weight_max: Fraction = setting(Decimal("0.30"), "Largest sector.", _WEIGHT, gt=0, le=1)
    leverage_max: Number = setting(
        Decimal(1),
        "Longs and shorts together, over equity; above 1 is margin.",
        "more than 0 and at most 4",
        gt=0,
        le=4,
    )
    order_value_max: AmountOrNone = setting(None, "Largest opening order, in the base currency.", _MONEY_OR_NONE, gt=0)
    order_weight_max: Fraction = setting(
        Decimal("0.50"), "Largest opening order; beyond it a finger slipped.", _WEIGHT, gt=0, le=1
    )
    opening_orders_per_day_max: Count = setting(
        10, "Orders that open or add to a position, in one session.", "1 to 10,000", ge=1, le=10_000
    )
    notional_per_day_max: AmountOrNone = setting(
        None, "What the opening orders of a session may come to, in the base currency.", _MONEY_OR_NONE, gt=0
    )
    repeats_per_day_max: Count = setting(
        5, "Opening orders of one side in one symbol, in one session.", "1 to 1000", ge=1, le=1000
    )
    duplicate_seconds: Count = setting(
        60, "An equal opening order within that time is taken for a mistake, in seconds.", "0 to 3600", ge=0, le=3600
    )
    messages_per_minute_max: Count = setting(
        120, "Orders, changes and cancels in a minute, beyond which no entry is sent.", "1 to 3000", ge=1, le=3000
    )
    allowed_symbols: Symbols = setting(
        (), "Nothing else is opened; an empty list allows all.", 'symbols, such as ["AAPL", "JPM"]'
    )
    forbidden_sectors: Names = setting(
        (), "Nothing is opened in these sectors.", 'names of sectors, such as ["energy"]'
    )
    shorts_allowed: bool = setting(False, "A sale may open a position.", "true or false")
    covers_allowed: bool = setting(False, "A purchase may close one.", "true or false")
    collar_max: Fraction = setting(
        Decimal("0.20"), "How far a price may be from the last close and from the market.", _WEIGHT, gt=0, le=1
    )
    opening_wait_minutes: Count = setting(
        1, "Nothing opens so long after the opening bell, in minutes.", "0 to 300", ge=0, le=300
    )
    closing_wait_minutes: Count = setting(
        5, "Nothing opens so long before the closing bell, in minutes.", "0 to 300", ge=0, le=300
    )
    quote_age_seconds_max: Count = setting(
        60, "Age of the quote that an opening order rests on, in seconds.", "1 to 3600", ge=1, le=3600
    )
    foreign_funding: Funding = setting(
        Funding.REFUSE,
        "How a purchase in another currency is paid: not at all, from what was converted before, or on margin.",
        "refuse, convert or borrow",
    )
    preview_weight_min: FractionOrNone = setting(
        None,
        "The broker is asked about an opening order of that part of equity before it is sent.",
        _PART_OR_NONE,
        gt=0,
        le=1,
    )
    cash_reserve: Fraction = setting(
        Decimal("0.005"),
        "Part of equity that purchases leave in cash.",
        'a fraction from 0 to below 1, such as 0.005 or "0.5%"',
        ge=0,
        lt=1,
    )
    margin_cushion_warning: Fraction = setting(
        Decimal("0.25"), "Equity above maintenance margin below which a person is warned.", _WEIGHT, gt=0, le=1
    )
    margin_cushion_min: Fraction = setting(
        Decimal("0.10"), "The same, below which nothing opens until a person has looked.", _WEIGHT, gt=0, le=1
    )
    daily_loss_max: FractionOrNone = setting(
        Decimal("0.03"),
        "Loss since the previous close beyond which nothing opens until the next session and a person's look.",
        _PART_OR_NONE,
        gt=0,
        le=1,
    )
    daily_loss_kill: FractionOrNone = setting(
        None, "The same, beyond which everything is closed at once.", _PART_OR_NONE, gt=0, le=1
    )
    drawdown_max: FractionOrNone = setting(
        Decimal("0.20"),
        "Fall from the highest close beyond which nothing opens until a person re-arms the account.",
        _PART_OR_NONE,
        gt=0,
        le=1,
    )
    drawdown_wait_sessions: Count = setting(
        5, "Sessions that must close before a person may re-arm after that.", "0 to 250", ge=0, le=250
    )
    volatility_warning: Fraction = setting(
        Decimal("0.15"),
        "Volatility of the portfolio, a year, above which the gate warns; it blocks nothing.",
        'a fraction above 0 and at most 5, such as 0.15 or "15%"',
        gt=0,
        le=5,
    )
    volatility_max: FractionOrNone = setting(
        None,
        "The same, above which nothing opens.",
        'a fraction above 0 and at most 5, such as 0.25 or "25%", or "" for no such limit',
        gt=0,
        le=5,
    )
    volatility_reference: FractionOrNone = setting(
        None,
        "Volatility of the market, a year, above which weights and order sizes shrink in proportion.",
        'a fraction above 0 and at most 5, such as 0.20 or "20%", or "" for never',
        gt=0,
        le=5,
    )
    portfolio_risk_max: FractionOrNone = setting(
        None, "What is lost if every position falls to its stop.", _PART_OR_NONE, gt=0, le=1
    )
    var_95_max: FractionOrNone = setting(
        Decimal("0.05"), "Loss of a day that nineteen days of twenty do not exceed.", _PART_OR_NONE, gt=0, le=1
    )
    correlation_max: FractionOrNone = setting(
        None, "Mean correlation of the positions, weighted by their risk.", _PART_OR_NONE, gt=0, le=1
    )
    overnight_gap_max: Fraction = setting(
        Decimal("0.10"),
        "What a bad night may cost: the gate warns, and before a holiday it blocks.",
        _WEIGHT,
        gt=0,
        le=1,
    )
    earnings_blocked: bool = setting(
        True, "Nothing opens over earnings whose day is known, unless the strategy means to.", "true or false"
    )
    stop_loss: Fraction = setting(
        Decimal("0.05"),
        "A position is closed when it has fallen so far below its entry price.",
        'a fraction above 0 and below 1, such as 0.05 or "5%"',
        gt=0,
        lt=1,
    )
    protection: Literal["watched", "broker"] = setting(
        "broker",
        "Where stops and targets wait: watched from here, or at the broker, where they work while Bursar does not.",
        "watched or broker",
    )
    take_profit: Fraction = setting(
        Decimal("0.10"),
        "A position is closed when it has risen so far above its entry price.",
        'a fraction above 0 and at most 10, such as 0.10 or "10%"',
        gt=0,
        le=10,
    )
    reentry_wait_days: Count = setting(
        5, "Calendar days for which a symbol is not bought again after its stop or target.", "0 to 365", ge=0, le=365
    )

    def limits(self) -> RiskLimits:
        """These limits and those of the profiles, as the gate takes them: the strictest of each.

        Raises InputError where they contradict each other.
        """
        own = RiskLimits(**{each.name: getattr(self, each.name) for each in fields(RiskLimits)})
        return under(own, self.profiles)
