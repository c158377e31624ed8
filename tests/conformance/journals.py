"""The journals that the suite runs over, each in a place of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.memory import MemoryJournal
from bursar.domain.events import Event
from bursar.ports import Recorded


class Opened(Protocol):
    """A journal as the suite uses it."""

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]: ...

    def read(self, first: int = 1) -> Iterator[Recorded]: ...


def memory(_folder: Path) -> Iterator[Opened]:
    yield MemoryJournal()


def sqlite(folder: Path) -> Iterator[Opened]:
    journal = SQLiteJournal(folder / "journal.db")
    yield journal
    journal.close()
