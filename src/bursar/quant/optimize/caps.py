"""Ratios under many caps: only the caps that may bind become rows.

In the homogeneous form every cap is a row (y_i <= cap k), and five hundred of them cost four times what the rest of
the problem does; yet no more than total / cap of them can bind. The likely ones are those of the assets with the
most reward for their marginal risk. An optimum that keeps the caps left out is the optimum; where it breaks some,
they are added and it is asked again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bursar.quant.arrays import BoolArray, FloatArray
from bursar.quant.optimize.objectives import MaximumDiversification, MaximumSharpe, Objective
from bursar.quant.optimize.problem import Problem
from bursar.quant.riskmodel import Covariance

# Twice as many caps as can bind, and a few: guesses with fewer fail too often.
SPARE_FACTOR, SPARE = 2.0, 5
# Leaving out less than this share of the caps saves nothing.
LEFT_OUT_LEAST = 0.4
ROUNDS_MAX = 4


def likely_caps(objective: Objective, problem: Problem) -> BoolArray | None:
    """Which caps to begin with; None where all of them belong into the problem from the start."""
    limits, model, n = problem.limits, problem.model, problem.size
    if not isinstance(objective, MaximumSharpe | MaximumDiversification) or not isinstance(model, Covariance):
        return None
    if limits.trades or limits.three_halves_cost is not None or not limits.long_only or not limits.total_upper > 0:
        return None
    mean_cap = float(limits.upper.sum()) / n
    count = int(SPARE_FACTOR * limits.total_upper / mean_cap) + SPARE
    if count > (1.0 - LEFT_OUT_LEAST) * n:
        return None
    reward = problem.excess if isinstance(objective, MaximumSharpe) else np.sqrt(model.variances)
    marginal = model.values.sum(axis=0)
    score = reward / np.where(marginal > 0, marginal, np.inf)
    kept = np.zeros(n, dtype=bool)
    kept[np.argpartition(-score, count)[:count]] = True
    return kept


def with_caps(problem: Problem, kept: BoolArray) -> Problem:
    """The problem with these caps and no others."""
    limits = problem.limits
    return replace(problem, limits=replace(limits, upper=np.where(kept, limits.upper, np.inf)))


def broken_caps(problem: Problem, weights: FloatArray) -> BoolArray:
    """The caps that these weights exceed."""
    return weights > problem.limits.upper + 1e-10
