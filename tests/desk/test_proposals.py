"""What waits for a tap can be read, and tapped, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bursar.adapters.inbox import FolderCommands
from bursar.desk import cli
from bursar.runtime.switch import COMMANDS_NAME


def test_proposals_are_listed_with_what_they_would_cost_and_a_tap_reaches_the_inbox(
    bursar_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURSAR_STRATEGY_AUTONOMY", "propose")
    assert cli.main(["demo", "--days", "1", "--in-process", "--json"]) == 0
    capsys.readouterr()
    assert cli.main(["proposals", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["proposal"] == "p-00000001"
    assert told["state"] == "pending"
    assert told["legs"]
    assert float(told["legging_loss_max"]) > float(told["unwinding_cost"]) > float(told["cost"]) > 0
    assert cli.main(["proposals"]) == 0
    shown = capsys.readouterr().out
    assert "p-00000001" in shown
    assert "pending" in shown
    assert told["legs"][0]["symbol"] in shown
    assert cli.main(["tap", "p-00000001"]) == 0
    assert "tapped p-00000001" in capsys.readouterr().out
    assert cli.main(["tap", "p-00000001", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["proposal"] == "p-00000001"
    taken = FolderCommands(bursar_home / COMMANDS_NAME).take()
    assert [command.arguments for command in taken] == [{"proposal": "p-00000001"}] * 2


def test_without_a_proposal_it_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--days", "1", "--in-process", "--json"]) == 0
    capsys.readouterr()
    assert cli.main(["proposals"]) == 0
    assert "set strategy.autonomy to propose or approve" in " ".join(capsys.readouterr().out.split())
