"""Orders that work can be listed, and one of them be canceled, from the command line."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest

from bursar.adapters.inbox import FolderCommands
from bursar.adapters.journal import SQLiteJournal
from bursar.desk import cli
from bursar.runtime.shared import COMMANDS_NAME
from tests.builders import ACCOUNT
from tests.desk.api.world import events


@pytest.fixture
def home(bursar_home: Path) -> Path:
    """An account with an order that works, one that protects, and one that is filled."""
    path = bursar_home / "accounts" / ACCOUNT / "journal.sqlite"
    path.parent.mkdir(parents=True)
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append(tuple(events())))
    return bursar_home


@pytest.mark.parametrize("columns", ["72", "80", "160"])
def test_orders_are_listed_with_what_they_are_for(
    columns: str, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert cli.main(["orders"]) == 0
    shown = capsys.readouterr().out
    for words in ("o-00000002", "buy KO", "0 of ", "55", "o-00000003", "sell AAPL", "protection", "pending new"):
        assert words in shown
    assert "o-00000001" not in shown
    assert cli.main(["orders", "--json"]) == 0
    assert [each["order_id"] for each in json.loads(capsys.readouterr().out)] == ["o-00000002", "o-00000003"]
    assert cli.main(["orders", "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["status"] == "filled"


def test_a_cancel_reaches_the_inbox_and_one_that_cannot_be_says_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["cancel", "o-00000002", "--reason", " the news "]) == 0
    assert "asked to cancel o-00000002" in capsys.readouterr().out
    assert cli.main(["cancel", "o-00000002", "--reason", "the news", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["order"] == "o-00000002"
    for words, why in (
        (("o-00000003", "--reason", "x"), "protects 100 AAPL, which would be left unprotected; close the position"),
        (("o-00000001", "--reason", "x"), "is filled already, and nothing of it is left to cancel"),
        (("o-00000009", "--reason", "x"), "was never placed here; name one of the orders that work: o-00000002, o-"),
        (("o-00000002",), "canceling needs a reason"),
    ):
        assert cli.main(["cancel", *words]) == 2
        assert why in " ".join(capsys.readouterr().err.split())
    taken = FolderCommands(home / COMMANDS_NAME).take()
    assert [command.arguments for command in taken] == [
        {"order": "o-00000002", "reason": "the news", "account": ACCOUNT}
    ] * 2


def test_without_an_order_it_says_so(bursar_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bursar_home / "journal.sqlite"
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append(tuple(events())[:2]))
    assert cli.main(["orders", "--journal", str(path)]) == 0
    assert "no order works; --all lists those that have ended" in capsys.readouterr().out
    assert cli.main(["orders", "--all", "--journal", str(path)]) == 0
    assert "no order was placed" in capsys.readouterr().out
