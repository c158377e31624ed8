"""One solver after another until one answers, and an explanation where none can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.optimize import solvers
from bursar.quant.optimize.activeset import settle
from bursar.quant.optimize.filling import best_filling
from bursar.quant.optimize.forms import convex_program, figure
from bursar.quant.optimize.objectives import MaximumDiversification, MaximumReturn, MaximumSharpe, Objective
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.program import Program
from bursar.quant.optimize.screening import solve_screened
from bursar.quant.optimize.solution import Solution
from bursar.quant.optimize.stepwise import raise_ratio

# Weights that break a constraint by more than the first are said to be inaccurate, by more than the second no answer.
EXACT_WITHIN = 1e-9
USABLE_WITHIN = 1e-5
# A solver that gave up is believed where it came this near to a proof.
USABLE_GAP = 1e-3
# The relative gap that counts as proof.
PROVEN_WITHIN = 1e-8
# The value of a scaled program that is small enough to ask again, and the one that is nothing at all.
SMALL_VALUE = 1e-2
ZERO_VALUE = 1e-12


def solve(
    objective: Objective,
    problem: Problem,
    chain: Sequence[solvers.SolverName] | None = None,
    start: FloatArray | None = None,
) -> Solution:
    """The best answer of the chain; without one, the reason why."""
    found = ask(objective, problem, chain, start)
    return found if found.weights is not None else explain(objective, found)


def ask(
    objective: Objective,
    problem: Problem,
    chain: Sequence[solvers.SolverName] | None = None,
    start: FloatArray | None = None,
) -> Solution:
    """Ask one solver after another until one answers, and see for ourselves whether its weights are allowed.

    start  weights of a similar problem, whose active constraints are tried first
    Without an answer the status is that of the last verdict and is not yet a proof.
    """
    if chain is None and isinstance(objective, MaximumReturn) and (found := _filled(objective, problem)) is not None:
        return found
    program = convex_program(objective, problem)
    attempts: list[tuple[str, str]] = []
    if chain is None and (found := _settled(objective, problem, program, start, attempts)) is not None:
        return found
    best: Solution | None = None
    verdict: solvers.AnswerStatus = "failed"
    for name in chain or solvers.suitable(program):
        answer = _to_the_last_digit(program, solvers.solve(program, name))
        attempts.append((name, answer.detail))
        if answer.status in {"infeasible", "unbounded"}:
            verdict = answer.status
            if chain is None:
                break
        found = None if answer.x is None else _checked(objective, problem, program, answer, attempts)
        if found is not None and found.status == "optimal":
            return found
        if found is not None and (best is None or found.violation < best.violation):
            best = found
    if best is None and verdict == "failed" and isinstance(objective, MaximumSharpe | MaximumDiversification):
        stepped = raise_ratio(objective, problem)
        if stepped is not None:
            attempts.append(("clarabel, step by step", stepped[1].detail))
            best = _checked(objective, problem, *stepped, attempts)
    if best is not None:
        return replace(best, attempts=tuple(attempts))
    return Solution(weights=None, status=verdict, solver="", attempts=tuple(attempts), problem=problem)


def _settled(
    objective: Objective,
    problem: Problem,
    program: Program,
    start: FloatArray | None,
    attempts: list[tuple[str, str]],
) -> Solution | None:
    """The optimum where its binding constraints, or the purchases that it makes, are soon found."""
    for guess in (None,) if start is None else (start, None):
        answer = settle(program, guess)
        if answer is not None:
            attempts.append((answer.solver, answer.detail))
            found = _checked(objective, problem, program, answer, attempts)
            if found is not None and found.status == "optimal":
                return found
    screened = solve_screened(objective, problem, program)
    if screened is None or screened.gap > PROVEN_WITHIN:
        return None
    found = _checked(objective, problem, program, screened, [("piqp", screened.detail)])
    return found if found is not None and found.status == "optimal" else None


def _filled(objective: MaximumReturn, problem: Problem) -> Solution | None:
    """The most return by hand, where the constraints are simple enough."""
    weights = best_filling(problem)
    if weights is None:
        return None
    return _solution(objective, problem, weights, "filling", 0.0, [("filling", "best first")])


def _to_the_last_digit(program: Program, answer: solvers.Answer) -> solvers.Answer:
    """The answer, asked for again on a larger scale where the solver stopped by an absolute measure.

    Variances that span eight orders can leave an optimum of a millionth, below which a gap of 1e-10 is not small.
    """
    if answer.x is None or answer.gap <= PROVEN_WITHIN:
        return answer
    value = abs(program.value(answer.x))
    if not ZERO_VALUE < value < SMALL_VALUE:
        return answer
    quadratic = None if program.quadratic is None else program.quadratic / value
    larger = replace(program, quadratic=quadratic, linear=program.linear / value, constant=program.constant / value)
    again = solvers.solve(larger, answer.solver)
    return again if again.x is not None and again.gap < answer.gap else answer


def _checked(
    objective: Objective,
    problem: Problem,
    program: Program,
    answer: solvers.Answer,
    attempts: Sequence[tuple[str, str]],
) -> Solution | None:
    """The answer as a Solution, demoted where its weights break a constraint, None where they are no use."""
    assert answer.x is not None
    if answer.status == "inaccurate" and answer.gap > USABLE_GAP:
        return None
    # A solver that stopped short of its own tolerance has still answered where its gap meets ours.
    proven = answer.status == "optimal" or answer.gap <= PROVEN_WITHIN
    return _solution(objective, problem, program.weights(answer.x), answer.solver, answer.gap, attempts, proven)


def _solution(
    objective: Objective,
    problem: Problem,
    weights: FloatArray,
    solver: str,
    gap: float,
    attempts: Sequence[tuple[str, str]],
    proven: bool = True,
) -> Solution | None:
    violation = problem.violation(weights)
    if not violation <= USABLE_WITHIN:  # as NaN is not
        return None
    return Solution(
        weights=weights,
        status="optimal" if proven and violation <= EXACT_WITHIN else "inaccurate",
        solver=solver,
        objective=figure(objective, problem, weights),
        gap=gap,
        violation=violation,
        attempts=tuple(attempts),
        problem=problem,
    )


def explain(objective: Objective, nothing: Solution) -> Solution:
    """Why there are no weights: constraints that conflict, a ratio that no portfolio has, an objective without end.

    A verdict that does not stand (the solver called a feasible problem infeasible) sends the problem on to the
    solvers that were not asked yet.
    """
    from bursar.quant.optimize import diagnose

    problem = nothing.problem
    if conflicts := diagnose.conflicts(problem):
        return replace(nothing, status="infeasible", conflicts=conflicts)
    if isinstance(objective, MaximumSharpe | MaximumDiversification):
        sharpe = isinstance(objective, MaximumSharpe)
        means = problem.excess if sharpe else np.sqrt(problem.risk.variances)
        best = diagnose.best_functional(problem, means)
        if best <= 0:
            earned = "return above risk_free" if sharpe else "weighted volatility"
            note = f"no allowed portfolio has a positive {earned}: the best is {best:.3g}"
            return replace(nothing, status="infeasible", note=note)
    asked = {name for name, _ in nothing.attempts}
    others = [name for name in solvers.suitable(convex_program(objective, problem)) if name not in asked]
    if others:
        second = ask(objective, problem, others)
        second = replace(second, attempts=nothing.attempts + second.attempts)
        if second.weights is not None:
            return second
        nothing = replace(nothing, attempts=second.attempts, status=second.status)
    if nothing.status == "unbounded":
        return replace(nothing, note="the objective grows without end: bound the weights")
    return replace(nothing, status="failed", note="no solver has an answer, although the constraints do not conflict")
