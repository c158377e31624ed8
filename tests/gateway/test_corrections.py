"""Executions that are told again: at another price, of fewer shares, or taken back, worked by hand.

AAA is bought at 101.00 at the opening bell; nothing is charged, or one basis point.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from bursar.errors import InputError
from bursar.gateway import faults as f
from bursar.gateway.commands import Correct, Hit, decode, encode
from bursar.gateway.fees import BasisPoints
from bursar.gateway.hub import Hub
from bursar.gateway.messages import VERSIONS
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.statement import statement
from bursar.gateway.terms import Terms
from tests.gateway import worlds
from tests.gateway.clients import Client, hub_of, limit, market, one, only, to_open
from tests.gateway.test_currencies import exchange_of
from tests.gateway.test_faults import hub_with
from tests.gateway.test_statement import rows
from tests.gateway.worlds import order

ACCOUNT = "DU9000001"
D = Decimal


def opened() -> Hub:
    hub = hub_of(worlds.written(), Terms(cash=D(10_000), fees=BasisPoints()))
    to_open(hub)
    return hub


@pytest.mark.parametrize("version", VERSIONS)
def test_a_trade_that_is_busted_is_told_again_with_no_shares_and_leaves_nothing(version: int) -> None:
    hub = opened()
    client = Client(hub, version=version)
    first = one(r.ExecDetails, client.ask(market(1))).execution
    client.ask(q.ReqPositions())
    assert hub.exchange.accounts[ACCOUNT].cash == D("8989.90")  # 1,010 and 0.10, one basis point
    hub.do(Correct(exec_id=first.exec_id, price=first.price, shares=D(0)))
    told = client.told()
    second = one(r.ExecDetails, told).execution
    assert (second.exec_id, second.shares, second.cum_qty) == (first.exec_id[:-2] + "02", D(0), D(0))
    report = one(r.CommissionReport, told)
    assert (report.exec_id, report.commission, report.realized_pnl) == (second.exec_id, D(0), None)
    # An order that is done stays done.
    status = one(r.OrderStatus, told)
    assert (status.status, status.filled, status.remaining) == ("Filled", D(0), D(10))
    assert one(r.Position, told).position == 0
    account = hub.exchange.accounts[ACCOUNT]
    assert (account.cash, account.quantities, account.commissions) == (D(10_000), {}, D(0))
    asked = one(r.ExecDetails, client.ask(q.ReqExecutions(req_id=1)))
    assert (asked.execution.exec_id, asked.execution.shares) == (second.exec_id, D(0))
    assert rows(statement(hub.exchange, ACCOUNT), "Trade") == []


def test_an_order_that_works_works_for_what_was_taken_back_too() -> None:
    hub = opened()
    client = Client(hub)
    client.ask(limit(1, "95.00"))
    hub.do(Hit(client_id=1, order_id=1, total_quantity=D(4)))
    first = one(r.ExecDetails, client.told()).execution
    hub.do(Correct(exec_id=first.exec_id, price=D("94.00"), shares=D(1)))
    told = client.told()
    assert (one(r.OrderStatus, told).filled, one(r.OrderStatus, told).remaining) == (D(1), D(9))
    second = one(r.ExecDetails, told).execution
    assert (second.shares, second.price, second.avg_price) == (D(1), D(94), D(94))
    hub.step()  # the ask at noon is 95
    assert one(r.ExecDetails, client.told()).execution.shares == 9
    # One at 94 and nine at 95 are 949, and a basis point of it is 0.09.
    assert hub.exchange.accounts[ACCOUNT].cash == D("10000") - 949 - D("0.09")
    assert [int(row["quantity"]) for row in rows(statement(hub.exchange, ACCOUNT), "Trade")] == [1, 9]


def test_an_execution_is_corrected_twice_under_ids_that_rise() -> None:
    hub = opened()
    client = Client(hub)
    first = one(r.ExecDetails, client.ask(market(1))).execution.exec_id
    for price, revision in (("100.00", "02"), ("99.00", "03")):
        (known,) = hub.exchange.executions()
        hub.do(Correct(exec_id=known[0].exec_id, price=D(price)))
        assert one(r.ExecDetails, client.told()).execution.exec_id == first[:-2] + revision
    # The commission stands as it was charged, on 1,010.
    assert hub.exchange.accounts[ACCOUNT].cash == D("10000") - 990 - D("0.10")
    hub.do(Correct(exec_id=first, price=D(1)))  # nobody knows that one any more
    assert only(r.ExecDetails, client.told()) == []


@pytest.mark.parametrize(
    ("price", "shares", "balances"),
    [
        ("1.1000", None, {"USD": D("8998.00"), "EUR": D(10_000)}),  # 11,000 and 2.00
        ("1.1010", "0", {"USD": D(20_000), "EUR": D(0)}),
        ("1.1010", "5000", {"USD": D("14493.00"), "EUR": D(5000)}),  # 5,505 and 2.00, the least
    ],
)
def test_an_exchange_of_currencies_is_corrected_in_both(
    price: str, shares: str | None, balances: dict[str, Decimal]
) -> None:
    exchange = exchange_of()
    exchange.place(order(1, "BUY", 10_000, "EUR.USD"))
    ((executed, _),) = exchange.executions()
    exchange.apply(Correct(exec_id=executed.exec_id, price=D(price), shares=None if shares is None else D(shares)))
    account = exchange.accounts[ACCOUNT]
    assert account.balances == balances
    assert account.quantities == {}


def test_a_correction_is_kept_in_the_log_and_an_old_line_is_what_it_was() -> None:
    assert decode('{"exec_id":"a.01","kind":"correct","price":"1.50"}') == Correct(exec_id="a.01", price=D("1.50"))
    command = Correct(exec_id="a.01", price=D("1.50"), shares=D(0))
    assert decode(encode(command)) == command


def test_a_fault_busts_a_trade() -> None:
    hub = hub_with(f.CorrectExecution(left=D(0)))
    client = Client(hub)
    first = one(r.ExecDetails, client.ask(market(1))).execution
    hub.step()
    second = one(r.ExecDetails, client.told()).execution
    assert (second.shares, second.price) == (D(0), first.price)
    assert hub.exchange.accounts[ACCOUNT].quantities == {}


@pytest.mark.parametrize("left", ["-0.1", "1.1"])
def test_no_more_stands_than_was_dealt(left: str) -> None:
    with pytest.raises(InputError, match=r"left is .*; give a number from 0 to 1"):
        f.CorrectExecution(left=D(left))
