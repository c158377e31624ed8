"""A gateway for the tests of others: a fixture, a context manager, and a small world with made-up prices.

In a ``conftest.py``:

    from bursar.testing import gateway

    __all__ = ["gateway"]

Then a test takes ``gateway`` as an argument, connects to ``gateway.port`` of this machine with any client of the TWS
API (client versions 157 to 178), and steps time with ``gateway.step()``. Each test gets a gateway of its own, which
stands before the opening bell of 3 January 2022. No account, no network, no market hours, and the same prices and
fills every time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.exchange import Exchange
from bursar.gateway.faults import Fault, Faults, Plan
from bursar.gateway.hub import Hub, Limits
from bursar.gateway.path import Shape
from bursar.gateway.permissions import Permissions
from bursar.gateway.server import Server
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ports import Panel
from bursar.runtime.worlds import compose

Result = TypeVar("Result")

FIRST_DAY = date(2022, 1, 3)
PAST_DAYS = 60
_NEW_YORK = ZoneInfo("America/New_York")


class RunningGateway:
    """A gateway in a thread of its own. Its methods may be called from the test's.

    port  where clients connect, on 127.0.0.1
    """

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self.port = server.port

    @property
    def now(self) -> datetime:
        """The time in the world, UTC."""
        return self._ask(lambda: self._server.hub.now)

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of ``symbol``; None before its first."""
        return self._ask(lambda: self._server.hub.exchange.quote(symbol))

    def step(self, times: int = 1) -> datetime:
        """Go on by so many instants; ticks and reports are on their way when this returns the time."""
        return self._ask(lambda: self._step(times))

    def open_market(self) -> datetime:
        """Go on to the next opening bell, unless the market is open."""
        return self._ask(self._open)

    def strike(self, fault: Fault) -> None:
        """Let something go wrong: a trouble of the gateway at once, another fault when its message comes."""

        def struck() -> None:
            faults = self._server.hub.faults
            assert faults is not None, "a running gateway has a plan, empty or not"
            faults.add(fault)
            self._server.tell()

        self._ask(struck)

    def log_in(self) -> None:
        """Be the person for whom a weekly re-login waits."""
        self._ask(self._server.log_in)

    def _step(self, times: int) -> datetime:
        for _ in range(times):
            if not self._server.step():
                raise InputError(f"the world ended at {self._server.hub.now}; give it more days")
        return self._server.hub.now

    def _open(self) -> datetime:
        while not self._server.hub.exchange.open:
            self._step(1)
        return self._server.hub.now

    def _ask(self, question: Callable[[], Result]) -> Result:
        """The answer to a question that only the gateway's thread may ask."""

        async def answer() -> Result:
            return question()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result()


@contextmanager
def running_gateway(
    world: World | None = None,
    terms: Terms | None = None,
    *,
    port: int = 0,
    speed: float | None = None,
    limits: Limits | None = None,
    permissions: Permissions | None = None,
    faults: Plan | None = None,
    stepped_by_clients: bool = False,
) -> Iterator[RunningGateway]:
    """A gateway for as long as the block lasts.

    world        what is traded, when and at what prices; ``sample_world()`` without it
    terms        accounts, cash and fees
    port         0 takes a free one
    speed        lets time flow; without it only ``step`` moves it
    limits       how much clients may ask for, and how fast
    permissions  whose market data they see; all of it without a word
    faults       what is to go wrong, of ``bursar.gateway.faults``; more can be added with ``strike``
    stepped_by_clients  time also goes on when a client asks for it twice, as Bursar's own runs do
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gateway", daemon=True)
    thread.start()

    def wait_for(work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result()

    hub = Hub(Exchange(world or sample_world(), terms), limits=limits, permissions=permissions, faults=Faults(faults))
    server = Server(hub, speed=speed, barrier=stepped_by_clients)
    try:
        wait_for(server.start(port=port))
        yield RunningGateway(server, loop)
        wait_for(server.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def gateway() -> Iterator[RunningGateway]:
    """Give a test a gateway of its own, with ``sample_world()`` and 100,000 dollars in account DU9000001."""
    with running_gateway() as running:
        yield running


def sample_world(
    symbols: tuple[str, ...] = ("AAPL", "MSFT", "SPY"), days: int = 5, seed: int = 7, step_minutes: int = 5
) -> World:
    """A world in which nothing is real but the names: ``days`` weekdays from 3 January 2022, and a past of sixty.

    Prices begin at 100 and walk at random, about 1.5 % a day.
    """
    dates = _weekdays(PAST_DAYS, days)
    rng = np.random.Generator(np.random.PCG64(seed))
    closes = 100.0 * np.exp(np.cumsum(0.015 * rng.standard_normal((len(dates), len(symbols))), axis=0))
    world = compose(
        name="made up",
        instruments=[Instrument(symbol=symbol, name=f"{symbol}, made up", exchange="XNAS") for symbol in symbols],
        sessions=[_session(day) for day in dates],
        closes=Panel(dates=np.array(dates, dtype="datetime64[D]"), symbols=symbols, values=np.round(closes, 2)),
        seed=seed,
        first=FIRST_DAY,
        shape=Shape(step_minutes=step_minutes),
        adjusted=False,
    )
    return replace(world, simulated=("Every price, size and volume is made up; only the names are real.",))


def _weekdays(before: int, since: int) -> list[date]:
    """Weekdays around FIRST_DAY: so many before it, and so many from it on. Holidays are not kept."""
    earlier = (FIRST_DAY - timedelta(days=number) for number in range(1, 2 * before + 7))
    later = (FIRST_DAY + timedelta(days=number) for number in range(2 * since + 7))
    return [
        *reversed([day for day in earlier if day.weekday() < 5][:before]),
        *[day for day in later if day.weekday() < 5][:since],
    ]


def _session(day: date) -> Session:
    opening, closing = (datetime.combine(day, at, _NEW_YORK) for at in (time(9, 30), time(16, 0)))
    zone = ZoneInfo("UTC")
    return Session(day=day, open=opening.astimezone(zone), close=closing.astimezone(zone))
