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
            "get": {"away": []},
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
        self.html = self.input = self.button = self.card = self.row = lambda *args, **kwargs: Part()

    def dialog(self) -> Dialog:
        return Dialog(next(self._says))

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

    classes = props = style = _same

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
            )},
            "_waiting": (), "_over": False, "_rearm": Part(), "_proposals": Part(),
        }  # fmt: skip
        for name, value in state.items():
            setattr(page, name, value)
        return page, screen

    return show


def content(page: Page, name: str) -> str:
    part: Any = page._parts[name]  # what is painted is what is tested
    return str(part.content)


def test_a_problem_is_said_across_the_top_and_the_rest_stays(shown: Any) -> None:
    page, _ = shown(Answers(orders=iter([[], problem(503, "the database is away")])))
    asyncio.run(page.look())
    worth = content(page, "worth")
    asyncio.run(page.look())
    assert content(page, "band") == "the database is away: a detail"
    assert content(page, "worth") == worth != ""


def test_nothing_valued_yet_is_said_and_no_fault(shown: Any) -> None:
    page, _ = shown(Answers(snapshot=iter([problem(409, "nothing is watched", ""), problem(500)])))
    asyncio.run(page.look())
    assert "nothing is watched" in content(page, "worth")
    asyncio.run(page.look())
    assert content(page, "band") == "a title: a detail"


def test_who_is_signed_out_elsewhere_is_led_to_the_door_once(shown: Any) -> None:
    answers = Answers(status=problem(401, "nobody is signed in"))
    page, screen = shown(answers)
    asyncio.run(page.look())
    asyncio.run(page.look())
    assert screen.went == ["/sign-in"]
    assert answers.asked == ["status"], "and nothing is asked any more"


def test_what_is_refused_is_said(shown: Any) -> None:
    answers = Answers(execute=problem(409, "it was tapped already"))
    page, screen = shown(answers, "yes")
    asyncio.run(page._confirm(PROPOSED))  # what a tap calls
    assert screen.told == ["it was tapped already: a detail"]


def test_not_now_sends_nothing(shown: Any) -> None:
    answers = Answers()
    page, screen = shown(answers, None, None)
    asyncio.run(page._confirm(PROPOSED))
    asyncio.run(page._ask_rearm())
    assert (answers.asked, screen.told) == ([], [])


def test_a_switch_is_not_thrown_by_who_cannot_show_who_they_are(shown: Any) -> None:
    sure = problem(403, "show that it is you")
    answers = Answers(kill=sure, step_up=problem(403, "the password is wrong", ""))
    page, screen = shown(answers, ("wrong", ""), None)
    held = SimpleNamespace(args="halt")
    asyncio.run(page._held(held))
    assert (answers.asked, screen.told) == (["kill", "step_up"], ["the password is wrong", str(sure)])
    asyncio.run(page._held(held))
    assert answers.asked == ["kill", "step_up", "kill"], "who gives no password is not asked for one again"


PROPOSED = {
    "proposal": "p-1", "strategy": "momentum", "cost": "1", "legging_loss_max": "1", "unwinding_cost": "1", "legs": [],
}  # fmt: skip
