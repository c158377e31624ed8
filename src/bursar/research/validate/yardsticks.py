"""Yardsticks: what needs no skill, at the same costs and on the same days as the rule that is held against it.

They are told in arrays, by the one arithmetic of a period (``quant/step.py``), and so trade any fraction of a share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.quant.step import portfolio_step

#: The name of what every rule is held against.
EQUAL_WEIGHT = "1/N equal weight"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Yardstick:
    """What came of it.

    returns   (n_days - 1,) from close to close, after costs
    costs     (n_days - 1,) paid at the close that each return begins with, as fractions of the value then
    turnover  (n_days - 1,) bought and sold at that close, likewise
    invested  (n_days - 1,) part of the value that was in assets over the day
    orders    that were traded
    """

    name: str
    returns: FloatArray
    costs: FloatArray
    turnover: FloatArray
    invested: FloatArray
    orders: int


def equal_weight(closes: FloatArray, decided: NDArray[np.bool_], *, cost_rate: float) -> Yardstick:
    """The same part of all that has a price, made equal again at each close that is ``decided``.

    closes   (n_days, n_assets); NaN where an asset did not trade, where what is held of it keeps its last value
    decided  (n_days,)
    """
    return _followed(EQUAL_WEIGHT, closes, decided, cost_rate)


def buy_and_hold(closes: FloatArray, decided: NDArray[np.bool_], *, cost_rate: float) -> Yardstick:
    """The same part of all that has a price at the first close that is ``decided``, and then left alone."""
    once = np.zeros(len(decided), dtype=np.bool_)
    if decided.any():
        once[int(np.argmax(decided))] = True
    return _followed("buy and hold", closes, once, cost_rate)


def _followed(name: str, closes: FloatArray, decided: NDArray[np.bool_], cost_rate: float) -> Yardstick:
    days, assets = closes.shape
    if decided.shape != (days,):
        raise InputError(f"{name}: {days} days of closes and {decided.shape} days of decisions; give the same days")
    prices = _carried(closes)
    worth, weights, orders = np.ones(days), np.zeros(assets), 0
    costs, turnover, invested = (np.zeros(max(days - 1, 0)) for _ in range(3))
    at = np.flatnonzero(decided[:-1])
    for first, last in zip(at, [*at[1:], days - 1], strict=True):
        priced = np.isfinite(closes[first])
        target = priced / max(int(priced.sum()), 1)
        orders += int((target != weights).sum())
        # Between two decisions nothing is traded: a period is as long as that, and its days are its parts.
        moves = np.nan_to_num(prices[first + 1 : last + 1] / prices[first] - 1.0)
        step = portfolio_step(weights, target, moves[-1], cost_rate=cost_rate)
        costs[first], turnover[first] = step.cost, step.turnover
        grown = 1.0 - step.cost + moves @ target
        worth[first + 1 : last + 1] = worth[first] * grown
        invested[first:last] = (target.sum() + np.concatenate([[0.0], moves[:-1] @ target])) / np.concatenate(
            [[1.0 - step.cost], grown[:-1]]
        )
        weights = step.weights
    return Yardstick(
        name=name,
        returns=worth[1:] / worth[:-1] - 1.0,
        costs=costs,
        turnover=turnover,
        invested=invested,
        orders=orders,
    )


def _carried(closes: FloatArray) -> FloatArray:
    """Closes with each gap filled by the last one before it."""
    filled = closes.copy()
    for row in range(1, len(filled)):
        gone = np.isnan(filled[row])
        filled[row, gone] = filled[row - 1, gone]
    return filled
