"""The statement: by hand on written days, in the shape of IBKR's, and adding up for any stream of orders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.gateway.account import CashEntry
from bursar.gateway.actions import Action, Dividend, SpinOff, Split, SymbolChange
from bursar.gateway.borrow import Lending
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints
from bursar.gateway.interest import Benchmark, InterestPlan
from bursar.gateway.margin import MarginRules
from bursar.gateway.statement import statement
from bursar.gateway.taxlots import Lots
from bursar.gateway.terms import Terms
from tests.gateway.worlds import QUIET, order, simulated, written

ACCOUNT = "DU9000001"
D = Decimal
AT = datetime(2022, 1, 3, 15, tzinfo=UTC)
Rows = list[dict[str, str]]


def rows(report: str, name: str) -> Rows:
    return [dict(row.attrib) for row in ET.fromstring(report).iter(name)]


def told(row: dict[str, str], names: str) -> list[str]:
    return [row[name] for name in names.split()]


def played(**more: object) -> Exchange:
    """Ten bought at 101 and four sold at 99 at the bell, ten basis points each; the rest of two quiet days."""
    exchange = Exchange(written(), Terms(fees=BasisPoints(rate=D(10)), **more))  # type: ignore[arg-type]
    exchange.advance()
    exchange.place(order(1, "BUY", 10))
    exchange.place(order(2, "SELL", 4))
    while exchange.next_instant is not None:
        exchange.advance()
    return exchange


# ---------------------------------------------------------------- lots


def test_lots_are_closed_oldest_first_and_parts_sum_to_the_whole() -> None:
    lots = Lots()
    lots.trade(D(3), D("10"), AT, "a")
    lots.trade(D(3), D("20"), AT, "b")
    # One of the first three costs 3.33333333, and 10 came in for it.
    assert lots.trade(D(-1), D("-10"), AT, "c").realized == D("6.66666667")
    # The other two cost the rest, and two of the second lot 13.33333333.
    outcome = lots.trade(D(-4), D("-40"), AT, "d")
    assert outcome.realized == D(40) - D("6.66666667") - D("13.33333333")
    assert (lots.quantity, lots.cost) == (D(1), D("6.66666667"))


def test_a_sale_beyond_what_is_held_opens_a_short_with_the_rest() -> None:
    lots = Lots()
    lots.trade(D(10), D(100), AT, "a")
    outcome = lots.trade(D(-15), D("-179.70"), AT, "b")  # 15 at 12, less 0.30
    assert (outcome.closed, outcome.realized) == (D(10), D("19.80"))
    assert (lots.quantity, lots.cost) == (D(-5), D("-59.90"))
    assert lots.trade(D(5), D(50), AT, "c").realized == D("9.90")


def test_a_split_changes_the_number_of_shares_and_not_their_cost() -> None:
    lots = Lots()
    lots.scale(D(10))
    lots.trade(D(10), D(100), AT, "a")
    lots.scale(D(40))
    assert (lots.quantity, lots.cost) == (D(40), D(100))


# ---------------------------------------------------------------- by hand


def test_a_day_as_its_statement_tells_it() -> None:
    report = statement(played(), ACCOUNT)
    bought, sold = rows(report, "Trade")
    names = "quantity tradePrice proceeds ibCommission netCash cost fifoPnlRealized openCloseIndicator buySell"
    # 10 * 101 and 1.01; 4 * 99 and 0.40, of which four tenths of 1,011.01 are the cost.
    assert told(bought, names) == ["10", "101", "-1010", "-1.01", "-1011.01", "1011.01", "0", "O", "BUY"]
    assert told(sold, names) == ["-4", "99", "396", "-0.4", "395.6", "-404.404", "-8.804", "C", "SELL"]
    # Two business days, and the close at 100: (100 - 101) * 10.
    assert told(bought, "tradeDate settleDateTarget closePrice mtmPnl") == ["20220103", "20220105", "100", "-10"]
    summary, lot = rows(report, "OpenPosition")
    names = "position markPrice positionValue costBasisMoney costBasisPrice fifoPnlUnrealized side levelOfDetail"
    assert told(summary, names) == ["6", "100", "600", "606.606", "101.101", "-6.606", "Long", "SUMMARY"]
    assert told(lot, "position levelOfDetail openDateTime") == ["6", "LOT", "20220103;093000"]
    (deposit,) = rows(report, "CashTransaction")
    assert told(deposit, "type amount dateTime") == ["Deposits/Withdrawals", "100000", "20220103"]


def test_cash_and_equity_add_up_from_one_end_to_the_other() -> None:
    report = statement(played(), ACCOUNT)
    base, dollars = rows(report, "CashReportCurrency")
    names = "startingCash depositWithdrawals commissions netTradesSales netTradesPurchases endingCash"
    assert told(dollars, names) == ["0", "100000", "-1.41", "396", "-1010", "99384.59"]
    assert base["currency"] == "BASE_SUMMARY"
    assert told(base, names) == told(dollars, names)
    assert base["endingSettledCash"] == "100000"  # both trades settle on Wednesday
    (monday, tuesday) = rows(report, "EquitySummaryByReportDateInBase")
    assert told(monday, "reportDate cash stock total") == ["20220103", "99384.59", "600", "99984.59"]
    assert tuesday["total"] == "99984.59"
    (change,) = rows(report, "ChangeInNAV")
    # 10 shares lost 1.00 each, four of them 1.00 more when sold at 99.
    assert told(change, "startingValue depositsWithdrawals mtm commissions fxTranslation endingValue") == [
        "0", "100000", "-14", "-1.41", "0", "99984.59",
    ]  # fmt: skip


def test_a_period_begins_where_the_one_before_it_ended() -> None:
    exchange = played()
    second = statement(exchange, ACCOUNT, date(2022, 1, 4))
    assert rows(second, "Trade") == rows(second, "CashTransaction") == []
    (change,) = rows(second, "ChangeInNAV")
    assert told(change, "startingValue endingValue mtm fromDate") == ["99984.59", "99984.59", "0", "20220104"]
    base, _ = rows(second, "CashReportCurrency")
    assert told(base, "startingCash endingCash") == ["99384.59", "99384.59"]
    first = statement(exchange, ACCOUNT, last=date(2022, 1, 3))
    assert len(rows(first, "Trade")) == 2


def test_dividends_and_fees_stand_in_their_own_columns() -> None:
    exchange = played()
    account = exchange.accounts[ACCOUNT]
    day = date(2022, 1, 4)
    account.post(CashEntry(day=day, kind="Dividends", amount=D("1.20"), symbol="AAA", description="AAA CASH DIVIDEND"))
    account.post(CashEntry(day=day, kind="Withholding Tax", amount=D("-0.18"), symbol="AAA"))
    account.post(CashEntry(day=day, kind="Other Fees", amount=D("-1.50")))
    report = statement(exchange, ACCOUNT, day)
    base, _ = rows(report, "CashReportCurrency")
    assert told(base, "dividends withholdingTax otherFees endingCash") == ["1.2", "-0.18", "-1.5", "99384.11"]
    dividend, tax, _fee = rows(report, "CashTransaction")
    assert told(dividend, "symbol type amount") == ["AAA", "Dividends", "1.2"]
    assert tax["description"] == "Withholding Tax"
    (change,) = rows(report, "ChangeInNAV")
    assert told(change, "dividends withholdingTax otherFees fxTranslation") == ["1.2", "-0.18", "-1.5", "0"]


TUESDAY = date(2022, 1, 4)


def acted(*actions: Action, lot: str = "1") -> str:
    """The statement of two days, of which the second begins with ``actions``; seven shares were bought at 101."""
    world = replace(written(QUIET, QUIET, lot=lot), actions=actions)
    exchange = Exchange(world, Terms(fees=BasisPoints(rate=D(0))))
    exchange.advance()
    exchange.place(order(1, "BUY", 3))
    exchange.place(order(2, "BUY", 4))
    while exchange.next_instant is not None:
        exchange.advance()
    account = exchange.accounts[ACCOUNT]
    report = statement(exchange, ACCOUNT)
    summaries = [row for row in rows(report, "OpenPosition") if row["levelOfDetail"] == "SUMMARY"]
    assert {row["symbol"]: D(row["position"]) for row in summaries} == account.quantities
    # However it came about: what is there, less what was paid in, was realized, is open, or was posted.
    realized = [D(row["fifoPnlRealized"]) for name in ("Trade", "CorporateAction") for row in rows(report, name)]
    opened = [D(row["fifoPnlUnrealized"]) for row in summaries]
    dividends = [D(row["amount"]) for row in rows(report, "CashTransaction") if row["type"] == "Dividends"]
    equity = exchange.credit.net_liquidation(account)
    assert sum([*realized, *opened, *dividends], D(0)) == equity - 100_000
    (change,) = rows(report, "ChangeInNAV")
    assert change["fxTranslation"] == "0"
    return report


def test_a_split_stands_among_corporate_actions_and_its_lots_keep_their_cost() -> None:
    report = acted(Split(symbol="AAA", ex_day=TUESDAY, new=D(3), old=D(2)))
    (split,) = rows(report, "CorporateAction")
    # Seven become ten and a half; the half is paid out at two thirds of 100, its lot had cost 303 for 4.5 of them.
    assert told(split, "type quantity proceeds description") == ["FS", "3", "33.33", "AAA SPLIT 3 FOR 2"]
    assert D(split["fifoPnlRealized"]) == D("33.33") - (D(303) / 9).quantize(D("1e-8"))
    _, first, second = rows(report, "OpenPosition")
    assert told(first, "position levelOfDetail") == ["4", "LOT"]
    assert told(second, "position costBasisMoney") == ["6", "404"]
    base, _ = rows(report, "CashReportCurrency")
    assert base["other"] == "33.33"


def test_a_reverse_split_and_one_without_rests_are_told_as_they_are() -> None:
    (split,) = rows(acted(Split(symbol="AAA", ex_day=TUESDAY, new=D(1), old=D(7))), "CorporateAction")
    assert told(split, "type quantity proceeds") == ["RS", "-6", "0"]


def test_a_new_name_takes_the_lots_with_it() -> None:
    report = acted(SymbolChange(symbol="AAA", ex_day=TUESDAY, into="BBB"))
    gone, came = rows(report, "CorporateAction")
    assert told(gone, "symbol quantity type") == ["AAA", "-7", "IC"]
    assert told(came, "symbol quantity") == ["BBB", "7"]
    summary, *_ = rows(report, "OpenPosition")
    assert told(summary, "symbol position costBasisMoney") == ["BBB", "7", "707"]


def test_a_spin_off_takes_its_part_of_the_cost_of_every_lot() -> None:
    report = acted(SpinOff(symbol="AAA", ex_day=TUESDAY, into="BBB", shares=D("0.5"), part=D("0.2")))
    (spun,) = rows(report, "CorporateAction")
    # Seven shares bring three and a half; the half is paid out at 100 * 0.2 / 0.5.
    assert told(spun, "symbol quantity proceeds type") == ["BBB", "3", "20", "SO"]
    costs = {row["symbol"]: row["costBasisMoney"] for row in rows(report, "OpenPosition") if row["side"] == "Long"
             and row["levelOfDetail"] == "SUMMARY"}  # fmt: skip
    # A fifth of 303 went with 1.5 shares, of which a third was paid out.
    assert costs == {"AAA": "565.6", "BBB": str(D("141.4") - D("20.2"))}


def test_a_dividend_is_cash_and_no_corporate_action() -> None:
    report = acted(Dividend(symbol="AAA", ex_day=TUESDAY, pay_day=TUESDAY, amount=D("0.11")))
    assert rows(report, "CorporateAction") == []
    (paid,) = [row for row in rows(report, "CashTransaction") if row["type"] == "Dividends"]
    assert told(paid, "symbol amount reportDate") == ["AAA", "0.77", "20220104"]


def test_an_action_on_what_is_not_held_is_not_told() -> None:
    assert rows(acted(Split(symbol="BBB", ex_day=TUESDAY, new=D(2))), "CorporateAction") == []


def test_a_trade_after_an_action_meets_the_lots_as_they_then_are() -> None:
    world = replace(written(QUIET, QUIET), actions=(Split(symbol="AAA", ex_day=TUESDAY, new=D(2)),))
    exchange = Exchange(world, Terms(fees=BasisPoints(rate=D(0))))
    exchange.advance()
    exchange.place(order(1, "BUY", 10))
    while exchange.session is world.sessions[0] or not exchange.open:
        exchange.advance()
    exchange.place(order(2, "SELL", 5))
    _, sold = rows(statement(exchange, ACCOUNT), "Trade")
    assert told(sold, "cost fifoPnlRealized") == ["-252.5", "242.5"]  # five at 99, which cost 50.50 each


def test_two_pairs_of_days_or_an_account_that_are_not_there_are_refused() -> None:
    exchange = played()
    with pytest.raises(InputError, match="the exchange keeps no account DU1; it keeps DU9000001"):
        statement(exchange, "DU1")
    with pytest.raises(InputError, match="this exchange has traded from 2022-01-03 to 2022-01-04"):
        statement(exchange, ACCOUNT, date(2022, 1, 5))
    with pytest.raises(InputError, match="a statement from 2022-01-04 to 2022-01-03 cannot be made"):
        statement(exchange, ACCOUNT, date(2022, 1, 4), date(2022, 1, 3))


def test_elements_and_attributes_are_those_of_real_reports(test_data: Path) -> None:
    known: dict[str, set[str]] = {}
    samples = json.loads((test_data / "ibkr" / "ibflex_elements.json").read_text(encoding="utf-8"))
    reports = [path.read_text(encoding="utf-8") for path in sorted((test_data / "ibkr").glob("flex_pp_*.xml"))]
    for text in (*(sample for each in samples.values() for sample in each), *reports):
        for name, attributes in re.findall(r"<(\w+)((?: [\w]+=\"[^\"]*\")+)", text):
            known.setdefault(name, set()).update(re.findall(r" (\w+)=", attributes))
    ours = ET.fromstring(statement(played(margin=MarginRules()), ACCOUNT))
    # Our own, or of newer reports than the samples.
    more = {"endingSettledCash", "fxTranslationGainLoss", "currency", "settleDate", "otherFees", "acctAlias"}
    for element in ours.iter():
        if element.attrib:
            assert set(element.attrib) - known[element.tag] - more == set(), element.tag


# ---------------------------------------------------------------- for any stream


orders = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 300),
        st.sampled_from(["S000", "S001"]),
        st.integers(0, 6),
    ),
    max_size=25,
)
RATES = InterestPlan(benchmarks=(Benchmark(rate=D("4.33")),))


def play(stream: Iterable[tuple[str, int, str, int]]) -> Exchange:
    world = simulated(symbols=2, days=6, step_minutes=90)
    terms = Terms(cash=D(20_000), margin=MarginRules(), interest=RATES, lending=Lending(fee=D("3.5")))
    exchange = Exchange(world, terms)
    exchange.advance()
    for number, (action, quantity, symbol, steps) in enumerate(stream, 1):
        exchange.place(order(number, action, quantity, symbol))
        for _ in range(steps):
            if exchange.next_instant is not None:
                exchange.advance()
    while exchange.next_instant is not None:
        exchange.advance()
    return exchange


@settings(max_examples=40)
@given(stream=orders)
def test_every_statement_adds_up_and_says_what_the_account_says(stream: list[tuple[str, int, str, int]]) -> None:
    exchange = play(stream)
    account = exchange.accounts[ACCOUNT]
    report = statement(exchange, ACCOUNT)
    _, cash = rows(report, "CashReportCurrency")
    parts = (
        "startingCash commissions depositWithdrawals dividends paymentInLieu withholdingTax brokerInterest otherFees"
    )
    assert sum(map(D, told(cash, parts + " netTradesSales netTradesPurchases"))) == D(cash["endingCash"])
    assert D(cash["endingCash"]) == account.cash
    positions = [row for row in rows(report, "OpenPosition") if row["levelOfDetail"] == "SUMMARY"]
    assert {row["symbol"]: D(row["position"]) for row in positions} == account.quantities
    for row in positions:
        lots = [D(each["costBasisMoney"]) for each in rows(report, "OpenPosition")
                if each["symbol"] == row["symbol"] and each["levelOfDetail"] == "LOT"]  # fmt: skip
        assert sum(lots) == D(row["costBasisMoney"])
    # What was realized and is still on positions is what trading brought, first in first out or at average cost.
    realized = sum(D(row["fifoPnlRealized"]) for row in rows(report, "Trade"))
    unrealized = sum(D(row["fifoPnlUnrealized"]) for row in positions)
    interest = D(cash["brokerInterest"])
    equity = exchange.credit.net_liquidation(account)
    assert realized + unrealized + interest == equity - 20_000
    (change,) = rows(report, "ChangeInNAV")
    changes = "depositsWithdrawals mtm dividends withholdingTax interest changeInInterestAccruals otherFees commissions"
    assert sum(map(D, told(change, changes))) == D(change["endingValue"])
    assert change["fxTranslation"] == "0"
