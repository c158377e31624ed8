"""The analysts of statements on two real companies, where the optional data is present."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bursar.adapters.history import Facts, MemoryHistory
from bursar.adapters.vendors.edgar import EdgarFundamentals
from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.domain.views import Abstention, View
from bursar.ports import Panel
from bursar.research.analysts import Analyst
from bursar.research.analysts.buffett import BuffettAnalyst
from bursar.research.analysts.fundamentals import FundamentalsAnalyst
from bursar.research.analysts.valuation import ValuationAnalyst
from bursar.research.statements import market_value, read_statements
from bursar.trading.view import MarketView

CIKS = {"AAPL": 320193, "GOOGL": 1652044}


@pytest.fixture(scope="module")
def facts(test_data: Path) -> EdgarFundamentals:
    return EdgarFundamentals.in_folder(test_data / "fundamentals", CIKS)


def closes(path: Path, symbol: str, column: str) -> Facts:
    table = pl.read_parquet(path).filter(pl.col("symbol") == symbol).sort("date")
    dates = table["date"].to_numpy().astype("datetime64[D]")
    known = (dates + np.timedelta64(21, "h")).astype("datetime64[us]")
    return Facts(Panel(dates, (symbol,), table.select(pl.col(column).cast(pl.Float64)).to_numpy()), known)


def histories(test_data: Path, symbol: str) -> tuple[MemoryHistory, MemoryHistory]:
    """Adjusted and raw closes."""
    adjusted = closes(test_data / "daily/seed_stocks_2000_2024.parquet", symbol, "adj_close")
    raw = closes(test_data / "daily/lean_raw_unadjusted_1998_2021.parquet", symbol, "close")
    return MemoryHistory({"close": adjusted}), MemoryHistory({"raw_close": raw})


def market(history: MemoryHistory, symbol: str, day: date) -> MarketView:
    at = datetime(day.year, day.month, day.day, 13, 30, tzinfo=UTC)
    return MarketView(
        at=at,
        instruments={symbol: Instrument(symbol=symbol)},
        quotes={},
        closes=history.asof([symbol], "close", at, 320),
        session=Session(day=day, open=at, close=at.replace(hour=20)),
    )


def counted() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"v-{next(numbers)}"


def test_apples_market_value_of_2012_is_the_one_that_the_papers_printed(
    facts: EdgarFundamentals, test_data: Path
) -> None:
    # On 2012-08-20 Apple became the most valuable company ever, at 623 billion at the close (665.15 a share).
    # Its shares were counted on 2012-07-13; the adjusted closes of the file count in one dividend of 0.4 %.
    adjusted, raw = histories(test_data, "AAPL")
    seen = market(adjusted, "AAPL", date(2012, 8, 21))
    assert market_value(read_statements(facts, "AAPL", seen.at), raw, seen) == pytest.approx(623e9, rel=0.01)


def test_the_split_of_2014_does_not_change_what_apple_costs(facts: EdgarFundamentals, test_data: Path) -> None:
    # Seven for one before 2014-06-09; the shares in the filing of April are those before it.
    adjusted, raw = histories(test_data, "AAPL")
    before, after = (market(adjusted, "AAPL", day) for day in (date(2014, 6, 9), date(2014, 6, 10)))
    values = [market_value(read_statements(facts, "AAPL", seen.at), raw, seen) for seen in (before, after)]
    assert values[1] / values[0] == pytest.approx(1.016, abs=0.002)  # it rose by 1.6 % on that day
    assert values[0] == pytest.approx(556e9, rel=0.02)  # 861 million shares at 645.57


def test_three_analysts_have_three_opinions_of_apple(facts: EdgarFundamentals, test_data: Path) -> None:
    adjusted, raw = histories(test_data, "AAPL")
    seen = market(adjusted, "AAPL", date(2013, 6, 28))
    analysts: tuple[Analyst, ...] = (
        FundamentalsAnalyst(fundamentals=facts),
        ValuationAnalyst(fundamentals=facts, raw=raw),
        BuffettAnalyst(fundamentals=facts, raw=raw),
    )
    found = [analyst.form(seen, counted())[0] for analyst in analysts]
    views = [view for view in found if isinstance(view, View)]
    assert [view.analyst for view in views] == ["fundamentals", "valuation", "warren_buffett"]
    # At ten times its income and growing it was cheap by every one of these rules, and for different reasons.
    assert all(view.expected_excess_return > 0 for view in views)
    assert len({view.evidence[0].statement for view in views}) == 3


def test_before_its_first_tagged_filing_nobody_knows_alphabet(facts: EdgarFundamentals, test_data: Path) -> None:
    adjusted, raw = histories(test_data, "GOOGL")
    seen = market(adjusted, "GOOGL", date(2015, 6, 30))
    (opinion,) = ValuationAnalyst(fundamentals=facts, raw=raw).form(seen, counted())
    assert opinion == Abstention(analyst="valuation", symbol="GOOGL", reason="no annual statement of it is known")
