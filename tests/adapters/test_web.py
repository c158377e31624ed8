"""Asking vendors: slow ones, refusing ones, ones that answer nonsense, and answers that are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from bursar.adapters.cache import DiskCache
from bursar.adapters.vendors import web as webs
from bursar.adapters.vendors.web import Pace
from bursar.errors import DataError, InputError
from tests.adapters.vendors import Sleeper, web

URL = "https://vendor.example/prices"


def answering(*responses: httpx.Response | Exception) -> tuple[Callable[[httpx.Request], httpx.Response], list[str]]:
    """Return what gives these answers one after the other, the last one for ever, and the questions it saw."""
    left, seen = list(responses), list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        response = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(response, Exception):
            raise response
        return response

    return answer, seen


def test_an_answer_is_read_as_json() -> None:
    answer, seen = answering(httpx.Response(200, json={"prices": [1]}))
    assert web(answer).answer(URL, ticker="AAPL") == {"prices": [1]}
    assert seen == [f"{URL}?ticker=AAPL"]


def test_one_that_is_slow_is_asked_again() -> None:
    sleeper = Sleeper()
    answer, seen = answering(httpx.ReadTimeout("slow"), httpx.ConnectError("gone"), httpx.Response(200, json=[1]))
    assert web(answer, sleeper=sleeper).answer(URL) == [1]
    assert (len(seen), sleeper.slept) == (3, [2.0, 4.0])


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (httpx.ReadTimeout("slow"), "a vendor did not answer within 20 s, 3 times"),
        (httpx.ConnectError("gone"), "a vendor cannot be reached: ConnectError, 3 times"),
        (httpx.Response(503), "a vendor answered with status 503, 3 times"),
        (httpx.Response(404, text="no such\x1b[31m ticker"), r"status 404: 'no such \[31m ticker'"),
        (httpx.Response(200, text="<html>hello"), "is no JSON: '<html>hello'"),
    ],
)
def test_what_never_comes_or_cannot_be_read_is_an_error_with_its_reason(
    response: httpx.Response | Exception, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        web(answering(response)[0]).answer(URL)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refusal_says_what_to_do_and_never_the_key(status: int) -> None:
    door = web(answering(httpx.Response(status))[0], headers={"X-API-KEY": "secret"}, remedy="look at the key")
    with pytest.raises(InputError, match=f"refused us .status {status}.; look at the key") as refused:
        door.answer(URL)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("header", "waited"), [("7", 7.0), ("100000", 60.0), ("-3", 0.0), ("tomorrow", 0.0)])
def test_the_wait_that_is_asked_for_is_kept_up_to_a_minute(header: str, waited: float) -> None:
    sleeper = Sleeper()
    answer, _ = answering(httpx.Response(429, headers={"retry-after": header}), httpx.Response(200, json=1))
    assert web(answer, sleeper=sleeper).answer(URL) == 1
    assert sleeper.slept == [waited, 2.0]


def test_an_answer_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webs, "SIZE_MAX", 10)
    with pytest.raises(DataError, match="answered with 11 bytes; at most 10"):
        web(answering(httpx.Response(200, text="x" * 11))[0]).answer(URL)


def test_never_more_questions_than_the_pace_allows() -> None:
    sleeper = Sleeper()
    pace = Pace(2, 10.0, monotonic=sleeper.monotonic, sleep=sleeper)
    times = []
    for _ in range(5):
        pace.wait()
        times.append(sleeper.now)
    assert times == [0.0, 0.0, 10.0, 10.0, 20.0]
    sleeper.now = 100.0
    pace.wait()
    assert sleeper.now == 100.0


def test_an_answer_that_is_kept_is_not_asked_for_again_until_it_is_old(tmp_path: Path) -> None:
    now = [datetime(2022, 1, 3, tzinfo=UTC)]
    cache = DiskCache(tmp_path, timedelta(hours=1), lambda: now[0])
    answer, seen = answering(httpx.Response(200, json=1), httpx.Response(200, json=2))
    door = web(answer, cache=cache, headers={"X-API-KEY": "secret"})
    assert [door.answer(URL, ticker="A"), door.answer(URL, ticker="A")] == [1, 1]
    assert len(seen) == 1
    now[0] += timedelta(hours=2)
    assert door.answer(URL, ticker="A") == 2
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no line", b'{"question": "q"}\nx', b'{"at": "never"}\nx', b"[]\nx"])
def test_a_kept_answer_that_does_not_read_is_none(tmp_path: Path, content: bytes) -> None:
    cache = DiskCache(tmp_path, timedelta(hours=1), lambda: datetime(2022, 1, 3, tzinfo=UTC))
    cache.put("q", b"answer\nwith lines")
    assert cache.get("q") == b"answer\nwith lines"
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert cache.get("q") is None
    assert cache.get("another") is None


def test_an_answer_to_another_question_is_none(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, timedelta(hours=1), lambda: datetime(2022, 1, 3, tzinfo=UTC))
    cache.put("q", b"answer")
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes().replace(b'"q"', b'"p"'))
    assert cache.get("q") is None
