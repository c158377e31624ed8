"""One period in the life of a portfolio: trade to the target, pay for it, let the market move.

The one arithmetic of the vector environment, the differentiable trainer, the screen and the live shadow. It is
written in the operations that numpy, torch and every other namespace of the Python array API share, so that all
of them agree to rounding and gradients flow through it.

Money is measured in shares of the portfolio's value before the trade:

    1. buy and sell from `weights` to `target`; an asset then holds exactly its target share of that value
    2. the cost comes out of cash: cash = 1 - sum(target) - cost. A target that leaves no cash borrows the cost
    3. each asset earns its return, cash earns `cash_return`
    4. the weights drift to what each asset is of the new value

The order path does the same with whole shares, so the two differ by at most one lot of each asset and its cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bursar.errors import InputError

Array = Any  # an array of whichever namespace the caller brings


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one period did. Leading dimensions are those of the weights: one entry for each portfolio of a batch.

    weights   (..., n_assets) after the period, shares of the new value
    cash      (...) the rest; weights and cash sum to one
    growth    (...) new value over old, after costs; ruined where it is not above zero, with weights and cash zero
    cost      (...) share of the old value paid for trading
    turnover  (...) sum of what was bought and what was sold, as a share of the old value
    """

    weights: Array
    cash: Array
    growth: Array
    cost: Array
    turnover: Array


def portfolio_step(
    weights: Array,
    target: Array,
    returns: Array,
    *,
    cash_return: Array | float = 0.0,
    cost_rate: Array | float = 0.0,
    impact: Array | float = 0.0,
    xp: Any = np,
) -> Step:
    """Trade from `weights` to `target`, then live through one period of `returns`.

    weights      (..., n_assets) held before the trade; negative is short; the rest, positive or not, is cash
    target       (..., n_assets) wanted after it
    returns      (..., n_assets) simple returns of the period
    cash_return  of the same period, on cash and on what is borrowed
    cost_rate    cost over notional traded: 0.0005 is five basis points; one number or one for each asset
    impact       c in c |trade| ** 1.5, as `costs.three_halves_coefficient` gives it; one number or one each
    xp           the namespace of the arrays: numpy, torch, or any other of the array API

    Raises InputError where shapes differ or a number is missing; of the latter, arrays of numpy name the entry.
    """
    for name, array in (("target", target), ("returns", returns)):
        if tuple(array.shape) != tuple(weights.shape):
            raise InputError(f"{name} has shape {tuple(array.shape)}; that of the weights is {tuple(weights.shape)}")
    traded = xp.abs(target - weights)
    cost = xp.sum(traded * cost_rate + traded**1.5 * impact, axis=-1)
    assets = target * (1.0 + returns)
    cash = (1.0 - xp.sum(target, axis=-1) - cost) * (1.0 + cash_return)
    growth = xp.sum(assets, axis=-1) + cash
    if not bool(xp.all(xp.isfinite(growth))):
        _refuse(weights=weights, target=target, returns=returns, cash_return=cash_return, cost=cost)
    # Where nothing is left there are no shares of it; the division runs on ones there, so that gradients stay finite.
    alive = growth > 0.0
    divisor = xp.where(alive, growth, xp.ones_like(growth))
    kept = xp.where(alive, 1.0 / divisor, xp.zeros_like(growth))
    return Step(
        weights=assets * kept[..., None],
        cash=cash * kept,
        growth=growth,
        cost=cost,
        turnover=xp.sum(traded, axis=-1),
    )


def _refuse(**arguments: Array) -> None:
    for name, values in arguments.items():
        array = np.asarray(values)
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            entry = tuple(int(i) for i in wrong[0])
            place = f"[{', '.join(map(str, entry))}]" if entry else ""
            raise InputError(f"{name}{place} is {array[entry]}; a finite number is needed")
    raise InputError("the portfolio's growth is beyond what a float can hold")
