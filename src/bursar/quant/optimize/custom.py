"""Any constraint that a user writes, in CVXPY: slower than the direct solvers, and without their limits.

The user's function takes a CVXPY expression for the weights, (n_assets,), and returns a list of constraints. Ratios
are found by Dinkelbach's method, one convex problem after another, because a user's constraint need not scale.

Source: Dinkelbach (1967), "On Nonlinear Fractional Programming", Management Science 13.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bursar.errors import InputError
from bursar.quant.optimize import build
from bursar.quant.optimize.chain import EXACT_WITHIN, USABLE_WITHIN
from bursar.quant.optimize.forms import convex_program, figure, ratio_functional
from bursar.quant.optimize.objectives import (
    HierarchicalRiskParity,
    MaximumDiversification,
    MaximumSharpe,
    Objective,
    RiskParity,
)
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.program import Program
from bursar.quant.optimize.solution import Solution, Status

SOLVERS = ("CLARABEL", "SCS")
# Dinkelbach's steps at least square the error, so a dozen is plenty.
RATIO_STEPS_MAX = 25


def solve_custom(objective: Objective, problem: Problem, custom: Callable[[Any], Sequence[Any]]) -> Solution:
    """The best portfolio under the problem's constraints and the user's own."""
    if problem.limits.asked.counted:
        raise InputError("assets_max and position_min do not go with custom constraints")
    if isinstance(objective, RiskParity | HierarchicalRiskParity):
        raise InputError("risk parity does not go with custom constraints")
    try:
        import cvxpy as library
    except ImportError as error:
        raise InputError("custom constraints need CVXPY: install bursar[convex]") from error
    cvxpy: Any = library
    ratio = isinstance(objective, MaximumSharpe | MaximumDiversification)
    program = build.affine(problem, risk=0.0, reward=0.0) if ratio else convex_program(objective, problem)
    x = cvxpy.Variable(program.size)
    weights = x[: program.assets] if program.to_weights is None else program.to_weights @ x
    weights = weights if program.base is None else weights + program.base
    own = list(custom(weights))
    model = _Model(cvxpy, program, x, weights, own)
    if isinstance(objective, MaximumSharpe | MaximumDiversification):
        return _best_ratio(objective, problem, model)
    value = program.linear @ x
    if program.quadratic is not None:
        value = value + 0.5 * cvxpy.quad_form(x, cvxpy.psd_wrap(program.quadratic))
    return model.solve(cvxpy.Minimize(value), objective, problem)


class _Model:
    """A CVXPY problem without its objective."""

    def __init__(self, cvxpy: Any, program: Program, x: Any, weights: Any, own: list[Any]) -> None:
        self.cvxpy, self.x, self.weights, self.own = cvxpy, x, weights, own
        self.constraints = [*_constraints(cvxpy, program, x), *own]

    def solve(self, goal: Any, objective: Objective, problem: Problem) -> Solution:
        model = self.cvxpy.Problem(goal, self.constraints)
        if not model.is_dcp():
            raise InputError("the custom constraints are not convex by CVXPY's rules (DCP)")
        attempts: list[tuple[str, str]] = []
        for name in SOLVERS:
            try:
                with warnings.catch_warnings():
                    # CVXPY warns where an answer is inaccurate; the status says it, and is reported.
                    warnings.simplefilter("ignore")
                    model.solve(solver=name)
            except self.cvxpy.SolverError as error:
                attempts.append((name.lower(), str(error)))
                continue
            attempts.append((name.lower(), model.status))
            if model.status in {"optimal", "optimal_inaccurate"} and self.weights.value is not None:
                return self._checked(name.lower(), model.status, attempts, objective, problem)
            if model.status in {"infeasible", "unbounded"}:
                break
        words: dict[str, Status] = {"infeasible": "infeasible", "unbounded": "unbounded"}
        nothing = Solution(
            weights=None,
            status=words.get(attempts[-1][1], "failed"),
            solver="",
            attempts=tuple(attempts),
            problem=problem,
        )
        return self._explained(nothing)

    def _checked(
        self, solver: str, status: str, attempts: list[tuple[str, str]], objective: Objective, problem: Problem
    ) -> Solution:
        weights = np.array(self.weights.value, dtype=np.float64)
        violation = max(problem.violation(weights), *(float(np.max(each.violation())) for each in self.own), 0.0)
        exact = status == "optimal" and violation <= USABLE_WITHIN
        return Solution(
            weights=weights,
            status="optimal" if exact else "inaccurate",
            solver=f"cvxpy {solver}",
            objective=figure(objective, problem, weights),
            violation=violation,
            attempts=tuple(attempts),
            problem=problem,
            note="" if violation <= EXACT_WITHIN else f"constraints hold to {violation:.1g}",
        )

    def _explained(self, nothing: Solution) -> Solution:
        from bursar.quant.optimize import diagnose

        if nothing.status != "infeasible":
            return nothing
        conflicts = diagnose.conflicts(nothing.problem) or ("custom",)
        return replace(nothing, conflicts=conflicts)


def _constraints(cvxpy: Any, program: Program, x: Any) -> list[Any]:
    constraints = []
    if program.equality_values.size:
        constraints.append(program.equalities @ x == program.equality_values)
    for matrix, low, high in (
        (program.rows, program.row_lower, program.row_upper),
        (np.eye(program.size), program.lower, program.upper),
    ):
        above, below = np.flatnonzero(np.isfinite(low)), np.flatnonzero(np.isfinite(high))
        rows = matrix if isinstance(matrix, np.ndarray) else matrix.tocsr()
        constraints += [rows[above] @ x >= low[above]] if above.size else []
        constraints += [rows[below] @ x <= high[below]] if below.size else []
    for cone in program.cones:
        inside = cone.matrix @ x + cone.offset
        if cone.kind == "second_order":
            constraints.append(cvxpy.norm(inside[1:]) <= inside[0])
        else:
            assert cone.kind == "power"
            constraints.append(cvxpy.PowCone3D(inside[0::3], inside[1::3], inside[2::3], 2 / 3))
    return constraints


def _best_ratio(objective: MaximumSharpe | MaximumDiversification, problem: Problem, model: _Model) -> Solution:
    """Raise the ratio r until the best of functional - r x volatility is zero."""
    cvxpy = model.cvxpy
    functional, offset = ratio_functional(objective, problem)
    cone = build.risk_cone(problem, build.layout(problem), 0.0, np.zeros(problem.size))
    volatility = cvxpy.norm(cone.matrix[1:] @ model.x + cone.offset[1:])
    reward = functional @ model.x + offset
    ratio = cvxpy.Parameter(nonneg=True, value=0.0)
    goal = cvxpy.Maximize(reward - ratio * volatility)
    found = model.solve(goal, objective, problem)
    for _ in range(RATIO_STEPS_MAX):
        if found.weights is None:
            return found
        if float(reward.value) <= 0:
            note = f"no allowed portfolio has a positive numerator: the best is {float(reward.value):.3g}, scaled"
            return replace(found, weights=None, status="infeasible", solver="", note=note)
        reached = float(reward.value) / max(float(volatility.value), 1e-12)
        if reached <= ratio.value * (1.0 + 1e-10):
            return found
        ratio.value = reached
        following = model.solve(goal, objective, problem)
        if following.weights is None or following.objective < found.objective:
            return found
        found = following
    return found
