"""The one translation from the broker's words to events: each once, whatever is repeated or comes out of order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.reports import CANCEL_REFUSALS, REJECTIONS, Reporter, exact
from bursar.domain.events import (
    AmendRejected,
    AmendRequested,
    CancelRejected,
    CancelRequested,
    Event,
    FillCorrected,
    Filled,
    InstrumentListed,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
)
from bursar.domain.instruments import Instrument
from bursar.domain.money import Money
from bursar.domain.orders import Order, OrderType, Side, TimeInForce
from tests.gateway.worlds import session, weekdays

AT = datetime(2022, 1, 3, 15, 0, tzinfo=UTC)
BELL = datetime(2022, 1, 3, 21, 0, tzinfo=UTC)
ID = "o-00000001"
D = Decimal


def an_order(quantity: int = 10, limit: str = "90", tif: TimeInForce = TimeInForce.DAY, order_id: str = ID) -> Order:
    return Order(
        order_id=order_id,
        account="DU9000001",
        symbol="AAA",
        side=Side.BUY,
        quantity=D(quantity),
        portfolio="growth",
        strategy="momentum",
        type=OrderType.LIMIT,
        limit_price=D(limit),
        time_in_force=tif,
    )


def reporter(order: Order | None = None) -> Reporter:
    """A reporter that sent one order."""
    made = Reporter(
        {"AAA": Instrument(symbol="AAA")}, [session(day) for day in weekdays(date(2022, 1, 3), 5)], portfolio="rest"
    )
    made.sent(order or an_order())
    return made


def stands(made: Reporter, status: str, at: datetime = AT, permanent_id: int = 77, **terms: Any) -> list[Event]:
    return list(made.stands(ID, at=at, status=status, permanent_id=permanent_id, **terms))


def refused(made: Reporter, code: int, text: str = "why", at: datetime = AT) -> list[Event]:
    return list(made.refused(ID, at=at, code=code, text=text))


def executed(made: Reporter, execution_id: str = "e1", order_id: str = ID, symbol: str = "AAA") -> None:
    made.executed(
        order_id,
        at=AT,
        execution_id=execution_id,
        account="DU9000001",
        symbol=symbol,
        side="BOT",
        quantity=D("10.0"),
        price=D("101.1"),
        strange=None if symbol == "AAA" else Instrument(symbol=symbol),
    )


def kinds(events: Sequence[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def test_the_first_status_with_a_perm_id_accepts_and_later_ones_say_nothing() -> None:
    made = reporter()
    assert stands(made, "PendingSubmit", permanent_id=0) == []
    assert stands(made, "PreSubmitted", permanent_id=0) == []
    assert stands(made, "PreSubmitted") == [
        OrderAccepted(event_id=f"{ID}/accepted", at=AT, causes=(ID,), order_id=ID, permanent_id=77)
    ]
    assert stands(made, "Submitted") == stands(made, "Submitted") == []


def test_an_order_that_was_filled_before_it_was_heard_of_is_accepted_too() -> None:
    assert kinds(stands(reporter(), "Filled")) == [OrderAccepted]


def test_what_is_none_of_our_instruments_is_listed_once_before_its_first_fill_and_can_be_booked() -> None:
    made = reporter()
    executed(made, "e1", "", "TSLA")
    executed(made, "e2", "", "TSLA")
    first = list(made.charged("e1", amount=D(1), currency="USD"))
    assert kinds(first) == [InstrumentListed, Filled]
    assert kinds(list(made.charged("e2", amount=D(1), currency="USD"))) == [Filled]
    again = reporter()
    again.recover(first)
    executed(again, "e3", "", "TSLA")
    assert kinds(list(again.charged("e3", amount=D(1), currency="USD"))) == [Filled]


def test_a_fill_is_an_execution_with_its_commission_and_never_a_status() -> None:
    made = reporter()
    stands(made, "Submitted")
    assert stands(made, "Filled") == []
    executed(made)
    assert list(made.charged("e1", amount=D("1.005"), currency="USD")) == [
        Filled(
            event_id="f-e1",
            at=AT,
            causes=(ID,),
            order_id=ID,
            execution_id="e1",
            account="DU9000001",
            portfolio="growth",
            symbol="AAA",
            side=Side.BUY,
            quantity=D(10),
            price=D("101.10"),
            commission=Money(D("1.01")),
            settles_on=date(2022, 1, 5),
            strategy="momentum",
            traded_on=date(2022, 1, 3),
        )
    ]


def test_a_repeated_execution_is_reported_once() -> None:
    made = reporter()
    executed(made)
    assert len(made.charged("e1", amount=D(1), currency="USD")) == 1
    executed(made)
    assert made.charged("e1", amount=D(1), currency="USD") == ()
    assert made.charged("e2", amount=D(1), currency="USD") == ()


def test_a_later_revision_of_an_execution_corrects_it_and_an_earlier_one_says_nothing() -> None:
    # IBKR restates 0000e0d5.61d2a1b3.01.01 as ...01.02; what corrects names what was corrected.
    made = reporter()
    assert not made.filled(ID)
    for revision in ("01", "02", "03"):
        executed(made, f"0000e0d5.61d2a1b3.01.{revision}")
    first, third, second = (
        made.charged(f"0000e0d5.61d2a1b3.01.{revision}", amount=D(1), currency="USD") for revision in ("01", "03", "02")
    )
    assert kinds(first) == [Filled]
    assert third == (
        FillCorrected(
            event_id="f-0000e0d5.61d2a1b3.01.03",
            at=AT,
            causes=("f-0000e0d5.61d2a1b3.01.01",),
            execution_id="0000e0d5.61d2a1b3.01.03",
            corrects="0000e0d5.61d2a1b3.01.01",
            quantity=D(10),
            price=D("101.10"),
            commission=Money(D("1.00")),
        ),
    )
    assert second == ()
    assert made.filled(ID)  # once, and not twice
    # After a restart the journal says as much.
    again = reporter()
    again.recover([*first, *third])
    executed(again, "0000e0d5.61d2a1b3.01.03")
    assert again.charged("0000e0d5.61d2a1b3.01.03", amount=D(1), currency="USD") == ()
    assert again.filled(ID)


@pytest.mark.parametrize(
    ("tif", "good_till", "at", "end"),
    [
        (TimeInForce.AT_THE_OPENING, None, AT, OrderExpired),
        (TimeInForce.AT_THE_OPENING, None, AT - timedelta(hours=1), OrderCanceled),
        (TimeInForce.GOOD_TILL_DATE, AT, AT, OrderExpired),
        (TimeInForce.GOOD_TILL_DATE, AT + timedelta(seconds=1), AT, OrderCanceled),
        (TimeInForce.IMMEDIATE_OR_CANCEL, None, AT, OrderCanceled),
    ],
)
def test_what_ends_when_its_time_was_over_has_expired(
    tif: TimeInForce, good_till: datetime | None, at: datetime, end: type[Event]
) -> None:
    made = reporter(replace(an_order(), time_in_force=tif, good_till=good_till))
    stands(made, "Submitted")
    assert kinds(stands(made, "Cancelled", at=at)) == [end]


def test_a_trade_that_was_not_ours_has_no_order_and_goes_to_the_portfolio_that_takes_such() -> None:
    made = reporter()
    executed(made, order_id="", symbol="ZZZ")
    *_, filled = made.charged("e1", amount=D(1), currency="USD")
    assert isinstance(filled, Filled)
    assert (filled.order_id, filled.causes, filled.portfolio, filled.strategy) == ("", (), "rest", "")
    assert (filled.quantity, filled.price) == (D("10.0"), D("101.1"))


@pytest.mark.parametrize("code", sorted(REJECTIONS))
def test_an_error_before_acceptance_rejects(code: int) -> None:
    made = reporter()
    assert refused(made, code) == [
        OrderRejected(event_id=f"{ID}/rejected", at=AT, causes=(ID,), order_id=ID, code=code, message="why")
    ]
    assert refused(made, code) == []
    assert stands(made, "Inactive") == []


@pytest.mark.parametrize("code", [399, 2109, 2161, 10349, 10148, 1100])
def test_a_warning_changes_nothing(code: int) -> None:
    made = reporter()
    assert refused(made, code) == []
    stands(made, "Submitted")
    assert refused(made, code) == []
    assert kinds(stands(made, "Cancelled")) == [OrderCanceled]


def test_an_order_that_stood_is_only_ended_by_a_real_rejection() -> None:
    made = reporter()
    stands(made, "PreSubmitted")
    assert refused(made, 110) == []
    assert kinds(refused(made, 201)) == [OrderRejected]


def test_inactive_ends_an_order_that_never_worked_or_is_told_as_completed() -> None:
    made = reporter()
    (rejected,) = stands(made, "Inactive")
    assert isinstance(rejected, OrderRejected)
    assert rejected.code == 0
    assert refused(made, 201) == []
    made = reporter()
    stands(made, "PreSubmitted")
    (rejected,) = made.stands(ID, at=AT, status="Inactive", permanent_id=77, completed=True)
    assert isinstance(rejected, OrderRejected)


def test_inactive_after_201_is_an_end_and_without_it_nobody_knows() -> None:
    made = reporter()
    stands(made, "PreSubmitted")
    (flagged,) = stands(made, "Inactive")
    assert isinstance(flagged, OrderFlagged)
    assert stands(made, "Inactive") == []
    assert kinds(refused(made, 201)) == [OrderRejected]
    assert stands(made, "Inactive") == []


def test_one_name_under_two_permanent_ids_is_flagged_once() -> None:
    made = reporter()
    stands(made, "Submitted", permanent_id=77)
    (flagged,) = stands(made, "Submitted", permanent_id=78)
    assert isinstance(flagged, OrderFlagged)
    assert flagged.reason == "the broker has it twice, under the permIds 77 and 78"
    assert stands(made, "Submitted", permanent_id=78) == []
    # What ended is listed without saying whose it was: another client may call an order the same.
    assert made.stands(ID, at=AT, status="Filled", permanent_id=79, completed=True) == ()


def charge(made: Reporter, execution_id: str, amount: str = "1.00") -> list[Event]:
    return list(made.charged(execution_id, amount=D(amount), currency="USD"))


def test_a_corrected_execution_corrects_the_one_that_is_booked() -> None:
    made = reporter()
    executed(made, "0000e0d5.5f1a.01.01")
    (first,) = charge(made, "0000e0d5.5f1a.01.01")
    assert isinstance(first, Filled)
    executed(made, "0000e0d5.5f1a.01.02")
    assert charge(made, "0000e0d5.5f1a.01.02", "0.50") == [
        FillCorrected(
            event_id="f-0000e0d5.5f1a.01.02",
            at=AT,
            causes=("f-0000e0d5.5f1a.01.01",),
            execution_id="0000e0d5.5f1a.01.02",
            corrects="0000e0d5.5f1a.01.01",
            quantity=D(10),
            price=D("101.10"),
            commission=Money(D("0.50")),
        )
    ]
    # The one that was right before it is told again after a reconnection, and means nothing any more.
    executed(made, "0000e0d5.5f1a.01.01")
    assert charge(made, "0000e0d5.5f1a.01.01") == []
    again = reporter()
    again.recover([first])
    executed(again, "0000e0d5.5f1a.01.02")
    assert kinds(charge(again, "0000e0d5.5f1a.01.02")) == [FillCorrected]


@pytest.mark.parametrize("amount", ["-1", "1.7976931348623157e308"])
def test_a_commission_that_is_not_known_yet_keeps_its_execution_waiting(amount: str) -> None:
    made = reporter()
    executed(made)
    assert charge(made, "e1", amount) == []
    assert made.waiting == {"e1"}
    assert kinds(charge(made, "e1")) == [Filled]
    assert made.waiting == frozenset()


def test_an_order_good_till_a_date_expires_with_it_and_is_canceled_before() -> None:
    order = replace(an_order(), time_in_force=TimeInForce.GOOD_TILL_DATE, good_till=AT)
    for at, kind in ((AT, OrderExpired), (AT - timedelta(minutes=1), OrderCanceled)):
        made = reporter(order)
        stands(made, "Submitted", at=AT - timedelta(hours=1))
        assert kinds(stands(made, "Cancelled", at=at)) == [kind]


@pytest.mark.parametrize("code", [161, 10148, 10349, 399, 2109])
def test_what_other_clients_take_for_a_cancellation_is_none(code: int) -> None:
    made = reporter()
    stands(made, "Submitted")
    assert refused(made, code) == []
    executed(made)
    assert kinds(charge(made, "e1")) == [Filled]


def test_a_cancellation_that_we_asked_for_carries_the_brokers_reason() -> None:
    made = reporter()
    stands(made, "Submitted")
    made.cancel_sent(ID)
    assert refused(made, 202, "Order Canceled - reason: too late") == []
    assert stands(made, "Cancelled", BELL) == [
        OrderCanceled(event_id=f"{ID}/canceled", at=BELL, causes=(ID,), order_id=ID, reason="too late")
    ]
    assert stands(made, "Cancelled") == []


@pytest.mark.parametrize(
    ("at", "tif", "end"),
    [
        (BELL, TimeInForce.DAY, OrderExpired),
        (AT, TimeInForce.DAY, OrderCanceled),
        (BELL, TimeInForce.GOOD_TILL_CANCELED, OrderCanceled),
        (datetime(2022, 1, 8, 21, tzinfo=UTC), TimeInForce.DAY, OrderCanceled),
    ],
)
def test_what_ends_unasked_after_the_bell_has_expired(at: datetime, tif: TimeInForce, end: type[Event]) -> None:
    made = reporter(an_order(tif=tif))
    stands(made, "Submitted")
    assert kinds(stands(made, "ApiCancelled", at)) == [end]


@pytest.mark.parametrize("code", sorted(CANCEL_REFUSALS))
def test_each_refused_cancellation_is_an_event_of_its_own(code: int) -> None:
    made = reporter()
    stands(made, "Submitted")
    for number in (1, 2):
        made.cancel_sent(ID)
        (rejected,) = refused(made, code)
        assert isinstance(rejected, CancelRejected)
        assert (rejected.event_id, rejected.code) == (f"{ID}/cancel_rejected/{number}", code)
    assert refused(made, code) == []


def test_an_amendment_is_done_when_the_order_stands_as_asked() -> None:
    made = reporter()
    stands(made, "Submitted")
    made.amend_sent(an_order(20, "91"))
    assert stands(made, "Submitted") == []
    assert stands(made, "Submitted", quantity=D(10), limit_price=D(90)) == []
    assert stands(made, "Submitted", quantity=D(20), limit_price=D(91)) == [
        OrderAmended(event_id=f"{ID}/amended/1", at=AT, causes=(ID,), order_id=ID)
    ]
    assert stands(made, "Submitted", quantity=D(20), limit_price=D(91)) == []


def test_a_refused_amendment_leaves_the_order_working() -> None:
    made = reporter()
    stands(made, "Submitted")
    for number, code in ((1, 201), (2, 110)):
        made.amend_sent(an_order(20, "91"))
        (rejected,) = refused(made, code)
        assert isinstance(rejected, AmendRejected)
        assert rejected.event_id == f"{ID}/amend_rejected/{number}"
    assert kinds(stands(made, "Cancelled")) == [OrderCanceled]


def test_orders_that_are_not_ours_say_nothing() -> None:
    made = reporter()
    assert made.stands("o-00000009", at=AT, status="Submitted", permanent_id=5) == ()
    assert made.refused("", at=AT, code=201, text="x") == ()
    made.cancel_sent("o-00000009")
    made.amend_sent(an_order(order_id="o-00000009"))


def journal() -> list[Event]:
    """An order that was placed, accepted, amended, half filled, and that we tried to cancel once in vain."""
    changed = an_order(20, "91")
    return [
        OrderPlaced(event_id=ID, at=AT, order=an_order()),
        OrderAccepted(event_id=f"{ID}/accepted", at=AT, order_id=ID, permanent_id=77),
        AmendRequested(event_id=f"{ID}/amend/1", at=AT, order=changed),
        OrderAmended(event_id=f"{ID}/amended/1", at=AT, order_id=ID),
        Filled(
            event_id="f-e1",
            at=AT,
            order_id=ID,
            execution_id="e1",
            account="DU9000001",
            portfolio="growth",
            symbol="AAA",
            side=Side.BUY,
            quantity=D(5),
            price=D(90),
            commission=Money(D(1)),
        ),
        CancelRequested(event_id=f"{ID}/cancel/1", at=AT, order_id=ID, reason="r"),
        CancelRejected(event_id=f"{ID}/cancel_rejected/1", at=AT, order_id=ID, code=161, message="m"),
    ]


def test_what_the_journal_holds_is_not_said_again() -> None:
    made = reporter()
    made.recover(journal())
    later = BELL.replace(hour=18)
    assert stands(made, "Submitted", later, quantity=D(20), limit_price=D(91)) == []
    executed(made, "e1")
    assert made.charged("e1", amount=D(1), currency="USD") == ()
    executed(made, "e2")
    (filled,) = made.charged("e2", amount=D(1), currency="USD")
    assert isinstance(filled, Filled)
    assert filled.strategy == "momentum"
    made.cancel_sent(ID)
    (rejected,) = refused(made, 161)
    assert rejected.event_id == f"{ID}/cancel_rejected/2"


@pytest.mark.parametrize(
    "end",
    [
        OrderRejected(event_id=f"{ID}/rejected", at=AT, order_id=ID, code=201, message="m"),
        OrderCanceled(event_id=f"{ID}/canceled", at=AT, order_id=ID),
        OrderExpired(event_id=f"{ID}/expired", at=AT, order_id=ID),
    ],
)
def test_an_order_that_ended_in_the_journal_stays_ended(end: Event) -> None:
    made = reporter()
    made.recover([*journal(), end])
    assert stands(made, "Cancelled") == []
    assert refused(made, 201) == []


def test_a_journal_may_speak_of_orders_that_we_did_not_place() -> None:
    made = reporter()
    made.recover([OrderAccepted(event_id="x/accepted", at=AT, order_id="x", permanent_id=5)])
    assert made.stands("x", at=AT, status="Submitted", permanent_id=5) == ()


def test_without_sessions_the_day_is_that_of_utc() -> None:
    made = Reporter({}, [])
    executed(made)
    (filled,) = made.charged("e1", amount=D(1), currency="USD")
    assert isinstance(filled, Filled)
    assert (filled.traded_on, filled.settles_on) == (date(2022, 1, 3), date(2022, 1, 5))


@given(
    steps=st.integers(0, 10**9),
    step=st.sampled_from(["0.0001", "0.01", "0.05", "1", "0.25"]),
)
def test_a_number_that_came_as_a_float_has_the_digits_of_its_step(steps: int, step: str) -> None:
    value = steps * D(step)
    wire = D(repr(float(value)))
    assert str(exact(wire, D(step))) == str(exact(value, D(step))) == str(value)


def test_a_price_between_two_ticks_is_left_as_it_is() -> None:
    assert str(exact(D("100.125"), D("0.01"))) == "100.125"
