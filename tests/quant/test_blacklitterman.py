"""Black-Litterman against the seven countries of He and Litterman (1999), and against its own promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.quant.blacklitterman import Posterior, Views, black_litterman
from bursar.quant.optimize import BlackLitterman, Constraints, MaximumSharpe, MeanVariance, optimize
from tests.quant.portfolios import market

# Australia, Canada, France, Germany, Japan, United Kingdom, United States: table 1 and 2 of the paper.
WEIGHTS = np.array([0.016, 0.022, 0.052, 0.055, 0.116, 0.124, 0.615])
VOLATILITIES = np.array([0.160, 0.203, 0.248, 0.271, 0.210, 0.200, 0.187])
UPPER = [
    [0.488, 0.478, 0.515, 0.439, 0.512, 0.491],
    [0.664, 0.655, 0.310, 0.608, 0.779],
    [0.861, 0.355, 0.783, 0.668],
    [0.354, 0.777, 0.653],
    [0.405, 0.306],
    [0.652],
]
CORRELATION = np.eye(7)
for _i, _row in enumerate(UPPER):
    CORRELATION[_i, _i + 1 :] = CORRELATION[_i + 1 :, _i] = _row
COVARIANCE = CORRELATION * np.outer(VOLATILITIES, VOLATILITIES)
TAU, AVERSION = 0.05, 2.5

GERMANY = [0.0, 0.0, -0.295, 1.0, 0.0, -0.705, 0.0]  # against the rest of Europe, by market weight
CANADA = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0]  # against the United States
AGAINST_JAPAN = [0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0]


def posterior(
    picks: list[list[float]], returns: list[float], variances: FloatArray | None = None
) -> tuple[Posterior, FloatArray]:
    """The posterior, and the weights that it makes optimal for an investor without constraints."""
    views = Views(picks=np.array(picks), returns=np.array(returns), variances=variances)
    found = black_litterman(COVARIANCE, WEIGHTS, views, risk_aversion=AVERSION, tau=TAU)
    unconstrained = np.asarray(np.linalg.solve(AVERSION * found.covariance.values, found.means), dtype=np.float64)
    return found, unconstrained


def test_equilibrium_returns_of_table_2() -> None:
    means = black_litterman(COVARIANCE, WEIGHTS, risk_aversion=AVERSION, tau=TAU).means * 100
    assert means == pytest.approx([3.9, 6.9, 8.4, 9.0, 4.3, 6.8, 7.6], abs=0.05)  # printed
    assert means == pytest.approx([3.9376, 6.9152, 8.3581, 9.0272, 4.3028, 6.7677, 7.5600], abs=1e-4)  # worked again


def test_one_view_of_table_4() -> None:
    found, weights = posterior([GERMANY], [0.05])
    assert found.means * 100 == pytest.approx([4.3, 7.6, 9.3, 11.0, 4.5, 7.0, 8.1], abs=0.05)
    assert found.means * 100 == pytest.approx([4.328, 7.5757, 9.2877, 11.0367, 4.5062, 6.9527, 8.0693], abs=1e-4)
    assert weights * 100 == pytest.approx([1.5, 2.1, -4.0, 35.4, 11.0, -9.5, 58.6], abs=0.06)
    assert weights * 100 == pytest.approx([1.5238, 2.0952, -3.9485, 35.4105, 11.0476, -9.462, 58.5714], abs=1e-4)


def test_two_views_of_table_5() -> None:
    found, weights = posterior([GERMANY, CANADA], [0.05, 0.03])
    assert found.means * 100 == pytest.approx([4.4, 8.7, 9.5, 11.2, 4.6, 7.0, 7.5], abs=0.05)
    assert found.means * 100 == pytest.approx([4.4221, 8.7299, 9.4797, 11.2099, 4.6163, 6.9717, 7.4816], abs=1e-4)
    assert weights * 100 == pytest.approx([1.5, 41.9, -3.4, 33.6, 11.0, -8.2, 18.8], abs=0.05)
    assert weights * 100 == pytest.approx([1.5238, 41.8636, -3.4093, 33.5828, 11.0476, -8.1735, 18.8031], abs=1e-4)


def test_a_bolder_view_of_table_6() -> None:
    found, weights = posterior([GERMANY, CANADA], [0.05, 0.04])
    assert found.means * 100 == pytest.approx([4.4491, 9.0602, 9.5347, 11.2595, 4.6479, 6.9771, 7.3133], abs=1e-4)
    assert weights * 100 == pytest.approx([1.5238, 53.3483, -3.2536, 33.0551, 11.0476, -7.8014, 7.3184], abs=1e-4)


def test_half_the_confidence_of_table_7() -> None:
    spread = TAU * np.array([GERMANY, CANADA]) @ COVARIANCE @ np.array([GERMANY, CANADA]).T
    _, weights = posterior([GERMANY, CANADA], [0.05, 0.04], np.array([2 * spread[0, 0], spread[1, 1]]))
    assert weights * 100 == pytest.approx([1.5, 53.9, -0.5, 23.6, 11.0, -1.1, 6.8], abs=0.06)
    assert weights * 100 == pytest.approx([1.5238, 53.8908, -0.4693, 23.6167, 11.0476, -1.1474, 6.7759], abs=1e-4)


def test_a_view_that_the_others_imply_changes_nothing_in_table_8() -> None:
    # The third view says what the first two already imply; variances as printed in the table, over tau.
    variances = TAU * np.array([0.043, 0.017, 0.059])
    _, two = posterior([GERMANY, CANADA], [0.05, 0.04], variances[:2])
    found, three = posterior([GERMANY, CANADA, AGAINST_JAPAN], [0.05, 0.04, 0.0412], variances)
    assert found.means * 100 == pytest.approx([4.3293, 8.8385, 9.2311, 10.6224, 4.6325, 6.9094, 7.1201], abs=1e-4)
    assert np.abs(three - two).max() < 0.0005


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), tau=st.floats(0.001, 1.0), aversion=st.floats(0.5, 10.0))
def test_without_views_the_prior_comes_back(seed: int, tau: float, aversion: float) -> None:
    covariance = market(seed, 6).covariance
    weights = np.random.default_rng(seed).dirichlet(np.ones(6))
    found = black_litterman(covariance, weights, risk_aversion=aversion, tau=tau)
    empty = Views(picks=np.empty((0, 6)), returns=np.empty(0))
    assert (black_litterman(covariance, weights, empty, risk_aversion=aversion, tau=tau).means == found.means).all()
    held = np.linalg.solve(aversion * found.covariance.values, found.means)
    assert held == pytest.approx(weights / (1 + tau), rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 3))
def test_weights_move_only_along_the_views(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    covariance, weights = market(seed, 7).covariance, random.dirichlet(np.ones(7))
    picks = random.normal(size=(count, 7))
    found = black_litterman(covariance, weights, Views(picks=picks, returns=random.normal(0, 0.01, count)))
    moved = np.linalg.solve(2.5 * found.covariance.values, found.means) - weights / 1.05
    along = np.linalg.lstsq(picks.T, moved, rcond=None)[0]
    assert picks.T @ along == pytest.approx(moved, abs=1e-6 * max(1.0, float(np.abs(moved).max())))


def test_a_confidence_of_one_half_is_he_and_littermans_and_certainty_reaches_the_view() -> None:
    plain, _ = posterior([GERMANY], [0.05])
    pick, value = np.array([GERMANY], dtype=float), np.array([0.05])
    half = black_litterman(COVARIANCE, WEIGHTS, Views(picks=pick, returns=value, confidences=np.array([0.5])))
    assert half.means == pytest.approx(plain.means)
    sure = black_litterman(COVARIANCE, WEIGHTS, Views(picks=pick, returns=value, confidences=np.array([1 - 1e-9])))
    assert pick @ sure.means == pytest.approx(value)


def test_more_assets_than_days_need_no_inverse() -> None:
    short = market(4, 20, kind="short")
    found = black_litterman(
        short.covariance, np.full(20, 0.05), Views(picks=np.eye(20)[:2], returns=np.array([0.01, 0.02]))
    )
    assert np.isfinite(found.means).all()
    assert np.linalg.eigvalsh(found.uncertainty)[0] > -1e-15


def test_as_an_objective_it_is_the_best_sharpe_ratio_of_the_posterior() -> None:
    views = Views(picks=np.array([GERMANY], dtype=float), returns=np.array([0.05]))
    found = black_litterman(COVARIANCE, WEIGHTS, views)
    limits = Constraints(upper=0.4)
    by_hand = optimize(MaximumSharpe(), found.covariance, found.means, constraints=limits)
    at_once = optimize(
        BlackLitterman(market_weights=WEIGHTS, views=views), COVARIANCE, constraints=limits, risk_free=0.03
    )
    assert at_once.require() == pytest.approx(by_hand.require(), abs=1e-9)
    assert at_once.objective == pytest.approx(by_hand.objective)


def test_without_views_or_constraints_the_market_is_optimal() -> None:
    solution = optimize(BlackLitterman(market_weights=WEIGHTS), COVARIANCE)
    assert solution.require() == pytest.approx(WEIGHTS, abs=1e-6)
    means = black_litterman(COVARIANCE, WEIGHTS).means
    free = Constraints(lower=-1.0, cash=(-1.0, 1.0))
    assert optimize(MeanVariance(2.5), COVARIANCE, means, constraints=free).require() == pytest.approx(
        WEIGHTS, abs=1e-6
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Views(picks=np.eye(2), returns=np.ones(3)), "view returns has 3 entries; 2 are needed"),
        (
            lambda: Views(picks=np.eye(2), returns=np.ones(2), variances=np.array([1.0, 0.0])),
            r"view variances\[1\] is 0",
        ),
        (lambda: Views(picks=np.eye(1), returns=np.ones(1), confidences=np.array([1.0])), r"confidences\[0\] is 1"),
        (
            lambda: Views(picks=np.eye(1), returns=np.ones(1), confidences=np.array([0.5]), variances=np.ones(1)),
            "both given",
        ),
        (
            lambda: black_litterman(np.eye(3), np.ones(3), Views(picks=np.eye(2), returns=np.ones(2))),
            "picks has 2 columns; 3 assets",
        ),
        (lambda: black_litterman(np.eye(2), np.ones(2), tau=0.0), "tau is 0"),
        (lambda: black_litterman(np.eye(2), np.ones(3)), "weights has 3 entries"),
        (lambda: optimize(BlackLitterman(market_weights=WEIGHTS)), "covariance is missing"),
        (
            lambda: black_litterman(np.zeros((2, 2)), np.ones(2), Views(picks=np.eye(2), returns=np.ones(2))),
            "contradict or repeat",
        ),
    ],
)
def test_views_that_make_no_sense_are_named(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]  # parametrized as an object, to keep the table readable
