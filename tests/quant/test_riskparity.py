"""Risk parity against published portfolios, its own definition, and matrices that are hard on it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.errors import DataError, InputError
from bursar.quant import riskparity
from bursar.quant.arrays import FloatArray
from bursar.quant.kernels.riskparity import budget_descent
from bursar.quant.optimize import MinimumVariance, optimize
from bursar.quant.riskmodel import Covariance, FactorModel
from bursar.quant.riskparity import risk_contributions, risk_parity
from tests.quant.portfolios import market


def covariance_of(volatilities: list[float], correlations: dict[tuple[int, int], float]) -> FloatArray:
    correlation = np.eye(len(volatilities))
    for (i, j), value in correlations.items():
        correlation[i, j] = correlation[j, i] = value
    return correlation * np.outer(volatilities, volatilities)


def test_four_assets_of_maillard_roncalli_and_teiletche() -> None:
    # The Journal of Portfolio Management 36 (2010), example of section "Theoretical properties": volatilities 10 to
    # 40 %, correlation 0.8 between the first two and -0.5 between the last two; printed 38.4, 19.2, 24.3, 18.2 %.
    covariance = covariance_of([0.1, 0.2, 0.3, 0.4], {(0, 1): 0.8, (2, 3): -0.5})
    weights = risk_parity(covariance)
    assert weights * 100 == pytest.approx([38.3613, 19.1806, 24.2618, 18.1963], abs=1e-4)
    assert np.sqrt(weights @ covariance @ weights) * 100 == pytest.approx(10.293404, abs=1e-6)
    equal = np.full(4, 0.25)
    assert np.sqrt(equal @ covariance @ equal) * 100 == pytest.approx(11.510864, abs=1e-6)


RONCALLI = covariance_of([0.30, 0.20, 0.15], {(0, 1): 0.8, (0, 2): 0.5, (1, 2): 0.3})


def test_three_assets_of_roncalli() -> None:
    # Roncalli, "Introduction to Risk Parity and Budgeting" (2013), section 2.1: weights 50/20/30.
    held = np.array([0.5, 0.2, 0.3])
    assert risk_contributions(RONCALLI, held) * 100 == pytest.approx([14.6982, 3.3254, 2.8462], abs=1e-4)
    assert risk_contributions(RONCALLI, held).sum() * 100 == pytest.approx(20.8698, abs=1e-4)
    budgeted = risk_parity(RONCALLI, [50, 20, 30])
    assert budgeted * 100 == pytest.approx([31.1451, 21.8998, 46.9552], abs=1e-4)
    assert risk_contributions(RONCALLI, budgeted).sum() * 100 == pytest.approx(17.4897, abs=1e-4)
    equal = risk_parity(RONCALLI)
    assert equal * 100 == pytest.approx([19.6862, 32.4441, 47.8697], abs=1e-4)
    assert risk_contributions(RONCALLI, equal).sum() * 100 == pytest.approx(16.1314, abs=1e-4)


def test_one_correlation_for_all_makes_weights_inverse_to_volatility() -> None:
    weights = risk_parity(covariance_of([0.1, 0.2, 0.3], {(0, 1): 0.4, (0, 2): 0.4, (1, 2): 0.4}))
    assert weights == pytest.approx(np.array([6, 3, 2]) / 11)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 25), data=st.data())
def test_contributions_are_the_budgets_whatever_the_market(seed: int, size: int, data: st.DataObject) -> None:
    covariance = market(seed, size).covariance if size > 1 else np.array([[0.04]])
    budgets = np.array(data.draw(st.lists(st.floats(0.01, 1.0), min_size=size, max_size=size)))
    weights = risk_parity(covariance, budgets)
    parts = risk_contributions(covariance, weights)
    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() > 0
    assert np.abs(parts / parts.sum() - budgets / budgets.sum()).max() < 1e-10
    assert parts.sum() == pytest.approx(np.sqrt(weights @ covariance @ weights))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-6, 1e6))
def test_neither_the_unit_of_risk_nor_the_order_of_assets_matters(seed: int, scale: float) -> None:
    covariance = market(seed, 9).covariance
    order = np.random.default_rng(seed).permutation(9)
    weights = risk_parity(covariance)
    assert risk_parity(covariance * scale) == pytest.approx(weights, rel=1e-8)
    assert risk_parity(covariance[np.ix_(order, order)]) == pytest.approx(weights[order], rel=1e-8)


@pytest.mark.parametrize("seed", range(8))
def test_more_assets_than_days_are_met_unless_some_portfolio_has_no_risk_at_all(seed: int) -> None:
    covariance = market(seed, 30, kind="short").covariance
    least = optimize(MinimumVariance(), covariance).objective / covariance.diagonal().mean()
    try:
        parts = risk_contributions(covariance, risk_parity(covariance))
    except DataError:
        # The log barrier has no minimum where a long-only portfolio hedges itself completely.
        assert least < 1e-12
    else:
        assert least > 1e-12
        assert np.abs(parts / parts.sum() - 1 / 30).max() < 1e-10


@pytest.mark.parametrize("kind", ["twins", "wild"])
@pytest.mark.parametrize("seed", range(6))
def test_singular_and_lopsided_markets_are_met_as_well(kind: str, seed: int) -> None:
    covariance = market(seed, 30, kind=kind).covariance
    parts = risk_contributions(covariance, risk_parity(covariance))
    assert np.abs(parts / parts.sum() - 1 / 30).max() < 1e-10


def test_a_market_of_few_factors_goes_to_newton_and_is_met_there(monkeypatch: pytest.MonkeyPatch) -> None:
    # Strong factors make single coordinates crawl: the descent is cut off and Newton finishes.
    covariance = market(3, 60).covariance
    patient = risk_parity(covariance)
    monkeypatch.setattr(riskparity, "SWEEPS_MAX", 2)
    assert risk_parity(covariance) == pytest.approx(patient, rel=1e-9)
    monkeypatch.setattr(riskparity, "NEWTON_STEPS_MAX", 0)
    assert risk_parity(covariance) == pytest.approx(patient, rel=1e-7)


def test_a_start_near_the_answer_gives_the_same_answer() -> None:
    covariance = market(5, 12).covariance
    cold = risk_parity(covariance)
    assert risk_parity(covariance, start=cold) == pytest.approx(cold, rel=1e-10)
    assert risk_parity(covariance, start=np.eye(12)[0]) == pytest.approx(cold, rel=1e-9)
    assert risk_parity(covariance, start=np.zeros(12)) == pytest.approx(cold, rel=1e-9)


def test_a_factor_model_gives_what_its_full_covariance_gives() -> None:
    random = np.random.default_rng(2)
    model = FactorModel(random.normal(size=(15, 3)), np.diag([1.0, 0.5, 0.2]), random.uniform(0.1, 1.0, 15))
    assert risk_parity(model) == pytest.approx(risk_parity(Covariance(model.dense())), rel=1e-9)


def test_assets_that_cancel_each_other_have_no_risk_parity() -> None:
    # Correlation -1 and equal volatility: the equal portfolio has no variance left to share.
    with pytest.raises(DataError, match="no portfolio meets the risk budgets"):
        risk_parity(np.array([[1.0, -1.0], [-1.0, 1.0]]))


def test_the_descent_is_the_same_with_the_compiler_off() -> None:
    covariance = market(7, 6).covariance
    start, budgets = np.ones(6), np.arange(1.0, 7.0) / 21
    compiled, deviation, sweeps = budget_descent(covariance, budgets, start, 1e-13, 500)
    plain = getattr(budget_descent, "py_func", budget_descent)
    interpreted, plain_deviation, plain_sweeps = plain(covariance, budgets, start, 1e-13, 500)
    assert interpreted == pytest.approx(compiled, rel=1e-12)
    assert (deviation <= 1e-13, plain_deviation <= 1e-13) == (True, True)
    assert abs(sweeps - plain_sweeps) <= 1


def test_where_there_is_no_risk_nothing_contributes() -> None:
    assert risk_contributions(np.zeros((2, 2)), [0.5, 0.5]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("covariance", "budgets", "message"),
    [
        (np.diag([1.0, 0.0]), None, r"covariance\[1, 1\] is 0; an asset without risk"),
        (np.eye(2), [1.0, 0.0], r"budgets\[1\] is 0; a budget must lie above zero"),
        (np.eye(2), [1.0], "budgets has 1 entries; 2 are needed"),
        (np.array([[1.0, 3.0], [3.0, 1.0]]), None, "covariance is not positive semi-definite"),
    ],
)
def test_what_cannot_be_shared_out_is_named(covariance: FloatArray, budgets: list[float] | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        risk_parity(covariance, budgets)
