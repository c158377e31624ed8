"""The journal in a database: whoever edits the table is found out, and writers in several processes share one chain."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from bursar.adapters.store.database import connect, for_writing
from bursar.adapters.store.journal import StoreJournal
from bursar.domain.record import GENESIS, encode, link
from bursar.errors import InputError, LedgerError
from tests.adapters.test_journal import note


@pytest.fixture
def head(tmp_path: Path) -> Path:
    return tmp_path / "kept elsewhere" / "journal.head"


@pytest.fixture
def journal(url: str, head: Path) -> Iterator[StoreJournal]:
    journal = StoreJournal(url, head)
    asyncio.run(journal.append([note(number) for number in range(1, 6)]))
    yield journal
    journal.close()


def edit(engine: Engine, statement: str, **values: object) -> None:
    with for_writing(engine).begin() as connection:
        connection.execute(text(statement), values)


def edited(engine: Engine) -> None:
    edit(engine, "UPDATE journal SET bytes = :data WHERE sequence = 3", data=encode(note(3, "nothing happened")))


def removed(engine: Engine) -> None:
    edit(engine, "DELETE FROM journal WHERE sequence = 3")


def cut_off(engine: Engine) -> None:
    edit(engine, "DELETE FROM journal WHERE sequence > 3")


def rebuilt(engine: Engine) -> None:
    """Edited, with every digest computed anew."""
    digest = GENESIS
    for number in range(1, 6):
        data = encode(note(number, "nothing happened"))
        digest = link(digest, data)
        edit(engine, "UPDATE journal SET bytes = :b, digest = :d WHERE sequence = :s", b=data, d=digest, s=number)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (edited, "event 3: n-3 .* was edited"),
        (removed, "event 3: it was removed"),
        (cut_off, "event 4: it was removed from the end"),
        (rebuilt, "event 5: .* was rebuilt at or before it"),
    ],
)
def test_an_audit_names_the_first_event_that_is_not_as_it_was(
    journal: StoreJournal, tamper: Callable[[Engine], None], said: str
) -> None:
    assert journal.verify().sequence == 5
    tamper(journal.engine)
    with pytest.raises(LedgerError, match=said):
        journal.verify()


def test_a_journal_that_is_opened_again_goes_on_where_it_ended(journal: StoreJournal, url: str, head: Path) -> None:
    again = StoreJournal(url, head)
    assert asyncio.run(again.append([note(6)]))[0].sequence == 6
    assert again.verify() == journal.verify()
    again.close()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (cut_off, "ends at event 3, but 5 were committed; restore a backup"),
        (rebuilt, "event 5: .* is not the one of its head"),
        (None, "has lost its head; restore both from a backup"),
    ],
)
def test_a_journal_that_is_not_the_one_of_its_head_is_not_added_to(
    journal: StoreJournal, url: str, head: Path, harm: Callable[[Engine], None] | None, said: str
) -> None:
    if harm is None:
        head.unlink()
    else:
        harm(journal.engine)
    with pytest.raises(LedgerError, match=said):
        StoreJournal(url, head)


def test_a_database_that_went_away_is_named(journal: StoreJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(journal, "engine", connect("postgresql+psycopg://nobody@127.0.0.1:1/nothing"))
        with pytest.raises(InputError, match=r"127.0.0.1:1/nothing cannot be used"):
            asyncio.run(journal.append([note(6)]))
        with pytest.raises(InputError, match="cannot be used"):
            list(journal.read())


WRITER = """
import asyncio, sys
from pathlib import Path
from bursar.adapters.store.journal import StoreJournal
from tests.adapters.test_journal import note

async def main(url, head, first, step):
    journal = StoreJournal(url, Path(head))
    number = int(first)
    while True:
        await journal.append([note(number), note(number + int(step), "x" * 500)])
        print(number + int(step), flush=True)
        number += 2 * int(step)

asyncio.run(main(*sys.argv[1:]))
"""


def writer(url: str, head: Path, first: int, step: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(head), str(first), str(step)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def kill_after(process: subprocess.Popen[str], commits: int) -> list[int]:
    """The numbers that were confirmed before the process was killed without warning."""
    assert process.stdout is not None
    confirmed = [int(process.stdout.readline()) for _ in range(commits)]
    os.kill(process.pid, signal.SIGKILL)
    confirmed += [int(line) for line in process.stdout]
    process.wait()
    process.stdout.close()
    return confirmed


def test_killed_while_writing_it_holds_what_it_confirmed_and_no_half_commit(url: str, head: Path) -> None:
    confirmed = kill_after(writer(url, head, 1, 1), 10)
    journal = StoreJournal(url, head)
    held = [record.event.event_id for record in journal.read()]
    assert held == [f"n-{number}" for number in range(1, len(held) + 1)]
    assert confirmed[-1] <= len(held) <= confirmed[-1] + 2
    assert len(held) % 2 == 0
    assert journal.verify().sequence == len(held)
    journal.close()


def test_two_processes_that_write_at_once_share_one_chain(url: str, head: Path) -> None:
    one, other = (writer(url, head, first, 2) for first in (1, 2))
    confirmed = kill_after(one, 15) + kill_after(other, 15)
    journal = StoreJournal(url, head)
    held = {record.event.event_id for record in journal.read()}
    assert {f"n-{number}" for number in confirmed} <= held
    assert journal.verify().sequence == len(held) >= 60
    journal.close()
