"""Rules of size: one order, one position, one sector, all together."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.domain.orders import Order
from bursar.risk.rules.case import Case, Finding


def _under(order: Order, rule: str, measured: Decimal, limit: Decimal, words: str) -> Finding:
    """A hard finding on an opening order; ``words`` are filled in where it breaks its limit."""
    passed = measured <= limit
    said = "" if passed else words.format(symbol=order.symbol, measured=measured, limit=limit)
    return (order.order_id, rule, measured, limit, passed, True, said)


def order_value(case: Case) -> Iterator[Finding]:
    """No opening order moves more money than its limit."""
    limit = case.limits.order_value_max
    if limit is None:
        return
    for order in case.opening:
        value = case.notional(order)
        yield _under(
            order, "order_value", value, limit, "{symbol}: the order is of {measured:,.2f}; at most {limit:,.2f}"
        )


def fat_finger(case: Case) -> Iterator[Finding]:
    """An order that is half of all there is was typed by a finger that slipped."""
    limit = case.limits.order_weight_max
    for order in case.opening:
        part = case.part(case.notional(order))
        yield _under(
            order,
            "fat_finger",
            part,
            limit,
            "{symbol}: one order of {measured:.1%} of equity looks like a slip; at most {limit:.1%}",
        )


def daily_notional(case: Case) -> Iterator[Finding]:
    """The session's opening orders stay within their budget of money; the basket counts whole."""
    limit = case.limits.notional_per_day_max
    if limit is None or not case.opening:
        return
    total = case.exposure.notional_today + sum((case.notional(order) for order in case.opening), ZERO)
    for order in case.opening:
        yield _under(
            order,
            "daily_notional",
            total,
            limit,
            "{symbol}: the session would have opened {measured:,.2f}; its budget is {limit:,.2f}",
        )


def position_weight(case: Case) -> Iterator[Finding]:
    """No position grows above its part of equity."""
    limit = case.limits.position_weight_max
    for order in case.basket:
        measured = case.weight(order.symbol)
        broken = measured > limit and order.opens
        yield (
            order.order_id,
            "position_weight",
            measured,
            limit,
            not broken,
            True,
            f"{order.symbol} would be {measured:.2%} of equity; at most {limit:.2%}" if broken else "",
        )


def position_value(case: Case) -> Iterator[Finding]:
    """No position grows above its amount of money."""
    limit = case.limits.position_value_max
    if limit is None:
        return
    for order in case.opening:
        worth = abs(case.after.values.get(order.symbol, ZERO))
        yield _under(
            order,
            "position_value",
            worth,
            limit,
            "{symbol} would be a position of {measured:,.2f}; at most {limit:,.2f}",
        )


def sector_weight(case: Case) -> Iterator[Finding]:
    """No sector grows above its part of equity, longs and shorts counted alike."""
    sectors, limit, equity = case.after.sectors, case.limits.sector_weight_max, case.exposure.equity
    for order in case.basket:
        sector = case.exposure.sector(order.symbol)
        measured = sectors.get(sector, ZERO) / equity
        broken = measured > limit and order.opens
        yield (
            order.order_id,
            "sector_weight",
            measured,
            limit,
            not broken,
            True,
            f"{sector} would be {measured:.2%} of equity with {order.symbol}; at most {limit:.2%}" if broken else "",
        )


def leverage(case: Case) -> Iterator[Finding]:
    """Longs and shorts together stay within a multiple of equity."""
    limit = case.limits.leverage_max
    if not case.opening:
        return
    measured = case.after.gross / case.exposure.equity
    for order in case.opening:
        yield _under(
            order,
            "leverage",
            measured,
            limit,
            "{symbol}: positions would come to {measured:.2f} times equity; at most {limit:.2f}",
        )
