"""Brackets and groups of which one cancels or reduces the others, worked out by hand.

Sources: IBKR, "TWS API: Bracket Orders" (parentId, transmit), "One Cancels All" (ocaType), and the statuses as clients
of TWS report them (PreSubmitted, held as "child" or "child,trigger").
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bursar.gateway.commands import Cancel, CancelAll, Place
from bursar.gateway.exchange import Exchange
from bursar.gateway.notices import Executed
from tests.gateway.test_exchange import ACCOUNT, fills, said, until
from tests.gateway.test_order_types import day, held, playing, stands
from tests.gateway.worlds import CLOSE, LATE, NOON, OPEN, QUIET, order

D = Decimal
OTHER = "DU9000002"


def bracket(entry: Place, target: str = "104", stop: str = "92", quantity: int = 10) -> tuple[Place, ...]:
    """A purchase with its target above and its stop below, the last of which transmits them all."""
    return (
        entry,
        order(2, "SELL", quantity, limit=target, parent_id=1, transmit=False),
        order(3, "SELL", quantity, kind="STP", stop=stop, parent_id=1),
    )


def place(played: Exchange, *requests: Place) -> Exchange:
    for request in requests:
        played.place(request)
    return played


def statuses(played: Exchange, *numbers: int) -> list[str]:
    return [held(played, number).status for number in numbers]


# ---------------------------------------------------------------- transmit


def test_what_is_not_transmitted_is_held_back_without_a_word_until_the_last_of_its_family() -> None:
    played = playing(QUIET)
    entry, target, stop = bracket(order(1, limit="96", transmit=False))
    place(played, entry, target)
    assert (said(played), played.open_orders(), played.next_order_id(1)) == ([], (), 3)
    played.place(stop)
    assert said(played) == ["1 Submitted", "2 PreSubmitted", "3 PreSubmitted"]
    assert [stands(played, number)[1] for number in (1, 2, 3)] == ["", "child", "child,trigger"]
    assert len({held(played, number).perm_id for number in (1, 2, 3)}) == 3


def test_a_parked_order_can_be_changed_transmitted_and_taken_back() -> None:
    played = playing(QUIET)
    place(played, order(1, limit="96", transmit=False), order(1, limit="50", transmit=False))
    assert said(played) == []
    played.place(order(1, limit="60"))
    assert held(played, 1).request.lmt_price == 60
    place(played, order(2, limit="70", transmit=False), order(3, "SELL", limit="80", parent_id=2, transmit=False))
    played.place(order(3, "SELL", limit="80", parent_id=1, transmit=False))
    assert said(played)[1:] == ["3 code 10341"]
    played.cancel(Cancel(client_id=1, order_id=2))
    assert said(played)[2:] == ["2 code 202", "2 Cancelled", "3 code 202", "3 Cancelled"]
    place(played, order(4, limit="70", transmit=False), order(5, limit="71", transmit=False))
    played.cancel_all(CancelAll(client_id=1))
    assert statuses(played, 1, 4, 5) == ["Cancelled"] * 3
    assert played.orders.untransmitted == ()


def test_taking_back_one_child_leaves_the_others_parked() -> None:
    played = playing(QUIET)
    entry, target, _ = bracket(order(1, limit="96", transmit=False))
    place(played, entry, target)
    played.cancel(Cancel(client_id=1, order_id=2))
    assert [each.order_id for each in played.orders.untransmitted] == [1]


def test_families_of_two_clients_do_not_mix() -> None:
    played = playing(QUIET)
    played.place(order(1, limit="96", transmit=False))
    played.place(order(1, limit="96", client_id=2))
    assert [each.client_id for each in played.orders.untransmitted] == [1]


# ---------------------------------------------------------------- brackets


def test_a_bracket_takes_its_profit_and_drops_its_stop() -> None:
    # In at 101 at the bell, out at the bid of 105 late; 94.50 at noon does not reach the stop of 92.
    played = place(playing(QUIET), *bracket(order(1, transmit=False)))
    assert [stands(played, number) for number in (2, 3)] == [("Submitted", ""), ("PreSubmitted", "trigger")]
    until(played, LATE)
    assert fills(played) == [(1, "03 14:30", D("101.00")), (2, "03 20:00", D("105.00"))]
    assert statuses(played, 1, 2, 3) == ["Filled", "Filled", "Cancelled"]
    assert played.accounts[ACCOUNT].quantities == {}


def test_a_bracket_stops_its_loss_and_drops_its_target() -> None:
    played = place(playing(QUIET), *bracket(order(1, transmit=False), stop="95"))
    # The print at noon is 94.50 and 94 is bid.
    assert fills(until(played, NOON))[1:] == [(3, "03 17:00", D("94.00"))]
    assert statuses(played, 1, 2, 3) == ["Filled", "Cancelled", "Filled"]


def test_the_exits_of_a_bracket_hold_the_same_shares_once() -> None:
    played = place(playing(QUIET), *bracket(order(1, transmit=False)))
    held_by_account = played.accounts[ACCOUNT]
    assert held_by_account.available_shares("AAA") == 0
    played.place(order(4, "SELL", 1, limit="110"))
    assert said(played)[-2:] == ["4 code 201", "4 Inactive"]


def test_children_wait_for_a_parent_that_rests_and_do_not_work_before() -> None:
    # The target of 94 could be had at once, were there anything to sell.
    played = place(playing(QUIET), *bracket(order(1, limit="96", transmit=False), target="94"))
    assert stands(played, 2) == ("PreSubmitted", "child")
    # At noon the parent buys at 95, and its target sells at the bid of 94 in the same instant.
    assert fills(until(played, NOON)) == [(1, "03 17:00", D("95.00")), (2, "03 17:00", D("94.00"))]


def test_a_part_of_the_parent_releases_the_same_part_of_each_child() -> None:
    # A hundred are on display: 100 of 200 are bought at the bell. Late, the target sells those hundred and the stop
    # shrinks from 200 to the 100 that are still to come; the parent is never filled again and ends with the day.
    played = playing(QUIET, partial_fills=True)
    place(played, *bracket(order(1, "BUY", 200, limit="101", transmit=False), quantity=200, stop="60"))
    target, stop = held(played, 2), held(played, 3)
    assert (target.status, target.released, target.workable) == ("Submitted", D(100), D(100))
    assert (stop.status, stop.why_held, stop.released) == ("PreSubmitted", "trigger", D(100))
    played.place(order(1, "BUY", 200, limit="90"))  # out of reach from now on
    until(played, LATE)
    assert [(each.order_id, each.shares) for each, _ in played.deals.all] == [(1, D(100)), (2, D(100))]
    assert (held(played, 3).request.total_quantity, held(played, 3).workable) == (D(100), D(0))
    until(played, CLOSE)
    assert statuses(played, 1, 2, 3) == ["Cancelled", "Cancelled", "Cancelled"]
    assert played.accounts[ACCOUNT].quantities == {}


def test_what_a_canceled_parent_released_stays_at_work() -> None:
    played = playing(QUIET, partial_fills=True)
    place(played, *bracket(order(1, "BUY", 200, limit="101", transmit=False), quantity=200))
    played.cancel(Cancel(client_id=1, order_id=1))
    assert statuses(played, 1, 2, 3) == ["Cancelled", "Submitted", "PreSubmitted"]
    assert [held(played, number).request.total_quantity for number in (2, 3)] == [D(100), D(100)]
    until(played, LATE)
    assert [(each.order_id, each.shares) for each, _ in played.deals.all] == [(1, D(100)), (2, D(100))]
    assert statuses(played, 2, 3) == ["Filled", "Cancelled"]


def test_a_canceled_parent_takes_its_children_with_it() -> None:
    played = place(playing(QUIET), *bracket(order(1, limit="96", transmit=False)))
    played.cancel(Cancel(client_id=1, order_id=1))
    assert said(played)[3:] == [
        "1 code 202", "1 Cancelled", "2 code 202", "2 Cancelled", "3 code 202", "3 Cancelled",
    ]  # fmt: skip


def test_a_refused_parent_takes_its_children_with_it() -> None:
    played = place(playing(QUIET), *bracket(order(1, "BUY", 10_000, transmit=False)))
    assert said(played) == ["1 code 201", "1 Inactive", "2 code 201", "2 Inactive", "3 code 201", "3 Inactive"]


def test_a_child_that_comes_when_its_parent_is_done_is_refused() -> None:
    played = playing(QUIET)
    place(played, order(1), order(2, "SELL", limit="104", parent_id=1))
    assert said(played)[4:] == ["2 code 201", "2 Inactive"]
    assert "Parent order is being cancelled" in str(played.notices[-3])


def test_a_child_may_come_later_while_its_parent_rests_and_may_have_children_itself() -> None:
    played = playing(QUIET)
    place(played, order(1, limit="96"), order(2, "SELL", limit="105", parent_id=1))
    played.place(order(3, "BUY", limit="100.50", parent_id=2))
    assert [stands(played, number)[1] for number in (1, 2, 3)] == ["", "child", "child"]
    until(played, LATE)
    assert statuses(played, 1, 2, 3) == ["Filled", "Filled", "Submitted"]
    until(played, CLOSE)
    assert len(fills(played)) == 2


def test_a_child_in_the_direction_of_its_parent_is_no_exit_and_in_no_group() -> None:
    played = playing(QUIET)
    place(played, order(1, limit="96"), order(2, "BUY", limit="95", parent_id=1))
    assert held(played, 2).oca_group == ""


def test_a_trailing_child_begins_to_trail_when_its_parent_is_filled() -> None:
    played = place(
        playing(QUIET), order(1, limit="96", transmit=False), order(2, "SELL", kind="TRAIL", stop="3", parent_id=1)
    )
    assert held(played, 2).stop_price is None
    until(played, NOON)
    assert held(played, 2).stop_price == D("91.50")  # the print at noon is 94.50
    until(played, LATE)
    assert held(played, 2).stop_price == D("102.50")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"parent_id": 0}, 10341),
        ({"parent_id": 3}, 10341),
        ({"parent_id": 1, "oca_group": "other"}, 10326),
    ],
)
def test_neither_parent_nor_group_can_be_changed(change: dict[str, Any], code: int) -> None:
    played = place(playing(QUIET), order(1, limit="96"), order(2, "SELL", limit="105", parent_id=1))
    played.place(order(2, "SELL", limit="106", **change))
    assert said(played)[2:] == [f"2 code {code}"]
    # The group that it was given, a client may say back.
    played.place(order(2, "SELL", limit="106", parent_id=1, oca_group=held(played, 2).oca_group))
    assert held(played, 2).request.lmt_price == 106


def test_a_child_and_its_parent_are_of_one_account() -> None:
    played = playing(QUIET, accounts=(ACCOUNT, OTHER))
    place(played, order(1, limit="96"), order(2, "SELL", limit="105", parent_id=1, account=OTHER))
    assert said(played)[1:] == ["2 code 321"]


# ---------------------------------------------------------------- one cancels, or reduces, the others


def group(oca_type: int, **more: Any) -> dict[str, Any]:
    return {"oca_group": "g", "oca_type": oca_type, **more}


@pytest.mark.parametrize("oca_type", [0, 1])
def test_of_a_group_of_type_one_the_first_fill_cancels_the_others(oca_type: int) -> None:
    played = playing(QUIET, partial_fills=True)
    place(
        played,
        order(1, "BUY", 150, limit="95", **group(oca_type)),
        order(2, "BUY", limit="60", **group(oca_type)),
        order(3, "BUY", limit="60"),
    )
    until(played, NOON)  # a hundred of the first are filled: a part is enough
    assert statuses(played, 1, 2, 3) == ["Submitted", "Cancelled", "Submitted"]


@pytest.mark.parametrize("oca_type", [2, 3])
def test_of_a_group_that_reduces_the_others_lose_the_same_part(oca_type: int) -> None:
    # 100 of 150 are filled: two thirds. Of 30 a third is left, which is 10; of 10 three and a third: 3.
    played = playing(QUIET, partial_fills=True)
    place(
        played,
        order(1, "BUY", 150, limit="95", **group(oca_type)),
        order(2, "BUY", 30, limit="60", **group(oca_type)),
        order(3, "BUY", 10, limit="60", **group(oca_type)),
    )
    until(played, NOON)
    assert [held(played, number).request.total_quantity for number in (2, 3)] == [D(10), D(3)]
    played.place(order(1, "BUY", 150, limit="106", **group(oca_type)))
    until(played, LATE)
    assert statuses(played, 1, 2, 3) == ["Filled", "Cancelled", "Cancelled"]


def test_two_that_could_be_filled_at_the_same_instant_are_not() -> None:
    played = playing(QUIET)
    place(played, order(1, limit="95", **group(1)), order(2, limit="96", **group(1)))
    assert [number for number, _, _ in fills(until(played, NOON))] == [1]
    assert statuses(played, 1, 2) == ["Filled", "Cancelled"]


def test_a_group_holds_what_its_greediest_member_needs() -> None:
    played = playing(QUIET, cash=D(1000))
    place(played, order(1, "BUY", 10, limit="60", **group(1)), order(2, "BUY", 10, limit="90", **group(1)))
    assert played.accounts[ACCOUNT].held_cash() == 900
    played.cancel(Cancel(client_id=1, order_id=2))
    assert played.accounts[ACCOUNT].held_cash() == 600
    played.place(order(3, "BUY", 10, limit="95", **group(1)))
    assert statuses(played, 1, 3) == ["Submitted", "Submitted"]
    played.place(order(4, "BUY", 1, limit="95"))
    assert said(played)[-2:] == ["4 code 201", "4 Inactive"]


def test_a_group_is_of_one_account() -> None:
    played = playing(QUIET, accounts=(ACCOUNT, OTHER))
    place(played, order(1, limit="60", **group(1)), order(2, limit="60", account=OTHER, **group(1)))
    place(
        played, order(2, limit="60", transmit=False, oca_group="h"), order(3, limit="60", account=OTHER, oca_group="h")
    )
    assert said(played)[1:] == ["2 code 321", "3 code 321"]


def test_taking_back_one_of_a_group_leaves_the_others() -> None:
    played = playing(QUIET)
    place(played, order(1, limit="60", **group(1)), order(2, limit="61", **group(1)))
    played.cancel(Cancel(client_id=1, order_id=1))
    assert statuses(played, 1, 2) == ["Cancelled", "Submitted"]


def test_a_global_cancel_of_a_bracket_ends_each_order_once() -> None:
    played = place(playing(QUIET), *bracket(order(1, limit="96", transmit=False)))
    played.cancel_all(CancelAll(client_id=1))
    assert [text for text in said(played) if "Cancelled" in text] == ["1 Cancelled", "2 Cancelled", "3 Cancelled"]


def test_a_bracket_outlives_the_night_with_its_exits() -> None:
    gap = day(t1430="109 111 110", t2100="110 110 110")
    played = playing(QUIET, gap)
    entry, *_ = bracket(order(1, limit="96", transmit=False))
    place(
        played,
        entry,
        order(2, "SELL", limit="108", parent_id=1, transmit=False, tif="GTC"),
        order(3, "SELL", kind="STP", stop="92", parent_id=1, tif="GTC"),
    )
    until(until(played, CLOSE), OPEN)
    assert fills(played)[1:] == [(2, "04 14:30", D(109))]
    assert all(isinstance(each, Executed) for each, _ in played.deals.all)
    assert statuses(played, 3) == ["Cancelled"]
