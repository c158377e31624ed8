"""What is promised of people and of passes: no change is lost to another, and what is revoked stays revoked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bursar.adapters.memory_people import MemoryPasses, MemoryPeople
from bursar.adapters.store.database import connect, migrate
from bursar.adapters.store.people import StorePasses, StorePeople
from bursar.adapters.store.sealing import Cipher, new_key
from bursar.domain.people import Pass, PassKind, Person, Role
from bursar.errors import InputError
from bursar.ports import Passes, People
from tests import databases
from tests.samples import AT

HOUR = timedelta(hours=1)
OWNER = Person(name="owner", role=Role.ADMIN, password="$argon2id$of-owner", made_at=AT, must_change=True)
GUEST = replace(OWNER, name="guest", role=Role.VIEWER, seed="JBSWY3DPEHPK3PXP", recovery=("ab", "cd"), step=7)

Pair = tuple[People, Passes]


def memory(_folder: Path) -> Iterator[Pair]:
    yield MemoryPeople(), MemoryPasses()


def sqlite(folder: Path) -> Iterator[Pair]:
    for url in databases.sqlite(folder):
        yield from _in_database(url)


def postgresql(folder: Path) -> Iterator[Pair]:
    for url in databases.postgres(folder):
        yield from _in_database(url)


def _in_database(url: str) -> Iterator[Pair]:
    engine = connect(url)
    migrate(engine)
    yield StorePeople(engine), StorePasses(engine)
    engine.dispose()


@pytest.fixture(params=[memory, sqlite, postgresql], ids=lambda made: made.__name__)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    made: Callable[[Path], Iterator[Pair]] = request.param
    yield from made(tmp_path)


@pytest.fixture
def people(both: Pair) -> People:
    return both[0]


@pytest.fixture
def passes(both: Pair) -> Passes:
    return both[1]


def a_pass(pass_id: str, person: str = "owner", **more: object) -> Pass:
    given = Pass(
        pass_id=pass_id,
        kind=PassKind.TOKEN,
        person=person,
        digest=hashlib.sha256(pass_id.encode()).hexdigest(),
        made_at=AT,
        expires_at=AT + HOUR,
        label="a program",
        scopes=("read",),
    )
    return replace(given, **more)  # type: ignore[arg-type]


# ---------------------------------------------------------------- people


def test_who_is_kept_is_found_as_they_were(people: People) -> None:
    assert people.find("owner") is None
    kept = [people.keep(OWNER), people.keep(GUEST)]
    assert kept == [replace(OWNER, version=1), replace(GUEST, version=1)]
    assert people.find("owner") == kept[0]
    assert people.all() == (kept[1], kept[0]), "by name"


def test_of_two_changes_to_one_reading_the_second_is_refused(people: People) -> None:
    read = people.keep(GUEST)
    people.keep(replace(read, role=Role.TRADER))
    with pytest.raises(InputError, match="guest was changed or removed since"):
        people.keep(replace(read, disabled=True))
    with pytest.raises(InputError, match="guest was changed or removed since"):
        people.remove(read)
    found = people.find("guest")
    assert found is not None
    assert (found.role, found.disabled, found.version) == (Role.TRADER, False, 2)


def test_a_name_is_given_once(people: People) -> None:
    people.keep(OWNER)
    with pytest.raises(InputError, match="somebody is called owner already"):
        people.keep(OWNER)


def test_who_is_removed_is_gone_and_cannot_be_changed(people: People) -> None:
    read = people.keep(OWNER)
    people.remove(read)
    assert people.find("owner") is None
    with pytest.raises(InputError, match="changed or removed"):
        people.keep(read)


# ---------------------------------------------------------------- passes


def test_a_pass_is_found_by_the_digest_of_its_secret(passes: Passes) -> None:
    first, second = a_pass("one"), a_pass("two", made_at=AT - HOUR, kind=PassKind.SESSION, stepped_up=AT)
    for given in (first, second, a_pass("three", "guest")):
        passes.keep(given)
    assert passes.find(first.digest) == first
    assert passes.find("00") is None
    assert passes.of("owner") == (second, first), "the oldest first"


def test_a_pass_can_be_prolonged_and_keeps_its_secret(passes: Passes) -> None:
    passes.keep(a_pass("one"))
    longer = a_pass("one", expires_at=AT + 2 * HOUR, stepped_up=AT + HOUR)
    passes.keep(longer)
    assert passes.find(longer.digest) == longer


def test_what_is_revoked_stays_revoked_whoever_keeps_it_again(passes: Passes) -> None:
    given = a_pass("one")
    passes.keep(given)
    passes.revoke("one", AT)
    passes.revoke("one", AT + HOUR)
    passes.revoke("nobody's", AT)
    passes.keep(replace(given, expires_at=AT + 5 * HOUR))
    found = passes.find(given.digest)
    assert found is not None
    assert found.revoked_at == AT, "the first time counts"
    assert not found.valid(AT)


def test_a_sweep_forgets_what_ran_out_and_nothing_else(passes: Passes) -> None:
    old, new = a_pass("old", expires_at=AT - HOUR), a_pass("new")
    for given in (old, new):
        passes.keep(given)
    passes.sweep(AT)
    assert passes.find(old.digest) is None
    assert passes.of("owner") == (new,)


# ---------------------------------------------------------------- at rest


def test_with_a_key_no_seed_stands_in_the_database_in_clear(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(engine)
    people = StorePeople(engine, Cipher.from_text(new_key()))
    people.keep(GUEST)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT seed FROM people")).one()
    assert GUEST.seed.encode() not in bytes(row.seed)
    found = people.find("guest")
    assert found is not None
    assert found.seed == GUEST.seed
    with pytest.raises(InputError, match="seed of guest is encrypted"):
        StorePeople(engine).find("guest")
    engine.dispose()


def test_neither_a_password_nor_a_seed_is_printed() -> None:
    assert "argon2" not in repr(OWNER)
    assert GUEST.seed not in repr(GUEST)
    assert a_pass("one").digest not in repr(a_pass("one"))
