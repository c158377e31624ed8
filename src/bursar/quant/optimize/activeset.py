"""Which constraints bind: guess them, solve with those as equations, and prove or mend the guess.

With the binding set fixed the optimum is one linear system in the free weights; the signs of its multipliers prove
it, or say which constraint to let go, and the constraints that it breaks say which to add (a primal-dual active set
method). A few changes settle most portfolios, to the last digit and with a proof; yesterday's weights, where they
are given, save most of the changes. What is not settled goes to the interior-point solvers, which need no guess.

Source: Hintermueller, Ito and Kunisch (2002), "The Primal-Dual Active Set Strategy as a Semismooth Newton Method",
SIAM Journal on Optimization 13.
"""

from __future__ import annotations

import numpy as np

from bursar.quant.arrays import FloatArray, IntArray
from bursar.quant.optimize.program import Program
from bursar.quant.optimize.solvers import Answer

CHANGES_MAX = 20
# From this size on the first guess is worth some thought: with all weights free, the first system is the largest.
LARGE = 40
# Of a large long-only portfolio about this share is held, rarely more than twice as much.
HELD_SHARE = 0.25
# A constraint this near to its bound is guessed to bind.
NEAR = 1e-9
# A multiplier of the wrong sign, or a broken constraint, below this is rounding: programs are scaled to about one.
TOLERANCE = 1e-11


def settle(program: Program, weights: FloatArray | None = None) -> Answer | None:
    """The optimum of a dense quadratic program, or None where the binding set is not settled.

    weights  of a similar problem: the constraints that they touch are the first guess; without them, none is
    """
    # Purchases and sales of one asset are not told apart while both are free: such a split is not settled here.
    if program.sparse or program.cones or program.quadratic is None or program.to_weights is not None:
        return None
    from bursar.quant.kernels.activeset import settle_active_set

    state = np.zeros(program.size, dtype=np.int64)
    row_state = np.zeros(program.row_upper.size, dtype=np.int64)
    if weights is None:
        _leave_out(program, state)
    else:
        x = _variables(program, weights)
        if x is None:
            return None
        held = program.rows @ x
        state -= x <= program.lower + NEAR
        state[x >= program.upper - NEAR] = 1
        row_state -= held <= program.row_lower + NEAR
        row_state[held >= program.row_upper - NEAR] = 1
    try:
        changes, x = settle_active_set(
            np.ascontiguousarray(program.quadratic),
            program.linear,
            program.equalities,
            program.equality_values,
            np.ascontiguousarray(program.rows),
            program.row_lower,
            program.row_upper,
            program.lower,
            program.upper,
            state,
            row_state,
            CHANGES_MAX,
            TOLERANCE,
        )
    except np.linalg.LinAlgError:
        return None
    if changes < 0:
        return None
    return Answer(solver="active set", status="optimal", x=x, gap=0.0, detail=f"settled after {changes} changes")


def _leave_out(program: Program, state: IntArray) -> None:
    """In a large program, guess that the assets with the least reward for their marginal risk rest at their floor."""
    assert program.quadratic is not None
    if state.size < LARGE or program.linear.any() or not program.equality_values.size:
        return
    marginal = program.quadratic.sum(axis=0)
    score = program.equalities[-1] / np.where(marginal > 0, marginal, np.inf)
    held = int(HELD_SHARE * state.size)
    left_out = np.argpartition(-score, held)[held:]
    state[left_out] = np.where(np.isfinite(program.lower[left_out]), -1, 0)


def _variables(program: Program, weights: FloatArray) -> FloatArray | None:
    """The point of the program that stands for these weights."""
    if program.size != weights.size:
        return None
    if program.scale is None:
        return weights
    # On the ray of the weights, the point where the last equation (the normal one) holds.
    length = float(program.equalities[-1].dot(weights))
    return weights / length if length > 0 else None
