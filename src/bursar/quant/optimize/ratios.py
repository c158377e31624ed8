"""Ratios on the plain problem: long-only, a fixed total, caps and exposures, a covariance in full.

It is the problem asked most, so its homogeneous form is written down at once here; program.best_ratio arrives at the
same rows from any other. And of many caps only those that may bind become rows: five hundred of them cost four times
what the rest of the problem does, yet no more than total / cap of them can bind. The likely ones are those of the
assets with the most reward for their marginal risk. An optimum that keeps the caps left out is the optimum; where it
breaks some, they are added and it is asked again.
"""

from __future__ import annotations

import math

import numpy as np

from bursar.quant.arrays import BoolArray, FloatArray
from bursar.quant.optimize.objectives import MaximumDiversification, MaximumSharpe
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.program import TOTAL_LEAST, Program, likely_value
from bursar.quant.riskmodel import Covariance

# Twice as many caps as can bind, and a few: guesses with fewer fail too often.
SPARE_FACTOR, SPARE = 2.0, 5
# Leaving out less than this share of the caps saves nothing.
LEFT_OUT_LEAST = 0.4
ROUNDS_MAX = 4


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


def plain_ratio(
    objective: MaximumSharpe | MaximumDiversification, problem: Problem, kept: BoolArray | None = None
) -> Program:
    """The least y'Sy with reward'y = 1, every constraint over k = sum(y) / total; `kept` are the caps to write."""
    limits, n, total = problem.limits, problem.size, problem.limits.total_upper
    model = problem.risk
    assert isinstance(model, Covariance)
    reward = reward_of(objective, problem)
    size = float(np.abs(reward).sum()) / n
    reward = reward / size if size > 0 else reward
    binding = limits.upper < total
    capped = np.flatnonzero(binding if kept is None else binding & kept)
    upper, lower = limits.exposure_upper, limits.exposure_lower
    above, below = np.flatnonzero(upper < math.inf), np.flatnonzero(lower > -math.inf)
    first, second = above.size, above.size + below.size
    rows = np.empty((second + capped.size, n), order="F")  # the order that PIQP asks for
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


def likely_caps(objective: MaximumSharpe | MaximumDiversification, problem: Problem) -> BoolArray | None:
    """Which caps of a plain problem to begin with; None where all of them belong in from the start."""
    limits, model, n = problem.limits, problem.risk, problem.size
    mean_cap = float(limits.upper.sum()) / n
    count = int(SPARE_FACTOR * limits.total_upper / mean_cap) + SPARE
    if count > (1.0 - LEFT_OUT_LEAST) * n:
        return None
    marginal = model.times(np.ones(n))
    score = reward_of(objective, problem) / np.where(marginal > 0, marginal, np.inf)
    kept = np.zeros(n, dtype=bool)
    kept[np.argpartition(-score, count)[:count]] = True
    return kept


def broken_caps(problem: Problem, weights: FloatArray) -> BoolArray:
    """The caps that these weights exceed."""
    return weights > problem.limits.upper + 1e-10
