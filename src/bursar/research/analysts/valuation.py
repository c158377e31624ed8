"""The valuation analyst: what a company is worth by three methods, against what the market pays for it.

    DCF              free cash flow to shareholders, discounted. It starts from the mean margin of three years
                     on the last revenue, grows as revenue did over three years (cut to -5 % and 15 %), and that
                     growth fades in a straight line, over ten years, to 2.5 % for ever; 9 % a year is asked.
                     The range is that of 10 % with two points less growth to 8 % with two points more
    multiples        net income at the median price-earnings ratio of the other companies of the market that
                     have one; with fewer than five of them at 16, about the mean of US shares since 1900
    residual income  the book, and what is earned on it beyond 9 %: return on equity (at most 30 %) fades to 9 %
                     in ten years, and what is not paid out stays in the book

Each scores the logarithm of worth over price: half is fully bearish, double fully bullish. A price inside
the DCF's range counts half, since then the assumptions decide. Operating cash flow comes after interest, so
what is discounted belongs to the shareholders, and no debt is taken off.

A method that does not apply (no cash flow, no income, no book above zero) is not read; without two of three,
or without what the market pays, it abstains.

Sources: Damodaran, Investment Valuation (2012), chapters 12 and 14; Ohlson (1995), "Earnings, Book Values, and
Dividends in Equity Valuation", Contemporary Accounting Research 11; Shiller's data for the ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

import numpy as np

from bursar.domain.views import Abstention, View
from bursar.errors import DataError
from bursar.ports import Fundamentals, History
from bursar.research.analysts.scoring import Ids, Reading, between, opinions
from bursar.research.statements import Year, growth, market_value, ratio, read_statements
from bursar.trading.view import MarketView

HORIZON_DAYS = 252
#: Growth over three years needs four of them.
YEARS = 4
STAGE_YEARS = 10
REQUIRED_RETURN = 0.09
GROWTH_FOREVER = 0.025
GROWTH_LOW, GROWTH_HIGH = -0.05, 0.15
RETURN_ON_EQUITY_MAX = 0.30
PRICE_EARNINGS = 16.0
PEERS_MIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What is needed to value one company. paid: by the market, for all shares."""

    years: tuple[Year, ...]
    paid: float

    @property
    def price_earnings(self) -> float:
        """NaN unless income is above zero."""
        return ratio(self.paid, self.years[-1]["net_income"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuationAnalyst:
    """Forms views from four fiscal years and from what the market pays, which ``raw`` closes tell."""

    name: ClassVar[str] = "valuation"
    needs: ClassVar[frozenset[str]] = frozenset()

    fundamentals: Fundamentals
    raw: History | None = None

    def form(self, market: MarketView, ids: Ids) -> tuple[View | Abstention, ...]:
        companies: dict[str, Company | DataError] = {}
        for symbol in sorted(market.instruments):
            try:
                statements = read_statements(self.fundamentals, symbol, market.at)
                paid = market_value(statements, self.raw, market)
                companies[symbol] = Company(years=statements.last(YEARS), paid=paid)
            except DataError as error:
                companies[symbol] = error
        ratios = {
            s: c.price_earnings for s, c in companies.items() if isinstance(c, Company) and c.price_earnings > 0.0
        }

        def read(symbol: str) -> tuple[Reading, ...]:
            company = companies[symbol]
            if isinstance(company, DataError):
                raise company
            return readings(company, [ratio for other, ratio in ratios.items() if other != symbol])

        return opinions(self.name, market, ids, horizon_days=HORIZON_DAYS, read=read)


# ---------------------------------------------------------------- three methods


def discounted_cash_flow(free_cash_flow: float, growth_first: float, required: float = REQUIRED_RETURN) -> float:
    """Present value of a cash flow that grew to ``free_cash_flow`` last year and goes on as the module says.

    In year t of ten the growth is ``growth_first`` less (t - 1) / 10 of its distance to 2.5 %.
    """
    flow, value = free_cash_flow, 0.0
    for year in range(1, STAGE_YEARS + 1):
        flow *= 1.0 + growth_first + (GROWTH_FOREVER - growth_first) * (year - 1) / STAGE_YEARS
        value += flow / (1.0 + required) ** year
    terminal = flow * (1.0 + GROWTH_FOREVER) / (required - GROWTH_FOREVER)
    return value + terminal / (1.0 + required) ** STAGE_YEARS


def residual_income_value(equity: float, return_on_equity: float, payout: float) -> float:
    """The book plus the present value of what it earns beyond the required return, as the module says."""
    book, value = equity, equity
    excess_first = min(return_on_equity, RETURN_ON_EQUITY_MAX) - REQUIRED_RETURN
    for year in range(1, STAGE_YEARS + 1):
        excess = excess_first * (1.0 - (year - 1) / STAGE_YEARS)
        value += excess * book / (1.0 + REQUIRED_RETURN) ** year
        # A book that was lost earns nothing and loses nothing more.
        book = max(book * (1.0 + (REQUIRED_RETURN + excess) * (1.0 - payout)), 0.0)
    return value


def readings(company: Company, peers: Sequence[float]) -> tuple[Reading, ...]:
    """The three methods on one company. peers: price-earnings ratios of others."""
    return (_by_cash_flow(company), _by_multiples(company, peers), _by_residual_income(company))


def _by_cash_flow(company: Company) -> Reading:
    first, last = company.years[0], company.years[-1]
    margin = float(np.mean([ratio(year.free_cash_flow, year["revenue"]) for year in company.years[1:]]))
    flow = margin * last["revenue"]
    rate = growth(first["revenue"], last["revenue"], len(company.years) - 1)
    rate = min(max(rate, GROWTH_LOW), GROWTH_HIGH) if math.isfinite(rate) else math.nan
    if not flow > 0.0 or math.isnan(rate):
        return _unread("DCF", 0.4, "free cash flow or revenue is not known or not above zero", last)
    worth = discounted_cash_flow(flow, rate)
    low = discounted_cash_flow(flow, rate - 0.02, REQUIRED_RETURN + 0.01)
    high = discounted_cash_flow(flow, rate + 0.02, REQUIRED_RETURN - 0.01)
    said = (
        f"DCF gives {worth / 1e9:.1f} billion ({low / 1e9:.1f} to {high / 1e9:.1f}) against {company.paid / 1e9:.1f} "
        f"paid, from {flow / 1e9:.2f} billion a year at {rate:+.1%} growth fading to {GROWTH_FOREVER:.1%} and "
        f"{REQUIRED_RETURN:.0%} asked"
    )
    reading = _compared("DCF", 0.4, worth, company, said)
    inside = low <= company.paid <= high
    return Reading(
        name=reading.name,
        score=reading.score * (0.5 if inside else 1.0),
        weight=reading.weight,
        statement=said,
        value=worth,
        source=reading.source,
    )


def _by_multiples(company: Company, peers: Sequence[float]) -> Reading:
    income = company.years[-1]["net_income"]
    if not income > 0.0:
        return _unread("multiples", 0.3, "net income is not above zero", company.years[-1])
    fair, whose = PRICE_EARNINGS, "the long mean"
    if len(peers) >= PEERS_MIN:
        fair, whose = median(peers), f"the median of {len(peers)} others"
    said = f"it costs {company.price_earnings:.1f} times its income; {whose} is {fair:.1f}"
    return _compared("multiples", 0.3, income * fair, company, said)


def _by_residual_income(company: Company) -> Reading:
    last = company.years[-1]
    equity, income, dividends = last["equity"], last["net_income"], last["dividends"]
    if not equity > 0.0 or math.isnan(income):
        return _unread("residual income", 0.3, "equity is not known or not above zero", last)
    # A company that reports no dividends paid none.
    paid_out = min(max(ratio(dividends, income), 0.0), 1.0) if dividends > 0.0 and income > 0.0 else 0.0
    worth = max(residual_income_value(equity, income / equity, paid_out), equity * 0.01)
    said = f"book and residual income give {worth / 1e9:.1f} billion at {income / equity:.0%} on equity"
    return _compared("residual income", 0.3, worth, company, said)


def _compared(name: str, weight: float, worth: float, company: Company, said: str) -> Reading:
    seen = between(math.log(worth / company.paid), -math.log(2.0), math.log(2.0))
    return Reading(name=name, score=seen, weight=weight, statement=said, value=worth, source=company.years[-1].source)


def _unread(name: str, weight: float, why: str, year: Year) -> Reading:
    said = f"{name} does not apply: {why}"
    return Reading(name=name, score=math.nan, weight=weight, statement=said, value=math.nan, source=year.source)
