"""The page in a real browser, over the loop that really trades: what it shows and lets do, and what it never obeys.

The loop runs over an exchange in this process, one slice of the market for each that a test lets pass; its prices come
to the desk as they do from a process of its own, by the run's file. Everything happens in one visit, since a page's
framework has one application in a process. Without a browser one line says so.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from bursar.adapters.inbox import FolderCommands
from bursar.adapters.marks import FILE_NAME, ReadMarks, SharedMarks
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.memory_people import MemoryPasses, MemoryPeople
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.config import Given, build
from bursar.config.accounts import AccountProfile
from bursar.desk.app import create_app
from bursar.desk.desk import Desk
from bursar.desk.guard.guard import Guard
from bursar.desk.serving import Served as Account
from bursar.domain import events as e
from bursar.domain.events import Event
from bursar.domain.market import Slice
from bursar.gateway.exchange import Exchange
from bursar.runtime import stage as stages
from bursar.runtime.request import DemoRequest
from bursar.runtime.shared import COMMANDS_NAME
from bursar.runtime.switch import Controls, Switch
from tests.desk.api.world import UNHURRIED
from tests.desk.guard.test_guard import CHEAP, OWN

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCRIPT = "<script>document.title = 'taken over'</script>"
#: A strategy that proposes on its first morning, and a person who decides.
SAID = {
    "schedule.monitor_minutes": 1,
    "market.watchlist": "AAPL, JPM, XOM, PFE",
    "models.selected_agents": "technical_analyst",
    "strategy.names": "confirmed_momentum",
    "strategy.autonomy": "propose",
}


class Stepped(SimulatedFeed):
    """A market that goes on when it is let."""

    let: asyncio.Semaphore

    async def __aiter__(self) -> AsyncIterator[Slice]:
        async for market in super().__aiter__():
            await self.let.acquire()
            yield market


class Served:
    """A desk and the loop that trades, in a thread with an event loop of its own."""

    def __init__(self, home: Path) -> None:
        from bursar.desk.web.mount import mount

        settings = build({key: Given(value, "in a test") for key, value in SAID.items()})
        request = DemoRequest(
            days=2, first=date(2022, 1, 5), seed=3, cash=Decimal(100_000), settings=settings, in_process=True, home=home
        )
        stage = stages.prepare(request)
        stage = replace(stage, mandate=replace(stage.mandate, person_simulated=False))
        # No more is dealt at once than is on display, so that an order takes a while.
        exchange = Exchange(stage.world, replace(stages.terms(stage), partial_fills=True))
        self.journal = MemoryJournal()
        broker = SimulatedBroker(exchange)
        self.feed = Stepped(exchange, broker)
        self.switch = Switch(home)
        controls = Controls(
            switch=self.switch,
            commands=FolderCommands(home / COMMANDS_NAME),
            reserve=home / "reserve.jsonl",
            marks=SharedMarks(home / FILE_NAME),
        )
        self.run = stages.loop(stage, self.feed, broker, self.journal, controls=controls)
        guard = Guard(MemoryPeople(), MemoryPasses(), lambda: datetime.now(UTC), passwords=CHEAP)
        self.password = (guard.first_password() or ("", ()))[0]
        self.desk = Desk(
            journal=self.journal,
            commands=FolderCommands(home / COMMANDS_NAME),
            source=ReadMarks(home / FILE_NAME),
            home=home,
            guard=guard,
        )
        app = create_app(self.desk, limits=UNHURRIED)
        mount(app)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio"))
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="desk", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        async def serve() -> None:
            self._loop, self.feed.let = asyncio.get_running_loop(), asyncio.Semaphore(0)
            trades = asyncio.create_task(self.run.run())
            self._started.set()
            await self._server.serve(sockets=[self._listening])
            trades.cancel()
            await asyncio.gather(trades, return_exceptions=True)

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

    # ------------------------------------------------------------ the market

    def events(self) -> list[Event]:
        """All that the loop has journaled."""
        return [recorded.event for recorded in self.journal.read()]

    def step(self) -> None:
        """One slice more, dealt with when this returns."""

        async def step() -> None:
            self.feed.let.release()
            # It is dealt with when the loop waits to be let again, which it comes to without waiting elsewhere.
            for _ in range(50):
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(step(), self._loop).result(timeout=20)

    def until(self, happened: Callable[[Event], bool], most: int = 60) -> Event:
        """Let the market go on until something is journaled; the event."""
        seen = len(self.events())
        for _ in range(most):
            self.step()
            found = next(filter(happened, self.events()[seen:]), None)
            if found is not None:
                return found
        raise AssertionError(
            f"{most} slices passed, and it did not happen: {[each.kind for each in self.events()[seen:]]}"
        )

    def alert(self, message: str) -> None:
        """Somebody writes to all who look."""
        at = self.events()[-1].at

        async def append() -> None:
            await self.journal.append([e.Alerted(event_id="script", at=at, severity="warning", message=message)])

        asyncio.run_coroutine_threadsafe(append(), self._loop).result(timeout=10)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    if CHROMIUM is None:
        pytest.skip("no chromium is installed to look at the page with")
    with Served(tmp_path).running() as serving:
        yield serving


@pytest.fixture
def page(served: Served) -> Iterator[Any]:
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


def equals_the_api(page: Any) -> None:
    """Asserts that the page shows what the API says at the same event and the same look."""
    said = page.evaluate(
        """async () => {
            for (;;) {
                const told = await (await fetch('/api/v1/monitoring/snapshot')).json();
                const shown = document.getElementById('worth');
                if (shown && shown.dataset.at === told.at && Number(shown.dataset.sequence) === told.sequence)
                    return [shown.innerText, told.items.reduce((sum, each) => sum + each.equity, 0)];
                await new Promise(resolve => setTimeout(resolve, 100));
            }
        }"""
    )
    assert said[0] == f"${Decimal(str(said[1])):,.2f}"


def reads_well(page: Any, part: str = "body") -> None:
    """Asserts that axe finds nothing grave in ``part``, and that nothing hangs over, in both lights and widths."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    page.wait_for_timeout(1_000)  # what comes in fades in
    for width, scheme in ((390, "dark"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)
        found = Axe().run(page, context=part).response["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical")]
        assert not [(each["id"], [node["html"] for node in each["nodes"]]) for each in grave]
        wide = "part => [document.documentElement, ...document.querySelectorAll(part + ' .scroll')]"
        over = page.evaluate(
            f"part => ({wide})(part).filter(each => each.scrollWidth > each.clientWidth + 1)"
            ".map(each => `${each.scrollWidth} in ${each.clientWidth}: ${each.innerText.slice(0, 600)}`)",
            part,
        )
        assert over == [], f"nothing hangs over at {width}"
        box = page.locator(part).first.bounding_box()
        assert box is not None, "it is seen"
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def is_(kind: type[Event], **has: object) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, kind) and all(getattr(event, name) == value for name, value in has.items())


def taps(served: Served, page: Any, made: e.ProposalMade) -> None:
    """Looks at a proposal and says yes, which the loop hears."""
    page.get_by_role("button", name="Look and decide").first.click()
    page.get_by_text("Stopping halfway could lose up to").wait_for()
    reads_well(page, ".q-dialog")
    page.get_by_role("button", name="Yes, send these orders").click()
    page.get_by_text(f"{made.proposal.proposal_id} is on its way").wait_for()
    tapped = served.until(is_(e.ProposalTapped))
    assert isinstance(tapped, e.ProposalTapped)
    assert (tapped.proposal_id, tapped.by) == (made.proposal.proposal_id, "admin")


def test_a_visit(served: Served, page: Any) -> None:
    went: list[str] = []
    page.on("request", lambda request: went.append(request.url))
    made = served.until(is_(e.ProposalMade))
    assert isinstance(made, e.ProposalMade)
    served.alert(SCRIPT)

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
    page.get_by_text(SCRIPT).wait_for()
    assert page.title() == "Bursar", "no text of the journal is obeyed"
    assert page.locator(".band").inner_text().startswith("SIMULATED"), "whose money it is"
    assert worth(page)[0] == "$100,000.00"
    equals_the_api(page)

    # A proposal is looked at and tapped, and the loop takes it.
    taps(served, page, made)

    # Its first order is canceled with a part of it dealt, and what was bought is sold again.
    page.get_by_role("button", name="Cancel order").click()
    page.get_by_text("Cancel this order?").wait_for()
    page.get_by_label("Why?").fill("the news changed")
    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_text("it is taken at the next look").wait_for()
    asked_for = served.until(is_(e.CancelRequested))
    assert isinstance(asked_for, e.CancelRequested)
    assert asked_for.reason == "admin: the news changed"
    served.until(is_(e.OrderCanceled, order_id=asked_for.order_id))
    ended = served.until(is_(e.ProposalEnded))
    assert isinstance(ended, e.ProposalEnded)
    assert f"was canceled with 200 of {made.proposal.legs[0].quantity} filled" in ended.reason
    page.get_by_text("no order works").wait_for()
    page.get_by_text("nothing is owned", exact=True).wait_for()

    # The next morning's is tapped too; its broker fills it, and it is owned.
    made = served.until(is_(e.ProposalMade), most=1_000)
    assert isinstance(made, e.ProposalMade)
    page.wait_for_timeout(300)
    served.step()  # prices are written a few times a second, and a whole day went by in one
    taps(served, page, made)
    bought = [served.until(is_(e.Filled, symbol=leg.symbol)) for leg in made.proposal.legs[:1]]
    page.get_by_text("nothing waits").wait_for()
    for fill in bought:
        assert isinstance(fill, e.Filled)
        page.locator(".positions").get_by_text(fill.symbol).wait_for()

    # A price moves, and so does the page.
    before = worth(page)[0]
    for _ in range(20):
        served.step()  # the market stands still for one slice where the broker was asked for anything
        page.wait_for_timeout(300)
        if worth(page)[0] != before:
            break
    assert worth(page)[0] != before
    equals_the_api(page)

    # What protects a position is not canceled: what to do instead stays on the page until it was read.
    page.get_by_role("button", name="Why order").first.click()
    page.get_by_text("which would be left unprotected; close the position").wait_for()
    reads_well(page, ".told.wrong")
    page.get_by_role("button", name="OK").click()

    # Only what is held stops the account, and only for who shows the password again.
    held = page.get_by_role("button", name="Hold to halt")
    held.click()
    page.wait_for_timeout(100)
    assert served.switch.asked() is None, "a click is a slip"
    box = held.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.get_by_text("Show that it is you").wait_for()
    page.mouse.up()
    reads_well(page, ".q-dialog")
    page.get_by_label("Password").fill(OWN)
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("stopping: entries are canceled").wait_for()
    asked = served.switch.asked()
    assert asked is not None
    assert (asked.by, asked.form) == ("admin", e.KillForm.HALT)
    served.until(is_(e.KillFinished))
    page.get_by_text("Trading is halted.").wait_for()

    # And a person lets it go on, with a reason.
    page.get_by_role("button", name="Re-arm").click()
    page.get_by_label("What happened, and what changed?").fill("it was a drill")
    page.get_by_role("button", name="Re-arm", exact=True).click()
    page.get_by_text("asked: the loop decides").wait_for()
    served.until(is_(e.TradingStateChanged, state=e.TradingState.ACTIVE, reason="it was a drill"))
    page.get_by_text("Trading is halted.").wait_for(state="detached")
    assert served.switch.asked() is None

    # A program that would trade real money waits for a phrase, which a person types.
    savings = AccountProfile(account_id="U7654321", mode="live", port=7496, notional_per_day_max=Decimal(1))
    served.desk.accounts = {**served.desk.accounts, "savings": savings}
    served.desk.keys.waited["savings"] = Account(name="savings", profile=savings)
    page.get_by_role("button", name="Type the phrase").click()
    page.get_by_text("you type exactly: trade real money in U7654321").wait_for()
    reads_well(page, ".q-dialog")
    page.get_by_label("The phrase").fill("trade real money in U7654321")
    page.get_by_role("button", name="Trade real money").click()
    page.get_by_text("the program that trades U7654321 is being started").wait_for()
    assert not served.desk.keys.waited
    page.get_by_role("button", name="Type the phrase").wait_for(state="hidden")

    # What is away is said, with what still works.
    served.desk.degraded["store"] = "no space left on the device"
    page.get_by_text("no space left on the device").wait_for()
    page.get_by_text("kept in memory for an hour").wait_for()

    # What was told in passing is over: half faded, nothing has its contrast.
    page.locator(".q-notification").last.wait_for(state="detached")

    # It reads well for who cannot see it, in both lights and on a phone; and nothing was fetched from elsewhere.
    reads_well(page)
    assert not [url for url in went if not url.startswith((served.url, "data:", f"ws://127.0.0.1:{served.port}"))]

    # Who signs out is out.
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
