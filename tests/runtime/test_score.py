"""What a backtest is scored by: figures by hand, yardsticks that pay the same, and intervals drawn together."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bursar.config import load
from bursar.errors import DataError, InputError
from bursar.quant.performance import max_drawdown, sharpe_ratio
from bursar.research.validate.resampled import resample
from bursar.research.validate.yardsticks import buy_and_hold, equal_weight
from bursar.runtime.backtest import Market, Plan, Result, decision_days, run
from bursar.runtime.candidates import candidate, candidates, plan_for
from bursar.runtime.exam import Question, prepare
from bursar.runtime.score import Score, market_states, score
from bursar.trading.agenda import Rhythm
from tests.research.markets import equally
from tests.runtime.test_backtest import ALL_IN, EVERYTHING, market


@pytest.fixture(scope="module")
def result() -> Result:
    """Four stocks in equal parts over a year and a half, made equal again each month, in fractions."""
    stage = market(["AAPL", "JPM", "KO", "XOM"], 1300, 2260)
    plan = Plan(strategy=equally(EVERYTHING), first=stage.sessions[560].day, last=stage.sessions[-1].day,
                limits=ALL_IN, fractions=True, trade_min=Decimal(0), costs_basis_points=Decimal(10))  # fmt: skip
    return run(plan, stage)


@pytest.fixture(scope="module")
def scored(result: Result) -> Score:
    return score("equal_weight", result)


# ---------------------------------------------------------------- yardsticks


def test_equal_weight_and_buy_and_hold_by_hand() -> None:
    closes = np.array([[10.0, 10.0], [20.0, 10.0], [20.0, 20.0]])
    every = np.array([True, True, False])
    # Half each: 1 + (100 % + 0) / 2 = 1.5; from 2/3 and 1/3 back to halves; then 1.5 * (1 + (0 + 100 %) / 2) = 2.25.
    free = equal_weight(closes, every, cost_rate=0.0)
    assert free.returns == pytest.approx([0.5, 0.5])
    assert free.turnover == pytest.approx([1.0, 1.0 / 3.0])
    assert free.orders == 4
    # Held: 5 and 5, 10 and 5, 10 and 10.
    held = buy_and_hold(closes, every, cost_rate=0.0)
    assert held.returns == pytest.approx([0.5, 20.0 / 15.0 - 1.0])
    assert held.orders == 2
    # One percent of all that is bought comes out of cash: 1 - 0.01 + 0.5.
    dear = equal_weight(closes, every, cost_rate=0.01)
    assert dear.returns[0] == pytest.approx(0.49)
    assert dear.costs == pytest.approx([0.01, 0.01 * dear.turnover[1]])


def test_nothing_is_earned_before_the_first_decision_and_a_gap_is_caught_up_on() -> None:
    closes = np.array([[10.0, 10.0], [12.0, 10.0], [math.nan, 10.0], [18.0, 10.0]])
    late = buy_and_hold(closes, np.array([False, True, False, False]), cost_rate=0.0)
    # From 12 to 18 is half more, on half of the money, and all of it on the day when there is a price again.
    assert late.returns == pytest.approx([0.0, 0.0, 0.25])
    with pytest.raises(InputError, match="give the same days"):
        equal_weight(closes, np.array([True]), cost_rate=0.0)


def test_the_full_path_in_fractions_is_the_yardstick_in_arrays(result: Result, scored: Score) -> None:
    # The order path rounds commissions to cents, shares to 0.0001, and keeps what pays for the costs in cash.
    assert result.equity == pytest.approx(scored.curves["1/N equal weight"], rel=2e-3)
    assert scored.ours.turnover == pytest.approx(scored.lines[1].turnover, rel=0.02)
    assert scored.ours.costs == pytest.approx(scored.lines[1].costs, rel=0.02)
    ahead = scored.lines[1].ahead
    assert ahead is not None
    assert ahead.low <= ahead.estimate <= ahead.high
    assert abs(ahead.estimate) < 0.02


# ---------------------------------------------------------------- figures


def test_the_lines_the_months_and_the_names_add_up(result: Result, scored: Score) -> None:
    ours = scored.ours
    assert ours.final == result.equity[-1]
    assert ours.metrics.total_return == pytest.approx(result.equity[-1] / result.equity[0] - 1)
    for year in scored.years:
        assert math.prod(1 + part for part in year.months.values()) == pytest.approx(1 + year.total)
    assert math.prod(1 + year.total for year in scored.years) == pytest.approx(1 + ours.metrics.total_return)
    assert sum(year.costs for year in scored.years) == pytest.approx(float(result.costs))
    # Each name's profit is after its costs, and together they are what the account gained.
    assert float(sum(name.profit for name in scored.names)) == pytest.approx(result.equity[-1] - 100_000.0)
    assert sum(name.orders for name in scored.names) == ours.orders
    assert scored.decided == len(decision_days(result.plan, result.market))
    assert scored.drawdown.max() == pytest.approx(ours.metrics.max_drawdown)
    assert (
        scored.in_cash == scored.days.index(decision_days(result.plan, result.market)[0]) / 400
    )  # the sessions before the first decision
    best = scored.without_best
    assert best.symbols == tuple(name.symbol for name in scored.names[:3])
    assert best.total_return_pct < 100 * ours.metrics.total_return


def test_the_state_of_the_market_on_a_day_is_told_without_the_days_after(result: Result) -> None:
    states = market_states(result.market, result.days)
    cut = len(states) // 2
    wrong = result.market.closes.values.copy()
    wrong[np.searchsorted(result.market.closes.dates, result.days[cut]) + 1 :] *= 7.0
    corrupted = replace(result, market=_closing_at(result, wrong))
    assert (market_states(corrupted.market, result.days)[: cut + 1] == states[: cut + 1]).all()
    assert set(states) == {"calm", "turbulent"}


def _closing_at(result: Result, values: np.ndarray) -> Market:
    changed = replace(result.market)
    changed.__dict__["closes"] = replace(result.market.closes, values=values)
    return changed


def test_a_run_too_short_to_score_is_refused(result: Result) -> None:
    short = run(replace(result.plan, last=result.market.sessions[570].day), result.market)
    with pytest.raises(DataError, match="20 are the least"):
        score("equal_weight", short)


# ---------------------------------------------------------------- resampling


def test_a_series_is_not_ahead_of_itself_and_one_that_is_surely_better_is() -> None:
    generator = np.random.default_rng(3)
    base = generator.normal(0.0004, 0.01, 1500)
    table = np.column_stack([base + 0.001, base, base + 0.001])
    drawn = resample(table, np.zeros(1500), np.random.default_rng(1), draws=300)
    assert (drawn.ahead[0].low, drawn.ahead[0].high) == (0.0, 0.0)
    assert drawn.ahead[1].low > 0.0  # the same days, each a tenth of a percent better
    assert (drawn.ahead[2].low, drawn.ahead[2].high) == (0.0, 0.0)
    assert drawn.sharpe[1].estimate == pytest.approx(sharpe_ratio(base))
    assert drawn.sharpe[1].low < drawn.sharpe[1].estimate < drawn.sharpe[1].high
    assert drawn.drawdown[1].estimate == pytest.approx(max_drawdown(base))
    assert len(drawn.low) == 1500
    assert (drawn.low <= drawn.high).all()


def test_the_interval_of_a_sharpe_ratio_holds_the_true_one_about_as_often_as_it_says() -> None:
    true, held = 0.05, 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        drawn = resample(generator.normal(true, 1.0, (250, 1)) / 100, np.zeros(250), generator, draws=100)
        held += drawn.sharpe[0].low <= true * math.sqrt(252) <= drawn.sharpe[0].high
    assert held >= 51  # 57 of 60 are promised; 51 or fewer come about once in 70 by chance


# ---------------------------------------------------------------- from a name


def test_a_name_a_range_and_settings_become_a_plan(tmp_path: Path) -> None:
    settings = load(None, command_line={})
    question = Question(
        name="crossover", settings=settings, home=tmp_path, first=date(2021, 1, 1), last=date(2022, 12, 31)
    )
    plan, stage = prepare(question)
    assert (plan.first, plan.last) == (date(2021, 1, 1), date(2022, 12, 28))  # where the prices end
    assert plan.rhythm is Rhythm.MONTHLY
    assert plan.costs_basis_points == settings.costs.commission_basis_points
    assert stage.survivors
    supported = {
        name for name, each in candidates().items() if not each.meets and not each.lacking(stage.history.lacks())
    }
    assert {"momentum", "mean_reversion", "trend", "five_books", "crossover"} <= supported
    assert not {"long_call", "quality_value", "volatility_expansion"} & supported
    for name in supported:
        made = plan_for(name, stage, settings, first=plan.first, last=plan.last)
        assert made.strategy.name == name
        assert made.rhythm is candidate(name).rhythm
    for words, told in (
        ({"name": "hodl"}, "no strategy is named hodl; there are "),
        ({"name": "long_call"}, "long_call needs option quotes"),
        ({"name": "committee"}, r"needs 3 distinct sources .* supports 1 \(prices\)"),
        ({"first": date(2030, 1, 1), "last": date(2031, 1, 1)}, "it reaches from 1990-01-02 to 2022-12-28"),
        ({"first": date(2022, 1, 1), "last": date(2021, 1, 1)}, "give the earlier day first"),
    ):
        with pytest.raises(InputError, match=told):
            prepare(replace(question, **words))


def test_a_study_varies_what_a_template_says_and_a_baseline_not_at_all() -> None:
    momentum = candidate("momentum")
    assert momentum.forms == ("", "1 positions", "6 positions", "confidence 0.60", "confidence 0.80")
    assert candidate("trend").forms[1:] == ("swings 8%", "swings 10%", "swings 15%", "swings 20%")
    assert candidate("five_books").forms == ("",)
    with pytest.raises(InputError, match="momentum has no form 'louder'; there are 1 positions"):
        momentum.made("louder", EVERYTHING)
