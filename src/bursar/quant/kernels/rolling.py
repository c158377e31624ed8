"""The metrics of `bursar.quant.performance` over every window of a series, in time that grows with its length.

Sums of powers slide: one value enters, one leaves. They are taken about the mean of the window at the last full
summation, and summed anew after `window` steps, or as soon as what remains is small beside what has passed through
(an outlier that left, a level that changed): so rounding stays near 1e-12. Equal values are counted, because the
spread of a constant window must be zero and not rounding noise.

The drawdown of two adjoining segments follows from a few numbers of each (`_worst_of_blocks`), so blocks of one
window's length need one pass backward and one forward. The tail slides in a sorted copy of the window.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from bursar.quant.arrays import FloatArray
from bursar.quant.kernels import integer, kernel, matrix, nothing, real, several, vector, vector_out

cube_out = types.float64[:, :, ::1]

# What remains of a sum after subtracting must be at least this share of the largest it has been; else sum anew.
REMAINDER_LEAST = 1e-4
# exp overflows above this.
EXPONENT_MOST = 709.0


@kernel(several((real, real, real, real, real))(vector, integer, integer))
def _powers(values: FloatArray, first: int, last: int) -> tuple[float, float, float, float, float]:
    """The mean of values[first:last], and the sums of the first four powers about it."""
    mean = 0.0
    for i in range(first, last):
        mean += values[i]
    mean /= last - first
    one = two = three = four = 0.0
    for i in range(first, last):
        difference = values[i] - mean
        square = difference * difference
        one += difference
        two += square
        three += square * difference
        four += square * square
    return mean, one, two, three, four


@kernel(several((real, real, real))(real, real, real, real, integer))
def _central(one: float, two: float, three: float, four: float, count: int) -> tuple[float, float, float]:
    """Central moments two to four, from sums of powers about another point."""
    mean, second, third = one / count, two / count, three / count
    return (
        max(second - mean**2, 0.0),
        third - 3.0 * mean * second + 2.0 * mean**3,
        four / count - 4.0 * mean * third + 6.0 * mean**2 * second - 3.0 * mean**4,
    )


@kernel(nothing(vector, integer, real, vector_out, vector_out, vector_out))
def rolling_moments(
    values: FloatArray, window: int, annual: float, deviation: FloatArray, skew: FloatArray, excess: FloatArray
) -> None:
    """Standard deviation times `annual`, skew and excess kurtosis of each window, into the last three arguments."""
    shift = one = two = three = four = peak = 0.0
    age = window  # at `window` the sums are taken anew
    equal = 0  # how many values up to here are the same number
    for t in range(values.size):
        equal = equal + 1 if t > 0 and values[t] == values[t - 1] else 1
        deviation[t] = skew[t] = excess[t] = np.nan
        if t < window - 1:
            continue
        if age < window:
            entering, leaving = values[t] - shift, values[t - window] - shift
            entering_square, leaving_square = entering * entering, leaving * leaving
            one += entering - leaving
            two += entering_square - leaving_square
            three += entering_square * entering - leaving_square * leaving
            four += entering_square * entering_square - leaving_square * leaving_square
            peak = max(peak, four)
            age += 1
        variance, third, fourth = _central(one, two, three, four, window)
        if age >= window or fourth * window < REMAINDER_LEAST * peak:
            shift, one, two, three, four = _powers(values, t - window + 1, t + 1)
            peak, age = four, 1
            variance, third, fourth = _central(one, two, three, four, window)
        if equal >= window:
            deviation[t] = 0.0 if window > 1 else np.nan
            continue
        deviation[t] = math.sqrt(variance * window / (window - 1)) * annual
        if window >= 3 and variance > 0.0:
            skew[t] = third / variance**1.5
        if window >= 4 and variance > 0.0:
            excess[t] = fourth / variance**2 - 3.0


@kernel(several((real, real, real, real))(vector, integer, integer))
def _excess_sums(values: FloatArray, first: int, last: int) -> tuple[float, float, float, float]:
    """The mean of values[first:last], two sums of powers about it, and the sum of squares of the negative values."""
    mean = 0.0
    for i in range(first, last):
        mean += values[i]
    mean /= last - first
    one = two = below = 0.0
    for i in range(first, last):
        difference = values[i] - mean
        one += difference
        two += difference * difference
        below += min(values[i], 0.0) ** 2
    return mean, one, two, below


@kernel(nothing(vector, integer, real, vector_out, vector_out))
def rolling_ratios(values: FloatArray, window: int, per_year: float, sharpe: FloatArray, sortino: FloatArray) -> None:
    """Sharpe and Sortino ratio of each window of excess returns, into the last two arguments."""
    root = math.sqrt(per_year)
    shift = one = two = below = peak = below_peak = 0.0
    age, equal, negative = window, 0, 0
    for t in range(values.size):
        equal = equal + 1 if t > 0 and values[t] == values[t - 1] else 1
        negative += values[t] < 0.0
        if t >= window:
            negative -= values[t - window] < 0.0
        sharpe[t] = sortino[t] = np.nan
        if t < window - 1 or window < 2:
            continue
        if age < window:
            entering, leaving = values[t] - shift, values[t - window] - shift
            one += entering - leaving
            two += entering * entering - leaving * leaving
            below += min(values[t], 0.0) ** 2 - min(values[t - window], 0.0) ** 2
            peak, below_peak = max(peak, two), max(below_peak, below)
            age += 1
        spread = two - one * one / window
        if age >= window or spread < REMAINDER_LEAST * peak or below < REMAINDER_LEAST * below_peak:
            shift, one, two, below = _excess_sums(values, t - window + 1, t + 1)
            peak, below_peak, age = two, below, 1
            spread = two - one * one / window
        mean = shift + one / window
        if equal < window and spread > 0.0:
            sharpe[t] = mean / math.sqrt(spread / (window - 1)) * root
        if negative > 0 and below > 0.0:
            sortino[t] = mean / math.sqrt(below / window) * root


@kernel(nothing(vector, integer, real, vector_out, vector_out))
def rolling_growth(returns: FloatArray, window: int, per_year: float, total: FloatArray, annual: FloatArray) -> None:
    """Compounded return of each window, and the same a year, into the last two arguments."""
    logarithm = 0.0
    ruined = 0  # returns of -1, whose logarithm no sum can hold
    logarithms = np.empty(returns.size)
    for t in range(returns.size):
        logarithms[t] = math.log1p(returns[t]) if returns[t] > -1.0 else 0.0
        ruined += returns[t] <= -1.0
        logarithm += logarithms[t]
        if t >= window:
            ruined -= returns[t - window] <= -1.0
            logarithm -= logarithms[t - window]
        if t % window == window - 1:  # sum anew, so that rounding does not gather
            logarithm = 0.0
            for i in range(t - window + 1, t + 1):
                logarithm += logarithms[i]
        total[t] = annual[t] = np.nan
        if t >= window - 1:
            yearly = logarithm * per_year / window
            total[t] = -1.0 if ruined else math.expm1(logarithm)
            annual[t] = -1.0 if ruined else (math.expm1(yearly) if yearly < EXPONENT_MOST else np.inf)


@kernel(nothing(vector, integer, integer, vector_out, vector_out, vector_out))
def _block_backward(
    returns: FloatArray, start: int, end: int, growth: FloatArray, highest: FloatArray, fall: FloatArray
) -> None:
    """For each suffix of the block: its growth, its highest wealth and its deepest fall, starting from one."""
    total = high = low = deepest = 1.0
    for t in range(end - 1, start - 1, -1):
        step = 1.0 + returns[t]
        deepest = min(deepest, step * low if step < 1.0 else low)
        total *= step
        high, low = max(1.0, step * high), min(1.0, step * low)
        growth[t - start], highest[t - start], fall[t - start] = total, high, deepest


@kernel(nothing(vector, integer, vector_out))
def rolling_drawdown(returns: FloatArray, window: int, drawdown: FloatArray) -> None:
    """Maximum drawdown of each window, its start counted as a peak, into the last argument.

    Every window is the tail of one block and the head of the next. Of the tail we keep growth, highest wealth and
    deepest fall; of the head lowest wealth and deepest fall; wealth starts at one in each. The deepest fall lies in
    the tail, in the head, or between the tail's highest and the head's lowest.
    """
    growth, highest, fall = np.ones(window), np.ones(window), np.ones(window)
    for start in range(0, returns.size, window):
        end = min(start + window, returns.size)
        wealth = peak = lowest = deepest = 1.0
        for t in range(start, end):
            wealth *= 1.0 + returns[t]
            peak, lowest = max(peak, wealth), min(lowest, wealth)
            deepest = min(deepest, wealth / peak)
            behind = t - start + 1  # where in the block before the window begins
            if behind == window:
                drawdown[t] = 1.0 - deepest
            elif start == 0:
                drawdown[t] = np.nan
            else:
                between = growth[behind] * lowest / highest[behind]
                drawdown[t] = 1.0 - min(deepest, fall[behind], between)
        if end - start == window:
            _block_backward(returns, start, end, growth, highest, fall)


@kernel(nothing(vector_out, real, real))
def _replace(ordered: FloatArray, leaving: float, entering: float) -> None:
    """Take one value out of a sorted row and put another in, moving only what lies between."""
    at = np.searchsorted(ordered, leaving)
    if entering > leaving:
        while at + 1 < ordered.size and ordered[at + 1] < entering:
            ordered[at] = ordered[at + 1]
            at += 1
    else:
        while at > 0 and ordered[at - 1] > entering:
            ordered[at] = ordered[at - 1]
            at -= 1
    ordered[at] = entering


@kernel(real(vector_out, real))
def _quantile_loss(ordered: FloatArray, tail: float) -> float:
    position = (ordered.size - 1) * tail
    below = int(position)
    above = min(below + 1, ordered.size - 1)
    return -float(ordered[below] + (position - below) * (ordered[above] - ordered[below]))


@kernel(real(vector_out, real))
def _tail_loss(ordered: FloatArray, tail: float) -> float:
    observations = ordered.size * tail
    whole = int(observations)
    worst = 0.0
    for i in range(whole):
        worst += ordered[i]
    if observations > whole:
        worst += (observations - whole) * ordered[whole]
    return -worst / observations


@kernel(nothing(vector, integer, vector_out, vector_out, vector_out))
def rolling_tail(returns: FloatArray, window: int, var_95: FloatArray, es_95: FloatArray, var_99: FloatArray) -> None:
    """Historical value at risk and expected shortfall of each window, into the last three arguments."""
    tail_95, tail_99 = 1.0 - 0.95, 1.0 - 0.99
    ordered = np.sort(returns[:window])
    for t in range(returns.size):
        var_95[t] = es_95[t] = var_99[t] = np.nan
        if t < window - 1:
            continue
        if t >= window:
            _replace(ordered, returns[t - window], returns[t])
        if window * tail_95 >= 1.0 - 1e-9:
            var_95[t] = _quantile_loss(ordered, tail_95)
            es_95[t] = _tail_loss(ordered, tail_95)
        if window * tail_99 >= 1.0 - 1e-9:
            var_99[t] = _quantile_loss(ordered, tail_99)


@kernel(nothing(vector, integer, vector_out))
def rolling_wins(returns: FloatArray, window: int, share: FloatArray) -> None:
    """The share of returns above zero in each window, into the last argument."""
    wins = 0
    for t in range(returns.size):
        wins += returns[t] > 0.0
        if t >= window:
            wins -= returns[t - window] > 0.0
        share[t] = wins / window if t >= window - 1 else np.nan


@kernel(nothing(matrix, vector, integer, real, cube_out))
def rolling_table(
    returns: FloatArray, risk_free: FloatArray, window: int, per_year: float, results: FloatArray
) -> None:
    """Every metric of every window: returns (n_series, n_periods), results (13, n_series, n_periods).

    The order of the thirteen is that of the fields of `performance.Metrics`.
    """
    root = math.sqrt(per_year)
    for i in range(returns.shape[0]):
        row = returns[i]
        rolling_growth(row, window, per_year, results[0, i], results[1, i])
        rolling_moments(row, window, root, results[2, i], results[9, i], results[10, i])
        rolling_ratios(row - risk_free, window, per_year, results[3, i], results[4, i])
        rolling_drawdown(row, window, results[6, i])
        rolling_tail(row, window, results[7, i], results[8, i], results[12, i])
        rolling_wins(row, window, results[11, i])
        for t in range(row.size):
            deepest = results[6, i, t]
            results[5, i, t] = results[1, i, t] / deepest if deepest > 0.0 else np.nan
