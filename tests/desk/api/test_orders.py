"""Orders over the API: what is told of each, and one that is canceled by a person, down to the broker."""

from __future__ import annotations

import asyncio

import pytest

from bursar.adapters.memory import MemoryCommands, MemoryJournal
from bursar.desk.desk import Desk
from bursar.domain.events import CancelRequested, CommandReceived
from bursar.runtime.loop import Loop
from bursar.runtime.morning import Morning
from bursar.trading.engine import Engine
from tests.builders import ACCOUNT, SESSION
from tests.desk.api.world import NOW, Ask, Known, app_on, desk_on, send
from tests.runtime.test_inbox import BEFORE, WORKING
from tests.runtime.test_loop import Minutes, Scripted, TwoDays
from tests.trading.test_engine import Wants, fresh

APP = app_on(desk_on())


def cancels(order_id: str, key: str = "an-intention-1", reason: object = "the news changed") -> Ask:
    return Ask("POST", f"/api/v1/ibkr/orders/{order_id}/cancel", {"reason": reason}, {"Idempotency-Key": key})


@pytest.fixture
def desk() -> Desk:
    APP.state.desk = desk_on()
    APP.state.once.answers.clear()
    held: Desk = APP.state.desk
    return held


def test_an_order_that_works_is_told_with_what_it_is_for_and_what_is_left_of_it(desk: Desk) -> None:
    (answer,) = send(APP, Ask("GET", "/api/v1/ibkr/orders?working=true"), role="viewer")
    entry, stop = answer.json()["items"]
    assert {name: entry[name] for name in ("order_id", "symbol", "quantity", "filled", "remaining", "limit_price")} == {
        "order_id": "o-00000002",
        "symbol": "KO",
        "quantity": "10",
        "filled": "0",
        "remaining": "10",
        "limit_price": "55",
    }
    assert (entry["status"], entry["purpose"], entry["strategy"]) == ("pending_new", "entry", "")
    assert (stop["order_id"], stop["purpose"], stop["effect"]) == ("o-00000003", "protection", "close")
    assert (stop["parent_id"], stop["oca_group"], stop["trail"], stop["permanent_id"]) == (None, None, None, None)
    (done,) = send(APP, Ask("GET", "/api/v1/ibkr/orders/o-00000001"), role="viewer")
    assert (done.json()["filled"], done.json()["remaining"], done.json()["permanent_id"]) == ("100", "0", 1)


def test_a_trader_cancels_an_order_once_for_each_intention_and_who_and_why_is_written_down(desk: Desk) -> None:
    first, same, anew = send(
        APP, cancels("o-00000002"), cancels("o-00000002"), cancels("o-00000002", "another-one"), role="trader"
    )
    assert (first.status_code, same.content) == (202, first.content)
    # The broker may have refused the first time: who asks anew is not told what came of that one.
    assert anew.json()["command"] != first.json()["command"]
    sent = desk.commands.take()
    assert [(each.name, each.by, dict(each.arguments)) for each in sent] == [
        ("cancel", "trader", {"order": "o-00000002", "reason": "the news changed", "account": ACCOUNT})
    ] * 2
    noted = [each.event for each in desk.noted if isinstance(each.event, CommandReceived)]
    assert [(each.command, each.by, each.arguments["reason"]) for each in noted] == [
        ("cancel", "trader", "the news changed")
    ] * 2


def test_what_cannot_be_canceled_is_refused_in_plain_words_and_nothing_is_sent(desk: Desk) -> None:
    refused = {
        "o-00000099": (404, "there is no such order"),
        "o-00000001": (409, "o-00000001 is filled already, and nothing of it is left to cancel"),
        "o-00000003": (409, "o-00000003 protects 100 AAPL, which would be left unprotected; close the position, "),
    }
    for number, (order_id, (status, words)) in enumerate(refused.items()):
        (answer,) = send(APP, cancels(order_id, f"intention-{number}"), role="trader")
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"].startswith(words)
    (answer,) = send(APP, cancels("o-00000003", "hands-off"), role="trader")
    sleeve = desk.settings.sleeve.model_copy(update={"hands_off": ("AAPL",)})
    desk.settings = desk.settings.model_copy(update={"sleeve": sleeve})
    (answer,) = send(APP, cancels("o-00000003", "hands-off"), role="trader")
    assert "closes AAPL, which is hands-off" in answer.json()["detail"]
    assert desk.commands.take() == ()


def test_bad_input_and_callers_who_may_not_are_refused(desk: Desk) -> None:
    for number, reason in enumerate(("", "x" * 201, 7, None, "a\nb")):
        (answer,) = send(APP, cancels("o-00000002", f"intention-{number}", reason), role="trader")
        assert answer.status_code == 422, (reason, answer.text)
        assert answer.json()["errors"][0]["pointer"].endswith("reason")
    (answer,) = send(APP, cancels("o-00000002"), role="analyst")
    assert answer.status_code == 403
    desk.authenticator = Known(frozenset({f"portfolio:{ACCOUNT}/another"}))
    (answer,) = send(APP, cancels("o-00000002"), role="trader")
    assert answer.status_code == 404  # whoever sees another portfolio alone does not learn that there is one
    assert desk.commands.take() == ()


def test_the_loop_takes_the_command_and_cancels_at_the_broker_and_the_desk_tells_what_came_of_it() -> None:
    journal, commands, broker = MemoryJournal(), MemoryCommands(), Scripted([{}])
    asyncio.run(journal.append(BEFORE))
    broker.working = (WORKING,)
    desk = Desk(journal=journal, commands=commands, now=lambda: NOW, authenticator=Known())
    APP.state.desk = desk
    APP.state.once.answers.clear()
    (asked,) = send(APP, cancels("o-00000001"), role="trader")
    assert asked.json()["state"] == "sent"
    for _ in range(2):  # and again after a restart: the loop's journal knows the command
        seed = fresh()
        loop = Loop(
            engine=Engine(seed.mandate, Wants(weights=()), seed.market, [SESSION]),
            feed=Minutes(2),
            broker=broker,
            journal=journal,
            history=TwoDays(),
            morning=Morning(analysts=(), history=TwoDays()),
            commands=commands,
        )
        asyncio.run(loop.run())
    desk.catch_up()
    asked_for = [each.event for each in desk.past.records if isinstance(each.event, CancelRequested)]
    assert [(each.order_id, each.reason) for each in asked_for] == [("o-00000001", "trader: the news changed")]
    assert set(broker.sent) == {"o-00000001"}
    (told,) = send(APP, Ask("GET", asked.headers["Location"]), role="viewer")
    assert (told.json()["state"], told.json()["by"]) == ("taken", "trader")
    assert [each["event"]["kind"] for each in told.json()["effects"]] == ["cancel_requested"]
    (again,) = send(APP, cancels("o-00000001", "another-one"), role="trader")
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "o-00000001 is being canceled already; wait for the broker's answer",
    )
