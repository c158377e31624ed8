"""Constraints one by one where the answer is known, and all of them together against CVXPY."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import cvxpy
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
    MinimumCVaR,
    MinimumVariance,
    Objective,
    RiskParity,
    optimize,
    sectors,
)
from bursar.quant.optimize.forms import figure, maximized
from bursar.quant.riskmodel import FactorModel
from tests.conftest import Evidence
from tests.quant.portfolios import KINDS, Market, market

cp: Any = cvxpy


def test_a_turnover_cap_moves_the_allowed_amount_to_the_best_asset() -> None:
    solution = optimize(
        MaximumReturn(),
        expected_returns=[0.01, 0.02, 0.03],
        current=[0.6, 0.3, 0.1],
        constraints=Constraints(turnover_max=0.4),
    )
    assert solution.require() == pytest.approx([0.4, 0.3, 0.3], abs=1e-9)
    assert solution.active == ("turnover_max",)


def test_leverage_is_bounded_in_sum_over_both_sides() -> None:
    # 130/30: the best asset long as far as the shorts of the worst pay for it.
    solution = optimize(
        MaximumReturn(),
        expected_returns=[0.03, 0.02, -0.01],
        constraints=Constraints(lower=-1.0, upper=2.0, gross_max=1.6),
    )
    assert solution.require() == pytest.approx([1.3, 0.0, -0.3], abs=1e-9)
    assert solution.active == ("gross_max",)


def test_a_dollar_neutral_book_sums_to_zero_and_leaves_all_in_cash() -> None:
    solution = optimize(
        MaximumReturn(),
        expected_returns=[0.03, 0.01],
        risk_free=0.002,
        constraints=Constraints(lower=-1.0, gross_max=1.0, cash=(1.0, 1.0)),
    )
    assert solution.require() == pytest.approx([0.5, -0.5], abs=1e-9)
    assert solution.objective == pytest.approx(0.5 * 0.03 - 0.5 * 0.01 + 0.002)
    assert solution.cash == pytest.approx(1.0)


def test_a_trade_is_made_only_where_it_earns_its_cost() -> None:
    # The better asset earns 0.001 a period more; a switch costs 0.0005 on each side, once.
    def switch(periods: float) -> FloatArray:
        costs = Costs(linear=0.0005, periods=periods)
        return optimize(MaximumReturn(), expected_returns=[0.001, 0.002], current=[1.0, 0.0], costs=costs).require()

    assert switch(0.5) == pytest.approx([1.0, 0.0], abs=1e-9)  # held for half a period, it costs 0.002
    assert switch(2.0) == pytest.approx([0.0, 1.0], abs=1e-9)  # over two, 0.0005


def test_the_three_halves_cost_stops_where_its_slope_meets_the_gain() -> None:
    # Moving x from the first to the second earns 0.01 x and costs 2 c x^1.5: slope 3 c sqrt(x) = 0.01 at x = 1/9.
    solution = optimize(
        MaximumReturn(), expected_returns=[0.01, 0.02], current=[1.0, 0.0], costs=Costs(three_halves=0.01)
    )
    assert solution.require() == pytest.approx([8 / 9, 1 / 9], abs=1e-6)
    assert solution.solver == "clarabel"


def test_a_cap_on_costs_stops_the_trade() -> None:
    solution = optimize(
        MinimumVariance(),
        np.diag([1.0, 4.0]),
        current=[0.0, 1.0],
        costs=Costs(linear=0.01),
        constraints=Constraints(cost_max=0.004),
    )
    assert solution.require() == pytest.approx([0.2, 0.8], abs=1e-9)
    assert solution.active == ("cost_max",)


def test_tracking_error_keeps_near_the_benchmark() -> None:
    covariance, benchmark = np.diag([0.04, 0.04]), np.array([0.5, 0.5])
    solution = optimize(
        MaximumReturn(),
        covariance,
        [0.02, 0.01],
        constraints=Constraints(tracking_error_max=0.02, benchmark=benchmark),
    )
    # x moved costs a tracking error of sqrt(2 x 0.04) |x|.
    moved = 0.02 / np.sqrt(0.08)
    assert solution.require() == pytest.approx([0.5 + moved, 0.5 - moved], abs=1e-7)
    assert solution.active == ("tracking_error_max",)


def test_a_beta_of_zero_is_kept() -> None:
    sample = market(1, 6)
    beta = Exposure(name="beta", loadings=np.linspace(0.5, 1.5, 6), lower=0.0, upper=0.0)
    solution = optimize(
        MaximumSharpe(),
        sample.covariance,
        sample.means,
        constraints=Constraints(lower=-0.5, upper=0.5, cash=(1.0, 1.0), exposures=(beta,)),
    )
    assert beta.loadings @ solution.require() == pytest.approx(0.0, abs=1e-9)
    assert solution.require().sum() == pytest.approx(0.0, abs=1e-9)


def test_cash_waits_where_nothing_earns_more() -> None:
    solution = optimize(
        MaximumReturn(),
        expected_returns=[0.001, 0.003],
        risk_free=0.002,
        constraints=Constraints(upper=0.6, cash=(0, 1)),
    )
    assert solution.require() == pytest.approx([0.0, 0.6], abs=1e-9)
    assert solution.objective == pytest.approx(0.6 * 0.003 + 0.4 * 0.002)


def test_current_weights_outside_the_bounds_are_traded_back_in() -> None:
    solution = optimize(
        MinimumVariance(),
        np.eye(3),
        current=[0.9, 0.2, -0.1],
        constraints=Constraints(upper=0.5, turnover_max=0.9),
    )
    assert solution.violation <= 1e-9
    assert np.abs(solution.require() - [0.9, 0.2, -0.1]).sum() <= 0.9 + 1e-9


# -- all of them together, against another modelling of the same problem


class Oracle:
    """The same problem in CVXPY, written from the definitions."""

    def __init__(self, sample: Market, case: dict[str, Any]) -> None:
        self.sample, self.asked = sample, case["constraints"]
        self.current, self.costs = case["current"], case.get("costs")
        self.rate = case["risk_free"]
        self.scale = float(sample.covariance.diagonal().mean())
        eigenvalues, eigenvectors = np.linalg.eigh(sample.covariance / self.scale)
        self.root = (eigenvectors * np.sqrt(np.maximum(eigenvalues, 0.0))).T
        self.w = cp.Variable(sample.size)
        traded = cp.abs(self.w - self.current)
        self.cost: Any = 0.0
        if self.costs is not None:
            self.cost = self.costs.linear * cp.sum(traded) + self.costs.three_halves * cp.sum(cp.power(traded, 1.5))
        self.paid = self.cost / (1.0 if self.costs is None else self.costs.periods)
        self.limits = self.bounds() + self.caps(cp.sum(traded))

    def bounds(self) -> list[Any]:
        asked, w = self.asked, self.w
        limits = [w >= asked.lower, w <= asked.upper, cp.sum(w) >= 1 - asked.cash[1], cp.sum(w) <= 1 - asked.cash[0]]
        return limits + [each.loadings @ w <= each.upper for each in asked.exposures]

    def caps(self, turnover: Any) -> list[Any]:
        asked, root_scale = self.asked, np.sqrt(self.scale)
        benchmark = np.zeros(self.sample.size) if asked.benchmark is None else asked.benchmark
        pairs = [
            (cp.norm1(self.w), asked.gross_max),
            (turnover, asked.turnover_max),
            (self.cost, asked.cost_max),
            (cp.norm(self.root @ self.w), asked.volatility_max / root_scale),
            (cp.norm(self.root @ (self.w - benchmark)), asked.tracking_error_max / root_scale),
        ]
        return [measured <= most for measured, most in pairs if most < np.inf]

    def solve(self, goal: Any) -> FloatArray | None:
        problem = cp.Problem(goal, self.limits)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where it stops short of these tolerances
            problem.solve(solver="CLARABEL", tol_gap_rel=1e-10, tol_gap_abs=1e-10, tol_feas=1e-10)
        return None if self.w.value is None else np.asarray(self.w.value)

    def best(self, objective: Objective) -> FloatArray | None:
        """Weights, or None where CVXPY finds none."""
        excess = self.sample.means - self.rate
        size = float(np.abs(excess).mean())
        variance = cp.sum_squares(self.root @ self.w)
        net = excess @ self.w - self.paid
        match objective:
            case MinimumVariance():
                return self.solve(cp.Minimize(variance))
            case MeanVariance(aversion):
                return self.solve(cp.Maximize((net - 0.5 * aversion * self.scale * variance) / size))
            case MaximumReturn():
                return self.solve(cp.Maximize(net / size))
            case MaximumSharpe():
                return self.best_ratio(net / size)
            case MaximumDiversification():
                return self.best_ratio(np.sqrt(self.sample.covariance.diagonal() / self.scale) @ self.w)
            case MinimumCVaR(confidence):
                returns, level = (self.sample.returns - self.rate) @ self.w - self.paid, cp.Variable()
                tail = cp.sum(cp.pos(-returns - level)) / (len(self.sample.returns) * (1 - confidence))
                return self.solve(cp.Minimize((level + tail) / float(np.abs(self.sample.returns).mean())))
            case _:
                raise AssertionError(objective)

    def best_ratio(self, reward: Any) -> FloatArray | None:
        """Dinkelbach's method: raise the ratio until nothing is gained at it."""
        ratio, found = 0.0, None
        for _ in range(30):
            found = self.solve(cp.Maximize(reward - ratio * cp.norm(self.root @ self.w)))
            if found is None or reward.value <= 0:
                return None
            reached = float(reward.value / np.linalg.norm(self.root @ found))
            if reached <= ratio * (1 + 1e-10):
                break
            ratio = reached
        return found


def random_case(seed: int, kind: str) -> tuple[Market, dict[str, Any]]:
    """A market, and two or three constraints drawn from all there are."""
    random = np.random.default_rng(seed)
    sample = market(seed, int(random.integers(4, 14)), periods=60, kind=kind)
    n = sample.size
    current = random.dirichlet(np.ones(n))
    volatility = float(np.sqrt(current @ sample.covariance @ current))
    asked = Constraints(upper=float(random.uniform(1.5 / n, 1.0)))
    case: dict[str, Any] = {"current": current, "risk_free": float(random.choice([0.0, 0.0001]))}
    changes: list[dict[str, Any]] = [
        {"exposures": sectors(sample.labels, upper=float(random.uniform(0.4, 0.8)))},
        {"lower": -0.2, "gross_max": float(random.uniform(1.1, 1.6))},
        {"turnover_max": float(random.uniform(0.3, 1.2))},
        {"cash": (0.0, 0.4)},
        {"volatility_max": volatility * float(random.uniform(0.9, 1.5))},
        {"benchmark": current, "tracking_error_max": volatility * float(random.uniform(0.3, 1.0))},
        {"cost_max": 0.002},
        {},
    ]
    for i in random.choice(len(changes), size=int(random.integers(1, 4)), replace=False):
        asked = replace(asked, **changes[int(i)])
    if asked.cost_max < np.inf or random.uniform() < 0.3:
        power = 0.004 if random.uniform() < 0.5 else 0.0
        case["costs"] = Costs(linear=0.001, three_halves=power, periods=20.0)
    return sample, {**case, "constraints": asked}


EVERY: list[Objective] = [
    MinimumVariance(),
    MeanVariance(5.0),
    MaximumReturn(),
    MaximumSharpe(),
    MaximumDiversification(),
    MinimumCVaR(0.9),
]


def compare(seed: int, objective: Objective, kind: str) -> str:
    """Hold our answer against CVXPY's; returns our status."""
    sample, case = random_case(seed, kind)
    ours = optimize(objective, sample.covariance, sample.means, scenarios=sample.returns, **case)
    try:
        theirs = Oracle(sample, case).best(objective)
    except cp.SolverError:
        # A ratio to a risk of zero is more than it can do; ours must still keep the constraints.
        assert kind == "short"
        assert ours.violation <= 1e-7
        return ours.status
    if ours.weights is None:
        assert ours.status == "infeasible", (seed, kind, ours)
        assert theirs is None, (seed, kind, ours.conflicts, ours.note)
        return ours.status
    assert ours.violation <= 1e-7, (seed, kind, ours)
    if theirs is not None and ours.problem.violation(theirs) < 1e-7:
        sign = 1.0 if maximized(objective) else -1.0
        value = figure(objective, ours.problem, theirs)
        if value > 1e4 and maximized(objective):  # next to no risk: any such portfolio will do
            assert ours.objective > 1e3
            return ours.status
        # Their point may lie outside by as much as their tolerance, and gain by that.
        slack = 1e-6 * abs(value) + 1e-10
        assert sign * (ours.objective - value) >= -slack, (seed, kind, ours.objective, value, ours)
    return ours.status


@pytest.mark.parametrize("objective", EVERY, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_constraints_drawn_at_random_give_what_cvxpy_gives(objective: Objective, kind: str) -> None:
    statuses = [compare(seed, objective, kind) for seed in range(4)]
    assert "optimal" in statuses


@pytest.mark.prove
@pytest.mark.parametrize("objective", EVERY, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_forty_more_of_each_kind_give_what_cvxpy_gives(objective: Objective, kind: str, evidence: Evidence) -> None:
    statuses = [compare(seed, objective, kind) for seed in range(100, 140)]
    evidence(problems=len(statuses), **{status: statuses.count(status) for status in set(statuses)})
    assert statuses.count("optimal") >= 30


@pytest.mark.parametrize("seed", range(6))
def test_every_constraint_holds_with_a_factor_model_as_well(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = 10
    model = FactorModel(random.normal(size=(n, 3)) * 0.01, np.diag([1.0, 0.6, 0.3]), random.uniform(1e-5, 2e-4, n))
    means, current = random.normal(0.0005, 0.0005, n), random.dirichlet(np.ones(n))
    means[0] = 0.001
    volatility = float(np.sqrt(model.variance(current)))
    asked = Constraints(
        lower=-0.1,
        upper=0.5,
        gross_max=1.3,
        turnover_max=0.8,
        volatility_max=1.2 * volatility,
        tracking_error_max=volatility,
        benchmark=current,
        cash=(0.0, 0.2),
        exposures=sectors([f"s{i % 3}" for i in range(n)], upper=0.7),
    )
    costs = Costs(linear=0.001, three_halves=0.002, periods=20)
    for objective in (MinimumVariance(), MeanVariance(3.0), MaximumReturn(), MaximumSharpe(), MaximumDiversification()):
        case: dict[str, Any] = {"constraints": asked, "current": current, "costs": costs}
        structured = optimize(objective, model, means, **case)
        full = optimize(objective, model.dense(), means, **case)
        assert structured.violation <= 1e-7
        assert structured.objective == pytest.approx(full.objective, rel=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_constrained_risk_budgets_are_the_best_of_their_own_objective(seed: int) -> None:
    # No allowed portfolio near the answer has a smaller log(volatility) - sum(budget log weight).
    sample = market(seed, 6)
    random = np.random.default_rng(seed)
    budgets = random.dirichlet(np.full(6, 5.0))
    asked = Constraints(upper=0.25, exposures=sectors(sample.labels, upper=0.45), cash=(0.0, 0.1))
    solution = optimize(RiskParity(budgets), sample.covariance, constraints=asked, current=None)
    weights = solution.require()

    def merit(w: FloatArray) -> float:
        return float(0.5 * np.log(w @ sample.covariance @ w) - budgets @ np.log(w))

    least = merit(weights)
    for _ in range(400):
        other = weights + random.normal(size=6) * 10.0 ** random.uniform(-6, -1)
        if other.min() > 0 and solution.problem.violation(other) <= 1e-12:
            assert merit(other) >= least - 1e-9
