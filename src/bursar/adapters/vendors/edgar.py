"""Company facts as the US Securities and Exchange Commission (SEC) publishes them, by filing date.

The Commission gives one JSON file a company (``CIK0000320193.json``): every number that its filings
tagged, with the period, the form, the accession number and the day of filing. A folder of such files,
plain or gzipped, is read here; nothing is fetched. Three rules make it honest:

    known      A number is known from the midnight, in New York, that ends the day of its filing. The file
               has no hour, and a filing may be accepted after the close.
    restated   A later filing that gives the same period another number does not replace the first one: both
               are facts, each known from its own filing. Who asks for the time between gets the first.
    tags       Companies report one thing under several tags, and change them. For each of our names the
               tags are tried in order; once a period has been reported under a better tag, a worse one that
               comes later is another measure and no restatement, and is left out.

A flow counts as a year where it lasts 350 to 380 days (fiscal years have 52 or 53 weeks) and comes from an
annual report, or from the 8-K that recasts one. Proxy statements and other forms are not read.

Source: www.sec.gov, "EDGAR Application Programming Interfaces", companyfacts.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from bursar.domain.statements import FLOWS
from bursar.errors import DataError, InputError
from bursar.ports import Fact

NEW_YORK = ZoneInfo("America/New_York")
YEAR_DAYS = range(350, 381)
ANNUAL_FORMS = frozenset({"10-K", "10-K/A", "10-KT", "10-KT/A", "20-F", "20-F/A", "40-F", "40-F/A", "8-K", "8-K/A"})
FORMS = ANNUAL_FORMS | {"10-Q", "10-Q/A", "6-K", "6-K/A"}

#: For each of our names the tags that stand for it, the best first.
TAGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "revenue": (
            "us-gaap:Revenues",
            "us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax",
            "us-gaap:SalesRevenueNet",
            "us-gaap:SalesRevenueGoodsNet",
        ),
        "cost_of_revenue": ("us-gaap:CostOfRevenue", "us-gaap:CostOfGoodsAndServicesSold"),
        "operating_income": ("us-gaap:OperatingIncomeLoss",),
        "net_income": ("us-gaap:NetIncomeLoss", "us-gaap:ProfitLoss"),
        "interest_expense": ("us-gaap:InterestExpense",),
        "income_tax": ("us-gaap:IncomeTaxExpenseBenefit",),
        "operating_cash_flow": (
            "us-gaap:NetCashProvidedByUsedInOperatingActivities",
            "us-gaap:NetCashProvidedByUsedInOperatingActivitiesContinuingOperations",
        ),
        "capital_expenditure": (
            "us-gaap:PaymentsToAcquirePropertyPlantAndEquipment",
            "us-gaap:PaymentsToAcquireProductiveAssets",
        ),
        "depreciation": (
            "us-gaap:DepreciationDepletionAndAmortization",
            "us-gaap:DepreciationAmortizationAndAccretionNet",
            "us-gaap:DepreciationAndAmortization",
            "us-gaap:Depreciation",
        ),
        "dividends": ("us-gaap:PaymentsOfDividends", "us-gaap:PaymentsOfDividendsCommonStock"),
        "assets": ("us-gaap:Assets",),
        "liabilities": ("us-gaap:Liabilities",),
        "current_assets": ("us-gaap:AssetsCurrent",),
        "current_liabilities": ("us-gaap:LiabilitiesCurrent",),
        "equity": ("us-gaap:StockholdersEquity",),
        "cash": ("us-gaap:CashAndCashEquivalentsAtCarryingValue",),
        "long_term_debt": ("us-gaap:LongTermDebtNoncurrent", "us-gaap:LongTermDebt"),
        "current_debt": ("us-gaap:LongTermDebtCurrent", "us-gaap:DebtCurrent"),
        "short_term_debt": ("us-gaap:CommercialPaper", "us-gaap:ShortTermBorrowings"),
        "shares": ("dei:EntityCommonStockSharesOutstanding", "us-gaap:CommonStockSharesOutstanding"),
    }
)


class EdgarFundamentals:
    """The files of several companies, by symbol; each is read when its company is first asked for.

    A symbol without a file has no facts. A file that is broken, or another company's, is a DataError.
    """

    def __init__(self, files: Mapping[str, Path], ciks: Mapping[str, int] = MappingProxyType({})) -> None:
        self._files = dict(files)
        self._ciks = dict(ciks)
        self._facts: dict[str, tuple[Fact, ...]] = {}

    @classmethod
    def in_folder(cls, folder: Path, ciks: Mapping[str, int]) -> EdgarFundamentals:
        """The files in ``folder`` whose names hold the companies' numbers (CIK), as the Commission names them.

        Raises InputError where there is no such folder, or two files of one company.
        """
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}; give the one that holds the company facts")
        files: dict[str, Path] = {}
        for symbol, cik in sorted(ciks.items()):
            found = sorted(path for path in folder.glob(f"*CIK{cik:010d}*.json*") if path.suffix in {".json", ".gz"})
            if len(found) > 1:
                raise InputError(f"{symbol} has {len(found)} files in {folder}: {', '.join(p.name for p in found)}")
            if found:
                files[symbol] = found[0]
        return cls(files, ciks)

    def asof(self, symbol: str, names: Sequence[str], known_at: datetime) -> tuple[Fact, ...]:
        """Facts of ``names`` in the order in which they became known; see ``ports.Fundamentals``."""
        if known_at.utcoffset() != timedelta(0):
            raise InputError(f"{known_at} is not in UTC; convert it at the edge")
        if symbol not in self._files:
            return ()
        if symbol not in self._facts:
            self._facts[symbol] = read_company(self._files[symbol], symbol, self._ciks.get(symbol))
        wanted = frozenset(names)
        return tuple(fact for fact in self._facts[symbol] if fact.known_at <= known_at and fact.name in wanted)


def read_company(path: Path, symbol: str, cik: int | None = None) -> tuple[Fact, ...]:
    """All facts of a company's file, in the order in which they became known.

    Raises DataError where the file cannot be read, is no file of company facts, or has another ``cik``.
    """
    try:
        content = path.read_bytes()
        document = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
        held, taxonomies = int(document["cik"]), dict(document["facts"])
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path.name} is no file of company facts: {error!r}; get it again") from error
    if cik is not None and held != cik:
        raise DataError(
            f"{path.name} holds company {held}, and {symbol} is {cik}; another company's facts are not read"
        )
    try:
        facts = [fact for name in TAGS for fact in _facts(symbol, name, taxonomies)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path.name} holds a fact that cannot be read: {error!r}; get it again") from error
    return tuple(sorted(facts, key=lambda fact: (fact.known_at, fact.at, fact.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One number of one filing. rank: the place of its tag, 0 for the best."""

    rank: int
    unit: str
    start: date | None
    end: date
    value: float
    filing: str
    form: str
    filed: date


def _facts(symbol: str, name: str, taxonomies: Mapping[str, Any]) -> Iterator[Fact]:
    rows = [row for row in _rows(name, taxonomies) if _counts(row, flow=name in FLOWS)]
    best: dict[date, int] = {}
    # Of one filing's tags the best comes first, and those after it find a better rank already there.
    for row in sorted(rows, key=lambda row: (row.filed, row.filing, row.end, row.rank)):
        if row.rank > best.get(row.end, row.rank):
            continue
        best[row.end] = row.rank
        yield Fact(
            symbol=symbol,
            name=name,
            value=row.value,
            unit=row.unit,
            at=row.end,
            known_at=known_from(max(row.filed, row.end)),
            source=f"SEC {row.form} {row.filing}, filed {row.filed}",
        )


def known_from(filed: date) -> datetime:
    """The midnight in New York that ends the day, in UTC."""
    return datetime.combine(filed + timedelta(days=1), time(), NEW_YORK).astimezone(UTC)


def _rows(name: str, taxonomies: Mapping[str, Any]) -> Iterator[_Row]:
    for rank, tag in enumerate(TAGS[name]):
        taxonomy, _, word = tag.partition(":")
        units: Mapping[str, Any] = taxonomies.get(taxonomy, {}).get(word, {}).get("units", {})
        if not units:
            continue
        # A company that reports in two currencies is read in dollars; two must never meet in one sum.
        unit = "USD" if "USD" in units else min(units)
        for row in units[unit]:
            yield _Row(
                rank=rank,
                unit=unit,
                start=date.fromisoformat(row["start"]) if "start" in row else None,
                end=date.fromisoformat(row["end"]),
                value=_number(row["val"]),
                filing=str(row["accn"]),
                form=str(row["form"]),
                filed=date.fromisoformat(row["filed"]),
            )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _counts(row: _Row, *, flow: bool) -> bool:
    if not flow:
        return row.start is None and row.form in FORMS
    return row.start is not None and (row.end - row.start).days + 1 in YEAR_DAYS and row.form in ANNUAL_FORMS
