"""Once a second: look at every portfolio, tell those who watch, and keep what was seen.

What the store does not take is kept here and brought to it when it is there again, so that the series has no gap. The
store is written in a thread: a disk that hangs holds up no answer. A clock that jumps is noticed by another one that
never does, and said; of two looks at the same second the first one counts.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bursar.adapters.store.snapshots import Snapshots
from bursar.desk.desk import Desk
from bursar.desk.monitor import rows_of

#: Seconds that wait for a store that is away; older ones are given up, and counted.
WAITING_MAX = 3_600
#: By how much the clock may be off against the one that only rises, and how long a jump is told.
JUMP_SECONDS, TOLD_SECONDS = 2.0, 60.0
#: How long a beat waits for the store.
HANGS_SECONDS = 0.5
#: How much room must be left on the disk.
ROOM_BYTES_MIN = 256 << 20


@dataclass(slots=True)
class Heartbeat:
    """The beat of one desk.

    ticks   seconds of a clock that only rises
    waits   beats that are not in the store yet
    lost    beats that no store took for so long that they were given up
    free    how many bytes are left where a folder is
    """

    desk: Desk
    ticks: Callable[[], float]
    snapshots: Snapshots | None = None
    free: Callable[[Path], int] = field(default=lambda folder: shutil.disk_usage(folder).free)
    waits: deque[Sequence[dict[str, object]]] = field(default_factory=deque)
    beats: int = 0
    lost: int = 0
    _bringing: asyncio.Task[None] | None = None
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
        self._mind_the_room()
        try:
            seen = desk.look()
        except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
            desk.degraded["monitor"] = str(error)
            return
        desk.degraded.back("monitor")
        self.beats += 1
        if seen is not None and self.snapshots is not None:
            second = int(seen.at.timestamp())
            if second > self._last:
                self._last = second
                self.waits.append(rows_of(seen))
                if len(self.waits) > WAITING_MAX:
                    self.waits.popleft()
                    self.lost += 1
        if self._bringing is None or self._bringing.done():
            self._bringing = asyncio.create_task(self._bring(self.snapshots))
        # A store that hangs is waited for no longer than the next beat may be late.
        await asyncio.wait({self._bringing}, timeout=HANGS_SECONDS)

    async def _keep(self, snapshots: Snapshots) -> None:
        """Bring what waits to the store, as far as it takes it."""
        while self.waits:
            rows: Any = self.waits[0]
            try:
                await asyncio.to_thread(snapshots.insert, rows)
            except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
                self.desk.degraded["store"] = str(error)
                return
            self.waits.popleft()
        self.desk.degraded.back("store")

    async def _bring(self, snapshots: Snapshots | None) -> None:
        """Bring everybody what they did not take, and see who is there again."""
        desk = self.desk
        await desk.settle()
        if desk.guard is not None:
            try:
                await asyncio.to_thread(desk.guard.people.find, "nobody")
            except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
                desk.degraded["people"] = str(error)
            else:
                desk.degraded.back("people")
        if snapshots is not None:
            await self._keep(snapshots)

    def _mind_the_room(self) -> None:
        desk = self.desk
        if desk.home is None:
            return
        free = self.free(desk.home)
        if free < ROOM_BYTES_MIN:
            desk.degraded["disk"] = f"{free / 2**20:,.0f} MiB are left; make room"
        else:
            desk.degraded.back("disk")

    def _mind_the_clock(self) -> None:
        wall, ticks = self.desk.now().timestamp(), self.ticks()
        if self._before is not None:
            off = (wall - self._before[0]) - (ticks - self._before[1])
            if abs(off) > JUMP_SECONDS:
                self._jumped_at = ticks
                self.desk.degraded["clock"] = f"it jumped by {off:.1f} seconds; see who sets it"
        if ticks - self._jumped_at > TOLD_SECONDS:
            self.desk.degraded.back("clock")
        self._before = wall, ticks
