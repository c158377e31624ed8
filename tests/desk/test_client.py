"""The typed client: the same desk, from Python."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from bursar.adapters.memory import MemoryCommands, MemoryJournal
from bursar.desk.client import Client, DeskProblem
from bursar.desk.desk import Desk
from bursar.domain.people import Role
from bursar.runtime.switch import Switch
from tests.desk.guard.test_guard import OWN
from tests.desk.guard.test_people_api import House
from tests.ledger.tale import Tale

Result = TypeVar("Result")


class TaleJournal:
    """The events of a tale as a journal."""

    def __init__(self, tale: Tale) -> None:
        self._journal = MemoryJournal()
        asyncio.run(self._journal.append(tale.events))
        self.read = self._journal.read


def a_house(tmp_path: Path) -> tuple[House, str]:
    """A desk over a small tale, and a token of its admin."""
    house = House()
    browser = house.signed_in(step_up=True)
    token = browser.post("/api/v1/me/tokens", json={"label": "a test", "days": 1}).json()["token"]
    tale = Tale(cash=1000).buy(50, 10).mark(A=12)
    house.desk = Desk(
        journal=TaleJournal(tale), guard=house.guard, now=lambda: house.at, home=tmp_path, commands=MemoryCommands()
    )
    house.app.state.desk = house.desk
    return house, token


def ask(house: House, token: str, act: Callable[[Client], Awaitable[Result]]) -> Result:
    async def asking() -> Result:
        transport = httpx.ASGITransport(house.app)
        async with Client("http://127.0.0.1", token=token, transport=transport) as client:
            return await act(client)

    return asyncio.run(asking())


def test_it_tells_what_the_books_say(tmp_path: Path) -> None:
    house, token = a_house(tmp_path)
    (portfolio,) = ask(house, token, lambda client: client.portfolios())
    assert portfolio["net_asset_value"] is not None
    assert Decimal(portfolio["net_asset_value"]) == 1100
    assert portfolio["positions"] == 1
    assert ask(house, token, lambda client: client.orders()) == []
    assert ask(house, token, lambda client: client.me())["role"] == "admin"
    assert ask(house, token, lambda client: client.status())["mode"] in (None, "paper")


def test_a_problem_is_an_exception_that_says_what_to_do(tmp_path: Path) -> None:
    house, token = a_house(tmp_path)
    with pytest.raises(DeskProblem, match="nobody is signed in: sign in, or send a token") as caught:
        ask(house, "", lambda client: client.portfolios())
    assert caught.value.status == 401
    with pytest.raises(DeskProblem, match="limit"):
        ask(house, token, lambda client: client.get("portfolios", limit=0))


def test_a_list_is_read_to_its_end_page_after_page(tmp_path: Path) -> None:
    house, token = a_house(tmp_path)

    async def both(client: Client) -> tuple[int, int]:
        for number in range(7):
            body = {"account": "DU9000001", "portfolio": f"p{number}", "name": f"Number {number}"}
            await client.post("portfolios", body)
        first = await client.get("portfolios", limit=3)
        return len(first["items"]), len(await client.every("portfolios"))

    assert ask(house, token, both) == (3, 8)


def test_a_kill_wants_a_session_that_was_stepped_up_and_reaches_the_switch(tmp_path: Path) -> None:
    house, token = a_house(tmp_path)
    with pytest.raises(DeskProblem, match="show that it is you"):
        ask(house, token, lambda client: client.kill("a drill"))
    assert Switch(tmp_path).asked() is None

    async def in_person(client: Client) -> None:
        await client.sign_in("owner", OWN)
        await client.step_up(OWN)
        sent = [await client.kill("a drill", key="the-same-key") for _ in range(2)]
        assert sent[0] == sent[1], "asked twice and done once"

    ask(house, "", in_person)
    asked = Switch(tmp_path).asked()
    assert asked is not None
    assert (asked.reason, asked.by) == ("a drill", "owner")
    assert len(house.desk.commands.take()) == 1


def test_a_viewer_taps_nothing(tmp_path: Path) -> None:
    house, _ = a_house(tmp_path)
    once, _ = house.guard.add("guest", Role.TRADER, by="a test")
    guest, _ = house.guard.sign_in("guest", once, "", "127.0.0.1")
    caller = house.guard.caller(guest.secret)
    assert caller is not None
    house.guard.change_password(caller, once, OWN, "127.0.0.1")
    theirs = house.guard.make_token(caller, "a program", timedelta(days=1))[0].secret
    with pytest.raises(DeskProblem, match="there is no such proposal"):
        ask(house, theirs, lambda client: client.execute("p-00000001"))
    house.guard.change("guest", by="owner", role=Role.VIEWER)
    with pytest.raises(DeskProblem, match="asks for the role trader; you have viewer"):
        ask(house, theirs, lambda client: client.execute("p-00000001"))
