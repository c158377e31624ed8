"""A dense quadratic program by guessing which constraints bind, and mending the guess.

A guess is a number for each variable and each row: -1 rests at the lower bound, 1 at the upper, 0 is free.
"""

from __future__ import annotations

import numpy as np

from bursar.quant.arrays import FloatArray, IntArray
from bursar.quant.kernels import (
    boolean,
    integer,
    integers,
    integers_out,
    kernel,
    matrix,
    matrix_out,
    real,
    several,
    vector,
    vector_out,
)

# An equation of stationarity may be off by this many times the tolerance: beyond it the system was singular.
RESIDUAL_FACTOR = 1e3


@kernel(integer(integers, vector, vector, vector_out, integers_out))
def _place(state: IntArray, lower: FloatArray, upper: FloatArray, x: FloatArray, free: IntArray) -> int:
    """Put the variables that rest at a bound there and the others at zero; list the others and count them."""
    count = 0
    for i in range(state.size):
        if state[i] == 0:
            x[i] = 0.0
            free[count] = i
            count += 1
        else:
            x[i] = lower[i] if state[i] < 0 else upper[i]
    return count


@kernel(several([matrix_out, vector_out])(matrix, vector, matrix, vector, vector, integers))
def _system(
    quadratic: FloatArray,
    linear: FloatArray,
    equations: FloatArray,
    wanted: FloatArray,
    x: FloatArray,
    free: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Stationarity in the free variables and every equation, as one symmetric system."""
    frees, count = free.size, wanted.size
    system = np.zeros((frees + count, frees + count))
    right = np.empty(frees + count)
    pull = np.dot(quadratic, x)
    held = np.dot(equations, x)
    for a in range(frees):
        i = free[a]
        right[a] = -pull[i] - linear[i]
        for b in range(frees):
            system[a, b] = quadratic[i, free[b]]
    for e in range(count):
        right[frees + e] = wanted[e] - held[e]
        for b in range(frees):
            system[frees + e, b] = system[b, frees + e] = equations[e, free[b]]
    return system, right


@kernel(several([boolean, boolean])(integers_out, vector, vector, vector, vector, real))
def _mend_variables(
    state: IntArray, x: FloatArray, gradient: FloatArray, lower: FloatArray, upper: FloatArray, tolerance: float
) -> tuple[bool, bool]:
    """Let go of bounds that push the wrong way and hold what is beyond them: (mended, stationary where free)."""
    mended, stationary = False, True
    most = RESIDUAL_FACTOR * tolerance * max(1.0, np.abs(x).max())
    for i in range(state.size):
        was = state[i]
        if was == 0:
            stationary = stationary and abs(gradient[i]) <= most
            if x[i] < lower[i] - tolerance:
                state[i] = -1
            elif x[i] > upper[i] + tolerance:
                state[i] = 1
        elif gradient[i] * was > tolerance and lower[i] < upper[i]:
            state[i] = 0
        mended = mended or state[i] != was
    return mended, stationary


@kernel(boolean(integers_out, vector, vector, vector, vector, real))
def _mend_rows(
    row_state: IntArray,
    held: FloatArray,
    multipliers: FloatArray,
    row_lower: FloatArray,
    row_upper: FloatArray,
    tolerance: float,
) -> bool:
    """Let go of rows whose multiplier has the wrong sign and hold those that are broken; whether any changed.

    multipliers  of the binding rows, in their order
    """
    mended = False
    at = 0
    for k in range(row_state.size):
        was = row_state[k]
        if was != 0:
            if multipliers[at] * was < -tolerance:
                row_state[k] = 0
            at += 1
        elif held[k] < row_lower[k] - tolerance:
            row_state[k] = -1
        elif held[k] > row_upper[k] + tolerance:
            row_state[k] = 1
        mended = mended or row_state[k] != was
    return mended


@kernel(several([matrix_out, vector_out])(matrix, vector, matrix, vector, vector, integers))
def _equations(
    equalities: FloatArray,
    values: FloatArray,
    rows: FloatArray,
    row_lower: FloatArray,
    row_upper: FloatArray,
    row_state: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """The equalities, and below them the rows that bind, each at its bound."""
    fixed = values.size
    count = fixed + np.count_nonzero(row_state)
    matrix_rows = np.empty((count, rows.shape[1]))
    wanted = np.empty(count)
    for e in range(fixed):
        matrix_rows[e] = equalities[e]
        wanted[e] = values[e]
    e = fixed
    for k in range(row_state.size):
        if row_state[k] != 0:
            matrix_rows[e] = rows[k]
            wanted[e] = row_upper[k] if row_state[k] > 0 else row_lower[k]
            e += 1
    return matrix_rows, wanted


PROGRAM = (matrix, vector, matrix, vector, matrix, vector, vector, vector, vector)


@kernel(several([integer, vector_out])(*PROGRAM, integers_out, integers_out, integer, real))
def settle_active_set(
    quadratic: FloatArray,
    linear: FloatArray,
    equalities: FloatArray,
    values: FloatArray,
    rows: FloatArray,
    row_lower: FloatArray,
    row_upper: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    state: IntArray,
    row_state: IntArray,
    changes_max: int,
    tolerance: float,
) -> tuple[int, FloatArray]:
    """Minimize 1/2 x'Px + c'x with A x = b, g <= G x <= h, l <= x <= u.

    state, row_state  the guess, mended in place
    tolerance         a multiplier of the wrong sign or a broken constraint below it is rounding
    Returns how often the guess was mended until every condition of optimality held, or -1 where it was not settled,
    and the point. Raises LinAlgError where the free variables leave a singular system.
    """
    x = np.zeros(state.size)
    free = np.empty(state.size, dtype=np.int64)
    for change in range(changes_max):
        frees = _place(state, lower, upper, x, free)
        equations, wanted = _equations(equalities, values, rows, row_lower, row_upper, row_state)
        if frees < wanted.size:
            return -1, x
        system, right = _system(quadratic, linear, equations, wanted, x, free[:frees])
        solved = np.linalg.solve(system, right)
        for a in range(frees):
            x[free[a]] = solved[a]
        if not np.isfinite(x).all():
            return -1, x
        gradient = np.dot(quadratic, x) + linear + np.dot(solved[frees:], equations)
        mended, stationary = _mend_variables(state, x, gradient, lower, upper, tolerance)
        multipliers = solved[frees + values.size :]
        if _mend_rows(row_state, np.dot(rows, x), multipliers, row_lower, row_upper, tolerance):
            mended = True
        if not mended:
            return (change if stationary else -1), x
    return -1, x
