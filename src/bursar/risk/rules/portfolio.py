"""Rules of the whole: what was lost already, and what the portfolio could lose once the basket is filled.

Covariance, value at risk and correlation are those of the last sessions (``Exposure.returns``); where history does
not cover every position the rules have nothing to measure, and say nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

from bursar.quant.performance import loss_at
from bursar.risk.rules.case import Case, Finding

TRADING_DAYS = 252
#: From a day's deviation to a year's.
A_YEAR = math.sqrt(TRADING_DAYS)

#: Median part of a day's variance that happens overnight, measured on large US shares 2010 to 2024.
OVERNIGHT_SHARE = 0.41
#: A bad night is so many deviations of it.
DEVIATIONS = 3.0
#: From a day's deviation to what a bad night would cost.
A_NIGHT = DEVIATIONS * math.sqrt(OVERNIGHT_SHARE)
#: Days that a value at risk of one in twenty needs.
DAYS_LEAST = 20


def _each(
    case: Case, rule: str, measured: Decimal, limit: Decimal, words: str, *, hard: bool = True
) -> Iterable[Finding]:
    """One finding for each opening order on a figure of the whole; ``words`` are filled in where it breaks."""
    if measured <= limit:
        return [(order.order_id, rule, measured, limit, True, hard, "") for order in case.opening]
    said = words.format(measured=measured, limit=limit)
    return [(order.order_id, rule, measured, limit, False, hard, f"{order.symbol}: {said}") for order in case.opening]


def daily_loss(case: Case) -> Iterable[Finding]:
    """Nothing opens after a day that lost too much since the previous official close."""
    lost, limit = case.exposure.loss_today, case.limits.daily_loss_max
    if limit is None:
        return ()
    return _each(case, "daily_loss", lost, limit, "the day lost {measured:.2%}; at most {limit:.2%}")


def drawdown(case: Case) -> Iterable[Finding]:
    """Nothing opens too far below the highest close since the last re-arming."""
    fallen, limit = case.exposure.drawdown, case.limits.drawdown_max
    if limit is None:
        return ()
    return _each(case, "drawdown", fallen, limit, "equity fell {measured:.2%} from its top; at most {limit:.2%}")


def portfolio_risk(case: Case) -> Iterable[Finding]:
    """What is lost if every position falls to its stop stays within its part of equity."""
    limit = case.limits.portfolio_risk_max
    if limit is None or not case.opening:
        return ()
    measured = case.after.gross * case.exposure.stop_loss / case.exposure.equity
    return _each(
        case, "portfolio_risk", measured, limit, "all stops together would lose {measured:.2%}; at most {limit:.2%}"
    )


def _exact(measured: float) -> Decimal:
    return Decimal(f"{measured:.6f}")


def volatility(case: Case) -> Iterable[Finding]:
    """A warning when the portfolio would swing more than was wished."""
    if not case.opening or (deviation := case.deviation()) is None:
        return ()
    measured, limit = _exact(deviation * A_YEAR), case.limits.volatility_warning
    words = "volatility would be {measured:.1%} a year; wished at most {limit:.1%}"
    return _each(case, "portfolio_volatility", measured, limit, words, hard=False)


def volatility_block(case: Case) -> Iterable[Finding]:
    """The volatility beyond which it is no warning any more."""
    limit = case.limits.volatility_max
    if limit is None or not case.opening or (deviation := case.deviation()) is None:
        return ()
    words = "volatility would be {measured:.1%} a year; at most {limit:.1%}"
    return _each(case, "volatility_max", _exact(deviation * A_YEAR), limit, words)


def value_at_risk(case: Case) -> Iterable[Finding]:
    """The loss that nineteen of the last days in twenty would not have exceeded."""
    limit, returns = case.limits.var_95_max, case.exposure.returns
    if limit is None or returns is None or len(returns) < DAYS_LEAST or not case.opening:
        return ()
    profits = case.profits()
    if not profits:
        return ()
    measured = _exact(loss_at(sorted(profits), 0.95))
    return _each(
        case, "var_95", measured, limit, "one day in twenty would lose {measured:.2%} or more; at most {limit:.2%}"
    )


def correlation(case: Case) -> Iterable[Finding]:
    """The mean correlation that the positions' variance implies: nothing opens that makes them one position."""
    limit = case.limits.correlation_max
    if limit is None or not case.opening or (found := case.correlation()) is None:
        return ()
    measured = _exact(found)
    return _each(
        case, "correlation", measured, limit, "positions would move together at {measured:.2f}; at most {limit:.2f}"
    )


def _night(case: Case) -> Decimal | None:
    """The part of equity that a bad night would cost."""
    deviation = case.deviation() if case.opening else None
    return None if deviation is None else _exact(A_NIGHT * deviation)


def overnight_gap(case: Case) -> Iterable[Finding]:
    """A warning when a bad night would cost more than its budget."""
    if (measured := _night(case)) is None:
        return ()
    words = "a bad night would cost {measured:.1%}; wished at most {limit:.1%}"
    return _each(case, "overnight_gap", measured, case.limits.overnight_gap_max, words, hard=False)


def holiday(case: Case) -> Iterable[Finding]:
    """Before a holiday nothing opens unless the gap over it fits the budget; what is unknown does not fit."""
    today, following = case.exposure.session, case.exposure.next_session
    if today is None or following is None:
        return ()
    nights = (following.day - today.day).days
    usual = 3 if today.day.weekday() == 4 else 1
    if nights <= usual:
        return ()
    limit, night = case.limits.overnight_gap_max, _night(case)
    # News of each day that is shut comes at once: variances of the nights add.
    measured = Decimal(1) if night is None else _exact(float(night) * math.sqrt(nights))
    words = (
        f"the exchange is shut until {following.day}, and the gap could cost {{measured:.1%}}; at most {{limit:.1%}}"
    )
    return _each(case, "holiday", measured, limit, words)
