"""A warm start: guess which constraints bind, solve with those as equations, and prove or mend the guess.

Yesterday's weights touch nearly the constraints that today's will. With that set fixed the optimum is one linear
system in the free weights; the signs of its multipliers prove it, or say which constraint to let go, and the
constraints that it breaks say which to add (a primal-dual active set method). Where a few changes do not settle the
set, the caller goes to the interior-point solvers, which need no guess.

Source: Hintermueller, Ito and Kunisch (2002), "The Primal-Dual Active Set Strategy as a Semismooth Newton Method",
SIAM Journal on Optimization 13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bursar.quant.arrays import BoolArray, FloatArray
from bursar.quant.optimize.program import Program
from bursar.quant.optimize.solvers import Answer

CHANGES_MAX = 12
# A constraint this near to its bound is guessed to bind.
NEAR = 1e-9
# A multiplier of the wrong sign, or a broken constraint, below this is rounding: programs are scaled to about one.
TOLERANCE = 1e-11


@dataclass(slots=True)
class _Guess:
    """Which variables rest at a bound and which rows bind, from below or above."""

    at_lower: BoolArray
    at_upper: BoolArray
    row_lower: BoolArray
    row_upper: BoolArray


def from_start(program: Program, weights: FloatArray) -> Answer | None:
    """The optimum of a dense quadratic program, from the constraints that these weights touch; None if not settled."""
    if program.sparse or program.cones or program.quadratic is None or program.to_weights is not None:
        return None
    x = _variables(program, weights)
    if x is None:
        return None
    held = program.rows @ x
    guess = _Guess(
        x <= program.lower + NEAR,
        x >= program.upper - NEAR,
        held <= program.row_lower + NEAR,
        held >= program.row_upper - NEAR,
    )
    for change in range(CHANGES_MAX):
        solved = _equations(program, guess)
        if solved is None:
            return None
        x, gradient, multipliers = solved
        if not _mend(program, guess, x, gradient, multipliers):
            return Answer(solver="active set", status="optimal", x=x, gap=0.0, detail=f"settled after {change} changes")
    return None


def _variables(program: Program, weights: FloatArray) -> FloatArray | None:
    """The point of the program that stands for these weights."""
    if program.scale is None:
        return weights if program.size == weights.size else None
    if program.size != weights.size:
        return None
    # On the ray of the weights, the point where the last equation (the normal one) holds.
    length = float(program.equalities[-1].dot(weights))
    return weights / length if length > 0 else None


def _equations(program: Program, guess: _Guess) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """x, the gradient of the Lagrangian and the multipliers of the binding rows (0 for the others)."""
    free = ~(guess.at_lower | guess.at_upper)
    binding = np.flatnonzero(guess.row_lower | guess.row_upper)
    x = np.where(guess.at_upper, program.upper, np.where(guess.at_lower, program.lower, 0.0))
    rows = np.vstack([program.equalities, program.rows[binding]])
    right = np.concatenate(
        [program.equality_values, np.where(guess.row_upper, program.row_upper, program.row_lower)[binding]]
    )
    some = np.flatnonzero(free)
    n, m = some.size, right.size
    if n < m:
        return None
    assert program.quadratic is not None
    pull = program.quadratic @ x + program.linear
    system = np.zeros((n + m, n + m))
    system[:n, :n] = program.quadratic[np.ix_(some, some)]
    system[n:, :n] = rows[:, some]
    system[:n, n:] = rows[:, some].T
    try:
        solved = np.linalg.solve(system, np.concatenate([-pull[some], right - rows @ x]))
    except np.linalg.LinAlgError:
        return None
    x[some] = solved[:n]
    gradient = program.quadratic @ x + program.linear + rows.T @ solved[n:]
    multipliers = np.zeros(program.row_upper.size)
    multipliers[binding] = solved[n + program.equality_values.size :]
    return (x, gradient, multipliers) if np.isfinite(x).all() else None


def _mend(program: Program, guess: _Guess, x: FloatArray, gradient: FloatArray, multipliers: FloatArray) -> bool:
    """Let go what pushes the wrong way and add what is broken; False where nothing had to change."""
    held = program.rows @ x
    lower = np.where(guess.at_lower, gradient > -TOLERANCE, x < program.lower - TOLERANCE)
    upper = np.where(guess.at_upper, gradient < TOLERANCE, x > program.upper + TOLERANCE)
    row_lower = np.where(guess.row_lower, multipliers < TOLERANCE, held < program.row_lower - TOLERANCE)
    row_upper = np.where(guess.row_upper, multipliers > -TOLERANCE, held > program.row_upper + TOLERANCE)
    changed = any(
        (old != new).any()
        for old, new in (
            (guess.at_lower, lower),
            (guess.at_upper, upper),
            (guess.row_lower, row_lower),
            (guess.row_upper, row_upper),
        )
    )
    guess.at_lower, guess.at_upper, guess.row_lower, guess.row_upper = lower, upper & ~lower, row_lower, row_upper
    return changed
