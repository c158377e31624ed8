"""What makes an order work: its stop is reached, its time has come, its conditions are true.

A stop is reached by a print at it or through it, and from then on the order is a plain one: it fills at the market
that it finds, never at its stop's own price. The stop of a trailing order follows the last price at its distance and
never moves back:

    to sell  the highest of (last - distance) since it began; reached by a print at it or below
    to buy   the lowest of (last + distance); reached by a print at it or above

A distance in percent is of the last price, and the stop lies on the tick nearest to it. The limit of a trailing limit
order keeps its offset from the stop, below it to sell and above it to buy.

Conditions are taken one after the other, each joined to what stands before it: ``a and b or c`` is ``(a and b) or c``.

Source of the rules: IBKR, "Order Types: Stop, Stop Limit, Trailing Stop, Trailing Stop Limit".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from bursar.domain.instruments import Instrument
from bursar.gateway.checks import PERCENT_CHANGE, PRICE, STOPS, TIME, TRAILING, moment
from bursar.gateway.commands import Condition, Place
from bursar.gateway.history import DaySoFar
from bursar.gateway.notices import Order

HUNDRED = Decimal(100)


def trailed(order: Order, last: Decimal, instrument: Instrument) -> Order:
    """``order`` with its trailing stop where ``last`` leads it."""
    request = order.request
    if request.trailing_percent is None:
        assert request.aux_price is not None
        distance = request.aux_price
    else:
        distance = last * request.trailing_percent / HUNDRED
    selling = request.action == "SELL"
    stop = instrument.on_tick(last - distance if selling else last + distance)
    before = request.trail_stop_price if order.stop_price is None else order.stop_price
    offset = order.limit_offset
    if request.order_type == "TRAIL LIMIT" and offset is None:
        offset = _limit_offset(request, stop if before is None else before)
    if before is not None:
        stop = max(before, stop) if selling else min(before, stop)
    return order if stop == order.stop_price else replace(order, stop_price=stop, limit_offset=offset)


def stop_of(order: Order) -> Decimal | None:
    """The price that elects ``order``; None for one without a stop, or whose trailing stop has no place yet."""
    if order.request.order_type in TRAILING:
        return order.stop_price
    return order.request.aux_price if order.request.order_type in STOPS else None


def reached(order: Order, last: Decimal) -> bool:
    """True when a print at ``last`` elects the stop of ``order``."""
    stop = stop_of(order)
    if stop is None:
        return False
    return last <= stop if order.request.action == "SELL" else last >= stop


def limit_of(order: Order) -> Decimal | None:
    """The worst price at which ``order`` may deal; None for any."""
    request = order.request
    if request.order_type in ("LMT", "STP LMT", "LOC"):
        return request.lmt_price
    if order.stop_price is None or order.limit_offset is None:
        return None
    return order.stop_price - order.limit_offset if request.action == "SELL" else order.stop_price + order.limit_offset


def _limit_offset(request: Place, stop: Decimal) -> Decimal:
    if request.lmt_price_offset is not None:
        return request.lmt_price_offset
    assert request.lmt_price is not None
    return stop - request.lmt_price if request.action == "SELL" else request.lmt_price - stop


def gated(request: Place) -> bool:
    """True for an order that waits for a time, or for conditions."""
    return bool(request.good_after_time) or (bool(request.conditions) and not request.conditions_cancel_order)


def has_come(request: Place, now: datetime) -> bool:
    """True once the time of ``request`` has come."""
    return not request.good_after_time or now >= moment(request.good_after_time)


def come_true(
    conditions: tuple[Condition, ...],
    now: datetime,
    last: Callable[[str], Decimal | None],
    day: Callable[[str], DaySoFar | None],
) -> bool:
    """True when ``conditions`` hold; what cannot be known yet does not."""
    held = _holds(conditions[0], now, last, day)
    for before, condition in pairwise(conditions):
        this = _holds(condition, now, last, day)
        held = (held and this) if before.conjunction == "a" else (held or this)
    return held


def _holds(
    condition: Condition,
    now: datetime,
    last: Callable[[str], Decimal | None],
    day: Callable[[str], DaySoFar | None],
) -> bool:
    if condition.kind == TIME:
        reached_at = moment(condition.value)
        return now >= reached_at if condition.is_more else now <= reached_at
    measured = last(condition.symbol) if condition.kind == PRICE else _of_day(condition, day(condition.symbol))
    if measured is None:
        return False
    bound = Decimal(condition.value)
    return measured >= bound if condition.is_more else measured <= bound


def _of_day(condition: Condition, day: DaySoFar | None) -> Decimal | None:
    """Volume of the day, or its change in percent since the close before."""
    if day is None:
        return None
    if condition.kind == PERCENT_CHANGE:
        return (day.last / day.previous_close - 1) * HUNDRED if day.previous_close else None
    return day.volume
