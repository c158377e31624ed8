"""Calibration: scores by hand and exact sums, maps against scikit-learn, and honest forecasters found honest."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats  # type: ignore[import-untyped]  # ships no types

from bursar.errors import InputError
from bursar.quant import calibration
from bursar.quant.arrays import FloatArray


def honest(seed: int, count: int) -> tuple[FloatArray, FloatArray]:
    generator = np.random.default_rng(seed)
    forecasts = generator.uniform(0, 1, count)
    return forecasts, (generator.random(count) < forecasts).astype(float)


def boastful(seed: int, count: int) -> tuple[FloatArray, FloatArray]:
    """Outcomes of a forecaster whose log odds are twice what they should be."""
    truth, outcomes = honest(seed, count)
    odds = np.log(truth / (1 - truth))
    return 1 / (1 + np.exp(-2 * odds)), outcomes


def test_the_brier_score_by_hand() -> None:
    # (.8 - 1)^2 + (.6 - 0)^2 + (.5 - 1)^2 = .04 + .36 + .25
    assert calibration.brier_score([0.8, 0.6, 0.5], [1, 0, 1]) == pytest.approx(0.65 / 3)


def test_the_parts_of_the_brier_score_by_hand() -> None:
    # four times .2, one true; six times .7, three true: frequencies .25 and .5, overall .4
    found = calibration.brier_parts([0.2] * 4 + [0.7] * 6, [1, 0, 0, 0, 1, 1, 1, 0, 0, 0])
    assert found.reliability == pytest.approx(0.4 * 0.05**2 + 0.6 * 0.2**2)
    assert found.resolution == pytest.approx(0.4 * 0.15**2 + 0.6 * 0.1**2)
    assert found.uncertainty == pytest.approx(0.24)
    assert found.score == pytest.approx(found.reliability - found.resolution + found.uncertainty)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_the_parts_always_sum_to_the_score(pairs: list[tuple[float, bool]], bins: int) -> None:
    found = calibration.brier_parts([p for p, _ in pairs], [float(o) for _, o in pairs], bins=bins)
    assert found.reliability - found.resolution + found.uncertainty == pytest.approx(found.score, abs=1e-12)
    assert found.reliability >= 0


def test_the_curve_and_its_error_by_hand() -> None:
    curve = calibration.reliability_curve([0.05, 0.95, 1.0, 0.15], [0, 1, 0, 0], bins=10)
    assert curve.count.tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert curve.forecast[[0, 1, 9]] == pytest.approx([0.05, 0.15, 0.975])
    assert curve.frequency[[0, 1, 9]] == pytest.approx([0, 0, 0.5])
    assert np.isnan(curve.forecast[2:9]).all()
    assert np.isnan(curve.low[2:9]).all()
    # (.05 + .15 + 2 x .475) / 4
    assert calibration.calibration_error([0.05, 0.95, 1.0, 0.15], [0, 1, 0, 0]) == pytest.approx(1.15 / 4)


def test_the_interval_of_a_bin_is_wilsons() -> None:
    curve = calibration.reliability_curve([0.55] * 20, [1] * 13 + [0] * 7)
    expected = stats.binomtest(13, 20).proportion_ci(method="wilson")
    assert (curve.low[5], curve.high[5]) == pytest.approx((expected.low, expected.high))


def test_an_honest_forecaster_is_found_honest_and_a_boastful_one_is_not() -> None:
    forecasts, outcomes = honest(0, 20_000)
    assert calibration.calibration_error(forecasts, outcomes) < 0.015
    assert calibration.brier_parts(forecasts, outcomes).reliability < 1e-3
    curve = calibration.reliability_curve(forecasts, outcomes)
    assert ((curve.low < curve.forecast) & (curve.forecast < curve.high)).sum() >= 8
    boasts, outcomes = boastful(0, 20_000)
    assert calibration.calibration_error(boasts, outcomes) > 0.08


@pytest.mark.parametrize("fit", [calibration.fit_isotonic, calibration.fit_platt])
def test_a_map_mends_a_boastful_forecaster_on_outcomes_it_has_not_seen(fit: Any) -> None:
    boasts, outcomes = boastful(1, 8_000)
    odds = np.log(boasts / (1 - boasts)) if fit is calibration.fit_platt else boasts
    mended = fit(odds[:4000], outcomes[:4000])(odds[4000:])
    before = calibration.calibration_error(boasts[4000:], outcomes[4000:])
    assert calibration.calibration_error(mended, outcomes[4000:]) < 0.4 * before
    assert calibration.brier_score(mended, outcomes[4000:]) < calibration.brier_score(boasts[4000:], outcomes[4000:])


def test_platts_map_finds_the_odds_that_were_doubled() -> None:
    boasts, outcomes = boastful(2, 40_000)
    found = calibration.fit_platt(np.log(boasts / (1 - boasts)), outcomes)
    assert found.slope == pytest.approx(0.5, rel=0.05)
    assert found.intercept == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("seed", range(10))
def test_the_isotonic_map_is_scikit_learns(seed: int) -> None:
    isotonic: Any = importlib.import_module("sklearn.isotonic")  # ships no types
    generator = np.random.default_rng(seed)
    forecasts = generator.integers(0, 40, 150) / 40  # with ties
    outcomes = (generator.random(150) < forecasts**2).astype(float)
    theirs = isotonic.IsotonicRegression(out_of_bounds="clip").fit(forecasts, outcomes)
    new = generator.uniform(0, 1, 200)
    ours = calibration.fit_isotonic(forecasts, outcomes)
    assert ours(new) == pytest.approx(theirs.predict(new), abs=1e-9)
    assert (np.diff(ours.frequencies) >= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_platts_map_is_the_likeliest(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(3, 50, 120)
    outcomes = (generator.random(120) < 1 / (1 + np.exp(-scores / 40))).astype(float)
    hits = outcomes.sum()
    target = np.where(outcomes > 0, (hits + 1) / (hits + 2), 1 / (120 - hits + 2))

    def loss(parameters: FloatArray) -> float:
        odds = parameters[0] * scores / 50 + parameters[1]
        return float(np.sum(np.logaddexp(0, odds) - target * odds))

    best = optimize.minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12})
    found = calibration.fit_platt(scores, outcomes)
    assert (found.slope * 50, found.intercept) == pytest.approx(tuple(best.x), abs=1e-5)


def test_a_fit_reaches_its_tolerance_where_the_last_step_gains_less_than_rounding() -> None:
    chance = np.random.default_rng(0)
    for _ in range(300):
        size = int(chance.integers(300, 1400))
        confidence = 0.5 + 0.3 * chance.random(size) * chance.random()
        scores, outcomes = np.log(confidence / (1.0 - confidence)), (chance.random(size) < 0.5).astype(float)
        hits = outcomes.sum()
        target = np.where(outcomes > 0.0, (hits + 1.0) / (hits + 2.0), 1.0 / (size - hits + 2.0))
        gap = target - calibration.fit_platt(scores, outcomes)(scores)
        unit = (scores - scores.mean()) / scores.std()
        assert max(abs(gap @ unit), abs(gap.sum())) <= 1e-11 * size


def test_separated_scores_still_give_a_finite_curve() -> None:
    found = calibration.fit_platt([-1.0, -0.5, 0.5, 1.0], [0, 0, 1, 1])
    assert 0 < found.slope < 100
    assert found([0.0]) == pytest.approx([0.5])
    flat = calibration.fit_platt([2.0, 2.0, 2.0], [1, 0, 1])
    assert 0.5 < flat([2.0])[0] < 0.75
    scores = np.linspace(-40.0, 40.0, 101)
    assert [found.of(score) for score in scores.tolist()] == found(scores).tolist()
    extreme = calibration.fit_platt([0.0, 1e-9, 1e9], [0, 0, 1])
    assert np.isfinite([extreme.slope, extreme.intercept]).all()


def test_no_forecasts_have_no_score() -> None:
    assert math.isnan(calibration.brier_score([], []))
    assert math.isnan(calibration.calibration_error([], []))
    assert math.isnan(calibration.brier_parts([], []).resolution)
    assert calibration.reliability_curve([], []).count.sum() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibration.brier_score([1.2], [1]), r"forecasts\[0\] is 1\.2; a probability"),
        (lambda: calibration.brier_score([0.2, 0.3], [1, 0.5]), r"outcomes\[1\] is 0\.5"),
        (lambda: calibration.brier_score([0.2], [1, 0]), "outcomes has 2 entries; 1 are needed"),
        (lambda: calibration.brier_score([math.nan], [1]), r"forecasts\[0\] is nan"),
        (lambda: calibration.brier_parts([0.2], [1], bins=0), "bins is 0"),
        (lambda: calibration.fit_isotonic([0.2, 0.3], [1, 1]), "outcomes are all 1"),
        (lambda: calibration.fit_platt([], []), "outcomes are none"),
    ],
)
def test_what_cannot_be_calibrated_is_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
