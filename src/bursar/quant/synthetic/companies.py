"""Who there is in a made-up market: what stays the same about each company while its price moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.synthetic.recipe import Recipe

#: Sectors, and what is typical of each: beta, earnings yield, dividend yield, gross margin.
SECTORS: tuple[tuple[str, float, float, float, float], ...] = (
    ("Information Technology", 1.20, 0.040, 0.008, 0.55),
    ("Financials", 1.10, 0.075, 0.024, 0.60),
    ("Health Care", 0.85, 0.045, 0.014, 0.60),
    ("Consumer Discretionary", 1.15, 0.050, 0.012, 0.38),
    ("Industrials", 1.05, 0.055, 0.017, 0.32),
    ("Communication Services", 1.00, 0.050, 0.012, 0.50),
    ("Consumer Staples", 0.65, 0.052, 0.026, 0.35),
    ("Energy", 1.05, 0.065, 0.035, 0.30),
    ("Utilities", 0.55, 0.060, 0.034, 0.40),
    ("Materials", 1.05, 0.058, 0.020, 0.28),
    ("Real Estate", 0.85, 0.048, 0.036, 0.50),
)
SECTOR_NAMES = tuple(name for name, *_ in SECTORS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Companies:
    """Each an array with one entry a symbol.

    sector           its place in SECTOR_NAMES
    beta             to the market, as the market's own return is drawn
    own_volatility   of what no other company shares, a day
    earnings_move    standard deviation of the move on a report
    first_price      in dollars, and first_shares, so that together they are the first market value
    dividend_yield   a year, 0 for those that pay none
    earnings_yield   net income over market value, as it is usual for the company
    gross_margin, net_margin, debt_ratio, capital_spending, intensity   the shape of its accounts
    report_lag       calendar days from the end of a quarter to its report
    fiscal_month     0, 1 or 2: how many months after March, June, ... its quarters end
    split_above      the price from which it splits its shares
    """

    sector: np.ndarray
    beta: FloatArray
    own_volatility: FloatArray
    earnings_move: FloatArray
    first_price: FloatArray
    first_shares: FloatArray
    dividend_yield: FloatArray
    earnings_yield: FloatArray
    gross_margin: FloatArray
    net_margin: FloatArray
    debt_ratio: FloatArray
    capital_spending: FloatArray
    intensity: FloatArray
    report_lag: np.ndarray
    fiscal_month: np.ndarray
    split_above: FloatArray


def draw(recipe: Recipe) -> Companies:
    """The companies of a market."""
    chance, count = recipe.chance("companies"), recipe.symbols

    def around(median: FloatArray | float, spread: float) -> FloatArray:
        drawn: FloatArray = median * np.exp(spread * chance.standard_normal(count))
        return drawn

    # Dealt out in turn, so that few companies are in as many sectors as there can be.
    sector = np.arange(count) % len(SECTORS)
    typical = np.array([each[1:] for each in SECTORS])[sector]
    value = around(3e10, 1.1)
    price: FloatArray = np.asarray(np.round(np.clip(around(55.0, 0.7), 8.0, 400.0), 2), dtype=np.float64)
    small = np.clip((3e10 / value) ** 0.08, 0.8, 1.5)  # small companies move more
    return Companies(
        sector=sector,
        beta=np.clip(around(typical[:, 0], 0.2), 0.3, 2.2),
        own_volatility=np.clip(around(0.0092 * small, 0.32), 0.006, 0.05),
        earnings_move=np.clip(around(0.027 * small, 0.35), 0.012, 0.14),
        first_price=price,
        first_shares=np.round(value / price, -3),
        dividend_yield=np.where(chance.random(count) < 0.72, np.clip(around(typical[:, 2], 0.35), 0.0, 0.07), 0.0),
        earnings_yield=np.clip(around(typical[:, 1], 0.25), 0.015, 0.12),
        gross_margin=np.clip(around(typical[:, 3], 0.2), 0.12, 0.85),
        net_margin=np.clip(around(typical[:, 3] * 0.24, 0.3), 0.02, 0.32),
        debt_ratio=np.clip(around(0.22, 0.6), 0.0, 0.55),
        capital_spending=np.clip(around(1.12, 0.12), 0.8, 1.6),
        intensity=np.clip(around(0.45, 0.5), 0.1, 2.0),
        report_lag=chance.integers(18, 45, count),
        fiscal_month=chance.choice(3, size=count, p=(0.78, 0.14, 0.08)),
        split_above=around(330.0, 0.35),
    )
