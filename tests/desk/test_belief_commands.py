"""Studies and judgements as people see them: a no says why and exits so, and nothing peeks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bursar.desk import belief_tables, cli
from bursar.research.validate import Grade
from bursar.runtime import belief
from bursar.runtime.belief import Windows
from bursar.runtime.trials import Ledger
from tests.runtime.test_belief import bench, ledger

__all__ = ["bench", "ledger"]

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def drawn(shown: object) -> str:
    out = StringIO()
    Console(file=out, width=160).print(shown)
    return out.getvalue()


def test_a_walk_is_told_as_a_table_and_as_json(ledger: Ledger) -> None:
    walk = belief.walk(ledger, Windows(choose=100, judge=50, embargo=5, groups=4))
    told = json.loads(belief_tables.walk_json(walk))
    shown = drawn(belief_tables.walk_tables(walk))
    for step in told["steps"]:
        assert step["first"] in shown
        assert step["form"] in shown
    assert told["deflated"]["trials"] == 6
    assert f"{told['in_sample'][1]:.2f} ({told['in_sample'][0]})" in shown
    assert "probability of overfitting" in shown


def test_a_judgement_says_its_numbers_and_why_not(ledger: Ledger, tmp_path: Path) -> None:
    event = belief.promote(ledger, Grade.PAPER, tmp_path, NOON, draws=20)
    shown = drawn(belief_tables.judgement(event))
    told = json.loads(belief_tables.judgement_json(event))
    assert "Not promoted to paper:" in shown
    assert all(f"- {reason}" in " ".join(shown.split()) for reason in told["reasons"])
    assert told["numbers"]["trials"] == 6


def test_the_commands_refuse_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    few = ["--from", "2022-06", "--to", "2022-08"]
    for words, named in (
        (["promote", "crossover", "riches"], "a strategy goes on to paper or live, not to 'riches'"),
        (["promote", "crossover", "--history"], "crossover was never judged"),
        (["walkforward", "equal_weight", *few, "--every", "annually"], "has one form"),
    ):
        assert cli.main(words) == 2
        assert named in capsys.readouterr().err


def test_the_search_finds_that_the_crossover_does_not_peek(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    words = ["research", "lookahead", "crossover", "--from", "2022-01", "--to", "2022-03", "--json"]
    assert cli.main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["clean"]
    assert told["events_compared"] > 50
    assert len(told["corrupted_after"]) == 3
