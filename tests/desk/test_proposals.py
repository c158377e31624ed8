"""What waits for a tap can be read, and tapped, from the command line."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from bursar.adapters.inbox import FolderCommands
from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.marks import FILE_NAME as MARKS_NAME
from bursar.adapters.marks import SharedMarks
from bursar.desk import cli
from bursar.domain.events import Alerted, CommandReceived, ProposalMade, ProposalTapped
from bursar.runtime.shared import COMMANDS_NAME
from tests.builders import quote
from tests.samples import OUTLOOK
from tests.trading.test_promises import completed, session


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
    # The move that the worst loss is reckoned with is stated beside it, before the tap.
    assert told["adverse_move_pct"] == 2.0
    assert "should prices move 2% against you meanwhile (execution.adverse_move)" in " ".join(shown.split())
    for name, why in (("p-00000009", "these wait for a tap: p-00000001"), ("all of them", "nothing was sent")):
        assert cli.main(["tap", name]) == 2
        assert why in capsys.readouterr().err
    # The session is over, and with it the half hour for which a proposal can be tapped.
    assert cli.main(["tap", "p-00000001"]) == 2
    assert "it expired at 2" in capsys.readouterr().err
    assert FolderCommands(bursar_home / COMMANDS_NAME).take() == ()


def test_a_tap_is_held_against_the_latest_prices_before_it_is_left_in_the_inbox(
    bursar_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = next(event for event in completed() if isinstance(event, ProposalMade))
    path = bursar_home / "accounts" / made.proposal.account / "journal.sqlite"
    path.parent.mkdir(parents=True)
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append([made]))
    name, marks = made.proposal.proposal_id, SharedMarks(path.parent / MARKS_NAME, ticks=count().__next__)
    assert cli.main(["tap", name]) == 0
    assert f"tapped {name}" in capsys.readouterr().out
    # KO was proposed at 60: 30 cents are half a percent, and one more is too much.
    marks.publish([quote("KO", "59.70"), quote("PEP", "200")])
    assert cli.main(["tap", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["proposal"] == name
    marks.publish([quote("KO", "59.69")])
    assert cli.main(["tap", name]) == 2
    assert "KO has moved 0.52% from 60 since it was proposed" in " ".join(capsys.readouterr().err.split())
    marks.publish([quote("KO", "60", at=made.proposal.expires_at)])
    assert cli.main(["tap", name]) == 2
    assert "it expired at" in capsys.readouterr().err
    # What cannot be read stops nobody: the program that trades looks at its own prices.
    marks.path.write_text("{", encoding="utf-8")
    assert cli.main(["tap", name]) == 0
    taken = FolderCommands(bursar_home / COMMANDS_NAME).take()
    said = {"proposal": name, "account": made.proposal.account}
    assert [command.arguments for command in taken] == [said] * 3


def test_why_a_tap_was_refused_stands_beside_its_proposal_and_a_second_one_is_refused_at_once(
    bursar_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, *_ = [event for event in completed() if isinstance(event, ProposalMade)]
    name, at = made.proposal.proposal_id, made.at
    said = {"proposal": name, "account": made.proposal.account}
    came = CommandReceived(event_id="command/c-1", at=at, command="tap", arguments=said, by="ann")
    other = replace(came, event_id="command/c-2", arguments=said | {"account": "DU9000002"})
    why = "KO has moved 1.67% from 60 since it was proposed; at most 0.50%; nothing was sent"
    warned = Alerted(event_id="g-1", at=at, causes=("command/c-1",), severity="warning", message=why)
    beside = Alerted(event_id="g-2", at=at, causes=("command/c-2",), severity="warning", message="of another account")
    path = bursar_home / "accounts" / made.proposal.account / "journal.sqlite"
    path.parent.mkdir(parents=True)
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append([made, came, warned, other, beside]))
        assert cli.main(["proposals", "--json"]) == 0
        (told,) = json.loads(capsys.readouterr().out)
        assert (told["state"], told["tap_refused"]) == ("pending", why)
        assert cli.main(["proposals"]) == 0
        assert "the last tap was refused: KO has moved" in " ".join(capsys.readouterr().out.split())
        asyncio.run(
            journal.append(
                [
                    ProposalTapped(
                        event_id=f"{name}/tapped", at=at, proposal_id=name, by="ann", outlook=made.outlook or OUTLOOK
                    )
                ]
            )
        )
    assert cli.main(["tap", name]) == 2
    assert f"proposal {name} was tapped already and is executing; nothing is sent again" in capsys.readouterr().err


def test_without_a_proposal_it_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--days", "1", "--in-process", "--json"]) == 0
    capsys.readouterr()
    assert cli.main(["proposals"]) == 0
    assert "set strategy.autonomy to propose or approve" in " ".join(capsys.readouterr().out.split())


def test_a_completed_proposal_is_shown_beside_what_it_promised(
    bursar_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bursar_home / "journal.sqlite"
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append([*completed(), *session(1, "203")]))
    assert cli.main(["proposals", "--journal", str(path), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["kept"] == {
        "state": "on_track",
        "sessions": 1,
        "return_pct": pytest.approx(8700 / 6001.5),
        "promised_pct": pytest.approx(1.0),
        "behind_max_pct": 5.0,
        "cost": "5.20",
        "cost_promised": "8.50",
        "loss": "0",
        "loss_max": "300",
    }
    assert (told["horizon_days"], told["loss_max"]) == (4, "300")
    assert cli.main(["proposals", "--journal", str(path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("on track", "1 of 4", "+1.45% of +1.00%", "5.20 of 8.50", "0.00 of 300.00", "more than 5% below it"):
        assert words in shown


def test_from_when_on_a_promise_is_not_kept_is_a_setting(
    bursar_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bursar_home / "journal.sqlite"
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append([*completed(), *session(1, "195")]))  # about 2.6 % lost, and 1 % was promised by now

    def kept() -> tuple[str, float]:
        assert cli.main(["proposals", "--journal", str(path), "--json"]) == 0
        (told,) = json.loads(capsys.readouterr().out)
        return told["kept"]["state"], told["kept"]["behind_max_pct"]

    assert kept() == ("on_track", 5.0)
    monkeypatch.setenv("BURSAR_EXECUTION_BEHIND_MAX", "2.5%")
    assert kept() == ("behind", 2.5)
    assert cli.main(["proposals", "--journal", str(path)]) == 0
    assert "more than 2.5% below it is behind (execution.behind_max)" in " ".join(capsys.readouterr().out.split())
