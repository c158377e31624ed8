"""Several currencies: exchanging them, paying abroad, borrowing abroad, and what all of it is told as."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bursar.domain.instruments import Instrument, InstrumentKind
from bursar.errors import InputError
from bursar.gateway.contracts import Contracts
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints, ConversionFee
from bursar.gateway.margin import MarginRules
from bursar.gateway.messages.values import Contract
from bursar.gateway.notices import CommissionReported, Refused, WhatIf
from bursar.gateway.portfolio import account_values, profit
from bursar.gateway.statement import statement
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from tests.gateway import worlds
from tests.gateway.test_statement import rows, told
from tests.gateway.worlds import LATE, NOON, OPEN, Script, order

ACCOUNT = "DU9000001"
D = Decimal

DAY: Script = {
    OPEN: {"EUR.USD": ("1.0990", "1.1010"), "SAP": ("100.00", "100.00"), "AAA": ("50.00", "50.00")},
    NOON: {"EUR.USD": ("1.2000", "1.2000"), "SAP": ("110.00", "110.00")},
    LATE: {"EUR.USD": ("1.0000", "1.0000")},
}
INSTRUMENTS = (
    Instrument(symbol="EUR.USD", kind=InstrumentKind.CURRENCY, tick=D("0.00005"), lot=D(1)),
    Instrument(symbol="SAP", currency="EUR", exchange="XETR"),
    Instrument(symbol="AAA"),
    Instrument(symbol="TYO", currency="JPY"),
)


def world() -> World:
    made = worlds.written(DAY, DAY, size="1000000")
    return World(
        name="abroad", instruments=INSTRUMENTS, sessions=made.sessions, past=made.past, tape=made.tape, adjusted=False
    )


def exchange_of(**more: Any) -> Exchange:
    exchange = Exchange(world(), Terms(cash=D(20_000), fees=BasisPoints(rate=D(0)), **more))
    exchange.advance()
    return exchange


def refusals(exchange: Exchange) -> list[str]:
    return [notice.text for notice in exchange.notices if isinstance(notice, Refused)]


def test_euros_are_bought_at_the_ask_and_leave_no_position() -> None:
    exchange = exchange_of()
    exchange.place(order(1, "BUY", 10_000, "EUR.USD"))
    account = exchange.accounts[ACCOUNT]
    # 11,010 dollars, and the least commission of 2.00 (0.2 basis points would be 0.22).
    assert account.balances == {"USD": D("8988.00"), "EUR": D(10_000)}
    assert account.quantities == {}
    # Worth at the middle, 1.10: what was lost is half the spread and the commission.
    assert exchange.credit.net_liquidation(account) == D("19988.00")
    exchange.place(order(2, "SELL", 10_000, "EUR.USD"))
    assert account.balances == {"USD": D("19976.00"), "EUR": D(0)}
    charged = [notice for notice in exchange.notices if isinstance(notice, CommissionReported)]
    assert [(each.commission, each.currency) for each in charged] == [(D("2.00"), "USD")] * 2


def test_large_exchanges_cost_basis_points() -> None:
    assert ConversionFee().charge(D(1_000_000)) == D("20.00")
    assert ConversionFee().charge(D(0)) == 0


def test_a_cash_account_cannot_exchange_what_it_does_not_have() -> None:
    exchange = exchange_of()
    exchange.place(order(1, "SELL", 1, "EUR.USD"))
    exchange.place(order(2, "BUY", 20_000, "EUR.USD"))
    exchange.place(order(3, "BUY", 10_000, "EUR.USD", limit="1.0000"))
    exchange.place(order(4, "BUY", 9_000, "EUR.USD"))
    exchange.place(order(5, "BUY", 9_000, "EUR.USD"))
    # The third works and holds 10,000 dollars back, the fourth took 9,909 and 2.00 of the rest.
    assert [text.partition("it ")[2] for text in refusals(exchange)] == [
        "needs 1.00 EUR, and 0.00 EUR is available.",
        "needs 22020.00 USD, and 20000.00 USD is available.",
        "needs 9909.00 USD, and 89.00 USD is available.",
    ]


def test_a_cash_account_pays_for_foreign_shares_in_their_currency_which_it_must_have() -> None:
    exchange = exchange_of()
    exchange.place(order(1, "BUY", 10, "SAP"))
    assert "it needs 1000.00 EUR, and 0.00 EUR is available" in refusals(exchange)[0]
    exchange.place(order(2, "BUY", 2_000, "EUR.USD"))
    exchange.place(order(3, "BUY", 10, "SAP"))
    account = exchange.accounts[ACCOUNT]
    assert account.balance("EUR") == 1_000
    exchange.place(order(4, "BUY", 5, "SAP", limit="90.00"))
    exchange.place(order(5, "BUY", 6, "SAP"))
    assert "it needs 600.00 EUR, and 550.00 EUR is available" in refusals(exchange)[-1]
    exchange.place(order(6, "SELL", 11, "SAP"))
    assert "too few shares" in refusals(exchange)[-1]
    exchange.place(order(7, "SELL", 10, "SAP"))
    assert account.balance("EUR") == 2_000


def test_a_margin_account_borrows_what_it_pays_abroad() -> None:
    exchange = exchange_of(margin=MarginRules())
    exchange.place(order(1, "BUY", 200, "SAP"))
    account = exchange.accounts[ACCOUNT]
    assert account.balances == {"USD": D(20_000), "EUR": D(-20_000)}
    now = exchange.credit.standing(account)
    # 20,000 euros of stock and of debt, at 1.10: equity as before, initial 11,000.
    assert (now.equity, now.initial, now.available) == (D(20_000), D(11_000), D(9_000))
    exchange.advance()
    # The stock at 110 and the euro at 1.20: 22,000 * 1.2 less 20,000 * 1.2.
    assert exchange.credit.net_liquidation(account) == D(20_000) + D(2_400)
    assert profit(exchange, ACCOUNT).unrealized == D(2_400)


def test_values_are_told_in_each_currency_and_in_all_of_them() -> None:
    exchange = exchange_of()
    exchange.place(order(1, "BUY", 2_000, "EUR.USD"))
    exchange.place(order(2, "BUY", 10, "SAP"))
    exchange.place(order(3, "BUY", 20, "AAA"))
    exchange.advance()
    values = {(each.tag, each.currency): each.value for each in account_values(exchange, ACCOUNT)}
    # 20,000 - 2,202 - 2.00 - 1,000 dollars, 1,000 euros at 1.20.
    assert values["CashBalance", "USD"] == "16796.00"
    assert values["CashBalance", "EUR"] == "1000.00"
    assert values["CashBalance", "BASE"] == values["TotalCashValue", "USD"] == "17996.00"
    assert (values["StockMarketValue", "EUR"], values["StockMarketValue", "BASE"]) == ("1100.00", "2320.00")
    assert (values["UnrealizedPnL", "EUR"], values["UnrealizedPnL", "BASE"]) == ("100.00", "120.00")
    assert (values["ExchangeRate", "EUR"], values["ExchangeRate", "USD"]) == ("1.2000000", "1.00")
    assert values["NetLiquidation", "USD"] == values["NetLiquidationByCurrency", "BASE"] == "20316.00"


def test_a_statement_adds_up_in_every_currency_and_names_what_rates_did() -> None:
    exchange = exchange_of()
    exchange.place(order(1, "BUY", 2_000, "EUR.USD"))
    exchange.place(order(2, "BUY", 10, "SAP"))
    while exchange.next_instant is not None:
        exchange.advance()
    report = statement(exchange, ACCOUNT)
    base, euros, dollars = rows(report, "CashReportCurrency")
    names = "depositWithdrawals commissions netTradesSales netTradesPurchases endingCash"
    assert told(euros, names) == ["0", "0", "0", "1000", "1000"]
    assert told(dollars, names) == ["20000", "-2", "0", "-2202", "17796"]
    # At the end a euro is a dollar: 1,000 and 17,796; of the 2,202 that bought 2,000 euros 202 are translation.
    assert told(base, names) == ["20000", "-2", "0", "-1202", "18796"]
    assert base["fxTranslationGainLoss"] == "0"
    pair, stock = rows(report, "Trade")
    assert told(pair, "assetCategory symbol fifoPnlRealized netCash") == ["CASH", "EUR.USD", "0", "-2204"]
    assert told(stock, "currency fxRateToBase netCash") == ["EUR", "1", "-1000"]
    assert [row["rate"] for row in rows(report, "ConversionRate")] == ["1", "1"]


def test_what_cannot_be_paid_for_is_refused() -> None:
    exchange = exchange_of()
    exchange.place(order(1, "BUY", 1, "TYO"))
    assert refusals(exchange)[0].endswith("The account holds USD and TYO trades in JPY")


def test_before_the_first_price_of_a_pair_nothing_is_exchanged_with_it() -> None:
    for margin in (None, MarginRules()):
        exchange = Exchange(world(), Terms(cash=D(20_000), margin=margin))
        exchange.place(order(1, "BUY", 1, "EUR.USD"))
        exchange.place(order(2, "BUY", 1, "SAP"))
        assert all("No exchange rate of EUR to USD is known" in text for text in refusals(exchange))
        assert len(refusals(exchange)) == 2


def test_a_rate_is_found_from_either_side_of_a_pair() -> None:
    exchange = exchange_of()
    assert exchange.credit.rate("EUR") == D("1.1")
    euro = Exchange(world(), Terms(currency="EUR"))
    euro.advance()
    assert euro.credit.rate("USD") == 1 / D("1.1")
    assert euro.credit.rate("JPY") is None


def test_a_pair_is_described_as_ibkr_does_and_found_again() -> None:
    contracts = Contracts(world())
    pair = contracts["EUR.USD"]
    assert (pair.symbol, pair.sec_type, pair.currency, pair.exchange) == ("EUR", "CASH", "USD", "IDEALPRO")
    for asked in (
        Contract(symbol="EUR", sec_type="CASH", currency="USD", exchange="IDEALPRO"),
        Contract(local_symbol="EUR.USD", sec_type="CASH", currency="USD"),
        Contract(con_id=pair.con_id),
    ):
        found = contracts.find(asked)
        assert found is not None
        assert found.symbol == "EUR.USD"
    assert contracts.find(Contract(symbol="EUR", sec_type="STK", currency="USD")) is None
    assert contracts.find(Contract(symbol="EUR", sec_type="CASH", currency="USD", exchange="SMART")) is None


def test_a_margin_account_exchanges_what_it_then_owes_and_pays_only_the_charge() -> None:
    exchange = exchange_of(margin=MarginRules())
    exchange.place(order(1, "SELL", 5_000, "EUR.USD"))
    account = exchange.accounts[ACCOUNT]
    # 5,495 dollars less 2.00, and 5,000 euros owed, which are worth 5,500 at the middle.
    assert account.balances == {"USD": D("25493.00"), "EUR": D(-5_000)}
    assert exchange.credit.net_liquidation(account) == D("19993.00")
    exchange.place(order(2, "BUY", 1_000, "EUR.USD", limit="1.0000"))
    assert account.held_cash() == account.held_cash(currency="EUR") == 0
    poor = Exchange(world(), Terms(cash=D(1), margin=MarginRules()))
    poor.advance()
    poor.place(order(1, "BUY", 1, "EUR.USD"))
    assert "it needs 2.00 USD, and 1.00 USD is available" in refusals(poor)[0]


def test_a_what_if_of_an_exchange_costs_its_charge_and_needs_no_margin() -> None:
    answer = exchange_of(margin=MarginRules()).what_if(order(1, "BUY", 1_000, "EUR.USD"))
    assert isinstance(answer, WhatIf)
    assert (answer.commission, answer.margin_after, answer.equity_after) == (D("2.00"), D(0), D("19998.00"))


@pytest.mark.parametrize("wrong", [{"rate": D(-1)}, {"minimum": D("NaN")}])
def test_a_charge_that_cannot_be_is_refused(wrong: dict[str, Decimal]) -> None:
    with pytest.raises(InputError, match="conversion: "):
        ConversionFee(**wrong)
