"""What a trade costs: every formula once, for the order path, the simulator and the optimizer.

The formulas of the order path take floats, Decimals or arrays alike (all arguments of one call of one kind) and
round nothing: rounding to cents belongs to whoever books the amount. Costs are positive amounts of money, in the
currency of the notional; quantities and notionals may carry the sign of their side, which changes nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar, cast

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray

Amount = TypeVar("Amount", float, Decimal, FloatArray)
Real = TypeVar("Real", float, FloatArray)


def proportional_cost(notional: Amount, basis_points: Amount) -> Amount:
    """A cost proportional to the money traded: |notional| x basis_points / 10,000."""
    _not_negative("basis_points", basis_points)
    return abs(notional) * basis_points / 10_000


def half_spread_cost(quantity: Amount, bid: Amount, ask: Amount) -> Amount:
    """What crossing from the middle to the far side costs: |quantity| x (ask - bid) / 2.

    Raises InputError for a crossed quote.
    """
    spread = ask - bid
    if not _least(spread) >= 0:
        raise InputError(f"the quote is crossed: bid {bid}, ask {ask}")
    return abs(quantity) * spread / 2


def per_share_fee(
    quantity: Amount, notional: Amount, *, per_share: Amount, minimum: Amount, maximum_fraction: Amount
) -> Amount:
    """A commission by the share with a floor and a ceiling, as in IBKR's fixed plan.

    per_share         money a share
    minimum           money an order; nothing is charged where the quantity is zero
    maximum_fraction  the ceiling as a fraction of the notional. Where it lies below the minimum, the ceiling rules

    Source: Interactive Brokers, "Commissions: Stocks, ETFs and Warrants", fixed plan, the note on minimum and
    maximum per order.
    """
    for name, value in (("per_share", per_share), ("minimum", minimum), ("maximum_fraction", maximum_fraction)):
        _not_negative(name, value)
    shares, ceiling = abs(quantity), abs(notional) * maximum_fraction
    if isinstance(shares, np.ndarray):
        fee = np.minimum(np.maximum(shares * per_share, minimum), ceiling)
        return cast(Amount, np.where(shares > 0, fee, 0.0))
    fee = min(max(shares * per_share, minimum), ceiling)
    return fee if shares else 0 * fee


def square_root_impact(quantity: Real, daily_volume: Real, daily_volatility: Real, coefficient: float = 1.0) -> Real:
    """By how much a trade moves the price against itself, as a fraction of the price, always positive.

    coefficient x daily_volatility x sqrt(|quantity| / daily_volume): the square-root law. The money it costs is
    that times the notional, and so grows with the 3/2 power of the quantity.

    daily_volume      in the unit of quantity (shares with shares, or money with money), above zero
    daily_volatility  standard deviation of daily returns, as a fraction

    Source: Toth et al. (2011), "Anomalous price impact and the critical nature of liquidity", Physical Review X 1.
    """
    _not_negative("coefficient", coefficient)
    _not_negative("daily_volatility", daily_volatility)
    _above_zero("daily_volume", daily_volume)
    impact: Real = coefficient * daily_volatility * (abs(quantity) / daily_volume) ** 0.5
    return impact


def three_halves_coefficient(
    portfolio_value: float, daily_volume_value: FloatArray, daily_volatility: FloatArray, coefficient: float = 1.0
) -> FloatArray:
    """The c in `cost = sum c_i |dw_i| ** 1.5`, a fraction of the portfolio, that is the square-root law in weights.

    portfolio_value     money, above zero
    daily_volume_value  (n_assets,) money traded in a day, above zero
    daily_volatility    (n_assets,) standard deviation of daily returns
    """
    _above_zero("portfolio_value", portfolio_value)
    # |dw| V of money moves the price by s sqrt(|dw| V / ADV); times |dw| V and over V leaves s sqrt(V / ADV) |dw|^1.5.
    full_turn = np.full_like(daily_volume_value, portfolio_value)
    return square_root_impact(full_turn, daily_volume_value, daily_volatility, coefficient)


def _not_negative(name: str, value: float | Decimal | FloatArray) -> None:
    if not _least(value) >= 0:
        raise InputError(f"{name} is {_least(value):g}; it must not be negative")


def _above_zero(name: str, value: float | Decimal | FloatArray) -> None:
    if not _least(value) > 0:
        raise InputError(f"{name} is {_least(value):g}; it must lie above zero")


def _least(value: float | Decimal | FloatArray) -> float:
    # As a float, NaN fails every comparison quietly; a Decimal NaN would raise an error of its own.
    if isinstance(value, np.ndarray):
        return float(np.min(np.asarray(value, dtype=np.float64)))
    return float(value)  # an order's charge is worked out four times: no array needs to be made for it
