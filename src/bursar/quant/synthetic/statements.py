"""Statements of a made-up market: accounts that add up, follow the price slowly, and move it where they surprise.

Every quarter a company earns what its average value of the last half-year would lead one to expect, at the earnings
yield that is usual for it, changed by the surprise to which its price will jump when the report is out. From there
one number leads to the next, and each quarter keeps two identities to the cent that they are calculated in:

    assets              = liabilities + equity
    change of the cash  = operating cash flow - capital spending - acquisitions - dividends - buybacks + new debt

Dividends are those that the price went ex; what is bought back takes shares away at the quarter's last price. Cash
that nobody needs buys other companies, and what was paid for them is written down where the market no longer believes
in it. One year in thirty was reported too well, and is restated with the report of the next.

The first quarters of a market lean on its first price, for there was none before it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.synthetic.companies import Companies
from bursar.quant.synthetic.filters import smoothed
from bursar.quant.synthetic.prices import VALUE_DAYS, Prices
from bursar.quant.synthetic.recipe import Recipe
from bursar.quant.synthetic.reports import Reports

TAX_RATE, INTEREST_RATE = 0.21, 0.045 / 4.0
DEPRECIATION_RATE = 0.025
#: What a surprise of one deviation does to a quarter's profit.
SURPRISE_PROFIT = 0.14
#: Chance that a quarter holds a write-down, of so many usual quarterly profits.
WRITE_DOWN_CHANCE, WRITE_DOWN = 0.012, 3.0
#: Cash below which a company borrows, as a part of a year's revenue, and above which it buys shares back.
CASH_LEAST, CASH_MOST = 0.04, 0.14
#: Part of its value that a company buys back in a quarter at most, and, where its books exceed so many times the
#: market's opinion, how much of the excess it writes off.
BUYBACK_MOST, BELIEVED, IMPAIRED = 0.005, 1.3, 0.15
RESTATED_CHANCE, RESTATED = 1.0 / 30.0, 0.08


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statements:
    """(n_quarters, n_symbols), in dollars; NaN where a quarter ended outside the market.

    The first thirteen are sums over the quarter, the others stand at its end. overstated is what the first report of a
    fiscal year gave as net income too much, 0 for honest ones.
    """

    revenue: FloatArray
    cost_of_revenue: FloatArray
    operating_income: FloatArray
    interest_expense: FloatArray
    income_tax: FloatArray
    net_income: FloatArray
    operating_cash_flow: FloatArray
    capital_expenditure: FloatArray
    depreciation: FloatArray
    dividends: FloatArray
    acquisitions: FloatArray
    buybacks: FloatArray
    borrowed: FloatArray
    cash: FloatArray
    receivables: FloatArray
    plant: FloatArray
    goodwill: FloatArray
    payables: FloatArray
    debt: FloatArray
    equity: FloatArray
    shares: FloatArray
    overstated: FloatArray

    @property
    def assets(self) -> FloatArray:
        """All that the company has."""
        held: FloatArray = self.cash + self.receivables + self.plant + self.goodwill
        return held

    @property
    def liabilities(self) -> FloatArray:
        """All that it owes."""
        owed: FloatArray = self.payables + self.debt
        return owed


@dataclass(slots=True, kw_only=True)
class _Accounts:
    """One company's books, all companies at once, as the quarters go by."""

    cash: FloatArray
    receivables: FloatArray
    plant: FloatArray
    goodwill: FloatArray
    payables: FloatArray
    debt: FloatArray
    base_shares: FloatArray
    paid: FloatArray

    @property
    def equity(self) -> FloatArray:
        """What is left of all that they have when all that they owe is paid."""
        left: FloatArray = self.cash + self.receivables + self.plant + self.goodwill - self.payables - self.debt
        return left


def draw(recipe: Recipe, companies: Companies, reports: Reports, prices: Prices) -> Statements:
    """The accounts of every quarter that ended within the market."""
    count = recipe.symbols
    columns = np.arange(count)
    worth = prices.exact * prices.shares  # of what one share of the first day became
    average = np.exp(smoothed(np.log(worth), VALUE_DAYS))
    paid = np.cumsum(prices.dividend * prices.shares, axis=0)
    noise = np.clip(recipe.chance("accounts").standard_normal((len(reports.ends), 2, count)), -3.0, 3.0)
    chances = recipe.chance("mistakes").random((len(reports.ends), 2, count))
    names = [each.name for each in fields(Statements)]
    written = {name: np.full(reports.ends.shape, np.nan) for name in names}
    books = _opening(companies)
    for quarter in range(len(reports.ends)):
        row = reports.closes_at[quarter]
        ended = (row >= 0) & (reports.ends[quarter] <= recipe.days[-1])
        place = np.maximum(row, 0)
        lines = _quarter(
            companies,
            books,
            average[place, columns],
            worth[place, columns],
            paid[place, columns],
            reports.surprise[quarter],
            noise[quarter],
            chances[quarter, 0] < WRITE_DOWN_CHANCE,
            ended,
        )
        restated = reports.final[quarter] & (chances[quarter, 1] < RESTATED_CHANCE)
        lines["overstated"] = np.where(restated, RESTATED * np.abs(lines["net_income"]) * 4.0, 0.0)
        lines["shares"] = books.base_shares * prices.shares[place, columns]
        for name, values in lines.items():
            written[name][quarter] = np.where(ended, values, np.nan)
    return Statements(**written)


def _opening(companies: Companies) -> _Accounts:
    value = companies.first_price * companies.first_shares
    revenue = companies.earnings_yield * value / companies.net_margin
    cash, receivables = 0.09 * revenue, 0.14 * revenue
    plant, payables = companies.intensity * revenue, 0.10 * revenue
    goodwill = 0.25 * revenue
    debt = companies.debt_ratio * (cash + receivables + plant + goodwill)
    return _Accounts(
        cash=cash, receivables=receivables, plant=plant, goodwill=goodwill, payables=payables, debt=debt,
        base_shares=companies.first_shares.copy(), paid=np.zeros(len(value)),
    )  # fmt: skip


def _quarter(
    companies: Companies,
    books: _Accounts,
    average: FloatArray,
    worth: FloatArray,
    paid: FloatArray,
    surprise: FloatArray,
    noise: FloatArray,
    writes_down: np.ndarray,
    ended: np.ndarray,
) -> dict[str, FloatArray]:
    """One quarter of all companies; the books of those for which it ``ended`` go on from it.

    average, worth, paid  of what one share of the first day became: slow value, value, dividends so far
    """
    value = worth * books.base_shares
    usual = companies.earnings_yield * average * books.base_shares / 4.0
    written_down = np.where(writes_down, np.minimum(WRITE_DOWN * usual, 0.5 * books.goodwill), 0.0)
    written_down = np.maximum(written_down, np.clip(IMPAIRED * (books.equity - BELIEVED * value), 0.0, books.goodwill))
    profit = usual * (1.0 + SURPRISE_PROFIT * surprise) - written_down
    interest = INTEREST_RATE * books.debt
    before_tax = np.where(profit > 0.0, profit / (1.0 - TAX_RATE), profit)
    operating = before_tax + interest
    revenue = np.maximum(usual / companies.net_margin * (1.0 + 0.02 * noise[0]), 1.25 * operating)
    cost = np.minimum(revenue * (1.0 - companies.gross_margin) * (1.0 + 0.01 * noise[1]), 0.95 * (revenue - operating))
    depreciation = DEPRECIATION_RATE * books.plant
    # Plant follows revenue, a twelfth of the way each quarter.
    wanted = companies.intensity * revenue * 4.0
    spending = np.maximum(depreciation * 0.3, depreciation + (wanted - books.plant) / 12.0) * companies.capital_spending
    receivables, payables = 0.14 * revenue * 4.0, 0.10 * revenue * 4.0
    tied_up = (receivables - books.receivables) - (payables - books.payables)
    flow = profit + written_down + depreciation - tied_up
    dividends = (paid - books.paid) * books.base_shares
    cash = books.cash + flow - spending - dividends
    assets = cash + receivables + books.plant + spending - depreciation + books.goodwill - written_down
    borrowed = np.where(assets > 0.0, (companies.debt_ratio * assets - books.debt) / 8.0, 0.0)
    borrowed = np.maximum(np.maximum(borrowed, -books.debt), CASH_LEAST * 4.0 * revenue - cash)
    idle = np.maximum(cash + borrowed - CASH_MOST * 4.0 * revenue, 0.0)
    buybacks = np.minimum(idle, BUYBACK_MOST * value)
    acquisitions = 0.5 * (idle - buybacks)
    after = _Accounts(
        cash=cash + borrowed - buybacks - acquisitions,
        receivables=receivables,
        plant=books.plant + spending - depreciation,
        goodwill=books.goodwill - written_down + acquisitions,
        payables=payables,
        debt=books.debt + borrowed,
        base_shares=books.base_shares - buybacks / worth,
        paid=paid,
    )
    for name in ("cash", "receivables", "plant", "goodwill", "payables", "debt", "base_shares", "paid"):
        setattr(books, name, np.where(ended, getattr(after, name), getattr(books, name)))
    return {
        "revenue": revenue, "cost_of_revenue": cost, "operating_income": operating, "interest_expense": interest,
        "income_tax": before_tax - profit, "net_income": profit, "operating_cash_flow": flow,
        "capital_expenditure": spending, "depreciation": depreciation, "dividends": dividends,
        "acquisitions": acquisitions, "buybacks": buybacks, "borrowed": borrowed, "cash": after.cash,
        "receivables": receivables, "plant": after.plant, "goodwill": after.goodwill, "payables": payables,
        "debt": after.debt, "equity": after.equity,
    }  # fmt: skip
