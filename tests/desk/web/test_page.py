"""The page in a browser: what a person sees, and what becomes of what they press.

One browser and one desk for all of it, since both take seconds to start: the steps of one visit, in their order.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from bursar.adapters.memory import MemoryCommands
from bursar.adapters.memory_people import MemoryPasses, MemoryPeople
from bursar.desk.app import create_app
from bursar.desk.desk import Desk
from bursar.desk.guard.guard import Guard
from bursar.domain import events as e
from bursar.domain.market import Quote
from bursar.runtime.switch import Switch
from tests.builders import ACCOUNT, CLOSE
from tests.desk.api.world import DAYS, UNHURRIED, events, journal_of
from tests.desk.guard.test_guard import CHEAP, OWN

#: After the last close of the journal.
NOW = CLOSE + timedelta(days=DAYS - 1, minutes=1)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCRIPT = "<script>document.title = 'taken over'</script>"


class Served:
    """A desk over a made-up journal, served from a thread with a loop of its own."""

    def __init__(self, home: Path) -> None:
        from bursar.desk.web.mount import mount

        self.journal = journal_of(iter([*events(), _script()]))
        self.commands = MemoryCommands()
        began = time.monotonic()

        def now() -> datetime:
            return NOW + timedelta(seconds=time.monotonic() - began)

        guard = Guard(MemoryPeople(), MemoryPasses(), now, passwords=CHEAP)
        self.password = (guard.first_password() or ("", ()))[0]
        self.desk = Desk(journal=self.journal, commands=self.commands, home=home, now=now, guard=guard)
        self.price("150")
        app = create_app(self.desk, limits=UNHURRIED)
        mount(app)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio"))
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def price(self, last: str) -> None:
        """AAPL trades at ``last``, and the monitor looks."""
        quote = Quote(symbol="AAPL", at=NOW, known_at=NOW, bid=Decimal(last), ask=Decimal(last), last=Decimal(last))
        self.desk.price([quote])
        self.desk.look()

    def happens(self, *new: e.Event) -> None:
        """The loop that trades commits ``new``, and the desk reads them."""

        async def append() -> None:
            await self.journal.append(new)
            self.desk.catch_up()
            self.desk.look()

        asyncio.run_coroutine_threadsafe(append(), self._loop).result(timeout=10)

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._started.set()
            await self._server.serve(sockets=[self._listening])

        asyncio.run(serve())

    @contextmanager
    def running(self) -> Iterator[Served]:
        self._thread.start()
        assert self._started.wait(20)
        try:
            yield self
        finally:
            self._server.should_exit = True
            self._thread.join(20)
            self._listening.close()


def _script() -> e.Event:
    return e.Alerted(event_id="script", at=NOW, severity="warning", message=SCRIPT)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path).running() as serving:
        yield serving


@pytest.fixture
def page(served: Served) -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium is installed to look at the page with")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light").new_page()
        page.set_default_timeout(30_000)
        yield page
        with suppress(Exception):
            page.goto("about:blank")  # the page's socket is let go before its desk is
        browser.close()


def worth(page: Any) -> tuple[str, int]:
    """The net asset value that the page shows, and at which event."""
    shown = page.locator("#worth")
    return shown.inner_text(), int(shown.get_attribute("data-sequence"))


def test_a_visit(served: Served, page: Any, tmp_path: Path) -> None:
    went: list[str] = []
    page.on("request", lambda request: went.append(request.url))

    # A stranger is sent to the door.
    page.goto(served.url)
    assert page.url == f"{served.url}/sign-in"
    page.fill("#name", "admin")
    page.fill("#password", "a wrong password")
    page.click("#come-in button")
    page.get_by_text("the name, the password or the code is wrong").wait_for()

    # The password of the first start is to be changed before anything else.
    page.fill("#password", served.password)
    page.click("#come-in button")
    page.fill("#new", OWN)
    page.fill("#again", OWN)
    page.click("#choose button")
    page.locator("#worth").wait_for()
    assert page.title() == "Bursar", "no text of the journal is obeyed"
    assert page.get_by_text(SCRIPT).count() == 1, "it is shown"
    assert page.locator(".band").inner_text().startswith("SIMULATED"), "whose money it is"

    # What the page shows is what the API says at that event; 100 AAPL at 150, and 84,999 in cash.
    assert worth(page)[0] == "99,999.00"
    said = page.evaluate("fetch('/api/v1/monitoring/snapshot').then(answer => answer.json())")
    assert (f"{said['items'][0]['equity']:,.2f}", said["sequence"]) == worth(page)

    # A price moves, and so does the page.
    served.price("151.50")
    page.get_by_text("100,149.00").first.wait_for()

    # A proposal is looked at, tapped, and gone once the loop has taken it; what it bought is owned.
    page.get_by_role("button", name="Look and decide").first.click()
    page.get_by_text("Stopping halfway could lose up to").wait_for()
    page.get_by_role("button", name="Yes, send these orders").click()
    page.get_by_text("on its way").wait_for()
    (tap,) = served.commands.take()
    assert (tap.name, tap.by, dict(tap.arguments)) == (
        "tap",
        "admin",
        {"proposal": "p-00000001", "account": "DU9000001"},
    )
    saga = served.desk.past.sagas.get("p-00000001")
    assert saga is not None
    assert saga.shown is not None
    served.happens(
        e.ProposalTapped(event_id="p-00000001/tapped", at=NOW, proposal_id="p-00000001", by="admin", outlook=saga.shown)
    )
    page.get_by_text("nothing waits").wait_for()

    # Only what is held stops the account, and only for who shows the password again.
    held = page.get_by_role("button", name="Hold to halt")
    held.click()
    page.wait_for_timeout(100)
    assert Switch(tmp_path).asked() is None, "a click is a slip"
    box = held.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.get_by_text("Show that it is you").wait_for()
    page.mouse.up()
    page.get_by_label("Password").fill(OWN)
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("stopping: entries are canceled").wait_for()
    asked = Switch(tmp_path).asked()
    assert asked is not None
    assert (asked.by, asked.form) == ("admin", e.KillForm.HALT)
    stopped = e.KillOrdered(
        event_id="kill", at=NOW, account=ACCOUNT, form=e.KillForm.HALT, reason="held on the page", by="admin"
    )
    halted = e.TradingStateChanged(
        event_id="halted", at=NOW, account=ACCOUNT, state=e.TradingState.HALTED, reason="killed", by="admin"
    )
    served.happens(stopped, halted)
    page.get_by_text("Trading is halted.").wait_for()

    # And a person lets it go on, with a reason.
    served.commands.take()
    page.get_by_role("button", name="Re-arm").click()
    page.get_by_label("What happened, and what changed?").fill("it was a drill")
    page.get_by_role("button", name="Re-arm", exact=True).click()
    page.get_by_text("asked: the loop decides").wait_for()
    (rearm,) = served.commands.take()
    assert (rearm.name, rearm.arguments["reason"]) == ("rearm", "it was a drill")
    active = replace(halted, event_id="active", at=NOW + timedelta(seconds=1), state=e.TradingState.ACTIVE)
    served.happens(active)
    page.get_by_text("Trading is halted.").wait_for(state="detached")

    # What was told in passing is over: half faded, nothing has its contrast.
    page.locator(".q-notification").last.wait_for(state="detached")

    # It reads well for who cannot see it, in both lights and on a phone; and nothing was fetched from elsewhere.
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)
        found = Axe().run(page).response["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical")]
        assert not [(each["id"], [node["html"] for node in each["nodes"]]) for each in grave]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing hangs over"
    assert not [url for url in went if not url.startswith((served.url, "data:", f"ws://127.0.0.1:{served.port}"))]

    # Who signs out is out.
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
