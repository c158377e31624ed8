"""People and their passes, in memory: for a service without a database, and for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bursar.domain.people import Pass, Person
from bursar.errors import InputError


class MemoryPeople:
    """Who may sign in, until the process ends. See ``ports.People``."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}

    def find(self, name: str) -> Person | None:
        return self._people.get(name)

    def all(self) -> tuple[Person, ...]:
        return tuple(self._people[name] for name in sorted(self._people))

    def keep(self, person: Person) -> Person:
        self._check(person)
        kept = replace(person, version=person.version + 1)
        self._people[person.name] = kept
        return kept

    def remove(self, person: Person) -> None:
        self._check(person)
        self._people.pop(person.name, None)

    def _check(self, person: Person) -> None:
        present = self._people.get(person.name)
        if (present.version if present else 0) != person.version:
            raise changed(person)


def changed(person: Person) -> InputError:
    """What is raised where a change came in between."""
    if person.version == 0:
        return InputError(f"somebody is called {person.name} already; give another name")
    return InputError(f"{person.name} was changed or removed since they were read; read them again")


class MemoryPasses:
    """Sessions and tokens, until the process ends. See ``ports.Passes``."""

    def __init__(self) -> None:
        self._passes: dict[str, Pass] = {}
        self._by_digest: dict[str, str] = {}

    def keep(self, given: Pass) -> None:
        present = self._passes.get(given.pass_id)
        if present and present.revoked_at:
            given = replace(given, revoked_at=present.revoked_at)
        self._passes[given.pass_id] = given
        self._by_digest[given.digest] = given.pass_id

    def find(self, digest: str) -> Pass | None:
        pass_id = self._by_digest.get(digest)
        return None if pass_id is None else self._passes[pass_id]

    def of(self, person: str) -> tuple[Pass, ...]:
        theirs = [given for given in self._passes.values() if given.person == person]
        return tuple(sorted(theirs, key=lambda given: (given.made_at, given.pass_id)))

    def revoke(self, pass_id: str, at: datetime) -> None:
        present = self._passes.get(pass_id)
        if present and present.revoked_at is None:
            self._passes[pass_id] = replace(present, revoked_at=at)

    def sweep(self, before: datetime) -> None:
        for given in tuple(self._passes.values()):
            if given.expires_at < before:
                del self._passes[given.pass_id]
                del self._by_digest[given.digest]
