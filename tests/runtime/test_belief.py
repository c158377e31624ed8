"""Belief from real runs: trials are kept and not run twice, harder conditions are harder, and a no says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.memory import MemoryRegistry
from bursar.config import load
from bursar.domain.events import Decided
from bursar.errors import InputError
from bursar.research.validate import Grade, Paper
from bursar.runtime import belief, grades
from bursar.runtime.backtest import decision_days, run
from bursar.runtime.belief import Windows
from bursar.runtime.exam import Question
from bursar.runtime.trials import Bench, Condition, Delayed, Late, Ledger, Piece, work
from bursar.trading.agenda import Rhythm
from tests.runtime.test_backtest import market

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def bench() -> Bench:
    """Seven stocks, one a sector, over a year and a half, decided quarterly, so that a run takes a moment."""
    stage = market(["AAPL", "GE", "HD", "JNJ", "JPM", "KO", "XOM"], 1300, 1800)
    question = Question(
        name="crossover",
        settings=load(None, command_line={}),
        home=Path("unused"),
        first=stage.sessions[220].day,
        last=stage.sessions[-1].day,
        rhythm=Rhythm.QUARTERLY,
    )
    return Bench(question=question, market=stage)


@pytest.fixture(scope="module")
def ledger(bench: Bench) -> Ledger:
    return Ledger(bench=bench, registry=MemoryRegistry())


# ---------------------------------------------------------------- trials


def test_every_form_is_run_once_and_kept(ledger: Ledger) -> None:
    begun: list[str] = []
    ledger.told = begun.append
    first = ledger.forms()
    assert [trial.form for trial in first] == [
        "",
        "10/50 days",
        "20/100 days",
        "20/200 days",
        "50/100 days",
        "100/200 days",
    ]
    assert len(ledger.registry.trials(ledger.study)) == len(first) == len(begun) or not begun
    begun.clear()
    again = ledger.forms()
    assert begun == []  # nothing was run anew
    for one, other in zip(first, again, strict=True):
        assert (one.returns == other.returns).all()
    ledger.told = lambda said: None


def test_a_study_that_was_cut_off_goes_on_where_it_stood(bench: Bench, ledger: Ledger) -> None:
    whole = ledger.forms()
    cut = MemoryRegistry()
    for kept in ledger.registry.trials(ledger.study)[:4]:
        cut.record({name: value for name, value in kept.items() if name != "number"})
    begun: list[str] = []
    rest = Ledger(bench=bench, registry=cut, told=begun.append)
    assert [(trial.returns == other.returns).all() for trial, other in zip(rest.forms(), whole, strict=True)] == [
        True
    ] * 6
    assert len(begun) == 2


def test_trials_over_other_days_or_costs_are_other_questions_and_count_as_tries(ledger: Ledger) -> None:
    ledger.forms()
    settings = load(None, command_line={})
    dearer = settings.model_copy(
        update={"costs": settings.costs.model_copy(update={"commission_basis_points": Decimal(9)})}
    )
    question = replace(ledger.bench.question, settings=dearer)
    other = Ledger(bench=Bench(question=question, market=ledger.bench.market), registry=ledger.registry)
    assert other.others() == 6
    assert ledger.others() == 0


def test_a_worker_elsewhere_runs_the_same_trial(tmp_path: Path) -> None:
    question = Question(
        name="crossover", settings=load(None, command_line={}), home=tmp_path,
        first=date(2021, 1, 4), last=date(2021, 3, 31), rhythm=Rhythm.QUARTERLY,
    )  # fmt: skip
    (there,) = work(Piece(question=question, forms=("10/50 days",)))
    here = Bench.of(question).run("10/50 days")
    assert (there.returns == here.returns).all()
    assert here.best == there.best


# ---------------------------------------------------------------- harder conditions


def test_costs_are_doubled_and_tripled_and_the_best_names_are_left_out(bench: Bench, ledger: Ledger) -> None:
    plain, double = bench.plan(), bench.plan(condition=Condition.COSTS_DOUBLED)
    assert double.costs_basis_points == 2 * plain.costs_basis_points
    assert double.spread_basis_points == 2 * plain.spread_basis_points
    assert bench.plan(condition=Condition.COSTS_TRIPLED).costs_basis_points == 3 * plain.costs_basis_points
    base = ledger.one()
    assert len(base.best) > 0
    totals = {
        condition: np.prod(1 + ledger.one("", condition).returns)
        for condition in (Condition.PLAIN, Condition.COSTS_DOUBLED, Condition.COSTS_TRIPLED)
    }
    assert totals[Condition.PLAIN] > totals[Condition.COSTS_DOUBLED] > totals[Condition.COSTS_TRIPLED]
    left = bench.without(base.best[:1])
    assert base.best[0] not in [each.symbol for each in left.instruments]
    assert len(left.instruments) == 6


def test_a_late_strategy_wants_today_what_it_would_have_wanted_a_session_before(bench: Bench) -> None:
    # Decided daily, each day's wishes of the late one are those of the honest one on the day before.
    daily = replace(bench.question, rhythm=Rhythm.DAILY, last=bench.market.sessions[280].day)
    quick = Bench(question=daily, market=bench.market)
    honest = run(quick.plan("10/50 days"), bench.market)
    late = run(quick.plan("10/50 days", Condition.LATE), bench.market)
    wishes = [
        {
            event.at.date(): {each.symbol for each in event.targets}
            for event in result.events
            if isinstance(event, Decided)
        }
        for result in (honest, late)
    ]
    days = decision_days(quick.plan(), bench.market)
    compared = [(wishes[0][before], wishes[1][after]) for before, after in pairwise(days[5:])]
    assert len(compared) > 40
    assert all(before == after for before, after in compared)
    assert len({frozenset(before) for before, _ in compared}) > 1
    assert isinstance(quick.plan(condition=Condition.LATE).strategy, Late)


def test_a_delayed_history_ends_a_session_earlier_and_is_as_long(bench: Bench) -> None:
    at = bench.market.sessions[300].close + timedelta(hours=1)
    now = bench.market.history.asof(("AAPL",), "close", at, 10)
    late = Delayed(bench.market.history).asof(("AAPL",), "close", at, 10)
    assert len(late.dates) == 10
    assert late.dates[-1] == now.dates[-2]


# ---------------------------------------------------------------- walking and judging


def test_a_walk_chooses_on_the_past_and_says_what_luck_finds(ledger: Ledger) -> None:
    windows = Windows(choose=100, judge=50, embargo=5, groups=4, held_out=2)
    walk = belief.walk(ledger, windows)
    assert len(walk.steps) == 4
    assert all(step.form in walk.forms for step in walk.steps)
    assert [step.first for step in walk.steps] == sorted(step.first for step in walk.steps)
    assert walk.in_sample[1] == max(walk.forms.values())
    assert len(walk.histories) == 3
    assert walk.deflated.trials == 6
    assert 1 <= walk.deflated.effective_trials <= 6
    assert walk.overfitting is not None
    assert walk.ahead.estimate == pytest.approx(walk.sharpe.estimate - walk.yardstick)
    alone = Ledger(
        bench=Bench(question=replace(ledger.bench.question, name="equal_weight"), market=ledger.bench.market),
        registry=ledger.registry,
    )
    with pytest.raises(InputError, match="has one form, and there is nothing to choose from"):
        belief.walk(alone, windows)


def test_a_judgement_is_kept_with_its_numbers_and_its_reasons(ledger: Ledger, tmp_path: Path) -> None:
    event = belief.promote(ledger, Grade.PAPER, tmp_path, NOON, draws=50)
    assert not event.passed
    assert any("days of backtest are too few" in reason for reason in event.reasons)
    for name in ("sharpe", "trials", "deflated_effective", "random_rank", "sharpe a day late",
                 "sharpe at three times the costs", "sharpe without its three best names",
                 "ahead of 1/N equal weight"):  # fmt: skip
        assert name in event.numbers
    assert event.numbers["trials"] == 6
    assert grades.judgements(tmp_path, "crossover") == (event,)
    assert grades.judgements(tmp_path, "momentum") == ()
    assert grades.grade(tmp_path, "crossover") is Grade.CANDIDATE
    paper = Paper(days=200, bets=50, slippage_ratio=1.0)
    live = belief.promote(ledger, Grade.LIVE, tmp_path, NOON, paper, draws=50)
    assert any("survived" in reason for reason in live.reasons)
    assert any("never promoted to paper" in reason for reason in live.reasons)
    assert live.numbers["paper_bets"] == 50
    assert [each.event_id for each in grades.judgements(tmp_path)] == ["promotion-00000001", "promotion-00000002"]
