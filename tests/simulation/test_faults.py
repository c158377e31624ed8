"""The desk, with the real ib_async, against a gateway that goes wrong, over a virtual network: one seed is one run."""

from __future__ import annotations

import pytest

from bursar.domain.events import BreakFound, Filled
from bursar.errors import BrokerError
from bursar.gateway import faults as f
from bursar.gateway.exchange import Exchange, replay
from bursar.gateway.faults import Fault, Faults, Plan, plan
from bursar.gateway.hub import Hub
from bursar.gateway.server import Server
from bursar.ledger.book import PortfolioBook
from bursar.runtime import stage as stages
from bursar.runtime.stage import Stage
from tests.simulation.loop import VirtualLoop
from tests.simulation.slow import SlowDisk
from tests.simulation.test_wire import LIVES_MAX, PORT, Outcome, book_of, desk, stage, undisturbed

#: The same lines many times over: other tests are measured, these are not.
pytestmark = pytest.mark.no_cover

__all__ = ["stage", "undisturbed"]


async def gateway(stage: Stage, log: list[str], faults: Faults) -> None:
    """One life of the gateway. What has struck does not strike again in its next life."""
    world, terms = stage.world, stages.terms(stage)
    if not log:
        log.append(Exchange(world, terms).header)
    server = Server(Hub(replay(world, terms, list(log)), record=log.append, faults=faults))
    await server.start(port=PORT)
    await server.wait()


def run(stage: Stage, seed: int, faults: Faults) -> Outcome:
    """Play the day; whenever the line is lost, the desk begins again."""
    journal, outcome = SlowDisk(seed), Outcome()
    with VirtualLoop(seed) as world:
        world.start("gateway", gateway(stage, outcome.log, faults))
        world.run_until(lambda: world.listens(PORT))
        for _ in range(LIVES_MAX):
            task = world.start("desk", desk(stage, journal))
            world.run_until(task.done)
            error = task.exception()
            if error is None:
                break
            if not isinstance(error, BrokerError) or not error.retryable:
                raise error
            outcome.died["desk"] += 1
    outcome.events = [recorded.event for recorded in journal.read()]
    return outcome


def same_book(outcome: Outcome, undisturbed: PortfolioBook) -> bool:
    fills = [event.execution_id for event in outcome.events if isinstance(event, Filled)]
    breaks = [event for event in outcome.events if isinstance(event, BreakFound)]
    book = book_of(outcome.events)
    sound = len(fills) == len(set(fills)) and not breaks
    return sound and book.cash == undisturbed.cash and book.positions == undisturbed.positions


HARMLESS: list[Fault] = [
    f.Drop(before="placeOrder", nth=2),
    f.Drop(after="placeOrder", nth=3),
    f.Drop(after="execDetails", nth=2),
    f.Duplicate(message="execDetails", times=0),
    f.Reorder(message="execDetails", behind=2, times=0),
    f.LateCommission(times=0),
    f.Restart(after="execDetails", nth=2, seconds=0.01, ids="kept"),
]


@pytest.mark.parametrize("fault", HARMLESS, ids=lambda fault: " ".join(map(str, f.words_of(fault).values())))
def test_a_fault_of_the_line_changes_no_book(stage: Stage, undisturbed: PortfolioBook, fault: Fault) -> None:
    faults = Faults(Plan(faults=(fault,)))
    outcome = run(stage, 1, faults)
    assert faults.struck_by_name[fault.name] > 0
    assert same_book(outcome, undisturbed)


def test_one_seed_is_one_run(stage: Stage) -> None:
    kinds = {"drop", "duplicate", "reorder", "late_commission"}
    first, second = (run(stage, 3, Faults(plan(3, faults=6, kinds=kinds))) for _ in range(2))
    assert first.events == second.events
    assert first.log == second.log
