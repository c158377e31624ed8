"""A file of opening lots, as people have them: one a line, with its symbol, shares, day and cost."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from bursar.errors import InputError
from bursar.trading.adoption import OpeningLot

COLUMNS = ("symbol", "quantity", "acquired", "cost")


def read(path: Path) -> tuple[OpeningLot, ...]:
    """The lots of a CSV file with the columns symbol, quantity, acquired and cost; an empty cost is not known.

    Raises InputError that names the line, for what cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8; save it as CSV") from error
    lines = csv.reader(text.splitlines())
    header = [name.strip().lower() for name in next(lines, [])]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputError(f"{path} has no column {', '.join(missing)}; its first line must name {', '.join(COLUMNS)}")
    return tuple(_lots(path, header, lines))


def _lots(path: Path, header: list[str], lines: Iterator[list[str]]) -> Iterator[OpeningLot]:
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        try:
            yield OpeningLot(
                symbol=row["symbol"].upper(),
                quantity=Decimal(row["quantity"].replace(",", "")),
                acquired=date.fromisoformat(row["acquired"]),
                cost=Decimal(row["cost"].replace(",", "")) if row.get("cost") else None,
            )
        except InputError as error:
            raise InputError(f"line {number} of {path}: {error}") from error
        except (KeyError, ValueError, InvalidOperation) as error:
            raise InputError(
                f"line {number} of {path} does not read ({', '.join(cells)}); write it as AAPL,100,2019-05-06,4812.50"
            ) from error
