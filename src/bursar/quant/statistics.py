"""Is it skill or luck? Resampling that keeps dependence, Sharpe ratios with their error, and overfitting.

    stationary_indices, block_indices   resamples of a series in blocks, so that autocorrelation survives
    bootstrap_interval                  an interval for any statistic of a series
    probabilistic_sharpe                the chance that the true Sharpe ratio exceeds a benchmark
    deflated_sharpe                     the same, where the benchmark is the best that luck gives in so many trials
    overfitting                         PBO by CSCV: how often the best of one half is below the middle of the other

Sharpe ratios here are per period, not annualized: divide an annual one by the root of the periods in a year.
Series are (n_periods,), tables of trials (n_periods, n_trials), excess returns, oldest first.

Sources: Politis and Romano, "The Stationary Bootstrap" (1994); Politis and White (2004) with the correction of
Patton, Politis and White (2009); Bailey and Lopez de Prado, "The Sharpe Ratio Efficient Frontier" (2012) and "The
Deflated Sharpe Ratio" (2014); Bailey, Borwein, Lopez de Prado and Zhu, "The Probability of Backtest Overfitting"
(2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant import performance
from bursar.quant.arrays import FloatArray, IntArray, matrix, number, vector

EULER_MASCHERONI = 0.5772156649015329
# Numbers held at once while halves are compared; bounds the memory to some tens of megabytes.
CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A statistic of the series itself, and the bounds between which the resamples' middle share lies."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeflatedSharpe:
    """The best of many trials, judged against what luck alone would have found. Sharpe ratios per period.

    trial                  the column that was judged
    sharpe                 its Sharpe ratio
    trials                 how many were tried
    effective_trials       how many independent ones they amount to: trials that resemble each other count less
    benchmark              the Sharpe ratio to be expected of the best of all trials without skill
    benchmark_effective    the same for the effective number
    probability            that the true Sharpe ratio exceeds the benchmark
    probability_effective  that it exceeds the effective one; the larger of the two
    """

    trial: int
    sharpe: float
    trials: int
    effective_trials: float
    benchmark: float
    benchmark_effective: float
    probability: float
    probability_effective: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """What choosing the best trial of one half of history brought in the other half.

    probability         that the chosen one came out at or below the median of all (PBO)
    probability_of_loss that its Sharpe ratio there was negative
    slope               of the Sharpe ratio there on the Sharpe ratio here: below zero, more promise meant less
    logits              (n_splits,) log odds of its relative rank in the other half; zero is the median
    """

    probability: float
    probability_of_loss: float
    slope: float
    logits: FloatArray


# Resampling


def stationary_indices(periods: int, mean_block: float, draws: int, generator: np.random.Generator) -> IntArray:
    """Rows of indices into a series, in blocks of random length with the given mean, wrapping at the end.

    Returns  (draws, periods); each row is stationary: every period is equally likely in every place
    """
    _counts(periods, draws)
    fresh = generator.random((draws, periods)) < 1.0 / number("mean_block", mean_block, least=1.0)
    fresh[:, 0] = True
    starts = generator.integers(0, periods, (draws, periods))
    place = np.arange(periods)
    began = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    return np.asarray((np.take_along_axis(starts, began, axis=1) + place - began) % periods)


def block_indices(periods: int, block: int, draws: int, generator: np.random.Generator) -> IntArray:
    """Rows of indices into a series, in blocks of one length, wrapping at the end (circular). (draws, periods)."""
    _counts(periods, draws)
    if block != int(block) or not 1 <= block <= periods:
        raise InputError(f"block is {block}; a whole number from 1 to {periods} is needed")
    starts = generator.integers(0, periods, (draws, -(-periods // int(block))))
    indices = (starts[:, :, np.newaxis] + np.arange(int(block))) % periods
    return np.asarray(indices.reshape(draws, -1)[:, :periods])


def block_length(series: ArrayLike) -> float:
    """The mean block of a stationary bootstrap that the autocorrelation of the series asks for; at least 1.

    For the blocks of one length, multiply by the cube root of 3/2. NaN for fewer than 10 periods or no spread.
    """
    row = vector("series", series)
    if row.size < 10 or row.max() == row.min():
        return math.nan
    run = max(5, math.ceil(math.sqrt(math.log10(row.size))))
    lags_most = min(math.ceil(math.sqrt(row.size)) + run, row.size - 1)
    covariances = _autocovariances(row, lags_most)
    significant = np.abs(covariances[1:] / covariances[0]) >= 2.0 * math.sqrt(math.log10(row.size) / row.size)
    window = min(2 * max(_last_before_quiet(significant, run), 1), lags_most)
    lags = np.arange(-window, window + 1)
    taper = np.minimum(1.0, 2.0 * (1.0 - np.abs(lags) / window))
    tapered = taper * covariances[np.abs(lags)]
    spectrum, slope = float(tapered.sum()), float(np.abs(lags) @ tapered)
    best = (row.size * (slope / spectrum) ** 2) ** (1.0 / 3.0) if spectrum else math.inf
    return float(min(max(best, 1.0), math.ceil(min(3.0 * math.sqrt(row.size), row.size / 3.0))))


def bootstrap_interval(
    series: ArrayLike,
    statistic: Callable[[FloatArray], float],
    generator: np.random.Generator,
    *,
    level: float = 0.95,
    mean_block: float | None = None,
    draws: int = 2_000,
) -> Interval:
    """A percentile interval for a statistic, from stationary resamples.

    series      (n_periods,) or (n_periods, n_columns); the rows of a table stay together
    statistic   from a resample to a number; where it is NaN, the resample is left out
    mean_block  by default what `block_length` says of the series (of a table: the longest of its columns)

    NaN where the series has fewer than 10 periods or the statistic of every resample is NaN.
    """
    table = np.asarray(series, dtype=np.float64)
    table = vector("series", table) if table.ndim == 1 else matrix("series", table)
    tail = 0.5 * (1.0 - number("level", level, above=0.0, below=1.0))
    estimate = float(statistic(table)) if table.size else math.nan
    if len(table) < 10:
        return Interval(estimate=estimate, low=math.nan, high=math.nan)
    if mean_block is None:
        mean_block = float(np.nanmax([1.0, *(block_length(column) for column in np.atleast_2d(table.T))]))
    rows = stationary_indices(len(table), mean_block, draws, generator)
    values = np.array([statistic(table[row]) for row in rows])
    values = values[~np.isnan(values)]
    low, high = np.quantile(values, (tail, 1.0 - tail)) if values.size else (math.nan, math.nan)
    return Interval(estimate=estimate, low=float(low), high=float(high))


# Sharpe ratios


def sharpe_error(sharpe: float, periods: int, *, skew: float = 0.0, kurtosis: float = 0.0) -> float:
    """Standard error of a Sharpe ratio per period: sqrt((1 - skew S + (excess kurtosis + 2) / 4 S^2) / (n - 1)).

    NaN for fewer than two periods, or moments that no distribution has.
    """
    variance = 1.0 - skew * sharpe + 0.25 * (kurtosis + 2.0) * sharpe**2
    return math.sqrt(variance / (periods - 1)) if periods > 1 and variance >= 0.0 else math.nan


def probabilistic_sharpe(
    sharpe: float, periods: int, *, benchmark: float = 0.0, skew: float = 0.0, kurtosis: float = 0.0
) -> float:
    """The chance that the true Sharpe ratio exceeds the benchmark, given one estimated from so many periods.

    kurtosis  in excess of the normal's 3, as `performance.kurtosis` gives it
    """
    error = sharpe_error(sharpe, periods, skew=skew, kurtosis=kurtosis)
    if math.isnan(error) or math.isnan(sharpe):
        return math.nan
    if error == 0.0:
        return 1.0 if sharpe > benchmark else 0.0
    return _normal_below((sharpe - benchmark) / error)


def minimum_track_record(
    sharpe: float, *, benchmark: float = 0.0, confidence: float = 0.95, skew: float = 0.0, kurtosis: float = 0.0
) -> float:
    """Periods after which `probabilistic_sharpe` reaches the confidence; infinite when the benchmark is not beaten."""
    wanted = _normal_quantile(number("confidence", confidence, above=0.5, below=1.0))
    if sharpe <= benchmark:
        return math.inf
    return 1.0 + (sharpe_error(sharpe, 2, skew=skew, kurtosis=kurtosis) * wanted / (sharpe - benchmark)) ** 2


def expected_best_sharpe(trials: float, deviation: float) -> float:
    """The Sharpe ratio to be expected of the best of so many independent trials without skill.

    trials     may be fractional; of one trial nothing more than zero is expected
    deviation  standard deviation of the trials' Sharpe ratios
    """
    count = number("trials", trials, least=1.0)
    number("deviation", deviation, least=0.0)
    if count == 1.0:
        return 0.0
    first, second = _normal_quantile(1.0 - 1.0 / count), _normal_quantile(1.0 - 1.0 / (count * math.e))
    return deviation * max((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second, 0.0)


def effective_trials(trials: ArrayLike) -> float:
    """How many independent trials these amount to: r + (1 - r) n, where r is their mean correlation (at least 0)."""
    table = matrix("trials", trials)
    count = table.shape[1]
    centered = table - table.mean(axis=0) if len(table) else table
    lengths = np.sqrt((centered**2).sum(axis=0))
    moving = lengths > 0.0  # a trial that stood aside resembles none
    unit = np.divide(centered, lengths, out=np.zeros_like(centered), where=moving)
    if count < 2 or len(table) < 2:
        return float(count)
    # The sum of all correlations is the squared length of the sum of the unit series.
    together = float((unit.sum(axis=1) ** 2).sum()) - int(moving.sum())
    mean = min(max(together / (count * (count - 1)), 0.0), 1.0)
    return float(mean + (1.0 - mean) * count)


def deflated_sharpe(trials: ArrayLike, *, trial: int | None = None, others: int = 0) -> DeflatedSharpe:
    """Judge one trial, by default the best, against the best that luck gives in as many.

    trials  (n_periods, n_trials) excess returns of everything that was tried, the chosen one included
    others  trials made before whose returns were not kept; they count in full, raw and effective

    NaN probabilities with fewer than 2 trials (no spread to judge by) or 4 periods (no kurtosis).
    """
    table = matrix("trials", trials)
    if table.shape[1] == 0:
        raise InputError("trials has no columns; give at least the series that is judged")
    if others < 0:
        raise InputError(f"others is {others}; zero or more is needed")
    sharpes = _sharpes(table)
    chosen = int(np.nanargmax(sharpes)) if trial is None and not np.isnan(sharpes).all() else (trial or 0)
    if not 0 <= chosen < sharpes.size:
        raise InputError(f"trial is {chosen}; there are columns 0 to {sharpes.size - 1}")
    row, raw, effective = table[:, chosen], sharpes.size + others, effective_trials(table) + others
    spread = float(sharpes.std(ddof=1)) if sharpes.size > 1 else math.nan
    known = not math.isnan(spread)
    benchmark = expected_best_sharpe(raw, spread) if known else math.nan
    benchmark_effective = expected_best_sharpe(effective, spread) if known else math.nan
    skew, kurtosis = performance.skewness(row), performance.kurtosis(row)

    def chance(bar: float) -> float:
        return probabilistic_sharpe(float(sharpes[chosen]), row.size, benchmark=bar, skew=skew, kurtosis=kurtosis)

    return DeflatedSharpe(
        trial=chosen,
        sharpe=float(sharpes[chosen]),
        trials=raw,
        effective_trials=effective,
        benchmark=benchmark,
        benchmark_effective=benchmark_effective,
        probability=chance(benchmark),
        probability_effective=chance(benchmark_effective),
    )


# Overfitting


def overfitting(trials: ArrayLike, *, blocks: int = 16) -> Overfitting:
    """The probability of backtest overfitting, by combinatorially symmetric cross-validation.

    trials  (n_periods, n_trials) excess returns of everything that was tried
    blocks  an even number of equal parts of history; each half of them is once the past and once the future. Periods
            that do not fill the blocks are left out at the start

    NaN with fewer than two trials or two periods a block. 16 blocks make 12,870 splits.
    """
    table = matrix("trials", trials)
    if blocks != int(blocks) or blocks < 2 or blocks % 2 or blocks > 20:
        raise InputError(f"blocks is {blocks}; an even number from 2 to 20 is needed")
    length = len(table) // blocks
    if length < 2 or table.shape[1] < 2:
        return Overfitting(probability=math.nan, probability_of_loss=math.nan, slope=math.nan, logits=np.empty(0))
    parts = table[len(table) - length * blocks :].reshape(blocks, length, -1)
    center = parts.mean(axis=(0, 1))
    sums, squares = (parts - center).sum(axis=1), ((parts - center) ** 2).sum(axis=1)
    splits = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, chosen in enumerate(combinations(range(blocks), blocks // 2)):
        splits[row, chosen] = 1.0
    here, there, ranks = [], [], []
    step = max(1, CELLS_AT_ONCE // table.shape[1])
    for start in range(0, len(splits), step):
        inside = splits[start : start + step]
        past = _half_sharpes(inside, sums, squares, center, length)
        future = _half_sharpes(1.0 - inside, sums, squares, center, length)
        best = past.argmax(axis=1)[:, np.newaxis]
        result = np.take_along_axis(future, best, axis=1)
        here.append(np.take_along_axis(past, best, axis=1)[:, 0])
        there.append(result[:, 0])
        ranks.append((future < result).sum(axis=1) + 0.5 * ((future == result).sum(axis=1) + 1.0))
    share = np.concatenate(ranks) / (table.shape[1] + 1.0)
    logits = np.log(share / (1.0 - share))
    promised, kept = np.concatenate(here), np.concatenate(there)
    return Overfitting(
        probability=float(np.mean(logits <= 1e-12)),
        probability_of_loss=float(np.mean(kept < 0.0)),
        slope=_slope(promised, kept),
        logits=logits,
    )


def _half_sharpes(
    chosen: FloatArray, sums: FloatArray, squares: FloatArray, center: FloatArray, length: int
) -> FloatArray:
    """Sharpe ratio of every trial over each row's chosen blocks, from the blocks' sums about `center`."""
    count = length * chosen.shape[1] // 2
    mean = chosen @ sums / count
    spread = np.sqrt(np.maximum(chosen @ squares / count - mean**2, 0.0) * count / (count - 1))
    # A trial that stood aside through the half has earned nothing without risk: zero.
    return np.asarray(np.divide(center + mean, spread, out=np.zeros_like(mean), where=spread > 0.0))


def _sharpes(table: FloatArray) -> FloatArray:
    result = np.empty(table.shape[1])
    for column in range(table.shape[1]):
        row = table[:, column]
        flat = row.size > 1 and row.max() == row.min()
        if flat and row[0] != 0.0:
            raise InputError(f"trials[:, {column}] is {row[0]:g} throughout; its Sharpe ratio does not exist")
        spread = row.std(ddof=1) if row.size > 1 else math.nan
        result[column] = 0.0 if flat else row.mean() / spread if row.size > 1 else math.nan
    return result


def _slope(x: FloatArray, y: FloatArray) -> float:
    centered = x - x.mean()
    squares = float(centered @ centered)
    return float(centered @ y) / squares if squares > 0.0 else math.nan


def _autocovariances(row: FloatArray, lags: int) -> FloatArray:
    centered = row - row.mean()
    products = [float(centered[: row.size - lag] @ centered[lag:]) for lag in range(lags + 1)]
    return np.array(products) / row.size


def _last_before_quiet(significant: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], run: int) -> int:
    """The lag after which `run` lags in a row are insignificant; where none are, the last significant lag."""
    for lag in range(significant.size - run + 1):
        if not significant[lag : lag + run].any():
            return lag
    return int(np.flatnonzero(significant)[-1]) + 1


def _counts(periods: int, draws: int) -> None:
    for name, value in (("periods", periods), ("draws", draws)):
        if value != int(value) or value < 1:
            raise InputError(f"{name} is {value}; a whole number, at least 1, is needed")


def _normal_below(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def _normal_quantile(p: float) -> float:
    from scipy import special  # type: ignore[import-untyped]  # ships no types; loads on first use

    return float(special.ndtri(p))
