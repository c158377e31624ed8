"""Risk and who carries it: by hand, summing to the whole, and told apart by its causes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant import performance
from bursar.quant.arrays import FloatArray
from bursar.risk import exposure


def random_covariance(seed: int, assets: int) -> FloatArray:
    factor = np.random.default_rng(seed).normal(0, 0.1, (assets, assets + 2))
    return factor @ factor.T


def history(seed: int, periods: int, assets: int) -> tuple[FloatArray, FloatArray]:
    generator = np.random.default_rng(seed)
    market = generator.normal(0.0003, 0.01, periods)
    return market[:, np.newaxis] * generator.uniform(0.5, 1.5, assets) + generator.normal(
        0, 0.01, (periods, assets)
    ), market


def test_long_short_gross_net_and_beta_by_hand() -> None:
    found = exposure.exposure([0.6, -0.2, 0.1], [1.2, 0.8, 0.0])
    assert (found.long, found.short) == pytest.approx((0.7, 0.2))
    assert (found.gross, found.net) == pytest.approx((0.9, 0.5))
    assert found.beta_adjusted == pytest.approx(0.6 * 1.2 - 0.2 * 0.8)
    assert exposure.exposure([0.6, -0.2]).beta_adjusted == pytest.approx(0.4)


def test_the_contributions_that_roncalli_prints() -> None:
    # Roncalli 2013, section 2.1: volatilities 30, 20, 15 %, correlations .8, .5, .3, weights 50, 20, 30 %
    deviation = np.array([0.30, 0.20, 0.15])
    correlation = np.array([[1, 0.8, 0.5], [0.8, 1, 0.3], [0.5, 0.3, 1]])
    found = exposure.risk_contributions([0.5, 0.2, 0.3], correlation * np.outer(deviation, deviation))
    assert found.volatility == pytest.approx(0.208698, abs=1e-6)
    assert found.marginal == pytest.approx([0.293965, 0.166269, 0.094874], abs=1e-6)
    assert found.component == pytest.approx([0.146982, 0.033254, 0.028462], abs=1e-6)


@given(st.integers(0, 2**31), st.integers(1, 8))
def test_component_risks_sum_to_the_whole_and_marginal_ones_are_its_slope(seed: int, assets: int) -> None:
    weights = np.random.default_rng(seed).normal(0, 0.3, assets)
    table = random_covariance(seed, assets)
    found = exposure.risk_contributions(weights, table)
    assert found.component.sum() == pytest.approx(found.volatility)
    assert found.share.sum() == pytest.approx(1.0)
    step = 1e-6
    for i in range(assets):
        nudge = step * np.eye(assets)[i]
        up = exposure.risk_contributions(weights + nudge, table).volatility
        down = exposure.risk_contributions(weights - nudge, table).volatility
        assert found.marginal[i] == pytest.approx((up - down) / (2 * step), abs=1e-5)


def test_a_portfolio_without_risk_has_no_shares_of_it() -> None:
    found = exposure.risk_contributions([0.0, 0.0], np.eye(2))
    assert found.volatility == 0.0
    assert (found.component == 0).all()
    assert np.isnan(found.share).all()


# The six measures


@given(st.integers(0, 2**31), st.integers(1, 6))
def test_the_contributions_to_each_measure_sum_to_the_measure_of_the_whole(seed: int, assets: int) -> None:
    returns, market = history(seed, 150, assets)
    weights = np.random.default_rng(seed + 1).uniform(-0.3, 0.5, assets)
    whole = returns @ weights
    expected = {
        "volatility": performance.volatility(whole),
        "var_95": performance.value_at_risk(whole, 0.95),
        "var_99": performance.value_at_risk(whole, 0.99),
        "es_95": performance.expected_shortfall(whole, 0.95),
        "max_drawdown": performance.max_drawdown(whole),
        "beta_adjusted_exposure": float(np.cov(whole, market)[0, 1] / market.var(ddof=1)),
    }
    assert exposure.measures(weights, returns, market) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("measure", exposure.MEASURES)
def test_twice_the_position_carries_twice_the_risk(measure: exposure.Measure) -> None:
    returns, market = history(3, 200, 4)
    weights = np.array([0.2, -0.1, 0.3, 0.1])
    once = exposure.contributions(measure, weights, returns, market)
    twice = exposure.contributions(measure, 2 * weights, returns, market)
    if measure == "max_drawdown":  # losses compound, so that twice the position loses less than twice as much
        assert 1.5 * once.sum() < twice.sum() < 2 * once.sum()
    else:
        assert twice == pytest.approx(2 * once)


def test_a_drawdown_is_charged_to_those_who_lost_between_peak_and_trough() -> None:
    # wealth 1.1 at the peak, then the first position loses a tenth twice while the second gains a twentieth once
    parts = np.array([[0.1, 0.0], [-0.1, 0.05], [-0.1, 0.0], [0.2, 0.0]])
    found = exposure.contributions("max_drawdown", [1.0, 1.0], parts)
    # after the peak: 1, .95, .855; the first lost .1 and .95 x .1, the second made .05
    assert found == pytest.approx([0.195, -0.05])


def test_short_history_gives_no_number() -> None:
    returns, market = history(4, 15, 2)
    found = exposure.measures([0.5, 0.5], returns, market)
    assert not math.isnan(found["volatility"])
    assert all(math.isnan(found[name]) for name in ("var_95", "var_99", "es_95", "beta_adjusted_exposure"))
    nothing = exposure.measures([0.5, 0.5], np.zeros((0, 2)), [])
    assert all(math.isnan(value) for value in nothing.values())
    still = exposure.measures([0.5, 0.5], np.zeros((150, 2)), np.zeros(150))
    assert still["volatility"] == still["var_95"] == still["max_drawdown"] == 0.0
    assert math.isnan(still["beta_adjusted_exposure"])


# Correlation


def test_correlation_risk_of_two_equal_positions_by_hand() -> None:
    # two positions of 10 % volatility each, half and half, correlation .2: variance .0025 (2 + .4)
    found = exposure.correlation_risk([0.5, 0.5], [[0.01, 0.002], [0.002, 0.01]])
    assert found.volatility == pytest.approx(math.sqrt(0.006))
    assert found.volatility_if_none == pytest.approx(math.sqrt(0.005))
    assert found.volatility_if_one == pytest.approx(0.1)
    assert found.mean_correlation == pytest.approx(0.2)
    assert found.diversification == pytest.approx(0.1 / math.sqrt(0.006))
    assert found.effective_bets == pytest.approx(1.0)  # the sum of the two is one axis


def test_a_hedge_has_a_negative_mean_correlation() -> None:
    found = exposure.correlation_risk([0.5, -0.5], [[0.01, 0.008], [0.008, 0.01]])
    assert found.mean_correlation == pytest.approx(-0.8)


def test_as_many_bets_as_independent_positions_of_equal_risk() -> None:
    assert exposure.correlation_risk([1.0, 2.0, 4.0], np.diag([16.0, 4.0, 1.0])).effective_bets == pytest.approx(3.0)


def test_one_position_has_no_correlation_and_no_risk_has_no_ratios() -> None:
    alone = exposure.correlation_risk([0.5, 0.0], np.eye(2))
    assert math.isnan(alone.mean_correlation)
    assert alone.diversification == pytest.approx(1.0)
    nothing = exposure.correlation_risk([0.0, 0.0], np.eye(2))
    assert math.isnan(nothing.diversification)
    assert math.isnan(nothing.effective_bets)


def test_the_causes_of_a_change_are_told_apart() -> None:
    calm = np.array([[0.01, 0.002], [0.002, 0.04]])
    louder = exposure.correlation_change([0.5, 0.5], calm, 4 * calm)
    assert louder.from_correlation == pytest.approx(0.0, abs=1e-12)
    assert louder.from_volatility == pytest.approx(louder.before)
    closer = exposure.correlation_change([0.5, 0.5], calm, [[0.01, 0.018], [0.018, 0.04]])
    assert closer.from_volatility == pytest.approx(0.0, abs=1e-12)
    assert closer.from_correlation == pytest.approx(closer.after - closer.before)
    assert (closer.mean_correlation_before, closer.mean_correlation_after) == pytest.approx((0.1, 0.9))
    assert closer.pairs.tolist() == [[0, 1]]
    assert closer.pair_changes == pytest.approx([0.8])


@given(st.integers(0, 2**31), st.integers(2, 7))
def test_the_causes_sum_to_the_change(seed: int, assets: int) -> None:
    weights = np.random.default_rng(seed).normal(0, 0.3, assets)
    found = exposure.correlation_change(weights, random_covariance(seed, assets), random_covariance(seed + 1, assets))
    assert found.from_volatility + found.from_correlation == pytest.approx(found.after - found.before, abs=1e-12)
    assert len(found.pairs) == min(5, assets * (assets - 1) // 2)


def test_an_asset_that_stands_still_correlates_with_nothing() -> None:
    found = exposure.correlation_change([0.5, 0.5], np.diag([0.01, 0.0]), np.diag([0.04, 0.0]))
    assert found.after == pytest.approx(0.1)
    assert found.from_correlation == 0.0


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exposure.exposure([0.5, math.nan]), r"weights\[1\] is nan"),
        (lambda: exposure.exposure([0.5], [1.0, 1.0]), "betas has 2 entries; 1 are needed"),
        (lambda: exposure.risk_contributions([0.5], [[-1.0]]), "a variance is never negative"),
        (lambda: exposure.contributions("var_95", [0.5], np.zeros((3, 2))), "returns has 2 columns; 1 are needed"),
        (lambda: exposure.contributions("beta_adjusted_exposure", [0.5], np.zeros((3, 1))), "market is missing"),
        (lambda: exposure.contributions("luck", [0.5], np.zeros((3, 1))), "measure is 'luck'; one of volatility"),  # type: ignore[arg-type]  # what a caller without types may send
        (lambda: exposure.betas(np.zeros((3, 1)), np.zeros(2)), "market has 2 entries; 3 are needed"),
    ],
)
def test_what_cannot_be_measured_is_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
