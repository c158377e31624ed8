"""Who may come in when a desk begins: who was let in before a database was named, or else a first admin.

Where ``store.database`` is named after people were let in, they are in the home's own desk.sqlite. They are moved with
their passwords, second factors, sessions and tokens: by themselves where nobody is in the database yet, and else by
``bursar people move``, since several homes may share one. A move adds before it takes away, so that whoever it is cut
short for is found in one place or in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.people import StorePasses, StorePeople
from bursar.config.settings import Store
from bursar.desk.guard.guard import Guard
from bursar.domain.events import Event
from bursar.domain.people import Pass, Person
from bursar.errors import AwayError, InputError
from bursar.ports import Passes
from bursar.runtime.shared import STORE_NAME, database_of


@dataclass(frozen=True, slots=True)
class Begun:
    """What came of a beginning.

    password  of the admin that was made, to be used once; empty where nobody was
    events    to be journalled
    says      a line for the terminal each
    """

    password: str = ""
    events: tuple[Event, ...] = ()
    says: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """What was done, in the journal's word."""
        return "admin" if self.password else "people"


@dataclass(frozen=True, slots=True)
class Before:
    """Who was let in before a database was named."""

    people: StorePeople
    passes: StorePasses


def begin(home: Path, store: Store, guard: Guard) -> Begun:
    """Let those in who were let in before, where the database knows nobody, or make a first admin where there is none.

    Raises AwayError where the database does not serve.
    """
    with before(home, store) as old:
        waiting = left_behind(old, guard)
        if old is not None:
            _finish(old, guard)
        if old is not None and waiting and not guard.people.all():
            names, events = move(old, guard, by="first start")
            return Begun(events=events, says=(f"{_list(names)} came along from {STORE_NAME} into the database",))
    says: tuple[str, ...] = ()
    if waiting:
        told = f"{_list(waiting)} may not come in: let in before store.database was named, and kept in {STORE_NAME}"
        says = (f"{told} still; bursar people move brings them into the database",)
    first = guard.first_password()
    return Begun(says=says) if first is None else Begun(*first, says)


@contextmanager
def before(home: Path, store: Store) -> Iterator[Before | None]:
    """Whom the home's own tables know, where a database is named in their place; None where there is nothing to ask."""
    path = (home / STORE_NAME).absolute()
    if not path.is_file() or database_of(home, store) == sqlite_url(path):
        yield None
        return
    engine = connect(sqlite_url(path))
    try:
        migrate(engine)
        yield Before(StorePeople(engine, store.cipher()), StorePasses(engine))
    finally:
        engine.dispose()


def left_behind(old: Before | None, guard: Guard) -> tuple[str, ...]:
    """The names that were let in before and that the database does not know."""
    if old is None:
        return ()
    known = {each.name for each in guard.people.all()}
    return tuple(each.name for each in old.people.all() if each.name not in known)


def move(old: Before, guard: Guard, *, by: str) -> tuple[tuple[str, ...], tuple[Event, ...]]:
    """Move those whom the database does not know, with all that lets them in; who they were, and what to journal.

    A name that the database knows is somebody else's for all that we know, and stays where it is.
    """
    _finish(old, guard)
    moved = tuple(name for name in left_behind(old, guard) if _moved(old, guard, name))
    return moved, tuple(guard.moved(name, by) for name in moved)


def _moved(old: Before, guard: Guard, name: str) -> bool:
    """Move somebody; False where another was let in under that name a moment ago, to whom nothing of theirs comes."""
    person = old.people.find(name)
    assert person is not None, "they were found a moment ago"
    theirs = old.passes.of(name)
    brought = {each.pass_id for each in theirs}
    _end(guard.passes, [each for each in guard.passes.of(name) if each.pass_id not in brought], guard.now())
    for each in theirs:
        guard.passes.keep(each)
    try:
        guard.people.keep(replace(person, version=0))
    except AwayError:
        raise
    except InputError:
        _end(guard.passes, theirs, guard.now())
        return False
    _let_go(old, person, guard.now())
    return True


def _finish(old: Before, guard: Guard) -> None:
    """Let go of those whom a move that was cut short had brought along: they are not to come back from here."""
    for person in old.people.all():
        known = guard.people.find(person.name)
        if known is not None and known.made_at == person.made_at:
            _let_go(old, person, guard.now())


def _let_go(old: Before, person: Person, now: datetime) -> None:
    """Forget somebody, and let what they came with open nothing there: another may get the name."""
    _end(old.passes, old.passes.of(person.name), now)
    old.people.remove(person)


def _end(passes: Passes, ended: Sequence[Pass], now: datetime) -> None:
    for each in ended:
        passes.revoke(each.pass_id, now)


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
