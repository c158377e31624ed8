"""From returns to what stands in the paper: prices in cents as they were paid, splits, dividends, volume, IV.

A dividend and a split are declared with a report. The dividend is a quarter of the company's usual yield on its
average price of the last year, in whole cents; ten sessions later the price opens without it. A share that has
become dear is split fifteen sessions after the report, one of pennies is put together.

    high, low   the extremes of a Brownian bridge from open to close, each with its own exact law. Drawn apart from
                each other, which makes a range a few percent too wide
    volume      dollars around a part of market value, more on large moves and reports, in clusters; then shares
    implied     the variance that a forecaster would expect over the next 30 days, reports among them, with a premium
                that wavers. It is known at the close and knows nothing of the days that it is about

Source of the law of a bridge's maximum: Karatzas and Shreve (1991), "Brownian Motion and Stochastic Calculus", 2.8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.synthetic.companies import Companies
from bursar.quant.synthetic.filters import smoothed, wandering
from bursar.quant.synthetic.recipe import Recipe
from bursar.quant.synthetic.reports import Reports
from bursar.quant.synthetic.returns import Returns

#: Sessions from the report that declares them.
DIVIDEND_AFTER, SPLIT_AFTER = 10, 15
#: Half-life of the average price that a dividend is measured by, and of the value that profits follow, in days.
AVERAGE_DAYS, VALUE_DAYS = 126.0, 126.0
#: What a split leaves of a price at least, and from where shares are put together, ten into one.
SPLIT_LEAVES, PENNIES = 60.0, 4.0
RATIOS = np.array([2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0])
#: Part of the market value that changes hands in a day.
TURNOVER = 0.0045
#: What implied volatility is above the one expected, and how it wavers.
IMPLIED_PREMIUM, IMPLIED_NOISE = 0.10, 0.05
HORIZON_DAYS = 21


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """(n_days, n_symbols), as traded.

    open, high, low, close   in dollars and whole cents
    volume                   shares of that day
    dividend                 paid by a share to whoever held it the evening before; 0 on most days
    split                    new shares for each old one, before that day's open; 1 on most days
    shares                   new shares by now for each one of the first day
    exact                    close before it is rounded
    implied_volatility       of 30 days, a year, known at the close
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    dividend: FloatArray
    split: FloatArray
    shares: FloatArray
    exact: FloatArray
    implied_volatility: FloatArray


def draw(recipe: Recipe, companies: Companies, reports: Reports, returns: Returns) -> Prices:
    """The prices that these returns lead to."""
    exact, dividend, split = _walk(recipe, companies, reports, returns)
    opened = exact * np.exp(returns.gap - returns.total)
    high, low = _extremes(recipe, opened, exact, returns.day_variance)
    open_, close = _cents(opened), _cents(exact)
    shares = np.asarray(np.cumprod(split, axis=0), dtype=np.float64)
    return Prices(
        open=open_,
        high=np.maximum(_cents(high), np.maximum(open_, close)),
        low=np.minimum(_cents(low), np.minimum(open_, close)),
        close=close,
        volume=_volume(recipe, companies, reports, returns, exact * shares, close),
        dividend=dividend,
        split=split,
        shares=shares,
        exact=exact,
        implied_volatility=_implied(recipe, companies, reports, returns),
    )


def _walk(
    recipe: Recipe, companies: Companies, reports: Reports, returns: Returns
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Closes as traded, dividends and splits: day by day, since each depends on the price that it finds."""
    n_days, count = recipe.shape
    growth = np.exp(returns.total)
    declares = np.zeros(recipe.shape, dtype=bool)
    quarter, symbol = np.nonzero(reports.at >= 0)
    declares[reports.at[quarter, symbol], symbol] = True
    busy = np.asarray(declares.any(axis=1))
    exact, dividend, split = np.empty(recipe.shape), np.zeros(recipe.shape), np.ones(recipe.shape)
    price, average = companies.first_price.copy(), companies.first_price.copy()
    keep = 0.5 ** (1.0 / AVERAGE_DAYS)
    for day in range(n_days):
        if busy[max(day - SPLIT_AFTER, 0)] and day >= SPLIT_AFTER:
            price /= split[day]
            average /= split[day]
        if day:
            price *= growth[day]
        if day >= DIVIDEND_AFTER and busy[day - DIVIDEND_AFTER]:
            price -= dividend[day]
        exact[day] = price
        average = keep * average + (1.0 - keep) * price
        if busy[day]:
            who = declares[day]
            if day + DIVIDEND_AFTER < n_days:
                declared = np.round(companies.dividend_yield / 4.0 * np.minimum(average, price), 2)
                dividend[day + DIVIDEND_AFTER, who] = declared[who]
            if day + SPLIT_AFTER < n_days:
                split[day + SPLIT_AFTER, who] = _ratio(price, companies.split_above)[who]
    assert exact.shape == (n_days, count)
    return exact, dividend, split


def _ratio(price: FloatArray, split_above: FloatArray) -> FloatArray:
    """New shares for each old one, that a company at this price decides on; 1 where it leaves them alone."""
    fits = np.searchsorted(RATIOS, np.maximum(price / SPLIT_LEAVES, RATIOS[0]), side="right") - 1
    ratio: FloatArray = np.where(price > split_above, RATIOS[fits], np.where(price < PENNIES, 0.1, 1.0))
    return ratio


def _extremes(
    recipe: Recipe, opened: FloatArray, closed: FloatArray, variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The highest and the lowest of a Brownian bridge from each open to its close."""
    way = np.log(closed / opened)
    drawn = -2.0 * variance * np.log1p(-recipe.chance("highs").random(recipe.shape))
    above = 0.5 * (way + np.sqrt(way**2 + drawn))
    drawn = -2.0 * variance * np.log1p(-recipe.chance("lows").random(recipe.shape))
    below = 0.5 * (way - np.sqrt(way**2 + drawn))
    return opened * np.exp(above), opened * np.exp(below)


def _cents(price: FloatArray) -> FloatArray:
    cents: FloatArray = np.maximum(np.round(price, 2), 0.01)
    return cents


def _volume(
    recipe: Recipe, companies: Companies, reports: Reports, returns: Returns, value: FloatArray, close: FloatArray
) -> FloatArray:
    """Shares that changed hands, (n_days, n_symbols). value: of what one share of the first day became."""
    chance = recipe.chance("volume")
    quick = wandering(chance.standard_normal(recipe.shape), 0.62)
    own = recipe.chance("volume by company").standard_normal(recipe.symbols)
    unusual = np.abs(returns.total) / np.sqrt(returns.day_variance / 0.64)
    lively = 0.25 * np.log(returns.ahead / companies.own_volatility**2)
    news = np.zeros(recipe.shape)
    quarter, symbol = np.nonzero((reports.at >= 0) & (reports.at + 1 < len(recipe.days)))
    news[reports.at[quarter, symbol] + 1, symbol] = 0.55
    logs = 0.28 * quick + 0.28 * own + 0.20 * (np.minimum(unusual, 8.0) - 0.8) + lively + news
    # What trades follows the value of the company slowly: a day's own move is in the other terms.
    slow = smoothed(np.log(value), VALUE_DAYS)
    dollars = TURNOVER * companies.first_shares * np.exp(slow + logs)
    shares: FloatArray = np.maximum(np.round(dollars / close, -2), 100.0)
    return shares


def _implied(recipe: Recipe, companies: Companies, reports: Reports, returns: Returns) -> FloatArray:
    """Implied volatility of 30 days, (n_days, n_symbols), a year."""
    # Companies say when they will report: from 30 days before until its close, a report lies ahead.
    steps = np.zeros((len(recipe.days) + 1, recipe.symbols))
    for column in range(recipe.symbols):
        on = reports.on[:, column]
        np.add.at(steps[:, column], np.searchsorted(recipe.days, on - np.timedelta64(30, "D")), 1.0)
        np.add.at(steps[:, column], np.searchsorted(recipe.days, on, side="right"), -1.0)
    soon = np.cumsum(steps, axis=0)[:-1]
    expected_variance = HORIZON_DAYS * returns.ahead + soon * companies.earnings_move**2
    noise = wandering(recipe.chance("implied").standard_normal(recipe.shape), 0.9)
    implied: FloatArray = np.sqrt(expected_variance * 252.0 / HORIZON_DAYS) * (
        1.0 + IMPLIED_PREMIUM + IMPLIED_NOISE * noise
    )
    return implied
