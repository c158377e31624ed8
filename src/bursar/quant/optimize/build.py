"""From a portfolio problem to a convex program: which variables it needs, and which rows.

Without trades, leverage or factors the variables are the weights themselves. Otherwise they are, in this order,

    p, m   what is bought and sold (w = current + p - m), or held long and short where only leverage is limited.
           Both have bounds alone, which solves five times faster than |w - current| with rows of its own
    q      the short part of each weight, where leverage is limited beside trades
    t      at least |w - current|^1.5, where a cost grows with that power
    y      the portfolio's exposure to uncorrelated factors of variance one, where the risk model has factors

The covariance is divided by the variance of the equal portfolio and the means by their mean size: solvers stop by
absolute measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.program import Cone, Matrix, Program, stack
from bursar.quant.riskmodel import Covariance, FactorModel

# Where assets hedge each other the equal portfolio may have next to no variance: this share of their mean is enough.
LEAST_SCALE = 1e-4


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each block of variables stands, and how rows over weights become rows over variables."""

    assets: int
    split: bool
    base: FloatArray
    short: slice
    power: slice
    factor: slice
    size: int
    sparse: bool

    def over(self, matrix: FloatArray) -> Matrix:
        """Rows over the weights, as rows over the variables; the base is not in them."""
        if self.size == self.assets and not self.sparse:
            return matrix
        wide = np.zeros((matrix.shape[0], self.size))
        wide[:, : self.assets] = matrix
        if self.split:
            wide[:, self.assets : 2 * self.assets] = -matrix
        return wide

    def identity(self) -> Matrix:
        """The weights less the base, over the variables."""
        if not self.sparse:
            return self.over(np.eye(self.assets))
        from scipy.sparse import csc_array, eye_array, hstack  # type: ignore[import-untyped]  # ships no types

        blocks = [eye_array(self.assets)] + ([-eye_array(self.assets)] if self.split else [])
        rest = self.size - len(blocks) * self.assets
        return hstack([*blocks, csc_array((self.assets, rest))], format="csc")

    def block(self, columns: slice, row: FloatArray) -> FloatArray:
        wide = np.zeros(self.size)
        wide[columns] = row
        return wide


def layout(problem: Problem, *, sparse: bool = False) -> Layout:
    """The blocks that the problem needs; `sparse` asks for sparse matrices even without factors."""
    limits, n = problem.limits, problem.size
    split = limits.trades or limits.leveraged
    position = 2 * n if split else n

    def following(wanted: bool, width: int) -> slice:
        nonlocal position
        start, position = position, position + (width if wanted else 0)
        return slice(start, position)

    short = following(limits.trades and limits.leveraged, n)
    power = following(limits.three_halves_cost is not None, n)
    factors = problem.model if isinstance(problem.model, FactorModel) else None
    factor = following(factors is not None, 0 if factors is None else factors.loadings.shape[1])
    base = limits.current if limits.trades else np.zeros(n)
    return Layout(n, split, base, short, power, factor, position, sparse or factors is not None)


def affine(problem: Problem, *, risk: float, reward: float, sparse: bool = False) -> Program:
    """Minimize risk x 1/2 w'Sw - reward x (net excess return), S and returns as the caller scaled them."""
    at = layout(problem, sparse=sparse)
    equalities, values, rows, row_lower, row_upper = _rows(problem, at)
    lower, upper = _bounds(problem, at)
    quadratic, linear, constant = None, np.zeros(at.size), 0.0
    if risk > 0:
        quadratic, linear, constant = _quadratic(problem, at, risk)
    if reward > 0:
        functional, offset = net_excess(problem, at)
        linear, constant = linear - reward * functional, constant - reward * offset
    return Program(
        quadratic=quadratic,
        linear=linear,
        constant=constant,
        equalities=_columns(equalities, at),
        equality_values=values,
        rows=_columns(rows, at),
        row_lower=row_lower,
        row_upper=row_upper,
        lower=lower,
        upper=upper,
        cones=_cones(problem, at),
        assets=at.assets,
        to_weights=at.identity() if at.split else None,
        base=at.base if at.split else None,
    )


def without_trades(problem: Problem) -> Problem:
    """The same problem where trading is free and unlimited."""
    limits = problem.limits
    asked = replace(limits.asked, turnover_max=math.inf, cost_max=math.inf)
    return replace(problem, limits=replace(limits, linear_cost=None, three_halves_cost=None, asked=asked))


def net_excess(problem: Problem, at: Layout) -> tuple[FloatArray, float]:
    """The expected return above cash and after costs, as a functional of the variables and its offset."""
    return net_of_costs(problem, at, problem.excess)


def net_of_costs(problem: Problem, at: Layout, means: FloatArray) -> tuple[FloatArray, float]:
    """Means'w less the cost's share of one period, as a functional of the variables and its offset."""
    functional = row(means, at)
    if (cost := cost_functional(problem, at)) is not None:
        functional = functional - cost / problem.limits.cost_periods
    return functional, float(means.dot(at.base))


def row(values: FloatArray, at: Layout) -> FloatArray:
    """A functional of the weights as one of the variables; the base is not in it."""
    if at.size == at.assets:
        return values
    wide = np.zeros(at.size)
    wide[: at.assets] = values
    if at.split:
        wide[at.assets : 2 * at.assets] = -values
    return wide


def cost_functional(problem: Problem, at: Layout) -> FloatArray | None:
    """The cost of the trade as a functional of the variables, or None where it is free."""
    linear, power = problem.limits.linear_cost, problem.limits.three_halves_cost
    if linear is None and power is None:
        return None
    functional = np.zeros(at.size)
    if linear is not None:
        functional[: 2 * at.assets] = np.concatenate([linear, linear])
    if power is not None:
        functional[at.power] = power
    return functional


def _rows(problem: Problem, at: Layout) -> tuple[Matrix, FloatArray, Matrix, FloatArray, FloatArray]:
    limits, asked, ones = problem.limits, problem.limits.asked, np.ones((1, at.assets))
    held = float(at.base.sum())
    fixed = limits.total_lower == limits.total_upper
    equalities, values = [], np.empty(0)
    rows: list[Matrix] = []
    low: list[FloatArray] = []
    high: list[FloatArray] = []

    def bounded(row: Matrix, lower: Any, upper: Any) -> None:
        rows.append(row)
        low.append(np.atleast_1d(lower))
        high.append(np.atleast_1d(upper))

    if fixed:
        equalities, values = [at.over(ones)], np.array([limits.total_lower - held])
    else:
        bounded(at.over(ones), limits.total_lower - held, limits.total_upper - held)
    if limits.exposures.shape[0]:
        based = limits.exposures.dot(at.base)
        bounded(at.over(limits.exposures), limits.exposure_lower - based, limits.exposure_upper - based)
    both = at.block(slice(0, 2 * at.assets), np.ones(2 * at.assets))[None] if at.split else None
    if asked.turnover_max < math.inf:
        bounded(both, -np.inf, asked.turnover_max)
    if limits.leveraged and not limits.trades:
        bounded(both, -np.inf, asked.gross_max)
    if limits.leveraged and limits.trades:
        # w + q >= 0 and q >= 0 make w + 2q at least |w|.
        short = np.zeros((at.assets, at.size))
        short[:, at.short] = np.eye(at.assets)
        bounded(at.over(np.eye(at.assets)) + short, -at.base, np.full(at.assets, np.inf))
        bounded(at.over(ones) + at.block(at.short, np.full(at.assets, 2.0))[None], -np.inf, asked.gross_max - held)
    if asked.cost_max < math.inf and (cost := cost_functional(problem, at)) is not None:
        bounded(cost[None], -np.inf, asked.cost_max)
    if at.factor.start < at.factor.stop:
        exposure, based_factors = _factor_rows(problem, at)
        equalities, values = [*equalities, exposure], np.concatenate([values, based_factors])
    empty = np.zeros((0, at.size))
    return (
        stack(equalities, sparse=at.sparse) if equalities else empty,
        values,
        stack(rows, sparse=at.sparse) if rows else empty,
        np.concatenate(low) if low else np.empty(0),
        np.concatenate(high) if high else np.empty(0),
    )


def _factor_rows(problem: Problem, at: Layout) -> tuple[Matrix, FloatArray]:
    """Loadings'w - y = 0, with loadings scaled as the covariance is."""
    from scipy.sparse import csc_array, eye_array, hstack

    loadings = _scaled_loadings(problem)
    k = loadings.shape[1]
    over_weights = csc_array(loadings.T)
    blocks = [over_weights] + ([-over_weights] if at.split else [])
    between = at.factor.start - len(blocks) * at.assets
    rows = hstack([*blocks, csc_array((k, between)), -eye_array(k)], format="csc")
    return rows, -loadings.T.dot(at.base)


def _columns(matrix: Matrix, at: Layout) -> Matrix:
    if not at.sparse:
        return matrix
    from scipy.sparse import csc_array

    return csc_array(matrix)


def _bounds(problem: Problem, at: Layout) -> tuple[FloatArray, FloatArray]:
    limits, n = problem.limits, at.assets
    if not at.split:
        lower, upper = np.full(at.size, -np.inf), np.full(at.size, np.inf)
        lower[:n], upper[:n] = limits.lower, limits.upper
        if limits.lower.min() >= 0:
            # No long-only weight exceeds the total: a bound that says no more only costs a row in the ratio forms.
            upper[:n][limits.upper >= limits.total_upper] = np.inf
    else:
        # Selling and buying the same name helps nobody, so p and m take the distances to the bounds on their side.
        up, down = limits.upper - at.base, at.base - limits.lower
        lower, upper = np.full(at.size, -np.inf), np.full(at.size, np.inf)
        lower[:n], upper[:n] = np.maximum(-down, 0.0), np.maximum(up, 0.0)
        lower[n : 2 * n], upper[n : 2 * n] = np.maximum(-up, 0.0), np.maximum(down, 0.0)
    lower[at.short] = 0.0
    lower[at.power] = 0.0
    return lower, upper


def variance_scale(problem: Problem) -> float:
    """The variance of the equal portfolio, by which the covariance is divided; 1 where no asset has any.

    It is nearer to what an optimum will have than the mean variance of the assets, and never far below that.
    """
    model, n = problem.risk, problem.size
    if isinstance(model, Covariance):
        equal = float(model.values.sum()) / n**2
    else:
        equal = model.variance(np.full(n, 1.0 / n))
    scale = max(equal, LEAST_SCALE * float(model.variances.sum()) / n)
    return scale if scale > 0 else 1.0


def _scaled_loadings(problem: Problem) -> FloatArray:
    model = problem.risk
    assert isinstance(model, FactorModel)
    return model.scaled_loadings / math.sqrt(variance_scale(problem))


def _quadratic(problem: Problem, at: Layout, risk: float) -> tuple[Matrix, FloatArray, float]:
    """P, c and the constant of risk x 1/2 w'Sw / scale."""
    model, n = problem.risk, at.assets
    weight = risk / variance_scale(problem)
    if isinstance(model, Covariance):
        scaled = model.values * weight
        quadratic: Matrix = scaled
        if at.size != n:
            quadratic = np.zeros((at.size, at.size))
            quadratic[:n, :n] = scaled
            if at.split:
                quadratic[:n, n : 2 * n] = quadratic[n : 2 * n, :n] = -scaled
                quadratic[n : 2 * n, n : 2 * n] = scaled
        pull = scaled.dot(at.base)
        return _columns(quadratic, at), row(pull, at), 0.5 * float(at.base.dot(pull))
    from scipy.sparse import block_diag, csc_array, diags_array

    specific = model.specific_variances * weight
    diagonal = diags_array(specific)
    own = diagonal
    if at.split:
        from scipy.sparse import block_array

        own = block_array([[diagonal, -diagonal], [-diagonal, diagonal]])
    between = at.factor.start - own.shape[0]
    k = at.factor.stop - at.factor.start
    quadratic = block_diag([own, csc_array((between, between)), diags_array(np.full(k, risk))], format="csc")
    pull = specific * at.base
    return quadratic, row(pull, at), 0.5 * float(at.base.dot(pull))


def _cones(problem: Problem, at: Layout) -> tuple[Cone, ...]:
    limits, asked = problem.limits, problem.limits.asked
    cones = []
    if asked.volatility_max < math.inf:
        cones.append(risk_cone(problem, at, asked.volatility_max, np.zeros(at.assets)))
    if asked.tracking_error_max < math.inf:
        cones.append(risk_cone(problem, at, asked.tracking_error_max, limits.benchmark))
    if limits.three_halves_cost is not None:
        cones.append(_power_cone(limits.current, at))
    return tuple(cones)


def risk_cone(problem: Problem, at: Layout, most: float, benchmark: FloatArray) -> Cone:
    """The volatility of w - benchmark is at most `most`, both divided by the scale's root."""
    model, root_scale = problem.risk, math.sqrt(variance_scale(problem))
    active = at.base - benchmark
    if isinstance(model, Covariance):
        root = model.root / root_scale
        return Cone(
            kind="second_order",
            matrix=_columns(np.vstack([np.zeros((1, at.size)), at.over(root)]), at),
            offset=np.concatenate([[most / root_scale], root.dot(active)]),
        )
    from scipy.sparse import csc_array, diags_array, vstack

    own = np.sqrt(model.specific_variances) / root_scale
    factors = np.zeros((at.factor.stop - at.factor.start, at.size))
    factors[:, at.factor] = np.eye(factors.shape[0])
    matrix = vstack([csc_array((1, at.size)), diags_array(own) @ at.identity(), csc_array(factors)], format="csc")
    benchmark_factors = _scaled_loadings(problem).T.dot(benchmark)
    return Cone(
        kind="second_order",
        matrix=matrix,
        offset=np.concatenate([[most / root_scale], own * active, -benchmark_factors]),
    )


def _power_cone(current: FloatArray, at: Layout) -> Cone:
    """Threes (t, 1, w - current): t is at least |w - current|^1.5."""
    n = at.assets
    matrix, offset = np.zeros((3 * n, at.size)), np.zeros(3 * n)
    matrix[0::3, at.power] = np.eye(n)
    matrix[2::3] = at.over(np.eye(n))
    offset[1::3] = 1.0
    offset[2::3] = at.base - current
    return Cone(kind="power", matrix=_columns(matrix, at), offset=offset)
