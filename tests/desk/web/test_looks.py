"""What the page does when an answer is a problem: it says so, asks for what is missing, or goes to the door."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from types import SimpleNamespace
from typing import Any, Self

import pytest

from bursar.desk.client import DeskProblem
from bursar.desk.web import page as pages
from bursar.desk.web.page import Page
from tests.desk.web.test_paint import SNAPSHOT, STATUS


def problem(status: int, title: str = "a title", detail: str = "a detail") -> DeskProblem:
    return DeskProblem(status, title, detail, [])


class Answers:
    """A client whose answers a test sets; what is an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            "status": STATUS,
            "snapshot": SNAPSHOT,
            "orders": [],
            "proposals": [],
            "every": [],
            "get": {"away": [], "state": "active", "trades": "here"},
            "me": {"role": "admin"},
        } | answers
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        async def answer(*args: Any, **kwargs: Any) -> Any:
            self.asked.append(name)
            given = self.answers.get(name)
            given = next(given) if isinstance(given, Iterator) else given
            if isinstance(given, Exception):
                raise given
            return given

        return answer


class Dialog:
    """A dialog that is answered at once."""

    def __init__(self, says: Any) -> None:
        self.says, self.open = says, True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        return None

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()
        return self.says

    def props(self, said: str) -> Self:
        assert "aria-label" in said, "who cannot see it is told what it is about"
        return self

    def delete(self) -> None:
        self.open = False

    close = submit = delete


class Screen:
    """Stands for the framework: what is shown is kept, and dialogs are answered as a test says."""

    def __init__(self, *says: Any) -> None:
        self.told: list[str] = []
        self.went: list[str] = []
        self._says = iter(says)
        self.navigate = SimpleNamespace(to=self.went.append)
        self.buttons: list[str] = []
        self.html = self.input = self.card = self.row = self.element = lambda *args, **kwargs: Part()

    def dialog(self) -> Dialog:
        return Dialog(next(self._says))

    def button(self, says: str, **how: object) -> Part:
        self.buttons.append(says)
        return Part()

    def notify(self, says: str, **how: object) -> None:
        self.told.append(says)


class Part:
    """A part of a page, of which only what is set is kept."""

    def __init__(self) -> None:
        self.content, self.visible, self.value = "", True, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        return None

    def set_content(self, content: str) -> None:
        self.content = content

    def set_visibility(self, visible: bool) -> None:
        self.visible = visible

    def _same(self, *args: object, **kwargs: object) -> Part:
        return self

    classes = props = style = on = _same

    def clear(self) -> None:
        self.content = ""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Any:
    def show(answers: Answers, *says: Any) -> tuple[Page, Screen]:
        screen = Screen(*says)
        monkeypatch.setattr(pages, "ui", screen)
        page = Page.__new__(Page)
        state = {
            "_client": answers, "_values": [], "_painted": {"proposals": "p"},
            "_parts": {name: Part() for name in (
                "band", "away", "line", "trading", "worth", "positions", "risk", "orders", "alerts", "fine", "stopped",
                "holds",
            )},
            "_waiting": (), "_over": False, "_rearm": Part(), "_door": Part(), "_locked": None,
            "_proposals": Part(), "_role": None, "_orders": {"o-1": ORDER}, "_sent": [],
        }  # fmt: skip
        for name, value in state.items():
            setattr(page, name, value)
        return page, screen

    return show


def content(page: Page, name: str) -> str:
    part: Any = page._parts[name]  # what is painted is what is tested
    return str(part.content)


def test_a_problem_is_said_and_whose_money_it_is_stays_said(shown: Any) -> None:
    page, _ = shown(Answers(orders=iter([[], problem(503, "the database is away"), []])))
    asyncio.run(page.look())
    worth = content(page, "worth")
    asyncio.run(page.look())
    assert "What you see is from before" in content(page, "away")
    assert "the database is away: a detail" in content(page, "away")
    assert content(page, "band").startswith("PAPER")
    assert content(page, "worth") == worth != ""
    asyncio.run(page.look())
    assert content(page, "away") == "", "it is over where the desk answers again"


def test_nothing_valued_yet_is_said_and_no_fault(shown: Any) -> None:
    page, _ = shown(Answers(snapshot=iter([problem(409, "nothing is watched", ""), problem(500)])))
    asyncio.run(page.look())
    assert "nothing is watched" in content(page, "worth")
    asyncio.run(page.look())
    assert "a title: a detail" in content(page, "away")


def test_who_is_signed_out_elsewhere_is_led_to_the_door_once(shown: Any) -> None:
    answers = Answers(status=problem(401, "nobody is signed in"))
    page, screen = shown(answers)
    asyncio.run(page.look())
    asyncio.run(page.look())
    assert screen.went == ["/sign-in"]
    assert answers.asked == ["me", "status"], "and nothing is asked any more"


def test_what_is_refused_is_said(shown: Any) -> None:
    answers = Answers(execute=problem(409, "it was tapped already"))
    page, screen = shown(answers, "yes")
    asyncio.run(page._confirm(PROPOSED, "USD"))  # what a tap calls
    assert screen.told == ["it was tapped already: a detail"]


def test_not_now_sends_nothing(shown: Any) -> None:
    answers = Answers()
    page, screen = shown(answers, None, None, None)
    asyncio.run(page._confirm(PROPOSED, "USD"))
    asyncio.run(page._ask_rearm())
    asyncio.run(page._ask_cancel(SimpleNamespace(args="o-1")))
    assert (answers.asked, screen.told) == ([], [])


def test_a_switch_is_not_thrown_by_who_cannot_show_who_they_are(shown: Any) -> None:
    sure = problem(403, "show that it is you")
    answers = Answers(kill=sure, step_up=problem(403, "the password is wrong", ""))
    page, screen = shown(answers, ("wrong", ""), None)
    held = SimpleNamespace(args="halt")
    asyncio.run(page._held(held))
    assert (answers.asked, screen.told) == (["kill", "step_up"], ["nothing was done: the password is wrong"])
    asyncio.run(page._held(held))
    assert screen.told[1:] == ["nothing was done: it was not shown who asks"]
    assert answers.asked == ["kill", "step_up", "kill"], "who gives no password is not asked for one again"


def test_the_door_to_real_money_is_opened_by_what_is_typed_and_a_wrong_phrase_says_why(shown: Any) -> None:
    locked = {"name": "savings", "account": "U7654321"}
    answers = Answers(
        status=STATUS | {"locked": locked},
        unlock=iter([problem(422, "a value cannot be used", "is not the phrase"), {"state": "starting"}]),
    )
    page, screen = shown(answers, "yes", "trade real money in U7654321", None)
    asyncio.run(page._ask_phrase())
    assert (answers.asked, screen.told) == ([], []), "nothing waits for a phrase"
    asyncio.run(page.look())
    assert page._door.visible
    asked = len(answers.asked)
    for _ in range(3):
        asyncio.run(page._ask_phrase())
    assert answers.asked[asked:] == ["unlock", "unlock"], "not now sends nothing"
    assert "is not the phrase" in screen.told[0]
    assert screen.told[1:] == ["the program that trades U7654321 is being started"]
    assert page._sent == []
    answers.answers |= {"status": STATUS, "me": {"role": "admin"}}
    asyncio.run(page.look())
    assert not page._door.visible


def test_an_order_is_canceled_with_a_reason_and_a_refusal_says_what_to_do_instead(shown: Any) -> None:
    remedy = problem(409, "it cannot be canceled", "o-1 protects 10 KO; close the position")
    answers = Answers(cancel=iter([{"command": "c-1"}, remedy]))
    page, screen = shown(answers, "the news changed", "", "for nothing")
    pressed = SimpleNamespace(args="o-1")
    asyncio.run(page._ask_cancel(pressed))
    assert answers.asked == ["cancel"]
    asyncio.run(page._ask_cancel(pressed))
    asyncio.run(page._ask_cancel(SimpleNamespace(args="o-2")))
    assert screen.told == [
        "asked to cancel o-1: it is taken at the next look",
        "it cannot be canceled: o-1 protects 10 KO; close the position",
        "this order does not work any more",
    ]


def test_what_would_be_refused_is_not_asked_for_and_says_why(shown: Any) -> None:
    answers = Answers()
    page, screen = shown(answers)
    page._orders = {"o-1": ORDER | {"cancel_refused": "protects 10 KO; close the position"}}
    asyncio.run(page._ask_cancel(SimpleNamespace(args="o-1")))
    assert (answers.asked, screen.told) == ([], ["o-1 protects 10 KO; close the position"])


def test_what_the_loop_did_not_do_is_told_once_it_has_taken_the_command(shown: Any) -> None:
    effects = [
        {"event": {"kind": "alerted", "message": "ann asked to cancel o-1, which protects 10 KO"}},
        {"event": {"kind": "rearm_refused", "reason": "wait for the next session"}},
        {"event": {"kind": "cancel_requested"}},
    ]
    well = {"away": [], "state": "active", "trades": "here"}
    came = [well, well, {"state": "sent"}, well, well, {"state": "taken", "effects": effects}, well, well]
    page, screen = shown(Answers(get=iter(came)))
    page._sent = ["c-1"]
    for _ in range(3):
        asyncio.run(page.look())
    assert screen.told == [
        "ann asked to cancel o-1, which protects 10 KO",
        "not re-armed: wait for the next session",
    ]
    assert page._sent == []


@pytest.mark.parametrize(
    ("role", "acts", "rearms"), [("viewer", False, False), ("trader", True, False), ("admin", True, True)]
)
def test_whoever_only_looks_is_shown_nothing_that_acts(shown: Any, role: str, acts: bool, rearms: bool) -> None:
    status = STATUS | {"trading": "halted", "locked": {"name": "savings", "account": "U7654321"}}
    page, screen = shown(Answers(me={"role": role}, orders=[ORDER], proposals=[PROPOSED], status=status))
    page._painted.clear()
    asyncio.run(page.look())
    assert ("class='hold'" in content(page, "holds")) is acts
    assert ("class='cancel'" in content(page, "orders")) is acts
    assert screen.buttons == ["Look and decide" if acts else "Look"]
    assert page._rearm.visible is rearms
    assert page._door.visible is acts


PROPOSED = {
    "proposal": "p-1", "strategy": "momentum", "cost": "1", "legging_loss_max": "1", "unwinding_cost": "1", "legs": [],
    "expected_return_pct": 1.0, "horizon_days": 21, "confidence": 0.5, "loss_max": "10", "risk_max_pct": 1.0,
    "expires_at": "2022-01-03T15:30:00+00:00", "tap_refused": None,
}  # fmt: skip
ORDER = {
    "order_id": "o-1", "symbol": "KO", "side": "sell", "quantity": "10", "filled": "0", "type": "stop",
    "limit_price": None, "stop_price": "50.25", "purpose": "protection", "status": "new",
    "cancel_refused": None,
}  # fmt: skip
