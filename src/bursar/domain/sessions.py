"""When an exchange is open: sessions with exact bounds, in UTC, holidays and half days included.

The table of sessions comes from a calendar (``ports.Calendar``); here it is only looked up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bursar.domain.venues import HOME, venue
from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One trading day of one exchange; ``open`` and ``close`` are UTC, ``zone`` is for people.

    half_day  True when the exchange closes early
    """

    day: date
    open: datetime
    close: datetime
    exchange: str = HOME
    zone: str = "America/New_York"
    half_day: bool = False

    def __post_init__(self) -> None:
        for name in ("open", "close"):
            moment: datetime = getattr(self, name)
            if moment.utcoffset() != timedelta(0):
                raise InputError(f"session {self.day}: {name} is {moment}; it must be in UTC")
        if self.close <= self.open:
            raise InputError(f"session {self.day}: closes at {self.close}, before it opens at {self.open}")

    def contains(self, at: datetime) -> bool:
        """True from the opening bell until just before the closing one."""
        return self.open <= at < self.close

    def local(self, at: datetime) -> datetime:
        """``at`` on the exchange's own clock."""
        return at.astimezone(ZoneInfo(self.zone))

    def day_around(self, at: datetime) -> tuple[datetime, datetime]:
        """The midnights before and after ``at`` on the exchange's own clock, UTC; the first belongs to the day."""
        begin = datetime.combine(self.local(at).date(), time.min, ZoneInfo(self.zone))
        return begin.astimezone(UTC), (begin + timedelta(days=1)).astimezone(UTC)


def session_at(sessions: Sequence[Session], at: datetime) -> Session | None:
    """The session of ``sessions`` (oldest first) that is open at ``at``, or None while it is shut."""
    index = bisect_right(sessions, at, key=lambda session: session.open) - 1
    return sessions[index] if index >= 0 and sessions[index].contains(at) else None


@lru_cache(maxsize=64)
def settlement_days(trade_day: date, exchange: str = HOME) -> int:
    """Business days from trade to settlement of the shares of ``exchange`` on ``trade_day``."""
    return next(days for since, days in reversed(venue(exchange).settlement) if trade_day >= since)


def settles_on(trade_day: date, days: Sequence[date], exchange: str = HOME) -> date:
    """The day on which a trade of ``trade_day`` on ``exchange`` settles.

    days  its trading days, oldest first. Past the last of them business days are Mondays to Fridays, which is
          one day early for each holiday in between.
    """
    ahead = settlement_days(trade_day, exchange)
    first = bisect_right(days, trade_day)
    known = days[first : first + ahead]
    if len(known) == ahead:
        return known[-1]
    day = known[-1] if known else max(trade_day, days[-1]) if days else trade_day
    for _ in range(ahead - len(known)):
        day += timedelta(days=7 - day.weekday() if day.weekday() >= 4 else 1)
    return day
