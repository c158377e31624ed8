"""The journal on disk: one SQLite file to which events are only ever added, and one line beside it.

An event is stored as the canonical bytes of ``domain/record.py`` with a digest that chains it to the one
before, so that nothing can be changed, taken out or put in without every later digest being wrong. Whoever
edits the file could compute those anew; therefore the last digest is also kept outside, in ``<file>.head``,
which belongs on another disk or in a log that nobody can edit. ``verify`` compares all of it.

SQLite is used bare, without SQLAlchemy: there is one table, and what matters is exactly where a transaction
ends and when the disk is told. The file is in WAL mode with ``synchronous=FULL``: when ``append`` returns,
the events survive a power cut. One thread writes, in the order of the calls; the loop only waits.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bursar.adapters.store.sealing import EVENT, MARK, TEXT_MARK, Cipher, opened, sealed, text_opened, text_sealed
from bursar.domain.events import Event
from bursar.domain.record import GENESIS, decode, encode, link
from bursar.errors import InputError, LedgerError
from bursar.ports import Recorded

#: Version of the file's own layout; the events in it carry versions of their own.
LAYOUT = 1
#: "Burs" in ASCII: marks the file as ours, for ``file`` and for ``open``.
APPLICATION_ID = 0x42757273

SCHEMA = """
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    bytes    BLOB NOT NULL,
    digest   BLOB NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the sequence number of the last event, 0 for none, and the digest there."""

    sequence: int = 0
    digest: bytes = GENESIS

    @property
    def line(self) -> str:
        """As the head's file has it, always of one length."""
        return f"{self.sequence:020d} {self.digest.hex()}\n"


class SQLiteJournal:
    """The journal in the SQLite file at ``path``, which is made if it does not exist.

    Raises LedgerError when the file is damaged, ends before its head, or was written by a newer Bursar,
    and InputError when it cannot be opened or written, or is sealed and ``cipher`` does not open it.
    """

    def __init__(self, path: Path, cipher: Cipher | None = None) -> None:
        self.path = path
        self._cipher = cipher
        self._anchor = Anchor(head_path(path))
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(path)
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._may_write: Callable[[], None] | None = None

    def _open(self) -> None:
        """Lay out a new file, or see that an old one is ours, not too new, and the one of its head.

        While nobody commits: the head of another program may be made, or lag behind, at this very moment.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables:
            _check_layout(self._connection, self.path)
        else:
            self._connection.execute(SCHEMA)
            self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version={LAYOUT}")
        _meet(self._connection, self._anchor.read(), self.path)
        end = self._connection.execute("SELECT event_id, bytes FROM journal ORDER BY sequence DESC LIMIT 1").fetchone()
        if end is not None:
            unsealed(end[0], end[1], self._cipher)  # what comes after a sealed event is never written in clear text
        self._anchor.write(_last(self._connection))
        self._connection.execute("COMMIT")

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        """Commit ``events`` together and return those that were new; see ``ports.Journal``."""
        encoded = [(event, sealed(self._cipher, encode(event), event.event_id)) for event in events]
        loop = asyncio.get_running_loop()
        # Shielded: once handed over the events will be committed, and whoever is canceled must not believe otherwise.
        return await asyncio.shield(loop.run_in_executor(self._writer, self._commit, encoded))

    def fence(self, may_write: Callable[[], None]) -> None:
        """From now on ask ``may_write`` within each transaction; where it raises, nothing is written.

        Opening a journal waits for the transaction of whoever writes. So a successor that was granted the lease first
        and opens the journal then has read all that its predecessor could ever write.
        """
        self._may_write = may_write

    def read(self, first: int = 1) -> Iterator[Recorded]:
        """Events from ``first`` on, as committed when the reading began."""
        return read(self.path, first, self._cipher)

    def close(self) -> None:
        """Finish what was handed over and let go of the file."""
        self._writer.shutdown(wait=True)
        self._connection.close()
        self._anchor.close()

    def _commit(self, encoded: Sequence[tuple[Event, bytes]]) -> tuple[Recorded, ...]:
        """One transaction; in the writer's thread."""
        with _explained(self.path):
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._may_write is not None:
                    self._may_write()
                recorded = _insert(connection, encoded, self._cipher)
                connection.execute("COMMIT")
            except BaseException:
                # A full disk has ended the transaction already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if recorded:
                self._anchor.write(Head(recorded[-1].sequence, recorded[-1].digest))
            return recorded


def head_path(journal: Path) -> Path:
    """Where the last digest of ``journal`` is kept."""
    return journal.with_name(journal.name + ".head")


def read(path: Path, first: int = 1, cipher: Cipher | None = None) -> Iterator[Recorded]:
    """Events of the journal at ``path`` from ``first`` on, for those who only look: nothing is locked or changed.

    Raises InputError when there is no journal or it needs a key, LedgerError for an event that does not read.
    """
    for row in stored(path, first):
        yield read_row(row, cipher)


def last(path: Path, cipher: Cipher | None = None) -> Recorded | None:
    """The last event of the journal at ``path``; None where it holds none, or is not there. Errors as in ``read``."""
    if not path.is_file():
        return None
    head = Anchor.parse(head_path(path))
    # The head lags behind by the commit that is under way, never by more.
    return max(read(path, head.sequence if head else 1, cipher), key=lambda each: each.sequence, default=None)


def read_row(row: tuple[int, str, bytes, bytes], cipher: Cipher | None = None) -> Recorded:
    """A stored row (sequence, event id, bytes, digest) read. A LedgerError names its place."""
    sequence, kept, data, digest = row
    try:
        return Recorded(sequence, decode(unsealed(kept, data, cipher)[1]), digest)
    except LedgerError as error:
        raise LedgerError(str(error), sequence=sequence) from error


def unsealed(kept: str, data: bytes, cipher: Cipher | None) -> tuple[str, bytes]:
    """An event's id and bytes from what is stored of them. Raises InputError where another key is needed, or any."""
    event_id = text_opened(cipher, kept, EVENT)
    return event_id, opened(cipher, data, event_id)


def stored(path: Path, first: int = 1) -> Iterator[tuple[int, str, bytes, bytes]]:
    """(sequence, event id, bytes, digest) as they are stored, from ``first`` on. Errors as in ``read``."""
    if not path.is_file():
        raise InputError(f"no journal at {path}; a run makes one")
    with _explained(path), closing(_connect(path, readonly=True)) as connection:
        if _unfinished(connection, path):
            return
        _check_layout(connection, path)
        # Whoever edits a cell by hand may leave text where bytes were; it is read all the same, and found.
        yield from connection.execute(
            "SELECT sequence, event_id, CAST(bytes AS BLOB), CAST(digest AS BLOB) FROM journal "
            "WHERE sequence >= ? ORDER BY sequence",
            (first,),
        )


def verify(path: Path) -> Head:
    """Read the journal at ``path`` from its beginning and return its end, or raise what is wrong with it.

    Raises LedgerError that names the first event that was edited, removed or inserted, and InputError when
    there is no journal. Changes nothing.
    """
    return verify_rows(stored(path), Anchor.parse(head_path(path)), str(path))


def verify_rows(rows: Iterator[tuple[int, str, bytes, bytes]], anchor: Head | None, name: str) -> Head:
    """``verify`` for rows of (sequence, event id, bytes, digest) from any store; ``anchor`` is kept outside of it."""
    head = Head()
    for sequence, event_id, data, digest in rows:
        if sequence != head.sequence + 1:
            raise LedgerError(f"it was removed from {name}", sequence=head.sequence + 1)
        if link(head.digest, data) != digest:
            said = "a sealed event" if event_id.startswith(TEXT_MARK) else event_id
            raise LedgerError(
                f"{said} in {name} was edited or inserted, or one was removed before it", sequence=sequence
            )
        if not data.startswith(MARK) and read_row((sequence, event_id, data, digest)).event.event_id != event_id:
            raise LedgerError(f"{event_id} in {name} was filed under another id than its own", sequence=sequence)
        head = Head(sequence, digest)
        if anchor is not None and anchor.sequence == sequence and anchor.digest != digest:
            raise LedgerError(
                f"{name} was rebuilt at or before it: its digest is not the one in the head", sequence=sequence
            )
    if anchor is None:
        raise LedgerError(
            f"{name} has no head beside it, so that nobody knows whether its end was cut off; restore both"
        )
    if anchor.sequence > head.sequence:
        raise LedgerError(
            f"it was removed from the end of {name}, which its head places at {anchor.sequence}",
            sequence=head.sequence + 1,
        )
    return head


def _connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """A connection with transactions begun and ended by hand; the journal's only writer is its own thread."""
    uri = f"{path.absolute().as_uri()}?mode={'ro' if readonly else 'rwc'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0)
    if not readonly:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    return connection


def _unfinished(connection: sqlite3.Connection, path: Path) -> bool:
    """True for a journal that another process lays out at this moment: its head is there, and says that it is empty."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not tables and Anchor.parse(head_path(path)) == Head()


def _check_layout(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise InputError(f"{path} is a database, but not a journal of Bursar; name another file")
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if layout > LAYOUT:
        raise LedgerError(f"journal {path} has layout {layout}, this Bursar knows {LAYOUT}; open it with a newer one")


def _last(connection: sqlite3.Connection) -> Head:
    row = connection.execute("SELECT sequence, digest FROM journal ORDER BY sequence DESC LIMIT 1").fetchone()
    return Head(*row) if row else Head()


def _meet(connection: sqlite3.Connection, anchor: Head | None, path: Path) -> None:
    """See that the chain passes through its anchor. It may go on: the anchor is written after the commit."""
    last = _last(connection)
    if anchor is None:
        if last.sequence:
            raise LedgerError(f"journal {path} has lost its head ({head_path(path).name}); restore both from a backup")
        return
    if anchor.sequence == 0:
        return
    row = connection.execute("SELECT digest FROM journal WHERE sequence = ?", (anchor.sequence,)).fetchone()
    if row is None:
        raise LedgerError(
            f"journal {path} ends at event {last.sequence}, but {anchor.sequence} were committed; restore a backup"
        )
    if row[0] != anchor.digest:
        raise LedgerError(f"journal {path} is not the one of its head; run `bursar audit`", sequence=anchor.sequence)


def _insert(
    connection: sqlite3.Connection, encoded: Sequence[tuple[Event, bytes]], cipher: Cipher | None
) -> tuple[Recorded, ...]:
    """Add the events that are new, within the caller's transaction."""
    head, recorded = _last(connection), []
    for event, data in encoded:
        # A journal that was begun without a key holds its first events under their own ids.
        kept = text_sealed(cipher, event.event_id, EVENT)
        held = connection.execute(
            "SELECT sequence, bytes FROM journal WHERE event_id IN (?, ?)", (event.event_id, kept)
        ).fetchone()
        if held is not None:
            refuse_other(event, held[0], opened(cipher, held[1], event.event_id))
            continue
        head = Head(head.sequence + 1, link(head.digest, data))
        connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", (head.sequence, kept, data, head.digest))
        recorded.append(Recorded(head.sequence, event, head.digest))
    return tuple(recorded)


def refuse_other(event: Event, sequence: int, held: bytes) -> None:
    """Raise LedgerError unless ``event`` repeats what is held under the same id: byte for byte, or once brought up."""
    if held != encode(event) and decode(held) != event:
        raise LedgerError(
            f"{event.event_id} is held already and says something else ({held.decode()[:200]}); "
            "an event never changes, correct it by another",
            sequence=sequence,
        )


class _explained:  # noqa: N801  # used as a statement: ``with _explained(path):``
    """Turns what SQLite and the system say about ``path`` into an error that says what to do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case sqlite3.DatabaseError(sqlite_errorcode=sqlite3.SQLITE_FULL) | OSError(errno=28):
                said = "no space left; make room on its disk and start again"
            case sqlite3.DatabaseError(sqlite_errorcode=sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB):
                raise LedgerError(f"journal {self.path} is damaged ({error}); restore it from a backup") from error
            case sqlite3.DatabaseError() | OSError():
                said = f"{error}; see that the disk is sound and that the folder is yours to write"
            case _:
                return
        raise InputError(f"journal {self.path} cannot be written: {said}") from error


class Anchor:
    """The line with the head, overwritten in place: it lies within one sector of the disk and never grows.

    It is not synced at each commit. After a power cut it may be older than the journal, never newer.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1

    @staticmethod
    def parse(path: Path) -> Head | None:
        """The head at ``path``, or None where there is no such file."""
        try:
            sequence, digest = path.read_text("ascii").split()
            return Head(int(sequence), bytes.fromhex(digest))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise LedgerError(f"{path} does not hold a head; restore it with its journal from a backup") from error

    def read(self) -> Head | None:
        return self.parse(self.path)

    def write(self, head: Head) -> None:
        if self._file < 0:
            self._create(head)
            self._file = os.open(self.path, os.O_WRONLY)
        os.pwrite(self._file, head.line.encode("ascii"), 0)

    def _create(self, head: Head) -> None:
        """Make the file, unless it is there: whole from its first moment, since others may read it."""
        whole = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        whole.write_text(head.line, "ascii")
        whole.chmod(0o600)
        try:
            os.link(whole, self.path)
        except FileExistsError:
            pass
        finally:
            whole.unlink()

    def close(self) -> None:
        os.fsync(self._file)
        os.close(self._file)
