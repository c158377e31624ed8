"""The fundamentals analyst: what the last annual statements say of a company, whatever its share costs.

Seven readings of the last fiscal year against the one before, full at the figures given:

    profitability    net income to assets: -5 % to 15 %
    margin           change of the net margin: -5 to 5 percentage points
    revenue growth   -15 % to 15 %
    income growth    change of net income to the assets of the year before: -5 to 5 percentage points, which
                     means something where a rate of growth does not, through a loss
    leverage         liabilities to assets: 90 % is fully bearish, 30 % fully bullish
    liquidity        current assets to current liabilities: 0.5 to 2.0
    cash conversion  (net income - operating cash flow) to assets, the accruals: 10 % is fully bearish and
                     -10 % fully bullish, since income that did not arrive as cash tends to go again

Sources: Piotroski (2000), "Value Investing", Journal of Accounting Research 38, for what is looked at;
Sloan (1996), "Do Stock Prices Fully Reflect Information in Accruals", The Accounting Review 71.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from bursar.domain.views import Abstention, View
from bursar.ports import Fundamentals
from bursar.research.analysts.scoring import Ids, Reading, between, opinions
from bursar.research.statements import Year, ratio, read_statements
from bursar.trading.view import MarketView

HORIZON_DAYS = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class FundamentalsAnalyst:
    """Forms views from two fiscal years of statements."""

    name: ClassVar[str] = "fundamentals"
    needs: ClassVar[frozenset[str]] = frozenset()

    fundamentals: Fundamentals

    def form(self, market: MarketView, ids: Ids) -> tuple[View | Abstention, ...]:
        def read(symbol: str) -> tuple[Reading, ...]:
            before, last = read_statements(self.fundamentals, symbol, market.at).last(2)
            return readings(before, last)

        return opinions(self.name, market, ids, horizon_days=HORIZON_DAYS, read=read)


def readings(before: Year, last: Year) -> tuple[Reading, ...]:
    """What two years in a row say."""
    margin = ratio(last["net_income"], last["revenue"])
    margin_before = ratio(before["net_income"], before["revenue"])
    revenue_growth = ratio(last["revenue"], before["revenue"]) - 1.0
    income_change = ratio(last["net_income"] - before["net_income"], before["assets"])
    profitability = ratio(last["net_income"], last["assets"])
    leverage = ratio(last.liabilities, last["assets"])
    liquidity = ratio(last["current_assets"], last["current_liabilities"])
    accruals = ratio(last["net_income"] - last["operating_cash_flow"], last["assets"])
    source = last.source

    def reading(name: str, weight: float, value: float, low: float, high: float, statement: str) -> Reading:
        seen = between(value, low, high)
        said = f"{name} cannot be told: its figures were not reported" if math.isnan(seen) else statement
        return Reading(name=name, score=seen, weight=weight, statement=said, value=value, source=source)

    return (
        reading("profitability", 0.20, profitability, -0.05, 0.15, f"net income is {profitability:.1%} of assets"),
        reading(
            "margin",
            0.10,
            margin - margin_before,
            -0.05,
            0.05,
            f"the net margin went from {margin_before:.1%} to {margin:.1%}",
        ),
        reading("revenue growth", 0.15, revenue_growth, -0.15, 0.15, f"revenue changed by {revenue_growth:+.1%}"),
        reading(
            "income growth", 0.15, income_change, -0.05, 0.05, f"net income changed by {income_change:+.1%} of assets"
        ),
        reading("leverage", 0.15, leverage, 0.90, 0.30, f"liabilities are {leverage:.0%} of assets"),
        reading(
            "liquidity", 0.10, liquidity, 0.5, 2.0, f"current assets are {liquidity:.2f} times current liabilities"
        ),
        reading("cash conversion", 0.15, accruals, 0.10, -0.10, f"accruals are {accruals:+.1%} of assets"),
    )
