"""`bursar books show` and `bursar performance`: figures worked by hand, told for people and for programs."""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from bursar.desk import books, track_record
from bursar.domain import events as e
from bursar.errors import DataError, InputError
from bursar.ledger.book import fold
from bursar.ledger.performance import Benchmark, ReturnKind
from tests.ledger.tale import MAIN, Tale, U, dec, decs, money

NO_BILL = track_record.constant_bill(0.0)


def shown(what: RenderableType, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(what)
    lines = out.getvalue().replace("\u00a0", " ").splitlines()
    assert max((len(line.rstrip()) for line in lines), default=0) <= width
    return "\n".join(" ".join(line.split()) for line in lines)


def tables(tale: Tale, **asked: Any) -> str:
    book, simulated = books.opened(tale.events)
    return shown(books.as_tables(book, books.pages(book, **asked), simulated))


def document(tale: Tale, **asked: Any) -> dict[str, Any]:
    book, simulated = books.opened(tale.events)
    told: dict[str, Any] = json.loads(books.as_json(book, books.pages(book, **asked), simulated))
    return told


def two_portfolios() -> Tale:
    """Main: 1,000 in, 30 A at 10, 10 of them sold at 14, marked 15. Income: 500 in, 20 B at 20, marked 19."""
    tale = Tale(cash=1000).list("B", sector="bonds").deposit(500, portfolio="income")
    tale.buy(20, 10).on("2021-01-05").buy(10, 10).on("2021-01-06").sell(10, 14, fee=1, settles_on=date(2021, 1, 8))
    tale.buy(20, 20, "B", portfolio="income").mark(A=15, B=19)
    return tale


# ---------------------------------------------------------------- what is owned


def test_each_portfolio_shows_its_cash_its_positions_and_its_results() -> None:
    text = tables(two_portfolios())
    # main: 1000 - 300 + 140 - 1 = 839 in cash, of which 139 settle on the 8th; 20 A at 15 are 300 and cost 200.
    # income: 500 - 400 = 100 in cash; 20 B at 19 are 380 and cost 400.
    for row in (
        "USD $839.00 $700.00 +$39.00 $0.00 $1.00",
        "A 20 2 $10.00 $15.00 $300.00 26.3 %",
        "A tech +$100.00 +$139.00 $0.00 2",
        "Net asset value $1,139.00",
        "B 20 1 $20.00 $19.00 $380.00 79.2 %",
        "B bonds −$20.00 $0.00 −$20.00 0",
        "Net asset value $480.00",
        "2 portfolios of DU9000001: net asset value $1,619.00",
        "10 events, as of 2021-01-06 15:00:00 UTC",
    ):
        assert row in text, text
    assert "…" not in text


def test_the_same_figures_for_programs() -> None:
    told = document(two_portfolios())
    main, income = told["portfolios"][1], told["portfolios"][0]
    assert (main["portfolio"], main["net_asset_value"], income["net_asset_value"]) == (
        "main",
        "1139.00000000",
        "480.00000000",
    )
    assert told["accounts"][U] == {"base_currency": "USD", "lot_method": "fifo", "net_asset_value": "1619.00000000"}
    (held,) = main["positions"]
    assert [dec(held[name]) for name in ("quantity", "cost", "value_in_base", "unrealized_in_base")] == [
        20,
        200,
        300,
        100,
    ]
    assert held["weight"] == pytest.approx(300 / 1139)
    assert [f"{dec(lot['quantity']):f} {lot['acquired']}" for lot in held["lots"]] == ["10 2021-01-04", "10 2021-01-05"]
    assert main["settled_cash"] == {"USD": "700.00000000"}
    assert sum(dec(line["balance"]) for line in main["balances"]) == 0  # double entry
    assert (main["stale_prices"], main["missing_prices"], main["rests_on_doubtful_prices"]) == ([], [], 0.0)


def test_one_account_or_one_portfolio_can_be_asked_for() -> None:
    tale = two_portfolios()
    assert [each["portfolio"] for each in document(tale, portfolio="income")["portfolios"]] == ["income"]
    assert [each["portfolio"] for each in document(tale, account=U)["portfolios"]] == ["income", "main"]
    with pytest.raises(InputError, match="account 'DU1' is not in these books; they know DU9000001"):
        document(tale, account="DU1")
    with pytest.raises(InputError, match="portfolio 'growth' is not in these books; they know main, income"):
        document(tale, portfolio="growth")


def test_what_belongs_to_no_portfolio_is_shown_as_unallocated() -> None:
    tale = Tale(cash=1000).buy(1, 10, portfolio="", order_id="").mark(A=11)
    assert "unallocated of DU9000001" in tables(tale)
    assert [each["portfolio"] for each in document(tale, portfolio="unallocated")["portfolios"]] == [""]


def test_a_position_that_must_not_be_sold_says_so() -> None:
    tale = Tale(cash=0)
    tale.add(e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(5), cost_basis=None, hands_off=True)
    text = tables(tale.mark(A=3))
    assert "A hands off 5 1 — $3.00" in text
    assert "A tech —" in text  # without a known cost there is no gain to tell
    (held,) = document(tale)["portfolios"][0]["positions"]
    assert (held["hands_off"], held["cost"], held["unrealized_in_base"], held["lots"][0]["cost"]) == (
        True,
        None,
        None,
        None,
    )


def test_old_and_missing_prices_are_named_with_the_part_of_the_total_that_rests_on_them() -> None:
    tale = Tale().list("B").list("C").buy(10, 10).buy(10, 20, "B").buy(10, 5, "C").mark(A=10, B=25)
    tale.on("2021-01-05").mark(B=30)
    # A 100 at yesterday's mark, B 300 at today's, C 50 at what was paid for it: 150 of 450 is in doubt
    text = " ".join(tables(tale).split())
    assert "33.3 % of the positions' value is in doubt: the price of A is older than the others; C was never" in text
    told = document(tale)["portfolios"][0]
    assert (told["stale_prices"], told["missing_prices"]) == (["A"], ["C"])
    assert told["rests_on_doubtful_prices"] == pytest.approx(1 / 3)


def test_a_currency_without_a_rate_leaves_the_books_without_a_total_and_says_so() -> None:
    tale = Tale(cash=100).list("B", "EUR").deposit(50, "EUR").buy(1, 10, "B", currency="EUR").mark(B=12)
    text = tables(tale)
    assert "It has no total: no rate from EUR to USD" in text
    assert "EUR €40.00" in text
    told = document(tale)
    assert (told["portfolios"][0]["net_asset_value"], told["accounts"][U]["net_asset_value"]) == (None, None)
    assert "no rate from EUR" in told["portfolios"][0]["problem"]
    tale.deposit(1, portfolio="other")
    assert "2 portfolios of DU9000001: net asset value —" in tables(tale)
    assert document(tale)["accounts"][U]["net_asset_value"] is None


def test_books_in_which_nothing_happened_are_empty_and_not_wrong() -> None:
    book, _ = books.opened([])
    assert "0 events, nothing happened yet" in shown(books.as_tables(book, books.pages(book)))
    assert json.loads(books.as_json(book, []))["at"] is None
    text = tables(Tale(cash=5))
    assert "Nothing is held, net asset value $5.00." in text
    empty = Tale(cash=0).add(e.Marked, prices={}, official=True)
    assert empty.event_id == "e-3"
    opened = Tale(cash=0)
    opened.deposit(0)
    assert "Nothing is held" in tables(opened)
    keeper = fold([*Tale(cash=0).events])
    assert books.pages(keeper) == []


def test_what_is_simulated_is_said() -> None:
    tale = Tale(cash=5)
    tale.add(e.RunStarted, run_id="r", mode=e.Mode.BACKTEST, account=U, simulated=("Prices are made up.",))
    assert "Simulated: Prices are made up." in tables(tale)
    assert document(tale)["simulated"] == ["Prices are made up."]
    told = track_record.record(tale.mark().on("2021-01-05").mark().events, NO_BILL)
    assert "Simulated: Prices are made up." in shown(track_record.as_tables(told, "symbol"))


# ---------------------------------------------------------------- how it did


def three_days() -> Tale:
    """1,000 in; 50 A at 10 for momentum; +10 %; 1,000 more, -5 %; 10 sold at 12 with a fee of 1."""
    tale = Tale(cash=1000).buy(50, 10, strategy="momentum").mark(A=12)  # 1100
    tale.on("2021-01-05").deposit(1000).mark(A="9.9")  # 500 + 1000 + 495 = 1995, of 2100
    tale.on("2021-01-06").sell(50, 12, fee=1, strategy="momentum").mark(A=12)  # 1500 + 599 = 2099
    return tale


def test_a_record_is_time_weighted_and_splits_its_profit() -> None:
    told = track_record.record(three_days().events, NO_BILL, window=2)
    document = json.loads(track_record.as_json(told))
    # each day's end over what was there at its beginning, flows included
    whole = 1.1 * (1995 / 2100) * (2099 / 1995) - 1
    assert document["metrics"]["total_return"] == pytest.approx(whole, rel=1e-12)
    assert [day["return"] for day in document["days"]] == pytest.approx([0.1, -0.05, 2099 / 1995 - 1])
    assert dec(document["profit"]["total"]) == 99  # 50 (12 - 10) - 1
    assert dec(document["profit_by"]["strategy"]["momentum"]["price"]) == 99
    assert dec(document["days"][1]["profit_by"]["symbol"]["A"]["total"]) == -105  # 50 (9.9 - 12)
    assert (dec(document["came_in"]), dec(document["equity"])) == decs(2000, 2099)
    assert document["rolling"]["days"] == ["2021-01-04", "2021-01-05", "2021-01-06"]
    assert document["rolling"]["metrics"]["total_return"][0] is None
    assert document["rolling"]["metrics"]["total_return"][1] == pytest.approx(1.1 * 0.95 - 1)
    assert {"var_95", "var_99", "kurtosis"} <= set(document["not_enough_data"])
    (trip,) = document["round_trips"]
    assert (trip["symbol"], trip["days"]) == ("A", 2.0)
    assert (dec(trip["profit"]), dec(trip["best"]), dec(trip["worst"])) == decs(99, 100, -5)


def test_a_record_reads_well() -> None:
    text = shown(track_record.as_tables(track_record.record(three_days().events, NO_BILL, window=2), "strategy"))
    for row in (
        "DU9000001, 4 Jan to 6 Jan 2021",
        "net asset value $2,099.00",
        "profit +$99.00",
        "profit of the last day +$104.00",
        "return, time-weighted 9.95 %",
        "all 3 returns last 2",
        "total return 9.95 % −0.05 %",
        "VaR 95 not enough data not enough data",
        "momentum +$104.00 +$99.00 +$99.00 $0.00 $0.00 $0.00",
        "A Wed 6 Jan 2021 2.0 +$99.00 +$100.00 −$5.00",
        "A year has 252 returns, and these are 3: yearly figures are extrapolated.",
        "Ratios are in excess of: 0.00 % a year, as asked for.",
    ):
        assert row in text, text
    assert "…" not in text


def test_the_sharpe_ratio_is_in_excess_of_the_rate_that_is_stated() -> None:
    free = track_record.record(three_days().events, NO_BILL).whole.metrics["sharpe"]
    dear = track_record.record(three_days().events, track_record.constant_bill(0.5)).whole.metrics["sharpe"]
    assert free is not None
    assert dear is not None
    assert free > dear
    with pytest.raises(InputError, match=r"a risk-free rate of 3 a year; give a fraction such as 0.03"):
        track_record.constant_bill(3)


def test_the_treasury_bill_is_read_and_its_age_is_said() -> None:
    bill = track_record.treasury_bill([date(2016, 1, 4)])
    assert bill.said == "one-month Treasury bill"
    assert 0 < bill.returns[date(2016, 1, 4)] < 0.0001
    assert "the last known one carried on" in track_record.treasury_bill([date(2021, 1, 4)]).said


def test_a_portfolio_has_a_record_of_its_own() -> None:
    tale = two_portfolios().on("2021-01-07").mark(A=15, B=20)
    told = track_record.record(tale.events, NO_BILL, account=U, portfolio="income")
    assert told.whole.equity == 500  # 100 + 20 at 20
    assert "income of DU9000001" in shown(track_record.as_tables(told, "sector"))
    unallocated = Tale(cash=0).deposit(5, portfolio="").mark().on("2021-01-05").mark()
    told = track_record.record(unallocated.events, NO_BILL, portfolio="")
    assert "unallocated of DU9000001" in shown(track_record.as_tables(told, "portfolio"))


def test_who_is_not_there_is_named() -> None:
    events = three_days().events
    with pytest.raises(InputError, match="account 'DU1' is not in this journal; it knows DU9000001"):
        track_record.record(events, NO_BILL, account="DU1")
    with pytest.raises(InputError, match="portfolio 'x' is not in this journal; it knows main"):
        track_record.record(events, NO_BILL, portfolio="x")
    with pytest.raises(DataError, match="opens no account"):
        track_record.record([], NO_BILL)
    with pytest.raises(DataError, match="no day has a return yet"):
        track_record.record(Tale().events, NO_BILL)
    with pytest.raises(InputError, match="profits cannot be split by 'luck'"):
        track_record.as_tables(track_record.record(events, NO_BILL), "luck")


def test_days_that_could_not_be_valued_and_days_on_missing_prices_are_named() -> None:
    tale = Tale(cash=100).list("B").list("C", "EUR").buy(1, 10).buy(1, 10, "B").mark(A=10)
    tale.on("2021-01-05").deposit(1, "EUR").mark(A=11)
    tale.on("2021-01-06").mark({"EUR": 2}, A=12, B=12)
    told = track_record.record(tale.events, NO_BILL)
    text = " ".join(shown(track_record.as_tables(told, "currency")).split())
    assert "2021-01-05 could not be valued and counts with the next day: no rate from EUR to USD" in text
    # on the first day B stood at what was paid for it: 10 of 20
    assert "1 day rested on missing prices, at most 50.0 % of the positions' value, on 2021-01-04: B." in text
    document = json.loads(track_record.as_json(told))
    assert document["skipped"][0]["day"] == "2021-01-05"
    assert document["days"][0]["missing_prices"] == ["B"]


def test_only_the_last_twenty_closed_positions_are_listed_and_an_unknown_profit_is_a_dash() -> None:
    tale = Tale(cash=1000)
    for _ in range(21):
        tale.buy(1, 10).sell(1, 11)
    tale.add(e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(1), cost_basis=None)
    tale.sell(1, 10).mark(A=10).on("2021-01-05").mark(A=10)
    told = track_record.record(tale.events, NO_BILL)
    text = shown(track_record.as_tables(told, "symbol"))
    assert "Closed positions, the last 20 of 22" in text
    assert json.loads(track_record.as_json(told))["round_trips"][-1]["profit"] is None


# ---------------------------------------------------------------- benchmarks


def test_a_benchmark_of_total_returns_is_compared_and_one_of_price_returns_refused(tmp_path: Path) -> None:
    file = tmp_path / "index.csv"
    file.write_text("day,return\n2021-01-04,0.05\n2021-01-05,-0.025\n2021-01-06,0.026\n")
    total = track_record.benchmark_file(file, ReturnKind.TOTAL)
    told = track_record.record(three_days().events, NO_BILL, benchmark=total)
    assert told.whole.relative["beta"] == pytest.approx(2.0, abs=0.02)  # each day about twice the index
    text = shown(track_record.as_tables(told, "symbol"))
    assert "Beta to information ratio: against index, in total returns." in text
    with pytest.raises(InputError, match="index holds price returns and the portfolio total returns"):
        track_record.record(three_days().events, NO_BILL, benchmark=track_record.benchmark_file(file, ReturnKind.PRICE))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date,value\n2021-01-04,1\n", "its header is day,return"),
        ("day,return\n2021-01-04,much\n", "is not a list of days and returns"),
        ("day,return\n2021-01-04\n", "is not a list of days and returns"),
        ("day,return\n2021-01-04,nan\n", "has a return of nan on 2021-01-04; give fractions above -1"),
        ("day,return\n2021-01-04,-1\n", "has a return of -1.0"),
    ],
)
def test_a_benchmark_that_does_not_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "index.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        track_record.benchmark_file(file, ReturnKind.TOTAL)
    with pytest.raises(InputError, match=r"none.csv cannot be read"):
        track_record.benchmark_file(tmp_path / "none.csv", ReturnKind.TOTAL)


def test_a_demo_is_compared_with_what_it_was_held_against(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    assert track_record.own_benchmark(journal) is None
    curve = [{"day": "2021-01-04", "equity": "1100"}, {"day": "2021-01-05", "equity": "990"}]
    report = {"initial_cash": 1000.0, "benchmark": {"name": "equal weight", "kind": "total return", "curve": curve}}
    (tmp_path / "report.json").write_text(json.dumps(report))
    own = track_record.own_benchmark(journal)
    assert own is not None
    assert (own.name, own.kind) == ("equal weight", ReturnKind.TOTAL)
    assert own.returns == pytest.approx({date(2021, 1, 4): 0.1, date(2021, 1, 5): -0.1})
    report["benchmark"] = {"name": "index", "kind": "price", "curve": curve}
    (tmp_path / "report.json").write_text(json.dumps(report))
    own = track_record.own_benchmark(journal)
    assert isinstance(own, Benchmark)
    assert own.kind is ReturnKind.PRICE
    (tmp_path / "report.json").write_text("{}")
    assert track_record.own_benchmark(journal) is None


def test_amounts_are_told_with_all_of_their_digits() -> None:
    tale = Tale(cash="1000.12345678").mark()
    assert document(tale)["portfolios"][0]["cash"] == {"USD": "1000.12345678"}
    assert Decimal(document(tale)["portfolios"][0]["net_asset_value"]) == dec("1000.12345678")
    assert money("1.5").currency == "USD"
