"""An adviser's groups: replaced and asked for, and orders that are shared out, worked by hand.

Three accounts with 10,000 each; AAA is 99 x 101 at the bell with a print of 100, and a basis point is charged.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.gateway.advisers import shared_out
from bursar.gateway.commands import Hit, Place, ReplaceFA, decode, encode
from bursar.gateway.exchange import replay
from bursar.gateway.hub import Hub
from bursar.gateway.messages import VERSIONS, PlaceOrder
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.messages.orders import OpenOrder
from bursar.gateway.messages.values import Condition, Order
from bursar.gateway.terms import Terms
from tests.gateway import worlds
from tests.gateway.clients import AAA, Client, errors, hub_of, one, only, to_open

D = Decimal
MASTER = "DF9000001"
ACCOUNTS = ("DU9000001", "DU9000002", "DU9000003")


def group(name: str, method: str, *amounts: str, accounts: tuple[str, ...] = ACCOUNTS) -> str:
    """A group as the samples of IBKR's testbed write it."""
    rows = "".join(f"<String>{account}</String>" for account in accounts)
    if amounts:
        pairs = zip(accounts, amounts, strict=False)
        rows = "".join(f"<Account><acct>{name}</acct><amount>{amount}</amount></Account>" for name, amount in pairs)
    return (
        f"<Group><name>{name}</name><defaultMethod>{method}</defaultMethod>"
        f'<ListOfAccts varName="list">{rows}</ListOfAccts></Group>'
    )


def groups(*told: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><ListOfGroups>{"".join(told)}</ListOfGroups>'


ALL = groups(
    group("Equal", "EqualQuantity"),
    group("Worth", "NetLiq"),
    group("Free", "AvailableEquity"),
    group("Ratio", "Ratio", "2", "1", "1"),
    group("Percent", "Percent", "50", "25", "25"),
    group("Shares", "ContractsOrShares", "7", "2", "1"),
)


def advised(version: int = 178, **terms: Any) -> tuple[Hub, Client]:
    """A client of an adviser with groups, at the bell."""
    hub = hub_of(worlds.written(), Terms(**{"accounts": ACCOUNTS, "adviser": MASTER, "cash": D(10_000), **terms}))
    to_open(hub)
    client = Client(hub, version=version)
    assert client.ask(q.ReplaceFA(fa_data_type=1, xml=ALL, req_id=5)) == [r.ReplaceFAEnd(req_id=5, text="success")]
    return hub, client


def buying(order_id: int, fa_group: str, quantity: int = 10, **words: Any) -> PlaceOrder:
    words = {"action": "BUY", "order_type": "MKT", "tif": "DAY", "fa_group": fa_group, **words}
    return PlaceOrder(order_id=order_id, contract=AAA, order=Order(total_quantity=D(quantity), **words))


def shares(told: list[Any]) -> list[tuple[str, int]]:
    """Who got how much."""
    return [(each.execution.acct_number[-1], int(each.execution.shares)) for each in only(r.ExecDetails, told)]


# ---------------------------------------------------------------- groups and aliases


@pytest.mark.parametrize("version", VERSIONS)
def test_groups_and_aliases_are_told_as_they_were_replaced(version: int) -> None:
    _, client = advised(version)
    assert client.ask(q.RequestFA(fa_data_type=1)) == [r.ReceiveFA(fa_data_type=1, xml=ALL)]
    one_alias = "<AccountAlias><account>DU9000002</account><alias>Aunt &amp; Uncle</alias></AccountAlias>"
    told = f"<ListOfAccountAliases>{one_alias}</ListOfAccountAliases>"
    assert one(r.ReplaceFAEnd, client.ask(q.ReplaceFA(fa_data_type=3, xml=told, req_id=6))).req_id == 6
    known = one(r.ReceiveFA, client.ask(q.RequestFA(fa_data_type=3))).xml
    assert one_alias in known
    assert known.count("<alias>") == 3


@pytest.mark.parametrize(
    ("kind", "xml", "word"),
    [
        (1, groups(group("G", "PctChange")), "method 'PctChange', which is not imitated"),
        (1, groups(group("G", "EqualQuantity", accounts=("DU9000009",))), "needs accounts of DU9000001"),
        (1, groups(group("G", "EqualQuantity", accounts=())), "needs accounts of"),
        (1, groups(group("G", "Ratio")), "needs an amount for each account"),
        (1, groups(group("G", "Ratio", "1", "0", "1")), "give a number above zero"),
        (1, groups(group("G", "NetLiq"), group("G", "NetLiq")), "two groups have the same name"),
        (1, "<ListOfGroups><Group/></ListOfGroups>", "a Group lacks its name"),
        (1, "groups", "this is no XML"),
        (1, '<!DOCTYPE x [<!ENTITY a "b">]><ListOfGroups/>', "declares a document type"),
        (3, "<L><AccountAlias><account>X</account><alias>Y</alias></AccountAlias></L>", "no account 'X'"),
        (2, ALL, "allocation profiles"),
        (4, ALL, "Invalid FA data type 4"),
    ],
)
def test_what_cannot_be_replaced_is_refused_by_name_and_changes_nothing(kind: int, xml: str, word: str) -> None:
    _, client = advised()
    (refused,) = client.ask(q.ReplaceFA(fa_data_type=kind, xml=xml, req_id=6))
    assert (refused.req_id, refused.code) == (6, 321)
    assert word in refused.text
    assert client.ask(q.RequestFA(fa_data_type=1)) == [r.ReceiveFA(fa_data_type=1, xml=ALL)]


def test_whoever_advises_nobody_has_no_groups() -> None:
    hub = hub_of(worlds.written())
    client = Client(hub)
    to_open(hub)
    assert errors(client.ask(q.RequestFA(fa_data_type=1))) == [(-1, 321)]
    assert errors(client.ask(q.ReplaceFA(fa_data_type=1, xml=ALL, req_id=6))) == [(6, 321)]
    assert errors(client.ask(buying(1, "Equal"))) == [(1, 321)]


# ---------------------------------------------------------------- shared out


@pytest.mark.parametrize(
    ("fa_group", "quantity", "method", "expected"),
    [
        ("Equal", 10, "", [4, 3, 3]),  # 3.33 each, and the lot that is left goes to the first
        ("Equal", 2, "", [1, 1]),
        ("Ratio", 10, "", [5, 3, 2]),  # 5, 2.5 and 2.5
        ("Percent", 8, "", [4, 2, 2]),
        ("Shares", 10, "", [7, 2, 1]),
        ("Worth", 10, "EqualQuantity", [4, 3, 3]),  # the order's own word comes first
        # 50 at 101 and 0.51 were paid: 4,949.49 are free in the first and 10,000 in the others, 4.96, 10.02 and 10.02.
        ("Free", 25, "", [5, 10, 10]),
        # The 50 are worth 5,000: 9,949.49 to 10,000 and 10,000, 8.31, 8.35 and 8.35.
        ("Worth", 25, "", [8, 9, 8]),
    ],
)
def test_an_order_is_shared_by_its_group(fa_group: str, quantity: int, method: str, expected: list[int]) -> None:
    hub, client = advised()
    first = PlaceOrder(
        order_id=1,
        contract=AAA,
        order=Order(action="BUY", total_quantity=D(50), order_type="MKT", account=ACCOUNTS[0]),
    )
    if fa_group in ("Free", "Worth"):
        client.ask(first)
    told = client.ask(buying(2, fa_group, quantity, fa_method=method))
    assert [each for _, each in shares(told)] == expected
    assert [each.execution.cum_qty for each in only(r.ExecDetails, told)][-1] == quantity
    status = only(r.OrderStatus, told)[-1]
    assert (status.status, status.filled, status.remaining) == ("Filled", D(quantity), D(0))
    order = only(OpenOrder, told)[-1].order
    assert (order.account, order.fa_group, order.fa_method) == (MASTER, fa_group, method)
    assert len(only(r.CommissionReport, told)) == len(expected)
    bought = sum((account.position("AAA").quantity for account in hub.exchange.accounts.values()), D(0))
    assert bought == quantity + (50 if fa_group in ("Free", "Worth") else 0)


def test_parts_of_a_fill_go_to_each_account_in_proportion_to_what_it_waits_for() -> None:
    # Half, a quarter and a quarter of 40. Of 10 they get 5, 2.5 and 2.5: 5, 3 and 2; of the 30 that are left 15, 7, 8.
    hub, client = advised()
    client.ask(buying(1, "Ratio", 40, order_type="LMT", lmt_price=D(95)))
    held = [account.held_cash() for account in hub.exchange.accounts.values()]
    assert held == [D("1900.19"), D("950.10"), D("950.10")]  # 20 at 95, and a basis point
    hub.do(Hit(client_id=1, order_id=1, total_quantity=D(10)))
    assert shares(client.told()) == [("1", 5), ("2", 3), ("3", 2)]
    hub.step()  # 95 is asked at noon
    assert shares(client.told()) == [("1", 15), ("2", 7), ("3", 8)]
    assert [account.held_cash() for account in hub.exchange.accounts.values()] == [0, 0, 0]
    assert [account.commissions for account in hub.exchange.accounts.values()] == [D("0.19"), D("0.10"), D("0.10")]


def test_an_order_for_a_group_is_changed_in_price_and_canceled_like_any_other() -> None:
    hub, client = advised()
    client.ask(buying(1, "Equal", 9, order_type="LMT", lmt_price=D(90)))
    assert errors(client.ask(buying(1, "Equal", 12, order_type="LMT", lmt_price=D(90)))) == [(1, 321)]
    assert errors(client.ask(buying(1, "Ratio", 9, order_type="LMT", lmt_price=D(90)))) == [(1, 105)]
    assert errors(client.ask(buying(1, "Equal", 9, order_type="LMT", lmt_price=D(91)))) == []
    assert hub.exchange.accounts[ACCOUNTS[2]].held_cash() == D("273.03")
    assert errors(client.ask(q.CancelOrder(order_id=1))) == [(1, 202)]
    assert hub.exchange.accounts[ACCOUNTS[2]].held_cash() == 0


def test_a_group_sells_what_its_accounts_have_and_may_change_its_price_while_it_waits() -> None:
    _, client = advised()
    client.ask(buying(1, "Equal", 9))
    selling = {"action": "SELL", "order_type": "LMT"}
    assert errors(client.ask(buying(2, "Equal", 12, lmt_price=D(99), **selling))) == [(2, 201)]
    assert errors(client.ask(buying(2, "Equal", 9, lmt_price=D(110), **selling))) == []
    assert shares(client.ask(buying(2, "Equal", 9, lmt_price=D(99), **selling))) == [("1", 3), ("2", 3), ("3", 3)]


def test_nothing_is_bought_where_one_account_cannot_pay_for_its_part() -> None:
    hub, client = advised()
    client.ask(q.ReplaceFA(fa_data_type=1, xml=groups(group("G", "Ratio", "1", "1", "98")), req_id=9))
    told = client.ask(buying(1, "G", 105))  # 103 at 101 are 10,403
    assert errors(told) == [(1, 201)]
    assert only(r.OrderStatus, told)[-1].status == "Inactive"
    assert all(account.cash == 10_000 for account in hub.exchange.accounts.values())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"fa_group": "Nobody"}, "Invalid group 'Nobody'"),
        ({"account": ACCOUNTS[0]}, "An order for a group is of the account DF9000001"),
        ({"fa_method": "PctChange"}, "the method PctChange"),
        ({"fa_method": "Ratio"}, "the method Ratio"),  # the group has no amounts
        ({"fa_percentage": "50"}, "fa_percentage"),
        ({"oca_group": "g"}, "brackets and OCA groups"),
        ({"what_if": True}, "what an order for a group would do"),
        ({"conditions": (Condition(kind=4, value="30"),)}, "its conditions for a group"),
        ({"fa_profile": "P"}, "fa_profile"),
    ],
)
def test_what_a_group_cannot_do_is_refused_by_name(words: dict[str, Any], text: str) -> None:
    _, client = advised(176)
    (refused,) = client.ask(buying(1, **{"fa_group": "Equal", **words}))
    assert (refused.req_id, refused.code) == (1, 321)
    assert text in refused.text


def test_shares_of_a_group_are_the_size_of_its_orders() -> None:
    _, client = advised()
    (refused,) = client.ask(buying(1, "Shares", 11))
    assert "The shares of group 'Shares' are not 11 together" in refused.text


def test_the_log_leads_to_the_same_groups_and_parts() -> None:
    lines: list[str] = []
    world, terms = worlds.written(), Terms(accounts=ACCOUNTS, adviser=MASTER)
    hub = Hub(replay(world, terms, [hub_of(world, terms).exchange.header]), record=lines.append)
    to_open(hub)
    hub.do(ReplaceFA(kind_of_data=1, xml=ALL))
    hub.do(worlds.order(1, account=MASTER, fa_group="Ratio"))
    again = replay(world, terms, [hub.exchange.header, *lines])
    assert repr(again.accounts) == repr(hub.exchange.accounts)
    assert [executed.account for executed, _ in again.executions()] == list(ACCOUNTS)
    command = decode(lines[-1])
    assert isinstance(command, Place)
    assert (encode(command), command.fa_group) == (lines[-1], "Ratio")


@given(
    quantity=st.integers(1, 10_000).map(D),
    weights=st.lists(st.integers(0, 1_000), min_size=1, max_size=8).filter(any),
    lot=st.sampled_from([D(1), D("0.0001"), D(100)]),
)
def test_shares_add_up_and_are_whole_lots_within_one_of_what_is_due(
    quantity: Decimal, weights: list[int], lot: Decimal
) -> None:
    quantity *= lot
    parts = shared_out(quantity, [D(weight) for weight in weights], lot)
    assert sum(parts) == quantity
    for part, weight in zip(parts, weights, strict=True):
        assert part % lot == 0
        assert abs(part - quantity * weight / sum(weights)) < lot
