"""The convex program that a portfolio problem becomes, and its homogeneous twin for ratios.

    minimize    1/2 x'Px + c'x + constant
    subject to  A x = b,   g <= G x <= h,   l <= x <= u,   F x + f in K

Matrices are numpy arrays, or scipy.sparse columns where a factor model or scenarios make them mostly zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from bursar.quant.arrays import FloatArray, IntArray

Matrix: TypeAlias = Any  # FloatArray or scipy.sparse.csc_array, which has no types


# A total by which everything can be divided.
TOTAL_LEAST = 1e-3


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

    def value(self, x: FloatArray) -> float:
        """The objective at a point."""
        curved = 0.0 if self.quadratic is None else 0.5 * float(x.dot(self.quadratic @ x))
        return curved + float(self.linear.dot(x)) + self.constant

    def weights(self, x: FloatArray) -> FloatArray:
        """The portfolio that a solution stands for."""
        weights: FloatArray = x[: self.assets] if self.to_weights is None else self.to_weights @ x
        if self.scale is not None:
            k = float(self.scale.dot(x))
            # At k = 0 stands a direction and not a portfolio: no weights, which no constraint will accept.
            weights = weights / k if k > 0 else np.full(weights.size, np.nan)
        return weights.copy() if self.base is None else weights + self.base


def best_ratio(program: Program, functional: FloatArray, offset: float) -> Program:
    """Least variance where functional'x + offset = 1 after scaling: the greatest ratio of the functional to the risk.

    The optimum is the best ratio wherever some feasible x has a positive functional; nothing is feasible where none
    has.
    """
    ratio = homogeneous(program, (functional, offset))
    assert ratio.quadratic is not None
    return replace(ratio, quadratic=ratio.quadratic / likely_value(ratio.quadratic, ratio.equalities[-1]))


def likely_value(quadratic: Matrix, normal: Matrix) -> float:
    """About what z'Pz will be where normal'z = 1: its value in the direction that is best without correlation.

    Dividing by it brings the optimum near to one, on which the solvers' absolute tolerances are meant to be small.
    """
    row = normal if isinstance(normal, np.ndarray) else normal.toarray().ravel()
    diagonal = quadratic.diagonal()
    z = np.maximum(row, 0.0) / np.where(diagonal > 0, diagonal, np.inf)
    reward = float(row.dot(z))
    value = float(z.dot(quadratic @ z)) / reward**2 if reward > 0 else 1.0
    return value if value > 0 else 1.0


def homogeneous(program: Program, normal: tuple[FloatArray, float] | None = None) -> Program:
    """The program over the cone of all multiples of its feasible points, or where functional'x + offset = 1 in it.

    Each x is written as y / k with k > 0, so that every constraint becomes linear in (y, k). Where the program fixes
    a'x = s with s above zero, k is a'y / s and needs no variable; otherwise k is appended as the last one.

    Source: Cornuejols and Tutuncu (2007), "Optimization Methods in Finance", section 8.2, after Charnes and Cooper.
    """
    # With a base the first equality is about what is traded, and its right side may be rounding and nothing else.
    total = program.equality_values[0] if program.equality_values.size and program.base is None else 0.0
    eliminated = total > TOTAL_LEAST and not program.sparse
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
    fixed = [_shifted(equalities, values, scale)] if values.size else []
    right = np.zeros(values.size)
    if normal is not None:
        functional, offset = normal
        functional = functional if functional.size == scale.size else np.append(functional, 0.0)
        fixed.append((functional + offset * scale if offset else functional)[None, :])
        right = np.append(right, 1.0)
    quadratic = program.quadratic
    if program.base is not None and quadratic is not None:
        # 1/2 x'Px + c'x + m becomes 1/2 y'Py + k c'y + m k^2.
        cross = _outer(scale, program.linear, program.sparse)
        quadratic = quadratic + cross + cross.T + 2 * program.constant * _outer(scale, scale, program.sparse)
    return Program(
        quadratic=quadratic,
        linear=np.zeros(program.size),
        constant=0.0,
        equalities=stack(fixed, sparse=program.sparse) if fixed else equalities,
        equality_values=right,
        rows=rows,
        row_lower=np.full(rows.shape[0], -np.inf),
        row_upper=np.zeros(rows.shape[0]),
        lower=np.where(program.lower == 0, 0.0, -np.inf),
        upper=np.where(program.upper == 0, 0.0, np.inf),
        cones=tuple(
            replace(cone, matrix=_shifted(cone.matrix, -cone.offset, scale), offset=np.zeros(cone.offset.size))
            for cone in program.cones
        ),
        assets=program.assets,
        to_weights=program.to_weights,
        base=program.base,
        scale=scale,
    )


def _homogeneous_rows(program: Program, scale: FloatArray) -> Matrix:
    """Every inequality but bounds at zero, and k itself where nothing else keeps it positive, as r'(y, k) <= 0."""
    rows: list[Matrix] = []
    positive = bool(program.lower.min() >= 0)
    for values, sign in ((program.row_upper, 1.0), (program.row_lower, -1.0)):
        if (which := np.flatnonzero(np.isfinite(values))).size:
            part = program.rows if which.size == values.size else program.rows[which]
            rows.append(_shifted(part if sign > 0 else -part, sign * values[which], scale))
    for values, sign in ((program.upper, 1.0), (program.lower, -1.0)):
        if not values.any():
            continue  # zero everywhere, as the lower bounds mostly are
        if (which := np.flatnonzero(np.isfinite(values) & (values != 0))).size:
            rows.append(_shifted(_units(which, sign, program), sign * values[which], scale))
    if not (positive and scale.min() >= 0):
        rows.append(-scale[None, :])
    return stack(rows, sparse=program.sparse) if rows else program.rows[:0]


def _units(which: IntArray, sign: float, program: Program) -> Matrix:
    """One row for each of some variables, with `sign` in its place."""
    shape = (which.size, program.size)
    if program.sparse:
        from scipy.sparse import csc_array  # type: ignore[import-untyped]  # ships no types

        return csc_array((np.full(which.size, sign), (np.arange(which.size), which)), shape=shape)
    units = np.zeros(shape)
    units[np.arange(which.size), which] = sign
    return units


def widened(program: Program, count: int) -> Program:
    """The program with `count` more variables, free and not yet used, after the others."""

    def wider(matrix: Matrix) -> Matrix:
        blank = np.zeros((matrix.shape[0], count))
        if not program.sparse:
            return np.hstack([matrix, blank])
        from scipy.sparse import csc_array, hstack

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
