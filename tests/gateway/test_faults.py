"""Each fault, against a client: what it hears of it, and what is true at the exchange."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.gateway import faults as f
from bursar.gateway.exchange import Exchange
from bursar.gateway.faults import Fault, Faults, Plan
from bursar.gateway.hub import Hub
from bursar.gateway.messages import OpenOrder, OpenOrderEnd, write
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.terms import Terms
from tests.gateway import worlds
from tests.gateway.clients import AAA, Client, errors, kinds, limit, market, one, only, to_open

ORDER = ["OpenOrder", "OrderStatus", "ExecDetails", "OpenOrder", "OrderStatus", "CommissionReport"]


def hub_with(*faults: Fault, seed: int = 0, terms: Terms | None = None) -> Hub:
    """A gateway over two written days at the first bell, with these faults."""
    hub = Hub(Exchange(worlds.written(), terms), faults=Faults(Plan(seed=seed, faults=faults)))
    to_open(hub)
    return hub


def client_with(*faults: Fault, **more: Any) -> Client:
    return Client(hub_with(*faults, **more))


def listening(*faults: Fault) -> tuple[Hub, Client]:
    """A client with one line of market data."""
    hub = hub_with(*faults)
    client = Client(hub)
    client.ask(q.ReqMktData(req_id=5, contract=AAA))
    return hub, client


def test_without_a_plan_and_with_an_empty_one_a_client_hears_the_same_bytes() -> None:
    bare = Hub(Exchange(worlds.written()))
    to_open(bare)
    said = [client.session.receive(b"") + b"".join(_conversation(client)) for client in (Client(bare), client_with())]
    assert said[0] == said[1] != b""


def _conversation(client: Client) -> Iterator[bytes]:
    for request in (q.ReqMktData(req_id=1, contract=AAA), market(1), limit(2, "50.00"), q.ReqPositions()):
        yield client.session.receive(write(request, 178)) + client.session.take()


# ---------------------------------------------------------------- the line


def test_a_line_that_breaks_before_an_order_loses_it() -> None:
    client = client_with(f.Drop(before="placeOrder"))
    hub = client.session._hub
    assert client.ask(market(1)) == []
    assert client.session.closed
    assert hub.exchange.orders.all == ()


def test_a_line_that_breaks_after_an_order_leaves_it_at_the_exchange_untold() -> None:
    client = client_with(f.Drop(after="placeOrder", nth=2))
    hub = client.session._hub
    assert kinds(client.ask(market(1))) == ORDER
    assert client.ask(market(2)) == []
    assert client.session.closed
    assert [order.status for order in hub.exchange.orders.all] == ["Filled", "Filled"]
    client.session.leave()
    back = Client(hub)  # messages are counted over the life of the gateway: it is not cut again
    assert kinds(back.ask(market(3))) == ORDER
    assert len(only(r.ExecDetails, back.ask(q.ReqExecutions(req_id=1)))) == 3


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (f.Drop(before="execDetails"), ["OpenOrder", "OrderStatus"]),
        (f.Drop(after="execDetails"), ["OpenOrder", "OrderStatus", "ExecDetails"]),
        (f.Drop(after="orderStatus", nth=2), ORDER[:5]),
    ],
)
def test_a_line_breaks_before_or_after_a_reply(fault: Fault, told: list[str]) -> None:
    client = client_with(fault)
    assert kinds(client.ask(market(1))) == told
    assert client.session.closed


def test_a_reply_comes_late() -> None:
    client = client_with(f.Delay(message="execDetails", instants=2))
    hub = client.session._hub
    assert kinds(client.ask(market(1))) == [kind for kind in ORDER if kind != "ExecDetails"]
    hub.step()
    assert "ExecDetails" not in kinds(client.told())
    hub.step()
    assert one(r.ExecDetails, client.told()).execution.shares == 10


def test_an_order_reaches_the_exchange_late() -> None:
    client = client_with(f.Delay(message="placeOrder"))
    hub = client.session._hub
    assert client.ask(market(1)) == []
    hub.step()  # at noon, not at the open
    assert one(r.ExecDetails, client.told()).execution.price == Decimal("95.00")


def test_a_reply_is_told_twice() -> None:
    client = client_with(f.Duplicate(message="execDetails"))
    told = client.ask(market(1))
    first, second = only(r.ExecDetails, told)
    assert first == second
    assert len(only(r.CommissionReport, told)) == 1


def test_an_execution_is_overtaken_by_the_status_that_follows_from_it() -> None:
    told = kinds(client_with(f.Reorder(message="execDetails", behind=2)).ask(market(1)))
    assert told == ["OpenOrder", "OrderStatus", "OpenOrder", "OrderStatus", "ExecDetails", "CommissionReport"]


def test_an_answer_is_never_overtaken_by_its_own_end() -> None:
    client = client_with(f.Reorder(message="execDetails", times=0), f.Delay(message="commissionReport", times=0))
    client.ask(market(1))
    client.session._hub.step()
    client.told()
    assert kinds(client.ask(q.ReqExecutions(req_id=1))) == ["ExecDetails", "CommissionReport", "ExecDetailsEnd"]


def test_what_nothing_overtakes_comes_in_the_next_instant() -> None:
    client = client_with(f.Reorder(message="commissionReport"))
    hub = client.session._hub
    assert "CommissionReport" not in kinds(client.ask(market(1)))
    assert client.told() == []
    hub.step()
    assert kinds(client.told()) == ["CommissionReport"]


@pytest.mark.parametrize("message", ["openOrder", "orderStatus", "execDetails", "commissionReport"])
def test_a_report_is_swallowed(message: str) -> None:
    told = client_with(f.Swallow(message=message, times=0)).ask(market(1))
    assert message not in {kind[0].lower() + kind[1:] for kind in kinds(told)}
    assert len(told) >= 4


def test_the_end_of_a_snapshot_is_swallowed_and_the_next_one_comes() -> None:
    client = client_with(f.Swallow(message="positionEnd"))
    client.ask(market(1))
    assert kinds(client.ask(q.ReqPositions())) == ["Position"]
    assert kinds(client.ask(q.ReqPositions())) == ["Position", "PositionEnd"]


def test_a_request_is_swallowed() -> None:
    client = client_with(f.Swallow(message="placeOrder"))
    assert client.ask(market(1)) == []
    assert client.session._hub.exchange.orders.all == ()
    assert kinds(client.ask(market(2))) == ORDER


def test_only_the_client_that_is_named_is_struck() -> None:
    hub = hub_with(f.Swallow(message="positionEnd", client=2))
    assert kinds(Client(hub, 1).ask(q.ReqPositions())) == ["PositionEnd"]
    assert kinds(Client(hub, 2).ask(q.ReqPositions())) == []


def test_chance_is_drawn_from_the_seed() -> None:
    def struck(seed: int) -> list[int]:
        client = client_with(f.Swallow(message="nextValidId", times=0, chance=0.5), seed=seed)
        return [len(client.ask(q.ReqIds())) for _ in range(200)]

    assert struck(1) == struck(1) != struck(2)
    assert 60 < sum(struck(1)) < 140  # 200 draws of one half: five standard deviations are 35


# ---------------------------------------------------------------- what is told


def test_an_answer_that_failed_looks_empty() -> None:
    client = client_with(f.EmptyAnswer(request="reqPositions"), f.EmptyAnswer(request="reqAllOpenOrders"))
    client.ask(market(1), limit(2, "50.00"))
    assert client.ask(q.ReqPositions()) == [r.PositionEnd()]
    assert client.ask(q.ReqAllOpenOrders()) == [OpenOrderEnd()]
    assert one(r.Position, client.ask(q.ReqPositions())).position == 10
    assert kinds(client.ask(q.ReqAllOpenOrders())) == ["OpenOrder", "OrderStatus", "OpenOrderEnd"]


def test_a_second_account_never_ends() -> None:
    terms = Terms(accounts=("DU9000001", "DU9000002"))
    client = client_with(f.EndlessAccount(), terms=terms)
    for account, ends in (("DU9000001", 1), ("DU9000002", 0)):
        told = client.ask(q.ReqAccountUpdates(subscribe=True, acct_code=account))
        assert len(only(r.AccountDownloadEnd, told)) == ends
        assert only(r.AccountValue, told)
        told = client.ask(q.ReqAccountUpdatesMulti(req_id=ends, account=account))
        assert len(only(r.AccountUpdateMultiEnd, told)) == ends
        assert only(r.AccountUpdateMulti, told)


def test_the_account_that_never_ends_can_be_named() -> None:
    client = client_with(f.EndlessAccount(account="DU9000001"))
    assert only(r.AccountDownloadEnd, client.ask(q.ReqAccountUpdates(subscribe=True))) == []


def test_a_commission_comes_late() -> None:
    client = client_with(f.LateCommission(instants=1))
    assert kinds(client.ask(market(1))) == ORDER[:5]
    client.session._hub.step()
    assert one(r.CommissionReport, client.told()).commission == Decimal("0.10")


@pytest.mark.parametrize(("sentinel", "told"), [("unset", None), ("minus_one", Decimal(-1))])
def test_a_commission_that_is_none_is_told_before_the_true_one(sentinel: str, told: Decimal | None) -> None:
    client = client_with(f.SentinelCommission(sentinel=sentinel, instants=1))
    assert one(r.CommissionReport, client.ask(market(1))).commission == told
    client.session._hub.step()
    assert one(r.CommissionReport, client.told()).commission == Decimal("0.10")


def test_the_true_commission_may_never_be_told_and_is_found_by_asking() -> None:
    client = client_with(f.SentinelCommission(instants=0))
    client.ask(market(1))
    client.session._hub.step()
    assert client.told() == []
    assert one(r.CommissionReport, client.ask(q.ReqExecutions(req_id=1))).commission == Decimal("0.10")


def test_an_error_looks_like_a_cancellation_and_the_order_works_on() -> None:
    client = client_with(f.FalseCancel(code=10349))
    told = client.ask(limit(1, "50.00"))
    assert errors(told) == [(1, 10349)]
    assert one(OpenOrder, client.ask(q.ReqOpenOrders())).state.status == "Submitted"


def test_an_error_about_an_order_that_ended_is_not_made_up() -> None:
    client = client_with(f.FalseCancel(nth=2))
    assert errors(client.ask(market(1))) == []  # the second openOrder says Filled


@pytest.mark.parametrize("minutes", [7.5, -30.0])
def test_the_clock_is_off(minutes: float) -> None:
    told = client_with(f.ClockOff(minutes=minutes)).ask(q.ReqCurrentTime())
    assert one(r.CurrentTime, told).time == datetime.fromtimestamp(
        datetime(2022, 1, 3, 14, 30, tzinfo=UTC).timestamp() + 60 * minutes, UTC
    )


# ---------------------------------------------------------------- orders


def test_an_order_is_refused_though_nothing_is_wrong_with_it() -> None:
    client = client_with(f.Reject(code=201, text="Order rejected - reason:no"))
    told = client.ask(market(1))
    assert errors(told) == [(1, 201)]
    assert only(r.OrderStatus, told)[-1].status == "Inactive"
    assert kinds(client.ask(market(2))) == ORDER


def test_an_order_is_filled_before_its_cancellation_arrives() -> None:
    client = client_with(f.FillAfterCancel())
    client.ask(limit(1, "50.00"))
    told = client.ask(q.CancelOrder(order_id=1))
    assert one(r.ExecDetails, told).execution.price == Decimal("50.00")
    assert errors(told) == [(1, 10148)]
    assert only(r.OrderStatus, told)[-1].status == "Filled"


def test_half_of_an_order_is_filled_before_the_rest_is_cancelled() -> None:
    client = client_with(f.FillAfterCancel(share=Decimal("0.5")))
    client.ask(limit(1, "50.00", quantity=9))
    told = client.ask(q.CancelOrder(order_id=1))
    assert one(r.ExecDetails, told).execution.shares == 4  # whole shares
    last = only(r.OrderStatus, told)[-1]
    assert (last.status, int(last.filled), errors(told)) == ("Cancelled", 4, [(1, 202)])


def test_a_cancellation_of_nothing_fills_nothing() -> None:
    client = client_with(f.FillAfterCancel())
    assert errors(client.ask(q.CancelOrder(order_id=9))) == [(9, 10147)]


def test_orders_are_filled_while_their_client_is_away() -> None:
    hub = hub_with(f.FillWhileAway(orders=1))
    client = Client(hub)
    client.ask(limit(1, "50.00"), limit(2, "51.00"))
    client.session.leave()
    back = Client(hub)
    assert only(r.ExecDetails, back.greeting) == []
    assert one(r.ExecDetails, back.ask(q.ReqExecutions(req_id=1))).order_id == 1
    assert one(OpenOrder, back.ask(q.ReqOpenOrders())).order.order_id == 2
    back.session.leave()  # it struck once
    assert len(hub.exchange.open_orders()) == 1


def test_an_execution_is_corrected_and_the_books_of_the_broker_with_it() -> None:
    client = client_with(f.CorrectExecution(price_change=Decimal("-0.50")))
    exchange = client.session._hub.exchange
    first = one(r.ExecDetails, client.ask(market(1))).execution
    cash = exchange.accounts["DU9000001"].cash
    client.ask(q.ReqPositions())
    client.session._hub.step()
    told = client.told()
    second = one(r.ExecDetails, told).execution
    assert (first.exec_id[-3:], second.exec_id[-3:]) == (".01", ".02")
    assert first.exec_id[:-3] == second.exec_id[:-3]
    assert (first.price, second.price, second.avg_price) == (Decimal("101.00"), Decimal("100.50"), Decimal("100.50"))
    assert one(r.CommissionReport, told).exec_id == second.exec_id
    assert exchange.accounts["DU9000001"].cash - cash == 5  # ten shares, half a dollar less each
    position = one(r.Position, told)
    # 10 at 100.50 and a commission of 0.10, one basis point of 1,010
    assert (int(position.position), position.avg_cost) == (10, Decimal("100.51"))
    asked = one(r.ExecDetails, client.ask(q.ReqExecutions(req_id=1)))
    assert asked.execution.exec_id == second.exec_id


# ---------------------------------------------------------------- the gateway itself


def test_while_ibkr_is_out_of_reach_orders_are_refused_and_nothing_is_told() -> None:
    hub, client = listening(f.ConnectivityLost(after="openOrder", instants=2))
    assert errors(client.ask(limit(1, "95.00"))) == [(-1, 1100)]
    assert errors(client.ask(market(2))) == [(2, 1100)]
    assert errors(client.ask(q.CancelOrder(order_id=1))) == [(1, 1100)]
    assert errors(
        client.ask(q.ReqHistoricalData(req_id=8, contract=AAA, bar_size_setting="1 day", duration_str="1 D"))
    ) == [(8, 162)]
    assert errors(client.ask(q.ReqGlobalCancel())) == [(-1, 1100)]
    hub.step()  # the order is filled at 95 and nobody hears of it
    assert errors(told := client.told()) == [(-1, 1100)]
    assert len(told) == 1
    assert hub.exchange.executions()
    hub.step()
    told = client.told()
    assert errors(told)[0] == (-1, 1102)
    assert one(r.ExecDetails, told).execution.price == 95
    assert only(r.TickPrice, told)  # market data goes on by itself


def test_who_comes_in_while_ibkr_is_out_of_reach_is_told_so_instead_of_farms_that_are_fine() -> None:
    hub, client = listening(f.ConnectivityLost(after="openOrder", instants=2))
    client.ask(limit(1, "95.00"))
    later = Client(hub, client_id=2)
    assert errors(later.greeting) == [(-1, 2110)]
    hub.step()
    hub.step()
    assert (-1, 1102) in errors(later.told())


def test_connectivity_comes_back_without_data_or_reports() -> None:
    hub, client = listening(f.ConnectivityLost(after="openOrder", data="lost", reports="lost"))
    assert errors(client.ask(limit(1, "95.00"))) == [(-1, 1100)]
    hub.step()
    told = client.told()
    assert errors(told) == [(-1, 1101)]
    assert (only(r.ExecDetails, told), only(r.TickPrice, told)) == ([], [])
    hub.step()
    assert only(r.TickPrice, client.told()) == []
    assert len(only(r.ExecDetails, client.ask(q.ReqExecutions(req_id=1)))) == 1
    assert errors(client.ask(q.CancelMktData(req_id=5), q.ReqMktData(req_id=5, contract=AAA))) == []
    hub.step()
    assert only(r.TickPrice, client.told())


def test_two_losses_at_once_are_one() -> None:
    hub, client = listening(f.ConnectivityLost(instants=2), f.ConnectivityLost(instants=2))
    hub.step()
    hub.step()
    assert [code for _, code in errors(client.told())].count(1102) <= 1


@pytest.mark.parametrize("data", ["kept", "lost"])
def test_the_market_farm_breaks_and_comes_back(data: str) -> None:
    hub, client = listening(f.FarmBroken(after="tickReqParams", data=data, instants=1))
    hub.step()
    told = client.told()
    assert errors(told) == [(-1, 2104)]
    hub.step()
    assert bool(only(r.TickPrice, client.told())) == (data == "kept")


def test_without_the_history_farm_there_are_no_bars() -> None:
    client = client_with(f.FarmBroken(after="managedAccounts", farm="history"))
    bars = q.ReqHistoricalData(req_id=8, contract=AAA, bar_size_setting="1 day", duration_str="1 D")
    assert errors(client.greeting)[-1] == (-1, 2105)
    assert errors(client.ask(bars)) == [(8, 162)]
    client.session._hub.step()
    assert errors(client.told()) == [(-1, 2106)]
    assert only(r.HistoricalData, client.ask(bars))


def test_without_the_contract_farm_details_are_never_told() -> None:
    client = client_with(f.FarmBroken(after="managedAccounts", farm="contracts"))
    details = q.ReqContractDetails(req_id=8, contract=AAA)
    assert client.ask(details) == []
    client.session._hub.step()
    assert errors(client.told()) == [(-1, 2158)]
    assert kinds(client.ask(details)) == ["ContractData", "ContractDataEnd"]


@pytest.mark.parametrize(("farm", "code"), [("market", 2108), ("history", 2107)])
def test_a_farm_sleeps_and_nothing_is_wrong(farm: str, code: int) -> None:
    hub, client = listening()
    assert hub.faults is not None
    hub.faults.add(f.FarmInactive(farm=farm))
    assert errors(client.told()) == [(-1, code)]
    hub.step()
    assert only(r.TickPrice, client.told())


def test_market_data_falls_silent_without_a_word() -> None:
    hub, client = listening(f.SilentData(at=datetime(2022, 1, 3, 17, tzinfo=UTC), instants=2))
    hub.step()  # 17:00, when it begins
    assert client.told() == []
    hub.step()
    assert client.told() == []
    hub.step()  # the close
    assert only(r.TickPrice, client.told())


def test_one_symbol_is_silent_until_it_is_asked_for_again() -> None:
    hub, client = listening()
    assert hub.faults is not None
    hub.faults.add(f.SilentData(symbol="BBB", instants=0))
    hub.step()
    assert only(r.TickPrice, client.told())
    hub.faults.add(f.SilentData(symbol="AAA", instants=0))
    hub.step()
    assert client.told() == []
    assert errors(client.ask(q.ReqMktData(req_id=5, contract=AAA))) == []
    hub.step()
    assert only(r.TickPrice, client.told())


def test_somebody_who_logs_in_elsewhere_takes_the_data_away() -> None:
    hub, client = listening()
    assert hub.faults is not None
    hub.faults.add(f.CompetingSession(instants=2))
    assert errors(client.told()) == [(5, 10197)]
    assert errors(client.ask(q.ReqMktData(req_id=6, contract=AAA))) == [(6, 10197)]
    hub.step()
    assert client.told() == []
    hub.step()
    assert only(r.TickPrice, client.told())


def test_a_trouble_begins_in_the_night_that_it_names() -> None:
    hub = hub_with(f.FarmInactive(night=1))
    client = Client(hub)
    while hub.exchange.session.day.day == 3:
        client.told()
        hub.step()
    assert errors(client.told()) == [(-1, 2108)]


def test_a_restart_ends_every_conversation_and_ids_go_back() -> None:
    hub = hub_with(f.Restart(after="commissionReport", ids="lost"))
    client, other = Client(hub), Client(hub, 2)
    client.ask(*(limit(number, "50.00") for number in range(1, 7)))
    client.ask(market(7))
    assert (client.told(), other.told()) == ([], [])
    assert client.session.closed
    assert other.session.closed
    client.session.leave()
    back = Client(hub)
    # Ids 1 to 6 work still; 7 was filled before the restart, and names another order now.
    assert one(r.NextValidId, back.greeting).order_id == 7
    told = back.ask(market(7, quantity=3))
    assert (kinds(told), errors(told)) == (ORDER, [])
    assert one(OpenOrder, back.ask(limit(5, "51.00"))).order.lmt_price == 51
    filled = [each.execution for each in only(r.ExecDetails, back.ask(q.ReqExecutions(req_id=1)))]
    assert [int(each.shares) for each in filled] == [10, 3]
    assert len({each.perm_id for each in filled}) == 2
    assert one(r.NextValidId, Client(hub, 3).greeting).order_id == 1  # it went back once


def test_every_kind_of_fault_is_shown_by_a_test() -> None:
    here = Path(__file__).parent
    tests = "".join((here / name).read_text() for name in ("test_faults.py", "test_fault_server.py"))
    for kind in f.KINDS.values():
        assert f"f.{kind.__name__}(" in tests, f"no test uses {kind.name}"
