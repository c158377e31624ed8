"""One period of a portfolio: by hand, conserved, and the same in every array namespace."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant import costs
from bursar.quant.arrays import FloatArray
from bursar.quant.step import Step, portfolio_step


def random_case(seed: int, shape: tuple[int, ...]) -> dict[str, FloatArray]:
    generator = np.random.default_rng(seed)
    return {
        "weights": generator.uniform(-0.2, 0.4, shape),
        "target": generator.uniform(-0.2, 0.4, shape),
        "returns": generator.normal(0.0, 0.02, shape),
    }


def test_a_purchase_and_a_rise_by_hand() -> None:
    # 0.5 is bought at 10 bps: cost 0.0005. Assets 0.75 x 1.1 + 0.25 x 0.9 = 1.05; cash -0.0005, borrowed at 1 %.
    step = portfolio_step(
        np.array([0.5, 0.0]),
        np.array([0.75, 0.25]),
        np.array([0.10, -0.10]),
        cash_return=0.01,
        cost_rate=0.001,
    )
    growth = 1.05 - 0.0005 * 1.01
    assert step.turnover == pytest.approx(0.5)
    assert step.cost == pytest.approx(0.0005)
    assert step.growth == pytest.approx(growth)
    assert step.weights == pytest.approx([0.825 / growth, 0.225 / growth])
    assert step.cash == pytest.approx(-0.0005 * 1.01 / growth)


def test_holding_what_one_has_costs_nothing_and_drifts() -> None:
    step = portfolio_step(np.array([0.5]), np.array([0.5]), np.array([1.0]), cost_rate=0.01)
    assert step.cost == step.turnover == 0.0
    assert step.growth == pytest.approx(1.5)
    assert step.weights == pytest.approx([2 / 3])  # 1.0 of 1.5


def test_the_costs_are_those_of_the_order_path() -> None:
    case = random_case(1, (4,))
    coefficient = costs.three_halves_coefficient(1e6, np.full(4, 5e7), np.full(4, 0.02))
    step = portfolio_step(**case, cost_rate=5 / 10_000, impact=coefficient)
    money = 1e6 * (case["target"] - case["weights"])
    proportional = costs.proportional_cost(money, np.full(4, 5.0)).sum()
    impact = (abs(money) * costs.square_root_impact(money, np.full(4, 5e7), np.full(4, 0.02))).sum()
    assert step.cost * 1e6 == pytest.approx(proportional + impact, rel=1e-12)


@given(st.integers(0, 2**31), st.sampled_from([(3,), (5, 3), (2, 4, 3)]))
def test_no_money_appears_or_vanishes(seed: int, shape: tuple[int, ...]) -> None:
    case = random_case(seed, shape)
    step = portfolio_step(**case, cash_return=0.0001, cost_rate=0.001, impact=0.002)
    assert step.weights.sum(axis=-1) + step.cash == pytest.approx(np.ones(shape[:-1]))
    gain = (case["target"] * case["returns"]).sum(axis=-1)
    interest = 0.0001 * (1 - case["target"].sum(axis=-1) - step.cost)
    assert step.growth == pytest.approx(1 + gain + interest - step.cost)


@given(st.integers(0, 2**31))
def test_a_batch_is_its_portfolios_one_by_one(seed: int) -> None:
    case = random_case(seed, (6, 3))
    rates = np.array([0.0, 0.0005, 0.002])
    together = portfolio_step(**case, cost_rate=rates)
    for row in range(6):
        alone = portfolio_step(**{name: values[row] for name, values in case.items()}, cost_rate=rates)
        assert together.growth[row] == pytest.approx(alone.growth, rel=1e-14)
        assert together.weights[row] == pytest.approx(alone.weights, rel=1e-14)


def test_many_steps_without_trades_compound_each_asset() -> None:
    generator = np.random.default_rng(7)
    start, returns = np.array([0.3, 0.5]), generator.normal(0, 0.02, (50, 2))
    weights, value = start, 1.0
    for row in returns:
        step = portfolio_step(weights, weights, row)
        weights, value = step.weights, value * float(step.growth)
    assert value == pytest.approx(0.2 + (start * np.prod(1 + returns, axis=0)).sum(), rel=1e-12)


def test_the_order_path_differs_by_less_than_a_share_of_each_asset() -> None:
    value, prices = 100_000.0, np.array([311.0, 47.5, 902.25])
    target, returns = np.array([0.4, 0.3, 0.2]), np.array([0.02, -0.03, 0.01])
    step = portfolio_step(np.zeros(3), target, returns, cost_rate=0.0005)
    shares = np.floor(value * target / prices)
    fee = (shares * prices).sum() * 0.0005
    after = value - (shares * prices).sum() - fee + (shares * prices * (1 + returns)).sum()
    assert abs(after - value * step.growth) <= (prices * (np.abs(returns) + 0.0005)).sum()


def test_a_portfolio_that_owes_more_than_it_has_is_ruined_and_holds_nothing() -> None:
    step = portfolio_step(np.array([3.0]), np.array([3.0]), np.array([-0.5]))
    assert step.growth == pytest.approx(-0.5)  # 1.5 of assets, 2 borrowed
    assert step.weights == pytest.approx([0.0])
    assert step.cash == 0.0


class PlainNamespace:
    """Only the functions that the step may use, handed on one by one: anything else fails loudly."""

    abs, sum, all, isfinite = np.abs, np.sum, np.all, np.isfinite
    where, ones_like, zeros_like = np.where, np.ones_like, np.zeros_like


def as_numpy(step: Step) -> list[FloatArray]:
    return [np.asarray(getattr(step, name)) for name in ("weights", "cash", "growth", "cost", "turnover")]


def test_the_step_asks_for_the_common_subset_of_the_array_api_only() -> None:
    case = random_case(3, (4, 3))
    plain = portfolio_step(**case, cost_rate=0.001, impact=0.01, xp=PlainNamespace)
    for mine, theirs in zip(
        as_numpy(plain), as_numpy(portfolio_step(**case, cost_rate=0.001, impact=0.01)), strict=True
    ):
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_another_namespace_agrees_to_rounding(name: str) -> None:
    # Both are optional; the test above holds the step to the common subset where neither is installed.
    xp: Any = pytest.importorskip(name)
    case = random_case(4, (8, 5))
    rates = np.array([0.0, 0.0005, 0.001, 0.002, 0.003])
    ours = portfolio_step(**case, cash_return=0.0001, cost_rate=rates, impact=0.01)
    foreign = {key: xp.asarray(values) for key, values in case.items()}
    theirs = portfolio_step(**foreign, cash_return=0.0001, cost_rate=xp.asarray(rates), impact=0.01, xp=xp)
    for mine, other in zip(as_numpy(ours), as_numpy(theirs), strict=True):
        assert np.max(np.abs(mine - other)) < 1e-12


def test_a_gradient_flows_through_the_step() -> None:
    torch: Any = pytest.importorskip("torch")
    case = {key: torch.asarray(values) for key, values in random_case(5, (3,)).items()}
    case["target"] = case["weights"].clone().requires_grad_()  # no trade at all: the kink of the costs
    portfolio_step(**case, cost_rate=0.001, impact=0.01, xp=torch).growth.backward()
    assert bool(torch.all(torch.isfinite(case["target"].grad)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": np.zeros(2)}, r"target has shape \(2,\); that of the weights is \(3,\)"),
        ({"returns": np.zeros((1, 3))}, r"returns has shape \(1, 3\)"),
        ({"returns": np.array([0.0, math.nan, 0.0])}, r"returns\[1\] is nan"),
        ({"cash_return": math.inf}, "cash_return is inf"),
        ({"cost_rate": math.nan}, "cost is nan"),
        ({"target": np.full(3, 1e200), "returns": np.full(3, 1e200)}, "beyond what a float can hold"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_what_cannot_be_a_step_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        portfolio_step(**{**random_case(6, (3,)), **change})
