"""Rows of prices by symbol and day, as anyone may bring them: looked at, cleaned, and put on the sessions.

What cannot be is taken out and reported, never mended: a price that is not positive becomes missing; of two rows for
one day that say the same one stays, and of two that differ none; a row on a day without a session is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from bursar.adapters.adjustments import DERIVED, CorporateAction
from bursar.adapters.history import Facts, ParquetHistory, closes_known_at, write_history
from bursar.adapters.vendors import PriceKind, Source
from bursar.adapters.vendors.quality import Finding, Quality, Series, Trouble, inspect
from bursar.domain.money import CURRENCIES
from bursar.domain.sessions import Session
from bursar.domain.venues import HOME, venue
from bursar.errors import InputError
from bursar.ports import Calendar, Panel

FIELDS = ("open", "high", "low", "close", "adjusted_close", "volume")
PRICES = ("open", "high", "low", "close", "adjusted_close")
#: What no such table has, whatever its columns.
LACKS = frozenset({"implied_volatility", "earnings_dates", "fundamentals", "market_cap", "news"})

#: Money that is written down in parts of a currency: its currency, and how many make one of it.
IN_PARTS = {"GBX": ("GBP", 100)}
#: Beside the facts: what was found when they were imported.
QUALITY = "quality.json"

Row = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Where symbols are listed, and in what money their prices are written down.

    exchange  ISO 10383
    money     ISO 4217, or GBX for pence; empty for the exchange's own currency
    """

    exchange: str = HOME
    money: str = ""

    def __post_init__(self) -> None:
        venue(self.exchange)
        if self.currency not in CURRENCIES:
            raise InputError(f"{self.money} is no currency; give an ISO 4217 code such as AUD, or GBX for pence")

    @property
    def currency(self) -> str:
        """The currency in which prices are kept."""
        return IN_PARTS.get(self.money, (self.money or venue(self.exchange).currency, 1))[0]

    @property
    def parts(self) -> int:
        """How many of what is written down make one of the currency."""
        return IN_PARTS.get(self.money, ("", 1))[1]

    def in_currency(self, row: Row) -> Row:
        """``row`` with its prices in the currency."""
        parts = self.parts
        return row if parts == 1 else {name: each / parts if name in PRICES else each for name, each in row.items()}

    def told(self, action: CorporateAction) -> CorporateAction:
        """``action`` with its dividend in the currency, known when its ex-day begins on the exchange's clock.

        Sydney's day begins before that of UTC, and so may its session.
        """
        begins = datetime.combine(action.ex_date, time(), ZoneInfo(venue(self.exchange).zone)).astimezone(UTC)
        return replace(action, dividend=action.dividend / self.parts, known_at=min(action.known_at, begins))


AT_HOME = Listing()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Imported:
    """Prices that were read: what they are, the facts by field, what was found in them, and where they came from.

    made_from  SHA-256 of each file, by its name
    actions    splits and dividends, where the source has them; None where it does not say
    """

    source: Source
    facts: Mapping[str, Facts]
    quality: Quality
    made_from: Mapping[str, str]
    actions: tuple[CorporateAction, ...] | None = None

    def store(self, home: Path) -> ParquetHistory:
        """Keep the facts under ``home``/data, in the place of an earlier import of the same name."""
        folder = home / "data" / self.source.name
        write_history(
            folder,
            self.facts,
            source=self.source.title,
            lacks=self.source.lacks,
            made_from=self.made_from,
            about=self.source,
            actions=self.actions,
        )
        (folder / QUALITY).write_text(self.quality.as_json(), encoding="utf-8")
        return ParquetHistory(folder)


def assemble(
    rows: Mapping[str, Sequence[tuple[date, Row]]],
    calendar: Calendar,
    *,
    name: str,
    title: str,
    prices: PriceKind,
    origin: str,
    survivors: bool,
    made_from: Mapping[str, str],
    actions: Iterable[CorporateAction] | None = None,
    listing: Listing = AT_HOME,
) -> Imported:
    """The facts in ``rows``, each symbol's in any order.

    prices   what the closes are. Where they are raw they are kept as such, and with ``actions`` adjusted when read
    listing  where the symbols are listed, and in what money the prices are written down
    Raises InputError where there are no rows.
    """
    rows = {symbol: [(day, listing.in_currency(row)) for day, row in each] for symbol, each in rows.items()}
    days = [day for each in rows.values() for day, _ in each]
    if not days:
        raise InputError(f"{title} holds no rows")
    sessions = calendar.sessions(min(days), max(days))
    findings: list[Finding] = []
    open_days = {session.day for session in sessions}
    tables = {symbol: _table(symbol, each, open_days, findings) for symbol, each in rows.items()}
    actions = None if actions is None else (listing.told(each) for each in actions)
    done = None if actions is None else tuple(sorted(actions, key=lambda each: (each.ex_date, each.symbol)))
    splits: dict[str, dict[date, float]] = {}
    for action in done or ():
        splits.setdefault(action.symbol, {})[action.ex_date] = action.split
    looked = inspect(
        (_series(symbol, table, splits.get(symbol)) for symbol, table in tables.items()), [s.day for s in sessions]
    )
    found = sorted((*findings, *looked.findings), key=lambda each: (each.symbol, each.first, each.trouble))
    held = [field for field in FIELDS if any(field in row for table in tables.values() for row in table.values())]
    named = {field: f"raw_{field}" if prices is PriceKind.RAW and field in PRICES[:4] else field for field in held}
    made = {each for each, (base, _) in DERIVED.items() if done is not None and base in named.values()}
    fields = frozenset(named.values()) | made
    source = Source(
        name=name,
        title=title,
        # Raw prices whose actions are known are read as total returns.
        prices=PriceKind.TOTAL_RETURN if prices is PriceKind.RAW and done is not None else prices,
        fields=fields,
        lacks=(LACKS | frozenset(FIELDS)) - fields,
        origin=origin,
        survivors=survivors,
        first=min(days),
        last=max(days),
        exchange=listing.exchange,
        currency=listing.currency,
    )
    return Imported(
        source=source,
        facts={kept: _facts(field, tables, sessions) for field, kept in named.items()},
        quality=Quality(symbols=len(rows), rows=len(days), findings=tuple(found)),
        made_from=made_from,
        actions=done,
    )


# ---------------------------------------------------------------- one symbol


def _table(
    symbol: str, rows: Sequence[tuple[date, Row]], sessions: set[date], findings: list[Finding]
) -> dict[date, Row]:
    """Rows by day, oldest first, without what cannot be; that goes into ``findings``."""
    by_day: dict[date, list[Row]] = {}
    for day, row in rows:
        by_day.setdefault(day, []).append(row)
    table: dict[date, Row] = {}

    def report(day: date, trouble: Trouble, measured: float, message: str) -> None:
        findings.append(
            Finding(symbol=symbol, trouble=trouble, first=day, last=day, measured=measured, message=message)
        )

    for day, same in sorted(by_day.items()):
        row = same[0]
        if day not in sessions:
            report(day, Trouble.NO_SESSION, 1.0, f"a row on a {day:%A} without a session; dropped")
            continue
        if len(same) > 1 and all(_equal(row, other) for other in same):
            report(day, Trouble.DUPLICATE, len(same), f"{len(same)} equal rows; one is kept")
        elif len(same) > 1:
            closes = ", ".join(f"{other['close']:g}" for other in same)
            report(day, Trouble.DUPLICATE, len(same), f"{len(same)} rows that differ (closes {closes}); none is kept")
            continue
        wrong = [field for field in PRICES if row.get(field, math.nan) <= 0.0]
        for field in wrong:
            report(day, Trouble.NOT_POSITIVE, row[field], f"{field} is {row[field]:g}; taken for missing")
        table[day] = row | dict.fromkeys(wrong, math.nan)
    return table


def _equal(one: Row, other: Row) -> bool:
    return all(
        one[field] == other[field] or (one[field] != one[field] and other[field] != other[field]) for field in one
    )


def _series(symbol: str, table: Mapping[date, Row], splits: Mapping[date, float] | None) -> Series:
    """What is looked at: the days that have a close."""
    days = [day for day, row in table.items() if not math.isnan(row["close"])]

    def column(field: str) -> np.ndarray:
        return np.array([table[day].get(field, math.nan) for day in days])

    def whole(field: str) -> np.ndarray | None:
        values = column(field)
        return None if np.isnan(values).any() else values

    return Series(
        symbol=symbol,
        days=np.array(days, dtype="datetime64[D]"),
        close=column("close"),
        open=whole("open"),
        high=whole("high"),
        low=whole("low"),
        volume=whole("volume"),
        splits=splits,
    )


def _facts(field: str, tables: Mapping[str, Mapping[date, Row]], sessions: Sequence[Session]) -> Facts:
    values = np.array(
        [[table.get(session.day, {}).get(field, math.nan) for table in tables.values()] for session in sessions]
    ).reshape(len(sessions), len(tables))
    days = np.array([session.day for session in sessions], dtype="datetime64[D]")
    # The opening print is known earlier, but a file of days is published after the bell.
    return Facts(Panel(days, tuple(tables), values), closes_known_at([session.close for session in sessions]))
