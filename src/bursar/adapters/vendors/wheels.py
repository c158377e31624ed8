"""Real prices and factors that ship inside other packages' wheels: the sample that everybody has.

    stocks   20 large US stocks, daily closes 1990-01-02 to 2022-12-28, in skfolio's wheel. The closes are
             adjusted for splits and dividends to the day that they were taken: their returns are total
             returns, and they are not prices that anybody paid (Apple's first is 0.264). They carry three
             decimals, which in the earliest years is up to 0.4 % of a price.
    index    the S&P 500, daily closes of the same days, in the same wheel. Price only: no dividends, so
             it must not be held against the stocks.
    factors  the Treasury bill, market, size, value and momentum, monthly 1949-01 to 2017-03, from Kenneth
             French's library, in linearmodels' wheel. Fractions a month.

The files are found beside the installed packages and read without importing them (which costs seconds);
each is checked against its SHA-256, since a price that somebody edited is worth less than none. They are
converted once into BURSAR_HOME and never copied into the repository: the packages' licences cover their
code, not what the exchanges and the library published.

There is no bill rate after 2017-03. From then on ``Factors.bill_rate`` holds the last one (0.03 % a month)
and marks it as held, for the report to say. Bills paid nothing in 2021, so that is a little too much there;
they paid about 2 % a year in 2018 and 2019 and 1.4 % in 2022, so there it is too little, and a Sharpe ratio
at 15 % volatility comes out 0.07 to 0.1 too high.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import numpy as np

from bursar.adapters.history import Facts, ParquetHistory, closes_known_at, read_manifest, write_history
from bursar.adapters.vendors import PriceKind, Source, listings
from bursar.domain.instruments import Instrument
from bursar.errors import DataError, InputError
from bursar.ports import Calendar, Panel

FIRST, LAST = date(1990, 1, 2), date(2022, 12, 28)
_LACKS = frozenset(
    {
        "open",
        "high",
        "low",
        "volume",
        "raw_close",
        "implied_volatility",
        "earnings_dates",
        "fundamentals",
        "market_cap",
        "news",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFile:
    """A file of an installed package: where it lies in it, and what it must be."""

    package: str
    path: str
    sha256: str


STOCKS_FILE = WheelFile(
    package="skfolio",
    path="datasets/data/sp500_dataset.csv.gz",
    sha256="ee21cac28befb1d0a739a9ceb22184f995394726aa0cfde9a21941d1ac04ac0d",
)
INDEX_FILE = WheelFile(
    package="skfolio",
    path="datasets/data/sp500_index.csv.gz",
    sha256="894c34431c284f86aa64a467e176e2a3c9b697c857eb9ab35006c2dd55d3fdf2",
)
FACTORS_FILE = WheelFile(
    package="linearmodels",
    path="datasets/french/french.csv.bz2",
    sha256="fab6482f4f011a2fcec2fd087d740eef3c5bcc24a39459569a4224516fca1b6e",
)

STOCKS = Source(
    name="sample_stocks",
    title="adjusted close, skfolio sample",
    prices=PriceKind.TOTAL_RETURN,
    fields=frozenset({"close"}),
    lacks=_LACKS,
    origin="20 members of the S&P 500 that the authors of skfolio chose in 2023: all of them outlived 1990 to 2022",
    survivors=True,
    first=FIRST,
    last=LAST,
)
INDEX = Source(
    name="sample_index",
    title="S&P 500 price index, skfolio sample",
    prices=PriceKind.PRICE,
    fields=frozenset({"close"}),
    lacks=_LACKS,
    origin="the index as Standard & Poor's published it, without dividends",
    survivors=False,
    first=FIRST,
    last=LAST,
)

#: Name and sector of each stock; the sample itself has neither.
LISTINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        symbol: listings.LISTINGS[symbol]
        for symbol in (
            *("AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO"),
            *("LLY", "MRK", "MSFT", "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM"),
        )
    }
)

#: Contract ids are made up for our own gateway, counted from here in alphabetical order. They are not IBKR's.
CONTRACT_ID_FIRST = 900_000_001
#: An adjusted price is a ratio, not a quotation; the exchange's cent would be 3.5 % of Apple in 1995.
ADJUSTED_TICK = Decimal("0.0001")


def instruments() -> tuple[Instrument, ...]:
    """The 20 stocks, by symbol."""
    return listings.instruments(sorted(LISTINGS), tick=ADJUSTED_TICK, first_id=CONTRACT_ID_FIRST)


def stocks(home: Path, calendar: Calendar) -> ParquetHistory:
    """The closes of the 20 stocks, converted into ``home``/data on first use.

    ``calendar`` tells when each session closed; it is asked only for the conversion.
    Raises InputError where the wheel's file is missing or is not the one that we know.
    """
    return _converted(home, calendar, STOCKS, STOCKS_FILE)


def index(home: Path, calendar: Calendar) -> ParquetHistory:
    """The S&P 500 price index, under the symbol SP500, as ``stocks`` is."""
    return _converted(home, calendar, INDEX, INDEX_FILE)


# ---------------------------------------------------------------- conversion


def _converted(home: Path, calendar: Calendar, source: Source, file: WheelFile) -> ParquetHistory:
    folder = home / "data" / source.name
    made_from = {f"{file.package}/{file.path}": file.sha256}
    try:
        if read_manifest(folder).made_from == made_from:
            history = ParquetHistory(folder)
            history.facts("close")
            return history
    except InputError:
        # Not converted yet, or damaged since: the wheel's file is the original, so it is made again.
        pass
    facts = {"close": load(file, source, calendar)}
    write_history(folder, facts, source=source.title, lacks=source.lacks, made_from=made_from, about=source)
    return ParquetHistory(folder)


def load(file: WheelFile, source: Source, calendar: Calendar) -> Facts:
    """The closes of ``file``, each known from the moment that its session closed.

    Raises DataError when the file's days are not the calendar's sessions.
    """
    data = read(file)
    header, *rows = csv.reader(io.StringIO(gzip.decompress(data).decode("ascii")))
    days = [date.fromisoformat(row[0]) for row in rows]
    closes = {session.day: session.close for session in calendar.sessions(source.first, source.last)}
    if days != list(closes):
        odd = sorted(set(days) ^ closes.keys())
        raise DataError(f"{source.title} and the calendar disagree on sessions, first on {odd[0]}")
    values = np.array([[float(cell) for cell in row[1:]] for row in rows])
    panel = Panel(np.array(days, dtype="datetime64[D]"), tuple(header[1:]), values)
    return Facts(panel, closes_known_at([closes[day] for day in days]))


def read(file: WheelFile) -> bytes:
    """The bytes of ``file``, which its package is not imported for.

    Raises InputError where the package or the file is missing, or its SHA-256 is another.
    """
    spec = find_spec(file.package)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise InputError(f"the package {file.package}, whose data is needed, is not installed; run make setup")
    path = Path(folders[0]) / file.path
    if not path.is_file():
        raise InputError(f"{path} is missing; run make setup")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise InputError(
            f"{path} is not the file that is known: its SHA-256 should be {file.sha256} and is {found}; run make setup"
        )
    return data


# ---------------------------------------------------------------- the Treasury bill and the factors


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRate:
    """What a Treasury bill paid in a month.

    monthly  simple return of the month, a fraction
    month    the first day of the month that it was paid in
    held     True when the sample ended before, and its last rate stands in
    """

    monthly: float
    month: date
    held: bool

    @property
    def label(self) -> str:
        """The rate's name for people, which says so where it is held."""
        name = f"Treasury bill of {self.month:%Y-%m}, {self.monthly:.2%} a month"
        return f"{name}, held since because the sample ends there" if self.held else name

    def daily(self, days: int = 21) -> float:
        """The same rate for one of the month's ``days`` trading days, compounding to ``monthly``."""
        return float((1.0 + self.monthly) ** (1.0 / days) - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """Monthly returns, as fractions.

    months  (n_months,) datetime64[M]
    values  (n_months,) float64 by name: RF the one-month Treasury bill, MktRF the market above it, SMB size, HML
            value, Mom momentum; further columns are portfolios of the same library

    The library is published some weeks after a month ends: ``known_at`` of a month is the end of the next.
    """

    months: np.ndarray
    values: Mapping[str, np.ndarray]

    def known(self, at: datetime) -> int:
        """How many months, from the first, were known at ``at``."""
        starts = [month.astype("datetime64[D]").item() for month in self.months + 2]
        return bisect_right([datetime(day.year, day.month, day.day, tzinfo=UTC) for day in starts], at)

    def bill_rate(self, day: date) -> BillRate:
        """The rate of the month of ``day``; after the sample its last rate, marked as held.

        Raises InputError for a day before the sample.
        """
        month = np.datetime64(day, "M")
        if month < self.months[0]:
            raise InputError(f"no bill rate for {day}; the sample begins in {self.months[0]}")
        position = min(int((month - self.months[0]).astype(int)), len(self.months) - 1)
        return BillRate(
            monthly=float(self.values["RF"][position]),
            month=self.months[position].astype("datetime64[D]").item(),
            held=bool(month > self.months[-1]),
        )


def factors() -> Factors:
    """The Treasury bill and the factors. Small enough to be read from the wheel each time."""
    header, *rows = csv.reader(io.StringIO(bz2.decompress(read(FACTORS_FILE)).decode("ascii")))
    months = np.array([row[0][:7] for row in rows], dtype="datetime64[M]")
    if np.any(np.diff(months) != np.timedelta64(1, "M")):
        raise DataError("the factors skip a month")
    table = np.array([[float(cell) for cell in row[1:]] for row in rows])
    return Factors(months=months, values={name: table[:, column] for column, name in enumerate(header[1:])})
