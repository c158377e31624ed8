"""Who may come in when a desk begins: nobody is lost who was let in before a database was named."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from bursar.adapters.memory_people import changed
from bursar.adapters.store.people import StorePasses, StorePeople
from bursar.config import Given, Settings, build
from bursar.config.settings import Store
from bursar.desk import cli, service
from bursar.desk.guard.beginning import before, begin, move
from bursar.desk.guard.guard import Guard
from bursar.desk.opening import Opening
from bursar.domain import events as e
from bursar.domain.people import Person, Role
from bursar.errors import AwayError
from bursar.runtime import shared
from tests.desk.api.world import Ask, send
from tests.desk.guard.test_guard import CHEAP, OWN

HERE = Store()
NOW = datetime(2026, 1, 5, 15, tzinfo=UTC)


def settings(**said: str) -> Settings:
    return build({key.replace("__", "."): Given(value, "in a test") for key, value in said.items()})


def named(folder: Path) -> Store:
    """A store that names a database."""
    return settings(store__database=f"sqlite:///{folder / 'named.db'}").store


@contextmanager
def guard_of(home: Path, store: Store, now: datetime = NOW) -> Iterator[Guard]:
    with shared.opened(home, store) as tables:
        yield Guard(StorePeople(tables), StorePasses(tables), lambda: now, passwords=CHEAP)


def somebody(guard: Guard, name: str, role: Role = Role.TRADER) -> tuple[str, str]:
    """Somebody who chose a password and made a token: the token's secret, and that of the session."""
    password, _ = guard.add(name, role, by="test")
    given, _ = guard.sign_in(name, password, "", "127.0.0.1")
    caller = guard.caller(given.secret)
    assert caller is not None
    guard.change_password(caller, password, OWN, "127.0.0.1")
    token, _ = guard.make_token(caller, "a program", timedelta(days=30))
    return token.secret, given.secret


def test_whoever_was_let_in_before_a_database_was_named_comes_along_with_all_that_lets_them_in(tmp_path: Path) -> None:
    with guard_of(tmp_path, HERE) as guard:
        token, session = somebody(guard, "ann", Role.ADMIN)
        somebody(guard, "bob")
    store = named(tmp_path)
    with guard_of(tmp_path, store) as guard:
        begun = begin(tmp_path, store, guard)
        assert (begun.password, begun.what) == ("", "people"), "no other admin is made"
        assert begun.says == ("ann and bob came along from desk.sqlite into the database",)
        told = [(each.whom, each.detail) for each in begun.events if isinstance(each, e.AccessChanged)]
        assert told == [("ann", "moved, as admin"), ("bob", "moved, as trader")]
        for secret in (token, session):
            caller = guard.caller(secret)
            assert caller is not None
            assert (caller.user, caller.role) == ("ann", Role.ADMIN)
        guard.sign_in("bob", OWN, "", "127.0.0.1")
        assert begin(tmp_path, store, guard).says == (), "and only once"
    with guard_of(tmp_path, HERE) as guard:
        assert guard.people.all() == (), "moved, and not copied: who is let go there does not come back from here"


def test_into_a_database_that_knows_somebody_they_are_brought_by_a_person_who_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = named(tmp_path)
    with guard_of(tmp_path, HERE) as guard:
        somebody(guard, "ann", Role.VIEWER)
        somebody(guard, "bob")
    with guard_of(tmp_path, store, NOW + timedelta(days=1)) as guard:
        somebody(guard, "ann", Role.ADMIN)
        begun = begin(tmp_path, store, guard)
        assert (begun.password, begun.events) == ("", ())
        assert begun.says[0].startswith("bob may not come in: let in before store.database was named")
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    monkeypatch.setenv("BURSAR_STORE_DATABASE", f"sqlite:///{tmp_path / 'named.db'}")
    assert cli.main(["people", "move"]) == 0
    assert cli.main(["people", "move"]) == 0
    assert capsys.readouterr().out == "moved into the database: bob\nnobody was left to be moved\n"
    with guard_of(tmp_path, store) as guard, before(tmp_path, store) as old:
        assert [(each.name, each.role) for each in guard.people.all()] == [("ann", Role.ADMIN), ("bob", Role.TRADER)]
        assert old is not None
        assert [each.name for each in old.people.all()] == ["ann"], "of the same name, and not the same for all we know"


def test_a_token_that_came_along_opens_nothing_where_it_came_from_whoever_gets_the_name(tmp_path: Path) -> None:
    store = named(tmp_path)
    with guard_of(tmp_path, HERE) as guard:
        token, session = somebody(guard, "admin", Role.ADMIN)
    with guard_of(tmp_path, store) as guard:
        begin(tmp_path, store, guard)
        caller = guard.caller(session)
        assert caller is not None
        for each in guard.passes_of("admin"):
            guard.revoke(caller, "admin", each.pass_id)
    with guard_of(tmp_path, HERE) as guard:  # no database is named any more
        assert begin(tmp_path, HERE, guard).password, "another admin is made"
        assert (guard.caller(token), guard.caller(session)) == (None, None)


class CutError(Exception):
    """The process dies here."""


def test_whoever_a_move_that_was_cut_short_brought_along_does_not_come_back_once_they_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = named(tmp_path)
    with guard_of(tmp_path, HERE) as guard:
        somebody(guard, "ann", Role.ADMIN)
        token, _ = somebody(guard, "bob")

    def cut(people: StorePeople, person: Person) -> None:
        if person.name == "bob":
            raise CutError
        removed(people, person)

    removed = StorePeople.remove
    with guard_of(tmp_path, store) as guard:
        with monkeypatch.context() as dying:
            dying.setattr(StorePeople, "remove", cut)
            with pytest.raises(CutError):
                begin(tmp_path, store, guard)
        assert guard.caller(token) is not None, "found in both places"
        begin(tmp_path, store, guard)
        guard.remove("bob", by="ann")
        with before(tmp_path, store) as old:
            assert old is not None
            assert move(old, guard, by="ann") == ((), ())
        assert guard.caller(token) is None


def test_what_a_move_that_was_cut_short_left_lets_nobody_in_under_the_name_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = named(tmp_path)
    with guard_of(tmp_path, HERE) as guard:
        token, session = somebody(guard, "admin", Role.ADMIN)

    def cut(people: StorePeople, person: Person) -> Person:
        raise CutError

    def taken(people: StorePeople, person: Person) -> Person:
        raise changed(person)

    with guard_of(tmp_path, store) as guard:
        with monkeypatch.context() as dying:
            dying.setattr(StorePeople, "keep", cut)
            with pytest.raises(CutError):
                begin(tmp_path, store, guard)
        with monkeypatch.context() as racing, before(tmp_path, store) as old:
            racing.setattr(StorePeople, "keep", taken)
            assert old is not None
            assert move(old, guard, by="first start") == ((), ()), "another home brought its admin a moment before"
        assert guard.passes_of("admin") == ()
    (tmp_path / "another").mkdir()
    theirs = named(tmp_path / "another")
    with guard_of(tmp_path, theirs) as guard:
        with monkeypatch.context() as dying:
            dying.setattr(StorePeople, "keep", cut)
            with pytest.raises(CutError):
                begin(tmp_path, theirs, guard)
        guard.add("admin", Role.VIEWER, by="test")
        assert (guard.caller(token), guard.caller(session)) == (None, None)


def test_where_no_other_database_is_named_nothing_is_asked(tmp_path: Path) -> None:
    with before(tmp_path, named(tmp_path)) as old:
        assert old is None, "nobody was let in before"
    with guard_of(tmp_path, HERE) as guard, before(tmp_path, HERE) as old:
        assert old is None
        assert begin(tmp_path, HERE, guard).password, "the first admin"
    there = settings(store__database=f"sqlite:///{tmp_path.absolute() / 'desk.sqlite'}").store
    with before(tmp_path, there) as old:
        assert old is None, "it is the same one"


async def sent(app: FastAPI) -> list[httpx.Response]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8005") as client:
        return [await client.get("/health")]


def test_a_desk_starts_without_its_database_and_opens_it_once_it_is_there(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    wanted = settings(store__database=f"sqlite:///{gone / 'store.db'}")
    said_by = {"name": "admin", "password": "whatever it is", "code": ""}
    with service.opened(tmp_path, wanted) as opened:
        opening = opened.opening
        assert isinstance(opening, Opening)
        assert opened.password == ""
        (health,) = send(opened.app, Ask("GET", "/health"), role="")
        assert [each["part"] for each in health.json()["away"]] == ["people"]
        assert health.json()["trades"] == "unknown"
        (refused,) = send(opened.app, Ask("POST", "/api/v1/sign-in", body=said_by), role="")
        assert (refused.status_code, refused.json()["title"]) == (503, "the database is away")

        async def pause(_: float) -> None:
            assert "see that it is there" in opened.desk.degraded["people"]
            gone.mkdir()
            (well,) = await sent(opened.app)
            assert (well.status_code, well.json()["trades"]) == (200, "unknown"), "there, and not laid out yet"

        told: list[str] = []
        opening.tell = lambda begun: told.append(begun.password)
        asyncio.run(opening.run(opened.desk.degraded, pause))
        assert "people" not in opened.desk.degraded
        (password,) = told
        (came,) = send(opened.app, Ask("POST", "/api/v1/sign-in", body=said_by | {"password": password}), role="")
        assert came.status_code == 200
        made = [each.event for each in opened.desk.noted if isinstance(each.event, e.AccessChanged)]
        assert [(each.what, each.whom, each.by) for each in made] == [("person_added", "admin", "first start")]


def test_beyond_this_machine_no_desk_starts_that_cannot_know_whether_an_admin_chose_a_password(tmp_path: Path) -> None:
    wanted = settings(store__database=f"sqlite:///{tmp_path / 'gone' / 'store.db'}", service__host="0.0.0.0")
    with pytest.raises(AwayError, match="see that it is there"), service.opened(tmp_path, wanted):
        pass
