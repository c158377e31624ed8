"""The box for signals: what was sent is found, and what is no signal is named and keeps nobody else out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.signals import SignalBox
from bursar.domain.signals import Signal
from bursar.errors import InputError

AT = datetime(2022, 1, 3, 12, 30, tzinfo=UTC)
SENT = Signal(
    signal_id="2022-01-03:1",
    source="desk",
    symbol="AAPL",
    horizon_days=21,
    expected_excess_return=0.02,
    confidence=0.7,
    issued=AT,
    reason="orders are said to be “strong”",
)


def test_what_was_sent_is_found_from_the_moment_it_was_issued(tmp_path: Path) -> None:
    box = SignalBox(tmp_path / "signals")
    assert box.asof(AT - timedelta(days=1), AT) == ()
    box.send(SENT)
    box.send(SENT)
    assert SignalBox(tmp_path / "signals").asof(AT - timedelta(days=1), AT) == (SENT,)
    assert box.asof(AT - timedelta(days=1), AT - timedelta(seconds=1)) == ()
    assert box.asof(AT + timedelta(seconds=1), AT + timedelta(days=1)) == ()


def test_another_signal_under_the_same_id_is_refused(tmp_path: Path) -> None:
    box = SignalBox(tmp_path)
    box.send(SENT)
    with pytest.raises(InputError, match="desk has sent another signal as 2022-01-03:1; give it an id of its own"):
        box.send(replace(SENT, confidence=0.9))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"source": "desk"}', json.dumps({"issued": 5}), '{"issued": "2022-01-03T00:00:00"}']
)
def test_what_is_no_signal_is_named_and_the_others_are_heard(tmp_path: Path, text: str) -> None:
    box = SignalBox(tmp_path)
    box.send(SENT)
    (tmp_path / "torn.json").write_text(text)
    assert box.asof(AT, AT) == (SENT,)
    assert list(box.unread()) == ["torn.json"]
    assert "torn.json is no signal (" in box.unread()["torn.json"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("source", "The Desk", "its source is 'The Desk'"),
        ("signal_id", "../../etc", "give an id of up to 64 letters"),
        ("confidence", 1.5, "its confidence is 1.5; give 0 to 1"),
        ("confidence", float("nan"), "its confidence is nan"),
        ("expected_excess_return", float("inf"), "it expects inf"),
        ("expected_excess_return", 1.5, "it expects 1.5; give a fraction from -1 to 1"),
        ("horizon_days", 0, "its horizon is 0 days"),
        ("reason", "  ", "give a reason"),
        ("reason", "x" * 501, "give a reason of at most 500 letters"),
        ("issued", datetime(2022, 1, 3, 12, 30), "give it in UTC"),  # noqa: DTZ001  a time without a zone is the point
    ],
)
def test_a_signal_that_says_too_little_or_too_much_is_refused(field: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        replace(SENT, **{field: value})


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.integers(), st.text(max_size=20)), max_size=5))
def test_no_file_of_json_breaks_the_box(tmp_path_factory: pytest.TempPathFactory, held: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("box")
    (folder / "any.json").write_text(json.dumps(held))
    assert SignalBox(folder).asof(AT, AT) == ()
