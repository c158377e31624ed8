"""Where the desk keeps who may come in, and its own journal of who changed that: two files in BURSAR_HOME."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.people import StorePasses, StorePeople
from bursar.adapters.store.sealing import Cipher
from bursar.desk.guard.guard import Guard

#: The desk's tables, and its journal.
STORE_NAME, NOTES_NAME = "desk.sqlite", "notes.sqlite"


@dataclass(frozen=True, slots=True)
class Kept:
    """Who may come in, and the journal that says who changed it."""

    guard: Guard
    notes: SQLiteJournal


@contextmanager
def kept(home: Path, cipher: Cipher | None = None) -> Iterator[Kept]:
    """What is kept below ``home``, made where it is not there yet."""
    home.mkdir(parents=True, exist_ok=True)
    with closing(SQLiteJournal(home / NOTES_NAME, cipher)) as notes:
        engine = connect(sqlite_url(home / STORE_NAME))
        try:
            migrate(engine)
            yield Kept(Guard(StorePeople(engine, cipher), StorePasses(engine), lambda: datetime.now(UTC)), notes)
        finally:
            engine.dispose()
