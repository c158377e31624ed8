"""Who may sign in, kept in files, and changed by whoever has the machine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bursar.adapters.journal import read
from bursar.desk.cli import app
from bursar.desk.guard.kept import NOTES_NAME, kept
from bursar.desk.guard.passwords import Passwords
from bursar.domain.events import AccessChanged, Alerted
from bursar.runtime.shared import STORE_NAME
from tests.desk.guard.test_guard import CHEAP
from tests.samples import AT


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    monkeypatch.setattr("bursar.desk.guard.guard.Passwords", lambda: CHEAP)


def said(*words: str) -> str:
    done = CliRunner().invoke(app, ["people", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_people_and_sessions_are_there_after_a_restart(tmp_path: Path) -> None:
    with kept(tmp_path) as there:
        once, _ = there.guard.first_password() or ("", ())
        secret = there.guard.sign_in("admin", once, "", "127.0.0.1")[0].secret
    with kept(tmp_path) as there:
        caller = there.guard.caller(secret)
        assert caller is not None
        assert (caller.user, caller.must_change) == ("admin", True)


def test_whoever_has_the_machine_lets_in_resets_and_removes(tmp_path: Path) -> None:
    assert "nobody yet" in said("list")
    first = said("add", "owner", "--role", "admin")
    said("add", "Guest")
    again = said("reset", "owner")
    assert first != again
    assert said("role", "guest", "trader") == "guest is trader"
    assert [(each["name"], each["role"]) for each in json.loads(said("list", "--json"))] == [
        ("guest", "trader"),
        ("owner", "admin"),
    ]
    assert "has to choose a password" in said("list")
    assert said("remove", "guest") == "guest is gone"
    events = [each.event for each in read(tmp_path / NOTES_NAME)]
    assert [each.what for each in events if isinstance(each, AccessChanged)] == [
        "person_added", "person_added", "password", "role", "person_removed",
    ]  # fmt: skip
    text = (tmp_path / NOTES_NAME).read_bytes() + (tmp_path / STORE_NAME).read_bytes()
    assert again.encode() not in text


def test_what_is_changed_beside_a_desk_that_runs_counts_there_too(tmp_path: Path) -> None:
    first = said("add", "owner", "--role", "admin")
    with kept(tmp_path) as running:
        secret = running.guard.sign_in("owner", first, "", "127.0.0.1")[0].secret
        said("reset", "owner")
        assert running.guard.caller(secret) is None
        asyncio.run(running.notes.append([Alerted(event_id="later", at=AT, severity="info", message="after it")]))
    kinds = [each.event.kind for each in read(tmp_path / NOTES_NAME)]
    assert kinds == ["access_changed", "access_changed", "alerted"], "in one chain"


def test_the_real_passwords_are_not_cheap() -> None:
    assert not Passwords().weak(Passwords().hashed("a-sentence-that-nobody-guesses"))
    assert Passwords().weak(CHEAP.hashed("a-sentence-that-nobody-guesses"))
