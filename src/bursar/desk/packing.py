"""Days of seconds that are over go from the database into files, and old files away, while the desk serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bursar.adapters.store.snapshots import Snapshots
from bursar.desk.following import Pause, keep_on

#: How often it is seen whether a day is over.
LOOK_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Packer:
    """Keeps snapshots by their policy (``store.days_in_database`` and ``store.days_kept``)."""

    snapshots: Snapshots
    now: Callable[[], datetime]

    def pack(self) -> None:
        """Pack every day that is over, and delete what the policy does not keep any more. Blocks."""
        today = self.now().date()
        self.snapshots.archive(today)
        self.snapshots.purge(today)

    async def run(self, away: dict[str, str], pause: Pause = asyncio.sleep) -> None:
        """Pack until canceled."""
        await keep_on("days", self.pack, away, LOOK_SECONDS, pause)
