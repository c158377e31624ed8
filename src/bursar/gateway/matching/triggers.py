"""Stops, still and trailing: where they are, and whether they are reached.

A stop is reached by a print at it or through it, and from then on the order is a plain one: it fills at the market
that it finds, never at its stop's own price. The stop of a trailing order follows the last price at its distance and
never moves back:

    to sell  the highest of (last - distance) since it began; reached by a print at it or below
    to buy   the lowest of (last + distance); reached by a print at it or above

A distance in percent is of the last price, and the stop lies on the tick nearest to it. The limit of a trailing limit
order keeps its offset from the stop, below it to sell and above it to buy.

Source of the rules: IBKR, "Order Types: Stop, Stop Limit, Trailing Stop, Trailing Stop Limit".
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bursar.domain.instruments import Instrument
from bursar.gateway.checks import STOPS, TRAILING
from bursar.gateway.commands import Place
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
