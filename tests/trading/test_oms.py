"""Where an order stands follows from the journal alone, by the table of FIX order states."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.memory import MemoryJournal
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
    SessionOpened,
)
from bursar.domain.orders import FINAL, TRANSITIONS, Order, OrderStatus
from bursar.errors import LedgerError
from bursar.trading.ids import Ids
from bursar.trading.oms import Change, Orders, StatusStream, trail
from tests.builders import CLOSE, DAY, OPEN, filled, money, order

ID = "o-00000001"


def placed(each: Order | None = None) -> OrderPlaced:
    each = each or order(quantity=100)
    return OrderPlaced(event_id=each.order_id, at=OPEN, order=each)


ACCEPTED = OrderAccepted(event_id=f"{ID}/accepted", at=OPEN, order_id=ID, permanent_id=77)
REJECTED = OrderRejected(event_id=f"{ID}/rejected", at=OPEN, order_id=ID, code=201, message="margin")
CANCEL = CancelRequested(event_id="c-00000001", at=OPEN, order_id=ID, reason="changed our mind")
CANCEL_REJECTED = CancelRejected(event_id=f"{ID}/cancel_rejected/1", at=OPEN, order_id=ID, code=10148, message="done")
CANCEL_AGAIN = CancelRequested(event_id="c-00000002", at=OPEN, order_id=ID, reason="and again")
REJECTED_AGAIN = CancelRejected(event_id=f"{ID}/cancel_rejected/2", at=OPEN, order_id=ID, code=10148, message="done")
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


def corrected(execution_id: str, corrects: str, quantity: int) -> FillCorrected:
    return FillCorrected(
        event_id=f"f-{execution_id}",
        at=OPEN,
        execution_id=execution_id,
        corrects=corrects,
        quantity=Decimal(quantity),
        price=Decimal(10),
        commission=money(0),
    )


@pytest.mark.parametrize(
    ("events", "status", "done"),
    [
        # FIX 4.4 appendix D calls these trade corrections and busts.
        ((ACCEPTED, filled("1", 40, 10), corrected("1b", "1", 30)), OrderStatus.PARTIALLY_FILLED, 30),
        ((ACCEPTED, filled("1", 40, 10), corrected("1b", "1", 0)), OrderStatus.NEW, 0),
        ((ACCEPTED, filled("1", 40, 10), corrected("1b", "1", 100)), OrderStatus.FILLED, 100),
        ((ACCEPTED, filled("1", 4, 10), corrected("1b", "1", 50), corrected("1c", "1b", 100)), OrderStatus.FILLED, 100),
        # Done, and then not: whether the rest works again is for an interrogation to say.
        ((ACCEPTED, filled("1", 100, 10), corrected("1b", "1", 90)), OrderStatus.FLAGGED, 90),
        ((ACCEPTED, filled("1", 110, 10), corrected("1b", "1", 100)), OrderStatus.FILLED, 100),
        ((ACCEPTED, filled("1", 40, 10), CANCELED, corrected("1b", "1", 30)), OrderStatus.CANCELED, 30),
    ],
)  # fmt: skip
def test_a_corrected_execution_changes_what_is_filled(
    events: tuple[Event, ...], status: OrderStatus, done: int
) -> None:
    state = after(*events)[ID]
    assert (state.status, state.filled) == (status, Decimal(done))


def test_a_correction_of_what_nobody_booked_stops_the_line_and_one_of_a_strangers_trade_moves_no_order() -> None:
    with pytest.raises(LedgerError, match="correction 1b is of execution 1, which nobody booked"):
        after(corrected("1b", "1", 5))
    orders = after(filled("9", 5, 10, order_id=""), corrected("9b", "9", 4))
    assert orders[ID].filled == 0
    assert {name: each.quantity for name, each in orders.executions.items()} == {"9": 0, "9b": 4}


LARGER = AmendRequested(event_id="m-00000001", at=OPEN, order=order(quantity=200))


@pytest.mark.parametrize(
    ("events", "status"),
    [
        # The change and the fill cross: what is asked for counts as soon as it may be at work.
        ((ACCEPTED, LARGER, filled("1", 150, 10)), OrderStatus.PENDING_REPLACE),
        ((ACCEPTED, LARGER, filled("1", 150, 10), AMENDED), OrderStatus.PARTIALLY_FILLED),
        ((ACCEPTED, LARGER, filled("1", 150, 10), AMEND_REJECTED), OrderStatus.FLAGGED),
        ((ACCEPTED, LARGER, filled("1", 100, 10), AMEND_REJECTED), OrderStatus.FILLED),
        ((ACCEPTED, LARGER, filled("1", 201, 10)), OrderStatus.FLAGGED),
        ((ACCEPTED, filled("1", 50, 10), AMEND, AMENDED), OrderStatus.FILLED),
        ((ACCEPTED, filled("1", 60, 10), AMEND, AMENDED), OrderStatus.FLAGGED),
        ((ACCEPTED, filled("1", 60, 10), AMEND, AMEND_REJECTED), OrderStatus.PARTIALLY_FILLED),
        # A cancellation overtakes the change; both are answered, in either order.
        ((ACCEPTED, AMEND, CANCEL, AMENDED, CANCELED), OrderStatus.CANCELED),
        ((ACCEPTED, AMEND, CANCEL, CANCEL_REJECTED), OrderStatus.PENDING_REPLACE),
        ((ACCEPTED, AMEND, CANCEL, CANCEL_REJECTED, AMENDED), OrderStatus.NEW),
        ((ACCEPTED, AMEND, CANCEL, AMEND_REJECTED, CANCEL_REJECTED), OrderStatus.NEW),
        # Asked twice to cancel, refused twice.
        ((ACCEPTED, CANCEL, CANCEL_AGAIN, CANCEL_REJECTED, REJECTED_AGAIN), OrderStatus.NEW),
        # "No such order": to the broker it is as unknown as before.
        ((CANCEL, CANCEL_REJECTED), OrderStatus.PENDING_NEW),
        # Of two ends the first one stands.
        ((ACCEPTED, CANCELED, EXPIRED), OrderStatus.CANCELED),
        ((ACCEPTED, EXPIRED, CANCELED), OrderStatus.EXPIRED),
        ((ACCEPTED, filled("1", 100, 10), CANCELED), OrderStatus.FILLED),
    ],
)
def test_races_between_fills_changes_and_cancellations(events: tuple[Event, ...], status: OrderStatus) -> None:
    assert after(*events)[ID].status is status


def test_an_order_that_the_broker_says_it_does_not_know_was_never_acknowledged() -> None:
    assert not after(CANCEL, CANCEL_REJECTED)[ID].acknowledged
    assert not after(FLAGGED)[ID].acknowledged
    assert after(ACCEPTED, CANCEL, CANCEL_REJECTED)[ID].acknowledged


def test_an_order_that_works_again_is_found_at_its_old_place() -> None:
    orders = after(ACCEPTED, filled("1", 100, 10))
    later = replace(placed(order("o-00000002")), at=CLOSE)
    orders.apply(later)
    orders.apply(corrected("1b", "1", 90))
    assert [state.order.order_id for state in orders.working()] == [ID, "o-00000002"]


def test_the_trail_of_an_order_names_every_event_that_moved_it() -> None:
    events = [placed(), placed(order("o-00000002")), ACCEPTED, filled("1", 40, 10), CANCEL, CANCELED]
    lines = trail(events, ID)
    assert [(line.event_id, line.before, line.after, int(line.filled)) for line in lines] == [
        (ID, None, OrderStatus.PENDING_NEW, 0),
        (f"{ID}/accepted", OrderStatus.PENDING_NEW, OrderStatus.NEW, 0),
        ("f-1", OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, 40),
        ("c-00000001", OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL, 40),
        (f"{ID}/canceled", OrderStatus.PENDING_CANCEL, OrderStatus.CANCELED, 40),
    ]


def test_the_status_stream_tells_each_change_once_it_is_committed() -> None:
    told: list[Change] = []
    journal = MemoryJournal()
    asyncio.run(journal.append([placed(), ACCEPTED]))
    stream = StatusStream(told.append, journal.read())
    stream.committed(asyncio.run(journal.append([filled("1", 100, 10), ACCEPTED])))
    assert [(each.order_id, each.before, each.after) for each in told] == [(ID, OrderStatus.NEW, OrderStatus.FILLED)]


ANY_EVENT = st.sampled_from(
    [ACCEPTED, REJECTED, CANCEL, CANCEL_REJECTED, CANCELED, EXPIRED, FLAGGED, AMEND, LARGER, AMENDED, AMEND_REJECTED]
)


@given(st.lists(st.one_of(ANY_EVENT, st.integers(1, 60)), max_size=12))
def test_whatever_comes_in_whatever_order_no_fill_is_forgotten_and_none_is_counted_twice(
    history: list[Event | int],
) -> None:
    """A contradiction is named; everything else leaves an order whose status fits its numbers."""
    orders, total = after(), 0
    for number, each in enumerate(history):
        event = filled(str(number), each, 10) if isinstance(each, int) else each
        before = orders[ID]
        try:
            orders.apply(event)
        except LedgerError:
            refused = True
        else:
            refused = False
        if refused:
            assert not isinstance(event, Filled)
            assert orders[ID] == before
            continue
        total += each if isinstance(each, int) else 0
        state = orders[ID]
        assert state.filled == total
        asked = max(state.order.quantity, state.amended.quantity if state.amended else Decimal(0))
        assert state.filled <= asked or state.status is OrderStatus.FLAGGED or before.status is OrderStatus.FLAGGED
        assert (state.status is OrderStatus.FILLED) <= (state.remaining == 0)
        assert (
            state.working == (state.status not in FINAL) == (ID in [each.order.order_id for each in orders.working()])
        )


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


def test_executions_of_a_day_are_found_among_those_of_years_and_corrections_keep_their_day() -> None:
    midnight, day = OPEN.replace(hour=5, minute=0), timedelta(days=1)
    late = replace(filled("1", 40, 10), at=midnight + day - timedelta(seconds=1))  # on the next day in UTC
    orders = after(ACCEPTED, replace(filled("0.01", 10, 10), at=midnight - day), late)
    again = FillCorrected(
        event_id="f-0.02", at=midnight + 3 * day, execution_id="0.02", corrects="0.01", quantity=Decimal(20),
        price=Decimal(10), commission=money(0),
    )  # fmt: skip
    orders.apply(again)
    assert [name for name, _ in orders.executed_between(midnight, midnight + day)] == ["1"]
    assert [name for name, _ in orders.executed_between(midnight - day, midnight)] == ["0.01", "0.02"]
    assert [orders.booked(name) for name in ("0.03", "1", "2")] == [True, True, False]
