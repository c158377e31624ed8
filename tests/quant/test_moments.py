"""Estimators against their definitions, against scikit-learn, and against what they are for."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant import moments
from bursar.quant.arrays import FloatArray
from bursar.quant.riskmodel import Covariance, FactorModel
from tests.quant.portfolios import KINDS, market

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from sklearn import covariance as sklearn_covariance  # type: ignore[import-untyped]  # ships no types


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_the_sample_covariance_is_numpys(seed: int, kind: str) -> None:
    returns = market(seed, 12, kind=kind).returns
    found = moments.sample_covariance(returns).values
    assert found == pytest.approx(np.cov(returns.T), rel=1e-10, abs=1e-14 * np.abs(found).max())
    assert (found == found.T).all()


def test_levels_with_a_large_mean_lose_no_digits() -> None:
    returns = market(1, 5).returns
    shifted = moments.sample_covariance(returns + 1e4).values
    assert shifted == pytest.approx(np.cov((returns + 1e4).T), rel=1e-10)
    assert shifted == pytest.approx(moments.sample_covariance(returns).values, rel=1e-6)


def test_days_with_a_gap_are_left_out_or_used_pair_by_pair() -> None:
    returns = market(2, 4).returns
    gaps = returns.copy()
    gaps[3, 1] = gaps[10:40, 2] = np.nan
    whole = ~np.isnan(gaps).any(axis=1)
    assert moments.sample_covariance(gaps).values == pytest.approx(np.cov(returns[whole].T))
    pairs = moments.sample_covariance(gaps, missing="pairwise").values
    assert pairs[0, 0] == pytest.approx(np.var(returns[:, 0], ddof=1))
    both = ~np.isnan(gaps[:, 1]) & ~np.isnan(gaps[:, 2])
    assert pairs[1, 2] == pytest.approx(np.cov(gaps[both, 1], gaps[both, 2])[0, 1])
    assert moments.sample_covariance(returns, missing="pairwise").values == pytest.approx(np.cov(returns.T))


def test_pairs_that_contradict_each_other_are_made_positive_semi_definite() -> None:
    random = np.random.default_rng(3)
    returns = random.normal(size=(30, 12))
    returns[random.uniform(size=returns.shape) < 0.6] = np.nan
    found = moments.sample_covariance(returns, missing="pairwise").values
    assert np.linalg.eigvalsh(found)[0] > -1e-12


def test_a_half_life_halves_the_weight_of_a_return() -> None:
    # Returns 0.02 then 0.01, half-life one period: (1/2 0.0004 + 1 x 0.0001) / 1.5.
    found = moments.ewma_covariance([[0.02], [0.01]], 1.0).values
    assert found[0, 0] == pytest.approx((0.5 * 0.0004 + 0.0001) / 1.5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_shrinkage_is_scikit_learns(seed: int, kind: str) -> None:
    returns = market(seed, 15, periods=60, kind=kind).returns
    for ours, theirs in (
        (moments.ledoit_wolf_covariance(returns), sklearn_covariance.ledoit_wolf(returns)),
        (moments.oas_covariance(returns), sklearn_covariance.oas(returns)),
    ):
        assert ours.intensity == pytest.approx(theirs[1], rel=1e-6)
        assert ours.covariance.values == pytest.approx(theirs[0], rel=1e-6, abs=1e-12)


def test_returns_that_never_move_are_all_target() -> None:
    assert moments.ledoit_wolf_covariance(np.zeros((5, 3))).intensity == 1.0
    assert moments.oas_covariance(np.zeros((5, 3))).intensity == 1.0


def test_shrinkage_is_nearer_to_the_truth_than_the_sample_where_days_are_few() -> None:
    truth = np.diag(np.linspace(1.0, 2.0, 40))
    returns = np.random.default_rng(4).multivariate_normal(np.zeros(40), truth, 60)
    sample = np.linalg.norm(moments.sample_covariance(returns).values - truth)
    for shrunk in (moments.ledoit_wolf_covariance(returns), moments.oas_covariance(returns)):
        assert np.linalg.norm(shrunk.covariance.values - truth) < 0.5 * sample


def one_factor(seed: int, periods: int, size: int) -> tuple[FloatArray, FloatArray]:
    """Returns and the covariance that made them."""
    random = np.random.default_rng(seed)
    beta, own = random.uniform(0.5, 1.5, size), random.uniform(0.5, 2.0, size)
    returns = np.outer(random.normal(size=periods), beta) + random.normal(size=(periods, size)) * own
    return returns, np.outer(beta, beta) + np.diag(own**2)


def test_denoising_keeps_variances_and_the_one_signal() -> None:
    random = np.random.default_rng(5)
    returns = random.normal(size=(300, 1)) + random.normal(size=(300, 60))
    found, sample = moments.denoised_covariance(returns).values, moments.sample_covariance(returns).values
    assert found.diagonal() == pytest.approx(sample.diagonal())
    scale = np.sqrt(found.diagonal())
    eigenvalues = np.linalg.eigvalsh(found / np.outer(scale, scale))
    # One eigenvalue stands out, one touches the edge of the noise, and the others are nearly alike.
    assert eigenvalues[-1] > 20 * eigenvalues[-2]
    assert eigenvalues[-3] < 1.25 * eigenvalues[0]


def test_denoising_helps_the_least_variance_portfolio() -> None:
    returns, truth = one_factor(6, 90, 80)

    def risk_of_least_variance(covariance: FloatArray) -> float:
        weights = np.linalg.solve(covariance, np.ones(80))
        weights /= weights.sum()
        return float(weights @ truth @ weights)

    noisy = risk_of_least_variance(moments.sample_covariance(returns).values)
    assert risk_of_least_variance(moments.denoised_covariance(returns).values) < 0.5 * noisy


def test_more_assets_than_days_are_denoised_to_something_invertible_but_for_their_rank() -> None:
    found = moments.denoised_covariance(market(7, 30, kind="short").returns)
    assert np.linalg.eigvalsh(found.values)[0] > 0
    assert moments.denoised_covariance([[0.0], [1.0], [3.0]]).values[0, 0] == pytest.approx(7 / 3)


def test_returns_made_of_factors_alone_are_all_signal() -> None:
    # Two assets that are the same: one signal, and the other eigenvalue zero.
    returns = np.random.default_rng(1).normal(size=(50, 1)) @ np.array([[1.0, 2.0]])
    assert moments.denoised_covariance(returns).values == pytest.approx(np.cov(returns.T))


def test_a_factor_model_recovers_its_betas() -> None:
    random = np.random.default_rng(8)
    factors = random.normal(size=(4000, 2)) * [0.01, 0.02]
    betas = np.array([[1.0, 0.5], [0.2, -1.0], [0.0, 2.0]])
    returns = 0.001 + factors @ betas.T + random.normal(size=(4000, 3)) * [0.01, 0.02, 0.005]
    returns[5, 0] = factors[9, 1] = np.nan
    found = moments.factor_model(returns, factors)
    assert found.loadings == pytest.approx(betas, abs=0.1)
    assert np.sqrt(found.specific_variances) == pytest.approx([0.01, 0.02, 0.005], rel=0.05)
    assert found.dense() == pytest.approx(moments.sample_covariance(returns[10:]).values, rel=0.25, abs=2e-5)


def test_principal_factors_keep_each_variance_and_all_of_them_keep_everything() -> None:
    sample = moments.sample_covariance(market(9, 8).returns).values
    few = moments.principal_factor_model(market(9, 8).returns, 2)
    assert few.dense().diagonal() == pytest.approx(sample.diagonal())
    assert moments.principal_factor_model(market(9, 8).returns, 8).dense() == pytest.approx(sample)


def test_the_nearest_covariance_cuts_negative_eigenvalues_and_nothing_else() -> None:
    broken = np.array([[1.0, 2.0], [2.0, 1.0]])  # eigenvalues 3 and -1
    assert moments.nearest_covariance(broken).values == pytest.approx(np.full((2, 2), 1.5))
    good = market(1, 5).covariance
    assert moments.nearest_covariance(good).values == pytest.approx(good)


def test_means_are_taken_over_the_days_that_each_asset_has() -> None:
    returns = np.array([[0.01, np.nan], [0.03, 0.05]])
    assert moments.historical_means(returns) == pytest.approx([0.02, 0.05])
    assert moments.historical_means(returns, half_life=1.0) == pytest.approx([(0.005 + 0.03) / 1.5, 0.05])
    assert moments.historical_means(returns[1:]) == pytest.approx([0.03, 0.05])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_shrunk_means_lie_between_the_sample_and_one_value_for_all(seed: int) -> None:
    sample = market(seed, 6)
    plain, shrunk = sample.returns.mean(axis=0), moments.shrunk_means(sample.returns)
    weights = np.linalg.solve(sample.covariance, np.ones(6))
    target = float(plain @ weights / weights.sum())
    share = (plain - shrunk) / (plain - target)
    assert share == pytest.approx(np.full(6, share[0]), rel=1e-6)
    assert 0 < share[0] < 1


def test_means_that_differ_for_certain_are_hardly_shrunk() -> None:
    random = np.random.default_rng(1)
    means = np.array([0.0, 1.0, 2.0])
    returns = means + random.normal(size=(500, 3)) * 1e-3
    assert moments.shrunk_means(returns) == pytest.approx(means, abs=1e-3)


def test_implied_means_make_their_weights_optimal() -> None:
    covariance = market(2, 5).covariance
    weights = np.random.default_rng(2).dirichlet(np.ones(5))
    implied = moments.implied_means(covariance, weights, 3.0, risk_free=0.0001)
    assert np.linalg.solve(3.0 * covariance, implied - 0.0001) == pytest.approx(weights)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS))
def test_every_estimator_is_positive_semi_definite_and_scales_with_its_returns(seed: int, kind: str) -> None:
    returns = market(seed, 9, periods=40, kind=kind).returns
    estimators: list[Callable[[FloatArray], Covariance]] = [
        moments.sample_covariance,
        lambda r: moments.ewma_covariance(r, 20.0),
        lambda r: moments.ledoit_wolf_covariance(r).covariance,
        lambda r: moments.oas_covariance(r).covariance,
        moments.denoised_covariance,
        lambda r: Covariance(moments.principal_factor_model(r, 2).dense()),
    ]
    for estimate in estimators:
        found = estimate(returns).values
        assert np.linalg.eigvalsh(found)[0] >= -1e-12 * np.abs(found).max()
        assert (np.abs(found - found.T) <= 1e-15 * np.abs(found).max()).all()
        assert estimate(returns * 100).values == pytest.approx(found * 1e4, rel=1e-5, abs=1e-9 * np.abs(found).max())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: moments.sample_covariance([[0.1, 0.2]]), "returns has 1 complete periods; 2 are needed"),
        (lambda: moments.sample_covariance([[np.nan, 0.2], [0.1, 0.1]]), "returns has 1 complete periods"),
        (lambda: moments.sample_covariance(np.ones((5, 0))), "one asset at least"),
        (lambda: moments.sample_covariance([[np.inf], [0.1]]), r"returns\[0, 0\] is inf"),
        (lambda: moments.sample_covariance([0.1, 0.2]), "two dimensions are needed"),
        (
            lambda: moments.sample_covariance([[np.nan, 0.2], [0.1, np.nan], [0.1, 0.2]], missing="pairwise"),
            "assets 0 and 1 share too few periods",
        ),
        (lambda: moments.sample_covariance(np.ones((0, 0)), missing="pairwise"), "assets 0 and 0 share too few"),
        (lambda: moments.ewma_covariance([[0.1]], 0.0), "half_life is 0"),
        (lambda: moments.denoised_covariance([[0.1, 0.0], [0.2, 0.0], [0.1, 0.0]]), r"returns\[:, 1\] never move"),
        (lambda: moments.factor_model(np.ones((3, 2)), np.ones((4, 1))), "returns has 3 periods and factors 4"),
        (lambda: moments.factor_model(np.ones((3, 2)), np.ones((3, 2))), "cannot carry 2 factors"),
        (
            lambda: moments.factor_model(np.eye(9), np.outer(np.arange(9.0), [1.0, 2.0])),
            "factors are not independent: 2 columns of rank 1",
        ),
        (lambda: moments.principal_factor_model(np.eye(4), 5), "factors is 5; it must lie between 1 and the 4 assets"),
        (lambda: moments.nearest_covariance(np.ones((2, 3))), r"matrix has shape \(2, 3\)"),
        (lambda: moments.historical_means([[0.1, np.nan]]), r"returns\[:, 1\] has no entry"),
        (lambda: moments.historical_means([[0.1]], half_life=-1.0), "half_life is -1"),
        (lambda: moments.shrunk_means(np.eye(4)), "4 complete periods are too few .* 7 at least"),
        (lambda: moments.shrunk_means(np.ones((20, 2))), "returns have a singular covariance"),
        (lambda: moments.implied_means(np.eye(2), [1.0, 0.0], 0.0), "risk_aversion is 0"),
    ],
)
def test_returns_that_say_nothing_are_named(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]  # parametrized as an object, to keep the table readable


def test_a_factor_models_parts_agree_with_its_full_covariance() -> None:
    random = np.random.default_rng(0)
    model = FactorModel(random.normal(size=(6, 2)), np.array([[1.0, 0.4], [0.4, 2.0]]), random.uniform(0.1, 1, 6))
    full, weights = model.dense(), random.normal(size=6)
    assert model.variances == pytest.approx(full.diagonal())
    assert model.times(weights) == pytest.approx(full @ weights)
    assert model.variance(weights) == pytest.approx(weights @ full @ weights)
