"""Each objective against a portfolio that can be worked out by hand, and what a Solution tells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.errors import DataError, InputError
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
    optimize,
    sectors,
)
from bursar.quant.optimize.forms import shortfall
from bursar.quant.riskmodel import Covariance, FactorModel
from tests.quant.portfolios import market

FREE = Constraints(lower=-10.0, upper=10.0)


def test_two_uncorrelated_assets_share_the_least_variance_in_inverse_proportion() -> None:
    # Variances 4 and 1: weights 1/5 and 4/5, variance 4/25 + 16/25 = 0.8.
    solution = optimize(MinimumVariance(), np.diag([4.0, 1.0]))
    assert solution.require() == pytest.approx([0.2, 0.8], abs=1e-9)
    assert solution.objective == pytest.approx(0.8)
    assert (solution.status, solution.solver, solution.gap) == ("optimal", "active set", 0.0)


def test_the_tangency_portfolio_is_inverse_covariance_times_excess_return() -> None:
    sample = market(1, 6)
    means = sample.means + 0.002
    solution = optimize(MaximumSharpe(), sample.covariance, means, constraints=FREE, risk_free=0.0001)
    tangency = np.linalg.solve(sample.covariance, means - 0.0001)
    assert solution.require() == pytest.approx(tangency / tangency.sum(), abs=1e-7)
    assert solution.objective == pytest.approx(np.sqrt((means - 0.0001) @ tangency))


def test_mean_variance_without_bounds_solves_its_normal_equations() -> None:
    sample = market(2, 5)
    solution = optimize(
        MeanVariance(3.0), sample.covariance, sample.means, constraints=Constraints(lower=-50, upper=50, cash=(-99, 99))
    )
    assert solution.require() == pytest.approx(np.linalg.solve(3.0 * sample.covariance, sample.means), abs=1e-6)
    assert solution.objective == pytest.approx(
        sample.means @ solution.require() - 1.5 * solution.require() @ sample.covariance @ solution.require()
    )


def test_the_most_return_fills_the_best_assets_to_their_caps() -> None:
    solution = optimize(MaximumReturn(), expected_returns=[0.01, 0.04, 0.03, 0.02], constraints=Constraints(upper=0.4))
    assert solution.require() == pytest.approx([0.0, 0.4, 0.4, 0.2], abs=1e-9)
    assert solution.objective == pytest.approx(0.4 * 0.04 + 0.4 * 0.03 + 0.2 * 0.02)


def test_uncorrelated_assets_diversify_most_in_inverse_proportion_to_volatility() -> None:
    solution = optimize(MaximumDiversification(), np.diag([0.01, 0.04]))
    assert solution.require() == pytest.approx([2 / 3, 1 / 3], abs=1e-9)
    assert solution.objective == pytest.approx(np.sqrt(2))


def test_a_volatility_target_is_met_exactly_by_the_best_return_at_that_risk() -> None:
    # Returns 2 % and 6 %, volatilities 10 % and 30 %, uncorrelated: 1 - w in the first and w in the second.
    covariance = np.diag([0.01, 0.09])
    solution = optimize(
        MaximumReturn(), covariance, [0.02, 0.06], constraints=Constraints(volatility_max=0.20, cash=(0, 1))
    )
    second = solution.require()[1]
    assert np.sqrt(solution.require() @ covariance @ solution.require()) == pytest.approx(0.20, abs=1e-7)
    # Fully invested, (1-w)^2 0.01 + w^2 0.09 = 0.04 has the root w = (0.01 + sqrt(0.01^2 + 0.1 * 0.03)) / 0.1.
    assert second == pytest.approx((0.01 + np.sqrt(0.0001 + 0.1 * 0.03)) / 0.1, abs=1e-7)
    assert solution.active == ("cash least", "volatility_max")


def test_the_shortfall_of_the_best_portfolio_is_the_mean_of_its_worst_scenarios() -> None:
    scenarios = market(3, 4, periods=200).returns
    solution = optimize(MinimumCVaR(0.95), scenarios=scenarios)
    losses = np.sort(-(scenarios @ solution.require()))[::-1]
    assert solution.objective == pytest.approx(losses[:10].mean())  # five per cent of 200
    assert solution.objective == pytest.approx(optimize(MinimumCVaR(0.95), scenarios=scenarios[:, ::-1]).objective)


@pytest.mark.parametrize(
    ("returns", "confidence", "expected"),
    [
        ([-0.1, 0.0, 0.1, 0.2], 0.75, 0.1),  # the worst quarter is one scenario
        ([-0.1, -0.05, 0.1, 0.2], 0.5, 0.075),
        ([-0.1, -0.05, 0.1, 0.2], 0.625, (0.1 + 0.5 * 0.05) / 1.5),  # one and a half scenarios
        ([-0.1, 0.1], 1e-9, 0.0),  # all of them: minus the mean
    ],
)
def test_the_scenario_at_the_edge_counts_in_part(returns: list[float], confidence: float, expected: float) -> None:
    assert shortfall(np.array(returns), confidence) == pytest.approx(expected, abs=1e-8)


def test_a_tree_of_two_pairs_splits_risk_between_the_pairs_first() -> None:
    # Two pairs with correlation 0.9 inside and none between; variances 1 and 4 of the pairs.
    covariance = np.zeros((4, 4))
    covariance[:2, :2] = [[1.0, 0.9], [0.9, 1.0]]
    covariance[2:, 2:] = [[4.0, 3.6], [3.6, 4.0]]
    solution = optimize(HierarchicalRiskParity(), covariance)
    # Inside a pair halves; the pairs' variances are 0.95 and 3.8, so four fifths go to the first.
    assert solution.require() == pytest.approx([0.4, 0.4, 0.1, 0.1])
    assert solution.solver == "hierarchy"


def test_the_tree_gives_way_to_a_cap_by_the_nearest_portfolio() -> None:
    sample = market(4, 6)
    free = optimize(HierarchicalRiskParity("average"), sample.covariance).require()
    cap = float(np.sort(free)[-2])
    capped = optimize(HierarchicalRiskParity("average"), sample.covariance, constraints=Constraints(upper=cap))
    active = capped.require() - free
    assert capped.require().max() <= cap + 1e-9
    assert "nearest" in capped.note
    # Nearest: no allowed direction shortens the tracking variance.
    for other in np.random.default_rng(0).dirichlet(np.ones(6), 200):
        if other.max() <= cap:
            assert (other - capped.require()) @ sample.covariance @ active >= -1e-9


def test_one_asset_is_a_portfolio_for_every_objective() -> None:
    for objective in (MinimumVariance(), MaximumSharpe(), MaximumReturn(), RiskParity(), HierarchicalRiskParity()):
        assert optimize(objective, [[0.04]], [0.01]).require() == pytest.approx([1.0])


ALL: list[Objective] = [
    MinimumVariance(),
    MeanVariance(4.0),
    MaximumReturn(),
    MaximumSharpe(),
    MaximumDiversification(),
    RiskParity(),
    MinimumCVaR(0.9),
]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-4, 0.1, 252.0]))
@pytest.mark.parametrize("objective", ALL, ids=lambda each: type(each).__name__)
def test_neither_units_nor_the_order_of_assets_change_the_portfolio(
    objective: Objective, seed: int, scale: float
) -> None:
    sample = market(seed, 7)
    limits = Constraints(upper=0.4, exposures=sectors(sample.labels, upper=0.6))
    found = optimize(objective, sample.covariance, sample.means, scenarios=sample.returns, constraints=limits)
    order = np.random.default_rng(seed).permutation(7)
    turned = optimize(
        objective,
        sample.covariance[np.ix_(order, order)],
        sample.means[order],
        scenarios=sample.returns[:, order],
        constraints=Constraints(upper=0.4, exposures=sectors([sample.labels[i] for i in order], upper=0.6)),
    )
    # Where caps bind, the deviation of risk parity follows the weights, and those are known to 1e-6 only: at a flat
    # optimum a gap of 1e-10 allows them that.
    slack = 1e-6 if isinstance(objective, RiskParity) else 1e-9
    assert turned.objective == pytest.approx(found.objective, rel=1e-7, abs=slack)
    if not isinstance(objective, MeanVariance):  # its aversion has a unit
        other = optimize(
            objective,
            sample.covariance * scale**2,
            sample.means * scale,
            scenarios=sample.returns * scale,
            constraints=limits,
        )
        assert other.status == "optimal"
        assert np.abs(other.require() - found.require()).max() < 2e-4
        if not isinstance(objective, MinimumCVaR | MaximumReturn):  # a linear optimum may have many portfolios
            assert turned.require() == pytest.approx(found.require()[order], abs=2e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_shares_of_the_variance_sum_to_one_and_cash_is_what_is_left(seed: int) -> None:
    sample = market(seed, 6)
    solution = optimize(MaximumSharpe(), sample.covariance, sample.means, constraints=Constraints(cash=(0.1, 0.1)))
    assert solution.risk_contributions.sum() == pytest.approx(1.0)
    assert solution.cash == pytest.approx(0.1)


def test_what_binds_is_named() -> None:
    solution = optimize(
        MaximumReturn(),
        expected_returns=[0.04, 0.03, 0.02, 0.01],
        constraints=Constraints(
            upper=[0.5, 0.5, 0.6, 1.0],  # type: ignore[arg-type]  # any array-like will do
            cash=(0.0, 0.5),
            exposures=(Exposure(name="tech", loadings=np.array([1.0, 1.0, 0, 0]), upper=0.7, lower=0.7),),
        ),
    )
    assert solution.require() == pytest.approx([0.5, 0.2, 0.3, 0.0], abs=1e-9)
    assert solution.active == ("lower[3]", "upper[0]", "cash least", "tech lower", "tech upper")


def test_caps_turn_risk_parity_into_the_nearest_thing_and_the_contributions_say_so() -> None:
    sample = market(6, 5)
    free = optimize(RiskParity(), sample.covariance)
    assert free.risk_contributions == pytest.approx(np.full(5, 0.2), abs=1e-9)
    cap = float(free.require().max()) - 0.05
    capped = optimize(RiskParity(), sample.covariance, constraints=Constraints(upper=cap))
    assert capped.status == "optimal"
    assert capped.solver == "clarabel"
    assert capped.require().max() == pytest.approx(cap, abs=1e-7)
    assert capped.objective == pytest.approx(np.abs(capped.risk_contributions - 0.2).max())
    assert capped.objective > 1e-3


def test_capped_risk_parity_goes_with_turnover_and_with_factors() -> None:
    random = np.random.default_rng(8)
    model = FactorModel(random.normal(size=(6, 2)) * 0.01, np.eye(2), random.uniform(1e-5, 1e-4, 6))
    full = Covariance(model.dense())
    for asked in (
        Constraints(turnover_max=0.3),
        Constraints(upper=0.25),
        Constraints(upper=0.25, turnover_max=0.5, cash=(0.0, 0.1)),
    ):
        current = np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
        current = np.minimum(current, asked.upper)
        structured = optimize(RiskParity(), model, constraints=asked, current=current)
        whole = optimize(RiskParity(), full, constraints=asked, current=current)
        assert structured.status == whole.status == "optimal"
        assert structured.require() == pytest.approx(whole.require(), abs=1e-5)
        assert whole.solver == "clarabel"


def test_where_a_portfolio_has_no_risk_there_is_nothing_to_share_out() -> None:
    solution = optimize(RiskParity(), np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert (solution.weights, solution.status) == (None, "unbounded")
    assert "no risk at all" in solution.note


def test_no_feasible_portfolio_is_near_to_the_tree() -> None:
    sample = market(4, 6)
    limits = Constraints(exposures=sectors(sample.labels, upper=0.3))
    solution = optimize(HierarchicalRiskParity(), sample.covariance, constraints=limits)
    assert (solution.weights, solution.status) == (None, "infeasible")


def test_risk_parity_with_cash_keeps_its_proportions() -> None:
    sample = market(7, 4)
    assert optimize(
        RiskParity(), sample.covariance, constraints=Constraints(cash=(0.25, 0.5))
    ).require() == pytest.approx(0.75 * optimize(RiskParity(), sample.covariance).require())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
@pytest.mark.parametrize("objective", ALL, ids=lambda each: type(each).__name__)
def test_a_factor_model_gives_what_its_full_covariance_gives(objective: Objective, seed: int) -> None:
    random = np.random.default_rng(seed)
    model = FactorModel(
        random.normal(size=(12, 2)) * 0.01, np.array([[1.0, 0.3], [0.3, 0.5]]), random.uniform(1e-5, 1e-4, 12)
    )
    means = random.normal(0.0005, 0.0005, 12)
    means[0] = 0.001
    limits = Constraints(
        upper=0.3, exposures=(Exposure(name="beta", loadings=model.loadings[:, 0], lower=-0.004, upper=0.004),)
    )
    scenarios = random.normal(size=(40, 12)) * 0.01
    structured = optimize(objective, model, means, scenarios=scenarios, constraints=limits)
    full = optimize(objective, model.dense(), means, scenarios=scenarios, constraints=limits)
    assert structured.status == full.status == "optimal"
    assert structured.objective == pytest.approx(full.objective, rel=1e-6, abs=1e-7)


def test_weights_that_are_not_there_cannot_be_traded() -> None:
    limits = Constraints(exposures=sectors(["a", "a", "b"], upper=0.4))
    solution = optimize(MinimumVariance(), np.eye(3), constraints=limits)
    assert solution.weights is None
    with pytest.raises(DataError, match=r"infeasible \(cash most; a upper; b upper\)"):
        solution.require()


def good(**changes: object) -> dict[str, object]:
    return {"covariance": np.eye(3), "expected_returns": np.array([0.1, 0.2, 0.3]), **changes}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (good(covariance=np.array([[1.0, np.nan], [np.nan, 1.0]])), r"covariance\[0, 1\] is nan"),
        (good(covariance=np.array([[1.0, 0.2], [0.1, 1.0]])), r"covariance is not symmetric: \[0, 1\]"),
        (good(covariance=np.array([[1.0, 2.0], [2.0, 1.0]])), "covariance is not positive semi-definite"),
        (good(covariance=np.ones((2, 3))), r"covariance has shape \(2, 3\)"),
        (good(covariance=None, expected_returns=None), "all missing"),
        (good(expected_returns=[0.1, 0.2]), "expected_returns has 2 entries; 3 are needed"),
        (good(expected_returns=[0.1, np.inf, 0.2]), r"expected_returns\[1\] is inf"),
        (good(expected_returns=None), "expected_returns is missing"),
        (good(covariance=None), "covariance is missing"),
        (good(risk_free=np.nan), "risk_free is nan"),
        (good(current=[0.5, 0.5]), "current has 2 entries"),
        (good(scenarios=np.ones((5, 2))), r"scenarios has shape \(5, 2\); 3 columns"),
        (good(chain=["simplex"]), "solver 'simplex' is not known; piqp, highs, clarabel are"),
        (good(constraints=Constraints(upper=0.3)), "upper sums to 0.9 over the assets; the weights must sum to 1"),
        (good(constraints=Constraints(lower=0.4)), "lower sums to 1.2 over the assets; the weights may sum to 1"),
        (good(constraints=Constraints(lower=0.5, upper=np.array([1.0, 0.4, 1.0]))), r"lower\[1\] is 0.5, above upper"),
        (good(constraints=Constraints(upper=np.array([1.0, np.nan, 1.0]))), r"upper\[1\] is nan"),
        (good(constraints=Constraints(lower=np.zeros(4))), "lower does not fit 3 assets"),
        (good(constraints=Constraints(exposures=sectors(["a", "b"], upper=1.0))), "2 loadings each; 3 are needed"),
        (good(constraints=Constraints(turnover_max=0.1)), "current is missing"),
        (good(constraints=Constraints(cost_max=0.1)), "costs is missing"),
        (good(costs=Costs(linear=-0.1), current=np.ones(3) / 3), r"linear cost\[0\] is -0.1"),
        (good(costs=Costs(three_halves=np.inf), current=np.ones(3) / 3), r"three_halves cost\[0\] is inf"),
        (good(warm_start=[1.0]), "warm_start has 1 entries"),
    ],
)
def test_inputs_that_make_no_sense_are_named(inputs: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        optimize(MaximumSharpe(), **inputs)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constraints(gross_max=-1.0), "gross_max is -1"),
        (lambda: Constraints(volatility_max=float("nan")), "volatility_max is nan"),
        (lambda: Constraints(cash=(0.5, 0.1)), r"cash is \(0.5, 0.1\)"),
        (lambda: Constraints(assets_max=0), "assets_max is 0"),
        (lambda: Constraints(position_min=-0.1), "position_min is -0.1"),
        (lambda: Constraints(tracking_error_max=0.1), "without a benchmark"),
        (lambda: Exposure(name="beta", loadings=np.ones(2), lower=1.0, upper=0.0), "beta: lower 1.0 lies above"),
        (lambda: Exposure(name="beta", loadings=np.array([1.0, np.nan])), r"beta\[1\] is nan"),
        (
            lambda: Constraints(
                exposures=(Exposure(name="a", loadings=np.ones(2)), Exposure(name="b", loadings=np.ones(3)))
            ),
            "exposure b has 3 loadings; a has 2",
        ),
        (lambda: sectors(["a", "b"], upper={"c": 0.3}), r"upper names \['c'\], which no asset belongs to"),
        (lambda: Costs(periods=0.0), "periods is 0"),
        (lambda: MeanVariance(0.0), "risk_aversion is 0"),
        (lambda: MinimumCVaR(1.0), "confidence is 1"),
        (lambda: optimize(MinimumCVaR(), np.eye(2)), "scenarios is missing"),
        (lambda: optimize(RiskParity(), np.eye(2), constraints=Constraints(cash=(1, 1))), "risk parity is long-only"),
        (lambda: optimize(HierarchicalRiskParity(), np.diag([1.0, 0.0])), r"covariance\[1, 1\] is 0"),
        (lambda: optimize(RiskParity(), np.diag([1.0, 0.0])), r"covariance\[1, 1\] is 0; an asset without risk"),
        (lambda: FactorModel(np.ones((3, 0)), np.ones((0, 0)), np.ones(3)), "one factor at least"),
        (lambda: FactorModel(np.ones((3, 1)), np.ones((1, 1)), np.array([1.0, -1.0, 1.0])), r"specific_variances\[1\]"),
        (lambda: Covariance(np.zeros((0, 0))), "covariance is empty"),
    ],
)
def test_limits_that_make_no_sense_are_named(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()  # type: ignore[operator]  # parametrized as an object, to keep the table readable


def test_limits_by_label_leave_the_others_unbounded() -> None:
    tech, energy = sectors(["tech", "energy", "tech"], lower={"energy": 0.1}, upper={"tech": 0.5})
    assert (tech.name, tech.upper, tech.lower) == ("tech", 0.5, -np.inf)
    assert (energy.lower, energy.upper) == (0.1, np.inf)
    assert tech.loadings.tolist() == [1.0, 0.0, 1.0]


def singular() -> FloatArray:
    """Five observations of eight assets."""
    return np.asarray(np.cov(np.random.default_rng(0).normal(size=(5, 8)).T))


def test_numpy_reads_a_covariance_as_an_array() -> None:
    model = Covariance(np.eye(2))
    assert (np.asarray(model) == np.eye(2)).all()
    assert np.array(model, dtype=np.float32).dtype == np.float32


def test_a_singular_covariance_has_a_root() -> None:
    model = Covariance(singular())
    assert model.root.T @ model.root == pytest.approx(model.values, abs=1e-12)
    limited = optimize(MaximumReturn(), model, np.arange(8.0), constraints=Constraints(volatility_max=0.4))
    assert limited.status == "optimal"
