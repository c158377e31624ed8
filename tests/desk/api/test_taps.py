"""A tap over the API is held against the same clock and prices as one from the command line, before it is sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bursar.desk.desk import Desk
from tests.builders import ACCOUNT, quote
from tests.desk.api.world import NOW, Ask, app_on, desk_on, send

APP = app_on(desk_on())


@pytest.fixture
def desk() -> Desk:
    APP.state.desk = desk_on()
    APP.state.once.answers.clear()
    held: Desk = APP.state.desk
    return held


def tap(key: str, proposal_id: str = "p-00000001") -> Ask:
    return Ask("POST", f"/api/v1/proposals/{proposal_id}/execute", None, {"Idempotency-Key": key})


def test_one_intention_taps_once_and_a_tap_that_the_loop_refused_may_be_sent_anew(desk: Desk) -> None:
    first, same, anew = send(APP, tap("intention-1"), tap("intention-1"), tap("intention-2"), role="trader")
    assert (first.status_code, same.content) == (202, first.content)
    assert anew.json()["command"] != first.json()["command"]
    said = {"proposal": "p-00000001", "account": ACCOUNT}
    assert [(each.name, dict(each.arguments)) for each in desk.commands.take()] == [("tap", said)] * 2


@pytest.mark.parametrize(
    ("symbol", "price", "behind", "words"),
    [
        ("KO", "60.81", timedelta(0), "KO has moved 0.51% from 60.5 since it was proposed; at most 0.50%"),
        ("PEP", "168", timedelta(0), "PEP has moved 1.18% from 170 since it was proposed"),
        ("PEP", "170", timedelta(days=-4), "it expired at 2022-01-08 14:30 UTC; ask for a new one"),
    ],
)
def test_what_has_expired_or_moved_is_not_sent(
    desk: Desk, symbol: str, price: str, behind: timedelta, words: str
) -> None:
    desk.price([quote(symbol, price, at=NOW)], behind)
    (answer,) = send(APP, tap("intention-3"), role="trader")
    assert (answer.status_code, answer.json()["title"]) == (409, "it cannot be tapped now")
    assert words in answer.json()["detail"]
    assert desk.commands.take() == ()


def test_what_was_tapped_is_not_sent_again(desk: Desk) -> None:
    (answer,) = send(APP, tap("intention-4", "p-00000002"), role="trader")
    assert (answer.status_code, answer.json()["title"]) == (409, "it was tapped already")
    assert "nothing is sent again" in answer.json()["detail"]
