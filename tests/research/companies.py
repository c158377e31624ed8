"""Small companies for analysts: fiscal years that end in December and are filed in the middle of February."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import numpy as np

from bursar.adapters.history import Facts, MemoryHistory
from bursar.ports import Fact, Panel
from bursar.quant.arrays import FloatArray

BILLION = 1e9
#: The last fiscal year that is known at ``tests.builders.OPEN``, 2022-01-03.
LAST = 2020

#: An ordinary year, in billions; shares are a billion too.
ORDINARY: Mapping[str, float] = {
    "revenue": 100.0,
    "operating_income": 20.0,
    "net_income": 15.0,
    "income_tax": 5.0,
    "operating_cash_flow": 18.0,
    "capital_expenditure": 6.0,
    "depreciation": 4.0,
    "dividends": 6.0,
    "assets": 150.0,
    "liabilities": 90.0,
    "current_assets": 50.0,
    "current_liabilities": 40.0,
    "equity": 60.0,
    "cash": 10.0,
    "long_term_debt": 30.0,
    "shares": 1.0,
}


def year(fiscal: int, numbers: Mapping[str, float], symbol: str = "ACME", unit: str = "USD") -> tuple[Fact, ...]:
    """The annual report of a fiscal year; numbers in billions."""
    return tuple(
        Fact(
            symbol=symbol,
            name=name,
            value=value * BILLION,
            unit="shares" if name == "shares" else unit,
            at=date(fiscal, 12, 31),
            known_at=datetime(fiscal + 1, 2, 15, tzinfo=UTC),
            source=f"10-K of {fiscal}",
        )
        for name, value in numbers.items()
    )


def company(
    symbol: str = "ACME",
    *,
    years: int = 6,
    growth: float = 0.0,
    without: Iterable[str] = (),
    only_in: Mapping[int, Mapping[str, float]] | None = None,
    **numbers: float,
) -> tuple[Fact, ...]:
    """So many years of an ordinary company, with other ``numbers``, all of whose figures grow at ``growth``.

    only_in  numbers of single years, after growth
    """
    ordinary = {**ORDINARY, **numbers}
    facts: list[Fact] = []
    for fiscal in range(LAST - years + 1, LAST + 1):
        factor = (1.0 + growth) ** (fiscal - LAST)
        grown = {name: value if name == "shares" else value * factor for name, value in ordinary.items()}
        grown |= (only_in or {}).get(fiscal, {})
        facts += year(fiscal, {name: value for name, value in grown.items() if name not in without}, symbol)
    return tuple(facts)


def raw_closes(prices: Mapping[str, float], *, lacks: frozenset[str] = frozenset()) -> MemoryHistory:
    """Raw closes that never change, through 2021: what a share cost when its count was filed."""
    dates = np.arange("2021-01-01", "2022-01-03", dtype="datetime64[D]")
    symbols = tuple(sorted(prices))
    values: FloatArray = np.tile([prices[symbol] for symbol in symbols], (len(dates), 1)).astype(float)
    known = (dates + np.timedelta64(21, "h")).astype("datetime64[us]")
    facts = {} if "raw_close" in lacks else {"raw_close": Facts(Panel(dates, symbols, values), known)}
    return MemoryHistory(facts, lacks, name="a test")
