"""Rules of conduct: what the account may do at all, and how often."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from bursar.domain.events import TradingState
from bursar.domain.money import ZERO
from bursar.domain.orders import Order, Side
from bursar.risk.rules.case import EXEMPT, ONE, Case, Finding


def trading_state(case: Case) -> Iterator[Finding]:
    """Nothing opens unless the account is active, and in a halted one nothing is even rebalanced."""
    state = case.exposure.state
    active = state is TradingState.ACTIVE
    for order in case.basket:
        opens = order.opens
        passed = active or (not opens and (state is TradingState.REDUCING or order.purpose in EXEMPT))
        if opens or not passed:
            yield (
                order.order_id,
                "trading_state",
                Decimal(active),
                ONE,
                passed,
                True,
                "" if passed else f"{order.symbol}: the account is {state}; nothing opens until a person re-arms it",
            )


def hands_off(case: Case) -> Iterator[Finding]:
    """What its owner keeps out of reach is never touched, neither to open nor to close."""
    for order in case.basket:
        if order.symbol in case.exposure.hands_off:
            words = f"{order.symbol} is hands-off: nothing of ours touches it (sleeve.hands_off, or it was adopted)"
            yield (order.order_id, "hands_off", ONE, ZERO, False, True, words)


def permission(case: Case) -> Iterator[Finding]:
    """Shorting and covering are permissions of their own, and what is called opening must not close."""
    limits, quantities = case.limits, case.exposure.quantities
    for order in case.basket:
        opens, sells, held = order.opens, order.side is Side.SELL, quantities.get(order.symbol, ZERO)
        short = opens and sells
        cover = not opens and not sells and order.purpose not in EXEMPT
        against = opens and (held > 0 if sells else held < 0)
        if not (short or cover or against):
            continue
        passed = not against and (limits.shorts_allowed or not short) and (limits.covers_allowed or not cover)
        yield (order.order_id, "permission", Decimal(passed), ONE, passed, True, _forbidden(order, against))


def _forbidden(order: Order, against: bool) -> str:
    if against:
        return f"{order.symbol}: it would close what is held while it says that it opens; send it as a close"
    if order.opens:
        return f"{order.symbol}: the account may not sell short (risk.shorts_allowed)"
    return f"{order.symbol}: the account may not cover shorts (risk.covers_allowed)"


def closes_only_what_is_held(case: Case) -> Iterator[Finding]:
    """Orders that close never exceed the position, together with those that work already.

    Orders of one group that cancel each other count once; a protective order whose parent opens in this basket, or
    works, counts against what the parent will bring.
    """
    basket, exposure = case.basket, case.exposure
    if len(case.opening) == len(basket):
        return
    coming: dict[str, Decimal] = defaultdict(Decimal)
    parents = {order.parent_id for order in basket if not order.opens and order.parent_id}
    for order in case.opening:
        if order.order_id in parents:
            coming[order.symbol] += order.signed_quantity
    totals = closing(basket)
    for order in basket:
        if order.opens:
            continue
        # What works already counts as done; a child may count on what its parent will bring.
        source = exposure.quantities if order.parent_id or exposure.held is None else exposure.held
        held = source.get(order.symbol, ZERO) + coming[order.symbol]
        total = totals[order.symbol] + exposure.resting.get(order.symbol, ZERO)
        passed = held * total < 0 and abs(total) <= abs(held)
        yield (
            order.order_id,
            "closes_only_what_is_held",
            abs(total),
            abs(held),
            passed,
            True,
            "" if passed else f"{order.symbol}: orders would close {abs(total)} of a position of {held}",
        )


def closing(basket: tuple[Order, ...]) -> dict[str, Decimal]:
    """Signed shares that a basket closes by symbol; of a group that cancels itself, the largest."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    groups: dict[tuple[str, str], Decimal] = {}
    for order in basket:
        if order.opens:
            continue
        if order.oca_group is None:
            totals[order.symbol] += order.signed_quantity
        else:
            key = order.symbol, order.oca_group
            groups[key] = max(groups.get(key, ZERO), order.signed_quantity, key=abs)
    for (symbol, _), quantity in groups.items():
        totals[symbol] += quantity
    return totals


def allowed_symbol(case: Case) -> Iterator[Finding]:
    """Only what is on the account's list is opened."""
    allowed = case.limits.allowed_symbols
    if not allowed:
        return
    for order in case.opening:
        passed = order.symbol in allowed
        yield (
            order.order_id,
            "allowed_symbol",
            Decimal(passed),
            ONE,
            passed,
            True,
            "" if passed else f"{order.symbol} is not on the account's list; it has {', '.join(allowed)}",
        )


def allowed_sector(case: Case) -> Iterator[Finding]:
    """Nothing is opened in a sector that the account shuns."""
    forbidden = case.limits.forbidden_sectors
    if not forbidden:
        return
    for order in case.opening:
        sector = case.exposure.sector(order.symbol)
        passed = sector not in forbidden
        yield (
            order.order_id,
            "allowed_sector",
            Decimal(passed),
            ONE,
            passed,
            True,
            "" if passed else f"{order.symbol} is of the sector {sector}, which this account does not buy",
        )


def duplicate(case: Case) -> Iterator[Finding]:
    """The same opening order twice within a moment is one order and a mistake."""
    seconds = case.limits.duplicate_seconds
    times: dict[tuple[str, Side, Decimal], int] = defaultdict(int)
    if case.exposure.sent:
        since = case.exposure.at - timedelta(seconds=seconds)
        for sent in case.exposure.sent:
            times[sent.symbol, sent.side, sent.quantity] += sent.at > since
    for order in case.opening:
        times[order.symbol, order.side, order.quantity] += 1
    for order in case.opening:
        measured = times[order.symbol, order.side, order.quantity]
        passed = measured == 1 or not seconds
        words = (
            ""
            if passed
            else f"{order.symbol}: {measured} equal orders to {order.side} {order.quantity} within {seconds} seconds; "
            "one of them is enough"
        )
        yield (order.order_id, "duplicate", Decimal(measured), ONE, passed, True, words)


def repeated(case: Case) -> Iterator[Finding]:
    """A program that keeps opening the same thing is stopped before it has bought the whole day long."""
    counted: dict[tuple[str, Side], int] = defaultdict(int)
    for sent in case.exposure.sent:
        counted[sent.symbol, sent.side] += 1
    for order in case.opening:
        counted[order.symbol, order.side] += 1
    most = case.limits.repeats_per_day_max
    for order in case.opening:
        measured = counted[order.symbol, order.side]
        yield (
            order.order_id,
            "repeated",
            Decimal(measured),
            Decimal(most),
            measured <= most,
            True,
            ""
            if measured <= most
            else f"{order.symbol}: it would be the order {measured} to {order.side} it this session; at most {most}",
        )


def opening_orders(case: Case) -> Iterator[Finding]:
    """So many opening parent orders a session; the basket counts whole."""
    opening = [order for order in case.opening if order.parent_id is None]
    measured, most = case.exposure.opening_orders_today + len(opening), case.limits.opening_orders_per_day_max
    for order in opening:
        yield (
            order.order_id,
            "opening_orders",
            Decimal(measured),
            Decimal(most),
            measured <= most,
            True,
            ""
            if measured <= most
            else f"{order.symbol}: the session would have {measured} opening orders; at most {most}",
        )


def message_rate(case: Case) -> Iterator[Finding]:
    """A burst of messages is a loop that went wrong; exits are counted in it and never held back."""
    measured, most = case.exposure.messages + len(case.basket), case.limits.messages_per_minute_max
    for order in case.basket:
        passed = measured <= most
        yield (
            order.order_id,
            "message_rate",
            Decimal(measured),
            Decimal(most),
            passed or not order.opens,
            True,
            "" if passed else f"{order.symbol}: {measured} messages would be sent in a minute; at most {most}",
        )
