"""A session from bell to bell: every second is kept, everybody hears every event, and memory stays as it is.

Time is the test's, and goes on as fast as the desk can follow: `make prove` lets 6.5 hours pass, which at sixty times
the clock would be six and a half minutes; every run of the tests lets two minutes pass.
"""

from __future__ import annotations

import asyncio
import gc
import resource
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.memory import MemoryJournal
from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.snapshots import Snapshots
from bursar.desk.desk import Desk
from bursar.desk.guard.roles import Caller, Role
from bursar.desk.heartbeat import Heartbeat
from bursar.desk.stream import Stream
from bursar.domain import events as e
from bursar.domain.market import Quote
from bursar.quant.arrays import FloatArray
from tests.builders import ACCOUNT, OPEN, filled, instrument, money
from tests.conftest import Evidence

WHOLE = 6 * 3600 + 1800
ANN = Caller(user="ann", role=Role.VIEWER)


def begun(portfolios: int, positions: int) -> list[e.Event]:
    """Portfolios that each bought a hundred shares of so many symbols."""
    symbols = [f"S{number}" for number in range(positions)]
    made: list[e.Event] = [e.AccountOpened(event_id="account", at=OPEN, account=ACCOUNT, base_currency="USD")]
    made += [e.InstrumentListed(event_id=f"l-{name}", at=OPEN, instrument=instrument(name)) for name in symbols]
    for number in range(portfolios):
        name = f"p{number}"
        cash = money(1_000_000)
        made.append(e.Deposited(event_id=f"d-{name}", at=OPEN, account=ACCOUNT, portfolio=name, amount=cash))
        made += [replace(filled(f"{name}-{each}", 100, "50", symbol=each), portfolio=name) for each in symbols]
    return made


class Session:
    """A desk whose clock a test moves, with a store behind it and readers before it."""

    def __init__(self, home: Path, portfolios: int, positions: int, readers: int) -> None:
        self.engine = connect(sqlite_url(home / "desk.sqlite"))
        migrate(self.engine)
        self.store = Snapshots(self.engine, home / "seconds")
        self.at, self.journal = OPEN, MemoryJournal()
        asyncio.run(self.journal.append(begun(portfolios, positions)))
        self.desk = Desk(journal=self.journal, now=lambda: self.at)
        self.stream = Stream(self.desk)
        self.beats = Heartbeat(self.desk, self._ticks, self.store)
        self.heard: list[list[int]] = [[] for _ in range(readers)]
        self.seconds = [0] * readers
        self.portfolios, self.positions = portfolios, positions
        self.memory: list[int] = []

    def _ticks(self) -> float:
        return self.at.timestamp()

    async def run(self, seconds: int) -> None:
        """Let so many seconds pass."""
        generator, before = np.random.default_rng(3), self.desk.past.sequence
        readers = [asyncio.create_task(self._reads(place, before)) for place in range(len(self.heard))]
        prices = np.full(self.positions, 50.0)
        for second in range(seconds):
            self.at = OPEN + timedelta(seconds=second)
            prices *= 1 + generator.normal(0, 1e-4, self.positions)
            self.desk.price(self._quotes(prices))
            if second % 60 == 0:
                await self.journal.append(
                    [e.Alerted(event_id=f"m-{second}", at=self.at, severity="info", message="a minute")]
                )
                self.desk.catch_up()
            await self.beats.beat()
            if second % max(seconds // 10, 1) == 0:
                gc.collect()
                self.memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        while self.beats.waits:
            await self.beats.beat()
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _reads(self, place: int, after: int) -> None:
        async for said in self.stream.follow(ANN, after):
            if said.sequence is None:
                self.seconds[place] += 1
            else:
                self.heard[place].append(said.sequence)

    def _quotes(self, prices: FloatArray) -> list[Quote]:
        made = []
        for number, price in enumerate(prices.tolist()):
            last = Decimal(f"{price:.2f}")
            made.append(Quote(symbol=f"S{number}", at=self.at, known_at=self.at, bid=last, ask=last))
        return made

    def check(self, seconds: int) -> None:
        """Asserts that no second is missing, and that everybody heard every event in its order."""
        first = int(OPEN.timestamp())
        for number in range(self.portfolios):
            kept = self.store.read(f"{ACCOUNT}/p{number}", OPEN, self.at)
            assert kept["at"].to_list() == list(range(first, first + seconds)), "the series has no gap"
        before = self.desk.past.sequence - (seconds + 59) // 60
        for heard in self.heard:
            assert heard == list(range(before + 1, self.desk.past.sequence + 1))
        assert min(self.seconds) > 0
        assert (self.beats.lost, self.desk.degraded) == (0, {})
        self.engine.dispose()


def test_two_minutes_pass_without_a_gap(tmp_path: Path) -> None:
    session = Session(tmp_path, portfolios=2, positions=3, readers=3)
    asyncio.run(session.run(120))
    session.check(120)


@pytest.mark.prove
def test_a_whole_session_passes_without_a_gap_and_memory_stays_flat(tmp_path: Path, evidence: Evidence) -> None:
    session = Session(tmp_path, portfolios=5, positions=100, readers=50)
    asyncio.run(session.run(WHOLE))
    session.check(WHOLE)
    # The most that was ever held, in KiB, which only rises: after its first tenth the session holds what it needs.
    grown = session.memory[-1] - session.memory[1]
    evidence(seconds=WHOLE, readers=50, portfolios=5, grown_kib=grown, seconds_heard_least=min(session.seconds))
    assert grown < 32 * 1024
