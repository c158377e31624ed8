"""Every type of order and every time in force, on days that are written down, with their fills worked out by hand.

Each day has AAA; a row is bid, ask and last print at a time in UTC (the session is 14:30 to 21:00). Sources: IBKR's
pages of order types, and its "Order Status" of the TWS API for what is told; ``docs/gateway-fidelity.md`` says what
of it nobody could confirm.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bursar.gateway.commands import Cancel, CancelAll, Condition, Place
from bursar.gateway.exchange import Exchange
from bursar.gateway.notices import Order, Refused
from tests.gateway.test_exchange import ACCOUNT, at, exchange, fills, said, until
from tests.gateway.worlds import AFTER, BEFORE, CLOSE, LATE, NOON, OPEN, QUIET, Script, order, written

D = Decimal


def day(**rows: str) -> Script:
    """A day of AAA: ``t1430="99 101 100"`` is bid, ask and last at 14:30."""
    return {(int(time[1:3]), int(time[3:])): {"AAA": tuple(row.split())} for time, row in rows.items()}


def playing(*days: Script, holds: int = 0, **terms: Any) -> Exchange:
    """An exchange that stands at the first opening bell, with ``holds`` shares of AAA bought there."""
    played = until(exchange(written(*days), **terms), OPEN)
    if holds:
        played.place(order(1, "BUY", holds))
    return played


def held(played: Exchange, number: int) -> Order:
    found = played.order(1, number)
    assert found is not None
    return found


def stands(played: Exchange, number: int) -> tuple[str, str]:
    """Its status, and why it is held."""
    found = held(played, number)
    return found.status, found.why_held


# ---------------------------------------------------------------- stops

#: 100 at the bell, 96 x 98 with a print of 97 at 15:00, then through 95: the next print is at 92.
FALLING = day(t1430="99 101 100", t1500="96 98 97", t1600="91 93 92", t2000="89 91 90", t2100="90 90 90")


def test_a_stop_waits_for_its_trigger_and_fills_at_the_bid_of_the_first_print_through_it() -> None:
    played = playing(FALLING, holds=10)
    played.place(order(2, "SELL", kind="STP", stop="95"))
    assert stands(played, 2) == ("PreSubmitted", "trigger")
    until(played, (15, 0))
    assert stands(played, 2) == ("PreSubmitted", "trigger")
    # The print at 16:00 is 92, three below the stop, and 91 is bid: that is what it gets.
    assert fills(until(played, (16, 0)))[1:] == [(2, "03 16:00", D(91))]
    assert said(played)[4:] == ["2 PreSubmitted", "2 Submitted", "2 SLD 10 at 91", "2 Filled", "fee 0.00"]


def test_a_stop_that_the_night_gaps_through_fills_at_the_opening_bid() -> None:
    night = day(t1430="79 81 80", t2100="80 80 80")
    played = playing(QUIET, night, holds=10)
    played.place(order(2, "SELL", kind="STP", stop="90", tif="GTC"))
    assert fills(until(played, OPEN))[1:] == [(2, "04 14:30", D(79))]


def test_a_stop_is_touched_by_a_print_at_its_price_and_not_by_a_quote() -> None:
    # The ask of 15:00 is below the stop, the print is not: prints decide.
    touch = day(t1430="99 101 100", t1500="93 94 95.01", t1600="96 98 95", t2100="97 97 97")
    played = playing(touch, holds=10)
    played.place(order(2, "SELL", kind="STP", stop="95"))
    assert fills(until(played, (16, 0)))[1:] == [(2, "03 16:00", D(96))]


def test_a_stop_to_buy_is_reached_from_below_and_pays_the_ask() -> None:
    played = playing(QUIET)
    played.place(order(1, "BUY", kind="STP", stop="104"))
    assert fills(until(played, LATE)) == [(1, "03 20:00", D("106.00"))]


def test_a_stop_limit_that_was_jumped_over_rests_at_its_limit() -> None:
    # 95 is reached by the print at 92 with 91 bid: below the limit of 94, which nobody bids until 94.50 at 17:00.
    back = day(t1430="99 101 100", t1600="91 93 92", t1700="94.50 95 95", t2100="95 95 95")
    played = playing(back, holds=10)
    played.place(order(2, "SELL", kind="STP LMT", stop="95", limit="94"))
    until(played, (16, 0))
    assert (stands(played, 2), held(played, 2).elected) == (("Submitted", ""), True)
    assert fills(until(played, NOON))[1:] == [(2, "03 17:00", D("94.50"))]


# ---------------------------------------------------------------- trailing stops

#: Prints of 100, 104, 102 and 101: up four, down three.
WAVE = day(t1430="99 101 100", t1500="103 105 104", t1600="101 103 102", t1700="100 102 101", t2100="101 101 101")


def test_a_trailing_stop_follows_the_high_at_its_distance_and_never_goes_back() -> None:
    played = playing(WAVE, holds=10)
    played.place(order(2, "SELL", kind="TRAIL", stop="3"))
    assert held(played, 2).stop_price == 97  # 100 - 3
    until(played, (15, 0))
    assert held(played, 2).stop_price == 101  # 104 - 3
    until(played, (16, 0))
    assert (held(played, 2).stop_price, stands(played, 2)) == (D(101), ("PreSubmitted", "trigger"))
    # The print at 17:00 is 101, at the stop; 100 is bid.
    assert fills(until(played, NOON))[1:] == [(2, "03 17:00", D(100))]


def test_a_trailing_percent_is_of_the_last_print_and_on_a_tick() -> None:
    played = playing(WAVE, holds=10)
    played.place(order(2, "SELL", kind="TRAIL", trailing_percent=D("2.5")))
    assert held(played, 2).stop_price == D("97.50")  # 100 less 2.5 %
    until(played, (15, 0))
    assert held(played, 2).stop_price == D("101.40")  # 104 less 2.60
    assert fills(until(played, NOON))[1:] == [(2, "03 17:00", D(100))]  # 102 holds, 101 does not


def test_a_trailing_stop_to_buy_follows_the_low() -> None:
    fall_and_rise = day(t1430="99 101 100", t1500="95 97 96", t1600="97 99 98", t1700="98 100 99", t2100="9 9 9")
    played = playing(fall_and_rise)
    played.place(order(1, "BUY", kind="TRAIL", stop="3"))
    until(played, (15, 0))
    assert held(played, 1).stop_price == 99  # 96 + 3
    assert fills(until(played, NOON)) == [(1, "03 17:00", D(100))]


def test_a_trailing_stop_begins_where_it_is_told_to() -> None:
    played = playing(WAVE, holds=10)
    played.place(order(2, "SELL", kind="TRAIL", stop="3", trail_stop_price=D(99)))
    assert held(played, 2).stop_price == 99
    until(played, (15, 0))
    assert held(played, 2).stop_price == 101


def test_the_limit_of_a_trailing_limit_order_keeps_its_offset() -> None:
    # The stop begins at 97 and the limit at 96.50, half a dollar below; at 104 they are 101 and 100.50. The print of
    # 101 at 17:00 elects it, and 100 is bid: below the limit, so that it rests there.
    for terms in ({"limit": "96.50"}, {"lmt_price_offset": D("0.50")}):
        played = playing(WAVE, holds=10)
        played.place(order(2, "SELL", kind="TRAIL LIMIT", stop="3", **terms))
        until(played, NOON)
        found = held(played, 2)
        assert (found.elected, found.status, found.stop_price, found.limit_offset) == (
            True, "Submitted", D(101), D("0.50"),
        )  # fmt: skip
        assert len(fills(played)) == 1


def test_a_trailing_limit_order_that_can_be_had_is() -> None:
    played = playing(WAVE, holds=10)
    played.place(order(2, "SELL", kind="TRAIL LIMIT", stop="3", lmt_price_offset=D(1)))
    assert fills(until(played, NOON))[1:] == [(2, "03 17:00", D(100))]  # 101 - 1 is bid


def test_a_changed_distance_begins_anew() -> None:
    played = playing(WAVE, holds=10)
    played.place(order(2, "SELL", kind="TRAIL", stop="3"))
    until(played, (15, 0))
    played.place(order(2, "SELL", kind="TRAIL", stop="5"))
    assert held(played, 2).stop_price == 99


# ---------------------------------------------------------------- auctions

#: Closes with a print of 103 between 102 and 104.
CLOSING = day(t1430="99 101 100", t2040="100 102 101", t2052="100 102 101", t2100="102 104 103")


def test_market_on_close_gets_the_closing_print() -> None:
    played = playing(CLOSING)
    played.place(order(1, "BUY", kind="MOC"))
    assert stands(played, 1) == ("Submitted", "")
    assert fills(until(played, CLOSE)) == [(1, "03 21:00", D(103))]
    assert held(played, 1).status == "Filled"


@pytest.mark.parametrize(("limit", "filled"), [("103", True), ("102.99", False)])
def test_limit_on_close_gets_the_closing_print_within_its_limit_or_nothing(limit: str, *, filled: bool) -> None:
    played = playing(CLOSING)
    played.place(order(1, "BUY", kind="LOC", limit=limit))
    assert fills(until(played, CLOSE)) == ([(1, "03 21:00", D(103))] if filled else [])
    assert held(played, 1).status == ("Filled" if filled else "Cancelled")


def test_after_the_cut_off_an_order_on_close_can_neither_come_nor_go() -> None:
    # New York's cut-off is ten minutes before the bell: 20:50.
    played = playing(CLOSING)
    played.place(order(1, "BUY", kind="MOC"))
    until(played, (20, 52))
    played.place(order(2, "BUY", kind="MOC"))
    played.place(order(1, "BUY", 20, kind="MOC"))
    played.cancel(Cancel(client_id=1, order_id=1))
    played.cancel_all(CancelAll(client_id=1))
    assert said(played)[1:] == ["2 code 201", "2 Inactive", "1 code 201", "1 code 161"]
    refusal = played.notices[-1]
    assert isinstance(refusal, Refused)
    assert refusal.text.endswith(f"Order permId = {held(played, 1).perm_id}")
    assert fills(until(played, CLOSE)) == [(1, "03 21:00", D(103))]


def test_before_the_cut_off_it_can() -> None:
    played = playing(CLOSING)
    played.place(order(1, "BUY", kind="MOC"))
    until(played, (20, 40)).cancel(Cancel(client_id=1, order_id=1))
    assert held(played, 1).status == "Cancelled"


def test_an_order_on_close_that_comes_after_the_bell_is_for_the_next_day() -> None:
    played = playing(QUIET, CLOSING)
    until(played, AFTER).place(order(1, "BUY", kind="MOC"))
    assert said(played) == ["1 PreSubmitted", "1 code 399"]
    assert fills(until(played, CLOSE)) == [(1, "04 21:00", D(103))]


def test_an_order_for_the_opening_gets_its_print_and_not_the_ask() -> None:
    played = exchange(written(QUIET))
    played.place(order(1, "BUY", tif="OPG"))
    assert stands(played, 1) == ("PreSubmitted", "")
    assert fills(until(played, OPEN)) == [(1, "03 14:30", D(100))]


@pytest.mark.parametrize(("limit", "filled"), [("100", True), ("99.99", False)])
def test_a_limit_for_the_opening_trades_there_or_not_at_all(limit: str, *, filled: bool) -> None:
    played = exchange(written(QUIET))
    played.place(order(1, "BUY", limit=limit, tif="OPG"))
    until(played, OPEN)
    assert held(played, 1).status == ("Filled" if filled else "Cancelled")
    assert fills(until(played, NOON)) == ([(1, "03 14:30", D(100))] if filled else [])  # 95 is asked at noon


def test_an_order_for_the_opening_that_comes_too_late_waits_for_the_next() -> None:
    played = playing(QUIET, QUIET)
    played.place(order(1, "BUY", tif="OPG"))
    assert stands(until(played, NOON), 1) == ("PreSubmitted", "")
    assert fills(until(played, OPEN)) == [(1, "04 14:30", D(100))]


# ---------------------------------------------------------------- times in force


def test_immediate_or_cancel_takes_what_is_there_and_leaves_the_rest() -> None:
    played = playing(QUIET, partial_fills=True)  # 100 are on display
    played.place(order(1, "BUY", 150, tif="IOC"))
    assert said(played) == [
        "1 Submitted",
        "1 BOT 100 at 101.00",
        "1 Submitted",
        "fee 0.00",
        "1 code 202",
        "1 Cancelled",
    ]
    played.place(order(2, "BUY", limit="90", tif="IOC"))
    assert said(played)[6:] == ["2 Submitted", "2 code 202", "2 Cancelled"]


@pytest.mark.parametrize(("quantity", "filled"), [(100, True), (101, False)])
def test_fill_or_kill_takes_all_or_nothing(quantity: int, *, filled: bool) -> None:
    played = playing(QUIET, partial_fills=True)
    played.place(order(1, "BUY", quantity, tif="FOK"))
    assert held(played, 1).status == ("Filled" if filled else "Cancelled")
    assert len(fills(played)) == filled


def test_immediate_or_cancel_before_the_bell_meets_the_open() -> None:
    played = exchange(written(QUIET))
    played.place(order(1, "BUY", tif="IOC"))
    assert fills(until(played, OPEN)) == [(1, "03 14:30", D(101))]


def test_good_till_date_ends_at_its_moment() -> None:
    played = playing(QUIET)
    played.place(order(1, "BUY", limit="95", tif="GTD", good_till_date="20220103-17:00:00"))
    # 95 is asked at noon, the moment at which it is over.
    assert fills(until(played, NOON)) == []
    assert said(played) == ["1 Submitted", "1 code 202", "1 Cancelled"]


def test_good_till_a_day_works_to_the_end_of_that_day() -> None:
    played = playing(QUIET, QUIET, QUIET)
    played.place(order(1, "BUY", limit="50", tif="GTD", good_till_date="20220104"))
    until(until(played, CLOSE), CLOSE)
    assert held(played, 1).status == "Submitted"
    until(played, BEFORE)
    assert held(played, 1).status == "Cancelled"


def test_good_after_its_time_an_order_works() -> None:
    played = playing(QUIET)
    played.place(order(1, "BUY", good_after_time="20220103 12:00:00 US/Eastern"))
    assert said(played) == ["1 PreSubmitted"]
    assert fills(until(played, NOON)) == [(1, "03 17:00", D(95))]


# ---------------------------------------------------------------- outside regular hours

#: 98 x 99 is quoted at 14:00, before the bell, and 93 x 94 at 21:30.
LONG = {**QUIET, BEFORE: {"AAA": ("98", "99")}, AFTER: {"AAA": ("93", "94")}}


def test_outside_regular_hours_only_those_trade_that_said_so() -> None:
    played = exchange(written(LONG))
    played.place(order(1, "BUY", limit="99", outside_rth=True))
    played.place(order(2, "BUY", limit="99"))
    assert fills(played) == [(1, "03 14:00", D(99))]
    assert said(played)[0] == "1 Submitted"  # it works at once, and no 399 comes before


def test_an_order_for_the_day_and_its_evening_ends_with_the_evening() -> None:
    played = playing(LONG)
    played.place(order(1, "BUY", limit="94", outside_rth=True))
    played.place(order(2, "BUY", limit="94"))
    played.place(order(3, "BUY", limit="50", outside_rth=True))
    until(played, CLOSE)
    assert [held(played, number).status for number in (1, 2, 3)] == ["Submitted", "Cancelled", "Submitted"]
    assert fills(until(played, AFTER)) == [(1, "03 21:30", D(94))]
    assert held(played, 3).status == "Cancelled"


# ---------------------------------------------------------------- conditions


def above(price: str, symbol: str = "AAA", **more: Any) -> Condition:
    return Condition(kind=1, symbol=symbol, value=price, **more)


def test_an_order_waits_for_its_price_condition_and_keeps_on_once_it_was_true() -> None:
    played = playing(QUIET)
    played.place(order(1, "BUY", limit="100", conditions=(above("94.50", is_more=False),)))
    assert stands(played, 1) == ("PreSubmitted", "")
    # The print at noon is 94.50; at 95 it is had.
    assert fills(until(played, NOON)) == [(1, "03 17:00", D(95))]
    played.place(order(2, "SELL", limit="107", conditions=(above("105.50"),)))
    until(played, LATE)
    assert stands(played, 2) == ("Submitted", "")


def test_conditions_are_joined_one_after_the_other() -> None:
    # Noon is not before 12:00 in New York (17:00 UTC is 12:00), so "price and time" is false and "or volume" decides:
    # 300 have traded by 20:00 (100 a print).
    time = Condition(kind=3, value="20220103 11:59:59 US/Eastern", is_more=False, conjunction="o")
    volume = Condition(kind=6, symbol="AAA", value="300")
    played = playing(QUIET)
    played.place(order(1, "BUY", conditions=(above("94.50", is_more=False), time, volume)))
    assert fills(until(played, LATE)) == [(1, "03 20:00", D(106))]


def test_a_condition_on_the_change_of_the_day() -> None:
    # Closed at 100 the day before; at noon the print is 94.50, 5.5 % below.
    played = until(until(exchange(written(QUIET, QUIET)), OPEN), OPEN)
    fallen = Condition(kind=7, symbol="AAA", value="-5.5", is_more=False)
    played.place(order(1, "BUY", conditions=(fallen,)))
    assert fills(until(played, NOON)) == [(1, "04 17:00", D(95))]
    first = playing(QUIET)
    first.place(order(1, "BUY", conditions=(fallen,)))
    assert fills(until(first, LATE)) == []  # there was no close before the first day


def test_conditions_can_cancel_instead() -> None:
    played = playing(QUIET)
    played.place(order(1, "BUY", limit="95", conditions=(above("94.50", is_more=False),), conditions_cancel_order=True))
    assert stands(played, 1) == ("Submitted", "")
    assert fills(until(played, NOON)) == []
    assert held(played, 1).status == "Cancelled"


def test_conditions_are_looked_at_outside_regular_hours_where_they_ignore_them() -> None:
    for ignored, number in ((True, 1), (False, 0)):
        played = exchange(written(LONG))
        asked = order(1, "BUY", limit="99", outside_rth=True, conditions=(above("98.50"),))
        played.place(replace(asked, conditions_ignore_rth=ignored))
        assert len(fills(played)) == number


def test_a_condition_on_an_execution_waits_for_one_that_comes_after_it() -> None:
    played = playing(QUIET, holds=10)
    traded = Condition(kind=5, symbol="AAA")
    played.place(order(2, "SELL", conditions=(traded,)))
    assert len(fills(until(played, NOON))) == 1  # the purchase at the bell was before
    played.place(order(3, "BUY", 1))
    assert stands(played, 2) == ("PreSubmitted", "")
    assert fills(until(played, LATE))[2:] == [(2, "03 20:00", D(105))]


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (above("90", symbol="ZZZ"), 147),
        (above("90", symbol=""), 147),
        (above("ninety"), 321),
        (above("NaN"), 321),
        (Condition(kind=3, value="noon"), 321),
        (Condition(kind=4, value="much"), 321),
        (Condition(kind=5, symbol="ZZZ"), 147),
        (Condition(kind=2, symbol="AAA", value="1"), 321),
        (above("90", conjunction="x"), 321),
    ],
)
def test_a_condition_that_can_never_be_looked_at_is_refused(condition: Condition, code: int) -> None:
    played = playing(QUIET)
    played.place(order(1, "BUY", conditions=(condition,)))
    assert said(played) == [f"1 code {code}"]


# ---------------------------------------------------------------- requests that are none


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (order(1, kind="STP"), 321),
        (order(1, kind="STP", stop="0"), 321),
        (order(1, kind="STP", stop="90.001"), 110),
        (order(1, kind="STP LMT", stop="90"), 321),
        (order(1, kind="TRAIL"), 158),
        (order(1, kind="TRAIL", stop="0"), 158),
        (order(1, kind="TRAIL", trailing_percent=D(0)), 159),
        (order(1, kind="TRAIL", trailing_percent=D(100)), 159),
        (order(1, kind="TRAIL", stop="1", trail_stop_price=D("90.001")), 110),
        (order(1, kind="TRAIL", stop="1", trail_stop_price=D(-1)), 321),
        (order(1, kind="TRAIL LIMIT", stop="1"), 321),
        (order(1, kind="MOC", tif="GTC"), 113),
        (order(1, kind="LOC", limit="90", tif="OPG"), 113),
        (order(1, kind="STP", stop="90", tif="IOC"), 111),
        (order(1, tif="GTD"), 337),
        (order(1, tif="GTD", good_till_date="20220103-14:30:00"), 334),
        (order(1, tif="GTD", good_till_date="20220102"), 334),
        (order(1, good_after_time="later"), 337),
        (order(1, oca_group="g", oca_type=4), 321),
        (order(1, parent_id=7), 135),
        (order(1, parent_id=1), 135),
    ],
)
def test_a_request_that_holds_not_together_has_its_code_and_uses_no_id(request_: Place, code: int) -> None:
    played = at(OPEN)
    played.place(request_)
    assert said(played) == [f"1 code {code}"]
    assert played.next_order_id(1) == 1


def test_a_stop_to_buy_holds_the_money_that_it_may_cost() -> None:
    played = playing(QUIET, cash=D(1040))
    played.place(order(1, "BUY", kind="STP", stop="104"))
    assert played.accounts[ACCOUNT].held_cash() == 1040
    played.place(order(2, "BUY", kind="STP", stop="104"))
    assert said(played)[-2:] == ["2 code 201", "2 Inactive"]
