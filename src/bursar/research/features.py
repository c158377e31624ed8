"""Features: what technical analysis reads from a table of closes, causal and without a view.

Every function takes ``closes``, (n_days, n_symbols) float64, oldest first, positive, NaN where there was
none, and answers in the same shape. Row t uses rows up to t and no others, bit by bit; a value that its
window cannot support (too few days, or a NaN among them) is NaN. Nothing is filled in.

Windows are counted in days. Returns and distances are simple fractions, volatilities are annualized.

The loops are compiled (``quant/kernels/signals.py``): a feature of 500 symbols over 30 years takes hundredths of a
second.
"""

from __future__ import annotations

import numpy as np

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import PERIODS_PER_YEAR

YEAR, MONTH = 252, 21


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
    result = np.empty_like(closes)
    result[:lookback] = np.nan
    days = max(len(closes) - lookback, 0)
    if days:
        np.divide(closes[lookback - skip : lookback - skip + days], closes[:days], out=result[lookback:])
        result[lookback:] -= 1.0
    return result


def drawdown(closes: FloatArray) -> FloatArray:
    """Distance from the highest close of the table so far: zero at a high, negative below it."""
    closes = _prices(closes)
    return closes / np.fmax.accumulate(closes, axis=0) - 1.0


def distance_from_high(closes: FloatArray, window: int = YEAR) -> FloatArray:
    """Distance from the highest close of the window, today included: zero at a high, negative below it."""
    closes = _prices(closes)
    high = _highest(closes, window)
    np.divide(closes, high, out=high)
    high -= 1.0
    return high


def distance_from_low(closes: FloatArray, window: int = YEAR) -> FloatArray:
    """Distance from the lowest close of the window, today included: zero at a low, positive above it."""
    closes = _prices(closes)
    return closes / _highest(closes, window, -1.0) - 1.0


# ---------------------------------------------------------------- averages


def moving_average(closes: FloatArray, window: int) -> FloatArray:
    """Mean close of the window."""
    return moving_mean(_prices(closes), window)


def moving_mean(values: FloatArray, window: int) -> FloatArray:
    """Mean of the window, of anything."""
    return _moments(arrays.matrix("values", values, missing=True), window)


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
    line = exponential_average(closes, fast)
    line -= exponential_average(closes, slow)
    return line, exponential_average(line, signal)


# ---------------------------------------------------------------- oscillators


def rsi(closes: FloatArray, window: int = 14) -> FloatArray:
    """Relative strength index, 0 to 100: 100 - 100 / (1 + average gain / average loss).

    The averages are Wilder's: the plain mean of the first ``window`` changes, then each day one
    ``window``-th of the way to the new change. Without losses it is 100, and 50 where nothing moved at all.
    Source: Wilder (1978), "New Concepts in Technical Trading Systems".
    """
    from bursar.quant.kernels.signals import relative_strength  # numba loads on first use

    closes = _prices(closes)
    _positive(window)
    index = np.empty_like(closes)
    relative_strength(closes, window, index)
    return index


def bollinger_position(closes: FloatArray, window: int = 20, width: float = 2.0) -> FloatArray:
    """Where the close lies between the bands: 0 on the lower, 1 on the upper, beyond them outside.

    The bands lie ``width`` standard deviations (of the window's closes, dividing by their number) from
    their mean. A window without any movement has no bands: NaN.
    Source: Bollinger (2001), "Bollinger on Bollinger Bands".
    """
    from bursar.quant.kernels.signals import POSITION

    arrays.number("width", width, above=0.0)
    position = _moments(_prices(closes), window, POSITION, (2.0 * width) ** 2 / window)
    position += 0.5
    return position


# ---------------------------------------------------------------- risk


def volatility(closes: FloatArray, window: int = 63) -> FloatArray:
    """Annualized standard deviation of the window's daily returns (dividing by their number less one)."""
    if window < 2:
        raise InputError(f"a volatility of {window} returns is undefined; give at least 2")
    from bursar.quant.kernels.signals import DEVIATION

    return _moments(simple_returns(closes), window, DEVIATION, PERIODS_PER_YEAR / (window - 1))


def volatility_rank(closes: FloatArray, window: int = MONTH, lookback: int = YEAR) -> FloatArray:
    """Where the volatility of ``window`` days lies within its range of ``lookback`` days: 0 lowest, 1 highest.

    NaN where the volatility did not change in all that time.
    """
    now = volatility(closes, window)
    low, high = _highest(now, lookback, -1.0), _highest(now, lookback)
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
    mean = _moments(volume, window)
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
    balance, whole = _moments(signed, window), _moments(volume, window)
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


def _highest(values: FloatArray, window: int, sign: float = 1.0) -> FloatArray:
    """The highest of each window; with a sign of -1 the lowest."""
    from bursar.quant.kernels.signals import window_highest  # numba loads on first use

    _positive(window)
    highest = np.empty_like(values)
    window_highest(values, window, sign, highest)
    return highest if sign > 0.0 else np.negative(highest, out=highest)


def _moments(values: FloatArray, window: int, want: int = 0, scale: float = 1.0) -> FloatArray:
    """The mean of each window, or what else is wanted of its moments."""
    from bursar.quant.kernels.signals import window_moments  # numba loads on first use

    _positive(window)
    result = np.empty_like(values)
    window_moments(values, window, want, scale, result)
    return result


def _smoothed(values: FloatArray, window: int, pace: float) -> FloatArray:
    """Recursive average that goes ``pace`` of the way to each new value, from the plain mean of ``window`` of them."""
    from bursar.quant.kernels.signals import smoothed  # numba loads on first use

    _positive(window)
    level = np.empty_like(values)
    smoothed(values, window, pace, level)
    return level
