"""The whole market, made in one go, and the signal that may be planted in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.synthetic import companies as _companies
from bursar.quant.synthetic import prices as _prices
from bursar.quant.synthetic import reports as _reports
from bursar.quant.synthetic import returns as _returns
from bursar.quant.synthetic import statements as _statements
from bursar.quant.synthetic.companies import Companies
from bursar.quant.synthetic.prices import Prices
from bursar.quant.synthetic.recipe import Recipe
from bursar.quant.synthetic.reports import Reports
from bursar.quant.synthetic.returns import Returns
from bursar.quant.synthetic.statements import Statements


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """Everything about a market that never was.

    signal  (n_days, n_symbols) known at each close; NaN where the days that it is about lie beyond the last one,
            None where the recipe plants none
    """

    recipe: Recipe
    companies: Companies
    reports: Reports
    returns: Returns
    prices: Prices
    statements: Statements
    signal: FloatArray | None


def make(recipe: Recipe) -> Market:
    """Make the market of ``recipe``: seconds for 500 symbols over 30 years."""
    companies = _companies.draw(recipe)
    reports = _reports.draw(recipe, companies)
    returns = _returns.draw(recipe, companies, _reports.moves(recipe, companies, reports))
    prices = _prices.draw(recipe, companies, reports, returns)
    return Market(
        recipe=recipe,
        companies=companies,
        reports=reports,
        returns=returns,
        prices=prices,
        statements=_statements.draw(recipe, companies, reports, prices),
        signal=None if recipe.signal is None else planted(recipe, returns),
    )


def planted(recipe: Recipe, returns: Returns) -> FloatArray:
    """A feature whose correlation with what comes is ``recipe.signal``, and which tells nothing else.

    It is the coming return, measured in what was expected of its size, and noise. So it is the one thing here that
    is made from the future, and its scale from the whole market: that is what planting means, and what a learner is
    to find.
    """
    assert recipe.signal is not None, "a recipe without a signal plants none"
    ahead = recipe.signal_days
    summed = np.cumsum(np.vstack([np.zeros((1, recipe.symbols)), returns.total]), axis=0)
    coming = np.full(recipe.shape, np.nan)
    coming[:-ahead] = summed[1 + ahead :] - summed[1:-ahead]
    coming /= np.sqrt(ahead * returns.ahead)
    noise = recipe.chance("signal").standard_normal(recipe.shape)
    feature: FloatArray = recipe.signal * coming / np.nanstd(coming) + np.sqrt(1.0 - recipe.signal**2) * noise
    return feature
