from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bursar.adapters.clock import WAIT_SECONDS_MAX, ReplayClock, WallClock
from bursar.errors import InputError
from tests.conformance.test_clock import START, Hands


def test_the_wall_clock_reads_this_machine() -> None:
    before = datetime.now(UTC)
    assert before <= WallClock().now() <= datetime.now(UTC)


def test_a_long_wait_is_cut_into_pieces_so_that_a_clock_that_was_set_is_noticed() -> None:
    hands = Hands()
    asyncio.run(WallClock(hands.read, hands.wait).sleep_until(START + timedelta(seconds=70)))
    assert hands.waits == [WAIT_SECONDS_MAX, WAIT_SECONDS_MAX, 10]


def test_a_clock_that_was_set_back_while_waiting_waits_longer() -> None:
    hands = Hands()

    async def set_back_once(seconds: float) -> None:
        await hands.wait(seconds)
        if len(hands.waits) == 1:
            hands.at -= timedelta(seconds=5)

    asyncio.run(WallClock(hands.read, set_back_once).sleep_until(START + timedelta(seconds=20)))
    assert hands.waits == [20, 5]


def test_the_replay_clock_is_moved_by_whoever_replays() -> None:
    clock = ReplayClock(START)
    clock.advance(START + timedelta(minutes=1))
    assert clock.now() == START + timedelta(minutes=1)
    clock.advance(clock.now())


def test_a_replay_never_goes_back() -> None:
    clock = ReplayClock(START)
    with pytest.raises(InputError, match="cannot go back"):
        clock.advance(START - timedelta(seconds=1))
    assert clock.now() == START


def test_a_replay_starts_in_utc() -> None:
    with pytest.raises(InputError, match="not in UTC"):
        ReplayClock(START.replace(tzinfo=None))


def test_waiting_in_a_replay_takes_no_time() -> None:
    clock = ReplayClock(START)
    asyncio.run(clock.sleep_until(START + timedelta(days=365 * 30)))
    assert clock.now() == START + timedelta(days=365 * 30)


def test_waiting_in_a_replay_lets_others_run() -> None:
    """A clock that never yields would starve whoever listens to a socket."""

    async def both() -> list[str]:
        said: list[str] = []

        async def other() -> None:
            said.append("other")

        task = asyncio.create_task(other())
        await ReplayClock(START).sleep_until(START + timedelta(hours=1))
        said.append("waited")
        await task
        return said

    assert asyncio.run(both()) == ["other", "waited"]
