"""The guard: looks at the account's losses while the market is open, and stops it when a limit is breached.

The gate refuses what would open; the guard sees to it that the account stays stopped when the loss is made up again,
until the written rule (``standing``) lets a person re-arm it. In a simulation, where there is no person, one who looks
as soon as the rule allows is simulated, and the events say so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from bursar.domain.events import Alerted, Event, KillForm, KillOrdered, TradingState, TradingStateChanged
from bursar.domain.money import ZERO
from bursar.errors import DataError
from bursar.risk.limits import RiskLimits
from bursar.risk.rules.case import MAINTENANCE_LONG, Case
from bursar.risk.rules.funds import cushion
from bursar.trading.exposure import Sight, exposure
from bursar.trading.standing import DAILY_LOSS, DRAWDOWN, KILL_LOSS, MARGIN, MARGIN_WARNED

#: Who re-arms where there is nobody.
SIMULATED_PERSON = "a simulated person"


def guard(
    sight: Sight,
    limits: RiskLimits,
    *,
    account: str,
    new_id: Callable[[str], str],
    person_simulated: bool = False,
) -> tuple[Event, ...]:
    """What the account's losses lead to at this instant; nothing while the market is shut or prices are missing."""
    session, standing = sight.session, sight.standing
    if session is None or not session.contains(sight.market.at):
        return ()

    def changed(state: TradingState, reason: str, by: str, *causes: str) -> TradingStateChanged:
        return TradingStateChanged(
            event_id=new_id("g"), at=sight.market.at, causes=causes, account=account, state=state, reason=reason, by=by
        )

    active = standing.state is TradingState.ACTIVE
    if not active:
        may = person_simulated and standing.kill is None
        if may and not standing.refusal(session.day, limits.drawdown_wait_sessions):
            return (changed(TradingState.ACTIVE, "looked at when the rule allowed it", SIMULATED_PERSON),)
        if limits.daily_loss_kill is None or (standing.kill and standing.kill.form is KillForm.FLATTEN):
            return ()
    breached, margin = _breach(sight, limits)
    if breached is None:
        return _thin(sight, limits, margin, session.day) if active else ()
    by, reason = breached
    if by != KILL_LOSS:
        return (changed(TradingState.REDUCING, reason, by),) if active else ()
    # A loss comes by way of the smaller limit: an account that it has stopped already is closed all the same.
    ordered = KillOrdered(
        event_id=new_id("g"), at=sight.market.at, account=account, form=KillForm.FLATTEN, reason=reason, by=by
    )
    return ordered, changed(TradingState.HALTED, reason, by, ordered.event_id)


def _thin(sight: Sight, limits: RiskLimits, margin: Decimal | None, day: date) -> tuple[Alerted, ...]:
    """The word, once a session, that equity comes near maintenance margin."""
    name = f"{MARGIN_WARNED}{sight.portfolio.account}/{day}"
    if margin is None or margin >= limits.margin_cushion_warning or sight.standing.margin_warned == name:
        return ()
    said = (
        f"only {margin:.1%} of equity is above maintenance margin (risk.margin_cushion_warning is "
        f"{limits.margin_cushion_warning:.1%}); nothing opens below {limits.margin_cushion_min:.1%}, and IBKR sells "
        "in real time where it is gone, without a call"
    )
    return (Alerted(event_id=name, at=sight.market.at, severity="warning", message=said),)


def _breach(sight: Sight, limits: RiskLimits) -> tuple[tuple[str, str] | None, Decimal | None]:
    """The gravest limit that the account has breached, and in words how; and its margin, where it was measured."""
    if not _measurable(sight, limits):
        return None, None
    try:
        seen = exposure(sight)
        margin = cushion(Case((), seen, limits)) if seen.equity > 0 else ZERO
    except DataError:
        return None, None  # the gate opens nothing on it either
    for by, lost, limit, what in (
        (KILL_LOSS, seen.loss_today, limits.daily_loss_kill, "the day lost"),
        (DAILY_LOSS, seen.loss_today, limits.daily_loss_max, "the day lost"),
        (DRAWDOWN, seen.drawdown, limits.drawdown_max, "equity fell from its highest close by"),
    ):
        if limit is not None and lost > limit:
            return (by, f"{what} {lost:.2%}; at most {limit:.2%}"), margin
    least = limits.margin_cushion_min
    if margin < least:
        return (MARGIN, f"{margin:.1%} of equity is above maintenance margin; {least:.1%} stays"), margin
    return None, margin


def _measurable(sight: Sight, limits: RiskLimits) -> bool:
    """False where no limit could be breached, and none be near: no backtest weighs its account at every instant then.

    Without debt and shorts three quarters of equity are above maintenance margin, whatever is held.
    """
    losses = (limits.daily_loss_kill, limits.daily_loss_max, limits.drawdown_max)
    lent = limits.leverage_max > 1 or any(position.quantity < 0 for position in sight.portfolio.positions.values())
    return lent or limits.margin_cushion_warning > 1 - MAINTENANCE_LONG or any(limit is not None for limit in losses)
