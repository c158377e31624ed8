"""Where the tables are kept, and how they are made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from bursar.adapters.journal import read
from bursar.adapters.store import projections, timescale
from bursar.adapters.store.database import connect, explained, migrate, shown, sqlite_url
from bursar.adapters.store.journal import StoreJournal, last
from bursar.adapters.store.sealing import Cipher
from bursar.adapters.store.tables import PROJECTIONS
from bursar.errors import InputError
from bursar.ports import Recorded
from bursar.runtime.shared import url_of

#: The tables' file beside a journal, unless another place is named.
STORE_NAME = "store.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What was made: from how many events, where, how many rows in each table, and what there is to remark."""

    events: int
    database: str
    rows: Mapping[str, int]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class _JournalFile:
    """A journal that is only looked at: a run may be writing it."""

    path: Path
    cipher: Cipher | None

    def read(self, first: int = 1) -> Iterator[Recorded]:
        return read(self.path, first, self.cipher)


def rebuild(journal: Path, database: str | None, cipher: Cipher | None = None) -> Rebuilt:
    """Make the tables in ``database`` (a URL or a file) anew; ``cipher`` opens the journal and seals accounts' names.

    They are made from the journal at ``journal``; where the database itself holds a journal, from that one, whose head
    is then at ``journal``.
    """
    url = sqlite_url(journal.with_name(STORE_NAME)) if database is None else url_of(database)
    engine = connect(url)
    try:
        if database is None and not journal.is_file():
            raise InputError(f"no journal at {journal}; a run makes one")
        migrate(engine)
        with explained(engine), engine.connect() as connection:
            within = last(connection).sequence
        if within:
            with closing(StoreJournal(url, journal, cipher)) as source:
                events = projections.rebuild(engine, source, cipher)
        else:
            events = projections.rebuild(engine, _JournalFile(journal, cipher), cipher)
        with explained(engine), engine.connect() as connection:
            rows = {
                shape.__tablename__: connection.execute(select(func.count()).select_from(shape)).scalar_one()
                for shape in PROJECTIONS
            }
        return Rebuilt(events=events, database=shown(engine), rows=rows, remark=timescale.remark(engine))
    finally:
        engine.dispose()
