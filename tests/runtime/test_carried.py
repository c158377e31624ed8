"""Money and shares between trades: dividends, splits, interest, fees and delistings, by hand on a few days."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bursar.adapters.adjustments import CorporateAction
from bursar.adapters.happenings import Happenings
from bursar.adapters.history import Facts, MemoryHistory, closes_known_at
from bursar.config import load
from bursar.desk import cli
from bursar.domain.events import (
    BreakFound,
    DividendPaid,
    FeeCharged,
    FractionPaid,
    Income,
    InterestPaid,
    Merged,
    Split,
    SpunOff,
)
from bursar.domain.events import SymbolChanged as Renamed
from bursar.domain.instruments import Instrument
from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.gateway import actions
from bursar.gateway.borrow import Lending
from bursar.gateway.commands import Place
from bursar.gateway.daily import DailyTape
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints
from bursar.gateway.interest import Benchmark, InterestPlan
from bursar.gateway.statement import statement
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ports import Panel
from bursar.runtime.aspaid import Today, as_paid
from bursar.runtime.backtest import ON_CLOSES, Market, Plan, Result, run
from bursar.runtime.carried import Done
from bursar.runtime.exam import Question, prepare
from bursar.runtime.library import open_library
from bursar.trading.agenda import Rhythm
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView
from tests.real_prices import calendar

D = Decimal
#: From Monday, March 1, 2010.
FIRST = date(2010, 3, 1)


@dataclass(frozen=True)
class Hold:
    """Half in AAA, bought once."""

    weight: float = 0.5
    name: str = "hold"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:  # the seam's
        wanted = (Target(symbol="AAA", weight=self.weight, reason="held", strategy=self.name),)
        return Targets(strategy=self.name, targets=wanted if self.weight else ())


def market(closes: Sequence[float], *done: Done, first: date = FIRST, history: MemoryHistory | None = None) -> Market:
    """AAA, at prices as paid; decisions see them as they are."""
    sessions = calendar().sessions(first, first + timedelta(days=2 * len(closes) + 10))[: len(closes)]
    days = np.array([session.day for session in sessions], dtype="datetime64[D]")
    panel = Panel(days, ("AAA",), np.array(closes, dtype=float)[:, None])
    facts = Facts(panel, closes_known_at([session.close for session in sessions]))
    return Market(
        name="a few days",
        history=history or MemoryHistory({"close": facts}),
        instruments=(Instrument(symbol="AAA", tick=D("0.01"), lot=D(1)),),
        sessions=sessions,
        adjusted=False,
        paid=panel,
        actions=done,
    )


#: Half of everything may go into one stock.
OPEN = replace(
    ON_CLOSES, position_weight_max=D(1), sector_weight_max=D(1), order_weight_max=D(1), cash_reserve=D(0)
)  # fmt: skip


def held(stage: Market, weight: float = 0.5, cash: int = 10_000, interest: InterestPlan | None = None) -> Result:
    plan = Plan(
        strategy=Hold(weight), first=stage.sessions[0].day, last=stage.sessions[-1].day, cash=D(cash),
        rhythm=Rhythm.ANNUALLY, costs_basis_points=D(0), limits=OPEN, interest=interest, history_days=2,
    )  # fmt: skip
    result = run(plan, stage)
    assert not any(isinstance(event, BreakFound) for event in result.events)  # books and exchange tell the same
    return result


def told(result: Result, word: str) -> str:
    return next(line for line in result.assumed if word in line)


def test_a_dividend_is_paid_in_cash_on_its_day_for_what_was_held_over_the_night_before() -> None:
    ex, pay = date(2010, 3, 3), date(2010, 3, 5)
    stage = market([100, 100, 99, 99, 99, 99], actions.Dividend(symbol="AAA", ex_day=ex, pay_day=pay, amount=D("1.25")))
    result = held(stage)
    # 5000 / 100 = 50 shares; 50 * 1.25 = 62.50 on the fifth day, and 50 * 99 from the third on
    assert result.equity.tolist() == [10_000, 10_000, 9_950, 9_950, 10_012.5, 10_012.5]
    (paid,) = (event for event in result.events if isinstance(event, DividendPaid))
    assert (paid.at.date(), paid.amount.amount, paid.income) == (pay, D("62.50"), Income.DIVIDEND)
    assert result.book.cash["USD"] == D("5062.50")
    assert "done (0) and dividends paid in cash, before tax (1)" in told(result, "those that were paid")


def test_a_market_without_one_of_its_companies_hears_nothing_of_it() -> None:
    stage = market([100, 100, 100], actions.Delisting(symbol="BBB", ex_day=date(2010, 3, 2), amount=D(1)))
    assert stage.paid is not None
    both = Panel(stage.paid.dates, ("BBB", "AAA"), np.column_stack([[50.0, np.nan, np.nan], stage.paid.values[:, 0]]))
    assert held(replace(stage, paid=both)).equity.tolist() == [10_000, 10_000, 10_000]


def test_a_split_doubles_the_shares_and_a_part_of_one_is_paid_out() -> None:
    # 51 shares at 98; 3 for 2 makes 76.5, and half a share is paid out at the last price, 98 * 2 / 3.
    stage = market([98, 98, 66, 66], actions.Split(symbol="AAA", ex_day=date(2010, 3, 3), new=D(3), old=D(2)))
    result = held(stage)
    in_lieu = round(0.5 * 98 * 2 / 3, 2)
    after = 10_000 - 51 * 98 + in_lieu + 76 * 66
    assert result.equity == pytest.approx([10_000, 10_000, after, after])
    assert result.book.positions["AAA"].quantity == 76
    assert [type(event) for event in result.events if isinstance(event, Split | FractionPaid)] == [Split, FractionPaid]
    assert "done (1) and dividends paid in cash, before tax (0)" in told(result, "those that were paid")


def test_a_split_that_leaves_a_third_of_a_share_leaves_no_dust_in_the_books() -> None:
    stage = market([50, 50, 150, 150], actions.Split(symbol="AAA", ex_day=date(2010, 3, 3), new=D(1), old=D(3)))
    result = held(stage)
    # 100 shares become 33 and a third; 33.33 is the price of a third at three times 50, rounded up from 50.00 / 3
    assert result.book.positions["AAA"].quantity == 33
    assert result.equity[-1] == pytest.approx(5_000 + 50 + 33 * 150)


def test_what_is_delisted_is_paid_out_and_a_reader_is_told() -> None:
    gone = actions.Delisting(symbol="AAA", ex_day=date(2010, 3, 4), amount=D(120))
    result = held(market([100, 100, 110, np.nan, np.nan], gone))
    assert result.equity.tolist() == [10_000, 10_000, 10_500, 11_000, 11_000]
    assert "AAA" not in result.book.positions
    assert result.book.cash["USD"] == D(11_000)
    assert told(result, "Delisted for cash") == "Delisted for cash: AAA on 2010-03-04."


def test_prices_that_end_early_take_the_share_off_the_market_at_the_last_of_them_adjusted_or_not() -> None:
    stage = market([100, 100, 110, np.nan, np.nan])
    adjusted = Market(
        name="adjusted", history=stage.history, instruments=stage.instruments, sessions=stage.sessions, adjusted=True
    )
    result = held(adjusted)
    assert result.equity.tolist() == [10_000, 10_000, 10_500, 10_500, 10_500]
    assert [event.cash.amount for event in result.events if isinstance(event, Merged)] == [D(110)]
    assert told(result, "at the last close").endswith("AAA on 2010-03-04.")
    assert "none is paid in cash a second time" in told(result, "adjusted prices")


def test_cash_earns_the_benchmark_for_each_calendar_day_and_a_month_is_posted_in_the_next() -> None:
    plan = InterestPlan(
        benchmarks=(Benchmark(rate=D(5)),), credit_spread=D(0), credit_from=D(0), credit_whole=D(0)
    )  # fmt: skip
    result = held(market([100.0] * 27), weight=0.0, cash=1_000_000, interest=plan)
    # March 2010 has 31 days: 1,000,000 * 5 % * 31 / 360 = 4305.56, on the third trading day of April, the 6th
    (paid,) = (event for event in result.events if isinstance(event, InterestPaid))
    assert (paid.at.date(), paid.amount.amount) == (date(2010, 4, 6), D("4305.56"))
    place = result.days.tolist().index(date(2010, 4, 6))
    assert result.equity[place - 1 : place + 1].tolist() == [1_000_000, 1_004_305.56]
    assert told(result, "Cash earns") == "Cash earns 5 % a year, posted once a month; debt costs more."
    assert told(held(market([100.0] * 2)), "Cash") == "Cash earns nothing and debt costs nothing."


def exchange(closes: Sequence[float], *done: actions.Action, shorts: bool = False) -> Exchange:
    """An exchange that lists AAA and BBB, half as dear, with 100,000 in the account."""
    sessions = calendar().sessions(FIRST, FIRST + timedelta(days=2 * len(closes) + 10))[: len(closes)]
    listed = tuple(Instrument(symbol=symbol, tick=D("0.01"), lot=D(1)) for symbol in ("AAA", "BBB"))
    days = np.array([session.day for session in sessions], dtype="datetime64[D]")
    values = np.column_stack([closes, np.array(closes) / 2])
    world = World(
        name="a few days",
        instruments=listed,
        sessions=sessions,
        tape=DailyTape(instruments=listed, dates=days, closes=values),
        adjusted=False,
        actions=done,
    )
    lending = Lending(fee=D("3.6")) if shorts else None
    return Exchange(world, Terms(fees=BasisPoints(rate=D(0)), shorts_allowed=shorts, lending=lending))


def traded(stage: Exchange, action: str) -> Happenings:
    """100 AAA are traded at the first close, and then the days go by."""
    heard = Happenings(stage, "DU9000001")
    while not any(quote.symbol == "AAA" and quote.at == stage.now for quote in stage.quotes):
        stage.advance()
    stage.place(Place(client_id=1, order_id=1, account="DU9000001", symbol="AAA", action=action,
                      total_quantity=D(100), order_type="MKT", tif="DAY"))  # fmt: skip
    assert heard.told() == ()
    while stage.next_instant is not None:
        stage.advance()
    return heard


def test_a_short_owes_the_dividend_and_a_fee_for_each_day_from_its_delivery_on() -> None:
    owed = actions.Dividend(symbol="AAA", ex_day=date(2010, 3, 10), pay_day=date(2010, 3, 12), amount=D(1))
    dividend, fee = traded(exchange([50.0] * 27, owed, shorts=True), "SELL").told()
    assert isinstance(dividend, DividendPaid)
    assert (dividend.amount.amount, dividend.income) == (D(-100), Income.PAYMENT_IN_LIEU)
    # Sold on March 1, delivered on the 4th: 28 days to April, on collateral of 51 a share. 5100 * 3.6 % * 28 / 360
    assert isinstance(fee, FeeCharged)
    assert (fee.amount.amount, fee.what) == (D("-14.28"), "borrow fees")


def test_new_names_and_spin_offs_are_told_as_they_were_done() -> None:
    spun = actions.SpinOff(symbol="AAA", ex_day=date(2010, 3, 3), into="BBB", shares=D("0.5"), part=D("0.2"))
    named = actions.SymbolChange(symbol="AAA", ex_day=date(2010, 3, 4), into="BBB")
    first, second = traded(exchange([50.0] * 4, spun, named), "BUY").told()
    assert isinstance(first, SpunOff)
    assert (first.child, first.ratio, first.basis_fraction) == ("BBB", D("0.5"), D("0.2"))
    assert isinstance(second, Renamed)
    assert (second.symbol, second.new_symbol) == ("AAA", "BBB")


def test_a_delisting_is_in_the_statement_and_must_pay_something() -> None:
    stage = exchange([50.0] * 4, actions.Delisting(symbol="AAA", ex_day=date(2010, 3, 3), amount=D(60)))
    (gone,) = traded(stage, "BUY").told()
    assert isinstance(gone, Merged)
    written = statement(stage, "DU9000001")
    # 100 * 60 for what cost 100 * 50
    assert 'type="TC"' in written
    assert 'proceeds="6000' in written
    assert 'fifoPnlRealized="1000' in written
    with pytest.raises(InputError, match="more than zero"):
        actions.Delisting(symbol="AAA", ex_day=FIRST, amount=D(0))


def test_nothing_is_counted_twice_on_adjusted_prices() -> None:
    stage = market([100, 100])
    with pytest.raises(InputError, match="adjusted=False"):
        Market(name="both", history=stage.history, instruments=stage.instruments, sessions=stage.sessions,
               adjusted=True, paid=stage.paid)  # fmt: skip
    paid = actions.Dividend(symbol="AAA", ex_day=date(2010, 3, 2), pay_day=date(2010, 3, 2), amount=D(1))
    with pytest.raises(InputError, match="are in them already"):
        held(Market(name="both", history=stage.history, instruments=stage.instruments, sessions=stage.sessions,
                    adjusted=True, actions=(paid,)))  # fmt: skip
    neither = Market(name="neither", history=stage.history, instruments=stage.instruments, sessions=stage.sessions,
                     adjusted=False)  # fmt: skip
    assert "none is paid or done" in told(held(neither), "came with these prices")


def test_on_the_morning_of_an_ex_day_closes_are_in_the_money_of_the_day_already() -> None:
    sessions = calendar().sessions(FIRST, date(2010, 3, 5))
    days = np.array([session.day for session in sessions], dtype="datetime64[D]")
    raw = Facts(Panel(days, ("AAA",), np.array([[100.0], [100.0], [49.5], [49.5], [49.5]])),
                closes_known_at([session.close for session in sessions]))  # fmt: skip
    act = CorporateAction(symbol="AAA", ex_date=date(2010, 3, 3), known_at=sessions[0].open, split=2.0, dividend=0.5)
    kept = MemoryHistory({"raw_close": raw}, actions=[act])
    seen, morning = Today(honest=kept, actions=(act,), zone="America/New_York"), sessions[2].open
    assert kept.asof(("AAA",), "close", morning).values[-1, 0] == 100.0
    assert seen.asof(("AAA",), "close", morning).values[:, 0].tolist() == [49.5, 49.5]  # (100 - 2 * 0.5) / 2
    assert seen.asof(("AAA",), "price_close", morning).values[-1, 0] == 50.0
    assert seen.asof(("AAA",), "raw_close", morning).values[-1, 0] == 100.0
    assert seen.asof(("AAA",), "close", sessions[3].open).values[:, 0].tolist() == [49.5, 49.5, 49.5]
    assert seen.lacks() == kept.lacks()


def test_five_real_stocks_at_prices_as_paid_come_to_what_their_adjusted_prices_do(
    bursar_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load(None, command_line={})
    settings = settings.model_copy(update={"market": settings.market.model_copy(update={"source": "bokeh"})})
    question = Question(name="equal_weight", settings=settings, home=bursar_home, first=date(2005, 1, 3),
                        last=date(2005, 6, 30))  # fmt: skip
    adjusted, paid = (run(*prepare(each)) for each in (question, replace(question, as_paid=True)))
    # AAPL was split on 2005-02-28, and IBM and MSFT paid dividends.
    assert "done (1) and dividends paid in cash, before tax (4)" in told(paid, "those that were paid")
    assert paid.equity[-1] == pytest.approx(adjusted.equity[-1], rel=2e-3)
    words = ["backtest", "equal_weight", "--world", "bokeh", "--from", "2005", "--to", "2005-06", "--as-paid"]
    assert cli.main([*words, "--cash-rate", "4", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "Cash earns 4 % a year, posted once a month; debt costs more." in said["assumed"]
    assert not any("Cash earned nothing" in line for line in (*said["assumed"], *said.get("notes", ())))
    sample = settings.model_copy(update={"market": settings.market.model_copy(update={"source": "sample"})})
    with pytest.raises(InputError, match="--world bokeh"):
        as_paid(open_library(sample, bursar_home, seed=0))


def test_a_real_split_and_a_real_dividend(test_data: Path) -> None:
    """AAPL, 7 for 1 on 2014-06-09 and 0.47 a share on 2014-08-07."""
    events = {}
    with (test_data / "corporate_actions" / "lean_events_derived.csv").open() as file:
        for row in csv.DictReader(file):
            if row["symbol"] == "AAPL" and row["last_cum_date"] in ("20140606", "20140806"):
                events[row["kind"]] = float(row["value"])
    assert (round(events["split"]), events["dividend"]) == (7, 0.47)
    table = (
        pl.scan_parquet(test_data / "daily" / "lean_raw_unadjusted_1998_2021.parquet")
        .filter(pl.col("symbol") == "AAPL", pl.col("date").is_between(date(2014, 6, 2), date(2014, 8, 29)))
        .sort("date")
        .collect()
    )
    closes = table["close"].to_list()
    stage = market(
        closes,
        actions.Split(symbol="AAA", ex_day=date(2014, 6, 9), new=D(round(events["split"]))),
        actions.Dividend(symbol="AAA", ex_day=date(2014, 8, 7), pay_day=date(2014, 8, 14), amount=D("0.47")),
        first=date(2014, 6, 2),
    )
    assert [session.day for session in stage.sessions] == [at.date() for at in table["date"]]
    result = held(stage, cash=100_000)
    shares = 50_000 // closes[0]
    assert result.book.positions["AAA"].quantity == 7 * D(shares)
    assert result.equity[-1] == pytest.approx(100_000 - shares * closes[0] + 7 * shares * (closes[-1] + 0.47))
    # Without the split the position would seem to lose six sevenths on the day; it moved with the market.
    moves = result.returns
    assert np.abs(moves).max() < 0.03
