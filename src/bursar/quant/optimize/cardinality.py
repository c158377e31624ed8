"""Few names, or none too small: a search over which assets are held, with the gap that it leaves.

Linear objectives go to HiGHS as mixed-integer programs. The others are searched here, branch and bound over the
convex problem: a node holds some assets in and some out, its relaxation bounds every portfolio below it, and the
greatest relaxed holdings, held alone, make the next candidate. The search stops at GAP or after NODES_MAX nodes;
`Solution.gap` says what was proven by then.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import BoolArray, FloatArray
from bursar.quant.optimize import build, solvers
from bursar.quant.optimize.chain import ask, explain
from bursar.quant.optimize.forms import convex_program, figure, maximized
from bursar.quant.optimize.objectives import HierarchicalRiskParity, MinimumVariance, Objective, RiskParity
from bursar.quant.optimize.problem import Problem
from bursar.quant.optimize.program import Program, stack, widened
from bursar.quant.optimize.solution import Solution

GAP = 1e-6
NODES_MAX = 4000
# A relaxed weight of this size counts as held.
HELD = 1e-7
# Where a weight has no bound, the search for conflicts gives it this one: a switch needs something to switch.
WEIGHT_MOST = 100.0


def solve_counted(objective: Objective, problem: Problem, start: FloatArray | None = None) -> Solution:
    """The best portfolio with at most `assets_max` names, none of them smaller than `position_min`.

    start  weights whose names make the first candidate
    """
    if isinstance(objective, RiskParity | HierarchicalRiskParity):
        raise InputError("risk parity holds every asset: assets_max and position_min do not go with it")
    _check(problem)
    program = convex_program(objective, _uncounted(problem))
    if program.quadratic is None and not program.cones:
        return _mixed_integer(objective, problem, program)
    search = _Search(objective, problem)
    return search.answer(search.explore(start))


def feasible(problem: Problem) -> bool:
    """Whether any portfolio meets the constraints and the count, none of its weights beyond WEIGHT_MOST."""
    limits = problem.limits
    bounded = replace(limits, lower=np.maximum(limits.lower, -WEIGHT_MOST), upper=np.minimum(limits.upper, WEIGHT_MOST))
    problem = replace(problem, limits=bounded)
    program = build.affine(_uncounted(problem), risk=0.0, reward=0.0)
    if not program.cones:
        return _milp(program, problem).status != "infeasible"
    search = _Search(MinimumVariance(), problem)
    search.explore(None, first=True)
    return search.best is not None


def _check(problem: Problem) -> None:
    limits, asked = problem.limits, problem.limits.asked
    if asked.position_min > 0 and limits.lower.min() < 0:
        i = int(limits.lower.argmin())
        raise InputError(f"position_min goes with long-only weights, and lower[{i}] is {limits.lower[i]:g}")


def _uncounted(problem: Problem) -> Problem:
    """The problem in which zero is allowed for every asset, and the count is not asked."""
    limits = problem.limits
    asked = replace(limits.asked, assets_max=None, position_min=0.0)
    return replace(problem, limits=replace(limits, asked=asked))


@dataclass(order=True, frozen=True, slots=True)
class _Node:
    """Assets decided to be held or left out; `bound` is the relaxation's figure, signed so that less is better."""

    bound: float
    serial: int
    held: BoolArray
    out: BoolArray
    weights: FloatArray

    def __post_init__(self) -> None:
        assert not (self.held & self.out).any()


class _Search:
    """Best-first branch and bound."""

    def __init__(self, objective: Objective, problem: Problem) -> None:
        self.objective, self.problem = objective, problem
        limits = problem.limits
        self.most = problem.size if limits.asked.assets_max is None else limits.asked.assets_max
        self.least = limits.asked.position_min
        self.sign = -1.0 if maximized(objective) else 1.0
        self.best: Solution | None = None
        self.serial = 0
        self.nodes: list[_Node] = []
        self.root: Solution | None = None

    def explore(self, start: FloatArray | None, *, first: bool = False) -> float:
        """Search to the gap, or only for a `first` candidate; returns what is then known to bound every portfolio."""
        forced = self.problem.limits.lower > 0
        self._push(forced, np.zeros(self.problem.size, dtype=bool))
        if start is not None:
            self._try(start, forced)
        bound = -math.inf
        while self.nodes and self.serial < NODES_MAX:
            node = heapq.heappop(self.nodes)
            bound = node.bound
            if self._closed(bound) or (first and self.best is not None):
                break
            self._branch(node)
        else:
            bound = self.nodes[0].bound if self.nodes else self._value()
        return bound

    def answer(self, bound: float) -> Solution:
        """The best portfolio found, or why there is none."""
        if self.best is None:
            nothing = self.root if self.root is not None else ask(self.objective, _uncounted(self.problem))
            nothing = replace(nothing, weights=None, status="infeasible", solver="", problem=self.problem)
            if self.nodes:
                return replace(nothing, status="failed", note=f"no portfolio found in {NODES_MAX} nodes")
            return explain(self.objective, nothing)
        value = self._value()
        gap = max(value - bound, 0.0) / max(abs(value), 1e-300)
        note = f"branch and bound, {self.serial} nodes"
        return replace(
            self.best,
            gap=max(gap, self.best.gap),
            status="optimal" if gap <= GAP and self.best.status == "optimal" else "inaccurate",
            note=note if gap <= GAP else f"{note}; stopped with a gap of {gap:.2g}",
            problem=self.problem,
        )

    def _value(self) -> float:
        return math.inf if self.best is None else self.sign * self.best.objective

    def _closed(self, bound: float) -> bool:
        return self.best is not None and self._value() - bound <= GAP * abs(self._value())

    def _push(self, held: BoolArray, out: BoolArray) -> None:
        self.serial += 1
        if int(held.sum()) > self.most:
            return
        if int(held.sum()) == self.most:
            out = ~held
        relaxed = ask(self.objective, self._restricted(held, out))
        if self.root is None:
            self.root = relaxed
        if relaxed.weights is None:
            return
        node = _Node(self.sign * relaxed.objective, self.serial, held, out, relaxed.weights)
        if self._whole(node):
            self._keep(relaxed)
        elif not self._closed(node.bound):
            heapq.heappush(self.nodes, node)
            self._try(node.weights, held)

    def _restricted(self, held: BoolArray, out: BoolArray) -> Problem:
        problem = _uncounted(self.problem)
        limits = problem.limits
        lower, upper = limits.lower.copy(), limits.upper.copy()
        lower[out], upper[out] = 0.0, 0.0
        # The least size is one of long positions; where shorts are allowed it is not asked.
        lower[held] = np.where(lower[held] >= 0, np.maximum(lower[held], self.least), lower[held])
        exposures, low, high = limits.exposures, limits.exposure_lower, limits.exposure_upper
        if float(limits.lower.min()) >= 0 and self.most < problem.size:
            # Each name takes at least w / upper of the count: linear, and it lifts the bound of the relaxation.
            row = 1.0 / np.maximum(np.minimum(limits.upper, limits.total_upper), 1e-12)
            exposures = np.vstack([exposures, row])
            low, high = np.append(low, -np.inf), np.append(high, float(self.most))
        return replace(
            problem,
            limits=replace(
                limits, lower=lower, upper=upper, exposures=exposures, exposure_lower=low, exposure_upper=high
            ),
        )

    def _whole(self, node: _Node) -> bool:
        size = np.abs(node.weights)
        small = (size > HELD) & (size < self.least - HELD)
        return int((size > HELD).sum()) <= self.most and not small.any()

    def _try(self, weights: FloatArray, held: BoolArray) -> None:
        """Hold the greatest of these weights alone, none below the least."""
        rank = np.abs(weights) + np.where(held, np.inf, 0.0)
        chosen = np.zeros(weights.size, dtype=bool)
        chosen[np.argsort(-rank, kind="stable")[: self.most]] = True
        chosen &= held | (np.abs(weights) >= max(self.least / 2, HELD))
        found = ask(self.objective, self._restricted(chosen if self.least > 0 else held, ~chosen))
        if found.weights is not None:
            self._keep(found)

    def _keep(self, found: Solution) -> None:
        assert found.weights is not None
        weights = np.where(np.abs(found.weights) <= HELD, 0.0, found.weights)
        # Dust is swept out only where the portfolio stays within its constraints without it.
        if self.problem.violation(weights) <= 1e-9:
            found = replace(
                found, weights=weights, objective=figure(self.objective, self.problem, weights), problem=self.problem
            )
        if self.best is None or self.sign * found.objective < self._value():
            self.best = found

    def _branch(self, node: _Node) -> None:
        size = np.where(node.held | node.out, -1.0, np.abs(node.weights))
        chosen = int(size.argmax())
        for mask in (node.held, node.out):
            child = mask.copy()
            child[chosen] = True
            self._push(child if mask is node.held else node.held, child if mask is node.out else node.out)


def _mixed_integer(objective: Objective, problem: Problem, program: Program) -> Solution:
    answer = _milp(program, problem)
    attempts = (("highs", answer.detail),)
    if answer.x is None:
        nothing = Solution(weights=None, status="infeasible", solver="", attempts=attempts, problem=problem)
        return explain(objective, nothing)
    weights = program.weights(answer.x[: program.size])
    weights = np.where(np.abs(weights) <= HELD, 0.0, weights)
    return Solution(
        weights=weights,
        status="optimal" if answer.gap <= GAP else "inaccurate",
        solver="highs",
        objective=figure(objective, problem, weights),
        gap=answer.gap,
        violation=problem.violation(weights),
        attempts=attempts,
        problem=problem,
    )


def _milp(program: Program, problem: Problem) -> solvers.Answer:
    """The linear program with one binary variable an asset: zero means that it is not held."""
    import highspy

    limits, n = problem.limits, problem.size
    most = np.minimum(limits.upper, limits.total_upper) if limits.lower.min() >= 0 else limits.upper
    least = np.where(limits.lower >= 0, np.maximum(limits.lower, limits.asked.position_min), limits.lower)
    if not (np.isfinite(most).all() and np.isfinite(least).all()):
        raise InputError("assets_max and position_min need finite bounds on every weight")
    wide = widened(program, n)
    wide.lower[-n:], wide.upper[-n:] = 0.0, 1.0
    over = np.eye(n, wide.size) if wide.to_weights is None else _dense(wide.to_weights)
    base = np.zeros(n) if wide.base is None else wide.base
    above, below = over.copy(), over.copy()
    above[:, -n:] -= np.diag(most)
    below[:, -n:] -= np.diag(least)
    count = np.zeros((1, wide.size))
    count[0, -n:] = 1.0
    counted = float(n if limits.asked.assets_max is None else limits.asked.assets_max)
    wide = replace(
        wide,
        rows=stack([wide.rows, above, below, count], sparse=wide.sparse),
        row_lower=np.concatenate([wide.row_lower, np.full(n, -np.inf), -base, [-np.inf]]),
        row_upper=np.concatenate([wide.row_upper, -base, np.full(n, np.inf), [counted]]),
    )
    solver = solvers.highs_model(wide)
    solver.setOptionValue("mip_rel_gap", GAP)
    solver.setOptionValue("mip_max_nodes", 20 * NODES_MAX)
    solver.changeColsIntegrality(
        n, np.arange(wide.size - n, wide.size, dtype=np.int32), np.full(n, highspy.HighsVarType.kInteger)
    )
    solver.run()
    return solvers.highs_answer(solver)


def _dense(matrix: object) -> FloatArray:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()  # type: ignore[attr-defined]  # a sparse array
