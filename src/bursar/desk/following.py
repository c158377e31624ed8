"""The tables, kept in step with the journal while the desk serves.

Whoever names a database (``store.database``) finds the nine tables there, a second after each commit. The loop that
trades is another process and waits for nothing here: what it has committed is read after it, in a thread, and written
together with how far it goes. A service that is killed goes on from there; a database that is away is said to be
away, and is brought up to date when it is back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from bursar.adapters.store.database import connect, migrate, shown
from bursar.adapters.store.projections import Projector, Readable, rebuild
from bursar.adapters.store.sealing import Cipher
from bursar.errors import LedgerError
from bursar.runtime.shared import url_of

#: How often the journal is looked at, and how long a database that is away is left alone.
LOOK_SECONDS, AGAIN_SECONDS = 1.0, 30.0

Pause = Callable[[float], Awaitable[None]]


class Work(Protocol):
    """What goes on beside the desk until it is canceled."""

    async def run(self, away: dict[str, str]) -> None: ...


_log = logging.getLogger("bursar.tables")


class Follower:
    """Follows one journal into the tables of the database that is ``named``, a URL or a file.

    Raises InputError for a URL that names no database we know; whether it is there is seen later.
    """

    def __init__(self, named: str, journal: Readable, cipher: Cipher | None = None) -> None:
        self.engine = connect(url_of(named))
        self._journal = journal
        self._cipher = cipher
        self._projector: Projector | None = None

    def follow(self) -> int:
        """Bring the tables to the journal's end, and return how many events that took. Blocks.

        Tables of another journal are made anew: they say nothing that a journal does not.
        """
        if next(iter(self._journal.read()), None) is None:
            return 0  # no run has begun, or its disk is away: what is in the tables stays
        if self._projector is None:
            migrate(self.engine)
            self._projector = Projector(self.engine, self._cipher)
        try:
            return self._projector.catch_up(self._journal)
        except LedgerError:
            events = rebuild(self.engine, self._journal, self._cipher)
            self._projector = Projector(self.engine, self._cipher)
            _log.warning("%s held the tables of another journal; they were made anew", shown(self.engine))
            return events

    async def run(self, away: dict[str, str], pause: Pause = asyncio.sleep) -> None:
        """Follow until canceled."""
        await keep_on("tables", self.follow, away, LOOK_SECONDS, pause)


async def keep_on(part: str, work: Callable[[], object], away: dict[str, str], every: float, pause: Pause) -> None:
    """Do ``work`` in a thread, ``every`` so many seconds; what stops it is told in ``away``, and it is tried again."""
    while True:
        try:
            await asyncio.to_thread(work)
        except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
            away[part] = str(error)
            await pause(AGAIN_SECONDS)
        else:
            away.pop(part, None)
            await pause(every)
