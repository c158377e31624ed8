"""A backtest trades on the loop that trades live, and its numbers are those of the screen where both can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from bursar.adapters.history import Facts, MemoryHistory
from bursar.adapters.vendors import wheels
from bursar.domain.events import Decided, ExitTriggered, Mode, RunStarted
from bursar.domain.orders import Side
from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.research.screen import crossovers
from bursar.research.strategies.crossover import Crossover
from bursar.research.strategies.shape import Shape
from bursar.research.templates import TemplateStrategy, template
from bursar.runtime.backtest import ON_CLOSES, Market, Plan, run
from bursar.trading.agenda import Rhythm
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView
from tests.conftest import Evidence
from tests.real_prices import calendar, stock_facts
from tests.research.markets import equally

#: Everything may go into one stock: what a sleeve of its own does.
ALL_IN = replace(
    ON_CLOSES,
    position_weight_max=Decimal(1),
    sector_weight_max=Decimal(1),
    order_weight_max=Decimal(1),
    cash_reserve=Decimal(0),
    opening_orders_per_day_max=100,
)
EVERYTHING = Shape(
    weight_max=1.0, sector_max=1.0, headroom=0.0, invested_max=1.0, band=0.0, weight_min=0.0, purchases_max=20,
    volatility_max=None,
)  # fmt: skip


def market(symbols: Sequence[str], first: int, last: int | None = None) -> Market:
    """The market of some of the 20 stocks, from row ``first`` of the sample to row ``last``."""
    facts = stock_facts()
    rows = slice(first, last)
    panel = Panel(facts.panel.dates[rows], facts.panel.symbols, facts.panel.values[rows])
    days = panel.dates.tolist()
    return Market(
        name="the sample",
        history=MemoryHistory({"close": Facts(panel, facts.known_at[rows])}, lacks=frozenset({"volume"})),
        instruments=tuple(each for each in wheels.instruments() if each.symbol in symbols),
        sessions=calendar().sessions(days[0], days[-1]),
    )


def sleeve(stage: Market) -> Plan:
    """50 over 200 days, all in or all out, decided and traded at each close, at 5 basis points."""
    return Plan(
        strategy=Crossover(),
        first=stage.sessions[0].day,
        last=stage.sessions[-1].day,
        cash=Decimal(50_000),
        rhythm=Rhythm.DAILY,
        fractions=True,
        history_days=199,
        limits=ALL_IN,
        trade_min=Decimal("0.01"),
    )


def rows_of(symbol: str, first: int, last: int | None = None) -> Panel:
    panel = stock_facts().panel
    return Panel(panel.dates[first:last], (symbol,), panel.column(symbol)[first:last, None].copy())


@pytest.mark.no_cover
@pytest.mark.parametrize("symbol", ["AAPL", "XOM"])
def test_the_full_path_makes_the_trades_of_the_screen_and_ends_within_its_cents(symbol: str) -> None:
    stage = market([symbol], -1500)
    full = run(sleeve(stage), stage)
    (screened,) = crossovers(rows_of(symbol, -1500), [(50, 200)], cash_each=50_000.0, cost_rate=0.0005)
    assert len(full.fills) == screened.orders > 4
    # Each order may differ by half a cent of commission and by 0.0001 of a share that stays in cash.
    assert full.equity == pytest.approx(screened.equity, rel=1e-5)


@pytest.mark.prove
def test_twenty_stocks_over_eight_thousand_days_end_where_the_known_answer_does(evidence: Evidence) -> None:
    orders, final = 0, 0.0
    for instrument in wheels.instruments():
        stage = market([instrument.symbol], -8000)
        told = run(sleeve(stage), stage)
        orders += len(told.fills)
        final += told.equity[-1]
    assert orders == 914
    assert final == pytest.approx(16_002_236.0576, rel=1e-6)
    evidence(orders=orders, final=final, screen=16_002_236.0576, relative_difference=final / 16_002_236.0576 - 1)


def test_the_equity_of_each_day_is_cash_and_what_is_held_at_its_close() -> None:
    stage = market(["AAPL", "JPM", "XOM"], 3000, 3130)
    plan = Plan(strategy=equally(EVERYTHING), first=stage.sessions[0].day, last=stage.sessions[-1].day,
                limits=ALL_IN)  # fmt: skip
    told = run(plan, stage)
    assert told.equity[-1] == pytest.approx(
        float(told.book.cash["USD"])
        + sum(float(held.quantity) * stage.closes.column(symbol)[-1] for symbol, held in told.book.positions.items())
    )
    assert len(told.days) == len(told.equity) == len(stage.sessions)
    assert np.all(told.weights.sum(axis=1) <= 1.0 + 1e-9)
    assert len(told.returns) == len(told.days) - 1
    started = told.events[0]
    assert isinstance(started, RunStarted)
    assert started.mode is Mode.BACKTEST
    assert started.simulated


def test_decisions_are_made_on_the_first_session_of_each_month_and_on_no_other() -> None:
    stage = market(["AAPL", "JPM"], 3000, 3130)
    plan = Plan(strategy=equally(EVERYTHING), first=stage.sessions[5].day, last=stage.sessions[-1].day,
                limits=ALL_IN, trade_min=Decimal(0))  # fmt: skip
    decided = [event.at.date() for event in run(plan, stage).events if event.kind == "decided"]
    firsts = [
        after.day
        for before, after in zip(stage.sessions, stage.sessions[1:], strict=False)
        if after.day.month != before.day.month and after.day >= plan.first
    ]
    assert decided == firsts


def test_costs_come_out_of_the_result_and_twice_the_costs_twice() -> None:
    stage = market(["AAPL", "JPM", "XOM", "KO"], 3000, 3500)
    plan = Plan(strategy=equally(EVERYTHING), first=stage.sessions[0].day, last=stage.sessions[-1].day,
                limits=ALL_IN, fractions=True, trade_min=Decimal(0))  # fmt: skip
    free, cheap, dear = (run(replace(plan, costs_basis_points=Decimal(points)), stage) for points in ("0", "10", "20"))
    assert free.costs == 0 < cheap.costs
    assert float(dear.costs) == pytest.approx(2 * float(cheap.costs), rel=0.01)
    assert free.equity[-1] > cheap.equity[-1] > dear.equity[-1]


@dataclass(frozen=True)
class BuyOnce:
    """Buys one stock at the first decision and says that it wants it ever after."""

    symbol: str
    name: str = "buy once"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        return Targets(strategy=self.name, targets=(Target(symbol=self.symbol, weight=0.9, reason="always"),))


def test_a_stop_is_looked_at_on_each_close_and_filled_where_the_day_ended() -> None:
    stage = market(["AAPL"], -300)
    plan = Plan(strategy=BuyOnce("AAPL"), first=stage.sessions[0].day, last=stage.sessions[-1].day, limits=ALL_IN,
                rhythm=Rhythm.ANNUALLY, stop_loss=Decimal("0.05"))  # fmt: skip
    told = run(plan, stage)
    stops = [event for event in told.events if isinstance(event, ExitTriggered)]
    exits = {stop.at.date() for stop in stops}
    sales = [fill for fill in told.fills if fill.side is Side.SELL and fill.at.date() in exits]
    assert stops
    assert len(sales) == len(stops)
    for stop, sale in zip(stops, sales, strict=True):
        assert sale.price <= stop.level
        assert float(sale.price) == stage.closes.column("AAPL")[told.days.tolist().index(sale.traded_on)]


def test_the_future_changes_no_decision_before_it() -> None:
    stage = market(["AAPL", "JPM", "XOM"], 3000, 3200)
    cut = 150
    facts = stock_facts()
    values = facts.panel.values[3000:3200].copy()
    values[cut:] *= np.random.default_rng(1).uniform(0.5, 2.0, values[cut:].shape)
    panel = Panel(facts.panel.dates[3000:3200], facts.panel.symbols, values)
    corrupted = replace(stage, history=MemoryHistory({"close": Facts(panel, facts.known_at[3000:3200])}))
    plan = Plan(strategy=Crossover(fast=5, slow=20), first=stage.sessions[0].day, last=stage.sessions[-1].day,
                rhythm=Rhythm.WEEKLY, limits=ALL_IN, history_days=30)  # fmt: skip
    last = stage.sessions[cut - 1].close
    before, after = (
        [event for event in run(plan, each).events if event.at <= last and event.kind != "instrument_listed"]
        for each in (stage, corrupted)
    )
    assert before == after


def test_a_pair_of_one_and_the_same_series_is_named_in_each_decision_and_ends_no_run() -> None:
    stage = market(["KO", "PEP", "XOM"], 3000, 3400)
    values = stock_facts().panel.values[3000:3400].copy()
    values[:, stock_facts().panel.symbols.index("PEP")] = stock_facts().panel.column("KO")[3000:3400]
    facts = Facts(Panel(stock_facts().panel.dates[3000:3400], stock_facts().panel.symbols, values),
                  stock_facts().known_at[3000:3400])  # fmt: skip
    stage = replace(stage, history=MemoryHistory({"close": facts}))
    plan = Plan(strategy=TemplateStrategy(template=template("pairs"), shape=EVERYTHING),
                first=stage.sessions[300].day, last=stage.sessions[-1].day)  # fmt: skip
    decided = [event for event in run(plan, stage).events if isinstance(event, Decided)]
    assert len(decided) == 5
    for event in decided:
        said = {bound.symbol: bound.says for bound in event.bounds}
        for symbol in ("KO", "PEP"):
            assert said[symbol].startswith("KO and PEP are not tradable as a pair: ")


def test_a_range_without_sessions_is_named() -> None:
    stage = market(["AAPL"], 3000, 3010)
    with pytest.raises(InputError, match="no session from 2030-01-01 to 2030-02-01; the sample has them from"):
        run(Plan(strategy=equally(), first=date(2030, 1, 1), last=date(2030, 2, 1)), stage)


def test_a_market_whose_sessions_have_no_closes_is_named() -> None:
    stage = market(["AAPL"], 3000, 3010)
    longer = replace(stage, sessions=calendar().sessions(stage.sessions[0].day, date(2002, 12, 31)))
    with pytest.raises(InputError, match="has no closes on"):
        run(Plan(strategy=equally(), first=stage.sessions[0].day, last=date(2002, 12, 31)), longer)


def test_a_result_says_what_it_rests_on() -> None:
    stage = market(["AAPL"], 3000, 3030)
    told = run(Plan(strategy=equally(), first=stage.sessions[0].day, last=stage.sessions[-1].day), stage)
    assert any("survived" in line for line in told.assumed)
    assert any("adjusted" in line for line in told.assumed)
    assert told.symbols == ("AAPL",)
    assert told.rejections == ()
    plain = run(told.plan, replace(stage, survivors=False, adjusted=False))
    assert not any("survived" in line or "adjusted" in line for line in plain.assumed)
