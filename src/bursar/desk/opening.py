"""A desk whose database was away when it started: what a start does there is done as soon as that is possible.

Until then it serves what needs no database: health, and what the journal says to nobody yet, since nobody can be known.
Nothing is traded, since nobody can be granted the lease. `bursar kill` works, as its switch is a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bursar.adapters.store.database import migrate
from bursar.config.settings import Store
from bursar.desk.desk import Desk
from bursar.desk.following import Pause
from bursar.desk.guard.beginning import Begun, begin
from bursar.desk.guard.kept import Kept

#: How long a database that is away is left alone.
AGAIN_SECONDS = 5.0


def _nobody(_: Begun) -> None:
    return None


@dataclass(slots=True)
class Opening:
    """Opens a database as soon as it serves. tell: told what came of it, a password to be used once among it."""

    home: Path
    store: Store
    there: Kept
    desk: Desk
    tell: Callable[[Begun], None] = field(default=_nobody)

    def open(self) -> Begun:
        """Lay the tables out, and let in who may come in. Blocks. Raises AwayError where the database is away still."""
        migrate(self.there.tables)
        return begin(self.home, self.store, self.there.guard)

    async def run(self, away: dict[str, str], pause: Pause = asyncio.sleep) -> None:
        """Try until it serves."""
        begun: Begun | None = None
        while begun is None:
            try:
                begun = await asyncio.to_thread(self.open)
            except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
                away["people"] = str(error)
                await pause(AGAIN_SECONDS)
        away.pop("people", None)
        self.tell(begun)
        if begun.events:
            await self.desk.note_whatever("first start", begun.what, {})
            self.desk.owed += begun.events
            await self.desk.settle()
