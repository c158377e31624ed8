"""Known answers for New York in 2022, from the exchange's published holidays and early closings."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from bursar.adapters import calendars
from bursar.adapters.calendars import ExchangeCalendar, FixedCalendar, session_of
from bursar.domain.sessions import Session
from bursar.errors import InputError
from tests.builders import CLOSE, DAY, OPEN, SESSION

NEW_YORK = ExchangeCalendar("XNYS", date(1990, 1, 1), date(2023, 12, 31))


def test_2022_has_251_sessions_in_new_york() -> None:
    assert len(NEW_YORK.sessions(date(2022, 1, 1), date(2022, 12, 31))) == 251


@pytest.mark.parametrize(
    "day",
    [
        date(2022, 1, 17),  # Martin Luther King Jr. Day
        date(2022, 2, 21),  # Washington's Birthday
        date(2022, 4, 15),  # Good Friday, though no federal holiday
        date(2022, 5, 30),  # Memorial Day
        date(2022, 6, 20),  # Juneteenth, kept on the Monday; in 2021 it was not kept yet
        date(2022, 7, 4),  # Independence Day
        date(2022, 9, 5),  # Labor Day
        date(2022, 11, 24),  # Thanksgiving
        date(2022, 12, 26),  # Christmas, kept on the Monday
        date(2012, 10, 29),  # the storm Sandy
        date(2001, 9, 11),
        date(2022, 1, 8),  # a Saturday
    ],
)
def test_new_york_is_shut(day: date) -> None:
    assert NEW_YORK.sessions(day, day) == ()


def test_juneteenth_of_2021_was_a_session() -> None:
    assert NEW_YORK.sessions(date(2021, 6, 18), date(2021, 6, 18))


def test_the_day_after_thanksgiving_closes_at_one_in_new_york() -> None:
    (session,) = NEW_YORK.sessions(date(2022, 11, 25), date(2022, 11, 25))
    assert session.half_day
    assert session.close == datetime(2022, 11, 25, 18, 0, tzinfo=UTC)
    assert session.local(session.close).time() == time(13, 0)


def test_a_whole_day_is_open_from_half_past_nine_to_four() -> None:
    (session,) = NEW_YORK.sessions(DAY, DAY)
    assert session == SESSION
    assert (session.open, session.close, session.half_day) == (OPEN, CLOSE, False)


def test_the_clocks_go_forward_and_back_and_the_session_stays_at_half_past_nine() -> None:
    # Summer time in New York in 2022: from March 13 to November 6.
    opens = {
        session.day: session.open.hour
        for day in (date(2022, 3, 11), date(2022, 3, 14), date(2022, 11, 4), date(2022, 11, 7))
        for session in NEW_YORK.sessions(day, day)
    }
    assert list(opens.values()) == [14, 13, 13, 14]
    for session in NEW_YORK.sessions(date(2022, 1, 1), date(2022, 12, 31)):
        assert session.local(session.open).time() == time(9, 30)


def test_london_keeps_its_own_hours() -> None:
    london = ExchangeCalendar("XLON", date(2022, 1, 1), date(2022, 12, 31))
    (session,) = london.sessions(date(2022, 7, 1), date(2022, 7, 1))
    assert (session.zone, session.open.hour, session.local(session.open).hour) == ("Europe/London", 7, 8)


def test_a_calendar_of_one_day_is_a_calendar() -> None:
    assert ExchangeCalendar("XNYS", DAY, DAY).sessions(DAY, DAY) == (SESSION,)


@pytest.mark.parametrize("saturday", [date(2022, 1, 8), date(2022, 1, 15)], ids=["before a Monday", "before a holiday"])
def test_a_calendar_of_a_weekend_is_empty(saturday: date) -> None:
    sunday = saturday + timedelta(days=1)
    assert ExchangeCalendar("XNYS", saturday, sunday).sessions(saturday, sunday) == ()


def test_a_holiday_is_named_with_its_weekday() -> None:
    with pytest.raises(InputError, match=r"2022-06-20 \(Monday\) has no session.*give a trading day"):
        session_of(NEW_YORK, date(2022, 6, 20))
    assert session_of(NEW_YORK, DAY) == SESSION


@pytest.mark.parametrize("day", [date(1989, 12, 29), date(2024, 1, 2)])
def test_a_day_outside_the_bounds_is_answered_with_the_bounds(day: date) -> None:
    with pytest.raises(InputError, match=rf"{day} is outside the calendar; give a day from 1990-01-01 to 2023-12-31"):
        session_of(NEW_YORK, day)


def test_bounds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(InputError, match="give the earlier day first"):
        ExchangeCalendar("XNYS", date(2022, 2, 1), date(2022, 1, 1))


def test_an_unknown_exchange_is_named() -> None:
    with pytest.raises(InputError, match="no exchange 'XXXX' is known; give an ISO 10383 code such as XNYS"):
        ExchangeCalendar("XXXX", DAY, DAY).sessions(DAY, DAY)


def test_a_range_that_the_library_cannot_hold_is_refused_with_its_reason() -> None:
    with pytest.raises(InputError, match=r"XNYS has no calendar from 2022-01-03 to 2300-01-01: "):
        ExchangeCalendar("XNYS", DAY, date(2300, 1, 1)).sessions(DAY, DAY)


# ---------------------------------------------------------------- the kept table


def test_the_second_calendar_reads_the_kept_table_and_not_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ExchangeCalendar("XNYS", date(2022, 11, 1), date(2022, 11, 30), keep=tmp_path)
    sessions = first.sessions(first.first, first.last)
    assert len(list(tmp_path.iterdir())) == 1

    monkeypatch.setitem(sys.modules, "exchange_calendars", None)  # importing it now fails
    second = ExchangeCalendar("XNYS", date(2022, 11, 1), date(2022, 11, 30), keep=tmp_path)
    assert second.sessions(second.first, second.last) == sessions
    assert [session.day.day for session in sessions if session.half_day] == [25]


@pytest.mark.parametrize("damage", [b"", b"no digest", b"\xff\xfe\n2022"])
def test_a_damaged_table_is_made_again(tmp_path: Path, damage: bytes) -> None:
    def ask() -> tuple[Session, ...]:
        return ExchangeCalendar("XNYS", DAY, DAY, keep=tmp_path).sessions(DAY, DAY)

    assert ask() == (SESSION,)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage)
    assert ask() == (SESSION,)
    assert path.read_bytes() == whole


def test_a_table_of_which_one_digit_changed_is_not_believed(tmp_path: Path) -> None:
    calendar = ExchangeCalendar("XNYS", DAY, DAY, keep=tmp_path)
    calendar.sessions(DAY, DAY)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text().replace("T21:00", "T20:00"))
    assert ExchangeCalendar("XNYS", DAY, DAY, keep=tmp_path).sessions(DAY, DAY) == (SESSION,)


def test_another_version_of_the_library_writes_another_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ExchangeCalendar("XNYS", DAY, DAY, keep=tmp_path).sessions(DAY, DAY)
    monkeypatch.setattr(calendars, "version", lambda _: "99.0")
    ExchangeCalendar("XNYS", DAY, DAY, keep=tmp_path).sessions(DAY, DAY)
    assert len(list(tmp_path.iterdir())) == 2


# ---------------------------------------------------------------- the double


def test_sessions_out_of_order_or_twice_are_refused() -> None:
    with pytest.raises(InputError, match="in order, one a day"):
        FixedCalendar((SESSION, SESSION))


def test_an_empty_calendar_needs_bounds() -> None:
    with pytest.raises(InputError, match="needs its first and last day"):
        FixedCalendar(())
    assert FixedCalendar((), DAY, DAY).sessions(DAY, DAY) == ()


def test_sessions_must_lie_within_the_bounds() -> None:
    with pytest.raises(InputError, match="do not lie from"):
        FixedCalendar((SESSION,), date(2022, 2, 1), date(2022, 2, 2))
