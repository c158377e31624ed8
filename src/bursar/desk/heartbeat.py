"""Once a second: look at every portfolio, tell those who watch, and keep what was seen.

What the store does not take is kept here and brought to it when it is there again, so that the series has no gap. The
store is written in a thread: a disk that hangs holds up no answer. A clock that jumps is noticed by another one that
never does, and said; of two looks at the same second the first one counts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bursar.adapters.store.snapshots import Snapshots
from bursar.desk.desk import Desk
from bursar.desk.monitor import rows_of

#: Seconds that wait for a store that is away; older ones are given up, and counted.
WAITING_MAX = 3_600
#: By how much the clock may be off against the one that only rises, and how long a jump is told.
JUMP_SECONDS, TOLD_SECONDS = 2.0, 60.0


@dataclass(slots=True)
class Heartbeat:
    """The beat of one desk.

    ticks   seconds of a clock that only rises
    waits   beats that are not in the store yet
    lost    beats that no store took for so long that they were given up
    """

    desk: Desk
    ticks: Callable[[], float]
    snapshots: Snapshots | None = None
    waits: deque[Sequence[dict[str, object]]] = field(default_factory=deque)
    beats: int = 0
    lost: int = 0
    _last: int = -1
    _before: tuple[float, float] | None = None
    _jumped_at: float = float("-inf")

    async def run(self) -> None:
        """Beat until canceled."""
        while True:
            await self.beat()
            await asyncio.sleep(1.0 - self.desk.now().microsecond / 1e6)

    async def beat(self) -> None:
        """One look. What goes wrong in it is said on /health, and tried again at the next."""
        desk = self.desk
        self._mind_the_clock()
        try:
            seen = desk.look()
        except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
            desk.degraded["monitor"] = " ".join(str(error).split())
            return
        desk.degraded.pop("monitor", None)
        self.beats += 1
        if seen is None or self.snapshots is None:
            return
        second = int(seen.at.timestamp())
        if second > self._last:
            self._last = second
            self.waits.append(rows_of(seen))
            if len(self.waits) > WAITING_MAX:
                self.waits.popleft()
                self.lost += 1
        await self._keep(self.snapshots)

    async def _keep(self, snapshots: Snapshots) -> None:
        """Bring what waits to the store, as far as it takes it."""
        while self.waits:
            rows: Any = self.waits[0]
            try:
                await asyncio.to_thread(snapshots.insert, rows)
            except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
                self.desk.degraded["store"] = " ".join(str(error).split())
                return
            self.waits.popleft()
        self.desk.degraded.pop("store", None)

    def _mind_the_clock(self) -> None:
        wall, ticks = self.desk.now().timestamp(), self.ticks()
        if self._before is not None:
            off = (wall - self._before[0]) - (ticks - self._before[1])
            if abs(off) > JUMP_SECONDS:
                self._jumped_at = ticks
                self.desk.degraded["clock"] = f"it jumped by {off:.1f} seconds; see who sets it"
        if ticks - self._jumped_at > TOLD_SECONDS:
            self.desk.degraded.pop("clock", None)
        self._before = wall, ticks
