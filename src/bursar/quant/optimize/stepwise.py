"""A ratio raised step by step: the way on where a solver stalls on the homogeneous form.

Dinkelbach's method maximizes reward - ratio x volatility, a conic program without division, and takes the ratio
reached as the next one; the steps converge faster than linearly. It costs several solves in place of one.

Source: Dinkelbach (1967), "On Nonlinear Fractional Programming", Management Science 13.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.optimize import build, solvers
from bursar.quant.optimize.forms import ratio_functional
from bursar.quant.optimize.objectives import MaximumDiversification, MaximumSharpe
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.program import Cone, Program, widened

STEPS_MAX = 30
# A ratio that grows by less than this relative amount is the greatest.
GROWTH_MIN = 1e-10


def raise_ratio(
    objective: MaximumSharpe | MaximumDiversification, problem: Problem
) -> tuple[Program, solvers.Answer] | None:
    """The program of the last step and its answer; None where no step has one, or no reward is positive."""
    functional, offset = ratio_functional(objective, problem)
    base = build.affine(problem, risk=0.0, reward=0.0)
    size = base.size
    program, risk = _with_volatility(problem, base)
    best: tuple[Program, solvers.Answer] | None = None
    ratio = 0.0
    for _ in range(STEPS_MAX):
        linear = np.append(-functional, ratio)
        answer = solvers.solve(replace(program, linear=linear), "clarabel")
        if answer.x is None:
            return best
        reward = float(functional.dot(answer.x[:size])) + offset
        volatility = float(np.linalg.norm(risk.matrix[1:] @ answer.x + risk.offset[1:]))
        if reward <= 0 or volatility <= 0:
            return best
        if best is not None and reward / volatility <= ratio * (1.0 + GROWTH_MIN):
            return best
        ratio = reward / volatility
        # A step's gap is one of reward - ratio x volatility, which ends at zero: it is taken over the reward.
        best = program, replace(answer, gap=answer.gap * abs(_value(linear, answer.x)) / reward)
    return best


def _with_volatility(problem: Problem, base: Program) -> tuple[Program, Cone]:
    """The program with one more variable, at least the volatility, and the cone that says so."""
    program = widened(base, 1)
    plain = build.risk_cone(problem, build.layout(problem), 0.0, np.zeros(problem.size))
    only = widened(replace(base, cones=(plain,)), 1).cones[0]
    matrix = only.matrix if isinstance(only.matrix, np.ndarray) else only.matrix.tolil()
    matrix[0, -1] = 1.0
    cone = replace(only, matrix=matrix if isinstance(matrix, np.ndarray) else matrix.tocsc())
    return replace(program, cones=(*program.cones, cone)), cone


def _value(linear: FloatArray, x: FloatArray) -> float:
    # Below this the solver's own relative gap was taken over a floor.
    return max(abs(float(linear.dot(x))), 1e-12)
