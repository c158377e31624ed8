"""Where every order stands: a fold over the journal, by the table in ``domain/orders.py``.

Nothing else keeps an order's status. The same events give the same statuses after a restart.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bursar.domain.events import (
    AmendRejected,
    AmendRequested,
    CancelRejected,
    CancelRequested,
    Event,
    Filled,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
)
from bursar.domain.money import ZERO
from bursar.domain.orders import FINAL, TRANSITIONS, Order, OrderStatus
from bursar.errors import LedgerError


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """One order and what became of it so far.

    acknowledged  True once the broker has said anything about it
    amended       what we asked to change it into, until the broker answers
    """

    order: Order
    status: OrderStatus
    placed_at: datetime
    filled: Decimal = ZERO
    acknowledged: bool = False
    permanent_id: int = 0
    amended: Order | None = None

    @property
    def working(self) -> bool:
        """True while something of it may still trade."""
        return self.status not in FINAL

    @property
    def remaining(self) -> Decimal:
        """What is not filled yet, never below zero."""
        return max(self.order.quantity - self.filled, ZERO)


class Orders:
    """Every order of a journal, kept in step with it by ``apply``."""

    def __init__(self) -> None:
        self._states: dict[str, OrderState] = {}
        self._working: dict[str, OrderState] = {}
        self._opened: list[OrderState] = []

    def apply(self, event: Event) -> None:
        """Take one committed event. Raises LedgerError for one that contradicts the status table."""
        match event:
            case OrderPlaced(order=order):
                if order.order_id in self._states:
                    raise LedgerError(f"order {order.order_id} was placed twice")
                state = OrderState(order=order, status=OrderStatus.PENDING_NEW, placed_at=event.at)
                self._keep(state)
                if order.opens and order.parent_id is None:
                    self._opened.append(state)
            case AmendRequested(order=order):
                self._keep(replace(self._move(self[order.order_id], event.kind), amended=order))
            case OrderAmended(order_id=order_id):
                state = self._answered(order_id, event.kind)
                self._keep(replace(state, order=state.amended or state.order, amended=None))
            case AmendRejected(order_id=order_id):
                self._keep(replace(self._answered(order_id, event.kind), amended=None))
            case Filled(order_id=order_id, quantity=quantity) if order_id in self._states:
                state = self._move(self[order_id], event.kind)
                self._keep(_filled(state, state.filled + quantity))
            case Filled():
                pass  # a trade that is not ours: the books take it, no order moves
            case OrderAccepted(order_id=order_id, permanent_id=permanent_id):
                self._keep(replace(self._answered(order_id, event.kind), permanent_id=permanent_id))
            case CancelRequested(order_id=order_id):
                self._keep(self._move(self[order_id], event.kind))
            case (
                OrderRejected(order_id=order_id)
                | CancelRejected(order_id=order_id)
                | OrderCanceled(order_id=order_id)
                | OrderExpired(order_id=order_id)
                | OrderFlagged(order_id=order_id)
            ):
                self._keep(self._answered(order_id, event.kind))
            case _:
                pass

    def __getitem__(self, order_id: str) -> OrderState:
        if order_id not in self._states:
            raise LedgerError(f"order {order_id} was never placed by us; reconcile before going on")
        return self._states[order_id]

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._states

    def working(self, symbol: str | None = None) -> tuple[OrderState, ...]:
        """Orders of which something may still trade, oldest first."""
        return tuple(state for state in self._working.values() if symbol in (None, state.order.symbol))

    def opened_between(self, first: datetime, last: datetime) -> int:
        """Opening parent orders placed from ``first`` to ``last`` that the broker did not refuse."""
        # A decade of orders is not counted again for each new one: they are placed in the order of time.
        begin = bisect_left(self._opened, first, key=lambda state: state.placed_at)
        end = bisect_right(self._opened, last, key=lambda state: state.placed_at)
        numbers = (state.order.order_id for state in self._opened[begin:end])
        return sum(self._states[number].status is not OrderStatus.REJECTED for number in numbers)

    def _answered(self, order_id: str, kind: str) -> OrderState:
        return replace(self._move(self[order_id], kind), acknowledged=True)

    def _move(self, state: OrderState, kind: str) -> OrderState:
        following = TRANSITIONS[state.status].get(kind)
        if following is None:
            raise LedgerError(f"order {state.order.order_id} is {state.status}; {kind} cannot follow")
        partly = following is OrderStatus.NEW and state.filled > 0
        return replace(state, status=OrderStatus.PARTIALLY_FILLED if partly else following)

    def _keep(self, state: OrderState) -> None:
        self._states[state.order.order_id] = state
        if state.working:
            self._working[state.order.order_id] = state
        else:
            self._working.pop(state.order.order_id, None)


def _filled(state: OrderState, filled: Decimal) -> OrderState:
    """The state after a fill: done when nothing is left, flagged when more came than was asked for."""
    if filled > state.order.quantity:
        status = OrderStatus.FLAGGED
    elif filled == state.order.quantity:
        status = OrderStatus.FILLED
    else:
        status = state.status
    return replace(state, status=status, filled=filled, acknowledged=True)
