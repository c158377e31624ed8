"""Breadth and mood: what a whole universe of prices says of the market, and how afraid it is.

Everything is computed from ``closes``, (n_days, n_symbols) as in ``features``, causal and never filled. A day
on which fewer than half of the symbols can be read has no breadth: NaN.

Fear and greed is our own composition in the manner of the published indices, of what prices alone can tell;
safe-haven demand, credit spreads and options need other data and are left out, not guessed. Its universe is
whatever it is given: of 20 large survivors it tells the mood about those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bursar.errors import InputError
from bursar.quant.arrays import BoolArray, FloatArray
from bursar.research import features

#: Part of the symbols that must be readable for a day to count.
COVERAGE_MIN = 0.5
#: Days that a mood is measured against: two years.
MOOD_DAYS = 504
#: From which mood on it has a name; below the first it is extreme fear.
MOODS = ((75.0, "extreme greed"), (55.0, "greed"), (45.0, "neutral"), (25.0, "fear"), (-np.inf, "extreme fear"))


def above_average(closes: FloatArray, window: int = 200) -> FloatArray:
    """Share of the symbols whose close lies above its moving average, (n_days,)."""
    average = features.moving_average(closes, window)
    return _share(closes > average, ~np.isnan(average))


def advance_decline(closes: FloatArray) -> FloatArray:
    """Share of the symbols that rose less the share that fell, (n_days,): -1 to 1."""
    returns = features.simple_returns(closes)
    known = ~np.isnan(returns)
    return _share(returns > 0.0, known) - _share(returns < 0.0, known)


def net_new_highs(closes: FloatArray, window: int = features.YEAR) -> FloatArray:
    """Share of the symbols at the high of the window less the share at its low, (n_days,): -1 to 1."""
    from_high = features.distance_from_high(closes, window)
    from_low = features.distance_from_low(closes, window)
    known = ~np.isnan(from_high)
    # A price that never moved is at both ends of its range, and cancels out.
    return _share(from_high == 0.0, known) - _share(from_low == 0.0, known)


def market_index(closes: FloatArray) -> FloatArray:
    """Equal weight of the symbols, rebalanced daily, from 1 on the first day, (n_days,).

    A day's return is the mean of those that can be read. A day on which too few can is NaN; the days after it go on
    from the level before, so that no window that reaches across the gap can be read, and later ones can.
    """
    returns = features.simple_returns(closes)
    known = ~np.isnan(returns)
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, returns, 0.0).sum(axis=1) / count
    unread = count < COVERAGE_MIN * closes.shape[1]
    unread[:1] = False
    growth = np.where(unread | (count == 0), 1.0, 1.0 + mean)
    index = np.asarray(np.cumprod(growth), dtype=np.float64)
    index[unread] = np.nan
    return index


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mood:
    """Fear and greed by day, and what it is the mean of.

    values  (n_days,) 0 extreme fear to 100 extreme greed; NaN until every part has two years behind it
    parts   (n_days,) each, on the same scale
    """

    values: FloatArray
    parts: Mapping[str, FloatArray]

    def latest(self) -> str:
        """The last day's mood in a word; "unknown" where it is NaN."""
        value = float(self.values[-1]) if len(self.values) else np.nan
        return "unknown" if np.isnan(value) else next(name for least, name in MOODS if value >= least)


def fear_and_greed(closes: FloatArray, days: int = MOOD_DAYS) -> Mood:
    """The mood of a universe, from five readings, each ranked among its own last ``days`` days.

    momentum    the market against its 125-day average
    strength    new highs of the year less new lows, over a week
    breadth     advances less declines, over a month
    calm        the market's volatility of a month against that of half a year, falling is greed
    appetite    the more volatile half of the symbols against the calmer half, over a month
    """
    market = market_index(closes).reshape(-1, 1)
    month = features.volatility(market, features.MONTH)
    half_year = features.volatility(market, 126)
    with np.errstate(invalid="ignore", divide="ignore"):
        readings = {
            "momentum": market / features.moving_average(market, 125) - 1.0,
            "strength": features.moving_mean(net_new_highs(closes).reshape(-1, 1), 5),
            "breadth": features.moving_mean(advance_decline(closes).reshape(-1, 1), features.MONTH),
            "calm": -month / half_year,
            "appetite": _appetite(closes),
        }
    parts = {name: 100.0 * ranked(reading[:, 0], days) for name, reading in readings.items()}
    values: FloatArray = np.mean(list(parts.values()), axis=0)
    return Mood(values=values, parts=parts)


def ranked(values: FloatArray, days: int) -> FloatArray:
    """Share of the last ``days`` values, today's among them, that lie below today's, (n_days,): 0 to 1.

    Equal values count half. NaN until the window is full of values.
    """
    if days < 2:
        raise InputError(f"a rank among {days} days says nothing; give at least 2")
    result = np.full_like(values, np.nan)
    if len(values) < days:
        return result
    windows, today = sliding_window_view(values, days), values[days - 1 :, None]
    below = (windows < today).sum(axis=1) + 0.5 * ((windows == today).sum(axis=1) - 1)
    result[days - 1 :] = np.where(np.isnan(windows).any(axis=1), np.nan, below / (days - 1))
    return result


def _appetite(closes: FloatArray) -> FloatArray:
    """Return of a month of the symbols that are more volatile than the median, less that of the others."""
    # Which half a symbol belongs to was known a month ago, when the return began.
    year = features.volatility(closes, features.YEAR)
    before = np.full_like(year, np.nan)
    before[features.MONTH :] = year[: -features.MONTH]
    returns = features.simple_returns(closes, features.MONTH)
    known = ~np.isnan(before) & ~np.isnan(returns)
    count = known.sum(axis=1)
    result = np.full((len(closes), 1), np.nan)
    # What is not known is sorted behind the rest.
    rising = np.sort(np.where(known, before, np.nan), axis=1)
    for day in np.flatnonzero(count >= max(2, COVERAGE_MIN * closes.shape[1])).tolist():
        median = 0.5 * (rising[day, (count[day] - 1) // 2] + rising[day, count[day] // 2])
        bold = known[day] & (before[day] > median)
        if bold.any():
            result[day, 0] = returns[day, bold].mean() - returns[day, known[day] & ~bold].mean()
    return result


def _share(true: BoolArray, known: BoolArray) -> FloatArray:
    """Share of the known that are true, a day."""
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: FloatArray = (true & known).sum(axis=1) / count
    share[count < COVERAGE_MIN * known.shape[1]] = np.nan
    return share
