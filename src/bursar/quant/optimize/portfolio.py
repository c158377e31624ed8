"""optimize(): from moments and limits to a portfolio, and who found it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import DataError, InputError
from bursar.quant import arrays, riskparity
from bursar.quant.arrays import FloatArray
from bursar.quant.blacklitterman import black_litterman
from bursar.quant.optimize.chain import EXACT_WITHIN, solve
from bursar.quant.optimize.constraints import Constraints, Costs, limits
from bursar.quant.optimize.forms import figure
from bursar.quant.optimize.objectives import (
    BlackLitterman,
    HierarchicalRiskParity,
    MaximumSharpe,
    Objective,
    RiskParity,
)
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.solution import Solution
from bursar.quant.optimize.solvers import SolverName
from bursar.quant.riskmodel import RiskModel, risk_model

LONG_ONLY = Constraints()


def optimize(
    objective: Objective | BlackLitterman,
    covariance: ArrayLike | RiskModel | None = None,
    expected_returns: ArrayLike | None = None,
    *,
    scenarios: ArrayLike | None = None,
    constraints: Constraints = LONG_ONLY,
    current: ArrayLike | None = None,
    costs: Costs | None = None,
    risk_free: float = 0.0,
    custom: Callable[[Any], Sequence[Any]] | None = None,
    warm_start: ArrayLike | None = None,
    chain: Sequence[SolverName] | None = None,
) -> Solution:
    """The portfolio that is best in the objective's sense among those that the constraints allow.

    covariance        (n, n) per period, or a FactorModel, which stays factored
    expected_returns  (n,) per period
    scenarios         (n_scenarios, n) returns, for MinimumCVaR
    current           (n,) weights held now, from which turnover and costs are counted
    risk_free         what cash earns per period
    custom            further constraints, as a function of a CVXPY variable (n,); needs the extra `convex`
    warm_start        (n,) weights of a similar problem, such as yesterday's: where nearly the same constraints bind,
                      the answer follows from a factorization or two; also the first candidate of a count
    chain             solvers in the order in which to ask them; by default the fastest that fits comes first

    Always returns a Solution: a solver that fails hands over to the next, and an infeasible problem comes back with
    the constraints that conflict. Raises InputError for inputs that make no sense, and for nothing else.
    """
    if isinstance(objective, BlackLitterman):
        covariance, expected_returns = _posterior(objective, covariance, risk_free)
        objective = MaximumSharpe()
    problem = _problem(covariance, expected_returns, scenarios, constraints, current, costs, risk_free)
    start = None if warm_start is None else arrays.vector("warm_start", warm_start, length=problem.size)
    if custom is not None:
        from bursar.quant.optimize.custom import solve_custom

        return solve_custom(objective, problem, custom)
    if constraints.counted:
        from bursar.quant.optimize.cardinality import solve_counted

        return solve_counted(objective, problem, start)
    if isinstance(objective, RiskParity | HierarchicalRiskParity) and not problem.limits.total_upper > 0:
        raise InputError(f"cash is {constraints.cash}; risk parity is long-only and needs something to invest")
    if isinstance(objective, RiskParity) and (found := _risk_parity(objective, problem, start)) is not None:
        return found
    if isinstance(objective, HierarchicalRiskParity):
        from bursar.quant.optimize.hierarchy import solve_hierarchy

        return solve_hierarchy(objective, problem)
    found = solve(objective, problem, chain, start)
    if isinstance(objective, RiskParity) and found.objective == np.inf:
        note = "an allowed portfolio has no risk at all: there is nothing to share out"
        return replace(found, weights=None, status="unbounded", solver="", objective=np.nan, note=note)
    return found


def _posterior(
    objective: BlackLitterman, covariance: ArrayLike | RiskModel | None, risk_free: float
) -> tuple[RiskModel, FloatArray]:
    if covariance is None:
        raise InputError("covariance is missing: Black-Litterman starts from it")
    posterior = black_litterman(
        covariance,
        objective.market_weights,
        objective.views,
        risk_aversion=objective.risk_aversion,
        tau=objective.tau,
    )
    return posterior.covariance, posterior.means + risk_free


def _problem(
    covariance: ArrayLike | RiskModel | None,
    expected_returns: ArrayLike | None,
    scenarios: ArrayLike | None,
    constraints: Constraints,
    current: ArrayLike | None,
    costs: Costs | None,
    risk_free: float,
) -> Problem:
    model = None if covariance is None else risk_model(covariance)
    table = None if scenarios is None else arrays.matrix("scenarios", scenarios)
    if model is not None:
        size = model.size
    elif table is not None:
        size = int(table.shape[1])
    else:
        size = np.size(expected_returns) if expected_returns is not None else 0
    if size == 0:
        raise InputError("covariance, scenarios and expected_returns are all missing: there are no assets")
    if table is not None and (table.shape[1] != size or table.shape[0] == 0):
        raise InputError(f"scenarios has shape {table.shape}; {size} columns and one row at least are needed")
    return Problem(
        size=size,
        limits=limits(constraints, size, current=current, costs=costs),
        model=model,
        means=None if expected_returns is None else arrays.vector("expected_returns", expected_returns, length=size),
        scenarios=table,
        risk_free=arrays.number("risk_free", risk_free),
    )


def _risk_parity(objective: RiskParity, problem: Problem, start: FloatArray | None) -> Solution | None:
    """Risk parity by coordinate descent, where its weights meet every constraint as they are."""
    try:
        weights = riskparity.risk_parity(problem.risk, objective.budgets, start=start)
    except DataError:
        return None  # the conic form below may still answer, and says what it came to
    # The budgets hold at any scale; the weights take the largest total that is allowed.
    weights = weights * min(problem.limits.total_upper, 1.0)
    violation = problem.violation(weights)
    if violation > EXACT_WITHIN:
        return None
    return Solution(
        weights=weights,
        status="optimal",
        solver="coordinate descent",
        objective=figure(objective, problem, weights),
        gap=0.0,
        violation=violation,
        attempts=(("coordinate descent", "converged"),),
        problem=problem,
    )
