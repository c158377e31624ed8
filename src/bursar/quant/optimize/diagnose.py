"""Why a problem has no portfolio: a set of constraints that conflict, from which none can be left out.

The search (QuickXplain) asks whether parts of the constraints are feasible, by linear or conic programs without an
objective. Bounds of single assets are first taken as one constraint, and told apart only where they take part.

Source: Junker (2004), "QUICKXPLAIN: Preferred Explanations and Relaxations for Over-Constrained Problems".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.optimize import build, solvers
from bursar.quant.optimize.problem import Problem

# A constraint: its name, and for a bound the assets that it is about.
Item: TypeAlias = tuple[str, tuple[int, ...]]

# How many feasibility checks may go into telling single assets apart.
CHECKS_MAX = 200
# More bounds than this are counted, not listed.
LISTED_MAX = 12

ONE_LIMIT = ("gross_max", "turnover_max", "cost_max", "volatility_max", "tracking_error_max")


def conflicts(problem: Problem) -> tuple[str, ...]:
    """Names of constraints that cannot hold together; empty where some portfolio meets them all."""
    whole = _items(problem)
    if feasible(_only(problem, whole)):
        return ()
    found = _quickxplain(whole, lambda kept: feasible(_only(problem, kept)))
    return _named(_single_assets(problem, found))


def feasible(problem: Problem) -> bool:
    """Whether any weights meet the constraints; a solver that cannot tell counts as yes."""
    from bursar.quant.optimize import cardinality

    if problem.limits.asked.counted:
        return cardinality.feasible(problem)
    program = build.affine(problem, risk=0.0, reward=0.0)
    able: tuple[solvers.SolverName, ...] = ("clarabel",) if program.cones else ("highs", "clarabel")
    for name in able:
        answer = solvers.solve(program, name)
        if answer.status in {"optimal", "infeasible"}:
            return answer.status == "optimal"
    return True


def _items(problem: Problem) -> list[Item]:
    limits, asked = problem.limits, problem.limits.asked
    items: list[Item] = []
    for side, bound in (("lower", limits.lower), ("upper", limits.upper)):
        if finite := tuple(int(i) for i in np.flatnonzero(np.isfinite(bound))):
            items.append((side, finite))
    items += [("cash least", ()), ("cash most", ())]
    for exposure in asked.exposures:
        items += [(f"{exposure.name} lower", ())] if exposure.lower > -math.inf else []
        items += [(f"{exposure.name} upper", ())] if exposure.upper < math.inf else []
    items += [(name, ()) for name in ONE_LIMIT if getattr(asked, name) < math.inf]
    items += [("assets_max", ())] if asked.assets_max is not None else []
    items += [("position_min", ())] if asked.position_min > 0 else []
    return items


def _only(problem: Problem, kept: Iterable[Item]) -> Problem:
    """The problem with every other constraint lifted."""
    limits, asked = problem.limits, problem.limits.asked
    names = {name for name, _ in kept}
    assets: dict[str, list[int]] = {"lower": [], "upper": []}
    for name, which in kept:
        if which:
            assets[name].extend(which)
    lower, upper = np.full(problem.size, -np.inf), np.full(problem.size, np.inf)
    lower[assets["lower"]] = limits.lower[assets["lower"]]
    upper[assets["upper"]] = limits.upper[assets["upper"]]
    exposures = tuple(
        replace(
            each,
            lower=each.lower if f"{each.name} lower" in names else -math.inf,
            upper=each.upper if f"{each.name} upper" in names else math.inf,
        )
        for each in asked.exposures
    )
    fewer = replace(
        asked,
        exposures=exposures,
        assets_max=asked.assets_max if "assets_max" in names else None,
        position_min=asked.position_min if "position_min" in names else 0.0,
        gross_max=asked.gross_max if "gross_max" in names else math.inf,
        turnover_max=asked.turnover_max if "turnover_max" in names else math.inf,
        cost_max=asked.cost_max if "cost_max" in names else math.inf,
        volatility_max=asked.volatility_max if "volatility_max" in names else math.inf,
        tracking_error_max=asked.tracking_error_max if "tracking_error_max" in names else math.inf,
    )
    return replace(
        problem,
        limits=replace(
            limits,
            lower=lower,
            upper=upper,
            total_lower=limits.total_lower if "cash most" in names else -math.inf,
            total_upper=limits.total_upper if "cash least" in names else math.inf,
            exposure_lower=np.array([each.lower for each in exposures]),
            exposure_upper=np.array([each.upper for each in exposures]),
            asked=fewer,
        ),
    )


def _quickxplain(items: Sequence[Item], holds: Callable[[list[Item]], bool]) -> list[Item]:
    """A smallest part of `items`, in the sense that every smaller part of it holds."""

    def conflict(background: list[Item], added: bool, candidates: list[Item]) -> list[Item]:
        if added and not holds(background):
            return []
        if len(candidates) == 1:
            return candidates
        half = len(candidates) // 2
        first, second = candidates[:half], candidates[half:]
        of_second = conflict([*background, *first], True, second)
        of_first = conflict([*background, *of_second], bool(of_second), first)
        return [*of_first, *of_second]

    return conflict([], False, list(items))


class _TooManyChecksError(Exception):
    """The bounds of single assets are too many to tell apart."""


def _single_assets(problem: Problem, found: list[Item]) -> list[Item]:
    """The bounds in a conflict, narrowed to the assets that take part in it."""
    checks = 0

    def holds(kept: list[Item]) -> bool:
        nonlocal checks
        checks += 1
        if checks > CHECKS_MAX:
            raise _TooManyChecksError
        return feasible(_only(problem, [*others, *kept]))

    others = [item for item in found if not item[1]]
    singles: list[Item] = [(name, (i,)) for name, assets in found for i in assets]
    if not singles:
        return found
    try:
        return [*_quickxplain(singles, holds), *others]
    except _TooManyChecksError:
        return found


def _named(items: list[Item]) -> tuple[str, ...]:
    names: list[str] = []
    for side in ("lower", "upper"):
        assets = sorted(i for name, which in items if name == side for i in which)
        if len(assets) > LISTED_MAX:
            names.append(f"{side} of {len(assets)} assets")
        else:
            names += [f"{side}[{i}]" for i in assets]
    return (*names, *(name for name, which in items if not which))


def best_functional(problem: Problem, means: FloatArray) -> float:
    """The greatest net return for these means that the constraints allow; NaN where no solver says."""
    from bursar.quant.optimize.forms import mean_size

    size = mean_size(means)
    program = build.affine(replace(problem, means=means, risk_free=0.0), risk=0.0, reward=1.0 / size)
    for name in solvers.suitable(program):
        answer = solvers.solve(program, name)
        if answer.x is not None and answer.status == "optimal":
            weights = program.weights(answer.x)
            return float(means.dot(weights)) - problem.cost(weights) / problem.limits.cost_periods
    return math.nan
