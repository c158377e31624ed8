"""Who is told of an order, and by which number: several clients, a master, orders made by hand, numbers given twice."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from bursar.gateway.commands import ByHand, Correct, RollBack
from bursar.gateway.hub import Hub
from bursar.gateway.messages import VERSIONS, PlaceOrder
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.messages.orders import CompletedOrder, OpenOrder
from bursar.gateway.messages.values import Condition, Order
from bursar.gateway.terms import Terms
from tests.gateway import worlds
from tests.gateway.clients import AAA, Client, errors, hub_of, kinds, limit, market, one, only, to_open

D = Decimal


def opened(terms: Terms | None = None, **world: Any) -> Hub:
    hub = hub_of(worlds.written(**world), terms)
    to_open(hub)
    return hub


def hand(action: str = "BUY", price: str = "50", **more: Any) -> ByHand:
    placed = worlds.order(0, action, limit=price, client_id=0, **more)
    return ByHand(**{field.name: getattr(placed, field.name) for field in dataclasses.fields(placed)})


def placing(order_id: int, **words: Any) -> PlaceOrder:
    """Any order for ten AAA."""
    words = {"action": "SELL", "total_quantity": D(10), **words}
    return PlaceOrder(order_id=order_id, contract=AAA, order=Order(**words))


# ---------------------------------------------------------------- made by hand


def test_an_order_made_by_hand_has_no_number_until_client_zero_asks_for_it() -> None:
    hub = opened()
    zero, other = Client(hub, client_id=0), Client(hub, client_id=2)
    hub.do(hand())
    told = zero.told()
    assert [(each.order.order_id, each.order.client_id) for each in only(OpenOrder, told)] == [(0, 0)]
    assert other.told() == []
    assert [each.order.order_id for each in only(OpenOrder, other.ask(q.ReqAllOpenOrders()))] == [0]
    perm_id = one(OpenOrder, told).order.perm_id
    told = zero.ask(q.ReqOpenOrders())
    assert only(r.OrderBound, told) == [r.OrderBound(perm_id=perm_id, client_id=0, order_id=-1)]
    assert {each.order.order_id for each in only(OpenOrder, told)} == {-1}
    # And by that number it is canceled.
    assert one(r.OrderStatus, zero.ask(q.CancelOrder(order_id=-1))).status == "Cancelled"


def test_whoever_binds_automatically_gets_those_to_come_with_a_number() -> None:
    hub = opened()
    zero = Client(hub, client_id=0)
    hub.do(hand())
    told = zero.ask(q.ReqAutoOpenOrders(auto_bind=True))
    assert [each.order_id for each in only(r.OrderBound, told)] == [-1]
    assert zero.ask(q.ReqAutoOpenOrders(auto_bind=True)) == []
    hub.do(hand(price="51"))
    assert [each.order_id for each in only(r.OrderBound, zero.told())] == [-2]
    assert zero.ask(q.ReqAutoOpenOrders(auto_bind=False)) == []


def test_an_order_made_by_hand_that_fills_is_executed_without_a_number() -> None:
    hub = opened()
    zero = Client(hub, client_id=0)
    hub.do(hand(price="101"))
    executed = one(r.ExecDetails, zero.told())
    assert (executed.order_id, executed.execution.client_id, executed.execution.price) == (0, 0, D(101))


def test_what_is_made_by_hand_can_be_wrong_too() -> None:
    hub = opened()
    zero = Client(hub, client_id=0)
    hub.do(hand(price="50.001"))
    assert errors(zero.told()) == [(-1, 110)]


def test_a_number_of_zero_is_no_clients() -> None:
    assert errors(Client(opened(), client_id=0).ask(limit(0, "50.00"))) == [(0, 103)]


# ---------------------------------------------------------------- several clients, and a master


def test_a_master_is_told_of_every_clients_orders_and_of_nothing_else() -> None:
    hub = opened(Terms(master_client=9))
    one_, master, other = Client(hub, client_id=1), Client(hub, client_id=9), Client(hub, client_id=2)
    one_.ask(market(1))
    assert kinds(master.told()) == [
        "OpenOrder", "OrderStatus", "ExecDetails", "OpenOrder", "OrderStatus", "CommissionReport",
    ]  # fmt: skip
    assert other.told() == []


def test_two_clients_may_use_the_same_number() -> None:
    hub = opened()
    first, second = Client(hub, client_id=1), Client(hub, client_id=2)
    first.ask(limit(1, "50.00"))
    second.ask(limit(1, "51.00"))
    assert errors(first.ask(q.CancelOrder(order_id=1))) == [(1, 202)]
    assert second.told() == []
    assert [each.order.client_id for each in only(OpenOrder, first.ask(q.ReqAllOpenOrders()))] == [2]


# ---------------------------------------------------------------- numbers


def test_after_a_roll_back_numbers_of_ended_orders_are_given_once_more() -> None:
    hub = opened()
    client = Client(hub)
    client.ask(market(1), limit(2, "50.00"), market(3))
    assert one(r.NextValidId, client.ask(q.ReqIds())).order_id == 4
    hub.do(RollBack())
    # Order 2 still works: what is used again begins above it.
    assert one(r.NextValidId, client.ask(q.ReqIds())).order_id == 3
    told = client.ask(market(3))
    assert errors(told) == []
    first, again = (each.execution for each in only(r.ExecDetails, client.ask(q.ReqExecutions(req_id=7)))[1:])
    assert first.perm_id != again.perm_id
    assert len(only(CompletedOrder, client.ask(q.ReqCompletedOrders()))) == 3


def test_a_parked_order_keeps_its_number_through_a_roll_back() -> None:
    hub = opened()
    client = Client(hub)
    client.ask(limit(5, "50.00", transmit=False))
    hub.do(RollBack())
    assert one(r.NextValidId, client.ask(q.ReqIds())).order_id == 6


# ---------------------------------------------------------------- executions


def test_a_corrected_execution_stands_in_the_place_of_the_first() -> None:
    hub = opened()
    client = Client(hub)
    executed = one(r.ExecDetails, client.ask(market(1))).execution
    hub.do(Correct(exec_id=executed.exec_id, price=D("101.50")))
    told = client.told()
    assert one(r.ExecDetails, told).execution.exec_id == executed.exec_id[:-2] + "02"
    assert one(r.CommissionReport, told).exec_id == executed.exec_id[:-2] + "02"
    (again,) = only(r.ExecDetails, client.ask(q.ReqExecutions(req_id=7)))
    assert (again.execution.price, again.execution.avg_price) == (D("101.50"), D("101.50"))
    assert hub.exchange.accounts["DU9000001"].position("AAA").avg_cost == D(
        "101.51"
    )  # and a cent of commission a share


# ---------------------------------------------------------------- every type, in every version


def told_of(client: Client, asked: PlaceOrder) -> tuple[Order, r.OrderStatus]:
    """The order and its status, as they were told last."""
    answer = client.ask(asked)
    assert errors(answer) == []
    return only(OpenOrder, answer)[-1].order, only(r.OrderStatus, answer)[-1]


@pytest.mark.parametrize("version", VERSIONS)
def test_stops_are_told_with_where_they_are_in_every_version(version: int) -> None:
    hub = opened()
    client = Client(hub, version=version)
    client.ask(market(1))
    group = {"oca_group": "g", "oca_type": 2}
    order, status = told_of(client, placing(2, order_type="STP", aux_price=D("90.5"), outside_rth=True, **group))
    assert (order.order_type, order.aux_price, order.outside_rth) == ("STP", D("90.5"), True)
    assert (order.oca_group, order.oca_type) == ("g", 2)
    assert (status.status, status.why_held, status.remaining) == ("PreSubmitted", "trigger", D(10))
    order, _ = told_of(client, placing(3, order_type="STPLMT", aux_price=D("90.5"), lmt_price=D(90), **group))
    assert (order.order_type, order.aux_price, order.lmt_price) == ("STP LMT", D("90.5"), D(90))
    # The last print is 100: five percent off is 95, two dollars off 98 with a limit half a dollar below.
    order, _ = told_of(client, placing(4, order_type="TRAIL", trailing_percent=D(5), **group))
    assert (order.trailing_percent, order.trail_stop_price, order.aux_price) == (D(5), D(95), D(0))
    words = {"aux_price": D(2), "lmt_price_offset": D("0.5"), "lmt_price": D(0), **group}
    order, _ = told_of(client, placing(5, order_type="TRAIL LIMIT", **words))
    assert (order.trail_stop_price, order.lmt_price, order.lmt_price_offset) == (D(98), D("97.5"), D("0.5"))


@pytest.mark.parametrize("version", VERSIONS)
def test_conditions_dates_and_families_are_told_in_every_version(version: int) -> None:
    hub = opened()
    client = Client(hub, version=version)
    number = hub.contracts["AAA"].con_id
    above = Condition(kind=1, con_id=number, exchange="SMART", value="120", is_more=True)
    buying = {"action": "BUY", "order_type": "LMT", "lmt_price": D(99)}
    order, status = told_of(client, placing(1, conditions=(above,), conditions_ignore_rth=True, **buying))
    assert (order.conditions, order.conditions_ignore_rth) == ((above,), True)
    assert (status.status, status.why_held) == ("PreSubmitted", "")
    traded = Condition(kind=5, sec_type="STK", exchange="SMART", symbol="AAA", conjunction="o")
    spare = Condition(kind=4, value="30", is_more=True)
    order, _ = told_of(client, placing(9, conditions=(traded, spare), **buying))
    assert order.conditions == (traded, spare)
    order, _ = told_of(client, placing(12, tif="GTD", good_till_date="20220104 16:00:00", **buying))
    assert (order.tif, order.good_till_date) == ("GTD", "20220104 16:00:00")
    order, status = told_of(client, placing(13, order_type="LMT", lmt_price=D(200), parent_id=12))
    assert (order.parent_id, order.oca_group, order.oca_type) == (12, str(hub.exchange.orders.all[2].perm_id), 3)
    assert (status.parent_id, status.status, status.why_held) == (12, "PreSubmitted", "child")
    unknown = dataclasses.replace(above, con_id=12345)
    assert errors(client.ask(placing(14, conditions=(unknown,), **buying))) == [(14, 147)]
    unknown = dataclasses.replace(traded, symbol="ZZZ")
    assert errors(client.ask(placing(14, conditions=(unknown,), **buying))) == [(14, 147)]


@pytest.mark.parametrize("version", VERSIONS)
def test_fractions_of_a_share_are_carried_by_orders_of_every_version(version: int) -> None:
    # Only sizes of ticks and bars are whole numbers for old clients; quantities of orders never were.
    client = Client(opened(lot="0.0001"), version=version)
    told = client.ask(market(1, quantity="0.1234"))
    assert one(r.ExecDetails, told).execution.shares == D("0.1234")
    assert only(r.OrderStatus, told)[-1].filled == D("0.1234")


def test_a_preset_says_that_it_made_an_order_one_of_the_day() -> None:
    client = Client(opened(Terms(presets=True)))
    assert errors(client.ask(market(1))) == [(1, 10349)]
    assert errors(client.ask(market(2, tif="DAY"))) == []


@pytest.mark.parametrize(
    ("order", "codes"),
    [
        (placing(1, action="BUY", order_type="LMT", lmt_price=D(50), outside_rth=True), []),
        (placing(1, action="BUY", order_type="MOC", outside_rth=True), [(1, 2109)]),
    ],
)
def test_outside_hours_is_ignored_with_a_word_only_where_it_means_nothing(
    order: PlaceOrder, codes: list[tuple[int, int]]
) -> None:
    assert errors(Client(opened()).ask(order)) == codes
