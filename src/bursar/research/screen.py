"""The screen: a rule in thousands of variants over the same closes, in arrays, before the few that matter are tested.

It knows no orders, no gate and no books. What it gives up is stated, and what it keeps is tested: on rules that hold
each asset or not, each in a sleeve of its own, the full path (``runtime/backtest.py``) makes the same trades on the
same days and ends within the cents that commissions are rounded to and the fractions of a share that are left over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    from bursar.quant.kernels.screen import crossover

    if not np.isfinite(closes.values).all():
        row, column = np.argwhere(~np.isfinite(closes.values))[0]
        raise InputError(
            f"{closes.symbols[column]} has no close on {closes.dates[row]}; screen it over days on which all trade"
        )
    ticks = np.rint(closes.values / tick).astype(np.int64)
    above = np.empty(ticks.shape, dtype=np.bool_)
    found = []
    for fast, slow in windows:
        if not 0 < fast < slow:
            raise InputError(f"a crossover of {fast} and {slow} days; the first must be the fewer, and above zero")
        crossover(ticks, fast, slow, above)
        found.append(held(f"crossover {fast}/{slow}", closes, above, cash_each=cash_each, cost_rate=cost_rate))
    return tuple(found)


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

    trades_on  (n_days,) days on which is traded; all of them where it is not given
    """
    from bursar.quant.kernels.screen import hold

    if wanted.shape != closes.values.shape:
        raise InputError(f"{name}: what is wanted has shape {wanted.shape}, the closes {closes.values.shape}")
    if cash_each <= 0 or not 0 <= cost_rate < 1:
        raise InputError(f"{name}: {cash_each} of cash at costs of {cost_rate}; give cash, and costs from 0 to below 1")
    days = np.ones(len(closes.dates), dtype=np.bool_) if trades_on is None else np.asarray(trades_on, dtype=np.bool_)
    worth = np.empty(closes.values.shape)
    values, flags = np.ascontiguousarray(closes.values, dtype=np.float64), np.ascontiguousarray(wanted)
    orders = hold(values, flags, days, cash_each, cost_rate, worth)
    return Screened(name=name, worth=worth, orders=int(orders))
