"""The rules of the house, one by one, on days of which every quote is written down.

Each day (see ``worlds.QUIET``) has AAA at 99 x 101 at the bell, 94 x 95 at noon, 105 x 106 late and
99.50 x 100.50 at the close.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bursar.domain.instruments import Instrument
from bursar.errors import InputError
from bursar.gateway.commands import Advance, Cancel, CancelAll, Place
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints, IbkrFixedUS
from bursar.gateway.notices import (
    Bound,
    CommissionReported,
    Executed,
    HoldingChanged,
    Notice,
    OrderOpened,
    Refused,
    StatusReported,
)
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from tests.gateway.worlds import BEFORE, CLOSE, LATE, NOON, OPEN, QUIET, order, simulated, written

ACCOUNT = "DU9000001"
FREE = BasisPoints(rate=Decimal(0))
D = Decimal


def exchange(world: World | None = None, **terms: Any) -> Exchange:
    """An exchange that charges nothing, before the bell of the first day."""
    return Exchange(world or written(), replace(Terms(fees=FREE), **terms))


def until(played: Exchange, moment: tuple[int, int]) -> Exchange:
    """Go on to the next time that the clock shows ``moment``."""
    played.advance()
    while (played.now.hour, played.now.minute) != moment:
        played.advance()
    return played


def at(moment: tuple[int, int], **terms: Any) -> Exchange:
    return until(exchange(**terms), moment)


def said(played: Exchange, first: int = 0) -> list[str]:
    """Notices in short: statuses, executions with price, codes."""
    return [text for notice in played.notices[first:] if (text := short(notice))]


def short(notice: Notice) -> str:
    match notice:
        case OrderOpened():
            return ""
        case StatusReported(order=held):
            return f"{held.request.order_id} {held.status}"
        case Executed():
            return f"{notice.order_id} {notice.side} {notice.shares} at {notice.price}"
        case CommissionReported():
            return f"fee {notice.commission}"
        case Refused():
            return f"{notice.order_id} code {notice.code}"
        case Bound(order=held):
            return f"{held.number} bound"
        case HoldingChanged():
            return f"{notice.symbol} changed"


def fills(played: Exchange) -> list[tuple[int, str, Decimal]]:
    """Order, time and price of each execution."""
    return [(each.order_id, f"{each.at:%d %H:%M}", each.price) for each, _ in played.deals.all]


# ---------------------------------------------------------------- market orders


def test_a_market_order_fills_at_once_at_the_far_side() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", 10))
    played.place(order(2, "SELL", 4))
    assert said(played) == [
        "1 Submitted",
        "1 BOT 10 at 101.00",
        "1 Filled",
        "fee 0.00",
        "2 Submitted",
        "2 SLD 4 at 99.00",
        "2 Filled",
        "fee 0.00",
    ]
    assert played.accounts[ACCOUNT].cash == 100_000 - 1010 + 396


def test_each_status_comes_with_the_whole_order() -> None:
    played = at(OPEN)
    played.place(order(1))
    opened = [notice.order for notice in played.notices if isinstance(notice, OrderOpened)]
    statuses = [notice.order for notice in played.notices if isinstance(notice, StatusReported)]
    assert opened == statuses
    assert (opened[-1].filled, opened[-1].remaining, opened[-1].avg_fill_price) == (D(10), D(0), D(101))
    assert (opened[0].filled, opened[0].avg_fill_price, opened[0].last_fill_price) == (D(0), D(0), D(0))


@pytest.mark.parametrize(("moment", "opens_on", "filled_at"), [(BEFORE, "03", "03 14:30"), (CLOSE, "04", "04 14:30")])
def test_outside_hours_a_market_order_waits_for_the_next_open_and_says_so(
    moment: tuple[int, int], opens_on: str, filled_at: str
) -> None:
    played = exchange() if moment == BEFORE else at(moment)
    played.place(order(1))
    assert said(played) == ["1 PreSubmitted", "1 code 399"]
    warning = played.notices[-1]
    assert isinstance(warning, Refused)
    assert f"will not be placed at the exchange until 2022-01-{opens_on} 09:30:00 US/Eastern." in warning.text
    seen = len(played.notices)
    until(played, OPEN)
    assert said(played, seen) == ["1 Submitted", "1 BOT 10 at 101.00", "1 Filled", "fee 0.00"]
    assert fills(played) == [(1, filled_at, D("101.00"))]


def test_after_the_last_session_the_warning_names_no_day() -> None:
    played = exchange(written(QUIET))
    until(played, CLOSE)
    played.place(order(1))
    warning = played.notices[-1]
    assert isinstance(warning, Refused)
    assert warning.text.endswith("until the next session.")


def test_a_market_order_in_what_has_no_quote_waits_for_one_and_ends_with_the_day() -> None:
    late_quote = {**QUIET, LATE: {**QUIET[LATE], "BBB": ("10.00", "10.02")}}
    played = until(exchange(written(late_quote)), OPEN)
    played.place(order(1, symbol="BBB"))
    assert fills(until(played, LATE)) == [(1, "03 20:00", D("10.02"))]
    played = at(OPEN)
    played.place(order(1, symbol="BBB"))
    assert said(until(played, CLOSE)) == ["1 Submitted", "1 code 202", "1 Cancelled"]


def test_yesterdays_quote_is_no_quote() -> None:
    # BBB is quoted on the first day alone.
    played = exchange(written({**QUIET, OPEN: {**QUIET[OPEN], "BBB": ("10.00", "10.02")}}, QUIET))
    until(until(played, OPEN), OPEN)
    played.place(order(1, symbol="BBB"))
    assert fills(played) == []
    assert played.quote("BBB") is not None


# ---------------------------------------------------------------- limit orders


def test_a_limit_order_that_can_be_had_fills_at_the_quote_not_at_its_limit() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", limit="103"))
    assert fills(played) == [(1, "03 14:30", D("101.00"))]


def test_a_resting_purchase_fills_when_the_ask_comes_down_through_it_at_that_ask() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", limit="96"))
    assert said(played) == ["1 Submitted"]
    assert fills(until(played, NOON)) == [(1, "03 17:00", D("95.00"))]


def test_a_resting_sale_fills_when_the_bid_comes_up_through_it_at_that_bid() -> None:
    played = at(OPEN)
    played.place(order(1))
    played.place(order(2, "SELL", limit="104"))
    assert fills(until(played, LATE))[1:] == [(2, "03 20:00", D("105.00"))]


def test_a_limit_that_is_touched_exactly_fills() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", limit="95"))
    assert fills(until(played, NOON)) == [(1, "03 17:00", D("95.00"))]


def test_a_limit_that_is_never_reached_ends_with_its_day() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", limit="94.99"))
    assert said(until(played, CLOSE)) == ["1 Submitted", "1 code 202", "1 Cancelled"]
    assert played.open_orders() == ()
    assert played.completed_orders()[0].ended_at == datetime(2022, 1, 3, 21, tzinfo=UTC)


def test_the_closing_print_fills_nothing() -> None:
    # The close is 99.50 x 100.50 and would have filled it; the session is over when the bell has rung.
    played = at(LATE)
    played.place(order(1, "BUY", limit="100.50"))
    assert fills(until(played, CLOSE)) == []


def test_good_till_canceled_goes_on_to_the_next_day() -> None:
    played = exchange(written({**QUIET, NOON: {}}, QUIET))
    until(played, OPEN).place(order(1, "BUY", limit="96", tif="GTC"))
    assert fills(until(until(played, CLOSE), NOON)) == [(1, "04 17:00", D("95.00"))]


def test_a_day_order_entered_after_the_close_works_the_next_day() -> None:
    played = at(CLOSE)
    played.place(order(1, "BUY", limit="96"))
    assert said(until(played, OPEN)) == ["1 PreSubmitted", "1 code 399", "1 Submitted"]
    assert fills(until(played, NOON)) == [(1, "04 17:00", D("95.00"))]


def test_orders_meet_the_market_in_the_order_in_which_they_came() -> None:
    played = at(OPEN)
    for number, limit in ((1, "96"), (2, "98"), (3, "97")):
        played.place(order(number, "BUY", limit=limit))
    assert [number for number, _, _ in fills(until(played, NOON))] == [1, 2, 3]


# ---------------------------------------------------------------- sizes


def test_fractions_trade_where_the_lot_allows_them() -> None:
    played = until(exchange(written(lot="0.0001")), OPEN)
    played.place(order(1, "BUY", "0.1234"))
    assert played.accounts[ACCOUNT].position("AAA").quantity == D("0.1234")


def test_by_default_any_size_fills_whole() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", 900))
    assert said(played) == ["1 Submitted", "1 BOT 900 at 101.00", "1 Filled", "fee 0.00"]


def test_with_partial_fills_no_more_trades_than_is_on_display() -> None:
    # 100 are shown each time: 100 at the bell, shared by two orders, 100 at noon, 100 late.
    played = at(OPEN, partial_fills=True, fees=IbkrFixedUS())
    played.place(order(1, "BUY", 80))
    played.place(order(2, "BUY", 150))
    played.place(order(3, "BUY", 10))
    assert fills(played) == [(1, "03 14:30", D(101)), (2, "03 14:30", D(101))]
    second = played.order(1, 2)
    assert second is not None
    assert (second.status, second.filled, second.remaining) == ("Submitted", D(20), D(130))
    until(played, LATE)
    assert [(each.order_id, each.shares, each.cum_qty) for each, _ in played.deals.all[2:]] == [
        (2, D(100), D(120)),
        (2, D(30), D(150)),
        (3, D(10), D(10)),
    ]
    # 20 at 101, 100 at 95, 30 at 106, over 150
    assert played.deals.all[3][0].avg_price == D(14700) / 150
    # One minimum for the whole order, not one a fill.
    assert [fee.commission for each, fee in played.deals.all if each.order_id == 2] == [D("1.00"), D(0), D(0)]


def test_what_is_left_of_a_partial_fill_ends_with_the_day() -> None:
    played = at(OPEN, partial_fills=True)
    played.place(order(1, "BUY", 500))
    until(played, CLOSE)
    ended = played.order(1, 1)
    assert ended is not None
    assert (ended.status, ended.filled) == ("Cancelled", D(300))
    assert played.accounts[ACCOUNT].held_cash() == 0


# ---------------------------------------------------------------- money


def test_a_purchase_beyond_the_cash_is_refused_and_costs_nothing() -> None:
    played = at(OPEN, cash=D(1009))
    played.place(order(1, "BUY", 10))
    assert said(played) == ["1 code 201", "1 Inactive"]
    refusal = played.notices[0]
    assert isinstance(refusal, Refused)
    assert refusal.text == (
        "Order rejected - reason:Your order is not accepted: it needs 1010.00 USD, and 1009.00 USD is available."
    )
    assert played.accounts[ACCOUNT].cash == 1009


def test_the_commission_must_be_paid_too() -> None:
    assert said(at(OPEN, cash=D(1010))) == []
    played = at(OPEN, cash=D("1010.10"), fees=BasisPoints(rate=D(1)))
    played.place(order(1, "BUY", 10))
    assert said(played)[-1] == "fee 0.10"
    assert played.accounts[ACCOUNT].cash == 0
    played = at(OPEN, cash=D("1010.09"), fees=BasisPoints(rate=D(1)))
    played.place(order(1, "BUY", 10))
    assert said(played) == ["1 code 201", "1 Inactive"]


def test_working_purchases_hold_their_money_back_until_they_end() -> None:
    played = at(OPEN, cash=D(1000))
    played.place(order(1, "BUY", 10, limit="90"))
    played.place(order(2, "BUY", 2, limit="90"))
    assert said(played) == ["1 Submitted", "2 code 201", "2 Inactive"]
    played.cancel(Cancel(client_id=1, order_id=1))
    played.place(order(3, "BUY", 2, limit="90"))
    assert said(played)[-1] == "3 Submitted"


def test_a_market_order_for_which_the_money_ran_out_overnight_is_refused_at_the_open() -> None:
    rich = {**QUIET, OPEN: {"AAA": ("120.00", "121.00")}}
    played = exchange(written(QUIET, rich), cash=D(1100))
    until(played, CLOSE).place(order(1, "BUY", 10))
    assert said(until(played, OPEN)) == ["1 PreSubmitted", "1 code 399", "1 Submitted", "1 code 201", "1 Inactive"]
    assert played.accounts[ACCOUNT].cash == 1100


def test_when_the_money_runs_out_in_the_middle_the_rest_is_canceled() -> None:
    played = at(NOON, partial_fills=True, cash=D(19_100))
    played.place(order(1, "BUY", 200))  # 200 at 95 is 19,000; the second hundred costs 106 each
    until(played, LATE)
    assert said(played)[-2:] == ["1 code 201", "1 Cancelled"]
    assert played.accounts[ACCOUNT].cash == 19_100 - 9500


def test_a_sale_of_what_is_not_there_is_refused() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", 10))
    played.place(order(2, "SELL", 11))
    assert said(played)[-2:] == ["2 code 201", "2 Inactive"]


def test_the_same_shares_are_not_sold_twice() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", 10))
    played.place(order(2, "SELL", 6, limit="104"))
    played.place(order(3, "SELL", 6, limit="105"))
    assert said(played)[-3:] == ["2 Submitted", "3 code 201", "3 Inactive"]


def test_where_shorts_are_allowed_half_of_the_sale_must_be_there_in_cash() -> None:
    played = at(OPEN, shorts_allowed=True, cash=D(495))
    played.place(order(1, "SELL", 10))  # 990 short at the bid of 99; the last print is 100
    assert played.accounts[ACCOUNT].position("AAA").quantity == -10
    # 495 + 990 - 1.5 * 10 * 100
    assert played.credit.available_cash(played.accounts[ACCOUNT]) == -15
    played.place(order(2, "SELL", 1))
    assert said(played)[-2:] == ["2 code 201", "2 Inactive"]
    poor = at(OPEN, shorts_allowed=True, cash=D(494))
    poor.place(order(1, "SELL", 10))
    assert said(poor) == ["1 code 201", "1 Inactive"]


def test_a_short_can_be_covered_though_nothing_is_available() -> None:
    # Late 1485 is there and 1.5 * 10 * 105.50 is blocked. Covering one share of ten is allowed, buying others is not.
    played = at(OPEN, shorts_allowed=True, cash=D(495))
    played.place(order(1, "SELL", 10))
    until(played, LATE)
    assert played.credit.available_cash(played.accounts[ACCOUNT]) == D("-97.50")
    played.place(order(2, "BUY", 1))
    assert said(played)[-2:] == ["2 Filled", "fee 0.00"]
    assert played.credit.available_cash(played.accounts[ACCOUNT]) < 0
    played.place(order(3, "BUY", 1, symbol="BBB", limit="1"))
    assert said(played)[-2:] == ["3 code 201", "3 Inactive"]
    played.place(order(4, "BUY", 9))
    assert played.accounts[ACCOUNT].cash == 1485 - 1060


def test_accounts_do_not_pay_for_each_other() -> None:
    played = at(OPEN, accounts=("DU9000001", "DU9000002"), cash=D(2000))
    played.place(order(1, "BUY", 10, account="DU9000001"))
    played.place(order(2, "BUY", 10, account="DU9000002"))
    played.place(order(3, "BUY", 10, account="DU9000002"))
    assert [name for name, held in played.accounts.items() if held.cash == 990] == ["DU9000001", "DU9000002"]
    assert said(played)[-1] == "3 Inactive"


def test_proceeds_buy_at_once_and_settle_two_days_later() -> None:
    played = at(OPEN, cash=D(1010))
    played.place(order(1, "BUY", 10))
    played.place(order(2, "SELL", 10))
    held = played.accounts[ACCOUNT]
    assert (held.cash, held.settled_cash) == (D(990), D(0))
    played.place(order(3, "BUY", 9))
    assert said(played)[-2:] == ["3 Filled", "fee 0.00"]


# ---------------------------------------------------------------- requests that are none


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (order(1, symbol="ZZZ"), 200),
        (order(1, account="DU9000009"), 321),
        (order(1, "SSHORT"), 321),
        (order(1, tif="WEEK"), 321),
        (replace(order(1), order_type="PEG MID"), 387),
        (order(1, quantity="0"), 434),
        (order(1, quantity="-5"), 321),
        (order(1, quantity="NaN"), 321),
        (order(1, quantity="1.5"), 10243),
        (order(1, limit="90.005"), 110),
        (order(1, limit="0"), 321),
        (order(1, limit="-1"), 321),
        (order(1, limit="Infinity"), 321),
        (replace(order(1, limit="90"), lmt_price=None), 321),
    ],
)
def test_a_request_that_is_no_order_is_answered_with_its_code_and_uses_no_id(request_: Place, code: int) -> None:
    played = at(OPEN)
    played.place(request_)
    assert said(played) == [f"1 code {code}"]
    assert played.order(1, 1) is None
    assert played.next_order_id(1) == 1


def test_an_account_in_dollars_does_not_trade_in_yen() -> None:
    world = written()
    yen = replace(world, instruments=(replace(world.instruments[0], currency="JPY"),))
    played = until(exchange(yen), OPEN)
    played.place(order(1))
    refusal = played.notices[0]
    assert isinstance(refusal, Refused)
    assert refusal.text.endswith("The account holds USD and AAA trades in JPY")


def test_an_order_id_is_used_once_and_they_rise() -> None:
    played = at(OPEN)
    played.place(order(5, limit="90"))
    played.place(order(4))
    assert said(played)[-1] == "4 code 103"
    assert played.next_order_id(1) == 6
    played.place(order(1, client_id=2))
    assert said(played)[-1] == "fee 0.00"
    played.cancel(Cancel(client_id=1, order_id=5))
    played.place(order(5, limit="90"))
    assert said(played)[-1] == "5 code 103"


# ---------------------------------------------------------------- changes and cancellations


def test_a_working_order_can_be_changed_under_its_id() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", 10, limit="90"))
    before = played.order(1, 1)
    played.place(order(1, "BUY", 20, limit="96"))
    after = played.order(1, 1)
    assert before is not None
    assert after is not None
    assert before.perm_id == after.perm_id
    assert played.accounts[ACCOUNT].held_cash() == 20 * 96
    until(played, NOON)
    assert [(each.shares, each.price) for each, _ in played.deals.all] == [(D(20), D(95))]


def test_a_change_that_can_be_had_fills_at_once() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", 10, limit="90"))
    played.place(order(1, "BUY", 10, limit="101"))
    assert fills(played) == [(1, "03 14:30", D(101))]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (order(1, "SELL", 10, limit="90"), 105),
        (order(1, "BUY", 10), 105),
        (order(1, "BUY", 10, limit="90", symbol="BBB"), 105),
        (order(1, "BUY", 10, limit="90.001"), 110),
        (order(1, "BUY", 0, limit="90"), 105),
        (order(1, "BUY", 10_000, limit="90"), 201),
    ],
)
def test_a_change_that_cannot_be_leaves_the_order_as_it_was(change: Place, code: int) -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", 10, limit="90"))
    before = played.order(1, 1)
    played.place(change)
    assert said(played) == ["1 Submitted", f"1 code {code}"]
    assert played.order(1, 1) == before
    assert played.accounts[ACCOUNT].held_cash() == 900


def test_an_order_cannot_be_made_smaller_than_what_is_filled() -> None:
    played = at(OPEN, partial_fills=True)
    played.place(order(1, "BUY", 150, limit="101"))
    played.place(order(1, "BUY", 100, limit="101"))
    assert said(played)[-1] == "1 code 105"


def test_a_filled_order_is_not_changed() -> None:
    played = at(OPEN)
    played.place(order(1))
    played.place(order(1, quantity=20))
    assert said(played)[-1] == "1 code 104"


def test_canceling_ends_what_works_and_frees_what_it_held() -> None:
    played = at(OPEN)
    played.place(order(1, limit="90"))
    played.cancel(Cancel(client_id=1, order_id=1))
    assert said(played) == ["1 Submitted", "1 code 202", "1 Cancelled"]
    assert played.accounts[ACCOUNT].held_cash() == 0
    assert fills(until(played, NOON)) == []


def test_what_is_unknown_or_over_cannot_be_canceled() -> None:
    played = at(OPEN)
    played.place(order(1))
    for client_id, order_id in ((1, 9), (2, 1), (1, 1)):
        played.cancel(Cancel(client_id=client_id, order_id=order_id))
    texts = [notice.text for notice in played.notices if isinstance(notice, Refused)]
    assert texts == [
        "OrderId 9 that needs to be cancelled is not found.",
        "OrderId 1 that needs to be cancelled is not found.",
        "OrderId 1 that needs to be cancelled cannot be cancelled, state: Filled.",
    ]
    assert [notice.code for notice in played.notices if isinstance(notice, Refused)] == [10147, 10147, 10148]


def test_a_global_cancel_ends_the_orders_of_every_client() -> None:
    played = at(OPEN)
    played.place(order(1, limit="90"))
    played.place(order(1, limit="90", client_id=2))
    played.apply(CancelAll(client_id=3))
    assert played.open_orders() == ()
    assert [notice.client_id for notice in played.notices if isinstance(notice, Refused)] == [1, 2]


# ---------------------------------------------------------------- what can be asked


def test_open_orders_executions_and_completed_orders_are_by_client_and_since_midnight() -> None:
    played = at(OPEN)
    played.place(order(1, "BUY", limit="90", tif="GTC"))
    played.place(order(1, "BUY", client_id=2))
    assert [held.key for held in played.open_orders()] == [(1, 1)]
    assert played.open_orders(2) == ()
    assert [each.client_id for each, _ in played.executions()] == [2]
    assert played.executions(1) == ()
    assert [held.key for held in played.completed_orders()] == [(2, 1)]
    until(played, BEFORE)
    assert played.executions() == ()
    assert played.completed_orders() == ()
    assert len(played.open_orders(1)) == 1


def test_a_what_if_says_what_would_be_and_changes_nothing() -> None:
    played = at(OPEN, fees=IbkrFixedUS())
    played.place(order(1, "BUY", 10))
    seen = len(played.notices)
    answer = played.what_if(order(2, "BUY", 20))
    assert not isinstance(answer, Refused)
    assert (answer.commission, answer.currency) == (D("1.00"), "USD")
    # Ten held and thirty after, at the last print of 100; equity falls by the commission.
    assert (answer.margin_before, answer.margin_after) == (D(1000), D(3000))
    assert answer.equity_before == 100_000 - 1010 - 1 + 1000
    assert answer.equity_after == answer.equity_before - 1
    sale = played.what_if(order(2, "SELL", 10))
    assert not isinstance(sale, Refused)
    assert sale.margin_after == 0
    assert len(played.notices) == seen
    assert played.next_order_id(1) == 2


def test_a_what_if_of_what_would_be_refused_says_why() -> None:
    played = at(OPEN)
    for bad, code in ((order(1, symbol="ZZZ"), 200), (order(1, quantity=10**6), 201)):
        answer = played.what_if(bad)
        assert isinstance(answer, Refused)
        assert answer.code == code
    assert played.notices == []


def test_time_goes_on_by_instants_and_ends_with_the_world() -> None:
    played = exchange(written(QUIET))
    assert played.now == datetime(2022, 1, 3, 14, 0, tzinfo=UTC)
    assert played.next_instant == datetime(2022, 1, 3, 14, 30, tzinfo=UTC)
    assert not played.open
    assert [(quote.bid, quote.ask) for quote in played.apply(Advance())] == [(D(99), D(101))]
    assert played.open
    while played.next_instant is not None:
        played.advance()
    assert (played.now, played.open) == (datetime(2022, 1, 3, 21, 30, tzinfo=UTC), False)
    with pytest.raises(InputError, match="the world 'written' ended at 2022-01-03 21:30"):
        played.advance()


def test_quotes_are_the_latest_of_each_symbol() -> None:
    played = exchange(simulated(symbols=3))
    assert list(played.quotes) == []
    played.advance()
    assert [quote.symbol for quote in played.quotes] == ["S000", "S001", "S002"]
    assert played.quotes[1] == played.quote("S001")
    assert played.quote("ZZZ") is None


def test_a_tape_that_does_not_stop_at_the_bells_is_refused() -> None:
    world = written()
    moved = tuple(replace(each, open=each.open.replace(minute=31)) for each in world.sessions)
    with pytest.raises(InputError, match="does not stop at both bells of 2022-01-03"):
        Exchange(replace(world, sessions=moved))


# ---------------------------------------------------------------- terms and worlds


@pytest.mark.parametrize("accounts", [(), ("DU9000001", "DU9000001")])
def test_there_must_be_accounts_each_named_once(accounts: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="at least one account, each named once"):
        Terms(accounts=accounts)


@pytest.mark.parametrize("name", ["U1234567", "DU1234567", ""])
def test_an_account_that_could_be_taken_for_a_real_one_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="could be taken for a real one; begin it with DU9"):
        Terms(accounts=(name,))


def test_a_world_needs_instruments_and_sessions_in_order() -> None:
    world = written()
    with pytest.raises(InputError, match="needs at least one instrument and one session"):
        replace(world, instruments=())
    with pytest.raises(InputError, match="needs at least one instrument and one session"):
        replace(world, sessions=())
    with pytest.raises(InputError, match="must be in order, each day once"):
        replace(world, sessions=world.sessions[::-1])
    with pytest.raises(InputError, match="must be in order, each day once"):
        replace(world, past=world.sessions[:1])
    with pytest.raises(InputError, match="lists a symbol twice"):
        replace(world, instruments=(Instrument(symbol="AAA"), Instrument(symbol="AAA")))


def test_contract_ids_are_the_brokers_own_or_depend_on_the_symbol_alone() -> None:
    world = written()
    ids = world.contract_ids
    assert len({*ids.values(), 0}) == 3
    alone = replace(world, instruments=(Instrument(symbol="BBB"), Instrument(symbol="AAPL", contract_id=265598)))
    assert alone.contract_ids["BBB"] == ids["BBB"]
    assert alone.contract_ids["AAPL"] == 265598


def test_a_contract_id_that_is_taken_is_not_given_again() -> None:
    taken = written().contract_ids["AAA"]
    world = replace(written(), instruments=(Instrument(symbol="AAA"), Instrument(symbol="OWN", contract_id=taken)))
    assert world.contract_ids == {"AAA": taken + 1, "OWN": taken}


def test_a_world_knows_its_days_past_ones_included() -> None:
    world = simulated(days=2)
    assert len(world.days) == 62
    assert world.days[-1] == world.sessions[-1].day
    assert world.days[0] == date(2021, 9, 1)
