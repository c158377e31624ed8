"""Good faith by hand (12 CFR 220.8): who sells what unsettled proceeds bought, before they settle, breaks it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from bursar.gateway.exchange import Exchange
from bursar.gateway.faith import GoodFaith
from bursar.gateway.fees import BasisPoints
from bursar.gateway.notices import Refused
from bursar.gateway.terms import Terms
from tests.gateway.worlds import OPEN, Script, order, written

D = Decimal
MONDAY, TUESDAY, WEDNESDAY = date(2022, 1, 3), date(2022, 1, 4), date(2022, 1, 5)
FLAT: Script = {OPEN: {"AAA": ("100.00", "100.00"), "BBB": ("100.00", "100.00")}}


def test_selling_what_settled_cash_bought_is_no_violation() -> None:
    faith = GoodFaith()
    faith.bought("AAA", D(10), D(1000), settled=D(1000), due=WEDNESDAY)
    faith.bought("AAA", D(10), D(1000), settled=D(0), due=None)  # nothing is on its way
    assert not faith.sold("AAA", D(20), held=D(20), day=MONDAY)
    assert faith.violations == []


def test_selling_what_unsettled_proceeds_bought_is_one_until_they_settle() -> None:
    for day, broken in ((MONDAY, True), (TUESDAY, True), (WEDNESDAY, False)):
        faith = GoodFaith()
        faith.bought("AAA", D(10), D(1000), settled=D(0), due=WEDNESDAY)
        assert faith.sold("AAA", D(10), held=D(10), day=day) == broken


def test_shares_that_are_paid_for_go_first() -> None:
    faith = GoodFaith()
    faith.bought("AAA", D(10), D(1000), settled=D(400), due=WEDNESDAY)  # six of them are not paid for
    assert not faith.sold("AAA", D(4), held=D(10), day=MONDAY)
    assert faith.sold("AAA", D(3), held=D(6), day=MONDAY)
    assert faith.sold("AAA", D(3), held=D(3), day=MONDAY)
    assert not faith.sold("AAA", D(3), held=D(3), day=MONDAY)
    assert not faith.sold("BBB", D(3), held=D(3), day=MONDAY)


def test_three_in_a_year_restrict_the_account_for_ninety_days() -> None:
    faith = GoodFaith(violations=[date(2021, 3, 1), date(2021, 9, 1)])
    assert not faith.restricted(MONDAY)
    faith.violations.append(MONDAY)
    assert faith.restricted(MONDAY)
    assert faith.restricted(MONDAY + timedelta(days=90))
    assert not faith.restricted(MONDAY + timedelta(days=91))
    spread = GoodFaith(violations=[date(2020, 9, 1), date(2021, 9, 1), MONDAY])
    assert not spread.restricted(MONDAY)


def test_a_restricted_account_buys_with_settled_cash_alone() -> None:
    exchange = Exchange(written(FLAT), Terms(cash=D(2_000), fees=BasisPoints(rate=D(0)), good_faith=True))
    account = exchange.accounts["DU9000001"]
    assert account.faith is not None
    exchange.advance()
    exchange.place(order(1, "BUY", 20))
    for number in (2, 4, 6):  # sell, and buy the other with the proceeds, and sell that on the same day
        exchange.place(order(number, "SELL", 20, "AAA" if number != 4 else "BBB"))
        exchange.place(order(number + 1, "BUY", 20, "BBB" if number != 4 else "AAA"))
    assert account.faith.violations == [MONDAY, MONDAY]
    exchange.place(order(8, "SELL", 10, "BBB"))
    assert len(account.faith.violations) == 3
    exchange.place(order(9, "BUY", 1))
    (refused,) = [notice for notice in exchange.notices if isinstance(notice, Refused)]
    assert refused.code == 201
    assert "0.00 USD is available" in refused.text


def test_nobody_counts_where_the_terms_do_not_ask_for_it() -> None:
    assert Exchange(written()).accounts["DU9000001"].faith is None
