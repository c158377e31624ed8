"""Vendors as tests meet them: a web that answers what it was told to, and a provider made of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import httpx

from bursar.adapters.calendars import FixedCalendar
from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.providers import Delivery, Offer
from bursar.adapters.vendors.tables import Row
from bursar.adapters.vendors.web import Pace, Web
from bursar.domain.sessions import Session
from bursar.errors import DataError
from bursar.ports import Fact, Headline

Answer = Callable[[httpx.Request], httpx.Response]


class Sleeper:
    """A clock that is moved by waiting for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


def web(answer: Answer, *, sleeper: Sleeper | None = None, vendor: str = "a vendor", **more: object) -> Web:
    """Return a door behind which ``answer`` answers: nothing leaves this machine."""
    sleeper = sleeper or Sleeper()
    pace = Pace(60, 60.0, monotonic=sleeper.monotonic, sleep=sleeper)
    client = httpx.Client(transport=httpx.MockTransport(answer))
    return Web(vendor, client, pace=pace, sleep=sleeper, **more)  # type: ignore[arg-type]  # options as they come


def weekdays(first: date = date(2021, 12, 1), last: date = date(2022, 3, 31)) -> FixedCalendar:
    """Return a calendar on which every weekday is a session from 14:30 to 21:00 UTC."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    sessions = [
        Session(day=day, open=opens, close=opens + timedelta(hours=6.5))
        for day in days
        if day.weekday() < 5
        for opens in [datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)]
    ]
    return FixedCalendar(sessions, first, last)


CALENDAR = weekdays()
FIRST, LAST = date(2022, 1, 3), date(2022, 1, 28)
DAYS = [session.day for session in CALENDAR.sessions(FIRST, LAST)]


def closes(start: float = 100.0, step: float = 0.1) -> list[tuple[date, Row]]:
    """Return rows of closes that rise by ``step`` a day."""
    return [(day, {"close": round(start + step * number, 4)}) for number, day in enumerate(DAYS)]


@dataclass
class Told:
    """A provider that says what it was given, or fails as it was told."""

    name: str
    rows: Mapping[str, Sequence[tuple[date, Row]]] = field(default_factory=dict)
    fails: Exception | None = None
    facts: tuple[Fact, ...] = ()
    news: tuple[Headline, ...] = ()
    asked: int = 0

    @property
    def offer(self) -> Offer:
        return Offer(name=self.name, title=f"the vendor {self.name}", has=frozenset({"prices"}), lacks=frozenset())

    def prices(self, symbols: Sequence[str], first: date, last: date) -> Delivery:
        self.asked += 1
        if self.fails:
            raise self.fails
        return Delivery(prices=PriceKind.PRICE, rows=self.rows)

    def statements(self, symbols: Sequence[str]) -> tuple[Fact, ...]:
        if self.fails:
            raise self.fails
        return self.facts

    def headlines(self, symbols: Sequence[str], first: date, last: date) -> tuple[Headline, ...]:
        if not self.news:
            raise DataError(f"{self.name} has no news")
        return self.news
