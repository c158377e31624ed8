"""What is due, and when: the tasks of a trading day, market by market, each on its exchange's own clock.

The agenda knows nothing of waiting, and remembers nothing. Whoever owns the clock asks what is due by now, given what
was done last (``agenda``); each task of a session is due once, and is missed once where nobody came in time. Only
monitoring is due at every look while the exchange is open.

Sessions come from the exchange's calendar, so that holidays, half days and the weekends on which clocks change are its
business: the tasks follow the bells and the clock of the exchange's zone, in UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from bursar.domain.sessions import Session
from bursar.errors import InputError

#: How long before the closing bell a decision at the close is made, and its orders sent.
BEFORE_THE_CLOSE = timedelta(minutes=1)
#: How long a task that falls due late at night has at least.
SOON = timedelta(hours=1)


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


class Missed(StrEnum):
    """What becomes of a task that was not done at its time."""

    CATCH_UP = "catch_up"
    SKIP = "skip"


class Task(StrEnum):
    """The work of a day, in its order."""

    ANALYZE = "analyze"
    OPEN = "open"
    DECIDE = "decide"
    TRADE = "trade"
    MONITOR = "monitor"
    CLOSE = "close"
    REVIEW = "review"


#: Every task with its place in the day; those that a rebalance is made of; and those that are about its morning.
ORDER = {task: place for place, task in enumerate(Task)}
REBALANCE = frozenset({Task.DECIDE, Task.TRADE})
MORNING = REBALANCE | {Task.ANALYZE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One task of one session. Due from ``at``, and too late from ``until``; both UTC."""

    at: datetime
    until: datetime
    exchange: str
    day: date
    task: Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is to be done now, in order, and what nobody did in time and nobody will."""

    items: tuple[Item, ...] = ()
    missed: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """Times of the tasks.

    analyze_at, decide_at  on the clock of ``zone``, or of the exchange where that is empty
    trade_after_open       how long opening orders wait after the bell, while the first quotes settle
    review_after_close     how long the look back waits after the closing bell
    rhythm                 how often is decided and traded; the other tasks are of every session
    at_the_close           decide and trade in the last minute before the closing bell instead of ``decide_at``
    missed                 whether analysis, decision and trade that were not done at their time are done as soon as
                           that is possible (within the session, and a rebalance within its period), or let be
    late_max               by how much they may be late where they are let be
    """

    analyze_at: time = time(9, 0)
    decide_at: time = time(9, 30)
    trade_after_open: timedelta = timedelta(minutes=5)
    review_after_close: timedelta = timedelta(minutes=30)
    zone: str = ""
    rhythm: Rhythm = Rhythm.DAILY
    at_the_close: bool = False
    missed: Missed = Missed.CATCH_UP
    late_max: timedelta = timedelta(minutes=15)

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
        if self.at_the_close:
            decide = trade = session.close - BEFORE_THE_CLOSE
        else:
            decide = max(self._at(session, self.decide_at), session.open)
            trade = max(decide, session.open + self.trade_after_open)
        return {
            Task.ANALYZE: self._at(session, self.analyze_at),
            Task.OPEN: session.open,
            Task.DECIDE: decide,
            Task.TRADE: trade,
            Task.CLOSE: session.close,
            Task.REVIEW: session.close + self.review_after_close,
        }

    def items(self, session: Session) -> tuple[Item, ...]:
        """The tasks of ``session`` that happen once, each with the time from which it is too late for it.

        Deciding and trading are given up when the session is over: yesterday's opinion buys nothing today. The others
        are of the exchange's day, and over at its midnight.
        """
        return _items(self, session)

    def rebalances(self, day: date, before: date | None, traded: date | None) -> bool:
        """Whether there is a rebalance in the session of ``day``: the first of a period, or a later one to catch up.

        before  the day of the session before
        traded  the day of the last rebalance before ``day``; without one there is none to catch up
        """
        if traded is None or self.missed is Missed.SKIP:
            return self.rhythm.begins(day, before)
        return self.rhythm.period(day) != self.rhythm.period(traded)

    def waits(self, day: date, after: date) -> bool:
        """Whether a rebalance of ``day`` that was missed is done in the session of ``after``, the next one."""
        return self.missed is Missed.CATCH_UP and self.rhythm.period(after) == self.rhythm.period(day)

    def next_trade(
        self, sessions: Sequence[Session], at: datetime, done: Callable[[date], AbstractSet[Task]]
    ) -> datetime | None:
        """When orders of a decision are sent next: at once where today's are due, or None where the calendar ends.

        sessions  in order, with the one before those that are asked about, which tells whether a period begins
        """
        traded: date | None = None
        for before, session in zip((None, *sessions), sessions, strict=False):
            if Task.TRADE in done(session.day):
                traded = session.day
                continue
            when = max(self.times(session)[Task.TRADE], at)
            if self.rebalances(session.day, before.day if before else None, traded) and when < session.close:
                return when
        return None

    def _at(self, session: Session, moment: time) -> datetime:
        zone = ZoneInfo(self.zone or session.zone)
        return datetime.combine(session.day, moment, tzinfo=zone).astimezone(UTC)


def agenda(calendar: Sequence[Session], rhythm: Agenda, now: datetime, last_done: Mapping[Task, date]) -> Due:
    """What is due at ``now`` in the sessions of one exchange, and what was missed since it was done last.

    calendar   sessions of one exchange, oldest first
    last_done  by task, the day of the last session for which it was done, or missed and told. A task that is not named
               was never done; it was to be done from the earliest of those days on, or from today without any

    Whoever does what is due, and remembers for each task the day of what he did or was told to have missed, is told of
    each task of each session once. A rebalance that can still be caught up in its period is not missed yet.
    """
    place = bisect_right(calendar, now, key=_begin) - 1
    if place < 0:
        return Due()
    nothing = min([*last_done.values(), calendar[place].day]) - timedelta(days=1)
    first = bisect_right(calendar, nothing, hi=place, key=_day)
    due: list[Item] = []
    missed: list[Item] = []
    for number in range(first, place + 1):
        session, before = calendar[number], calendar[number - 1].day if number else None
        after = calendar[number + 1].day if number + 1 < len(calendar) else session.day
        rebalances = rhythm.rebalances(session.day, before, last_done.get(Task.TRADE))
        for item in rhythm.items(session):
            of_rebalance = item.task in REBALANCE
            if item.at > now or last_done.get(item.task, nothing) >= item.day or (of_rebalance and not rebalances):
                continue
            if now < item.until:
                due.append(item)
            elif not (of_rebalance and rhythm.waits(session.day, after)):
                missed.append(item)
        if session.contains(now):
            due.append(Item(at=now, until=session.close, exchange=session.exchange, day=session.day, task=Task.MONITOR))
    return Due(items=tuple(sorted(due, key=_place)), missed=tuple(sorted(missed, key=_place)))


def ahead(calendar: Sequence[Session], rhythm: Agenda, now: datetime, last_done: Mapping[Task, date]) -> Item | None:
    """The next task that falls due after ``now``; None where the calendar ends. Monitoring is not told."""
    traded = last_done.get(Task.TRADE)
    place = max(bisect_right(calendar, now, key=_begin) - 1, 0)
    for number, session in enumerate(calendar[place:], place):
        rebalances = rhythm.rebalances(session.day, calendar[number - 1].day if number else None, traded)
        for item in rhythm.items(session):
            if item.at > now and (rebalances or item.task not in REBALANCE):
                return item
    return None


def _day(session: Session) -> date:
    return session.day


@lru_cache(maxsize=256)
def _begin(session: Session) -> datetime:
    """The midnight with which the exchange's day begins, UTC."""
    return session.day_around(session.open)[0]


@lru_cache(maxsize=256)
def _items(rhythm: Agenda, session: Session) -> tuple[Item, ...]:
    midnight = session.day_around(session.open)[1]
    found = []
    for task, at in rhythm.times(session).items():
        until = session.close if task in REBALANCE else max(midnight, at + SOON)
        if rhythm.missed is Missed.SKIP and task in MORNING:
            until = min(until, at + rhythm.late_max)
        found.append(Item(at=at, until=until, exchange=session.exchange, day=session.day, task=task))
    return tuple(found)


def _place(item: Item) -> tuple[date, int]:
    return item.day, ORDER[item.task]
