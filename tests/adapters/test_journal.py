"""The journal's file survives what files go through, and tells when somebody was at it."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bursar.adapters.journal import APPLICATION_ID, LAYOUT, Head, SQLiteJournal, head_path, read, verify
from bursar.domain.events import Alerted, Event
from bursar.domain.record import GENESIS, encode, link
from bursar.errors import InputError, LedgerError
from tests.conftest import Evidence
from tests.samples import AT


def note(number: int, message: str = "hello") -> Alerted:
    return Alerted(event_id=f"n-{number}", at=AT, severity="info", message=message)


def write(path: Path, *commits: tuple[Event, ...]) -> None:
    journal = SQLiteJournal(path)
    for commit in commits:
        asyncio.run(journal.append(commit))
    journal.close()


def ids(path: Path) -> list[str]:
    journal = SQLiteJournal(path)
    try:
        return [record.event.event_id for record in journal.read()]
    finally:
        journal.close()


def edit(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


def rebuild(path: Path) -> None:
    """Number and chain the file anew, as whoever edits it could."""
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT event_id, bytes FROM journal ORDER BY sequence").fetchall()
        connection.execute("DELETE FROM journal")
        digest = GENESIS
        for sequence, (event_id, data) in enumerate(rows, start=1):
            digest = link(digest, data)
            connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", (sequence, event_id, data, digest))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    write(path, (note(1), note(2)), (note(3),), (note(4), note(5)))
    return path


# ---------------------------------------------------------------- opening


def test_a_journal_that_is_opened_again_goes_on_where_it_ended(path: Path) -> None:
    write(path, (note(6),))
    assert ids(path) == [f"n-{number}" for number in range(1, 7)]
    head = verify(path)
    assert head.sequence == 6
    assert head_path(path).read_text() == head.line


def test_a_journal_in_which_nothing_happened_yet_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.db"
    write(path)
    assert ids(path) == []
    assert verify(path).sequence == 0


def test_whoever_only_looks_changes_nothing(path: Path) -> None:
    assert [record.event.event_id for record in read(path, 4)] == ["n-4", "n-5"]
    with pytest.raises(InputError, match="no journal at"):
        list(read(path.with_name("other.db")))


def test_the_disk_is_told_at_every_commit(path: Path) -> None:
    journal = SQLiteJournal(path)
    settings = [journal._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    journal.close()
    assert settings == ["wal", 2]  # 2 is FULL


def test_two_journals_on_one_file_add_to_one_chain(path: Path) -> None:
    one, other = SQLiteJournal(path), SQLiteJournal(path)
    for number in range(6, 16):
        asyncio.run((one if number % 2 else other).append([note(number)]))
    one.close()
    other.close()
    assert verify(path).sequence == 15


def test_a_commit_that_nobody_waits_for_any_more_is_still_made(tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "journal.db")

    async def cancel() -> None:
        task = asyncio.create_task(journal.append([note(1)]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    journal.close()
    assert ids(tmp_path / "journal.db") == ["n-1"]


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    for attempt in (SQLiteJournal, verify):
        with pytest.raises(InputError, match="not a journal of Bursar; name another file"):
            attempt(path)


def test_a_journal_that_is_being_made_is_read_as_empty_and_one_that_was_emptied_is_not(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    head_path(path).write_text(Head().line)
    assert list(read(path)) == []
    head_path(path).write_text(Head(3, b"x" * 32).line)
    with pytest.raises(InputError, match="not a journal of Bursar"):
        list(read(path))


def test_a_newer_layout_is_not_guessed_at(path: Path) -> None:
    edit(path, f"PRAGMA user_version={LAYOUT + 1}")
    for attempt in (SQLiteJournal, verify):
        with pytest.raises(LedgerError, match=f"has layout {LAYOUT + 1}, this Bursar knows {LAYOUT}"):
            attempt(path)


def test_the_file_says_whose_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert APPLICATION_ID.to_bytes(4) == b"Burs"


def test_a_file_that_is_no_database_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(LedgerError, match=r"is damaged .* restore it from a backup"):
        SQLiteJournal(path)


def test_there_is_nothing_to_verify_where_no_journal_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no journal at"):
        verify(tmp_path / "journal.db")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        SQLiteJournal(tmp_path / "file" / "journal.db")


# ---------------------------------------------------------------- tampering


def edited(path: Path) -> None:
    edit(path, "UPDATE journal SET bytes = ? WHERE sequence = 3", encode(note(3, "nothing happened")))


def edited_and_digested(path: Path) -> None:
    data = encode(note(3, "nothing happened"))
    with closing(sqlite3.connect(path)) as connection:
        (before,) = connection.execute("SELECT digest FROM journal WHERE sequence = 2").fetchone()
    edit(path, "UPDATE journal SET bytes = ?, digest = ? WHERE sequence = 3", data, link(before, data))


def removed(path: Path) -> None:
    edit(path, "DELETE FROM journal WHERE sequence = 3")


def removed_and_renumbered(path: Path) -> None:
    removed(path)
    edit(path, "UPDATE journal SET sequence = sequence - 1 WHERE sequence = 4")
    edit(path, "UPDATE journal SET sequence = sequence - 1 WHERE sequence = 5")


def inserted(path: Path) -> None:
    for sequence in (5, 4, 3):
        edit(path, "UPDATE journal SET sequence = ? WHERE sequence = ?", sequence + 1, sequence)
    edit(path, "INSERT INTO journal VALUES (3, 'n-9', ?, ?)", encode(note(9)), bytes(32))


def filed_wrongly(path: Path) -> None:
    edit(path, "UPDATE journal SET event_id = 'n-7' WHERE sequence = 3")


def rebuilt(path: Path) -> None:
    edited(path)
    rebuild(path)


def cut_off(path: Path) -> None:
    edit(path, "DELETE FROM journal WHERE sequence > 3")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (edited, "event 3: n-3 .* was edited or inserted"),
        (edited_and_digested, "event 4: n-4 .* or one was removed before it"),
        (removed, "event 3: it was removed"),
        (removed_and_renumbered, "event 3: n-4 .* or one was removed before it"),
        (inserted, "event 3: n-9 .* was edited or inserted"),
        (filed_wrongly, "event 3: n-7 .* was filed under another id"),
        (rebuilt, "event 5: .* was rebuilt at or before it"),
        (cut_off, "event 4: it was removed from the end .* places at 5"),
    ],
)
def test_an_audit_names_the_first_event_that_is_not_as_it_was(
    path: Path, tamper: Callable[[Path], None], said: str
) -> None:
    assert verify(path).sequence == 5
    tamper(path)
    with pytest.raises(LedgerError, match=said):
        verify(path)


def test_a_journal_without_its_head_is_not_trusted(path: Path) -> None:
    head_path(path).unlink()
    with pytest.raises(LedgerError, match="has no head beside it"):
        verify(path)
    with pytest.raises(LedgerError, match=r"has lost its head \(journal.db.head\)"):
        SQLiteJournal(path)


@pytest.mark.parametrize("line", ["", "nonsense", "5 xyz", "5"])
def test_a_head_that_does_not_read_is_named(path: Path, line: str) -> None:
    head_path(path).write_text(line)
    with pytest.raises(LedgerError, match="does not hold a head"):
        verify(path)


def test_a_journal_that_lost_its_end_is_not_added_to(path: Path) -> None:
    cut_off(path)
    with pytest.raises(LedgerError, match="ends at event 3, but 5 were committed"):
        SQLiteJournal(path)


def test_a_journal_of_another_head_is_not_added_to(path: Path) -> None:
    rebuilt(path)
    with pytest.raises(LedgerError, match=r"event 5: .* is not the one of its head"):
        SQLiteJournal(path)


def test_a_head_may_be_older_than_its_journal(path: Path) -> None:
    old = head_path(path).read_text()
    write(path, (note(6),))
    head_path(path).write_text(old)  # as after a power cut between the commit and its head
    assert verify(path).sequence == 6
    write(path, (note(7),))
    assert head_path(path).read_text() == verify(path).line


# ---------------------------------------------------------------- disks and deaths


def test_a_full_database_says_what_to_do_and_loses_nothing(path: Path) -> None:
    journal = SQLiteJournal(path)
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(InputError, match=r"journal .* cannot be written: no space left; make room on its disk"):
        asyncio.run(journal.append([note(6, "x" * 100_000)]))
    assert [record.event.event_id for record in journal.read()] == ["n-1", "n-2", "n-3", "n-4", "n-5"]
    journal._connection.execute("PRAGMA max_page_count=1000000")
    assert asyncio.run(journal.append([note(6)]))[0].sequence == 6
    journal.close()
    assert verify(path).sequence == 6


WRITER = """
import asyncio, resource, signal, sys
from pathlib import Path
from bursar.adapters.journal import SQLiteJournal
from bursar.errors import InputError
from tests.adapters.test_journal import note

async def main(path, first, size):
    journal = SQLiteJournal(Path(path))
    number = int(first)
    while True:
        await journal.append([note(number), note(number + 1, "x" * int(size)), note(number + 2)])
        print(number + 2, flush=True)
        number += 3

if len(sys.argv) > 4:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)
try:
    asyncio.run(main(*sys.argv[1:4]))
except InputError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def writer(path: Path, first: int, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_a_disk_that_fills_up_ends_with_one_line_and_keeps_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    process = writer(path, 1, "20000", str(400_000))
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith(f"journal {path} cannot be written: ")
    assert said.count("\n") == 1
    confirmed = int(printed.split()[-1])
    assert confirmed > 3
    assert ids(path) == [f"n-{number}" for number in range(1, confirmed + 1)]
    assert verify(path).sequence == confirmed


def killed_while_writing(path: Path, first: int, commits: int) -> int:
    """Let a process commit for a while, kill it without warning, and return the last number that it confirmed."""
    process = writer(path, first, "500")
    assert process.stdout is not None
    assert process.stderr is not None
    confirmed = 0
    for _ in range(commits):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        confirmed = int(line)
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    return int(rest[-1]) if rest else confirmed


def check_after_kill(path: Path, confirmed: int) -> int:
    """What was confirmed is there, a commit is whole or absent, and the chain holds."""
    held = ids(path)
    assert held == [f"n-{number}" for number in range(1, len(held) + 1)]
    assert confirmed <= len(held) <= confirmed + 3
    assert len(held) % 3 == 0
    assert verify(path).sequence == len(held)
    return len(held)


def test_killed_while_writing_it_holds_what_it_confirmed_and_no_half_commit(tmp_path: Path) -> None:
    path, held = tmp_path / "journal.db", 0
    for commits in (1, 7, 30):
        held = check_after_kill(path, killed_while_writing(path, held + 1, commits))


@pytest.mark.prove
def test_a_hundred_kills_lose_nothing(tmp_path: Path, evidence: Evidence) -> None:
    path, held = tmp_path / "journal.db", 0
    for kill in range(100):
        held = check_after_kill(path, killed_while_writing(path, held + 1, 1 + kill % 17))
    evidence(kills=100, events=held, lost=0)


def torn_copies(tmp_path: Path) -> Iterator[tuple[Path, int, int]]:
    """Copies of a journal whose last commit did not reach the disk whole; with the bytes kept, and all bytes."""
    path = tmp_path / "journal.db"
    journal = SQLiteJournal(path)
    asyncio.run(journal.append([note(1), note(2)]))
    wal, head = tmp_path / "journal.db-wal", head_path(path).read_text()
    before = wal.stat().st_size
    asyncio.run(journal.append([note(3, "y" * 6000), note(4)]))
    after = wal.stat().st_size
    files = {name: (tmp_path / name).read_bytes() for name in ("journal.db", "journal.db-wal")}
    journal.close()
    for kept in (before, before + 1, (before + after) // 2, after - 4096, after - 1, after):
        for garbage in (False, True):
            copy = tmp_path / f"torn-{kept}-{garbage}" / "journal.db"
            copy.parent.mkdir()
            copy.write_bytes(files["journal.db"])
            torn = files["journal.db-wal"][:kept] + (b"\xa5" * (after - kept) if garbage else b"")
            copy.with_name("journal.db-wal").write_bytes(torn)
            head_path(copy).write_text(head)
            yield copy, kept, after


def test_a_commit_whose_last_page_was_torn_is_absent_as_a_whole(tmp_path: Path) -> None:
    for copy, kept, whole in torn_copies(tmp_path):
        expected = ["n-1", "n-2", "n-3", "n-4"] if kept == whole else ["n-1", "n-2"]
        assert ids(copy) == expected, f"{kept} of {whole} bytes"
        write(copy, (note(5),))
        assert verify(copy).sequence == len(expected) + 1


def test_a_committed_end_that_the_disk_lost_later_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SQLiteJournal(path)
    asyncio.run(journal.append([note(1)]))
    asyncio.run(journal.append([note(2)]))
    copy = tmp_path / "copy" / "journal.db"
    copy.parent.mkdir()
    for name in ("journal.db", "journal.db-wal", "journal.db.head"):
        shutil.copy(tmp_path / name, copy.parent / name)
    journal.close()
    wal = copy.with_name("journal.db-wal")
    os.truncate(wal, wal.stat().st_size - 100)
    with pytest.raises(LedgerError, match="ends at event 1, but 2 were committed"):
        SQLiteJournal(copy)


def test_the_limit_that_the_tests_set_is_the_writers_alone() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_what_is_held_and_what_is_said_are_both_shown(path: Path) -> None:
    journal = SQLiteJournal(path)
    with pytest.raises(LedgerError, match=r'event 2: n-2 .*"message":"hello"'):
        asyncio.run(journal.append([replace(note(2), message="other")]))
    journal.close()
