"""Clocks: the wall's, and one that is moved by whoever replays the past."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bursar.errors import InputError

#: A long wait is cut into pieces: the machine may sleep, and its clock may be set, while we wait.
WAIT_SECONDS_MAX = 30.0


class WallClock:
    """The time of this machine, in UTC.

    read, wait  where the time comes from and how to wait so many seconds; tests give their own
    """

    def __init__(
        self,
        read: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read = read
        self._wait = wait

    def now(self) -> datetime:
        return self._read()

    async def sleep_until(self, at: datetime) -> None:
        """Return at ``at`` by this clock, or at once when it is past."""
        _utc(at)
        while (remaining := (at - self.now()).total_seconds()) > 0:
            await self._wait(min(remaining, WAIT_SECONDS_MAX))


class ReplayClock:
    """A clock that stands still until it is moved; waiting moves it and takes no time at all."""

    def __init__(self, start: datetime) -> None:
        _utc(start)
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, at: datetime) -> None:
        """Set the time. Raises InputError for a time before the present one: a replay never goes back."""
        _utc(at)
        if at < self._now:
            raise InputError(f"the replay stands at {self._now} and cannot go back to {at}")
        self._now = at

    async def sleep_until(self, at: datetime) -> None:
        """Move to ``at`` unless it is past, and let others run once."""
        _utc(at)
        self._now = max(self._now, at)
        await asyncio.sleep(0)


def _utc(at: datetime) -> None:
    if at.utcoffset() != timedelta(0):
        raise InputError(f"{at} is not in UTC; convert it at the edge")
