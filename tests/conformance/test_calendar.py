"""What every calendar promises."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from itertools import pairwise

import pytest

from bursar.adapters.calendars import ExchangeCalendar, FixedCalendar
from bursar.errors import InputError
from bursar.ports import Calendar

FIRST, LAST = date(2022, 1, 1), date(2022, 3, 31)


def exchange() -> Calendar:
    return ExchangeCalendar("XNYS", FIRST, LAST)


def fixed() -> Calendar:
    return FixedCalendar(exchange().sessions(FIRST, LAST), FIRST, LAST)


@pytest.fixture(params=[exchange, fixed], ids=["exchange", "fixed"])
def calendar(request: pytest.FixtureRequest) -> Calendar:
    made: Calendar = request.param()
    return made


def test_sessions_come_in_order_one_a_day_within_the_range(calendar: Calendar) -> None:
    days = [session.day for session in calendar.sessions(date(2022, 1, 3), date(2022, 1, 31))]
    assert days == sorted(set(days))
    assert (days[0], days[-1], len(days)) == (date(2022, 1, 3), date(2022, 1, 31), 20)


def test_both_ends_belong_to_the_range(calendar: Calendar) -> None:
    assert [s.day for s in calendar.sessions(date(2022, 1, 3), date(2022, 1, 4))] == [
        date(2022, 1, 3),
        date(2022, 1, 4),
    ]


def test_times_are_utc_and_sessions_do_not_overlap(calendar: Calendar) -> None:
    sessions = calendar.sessions(FIRST, LAST)
    assert all(session.open.tzinfo is UTC and session.close.tzinfo is UTC for session in sessions)
    assert all(before.close < after.open for before, after in pairwise(sessions))


def test_a_weekend_has_no_session(calendar: Calendar) -> None:
    assert calendar.sessions(date(2022, 1, 1), date(2022, 1, 2)) == ()


def test_a_longer_range_agrees_with_its_parts(calendar: Calendar) -> None:
    middle = date(2022, 2, 11)
    parts = calendar.sessions(FIRST, middle) + calendar.sessions(middle + timedelta(days=1), LAST)
    assert parts == calendar.sessions(FIRST, LAST)


@pytest.mark.parametrize(("first", "last"), [(FIRST - timedelta(days=1), LAST), (FIRST, LAST + timedelta(days=1))])
def test_a_day_outside_the_bounds_is_refused_with_the_bounds(calendar: Calendar, first: date, last: date) -> None:
    with pytest.raises(InputError, match="give a day from 2022-01-01 to 2022-03-31"):
        calendar.sessions(first, last)


def test_a_range_that_ends_before_it_begins_is_refused(calendar: Calendar) -> None:
    with pytest.raises(InputError, match="give the earlier day first"):
        calendar.sessions(LAST, FIRST)
