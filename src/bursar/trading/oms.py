"""Where every order stands: a fold over the journal, by the table in ``domain/orders.py``.

Nothing else keeps an order's status. The same events give the same statuses after a restart. An order is known by
three names: ours (``order_id``, which travels in orderRef), the broker's (``permanent_id``), and those of its
executions, which are what fills it: no status does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from bursar.domain.events import (
    AmendRejected,
    AmendRequested,
    CancelRejected,
    CancelRequested,
    Event,
    FillCorrected,
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
from bursar.domain.orders import FINAL, TRANSITIONS, Order, OrderStatus, execution_root
from bursar.errors import LedgerError
from bursar.ports import Recorded


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of an order's audit trail: which event moved it, and where to. ``before`` is None for the first."""

    order_id: str
    at: datetime
    event_id: str
    before: OrderStatus | None
    after: OrderStatus
    filled: Decimal
    quantity: Decimal
    permanent_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An execution that is booked: of which order (empty where it was none of ours), and how much it is by now."""

    order_id: str
    symbol: str
    at: datetime
    quantity: Decimal


class Orders:
    """Every order of a journal, kept in step with it by ``apply``.

    executions  all that are booked, by the broker's id; one that was corrected and its correction are both here
    """

    def __init__(self) -> None:
        self.executions: dict[str, Execution] = {}
        self._roots: set[str] = set()
        self._on: dict[date, list[str]] = {}
        self._states: dict[str, OrderState] = {}
        self._working: dict[str, OrderState] = {}
        self._moves: dict[str, int] = {}
        self._opened: list[OrderState] = []

    def apply(self, event: Event) -> Change | None:
        """Take one committed event; the change of an order that it led to, if it was about one.

        Raises LedgerError for an event that contradicts the status table.
        """
        match event:
            case OrderPlaced(order=order):
                if order.order_id in self._states:
                    raise LedgerError(f"order {order.order_id} was placed twice")
                state = OrderState(order=order, status=OrderStatus.PENDING_NEW, placed_at=event.at)
                if order.opens and order.parent_id is None:
                    self._opened.append(state)
                return self._keep(event, None, state)
            case AmendRequested(order=order):
                state = self[order.order_id]
                status = _following(state, event.kind)
                return self._keep(event, state, replace(state, status=status, amended=order))
            case Filled(order_id=order_id, execution_id=execution_id, symbol=symbol, quantity=quantity):
                done = Execution(order_id=order_id, symbol=symbol, at=event.at, quantity=quantity)
                self._note(execution_id, done)
                return self._fill(event, order_id, quantity)
            case FillCorrected(execution_id=execution_id, corrects=corrects, quantity=quantity):
                known = self.executions.get(corrects)
                if known is None:
                    raise LedgerError(f"correction {execution_id} is of execution {corrects}, which nobody booked")
                self.executions[corrects] = replace(known, quantity=ZERO)
                self._note(execution_id, replace(known, quantity=quantity))
                return self._fill(event, known.order_id, quantity - known.quantity)
            case _ if isinstance(event, _ANSWERS):
                state = self[event.order_id]
                return self._keep(event, state, _answered(state, event))
            case _:
                return None

    def __getitem__(self, order_id: str) -> OrderState:
        if order_id not in self._states:
            raise LedgerError(f"order {order_id} was never placed by us; reconcile before going on")
        return self._states[order_id]

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._states

    @property
    def begun(self) -> bool:
        """True once an order of ours was placed, whatever became of it."""
        return bool(self._states)

    def all(self) -> tuple[OrderState, ...]:
        """Every order, in the order in which they were placed."""
        return tuple(self._states.values())

    def booked(self, execution_id: str) -> bool:
        """True for an execution that is in the journal, as it is or as it was corrected."""
        return execution_root(execution_id) in self._roots

    def executed_between(self, begin: datetime, end: datetime) -> Iterator[tuple[str, Execution]]:
        """Executions from ``begin`` to just before ``end``, by the broker's id: of decades of them, a day's."""
        day = begin.date()
        while day <= end.date():
            for execution_id in self._on.get(day, ()):
                execution = self.executions[execution_id]
                if begin <= execution.at < end:
                    yield execution_id, execution
            day += timedelta(days=1)

    def working(self, symbol: str | None = None) -> tuple[OrderState, ...]:
        """Orders of which something may still trade, oldest first."""
        return tuple(state for state in self._working.values() if symbol in (None, state.order.symbol))

    def group(self, oca_group: str) -> tuple[OrderState, ...]:
        """All orders that cancel or reduce each other under one name, whether they work or not."""
        return tuple(state for state in self._states.values() if state.order.oca_group == oca_group)

    def reduced(self, state: OrderState) -> Decimal:
        """By how much the broker may have made an order smaller: what was filled of the others of its group."""
        group = state.order.oca_group
        others = self.group(group) if group else ()
        return sum((each.filled for each in others if each.order.order_id != state.order.order_id), ZERO)

    def next_name(self, order_id: str, what: str) -> str:
        """An id for the next event of an order, which no earlier one of its events has, whatever the time is."""
        return f"{order_id}/{what}/{self._moves.get(order_id, 0) + 1}"

    def opened_between(self, first: datetime, last: datetime) -> int:
        """Opening parent orders placed from ``first`` to ``last`` that the broker did not refuse."""
        # A decade of orders is not counted again for each new one: they are placed in the order of time.
        begin = bisect_left(self._opened, first, key=lambda state: state.placed_at)
        end = bisect_right(self._opened, last, key=lambda state: state.placed_at)
        numbers = (state.order.order_id for state in self._opened[begin:end])
        return sum(self._states[number].status is not OrderStatus.REJECTED for number in numbers)

    def _note(self, execution_id: str, execution: Execution) -> None:
        self.executions[execution_id] = execution
        self._roots.add(execution_root(execution_id))
        self._on.setdefault(execution.at.date(), []).append(execution_id)

    def _fill(self, event: Event, order_id: str, quantity: Decimal) -> Change | None:
        """More of an order is filled, or less. A trade that is not ours moves no order."""
        if order_id not in self._states:
            return None
        state = self._states[order_id]
        status, filled = _following(state, event.kind), state.filled + quantity
        moved = _counted(state.order, status, state.placed_at, filled, state.permanent_id, state.amended)
        return self._keep(event, state, moved)

    def _keep(self, event: Event, before: OrderState | None, state: OrderState) -> Change:
        order_id = state.order.order_id
        self._states[order_id] = state
        self._moves[order_id] = self._moves.get(order_id, 0) + 1
        if not state.working:
            self._working.pop(order_id, None)
        elif order_id in self._working or before is None:
            self._working[order_id] = state
        else:  # it ended, and works again: at its old place, since the oldest come first
            revived = {**self._working, order_id: state}
            self._working = dict(sorted(revived.items(), key=lambda item: item[1].placed_at))
        return Change(
            order_id=order_id,
            at=event.at,
            event_id=event.event_id,
            before=before.status if before else None,
            after=state.status,
            filled=state.filled,
            quantity=state.order.quantity,
            permanent_id=state.permanent_id,
        )


class StatusStream:
    """Watches a loop (``runtime.loop.Observer``) and tells every change of every order, once it is committed.

    past  what the journal held before, of which nothing is told
    """

    def __init__(self, listen: Callable[[Change], None], past: Iterable[Recorded] = ()) -> None:
        self._orders = Orders()
        self._listen = listen
        for recorded in past:
            self._orders.apply(recorded.event)

    def committed(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            if change := self._orders.apply(each.event):
                self._listen(change)


def trail(events: Iterable[Event], order_id: str) -> tuple[Change, ...]:
    """All that ever happened to one order, oldest first."""
    orders = Orders()
    changes = (orders.apply(event) for event in events)
    return tuple(change for change in changes if change and change.order_id == order_id)


#: Events that name an order and move it, fills aside.
_ANSWERS = (
    OrderAccepted,
    OrderRejected,
    OrderCanceled,
    OrderExpired,
    OrderAmended,
    AmendRejected,
    CancelRequested,
    CancelRejected,
    OrderFlagged,
)
_Answer = (
    OrderAccepted
    | OrderRejected
    | OrderCanceled
    | OrderExpired
    | OrderAmended
    | AmendRejected
    | CancelRequested
    | CancelRejected
    | OrderFlagged
)


def _answered(state: OrderState, event: _Answer) -> OrderState:
    """``state`` after something was asked or said about it."""
    status = _following(state, event.kind)
    order, amended, permanent_id = state.order, state.amended, state.permanent_id
    match event:
        case CancelRequested() | OrderFlagged():
            return replace(state, status=status)  # our own words: the broker said nothing
        case OrderAccepted():
            permanent_id = event.permanent_id
        case OrderAmended():
            order, amended = amended or order, None
        case AmendRejected():
            amended = None
        case CancelRejected() if not state.acknowledged:
            # "No such order": it is as unknown to the broker as before.
            back = OrderStatus.PENDING_NEW if state.status is OrderStatus.PENDING_CANCEL else status
            return replace(state, status=back)
    if status is OrderStatus.NEW:
        partly = OrderStatus.PARTIALLY_FILLED if state.filled > 0 else OrderStatus.NEW
        status = OrderStatus.PENDING_REPLACE if amended is not None else partly
    return _counted(order, status, state.placed_at, state.filled, permanent_id, amended)


def _following(state: OrderState, kind: str) -> OrderStatus:
    following = TRANSITIONS[state.status].get(kind)
    if following is None:
        raise LedgerError(f"order {state.order.order_id} is {state.status}; {kind} cannot follow")
    return following


def _counted(
    order: Order,
    status: OrderStatus,
    placed_at: datetime,
    filled: Decimal,
    permanent_id: int,
    amended: Order | None,
) -> OrderState:
    """An order of which the broker spoke, with the status that the filled quantity makes of it.

    Done when nothing is left, flagged when more came than was asked for, or less than was once reported: whether
    the rest still works is then for an interrogation to say. What a change that is under way asks for counts too.
    """
    asked = max(order.quantity, amended.quantity) if amended else order.quantity
    if filled > asked:
        status = OrderStatus.FLAGGED
    elif filled == asked and status is not OrderStatus.REJECTED:
        status = OrderStatus.FILLED
    elif status is OrderStatus.FILLED:
        status = OrderStatus.FLAGGED
    elif status is OrderStatus.PARTIALLY_FILLED and filled == 0:
        status = OrderStatus.NEW
    # Made at once, and not changed piece by piece: every event of an order comes through here.
    return OrderState(
        order=order,
        status=status,
        placed_at=placed_at,
        filled=filled,
        acknowledged=True,
        permanent_id=permanent_id,
        amended=amended,
    )
