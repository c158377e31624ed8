"""A conversation, from its first byte on: who is let in, what is answered, who is told of what, and when."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.errors import ProtocolError
from bursar.gateway import codec
from bursar.gateway.codec import VersionRange
from bursar.gateway.hub import Hub, Limits
from bursar.gateway.messages import ABSENT, REQUESTS, VERSIONS, PlaceOrder, write
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.messages.orders import CompletedOrder, CompletedOrdersEnd, OpenOrder, OpenOrderEnd
from bursar.gateway.messages.values import ComboLeg, Contract, DeltaNeutralContract, Order
from bursar.gateway.reporting import quote_ticks
from bursar.gateway.session import Session
from bursar.gateway.terms import Terms
from tests import builders
from tests.gateway import worlds
from tests.gateway.clients import AAA, Client, errors, hub_of, kinds, limit, market, one, only, to_open


@pytest.fixture
def hub() -> Hub:
    """Return a gateway over two written days, at the opening bell of the first."""
    made = hub_of(worlds.written())
    to_open(made)
    return made


@pytest.fixture
def client(hub: Hub) -> Client:
    return Client(hub)


# ---------------------------------------------------------------- the beginning


@pytest.mark.parametrize(
    ("lowest", "highest", "agreed"),
    [(100, 157, 157), (157, 176, 176), (157, 178, 178), (100, 225, 178), (100, 163, 157), (100, 170, 157)],
)
def test_the_highest_version_that_both_speak_is_agreed_on(hub: Hub, lowest: int, highest: int, agreed: int) -> None:
    session = Session(hub)
    answer = session.receive(codec.encode_versions(VersionRange(lowest=lowest, highest=highest)))
    (payload,) = codec.FrameReader().feed(answer)
    assert codec.decode(payload) == [str(agreed), "20220103 09:30:00 US/Eastern"]


@pytest.mark.parametrize("versions", [b"v100..156", b"v179..225", b"v158..163", b"v150"])
def test_a_client_that_speaks_no_version_of_ours_is_let_go(hub: Hub, versions: bytes) -> None:
    session = Session(hub)
    with pytest.raises(ProtocolError, match=r"\(157, 176, 178\) are spoken"):
        session.receive(codec.GREETING + codec.frame(versions))
    assert session.closed
    assert session.take() == b""


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n", b"\0\0\0\0", b"AP0"])
def test_a_client_that_does_not_greet_is_let_go(hub: Hub, first: bytes) -> None:
    with pytest.raises(ProtocolError, match="API"):
        Session(hub).receive(first)


def test_the_versions_may_come_with_the_greeting_or_byte_by_byte(hub: Hub) -> None:
    greeting = codec.encode_versions(VersionRange(lowest=157, highest=178))
    at_once, slowly = Session(hub), Session(hub)
    pieces = [slowly.receive(greeting[spot : spot + 1]) for spot in range(len(greeting))]
    assert b"".join(pieces) == at_once.receive(greeting) != b""


def test_a_client_is_told_its_accounts_and_order_id_and_that_the_farms_are_there(hub: Hub) -> None:
    accounts, next_id, *notices = Client(hub).greeting
    assert accounts == r.ManagedAccounts(accounts="DU9000001")
    assert next_id == r.NextValidId(order_id=1)
    assert errors(notices) == [(-1, 2104), (-1, 2106), (-1, 2158)]


def test_nothing_is_answered_before_the_start(hub: Hub) -> None:
    client = Client(hub, start=False)
    client.session.receive(codec.encode_versions(VersionRange(lowest=157, highest=178)))
    with pytest.raises(ProtocolError, match="message 61 came before startApi"):
        client.ask(q.ReqPositions())


def test_a_client_id_that_is_in_use_is_refused_with_326(hub: Hub, client: Client) -> None:
    second = Client(hub, client_id=1)
    assert errors(second.greeting) == [(-1, 326)]
    assert second.session.closed
    assert not client.session.closed
    second.session.leave()
    assert client.ask(q.ReqCurrentTime())  # the first was not thrown out by the second


def test_a_client_id_is_free_again_once_its_owner_left(hub: Hub, client: Client) -> None:
    client.session.leave()
    assert kinds(Client(hub, client_id=1).greeting)[0] == "ManagedAccounts"


def test_a_second_start_is_refused_and_changes_nothing(client: Client) -> None:
    assert errors(client.ask(q.StartApi(client_id=9))) == [(-1, 501)]
    assert client.ask(q.ReqIds())


def test_no_more_clients_than_allowed_are_let_in() -> None:
    hub = hub_of(worlds.written(), limits=Limits(clients=2))
    clients = [Client(hub, client_id=number) for number in range(3)]
    assert [client.session.closed for client in clients] == [False, False, True]
    assert errors(clients[2].greeting) == [(-1, 321)]


# ---------------------------------------------------------------- any bytes


@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_requests(cuts: list[int]) -> None:
    requests = (q.StartApi(client_id=1), market(1), q.ReqPositions(), limit(2, "50.00"), q.CancelOrder(order_id=2))
    stream = codec.encode_versions(VersionRange(lowest=157, highest=178))
    stream += b"".join(write(request, 178) for request in requests)
    bounds = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    whole, split = hub_of(worlds.written()), hub_of(worlds.written())
    to_open(whole)
    to_open(split)
    at_once = Session(whole).receive(stream)
    session = Session(split)
    pieces = [session.receive(stream[a:b]) for a, b in pairwise(bounds)]
    assert b"".join(pieces) == at_once


@settings(max_examples=150)
@given(junk=st.binary(max_size=80), framed=st.booleans())
def test_junk_raises_protocol_errors_and_other_clients_go_on(junk: bytes, framed: bool) -> None:
    hub = hub_of(worlds.written())
    good, bad = Client(hub, client_id=1), Client(hub, client_id=2)
    try:
        bad.session.receive(codec.frame(junk + b"\0") if framed else junk)
    except ProtocolError:
        assert bad.session.closed
        assert 2 not in hub.clients
    assert kinds(good.ask(q.ReqIds())) == ["NextValidId"]


def test_whoever_breaks_off_is_told_why_after_the_answers_to_what_came_before(client: Client) -> None:
    with pytest.raises(ProtocolError, match="too many"):
        client.session.receive(write(q.ReqIds(), 178) + codec.encode(["61", "1", "surplus"]))
    assert kinds(told := client.told()) == ["NextValidId", "ErrMsg"]
    assert errors(told) == [(-1, 320)]


def test_an_unknown_message_is_refused_and_the_conversation_goes_on(client: Client) -> None:
    answer = client.read(client.session.receive(codec.encode(["200", "1"])))
    assert errors(answer) == [(-1, 505)]
    assert client.ask(q.ReqIds())


@pytest.mark.parametrize("number", sorted(ABSENT))
def test_what_is_not_imitated_is_refused_under_the_number_of_its_request(client: Client, number: int) -> None:
    name, place = ABSENT[number]
    texts = [str(number), *(["1"] * 9)]
    if place is not None:
        texts[place] = "77"
    (error,) = client.read(client.session.receive(codec.encode(texts)))
    assert (error.req_id, error.code) == (77 if place is not None else -1, 321)
    assert name in error.text


def test_every_declared_request_is_answered(client: Client) -> None:
    answered = {q.StartApi, *client.session._answers}
    assert answered == {declaration.kind for declaration in REQUESTS.values()}


def test_a_flood_of_requests_waits_until_its_answers_were_taken() -> None:
    hub = hub_of(worlds.written(), limits=Limits(answer_bytes=2_000))
    client = Client(hub)
    flood = write(q.ReqAccountSummary(req_id=1, tags="NetLiquidation"), 178) * 1_000
    answers = [client.session.receive(flood)]
    while client.session.unfinished:
        answers.append(client.session.receive(b""))
    assert max(map(len, answers)) < 2_500
    assert len(only(r.AccountSummaryEnd, client.read(b"".join(answers)))) == 1_000


# ---------------------------------------------------------------- orders


def test_a_market_order_is_reported_from_acceptance_to_commission(client: Client) -> None:
    told = client.ask(market(1, order_ref="mine"))
    assert kinds(told) == [
        "OpenOrder", "OrderStatus", "ExecDetails", "OpenOrder", "OrderStatus", "CommissionReport",
    ]  # fmt: skip
    opened, executed, report = told[0], told[2], told[5]
    assert (opened.order.order_id, opened.order.order_ref, opened.state.status) == (1, "mine", "Submitted")
    assert (executed.req_id, executed.execution.price, executed.execution.side) == (-1, Decimal("101.00"), "BOT")
    assert (told[4].status, told[4].filled, told[4].remaining) == ("Filled", 10, 0)
    assert report.exec_id == executed.execution.exec_id
    assert report.commission == Decimal("0.10")  # one basis point of 1,010 dollars


def test_what_closes_a_position_says_what_it_earned(client: Client) -> None:
    client.ask(market(1))
    sold = client.ask(market(2, "SELL"))
    assert one(r.CommissionReport, sold).realized_pnl == Decimal("-20.20")  # 10 * (99 - 101) and two commissions


def test_reports_go_to_the_client_that_placed_the_order_and_to_no_other(hub: Hub, client: Client) -> None:
    other = Client(hub, client_id=2)
    client.ask(market(1))
    assert other.told() == []


def test_an_order_is_canceled_with_202(client: Client) -> None:
    client.ask(limit(1, "50.00"))
    told = client.ask(q.CancelOrder(order_id=1))
    assert errors(told) == [(1, 202)]
    assert one(r.OrderStatus, told).status == "Cancelled"


def test_an_order_is_changed_under_its_own_id(client: Client) -> None:
    client.ask(limit(1, "50.00"))
    told = client.ask(limit(1, "60.00"))
    assert one(OpenOrder, told).order.lmt_price == 60


def test_a_global_cancel_takes_back_the_orders_of_all_clients(hub: Hub, client: Client) -> None:
    other = Client(hub, client_id=2)
    client.ask(limit(1, "50.00"))
    told = other.ask(limit(1, "51.00"), q.ReqGlobalCancel())
    assert one_status(told) == "Cancelled"
    assert one_status(client.told()) == "Cancelled"


def one_status(messages: list[Any]) -> str:
    return only(r.OrderStatus, messages)[-1].status


HEDGE = DeltaNeutralContract(con_id=1)
#: What is wrong with an order, and what is answered.
BAD_ORDERS: list[tuple[str, PlaceOrder, int]] = [
    ("an unknown contract", market(1, contract=dataclasses.replace(AAA, symbol="NOPE")), 200),
    ("a contract in another currency", market(1, contract=dataclasses.replace(AAA, currency="EUR")), 200),
    ("a contract of another kind", market(1, contract=dataclasses.replace(AAA, sec_type="OPT")), 200),
    ("a negative size", market(1, quantity=-5), 321),
    ("an infinite size", market(1, quantity="Infinity"), 321),
    ("no size", market(1, quantity=0), 434),
    ("a price off the tick", limit(1, "99.005"), 110),
    ("a negative price", limit(1, "-1"), 321),
    ("an infinite price", limit(1, "Infinity"), 321),
    ("a word that is no side", market(1, "HOLD"), 321),
    ("an unknown account", market(1, account="DU1"), 321),
    ("a type that is not traded", dataclasses.replace(market(1), order=Order(action="BUY", order_type="REL")), 387),
    ("an unknown time in force", market(1, tif="WEEK"), 321),
    ("a child without a parent", market(1, parent_id=7), 135),
    ("a date that is none", market(1, tif="GTD", good_till_date="tomorrow"), 337),
    ("a date that is over", market(1, tif="GTD", good_till_date="20220103-14:30:00"), 334),
    ("an algorithm", market(1, algo_strategy="Adaptive"), 321),
    ("a hedge of volatility", market(1, contract=dataclasses.replace(AAA, delta_neutral_contract=HEDGE)), 321),
    ("a combination", market(1, contract=Contract(sec_type="BAG", combo_legs=(ComboLeg(),))), 200),
    ("a security's other number", dataclasses.replace(market(1), sec_id_type="ISIN", sec_id="US0378331005"), 321),
    ("more than there is money for", market(1, quantity=10_000), 201),
    ("a sale of what is not held", market(1, "SELL"), 201),
]


@pytest.mark.parametrize(("what", "order", "code"), BAD_ORDERS, ids=[what for what, _, _ in BAD_ORDERS])
def test_a_bad_order_is_refused_in_words(client: Client, what: str, order: PlaceOrder, code: int) -> None:
    told = client.ask(order)
    assert errors(told) == [(1, code)], what
    assert only(r.ExecDetails, told) == []


def test_an_order_id_that_was_used_is_refused_with_103(client: Client) -> None:
    client.ask(limit(5, "50.00"), q.CancelOrder(order_id=5))
    assert errors(client.ask(limit(5, "50.00"))) == [(5, 103)]
    assert errors(client.ask(market(4))) == [(4, 103)]


def test_a_filled_order_can_neither_be_changed_nor_canceled(client: Client) -> None:
    client.ask(market(1))
    assert errors(client.ask(market(1, quantity=20))) == [(1, 104)]
    assert errors(client.ask(q.CancelOrder(order_id=1))) == [(1, 10148)]


def test_an_order_that_never_was_cannot_be_canceled(client: Client) -> None:
    assert errors(client.ask(q.CancelOrder(order_id=99))) == [(99, 10147)]


def test_an_order_of_one_of_several_accounts_must_name_it() -> None:
    hub = hub_of(worlds.written(), Terms(accounts=("DU9000001", "DU9000002")))
    to_open(hub)
    client = Client(hub)
    assert errors(client.ask(market(1))) == [(1, 321)]
    told = client.ask(market(2, account="DU9000002"))
    assert one(r.ExecDetails, told).execution.acct_number == "DU9000002"


def test_outside_hours_is_ignored_with_a_word(client: Client) -> None:
    told = client.ask(market(1, outside_rth=True))
    assert errors(told) == [(1, 2109)]
    assert one_status(told) == "Filled"


def test_what_an_order_would_do_is_told_and_not_done(hub: Hub, client: Client) -> None:
    (told,) = client.ask(market(1, what_if=True))
    assert isinstance(told, OpenOrder)
    assert (told.order.what_if, told.order.perm_id, told.state.status) == (True, 0, "PreSubmitted")
    assert told.state.commission == Decimal("0.10")
    assert told.state.init_margin_change == told.state.init_margin_after
    assert hub.exchange.open_orders() == ()
    assert errors(client.ask(market(1, "SELL", what_if=True))) == [(1, 201)]


def test_an_order_before_the_bell_waits_for_it() -> None:
    hub = hub_of(worlds.written())
    client = Client(hub)
    told = client.ask(market(1))
    assert (one_status(told), errors(told)) == ("PreSubmitted", [(1, 399)])
    hub.step()
    assert one_status(client.told()) == "Filled"


# ---------------------------------------------------------------- what became of orders


def test_open_orders_are_told_to_their_client_and_all_of_them_to_whoever_asks(hub: Hub, client: Client) -> None:
    other = Client(hub, client_id=2)
    client.ask(limit(1, "50.00"))
    assert kinds(client.ask(q.ReqOpenOrders())) == ["OpenOrder", "OrderStatus", "OpenOrderEnd"]
    assert other.ask(q.ReqOpenOrders()) == [OpenOrderEnd()]
    assert one(OpenOrder, other.ask(q.ReqAllOpenOrders())).order.client_id == 1


def test_completed_orders_say_how_they_ended(client: Client) -> None:
    client.ask(market(1), limit(2, "50.00"), q.CancelOrder(order_id=2))
    *orders, end = client.ask(q.ReqCompletedOrders())
    assert [(each.state.status, each.state.completed_status) for each in only(CompletedOrder, orders)] == [
        ("Filled", "Filled Size: 10"),
        ("Cancelled", "Cancelled"),
    ]
    assert orders[0].state.completed_time == "20220103 09:30:00 US/Eastern"
    assert end == CompletedOrdersEnd()


def test_executions_are_told_again_with_their_commissions(client: Client) -> None:
    client.ask(market(1), market(2))
    told = client.ask(q.ReqExecutions(req_id=9))
    assert kinds(told) == ["ExecDetails", "CommissionReport"] * 2 + ["ExecDetailsEnd"]
    assert {each.req_id for each in only(r.ExecDetails, told)} == {9}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, 2),
        ({"client_id": 1}, 2),
        ({"client_id": 8}, 0),
        ({"side": "BUY"}, 1),
        ({"side": "SLD"}, 1),
        ({"symbol": "AAA", "sec_type": "STK", "acct_code": "DU9000001", "exchange": "NYSE"}, 2),
        ({"symbol": "BBB"}, 0),
        ({"acct_code": "DU9000002"}, 0),
        ({"time": "20220103 09:30:00"}, 2),
        ({"time": "20220103 12:00:00 US/Eastern"}, 1),
        ({"time": "20220103-17:00:01"}, 0),
    ],
)
def test_executions_pass_a_filter(hub: Hub, client: Client, wanted: dict[str, Any], found: int) -> None:
    client.ask(market(1))
    hub.step()
    client.ask(market(2, "SELL"))
    assert len(only(r.ExecDetails, client.ask(q.ReqExecutions(req_id=9, **wanted)))) == found


def test_a_filter_with_a_time_that_is_none_is_refused(client: Client) -> None:
    assert errors(client.ask(q.ReqExecutions(req_id=9, time="yesterday"))) == [(9, 321)]


def test_orders_survive_their_client(hub: Hub, client: Client) -> None:
    client.ask(limit(1, "95.00"))
    client.session.leave()
    hub.step()  # the price comes down to the limit
    back = Client(hub)
    assert one(r.NextValidId, back.greeting).order_id == 2
    assert back.ask(q.ReqOpenOrders()) == [OpenOrderEnd()]
    assert one(r.ExecDetails, back.ask(q.ReqExecutions(req_id=1))).execution.price == 95


def test_only_client_zero_may_bind_orders(hub: Hub, client: Client) -> None:
    assert errors(client.ask(q.ReqAutoOpenOrders(auto_bind=True))) == [(-1, 327)]
    assert Client(hub, client_id=0).ask(q.ReqAutoOpenOrders(auto_bind=True)) == []


# ---------------------------------------------------------------- the account


def test_positions_are_told_and_told_again_after_a_fill_of_anybody(hub: Hub, client: Client) -> None:
    other = Client(hub, client_id=2)
    assert other.ask(q.ReqPositions()) == [r.PositionEnd()]
    client.ask(market(1))
    (told,) = other.told()
    assert (told.account, told.position, told.avg_cost) == ("DU9000001", 10, Decimal("101.01"))
    client.ask(market(2, "SELL"))
    assert one(r.Position, other.told()).position == 0
    assert other.ask(q.ReqPositions()) == [r.PositionEnd()]
    other.ask(q.CancelPositions())
    client.ask(market(3))
    assert other.told() == []


def test_an_account_is_told_with_its_portfolio_and_what_changes_of_it(hub: Hub, client: Client) -> None:
    client.ask(market(1))
    told = client.ask(q.ReqAccountUpdates(subscribe=True, acct_code="DU9000001"))
    values = {(each.key, each.currency): each.value for each in only(r.AccountValue, told)}
    assert values["TotalCashValue", "USD"] == "98989.90"  # 100,000 - 10 * 101 - 0.10
    assert one(r.PortfolioValue, told).market_value == 1000
    assert one(r.AccountUpdateTime, told).time == "09:30"
    assert told[-1] == r.AccountDownloadEnd(account="DU9000001")
    moved = client.ask(market(2))
    assert only(r.AccountDownloadEnd, moved) == []
    assert one(r.PortfolioValue, moved).position == 20
    assert "Currency" not in {each.key for each in only(r.AccountValue, moved)}
    client.ask(q.ReqAccountUpdates(subscribe=False, acct_code="DU9000001"))
    assert only(r.AccountValue, client.ask(market(3))) == []


def test_an_account_that_is_not_ours_is_refused(client: Client) -> None:
    assert errors(client.ask(q.ReqAccountUpdates(subscribe=True, acct_code="U1"))) == [(-1, 321)]
    assert errors(client.ask(q.ReqAccountUpdatesMulti(req_id=4, account="U1"))) == [(4, 321)]


def test_values_are_told_under_a_number_until_they_are_canceled(client: Client) -> None:
    told = client.ask(q.ReqAccountUpdatesMulti(req_id=4, account="DU9000001"))
    assert told[-1] == r.AccountUpdateMultiEnd(req_id=4)
    changed = {each.key for each in only(r.AccountUpdateMulti, client.ask(market(1)))}
    assert {"TotalCashValue", "NetLiquidation"} <= changed
    client.ask(q.CancelAccountUpdatesMulti(req_id=4))
    assert only(r.AccountUpdateMulti, client.ask(market(2))) == []


def test_a_summary_tells_the_tags_that_were_asked_for(client: Client) -> None:
    told = client.ask(q.ReqAccountSummary(req_id=4, tags="NetLiquidation, BuyingPower"))
    assert {each.tag: each.value for each in only(r.AccountSummary, told)} == {
        "NetLiquidation": "100000.00",
        "BuyingPower": "100000.00",
    }
    assert told[-1] == r.AccountSummaryEnd(req_id=4)
    assert {each.tag for each in only(r.AccountSummary, client.ask(market(1)))} == {"NetLiquidation", "BuyingPower"}
    client.ask(q.CancelAccountSummary(req_id=4))
    assert only(r.AccountSummary, client.ask(market(2))) == []


@pytest.mark.parametrize(("tags", "there"), [("$LEDGER", True), ("$LEDGER:USD", True), ("$LEDGER:EUR", False)])
def test_a_ledger_holds_the_balances_of_its_currency(client: Client, tags: str, there: bool) -> None:
    told = {each.tag for each in only(r.AccountSummary, client.ask(q.ReqAccountSummary(req_id=4, tags=tags)))}
    assert ("CashBalance" in told) == there
    assert "NetLiquidation" not in told


def test_a_third_summary_at_once_is_refused(client: Client) -> None:
    for number in (1, 2):
        client.ask(q.ReqAccountSummary(req_id=number, tags="NetLiquidation"))
    assert errors(client.ask(q.ReqAccountSummary(req_id=3, tags="NetLiquidation"))) == [(3, 322)]
    assert only(r.AccountSummaryEnd, client.ask(q.ReqAccountSummary(req_id=2, tags="NetLiquidation")))


# ---------------------------------------------------------------- the market


def prices(messages: list[Any]) -> dict[int, Decimal]:
    return {each.tick_type: each.price for each in only(r.TickPrice, messages)}


def test_prices_are_told_at_once_and_whenever_they_move(hub: Hub, client: Client) -> None:
    told = client.ask(q.ReqMktData(req_id=7, contract=AAA))
    assert kinds(told)[:2] == ["TickReqParams", "MarketDataType"]
    assert prices(told) == {14: 100, 6: 100, 7: 100, 1: 99, 2: 101, 4: 100}
    hub.step()
    moved = client.told()
    assert prices(moved) == {1: 94, 2: 95, 4: Decimal("94.5")}
    assert one(r.TickString, moved).value == "1641229200"  # 17:00 UTC
    client.ask(q.CancelMktData(req_id=7))
    hub.step()
    assert client.told() == []


def test_the_days_volume_is_told_as_it_grows_where_somebody_counts_it(hub: Hub, client: Client) -> None:
    client.ask(q.ReqMktData(req_id=7, contract=AAA))
    hub.step()
    assert only(r.TickSize, client.told()) == []  # quotes that were written down count nothing
    counted = hub_of(worlds.simulated())
    while not counted.exchange.open:
        counted.step()
    client = Client(counted)
    client.ask(q.ReqMktData(req_id=7, contract=replace(AAA, symbol="S000")))
    counted.step()
    first = one(r.TickSize, client.told())
    counted.step()
    second = one(r.TickSize, client.told())
    assert (first.tick_type, second.tick_type) == (8, 8)
    assert 0 < first.size < second.size


def test_a_client_that_does_not_take_its_ticks_gets_the_last_ones_alone(hub: Hub, client: Client) -> None:
    client.ask(q.ReqMktData(req_id=7, contract=AAA))
    hub.step()
    hub.step()
    assert prices(client.told()) == {1: 105, 2: 106, 4: Decimal("105.5")}
    assert client.told() == []


def test_a_snapshot_ends_and_is_not_repeated(hub: Hub, client: Client) -> None:
    told = client.ask(q.ReqMktData(req_id=7, contract=AAA, snapshot=True))
    assert told[-1] == r.TickSnapshotEnd(req_id=7)
    hub.step()
    assert client.told() == []


def test_a_side_that_is_not_there_is_minus_one_without_a_size() -> None:
    bid, ask, stamp = quote_ticks(1, builders.quote("AAA", None, "5.00"))
    assert isinstance(bid, r.TickPrice)
    assert (bid.price, bid.size) == (Decimal(-1), Decimal(0))
    assert isinstance(ask, r.TickPrice)
    assert ask.price == 5
    assert isinstance(stamp, r.TickString)


def test_a_day_before_its_first_print_has_no_prices() -> None:
    client = Client(hub_of(worlds.written()))
    assert kinds(client.ask(q.ReqMktData(req_id=7, contract=AAA))) == ["TickReqParams", "MarketDataType"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (q.ReqMktData(req_id=7, contract=Contract(symbol="NOPE", sec_type="STK", currency="USD")), 200),
        (q.ReqMktData(req_id=5, contract=AAA), 322),
        (q.CancelMktData(req_id=7), 300),
        (q.ReqContractDetails(req_id=7, contract=Contract(symbol="NOPE", sec_type="STK", currency="USD")), 200),
        (q.ReqContractDetails(req_id=7, contract=Contract(symbol="AAA")), 200),
        (q.CancelHistoricalData(req_id=7), 366),
    ],
)
def test_a_bad_request_for_data_is_refused_in_words(client: Client, request_: Any, code: int) -> None:
    client.ask(q.ReqMktData(req_id=5, contract=AAA))
    assert errors(client.ask(request_)) == [(request_.req_id, code)]


def test_no_more_lines_than_allowed_are_opened() -> None:
    client = Client(hub_of(worlds.written(), limits=Limits(market_data_lines=2)))
    told = client.ask(*(q.ReqMktData(req_id=number, contract=AAA) for number in (1, 2, 3)))
    assert errors(told) == [(3, 101)]
    told = client.ask(q.CancelMktData(req_id=1), q.ReqMktData(req_id=3, contract=AAA))
    assert errors(told) == []


@pytest.mark.parametrize(
    ("wanted", "open_", "told"), [(1, True, 1), (3, True, 1), (2, True, 1), (2, False, 2), (4, False, 2)]
)
def test_live_prices_are_told_and_frozen_ones_while_the_market_is_shut(wanted: int, open_: bool, told: int) -> None:
    hub = hub_of(worlds.written())
    if open_:
        to_open(hub)
    client = Client(hub)
    answer = client.ask(q.ReqMarketDataType(market_data_type=wanted), q.ReqMktData(req_id=1, contract=AAA))
    assert one(r.MarketDataType, answer).market_data_type == told


def test_an_unknown_kind_of_market_data_is_refused(client: Client) -> None:
    assert errors(client.ask(q.ReqMarketDataType(market_data_type=9))) == [(-1, 321)]


def test_a_contract_is_found_by_its_symbol_and_then_by_its_number(client: Client) -> None:
    found = one(r.ContractData, client.ask(q.ReqContractDetails(req_id=1, contract=AAA)))
    assert (found.contract.exchange, found.contract.primary_exchange, found.min_tick) == (
        "SMART", "NYSE", Decimal("0.01"),
    )  # fmt: skip
    assert found.liquid_hours == "20220103:0930-20220103:1600;20220104:0930-20220104:1600"
    again = client.ask(q.ReqContractDetails(req_id=2, contract=Contract(con_id=found.contract.con_id)))
    assert one(r.ContractData, again).contract == found.contract
    assert kinds(again) == ["ContractData", "ContractDataEnd"]


def test_symbols_are_found_by_their_beginning(client: Client) -> None:
    (told,) = client.ask(q.ReqMatchingSymbols(req_id=1, pattern="aa"))
    assert [each.symbol for each in told.samples] == ["AAA"]
    assert client.ask(q.ReqMatchingSymbols(req_id=1, pattern=" ")) == [r.SymbolSamples(req_id=1, samples=())]


def test_bars_of_days_and_of_hours_are_told() -> None:
    hub = hub_of(worlds.simulated())
    to_open(hub)
    client = Client(hub)
    stock = dataclasses.replace(AAA, symbol="S001")

    def bars(duration: str, size: str, format_date: int = 1) -> r.HistoricalData:
        request = q.ReqHistoricalData(
            req_id=3, contract=stock, duration_str=duration, bar_size_setting=size, format_date=format_date
        )
        return one(r.HistoricalData, client.ask(request))

    assert len(bars("5 D", "1 day").bars) == 5
    hours = bars("2 D", "1 hour").bars
    assert [str(bar.time) for bar in hours[:2]] == ["2021-11-22 14:30:00+00:00", "2021-11-22 15:30:00+00:00"]
    assert bars("2 D", "1 hour", format_date=2).bars[0].time == 1637591400


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"contract": Contract(symbol="NOPE", sec_type="STK", currency="USD")}, 200),
        ({"bar_size_setting": "7 mins"}, 321),
        ({"duration_str": "long"}, 321),
        ({"what_to_show": "BID_ASK"}, 162),
        ({"end_date_time": "yesterday"}, 10314),
        ({"keep_up_to_date": True}, 321),
        ({"format_date": 7}, 321),
    ],
)
def test_a_bad_request_for_bars_is_refused_in_words(client: Client, change: dict[str, Any], code: int) -> None:
    request = q.ReqHistoricalData(req_id=3, contract=AAA, duration_str="1 D", bar_size_setting="1 day")
    assert errors(client.ask(dataclasses.replace(request, **change))) == [(3, code)]


# ---------------------------------------------------------------- the barrier


@pytest.fixture
def stepped() -> Client:
    """Return a client of a gateway in stepped time, before the bell."""
    return Client(hub_of(worlds.written(), stepped=True))


def time_of(messages: list[Any]) -> str:
    return f"{one(r.CurrentTime, messages).time:%H:%M}"


def test_time_stands_still_until_it_is_asked_for_twice_in_a_row(stepped: Client) -> None:
    assert time_of(stepped.ask(q.ReqCurrentTime())) == "14:00"  # startApi came before
    assert time_of(stepped.ask(q.ReqCurrentTime())) == "14:30"
    stepped.ask(q.ReqPositions())
    assert time_of(stepped.ask(q.ReqCurrentTime())) == "14:30"
    assert time_of(stepped.ask(q.ReqCurrentTime())) == "17:00"


def test_the_time_comes_after_the_ticks_and_reports_of_its_instant(stepped: Client) -> None:
    stepped.ask(q.ReqMktData(req_id=1, contract=AAA), limit(1, "120.00"), q.ReqCurrentTime())
    told = stepped.ask(q.ReqCurrentTime())
    assert kinds(told)[0] == "TickPrice"
    assert one_status(told) == "Filled"
    assert kinds(told)[-1] == "CurrentTime"


def test_a_request_that_is_refused_is_a_request(stepped: Client) -> None:
    stepped.ask(q.ReqCurrentTime())
    stepped.session.receive(codec.encode(["78", "1", "AAA", ""]))
    assert time_of(stepped.ask(q.ReqCurrentTime())) == "14:00"


def test_only_the_client_that_asks_is_waited_for() -> None:
    hub = hub_of(worlds.written(), stepped=True)
    steady, busy = Client(hub, client_id=1), Client(hub, client_id=2)
    steady.ask(q.ReqCurrentTime())
    busy.ask(q.ReqPositions())
    assert time_of(steady.ask(q.ReqCurrentTime())) == "14:30"


def test_at_the_end_of_the_world_time_stands_still(stepped: Client) -> None:
    times = [time_of(stepped.ask(q.ReqCurrentTime())) for _ in range(20)]
    assert times[-3:] == ["21:30"] * 3


def test_time_that_is_not_stepped_is_only_told(client: Client) -> None:
    assert [time_of(client.ask(q.ReqCurrentTime())) for _ in range(3)] == ["14:30"] * 3


# ---------------------------------------------------------------- all versions


@pytest.mark.parametrize("version", VERSIONS)
def test_a_day_of_a_client_of_every_version(hub: Hub, version: int) -> None:
    hub.step()  # a day has a bar once it has a print after its first
    client = Client(hub, client_id=version, version=version)
    asked: list[object] = [
        market(1),
        limit(2, "50.00"),
        q.CancelOrder(order_id=2),
        q.ReqAccountUpdates(subscribe=True),
        q.ReqMktData(req_id=1, contract=AAA),
        q.ReqContractDetails(req_id=2, contract=AAA),
        q.ReqMatchingSymbols(req_id=2, pattern="A"),
        q.ReqHistoricalData(req_id=3, contract=AAA, duration_str="1 D", bar_size_setting="1 day"),
        q.ReqExecutions(req_id=4),
        q.ReqCompletedOrders(),
        q.SetServerLogLevel(log_level=2),
    ]
    for ask in asked:
        assert {code for _, code in errors(client.ask(ask))} <= {202}
