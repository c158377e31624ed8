"""Hierarchical risk parity: a tree of similar assets, and risk split from its top."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray, IntArray
from bursar.quant.optimize.chain import EXACT_WITHIN, solve
from bursar.quant.optimize.forms import figure
from bursar.quant.optimize.objectives import HierarchicalRiskParity, MeanVariance
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.solution import Solution


def solve_hierarchy(objective: HierarchicalRiskParity, problem: Problem) -> Solution:
    """The tree's weights, or the allowed portfolio nearest to them in tracking variance."""
    weights = hierarchical_weights(problem.risk.dense(), objective.linkage) * problem.limits.total_upper
    violation = problem.violation(weights)
    if violation <= EXACT_WITHIN:
        return Solution(
            weights=weights,
            status="optimal",
            solver="hierarchy",
            objective=figure(objective, problem, weights),
            gap=0.0,
            violation=violation,
            attempts=(("hierarchy", "no constraint binds"),),
            problem=problem,
        )
    # 1/2 (w - h)'S(w - h) is the mean-variance utility at returns Sh, up to sign and constant.
    nearest = replace(
        problem,
        means=problem.risk.times(weights),
        risk_free=0.0,
        limits=replace(problem.limits, cost_periods=np.inf),
    )
    found = solve(MeanVariance(1.0), nearest)
    if found.weights is None:
        return replace(found, problem=problem)
    return replace(
        found,
        objective=figure(objective, problem, found.weights),
        problem=problem,
        note="the tree's own weights break a constraint; these are the nearest allowed ones in tracking variance",
    )


def hierarchical_weights(covariance: FloatArray, linkage: str = "single") -> FloatArray:
    """(n_assets,) weights that sum to one.

    Distances are sqrt((1 - correlation) / 2); the order of the leaves is the tree's; each half takes weight in
    inverse proportion to the variance of its inverse-variance portfolio.
    Raises InputError for an asset without variance.
    """
    variances = covariance.diagonal()
    if not variances.min() > 0:
        i = int(variances.argmin())
        raise InputError(f"covariance[{i}, {i}] is {variances[i]:g}; an asset without risk has no correlation")
    n = variances.size
    weights = np.ones(n)
    spans = [_leaf_order(covariance, linkage)] if n > 1 else []
    while spans:
        span = spans.pop()
        half = span.size // 2
        left, right = span[:half], span[half:]
        of_left, of_right = _cluster_variance(covariance, left), _cluster_variance(covariance, right)
        share = of_right / (of_left + of_right) if of_left + of_right > 0 else 0.5
        weights[left] *= share
        weights[right] *= 1.0 - share
        spans += [part for part in (left, right) if part.size > 1]
    return weights


def _leaf_order(covariance: FloatArray, linkage: str) -> IntArray:
    from scipy.cluster import hierarchy  # type: ignore[import-untyped]  # ships no types; slow to load
    from scipy.spatial.distance import squareform  # type: ignore[import-untyped]  # ships no types

    volatilities = np.sqrt(covariance.diagonal())
    correlations = covariance / np.outer(volatilities, volatilities)
    distances = np.sqrt(np.clip((1.0 - correlations) / 2.0, 0.0, 1.0))
    np.fill_diagonal(distances, 0.0)
    tree = hierarchy.linkage(squareform(distances, checks=False), method=linkage)
    return np.asarray(hierarchy.leaves_list(tree), dtype=np.int64)


def _cluster_variance(covariance: FloatArray, members: IntArray) -> float:
    block = covariance[np.ix_(members, members)]
    shares = 1.0 / block.diagonal()
    shares = shares / shares.sum()
    return float(shares @ block @ shares)
