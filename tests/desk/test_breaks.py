"""What stops a symbol can be read and settled from the command line, and what trading cost be read there."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest

from bursar.adapters.inbox import FolderCommands
from bursar.adapters.journal import SQLiteJournal
from bursar.desk import cli
from bursar.domain.events import BreakExplained, BreakFound
from bursar.runtime.shared import COMMANDS_NAME
from bursar.trading.breaks import short
from tests.builders import ACCOUNT, OPEN

FOUND = BreakFound(event_id="break/1", at=OPEN, account=ACCOUNT, symbol="AAPL", what="position", ours="0", theirs="10")
CASH = BreakFound(event_id="break/2", at=OPEN, account=ACCOUNT, symbol="", what="cash in USD", ours="5", theirs="6")
SETTLED = BreakExplained(event_id="b/2", at=OPEN, causes=("break/2",), break_id="break/2", explanation="a fee", by="me")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    with closing(SQLiteJournal(tmp_path / "journal.sqlite")) as opened:
        asyncio.run(opened.append([FOUND, CASH, SETTLED]))
    return tmp_path / "journal.sqlite"


def test_open_breaks_are_listed_and_with_all_those_that_were_explained(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["breaks", "--journal", str(journal), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["break"], told["symbol"], told["stops"]) == (short(FOUND), "AAPL", "trading in AAPL")
    assert cli.main(["breaks", "--all", "--journal", str(journal), "--json"]) == 0
    assert [each["explanation"] for each in json.loads(capsys.readouterr().out)] == [None, "a fee"]
    assert cli.main(["breaks", "--journal", str(journal)]) == 0
    shown = capsys.readouterr().out
    assert short(FOUND) in shown
    assert "trading in AAPL" in shown


def test_an_explanation_reaches_the_inbox_and_needs_a_reason(
    bursar_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain", short(FOUND)]) != 0
    assert "needs a reason" in capsys.readouterr().err
    assert cli.main(["explain", short(FOUND), "--because", "mine", "--take-theirs"]) == 0
    (command,) = FolderCommands(bursar_home / COMMANDS_NAME).take()
    assert command.name == "explain"
    assert command.arguments == {"break": short(FOUND), "because": "mine", "take_theirs": "yes"}


def test_what_trading_cost_sums_to_its_parts_by_every_split(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--days", "2", "--in-process", "--json"]) == 0
    capsys.readouterr()
    assert cli.main(["execution", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parents"]
    assert told["simulated"]
    for each in told["parents"]:
        parts = sum(each[part] for part in ("delay", "spread", "impact", "opportunity", "fees"))
        assert each["total"] == pytest.approx(parts, abs=0.03)
    for groups in told["by"].values():
        assert sum(group["notional"] for group in groups) == pytest.approx(told["whole"]["notional"], abs=0.1)
    assert {group["name"] for group in told["by"]["route"]} == {"at_once"}
    assert cli.main(["execution", "--by", "strategy"]) == 0
    shown = capsys.readouterr().out
    assert "momentum" in shown
    assert "positive where it cost" in " ".join(shown.split())
    assert cli.main(["execution", "--by", "moon"]) != 0
    assert "costs are not split by 'moon'" in " ".join(capsys.readouterr().err.split())
