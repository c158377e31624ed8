"""Value at risk and expected shortfall: against the distributions that the data came from, and against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats  # type: ignore[import-untyped]  # ships no types

from bursar.errors import InputError
from bursar.quant import tails
from bursar.quant.arrays import FloatArray


def student(seed: int, count: int, degrees: float, scale: float = 0.01) -> FloatArray:
    return np.random.default_rng(seed).standard_t(degrees, count) * scale


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("degrees", [2.5, 4.0, 30.0, math.inf])
def test_the_tail_of_a_t_is_the_integral_of_its_density(level: float, degrees: float) -> None:
    distribution = stats.norm() if degrees == math.inf else stats.t(degrees)
    quantile, shortfall = tails.unit_tail(level, degrees)
    assert quantile == pytest.approx(-distribution.ppf(1 - level), rel=1e-9)
    integral, _ = integrate.quad(lambda x: -x * distribution.pdf(x), -np.inf, -quantile)
    assert shortfall == pytest.approx(integral / (1 - level), rel=1e-6)


@pytest.mark.parametrize("degrees", [3.0, 6.0, 30.0])
def test_the_fit_is_at_least_as_likely_as_scipys(degrees: float) -> None:
    returns = 0.0005 + student(int(degrees), 1500, degrees)
    ours = tails.fit_student_t(returns)
    theirs = stats.t.fit(returns)
    mine = stats.t.logpdf(returns, ours.degrees, ours.location, ours.scale).mean()
    assert mine >= stats.t.logpdf(returns, *theirs).mean() - 1e-9


def test_thin_tails_are_called_normal() -> None:
    returns = np.random.default_rng(0).uniform(-0.01, 0.01, 400)
    found = tails.fit_student_t(returns)
    assert found.degrees == math.inf
    assert found.scale == pytest.approx(returns.std())


def test_fat_tails_cost_more_than_a_normal_of_the_same_deviation_admits() -> None:
    returns = student(1, 4000, 3.0)
    fitted = tails.parametric(returns, 0.99)
    normal = tails.StudentT(location=0.0, scale=float(returns.std()), degrees=math.inf).tail(0.99)
    assert fitted.expected_shortfall > 1.2 * normal.expected_shortfall
    truth = tails.StudentT(location=0.0, scale=0.01, degrees=3.0).tail(0.99)
    assert fitted.value_at_risk == pytest.approx(truth.value_at_risk, rel=0.1)


def test_the_filter_answers_for_the_volatility_of_today() -> None:
    # Calm for a year, then three months at four times the volatility: history alone is late
    generator = np.random.default_rng(3)
    returns = np.concatenate([generator.normal(0, 0.005, 1000), generator.normal(0, 0.02, 60)])
    plain, filtered = tails.historical(returns), tails.filtered_historical(returns)
    assert filtered.value_at_risk > 2 * plain.value_at_risk
    assert filtered.value_at_risk == pytest.approx(0.02 * 1.645, rel=0.35)


def test_the_filter_leaves_calm_history_nearly_as_it_is() -> None:
    returns = np.random.default_rng(4).normal(0, 0.01, 20_000)
    filtered = tails.filtered_historical(returns, decay=0.999)
    assert filtered.value_at_risk == pytest.approx(tails.historical(returns).value_at_risk, rel=0.1)


def test_a_shock_is_measured_by_the_volatility_of_the_day_before() -> None:
    returns = np.tile([0.01, -0.01], 40)
    returns[70] = -0.10  # ten times what was forecast; by the volatility after it, it would be four times
    forecast = tails.ewma_volatility(returns)
    rescaled = returns[60:] / forecast[60:-1] * forecast[-1]
    assert rescaled.min() == pytest.approx(-10 * forecast[-1])
    assert tails.filtered_historical(returns).expected_shortfall == pytest.approx(10 * forecast[-1])


def test_volatility_is_forecast_from_what_came_before_only() -> None:
    returns = np.concatenate([np.full(60, 0.01), [0.05, 0.0]])
    forecast = tails.ewma_volatility(returns, decay=0.9)
    assert forecast.size == 63
    assert forecast[:61] == pytest.approx(np.full(61, 0.01))
    # after 5 %: .9 x .01^2 + .1 x .05^2; after 0: .9 of that
    assert forecast[61] ** 2 == pytest.approx(0.9 * 1e-4 + 0.1 * 25e-4)
    assert forecast[62] ** 2 == pytest.approx(0.9 * (0.9 * 1e-4 + 0.1 * 25e-4))


@pytest.mark.parametrize("degrees", [4.0, math.inf])
def test_a_simulated_day_agrees_with_the_formula_within_its_own_error(degrees: float) -> None:
    covariance = np.array([[4e-4, 1e-4], [1e-4, 1e-4]])
    weights, means = np.array([0.6, 0.3]), np.array([0.001, 0.0])
    found = tails.monte_carlo(weights, means, covariance, np.random.default_rng(5), degrees=degrees)
    variance = weights @ covariance @ weights
    scale = math.sqrt(variance if degrees == math.inf else variance * (degrees - 2) / degrees)
    truth = tails.StudentT(location=float(weights @ means), scale=scale, degrees=degrees).tail(0.95)
    assert abs(found.value_at_risk - truth.value_at_risk) < 4 * found.value_at_risk_error
    assert abs(found.expected_shortfall - truth.expected_shortfall) < 4 * found.expected_shortfall_error
    assert found.value_at_risk_error < 0.01 * found.value_at_risk


def test_ten_simulated_days_are_riskier_than_one_by_about_the_root() -> None:
    arguments = ([1.0], [0.0], [[1e-4]])
    one = tails.monte_carlo(*arguments, np.random.default_rng(6))
    ten = tails.monte_carlo(*arguments, np.random.default_rng(6), periods=10)
    assert ten.value_at_risk / one.value_at_risk == pytest.approx(math.sqrt(10), rel=0.05)


def test_a_short_position_can_lose_more_than_everything() -> None:
    found = tails.monte_carlo([-5.0], [0.0], [[0.25]], np.random.default_rng(7))
    assert found.value_at_risk > 3
    assert found.expected_shortfall > found.value_at_risk


def test_the_same_seed_gives_the_same_answer_and_a_singular_covariance_is_simulated() -> None:
    arguments = ([0.5, 0.5], [0.0, 0.0], [[1e-4, 1e-4], [1e-4, 1e-4]])
    first = tails.monte_carlo(*arguments, np.random.default_rng(8), draws=4000)
    assert first == tails.monte_carlo(*arguments, np.random.default_rng(8), draws=4000)
    assert first.value_at_risk == pytest.approx(0.01645, rel=0.1)


def test_too_little_history_gives_no_number() -> None:
    short = student(9, 59, 4.0)
    for found in (tails.parametric(short), tails.filtered_historical(short), tails.historical(short[:19])):
        assert math.isnan(found.value_at_risk)
        assert math.isnan(found.expected_shortfall)
    assert math.isnan(tails.filtered_historical(student(9, 79, 4.0)).value_at_risk)
    assert not math.isnan(tails.filtered_historical(student(9, 80, 4.0)).value_at_risk)
    assert math.isnan(tails.historical([]).value_at_risk)
    assert math.isnan(tails.filtered_historical([]).value_at_risk)
    assert np.isnan(tails.ewma_volatility([])).all()


def test_constant_returns_have_a_certain_tail() -> None:
    found = tails.parametric(np.full(100, 0.01))
    assert found.value_at_risk == found.expected_shortfall == pytest.approx(-0.01)
    assert math.isnan(tails.filtered_historical(np.zeros(100)).value_at_risk)


def test_what_cannot_be_simulated_is_named() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(InputError, match="weights has 2 entries; 1 are needed"):
        tails.monte_carlo([0.5, 0.5], [0.0], [[1e-4]], generator)
    with pytest.raises(InputError, match="degrees is 2"):
        tails.monte_carlo([1.0], [0.0], [[1e-4]], generator, degrees=2)
    with pytest.raises(InputError, match="draws is 100; at least 420"):
        tails.monte_carlo([1.0], [0.0], [[1e-4]], generator, draws=100)
    with pytest.raises(InputError, match=r"periods is 0"):
        tails.monte_carlo([1.0], [0.0], [[1e-4]], generator, periods=0)
    with pytest.raises(InputError, match="decay is 1"):
        tails.filtered_historical(student(0, 100, 4.0), decay=1)
    with pytest.raises(InputError, match="level is 1"):
        tails.parametric(student(0, 100, 4.0), 1)
    with pytest.raises(InputError, match=r"returns\[0\] is nan"):
        tails.parametric([math.nan])
