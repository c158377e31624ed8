"""People and their passes in the database, so that a restart signs nobody out.

The seeds of second factors are sealed where the store has a key. Sessions and tokens are kept by the SHA-256 of their
secrets: these are 256 random bits, so that no slow hash is needed, and whoever reads the table cannot come in with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Engine, case, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bursar.adapters.memory_people import changed
from bursar.adapters.store.database import explained, for_writing, upsert
from bursar.adapters.store.sealing import Cipher, opened, sealed
from bursar.adapters.store.tables import PassRow, PersonRow
from bursar.domain.people import Pass, PassKind, Person, Role


class StorePeople:
    """Who may sign in. See ``ports.People``."""

    def __init__(self, engine: Engine, cipher: Cipher | None = None) -> None:
        self._engine = engine
        self._cipher = cipher

    def find(self, name: str) -> Person | None:
        """The person of that name, or None."""
        found = self._read(PersonRow.name == name)
        return found[0] if found else None

    def all(self) -> tuple[Person, ...]:
        """Everybody, by name."""
        return tuple(self._read())

    def keep(self, person: Person) -> Person:
        """Add somebody or change them; InputError where another change came first."""
        kept = replace(person, version=person.version + 1)
        row = {
            "name": kept.name,
            "role": kept.role.word,
            "password": kept.password,
            "made_at": kept.made_at,
            "must_change": kept.must_change,
            "seed": sealed(self._cipher, kept.seed.encode(), f"seed of {kept.name}"),
            "seed_offered": sealed(self._cipher, kept.seed_offered.encode(), f"seed of {kept.name}"),
            "step": kept.step,
            "recovery": list(kept.recovery),
            "disabled": kept.disabled,
            "version": kept.version,
        }
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            try:
                if person.version == 0:
                    connection.execute(insert(PersonRow).values(row))
                    return kept
            except IntegrityError as error:
                raise changed(person) from error
            done: CursorResult[Any] = connection.execute(update(PersonRow).where(*_as_read(person)).values(row))
        if done.rowcount == 0:
            raise changed(person)
        return kept

    def remove(self, person: Person) -> None:
        """Forget somebody; InputError where a change came first."""
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            done: CursorResult[Any] = connection.execute(delete(PersonRow).where(*_as_read(person)))
        if done.rowcount == 0:
            raise changed(person)

    def _read(self, *wanted: Any) -> Sequence[Person]:
        statement = select(PersonRow.__table__).where(*wanted).order_by(PersonRow.name)
        with explained(self._engine), self._engine.connect() as connection:
            return [self._person(row) for row in connection.execute(statement)]

    def _person(self, row: Any) -> Person:
        return Person(
            name=row.name,
            role=Role.of(row.role),
            password=row.password,
            made_at=row.made_at,
            must_change=row.must_change,
            seed=opened(self._cipher, bytes(row.seed), f"seed of {row.name}").decode(),
            seed_offered=opened(self._cipher, bytes(row.seed_offered), f"seed of {row.name}").decode(),
            step=row.step,
            recovery=tuple(row.recovery),
            disabled=row.disabled,
            version=row.version,
        )


def _as_read(person: Person) -> tuple[Any, ...]:
    return PersonRow.name == person.name, PersonRow.version == person.version


class StorePasses:
    """Sessions and tokens. See ``ports.Passes``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, given: Pass) -> None:
        """Add a pass, or change one; what is revoked stays so."""
        row = {
            "pass_id": given.pass_id,
            "kind": given.kind.value,
            "person": given.person,
            "digest": given.digest,
            "made_at": given.made_at,
            "expires_at": given.expires_at,
            "label": given.label,
            "scopes": list(given.scopes),
            "stepped_up": given.stepped_up,
            "revoked_at": given.revoked_at,
        }
        statement = upsert(self._engine)(PassRow).values(row)
        changes = {name: statement.excluded[name] for name in ("expires_at", "label", "scopes", "stepped_up")}
        first = case(
            (PassRow.revoked_at.is_(None), statement.excluded.revoked_at),
            else_=PassRow.revoked_at,
        )
        statement = statement.on_conflict_do_update(
            index_elements=[PassRow.pass_id], set_=changes | {"revoked_at": first}
        )
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            connection.execute(statement)

    def find(self, digest: str) -> Pass | None:
        """The pass whose secret has this digest, or None."""
        found = self._read(PassRow.digest == digest)
        return found[0] if found else None

    def of(self, person: str) -> tuple[Pass, ...]:
        """Somebody's passes, oldest first."""
        return tuple(self._read(PassRow.person == person))

    def revoke(self, pass_id: str, at: datetime) -> None:
        """Let a pass open nothing from here on."""
        mine = (PassRow.pass_id == pass_id) & PassRow.revoked_at.is_(None)
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            connection.execute(update(PassRow).where(mine).values(revoked_at=at))

    def sweep(self, before: datetime) -> None:
        """Forget what ran out before a moment."""
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            connection.execute(delete(PassRow).where(PassRow.expires_at < before))

    def _read(self, *wanted: Any) -> Sequence[Pass]:
        statement = select(PassRow.__table__).where(*wanted).order_by(PassRow.made_at, PassRow.pass_id)
        with explained(self._engine), self._engine.connect() as connection:
            return [_pass(row) for row in connection.execute(statement)]


def _pass(row: Any) -> Pass:
    return Pass(
        pass_id=row.pass_id,
        kind=PassKind(row.kind),
        person=row.person,
        digest=row.digest,
        made_at=row.made_at,
        expires_at=row.expires_at,
        label=row.label,
        scopes=tuple(row.scopes),
        stepped_up=row.stepped_up,
        revoked_at=row.revoked_at,
    )
