"""What a run says while it goes on: each event that an owner would want to hear of, in words, dated in their zone."""

from __future__ import annotations

import asyncio
import json

import pytest

from bursar.adapters.memory import MemoryJournal
from bursar.desk.narration import Narrator, told
from bursar.domain import events as e
from bursar.runtime.overheard import Overheard
from tests.desk.test_why import BUY, FILL, STORY
from tests.samples import AT, SAMPLES

#: Kinds that nobody is told of at once: thoughts, what was asked of the broker and is answered soon, and bookkeeping.
HEARD = {
    "account_switched", "alerted", "break_explained", "break_found", "decided", "decision_skipped", "exit_triggered",
    "filled", "kill_finished", "kill_ordered", "leg_refused", "line_changed", "order_canceled", "order_expired",
    "order_flagged", "order_placed", "order_rejected", "position_adopted", "proposal_ended", "proposal_made",
    "proposal_tapped", "rearm_refused", "rejected", "session_closed", "session_opened", "switch_refused",
    "trading_state_changed",
}  # fmt: skip


def test_each_kind_that_an_owner_wants_to_hear_of_has_words_and_no_other_has() -> None:
    assert {event.kind for event in SAMPLES.values() if told(event)} == HEARD


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (BUY, "o-00000001: order to buy 10 AAPL (market, entry, momentum)"),
        (FILL, "o-00000001: bought 5 AAPL at $150.1234, fee $0.75"),
        (e.OrderCanceled(event_id="x", at=AT, order_id="o-2", reason="late"), "o-2: the order was canceled: late"),
        (e.LineChanged(event_id="x", at=AT, state="socket_down", reason="gone"), "the line is socket down: gone"),
        (
            e.KillOrdered(event_id="x", at=AT, account="DU1", form=e.KillForm.FLATTEN, reason="a bad day", by="anna"),
            "STOPPED by anna (flatten): a bad day",
        ),
    ],
)
def test_an_event_is_told_in_words(event: e.Event, words: str) -> None:
    assert told(event) == words


def test_lines_are_dated_in_the_zone_of_the_market_and_thoughts_are_left_out() -> None:
    said: list[str] = []
    journal = Overheard(MemoryJournal(), [Narrator(said.append, "America/New_York")])
    asyncio.run(journal.append(STORY))
    assert said[0].startswith("09:30:00 EST  blend decided on 1 target")
    assert len(said) == 6  # decided, bought, filled, an exit, sold, filled: no view and no approval


def test_as_json_every_event_is_a_line_with_its_sequence_and_what_is_repeated_is_not_told_again() -> None:
    said: list[str] = []
    journal = Overheard(MemoryJournal(), [Narrator(said.append, "America/New_York", as_json=True)])
    asyncio.run(journal.append(STORY))
    asyncio.run(journal.append(STORY[:1]))
    lines = [json.loads(line) for line in said]
    assert [line["sequence"] for line in lines] == list(range(1, len(STORY) + 1))
    assert [line["event"]["event_id"] for line in lines] == [event.event_id for event in STORY]
    assert [recorded.event for recorded in journal.read()] == list(STORY)
