"""The desk is killed at any moment of the demo, started again, and ends with the book of an undisturbed run.

The exchange lives on, as a broker's does; the journal keeps what it had synced. Each run is one seed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

import pytest

from bursar.adapters.simulated import SimulatedFeed
from bursar.config import Settings
from bursar.domain.events import BreakFound, Event, Filled, OrderPlaced
from bursar.gateway.exchange import Exchange
from bursar.gateway.notices import Executed
from bursar.ledger.book import PortfolioBook
from bursar.runtime import stage as stages
from bursar.runtime.loop import Loop
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage
from tests.conftest import Evidence
from tests.simulation.loop import VirtualLoop
from tests.simulation.slow import SlowDisk, SlowLine

#: The same lines many times over: other tests are measured, these are not.
pytestmark = pytest.mark.no_cover

DAYS = 3
NEVER = 10**9


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return stages.prepare(
        DemoRequest(
            days=DAYS,
            first=date(2022, 1, 5),
            seed=3,
            cash=Decimal(100_000),
            settings=Settings(),
            in_process=True,
            home=tmp_path_factory.mktemp("home"),
        )
    )


@dataclass
class Outcome:
    """What a run with deaths came to."""

    events: list[Event]
    book: PortfolioBook
    deaths: int
    executions: list[str]


def life(stage: Stage, exchange: Exchange, journal: SlowDisk) -> Loop:
    """A desk as it starts, new or again."""
    broker = SlowLine(exchange, journal=[recorded.event for recorded in journal.read()])
    return stages.loop(stage, SimulatedFeed(exchange, broker), broker, journal)


def over(world: VirtualLoop, task: asyncio.Task[None], last: int) -> bool:
    """True when the desk is done, or its time has come."""
    return task.done() or world.steps >= last


def run(stage: Stage, seed: int, deaths: int) -> Outcome:
    """Play the demo under ``seed``, killing the desk ``deaths`` times at moments that the seed chooses."""
    chance = random.Random(seed)
    exchange = stages.exchange(stage)
    journal = SlowDisk(seed)
    died = 0
    with VirtualLoop(seed) as world:
        while True:
            desk = life(stage, exchange, journal)
            task = world.start("desk", desk.run())
            last = world.steps + chance.randrange(1, 60) if died < deaths else NEVER
            world.run_until(partial(over, world, task, last))
            if task.done():
                task.result()
                break
            world.kill("desk")
            died += 1
    executions = [notice.exec_id for notice in exchange.notices if isinstance(notice, Executed)]
    return Outcome([recorded.event for recorded in journal.read()], desk.engine.portfolio, died, executions)


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> Outcome:
    return run(stage, seed=0, deaths=0)


def check(outcome: Outcome, undisturbed: Outcome) -> None:
    """Nothing lost, nothing twice, no contradiction, and the same book."""
    fills = Counter(event.execution_id for event in outcome.events if isinstance(event, Filled))
    assert set(fills.values()) <= {1}
    assert sorted(fills) == sorted(outcome.executions)
    placed = [event.order.order_id for event in outcome.events if isinstance(event, OrderPlaced)]
    assert len(placed) == len(set(placed))
    assert not [event for event in outcome.events if isinstance(event, BreakFound)]
    assert outcome.book.cash == undisturbed.book.cash
    assert outcome.book.positions == undisturbed.book.positions
    assert outcome.book.round_trips == undisturbed.book.round_trips


@pytest.mark.parametrize("seed", range(20))
def test_a_desk_that_is_killed_and_started_again_ends_with_the_same_book(
    stage: Stage, undisturbed: Outcome, seed: int
) -> None:
    outcome = run(stage, seed, deaths=4)
    assert outcome.deaths > 0
    check(outcome, undisturbed)


def test_the_same_seed_dies_the_same_deaths(stage: Stage) -> None:
    assert run(stage, 5, deaths=3).events == run(stage, 5, deaths=3).events


@pytest.mark.prove
def test_four_hundred_runs_with_deaths_lose_nothing(stage: Stage, undisturbed: Outcome, evidence: Evidence) -> None:
    deaths = 0
    for seed in range(1000, 1400):
        outcome = run(stage, seed, deaths=5)
        check(outcome, undisturbed)
        deaths += outcome.deaths
    evidence(runs=400, deaths=deaths, lost=0, doubled=0)
