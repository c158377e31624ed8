"""How often a broker may be spoken to: so many messages in any second, orders before data.

IBKR drops who sends more than fifty messages a second. A plain queue would let a burst of data requests delay an
order for a second; here an order overtakes all that waits, and some of the room is kept free for orders alone.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import count

from bursar.errors import InputError
from bursar.ports import Clock

#: Below IBKR's limit of fifty, since what it counts and what we count may lie on either side of a second.
MESSAGES_MAX = 45
#: Of those, kept for orders.
RESERVED = 10
WINDOW = timedelta(seconds=1)


class Priority(IntEnum):
    """What goes first."""

    ORDER = 0
    ACCOUNT = 1
    DATA = 2


class RateLimiter:
    """Lets at most ``most`` messages pass in any ``window``, and all but ``reserved`` of them if they are no orders.

    clock  whose time the window is in: on a clock that is moved by waiting for it, nothing ever waits really
    """

    def __init__(
        self, clock: Clock, *, most: int = MESSAGES_MAX, reserved: int = RESERVED, window: timedelta = WINDOW
    ) -> None:
        if not 0 <= reserved < most:
            raise InputError(f"{reserved} of {most} messages cannot be reserved; some must be left for other ones")
        self._clock = clock
        self._most = most
        self._reserved = reserved
        self._window = window
        self._passed: deque[datetime] = deque()
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._number = count()
        self._usher: asyncio.Task[None] | None = None

    async def turn(self, priority: Priority) -> None:
        """Return when one message of ``priority`` may leave; those that wait leave by priority, then in order."""
        first = not self._waiting or priority < self._waiting[0][0]
        if first and self._room(priority):
            self._pass()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._number), turn))
        if self._usher is None or self._usher.done():
            self._usher = asyncio.create_task(self._let_in(), name="rate limiter")
        await turn

    async def _let_in(self) -> None:
        """Call those who wait, as room appears."""
        while self._waiting:
            priority, _, turn = self._waiting[0]
            if turn.done():  # whoever waited was canceled
                heapq.heappop(self._waiting)
            elif self._room(priority):
                heapq.heappop(self._waiting)
                self._pass()
                turn.set_result(None)
            else:
                await asyncio.sleep(0)  # whoever was called leaves before time goes on
                await self._clock.sleep_until(self._passed[0] + self._window)

    def _room(self, priority: Priority) -> bool:
        horizon = self._clock.now() - self._window
        while self._passed and self._passed[0] <= horizon:
            self._passed.popleft()
        return len(self._passed) < self._most - (0 if priority is Priority.ORDER else self._reserved)

    def _pass(self) -> None:
        self._passed.append(self._clock.now())
