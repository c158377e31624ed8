"""The agenda of markets on their own clocks: no task twice, none lost, in order, half days and clock changes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.calendars import ExchangeCalendar
from bursar.domain.sessions import Session
from bursar.trading.agenda import MORNING, REBALANCE, Agenda, Due, Item, Missed, Rhythm, Task, agenda, ahead

FIRST, LAST = date(2022, 1, 1), date(2022, 12, 31)
#: The markets that were asked for: the United States, Australia, and Europe's two largest.
EXCHANGES = ("XNYS", "XASX", "XETR", "XLON")
ONCE = frozenset(Task) - {Task.MONITOR}
HOUR = timedelta(hours=1)


@cache
def calendar(exchange: str) -> tuple[Session, ...]:
    return ExchangeCalendar(exchange, FIRST, LAST).sessions(FIRST, LAST)


def near(exchange: str, day: date) -> tuple[Session, ...]:
    return tuple(each for each in calendar(exchange) if abs(each.day - day) <= timedelta(days=12))


class Diary:
    """Somebody who looks now and then, does what is due, and remembers what was done last."""

    def __init__(self, sessions: tuple[Session, ...], rhythm: Agenda) -> None:
        self.sessions, self.rhythm = sessions, rhythm
        self.last: dict[Task, date] = dict.fromkeys(ONCE - REBALANCE, sessions[0].day - timedelta(days=1))
        self.done: list[tuple[datetime, Item]] = []
        self.missed: list[Item] = []

    def look(self, now: datetime) -> Due:
        due = agenda(self.sessions, self.rhythm, now, self.last)
        self.missed += due.missed
        self.done += [(now, item) for item in due.items]
        for item in (*due.missed, *due.items):
            if item.task in ONCE:
                self.last[item.task] = max(item.day, self.last.get(item.task, item.day))
        return due


def local(item: Item, zone: str) -> time:
    return item.at.astimezone(ZoneInfo(zone)).time()


# ---------------------------------------------------------------- by hand


@pytest.mark.parametrize(
    ("exchange", "day", "analyze", "decide", "review"),
    [
        # The week between the two changes of spring: New York has summer time, Frankfurt not yet; Sydney still.
        ("XNYS", date(2022, 3, 11), (14, 0), (14, 30), (21, 30)),
        ("XNYS", date(2022, 3, 14), (13, 0), (13, 30), (20, 30)),
        ("XETR", date(2022, 3, 14), (8, 0), (8, 30), (17, 0)),
        ("XETR", date(2022, 3, 28), (7, 0), (7, 30), (16, 0)),
        ("XLON", date(2022, 3, 25), (9, 0), (9, 30), (17, 0)),
        ("XLON", date(2022, 3, 28), (8, 0), (8, 30), (16, 0)),
        # Sydney opens at ten, so that the decision waits until then; its summer time ends on 3 April.
        ("XASX", date(2022, 4, 1), (22, 0), (23, 0), (5, 30)),
        ("XASX", date(2022, 4, 4), (23, 0), (0, 0), (6, 30)),
        # And in autumn, when Europe is first.
        ("XETR", date(2022, 10, 31), (8, 0), (8, 30), (17, 0)),
        ("XNYS", date(2022, 10, 31), (13, 0), (13, 30), (20, 30)),
        ("XNYS", date(2022, 11, 7), (14, 0), (14, 30), (21, 30)),
        # The day after Thanksgiving ends at one o'clock, Christmas Eve in London at half past twelve.
        ("XNYS", date(2022, 11, 25), (14, 0), (14, 30), (18, 30)),
        ("XLON", date(2022, 12, 23), (9, 0), (9, 30), (13, 0)),
    ],
)
def test_each_market_has_its_tasks_on_its_own_clock(
    exchange: str, day: date, analyze: tuple[int, int], decide: tuple[int, int], review: tuple[int, int]
) -> None:
    session = next(each for each in calendar(exchange) if each.day == day)
    at = {item.task: item.at for item in Agenda().items(session)}
    assert [(at[task].hour, at[task].minute) for task in (Task.ANALYZE, Task.DECIDE, Task.REVIEW)] == [
        analyze,
        decide,
        review,
    ]


def test_a_holiday_has_no_agenda_and_what_comes_next_is_told() -> None:
    thanksgiving = datetime(2022, 11, 24, 17, tzinfo=UTC)
    diary = Diary(near("XNYS", date(2022, 11, 24)), Agenda())
    diary.last = dict.fromkeys(ONCE, date(2022, 11, 23))
    assert diary.look(thanksgiving) == Due()
    following = ahead(diary.sessions, Agenda(), thanksgiving, diary.last)
    assert following is not None
    assert (following.task, following.at) == (Task.ANALYZE, datetime(2022, 11, 25, 14, tzinfo=UTC))
    assert ahead(diary.sessions, Agenda(), datetime(2023, 1, 1, tzinfo=UTC), {}) is None
    assert agenda((), Agenda(), thanksgiving, {}) == Due()


def test_who_begins_at_noon_has_missed_nothing_of_yesterday() -> None:
    sessions = near("XNYS", date(2022, 6, 15))
    noon = datetime(2022, 6, 15, 16, tzinfo=UTC)
    due = agenda(sessions, Agenda(), noon, {})
    assert [item.task for item in due.items] == [Task.ANALYZE, Task.OPEN, Task.DECIDE, Task.TRADE, Task.MONITOR]
    assert {item.day for item in due.items} == {date(2022, 6, 15)}
    assert due.missed == ()


def test_a_monthly_rebalance_that_was_missed_is_made_up_for_in_its_month_or_let_be() -> None:
    sessions = near("XNYS", date(2022, 6, 1))
    for missed, made in ((Missed.CATCH_UP, date(2022, 6, 3)), (Missed.SKIP, None)):
        diary = Diary(sessions, Agenda(rhythm=Rhythm.MONTHLY, missed=missed))
        diary.last = dict.fromkeys(ONCE, date(2022, 5, 31))
        diary.last[Task.DECIDE] = diary.last[Task.TRADE] = date(2022, 5, 2)
        for day in (3, 6):  # the first two sessions of June go by without us
            diary.look(datetime(2022, 6, day, 13, 45, tzinfo=UTC))
        traded = [item.day for _, item in diary.done if item.task is Task.TRADE]
        assert traded == ([made] if made else [])
        gone = {(item.day.day, item.task) for item in diary.missed}
        assert (1, Task.REVIEW) in gone
        assert ((1, Task.TRADE) in gone) == (missed is Missed.SKIP)


def test_late_is_caught_up_or_let_be_by_rule() -> None:
    sessions = near("XNYS", date(2022, 6, 15))
    late = datetime(2022, 6, 15, 14, 0, tzinfo=UTC)  # ten o'clock in New York
    for missed, tasks in (
        (Missed.CATCH_UP, [Task.ANALYZE, Task.OPEN, Task.DECIDE, Task.TRADE, Task.MONITOR]),
        (Missed.SKIP, [Task.OPEN, Task.MONITOR]),
    ):
        due = agenda(sessions, Agenda(missed=missed), late, dict.fromkeys(ONCE, date(2022, 6, 14)))
        assert [item.task for item in due.items] == tasks
        assert {item.task for item in due.missed} == (MORNING if missed is Missed.SKIP else frozenset())


# ---------------------------------------------------------------- always

rhythms = st.builds(
    Agenda, rhythm=st.sampled_from(list(Rhythm)), missed=st.sampled_from(list(Missed)), at_the_close=st.booleans()
)
#: Around clock changes, half days, long weekends, and quiet weeks.
WEEKS = ((3, 13), (3, 27), (4, 15), (7, 4), (10, 30), (12, 25))
weeks = st.sampled_from([date(2022, month, day) for month, day in WEEKS])
gaps = st.lists(st.integers(1, 60 * 60), min_size=5, max_size=40)


@given(exchange=st.sampled_from(EXCHANGES), day=weeks, rhythm=rhythms, minutes=gaps)
def test_whenever_somebody_looks_nothing_is_done_twice_lost_early_or_out_of_order(
    exchange: str, day: date, rhythm: Agenda, minutes: list[int]
) -> None:
    sessions = near(exchange, day)
    diary = Diary(sessions, rhythm)
    now = sessions[0].open - 12 * HOUR
    for wait in minutes:
        now += timedelta(minutes=wait)
        due = diary.look(now)
        order = [(item.day, list(Task).index(item.task)) for item in due.items]
        assert order == sorted(order)
        assert {item.task for item in due.items if item.task is Task.MONITOR} == {
            Task.MONITOR for session in sessions if session.contains(now)
        }
        assert all(item.at <= now < item.until for item in due.items)
        assert all(item.until <= now for item in due.missed)
    once = [item for _, item in diary.done if item.task in ONCE]
    counts = Counter((item.day, item.task) for item in (*once, *diary.missed))
    assert set(counts.values()) <= {1}, "twice"
    due_by_now = {
        (item.day, item.task)
        for session in sessions
        for item in rhythm.items(session)
        if item.at <= now and item.task not in REBALANCE
    }
    assert due_by_now == {(day, task) for day, task in counts if task not in REBALANCE}, "lost"
    for task in REBALANCE:
        periods = Counter(rhythm.rhythm.period(item.day) for item in once if item.task is task)
        assert set(periods.values()) <= {1}, "a rebalance twice in one period"


@given(exchange=st.sampled_from(EXCHANGES), day=weeks, rhythm=rhythms)
def test_whoever_looks_each_minute_misses_nothing(exchange: str, day: date, rhythm: Agenda) -> None:
    sessions = near(exchange, day)[:3]
    diary = Diary(sessions, rhythm)
    moments = sorted({item.at for session in sessions for item in rhythm.items(session)})
    for at in moments:
        diary.look(at + timedelta(seconds=30))
    assert diary.missed == []
    done = [item for _, item in diary.done if item.task in ONCE]
    assert [item.at for item in done] == sorted(item.at for item in done)
    assert all(now - item.at <= timedelta(minutes=1) for now, item in diary.done)
    days = [session.day for session in sessions]
    begun = [day for before, day in zip((None, *days), days, strict=False) if rhythm.rhythm.begins(day, before)]
    assert [item.day for item in done if item.task is Task.TRADE] == begun
