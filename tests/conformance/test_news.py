"""What every source of headlines promises."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bursar.adapters.memory import MemoryNews
from bursar.adapters.vendors.kept import write_headlines
from bursar.adapters.vendors.news import folder_news
from bursar.ports import Headline, News

AT = datetime(2022, 1, 3, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOLD: tuple[Headline, ...] = tuple(
    Headline(symbols=symbols, text=text, source="a wire", known_at=AT + hours * HOUR)
    for symbols, text, hours in (
        (("AAPL",), "Apple beats expectations", 0),
        (("AAPL", "MSFT"), "Apple and Microsoft agree", 2),
        (("MSFT",), "Microsoft misses expectations", 3),
    )
)

Make = Callable[[Sequence[Headline]], News]


@pytest.fixture(params=["memory", "folder", "kept"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return a function from headlines to a source that has them."""

    def folder(told: Sequence[Headline]) -> News:
        with (tmp_path / "told.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["known_at", "text", "symbols", "source"])
            for each in told:
                table.writerow([each.known_at.isoformat(), each.text, " ".join(each.symbols), each.source])
        return folder_news(tmp_path, {})

    def kept(told: Sequence[Headline]) -> News:
        write_headlines(tmp_path / "kept.csv", told)
        return folder_news(tmp_path, {})

    makers: dict[str, Make] = {"memory": MemoryNews, "folder": folder, "kept": kept}
    made: Make = makers[request.param]
    return made


def test_a_headline_is_there_from_the_instant_that_it_was_published(make: Make) -> None:
    news = make(TOLD)
    assert news.asof(["AAPL"], AT, AT - timedelta(microseconds=1)) == ()
    assert news.asof(["AAPL"], AT, AT) == TOLD[:1]


def test_headlines_come_oldest_first_and_each_once(make: Make) -> None:
    assert make(TOLD[::-1]).asof(["AAPL", "MSFT"], AT, AT + 9 * HOUR) == TOLD


def test_what_was_published_before_is_left_out(make: Make) -> None:
    assert make(TOLD).asof(["AAPL", "MSFT"], AT + HOUR, AT + 9 * HOUR) == TOLD[1:]


def test_a_headline_is_about_its_symbols_alone(make: Make) -> None:
    news = make(TOLD)
    assert news.asof(["MSFT"], AT, AT + 9 * HOUR) == TOLD[1:]
    assert news.asof(["XOM"], AT, AT + 9 * HOUR) == news.asof([], AT, AT + 9 * HOUR) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(hours=st.integers(0, 3), text=st.text(st.characters(categories=["L"]), min_size=1, max_size=9))
def test_headlines_of_the_future_changed_change_nothing_before(make: Make, hours: int, text: str) -> None:
    known_at = AT + hours * HOUR
    forged = [
        each
        if each.known_at <= known_at
        else Headline(symbols=each.symbols, text=text, source="a liar", known_at=each.known_at)
        for each in TOLD
    ]
    assert make(forged).asof(["AAPL", "MSFT"], AT, known_at) == make(TOLD).asof(["AAPL", "MSFT"], AT, known_at)
