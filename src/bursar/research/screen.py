"""The screen: a rule in thousands of variants over the same closes, in arrays, before the few that matter are tested.

It knows no orders, no gate and no books. What it gives up is stated, and what it keeps is tested: on rules that hold
each asset or not, each in a sleeve of its own, the full path (``runtime/backtest.py``) makes the same trades on the
same days and ends within the cents that commissions are rounded to and the fractions of a share that are left over.

All days and assets go at once, and numpy is all that it takes: a compiler is loaded for ten times as long as a screen
of 8000 days of 20 stocks lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bursar.errors import InputError
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screened:
    """What came of one variant.

    name    of the variant
    worth   (n_days, n_assets) of each sleeve at each close, money
    orders  that were traded
    """

    name: str
    worth: FloatArray
    orders: int

    @property
    def equity(self) -> FloatArray:
        """Of all sleeves together at each close, (n_days,)."""
        total: FloatArray = self.worth.sum(axis=1)
        return total


def crossovers(
    closes: Panel,
    windows: Iterable[tuple[int, int]],
    *,
    cash_each: float,
    cost_rate: float,
    tick: float = 0.001,
) -> tuple[Screened, ...]:
    """Each asset held while its fast moving average is above its slow one: one variant for each pair of ``windows``.

    cash_each  that each asset's sleeve begins with
    cost_rate  of trading, as a fraction of notional
    tick       of the closes: averages are compared as whole numbers of it, and equal is not above

    Raises InputError where a close is missing, or a window is none.
    """
    if not np.isfinite(closes.values).all():
        row, column = np.argwhere(~np.isfinite(closes.values))[0]
        raise InputError(
            f"{closes.symbols[column]} has no close on {closes.dates[row]}; screen it over days on which all trade"
        )
    days, assets = closes.values.shape
    sums = np.zeros((assets, days + 1), dtype=np.int64)
    np.rint(closes.values.T / tick).astype(np.int64).cumsum(axis=1, out=sums[:, 1:])
    found = []
    for fast, slow in windows:
        if not 0 < fast < slow:
            raise InputError(f"a crossover of {fast} and {slow} days; the first must be the fewer, and above zero")
        above = _above(sums, fast, slow)
        found.append(held(f"crossover {fast}/{slow}", closes, above.T, cash_each=cash_each, cost_rate=cost_rate))
    return tuple(found)


def _above(sums: NDArray[np.int64], fast: int, slow: int) -> NDArray[np.bool_]:
    """Where the mean of the last ``fast`` days is above that of the last ``slow``, (n_assets, n_days).

    sums  of all days before each one, whole, (n_assets, n_days + 1): equal means are equal
    """
    above = np.zeros((len(sums), sums.shape[1] - 1), dtype=np.bool_)
    last = sums[:, slow:]
    above[:, slow - 1 :] = (last - sums[:, slow - fast : -fast]) * slow > (last - sums[:, :-slow]) * fast
    return above


def held(
    name: str,
    closes: Panel,
    wanted: NDArray[np.bool_],
    *,
    cash_each: float,
    cost_rate: float,
    trades_on: Sequence[bool] | NDArray[np.bool_] | None = None,
) -> Screened:
    """Each asset held, in a sleeve of its own, on the closes where it is ``wanted``, (n_days, n_assets).

    All of a sleeve is in its asset or in cash. A close that is missing is carried from the day before, and nothing is
    traded on it.

    trades_on  (n_days,) days on which is traded; all of them where it is not given
    """
    if wanted.shape != closes.values.shape:
        raise InputError(f"{name}: what is wanted has shape {wanted.shape}, the closes {closes.values.shape}")
    if cash_each <= 0 or not 0 <= cost_rate < 1:
        raise InputError(f"{name}: {cash_each} of cash at costs of {cost_rate}; give cash, and costs from 0 to below 1")
    # An asset at a time from here on: the days of each lie beside one another.
    prices, wants = np.ascontiguousarray(closes.values.T, dtype=np.float64), np.ascontiguousarray(wanted.T)
    tradable = np.isfinite(prices)
    if not tradable.all():
        prices = _carried(np.where(tradable, prices, 0.0), tradable)
    if trades_on is not None:
        tradable &= np.asarray(trades_on, dtype=np.bool_)
    if not tradable.all():
        wants = _carried(wants & tradable, tradable)
    turns = wants.copy()
    turns[:, 1:] ^= wants[:, :-1]
    worth = _worth(turns, prices, cash_each, cost_rate)
    return Screened(name=name, worth=worth.T, orders=int(np.count_nonzero(turns)))


def _worth(turns: NDArray[np.bool_], prices: FloatArray, cash_each: float, cost_rate: float) -> FloatArray:
    """What each sleeve is worth at each close, (n_assets, n_days): all money at first, and the other at each turn."""
    begins = turns.copy()
    begins[:, 0] = True
    at = np.flatnonzero(begins)
    in_money, in_shares = [], []
    money, shares = cash_each, 0.0
    for place, turned, price in zip(at.tolist(), turns.flat[at].tolist(), prices.flat[at].tolist(), strict=True):
        if place % turns.shape[1] == 0:
            money, shares = cash_each, 0.0
        if turned and shares:
            money, shares = shares * price * (1.0 - cost_rate), 0.0
        elif turned:
            money, shares = 0.0, money / (price * (1.0 + cost_rate))
        in_money.append(money)
        in_shares.append(shares)
    lasting = np.diff(at, append=turns.size)
    worth: FloatArray = np.repeat(in_shares, lasting).reshape(turns.shape) * prices
    worth += np.repeat(in_money, lasting).reshape(turns.shape)
    return worth


def _carried(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """The last that was known by each day, (n_assets, n_days); before the first, what stands at day 0."""
    days = np.maximum.accumulate(np.where(known, np.arange(known.shape[1]), 0), axis=1)
    return np.take_along_axis(values, days, axis=1)
