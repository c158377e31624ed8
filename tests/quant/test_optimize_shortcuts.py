"""The shorter ways lead to the same portfolios as the long one: filling, few caps, warm starts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bursar.quant.arrays import FloatArray
from bursar.quant.optimize import (
    Constraints,
    Costs,
    Exposure,
    MaximumDiversification,
    MaximumReturn,
    MaximumSharpe,
    MeanVariance,
    MinimumVariance,
    Objective,
    optimize,
    ratios,
    screening,
    sectors,
    solvers,
)
from bursar.quant.optimize.activeset import settle
from bursar.quant.optimize.build import affine
from bursar.quant.optimize.filling import best_filling
from bursar.quant.optimize.forms import convex_program, ratio_functional
from bursar.quant.optimize.program import best_ratio
from bursar.quant.optimize.screening import solve_screened
from bursar.quant.optimize.solvers import Answer
from bursar.quant.riskmodel import FactorModel
from tests.conftest import Evidence
from tests.quant.portfolios import Market, market

# -- the most return by hand


@pytest.mark.parametrize("seed", range(60))
def test_filling_by_hand_earns_what_the_linear_program_earns(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 15))
    labels = [f"group {i}" for i in random.integers(0, 4, n)]
    # Some assets belong to no group that is limited.
    groups = sectors(labels, upper={name: float(random.uniform(0.1, 0.7)) for name in set(labels) - {"group 0"}})
    asked = Constraints(
        lower=np.where(random.uniform(size=n) < 0.3, random.uniform(-0.1, 0.1, n), 0.0),
        upper=random.uniform(0.1, 0.6, n) + 1 / n,
        cash=(0.0, float(random.choice([0.0, 0.3]))),
        exposures=tuple(each for each in groups if each.upper < np.inf),
    )
    means = np.round(random.normal(0.0002, 0.001, n), 4)  # with ties
    by_hand = optimize(MaximumReturn(), expected_returns=means, constraints=asked, risk_free=0.0001)
    by_program = optimize(
        MaximumReturn(), expected_returns=means, constraints=asked, risk_free=0.0001, chain=["highs", "piqp"]
    )
    assert by_hand.status == by_program.status
    if by_program.weights is not None:
        assert by_hand.solver == "filling"
        assert by_hand.violation <= 1e-12
        assert by_hand.objective == pytest.approx(by_program.objective, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "asked",
    [
        Constraints(turnover_max=0.5),
        Constraints(lower=-0.5, gross_max=1.2),
        Constraints(lower=-np.inf),
        Constraints(exposures=sectors(["a", "b", "a"], lower=0.1)),
        Constraints(exposures=(Exposure(name="beta", loadings=np.array([0.5, 1.0, 1.5]), upper=1.0),)),
        Constraints(exposures=sectors(["a", "b", "a"], upper=0.8) + sectors(["c", "c", "d"], upper=0.8)),
        Constraints(lower=0.1, exposures=sectors(["a", "b", "a"], upper=0.15)),
        Constraints(exposures=sectors(["a", "b", "a"], upper=0.4)),
    ],
)
def test_what_cannot_be_filled_by_hand_is_left_to_a_solver(asked: Constraints) -> None:
    solution = optimize(MaximumReturn(), expected_returns=[0.1, 0.2, 0.3], constraints=asked, current=[0.3, 0.3, 0.4])
    assert best_filling(solution.problem) is None


# -- few of many caps


RATIOS: list[MaximumSharpe | MaximumDiversification] = [MaximumSharpe(), MaximumDiversification()]


@pytest.mark.parametrize("objective", RATIOS, ids=lambda each: type(each).__name__)
def test_the_plain_ratio_is_the_homogeneous_form_of_the_plain_problem(
    objective: MaximumSharpe | MaximumDiversification,
) -> None:
    sample = market(2, 7)
    asked = Constraints(upper=0.4, cash=(0.1, 0.1), exposures=sectors(sample.labels, lower=0.1, upper=0.6))
    problem = optimize(objective, sample.covariance, sample.means, constraints=asked).problem
    assert ratios.is_plain(problem)
    plain = ratios.plain_ratio(objective, problem)
    general = best_ratio(affine(problem, risk=1.0, reward=0.0), *ratio_functional(objective, problem))

    def in_order(rows: FloatArray) -> FloatArray:
        return rows[np.lexsort(np.round(rows.T, 9))]

    assert in_order(plain.rows) == pytest.approx(in_order(general.rows))
    # Objective and reward may differ in their scale, and in nothing else.
    for ours, theirs in ((plain.quadratic, general.quadratic), (plain.equalities, general.equalities)):
        factor = np.asarray(ours) / np.asarray(theirs)
        assert factor == pytest.approx(np.full(factor.shape, factor.flat[0]))


# -- warm starts


FOUR: list[Objective] = [MinimumVariance(), MeanVariance(50.0), MaximumSharpe(), MaximumDiversification()]


def day_after_day(objective: Objective, seed: int, size: int, days: int = 12) -> tuple[int, float]:
    """Solve a drifting market warm and cold; returns how often the start settled it, and the worst difference."""
    random = np.random.default_rng(seed)
    sample = market(seed, size)
    lower = 0.0 if seed % 2 else -0.05
    asked = Constraints(lower=lower, upper=3.0 / size, exposures=sectors(sample.labels, upper=0.5))
    covariance, means = sample.covariance, sample.means
    weights, settled, worst = None, 0, 0.0
    for _ in range(days):
        cold = optimize(objective, covariance, means, constraints=asked, chain=["piqp", "clarabel"])
        warm = optimize(objective, covariance, means, constraints=asked, warm_start=weights)
        assert warm.status == cold.status
        if warm.weights is not None:
            assert warm.violation <= 1e-9
            worst = max(worst, abs(warm.objective - cold.objective) / abs(cold.objective))
            settled += warm.solver == "active set"
            weights = warm.weights
        fresh = random.normal(size=(4, size)) * np.sqrt(covariance.diagonal())
        covariance = 0.98 * covariance + 0.02 * np.cov(fresh.T) + 1e-7 * np.eye(size)
        covariance = 0.5 * (covariance + covariance.T)
        means = means + random.normal(size=size) * 1e-5
    return settled, worst


@pytest.mark.parametrize("objective", FOUR, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("seed", range(3))
def test_yesterdays_weights_settle_most_of_the_days_that_follow(objective: Objective, seed: int) -> None:
    settled, worst = day_after_day(objective, seed, 15)
    assert worst < 1e-7
    assert settled >= 6


@pytest.mark.prove
@pytest.mark.parametrize("objective", FOUR, ids=lambda each: type(each).__name__)
def test_a_thousand_warm_days_are_the_cold_ones(objective: Objective, evidence: Evidence) -> None:
    runs = [day_after_day(objective, seed, 8 + seed % 40, days=25) for seed in range(40)]
    evidence(days=40 * 25, settled=sum(settled for settled, _ in runs), worst=max(worst for _, worst in runs))
    assert max(worst for _, worst in runs) < 1e-6
    assert sum(settled for settled, _ in runs) > 400


def test_any_start_leads_to_the_same_portfolio() -> None:
    sample = market(3, 10)
    asked = Constraints(upper=0.3, exposures=sectors(sample.labels, lower=0.2, upper=0.5))
    for objective in FOUR:
        cold = optimize(objective, sample.covariance, sample.means, constraints=asked)
        for start in (np.eye(10)[0], np.full(10, 0.1), np.zeros(10), -np.ones(10), cold.require()):
            warm = optimize(objective, sample.covariance, sample.means, constraints=asked, warm_start=start)
            assert warm.objective == pytest.approx(cold.objective, rel=1e-7)


def test_the_exact_start_is_proven_at_once_to_the_last_digit() -> None:
    sample = market(4, 12)
    asked = Constraints(upper=0.2)
    cold = optimize(MinimumVariance(), sample.covariance, constraints=asked)
    warm = optimize(MinimumVariance(), sample.covariance, constraints=asked, warm_start=cold.require())
    assert (warm.solver, warm.gap) == ("active set", 0.0)
    assert warm.objective <= cold.objective * (1 + 1e-12)


def test_what_a_start_cannot_settle_goes_to_the_solvers() -> None:
    sample = market(5, 8)
    start = np.full(8, 1 / 8)
    limited = optimize(
        MinimumVariance(), sample.covariance, constraints=Constraints(volatility_max=1.0), warm_start=start
    )
    assert limited.solver == "clarabel"
    cashed = optimize(
        MaximumSharpe(), sample.covariance, sample.means, constraints=Constraints(cash=(0, 0.5)), warm_start=start
    )
    assert (cashed.solver, cashed.status) == ("piqp", "optimal")
    model = FactorModel(np.ones((8, 1)) * 0.01, np.eye(1), np.full(8, 1e-4))
    assert optimize(MinimumVariance(), model, warm_start=start).solver == "piqp"
    # Everything at its bound leaves more equations than free weights, and a singular covariance a singular system.
    pinned = optimize(MinimumVariance(), sample.covariance, constraints=Constraints(upper=1 / 8), warm_start=start)
    assert pinned.require() == pytest.approx(start)
    twins = np.ones((2, 2))
    assert optimize(MinimumVariance(), twins, warm_start=[0.5, 0.5]).status == "optimal"


def test_changes_without_end_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from bursar.quant.optimize import activeset

    monkeypatch.setattr(activeset, "CHANGES_MAX", 1)
    sample = market(6, 10)
    problem = optimize(MinimumVariance(), sample.covariance, constraints=Constraints(upper=0.15)).problem
    program = convex_program(MinimumVariance(), problem)
    assert settle(program, np.eye(10)[3]) is None
    assert settle(replace(program, quadratic=None), np.full(10, 0.1)) is None


# -- fewer purchases


def traded(seed: int, size: int) -> tuple[Market, dict[str, Any]]:
    random = np.random.default_rng(seed)
    sample = market(seed, size)
    current = random.dirichlet(np.ones(size))
    asked = Constraints(
        lower=-0.02 if seed % 2 else 0.0,
        upper=float(max(current.max(), 5 / size)),
        exposures=sectors(sample.labels, upper=0.6),
        turnover_max=float(random.uniform(0.1, 0.8)) if seed % 3 else np.inf,
    )
    case: dict[str, Any] = {"constraints": asked, "current": current}
    if seed % 3 != 1:
        case["costs"] = Costs(linear=0.001, periods=20)
    return sample, case


@pytest.mark.parametrize("objective", FOUR, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("seed", range(4))
def test_leaving_out_purchases_changes_no_portfolio(objective: Objective, seed: int) -> None:
    sample, case = traded(seed, 64)
    found = optimize(objective, sample.covariance, sample.means, **case)
    whole = optimize(objective, sample.covariance, sample.means, **case, chain=["piqp"])
    assert solve_screened(objective, whole.problem, convex_program(objective, whole.problem)) is not None
    assert found.violation <= 1e-9
    assert found.objective == pytest.approx(whole.objective, rel=1e-7)


def test_a_few_purchases_left_out_wrongly_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    sample, case = traded(2, 64)
    whole = optimize(MinimumVariance(), sample.covariance, **case, chain=["piqp"])
    program = convex_program(MinimumVariance(), whole.problem)
    bought = np.flatnonzero(whole.require() > whole.problem.limits.current + 1e-6)
    few = np.where(np.isin(np.arange(64), bought[: bought.size // 2]), 1.0, -1.0)
    monkeypatch.setattr(screening, "settle", lambda free: Answer(solver="active set", status="optimal", x=few))
    found = solve_screened(MinimumVariance(), whole.problem, program)
    assert found is not None
    assert found.x is not None
    assert whole.problem.risk.variance(program.weights(found.x)) == pytest.approx(whole.objective, rel=1e-7)
    monkeypatch.setattr(screening, "ROUNDS_MAX", 1)
    assert solve_screened(MinimumVariance(), whole.problem, program) is None


def test_what_is_not_screened_goes_to_the_solvers(monkeypatch: pytest.MonkeyPatch) -> None:
    sample, case = traded(1, 64)
    problem = optimize(MinimumVariance(), sample.covariance, sample.means, **case).problem
    program = convex_program(MinimumVariance(), problem)
    assert solve_screened(MaximumReturn(), problem, program) is None
    monkeypatch.setattr(screening, "settle", lambda free: None)
    assert solve_screened(MinimumVariance(), problem, program) is None
    monkeypatch.undo()
    failed = Answer(solver="piqp", status="failed"), (np.empty(0), np.empty(0))
    monkeypatch.setattr(solvers, "piqp_with_multipliers", lambda _: failed)
    assert solve_screened(MinimumVariance(), problem, program) is None
    assert optimize(MinimumVariance(), sample.covariance, **case).solver == "clarabel"


# -- the kernel itself


def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the kernels of the active set as the plain functions that they are written as."""
    from bursar.quant.kernels import activeset as kernels

    for name in ("_place", "_system", "_equations", "_mend_variables", "_mend_rows", "settle_active_set"):
        compiled = getattr(kernels, name)
        monkeypatch.setattr(kernels, name, getattr(compiled, "py_func", compiled))


@pytest.mark.parametrize("objective", FOUR, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("seed", range(4))
def test_with_the_compiler_off_the_same_set_is_settled(
    objective: Objective, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = market(seed, 9)
    asked = Constraints(
        lower=-0.05 if seed % 2 else 0.0,
        upper=0.3,
        exposures=sectors(sample.labels, lower=0.1, upper=0.4),
        cash=(0.0, 0.2) if seed == 3 else (0.0, 0.0),
    )
    problem = optimize(objective, sample.covariance, sample.means, constraints=asked, chain=["piqp"]).problem
    program = convex_program(objective, problem)
    compiled = settle(program)
    interpreted(monkeypatch)
    plain = settle(program)
    if compiled is None or plain is None:
        assert compiled is plain
        return
    assert plain.detail == compiled.detail
    assert plain.x == pytest.approx(compiled.x, abs=1e-10)


def test_a_point_that_is_no_number_and_a_system_without_an_answer_settle_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interpreted(monkeypatch)
    problem = optimize(MinimumVariance(), np.eye(3)).problem
    program = convex_program(MinimumVariance(), problem)
    with np.errstate(all="ignore"):
        assert settle(replace(program, linear=np.array([1e308, -1e308, 1e308]) * 10)) is None
    singular = replace(program, quadratic=np.zeros((3, 3)))
    assert settle(singular) is None


def test_a_large_market_begins_with_the_assets_that_reward_their_risk() -> None:
    random = np.random.default_rng(1)
    returns = random.normal(size=(600, 4)) @ random.normal(size=(4, 150)) * 0.006
    returns += random.normal(size=(600, 150)) * random.uniform(0.005, 0.02, 150)
    covariance, means = np.cov(returns.T), random.normal(0.0005, 0.0005, 150)
    for objective in FOUR:
        for lower in (0.0, -0.01):
            asked = Constraints(lower=lower, upper=0.05)
            found = optimize(objective, covariance, means, constraints=asked)
            bare = optimize(objective, covariance, means, constraints=asked, chain=["piqp"])
            assert found.objective == pytest.approx(bare.objective, rel=1e-7)


@pytest.mark.parametrize("kind", ["ordinary", "short", "twins", "wild", "flat"])
@pytest.mark.parametrize("objective", FOUR, ids=lambda each: type(each).__name__)
def test_what_is_settled_is_the_optimum_in_every_kind_of_market(objective: Objective, kind: str) -> None:
    for seed in range(10):
        sample = market(seed, 12, kind=kind)
        asked = Constraints(upper=0.25, exposures=sectors(sample.labels, upper=0.5))
        found = optimize(objective, sample.covariance, sample.means, constraints=asked)
        bare = optimize(objective, sample.covariance, sample.means, constraints=asked, chain=["piqp", "clarabel"])
        assert found.status == bare.status
        if found.weights is not None:
            assert found.violation <= 1e-9
            riskless = found.problem.risk.variance(found.require()) < 1e-15
            assert riskless or found.objective == pytest.approx(bare.objective, rel=1e-7)
