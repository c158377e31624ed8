"""The journal in a database, PostgreSQL above all: the same bytes, the same chain and the same head as in a file.

Writers take turns by a lock on the table, so that the chain has one end whoever writes. ``append`` returns when the
server has committed, which on PostgreSQL means that its disk was told (``synchronous_commit`` is set to be so for each
commit, whatever the server's default).

The head is kept in a file of ours, outside of the database: whoever can edit the table cannot edit that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select, text

from bursar.adapters.journal import Anchor, Head, read_row, refuse_other, unsealed, verify_rows
from bursar.adapters.store.database import connect, explained, for_writing, migrate, shown
from bursar.adapters.store.lease import check_fence
from bursar.adapters.store.sealing import EVENT, Cipher, opened, sealed, text_sealed
from bursar.adapters.store.tables import JournalRow
from bursar.domain.events import Event
from bursar.domain.record import encode, link
from bursar.errors import LedgerError
from bursar.ports import Grant, Recorded

#: Rows that are fetched at a time while reading.
BATCH = 5_000


class StoreJournal:
    """The journal in the database at ``url``, whose head is kept at ``head``.

    Raises LedgerError when it ends before its head or belongs to another, and InputError when the database cannot be
    reached, or the journal is sealed and ``cipher`` does not open it.
    """

    def __init__(self, url: str, head: Path, cipher: Cipher | None = None) -> None:
        self.engine = connect(url)
        self._cipher = cipher
        self._grant: Grant | None = None
        self._anchor = Anchor(head)
        try:
            migrate(self.engine)
            head.parent.mkdir(parents=True, exist_ok=True)
            # While nobody commits: the head of another program may be made, or lag behind, at this very moment.
            with explained(self.engine), for_writing(self.engine).begin() as connection:
                _take_turns(connection)
                end = meet(connection, self._anchor.read(), shown(self.engine))
                for _, event_id, data, _ in rows(connection, max(end.sequence, 1)):
                    unsealed(event_id, data, cipher)  # what comes after a sealed event is never written in clear text
                self._anchor.write(end)
        except BaseException:
            self.engine.dispose()
            raise
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        """Commit ``events`` together and return those that were new; see ``ports.Journal``."""
        encoded = [(event, sealed(self._cipher, encode(event), event.event_id)) for event in events]
        loop = asyncio.get_running_loop()
        # Shielded: once handed over the events will be committed, and whoever is canceled must not believe otherwise.
        return await asyncio.shield(loop.run_in_executor(self._writer, self._commit, encoded))

    def fence(self, grant: Grant) -> None:
        """From now on commit only while ``grant`` is the latest of its account; see ``lease``."""
        self._grant = grant

    def read(self, first: int = 1) -> Iterator[Recorded]:
        """Events from ``first`` on, as committed when the reading began."""
        with explained(self.engine), self.engine.connect() as connection, closing(rows(connection, first)) as found:
            for row in found:
                yield read_row(row, self._cipher)

    def verify(self) -> Head:
        """Read everything and return the end, or raise LedgerError that names the first event that was touched."""
        return verify_database(self.engine, self._anchor.path)

    def close(self) -> None:
        """Finish what was handed over and let go of the database."""
        self._writer.shutdown(wait=True)
        self.engine.dispose()
        self._anchor.close()

    def _commit(self, encoded: Sequence[tuple[Event, bytes]]) -> tuple[Recorded, ...]:
        """One transaction; in the writer's thread."""
        with explained(self.engine), for_writing(self.engine).begin() as connection:
            _take_turns(connection)
            if self._grant is not None:
                check_fence(connection, self._grant, self._cipher)
            recorded = self._insert(connection, encoded)
        if recorded:
            self._anchor.write(Head(recorded[-1].sequence, recorded[-1].digest))
        return recorded

    def _insert(self, connection: Connection, encoded: Sequence[tuple[Event, bytes]]) -> tuple[Recorded, ...]:
        # A journal that was begun without a key holds its first events under their own ids.
        names = {text_sealed(self._cipher, event.event_id, EVENT): event.event_id for event, _ in encoded}
        ids = {*names, *names.values()}
        found = connection.execute(
            select(JournalRow.event_id, JournalRow.sequence, JournalRow.data).where(JournalRow.event_id.in_(ids))
        )
        held = {names.get(kept, kept): (sequence, data) for kept, sequence, data in found}
        head, recorded, values = last(connection), [], []
        for event, data in encoded:
            if event.event_id in held:
                sequence, before = held[event.event_id]
                refuse_other(event, sequence, opened(self._cipher, before, event.event_id))
                continue
            head = Head(head.sequence + 1, link(head.digest, data))
            held[event.event_id] = head.sequence, data
            kept = text_sealed(self._cipher, event.event_id, EVENT)
            values.append({"sequence": head.sequence, "event_id": kept, "bytes": data, "digest": head.digest})
            recorded.append(Recorded(head.sequence, event, head.digest))
        if values:
            connection.execute(insert(JournalRow), values)
        return tuple(recorded)


def rows(connection: Connection, first: int = 1) -> Generator[tuple[int, str, bytes, bytes]]:
    """(sequence, event id, bytes, digest) from ``first`` on, a batch at a time."""
    statement = (
        select(JournalRow.sequence, JournalRow.event_id, JournalRow.data, JournalRow.digest)
        .where(JournalRow.sequence >= first)
        .order_by(JournalRow.sequence)
        .execution_options(yield_per=BATCH)
    )
    with closing(connection.execute(statement)) as found:
        for sequence, event_id, data, digest in found:
            yield sequence, event_id, bytes(data), bytes(digest)


def last(connection: Connection) -> Head:
    """The end of the journal in this database."""
    statement = select(JournalRow.sequence, JournalRow.digest).order_by(JournalRow.sequence.desc()).limit(1)
    row = connection.execute(statement).first()
    return Head(row.sequence, bytes(row.digest)) if row else Head()


def meet(connection: Connection, anchor: Head | None, name: str) -> Head:
    """See that the chain passes through its anchor, and return its end; it may go on behind it."""
    end = last(connection)
    if anchor is None:
        if end.sequence:
            raise LedgerError(f"the journal in {name} has lost its head; restore both from a backup")
        return end
    found = connection.execute(select(JournalRow.digest).where(JournalRow.sequence == anchor.sequence)).first()
    if anchor.sequence > end.sequence:
        raise LedgerError(
            f"the journal in {name} ends at event {end.sequence}, but {anchor.sequence} were committed; "
            "restore a backup"
        )
    if found is not None and bytes(found.digest) != anchor.digest:
        raise LedgerError(f"the journal in {name} is not the one of its head; audit it", sequence=anchor.sequence)
    return end


def _take_turns(connection: Connection) -> None:
    """Keep other writers out until this transaction ends. SQLite does so by itself, at its beginning."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL synchronous_commit = on"))
        connection.execute(text("LOCK TABLE journal IN EXCLUSIVE MODE"))


def verify_database(engine: Engine, head: Path) -> Head:
    """``verify`` for a journal in a database that nobody has open here."""
    with explained(engine), engine.connect() as connection, closing(rows(connection)) as found:
        return verify_rows(found, Anchor.parse(head), shown(engine))
