"""What is due, and when: the tasks of a trading day.

The agenda knows nothing of waiting. Whoever owns the clock asks what became due between two instants;
each task of a session is due once, except monitoring, which is due at every instant while it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bursar.domain.sessions import Session
from bursar.errors import InputError

#: How long before the closing bell a decision at the close is made, and its orders sent.
BEFORE_THE_CLOSE = timedelta(minutes=1)


class Rhythm(StrEnum):
    """How often a decision is made: on the first session of each period."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    ANNUALLY = "annually"

    def begins(self, day: date, before: date | None) -> bool:
        """True where ``day`` is in another period than ``before``, the session before it."""
        return before is None or self.period(day) != self.period(before)

    def period(self, day: date) -> tuple[int, int]:
        """What names the period of ``day``: its year, and its number in it. Weeks are those of ISO 8601."""
        match self:
            case Rhythm.DAILY:
                return day.year, day.timetuple().tm_yday
            case Rhythm.WEEKLY:
                return day.isocalendar()[:2]
            case Rhythm.MONTHLY:
                return day.year, day.month
            case Rhythm.QUARTERLY:
                return day.year, (day.month - 1) // 3
            case Rhythm.ANNUALLY:
                return day.year, 0


class Task(StrEnum):
    """The work of a day, in its order."""

    ANALYZE = "analyze"
    OPEN = "open"
    DECIDE = "decide"
    TRADE = "trade"
    MONITOR = "monitor"
    CLOSE = "close"
    REVIEW = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """Times of the tasks.

    analyze_at, decide_at  on the clock of ``zone``, or of the exchange where that is empty
    trade_after_open       how long opening orders wait after the bell, while the first quotes settle
    review_after_close     how long the look back waits after the closing bell
    rhythm                 how often is decided and traded; the other tasks are of every session
    at_the_close           decide and trade in the last minute before the closing bell instead of ``decide_at``
    """

    analyze_at: time = time(9, 0)
    decide_at: time = time(9, 30)
    trade_after_open: timedelta = timedelta(minutes=5)
    review_after_close: timedelta = timedelta(minutes=30)
    zone: str = ""
    rhythm: Rhythm = Rhythm.DAILY
    at_the_close: bool = False

    def __post_init__(self) -> None:
        if self.decide_at < self.analyze_at:
            raise InputError(f"decisions at {self.decide_at} would come before the analysis at {self.analyze_at}")
        for name in ("trade_after_open", "review_after_close"):
            wait: timedelta = getattr(self, name)
            if wait < timedelta(0):
                raise InputError(f"{name} is {wait}; it cannot be negative")

    def times(self, session: Session) -> dict[Task, datetime]:
        """When each task that happens once is due in ``session``, UTC.

        A decision never comes before the bell, nor trading before the decision, whatever the settings say.
        """
        decide = max(self._at(session, self.decide_at), session.open)
        trade = max(decide, session.open + self.trade_after_open)
        if self.at_the_close:
            decide = trade = session.close - BEFORE_THE_CLOSE
        return {
            Task.ANALYZE: self._at(session, self.analyze_at),
            Task.OPEN: session.open,
            Task.DECIDE: decide,
            Task.TRADE: trade,
            Task.CLOSE: session.close,
            Task.REVIEW: session.close + self.review_after_close,
        }

    def due(
        self, session: Session, at: datetime, done: AbstractSet[Task], before: date | None = None
    ) -> tuple[Task, ...]:
        """Tasks of ``session`` that are due at ``at`` and not ``done``, in the order of the day.

        Deciding and trading are given up when the session is over: yesterday's opinion buys nothing today.

        before  the day of the session before, which tells whether a period of ``rhythm`` begins; without it one does
        """
        tasks = [task for task, when in self.times(session).items() if when <= at and task not in done]
        if at >= session.close or not self.rhythm.begins(session.day, before):
            tasks = [task for task in tasks if task not in (Task.DECIDE, Task.TRADE)]
        if session.contains(at):
            tasks.append(Task.MONITOR)
        return tuple(sorted(tasks, key=list(Task).index))

    def next_trade(
        self, sessions: Sequence[Session], at: datetime, done: Callable[[date], AbstractSet[Task]]
    ) -> datetime | None:
        """When orders of a decision are sent next: at once where today's are due, or None where the calendar ends.

        sessions  in order, with the one before those that are asked about, which tells whether a period begins
        """
        for before, session in zip((None, *sessions), sessions, strict=False):
            begins = self.rhythm.begins(session.day, before.day if before else None)
            when = max(self.times(session)[Task.TRADE], at)
            if begins and when < session.close and Task.TRADE not in done(session.day):
                return when
        return None

    def _at(self, session: Session, moment: time) -> datetime:
        zone = ZoneInfo(self.zone or session.zone)
        return datetime.combine(session.day, moment, tzinfo=zone).astimezone(UTC)
