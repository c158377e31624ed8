"""Skill or luck: the published examples worked out again, and what happens when there is only luck."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # ships no types

from bursar.errors import InputError
from bursar.quant import performance, statistics
from bursar.quant.arrays import FloatArray
from tests.conftest import Evidence


def noise(seed: int, periods: int, trials: int) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 0.01, (periods, trials))


# Resampling


@given(st.integers(2, 60), st.floats(1, 30), st.integers(0, 2**31))
def test_stationary_blocks_run_on_and_wrap(periods: int, mean_block: float, seed: int) -> None:
    rows = statistics.stationary_indices(periods, mean_block, 7, np.random.default_rng(seed))
    assert rows.shape == (7, periods)
    assert rows.min() >= 0
    assert rows.max() < periods


def test_stationary_blocks_have_the_mean_length_asked_for() -> None:
    rows = statistics.stationary_indices(1000, 8.0, 400, np.random.default_rng(0))
    joined = np.mean((rows[:, 1:] - rows[:, :-1]) % 1000 == 1)
    assert 1 / (1 - joined) == pytest.approx(8.0, rel=0.03)  # a new block joins on by chance once in 1000
    counts = np.bincount(rows.ravel(), minlength=1000)
    assert counts.mean() == 400
    assert counts.std() < 80  # every period comes as often as every other


def test_blocks_of_one_length_are_whole_and_wrap() -> None:
    rows = statistics.block_indices(10, 4, 500, np.random.default_rng(1))
    assert rows.shape == (500, 10)
    for start in (0, 4):
        assert np.array_equal(rows[:, start + 1 : start + 4] % 10, (rows[:, start : start + 3] + 1) % 10)
    assert set(rows[:, 0]) == set(range(10))


def test_a_series_with_memory_asks_for_longer_blocks() -> None:
    shocks = np.random.default_rng(2).normal(size=3000)
    series = np.zeros(3000)
    for t in range(1, 3000):
        series[t] = 0.8 * series[t - 1] + shocks[t]
    assert statistics.block_length(shocks) < 4
    # Politis and White for an AR(1) with coefficient a: (2 a / (1 - a^2))^(2/3) n^(1/3) = 39 for a = .8
    assert statistics.block_length(series) == pytest.approx((1.6 / 0.36) ** (2 / 3) * 3000 ** (1 / 3), rel=0.35)
    assert math.isnan(statistics.block_length(np.ones(50)))
    assert math.isnan(statistics.block_length(shocks[:9]))


def test_memory_that_never_ends_within_sight_still_has_a_block() -> None:
    wave = np.sin(np.arange(200) / 40.0)
    assert 1 <= statistics.block_length(wave) <= 43  # no more than 3 sqrt(n)
    assert statistics.block_length(np.tile([1.0, -1.0], 20)) >= 1


def test_the_interval_of_a_mean_is_the_textbooks_where_there_is_no_memory() -> None:
    series = np.random.default_rng(3).normal(0.1, 1.0, 400)
    found = statistics.bootstrap_interval(series, np.mean, np.random.default_rng(4), mean_block=1.0)
    error = series.std(ddof=1) / 20
    assert found.estimate == pytest.approx(series.mean())
    assert found.low == pytest.approx(series.mean() - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(series.mean() + 1.96 * error, abs=0.2 * error)


def test_memory_widens_the_interval() -> None:
    shocks = np.random.default_rng(5).normal(size=1000)
    series = np.convolve(shocks, np.ones(10), mode="valid")
    short = statistics.bootstrap_interval(series, np.mean, np.random.default_rng(6), mean_block=1.0, draws=500)
    right = statistics.bootstrap_interval(series, np.mean, np.random.default_rng(6), draws=500)
    assert right.high - right.low > 2 * (short.high - short.low)


def test_the_rows_of_a_table_stay_together() -> None:
    first = np.random.default_rng(7).normal(size=100)
    table = np.column_stack([first, 2 * first])

    def slope(rows: FloatArray) -> float:
        return performance.beta(0.1 * rows[:, 1], 0.1 * rows[:, 0])

    found = statistics.bootstrap_interval(np.clip(table, -3, 3), slope, np.random.default_rng(8), draws=50)
    assert found.low == pytest.approx(2, rel=0.2)


def test_little_history_has_an_estimate_but_no_interval() -> None:
    found = statistics.bootstrap_interval([1.0, 2.0], np.mean, np.random.default_rng(0))
    assert found.estimate == 1.5
    assert math.isnan(found.low)
    assert math.isnan(statistics.bootstrap_interval([], np.mean, np.random.default_rng(0)).estimate)
    nothing = statistics.bootstrap_interval(np.arange(20.0), lambda _: math.nan, np.random.default_rng(0), draws=5)
    assert math.isnan(nothing.high)


# Sharpe ratios

ROOT = math.sqrt(250)


def test_the_example_of_the_deflated_sharpe_ratio() -> None:
    # Bailey and Lopez de Prado 2014: Sharpe 2.5 a year from 5 years of 250 days, skew -3, kurtosis 10, the best of 100
    # trials whose yearly Sharpe ratios have variance 1/2. They find a benchmark of .1132 a day, probability .9004,
    # and would have accepted it, at .9505, as the best of 46; with normal returns as the best of 88.
    deviation = math.sqrt(0.5 / 250)
    benchmark = statistics.expected_best_sharpe(100, deviation)
    assert benchmark == pytest.approx(0.1132, abs=5e-5)

    def probability(trials: int, skew: float, excess: float) -> float:
        bar = statistics.expected_best_sharpe(trials, deviation)
        return statistics.probabilistic_sharpe(2.5 / ROOT, 1250, benchmark=bar, skew=skew, kurtosis=excess)

    assert probability(100, -3, 7) == pytest.approx(0.9004, abs=1e-4)
    assert probability(46, -3, 7) == pytest.approx(0.9505, abs=1e-4)
    assert probability(88, 0, 0) == pytest.approx(0.9505, abs=1e-4)


def test_the_probability_of_a_sharpe_ratio_by_hand() -> None:
    # S = .1, n = 101, normal: error sqrt(1.005 / 100); z = .1 / .10025 = .99751
    assert statistics.sharpe_error(0.1, 101) == pytest.approx(math.sqrt(1.005) / 10)
    assert statistics.probabilistic_sharpe(0.1, 101) == pytest.approx(stats.norm.cdf(1 / math.sqrt(1.005)))
    # a long left tail makes the same ratio less certain
    assert statistics.probabilistic_sharpe(0.1, 101, skew=-2, kurtosis=6) < statistics.probabilistic_sharpe(0.1, 101)


def test_the_minimum_track_record_is_where_the_probability_reaches_the_confidence() -> None:
    periods = statistics.minimum_track_record(0.1, benchmark=0.02, skew=-1, kurtosis=3)
    reached = [
        statistics.probabilistic_sharpe(0.1, n, benchmark=0.02, skew=-1, kurtosis=3)
        for n in (math.floor(periods), math.ceil(periods))
    ]
    assert reached[0] < 0.95 <= reached[1]
    assert statistics.minimum_track_record(0.1, benchmark=0.1) == math.inf


def test_the_expected_best_of_many_is_what_a_simulation_finds() -> None:
    draws = np.random.default_rng(9).normal(0, 0.3, (20_000, 50)).max(axis=1)
    assert statistics.expected_best_sharpe(50, 0.3) == pytest.approx(draws.mean(), rel=0.02)
    assert statistics.expected_best_sharpe(1, 0.3) == 0.0
    assert statistics.expected_best_sharpe(1.01, 0.3) == 0.0


def test_trials_that_are_the_same_count_as_one_and_independent_ones_in_full() -> None:
    one = noise(10, 500, 1)
    assert statistics.effective_trials(np.repeat(one, 8, axis=1)) == pytest.approx(1.0)
    assert statistics.effective_trials(noise(11, 5000, 8)) == pytest.approx(8.0, rel=0.02)
    blend = math.sqrt(0.5) * one + math.sqrt(0.5) * noise(12, 500, 8)  # correlation one half
    correlation = np.corrcoef(blend.T)
    mean = (correlation.sum() - 8) / 56
    assert statistics.effective_trials(blend) == pytest.approx(mean + (1 - mean) * 8)
    assert statistics.effective_trials(np.zeros((5, 3))) == 3
    assert statistics.effective_trials(one) == 1


def test_deflating_with_the_effective_number_is_milder() -> None:
    common = noise(13, 1000, 1)
    trials = 0.9 * common + 0.4 * noise(14, 1000, 60)
    found = statistics.deflated_sharpe(trials)
    assert found.trials == 60
    assert found.effective_trials < 20
    assert found.benchmark_effective < found.benchmark
    assert found.probability_effective > found.probability
    assert found.sharpe == pytest.approx(performance.sharpe_ratio(trials[:, found.trial], periods_per_year=1))


def test_trials_that_were_forgotten_still_count() -> None:
    trials = noise(15, 500, 20)
    assert statistics.deflated_sharpe(trials, others=500).probability < statistics.deflated_sharpe(trials).probability
    assert statistics.deflated_sharpe(trials, trial=3).trial == 3


def test_a_trial_that_stood_aside_has_a_sharpe_ratio_of_zero() -> None:
    trials = noise(16, 300, 5)
    trials[:, 2] = 0.0
    assert statistics.deflated_sharpe(trials, trial=2).sharpe == 0.0
    assert not math.isnan(statistics.overfitting(trials, blocks=4).probability)


def test_one_trial_or_no_history_is_not_judged() -> None:
    assert math.isnan(statistics.deflated_sharpe(noise(17, 100, 1)).probability)
    assert math.isnan(statistics.deflated_sharpe(noise(17, 1, 3)).probability)
    assert math.isnan(statistics.sharpe_error(0.1, 1))
    assert math.isnan(statistics.probabilistic_sharpe(math.nan, 100))
    assert math.isnan(statistics.sharpe_error(2.0, 100, skew=3))  # no distribution has these moments
    # a coin that is never wrong twice: skew 1/S and kurtosis -2 leave no error at all
    assert statistics.probabilistic_sharpe(0.5, 10, skew=2, kurtosis=-2) == 1.0
    assert statistics.probabilistic_sharpe(0.5, 10, skew=2, kurtosis=-2, benchmark=0.6) == 0.0


# Overfitting


def overfitting_by_loops(table: FloatArray, blocks: int) -> tuple[float, list[float]]:
    length = len(table) // blocks
    parts = table[len(table) - length * blocks :].reshape(blocks, length, -1)
    logits = []
    for chosen in combinations(range(blocks), blocks // 2):
        rest = [block for block in range(blocks) if block not in chosen]
        here, there = np.concatenate(parts[list(chosen)]), np.concatenate(parts[rest])
        past, future = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in (here, there))
        rank = stats.rankdata(future)[int(past.argmax())] / (table.shape[1] + 1)
        logits.append(math.log(rank / (1 - rank)))
    return float(np.mean(np.array(logits) <= 1e-12)), logits


@pytest.mark.parametrize(("seed", "periods", "count", "blocks"), [(0, 83, 7, 6), (1, 64, 2, 8), (2, 200, 30, 10)])
def test_overfitting_is_what_plain_loops_find(seed: int, periods: int, count: int, blocks: int) -> None:
    table = noise(seed, periods, count)
    probability, logits = overfitting_by_loops(table, blocks)
    found = statistics.overfitting(table, blocks=blocks)
    assert found.probability == pytest.approx(probability)
    assert found.logits == pytest.approx(np.array(logits))


def test_the_best_of_noise_is_as_often_below_the_median_as_above_and_skill_is_not() -> None:
    table = noise(18, 960, 40)
    luck = statistics.overfitting(table)
    assert 0.05 < luck.probability < 0.95  # the splits share their periods, so that one table strays far from 1/2
    assert luck.slope < 0
    assert luck.logits.size == 12_870
    table[:, 7] += 0.002  # a Sharpe ratio of 3 a year
    skill = statistics.overfitting(table)
    assert skill.probability < 0.05
    assert skill.probability_of_loss < 0.05


def test_twins_share_their_rank() -> None:
    twins = np.repeat(noise(19, 100, 1), 3, axis=1)
    found = statistics.overfitting(twins, blocks=4)
    assert found.logits == pytest.approx(np.zeros(6))
    assert found.probability == 1.0
    aside = statistics.overfitting(np.zeros((40, 3)), blocks=4)
    assert aside.probability == 1.0
    assert math.isnan(aside.slope)


def test_too_little_history_is_not_judged() -> None:
    for table in (noise(20, 31, 5), noise(20, 100, 1), np.zeros((0, 3))):
        found = statistics.overfitting(table)
        assert math.isnan(found.probability)
        assert found.logits.size == 0


# Bad input


def test_what_cannot_be_judged_is_named() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(InputError, match="mean_block is 0"):
        statistics.stationary_indices(5, 0, 1, generator)
    with pytest.raises(InputError, match="periods is 0"):
        statistics.stationary_indices(0, 1, 1, generator)
    with pytest.raises(InputError, match="draws is 0"):
        statistics.block_indices(5, 1, 0, generator)
    with pytest.raises(InputError, match="block is 6; a whole number from 1 to 5"):
        statistics.block_indices(5, 6, 1, generator)
    with pytest.raises(InputError, match="blocks is 5"):
        statistics.overfitting(noise(0, 100, 3), blocks=5)
    with pytest.raises(InputError, match=r"trials\[:, 1\] is 0.1 throughout"):
        statistics.deflated_sharpe(np.column_stack([np.arange(5.0), np.full(5, 0.1)]))
    with pytest.raises(InputError, match="trial is 9; there are columns 0 to 2"):
        statistics.deflated_sharpe(noise(0, 10, 3), trial=9)
    with pytest.raises(InputError, match="others is -1"):
        statistics.deflated_sharpe(noise(0, 10, 3), others=-1)
    with pytest.raises(InputError, match="no columns"):
        statistics.deflated_sharpe(np.zeros((5, 0)))
    with pytest.raises(InputError, match=r"trials\[0, 1\] is nan"):
        statistics.overfitting([[0.0, math.nan]])
    with pytest.raises(InputError, match=r"trials is 0\.5"):
        statistics.expected_best_sharpe(0.5, 1.0)
    with pytest.raises(InputError, match=r"confidence is 0\.5"):
        statistics.minimum_track_record(0.1, confidence=0.5)


@pytest.mark.prove
def test_luck_is_rarely_promoted_and_skill_often(evidence: Evidence) -> None:
    # The best of 200 noise strategies over five years, 400 times over, at 95 %; then one with a planted Sharpe ratio
    rounds, promoted, passed = 400, 0, {0.5: 0, 1.0: 0, 1.5: 0, 2.5: 0}
    generator = np.random.default_rng(21)
    for _ in range(rounds):
        trials = generator.normal(0, 0.01, (1260, 200))
        promoted += statistics.deflated_sharpe(trials).probability > 0.95
        for planted in passed:
            with_skill = trials.copy()
            with_skill[:, 0] += 0.01 * planted / math.sqrt(252)
            passed[planted] += statistics.deflated_sharpe(with_skill, trial=0).probability > 0.95
    rates = {f"planted_{planted}": count / rounds for planted, count in passed.items()}
    evidence(rounds=rounds, noise_promoted=promoted, **rates)
    assert stats.binomtest(promoted, rounds).proportion_ci(method="exact").low <= 0.05
    assert passed[2.5] > passed[0.5]


@pytest.mark.prove
def test_the_probability_of_overfitting_is_one_half_where_all_is_noise(evidence: Evidence) -> None:
    found = [statistics.overfitting(noise(seed, 480, 25), blocks=10).probability for seed in range(300)]
    error = float(np.std(found) / math.sqrt(len(found)))
    evidence(tables=len(found), mean=float(np.mean(found)), error=error)
    # One half is the median of 25; a rank at the median itself, 1 in 25, counts as overfitted
    assert np.mean(found) == pytest.approx(0.5 + 0.5 / 25, abs=4 * error)
