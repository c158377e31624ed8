"""The optimizer against skfolio on real and random returns: never worse where both keep the constraints."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bursar.quant import moments
from bursar.quant.arrays import FloatArray
from bursar.quant.optimize import (
    Constraints,
    HierarchicalRiskParity,
    MaximumDiversification,
    MaximumReturn,
    MaximumSharpe,
    MinimumCVaR,
    MinimumVariance,
    Objective,
    RiskParity,
    optimize,
    sectors,
)
from bursar.quant.optimize.forms import figure, maximized
from tests.conftest import Evidence
from tests.quant.portfolios import market

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # skfolio ships no types.
    import skfolio  # type: ignore[import-untyped]
    from skfolio import RiskMeasure
    from skfolio import optimization as peers
    from skfolio.cluster import HierarchicalClustering, LinkageMethod  # type: ignore[import-untyped]
    from skfolio.datasets import load_sp500_dataset  # type: ignore[import-untyped]
    from skfolio.distance import CovarianceDistance  # type: ignore[import-untyped]

RATIO = peers.ObjectiveFunction.MAXIMIZE_RATIO


def real_returns(periods: int = 504) -> FloatArray:
    prices = load_sp500_dataset().to_numpy(dtype=np.float64)[-periods - 1 :]
    return np.asarray(prices[1:] / prices[:-1] - 1.0)


def of_skfolio(
    objective: Objective, returns: FloatArray, labels: list[str], cap: float, group_cap: float
) -> FloatArray:
    """skfolio's weights for the same problem."""
    limits: dict[str, Any] = {
        "max_weights": cap,
        "groups": np.array([labels]),
        "linear_constraints": [f"{label} <= {group_cap}" for label in dict.fromkeys(labels)],
    }
    makers: dict[type[Objective], Callable[[], Any]] = {
        MinimumVariance: lambda: peers.MeanRisk(**limits),
        MaximumSharpe: lambda: peers.MeanRisk(objective_function=RATIO, **limits),
        MaximumReturn: lambda: peers.MeanRisk(objective_function=peers.ObjectiveFunction.MAXIMIZE_RETURN, **limits),
        MaximumDiversification: lambda: peers.MaximumDiversification(**limits),
        MinimumCVaR: lambda: peers.MeanRisk(risk_measure=RiskMeasure.CVAR, cvar_beta=0.95, **limits),
        RiskParity: lambda: peers.RiskBudgeting(risk_measure=RiskMeasure.VARIANCE, **limits),
    }
    model = makers[type(objective)]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(returns)
    return np.asarray(model.weights_, dtype=np.float64)


def advantage(objective: Objective, returns: FloatArray, cap: float, group_cap: float) -> float:
    """By how much our figure is better than skfolio's, as a fraction; asserts that ours keeps the constraints."""
    labels = [f"group {i % 4}" for i in range(returns.shape[1])]
    limits = Constraints(upper=cap, exposures=sectors(labels, upper=group_cap))
    ours = optimize(
        objective,
        moments.sample_covariance(returns),
        moments.historical_means(returns),
        scenarios=returns,
        constraints=limits,
    )
    assert ours.violation <= 1e-9
    theirs = of_skfolio(objective, returns, labels, cap, group_cap)
    sign = 1.0 if maximized(objective) else -1.0
    if isinstance(objective, RiskParity):
        # Both minimize log(volatility) - sum(log w) / n under the caps.
        mean_log = [float(np.log(w).mean()) for w in (ours.require(), theirs)]
        risk = [0.5 * np.log(ours.problem.risk.variance(w)) for w in (ours.require(), theirs)]
        return float((risk[1] - mean_log[1]) - (risk[0] - mean_log[0]))
    value = figure(objective, ours.problem, theirs)
    return sign * (ours.objective - value) / abs(value)


SIX: list[Objective] = [
    MinimumVariance(),
    MaximumSharpe(),
    MaximumReturn(),
    MaximumDiversification(),
    MinimumCVaR(0.95),
    RiskParity(),
]


@pytest.mark.parametrize("objective", SIX, ids=lambda each: type(each).__name__)
def test_on_twenty_real_stocks_we_are_no_worse_than_skfolio(objective: Objective) -> None:
    gained = advantage(objective, real_returns(), 0.2, 0.35)
    # skfolio stops within 1e-5 or so of the optimum, from inside or from outside the bounds.
    assert -1e-6 <= gained <= 1e-3


@pytest.mark.parametrize("objective", SIX, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("seed", range(2))
def test_on_random_returns_we_are_no_worse_than_skfolio(objective: Objective, seed: int) -> None:
    assert advantage(objective, market(seed, 9, periods=120).returns, 0.3, 0.5) >= -1e-6


@pytest.mark.prove
@pytest.mark.parametrize("objective", SIX, ids=lambda each: type(each).__name__)
def test_on_sixty_random_markets_we_are_no_worse_than_skfolio(objective: Objective, evidence: Evidence) -> None:
    gains = []
    for seed in range(60):
        # A tenth of a per cent a day, so that some portfolio earns something.
        returns = market(seed, 5 + seed % 20, periods=130).returns + 0.001
        cap = float(np.random.default_rng(seed).uniform(0.35, 1.0))
        gains.append(advantage(objective, returns, cap, 0.6))
    evidence(problems=len(gains), worst_gain=min(gains), best_gain=max(gains), skfolio=skfolio.__version__)
    assert min(gains) >= -1e-5


def test_the_hierarchical_tree_is_skfolios() -> None:
    returns = real_returns()
    model = peers.HierarchicalRiskParity(
        risk_measure=RiskMeasure.VARIANCE,
        distance_estimator=CovarianceDistance(),
        hierarchical_clustering_estimator=HierarchicalClustering(linkage_method=LinkageMethod.SINGLE),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(returns)
    ours = optimize(HierarchicalRiskParity("single"), moments.sample_covariance(returns)).require()
    # skfolio also turns the leaves (optimal ordering), which moves where a half ends: the weights agree in sum and
    # nearly in place, and the variance to a few per cent.
    theirs = np.asarray(model.weights_)
    assert ours.sum() == pytest.approx(1.0)
    covariance = moments.sample_covariance(returns)
    assert covariance.variance(ours) == pytest.approx(covariance.variance(theirs), rel=0.10)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.8
