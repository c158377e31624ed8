"""Few names and whole lots against a look at every possibility, and constraints that a user writes."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from typing import Any

import cvxpy
import numpy as np
import pytest

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.quant.optimize import (
    Constraints,
    Costs,
    Exposure,
    HierarchicalRiskParity,
    MaximumDiversification,
    MaximumReturn,
    MaximumSharpe,
    MeanVariance,
    MinimumCVaR,
    MinimumVariance,
    Objective,
    RiskParity,
    cardinality,
    custom,
    lots,
    optimize,
    sectors,
    solvers,
    whole_lots,
)
from bursar.quant.optimize.forms import maximized
from bursar.quant.riskmodel import FactorModel
from tests.quant.portfolios import market

cp: Any = cvxpy


def by_enumeration(objective: Objective, sample: Any, asked: Constraints, **case: Any) -> float:
    """The best figure over every choice of names."""
    n, sign = sample.size, (-1.0 if maximized(objective) else 1.0)
    best = np.inf
    for count in range(1, (asked.assets_max or n) + 1):
        for names in itertools.combinations(range(n), count):
            held = np.isin(np.arange(n), names)
            lower = np.where(held, np.maximum(np.broadcast_to(asked.lower, n), asked.position_min), 0.0)
            upper = np.where(held, np.broadcast_to(asked.upper, n), 0.0)
            if lower.sum() > 1 or upper.sum() < 1 or (lower > upper).any():
                continue
            fixed = replace(asked, lower=lower, upper=upper, assets_max=None, position_min=0.0)
            found = optimize(
                objective, sample.covariance, sample.means, scenarios=sample.returns, constraints=fixed, **case
            )
            if found.weights is not None:
                best = min(best, sign * found.objective)
    return sign * best


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "objective",
    [MinimumVariance(), MeanVariance(5.0), MaximumReturn(), MaximumSharpe(), MaximumDiversification(), MinimumCVaR()],
    ids=lambda each: type(each).__name__,
)
def test_the_best_three_of_seven_are_the_best_of_all_threes(objective: Objective, seed: int) -> None:
    sample = market(seed, 7, periods=60)
    asked = Constraints(upper=0.6, assets_max=3, position_min=0.15, exposures=sectors(sample.labels, upper=0.75))
    found = optimize(objective, sample.covariance, sample.means, scenarios=sample.returns, constraints=asked)
    weights = found.require()
    assert (weights > 1e-6).sum() <= 3
    assert weights[weights > 1e-6].min() >= 0.15 - 1e-7
    assert found.violation <= 1e-7
    assert found.gap <= 1e-6
    assert found.objective == pytest.approx(by_enumeration(objective, sample, asked), rel=2e-6)


def test_few_names_long_and_short_under_a_risk_limit() -> None:
    sample = market(4, 6)
    asked = Constraints(lower=-0.3, upper=0.8, gross_max=1.4, assets_max=3, volatility_max=0.02)
    for objective in (MinimumVariance(), MaximumReturn()):
        found = optimize(objective, sample.covariance, sample.means, constraints=asked)
        assert (np.abs(found.require()) > 1e-6).sum() <= 3
        best = -np.inf if maximized(objective) else np.inf
        for names in itertools.combinations(range(6), 3):
            held = np.isin(np.arange(6), names)
            fixed = replace(asked, lower=np.where(held, -0.3, 0.0), upper=np.where(held, 0.8, 0.0), assets_max=None)
            one = optimize(objective, sample.covariance, sample.means, constraints=fixed)
            if one.weights is not None:
                best = max(best, one.objective) if maximized(objective) else min(best, one.objective)
        assert found.objective == pytest.approx(best, rel=1e-5)


def test_a_linear_objective_with_trades_is_counted_by_highs() -> None:
    sample = market(5, 6)
    current = np.array([0.5, 0.5, 0, 0, 0, 0])
    asked = Constraints(upper=0.7, assets_max=2, turnover_max=1.0)
    found = optimize(
        MaximumReturn(), sample.covariance, sample.means, constraints=asked, current=current, costs=Costs(linear=1e-4)
    )
    assert found.solver == "highs"
    best = by_enumeration(MaximumReturn(), sample, asked, current=current, costs=Costs(linear=1e-4))
    assert found.objective == pytest.approx(best, rel=1e-6)


def test_a_floor_forces_an_asset_into_the_count() -> None:
    sample = market(6, 6)
    asked = Constraints(lower=np.array([0, 0, 0.1, 0, 0, 0]), assets_max=2)
    for objective in (MinimumVariance(), MaximumReturn()):
        weights = optimize(objective, sample.covariance, sample.means, constraints=asked).require()
        assert weights[2] >= 0.1 - 1e-9
        assert (weights > 1e-6).sum() == 2


def test_a_start_is_the_first_candidate_and_the_answer_is_the_same() -> None:
    sample = market(7, 8)
    asked = Constraints(assets_max=3)
    cold = optimize(MinimumVariance(), sample.covariance, constraints=asked)
    warm = optimize(MinimumVariance(), sample.covariance, constraints=asked, warm_start=cold.require())
    assert warm.objective == pytest.approx(cold.objective, rel=1e-6)
    assert "branch and bound" in warm.note


def test_a_search_that_is_cut_short_states_its_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = market(8, 14)
    asked = Constraints(assets_max=4, position_min=0.05)
    full = optimize(MinimumVariance(), sample.covariance, constraints=asked)
    monkeypatch.setattr(cardinality, "NODES_MAX", 3)
    cut = optimize(MinimumVariance(), sample.covariance, constraints=asked)
    assert cut.status == "inaccurate"
    assert cut.gap > 1e-6
    assert cut.objective * (1 - cut.gap) <= full.objective * (1 + 1e-9) <= cut.objective * (1 + 2e-9)
    assert "stopped with a gap" in cut.note


def test_a_search_cut_short_before_any_portfolio_says_that_none_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = market(9, 10)
    asked = Constraints(
        assets_max=3,
        upper=0.35,
        exposures=(Exposure(name="tilt", loadings=np.linspace(-1, 1, 10), lower=0.0, upper=0.0),),
    )
    monkeypatch.setattr(cardinality, "NODES_MAX", 1)
    cut = optimize(MinimumVariance(), sample.covariance, constraints=asked)
    assert (cut.weights, cut.status) == (None, "failed")
    assert "no portfolio found in 1 nodes" in cut.note


@pytest.mark.parametrize("objective", [MinimumVariance(), MaximumReturn(), MaximumSharpe()])
def test_a_count_too_small_for_the_caps_is_named(objective: Objective) -> None:
    sample = market(1, 6)
    solution = optimize(objective, sample.covariance, sample.means, constraints=Constraints(upper=0.3, assets_max=3))
    assert solution.status == "infeasible"
    assert "assets_max" in solution.conflicts
    risky = optimize(
        objective,
        sample.covariance,
        sample.means,
        constraints=Constraints(upper=0.5, assets_max=2, volatility_max=1e-5),
    )
    assert risky.status == "infeasible"
    assert "volatility_max" in risky.conflicts
    small = optimize(
        objective,
        sample.covariance,
        sample.means,
        constraints=Constraints(position_min=0.3, exposures=sectors(sample.labels, upper=0.29)),
    )
    assert "position_min" in small.conflicts or "cash most" in small.conflicts


def test_a_count_with_a_factor_model() -> None:
    random = np.random.default_rng(3)
    model = FactorModel(random.normal(size=(6, 2)) * 0.01, np.eye(2), random.uniform(1e-5, 1e-4, 6))
    asked = Constraints(assets_max=2)
    found = optimize(MinimumVariance(), model, constraints=asked)
    assert found.objective == pytest.approx(optimize(MinimumVariance(), model.dense(), constraints=asked).objective)
    linear = optimize(MaximumReturn(), model, np.arange(6.0), constraints=Constraints(assets_max=2, upper=0.6))
    assert linear.require() == pytest.approx([0, 0, 0, 0, 0.4, 0.6], abs=1e-9)


# -- whole lots


def lots_by_enumeration(target: FloatArray, price: FloatArray, capital: float, spare: float) -> float:
    most = [range(int(1.2 * capital * t / p) + 2) for t, p in zip(target, price, strict=True)]
    best = np.inf
    for counts in itertools.product(*most):
        weights = np.array(counts) * price / capital
        if weights.sum() <= 1 - spare / capital + 1e-12:
            best = min(best, float(np.abs(weights - target).sum()))
    return best


@pytest.mark.parametrize("seed", range(10))
def test_whole_shares_are_the_nearest_that_the_money_buys(seed: int) -> None:
    random = np.random.default_rng(seed)
    target, price = random.dirichlet(np.ones(3)), random.uniform(40, 400, 3)
    spare = float(random.choice([0.0, 150.0]))
    found = whole_lots(target, price, 2500.0, cash_min=spare)
    assert found.status == "optimal"
    assert found.quantities is not None
    assert found.cash >= spare - 1e-9
    assert found.cash == pytest.approx(2500 - float(found.quantities @ price))
    assert found.distance == pytest.approx(lots_by_enumeration(target, price, 2500.0, spare), abs=1e-6)


def test_lots_of_a_hundred_and_shorts_and_costs() -> None:
    found = whole_lots([0.6, -0.3], [10.0, 20.0], 100_000.0, lot_sizes=[100, 50], cost_fraction=0.001)
    assert found.quantities is not None
    assert found.quantities.tolist() == [6000, -1500]
    # 60,000 bought and 30,000 sold short, a thousandth of both in costs.
    assert found.cash == pytest.approx(100_000 - 60_000 + 30_000 - 90)
    assert found.weights == pytest.approx([0.6, -0.3])


def test_an_upper_weight_is_not_exceeded_by_rounding_up() -> None:
    free = whole_lots([0.5, 0.5], [260.0, 10.0], 1000.0)
    held = whole_lots([0.5, 0.5], [260.0, 10.0], 1000.0, upper=[0.5, 1.0])
    assert free.quantities is not None
    assert held.quantities is not None
    assert (free.quantities[0], held.quantities[0]) == (2, 1)


def test_cash_that_cannot_be_kept_is_infeasible() -> None:
    found = whole_lots([1.0], [10.0], 100.0, cash_min=200.0)
    assert (found.quantities, found.status) == (None, "infeasible")


def test_a_search_for_lots_that_finds_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Idle:
        """HiGHS that never starts."""

        def __init__(self) -> None:
            self.real = solvers.silent_highs()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def run(self) -> None:
            """Do nothing."""

    monkeypatch.setattr(lots, "silent_highs", Idle)
    found = whole_lots([0.5, 0.5], [10.0, 20.0], 1000.0)
    assert (found.quantities, found.status, found.gap) == (None, "failed", np.inf)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prices": [10.0, 0.0]}, r"prices\[1\] is 0"),
        ({"prices": [10.0]}, "prices has 1 entries"),
        ({"capital": 0.0}, "capital is 0"),
        ({"lot_sizes": [1.5, 1.0]}, r"lot_sizes\[0\] is 1.5; a lot holds whole shares"),
        ({"lot_sizes": [-1.0, 1.0]}, r"lot_sizes\[0\] is -1"),
        ({"cost_fraction": -0.1}, "cost_fraction is -0.1"),
    ],
)
def test_lots_that_make_no_sense_are_named(changes: dict[str, Any], message: str) -> None:
    given = {"weights": [0.5, 0.5], "prices": [10.0, 20.0], "capital": 1000.0, **changes}
    with pytest.raises(InputError, match=message):
        whole_lots(**given)


# -- constraints in CVXPY


EVERY: list[Objective] = [
    MinimumVariance(),
    MeanVariance(5.0),
    MaximumReturn(),
    MaximumSharpe(),
    MaximumDiversification(),
    MinimumCVaR(0.9),
]


@pytest.mark.parametrize("objective", EVERY, ids=lambda each: type(each).__name__)
def test_a_users_constraint_binds_as_our_own_would(objective: Objective) -> None:
    sample = market(2, 7, periods=80)
    beta = np.linspace(0.2, 1.4, 7)
    ours = Constraints(
        upper=0.5,
        volatility_max=0.03,
        turnover_max=1.5,
        exposures=(Exposure(name="beta", loadings=beta, upper=0.6),),
    )
    costs = Costs(linear=1e-4, three_halves=1e-3, periods=10)
    current = np.full(7, 1 / 7)
    case: dict[str, Any] = {"scenarios": sample.returns, "current": current, "costs": costs}
    direct = optimize(objective, sample.covariance, sample.means, constraints=ours, **case)
    written = optimize(
        objective,
        sample.covariance,
        sample.means,
        constraints=replace(ours, exposures=()),
        custom=lambda w: [beta @ w <= 0.6],
        **case,
    )
    assert written.solver.startswith("cvxpy")
    assert written.status == "optimal"
    assert beta @ written.require() <= 0.6 + 1e-7
    assert written.objective == pytest.approx(direct.objective, rel=1e-5)


def test_a_constraint_that_no_other_form_has() -> None:
    # The largest three weights together hold at most 45 %.
    sample = market(3, 9)
    found = optimize(MaximumSharpe(), sample.covariance, sample.means, custom=lambda w: [cp.sum_largest(w, 3) <= 0.45])
    assert np.sort(found.require())[-3:].sum() == pytest.approx(0.45, abs=1e-6)


def test_a_users_constraint_with_a_factor_model() -> None:
    random = np.random.default_rng(4)
    model = FactorModel(random.normal(size=(6, 2)) * 0.01, np.eye(2), random.uniform(1e-5, 1e-4, 6))
    means = random.normal(0.001, 0.0005, 6)
    for objective in (MinimumVariance(), MaximumSharpe()):
        structured = optimize(objective, model, means, custom=lambda w: [w[0] == 0.2])
        full = optimize(objective, model.dense(), means, custom=lambda w: [w[0] == 0.2])
        assert structured.objective == pytest.approx(full.objective, rel=1e-6)


def test_a_users_constraint_that_cannot_hold_is_the_conflict() -> None:
    sample = market(5, 4)
    for objective in (MinimumVariance(), MaximumSharpe()):
        found = optimize(objective, sample.covariance, sample.means, custom=lambda w: [cp.sum(w) >= 2])
        assert (found.weights, found.status, found.conflicts) == (None, "infeasible", ("custom",))
    ours = optimize(
        MinimumVariance(),
        sample.covariance,
        constraints=Constraints(exposures=sectors(sample.labels, upper=0.2)),
        custom=lambda w: [w >= 0],
    )
    assert "cash most" in ours.conflicts
    endless = optimize(
        MaximumReturn(),
        sample.covariance,
        sample.means,
        constraints=Constraints(lower=-np.inf, upper=np.inf),
        custom=lambda w: [w[0] >= 0],
    )
    assert (endless.weights, endless.status) == (None, "unbounded")


def test_no_positive_return_leaves_a_users_ratio_without_an_answer() -> None:
    sample = market(6, 4)
    found = optimize(MaximumSharpe(), sample.covariance, -np.abs(sample.means) - 0.001, custom=lambda w: [w[0] <= 0.9])
    assert (found.weights, found.status) == (None, "infeasible")
    assert "positive numerator" in found.note


def test_where_cvxpys_first_solver_fails_it_asks_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = market(7, 4)
    real = cp.Problem.solve

    def fails_once(self: Any, solver: str, **options: Any) -> Any:
        if solver == "CLARABEL":
            raise cp.SolverError("out of order")
        return real(self, solver=solver, **options)

    monkeypatch.setattr(cp.Problem, "solve", fails_once)
    found = optimize(MinimumVariance(), sample.covariance, custom=lambda w: [w[0] <= 0.9])
    assert found.attempts[0] == ("clarabel", "out of order")
    assert found.solver == "cvxpy scs"
    monkeypatch.setattr(custom, "SOLVERS", ("CLARABEL",))
    nobody = optimize(MinimumVariance(), sample.covariance, custom=lambda w: [w[0] <= 0.9])
    assert (nobody.weights, nobody.status) == (None, "failed")


def test_what_does_not_go_with_custom_constraints_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: Any) -> list[Any]:
        return []

    with pytest.raises(InputError, match="not convex by CVXPY's rules"):
        optimize(MinimumVariance(), np.eye(2), custom=lambda w: [cp.sum_squares(w) >= 1])
    for objective in (RiskParity(), HierarchicalRiskParity()):
        with pytest.raises(InputError, match="does not go with custom constraints"):
            optimize(objective, np.eye(2), custom=none)
    with pytest.raises(InputError, match="do not go with custom constraints"):
        optimize(MinimumVariance(), np.eye(2), constraints=Constraints(assets_max=1), custom=none)
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(InputError, match=r"install bursar\[convex\]"):
        optimize(MinimumVariance(), np.eye(2), custom=none)


@pytest.mark.parametrize(
    ("objective", "asked", "message"),
    [
        (RiskParity(), Constraints(assets_max=1), "risk parity holds every asset"),
        (
            MinimumVariance(),
            Constraints(lower=-0.1, position_min=0.1),
            r"position_min goes with long-only .* lower\[0\]",
        ),
        (MaximumReturn(), Constraints(lower=-np.inf, assets_max=1), "need finite bounds on every weight"),
    ],
)
def test_counts_that_make_no_sense_are_named(objective: Objective, asked: Constraints, message: str) -> None:
    with pytest.raises(InputError, match=message):
        optimize(objective, np.eye(2), [0.1, 0.2], constraints=asked)
