"""Where the desk keeps who may come in, and who changed that: in its tables, and in a journal in BURSAR_HOME."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.store.database import migrate
from bursar.adapters.store.people import StorePasses, StorePeople
from bursar.config.settings import Store
from bursar.desk.guard.guard import Guard
from bursar.errors import AwayError
from bursar.runtime import shared

#: The desk's own journal.
NOTES_NAME = "notes.sqlite"


@dataclass(frozen=True, slots=True)
class Kept:
    """Who may come in, the journal that says who changed it, and the desk's tables.

    away  why the tables' database does not serve; empty where it does
    """

    guard: Guard
    notes: SQLiteJournal
    tables: Engine
    away: str = ""


@contextmanager
def kept(home: Path, store: Store | None = None, *, patient: bool = False) -> Iterator[Kept]:
    """What is kept below ``home`` and in the database that ``store`` names, made where it is not there yet.

    patient  True to go on where the database is away, which Kept then says
    """
    store = store or Store()
    cipher = store.cipher()
    home.mkdir(parents=True, exist_ok=True)
    with closing(SQLiteJournal(home / NOTES_NAME, cipher)) as notes, shared.connected(home, store) as tables:
        away = ""
        try:
            migrate(tables)
        except AwayError as error:
            if not (patient and store.databases):
                raise
            away = str(error)
        guard = Guard(StorePeople(tables, cipher), StorePasses(tables), lambda: datetime.now(UTC))
        yield Kept(guard, notes, tables, away)
