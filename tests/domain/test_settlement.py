"""When trades settle, by the calendar of their day and the cycle of their exchange."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.sessions import settles_on
from bursar.errors import InputError

#: Around Martin Luther King Day 2022, a Monday without trading.
DAYS = [date(2022, 1, day) for day in (12, 13, 14, 18, 19, 20, 21)]


@pytest.mark.parametrize(
    ("traded", "settles"),
    [
        (date(2022, 1, 12), date(2022, 1, 14)),  # Wednesday to Friday
        (date(2022, 1, 13), date(2022, 1, 18)),  # over a weekend and a holiday
        (date(2022, 1, 14), date(2022, 1, 19)),
    ],
)
def test_two_business_days_over_weekends_and_holidays(traded: date, settles: date) -> None:
    assert settles_on(traded, DAYS) == settles


@pytest.mark.parametrize(
    ("traded", "known", "settles"),
    [
        (date(2022, 1, 20), DAYS, date(2022, 1, 24)),  # Friday is known, Monday is counted
        (date(2022, 1, 21), DAYS, date(2022, 1, 25)),  # nothing after Friday is known
        (date(2022, 1, 24), DAYS, date(2022, 1, 26)),  # after all that is known
        (date(2022, 1, 13), [], date(2022, 1, 17)),  # without a calendar a holiday is a day like others
    ],
)
def test_past_the_calendar_weekdays_are_counted(traded: date, known: list[date], settles: date) -> None:
    assert settles_on(traded, known) == settles


@given(
    traded=st.dates(date(2010, 1, 1), date(2030, 1, 1)).filter(lambda day: day.weekday() < 5),
    known=st.integers(0, 10),
)
def test_a_known_calendar_without_holidays_changes_nothing(traded: date, known: int) -> None:
    days = [traded + timedelta(days=number) for number in range(known)]
    weekdays = [day for day in days if day.weekday() < 5]
    settles = settles_on(traded, weekdays)
    assert settles == settles_on(traded, [])
    assert settles > traded
    assert settles.weekday() < 5


#: Around Australia Day 2022, a Wednesday; and around Easter 2022 in Frankfurt, from Friday to Monday.
SYDNEY = [date(2022, 1, day) for day in (21, 24, 25, 27, 28)]
FRANKFURT = [date(2022, 4, day) for day in (12, 13, 14, 19, 20)]


@pytest.mark.parametrize(
    ("exchange", "traded", "known", "settles"),
    [
        ("XASX", date(2022, 1, 24), SYDNEY, date(2022, 1, 27)),  # over the holiday
        ("XETR", date(2022, 4, 13), FRANKFURT, date(2022, 4, 19)),  # over Easter
        ("XASX", date(2016, 3, 4), [], date(2016, 3, 9)),  # the last Friday of three days
        ("XASX", date(2016, 3, 7), [], date(2016, 3, 9)),  # and the first Monday of two
        ("XLON", date(2014, 10, 3), [], date(2014, 10, 8)),
        ("XETR", date(2027, 10, 8), [], date(2027, 10, 12)),  # the last Friday of two days
        ("XETR", date(2027, 10, 11), [], date(2027, 10, 12)),
        ("XASX", date(2027, 10, 11), [], date(2027, 10, 13)),
        ("XNAS", date(2024, 5, 28), [], date(2024, 5, 29)),
    ],
)
def test_each_exchange_has_its_own_cycle(exchange: str, traded: date, known: list[date], settles: date) -> None:
    assert settles_on(traded, known, exchange) == settles


def test_an_exchange_of_which_nothing_is_known_settles_nothing() -> None:
    with pytest.raises(InputError, match="XTKS is no exchange whose currency, settlement and commissions are known"):
        settles_on(date(2022, 1, 24), [], "XTKS")
