"""Costs: worked by hand, in each kind of number, and refused when they make no sense."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from bursar.errors import InputError
from bursar.quant import costs


def test_five_basis_points_of_ten_thousand_are_five_whichever_way_the_trade_goes() -> None:
    assert costs.proportional_cost(10_000.0, 5.0) == 5.0
    assert costs.proportional_cost(-10_000.0, 5.0) == 5.0
    assert costs.proportional_cost(Decimal("10000.00"), Decimal(5)) == Decimal(5)
    assert costs.proportional_cost(np.array([10_000.0, -200.0]), np.array([5.0, 10.0])).tolist() == [5.0, 0.2]


def test_decimals_stay_exact_and_unrounded() -> None:
    assert costs.proportional_cost(Decimal("123.45"), Decimal("0.7")) == Decimal("0.0086415")


def test_crossing_half_the_spread_is_paid_on_every_share() -> None:
    # 100 shares at 10.00 / 10.04: two cents each.
    assert costs.half_spread_cost(Decimal(-100), Decimal("10.00"), Decimal("10.04")) == Decimal("2.00")


def test_a_crossed_quote_has_no_cost() -> None:
    with pytest.raises(InputError, match=r"crossed: bid 10\.1, ask 10"):
        costs.half_spread_cost(100.0, 10.1, 10.0)
    with pytest.raises(InputError, match="crossed"):
        costs.half_spread_cost(100.0, float("nan"), 10.0)


FIXED_PLAN = {"per_share": 0.005, "minimum": 1.0, "maximum_fraction": 0.01}


@pytest.mark.parametrize(
    ("shares", "price", "fee"),
    [
        (1000, 25.0, 5.0),  # 1000 x 0.005
        (100, 25.0, 1.0),  # 0.50 rises to the minimum
        (1000, 0.25, 2.5),  # 5.00 falls to 1 % of 250
        (10, 0.20, 0.02),  # 1 % of 2.00 lies below the minimum, and rules
        (-1000, 25.0, 5.0),  # a sale costs the same
        (0, 25.0, 0.0),
    ],
)
def test_the_fixed_plan_charges_by_the_share_between_its_floor_and_its_ceiling(
    shares: int, price: float, fee: float
) -> None:
    assert costs.per_share_fee(float(shares), shares * price, **FIXED_PLAN) == pytest.approx(fee, abs=1e-12)
    in_decimals = costs.per_share_fee(
        Decimal(shares),
        Decimal(shares) * Decimal(str(price)),
        per_share=Decimal("0.005"),
        minimum=Decimal(1),
        maximum_fraction=Decimal("0.01"),
    )
    assert in_decimals == Decimal(str(fee))


def test_a_whole_column_of_orders_is_charged_at_once() -> None:
    shares = np.array([1000.0, 100.0, 10.0, 0.0])
    prices = np.array([25.0, 25.0, 0.20, 5.0])
    of_arrays = {name: np.full(4, value) for name, value in FIXED_PLAN.items()}
    assert costs.per_share_fee(shares, shares * prices, **of_arrays).tolist() == [5.0, 1.0, 0.02, 0.0]


def test_a_quarter_of_the_volume_moves_the_price_by_half_its_volatility() -> None:
    assert costs.square_root_impact(250.0, 1000.0, 0.02) == pytest.approx(0.01)
    assert costs.square_root_impact(-250.0, 1000.0, 0.02) == pytest.approx(0.01)


def test_in_weights_the_square_root_law_is_a_three_halves_power() -> None:
    value, volume, volatility = 1e6, np.array([5e6, 2e7]), np.array([0.02, 0.015])
    coefficient = costs.three_halves_coefficient(value, volume, volatility, coefficient=0.8)
    change = np.array([0.10, -0.04])
    money = np.abs(change) * value
    by_hand = money * costs.square_root_impact(money, volume, volatility, coefficient=0.8)
    assert (coefficient * np.abs(change) ** 1.5 * value).tolist() == pytest.approx(by_hand.tolist())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: costs.proportional_cost(1.0, -1.0), "basis_points is -1"),
        (lambda: costs.proportional_cost(Decimal(1), Decimal("NaN")), "basis_points is nan"),
        (lambda: costs.per_share_fee(1.0, 1.0, per_share=-0.1, minimum=0.0, maximum_fraction=1.0), "per_share is -0.1"),
        (lambda: costs.square_root_impact(1.0, 0.0, 0.02), "daily_volume is 0"),
        (lambda: costs.square_root_impact(1.0, 1.0, float("nan")), "daily_volatility is nan"),
        (lambda: costs.three_halves_coefficient(0.0, np.ones(1), np.ones(1)), "portfolio_value is 0"),
    ],
)
def test_a_number_that_cannot_be_a_cost_is_named(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]  # parametrized as an object, to keep the table readable
