"""Belief: folds leave a gap, luck is not promoted, skill sometimes is, and every refusal says why in words."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]  # ships no types

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.research.validate import (
    Bar,
    Evidence,
    Grade,
    Paper,
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
from bursar.research.validate.yardsticks import EQUAL_WEIGHT
from tests.conftest import Evidence as Counts
from tests.real_prices import stock_facts

YEAR = 252


def noise(seed: int, days: int = 1260, trials: int = 200) -> FloatArray:
    return np.random.default_rng(seed).normal(0.0, 0.01, (days, trials))


def study(returns: FloatArray) -> Study:
    return Study(names=tuple(f"trial {number}" for number in range(returns.shape[1])), returns=returns)


def examined(returns: FloatArray, column: int, **more: object) -> Evidence:
    """The evidence of one trial of a table, against no bill; few resamples, since the gate does not read intervals."""
    chosen = returns[:, column]
    trialled = Trialled(name=f"trial {column}", returns=chosen, bill=np.zeros(len(chosen)), study=study(returns))
    return examine(replace(trialled, **more), np.random.default_rng(0), draws=20)  # type: ignore[arg-type]  # fields of it


# ---------------------------------------------------------------- folds


def test_walking_forward_by_hand() -> None:
    # 10 days, choose on 3, leave out 1, judge 2: judged are days 4 and 5, 6 and 7, 8 and 9.
    folds = walk_forward(10, choose=3, judge=2, embargo=1)
    assert [(fold.chooses.tolist(), fold.judges.tolist()) for fold in folds] == [
        ([0, 1, 2], [4, 5]),
        ([2, 3, 4], [6, 7]),
        ([4, 5, 6], [8, 9]),
    ]
    anchored = walk_forward(10, choose=3, judge=4, embargo=1, anchored=True)
    assert [(fold.chooses.tolist(), fold.judges.tolist()) for fold in anchored] == [
        ([0, 1, 2], [4, 5, 6, 7]),
        ([0, 1, 2, 3, 4, 5, 6], [8, 9]),
    ]


def test_six_groups_with_two_held_out_make_fifteen_folds_and_five_histories() -> None:
    # C(6, 2) = 15 folds; each group is held out in C(5, 1) = 5 of them.
    folds, histories = combinatorial(60, groups=6, held_out=2, embargo=3)
    assert (len(folds), len(histories)) == (15, 5)
    for fold in folds:
        gap = np.abs(fold.chooses[:, None] - fold.judges[None, :]).min()
        assert gap > 3
    for history in histories:
        assert np.concatenate(history.groups).tolist() == list(range(60))
        for number, group in zip(history.folds, history.groups, strict=True):
            assert set(group) <= set(folds[number].judges)
    assert len({history.folds for history in histories}) == 5


def test_a_trial_is_never_judged_on_days_that_chose_it() -> None:
    # One trial is splendid in the first half and dreadful in the second, another the other way round.
    days = 400
    half = np.where(np.arange(days) < days // 2, 0.01, -0.01)
    wobble = np.tile([0.001, -0.001], days // 2)
    table = np.column_stack([half + wobble, -half + wobble])
    names, judged = chosen_by_fold(study(table), walk_forward(days, choose=150, judge=50, embargo=0))
    assert names[0] == "trial 0"
    assert judged[:50].mean() == pytest.approx(0.01)
    assert judged[50:100].mean() == pytest.approx(-0.01)  # it still believes in the first half
    assert names[-1] == "trial 1"


def test_histories_of_noise_have_nothing_and_those_of_a_planted_trial_have_its_return() -> None:
    table = noise(1, 600, 5)
    folds, histories = combinatorial(600, groups=6, held_out=2, embargo=5)
    table[:, 3] += 0.005
    together = paths(study(table), folds, histories)
    assert together.shape == (5, 600)
    assert np.allclose(together, table[:, 3])


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: walk_forward(10, choose=8, judge=1, embargo=2), "10 days are too few to choose on 8"),
        (lambda: walk_forward(10, choose=0, judge=1), "choose is 0 days"),
        (lambda: combinatorial(100, groups=4, held_out=4), "4 of 4 groups are held out"),
        (lambda: combinatorial(5, groups=4), "5 days in 4 groups"),
        (lambda: combinatorial(12, groups=3, held_out=1, embargo=30), "an embargo of 30 days leaves none of 12"),
        (lambda: Study(names=("a", "a"), returns=np.zeros((3, 2))), "more than one trial is named a"),
        (lambda: Study(names=("a",), returns=np.zeros((3, 2))), "1 trials have returns of shape"),
        (lambda: study(noise(0, 10, 2)).index("z"), "no trial 'z' in this study"),
        (
            lambda: Trialled(name="x", returns=np.zeros(3), bill=np.zeros(2), study=study(noise(0, 3, 2))),
            "x: 3 days of returns and 2 of bill",
        ),
        (lambda: random_portfolios(np.array([[1.0, np.nan]]), np.random.default_rng(0)), "closes on every day"),
        (
            lambda: random_portfolios(np.ones((3, 2)), np.random.default_rng(0), names=3),
            "500 portfolios of 3 of 2 names",
        ),
    ],
)
def test_what_cannot_be_cut_or_examined_is_named(made: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        made()  # type: ignore[operator]  # each is a function without arguments


# ---------------------------------------------------------------- luck and skill


def promoted(returns: FloatArray, column: int) -> bool:
    return judge(examined(returns, column), Grade.PAPER, survivors=True).passed


def best_of(returns: FloatArray) -> int:
    return int(np.argmax(returns.mean(axis=0) / returns.std(axis=0)))


@pytest.mark.no_cover
def test_the_best_of_two_hundred_strategies_without_skill_is_hardly_ever_promoted() -> None:
    rounds = 30
    passed = sum(promoted(table, best_of(table)) for table in (noise(seed) for seed in range(rounds)))
    # At most 5 %, as far as thirty rounds can tell: the lower bound of what was seen is not above it.
    assert stats.binomtest(passed, rounds).proportion_ci(method="exact").low <= 0.05


@pytest.mark.prove
def test_luck_is_promoted_in_at_most_five_percent_and_skill_as_often_as_it_shows(evidence: Counts) -> None:
    rounds, luck, skill = 200, 0, {0.5: 0, 1.0: 0, 1.5: 0, 2.5: 0}
    for seed in range(rounds):
        table = noise(1000 + seed)
        luck += promoted(table, best_of(table))
        for planted in skill:
            with_skill = table.copy()
            with_skill[:, 0] += 0.01 * planted / math.sqrt(YEAR)
            skill[planted] += promoted(with_skill, 0)
    upper = stats.binomtest(luck, rounds).proportion_ci(method="exact").high
    evidence(
        rounds=rounds,
        noise_promoted=luck,
        upper_bound=float(upper),
        **{f"planted_{planted}": count / rounds for planted, count in skill.items()},
    )
    assert upper <= 0.05
    assert skill[2.5] > skill[0.5]


def test_great_skill_over_many_days_is_promoted() -> None:
    table = noise(3, 2520, 20)
    table[:, 7] += 0.01 * 2.5 / math.sqrt(YEAR)
    answer = judge(examined(table, 7), Grade.PAPER, survivors=True)
    assert answer.passed
    assert answer.reasons == ()


def test_a_refusal_says_in_words_what_luck_would_have_found() -> None:
    table = noise(5)
    answer = judge(examined(table, best_of(table)), Grade.PAPER, survivors=True)
    assert not answer.passed
    assert answer.reasons[0].startswith("not distinguishable from luck: among 200 trials")


def test_a_single_trial_that_was_never_compared_is_not_promoted() -> None:
    # One trial has no spread to judge luck by: its chance is unknown, and unknown is not good enough.
    table = noise(5, trials=1)
    evidence = examined(table, 0)
    assert evidence.overfitting is None
    answer = judge(evidence, Grade.PAPER, survivors=False)
    assert any("unknown" in reason for reason in answer.reasons)


def test_hard_conditions_few_days_and_better_portfolios_by_chance_each_have_their_reason() -> None:
    table = noise(3, 500, 20)
    table[:, 7] += 0.01 * 4 / math.sqrt(YEAR)
    chosen = table[:, 7]
    evidence = examined(
        table,
        7,
        stressed={"costs three times": -chosen, "a day late": chosen},
        random=np.tile(2 * chosen, (4, 1)).T + 0.01,
    )
    reasons = judge(evidence, Grade.PAPER, survivors=True).reasons
    assert any(reason.startswith("500 days of backtest are too few") for reason in reasons)
    assert any(reason.startswith("costs three times: its Sharpe ratio falls to -") for reason in reasons)
    assert not any(reason.startswith("a day late") for reason in reasons)
    assert any("only 0% of random portfolios are worse" in reason for reason in reasons)


def test_who_does_no_better_than_equal_weight_is_not_promoted_and_is_told_by_how_much() -> None:
    table = noise(3, 2520, 20)
    table[:, 7] += 0.01 * 2.5 / math.sqrt(YEAR)
    chosen = table[:, 7]
    ahead = examined(table, 7, yardsticks={EQUAL_WEIGHT: table[:, 0]})
    assert judge(ahead, Grade.PAPER, survivors=False).passed
    behind = examined(table, 7, yardsticks={EQUAL_WEIGHT: chosen + 0.001, "buy and hold": chosen + 0.001})
    (reason,) = judge(behind, Grade.PAPER, survivors=False).reasons
    assert reason.startswith("equal weight (1/N) needs no rule and does as well: its own Sharpe ratio is -")
    assert judge(ahead, Grade.PAPER, survivors=False, bar=Bar(ahead_min=9.0)).reasons[0].endswith("+9.00 is asked")


def test_overfitting_is_a_reason() -> None:
    # The best in one half is the worst in the other: CSCV finds it almost always below the middle.
    days = 960
    sign = np.where(np.arange(days) < days // 2, 1.0, -1.0)
    table = noise(9, days, 4) * 0.1 + np.column_stack([sign, -sign, sign, -sign]) * 0.002
    evidence = examined(table, 0)
    assert evidence.overfitting is not None
    assert evidence.overfitting.probability > 0.5
    assert any("below the middle" in reason for reason in judge(evidence, Grade.PAPER, survivors=False).reasons)


def test_live_needs_time_bets_and_slippage_in_paper_and_a_universe_that_was_known_then() -> None:
    table = noise(3, 2520, 20)
    table[:, 7] += 0.01 * 2.5 / math.sqrt(YEAR)
    evidence = examined(table, 7)
    good = Paper(days=120, bets=40, slippage_ratio=1.1)
    assert judge(evidence, Grade.LIVE, survivors=False, paper=good).passed
    assert judge(evidence, Grade.LIVE, survivors=True, paper=good).reasons == (
        "its universe was chosen later, of those that survived; test it on one that was known then",
    )
    assert judge(evidence, Grade.LIVE, survivors=False).reasons == (
        "it was never traded in paper; 90 calendar days are asked",
    )
    poor = Paper(days=10, bets=3, slippage_ratio=2.0)
    assert judge(evidence, Grade.LIVE, survivors=False, paper=poor).reasons == (
        "10 calendar days in paper; 90 are asked",
        "3 independent bets in paper; 30 are asked",
        "its slippage in paper is 2.00 times the model's; at most 1.50 times is allowed",
    )
    unknown = Paper(days=120, bets=40, slippage_ratio=math.nan)
    assert "is not known yet" in judge(evidence, Grade.LIVE, survivors=False, paper=unknown).reasons[0]
    assert judge(evidence, Grade.LIVE, survivors=False, paper=poor, bar=Bar(
        paper_days_min=1, bets_min=1, slippage_ratio_max=3.0
    )).passed  # fmt: skip


# ---------------------------------------------------------------- evidence


def test_a_difference_is_resampled_together() -> None:
    # Both move with the market; ours is always a little better. Apart, each interval would hold the other's ratio.
    market = np.random.default_rng(4).normal(0.0, 0.01, 1000)
    ours = market + 0.0004
    trialled = Trialled(
        name="trial 0",
        returns=ours,
        bill=np.zeros(1000),
        study=study(np.column_stack([ours, market])),
        yardsticks={"market": market},
        regimes=np.array(["calm"] * 600 + ["wild"] * 400),
    )
    evidence = examine(trialled, np.random.default_rng(0), draws=500)
    assert evidence.differences["market"].low > 0.0
    assert evidence.sharpe.low < evidence.sharpe.estimate < evidence.sharpe.high
    assert evidence.sharpe.high - evidence.sharpe.low > 1.0
    assert {state: share for state, (_, share) in evidence.regimes.items()} == {"calm": 0.6, "wild": 0.4}
    assert math.isnan(evidence.random_rank)
    assert evidence.metrics.sharpe == pytest.approx(evidence.sharpe.estimate)


def test_random_portfolios_of_all_names_center_on_equal_weight_and_pay_their_costs() -> None:
    closes = stock_facts().panel.values[-505:]
    free = random_portfolios(closes, np.random.default_rng(1), portfolios=300, cost_rate=0.0)
    dear = random_portfolios(closes, np.random.default_rng(1), portfolios=300, cost_rate=0.002)
    assert free.shape == (504, 300)
    moves = closes[1:] / closes[:-1] - 1.0
    assert free.mean() == pytest.approx(moves.mean(), abs=1e-4)
    assert dear.mean() < free.mean()
    few = random_portfolios(closes, np.random.default_rng(1), portfolios=50, names=3)
    assert few.std(axis=0).mean() > free.std(axis=0).mean()
