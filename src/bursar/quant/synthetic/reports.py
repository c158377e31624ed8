"""When companies report, and how far they surprise: drawn before any price is, since prices move by it.

Quarters end with a calendar month. A report comes 18 to 45 days later, as each company is used to, after the close;
its market reads it overnight. The filing with the numbers follows within days, after a fiscal year within weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.synthetic.companies import Companies
from bursar.quant.synthetic.recipe import Recipe
from bursar.quant.synthetic.returns import SURPRISE_SHARE

#: How many deviations a surprise may have.
SURPRISE_MAX = 4.0
MONTH = np.timedelta64(1, "M")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reports:
    """The reports of a market, (n_quarters, n_symbols), oldest first.

    ends       datetime64[D], the last day of the quarter
    on         datetime64[D], the day on which it is due
    at         the session after whose close it came; -1 before the first session and after the last
    filed      datetime64[D], the day of the filing with its numbers
    closes_at  the last session of the quarter; -1 where it ended before the first one
    final      the quarter that ends a fiscal year
    surprise   in deviations, against what was expected of it
    """

    ends: np.ndarray
    on: np.ndarray
    at: np.ndarray
    filed: np.ndarray
    closes_at: np.ndarray
    final: np.ndarray
    surprise: FloatArray


def draw(recipe: Recipe, companies: Companies) -> Reports:
    """Every report of a quarter that ended in the calendar year before the first session or since."""
    days, count = recipe.days, recipe.symbols
    first, last = days[0].astype("datetime64[M]"), days[-1].astype("datetime64[M]")
    # March of the year before the first session, and every third month since.
    march = first.astype("datetime64[Y]").astype("datetime64[M]") - 10 * MONTH
    quarters = np.arange(march, last + 2 * MONTH, 3 * MONTH)
    months = quarters[:, None] + companies.fiscal_month * MONTH
    ends = (months + MONTH).astype("datetime64[D]") - np.timedelta64(1, "D")
    final = np.broadcast_to((quarters.astype(int) % 12 == 11)[:, None], ends.shape)
    # As many numbers a quarter as there are, whichever quarter is the last: the same ones in a longer market.
    chance = recipe.chance("reports")
    drawn = chance.random((len(quarters), 2, count))
    surprise = np.clip(recipe.chance("report surprises").standard_normal(ends.shape), -SURPRISE_MAX, SURPRISE_MAX)
    on = ends + (companies.report_lag + np.floor(5 * drawn[:, 0])).astype("timedelta64[D]")
    at = np.searchsorted(days, on)
    filed = np.maximum(on, days[np.minimum(at, len(days) - 1)])
    filed = filed + np.floor(drawn[:, 1] * np.where(final, 18, 6)).astype("timedelta64[D]")
    closes_at = np.searchsorted(days, ends, side="right") - 1
    return Reports(
        ends=ends,
        on=on,
        at=np.where((at < len(days)) & (on >= days[0]), at, -1),
        filed=filed,
        closes_at=closes_at,
        final=final,
        surprise=surprise,
    )


def moves(recipe: Recipe, companies: Companies, reports: Reports) -> FloatArray:
    """The jump overnight after each report, (n_days, n_symbols), 0 on other days."""
    chance = recipe.chance("report moves")
    unseen = chance.standard_t(5.0, reports.at.shape) * np.sqrt(3.0 / 5.0)
    mixed = SURPRISE_SHARE * reports.surprise + np.sqrt(1.0 - SURPRISE_SHARE**2) * np.clip(unseen, -6.0, 6.0)
    jumps = np.zeros(recipe.shape)
    quarter, symbol = np.nonzero((reports.at >= 0) & (reports.at + 1 < len(recipe.days)))
    jumps[reports.at[quarter, symbol] + 1, symbol] = (companies.earnings_move * mixed)[quarter, symbol]
    return jumps
