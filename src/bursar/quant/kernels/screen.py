"""Screens: many variants of a rule over the same prices, each asset in a sleeve of its own, in one pass each."""

from __future__ import annotations

import numpy as np
from numba import types

from bursar.quant.arrays import FloatArray
from bursar.quant.kernels import booleans, integer, kernel, matrix, matrix_out, nothing, real

flags = types.Array(types.boolean, 2, "C", readonly=True)
ticks_in = types.Array(types.int64, 2, "C", readonly=True)
flags_out = types.boolean[:, ::1]


@kernel(nothing(ticks_in, integer, integer, flags_out))
def crossover(ticks: np.ndarray, fast: int, slow: int, above: np.ndarray) -> None:
    """Where the mean of the last ``fast`` rows of a column is above that of the last ``slow``, into ``above``.

    In whole numbers, by sums that slide: equal means are equal.
    """
    for j in range(ticks.shape[1]):
        short = 0
        long = 0
        for t in range(ticks.shape[0]):
            short += ticks[t, j]
            long += ticks[t, j]
            if t >= fast:
                short -= ticks[t - fast, j]
            if t >= slow:
                long -= ticks[t - slow, j]
            above[t, j] = t >= slow - 1 and short * slow > long * fast


@kernel(integer(matrix, flags, booleans, real, real, matrix_out))
def hold(
    closes: FloatArray, wanted: np.ndarray, trades_on: np.ndarray, cash: float, cost_rate: float, worth: FloatArray
) -> int:
    """All of each sleeve in its asset while wanted, else in cash; what each is worth at each close, into ``worth``.

    Traded at the close of days in ``trades_on``, whole, with ``cost_rate`` of what is traded. Returns the number of
    orders. A close that is missing is carried from the day before, and nothing is traded on it.
    """
    orders = 0
    for j in range(closes.shape[1]):
        money = cash
        shares = 0.0
        price = 0.0
        for t in range(closes.shape[0]):
            known = not np.isnan(closes[t, j])
            if known:
                price = closes[t, j]
            if known and trades_on[t]:
                if wanted[t, j] and shares == 0.0:
                    shares = money / (price * (1.0 + cost_rate))
                    money = 0.0
                    orders += 1
                elif not wanted[t, j] and shares > 0.0:
                    money = shares * price * (1.0 - cost_rate)
                    shares = 0.0
                    orders += 1
            worth[t, j] = money + shares * price
    return orders
