"""Stakes for the fastest growth: the textbooks' answers worked out again, and the conditions of an optimum."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant import growth
from bursar.quant.arrays import FloatArray

VINCE_TRADES = [9, 18, 7, 1, 10, -5, -3, -17, -7]


# Kelly


def test_kelly_of_three_bets_by_hand() -> None:
    # (b p - q) / b: .6 - .4; .55 - .45; (2 x .5 - .5) / 2
    assert growth.kelly_fraction([0.6, 0.55, 0.5], [1, 1, 2]) == pytest.approx([0.2, 0.1, 0.25])
    # p log(1 + b f) + q log(1 - f), in nats
    rates = growth.kelly_growth([0.2, 0.1, 0.25], [0.6, 0.55, 0.5], [1, 1, 2])
    assert rates == pytest.approx([0.0201355136, 0.0050083668, 0.0588915178], abs=1e-10)


@given(st.floats(0.01, 0.99), st.floats(0.1, 10), st.floats(0, 0.98))
def test_no_other_stake_grows_faster_than_kellys(p: float, b: float, other: float) -> None:
    best = max(float(growth.kelly_fraction(p, b)), 0.0)
    assert growth.kelly_growth(best, p, b) >= growth.kelly_growth(other, p, b) - 1e-12


def test_thorps_index_fund() -> None:
    # Thorp 2006, section 7: mean .11, riskless .06, deviation .15: f = .05 / .0225; growth .06 + .05^2 / (2 x .0225)
    weights = growth.kelly_continuous([0.11 - 0.06], [[0.15**2]])
    assert weights == pytest.approx([2.2222], abs=1e-4)
    assert 0.06 + weights[0] * 0.05 - 0.5 * weights[0] ** 2 * 0.0225 == pytest.approx(0.115556, abs=1e-6)


def test_two_coins_at_once_are_each_staked_less_than_one_alone() -> None:
    # .36 log(1 + 2f) + .16 log(1 - 2f) has slope zero where .72 (1 - 2f) = .32 (1 + 2f): f = .4 / 2.08
    outcomes = [[1, 1], [1, -1], [-1, 1], [-1, -1]]
    weights = growth.kelly_portfolio(outcomes, probabilities=[0.36, 0.24, 0.24, 0.16])
    assert weights == pytest.approx([0.4 / 2.08] * 2, rel=1e-6)
    assert weights[0] < growth.kelly_fraction(0.6, 1.0)


def test_one_coin_in_scenarios_is_kellys_coin() -> None:
    assert growth.kelly_portfolio([[2.0], [-1.0]]) == pytest.approx([0.25], rel=1e-6)


def random_outcomes(seed: int, scenarios: int, assets: int) -> FloatArray:
    generator = np.random.default_rng(seed)
    table = generator.standard_t(4, (scenarios, assets)) * 0.1 + generator.normal(0.01, 0.02, assets)
    return np.maximum(table, -1.0)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("total", [1.0, 0.4])
def test_the_portfolio_meets_the_conditions_of_the_optimum(seed: int, total: float) -> None:
    # Kuhn and Tucker: the marginal growth of each asset is the price of the budget, or less where nothing is held
    outcomes = random_outcomes(seed, 60, 5)
    weights = growth.kelly_portfolio(outcomes, total=total)
    assert weights.min() > 0
    assert weights.sum() <= total
    marginal = (outcomes / (1 + outcomes @ weights)[:, np.newaxis]).mean(axis=0)
    price = max(marginal.max(), 0.0)
    assert weights @ (price - marginal) == pytest.approx(0, abs=1e-9)
    assert price * (total - weights.sum()) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_portfolio_is_the_one_that_a_convex_solver_finds(seed: int) -> None:
    cvxpy: Any = importlib.import_module("cvxpy")  # its types are incomplete

    outcomes = random_outcomes(seed + 50, 80, 6)
    variable = cvxpy.Variable(6)
    expected = cvxpy.sum(cvxpy.log(1 + outcomes @ variable)) / 80
    problem = cvxpy.Problem(cvxpy.Maximize(expected), [variable >= 0, cvxpy.sum(variable) <= 1])
    problem.solve(solver=cvxpy.CLARABEL)
    ours = growth.kelly_portfolio(outcomes)
    assert np.log1p(outcomes @ ours).mean() >= problem.value - 1e-9


def test_assets_without_an_edge_are_not_held() -> None:
    assert growth.kelly_portfolio([[0.1, -0.2], [-0.2, 0.1]]) == pytest.approx([0, 0], abs=1e-9)


# Vince


def test_vinces_bet_of_two_to_one() -> None:
    found = growth.optimal_f([2, -1])
    assert found.fraction == pytest.approx(0.25)
    assert found.terminal_wealth == pytest.approx(1.125)  # 1.5 x 0.75
    assert found.growth == pytest.approx(math.sqrt(1.125))
    assert found.money_per_unit == pytest.approx(4.0)


def test_vinces_nine_trades() -> None:
    # The book finds .24 on a grid of hundredths; the top of the curve lies between the grid's points
    found = growth.optimal_f(VINCE_TRADES)
    assert round(found.fraction, 2) == 0.24
    assert found.fraction == pytest.approx(0.2367081798, abs=1e-9)
    assert found.terminal_wealth == pytest.approx(1.0957186847, abs=1e-9)
    assert found.growth == pytest.approx(1.0102084747, abs=1e-9)
    assert found.money_per_unit == pytest.approx(71.8184, abs=1e-4)
    on_the_grid = math.prod(1 + 0.24 * trade / 17 for trade in VINCE_TRADES)
    assert on_the_grid == pytest.approx(1.0956984378, abs=1e-9)


def test_equal_wins_and_losses_make_optimal_f_kellys() -> None:
    assert growth.optimal_f([1] * 6 + [-1] * 4).fraction == pytest.approx(0.2)
    assert growth.optimal_f([1, -1], probabilities=[0.6, 0.4]).fraction == pytest.approx(0.2)


def test_optimal_f_sees_the_tail_that_kellys_formula_cannot() -> None:
    # Both win 2 half the time and lose 1 on average, so p = .5 and b = 2, and Kelly stakes .25 of the mean loss.
    even, tailed = [2] * 10 + [-1] * 10, [2] * 10 + [-0.5] * 9 + [-5.5]
    assert np.mean([t for t in tailed if t < 0]) == pytest.approx(-1.0)
    kelly = float(growth.kelly_fraction(0.5, 2.0))
    as_stake_per_unit = [growth.optimal_f(trades).money_per_unit for trades in (even, tailed)]
    assert 1 / as_stake_per_unit[0] == pytest.approx(kelly)  # without a tail the two agree
    assert 1 / as_stake_per_unit[1] < 0.6 * kelly  # one large loss takes much of the stake away


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=40), st.floats(0, 0.999))
def test_no_other_fraction_ends_with_more(trades: list[float], other: float) -> None:
    found = growth.optimal_f(trades)
    if math.isnan(found.fraction):
        assert min(trades) >= 0
        return
    assert 0 <= found.fraction < 1
    worst = -min(trades)
    assert found.growth >= math.exp(np.mean(np.log1p(other * np.array(trades) / worst))) - 1e-9


def test_without_an_edge_nothing_is_staked_and_without_a_loss_nothing_is_known() -> None:
    losing = growth.optimal_f([1, -2])
    assert (losing.fraction, losing.growth, losing.terminal_wealth) == (0.0, 1.0, 1.0)
    assert losing.money_per_unit == math.inf
    for trades in ([], [1, 2]):
        found = growth.optimal_f(trades)
        assert math.isnan(found.fraction)
        assert math.isnan(found.growth)
        assert math.isnan(found.money_per_unit)


def test_many_strategies_at_once_are_each_one_alone() -> None:
    rows = [[2, -1], VINCE_TRADES, [1, -2], [3, 4], []]
    together = growth.optimal_fractions(rows)
    alone = [growth.optimal_f(row).fraction for row in rows]
    assert together == pytest.approx(alone, nan_ok=True)
    assert growth.optimal_fractions([]).size == 0


# Bad input


def test_what_cannot_be_staked_on_is_named() -> None:
    with pytest.raises(InputError, match=r"win_probability\[1\] is 1.2"):
        growth.kelly_fraction([0.5, 1.2], [1, 1])
    with pytest.raises(InputError, match=r"payoff is 0; a number above zero"):
        growth.kelly_fraction(0.5, 0.0)
    with pytest.raises(InputError, match="fraction is 1"):
        growth.kelly_growth(1.0, 0.5, 1.0)
    with pytest.raises(InputError, match="covariances is singular"):
        growth.kelly_continuous([0.1, 0.1], [[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(InputError, match=r"outcomes\[0, 1\] is -1.5"):
        growth.kelly_portfolio([[0.1, -1.5]])
    with pytest.raises(InputError, match="one scenario and one asset"):
        growth.kelly_portfolio(np.zeros((0, 2)))
    with pytest.raises(InputError, match="total is 2"):
        growth.kelly_portfolio([[0.1]], total=2)
    with pytest.raises(InputError, match=r"probabilities\[0\] is -1"):
        growth.optimal_f([1, -1], probabilities=[-1, 1])
    with pytest.raises(InputError, match="probabilities sum to zero"):
        growth.optimal_f([1, -1], probabilities=[0, 0])
    with pytest.raises(InputError, match=r"strategies\[1\]\[0\] is nan"):
        growth.optimal_fractions([[1.0], [math.nan]])
    assert math.isnan(growth.optimal_f([], probabilities=[]).fraction)
