"""What every lease and every inbox promises: one holder at a time, a number that rises, a command until it is done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from bursar.adapters.memory import MemoryCommands, MemoryLease
from bursar.adapters.store.database import connect, migrate
from bursar.adapters.store.lease import StoreCommands, StoreLease
from bursar.adapters.store.sealing import Cipher, new_key
from bursar.adapters.store.tables import CommandRow
from bursar.ports import Command, Commands, Lease
from tests import databases
from tests.samples import AT

HOUR = timedelta(hours=1)
U = "DU9000001"

Pair = tuple[Lease, Commands]


def memory(_folder: Path) -> Iterator[Pair]:
    yield MemoryLease(), MemoryCommands()


def sqlite(folder: Path) -> Iterator[Pair]:
    for url in databases.sqlite(folder):
        yield from _in_database(url, None)


def postgresql(folder: Path) -> Iterator[Pair]:
    for url in databases.postgres(folder):
        yield from _in_database(url, None)


def postgresql_sealed(folder: Path) -> Iterator[Pair]:
    for url in databases.postgres(folder):
        yield from _in_database(url, Cipher.from_text(new_key()))


def _in_database(url: str, cipher: Cipher | None) -> Iterator[Pair]:
    engine = connect(url)
    migrate(engine)
    yield StoreLease(engine, cipher), StoreCommands(engine, cipher)
    engine.dispose()


@pytest.fixture(params=[memory, sqlite, postgresql, postgresql_sealed], ids=lambda made: made.__name__)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    made: Callable[[Path], Iterator[Pair]] = request.param
    yield from made(tmp_path)


@pytest.fixture
def lease(both: Pair) -> Lease:
    return both[0]


@pytest.fixture
def commands(both: Pair) -> Commands:
    return both[1]


# ---------------------------------------------------------------- the lease


def test_whoever_is_refused_can_ask_who_holds_it(lease: Lease) -> None:
    assert lease.granted(U) is None
    first = lease.acquire(U, "a", AT + HOUR, AT)
    lease.acquire("DU9000002", "b", AT + HOUR, AT)
    assert lease.granted(U) == first
    assert lease.acquire(U, "b", AT + HOUR, AT) is None
    assert lease.granted(U) == first


def test_one_holder_at_a_time_has_the_lease(lease: Lease) -> None:
    first = lease.acquire(U, "a", AT + HOUR, AT)
    assert first is not None
    assert (first.account, first.holder, first.fence, first.until) == (U, "a", 1, AT + HOUR)
    assert lease.acquire(U, "b", AT + HOUR, AT) is None
    assert lease.acquire("DU9000002", "b", AT + HOUR, AT) is not None, "another account has a lease of its own"
    assert lease.holds(first, AT)


def test_renewing_in_time_keeps_the_number_and_moves_the_end(lease: Lease) -> None:
    first = lease.acquire(U, "a", AT + HOUR, AT)
    again = lease.acquire(U, "a", AT + 2 * HOUR, AT + HOUR / 2)
    assert first is not None
    assert again == replace(first, until=AT + 2 * HOUR)
    assert lease.acquire(U, "b", AT + 3 * HOUR, AT + HOUR) is None, "it runs until its new end"
    assert lease.holds(first, AT + HOUR), "the earlier grant is the same one"


def test_a_holder_that_slept_past_its_end_has_lost_it_even_if_it_is_the_next(lease: Lease) -> None:
    first = lease.acquire(U, "a", AT + HOUR, AT)
    assert first is not None
    assert not lease.holds(first, AT + HOUR), "the end is not part of it"
    second = lease.acquire(U, "b", AT + 2 * HOUR, AT + HOUR)
    assert second is not None
    assert second.fence == first.fence + 1
    assert not lease.holds(first, AT), "not even by a clock that is late"
    third = lease.acquire(U, "b", AT + 4 * HOUR, AT + 3 * HOUR)
    assert third is not None
    assert third.fence == second.fence + 1, "whoever takes it anew gets a new number"
    assert not lease.holds(second, AT + HOUR)


def test_a_lease_that_was_given_back_is_free_and_its_number_is_not_used_again(lease: Lease) -> None:
    first = lease.acquire(U, "a", AT + HOUR, AT)
    assert first is not None
    lease.release(first)
    assert not lease.holds(first, AT)
    second = lease.acquire(U, "b", AT + HOUR, AT)
    assert second is not None
    assert second.fence == 2
    lease.release(first)
    assert lease.holds(second, AT), "only its holder gives it back"
    lease.release(replace(second, account="DU9000009"))
    assert lease.holds(second, AT)
    assert not lease.holds(replace(second, account="DU9000009"), AT)


@given(tries=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.integers(0, 4)), min_size=1, max_size=20))
def test_numbers_rise_with_every_holder_and_two_never_hold_at_once(tries: list[tuple[str, int, int]]) -> None:
    lease, now, granted = MemoryLease(), AT, []
    for holder, length, later in tries:
        now += timedelta(minutes=later)
        grant = lease.acquire(U, holder, now + timedelta(minutes=length), now)
        if grant is not None:
            granted.append(grant)
        holding = {each.holder for each in granted if lease.holds(each, now)}
        assert len(holding) <= 1
    fences = [grant.fence for grant in granted]
    assert fences == sorted(fences)
    holders: dict[int, str] = {}
    assert all(holders.setdefault(grant.fence, grant.holder) == grant.holder for grant in granted)


@contextmanager
def together(count: int, work: Callable[[int], None]) -> Iterator[None]:
    """Run ``work`` in so many threads that begin at one moment, and wait for all."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> None:
        barrier.wait()
        work(number)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def test_of_many_who_ask_at_once_one_gets_it(lease: Lease) -> None:
    granted = []

    def ask(number: int) -> None:
        if (grant := lease.acquire(U, f"process {number}", AT + HOUR, AT)) is not None:
            granted.append(grant)

    with together(8, ask):
        pass
    assert [grant.fence for grant in granted] == [1]


# ---------------------------------------------------------------- the inbox

HALT = Command(command_id="c-1", name="halt", arguments={"account": U}, by="operator", at=AT)


def test_a_command_is_there_until_it_is_done_and_once_even_when_it_is_sent_twice(commands: Commands) -> None:
    go_on = replace(HALT, command_id="c-2", name="resume", arguments={})
    commands.send(HALT)
    commands.send(go_on)
    commands.send(HALT)
    assert commands.take() == (HALT, go_on)
    assert commands.take() == (HALT, go_on), "whoever died before it was done finds it again"
    commands.done(HALT)
    assert commands.take() == (go_on,)
    commands.send(HALT)
    assert commands.take() == (go_on,), "what is done stays done"
    commands.done(go_on)
    commands.done(go_on)
    assert commands.take() == ()


def test_a_command_that_names_an_account_is_there_for_that_one_alone(commands: Commands) -> None:
    theirs = replace(HALT, command_id="c-2", account="DU9000002")
    anybodys = replace(HALT, command_id="c-3")
    for each in (theirs, anybodys):
        commands.send(each)
    assert commands.take("DU9000001") == (anybodys,)
    assert commands.take("DU9000002") == commands.take() == (theirs, anybodys)
    commands.done(anybodys)
    assert commands.take("DU9000001") == ()
    assert commands.take("DU9000002") == (theirs,)


@pytest.mark.parametrize("made", [sqlite, postgresql], ids=lambda made: made.__name__)
def test_a_command_that_was_sent_before_there_was_a_key_is_taken_with_it(
    made: Callable[[Path], Iterator[Pair]], tmp_path: Path
) -> None:
    for _, inbox in made(tmp_path):
        assert isinstance(inbox, StoreCommands)
        keyed = StoreCommands(inbox._engine, Cipher.from_text(new_key()))
        said = replace(HALT, account=U)
        inbox.send(said)
        assert keyed.take("DU9000002") == ()
        assert keyed.take(U) == (said,)


@pytest.mark.parametrize("made", [sqlite, postgresql], ids=lambda made: made.__name__)
def test_what_a_later_holder_claimed_an_earlier_one_gets_no_more(
    made: Callable[[Path], Iterator[Pair]], tmp_path: Path
) -> None:
    for _, inbox in made(tmp_path):
        assert isinstance(inbox, StoreCommands)
        first, second = (StoreCommands(inbox._engine, holder=name, fence=fence) for name, fence in (("a", 1), ("b", 2)))
        first.send(HALT)
        assert first.take() == (HALT,)
        assert second.take() == (HALT,), "it may have died"
        assert first.take() == (), "and if it only slept, it is too late"
        first.done(HALT)
        assert second.take() == (HALT,), "nor can it say that it was done"
        second.done(HALT)
        assert second.take() == ()
        with inbox._engine.connect() as connection:
            row = connection.execute(select(CommandRow.claimed_by, CommandRow.fence, CommandRow.done_at)).one()
        assert (row.claimed_by, row.fence) == ("b", 2)
        assert row.done_at is not None
