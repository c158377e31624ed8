"""A company's statements as they stand at one instant: fiscal years in order, and the latest balance.

Facts of ``ports.Fundamentals`` may hold several versions of one number; the last one that was filed counts,
and the facts were already cut at the instant of knowledge. What was never reported is NaN and makes NaN of
whatever is calculated from it; nothing is filled in, with one exception that is stated where it is used:
a company that reports no debt is taken to have none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from operator import attrgetter, itemgetter

import numpy as np

from bursar.domain.statements import NAMES
from bursar.errors import DataError
from bursar.ports import Fact, Fundamentals, History
from bursar.trading.view import MarketView

#: A year that ended longer ago than this is history: the next annual report should have come long since.
STALE_DAYS = 540
#: The kinds of debt that a balance may show.
DEBTS = ("long_term_debt", "current_debt", "short_term_debt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """One fiscal year: its flows, and the balance on its last day."""

    end: date
    facts: dict[str, Fact]

    def __getitem__(self, name: str) -> float:
        """The number, or NaN where it was not reported."""
        fact = self.facts.get(name)
        return math.nan if fact is None else fact.value

    @property
    def debt(self) -> float:
        """All debt that the balance shows; 0 where it shows none, NaN where there is no balance at all."""
        if math.isnan(self["assets"]):
            return math.nan
        return math.fsum(self[name] for name in DEBTS if name in self.facts)

    @property
    def liabilities(self) -> float:
        """As reported, or what equity leaves of the assets."""
        reported = self["liabilities"]
        return self["assets"] - self["equity"] if math.isnan(reported) else reported

    @property
    def free_cash_flow(self) -> float:
        """Operating cash flow less capital expenditure."""
        return self["operating_cash_flow"] - self["capital_expenditure"]

    @property
    def source(self) -> str:
        """The newest filing that the year is read from."""
        return max(self.facts.values(), key=lambda fact: fact.known_at).source


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What a company has reported. years: oldest first; those without a net income are not whole."""

    symbol: str
    years: tuple[Year, ...]
    shares: Fact | None

    @classmethod
    def of(cls, symbol: str, facts: Iterable[Fact]) -> Statements:
        """From facts in any order, all of them known. Raises DataError where two currencies meet."""
        latest: dict[date, dict[str, Fact]] = {}
        for fact in sorted(facts, key=attrgetter("known_at")):
            latest.setdefault(fact.at, {})[fact.name] = fact
        units = sorted({fact.unit for found in latest.values() for name, fact in found.items() if name != "shares"})
        if len(units) > 1:
            raise DataError(f"the statements of {symbol} mix {' and '.join(units)}; nothing is calculated from them")
        shares = [found["shares"] for found in latest.values() if "shares" in found]
        years = tuple(
            Year(end=end, facts={name: found[name] for name in NAMES if name in found})
            for end, found in sorted(latest.items(), key=itemgetter(0))
            if "net_income" in found
        )
        return cls(symbol=symbol, years=years, shares=max(shares, key=attrgetter("at"), default=None))

    def last(self, count: int) -> tuple[Year, ...]:
        """The last ``count`` years, without a hole. Raises DataError where there are fewer."""
        years = self.years[-count:]
        apart = [(later.end - earlier.end).days for earlier, later in pairwise(years)]
        if len(years) < count or any(days > 380 for days in apart):
            held = f"{len(years)} with a hole" if len(years) == count else str(len(years))
            raise DataError(f"needs {count} fiscal years in a row and has {held}")
        return years


class Filings:
    """Statements read once for each company and instant, though several ask; satisfies ``ports.Fundamentals``.

    Where nothing was filed since the instant before, they are what they were.
    """

    def __init__(self, fundamentals: Fundamentals) -> None:
        self._fundamentals = fundamentals
        self._at: datetime | None = None
        self._read: dict[str, Statements] = {}
        self._filed: dict[str, tuple[tuple[Fact, ...], Statements]] = {}

    def asof(self, symbol: str, names: Sequence[str], known_at: datetime) -> tuple[Fact, ...]:
        return self._fundamentals.asof(symbol, names, known_at)

    def read(self, symbol: str, known_at: datetime) -> Statements:
        """All that is known of ``symbol`` at ``known_at``."""
        if known_at != self._at:
            self._at, self._read = known_at, {}
        if symbol not in self._read:
            self._read[symbol] = self._as_filed(symbol, self._fundamentals.asof(symbol, NAMES, known_at))
        return self._read[symbol]

    def _as_filed(self, symbol: str, facts: tuple[Fact, ...]) -> Statements:
        before = self._filed.get(symbol)
        if before is None or before[0] != facts:
            before = self._filed[symbol] = facts, Statements.of(symbol, facts)
        return before[1]


def read_statements(fundamentals: Fundamentals, symbol: str, known_at: datetime) -> Statements:
    """The statements known at ``known_at``. Raises DataError where there are none, or only stale ones."""
    filings = fundamentals if isinstance(fundamentals, Filings) else Filings(fundamentals)
    found = filings.read(symbol, known_at)
    if not found.years:
        raise DataError("no annual statement of it is known")
    end = found.years[-1].end
    if (known_at.date() - end).days > STALE_DAYS:
        raise DataError(f"its last known fiscal year ended {end}, more than {STALE_DAYS} days ago")
    return found


def growth(first: float, last: float, years: int) -> float:
    """Growth a year, as a fraction; NaN unless both ends are above zero, where a rate means something."""
    return (last / first) ** (1.0 / years) - 1.0 if first > 0.0 and last > 0.0 else math.nan


def ratio(part: float, whole: float) -> float:
    """A share of something positive; NaN otherwise."""
    return part / whole if whole > 0.0 else math.nan


# ---------------------------------------------------------------- what the market pays


def market_value(found: Statements, raw: History | None, market: MarketView) -> float:
    """What the market pays for all shares now.

    Shares are counted as of a filing, and adjusted closes are no prices that anybody paid; both are brought
    together on the day of that filing, and from there the adjusted close leads on:

        shares * raw close when they were filed * (adjusted close now / adjusted close then)

    so that a split since then changes nothing. Dividends since then are counted in, which overstates by one
    quarter's yield as a rule. Raises DataError, with what is missing, where it cannot be said.
    """
    if found.shares is None:
        raise DataError("the number of its shares is not known")
    if raw is None or "raw_close" in raw.lacks():
        raise DataError("no raw close is known, and an adjusted one is not what a share cost")
    paid = raw.asof([found.symbol], "raw_close", found.shares.known_at, 1)
    if not len(paid.dates) or not math.isfinite(paid.values[0, 0]):
        raise DataError(f"no raw close is known of {found.shares.known_at:%Y-%m-%d}, when its shares were counted")
    closes = market.closes
    if found.symbol not in closes.symbols:
        raise DataError("the data has no closes of it")
    column = closes.column(found.symbol)
    place = int(np.searchsorted(closes.dates, paid.dates[0]))
    held = place < len(closes.dates) and closes.dates[place] == paid.dates[0]
    if not held or not math.isfinite(column[place]) or not math.isfinite(column[-1]):
        raise DataError(f"no adjusted close of {paid.dates[0]} or of the last day")
    value = found.shares.value * float(paid.values[0, 0]) * float(column[-1] / column[place])
    if not 0.0 < value < math.inf:
        raise DataError(f"its shares would cost {value:g} together, which is no price")
    return value
