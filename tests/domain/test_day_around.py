"""A day on the exchange's own clock, from midnight to midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime

from bursar.domain.sessions import Session


def test_a_day_lasts_from_midnight_to_midnight_in_new_york_whatever_the_clocks_do() -> None:
    opens, closes = datetime(2022, 3, 11, 14, 30, tzinfo=UTC), datetime(2022, 3, 11, 21, tzinfo=UTC)
    session = Session(day=date(2022, 3, 11), open=opens, close=closes)
    # Clocks went forward on 13 March 2022: that day had 23 hours.
    begin, end = session.day_around(datetime(2022, 3, 13, 12, tzinfo=UTC))
    assert (begin, end) == (datetime(2022, 3, 13, 5, tzinfo=UTC), datetime(2022, 3, 14, 4, tzinfo=UTC))
    assert session.day_around(begin) == (begin, end)
    assert session.day_around(end)[0] == end
