"""Tasks fall due once, in the order of the day, on the exchange's own clock."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.trading.agenda import Agenda, Rhythm, Task, agenda
from tests.builders import SESSION

NOTHING: frozenset[Task] = frozenset()
AGENDA = Agenda()


def due(
    at: datetime,
    done: AbstractSet[Task] = NOTHING,
    session: Session = SESSION,
    *,
    before: tuple[Session, ...] = (),
    rules: Agenda = AGENDA,
) -> tuple[Task, ...]:
    """What is due of one session."""
    found = agenda((*before, session), rules, at, dict.fromkeys(done, session.day)).items
    return tuple(item.task for item in found if item.day == session.day)


def utc(hour: int, minute: int = 0) -> datetime:
    return datetime(2022, 1, 3, hour, minute, tzinfo=UTC)


def test_a_winter_day_in_new_york_is_five_hours_behind_utc() -> None:
    assert AGENDA.times(SESSION) == {
        Task.ANALYZE: utc(14, 0),
        Task.OPEN: utc(14, 30),
        Task.DECIDE: utc(14, 30),
        Task.TRADE: utc(14, 35),
        Task.CLOSE: utc(21, 0),
        Task.REVIEW: utc(21, 30),
    }


def test_a_summer_day_is_four_hours_behind_and_a_half_day_ends_early() -> None:
    summer = Session(
        day=date(2022, 7, 1),
        open=datetime(2022, 7, 1, 13, 30, tzinfo=UTC),
        close=datetime(2022, 7, 1, 20, 0, tzinfo=UTC),
    )
    assert AGENDA.times(summer)[Task.ANALYZE] == datetime(2022, 7, 1, 13, 0, tzinfo=UTC)
    half = Session(
        day=date(2022, 11, 25),
        open=datetime(2022, 11, 25, 14, 30, tzinfo=UTC),
        close=datetime(2022, 11, 25, 18, 0, tzinfo=UTC),
        half_day=True,
    )
    assert AGENDA.times(half)[Task.REVIEW] == datetime(2022, 11, 25, 18, 30, tzinfo=UTC)


def test_times_may_be_given_on_another_clock_than_the_exchange_has() -> None:
    # 14:15 in London is 14:15 UTC in winter.
    assert Agenda(analyze_at=time(14, 15), decide_at=time(15, 0), zone="Europe/London").times(SESSION)[
        Task.ANALYZE
    ] == utc(14, 15)


def test_each_task_is_due_from_its_time_until_it_is_done() -> None:
    assert due(utc(13, 59)) == ()
    assert due(utc(14, 0)) == (Task.ANALYZE,)
    assert due(utc(14, 0), {Task.ANALYZE}) == ()
    assert due(utc(14, 30), {Task.ANALYZE}) == (Task.OPEN, Task.DECIDE, Task.MONITOR)
    assert due(utc(14, 35), {Task.ANALYZE, Task.OPEN, Task.DECIDE}) == (Task.TRADE, Task.MONITOR)


def test_monitoring_is_due_at_every_instant_of_the_session_and_at_no_other() -> None:
    done = set(Task) - {Task.CLOSE, Task.REVIEW}
    assert due(utc(18, 17), done) == (Task.MONITOR,)
    assert due(utc(21, 0), done) == (Task.CLOSE,)
    assert due(utc(21, 30), done | {Task.CLOSE}) == (Task.REVIEW,)


def test_what_was_missed_is_caught_up_but_nothing_is_bought_after_the_bell() -> None:
    assert due(utc(15, 0)) == (
        Task.ANALYZE,
        Task.OPEN,
        Task.DECIDE,
        Task.TRADE,
        Task.MONITOR,
    )
    assert due(utc(21, 5)) == (Task.ANALYZE, Task.OPEN, Task.CLOSE)


def test_a_decision_waits_for_the_bell_and_trading_for_the_decision() -> None:
    early = Agenda(decide_at=time(9, 0)).times(SESSION)
    assert early[Task.DECIDE] == SESSION.open
    late = Agenda(decide_at=time(11, 0)).times(SESSION)
    assert late[Task.TRADE] == utc(16, 0)


def test_times_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="before the analysis"):
        Agenda(analyze_at=time(10, 0), decide_at=time(9, 30))
    with pytest.raises(InputError, match="trade_after_open"):
        Agenda(trade_after_open=timedelta(minutes=-1))


@pytest.mark.parametrize(
    ("rhythm", "before", "day", "begins"),
    [
        (Rhythm.DAILY, date(2022, 1, 3), date(2022, 1, 4), True),
        (Rhythm.WEEKLY, date(2021, 12, 31), date(2022, 1, 3), True),  # Friday, Monday
        (Rhythm.WEEKLY, date(2022, 1, 3), date(2022, 1, 4), False),
        (Rhythm.WEEKLY, date(2018, 12, 31), date(2019, 1, 2), False),  # both in week 1 of 2019, by ISO 8601
        (Rhythm.MONTHLY, date(2022, 1, 31), date(2022, 2, 1), True),
        (Rhythm.MONTHLY, date(2022, 2, 1), date(2022, 2, 2), False),
        (Rhythm.QUARTERLY, date(2022, 1, 31), date(2022, 2, 1), False),
        (Rhythm.QUARTERLY, date(2022, 3, 31), date(2022, 4, 1), True),
        (Rhythm.ANNUALLY, date(2022, 3, 31), date(2022, 4, 1), False),
        (Rhythm.ANNUALLY, date(2021, 12, 31), date(2022, 1, 3), True),
    ],
)
def test_a_period_begins_with_its_first_session(rhythm: Rhythm, before: date, day: date, begins: bool) -> None:
    assert rhythm.begins(day, before) is begins
    assert rhythm.begins(day, None)


def test_between_two_decisions_everything_else_is_done_as_ever() -> None:
    monthly = Agenda(rhythm=Rhythm.MONTHLY)
    december = replace(
        SESSION, day=date(2021, 12, 31), open=SESSION.open - timedelta(days=3), close=SESSION.close - timedelta(days=3)
    )
    assert due(utc(14, 40), before=(december,), rules=monthly) == (
        Task.ANALYZE,
        Task.OPEN,
        Task.DECIDE,
        Task.TRADE,
        Task.MONITOR,
    )
    third = Session(
        day=date(2022, 1, 4),
        open=datetime(2022, 1, 4, 14, 30, tzinfo=UTC),
        close=datetime(2022, 1, 4, 21, 0, tzinfo=UTC),
    )
    noon = datetime(2022, 1, 4, 17, 0, tzinfo=UTC)
    assert due(noon, session=third, before=(SESSION,), rules=monthly) == (Task.ANALYZE, Task.OPEN, Task.MONITOR)


def test_a_decision_at_the_close_comes_a_minute_before_the_bell_on_half_days_too() -> None:
    half = Session(
        day=date(2022, 11, 25),
        open=datetime(2022, 11, 25, 14, 30, tzinfo=UTC),
        close=datetime(2022, 11, 25, 18, 0, tzinfo=UTC),
        half_day=True,
    )
    times = Agenda(at_the_close=True).times(half)
    assert times[Task.DECIDE] == times[Task.TRADE] == datetime(2022, 11, 25, 17, 59, tzinfo=UTC)
