"""The most return by hand: fill the best asset to its cap, then the next, under groups that share none.

Where only bounds, the total and caps on disjoint groups limit the weights, this greedy filling is exact: such
constraints form a laminar family, on which the best-first choice is optimal. It takes microseconds where a linear
program takes a millisecond.

Source: Edmonds (1970), "Submodular Functions, Matroids and Certain Polyhedra".
"""

from __future__ import annotations

import math

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.optimize.problem import Problem

# Less room than this is none: sums of bounds leave some rounding.
ROOM_LEAST = 1e-12


def best_filling(problem: Problem) -> FloatArray | None:
    """The weights of the greatest return, or None where the constraints are of another kind or cannot be met."""
    limits = problem.limits
    groups = _groups(problem)
    if groups is None or not math.isfinite(float(limits.lower.min())):
        return None
    lower = limits.lower.tolist()
    room = (limits.upper - limits.lower).tolist()
    weights, total = list(lower), sum(lower)
    group_room = (limits.exposure_upper - limits.exposures.dot(limits.lower)).tolist()
    if min(group_room, default=0.0) < -ROOM_LEAST:
        return None
    excess = problem.excess
    for i in np.argsort(-excess, kind="stable").tolist():
        # What earns less than cash is bought only as far as the total must be reached.
        left = (limits.total_upper if excess[i] > 0 else limits.total_lower) - total
        if left <= ROOM_LEAST:
            break
        group = groups[i]
        added = min(room[i], left, group_room[group] if group >= 0 else math.inf)
        if added > 0:
            weights[i] += added
            total += added
            if group >= 0:
                group_room[group] -= added
    return np.array(weights) if total >= limits.total_lower - ROOM_LEAST else None


def _groups(problem: Problem) -> list[int] | None:
    """The one group of each asset, -1 for none; None where the constraints are not bounds on disjoint groups."""
    limits, asked = problem.limits, problem.limits.asked
    others = (asked.turnover_max, asked.cost_max, asked.volatility_max, asked.tracking_error_max)
    if limits.linear_cost is not None or limits.three_halves_cost is not None or min(others) < math.inf:
        return None
    if limits.leveraged or asked.counted:
        return None
    if not asked.exposures:
        return [-1] * problem.size
    loadings = limits.exposures
    members = loadings.sum(axis=0)
    alone = members.max() <= 1 and limits.exposure_lower.max() == -math.inf
    if not alone or not ((loadings == 0) | (loadings == 1)).all():
        return None
    groups: list[int] = np.where(members > 0, loadings.argmax(axis=0), -1).tolist()
    return groups
