"""A dry run as people read it: the orders that would be sent, why, what they cost, and how near each limit is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.text import Text

from bursar.desk.tables import listing
from bursar.domain.events import Check, TradingState
from bursar.domain.money import ZERO
from bursar.runtime.rehearsal import Intended, Rehearsal
from bursar.trading.mandate import Autonomy

#: Rules that want at least their limit; all others want at most theirs.
AT_LEAST = frozenset({"margin_cushion", "margin_warning", "minutes_from_the_bell"})
#: Rules that answer yes or no: nothing of them is ever left.
YES_OR_NO = frozenset(
    {"trading_state", "permission", "allowed_symbol", "allowed_sector", "market_open", "hands_off", "duplicate"}
)
#: From which part of a limit on it is shown without being asked for.
CLOSE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of a limit the orders together use. part: 1 is all of it."""

    rule: str
    measured: Decimal
    limit: Decimal
    part: float
    warned: bool


def uses(orders: tuple[Intended, ...]) -> tuple[Use, ...]:
    """The worst of each limit over all orders, the nearest to its end first."""
    worst: dict[str, Use] = {}
    for order in orders:
        for check in order.checks:
            part = _part(check)
            if part is None:
                continue
            if check.rule not in worst or part > worst[check.rule].part:
                worst[check.rule] = Use(
                    rule=check.rule, measured=check.measured, limit=check.limit, part=part, warned=not check.passed
                )
    return tuple(sorted(worst.values(), key=lambda use: (-use.part, use.rule)))


def _part(check: Check) -> float | None:
    if check.rule in YES_OR_NO:
        return None
    if check.rule in AT_LEAST:
        return float(check.limit / check.measured) if check.measured > 0 else float("inf")
    return float(max(check.measured, ZERO) / check.limit) if check.limit > 0 else None


def as_plain(found: Rehearsal, zone: str) -> dict[str, Any]:
    """For JSON: amounts and quantities as strings, times with their distance from UTC in ``zone``."""
    here = ZoneInfo(zone)
    return {
        "account": found.account,
        "currency": found.currency,
        "time_zone": zone,
        "asked_at": found.at.astimezone(here).isoformat(),
        "decision_at": found.decision_at.astimezone(here).isoformat(),
        "prices": found.prices.value,
        "autonomy": found.autonomy.value,
        "state": found.state.value,
        "equity": str(found.equity),
        "cash": str(found.cash),
        "sent": [],
        "targets": [
            {"symbol": each.symbol, "weight": each.weight, "strategy": each.strategy, "reason": each.reason}
            for each in found.targets
        ],
        "orders": [_order(each) for each in found.orders],
        "cost": str(sum((each.cost for each in found.orders), ZERO)),
        "limits": [
            {
                "rule": use.rule,
                "measured": str(use.measured),
                "limit": str(use.limit),
                "used_pct": round(use.part * 100.0, 1),
                "warning": use.warned,
            }
            for use in uses(found.orders)
        ],
        "refused": [
            {
                "symbol": each.order.symbol,
                "side": each.order.side.value,
                "quantity": str(each.order.quantity),
                "rule": each.rule,
                "measured": str(each.measured),
                "limit": str(each.limit),
                "why": each.message,
            }
            for each in found.refused
        ],
        "skipped": list(found.skipped),
        "left_out": [{"symbol": each.symbol, "why": each.why} for each in found.left_out],
        "canceled_first": list(found.changes),
    }


def _order(each: Intended) -> dict[str, Any]:
    order = each.order
    return {
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": str(order.quantity),
        "type": order.type.value,
        "effect": order.effect.value,
        "purpose": order.purpose.value,
        "strategy": order.strategy,
        "reason": order.reason,
        "price": str(each.price),
        "notional": str(each.notional),
        "cost": str(each.cost),
        "broker_asked_first": each.first_asked,
        "checks": [
            {"rule": check.rule, "measured": str(check.measured), "limit": str(check.limit), "passed": check.passed}
            for check in each.checks
        ],
    }


def as_page(found: Rehearsal, zone: str) -> RenderableType:
    """For people. zone: in which times are shown."""
    here = ZoneInfo(zone)
    when, now = found.decision_at.astimezone(here), found.at.astimezone(here)
    parts: list[RenderableType] = [
        Text(
            f"{found.account}: what would be sent at {when:%A %Y-%m-%d %H:%M %Z}, "
            f"as things are at {now:%Y-%m-%d %H:%M %Z} ({zone})"
        ),
        Text(
            f"  {found.equity:,.2f} {found.currency} are managed, {found.cash:,.2f} may be spent; by {found.prices}",
            style="dim",
        ),
    ]
    parts += [Text(f"  {why}", style="yellow") for why in found.skipped]
    if found.orders:
        parts += [Text(), _orders(found)]
        cost = sum((each.cost for each in found.orders), ZERO)
        parts.append(Text(f"  {cost:,.2f} {found.currency} for half a spread and the fees of all of them", style="dim"))
        parts += [Text(), *_limits(found)]
    elif not found.refused and not found.skipped:
        parts.append(Text("  Nothing: what is held is what is wanted."))
    if found.refused:
        parts += [Text(), _refused(found)]
    if found.changes:
        parts.append(
            Text(f"  protection that makes way first, and comes back: {', '.join(found.changes)}", style="dim")
        )
    if found.left_out:
        parts += [Text(), Text("left out"), *(Text(f"  {each.symbol}: {each.why}") for each in found.left_out)]
    parts += [Text(), Text("✓ nothing was sent", style="green"), Text(f"  {_SAID[found.autonomy]}", style="dim")]
    if found.state is not TradingState.ACTIVE:
        parts.append(Text(f"  the account is {found.state}; bursar rearm lets it go on", style="bold red"))
    return Group(*parts)


_SAID: Mapping[Autonomy, str] = {
    Autonomy.OBSERVE: "strategy.autonomy is observe: at the decision nothing will be sent either",
    Autonomy.PROPOSE: "strategy.autonomy is propose: at the decision these become one proposal and wait for your tap",
    Autonomy.APPROVE: "strategy.autonomy is approve: at the decision each of these waits for its own tap",
    Autonomy.AUTOMATIC: "strategy.autonomy is automatic: at the decision these are sent without asking you",
}


def _orders(found: Rehearsal) -> RenderableType:
    right = ("at about", "money", "cost")
    shown = listing("would be sent", "order", *right, "because", right=right)
    for each in found.orders:
        order = each.order
        asked = " (the broker is asked first)" if each.first_asked else ""
        shown.add_row(
            f"{order.side} {order.quantity:f} {order.symbol}",
            f"{each.price:,.2f}",
            f"{each.notional:,.2f}",
            f"{each.cost:,.2f}",
            f"{order.reason}{asked}",
        )
    return shown


def _limits(found: Rehearsal) -> list[RenderableType]:
    every = uses(found.orders)
    near = [use for use in every if use.part >= CLOSE or use.warned]
    if not near:
        return [Text(f"  none of {len(every)} limits is half used", style="dim")]
    right = ("measured", "of", "used")
    shown = listing("limits that are at least half used", "limit", *right, right=right)
    for use in near:
        shown.add_row(
            use.rule.replace("_", " "),
            _number(use.measured),
            _number(use.limit),
            Text(f"{use.part:.0%}", style="yellow" if use.part > 0.9 or use.warned else ""),
        )
    return [shown, Text(f"  {len(every) - len(near)} other limits are less than half used", style="dim")]


def _number(value: Decimal) -> str:
    """A measured value without digits that nobody reads."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


def _refused(found: Rehearsal) -> RenderableType:
    shown = listing("would be refused", "order", "rule", "why")
    for each in found.refused:
        shown.add_row(f"{each.order.side} {each.order.quantity:f} {each.order.symbol}", each.rule, each.message)
    return shown
