"""Statements of companies that do not exist, as facts with the day of their filing.

A year's sums come with the annual report, balances with every quarter's. A report that was too good stands until the
next annual one, which restates it: both are facts, each known from its own filing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter

import numpy as np

from bursar.adapters.vendors.edgar import known_from
from bursar.domain.statements import FLOWS
from bursar.errors import InputError
from bursar.ports import Fact
from bursar.quant.synthetic import Market
from bursar.quant.synthetic.statements import TAX_RATE

#: Part of the debt that is due within a year.
DUE_SOON = 0.1


class SyntheticFundamentals:
    """The statements of a market; a company's are written out when it is first asked for."""

    def __init__(self, market: Market, symbols: Sequence[str]) -> None:
        self._market = market
        self._columns = {symbol: column for column, symbol in enumerate(symbols)}
        self._facts: dict[str, tuple[Fact, ...]] = {}
        self._named: dict[tuple[str, tuple[str, ...]], tuple[Fact, ...]] = {}

    def asof(self, symbol: str, names: Sequence[str], known_at: datetime) -> tuple[Fact, ...]:
        """Facts of ``names`` in the order in which they became known; see ``ports.Fundamentals``."""
        if known_at.utcoffset() != timedelta(0):
            raise InputError(f"{known_at} is not in UTC; convert it at the edge")
        if symbol not in self._columns:
            return ()
        if symbol not in self._facts:
            written = _facts(self._market, symbol, self._columns[symbol])
            self._facts[symbol] = tuple(sorted(written, key=lambda fact: (fact.known_at, fact.at, fact.name)))
        named = self._named.get((symbol, tuple(names)))
        if named is None:
            wanted = frozenset(names)
            named = tuple(fact for fact in self._facts[symbol] if fact.name in wanted)
            self._named[symbol, tuple(names)] = named
        return named[: bisect_right(named, known_at, key=attrgetter("known_at"))]


def _facts(market: Market, symbol: str, column: int) -> Iterator[Fact]:
    reports, accounts = market.reports, market.statements
    owed: tuple[date, dict[str, float]] | None = None  # a year to restate, and what it should have said
    for quarter in range(len(reports.ends)):
        if reports.at[quarter, column] < 0 or not np.isfinite(accounts.equity[quarter, column]):
            continue
        ended, filed = reports.ends[quarter, column].item(), reports.filed[quarter, column].item()
        levels = _levels(market, quarter, column)
        year = _year(market, quarter, column) if reports.final[quarter, column] else {}
        form = "annual" if reports.final[quarter, column] else "quarterly"
        source = f"synthetic {form} report, filed {filed}"
        if year and owed is not None:
            restated = f"synthetic annual report, filed {filed}, restates {owed[0]}"
            yield from _written(symbol, owed[1], owed[0], filed, restated)
            owed = None
        said = {**levels, **year}
        too_much = accounts.overstated[quarter, column]
        if year and too_much > 0.0:
            owed = ended, {name: said[name] for name in ("revenue", "operating_income", "income_tax", "net_income",
                                                         "equity", "assets", "current_assets")}  # fmt: skip
            said = _embellished(said, float(too_much))
        shares = said.pop("shares")
        yield from _written(symbol, said, ended, filed, source)
        # Shares are counted as of the filing, on its first page.
        yield Fact(
            symbol=symbol, name="shares", value=shares, unit="shares", at=filed, known_at=known_from(filed),
            source=source,
        )  # fmt: skip


def _written(symbol: str, said: dict[str, float], at: date, filed: date, source: str) -> Iterator[Fact]:
    for name, value in said.items():
        yield Fact(
            symbol=symbol, name=name, value=round(value), unit="USD", at=at, known_at=known_from(filed), source=source
        )


def _levels(market: Market, quarter: int, column: int) -> dict[str, float]:
    accounts, reports, days = market.statements, market.reports, market.recipe.days
    here = (quarter, column)
    cash, receivables = float(accounts.cash[here]), float(accounts.receivables[here])
    debt, payables = float(accounts.debt[here]), float(accounts.payables[here])
    filed = min(int(np.searchsorted(days, reports.filed[here], side="right")) - 1, len(days) - 1)
    split_since = market.prices.shares[filed, column] / market.prices.shares[reports.closes_at[here], column]
    return {
        "assets": float(accounts.assets[here]),
        "liabilities": float(accounts.liabilities[here]),
        "current_assets": cash + receivables,
        "current_liabilities": payables + DUE_SOON * debt,
        "equity": float(accounts.equity[here]),
        "cash": cash,
        "long_term_debt": (1.0 - DUE_SOON) * debt,
        "current_debt": DUE_SOON * debt,
        "shares": float(np.round(accounts.shares[here] * split_since)),
    }


def _year(market: Market, quarter: int, column: int) -> dict[str, float]:
    """The sums of a fiscal year; nothing where its first quarters lie before the market."""
    first = quarter - 3
    if first < 0:
        return {}
    sums = {name: float(getattr(market.statements, name)[first : quarter + 1, column].sum()) for name in FLOWS}
    return sums if np.isfinite(sums["net_income"]) else {}


def _embellished(said: dict[str, float], too_much: float) -> dict[str, float]:
    """A year as it was first reported: sales that were none, taxed, booked as something that is owed to us."""
    before_tax = too_much / (1.0 - TAX_RATE)
    more = {
        "revenue": before_tax,
        "operating_income": before_tax,
        "income_tax": before_tax - too_much,
        "net_income": too_much,
        "equity": too_much,
        "assets": too_much,
        "current_assets": too_much,
    }
    return {name: value + more.get(name, 0.0) for name, value in said.items()}
