"""The rate limit: never more than so many in a second, orders first, and no real waiting on a clock that is moved."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.clock import ReplayClock
from bursar.adapters.pacing import Priority, RateLimiter
from bursar.errors import InputError

START = datetime(2022, 1, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)


async def passed(limiter: RateLimiter, clock: ReplayClock, wanted: list[Priority]) -> list[tuple[datetime, Priority]]:
    """When each of ``wanted``, all asked for at once, got its turn, in the order of the turns."""
    turns: list[tuple[datetime, Priority]] = []

    async def take(priority: Priority) -> None:
        await limiter.turn(priority)
        turns.append((clock.now(), priority))

    await asyncio.gather(*(take(priority) for priority in wanted))
    return turns


def turns_of(wanted: list[Priority], most: int = 45, reserved: int = 10) -> list[tuple[datetime, Priority]]:
    clock = ReplayClock(START)
    return asyncio.run(passed(RateLimiter(clock, most=most, reserved=reserved), clock, wanted))


@given(st.lists(st.sampled_from(Priority), max_size=120), st.integers(1, 20), st.integers(0, 19))
def test_no_second_ever_sees_more_than_it_may(wanted: list[Priority], most: int, reserved: int) -> None:
    turns = turns_of(wanted, most, min(reserved, most - 1))
    assert len(turns) == len(wanted)
    for at, _ in turns:
        assert sum(at - SECOND < other <= at for other, _ in turns) <= most


def test_what_fits_passes_at_once() -> None:
    assert {at for at, _ in turns_of([Priority.DATA] * 35)} == {START}


def test_data_leave_room_for_orders() -> None:
    turns = turns_of([Priority.DATA] * 60 + [Priority.ORDER] * 10)
    assert [at for at, priority in turns if priority is Priority.ORDER] == [START] * 10
    assert sum(at == START for at, _ in turns) == 45


def test_an_order_overtakes_what_waits() -> None:
    turns = turns_of([Priority.DATA] * 100 + [Priority.ACCOUNT] * 5 + [Priority.ORDER] * 12)
    later = [priority for at, priority in turns if at > START]
    assert later[:7] == [Priority.ORDER] * 2 + [Priority.ACCOUNT] * 5


def test_equals_pass_in_the_order_in_which_they_came() -> None:
    clock = ReplayClock(START)
    limiter = RateLimiter(clock, most=2, reserved=0)
    order: list[int] = []

    async def take(number: int) -> None:
        await limiter.turn(Priority.DATA)
        order.append(number)

    async def script() -> None:
        await asyncio.gather(*(take(number) for number in range(9)))

    asyncio.run(script())
    assert order == list(range(9))


def test_whoever_gives_up_takes_nobodys_place() -> None:
    async def script() -> list[tuple[datetime, Priority]]:
        clock = ReplayClock(START)
        limiter = RateLimiter(clock, most=1, reserved=0)
        await limiter.turn(Priority.DATA)
        patient = asyncio.ensure_future(passed(limiter, clock, [Priority.DATA]))
        hasty = asyncio.ensure_future(limiter.turn(Priority.ORDER))
        await asyncio.sleep(0)
        hasty.cancel()
        return await patient

    assert asyncio.run(script()) == [(START + SECOND, Priority.DATA)]


def test_room_that_is_all_reserved_is_refused() -> None:
    with pytest.raises(InputError, match="5 of 5 messages cannot be reserved"):
        RateLimiter(ReplayClock(START), most=5, reserved=5)
