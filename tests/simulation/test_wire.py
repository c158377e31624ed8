"""Desk and gateway over a virtual network: latencies, lost lines and deaths at any await, all from one seed.

The desk is the real one with the real ib_async; the gateway is the real server over its command log. Whoever
dies is started again. The books must be those of a run in process that nobody disturbed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import pytest

from bursar.adapters import ib
from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib_connection import Address
from bursar.adapters.memory import MemoryJournal
from bursar.config import Settings
from bursar.domain.events import BreakFound, Event, Filled
from bursar.errors import BrokerError
from bursar.gateway.exchange import Exchange, replay
from bursar.gateway.hub import Hub
from bursar.gateway.server import Server
from bursar.ledger.book import PortfolioBook, fold
from bursar.runtime import demo
from bursar.runtime import stage as stages
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage
from tests.conftest import Evidence
from tests.simulation.loop import VirtualLoop
from tests.simulation.slow import SlowDisk

#: The same lines many times over: other tests are measured, these are not.
pytestmark = pytest.mark.no_cover

PORT = 4002
LIVES_MAX = 60


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return stages.prepare(
        DemoRequest(
            days=1,
            first=date(2022, 1, 18),
            seed=3,
            cash=Decimal(100_000),
            settings=Settings(),
            home=tmp_path_factory.mktemp("home"),
        )
    )


def book_of(events: list[Event]) -> PortfolioBook:
    return fold(events).portfolio("DU9000001")


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> PortfolioBook:
    journal = MemoryJournal()
    asyncio.run(demo.play(stage, journal))
    return book_of([recorded.event for recorded in journal.read()])


async def gateway(stage: Stage, log: list[str]) -> None:
    """One life of the gateway: on from what its log holds. A line is kept once it is written."""
    world, terms = stage.world, stages.terms(stage)
    if not log:
        log.append(Exchange(world, terms).header)
    server = Server(Hub(replay(world, terms, list(log)), record=log.append))
    await server.start(port=PORT)
    await server.wait()


async def desk(stage: Stage, journal: SlowDisk) -> None:
    """One life of the desk, over one connection."""
    broker, feed = await ib.connect(
        Address(account=stage.mandate.account, port=PORT, timeout_seconds=5.0),
        stage.world.listed,
        (*stage.past, *stage.sessions),
        clock=ReplayClock(stage.sessions[0].open),
        journal=[recorded.event for recorded in journal.read()],
    )
    try:
        await stages.loop(stage, feed, broker, journal).run()
    finally:
        broker.connection.close()


@dataclass
class Outcome:
    events: list[Event] = field(default_factory=list)
    died: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)


def run(stage: Stage, seed: int, disturbances: int) -> Outcome:
    """Play the days under ``seed`` with so many deaths and lost lines at moments that it chooses."""
    chance = random.Random(seed)
    journal, outcome = SlowDisk(seed), Outcome()
    with VirtualLoop(seed) as world:
        world.start("gateway", gateway(stage, outcome.log))
        world.run_until(lambda: world.listens(PORT))
        for _ in range(LIVES_MAX):
            task = world.start("desk", desk(stage, journal))
            while not task.done() and outcome.died.total() < disturbances:
                moment = world.steps + chance.randrange(1, 500)
                world.run_until(lambda task=task, moment=moment: task.done() or world.steps >= moment)  # type: ignore[misc]
                if not task.done():
                    disturb(world, stage, outcome, chance.choice(("desk", "gateway", "line")))
                    if not world.alive("desk"):
                        break
            if not world.alive("desk"):
                continue
            world.run_until(task.done)
            error = task.exception()
            if error is None:
                break
            if not isinstance(error, BrokerError) or not error.retryable:
                raise error
    outcome.events = [recorded.event for recorded in journal.read()]
    return outcome


def disturb(world: VirtualLoop, stage: Stage, outcome: Outcome, what: str) -> None:
    outcome.died[what] += 1
    if what == "line":
        for transport in world.connections("desk"):
            transport.reset()
        return
    world.kill(what)
    if what == "gateway":
        world.start("gateway", gateway(stage, outcome.log))
        world.run_until(lambda: world.listens(PORT))


def check(outcome: Outcome, undisturbed: PortfolioBook) -> None:
    fills = Counter(event.execution_id for event in outcome.events if isinstance(event, Filled))
    assert set(fills.values()) <= {1}
    assert not [event for event in outcome.events if isinstance(event, BreakFound)]
    book = book_of(outcome.events)
    assert book.cash == undisturbed.cash
    assert book.positions == undisturbed.positions


@pytest.mark.parametrize("seed", range(12))
def test_lost_lines_and_deaths_of_both_sides_change_no_book(
    stage: Stage, undisturbed: PortfolioBook, seed: int
) -> None:
    outcome = run(stage, seed, disturbances=4)
    assert outcome.died.total() > 0
    check(outcome, undisturbed)


def test_one_seed_is_one_run(stage: Stage) -> None:
    first, second = run(stage, 2, disturbances=3), run(stage, 2, disturbances=3)
    assert first.events == second.events
    assert first.log == second.log


@pytest.mark.prove
def test_two_hundred_disturbed_runs_change_no_book(
    stage: Stage, undisturbed: PortfolioBook, evidence: Evidence
) -> None:
    died: Counter[str] = Counter()
    for seed in range(1000, 1200):
        outcome = run(stage, seed, disturbances=5)
        check(outcome, undisturbed)
        died += outcome.died
    evidence(runs=200, desks=died["desk"], gateways=died["gateway"], lines=died["line"], lost=0, doubled=0)
