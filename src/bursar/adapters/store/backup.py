"""All of it in one file, and back: the journal as it is stored, its head, and the snapshots.

A backup is a tar archive that anybody can open: ``journal.db`` is itself a journal (with its head, so that it can be
audited where it lies), whatever the original was kept in; ``snapshots/`` holds a file a day. ``manifest.json`` names
each file's hash. The tables are not in it: they are made anew from the journal.

The stored bytes are copied as they are, so digests and seals hold: a sealed journal is sealed in its backup, needs no
key to be copied or audited, and opens with the same key where it is brought back. Where a key is given, it is tried.
A backup goes into a SQLite file or into a database by URL, into empty places only.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert

from bursar.adapters.journal import Anchor, Head, SQLiteJournal, head_path, stored, unsealed, verify
from bursar.adapters.store import journal as in_database
from bursar.adapters.store.database import connect, explained, for_writing, migrate, shown
from bursar.adapters.store.sealing import MARK, Cipher
from bursar.adapters.store.tables import JournalRow
from bursar.errors import InputError, LedgerError

#: Version of the archive's own layout.
LAYOUT = 1
JOURNAL, SNAPSHOTS, MANIFEST = "journal.db", "snapshots", "manifest.json"

#: Rows that are sent to a database at a time.
BATCH = 5_000

StoredRow = tuple[int, str, bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a journal and its snapshots are, or shall be.

    journal    a SQLite file, or where ``database`` is given the file of the head
    database   the URL of the database that holds the journal, or nothing
    snapshots  the folder of daily files
    """

    journal: Path
    snapshots: Path
    database: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a backup holds: the journal's end, the days of snapshots, and whether the journal ends sealed."""

    head: Head
    days: tuple[str, ...]
    sealed: bool = False


def backup(place: Place, target: Path, cipher: Cipher | None = None) -> Contents:
    """Write everything at ``place`` into ``target``, which must not exist; it appears whole or not at all.

    The journal is audited on the way: a journal that was tampered with raises LedgerError and makes no backup.
    Nothing needs a key to be copied; a ``cipher`` that does not open a sealed journal raises InputError.
    """
    if target.exists():
        raise InputError(f"{target} exists; a backup overwrites nothing, name another file")
    with TemporaryDirectory(prefix="bursar-backup-") as folder:
        copy = Path(folder) / JOURNAL
        head = _copied(place, copy)
        is_sealed = _tried(copy, head, cipher)
        days = sorted(place.snapshots.glob("*.parquet")) if place.snapshots.is_dir() else []
        members = [(JOURNAL, copy), (head_path(copy).name, head_path(copy))]
        members += [(f"{SNAPSHOTS}/{path.name}", path) for path in days]
        _pack(members, head, target)
    return Contents(head=head, days=tuple(path.stem for path in days), sealed=is_sealed)


def restore(source: Path, place: Place, cipher: Cipher | None = None) -> Contents:
    """Bring back what ``source`` holds to ``place``, where neither journal nor snapshots may be yet.

    Every file is compared with its hash and the journal is audited before anything is put in place. Raises LedgerError
    for a backup that is damaged, and InputError for a ``cipher`` that does not open a sealed one.
    """
    _empty(place)
    with TemporaryDirectory(prefix="bursar-restore-") as folder:
        names = _unpack(source, Path(folder))
        copy = Path(folder) / JOURNAL
        head = verify(copy)
        is_sealed = _tried(copy, head, cipher)
        if place.database:
            _into_database(stored(copy), place, head)
        else:
            _into_file(stored(copy), place.journal, head)
        days = [name for name in names if name.startswith(SNAPSHOTS + "/")]
        for name in days:
            place.snapshots.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).replace(place.snapshots / Path(name).name)
    return Contents(head=head, days=tuple(Path(name).stem for name in days), sealed=is_sealed)


def _tried(copy: Path, head: Head, cipher: Cipher | None) -> bool:
    """Whether the journal at ``copy`` ends sealed. A key is tried on it: whoever has the wrong one learns it now."""
    for _, event_id, data, _ in stored(copy, max(head.sequence, 1)):
        if data.startswith(MARK):
            if cipher is not None:
                unsealed(event_id, data, cipher)
            return True
    return False


# ---------------------------------------------------------------- the journal


def _copied(place: Place, copy: Path) -> Head:
    """The journal at ``place`` as a SQLite journal at ``copy``, audited."""
    if not place.database:
        verify(place.journal)
        return _into_file(stored(place.journal), copy, None)
    engine = connect(place.database)
    try:
        in_database.verify_database(engine, place.journal)
        with explained(engine), engine.connect() as connection, closing(in_database.rows(connection)) as rows:
            return _into_file(rows, copy, None)
    finally:
        engine.dispose()


def _into_file(rows: Iterable[StoredRow], path: Path, expected: Head | None) -> Head:
    """A new SQLite journal of ``rows``, as they are."""
    SQLiteJournal(path).close()
    head = Head()
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            for row in rows:
                connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", row)
                head = Head(row[0], row[3])
            _as_expected(head, expected, path)
    except sqlite3.Error as error:
        raise InputError(f"{path} cannot be written: {error}; make room or name another place") from error
    _anchored(head_path(path), head)
    return verify(path)


def _into_database(rows: Iterable[StoredRow], place: Place, head: Head) -> None:
    engine = connect(place.database)
    try:
        with explained(engine), for_writing(engine).begin() as connection:
            last, remaining = Head(), iter(rows)
            while batch := list(islice(remaining, BATCH)):
                values = [{"sequence": s, "event_id": i, "bytes": b, "digest": d} for s, i, b, d in batch]
                connection.execute(insert(JournalRow), values)
                last = Head(batch[-1][0], batch[-1][3])
            _as_expected(last, head, shown(engine))
        _anchored(place.journal, head)
        in_database.verify_database(engine, place.journal)
    finally:
        engine.dispose()


def _anchored(path: Path, head: Head) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(Anchor(path)) as anchor:
        anchor.write(head)


def _as_expected(head: Head, expected: Head | None, where: object) -> None:
    if expected is not None and head != expected:
        raise LedgerError(f"{where} received {head.sequence} events and not {expected.sequence}; the backup is damaged")


def _empty(place: Place) -> None:
    """See that nothing would be overwritten."""
    if place.journal.exists() or (place.snapshots.is_dir() and any(place.snapshots.iterdir())):
        raise InputError(f"{place.journal} or {place.snapshots} holds something already; restore into an empty place")
    if not place.database:
        return
    engine = connect(place.database)
    try:
        migrate(engine)
        with explained(engine), engine.connect() as connection:
            if in_database.last(connection).sequence:
                raise InputError(f"database {shown(engine)} holds a journal already; restore into an empty one")
    finally:
        engine.dispose()


# ---------------------------------------------------------------- the archive


def _pack(members: list[tuple[str, Path]], head: Head, target: Path) -> None:
    hashes = {name: _hash(path) for name, path in members}
    manifest = {"layout": LAYOUT, "events": head.sequence, "digest": head.digest.hex(), "files": hashes}
    data = json.dumps(manifest, indent=1, sort_keys=True).encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    written = target.with_name(target.name + ".part")
    try:
        with tarfile.open(written, "w:gz", compresslevel=6) as archive:
            about = tarfile.TarInfo(MANIFEST)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
            for name, path in members:
                archive.add(path, name, recursive=False)
        with written.open("rb") as file:
            os.fsync(file.fileno())
        written.replace(target)
    except OSError as error:
        written.unlink(missing_ok=True)
        raise InputError(
            f"backup {target} cannot be written: {error.strerror}; make room or name another place"
        ) from error


def _unpack(source: Path, folder: Path) -> list[str]:
    """Put the archive's files into ``folder`` and compare each with its hash; returns their names."""
    try:
        with tarfile.open(source, "r:*") as archive:
            archive.extractall(folder, filter="data")
        manifest = json.loads((folder / MANIFEST).read_text())
        layout, hashes = manifest["layout"], manifest["files"]
    except FileNotFoundError as error:
        raise InputError(f"no backup at {source}") from error
    except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"{source} is not a backup, or a damaged one: {error}") from error
    if layout > LAYOUT:
        raise LedgerError(
            f"backup {source} has layout {layout}, this Bursar knows {LAYOUT}; restore it with a newer one"
        )
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file() or _hash(path) != expected:
            raise LedgerError(f"{name} in {source} is not what was backed up; take another backup")
    return list(hashes)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
