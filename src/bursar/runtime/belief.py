"""Belief: what a strategy's trials amount to, and whether it may go on from candidate to paper to live.

Everything here is told from real runs of the full path: the forms of a strategy are a study, from which the deflated
Sharpe ratio and the probability of overfitting follow; harder conditions are runs of their own.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.store.sealing import Cipher
from bursar.domain.events import PromotionJudged
from bursar.errors import InputError
from bursar.ports import Workers
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import sharpe_ratio
from bursar.quant.statistics import DeflatedSharpe, Interval, Overfitting
from bursar.research.validate import (
    Evidence,
    Grade,
    Paper,
    Promotion,
    Study,
    Trialled,
    chosen_by_fold,
    combinatorial,
    examine,
    judge,
    paths,
    walk_forward,
)
from bursar.research.validate.evidence import random_portfolios
from bursar.research.validate.resampled import resample
from bursar.runtime.backtest import played_sessions
from bursar.runtime.grades import grade, journal_path, judgements
from bursar.runtime.score import bill_over, cost_rate, market_states, yardsticks
from bursar.runtime.trials import HARDER, Ledger

#: A year of trading days.
YEAR = 252
RANDOM_PORTFOLIOS = 300
#: Resamples behind the intervals of a judgement.
DRAWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How days are cut. In days, but for the groups."""

    choose: int = 5 * YEAR
    judge: int = YEAR
    embargo: int = 21
    groups: int = 6
    held_out: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One fold of the walk: the form that the days before chose, and what it and the yardstick brought after them."""

    first: date
    last: date
    form: str
    sharpe: float
    yardstick: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What choosing among the forms brought out of sample. Sharpe ratios are annual.

    sharpe    of all judged days, with its interval; ``ahead`` of equal weight on the same days
    in_sample the best form over all days, which nobody could have known
    histories Sharpe ratio of each CPCV history
    raw       trials that count, those over other days among them
    """

    name: str
    steps: tuple[Step, ...]
    sharpe: Interval
    ahead: Interval
    yardstick: float
    in_sample: tuple[str, float]
    histories: tuple[float, ...]
    deflated: DeflatedSharpe
    overfitting: Overfitting | None
    forms: Mapping[str, float]
    embargo: int


def walk(ledger: Ledger, windows: Windows, workers: Workers | None = None, pieces: int = 1) -> Walk:
    """Walk forward over the forms of a strategy. Raises InputError where it has but one, or the days are too few."""
    trials = ledger.forms(workers, pieces)
    if len(trials) < 2:
        raise InputError(
            f"{ledger.bench.question.name} has one form, and there is nothing to choose from; see bursar backtest"
        )
    days, bill = _days_and_bill(ledger)
    study = _study(ledger, bill)
    folds = walk_forward(len(bill), choose=windows.choose, judge=windows.judge, embargo=windows.embargo)
    chosen, judged = chosen_by_fold(study, folds)
    rows = np.concatenate([fold.judges for fold in folds])
    stick = yardsticks(ledger.bench.plan(), ledger.bench.market, days)[0].returns - bill
    drawn = resample(
        np.column_stack([judged, stick[rows]]), np.zeros(len(rows)), np.random.default_rng(ledger.bench.plan().seed)
    )
    cut, histories = combinatorial(len(bill), groups=windows.groups, held_out=windows.held_out, embargo=windows.embargo)
    sharpes = {name: sharpe_ratio(study.returns[:, column]) for column, name in enumerate(study.names)}
    best = max(sharpes, key=lambda name: sharpes[name])
    return Walk(
        name=ledger.bench.question.name,
        steps=tuple(
            Step(
                first=days[1 + fold.judges[0]].item(),
                last=days[1 + fold.judges[-1]].item(),
                form=form,
                sharpe=sharpe_ratio(study.returns[fold.judges, study.index(form)]),
                yardstick=sharpe_ratio(stick[fold.judges]),
            )
            for form, fold in zip(chosen, folds, strict=True)
        ),
        sharpe=drawn.sharpe[0],
        ahead=drawn.ahead[1],
        yardstick=drawn.sharpe[1].estimate,
        in_sample=(best, sharpes[best]),
        histories=tuple(sharpe_ratio(history) for history in paths(study, cut, histories)),
        deflated=study.deflated(),
        overfitting=study.overfitting(),
        forms=sharpes,
        embargo=windows.embargo,
    )


def _days_and_bill(ledger: Ledger) -> tuple[np.ndarray, FloatArray]:
    played = played_sessions(ledger.bench.plan(), ledger.bench.market)
    days = np.array([session.day for session in played], dtype="datetime64[D]")
    return days, bill_over(ledger.bench.market, days).daily


#: How the strategy without any variation is named among its forms.
AS_IT_IS = "as it is"


def _study(ledger: Ledger, bill: FloatArray) -> Study:
    trials = ledger.forms()
    return Study(
        names=tuple(trial.form or AS_IT_IS for trial in trials),
        returns=np.column_stack([trial.returns - bill for trial in trials]),
        others=ledger.others(),
    )


# ---------------------------------------------------------------- evidence


def evidence(ledger: Ledger, draws: int = DRAWS) -> Evidence:
    """Everything that could explain the strategy without skill, held against it; missing trials are run."""
    bench = ledger.bench
    days, bill = _days_and_bill(ledger)
    plain = ledger.one()
    study = _study(ledger, bill)
    plan, market = bench.plan(), bench.market
    closes = market.closes.values[np.searchsorted(market.closes.dates, days)]
    complete = closes[:, np.isfinite(closes).all(axis=0)]
    generator = np.random.default_rng(plan.seed)
    trialled = Trialled(
        name=AS_IT_IS,
        returns=plain.returns,
        bill=bill,
        study=study,
        yardsticks={each.name: each.returns for each in yardsticks(plan, market, days)},
        random=random_portfolios(
            complete,
            generator,
            portfolios=RANDOM_PORTFOLIOS,
            names=min(max(round(plain.positions), 1), complete.shape[1]),
            cost_rate=cost_rate(plan),
        ),
        stressed={condition.value: ledger.one("", condition).returns for condition in HARDER},
        regimes=market_states(market, days),
    )
    return examine(trialled, generator, draws=draws)


# ---------------------------------------------------------------- promotion


def promote(
    ledger: Ledger,
    to: Grade,
    home: Path,
    at: datetime,
    paper: Paper | None = None,
    draws: int = DRAWS,
    cipher: Cipher | None = None,
) -> PromotionJudged:
    """Judge whether a strategy may go on, and keep the judgement with all its numbers, whatever it is."""
    name, market = ledger.bench.question.name, ledger.bench.market
    found = evidence(ledger, draws)
    told = judge(found, to, survivors=market.survivors, paper=paper)
    reasons = told.reasons
    if to is Grade.LIVE and grade(home, name, cipher) is Grade.CANDIDATE:
        reasons += ("it was never promoted to paper; begin with that",)
    if market.simulated:
        reasons += ("its market is synthetic, and nothing in it ever happened",)
    answer = Promotion(name=name, to=to, passed=not reasons, reasons=reasons)
    before = len(judgements(home, cipher=cipher))
    event = _judged(answer, found, ledger, at, before + 1, paper)
    journal = SQLiteJournal(journal_path(home), cipher)
    try:
        asyncio.run(journal.append([event]))
    finally:
        journal.close()
    return event


def _judged(
    answer: Promotion, found: Evidence, ledger: Ledger, at: datetime, number: int, paper: Paper | None
) -> PromotionJudged:
    question, market = ledger.bench.question, ledger.bench.market
    assert question.first is not None
    assert question.last is not None
    return PromotionJudged(
        event_id=f"promotion-{number:08d}",
        at=at,
        strategy=answer.name,
        to=answer.to.value,
        passed=answer.passed,
        reasons=answer.reasons,
        market=market.name,
        survivors=market.survivors,
        first=question.first,
        last=question.last,
        numbers=numbers(found, paper),
    )


def numbers(found: Evidence, paper: Paper | None = None) -> Mapping[str, float]:
    """The figures of a judgement, by name; what is not known is left out. Sharpe ratios are annual."""
    root = math.sqrt(YEAR)
    told = {
        "days": float(found.days),
        "annualized_return": found.metrics.annualized_return,
        "volatility": found.metrics.volatility,
        "max_drawdown": found.metrics.max_drawdown,
        "sharpe": found.sharpe.estimate,
        "sharpe_low": found.sharpe.low,
        "sharpe_high": found.sharpe.high,
        "trials": float(found.deflated.trials),
        "trials_effective": found.deflated.effective_trials,
        "best_of_luck": found.deflated.benchmark * root,
        "best_of_luck_effective": found.deflated.benchmark_effective * root,
        "deflated": found.deflated.probability,
        "deflated_effective": found.deflated.probability_effective,
        "overfitting": math.nan if found.overfitting is None else found.overfitting.probability,
        "random_rank": found.random_rank,
        **{f"sharpe {name}": value for name, value in found.stressed.items()},
        **{f"sharpe in {name} markets": sharpe for name, (sharpe, _) in found.regimes.items()},
        **{f"ahead of {name}": each.estimate for name, each in found.differences.items()},
        **{f"ahead of {name}, low": each.low for name, each in found.differences.items()},
        **{f"ahead of {name}, high": each.high for name, each in found.differences.items()},
    }
    if paper is not None:
        told |= {"paper_days": float(paper.days), "paper_bets": float(paper.bets), "slippage": paper.slippage_ratio}
    return MappingProxyType({name: float(value) for name, value in told.items() if math.isfinite(value)})
