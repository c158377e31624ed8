"""Real prices as they were paid: what the wheel holds, and the splits and dividends that follow from it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.calendars import ExchangeCalendar, FixedCalendar
from bursar.adapters.history import ParquetHistory
from bursar.adapters.vendors import bokeh
from bursar.adapters.vendors.quality import Series, Trouble, inspect
from bursar.errors import DataError

CALENDAR = ExchangeCalendar("XNYS", bokeh.SOURCE.first, bokeh.SOURCE.last)
FAR = datetime(2020, 1, 1, tzinfo=UTC)


@cache
def home(place: Path) -> ParquetHistory:
    return bokeh.history(place, CALENDAR)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> ParquetHistory:
    return home(tmp_path_factory.mktemp("home"))


def test_the_splits_are_the_ones_that_happened(history: ParquetHistory) -> None:
    # Apple split 2 for 1 on 2000-06-21 and 2005-02-28, Microsoft on 2003-02-18; the others did not in these years.
    assert history.actions is not None
    splits = [(action.symbol, action.ex_date, action.split) for action in history.actions if action.split != 1.0]
    assert splits == [
        ("AAPL", date(2000, 6, 21), 2.0),
        ("MSFT", date(2003, 2, 18), 2.0),
        ("AAPL", date(2005, 2, 28), 2.0),
    ]


def test_the_dividends_are_the_ones_that_were_paid(history: ParquetHistory) -> None:
    # Microsoft's special dividend of $3 and its quarterly 8 cents went ex together on 2004-11-15. Apple's first
    # dividend since 1995, $2.65, went ex on 2012-08-09. The file's own factors are good to a few cents.
    assert history.actions is not None
    paid = {(action.symbol, action.ex_date): action.dividend for action in history.actions if action.dividend}
    assert paid["MSFT", date(2004, 11, 15)] == pytest.approx(3.08, abs=0.06)
    assert paid["AAPL", date(2012, 8, 9)] == pytest.approx(2.65, abs=0.03)
    assert sum(symbol == "IBM" for symbol, _ in paid) == 52  # four a year for thirteen years
    assert not any(symbol in ("FB", "GOOG") for symbol, _ in paid)


def test_adjusted_when_read_they_return_what_the_file_says_adjusted(history: ParquetHistory) -> None:
    closes = history.asof(["AAPL", "IBM", "MSFT"], "close", FAR).values
    # Apple's first and last adjusted closes, from the file. Theirs are adjusted for what came after as well.
    assert closes[0, 0] / closes[-1, 0] == pytest.approx(4.186662803811 / 56.137353095488, rel=1e-9)
    raw = history.asof(["AAPL"], "raw_close", FAR).values
    assert (raw[0, 0], raw[-1, 0]) == (130.31, 430.47)


def test_what_was_not_listed_yet_is_missing(history: ParquetHistory) -> None:
    closes = history.asof(["FB", "GOOG"], "raw_close", FAR)
    listed = np.isfinite(closes.values)
    assert [str(closes.dates[int(np.argmax(column))]) for column in listed.T] == ["2012-05-18", "2004-08-19"]


def test_no_error_is_found_in_it_and_its_splits_are_explained_by_its_actions(history: ParquetHistory) -> None:
    assert history.actions is not None
    series = []
    for symbol in bokeh.SYMBOLS:
        table = {field: history.asof([symbol], field, FAR).values[:, 0] for field in bokeh.FIELDS}
        held = np.isfinite(table["raw_close"])
        splits = {action.ex_date: action.split for action in history.actions if action.symbol == symbol}
        days = history.facts("raw_close").panel.dates[held]
        parts = {field.removeprefix("raw_"): values[held] for field, values in table.items()}
        series.append(Series(symbol=symbol, days=days, splits=splits, **parts))
    sessions = [session.day for session in CALENDAR.sessions(bokeh.SOURCE.first, bokeh.SOURCE.last)]
    found = inspect(series, sessions)
    assert found.errors == ()
    assert {finding.trouble for finding in found.findings} & {Trouble.SPLIT, Trouble.UNITS, Trouble.REUSE} == set()


def test_the_conversion_is_made_once_and_again_when_it_is_damaged(tmp_path: Path) -> None:
    first = bokeh.history(tmp_path, CALENDAR)
    path = first.folder / "raw_close.parquet"
    written = path.stat().st_mtime_ns
    bokeh.history(tmp_path, CALENDAR)
    assert path.stat().st_mtime_ns == written
    path.write_bytes(b"no longer")
    assert bokeh.history(tmp_path, CALENDAR).asof(["IBM"], "raw_close", FAR, 1).values[0, 0] == 202.91


def test_a_day_that_is_no_session_is_named() -> None:
    short = FixedCalendar(CALENDAR.sessions(date(2000, 3, 2), bokeh.SOURCE.last), bokeh.SOURCE.first, bokeh.SOURCE.last)
    with pytest.raises(DataError, match="has AAPL on 2000-03-01, and the calendar has no session"):
        bokeh.load(short)
