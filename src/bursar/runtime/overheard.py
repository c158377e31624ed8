"""A journal to which others listen: what is committed is told to them at once, whoever committed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bursar.domain.events import Event
from bursar.ports import Journal, Recorded
from bursar.runtime.loop import Observer


class Overheard:
    """Satisfies ``ports.Journal`` over another one, for what the line and the loop both write."""

    def __init__(self, journal: Journal, observers: Sequence[Observer]) -> None:
        self._journal = journal
        self._observers = tuple(observers)

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        """Commit ``events``, and tell of those that were new."""
        recorded = await self._journal.append(events)
        for observer in self._observers:
            observer.committed(recorded)
        return recorded

    def read(self, first: int = 1) -> Iterator[Recorded]:
        """What is committed, from sequence number ``first`` on."""
        return self._journal.read(first)
