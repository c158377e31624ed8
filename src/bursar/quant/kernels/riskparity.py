"""Cyclical coordinate descent for risk budgets."""

from __future__ import annotations

import math

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.kernels import integer, kernel, matrix, real, several, vector, vector_out


@kernel(several([vector_out, real, integer])(matrix, vector, vector, real, integer))
def budget_descent(
    covariance: FloatArray, budgets: FloatArray, start: FloatArray, tolerance: float, sweeps_max: int
) -> tuple[FloatArray, float, int]:
    """Minimize 1/2 x'Sx - sum(budget log x), one coordinate after another, each by its quadratic equation.

    start  (n,) above zero. Returns x (its scale is free), the largest deviation of a contribution from its budget,
    and the number of sweeps. Budgets sum to one.

    Source: Griveau-Billion, Richard and Roncalli (2013), "A Fast Algorithm for Computing High-dimensional Risk
    Parity Portfolios".
    """
    n = start.shape[0]
    x = start.copy()
    marginal = np.zeros(n)
    for i in range(n):
        for j in range(n):
            marginal[j] += covariance[i, j] * x[i]
    deviation = math.inf
    sweep = 0
    while sweep < sweeps_max and deviation > tolerance:
        sweep += 1
        for i in range(n):
            own = covariance[i, i]
            others = marginal[i] - own * x[i]
            # The positive root of own x^2 + others x - budget = 0, in the form that does not cancel.
            root = math.sqrt(others * others + 4.0 * own * budgets[i])
            moved = 2.0 * budgets[i] / (others + root) if others > 0.0 else (root - others) / (2.0 * own)
            step = moved - x[i]
            x[i] = moved
            row = covariance[i]
            for j in range(n):
                marginal[j] += row[j] * step
        total = 0.0
        for i in range(n):
            total += x[i] * marginal[i]
        deviation = 0.0
        for i in range(n):
            deviation = max(deviation, abs(x[i] * marginal[i] / total - budgets[i]))
    return x, deviation, sweep
