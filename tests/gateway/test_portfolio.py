"""What an account is told to be worth, by hand on written days (see ``worlds.QUIET``)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints
from bursar.gateway.margin import MarginRules
from bursar.gateway.portfolio import Holding, Profit, account_values, holdings, profit
from bursar.gateway.terms import Terms
from tests.gateway.worlds import order, written

ACCOUNT = "DU9000001"
GOLDEN = Path(__file__).parents[1] / "golden" / "gateway"
D = Decimal


def played() -> Exchange:
    """Ten shares bought at 101 and four sold at 99, ten basis points each; noon follows."""
    exchange = Exchange(written(), Terms(fees=BasisPoints(rate=D(10))))
    exchange.advance()
    exchange.place(order(1, "BUY", 10))
    exchange.place(order(2, "SELL", 4))
    exchange.advance()
    return exchange


def values(exchange: Exchange) -> dict[str, str]:
    return {each.tag: each.value for each in account_values(exchange, ACCOUNT)}


def test_a_position_is_valued_at_the_last_print_and_costs_its_commissions() -> None:
    # 1010 and 1.01 for ten; 396 less 0.40 for four: 395.60 - 404.404. Six are left at 94.50.
    assert holdings(played(), ACCOUNT) == (
        Holding(
            symbol="AAA",
            position=D(6),
            market_price=D("94.50"),
            market_value=D("567.00"),
            average_cost=D("101.101"),
            unrealized_pnl=D("-39.606"),
            realized_pnl=D("-8.804"),
        ),
    )


def test_daily_profit_is_what_became_of_yesterdays_equity() -> None:
    exchange = played()
    # Cash 100,000 - 1011.01 + 395.60 = 99,384.59; equity 99,951.59
    assert profit(exchange, ACCOUNT) == Profit(daily=D("-48.41"), unrealized=D("-39.606"), realized=D("-8.804"))
    while exchange.session is exchange.world.sessions[0]:
        exchange.advance()
    overnight = profit(exchange, ACCOUNT)
    assert (overnight.daily, overnight.realized) == (D(0), D(0))
    # The day closed at 100: six shares that cost 606.606
    assert overnight.unrealized == D("-6.606")


def test_the_values_of_an_account_agree_with_each_other() -> None:
    told = values(played())
    assert told["NetLiquidation"] == "99951.59"
    assert told["TotalCashValue"] == told["AvailableFunds"] == told["BuyingPower"] == "99384.59"
    assert told["SettledCash"] == "98988.99"  # the 395.60 settle on Wednesday
    assert told["GrossPositionValue"] == told["InitMarginReq"] == told["StockMarketValue"] == "567.00"
    assert told["PreviousDayEquityWithLoanValue"] == "100000.00"
    assert (told["Cushion"], told["Leverage"], told["Currency"]) == ("0.994327", "0.01", "USD")


def test_money_is_in_a_currency_and_the_rest_is_not() -> None:
    for each in account_values(played(), ACCOUNT):
        if each.tag.startswith(PLAIN):
            assert not each.currency, each
        elif each.tag not in NAMES:
            assert each.currency in {"USD", "BASE"}, each
            assert D(each.value) == D(each.value).quantize(D("0.01"))


#: What is no money, and what names an account or a currency, once for each.
PLAIN = (
    "AccountType", "AccountCode", "AccountReady", "Cushion", "Leverage", "DayTrades", "LookAheadNextChange",
    "NLVAndMargin", "SegmentTitle", "TradingType", "HighestSeverity", "WhatIfPM",
)  # fmt: skip
NAMES = {"AccountOrGroup", "Currency", "RealCurrency"}


def tags_told(account: str) -> set[str]:
    """What TWS told of a real account: one with stocks in 2022, and an adviser's client in 2024.

    Recorded by nautilus_trader for the tests of its IB adapter.
    """
    return set((GOLDEN / f"account-tags-{account}.txt").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("margin", [None, MarginRules()], ids=["cash", "margin"])
def test_every_tag_that_a_real_account_was_told_is_told_here(margin: MarginRules | None) -> None:
    told = {each.tag for each in account_values(Exchange(written(), Terms(margin=margin)), ACCOUNT)}
    assert (tags_told("stocks") | tags_told("client")) - told == set()


def test_the_tags_are_those_of_the_recordings_and_so_are_their_currencies(test_data: Path) -> None:
    told = {(each.tag, each.currency) for each in account_values(Exchange(written()), ACCOUNT)}
    for name, account, own in (("nt_account_values", "stocks", "AUD"), ("nt_account_values_fa", "client", "USD")):
        recorded = json.loads((test_data / "ibkr" / f"{name}.json").read_text(encoding="utf-8"))
        assert {each["tag"] for each in recorded} == tags_told(account)
        # One of them holds AUD, EUR and USD, the other USD, as here.
        rows = {(each["tag"], each["currency"].replace(own, "USD")) for each in recorded if each["currency"] != "EUR"}
        assert rows - told == set()


def test_an_account_with_nothing_has_no_cushion() -> None:
    told = values(Exchange(written(), Terms(cash=D(0))))
    assert (told["NetLiquidation"], told["Cushion"], told["Leverage"]) == ("0.00", "0", "0")


def test_a_short_counts_as_exposure_and_not_as_worth() -> None:
    exchange = Exchange(written(), Terms(fees=BasisPoints(rate=D(0)), shorts_allowed=True))
    exchange.advance()
    exchange.place(order(1, "SELL", 10))
    told = values(exchange)
    assert (told["GrossPositionValue"], told["StockMarketValue"]) == ("1000.00", "-1000.00")
    assert told["NetLiquidation"] == "99990.00"
    assert told["AvailableFunds"] == "99490.00"  # 100,990 less 150 % of 1000
