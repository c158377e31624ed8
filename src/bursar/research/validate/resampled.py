"""Intervals of several series from one set of resamples: drawn together, so that they can be compared.

The days are drawn again in blocks (stationary bootstrap), as long as the slowest of the series asks for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bursar.quant.arrays import FloatArray, matrix
from bursar.quant.performance import PERIODS_PER_YEAR, max_drawdown, sharpe_ratio
from bursar.quant.statistics import Interval, block_length, stationary_indices

#: Numbers held at once; bounds the memory to some tens of megabytes.
CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampled:
    """What came of it, all at one level. Sharpe ratios are annual.

    sharpe, drawdown  of each series
    ahead             Sharpe ratio of the first series less that of each; the first one's is zero
    low, high         (n_days,) between which the level's part of the first series' paths lies, growth from 1
    """

    sharpe: tuple[Interval, ...]
    drawdown: tuple[Interval, ...]
    ahead: tuple[Interval, ...]
    low: FloatArray
    high: FloatArray


def resample(
    returns: FloatArray,
    bill: FloatArray,
    generator: np.random.Generator,
    *,
    draws: int = 1_000,
    level: float = 0.95,
    paths: int = 400,
) -> Resampled:
    """Draw the days of ``returns``, (n_days, n_series), again.

    bill   (n_days,) of the Treasury bill, which is drawn with them
    paths  of the first series that the band is told from
    """
    table = matrix("returns", returns)
    excess = table - bill[:, None]
    blocks = [block_length(column) for column in table.T]
    block = float(np.nanmax([1.0, *blocks]))
    sharpes, losses, grown = [], [], []
    step = max(1, CELLS_AT_ONCE // max(table.size, 1))
    for start in range(0, draws, step):
        rows = stationary_indices(len(table), block, min(step, draws - start), generator)
        drawn = excess[rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            sharpes.append(drawn.mean(axis=1) / drawn.std(axis=1, ddof=1) * math.sqrt(PERIODS_PER_YEAR))
        wealth = np.cumprod(1.0 + table[rows], axis=1)
        peaks = np.maximum(np.maximum.accumulate(wealth, axis=1), 1.0)
        losses.append((1.0 - wealth / peaks).max(axis=1))
        if start < paths:
            grown.append(wealth[: paths - start, :, 0])
    ratios, falls = np.concatenate(sharpes), np.concatenate(losses)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(np.concatenate(grown), (tail, 1.0 - tail), axis=0)
    own = [sharpe_ratio(column) for column in excess.T]
    return Resampled(
        sharpe=tuple(_interval(own[k], ratios[:, k], tail) for k in range(table.shape[1])),
        drawdown=tuple(_interval(max_drawdown(table[:, k]), falls[:, k], tail) for k in range(table.shape[1])),
        ahead=tuple(_interval(own[0] - own[k], ratios[:, 0] - ratios[:, k], tail) for k in range(table.shape[1])),
        low=low,
        high=high,
    )


def _interval(estimate: float, values: FloatArray, tail: float) -> Interval:
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, (tail, 1.0 - tail)) if known.size else (math.nan, math.nan)
    return Interval(estimate=estimate, low=float(low), high=float(high))
