"""What portfolios are worth, each second: recent days in the database, older ones in a Parquet file a day.

    written   a few rows a second, into the table ``snapshots``
    archived  days that are over, each into ``snapshots/2022-01-03.parquet``, and out of the table
    purged    files older than the policy keeps

A day goes into its file whole and by renaming, and leaves the table only afterwards; what is found in both (after a
crash between the two) is read once and leaves the table at the next turn. ``read`` joins both into one series.

Amounts are whole hundredths of the base currency. In a file the rows of a portfolio lie together in order of time,
and each number is kept as its difference to the one before: a second later little has changed, and small numbers
compress to a few bits.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import Engine, String, cast, delete, func, select

from bursar.adapters.store.database import explained, for_writing, upsert
from bursar.adapters.store.sealing import Cipher, opened, sealed
from bursar.adapters.store.tables import SnapshotRow
from bursar.errors import InputError

#: Kept as differences in the files.
NUMBERS = ("at", "equity", "cash", "exposure", "day_profit")
SCHEMA = {"portfolio": pl.Utf8} | dict.fromkeys(NUMBERS, pl.Int64)
_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a portfolio was worth at one second; amounts in its base currency, kept to the hundredth.

    exposure    the absolute value of all positions
    day_profit  since the last official close
    """

    portfolio: str
    at: datetime
    equity: Decimal
    cash: Decimal
    exposure: Decimal
    day_profit: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long snapshots are kept: full days in the database, then full days in files."""

    days_in_database: int = 2
    days_kept: int = 30

    def __post_init__(self) -> None:
        if not 1 <= self.days_in_database <= self.days_kept:
            raise InputError(
                f"snapshots stay {self.days_in_database} days in the database and {self.days_kept} in all; "
                "give at least 1, and not more in the database than in all"
            )


class Snapshots:
    """The snapshots of all portfolios, in a database and in a folder."""

    def __init__(
        self, engine: Engine, folder: Path, retention: Retention | None = None, cipher: Cipher | None = None
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._retention = retention or Retention()
        self._cipher = cipher

    def record(self, snapshots: Iterable[Snapshot]) -> None:
        """Keep the snapshots of one second, or of several; one portfolio has one snapshot a second."""
        rows = [
            {
                "portfolio": each.portfolio,
                "at": int(each.at.timestamp()),
                "equity": hundredths(each.equity),
                "cash": hundredths(each.cash),
                "exposure": hundredths(each.exposure),
                "day_profit": hundredths(each.day_profit),
            }
            for each in snapshots
        ]
        self.insert(rows)

    def insert(self, rows: Sequence[dict[str, object]]) -> None:
        """Keep rows as the table has them: seconds since 1970 and hundredths.

        Of two that look at the same second the first one counts: services that share a database follow one journal.
        """
        if not rows:
            return
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            connection.execute(upsert(self._engine)(SnapshotRow).on_conflict_do_nothing(), list(rows))

    def read(self, portfolio: str, first: datetime, last: datetime) -> pl.DataFrame:
        """The snapshots of a portfolio from ``first`` to ``last``, both included, oldest first, wherever they are.

        Columns as in SCHEMA; ``at`` in seconds since 1970 UTC.
        """
        low, high = int(first.timestamp()), int(last.timestamp())
        wanted = pl.col("at").is_between(low, high)
        days = [day for day in self.archived() if low // _DAY <= _number(day) <= high // _DAY]
        recent = self._read_table(portfolio, low, high).select(NUMBERS)
        in_table = set((recent["at"] // _DAY).unique())
        parts = []
        for day in days:
            part = self._read_own(day, portfolio)
            begins = _number(day) * _DAY
            if begins < low or high < begins + _DAY - 1:
                part = part.filter(wanted)
            parts.append(part)
            if _number(day) in in_table:
                recent = recent.join(part, on="at", how="anti")
        whole = pl.concat([*parts, recent])
        whole = whole if whole["at"].is_sorted() else whole.sort("at")
        return whole.select(pl.lit(portfolio).alias("portfolio"), *NUMBERS)

    def archived(self) -> list[date]:
        """The days that are in files, oldest first."""
        return sorted(date.fromisoformat(path.stem) for path in self._folder.glob("*.parquet"))

    def archive(self, today: date) -> list[date]:
        """Move every day that is over and no longer recent into its file, and return those days."""
        until = _number(today) - self._retention.days_in_database + 1
        with explained(self._engine), self._engine.connect() as connection:
            oldest = connection.execute(select(func.min(SnapshotRow.at))).scalar()
        moved = []
        for number in range(oldest // _DAY if oldest is not None else until, until):
            day = date(1970, 1, 1) + timedelta(days=number)
            rows = self._read_table(None, number * _DAY, (number + 1) * _DAY - 1)
            if rows.is_empty():
                continue
            if day in self.archived():
                rows = pl.concat([self._read_file(day), rows]).unique(["portfolio", "at"], keep="first")
            self.write_file(day, rows)
            moved.append(day)
            with explained(self._engine), for_writing(self._engine).begin() as connection:
                within = SnapshotRow.at.between(number * _DAY, (number + 1) * _DAY - 1)
                connection.execute(delete(SnapshotRow).where(within))
        return moved

    def purge(self, today: date) -> list[date]:
        """Delete the files of days that the policy does not keep any more, and return those days."""
        gone = [day for day in self.archived() if (today - day).days > self._retention.days_kept]
        for day in gone:
            self._path(day).unlink()
        return gone

    def write_file(self, day: date, rows: pl.DataFrame) -> None:
        """Put one day's rows into their file, whole or not at all."""
        ordered = rows.sort("portfolio", "at")
        first = pl.col("portfolio") != pl.col("portfolio").shift(1)
        steps = [pl.when(first.fill_null(True)).then(pl.col(n)).otherwise(pl.col(n).diff()).alias(n) for n in NUMBERS]
        buffer = io.BytesIO()
        ordered.with_columns(steps).write_parquet(
            buffer, compression="zstd", compression_level=9, row_group_size=_DAY, statistics=True
        )
        path = self._path(day)
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(path.name + ".part")
        with written.open("wb") as file:
            file.write(sealed(self._cipher, buffer.getvalue(), path.name))
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)

    def _read_file(self, day: date) -> pl.DataFrame:
        """Everybody's rows of a day."""
        rows = pl.read_parquet(self._content(day))
        return rows.with_columns(pl.col(name).cum_sum().over("portfolio") for name in NUMBERS)

    def _read_own(self, day: date, portfolio: str) -> pl.DataFrame:
        """The numbers of one portfolio's day."""
        # A group of rows holds the day of about one portfolio, and says which: the others are not unpacked.
        mine = pl.scan_parquet(self._content(day)).filter(pl.col("portfolio") == portfolio).select(NUMBERS).collect()
        # numpy adds up in half of the time that polars takes.
        return pl.DataFrame({name: np.cumsum(mine[name].to_numpy()) for name in NUMBERS})

    def _content(self, day: date) -> io.BytesIO:
        path = self._path(day)
        return io.BytesIO(opened(self._cipher, path.read_bytes(), path.name))

    def _read_table(self, portfolio: str | None, low: int, high: int) -> pl.DataFrame:
        """Each column comes as one text: half of the time that as many rows of numbers take."""
        texts = [func.aggregate_strings(cast(getattr(SnapshotRow, name), String), " ") for name in NUMBERS]
        statement = select(SnapshotRow.portfolio, *texts).where(SnapshotRow.at.between(low, high))
        if portfolio is not None:
            statement = statement.where(SnapshotRow.portfolio == portfolio)
        with explained(self._engine), self._engine.connect() as connection:
            found = connection.execute(statement.group_by(SnapshotRow.portfolio)).all()
        parts = [
            pl.DataFrame(
                {name: np.fromstring(text, np.int64, sep=" ") for name, text in zip(NUMBERS, columns, strict=True)}
            ).select(pl.lit(owner).alias("portfolio"), *NUMBERS)
            for owner, *columns in found
        ]
        return pl.concat([pl.DataFrame(schema=SCHEMA), *parts]).sort("portfolio", "at")

    def _path(self, day: date) -> Path:
        return self._folder / f"{day}.parquet"


def hundredths(amount: Decimal) -> int:
    """An amount in whole hundredths, to the nearest, halves away from zero."""
    return int((amount * 100).to_integral_value(rounding="ROUND_HALF_UP"))


def _number(day: date) -> int:
    """Days since 1970."""
    return (day - date(1970, 1, 1)).days


def moment(seconds: int) -> datetime:
    """A second since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
