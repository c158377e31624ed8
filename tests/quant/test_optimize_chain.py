"""No answer is ever silent: solvers that fail hand over, and what is infeasible says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bursar.errors import InputError
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
    chain,
    diagnose,
    optimize,
    sectors,
    solvers,
    stepwise,
)
from bursar.quant.optimize.program import Program
from bursar.quant.optimize.solvers import Answer
from tests.quant.portfolios import market

SAMPLE = market(11, 6)


@pytest.fixture(autouse=True)
def _solvers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about the solvers: nothing is settled before they are asked."""
    monkeypatch.setattr(chain, "settle", lambda *_: None)


def failing(name: str) -> Callable[[Program], Answer]:
    return lambda _: Answer(solver=name, status="failed", detail="out of order")


def lying(status: str) -> Callable[[Program], Answer]:
    return lambda _: Answer(solver="piqp", status=status, detail=status)  # type: ignore[arg-type]  # a double


@pytest.mark.parametrize(
    "objective",
    [MinimumVariance(), MeanVariance(4.0), MaximumReturn(), MaximumSharpe(), MaximumDiversification()],
    ids=lambda each: type(each).__name__,
)
def test_where_the_first_solver_fails_the_next_gives_the_same_portfolio(
    objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Constraints(upper=0.4, exposures=sectors(SAMPLE.labels, lower=0.1))
    usual = optimize(objective, SAMPLE.covariance, SAMPLE.means, constraints=limits)
    monkeypatch.setitem(solvers.SOLVERS, "piqp", failing("piqp"))
    second = optimize(objective, SAMPLE.covariance, SAMPLE.means, constraints=limits)
    assert second.attempts[0] == ("piqp", "out of order")
    assert second.solver in {"clarabel", "highs"}
    assert second.status == "optimal"
    assert second.objective == pytest.approx(usual.objective, rel=1e-7)


@pytest.mark.parametrize("solver", ["piqp", "highs", "clarabel"])
def test_each_solver_alone_finds_the_least_variance(solver: solvers.SolverName) -> None:
    limits = Constraints(upper=0.4, exposures=sectors(SAMPLE.labels, lower=0.1, upper=0.6))
    usual = optimize(MinimumVariance(), SAMPLE.covariance, constraints=limits)
    alone = optimize(MinimumVariance(), SAMPLE.covariance, constraints=limits, chain=[solver])
    assert alone.solver == solver
    assert alone.objective == pytest.approx(usual.objective, rel=1e-6)


@pytest.mark.parametrize("solver", ["piqp", "highs", "clarabel"])
def test_each_solver_alone_says_that_nothing_is_feasible(solver: solvers.SolverName) -> None:
    limits = Constraints(exposures=sectors(SAMPLE.labels, upper=0.2))
    found = optimize(MaximumReturn(), SAMPLE.covariance, SAMPLE.means, constraints=limits, chain=[solver])
    assert (found.weights, found.status, found.solver) == (None, "infeasible", "")


def test_where_every_solver_fails_the_status_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in solvers.SOLVERS:
        monkeypatch.setitem(solvers.SOLVERS, name, failing(name))
    solution = optimize(MinimumVariance(), SAMPLE.covariance)
    assert (solution.weights, solution.status) == (None, "failed")
    assert [name for name, _ in solution.attempts] == ["piqp", "clarabel", "highs"]
    assert "no solver has an answer" in solution.note


@pytest.mark.parametrize("verdict", ["infeasible", "unbounded"])
def test_a_verdict_that_does_not_stand_sends_the_problem_on(verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(solvers.SOLVERS, "piqp", lying(verdict))
    solution = optimize(MaximumSharpe(), SAMPLE.covariance, SAMPLE.means)
    assert solution.status == "optimal"
    assert [name for name, _ in solution.attempts] == ["piqp", "clarabel"]


def test_weights_that_break_a_constraint_are_no_answer_whatever_their_solver_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = np.full(6, 0.3)
    monkeypatch.setitem(
        solvers.SOLVERS, "piqp", lambda _: Answer(solver="piqp", status="optimal", x=wrong, gap=0.0, detail="sure")
    )
    solution = optimize(MinimumVariance(), SAMPLE.covariance)
    assert solution.attempts[0] == ("piqp", "sure")
    assert solution.solver == "clarabel"
    assert solution.violation <= 1e-9


def test_weights_that_nearly_hold_are_used_and_called_inaccurate(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = optimize(MinimumVariance(), SAMPLE.covariance).require()
    near = exact + np.array([1e-6, 0, 0, 0, 0, 0])
    monkeypatch.setitem(
        solvers.SOLVERS, "piqp", lambda _: Answer(solver="piqp", status="inaccurate", x=near, gap=1e-4, detail="slow")
    )
    for name in ("clarabel", "highs"):
        monkeypatch.setitem(solvers.SOLVERS, name, failing(name))
    solution = optimize(MinimumVariance(), SAMPLE.covariance)
    assert solution.status == "inaccurate"
    assert solution.violation == pytest.approx(1e-6)


def test_a_solver_that_gave_up_far_from_a_proof_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    even = np.full(6, 1 / 6)
    monkeypatch.setitem(
        solvers.SOLVERS, "piqp", lambda _: Answer(solver="piqp", status="inaccurate", x=even, gap=0.5, detail="lost")
    )
    assert optimize(MinimumVariance(), SAMPLE.covariance).solver == "clarabel"


def test_points_that_are_not_numbers_are_not_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    nonsense = np.full(6, np.nan)
    monkeypatch.setitem(
        solvers.SOLVERS, "piqp", lambda _: Answer(solver="piqp", status="optimal", x=nonsense, gap=0.0, detail="nan")
    )
    assert optimize(MaximumSharpe(), SAMPLE.covariance, SAMPLE.means).solver == "clarabel"


def test_a_ratio_on_which_every_solver_stalls_is_raised_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Constraints(upper=0.5, tracking_error_max=0.01, benchmark=np.full(6, 1 / 6))
    usual = optimize(MaximumSharpe(), SAMPLE.covariance, SAMPLE.means, constraints=limits)
    real = solvers.clarabel

    def stalls_on_ratios(program: Program) -> Answer:
        return failing("clarabel")(program) if program.scale is not None else real(program)

    monkeypatch.setitem(solvers.SOLVERS, "clarabel", stalls_on_ratios)
    stepped = optimize(MaximumSharpe(), SAMPLE.covariance, SAMPLE.means, constraints=limits)
    assert stepped.attempts[-1][0] == "clarabel, step by step"
    assert stepped.objective == pytest.approx(usual.objective, rel=1e-7)
    diversified = optimize(MaximumDiversification(), SAMPLE.covariance, constraints=limits)
    assert diversified.attempts[-1][0] == "clarabel, step by step"


def test_steps_that_cannot_begin_leave_the_problem_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in solvers.SOLVERS:
        monkeypatch.setitem(solvers.SOLVERS, name, failing(name))
    assert optimize(MaximumSharpe(), SAMPLE.covariance, SAMPLE.means).status == "failed"


def test_steps_end_where_no_reward_is_positive_or_their_number_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = optimize(MaximumSharpe(), SAMPLE.covariance, SAMPLE.means).problem
    losing = replace(problem, means=-np.abs(SAMPLE.means) - 0.001)
    assert stepwise.raise_ratio(MaximumSharpe(), losing) is None
    monkeypatch.setattr(stepwise, "STEPS_MAX", 1)
    first = stepwise.raise_ratio(MaximumSharpe(), problem)
    assert first is not None
    assert first[1].status == "optimal"


def test_what_grows_without_end_is_unbounded() -> None:
    solution = optimize(
        MaximumReturn(),
        expected_returns=[0.1, 0.2],
        constraints=Constraints(lower=-np.inf, upper=np.inf),
    )
    assert (solution.weights, solution.status) == (None, "unbounded")
    assert "bound the weights" in solution.note


def test_a_market_that_earns_less_than_cash_has_no_best_ratio() -> None:
    solution = optimize(MaximumSharpe(), SAMPLE.covariance, -np.abs(SAMPLE.means) - 0.001)
    assert solution.status == "infeasible"
    assert "no allowed portfolio has a positive return above risk_free: the best is -0.0" in solution.note
    short = optimize(
        MaximumDiversification(), SAMPLE.covariance, constraints=Constraints(lower=-1.0, upper=-0.01, cash=(1.5, 1.5))
    )
    assert "positive weighted volatility" in short.note


# -- which constraints conflict


def test_a_floor_above_its_sectors_cap_is_named_with_its_asset() -> None:
    lower = np.array([0.0, 0.0, 0.0, 0.3, 0.0, 0.0])
    limits = Constraints(lower=lower, exposures=sectors(SAMPLE.labels, upper={"sector 0": 0.2, "sector 1": 0.9}))
    solution = optimize(MinimumVariance(), SAMPLE.covariance, constraints=limits)
    # Asset 3 is in sector 0, and so is asset 0, whose floor of zero takes part.
    assert solution.conflicts == ("lower[0]", "lower[3]", "sector 0 upper")


def test_turnover_that_cannot_reach_the_caps_is_named() -> None:
    solution = optimize(
        MinimumVariance(),
        SAMPLE.covariance,
        current=[1.0, 0, 0, 0, 0, 0],
        constraints=Constraints(upper=0.5, turnover_max=0.2),
    )
    assert solution.conflicts == ("upper[0]", "turnover_max")


@pytest.mark.parametrize("name", ["volatility_max", "tracking_error_max"])
def test_a_risk_that_no_portfolio_is_below_is_named(name: str) -> None:
    limits = Constraints(benchmark=np.full(6, -1.0), **{name: 1e-4})  # type: ignore[arg-type]  # one of two names
    solution = optimize(MaximumSharpe(), SAMPLE.covariance, SAMPLE.means, constraints=limits)
    assert solution.status == "infeasible"
    assert name in solution.conflicts


def test_costs_and_leverage_that_forbid_the_mandate_are_named() -> None:
    dear = optimize(
        MinimumVariance(),
        SAMPLE.covariance,
        current=np.zeros(6),
        costs=Costs(linear=0.01),
        constraints=Constraints(cost_max=0.001),
    )
    assert "cost_max" in dear.conflicts
    weak = optimize(MinimumVariance(), SAMPLE.covariance, constraints=Constraints(lower=-1.0, gross_max=0.9))
    assert weak.conflicts == ("cash most", "gross_max")
    rich = optimize(
        MinimumVariance(),
        SAMPLE.covariance,
        constraints=Constraints(
            lower=-1.0, exposures=(Exposure(name="all", loadings=np.ones(6), lower=1.5),), cash=(0.0, 0.1)
        ),
    )
    assert rich.conflicts == ("cash least", "all lower")


def test_many_bounds_are_counted_and_not_listed() -> None:
    n = 40
    limits = Constraints(upper=0.03, exposures=(Exposure(name="tilt", loadings=np.arange(n) / n, lower=0.85),))
    solution = optimize(MinimumVariance(), np.eye(n), constraints=limits)
    assert solution.status == "infeasible"
    assert "upper of 40 assets" in solution.conflicts or any("upper of" in name for name in solution.conflicts)
    assert "tilt lower" in solution.conflicts


def test_telling_assets_apart_stops_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "CHECKS_MAX", 1)
    limits = Constraints(exposures=sectors(["a"] * 20 + ["b"] * 20, upper=0.3))
    lower = np.zeros(40)
    lower[3] = 0.4
    solution = optimize(MinimumVariance(), np.eye(40), constraints=replace(limits, lower=lower))
    assert solution.conflicts == ("lower of 40 assets", "a upper")


@pytest.mark.parametrize("seed", range(12))
def test_leaving_out_any_of_the_conflicting_constraints_lets_the_others_hold(seed: int) -> None:
    random = np.random.default_rng(seed)
    sample = market(seed, 9)
    current = random.dirichlet(np.ones(9))
    limits = Constraints(
        upper=float(random.uniform(0.12, 0.3)),
        exposures=(
            *sectors(sample.labels, upper=float(random.uniform(0.25, 0.45))),
            Exposure(name="beta", loadings=random.normal(1, 0.5, 9), lower=float(random.uniform(1.2, 2.0))),
        ),
        turnover_max=float(random.uniform(0.05, 0.8)),
        volatility_max=float(np.sqrt(sample.covariance.diagonal().mean()) * random.uniform(0.3, 1.0)),
    )
    solution = optimize(MinimumVariance(), sample.covariance, constraints=limits, current=current)
    if solution.weights is not None:
        assert solution.conflicts == ()
        return
    items = [item for item in diagnose._items(solution.problem) if not item[1]]
    items += [(side, (i,)) for side in ("lower", "upper") for i in range(9)]
    named = {f"{side}[{which[0]}]" if which else side: (side, which) for side, which in items}
    conflict = [named[name] for name in solution.conflicts]
    assert not diagnose.feasible(diagnose._only(solution.problem, conflict))
    for left_out in conflict:
        kept = [item for item in conflict if item != left_out]
        assert diagnose.feasible(diagnose._only(solution.problem, kept)), (solution.conflicts, left_out)


def test_a_solver_that_cannot_tell_counts_as_feasible(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = optimize(MinimumVariance(), SAMPLE.covariance).problem
    for name in solvers.SOLVERS:
        monkeypatch.setitem(solvers.SOLVERS, name, failing(name))
    assert diagnose.feasible(problem)
    assert np.isnan(diagnose.best_functional(problem, np.ones(6)))


def test_infeasible_risk_parity_and_shortfall_name_their_conflicts_as_well() -> None:
    limits = Constraints(exposures=sectors(SAMPLE.labels, upper=0.3))
    for objective in (RiskParity(), MinimumCVaR()):
        solution = optimize(objective, SAMPLE.covariance, scenarios=SAMPLE.returns, constraints=limits)
        assert solution.status == "infeasible"
        assert solution.conflicts == ("cash most", "sector 0 upper", "sector 1 upper", "sector 2 upper")


def test_a_solver_is_not_asked_for_what_it_cannot_do() -> None:
    limits = Constraints(volatility_max=1.0)
    with pytest.raises(InputError, match="solver 'gurobi' is not known"):
        optimize(MinimumVariance(), SAMPLE.covariance, chain=["gurobi"])  # type: ignore[list-item]  # wrong on purpose
    solution = optimize(MinimumVariance(), SAMPLE.covariance, constraints=limits, chain=["highs", "piqp", "clarabel"])
    assert solution.attempts[0] == ("highs", "takes no cones")
    assert solution.attempts[1] == ("piqp", "takes no cones")
    assert solution.status == "optimal"
