"""Sliding windows and recursive averages over a table, (n_days, n_series): each column stands for itself.

A day's result uses the rows up to it and no others, to the bit. NaN enters every window that it lies in and no other.

Windows are cut at multiples of their length: what is left of the last block and what has come of this one are each
built up value by value, and joined. Nothing is ever subtracted from a sum, so nothing is lost to cancellation, and a
window of equal values has exactly no spread. Source: van Herk (1992), Pattern Recognition Letters 13, for the cut;
Chan, Golub and LeVeque (1983), The American Statistician 37, for joining moments.
"""

from __future__ import annotations

import math

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.kernels import integer, kernel, matrix, matrix_out, nothing, real

# What `window_moments` tells of each window.
MEAN, DEVIATION, POSITION = 0, 1, 2


@kernel(real(integer, real, real, real, real))
def _told(want: int, value: float, mean: float, squares: float, scale: float) -> float:
    """The mean; or sqrt(scale * squares); or by how many of those the value lies above the mean."""
    if want == MEAN:
        return mean
    spread = math.sqrt(squares * scale)
    if want == DEVIATION:
        return spread
    return (value - mean) / spread if spread > 0.0 else np.nan


@kernel(nothing(matrix, integer, integer, real, matrix_out))
def window_moments(values: FloatArray, window: int, want: int, scale: float, result: FloatArray) -> None:
    """What is wanted of the mean of each window and the sum of squares about it, into the last argument.

    want   MEAN; DEVIATION, the root of `scale` times the squares; or POSITION, the last value's distance from the
           mean in those, which is NaN where there is no spread
    Before the first window all is NaN.
    """
    days, series = values.shape
    # Row k: of the last whole block, the values from its place k to its end.
    left_mean, left_squares = np.full((window, series), np.nan), np.full((window, series), np.nan)
    mean, squares = np.empty(series), np.empty(series)
    for day in range(days):
        place = day % window
        count = place + 1.0
        for i in range(series):
            value = values[day, i]
            before = mean[i] if place > 0 else value
            apart = value - before
            mean[i] = before + apart / count
            squares[i] = (squares[i] if place > 0 else 0.0) + apart * apart * (place / count)
        if place < window - 1:
            for i in range(series):
                apart = mean[i] - left_mean[place + 1, i]
                joined = left_mean[place + 1, i] + apart * (count / window)
                about = left_squares[place + 1, i] + squares[i] + apart * apart * ((window - count) * count / window)
                result[day, i] = _told(want, values[day, i], joined, about, scale)
            continue
        for i in range(series):
            result[day, i] = _told(want, values[day, i], mean[i], squares[i], scale)
        for k in range(window - 1, -1, -1):
            count = float(window - k)
            after = min(k + 1, window - 1)
            for i in range(series):
                value = values[day - window + 1 + k, i]
                before = left_mean[after, i] if k < window - 1 else value
                apart = value - before
                left_mean[k, i] = before + apart / count
                gained = apart * apart * ((count - 1.0) / count)
                left_squares[k, i] = gained + (left_squares[after, i] if k < window - 1 else 0.0)


@kernel(nothing(matrix, integer, real, matrix_out))
def window_highest(values: FloatArray, window: int, sign: float, highest: FloatArray) -> None:
    """Highest of each window of `sign` times the values, into the last argument; NaN before the first window.

    sign  1, or -1 for the lowest, which then comes out negated
    """
    days, series = values.shape
    left = np.full((window, series), np.nan)
    come = np.empty(series)
    for day in range(days):
        place = day % window
        for i in range(series):
            value = sign * values[day, i]
            # A comparison with NaN is false, so that the value, NaN itself or not, is taken only when it is no lower.
            before = come[i] if place > 0 else value
            come[i] = before if before > value or before != before else value
        if place == window - 1:
            highest[day] = come
            for k in range(window - 1, -1, -1):
                after = min(k + 1, window - 1)
                for i in range(series):
                    value = sign * values[day - window + 1 + k, i]
                    before = left[after, i] if k < window - 1 else value
                    left[k, i] = before if before > value or before != before else value
        else:
            for i in range(series):
                before = left[place + 1, i]
                highest[day, i] = before if before > come[i] or before != before else come[i]


@kernel(nothing(matrix, integer, real, matrix_out))
def smoothed(values: FloatArray, window: int, pace: float, level: FloatArray) -> None:
    """Average that goes `pace` of the way to each new value, into the last argument.

    It starts with the plain mean of the first `window` values, and after a NaN it starts anew.
    """
    days, series = values.shape
    seen, total = np.zeros(series), np.zeros(series)
    for day in range(days):
        for i in range(series):
            value = values[day, i]
            if value != value:
                seen[i], total[i], level[day, i] = 0.0, 0.0, np.nan
                continue
            seen[i] += 1.0
            if seen[i] > window:
                level[day, i] = level[day - 1, i] + pace * (value - level[day - 1, i])
            else:
                total[i] += value
                level[day, i] = total[i] / window if seen[i] == window else np.nan


@kernel(nothing(matrix, integer, matrix_out))
def relative_strength(closes: FloatArray, window: int, index: FloatArray) -> None:
    """Wilder's relative strength index of each column, 0 to 100, into the last argument.

    The mean gain and the mean loss of `window` changes, then smoothed by one `window`-th a day; after a NaN anew.
    """
    days, series = closes.shape
    seen, gain, loss = np.zeros(series), np.zeros(series), np.zeros(series)
    pace = 1.0 / window
    for day in range(days):
        for i in range(series):
            change = closes[day, i] - closes[day - 1, i] if day > 0 else np.nan
            index[day, i] = np.nan
            if change != change:
                seen[i], gain[i], loss[i] = 0.0, 0.0, 0.0
                continue
            up, down = max(change, 0.0), max(-change, 0.0)
            seen[i] += 1.0
            if seen[i] > window:
                gain[i] += pace * (up - gain[i])
                loss[i] += pace * (down - loss[i])
            else:
                gain[i] += up * pace
                loss[i] += down * pace
            if seen[i] >= window:
                moved = gain[i] + loss[i]
                index[day, i] = 100.0 * (gain[i] / moved) if moved > 0.0 else 50.0
