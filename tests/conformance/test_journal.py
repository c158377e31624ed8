"""What every journal promises: events stay in order, are never lost, never changed and never there twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bursar.adapters.memory import MemoryJournal, QuietJournal
from bursar.adapters.store.sealing import sealed
from bursar.domain.events import Alerted, Event
from bursar.domain.record import GENESIS, UPCASTS, encode, link
from bursar.errors import InputError, LedgerError
from bursar.ports import Recorded
from tests.conformance.journals import JOURNALS, WRITING, Opened
from tests.samples import AT, SAMPLES


@pytest.fixture(params=JOURNALS, ids=lambda made: made.__name__)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    made: Callable[[Path], Iterator[Opened]] = request.param
    yield from made(tmp_path)


@pytest.fixture(params=WRITING, ids=lambda made: made.__name__)
def writing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    made: Callable[[Path], Iterator[Opened]] = request.param
    yield from made(tmp_path)


def note(number: int, message: str = "hello") -> Alerted:
    return Alerted(event_id=f"n-{number}", at=AT, severity="info", message=message)


def append(journal: Opened, *events: Event) -> tuple[Recorded, ...]:
    return asyncio.run(journal.append(events))


def test_an_empty_journal_has_nothing_to_read(journal: Opened) -> None:
    assert list(journal.read()) == []
    assert append(journal) == ()


def test_every_kind_is_read_back_as_it_was_written(writing: Opened) -> None:
    events = tuple(SAMPLES.values())
    recorded = append(writing, *events)
    assert tuple(record.event for record in recorded) == events
    assert tuple(writing.read()) == recorded


def test_events_are_numbered_from_one_over_all_commits(journal: Opened) -> None:
    first, second = append(journal, note(1), note(2)), append(journal, note(3))
    assert [record.sequence for record in first + second] == [1, 2, 3]
    assert [record.event.event_id for record in journal.read()] == ["n-1", "n-2", "n-3"]


def test_reading_can_begin_anywhere(journal: Opened) -> None:
    append(journal, *(note(number) for number in range(1, 6)))
    assert [record.sequence for record in journal.read(4)] == [4, 5]
    assert [record.sequence for record in journal.read(6)] == []
    assert [record.sequence for record in journal.read(0)] == [1, 2, 3, 4, 5]


def test_each_digest_is_over_the_one_before_and_the_stored_bytes(journal: Opened) -> None:
    digest = GENESIS
    append(journal, note(1))
    append(journal, note(2), note(3))
    cipher = getattr(journal, "_cipher", None)
    for record in journal.read():
        digest = link(digest, sealed(cipher, encode(record.event), record.event.event_id))
        assert record.digest == digest


def test_a_repetition_is_dropped_and_the_rest_is_kept(journal: Opened) -> None:
    append(journal, note(1))
    assert [record.event.event_id for record in append(journal, note(1), note(2), note(2))] == ["n-2"]
    assert [record.event.event_id for record in journal.read()] == ["n-1", "n-2"]
    assert append(journal, note(1), note(2)) == ()


def test_a_contradiction_is_refused_and_nothing_of_its_commit_is_kept(journal: Opened) -> None:
    append(journal, note(1))
    with pytest.raises(LedgerError, match="event 1: n-1 is held already and says something else"):
        append(journal, note(2), note(1, "goodbye"))
    with pytest.raises(LedgerError, match="n-3 is held already"):
        append(journal, note(3), note(3, "goodbye"))
    assert [record.event for record in journal.read()] == [note(1)]
    assert append(journal, note(4))[0].sequence == 2


def test_ignoring_nothing_even_another_cause_is_a_contradiction(journal: Opened) -> None:
    append(journal, note(1))
    with pytest.raises(LedgerError):
        append(journal, replace(note(1), causes=("n-0",)))


def test_what_cannot_be_written_down_leaves_nothing_behind(writing: Opened) -> None:
    unspeakable = replace(note(2), message=object())  # type: ignore[arg-type]  # meant to be refused
    with pytest.raises(InputError, match="cannot be journalled"):
        append(writing, note(1), unspeakable)
    assert list(writing.read()) == []


def test_a_reader_sees_the_journal_as_it_was_when_it_began(journal: Opened) -> None:
    append(journal, note(1), note(2))
    reader = journal.read()
    assert next(reader).sequence == 1
    append(journal, note(3))
    assert [record.sequence for record in reader] == [2]
    assert len(list(journal.read())) == 3


def test_commits_that_are_asked_for_together_are_made_one_after_the_other(journal: Opened) -> None:
    async def together() -> list[tuple[Recorded, ...]]:
        return list(await asyncio.gather(*(journal.append([note(2 * n), note(2 * n + 1)]) for n in range(20))))

    commits = asyncio.run(together())
    assert [record.sequence for commit in commits for record in commit] == list(range(1, 41))
    assert all(second.sequence == first.sequence + 1 for first, second in commits)


# ---------------------------------------------------------------- other versions of the program


def lives_in_memory(journal: Opened) -> bool:
    return isinstance(journal, MemoryJournal | QuietJournal)


def renamed(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"message": fields["message"].upper()}


def test_an_old_journal_is_read_and_gone_on_with_by_a_new_program(
    journal: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(journal, note(1), note(2))
    monkeypatch.setattr(Alerted, "version", 2)
    monkeypatch.setitem(UPCASTS, ("alerted", 1), renamed)
    if lives_in_memory(journal):
        return  # it lives and dies with one program
    assert [each.event for each in journal.read()] == [note(1, "HELLO"), note(2, "HELLO")]
    # the broker repeats itself after the change: the same fact in new words is no contradiction
    assert [each.sequence for each in append(journal, note(2, "HELLO"), note(3, "new"))] == [3]
    assert [each.event for each in journal.read(2)] == [note(2, "HELLO"), note(3, "new")]
    with pytest.raises(LedgerError, match="event 2: n-2 is held already"):
        append(journal, note(2, "other"))


def test_an_event_of_a_newer_program_is_named_by_its_number(journal: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    append(journal, note(1))
    with monkeypatch.context() as newer:
        newer.setattr(Alerted, "version", 9)
        append(journal, note(2))
    if lives_in_memory(journal):
        return  # it keeps events, not bytes
    reader = journal.read()
    assert next(reader).sequence == 1
    with pytest.raises(LedgerError, match="event 2: 'alerted' version 9 was written by a newer Bursar") as caught:
        next(reader)
    assert caught.value.sequence == 2
