"""Orders that belong together: brackets, whose children wait for their parent, and groups of which one cancels all.

A child works for as much as its parent is filled, in proportion; when the parent ends, what was not released is
canceled. Children of one parent that would both close it are a group of type 3 of their own, named after the
parent's permId, unless they name another.

When an order of a group is filled, in part or whole,

    type 1     all others are canceled
    type 2, 3  all others are reduced: of what is left of each the same part goes as was filled of what was left
               of this one, down to whole lots; one of which nothing is left is canceled

At IBKR types 1 and 2 also keep all but one order of a group away from the exchange, so that two cannot fill at once.
Here one order is filled after the other, so that types 2 and 3 are the same.

Source: IBKR, "TWS API: One Cancels All", "Bracket Orders"; the group of a bracket's children as TWS reports it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from bursar.domain.instruments import Instrument
from bursar.gateway.commands import Place
from bursar.gateway.notices import Order

CANCEL_ALL, REDUCE = 1, 3


def family(request: Place, parked: Iterable[Place]) -> tuple[Place, ...]:
    """Those of ``parked`` that are parents, children or siblings of ``request``, however far, by order id."""
    found, left = [request], sorted(parked, key=lambda each: each.order_id)
    grown = True
    while grown:
        relatives = [each for each in left if any(_related(each, other) for other in found)]
        left = [each for each in left if each not in relatives]
        found += relatives
        grown = bool(relatives)
    return tuple(sorted(found[1:], key=lambda each: each.order_id))


def _related(one: Place, other: Place) -> bool:
    if one.client_id != other.client_id:
        return False
    return one.parent_id == other.order_id or other.parent_id == one.order_id or one.parent_id == other.parent_id != 0


def attached(order: Order, parent: Order | None, instrument: Instrument) -> Order:
    """A new ``order`` in its place: beside its parent, and in its group."""
    request = order.request
    if parent is None:
        return replace(order, oca_group=request.oca_group, oca_type=request.oca_type or CANCEL_ALL)
    exits = request.symbol == parent.request.symbol and request.action != parent.request.action
    part = request.total_quantity * parent.filled / parent.request.total_quantity
    return replace(
        order,
        parent=parent.perm_id,
        released=instrument.whole_lots(part),
        oca_group=request.oca_group or (str(parent.perm_id) if exits else ""),
        oca_type=(request.oca_type or CANCEL_ALL) if request.oca_group else REDUCE,
    )


def released(child: Order, filled: Decimal, was_left: Decimal, instrument: Instrument) -> Order:
    """``child`` after ``filled`` of the ``was_left`` of its parent was filled."""
    if child.released is None:
        return child
    total = child.request.total_quantity
    if filled == was_left:
        return replace(child, released=None)
    held_back = total - child.released
    return replace(child, released=child.released + instrument.whole_lots(held_back * filled / was_left))


def cut_to_released(child: Order) -> Order:
    """``child`` without what its parent never released."""
    assert child.released is not None
    return replace(child, released=None, request=replace(child.request, total_quantity=child.released))


def reduced(order: Order, filled: Decimal, was_left: Decimal, instrument: Instrument) -> Order | None:
    """``order`` after ``filled`` of the ``was_left`` of another of its group was filled; None if nothing is left."""
    left = instrument.whole_lots(order.remaining * (was_left - filled) / was_left)
    if not left:
        return None
    gone = order.remaining - left
    ready = None if order.released is None else max(order.released - gone, order.filled)
    return replace(order, request=replace(order.request, total_quantity=order.filled + left), released=ready)
