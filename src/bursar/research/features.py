"""Features: what technical analysis reads from a table of closes, causal and without a view.

Every function takes ``closes``, (n_days, n_symbols) float64, oldest first, positive, NaN where there was
none, and answers in the same shape. Row t uses rows up to t and no others, bit by bit; a value that its
window cannot support (too few days, or a NaN among them) is NaN. Nothing is filled in.

Windows are counted in days. Returns and distances are simple fractions, volatilities are annualized.

Rolling means, extremes and variances are built by doubling: blocks of 1, 2, 4, ... days are combined into
the window. A window of 252 days costs 14 passes over the table, errors stay near the last digit, and a
day's value is the same however long the table is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import PERIODS_PER_YEAR

YEAR, MONTH = 252, 21

#: What is known of a block of days: the mean, the sum of squares about it, and the number of days.
_Moments: TypeAlias = tuple[FloatArray, FloatArray, int]


# ---------------------------------------------------------------- how far a price has come


def simple_returns(closes: FloatArray, days: int = 1) -> FloatArray:
    """Return over the last ``days`` days."""
    return momentum(closes, days, 0)


def momentum(closes: FloatArray, lookback: int = YEAR, skip: int = MONTH) -> FloatArray:
    """Return from ``lookback`` days ago until ``skip`` days ago: twelve months without the last, by default.

    The last month is left out because it tends to reverse.
    Source: Jegadeesh and Titman (1993), Journal of Finance 48; Jegadeesh (1990), Journal of Finance 45.
    """
    if not 0 <= skip < lookback:
        raise InputError(f"momentum looks back {lookback} days and skips {skip}; skip fewer than it looks back")
    closes = _prices(closes)
    result = np.full_like(closes, np.nan)
    days = max(len(closes) - lookback, 0)
    if days:
        result[lookback:] = closes[lookback - skip : lookback - skip + days] / closes[:days] - 1.0
    return result


def drawdown(closes: FloatArray) -> FloatArray:
    """Distance from the highest close of the table so far: zero at a high, negative below it."""
    closes = _prices(closes)
    return closes / np.fmax.accumulate(closes, axis=0) - 1.0


def distance_from_high(closes: FloatArray, window: int = YEAR) -> FloatArray:
    """Distance from the highest close of the window, today included: zero at a high, negative below it."""
    closes = _prices(closes)
    return closes / _extreme(closes, window, np.maximum) - 1.0


def distance_from_low(closes: FloatArray, window: int = YEAR) -> FloatArray:
    """Distance from the lowest close of the window, today included: zero at a low, positive above it."""
    closes = _prices(closes)
    return closes / _extreme(closes, window, np.minimum) - 1.0


# ---------------------------------------------------------------- averages


def moving_average(closes: FloatArray, window: int) -> FloatArray:
    """Mean close of the window."""
    return moving_mean(_prices(closes), window)


def moving_mean(values: FloatArray, window: int) -> FloatArray:
    """Mean of the window, of anything."""
    return _moments(arrays.matrix("values", values, missing=True), window)[0]


def exponential_average(values: FloatArray, span: int) -> FloatArray:
    """Average with weights that fall by 1 - 2 / (span + 1) a day.

    It starts with the plain mean of the first ``span`` values; after a NaN it starts anew.
    """
    return _smoothed(arrays.matrix("values", values, missing=True), span, 2.0 / (span + 1.0))


def macd(closes: FloatArray, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[FloatArray, FloatArray]:
    """Moving average convergence divergence: the line, and its signal; both in units of price.

    Source: Appel (2005), "Technical Analysis: Power Tools for Active Investors".
    """
    if not 0 < fast < slow:
        raise InputError(f"MACD needs a fast span below its slow one; {fast} and {slow} are given")
    closes = _prices(closes)
    line = exponential_average(closes, fast) - exponential_average(closes, slow)
    return line, exponential_average(line, signal)


# ---------------------------------------------------------------- oscillators


def rsi(closes: FloatArray, window: int = 14) -> FloatArray:
    """Relative strength index, 0 to 100: 100 - 100 / (1 + average gain / average loss).

    The averages are Wilder's: the plain mean of the first ``window`` changes, then each day one
    ``window``-th of the way to the new change. Without losses it is 100, and 50 where nothing moved at all.
    Source: Wilder (1978), "New Concepts in Technical Trading Systems".
    """
    closes = _prices(closes)
    changes = np.diff(closes, axis=0, prepend=np.nan)
    gain = _smoothed(np.maximum(changes, 0.0), window, 1.0 / window)
    loss = _smoothed(np.maximum(-changes, 0.0), window, 1.0 / window)
    moved = gain + loss
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(moved == 0.0, 50.0, 100.0 * gain / moved)


def bollinger_position(closes: FloatArray, window: int = 20, width: float = 2.0) -> FloatArray:
    """Where the close lies between the bands: 0 on the lower, 1 on the upper, beyond them outside.

    The bands lie ``width`` standard deviations (of the window's closes, dividing by their number) from
    their mean. A window without any movement has no bands: NaN.
    Source: Bollinger (2001), "Bollinger on Bollinger Bands".
    """
    arrays.number("width", width, above=0.0)
    closes = _prices(closes)
    mean, squares = _moments(closes, window)[:2]
    band = width * np.sqrt(squares / window)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(band > 0.0, 0.5 + (closes - mean) / (2.0 * band), np.nan)


# ---------------------------------------------------------------- risk


def volatility(closes: FloatArray, window: int = 63) -> FloatArray:
    """Annualized standard deviation of the window's daily returns (dividing by their number less one)."""
    if window < 2:
        raise InputError(f"a volatility of {window} returns is undefined; give at least 2")
    squares = _moments(simple_returns(closes), window)[1]
    return np.sqrt(squares / (window - 1) * PERIODS_PER_YEAR)


def volatility_rank(closes: FloatArray, window: int = MONTH, lookback: int = YEAR) -> FloatArray:
    """Where the volatility of ``window`` days lies within its range of ``lookback`` days: 0 lowest, 1 highest.

    NaN where the volatility did not change in all that time.
    """
    now = volatility(closes, window)
    low, high = _extreme(now, lookback, np.minimum), _extreme(now, lookback, np.maximum)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(high > low, (now - low) / (high - low), np.nan)


def average_true_range(high: FloatArray, low: FloatArray, closes: FloatArray, window: int = 14) -> FloatArray:
    """Average of the true range, in units of price: of the day's range and of the gap from the last close.

    The first day has no last close and so no true range. Averaged as the RSI is.
    Raises InputError where a low lies above its high. Source: Wilder (1978).
    """
    high, low, closes = _prices(high), _prices(low), _prices(closes)
    if (low > high).any():
        day, symbol = (int(i) for i in np.argwhere(low > high)[0])
        raise InputError(f"low[{day}, {symbol}] is {low[day, symbol]:g}, above its high of {high[day, symbol]:g}")
    before = np.full_like(closes, np.nan)
    before[1:] = closes[:-1]
    return _smoothed(np.maximum(high, before) - np.minimum(low, before), window, 1.0 / window)


# ---------------------------------------------------------------- volume


def relative_volume(volume: FloatArray, window: int = 20) -> FloatArray:
    """Volume against its mean of the ``window`` days before, today left out; NaN where those had none."""
    volume = _volumes(volume)
    mean = _moments(volume, window)[0]
    before = np.full_like(volume, np.nan)
    before[1:] = mean[:-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(before > 0.0, volume / before, np.nan)


def on_balance_volume(closes: FloatArray, volume: FloatArray, window: int = MONTH) -> FloatArray:
    """Share of the window's volume that was traded on rising days less that on falling ones: -1 to 1.

    Granville's running total, over a window and against all volume, so that symbols can be compared.
    Source: Granville (1963), "New Key to Stock Market Profits".
    """
    closes, volume = _prices(closes), _volumes(volume)
    signed = np.full_like(volume, np.nan)
    signed[1:] = np.sign(np.diff(closes, axis=0)) * volume[1:]
    balance, whole = _moments(signed, window)[0], _moments(volume, window)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0.0, balance / whole, np.nan)


# ---------------------------------------------------------------- how it is done


def _volumes(volume: FloatArray) -> FloatArray:
    volume = arrays.matrix("volume", volume, missing=True)
    wrong = volume < 0.0
    if wrong.any():
        day, symbol = (int(i) for i in np.argwhere(wrong)[0])
        raise InputError(f"volume[{day}, {symbol}] is {volume[day, symbol]:g}; a volume is never negative")
    return volume


def _prices(closes: FloatArray) -> FloatArray:
    closes = arrays.matrix("closes", closes, missing=True)
    wrong = closes <= 0.0
    if wrong.any():
        day, symbol = (int(i) for i in np.argwhere(wrong)[0])
        raise InputError(f"closes[{day}, {symbol}] is {closes[day, symbol]:g}; a price is above zero")
    return closes


def _positive(window: int) -> None:
    if window < 1:
        raise InputError(f"a window of {window} days is none; give at least 1")


def _extreme(values: FloatArray, window: int, extreme: Callable[[FloatArray, FloatArray], FloatArray]) -> FloatArray:
    """The extreme of each window. Two overlapping blocks do, since counting a day twice changes nothing."""
    _positive(window)
    block, size = values, 1
    while 2 * size <= min(window, len(values)):
        block = extreme(block[:-size], block[size:])
        size *= 2
    count = max(len(values) - window + 1, 0)
    first, last = block[:count], block[window - size : window - size + count]
    return _windows(window, extreme(first, last), values)


def _moments(values: FloatArray, window: int) -> _Moments:
    """Mean and sum of squares about it of each window, and the window."""
    _positive(window)
    count = max(len(values) - window + 1, 0)
    if not count:
        nothing = np.full_like(values, np.nan)
        return nothing, nothing, window
    block: _Moments = (values, np.zeros_like(values) * values, 1)
    whole: _Moments | None = None
    offset, rest = 0, window
    while True:
        mean, squares, size = block
        if rest & size:
            piece = (mean[offset : offset + count], squares[offset : offset + count], size)
            whole = piece if whole is None else _merged(whole, piece)
            offset, rest = offset + size, rest - size
        if not rest:
            break
        block = _merged((mean[:-size], squares[:-size], size), (mean[size:], squares[size:], size))
    assert whole is not None
    return _windows(window, whole[0], values), _windows(window, whole[1], values), window


def _merged(one: _Moments, other: _Moments) -> _Moments:
    """The moments of two blocks together. Source: Chan, Golub and LeVeque (1983), The American Statistician 37."""
    (mean, squares, days), (other_mean, other_squares, other_days) = one, other
    apart = other_mean - mean
    together = days + other_days
    return (
        mean + apart * (other_days / together),
        squares + other_squares + apart * apart * (days * other_days / together),
        together,
    )


def _windows(window: int, values: FloatArray, like: FloatArray) -> FloatArray:
    """One value for each full window, below NaN for the days before the first, in the shape of ``like``."""
    result = np.full_like(like, np.nan)
    result[window - 1 :] = values
    return result


def _smoothed(values: FloatArray, window: int, pace: float) -> FloatArray:
    """Recursive average that goes ``pace`` of the way to each new value, from the plain mean of ``window`` of them."""
    start = _moments(values, window)[0]
    result = np.full_like(values, np.nan)
    level = np.full(values.shape[1], np.nan)
    for day in range(len(values)):
        # A NaN makes the level NaN, and the next full window starts it again.
        level = np.where(np.isnan(level), start[day], level + pace * (values[day] - level))
        result[day] = level
    return result
