"""The journals that the suite runs over, each in a place of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.memory import MemoryJournal, QuietJournal
from bursar.adapters.store.journal import StoreJournal
from bursar.adapters.store.sealing import Cipher, new_key
from bursar.domain.events import Event
from bursar.ports import Recorded
from tests import databases


class Opened(Protocol):
    """A journal as the suite uses it."""

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]: ...

    def read(self, first: int = 1) -> Iterator[Recorded]: ...


def memory(_folder: Path) -> Iterator[Opened]:
    yield MemoryJournal()


def quiet(_folder: Path) -> Iterator[Opened]:
    yield QuietJournal()


def sqlite(folder: Path) -> Iterator[Opened]:
    journal = SQLiteJournal(folder / "journal.db")
    yield journal
    journal.close()


def sqlite_sealed(folder: Path) -> Iterator[Opened]:
    journal = SQLiteJournal(folder / "journal.db", Cipher.from_text(new_key()))
    yield journal
    journal.close()


def store_on_sqlite(folder: Path) -> Iterator[Opened]:
    for url in databases.sqlite(folder):
        yield from _in_database(url, folder, None)


def postgresql(folder: Path) -> Iterator[Opened]:
    for url in databases.postgres(folder):
        yield from _in_database(url, folder, None)


def postgresql_sealed(folder: Path) -> Iterator[Opened]:
    for url in databases.postgres(folder):
        yield from _in_database(url, folder, Cipher.from_text(new_key()))


def _in_database(url: str, folder: Path, cipher: Cipher | None) -> Iterator[Opened]:
    journal = StoreJournal(url, folder / "journal.head", cipher)
    yield journal
    journal.close()


#: Journals that make their bytes at once, and so notice at once what cannot be written down.
WRITING = [memory, sqlite, sqlite_sealed, store_on_sqlite, postgresql, postgresql_sealed]
#: Every journal that there is.
JOURNALS = [*WRITING, quiet]
