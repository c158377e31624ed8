"""Where an order stands follows from the journal alone, by the table of FIX order states."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.events import (
    AmendRejected,
    AmendRequested,
    CancelRejected,
    CancelRequested,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
    SessionOpened,
)
from bursar.domain.orders import FINAL, TRANSITIONS, Order, OrderStatus
from bursar.errors import LedgerError
from bursar.trading.ids import Ids
from bursar.trading.oms import Orders
from tests.builders import CLOSE, DAY, OPEN, filled, order

ID = "o-00000001"


def placed(each: Order | None = None) -> OrderPlaced:
    each = each or order(quantity=100)
    return OrderPlaced(event_id=each.order_id, at=OPEN, order=each)


ACCEPTED = OrderAccepted(event_id=f"{ID}/accepted", at=OPEN, order_id=ID, permanent_id=77)
REJECTED = OrderRejected(event_id=f"{ID}/rejected", at=OPEN, order_id=ID, code=201, message="margin")
CANCEL = CancelRequested(event_id="c-00000001", at=OPEN, order_id=ID, reason="changed our mind")
CANCEL_REJECTED = CancelRejected(event_id=f"{ID}/cancel_rejected/1", at=OPEN, order_id=ID, code=10148, message="done")
CANCELED = OrderCanceled(event_id=f"{ID}/canceled", at=OPEN, order_id=ID)
EXPIRED = OrderExpired(event_id=f"{ID}/expired", at=OPEN, order_id=ID)
FLAGGED = OrderFlagged(event_id=f"{ID}/flagged", at=OPEN, order_id=ID, reason="no answer")
AMEND = AmendRequested(event_id="m-00000001", at=OPEN, order=order(quantity=50))
AMENDED = OrderAmended(event_id=f"{ID}/amended/1", at=OPEN, order_id=ID)
AMEND_REJECTED = AmendRejected(event_id=f"{ID}/amend_rejected/1", at=OPEN, order_id=ID, code=104, message="filled")


def after(*events: Event) -> Orders:
    orders = Orders()
    for event in (placed(), *events):
        orders.apply(event)
    return orders


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ((), OrderStatus.PENDING_NEW),
        ((ACCEPTED,), OrderStatus.NEW),
        ((REJECTED,), OrderStatus.REJECTED),
        ((ACCEPTED, filled("1", 40, 10)), OrderStatus.PARTIALLY_FILLED),
        ((ACCEPTED, filled("1", 40, 10), filled("2", 60, 10)), OrderStatus.FILLED),
        ((filled("1", 100, 10), ACCEPTED), OrderStatus.FILLED),
        ((ACCEPTED, CANCEL), OrderStatus.PENDING_CANCEL),
        ((ACCEPTED, CANCEL, CANCELED), OrderStatus.CANCELED),
        ((ACCEPTED, CANCEL, filled("1", 100, 10)), OrderStatus.FILLED),
        ((ACCEPTED, CANCEL, filled("1", 40, 10)), OrderStatus.PENDING_CANCEL),
        ((ACCEPTED, CANCEL, CANCEL_REJECTED), OrderStatus.NEW),
        ((ACCEPTED, filled("1", 40, 10), CANCEL, CANCEL_REJECTED), OrderStatus.PARTIALLY_FILLED),
        ((ACCEPTED, CANCEL, CANCELED, filled("1", 40, 10)), OrderStatus.CANCELED),
        ((ACCEPTED, CANCEL, CANCELED, filled("1", 100, 10)), OrderStatus.FILLED),
        ((ACCEPTED, EXPIRED), OrderStatus.EXPIRED),
        ((ACCEPTED, FLAGGED), OrderStatus.FLAGGED),
        ((ACCEPTED, FLAGGED, CANCELED), OrderStatus.CANCELED),
        ((ACCEPTED, AMEND), OrderStatus.PENDING_REPLACE),
        ((ACCEPTED, AMEND, AMENDED), OrderStatus.NEW),
        ((ACCEPTED, AMEND, AMEND_REJECTED), OrderStatus.NEW),
        ((ACCEPTED, filled("1", 100, 10), filled("2", 1, 10)), OrderStatus.FLAGGED),
        ((REJECTED, filled("1", 1, 10)), OrderStatus.FLAGGED),
    ],
)
def test_the_status_after_each_history(events: tuple[Event, ...], status: OrderStatus) -> None:
    assert after(*events)[ID].status is status


def test_what_is_left_and_who_answered() -> None:
    fresh = after()[ID]
    assert (fresh.acknowledged, fresh.remaining) == (False, Decimal(100))
    partly = after(ACCEPTED, filled("1", 40, 10))[ID]
    assert (partly.acknowledged, partly.remaining, partly.permanent_id) == (True, Decimal(60), 77)
    assert after(filled("1", 40, 10), filled("2", 90, 10))[ID].remaining == 0


def test_an_amendment_counts_only_once_the_broker_works_it() -> None:
    assert after(ACCEPTED, AMEND)[ID].order.quantity == 100
    assert after(ACCEPTED, AMEND, AMENDED)[ID].order.quantity == 50
    assert after(ACCEPTED, AMEND, AMEND_REJECTED)[ID].order.quantity == 100


def test_working_orders_are_found_by_symbol_and_leave_when_they_end() -> None:
    orders = after()
    orders.apply(placed(order("o-00000002", "MSFT")))
    assert [state.order.symbol for state in orders.working()] == ["AAPL", "MSFT"]
    assert [state.order.order_id for state in orders.working("MSFT")] == ["o-00000002"]
    orders.apply(CANCELED)
    assert [state.order.symbol for state in orders.working()] == ["MSFT"]
    assert ID in orders


def test_opening_orders_are_counted_unless_the_broker_refused_them() -> None:
    orders = after()
    assert orders.opened_between(OPEN, CLOSE) == 1
    orders.apply(placed(order("o-00000002", parent_id=ID)))
    assert orders.opened_between(OPEN, CLOSE) == 1
    orders.apply(REJECTED)
    assert orders.opened_between(OPEN, CLOSE) == 0


def test_contradictions_stop_the_line() -> None:
    with pytest.raises(LedgerError, match="placed twice"):
        after(placed())
    with pytest.raises(LedgerError, match="never placed"):
        after(CancelRequested(event_id="c-2", at=OPEN, order_id="o-9", reason=""))
    with pytest.raises(LedgerError, match="is rejected; cancel_requested cannot follow"):
        after(REJECTED, CANCEL)


def test_a_trade_made_by_hand_moves_no_order() -> None:
    orders = after(filled("9", 5, 10, order_id=""))
    assert orders[ID].filled == 0
    orders.apply(SessionOpened(event_id="s", at=OPEN, day=DAY, exchange="XNYS"))
    assert orders[ID].status is OrderStatus.PENDING_NEW


def test_every_status_of_the_table_can_be_left_or_is_final() -> None:
    assert set(TRANSITIONS) == set(OrderStatus)
    for status, row in TRANSITIONS.items():
        if status in FINAL:
            assert set(row.values()) <= FINAL | {OrderStatus.FLAGGED}
        else:
            assert set(row.values()) & FINAL


@given(st.lists(st.integers(1, 60), max_size=6))
def test_fills_add_up_in_any_number_of_pieces(pieces: list[int]) -> None:
    orders = after(ACCEPTED, *(filled(str(number), size, 10) for number, size in enumerate(pieces)))
    total = sum(pieces)
    state = orders[ID]
    assert state.filled == total
    assert (state.status is OrderStatus.FILLED) == (total == 100)
    assert (state.status is OrderStatus.FLAGGED) == (total > 100)


def test_ids_count_on_from_what_the_journal_holds() -> None:
    ids = Ids()
    for seen in ("o-00000007", "v-00000003", "f-0000e0d5.01", "session/XNYS/2022-01-03/opened"):
        ids.seen(seen)
    assert [ids.new("o"), ids.new("v"), ids.new("d"), ids.new("o")] == [
        "o-00000008",
        "v-00000004",
        "d-00000001",
        "o-00000009",
    ]
