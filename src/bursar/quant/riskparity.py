"""Risk parity and risk budgets: weights whose contributions to the variance are what was asked.

Coordinate descent finds them in microseconds; where it crawls (assets that nearly replicate each other), Newton's
method on the same convex function takes over from where it stood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import DataError, InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray
from bursar.quant.riskmodel import Covariance, RiskModel, risk_model

# The largest deviation of a contribution (a fraction of the variance) from its budget that counts as met.
DEVIATION_MAX = 1e-10
# What the methods aim for before they stop.
TOLERANCE = 1e-13
SWEEPS_MAX = 40
SWEEPS_OF_PATIENCE = 5000
NEWTON_STEPS_MAX = 200


def risk_parity(
    covariance: ArrayLike | RiskModel,
    budgets: Sequence[float] | FloatArray | None = None,
    *,
    start: FloatArray | None = None,
) -> FloatArray:
    """Long-only weights (n_assets,), summing to one, that contribute to the variance in proportion to `budgets`.

    budgets  above zero, equal where None; scaled to sum to one
    start    weights to begin from, such as yesterday's; the answer is the same, only sooner

    Raises InputError for an asset without variance or a budget that is not positive, DataError where no such
    portfolio is found (assets that hedge each other perfectly leave no variance to share).
    Source: Maillard, Roncalli and Teiletche (2010), "The Properties of Equally Weighted Risk Contribution
    Portfolios"; Spinu (2013), "An Algorithm for Computing Risk Parity Weights".
    """
    model = risk_model(covariance)
    wanted = shares(budgets, model.size)
    variances = model.variances
    if not variances.min() > 0:
        i = int(variances.argmin())
        raise InputError(f"covariance[{i}, {i}] is {variances[i]:g}; an asset without risk cannot carry a share of it")
    if start is None:
        x = 1.0 / np.sqrt(variances)
    else:
        x = np.maximum(arrays.vector("start", start, length=model.size), 0.0)
        x[x == 0] = x.max() * 1e-6 if x.max() > 0 else 1.0
    dense = model.dense()
    # At the optimum x'Sx is one; a start on that scale saves sweeps.
    variance = float(x.dot(dense.dot(x)))
    x, missed = _descend(dense, wanted, x / math.sqrt(variance) if variance > 0 else x)
    if not missed <= DEVIATION_MAX:
        raise DataError(f"no portfolio meets the risk budgets: the nearest found misses one by {missed:.2g}")
    weights: FloatArray = x / x.sum()
    return weights


def risk_contributions(covariance: ArrayLike | RiskModel, weights: ArrayLike) -> FloatArray:
    """(n_assets,) contribution of each weight to the volatility; they sum to it. Zero where there is no risk."""
    model = risk_model(covariance)
    held = arrays.vector("weights", weights, length=model.size)
    marginal = model.times(held)
    variance = float(held.dot(marginal))
    contributions: FloatArray = held * marginal / np.sqrt(variance) if variance > 0 else np.zeros(model.size)
    return contributions


def shares(budgets: Sequence[float] | FloatArray | None, size: int) -> FloatArray:
    """Budgets (size,) that sum to one; equal where None. Raises InputError for one that is not above zero."""
    if budgets is None:
        return np.full(size, 1.0 / size)
    given = arrays.vector("budgets", budgets, length=size)
    if not given.min() > 0:
        i = int(given.argmin())
        raise InputError(f"budgets[{i}] is {given[i]:g}; a budget must lie above zero (leave the asset out instead)")
    scaled: FloatArray = given / given.sum()
    return scaled


def deviation(model: RiskModel, weights: FloatArray, wanted: FloatArray) -> float:
    """The largest difference between an asset's share of the variance and the share that is wanted."""
    parts = weights * model.times(weights)
    total = float(parts.sum())
    return float(np.abs(parts / total - wanted).max()) if total > 0 else math.inf


def _descend(covariance: FloatArray, wanted: FloatArray, x: FloatArray) -> tuple[FloatArray, float]:
    """Coordinate descent, then Newton where that crawls, then patience where Newton fails as well."""
    from bursar.quant.kernels.riskparity import budget_descent

    x, missed, _ = budget_descent(covariance, wanted, x, TOLERANCE, SWEEPS_MAX)
    if missed <= TOLERANCE:
        return x, missed
    x = _newton(covariance, wanted, x)
    missed = deviation(Covariance.trusted(covariance), x, wanted)
    if missed > DEVIATION_MAX:
        x, missed, _ = budget_descent(covariance, wanted, x, DEVIATION_MAX / 10, SWEEPS_OF_PATIENCE)
    return x, missed


def _newton(covariance: FloatArray, wanted: FloatArray, x: FloatArray) -> FloatArray:
    """Damped Newton steps; the function is self-concordant up to its least budget, which gives the step's length."""
    from scipy.linalg import lapack  # type: ignore[import-untyped]  # ships no types

    model = Covariance.trusted(covariance)
    best, least = x, deviation(model, x, wanted)
    for _ in range(NEWTON_STEPS_MAX):
        hessian = covariance.copy()
        hessian.flat[:: x.size + 1] += wanted / x**2
        _, step, failed = lapack.dposv(hessian.T, covariance.dot(x) - wanted / x, lower=1, overwrite_a=1)
        if failed:
            break
        # The length of the step as the barrier measures it: below one, the whole step stays positive.
        length = float(np.abs(step / x).max())
        x = x - step / max(1.0, 1.5 * length)
        missed = deviation(model, x, wanted)
        if missed < least:
            best, least = x, missed
        elif least <= DEVIATION_MAX:
            break
        if missed <= TOLERANCE:
            break
    return best
