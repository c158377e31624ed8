"""The latest prices on their way from who trades to who looks: whole, with their times, and held up by nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from redis import ConnectionError as RedisAwayError

from bursar.adapters.marks import REDIS_REST_SECONDS, ReadMarks, SharedMarks, redis_at
from bursar.errors import DataError
from tests.builders import OPEN, quote
from tests.databases import redis_url


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def ticks(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return OPEN + timedelta(days=1000, seconds=self.seconds)


class Redis:
    """A server that may be away."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.away = False
        self.asked = 0

    def set(self, key: str, value: str) -> None:
        self._there()
        self.held[key] = value.encode()

    def get(self, key: str) -> bytes | None:
        self._there()
        return self.held.get(key)

    def _there(self) -> None:
        self.asked += 1
        if self.away:
            raise RedisAwayError("connection refused")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_is_published_is_read_with_its_times(tmp_path: Path, clock: Clock) -> None:
    shared, read = (
        SharedMarks(tmp_path / "marks.json", now=clock.now, ticks=clock.ticks),
        ReadMarks(tmp_path / "marks.json"),
    )
    assert read.read() is None, "nothing was published"
    shared.flush()
    assert not shared.path.exists(), "nothing is known"
    first, later = quote("A", "1.10", "1.20", last="1.15"), quote("B", None, at=OPEN + timedelta(minutes=1))
    shared.publish([first, later])
    told = read.read()
    assert told is not None
    assert (told.quotes, told.at, told.written_at) == ((first, later), later.at, clock.now())
    assert told.behind == clock.now() - later.at
    assert read.read() is None, "the same is not told twice"
    assert shared.latest(["A", "C"]) == {"A": first}


def test_it_is_written_no_oftener_than_anybody_looks(tmp_path: Path, clock: Clock) -> None:
    shared, read = (
        SharedMarks(tmp_path / "marks.json", now=clock.now, ticks=clock.ticks),
        ReadMarks(tmp_path / "marks.json"),
    )
    for price in range(1, 100):
        shared.publish([quote("A", str(price))])
    told = read.read()
    assert told is not None
    assert told.quotes == (quote("A", "1"),)
    clock.seconds += 0.2
    shared.publish([quote("B", "5")])
    told = read.read()
    assert told is not None
    assert told.quotes == (quote("A", "99"), quote("B", "5")), "what came between is there"


def test_a_disk_that_is_full_holds_nothing_up(tmp_path: Path, clock: Clock) -> None:
    shared = SharedMarks(tmp_path / "missing" / "marks.json", now=clock.now, ticks=clock.ticks)
    shared.publish([quote("A", "1")])
    assert "No such file" in shared.problem
    (tmp_path / "missing").mkdir()
    shared.flush()
    assert shared.problem == ""


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"written_at": "x"}', '{"written_at":"2022-01-03","at":"2022-01-03","quotes":[1]}']
)
def test_what_nobody_published_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "marks.json").write_text(text)
    with pytest.raises(DataError, match="written anew with the next"):
        ReadMarks(tmp_path / "marks.json").read()


def test_while_redis_is_away_the_file_tells_and_it_is_not_asked_all_the_time(tmp_path: Path, clock: Clock) -> None:
    server, path = Redis(), tmp_path / "marks.json"
    shared = SharedMarks(path, server, now=clock.now, ticks=clock.ticks)  # type: ignore[arg-type]  # all that is asked
    read = ReadMarks(path, server, ticks=clock.ticks)  # type: ignore[arg-type]
    shared.publish([quote("A", "1")])
    path.unlink()
    told = read.read()
    assert told is not None
    assert told.quotes == (quote("A", "1"),), "from Redis"
    server.away, asked = True, server.asked
    for price in range(2, 12):
        clock.seconds += 0.2
        shared.publish([quote("A", str(price))])
        told = read.read()
        assert told is not None
        assert told.quotes == (quote("A", str(price)),), "from the file"
    assert "connection refused" in read.away
    assert server.asked == asked + 2, "each side tried once"
    server.away = False
    clock.seconds += REDIS_REST_SECONDS
    shared.publish([quote("A", "12")])
    read.read()
    assert read.away == ""
    assert json.loads(server.held[f"bursar:marks:{path}"])["quotes"][0][3] == "12"


def test_over_a_redis_that_is_there_the_same_is_told(tmp_path: Path, clock: Clock) -> None:
    assert redis_at("") is None
    client = redis_at(redis_url())
    assert client is not None
    path = tmp_path / "marks.json"
    shared, read = SharedMarks(path, client, now=clock.now, ticks=clock.ticks), ReadMarks(path, client)
    shared.publish([quote("A", "1.5")])
    path.unlink()
    told = read.read()
    assert told is not None
    assert told.quotes == (quote("A", "1.5"),)
    client.shutdown(nosave=True)
    clock.seconds += 1
    shared.publish([quote("A", "2.5")])
    again = read.read()
    assert again is not None
    assert again.quotes == (quote("A", "2.5"),)
    assert read.away.startswith("Redis")
    client.close()
