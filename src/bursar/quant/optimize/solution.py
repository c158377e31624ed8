"""What an optimization came to: weights or the reason why there are none, and who answered."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from bursar.errors import DataError
from bursar.quant.arrays import FloatArray
from bursar.quant.optimize.problem import Problem

Status: TypeAlias = Literal["optimal", "inaccurate", "infeasible", "unbounded", "failed"]

# A constraint binds when the weights come this close to it.
ACTIVE_WITHIN = 1e-7


@dataclass(frozen=True, kw_only=True)
class Solution:
    """The answer of `optimize`.

    weights     (n_assets,), or None where there is no answer: unknown is not the same as no trades
    status      optimal: within the tolerances below. inaccurate: usable, but see `violation` and `gap`.
                infeasible: `conflicts` says why. unbounded: the objective grows without end. failed: nobody answered
    solver      who answered, "" where nobody did
    objective   the figure that the objective names, at these weights, in the units of the inputs
    gap         proven relative distance between the program's value and its bound; inf where nothing is proven
    violation   by how much the worst constraint is broken, 0 where none is
    attempts    (solver, what it said), in the order in which they were asked
    conflicts   constraints that cannot hold together; leaving out any one of them would let the others hold
    note        what else a reader must know
    """

    weights: FloatArray | None
    status: Status
    solver: str
    objective: float = math.nan
    gap: float = math.inf
    violation: float = math.inf
    attempts: tuple[tuple[str, str], ...] = ()
    conflicts: tuple[str, ...] = ()
    note: str = ""
    problem: Problem = field(repr=False, compare=False)

    def require(self) -> FloatArray:
        """The weights, for a caller who has no other plan; DataError where there are none."""
        if self.weights is None:
            asked = ", ".join(f"{solver}: {said}" for solver, said in self.attempts)
            reason = "; ".join(self.conflicts) or self.note or asked
            raise DataError(f"the portfolio problem is {self.status} ({reason})")
        return self.weights

    @property
    def cash(self) -> float:
        """What the weights leave."""
        return 1.0 - float(self.require().sum())

    @cached_property
    def risk_contributions(self) -> FloatArray:
        """(n_assets,) each asset's share of the variance; they sum to one."""
        weights = self.require()
        marginal = self.problem.risk.times(weights)
        contributions: FloatArray = weights * marginal / float(weights.dot(marginal))
        return contributions

    @cached_property
    def active(self) -> tuple[str, ...]:
        """The names of the constraints that bind: "lower[3]", "upper[7]", "sector tech upper", "turnover_max"."""
        return active_constraints(self.problem, self.require())


def active_constraints(problem: Problem, weights: FloatArray) -> tuple[str, ...]:
    """Constraints that the weights meet with equality, within ACTIVE_WITHIN; a fixed total is not named."""
    limits, asked, names = problem.limits, problem.limits.asked, []
    for side, bound in (("lower", limits.lower), ("upper", limits.upper)):
        names += [f"{side}[{i}]" for i in np.flatnonzero(np.abs(weights - bound) <= ACTIVE_WITHIN)]
    total = float(weights.sum())
    if limits.total_lower < limits.total_upper:
        names += ["cash least"] if abs(total - limits.total_upper) <= ACTIVE_WITHIN else []
        names += ["cash most"] if abs(total - limits.total_lower) <= ACTIVE_WITHIN else []
    for exposure, held in zip(asked.exposures, (limits.exposures @ weights).tolist(), strict=True):
        names += [f"{exposure.name} lower"] if abs(held - exposure.lower) <= ACTIVE_WITHIN else []
        names += [f"{exposure.name} upper"] if abs(held - exposure.upper) <= ACTIVE_WITHIN else []
    measured: dict[str, Callable[[], float]] = {
        "gross_max": lambda: float(np.abs(weights).sum()),
        "turnover_max": lambda: float(np.abs(weights - limits.current).sum()),
        "cost_max": lambda: problem.cost(weights),
        "volatility_max": lambda: math.sqrt(problem.risk.variance(weights)),
        "tracking_error_max": lambda: math.sqrt(problem.risk.variance(weights - limits.benchmark)),
    }
    for name, measure in measured.items():
        if getattr(asked, name) < math.inf and abs(measure() - getattr(asked, name)) <= ACTIVE_WITHIN:
            names.append(name)
    return tuple(names)
