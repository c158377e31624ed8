"""The reserve: where events go while the journal is away and an account is being closed.

Nothing acts on what is not written down. So long as nobody has ordered a kill, a journal that cannot be written stops
everything. A kill must go on: its events are written to a file in the run's folder, synced, and moved into the journal
as soon as that can be written again, in their order. Whoever starts again reads them behind the journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bursar.domain.events import Event
from bursar.domain.record import decode, encode
from bursar.errors import BursarError, InputError, LeaseLostError
from bursar.ports import Journal, Recorded


class JournalAwayError(InputError):
    """The journal cannot be written now; nothing was done, and the same may succeed later."""


class Reserve:
    """Satisfies ``ports.Journal`` over another one, which may go away.

    path     of the file that holds what the journal does not have yet
    allowed  says whether events may be kept there: True while a kill is in force or ordered
    """

    def __init__(self, journal: Journal, path: Path, allowed: Callable[[], bool]) -> None:
        self._journal = journal
        self._path = path
        self._allowed = allowed
        self._waiting: list[Event] = []
        self._last = 0
        if path.is_file():
            self._waiting = [decode(line) for line in path.read_bytes().splitlines() if line]

    @property
    def away(self) -> bool:
        """True while something waits to be journalled."""
        return bool(self._waiting)

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        """Commit ``events``, and what waited before them; to the file where the journal is away and a kill goes on.

        Raises JournalAwayError where it is away and nothing must go on.
        """
        try:
            await self._move()
            recorded = await self._journal.append(events)
        except LeaseLostError:
            raise  # another process trades, and whatever is in force there it is for that one to carry out
        except (BursarError, OSError) as error:
            if not self._allowed():
                if isinstance(error, OSError | InputError):
                    raise JournalAwayError(str(error)) from error
                raise
            return self._keep(events)
        if recorded:
            self._last = recorded[-1].sequence
        return recorded

    def read(self, first: int = 1) -> Iterator[Recorded]:
        """The journal, and behind it what waits to get there, under the numbers that it will have."""
        for recorded in self._journal.read():
            self._last = recorded.sequence
            if recorded.sequence >= first:
                yield recorded
        for place, event in enumerate(self._waiting, self._last + 1):
            if place >= first:
                yield Recorded(place, event, b"")

    async def _move(self) -> None:
        """Bring what waited into the journal. Repeating that after a crash does no harm: it knows its events by id."""
        if self._waiting:
            moved = await self._journal.append(self._waiting)
            self._last = moved[-1].sequence if moved else self._last
            self._waiting = []
            self._path.unlink(missing_ok=True)

    def _keep(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        known = {event.event_id for event in self._waiting}
        new = [event for event in events if event.event_id not in known]
        if new:
            with self._path.open("ab") as file:
                file.write(b"".join(encode(event) + b"\n" for event in new))
                file.flush()
                os.fsync(file.fileno())
        self._waiting += new
        first = self._last + len(self._waiting) - len(new) + 1
        return tuple(Recorded(place, event, b"") for place, event in enumerate(new, first))
