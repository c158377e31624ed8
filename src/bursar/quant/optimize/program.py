"""The convex program that a portfolio problem becomes, and its homogeneous twin for ratios.

    minimize    1/2 x'Px + c'x + constant
    subject to  A x = b,   g <= G x <= h,   l <= x <= u,   F x + f in K

Matrices are numpy arrays, or scipy.sparse columns where a factor model or scenarios make them mostly zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from bursar.quant.arrays import FloatArray

Matrix: TypeAlias = Any  # FloatArray or scipy.sparse.csc_array, which has no types


@dataclass(frozen=True, slots=True, kw_only=True)
class Cone:
    """matrix x + offset lies in a cone.

    second_order  the first entry bounds the norm of the others
    power         threes (a, b, c): a^(2/3) b^(1/3) >= |c|
    exponential   threes (a, b, c): b exp(a / b) <= c
    """

    kind: Literal["second_order", "power", "exponential"]
    matrix: Matrix
    offset: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A convex program, and how weights are read from its solution: (to_weights x) / (scale' x) + base.

    to_weights  None where the first variables are the weights;  scale  None where nothing is divided
    """

    quadratic: Matrix | None
    linear: FloatArray
    constant: float
    equalities: Matrix
    equality_values: FloatArray
    rows: Matrix
    row_lower: FloatArray
    row_upper: FloatArray
    lower: FloatArray
    upper: FloatArray
    cones: tuple[Cone, ...]
    assets: int
    to_weights: Matrix | None = None
    base: FloatArray | None = None
    scale: FloatArray | None = None

    @property
    def size(self) -> int:
        return int(self.linear.shape[0])

    @property
    def sparse(self) -> bool:
        return not isinstance(self.rows, np.ndarray)

    def weights(self, x: FloatArray) -> FloatArray:
        """The portfolio that a solution stands for."""
        weights: FloatArray = x[: self.assets] if self.to_weights is None else self.to_weights @ x
        if self.scale is not None:
            weights = weights / float(self.scale.dot(x))
        return weights.copy() if self.base is None else weights + self.base


def best_ratio(program: Program, functional: FloatArray, offset: float) -> Program:
    """Least variance where functional'x + offset = 1 after scaling: the greatest ratio of the functional to the risk.

    The optimum is the best ratio wherever some feasible x has a positive functional; nothing is feasible where none
    has.
    """
    cone = homogeneous(program)
    assert cone.scale is not None
    normal = np.append(functional, np.zeros(cone.size - functional.size)) + offset * cone.scale
    return replace(
        cone,
        equalities=stack([cone.equalities, normal[None, :]], sparse=cone.sparse),
        equality_values=np.append(cone.equality_values, 1.0),
    )


def homogeneous(program: Program) -> Program:
    """The program over the cone of all multiples of its feasible points.

    Each x is written as y / k with k > 0, so that every constraint becomes linear in (y, k). Where the program fixes
    a'x = s with s > 0, k is a'y / s and needs no variable; otherwise k is appended as the last one.

    Source: Cornuejols and Tutuncu (2007), "Optimization Methods in Finance", section 8.2, after Charnes and Cooper.
    """
    eliminated = not program.sparse and program.equality_values.size > 0 and program.equality_values[0] > 0
    if eliminated:
        scale = program.equalities[0] / program.equality_values[0]
        equalities, values = program.equalities[1:], program.equality_values[1:]
    else:
        program = widened(program, 1)
        program.lower[-1] = 0.0
        scale = np.zeros(program.size)
        scale[-1] = 1.0
        equalities, values = program.equalities, program.equality_values
    rows = _homogeneous_rows(program, scale)
    if eliminated and not (float(program.lower.min()) >= 0 and float(scale.min()) >= 0):
        rows.append(-scale[None, :])  # k is a variable with its own bound, or must be told not to turn negative
    stacked = stack(rows, sparse=program.sparse) if rows else program.rows[:0]
    quadratic = program.quadratic
    if program.base is not None and quadratic is not None:
        # 1/2 x'Px + c'x + m becomes 1/2 y'Py + k c'y + m k^2.
        cross = _outer(scale, program.linear, program.sparse)
        quadratic = quadratic + cross + cross.T + 2 * program.constant * _outer(scale, scale, program.sparse)
    return replace(
        program,
        quadratic=quadratic,
        linear=np.zeros(program.size),
        constant=0.0,
        equalities=_shifted(equalities, values, scale) if values.size else equalities,
        equality_values=np.zeros(values.size),
        rows=stacked,
        row_lower=np.full(stacked.shape[0], -np.inf),
        row_upper=np.zeros(stacked.shape[0]),
        lower=np.where(program.lower == 0, 0.0, -np.inf),
        upper=np.where(program.upper == 0, 0.0, np.inf),
        cones=tuple(
            replace(cone, matrix=_shifted(cone.matrix, -cone.offset, scale), offset=np.zeros(cone.offset.size))
            for cone in program.cones
        ),
        scale=scale,
    )


def _homogeneous_rows(program: Program, scale: FloatArray) -> list[Matrix]:
    """Every inequality but bounds at zero, as rows r with r'(y, k) <= 0."""
    rows: list[Matrix] = []
    if program.row_upper.size:
        below, above = np.isfinite(program.row_upper), np.isfinite(program.row_lower)
        if below.any():
            rows.append(_shifted(program.rows[below], program.row_upper[below], scale))
        if above.any():
            rows.append(-_shifted(program.rows[above], program.row_lower[above], scale))
    capped = np.flatnonzero(np.isfinite(program.upper) & (program.upper != 0))
    floored = np.flatnonzero(np.isfinite(program.lower) & (program.lower != 0))
    if capped.size:
        rows.append(_shifted(_units(capped, program), program.upper[capped], scale))
    if floored.size:
        rows.append(-_shifted(_units(floored, program), program.lower[floored], scale))
    return rows


def widened(program: Program, count: int) -> Program:
    """The program with `count` more variables, free and not yet used, after the others."""

    def wider(matrix: Matrix) -> Matrix:
        blank = np.zeros((matrix.shape[0], count))
        if not program.sparse:
            return np.hstack([matrix, blank])
        from scipy.sparse import csc_array, hstack  # type: ignore[import-untyped]  # ships no types

        return hstack([matrix, csc_array(blank)], format="csc")

    quadratic = program.quadratic
    if quadratic is not None:
        quadratic = wider(wider(quadratic).T)  # symmetric, so its transpose is itself
    return replace(
        program,
        quadratic=quadratic,
        linear=np.append(program.linear, np.zeros(count)),
        equalities=wider(program.equalities),
        rows=wider(program.rows),
        lower=np.append(program.lower, np.full(count, -np.inf)),
        upper=np.append(program.upper, np.full(count, np.inf)),
        cones=tuple(replace(cone, matrix=wider(cone.matrix)) for cone in program.cones),
        to_weights=None if program.to_weights is None else wider(program.to_weights),
        scale=None if program.scale is None else np.append(program.scale, np.zeros(count)),
    )


def stack(parts: list[Matrix], *, sparse: bool) -> Matrix:
    """Matrices one above the other."""
    if len(parts) == 1:
        return parts[0]
    if not sparse:
        return np.vstack(parts)
    from scipy.sparse import csc_array, vstack

    return vstack([csc_array(part) for part in parts], format="csc")


def _shifted(matrix: Matrix, values: FloatArray, scale: FloatArray) -> Matrix:
    """Matrix - values scale': what `matrix x compared with values` becomes."""
    if isinstance(matrix, np.ndarray):
        return matrix - values[:, None] * scale
    return (matrix - _outer(values, scale, sparse=True)).tocsc()


def _outer(left: FloatArray, right: FloatArray, sparse: bool) -> Matrix:
    if not sparse:
        return np.outer(left, right)
    from scipy.sparse import csc_array

    return csc_array(left[:, None]) @ csc_array(right[None, :])


def _units(indices: np.ndarray[Any, Any], program: Program) -> Matrix:
    if program.sparse:
        from scipy.sparse import csc_array

        count = indices.size
        return csc_array((np.ones(count), (np.arange(count), indices)), shape=(count, program.size))
    units = np.zeros((indices.size, program.size))
    units[np.arange(indices.size), indices] = 1.0
    return units
