"""Financial Datasets (financialdatasets.ai), by key: US prices, annual statements and news.

    /prices                          daily bars, adjusted for splits and not for dividends
    /financials                      annual income statements, balance sheets and cash flows, one row a fiscal year
    /news                            headlines by ticker

The key is FINANCIAL_DATASETS_API_KEY. Statements come as they stand now, restated ones in the place of what was first
said, and by the end of their period. Where a row names its filing, its facts are known from that day; where it does
not, from ANNUAL_REPORT_DAYS after the period ended, by when the SEC wants an annual report of anyone. So nothing is
known too early, and a restatement is known too early by as much as it is one: whoever needs the first version reads
the SEC's own company facts (``edgar``).

Source: docs.financialdatasets.ai, OpenAPI description, read in November 2026.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any

from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.edgar import known_from
from bursar.adapters.vendors.news import plain
from bursar.adapters.vendors.providers import Delivery, Offer
from bursar.adapters.vendors.tables import Row
from bursar.adapters.vendors.web import Web
from bursar.errors import DataError
from bursar.ports import Fact, Headline

BASE = "https://api.financialdatasets.ai"
#: By when the SEC wants the annual report of the smallest company (Form 10-K, General Instruction A).
ANNUAL_REPORT_DAYS = 90
YEARS_MAX = 30

OFFER = Offer(
    name="financial_datasets",
    title="Financial Datasets",
    has=frozenset({"prices", "volume", "statements", "news"}),
    lacks=frozenset({"actions", "implied_volatility", "earnings_dates", "first versions of restated statements"}),
    needs="a key in FINANCIAL_DATASETS_API_KEY",
    pace="60 a minute",
)
#: Our name of each number, by statement and the vendor's name.
NUMBERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "income_statements": {
            "revenue": "revenue",
            "cost_of_revenue": "cost_of_revenue",
            "operating_income": "operating_income",
            "interest_expense": "interest_expense",
            "income_tax_expense": "income_tax",
            "net_income": "net_income",
        },
        "balance_sheets": {
            "total_assets": "assets",
            "total_liabilities": "liabilities",
            "current_assets": "current_assets",
            "current_liabilities": "current_liabilities",
            "shareholders_equity": "equity",
            "cash_and_equivalents": "cash",
            "non_current_debt": "long_term_debt",
            "current_debt": "current_debt",
            "outstanding_shares": "shares",
        },
        "cash_flow_statements": {
            "net_cash_flow_from_operations": "operating_cash_flow",
            "capital_expenditure": "capital_expenditure",
            "depreciation_and_amortization": "depreciation",
            "dividends_and_other_cash_distributions": "dividends",
        },
    }
)
#: Paid out: positive here, negative there.
PAID = frozenset({"capital_expenditure", "dividends"})


class FinancialDatasets:
    """Satisfies ``Provider``. web: with the key among its headers."""

    def __init__(self, web: Web) -> None:
        self._web = web

    @property
    def offer(self) -> Offer:
        return OFFER

    def prices(self, symbols: Sequence[str], first: date, last: date) -> Delivery:
        """Daily bars. Raises DataError for an answer that is none."""
        return Delivery(
            prices=PriceKind.PRICE, rows={symbol: list(self._bars(symbol, first, last)) for symbol in symbols}
        )

    def _bars(self, symbol: str, first: date, last: date) -> Iterator[tuple[date, Row]]:
        # A page holds 5,000 rows, some twenty years; longer spans are asked for by the decade.
        since = first
        while since <= last:
            until = min(last, since.replace(year=since.year + 10, day=min(since.day, 28)))
            told = self._web.answer(
                f"{BASE}/prices", ticker=symbol, interval="day", interval_multiplier="1",
                start_date=since.isoformat(), end_date=until.isoformat(), limit="5000",
            )  # fmt: skip
            for row in _rows(told, "prices", symbol):
                yield (
                    _day(row, "time", symbol),
                    {field: _number(row, field, symbol) for field in ("open", "high", "low", "close", "volume")},
                )
            since = until + timedelta(days=1)

    def statements(self, symbols: Sequence[str]) -> tuple[Fact, ...]:
        """Annual statements of ``symbols``."""
        return tuple(fact for symbol in symbols for fact in self._statements(symbol))

    def _statements(self, symbol: str) -> Iterator[Fact]:
        told = self._web.answer(f"{BASE}/financials", ticker=symbol, period="annual", limit=str(YEARS_MAX))
        whole = told.get("financials") if isinstance(told, dict) else None
        for statement, names in NUMBERS.items():
            for row in _rows(whole, statement, symbol):
                ended = _day(row, "report_period", symbol)
                filed = _day(row, "filing_date", symbol) if row.get("filing_date") else None
                known_at = known_from(filed or ended + timedelta(days=ANNUAL_REPORT_DAYS))
                source = f"Financial Datasets, {'filed ' + str(filed) if filed else 'filing day not given'}"
                for theirs, ours in names.items():
                    value = _number(row, theirs, symbol)
                    if math.isnan(value):
                        continue
                    yield Fact(
                        symbol=symbol,
                        name=ours,
                        value=abs(value) if ours in PAID else value,
                        unit="shares" if ours == "shares" else str(row.get("currency") or "USD"),
                        at=ended,
                        known_at=known_at,
                        source=source,
                    )

    def headlines(self, symbols: Sequence[str], first: date, last: date) -> tuple[Headline, ...]:
        """News of ``symbols``, the latest hundred of each."""
        return tuple(headline for symbol in symbols for headline in self._headlines(symbol, first, last))

    def _headlines(self, symbol: str, first: date, last: date) -> Iterator[Headline]:
        told = self._web.answer(
            f"{BASE}/news", ticker=symbol, start_date=first.isoformat(), end_date=last.isoformat(), limit="100"
        )
        for row in _rows(told, "news", symbol):
            yield Headline(
                symbols=(symbol,),
                text=plain(str(row.get("title") or "")),
                source=plain(f"{row.get('source') or 'unnamed'}, by Financial Datasets"),
                known_at=_instant(row.get("date"), symbol),
            )


def _rows(told: Any, name: str, symbol: str) -> list[Mapping[str, Any]]:
    rows = told.get(name) if isinstance(told, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"Financial Datasets gave no list of {name} for {symbol}; its answer has another shape")
    others = {str(row["ticker"]) for row in rows if row.get("ticker")} - {symbol}
    if others:
        raise DataError(f"Financial Datasets was asked for {symbol} and answered with {', '.join(sorted(others))}")
    return rows


def _day(row: Mapping[str, Any], name: str, symbol: str) -> date:
    try:
        return date.fromisoformat(str(row.get(name))[:10])
    except ValueError as error:
        raise DataError(f"Financial Datasets dates a row of {symbol} {row.get(name)!r}, which is no day") from error


def _number(row: Mapping[str, Any], name: str, symbol: str) -> float:
    value = row.get(name)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DataError(f"Financial Datasets gives {name} of {symbol} as {value!r}, which is no number")
    return float(value)


def _instant(said: Any, symbol: str) -> datetime:
    """A moment; a day without a time is known from the midnight that ends it."""
    try:
        if len(str(said)) == len("2022-01-03"):
            return datetime.combine(date.fromisoformat(str(said)) + timedelta(days=1), time(), UTC)
        at = datetime.fromisoformat(str(said))
    except ValueError as error:
        raise DataError(f"Financial Datasets dates news of {symbol} {said!r}, which is no time") from error
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
