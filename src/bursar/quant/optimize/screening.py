"""Large problems with trades: leave out the purchases that nobody would make, and prove that they are left out rightly.

A problem that limits or charges trades has two variables an asset, what is bought and what is sold, and its time
grows with their cube. Who would not buy an asset if trading were free will hardly buy it when it is not, so only the
purchases of the free optimum stay. The multipliers of the smaller program prove the others: a purchase whose reduced
gradient is not negative would not be made. Those that would are added, and it is asked again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bursar.quant.arrays import BoolArray, FloatArray
from bursar.quant.optimize import build, solvers
from bursar.quant.optimize.activeset import settle
from bursar.quant.optimize.forms import convex_program
from bursar.quant.optimize.objectives import (
    MaximumDiversification,
    MaximumSharpe,
    MeanVariance,
    MinimumVariance,
    Objective,
)
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.program import Program
from bursar.quant.optimize.solvers import Answer

# Below this many assets the whole program costs less than the thought.
LARGE = 60
ROUNDS_MAX = 4
# A reduced gradient of a scaled program that is less negative is none.
GRADIENT_LEAST = 1e-9


def solve_screened(objective: Objective, problem: Problem, program: Program) -> Answer | None:
    """The optimum of a program over purchases and sales, or None where it is of another kind or not proven."""
    if not isinstance(objective, MinimumVariance | MeanVariance | MaximumSharpe | MaximumDiversification):
        return None
    if problem.size < LARGE or not problem.limits.trades or program.sparse or program.cones:
        return None
    free = convex_program(objective, build.without_trades(problem))
    settled = settle(free)
    if settled is None or settled.x is None:
        return None
    bought = free.weights(settled.x) > problem.limits.current
    kept = np.ones(program.size, dtype=bool)
    kept[: problem.size] = bought | (program.lower[: problem.size] > 0)
    for _ in range(ROUNDS_MAX):
        answer, gradient = _solve(program, kept)
        if answer is None:
            return None
        missed = ~kept & (gradient < -GRADIENT_LEAST)
        if not missed.any():
            return answer
        kept |= missed
    return None


def _solve(program: Program, kept: BoolArray) -> tuple[Answer | None, FloatArray]:
    """PIQP on the kept variables, the others at zero, and the gradient of its Lagrangian in all of them."""
    assert program.quadratic is not None
    smaller = replace(
        program,
        quadratic=np.ascontiguousarray(program.quadratic[np.ix_(kept, kept)]),
        linear=program.linear[kept],
        equalities=program.equalities[:, kept],
        rows=program.rows[:, kept],
        lower=program.lower[kept],
        upper=program.upper[kept],
    )
    answer, multipliers = solvers.piqp_with_multipliers(smaller)
    if answer.status != "optimal" or answer.x is None:
        return None, program.linear
    x = np.zeros(program.size)
    x[kept] = answer.x
    of_equalities, of_rows = multipliers
    gradient = program.quadratic @ x + program.linear
    gradient += of_equalities @ program.equalities + of_rows @ program.rows
    return replace(answer, x=x), gradient
