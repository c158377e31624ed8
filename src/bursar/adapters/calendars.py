"""Calendars: when an exchange is open, holidays and half days included.

``ExchangeCalendar`` asks the library exchange_calendars, between bounds that are always given: left to
itself the library reaches from twenty years ago to a year from now, and a backtest of 1990 would fail
while the same one of 2006 stops working some day.

The library costs more than a second (it brings pandas), so it is imported on first use, and the sessions
may be kept in a file, which names the library's version: another version writes another file.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.ports import Calendar


class FixedCalendar:
    """A calendar that was written down: the double, and the base of what is looked up after it is loaded.

    sessions     oldest first, one a day
    first, last  the days that it can speak of; by default those of the first and the last session
    """

    def __init__(self, sessions: Sequence[Session], first: date | None = None, last: date | None = None) -> None:
        days = [session.day for session in sessions]
        if days != sorted(set(days)):
            raise InputError("the sessions of a calendar must be in order, one a day")
        if not days and (first is None or last is None):
            raise InputError("a calendar without sessions needs its first and last day")
        self.first = first or days[0]
        self.last = last or days[-1]
        if self.last < self.first or (days and not self.first <= days[0] <= days[-1] <= self.last):
            raise InputError(f"sessions from {days[:1]} to {days[-1:]} do not lie from {self.first} to {self.last}")
        self._sessions = tuple(sessions)
        self._days = days

    def sessions(self, first: date, last: date) -> tuple[Session, ...]:
        _within(self.first, self.last, first, last)
        return self._sessions[bisect_left(self._days, first) : bisect_right(self._days, last)]


class ExchangeCalendar:
    """The sessions of one exchange from ``first`` to ``last``, both included.

    exchange  its ISO 10383 code: XNYS for New York
    keep      folder in which the table of sessions is kept between runs; None keeps nothing
    """

    def __init__(self, exchange: str, first: date, last: date, keep: Path | None = None) -> None:
        if last < first:
            raise InputError(f"a calendar from {first} to {last} holds no day; give the earlier day first")
        self.exchange = exchange
        self.first = first
        self.last = last
        self._keep = keep
        self._table: FixedCalendar | None = None

    def sessions(self, first: date, last: date) -> tuple[Session, ...]:
        _within(self.first, self.last, first, last)
        if self._table is None:
            self._table = FixedCalendar(self._load(), self.first, self.last)
        return self._table.sessions(first, last)

    def _load(self) -> tuple[Session, ...]:
        if self._keep is None:
            return _ask_library(self.exchange, self.first, self.last)
        name = f"{self.exchange}_{self.first}_{self.last}_{version('exchange_calendars')}.csv"
        path = self._keep / name
        kept = _read(path)
        if kept is None:
            kept = _ask_library(self.exchange, self.first, self.last)
            _write(path, kept)
        return kept


def session_of(calendar: Calendar, day: date) -> Session:
    """The session of ``day``. Raises InputError on a day without one, and outside the calendar's bounds."""
    found = calendar.sessions(day, day)
    if not found:
        raise InputError(f"{day:%Y-%m-%d} ({day:%A}) has no session: the exchange is shut; give a trading day")
    return found[0]


def _within(least: date, most: date, first: date, last: date) -> None:
    if last < first:
        raise InputError(f"from {first} to {last} is no range; give the earlier day first")
    for day in (first, last):
        if not least <= day <= most:
            raise InputError(f"{day} is outside the calendar; give a day from {least} to {most}")


# ---------------------------------------------------------------- the library


def _ask_library(exchange: str, first: date, last: date) -> tuple[Session, ...]:
    # Late, because it takes more than a second.
    import exchange_calendars  # type: ignore[import-untyped]  # ships no types

    try:
        # The library wants two different days, so it is asked for one day more.
        with warnings.catch_warnings():
            # The library still uses what pandas 3 deprecates; that is for its authors to read.
            warnings.simplefilter("ignore", DeprecationWarning)
            calendar: Any = exchange_calendars.get_calendar(
                exchange, start=str(first), end=str(last + timedelta(days=1))
            )
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise InputError(
            f"no exchange {exchange!r} is known; give an ISO 10383 code such as XNYS, XLON or XASX"
        ) from error
    except exchange_calendars.errors.NoSessionsError:
        return ()
    except ValueError as error:
        raise InputError(f"{exchange} has no calendar from {first} to {last}: {error}") from error
    early = {stamp.date() for stamp in calendar.early_closes}
    return tuple(
        Session(
            day=day.date(),
            open=opens.to_pydatetime().astimezone(UTC),
            close=closes.to_pydatetime().astimezone(UTC),
            exchange=exchange,
            zone=str(calendar.tz),
            half_day=day.date() in early,
        )
        for day, opens, closes in zip(calendar.sessions, calendar.opens, calendar.closes, strict=True)
        if day.date() <= last
    )


# ---------------------------------------------------------------- the kept table


def _write(path: Path, sessions: Sequence[Session]) -> None:
    lines = [
        ",".join(
            (
                str(session.day),
                session.open.isoformat(),
                session.close.isoformat(),
                session.exchange,
                session.zone,
                "half" if session.half_day else "full",
            )
        )
        for session in sessions
    ]
    body = "\n".join(lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written whole or not at all: another process may be reading.
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(f"{_digest(body)}\n{body}", encoding="utf-8")
    draft.replace(path)


def _read(path: Path) -> tuple[Session, ...] | None:
    """The kept sessions, or None where there are none or the file is damaged: it is then made again."""
    if not path.is_file():
        return None
    digest, _, body = path.read_bytes().decode("utf-8", errors="replace").partition("\n")
    if digest != _digest(body):
        return None
    return tuple(_session(line) for line in body.splitlines())


def _session(line: str) -> Session:
    day, opens, closes, exchange, zone, length = line.split(",")
    return Session(
        day=date.fromisoformat(day),
        open=datetime.fromisoformat(opens),
        close=datetime.fromisoformat(closes),
        exchange=exchange,
        zone=zone,
        half_day=length == "half",
    )


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
