"""A backup holds everything, opens anywhere, overwrites nothing, and is refused when it is not whole."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from bursar.adapters.journal import SQLiteJournal, read, verify
from bursar.adapters.store.backup import LAYOUT, Place, backup, restore
from bursar.adapters.store.database import connect, migrate
from bursar.adapters.store.journal import StoreJournal
from bursar.adapters.store.projections import contents, rebuild
from bursar.adapters.store.sealing import Cipher, new_key
from bursar.adapters.store.snapshots import Retention, Snapshots
from bursar.adapters.store.tables import PROJECTIONS
from bursar.domain.events import Event
from bursar.errors import InputError, LedgerError
from tests import databases
from tests.store.test_projections import busy
from tests.store.test_snapshots import ALWAYS, at, fill

EVENTS: Sequence[Event] = busy().events


def place(folder: Path, database: str = "") -> Place:
    return Place(
        journal=folder / ("journal.head" if database else "journal.db"),
        snapshots=folder / "snapshots",
        database=database,
    )


def live(folder: Path, database: str = "", cipher: Cipher | None = None) -> Place:
    """A place in use: a journal and two days of snapshots."""
    there = place(folder, database)
    journal = StoreJournal(database, there.journal, cipher) if database else SQLiteJournal(there.journal, cipher)
    asyncio.run(journal.append(EVENTS))
    journal.close()
    engine = connect(f"sqlite:///{folder / 'seconds.db'}")
    migrate(engine)
    kept = Snapshots(engine, there.snapshots, Retention(), cipher)
    fill(kept, 1)
    kept.archive(at(9).date())
    engine.dispose()
    return there


def told(there: Place, cipher: Cipher | None = None) -> list[Event]:
    if not there.database:
        return [record.event for record in read(there.journal, cipher=cipher)]
    journal = StoreJournal(there.database, there.journal, cipher)
    try:
        return [record.event for record in journal.read()]
    finally:
        journal.close()


def seconds(there: Place, engine: Engine, cipher: Cipher | None = None) -> list[int]:
    return Snapshots(engine, there.snapshots, cipher=cipher).read("main", *ALWAYS)["at"].to_list()


Kind = Callable[[Path], Any]


@pytest.mark.parametrize("target", [*databases.DATABASES, pytest.param(None, id="file")])
@pytest.mark.parametrize("source", [*databases.DATABASES, pytest.param(None, id="file")])
def test_what_was_backed_up_comes_back_in_another_place(
    source: Kind | None, target: Kind | None, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    for source_url in source(old) if source else [""]:
        original = live(old, source_url)
        saved = backup(original, tmp_path / "saved.tar.gz")
        assert (saved.head.sequence, saved.days) == (len(EVENTS), ("2022-01-03", "2022-01-04"))
        for target_url in target(new) if target else [""]:
            there = place(new, target_url)
            assert restore(tmp_path / "saved.tar.gz", there) == saved
            assert told(there) == list(EVENTS)
            bare = connect("sqlite://")
            migrate(bare)
            assert seconds(there, bare) == seconds(original, bare) != []
            bare.dispose()


def test_a_restored_journal_makes_the_same_tables_and_goes_on(url: str, tmp_path: Path) -> None:
    """From SQLite to PostgreSQL: another database, the same rows, and the next event is the next."""
    (tmp_path / "old").mkdir()
    original = live(tmp_path / "old")
    backup(original, tmp_path / "saved.tar.gz")
    there = place(tmp_path / "new", url)
    restore(tmp_path / "saved.tar.gz", there)
    before, engine = connect("sqlite://"), connect(url)
    migrate(before)
    old_journal, new_journal = SQLiteJournal(original.journal), StoreJournal(url, there.journal)
    rebuild(before, old_journal)
    rebuild(engine, new_journal)
    for shape in PROJECTIONS:
        assert contents(engine, shape) == contents(before, shape)
    more = busy().deposit(5).events[-1]
    assert asyncio.run(new_journal.append([more]))[0].sequence == len(EVENTS) + 1
    assert new_journal.verify().sequence == len(EVENTS) + 1
    old_journal.close()
    new_journal.close()
    before.dispose()
    engine.dispose()


def test_a_backup_can_be_opened_and_audited_by_hand(tmp_path: Path) -> None:
    backup(live(tmp_path), tmp_path / "saved.tar.gz")
    with tarfile.open(tmp_path / "saved.tar.gz") as archive:
        archive.extractall(tmp_path / "opened", filter="data")
    assert verify(tmp_path / "opened" / "journal.db").sequence == len(EVENTS)
    manifest = json.loads((tmp_path / "opened" / "manifest.json").read_text())
    assert (manifest["layout"], manifest["events"]) == (LAYOUT, len(EVENTS))
    assert set(manifest["files"]) == {
        "journal.db",
        "journal.db.head",
        "snapshots/2022-01-03.parquet",
        "snapshots/2022-01-04.parquet",
    }


def test_a_sealed_place_is_backed_up_sealed_and_without_its_key(tmp_path: Path) -> None:
    cipher = Cipher.from_text(new_key())
    (tmp_path / "old").mkdir()
    assert backup(live(tmp_path / "old", cipher=cipher), tmp_path / "saved.tar.gz").sealed
    there = place(tmp_path / "new")
    assert restore(tmp_path / "saved.tar.gz", there).sealed
    assert told(there, cipher) == list(EVENTS)
    with pytest.raises(InputError, match=r"is encrypted; set store\.key_file"):
        told(there)


def test_a_key_that_does_not_open_a_sealed_place_is_noticed_on_the_way(tmp_path: Path) -> None:
    cipher, other = Cipher.from_text(new_key()), Cipher.from_text(new_key())
    old, saved, new = live(tmp_path, cipher=cipher), tmp_path / "saved.tar.gz", place(tmp_path / "new")
    with pytest.raises(InputError, match="was sealed with another key"):
        backup(old, saved, other)
    assert not saved.exists()
    backup(old, saved, cipher)
    with pytest.raises(InputError, match="was sealed with another key"):
        restore(saved, new, other)
    assert not new.journal.exists()
    assert restore(saved, new, cipher).sealed


def test_an_open_journal_can_be_backed_up(tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "journal.db")
    asyncio.run(journal.append(EVENTS[:5]))
    assert backup(place(tmp_path), tmp_path / "saved.tar.gz").head.sequence == 5
    asyncio.run(journal.append(EVENTS))
    journal.close()


def test_a_place_without_snapshots_has_none_in_its_backup(tmp_path: Path) -> None:
    SQLiteJournal(tmp_path / "journal.db").close()
    assert backup(place(tmp_path), tmp_path / "saved.tar.gz").days == ()
    assert restore(tmp_path / "saved.tar.gz", place(tmp_path / "new")).head.sequence == 0


# ---------------------------------------------------------------- nothing is overwritten


def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "saved.tar.gz").write_text("precious")
    with pytest.raises(InputError, match="exists; a backup overwrites nothing"):
        backup(live(tmp_path), tmp_path / "saved.tar.gz")
    assert (tmp_path / "saved.tar.gz").read_text() == "precious"


def test_a_place_in_use_is_not_restored_into(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    original = live(tmp_path / "old")
    backup(original, tmp_path / "saved.tar.gz")
    with pytest.raises(InputError, match="restore into an empty place"):
        restore(tmp_path / "saved.tar.gz", original)
    original.journal.unlink()
    with pytest.raises(InputError, match="restore into an empty place"):
        restore(tmp_path / "saved.tar.gz", original)


def test_a_database_in_use_is_not_restored_into(url: str, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    backup(live(tmp_path / "old"), tmp_path / "saved.tar.gz")
    used = StoreJournal(url, tmp_path / "used.head")
    asyncio.run(used.append(EVENTS[:1]))
    with pytest.raises(InputError, match="holds a journal already; restore into an empty one"):
        restore(tmp_path / "saved.tar.gz", place(tmp_path / "new", url))
    assert len(list(used.read())) == 1
    used.close()


# ---------------------------------------------------------------- what is not whole


def tampered(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE journal SET bytes = x'7b7d' WHERE sequence = 4")


def test_a_journal_that_was_tampered_with_is_not_backed_up_as_if_it_were_whole(tmp_path: Path) -> None:
    there = live(tmp_path)
    tampered(there.journal)
    with pytest.raises(LedgerError, match="event 4: "):
        backup(there, tmp_path / "saved.tar.gz")
    assert not (tmp_path / "saved.tar.gz").exists()


def repacked(source: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with tarfile.open(source) as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]  # all are files
    change(files)
    with tarfile.open(target, "w:gz") as archive:
        for name, data in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))


def shortened(files: dict[str, bytes]) -> None:
    files["snapshots/2022-01-03.parquet"] = files["snapshots/2022-01-03.parquet"][:-1]


def lost(files: dict[str, bytes]) -> None:
    del files["snapshots/2022-01-03.parquet"]


def headless(files: dict[str, bytes]) -> None:
    del files["journal.db.head"]


def unmanifested(files: dict[str, bytes]) -> None:
    files["manifest.json"] = b"{}"


def from_the_future(files: dict[str, bytes]) -> None:
    files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | {"layout": LAYOUT + 1}).encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (shortened, "snapshots/2022-01-03.parquet in .* is not what was backed up"),
        (lost, "snapshots/2022-01-03.parquet in .* is not what was backed up"),
        (headless, "journal.db.head in .* is not what was backed up"),
        (unmanifested, "is not a backup, or a damaged one"),
        (from_the_future, "has layout 2, this Bursar knows 1"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything_is_put_in_place(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None], said: str
) -> None:
    backup(live(tmp_path), tmp_path / "saved.tar.gz")
    repacked(tmp_path / "saved.tar.gz", tmp_path / "damaged.tar.gz", change)
    with pytest.raises(LedgerError, match=said):
        restore(tmp_path / "damaged.tar.gz", place(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_half_an_archive_is_refused_and_none_is_named(tmp_path: Path) -> None:
    backup(live(tmp_path), tmp_path / "saved.tar.gz")
    data = (tmp_path / "saved.tar.gz").read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.tar.gz").write_text("hello")
    for name in ("half.tar.gz", "text.tar.gz"):
        with pytest.raises(LedgerError, match="is not a backup, or a damaged one"):
            restore(tmp_path / name, place(tmp_path / "new"))
    with pytest.raises(InputError, match="no backup at"):
        restore(tmp_path / "none.tar.gz", place(tmp_path / "new"))


def test_an_archive_that_reaches_outside_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as archive:
        about = tarfile.TarInfo("../evil")
        about.size = 1
        archive.addfile(about, io.BytesIO(b"x"))
    with pytest.raises(LedgerError, match="is not a backup"):
        restore(tmp_path / "evil.tar.gz", place(tmp_path / "new"))
    assert not (tmp_path / "evil").exists()


def test_a_disk_that_fills_up_leaves_no_half_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = live(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "add", full)
    with pytest.raises(InputError, match=r"saved.tar.gz cannot be written: No space left on device; make room"):
        backup(there, tmp_path / "saved.tar.gz")
    assert not list(tmp_path.glob("saved*"))
