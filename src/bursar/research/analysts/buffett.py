"""The analyst that is named after Warren Buffett: is it a good business with a moat, and is it cheap enough?

It reads five fiscal years and asks four things, full at the figures given. It looks for what stays, where the
fundamentals analyst looks at what changed.

    returns         mean return on invested capital after tax, 5 % to 20 %: operating income less the share
                    that went to tax, over equity plus debt less cash
    moat            how steady the operating margin was: its standard deviation over its mean, 40 % is fully
                    bearish, 5 % fully bullish; a mean at or below zero is fully bearish
    owner earnings  years of five in which they were above zero and above the year before: one to four
    safety          margin of safety, -33 % to 33 %: one less price over intrinsic value. The value is that of
                    owner earnings that grow by 3 % for ever, at the 10 % a year that the owner asks for

Owner earnings are net income + depreciation - capital expenditure. All of the expenditure is taken for
maintenance, which is unkind to a company that invests to grow. Where the price of all shares is not known the
margin of safety is not judged, and the view is weaker by its weight.

Source: Berkshire Hathaway, Chairman's Letter of 1986, appendix, for owner earnings; of 1992 and 2007 for the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from bursar.domain.views import Abstention, View
from bursar.errors import DataError
from bursar.ports import Fundamentals, History
from bursar.research.analysts.scoring import Ids, Reading, between, opinions
from bursar.research.statements import Year, market_value, ratio, read_statements
from bursar.trading.view import MarketView

HORIZON_DAYS = 252
YEARS = 5
REQUIRED_RETURN = 0.10
GROWTH = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class BuffettAnalyst:
    """Forms views from five fiscal years, and from what the market pays where ``raw`` closes tell it."""

    name: ClassVar[str] = "warren_buffett"
    needs: ClassVar[frozenset[str]] = frozenset()

    fundamentals: Fundamentals
    raw: History | None = None

    def form(self, market: MarketView, ids: Ids) -> tuple[View | Abstention, ...]:
        def read(symbol: str) -> tuple[Reading, ...]:
            statements = read_statements(self.fundamentals, symbol, market.at)
            years = statements.last(YEARS)
            try:
                paid, unknown = market_value(statements, self.raw, market), ""
            except DataError as error:
                paid, unknown = math.nan, str(error)
            return readings(years, paid, unknown)

        return opinions(self.name, market, ids, horizon_days=HORIZON_DAYS, read=read)


def owner_earnings(year: Year) -> float:
    """Net income + depreciation - capital expenditure."""
    return year["net_income"] + year["depreciation"] - year["capital_expenditure"]


def return_on_capital(year: Year) -> float:
    """After tax, on equity plus debt less cash; NaN where a figure is missing or the capital is not above zero."""
    before_tax = year["net_income"] + year["income_tax"]
    taxed = min(max(ratio(year["income_tax"], before_tax), 0.0), 1.0)
    return ratio(year["operating_income"] * (1.0 - taxed), year["equity"] + year.debt - year["cash"])


def intrinsic_value(earnings: float) -> float:
    """What owner earnings are worth that grow for ever; NaN unless they are above zero."""
    return earnings * (1.0 + GROWTH) / (REQUIRED_RETURN - GROWTH) if earnings > 0.0 else math.nan


def readings(years: Sequence[Year], paid: float, unknown: str = "") -> tuple[Reading, ...]:
    """What five years say, and what is ``paid`` for all shares (NaN where that is ``unknown``, and why)."""
    source = f"{years[0].end.year} to {years[-1].end.year}, last {years[-1].source}"
    returned = float(np.mean([return_on_capital(year) for year in years]))
    margins = np.array([ratio(year["operating_income"], year["revenue"]) for year in years])
    margin, swung = float(margins.mean()), float(margins.std(ddof=1))
    steady = -1.0 if margin <= 0.0 else between(ratio(swung, margin), 0.40, 0.05)
    earned = [owner_earnings(year) for year in years]
    grown = sum(later > max(earlier, 0.0) for earlier, later in pairwise(earned))
    kept = math.nan if any(math.isnan(each) for each in earned) else float(grown)
    usual = float(np.mean(earned))
    worth = intrinsic_value(usual)
    safety = 1.0 - ratio(paid, worth)
    offer = f"the market pays {paid / 1e9:.0f} billion for {worth / 1e9:.0f} billion: a margin of {safety:+.0%}"
    if (earned[-1] <= 0.0 or usual <= 0.0) and not math.isnan(paid):
        safety, offer = -1.0, "owner earnings are not above zero: no price would be safe"

    def reading(name: str, weight: float, seen: float, value: float, statement: str, why: str) -> Reading:
        said = f"{name} cannot be told: {why}" if math.isnan(seen) else statement
        return Reading(name=name, score=seen, weight=weight, statement=said, value=value, source=source)

    silent = "figures of five years were not reported"
    return (
        reading(
            "returns",
            0.25,
            between(returned, 0.05, 0.20),
            returned,
            f"the business returned {returned:.0%} a year on its capital",
            f"{silent}, or more cash than capital was held",
        ),
        reading(
            "moat",
            0.20,
            steady,
            swung,
            f"the operating margin was {margin:.0%} on average and swung by {swung:.1%}",
            silent,
        ),
        reading(
            "owner earnings",
            0.25,
            between(kept, 1.0, 4.0),
            kept,
            f"owner earnings grew in {grown} of {len(earned) - 1} years, to {earned[-1] / 1e9:.1f} billion",
            silent,
        ),
        reading(
            "safety",
            0.30,
            between(safety, -1 / 3, 1 / 3),
            safety,
            offer,
            unknown or silent,
        ),
    )
