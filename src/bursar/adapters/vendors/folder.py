"""A folder of the user's own prices: one CSV or Parquet file for each symbol, named after it, as in AAPL.csv.

Columns are found by name, whatever their case: ``date`` and ``close`` are needed; ``open``, ``high``, ``low``,
``volume`` and ``adj close`` are taken where they are. Dates are written 2021-03-31 (a time after it is ignored) or
20210331. Other ways are refused, for 03/04/2021 is a different day on either side of the Atlantic; so is a file that
writes them in two ways. A cell that is empty, or says nan or null, is missing.

What is done with rows that cannot be, ``tables`` says.

Beside them may lie ``actions.csv`` with the columns symbol, ex_date, split and dividend: new shares for each old one
and cash for each new share, empty where there is none. Raw prices need it to be traded on. When an action was declared
is not said, so it counts from the midnight that begins its ex-date: in UTC, or on the exchange's clock where that is
earlier.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

from bursar.adapters.adjustments import CorporateAction
from bursar.adapters.history import sha256
from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.tables import AT_HOME, Imported, Listing, Row, assemble
from bursar.errors import InputError
from bursar.ports import Calendar

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
#: The file that holds no prices.
ACTIONS = "actions.csv"
#: Symbols that a folder may hold.
FILES_MAX = 5000

_MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})


def read_folder(
    folder: Path,
    calendar: Calendar,
    prices: PriceKind,
    *,
    survivors: bool = True,
    name: str | None = None,
    listing: Listing = AT_HOME,
) -> Imported:
    """Read every file of ``folder`` and look at what is in it.

    prices     what the closes are; only who made the files knows
    survivors  False when the symbols were chosen as of their time, and not looking back
    name       under which it is kept; by default the folder's own
    listing    where its symbols are listed, and the money of its prices
    Raises InputError for a file that cannot be read as prices, naming the file and the line.
    """
    files = _files(folder)
    actions = folder / ACTIONS
    return assemble(
        {symbol: list(_rows(path)) for symbol, path in files.items()},
        calendar,
        name=name or f"folder_{folder.resolve().name}",
        title=f"the folder {folder}",
        prices=prices,
        origin=f"{len(files)} symbols that somebody put into {folder}",
        survivors=survivors,
        made_from={path.name: sha256(path) for path in (*files.values(), *([actions] if actions.is_file() else []))},
        actions=read_actions(actions) if actions.is_file() else None,
        listing=listing,
    )


def read_actions(path: Path) -> tuple[CorporateAction, ...]:
    """The rows of a list of splits and dividends. Raises InputError for one that does not read, naming the line."""
    header, lines = _csv(path)
    columns = [name.strip().lower() for name in header]
    if missing := [name for name in ("symbol", "ex_date", "split", "dividend") if name not in columns]:
        raise InputError(f"{path} lacks {', '.join(missing)}; its first line names symbol, ex_date, split, dividend")
    found = []
    for line, cells in lines:
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        ex_date = _iso(row.get("ex_date", ""))
        if ex_date is None or not row.get("symbol"):
            raise InputError(f"{path}, line {line}: {cells} has no symbol or no ex_date such as 2021-03-31")
        split, dividend = (_number(path, line, name, row.get(name, "")) for name in ("split", "dividend"))
        found.append(
            CorporateAction(
                symbol=row["symbol"].upper(),
                ex_date=ex_date,
                known_at=datetime.combine(ex_date, time(), UTC),
                split=1.0 if math.isnan(split) else split,
                dividend=0.0 if math.isnan(dividend) else dividend,
            )
        )
    return tuple(found)


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one with a file for each symbol, such as AAPL.csv")
    paths = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".parquet") and path.name != ACTIONS
    )
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
