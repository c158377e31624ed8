"""A folder of the user's own prices: one CSV or Parquet file for each symbol, named after it, as in AAPL.csv.

Columns are found by name, whatever their case: ``date`` and ``close`` are needed; ``open``, ``high``, ``low``,
``volume`` and ``adj close`` are taken where they are. Dates are written 2021-03-31 (a time after it is ignored) or
20210331. Other ways are refused, for 03/04/2021 is a different day on either side of the Atlantic; so is a file that
writes them in two ways. A cell that is empty, or says nan or null, is missing.

What cannot be is taken out and reported, never mended: a price that is not positive becomes missing; of two rows for
one day that say the same one stays, and of two that differ none; a row on a day without a session is dropped.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np

from bursar.adapters.history import Facts, ParquetHistory, closes_known_at, sha256, write_history
from bursar.adapters.vendors import PriceKind, Source
from bursar.adapters.vendors.quality import Finding, Quality, Series, Trouble, inspect
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.ports import Calendar, Panel

#: Names of columns, as they are met, and the field that they are.
COLUMNS = {
    "date": "date",
    "day": "date",
    "timestamp": "date",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "adj_close": "adjusted_close",
    "adjclose": "adjusted_close",
    "adjusted_close": "adjusted_close",
    "volume": "volume",
}
FIELDS = ("open", "high", "low", "close", "adjusted_close", "volume")
PRICES = ("open", "high", "low", "close", "adjusted_close")
#: What no such folder has, whatever its columns.
LACKS = frozenset({"implied_volatility", "earnings_dates", "fundamentals", "market_cap", "news"})
#: Symbols that a folder may hold.
FILES_MAX = 5000

_MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
Row = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Imported:
    """A folder that was read: what it is, its facts by field, what was found in it, and the files' SHA-256."""

    source: Source
    facts: Mapping[str, Facts]
    quality: Quality
    made_from: Mapping[str, str]

    def store(self, home: Path) -> ParquetHistory:
        """Keep the facts under ``home``/data, in the place of an earlier import of the same name."""
        folder = home / "data" / self.source.name
        write_history(folder, self.facts, source=self.source.title, lacks=self.source.lacks, made_from=self.made_from)
        return ParquetHistory(folder)


def read_folder(folder: Path, calendar: Calendar, prices: PriceKind, *, survivors: bool = True) -> Imported:
    """Read every file of ``folder`` and look at what is in it.

    prices     what the closes are; only who made the files knows
    survivors  False when the symbols were chosen as of their time, and not looking back
    Raises InputError for a file that cannot be read as prices, naming the file and the line.
    """
    files = _files(folder)
    rows = {symbol: list(_rows(path)) for symbol, path in files.items()}
    days = [day for each in rows.values() for day, _ in each]
    sessions = calendar.sessions(min(days), max(days))
    findings: list[Finding] = []
    tables = {
        symbol: _table(symbol, each, {session.day for session in sessions}, findings) for symbol, each in rows.items()
    }
    looked = inspect((_series(symbol, table) for symbol, table in tables.items()), [s.day for s in sessions])
    found = sorted((*findings, *looked.findings), key=lambda each: (each.symbol, each.first, each.trouble))
    fields = [field for field in FIELDS if any(field in row for table in tables.values() for row in table.values())]
    source = Source(
        name=f"folder_{folder.resolve().name}",
        title=f"the folder {folder}",
        prices=prices,
        fields=frozenset(fields),
        lacks=LACKS | (frozenset(FIELDS) - frozenset(fields)),
        origin=f"{len(files)} symbols that somebody put into {folder}",
        survivors=survivors,
        first=min(days),
        last=max(days),
    )
    return Imported(
        source=source,
        facts={field: _facts(field, tables, sessions) for field in fields},
        quality=Quality(symbols=len(files), rows=len(days), findings=tuple(found)),
        made_from={path.name: sha256(path) for path in files.values()},
    )


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one with a file for each symbol, such as AAPL.csv")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".parquet"))
    if not paths:
        raise InputError(f"{folder} holds no .csv and no .parquet file; name one after each symbol, such as AAPL.csv")
    if len(paths) > FILES_MAX:
        raise InputError(f"{folder} holds {len(paths)} files; at most {FILES_MAX} are read")
    files: dict[str, Path] = {}
    for path in paths:
        symbol = path.stem.upper()
        if symbol in files:
            raise InputError(f"{files[symbol].name} and {path.name} in {folder} are both {symbol}; keep one of them")
        files[symbol] = path
    return dict(sorted(files.items()))


# ---------------------------------------------------------------- one file


def _rows(path: Path) -> Iterator[tuple[date, Row]]:
    """The day and the numbers of each row, in the file's order. Raises InputError at the first that does not read."""
    header, lines = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    columns = [COLUMNS.get(name.strip().lower().replace(" ", "_")) for name in header]
    for needed in ("date", "close"):
        if columns.count(needed) != 1:
            raise InputError(f"{path} has {columns.count(needed)} columns named {needed}; one is needed")
    read_day: Callable[[str], date | None] | None = None
    for line, cells in lines:
        if len(cells) != len(columns):
            raise InputError(f"{path}, line {line}: {len(cells)} cells under {len(columns)} columns")
        named = {column: cell.strip() for column, cell in zip(columns, cells, strict=True) if column}
        text = named.pop("date")
        read_day = read_day or next((each for each in (_iso, _compact) if each(text)), _iso)
        day = read_day(text)
        if day is None:
            raise InputError(f"{path}, line {line}: {text!r} is no date here; write every date as 2021-03-31")
        yield day, {field: _number(path, line, field, cell) for field, cell in named.items()}
    if read_day is None:
        raise InputError(f"{path} holds no rows")


def _csv(path: Path) -> tuple[Sequence[str], Iterator[tuple[int, Sequence[str]]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8: {error.reason} at byte {error.start}") from error
    reader = csv.reader(text.splitlines())
    header = next(reader, [])
    return header, ((reader.line_num, cells) for cells in reader if cells)


def _parquet(path: Path) -> tuple[Sequence[str], Iterator[tuple[int, Sequence[str]]]]:
    import polars as pl  # half a second, and only for such files

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is not a Parquet file: {error}") from error
    return frame.columns, (
        (line, ["" if cell is None else str(cell) for cell in cells]) for line, cells in enumerate(frame.iter_rows(), 1)
    )


def _iso(text: str) -> date | None:
    """2021-03-31, with or without a time after it."""
    try:
        return date.fromisoformat(text[:10]) if text[4:5] == "-" and text[10:11] in ("", "T", " ") else None
    except ValueError:
        return None


def _compact(text: str) -> date | None:
    """20210331."""
    try:
        return datetime.strptime(text, "%Y%m%d").date() if len(text) == 8 else None  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return None


def _number(path: Path, line: int, field: str, cell: str) -> float:
    if cell.lower() in _MISSING:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        raise InputError(f"{path}, line {line}: {field} is {cell!r}; a number is needed") from None
    if math.isinf(value):
        raise InputError(f"{path}, line {line}: {field} is {cell!r}; a finite number is needed")
    return value


# ---------------------------------------------------------------- one symbol


def _table(symbol: str, rows: list[tuple[date, Row]], sessions: set[date], findings: list[Finding]) -> dict[date, Row]:
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


def _series(symbol: str, table: Mapping[date, Row]) -> Series:
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
    )


def _facts(field: str, tables: Mapping[str, Mapping[date, Row]], sessions: Sequence[Session]) -> Facts:
    values = np.array(
        [[table.get(session.day, {}).get(field, math.nan) for table in tables.values()] for session in sessions]
    ).reshape(len(sessions), len(tables))
    days = np.array([session.day for session in sessions], dtype="datetime64[D]")
    # The opening print is known earlier, but a file of days is published after the bell.
    return Facts(Panel(days, tuple(tables), values), closes_known_at([session.close for session in sessions]))
