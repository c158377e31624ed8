"""The exact convex form of each objective, and the figure that it is about.

A ratio becomes a least variance over the cone of the feasible set (program.best_ratio); risk budgets become a
logarithmic barrier over the same cone; expected shortfall becomes linear with one variable for each scenario.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import assert_never

import numpy as np

from bursar.errors import InputError
from bursar.quant import riskparity
from bursar.quant.arrays import FloatArray
from bursar.quant.optimize import build
from bursar.quant.optimize.objectives import (
    HierarchicalRiskParity,
    MaximumDiversification,
    MaximumReturn,
    MaximumSharpe,
    MeanVariance,
    MinimumCVaR,
    MinimumVariance,
    Objective,
    RiskParity,
)
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.program import Cone, Program, best_ratio, homogeneous, stack, widened
from bursar.quant.optimize.ratios import is_plain, plain_ratio


def convex_program(objective: Objective, problem: Problem) -> Program:
    """The program whose solution is the objective's best portfolio under the problem's constraints."""
    match objective:
        case MinimumVariance():
            return build.affine(problem, risk=1.0, reward=0.0)
        case MeanVariance(risk_aversion):
            risk = risk_aversion * build.variance_scale(problem)
            largest = max(risk, float(np.abs(problem.excess).max()))
            return build.affine(problem, risk=risk / largest, reward=1.0 / largest)
        case MaximumReturn():
            return build.affine(problem, risk=0.0, reward=1.0 / mean_size(problem.excess))
        case MaximumSharpe() | MaximumDiversification():
            if is_plain(problem):
                return plain_ratio(objective, problem)
            program = build.affine(problem, risk=1.0, reward=0.0)
            return best_ratio(program, *ratio_functional(objective, problem))
        case RiskParity():
            return _risk_budgets(objective, problem)
        case MinimumCVaR(confidence):
            return _shortfall(confidence, problem)
        case HierarchicalRiskParity():
            raise InputError("hierarchical risk parity is no convex program")
        case _:
            assert_never(objective)


def ratio_functional(objective: MaximumSharpe | MaximumDiversification, problem: Problem) -> tuple[FloatArray, float]:
    """What a ratio objective divides by the volatility, as a functional of the variables, brought to a size of one."""
    at = build.layout(problem)
    if isinstance(objective, MaximumSharpe):
        functional, offset = build.net_of_costs(problem, at, problem.excess)
        size = mean_size(problem.excess)
        return functional / size, offset / size
    volatilities = np.sqrt(problem.risk.variances / build.variance_scale(problem))
    return build.row(volatilities, at), float(volatilities.dot(at.base))


def mean_size(values: FloatArray) -> float:
    """The mean of |values|, or 1 where all are zero."""
    mean = float(np.abs(values).sum()) / values.size
    return mean if mean > 0 else 1.0


def figure(objective: Objective, problem: Problem, weights: FloatArray) -> float:
    """The number that the objective is about, at any weights, in the units of the inputs."""
    match objective:
        case MinimumVariance() | HierarchicalRiskParity():
            return problem.risk.variance(weights)
        case MeanVariance(risk_aversion):
            reward = problem.risk_free + problem.net_excess(weights)
            return reward - 0.5 * risk_aversion * problem.risk.variance(weights)
        case MaximumReturn():
            return problem.risk_free + problem.net_excess(weights)
        case MaximumSharpe():
            return _ratio(problem.net_excess(weights), problem.risk.variance(weights))
        case MaximumDiversification():
            return _ratio(float(np.sqrt(problem.risk.variances).dot(weights)), problem.risk.variance(weights))
        case RiskParity(budgets):
            return riskparity.deviation(problem.risk, weights, riskparity.shares(budgets, problem.size))
        case MinimumCVaR(confidence):
            returns = scenarios(problem) @ weights + problem.risk_free * (1.0 - float(weights.sum()))
            return shortfall(returns - problem.cost(weights) / problem.limits.cost_periods, confidence)
        case _:
            assert_never(objective)


def maximized(objective: Objective) -> bool:
    """Whether a greater figure is a better one."""
    return isinstance(objective, MeanVariance | MaximumReturn | MaximumSharpe | MaximumDiversification)


def scenarios(problem: Problem) -> FloatArray:
    """The scenarios, for an objective that cannot do without."""
    if problem.scenarios is None:
        raise InputError("scenarios is missing: minimum CVaR needs the returns of each scenario")
    return problem.scenarios


def shortfall(returns: FloatArray, confidence: float) -> float:
    """Mean loss of the worst 1 - confidence of the returns, the scenario at the edge counted in part."""
    tail = (1.0 - confidence) * returns.size
    losses = np.sort(-returns)[::-1]
    whole = min(int(tail), returns.size)
    part = tail - whole
    total = float(losses[:whole].sum()) + (part * float(losses[whole]) if whole < returns.size else 0.0)
    return total / tail


def _ratio(reward: float, variance: float) -> float:
    return reward / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, reward)


def _risk_budgets(objective: RiskParity, problem: Problem) -> Program:
    """Minimize 1/2 y'Sy - sum budget log y over the cone of the feasible set: t <= log y is an exponential cone."""
    cone = homogeneous(build.affine(problem, risk=1.0, reward=0.0))
    n, size = problem.size, cone.size
    program = widened(cone, n)
    logs = slice(size, size + n)
    linear = np.zeros(program.size)
    linear[logs] = -riskparity.shares(objective.budgets, n)
    matrix, offset = np.zeros((3 * n, program.size)), np.zeros(3 * n)
    matrix[0::3, logs] = np.eye(n)
    offset[1::3] = 1.0
    over_weights = np.eye(n, program.size) if program.to_weights is None else _array(program.to_weights)
    matrix[2::3] = over_weights
    if program.base is not None and program.scale is not None:
        matrix[2::3] += np.outer(program.base, program.scale)
    return replace(
        program, linear=linear, cones=(*program.cones, Cone(kind="exponential", matrix=matrix, offset=offset))
    )


def _shortfall(confidence: float, problem: Problem) -> Program:
    """Minimize a + mean(z) / (1 - confidence) with z at least 0 and at least loss - a in each scenario."""
    base = build.affine(problem, risk=0.0, reward=0.0, sparse=True)
    at = build.layout(problem, sparse=True)
    table = scenarios(problem) - problem.risk_free
    count, size = table.shape[0], base.size
    program = widened(base, 1 + count)
    scale = mean_size(table.ravel())
    losses = -at.over(table)
    if (cost := build.cost_functional(problem, at)) is not None:
        losses = losses + cost / problem.limits.cost_periods
    from scipy.sparse import csc_array, eye_array, hstack  # type: ignore[import-untyped]  # ships no types

    rows = hstack([csc_array(losses / scale), -np.ones((count, 1)), -eye_array(count)], format="csc")
    linear = np.zeros(program.size)
    linear[size] = 1.0
    linear[size + 1 :] = 1.0 / (count * (1.0 - confidence))
    program.lower[size + 1 :] = 0.0
    based = (table @ at.base + problem.risk_free) / scale
    return replace(
        program,
        linear=linear,
        rows=stack([program.rows, rows], sparse=True),
        row_lower=np.concatenate([program.row_lower, np.full(count, -np.inf)]),
        row_upper=np.concatenate([program.row_upper, based]),
    )


def _array(matrix: object) -> FloatArray:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()  # type: ignore[attr-defined]  # a sparse array
