"""Stylized facts: what daily returns of stocks have in common wherever one looks, as numbers.

A market is measured stock by stock, and what is told is the median stock with the tenth and the ninetieth percent of
them. A made-up market is near a real one where its median lies among the real stocks.

Source: Cont (2001), "Empirical properties of asset returns: stylized facts and statistical issues", Quantitative
Finance 1; which of them are measured, and how, is our choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray, matrix

YEAR, MONTH = 252, 21
#: Days after a return over which its effect on the size of others is averaged.
LEVERAGE_DAYS = 10
DAYS_MIN = 3 * YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A measure over several stocks: the middle one, and where the middle eight of ten lie."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: FloatArray) -> Spread:
        """The spread of ``values``, one a stock."""
        low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
        return cls(median=float(middle), low=float(low), high=float(high))

    def holds(self, value: float) -> bool:
        """True when ``value`` lies where eight of ten stocks do."""
        return self.low <= value <= self.high


def measure(returns: FloatArray) -> Mapping[str, Spread]:
    """The facts of daily log returns, (n_days, n_stocks), by their names, in the order of the page.

    Raises InputError for fewer than three years or two stocks.
    """
    values = matrix("returns", returns)
    days, stocks = values.shape
    if days < DAYS_MIN or stocks < 2:
        raise InputError(f"{days} days of {stocks} stocks have no stylized facts; give {DAYS_MIN} days of two")
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    months = values[: days - days % MONTH].reshape(-1, MONTH, stocks).sum(axis=1)
    months = (months - months.mean(axis=0)) / months.std(axis=0)
    between = np.triu_indices(stocks, 1)
    together, sizes_together = np.atleast_2d(np.corrcoef(values.T)), np.atleast_2d(np.corrcoef(np.abs(values).T))
    sizes, squares = np.abs(values), values**2
    told: dict[str, FloatArray] = {
        "volatility a year": values.std(axis=0) * np.sqrt(YEAR),
        "excess kurtosis of days": (scaled**4).mean(axis=0) - 3.0,
        "excess kurtosis of months": (months**4).mean(axis=0) - 3.0,
        "skewness": (scaled**3).mean(axis=0),
        "share of the four largest days in a year's variance": _largest(squares),
        "autocorrelation of returns, 1 day": autocorrelation(values, 1),
        **{f"of squared returns, {lag} day{'s' * (lag > 1)}": autocorrelation(squares, lag) for lag in (1, 5, 21)},
        **{f"of absolute returns, {lag} day{'s' * (lag > 1)}": autocorrelation(sizes, lag) for lag in (1, 21, 63)},
        "a return and the size of the next ten (leverage)": _leverage(scaled),
        "correlation of two stocks": together[between],
        "correlation of their sizes": sizes_together[between],
    }
    return {name: Spread.of(each) for name, each in told.items()}


def autocorrelation(series: FloatArray, lag: int) -> FloatArray:
    """Correlation of each column with itself ``lag`` days before, (n_stocks,)."""
    apart = series - series.mean(axis=0)
    found: FloatArray = (apart[lag:] * apart[:-lag]).mean(axis=0) / (apart**2).mean(axis=0)
    return found


def gap_share(opens: FloatArray, closes: FloatArray) -> FloatArray:
    """Part of the variance of each stock that comes overnight, (n_stocks,); both in the same money, NaN left out."""
    gaps, ways = np.log(opens[1:] / closes[:-1]), np.log(closes[1:] / opens[1:])
    overnight, within = np.nanvar(gaps, axis=0), np.nanvar(ways, axis=0)
    share: FloatArray = overnight / (overnight + within)
    return share


def _largest(squares: FloatArray) -> FloatArray:
    years = squares[: len(squares) - len(squares) % YEAR].reshape(-1, YEAR, squares.shape[1])
    largest = np.sort(years, axis=1)[:, -4:].sum(axis=1)
    share: FloatArray = (largest / years.sum(axis=1)).mean(axis=0)
    return share


def _leverage(scaled: FloatArray) -> FloatArray:
    sizes = np.abs(scaled)
    sizes = (sizes - sizes.mean(axis=0)) / sizes.std(axis=0)
    found = [(scaled[:-lag] * sizes[lag:]).mean(axis=0) for lag in range(1, LEVERAGE_DAYS + 1)]
    return np.asarray(np.mean(found, axis=0), dtype=np.float64)
