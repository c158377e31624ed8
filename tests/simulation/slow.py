"""Things that take time, so that a process can die in the middle of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence

from bursar.adapters.memory import MemoryJournal
from bursar.adapters.simulated import SimulatedBroker
from bursar.domain.events import Event
from bursar.domain.orders import ApprovedOrder
from bursar.ports import Recorded


class SlowDisk(MemoryJournal):
    """A journal on a disk: what was not yet synced when power failed is gone, what was is there.

    Between the call and the sync nothing is kept; between the sync and the answer everything is.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        await asyncio.sleep(self._random.uniform(0, 0.01))
        recorded = await super().append(events)
        await asyncio.sleep(self._random.uniform(0, 0.01))
        return recorded

    def data(self) -> Iterator[bytes]:
        """What is on the disk, event by event."""
        return (data for _, data in self._held.values())


class SlowLine(SimulatedBroker):
    """A broker behind a line: an order may be lost on its way, and so may the news that it arrived."""

    async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
        await asyncio.sleep(0.005)
        await super().place(approved, held=held)
        await asyncio.sleep(0.005)
