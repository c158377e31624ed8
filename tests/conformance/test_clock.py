"""What every clock promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bursar.adapters.clock import ReplayClock, WallClock
from bursar.errors import InputError
from bursar.ports import Clock

START = datetime(2022, 1, 3, 14, 0, tzinfo=UTC)


class Hands:
    """The hands of a wall clock that a test moves: waiting lets them move and takes no time."""

    def __init__(self) -> None:
        self.at = START
        self.waits: list[float] = []

    def read(self) -> datetime:
        return self.at

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += timedelta(seconds=seconds)


def wall() -> Clock:
    hands = Hands()
    return WallClock(hands.read, hands.wait)


def replay() -> Clock:
    return ReplayClock(START)


@pytest.fixture(params=[wall, replay], ids=["wall", "replay"])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Callable[[], Clock] = request.param
    return made()


def test_time_is_in_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_after_waiting_it_is_at_least_the_time_that_was_waited_for(clock: Clock) -> None:
    at = clock.now() + timedelta(minutes=90)
    asyncio.run(clock.sleep_until(at))
    assert clock.now() >= at


def test_waiting_for_the_past_returns_at_once_and_time_does_not_go_back(clock: Clock) -> None:
    before = clock.now()
    asyncio.run(clock.sleep_until(before - timedelta(days=1)))
    assert clock.now() >= before


def test_reading_the_clock_does_not_move_it_back(clock: Clock) -> None:
    readings = [clock.now() for _ in range(100)]
    assert readings == sorted(readings)


@pytest.mark.parametrize(
    "at", [START.replace(tzinfo=None), datetime.fromisoformat("2022-01-03T15:00-05:00")], ids=["naive", "new york"]
)
def test_a_time_that_is_not_utc_is_refused(clock: Clock, at: datetime) -> None:
    with pytest.raises(InputError, match="not in UTC"):
        asyncio.run(clock.sleep_until(at))
