"""Ratios on the plain problem: long-only, a fixed total, caps and exposures, a covariance in full.

It is the problem asked most, so its homogeneous form is written down at once here; program.best_ratio arrives at the
same rows from any other problem.
"""

from __future__ import annotations

import math

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.optimize.objectives import MaximumDiversification, MaximumSharpe
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.program import TOTAL_LEAST, Program, likely_value
from bursar.quant.riskmodel import Covariance


def is_plain(problem: Problem) -> bool:
    """Whether the problem is of the kind that this file writes down."""
    limits, asked = problem.limits, problem.limits.asked
    others = min(asked.volatility_max, asked.tracking_error_max)
    return (
        isinstance(problem.model, Covariance)
        and limits.total_lower == limits.total_upper
        and limits.total_upper > TOTAL_LEAST
        and not limits.trades
        and limits.three_halves_cost is None
        and others == math.inf
        and not limits.lower.any()
        and not limits.leveraged
    )


def reward_of(objective: MaximumSharpe | MaximumDiversification, problem: Problem) -> FloatArray:
    """What the ratio divides by the volatility, asset by asset."""
    return problem.excess if isinstance(objective, MaximumSharpe) else np.sqrt(problem.risk.variances)


def plain_ratio(objective: MaximumSharpe | MaximumDiversification, problem: Problem) -> Program:
    """The least y'Sy with reward'y = 1, and every constraint over k = sum(y) / total."""
    limits, n, total = problem.limits, problem.size, problem.limits.total_upper
    model = problem.risk
    assert isinstance(model, Covariance)
    reward = reward_of(objective, problem)
    size = float(np.abs(reward).sum()) / n
    reward = reward / size if size > 0 else reward
    capped = np.flatnonzero(limits.upper < total)
    upper, lower = limits.exposure_upper, limits.exposure_lower
    above, below = np.flatnonzero(upper < math.inf), np.flatnonzero(lower > -math.inf)
    first, second = above.size, above.size + below.size
    rows = np.empty((second + capped.size, n))
    rows[:first] = limits.exposures[above] - (upper[above] / total)[:, None]
    rows[first:second] = (lower[below] / total)[:, None] - limits.exposures[below]
    rows[second:] = (limits.upper[capped] / -total)[:, None]
    rows[np.arange(second, rows.shape[0]), capped] += 1.0
    return Program(
        quadratic=model.values / likely_value(model.values, reward),
        linear=np.zeros(n),
        constant=0.0,
        equalities=reward[None, :],
        equality_values=np.ones(1),
        rows=rows,
        row_lower=np.full(rows.shape[0], -np.inf),
        row_upper=np.zeros(rows.shape[0]),
        lower=np.zeros(n),
        upper=np.full(n, np.inf),
        cones=(),
        assets=n,
        scale=np.full(n, 1.0 / total),
    )
