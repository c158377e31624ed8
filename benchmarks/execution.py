"""How fast what must be safe is: `python -m benchmarks.execution [--json] [--quick] [signal reconnect simulate]`.

signal     from a decision to its bytes on the socket: the gate, the journal on the disk, the client library. Beside it
           stands a bare write and fsync of as many bytes in the same folder, in turns: what the disk alone takes
reconnect  from no connection to reconciled books, with 200 positions and 5000 executions of the day
simulate   simulated trading days a second, faults and kills included, on one core

The gateway runs in this process, so that its own work is counted as ours.
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._harness import Result, at_most, report
from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib import IBBroker, IBFeed, connect
from bursar.adapters.ib_connection import Address
from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.simulated import SimulatedBroker
from bursar.domain.events import AccountOpened, BreakFound, Deposited, Event, InstrumentListed, OrderPlaced
from bursar.domain.money import Money
from bursar.domain.orders import ApprovedOrder, Order, Side
from bursar.domain.targets import Targets
from bursar.domain.views import View
from bursar.gateway.exchange import Exchange
from bursar.gateway.hub import Hub
from bursar.gateway.server import Server
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ports import Panel
from bursar.risk.gate import judge
from bursar.risk.limits import RiskLimits
from bursar.runtime.loop import Loop
from bursar.runtime.morning import Morning
from bursar.testing import sample_world
from bursar.trading.engine import Engine
from bursar.trading.exposure import exposure
from bursar.trading.mandate import Mandate
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView

ACCOUNT = "DU9000001"
CASH = Decimal(100_000_000)
#: Goals: milliseconds above the disk's own p99; seconds.
MORE_MS, RECONNECT_GOAL = 10.0, 5.0
POSITIONS, EXECUTIONS = 200, 5000


@dataclass(frozen=True)
class Nothing:
    """A strategy and a history that want and know nothing."""

    closes: Panel
    name: str = "nothing"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        del market, views, holdings
        return Targets(strategy=self.name, targets=())

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        del symbols, field, known_at, days
        return self.closes

    def lacks(self) -> frozenset[str]:
        return frozenset()


def closes(world: World) -> Panel:
    """Two flat days."""
    names = tuple(sorted(world.listed))
    return Panel(np.array(["2021-12-30", "2021-12-31"], dtype="datetime64[D]"), names, np.full((2, len(names)), 100.0))


def engine(world: World) -> Engine:
    """An engine over ``world`` that no limit holds back."""
    limits = RiskLimits(opening_orders_per_day_max=10**6, repeats_per_day_max=10**6, messages_per_minute_max=10**6)
    market = MarketView(
        at=world.sessions[0].open,
        instruments=dict(world.listed),
        quotes={},
        closes=closes(world),
        session=world.sessions[0],
    )
    return Engine(Mandate(account=ACCOUNT, limits=limits), Nothing(closes(world)), market, world.sessions)


def beginning(world: World) -> list[Event]:
    """What the journal begins with."""
    at = world.sessions[0].open
    return [
        AccountOpened(event_id="account", at=at, account=ACCOUNT, base_currency="USD"),
        *(InstrumentListed(event_id=f"i/{each.symbol}", at=at, instrument=each) for each in world.listed.values()),
        Deposited(event_id="cash", at=at, account=ACCOUNT, portfolio="main", amount=Money(CASH, "USD")),
    ]


async def dial(server: Server, world: World, journal: Sequence[Event] = ()) -> tuple[IBBroker, IBFeed]:
    """A broker and a feed at ``server``."""
    address = Address(account=ACCOUNT, port=server.port)
    return await connect(
        address, world.listed, world.sessions, clock=ReplayClock(world.sessions[0].open), journal=journal
    )


# ---------------------------------------------------------------- signal


def signal(*, quick: bool) -> list[Result]:
    """Milliseconds from a decision to bytes on the socket, and of an fsync."""
    with tempfile.TemporaryDirectory() as folder:
        ours, disk = asyncio.run(_signals(Path(folder), 60 if quick else 400))
    told = {"p50": _part(ours, 50), "p99": _part(ours, 99), "fsync p50": _part(disk, 50), "fsync p99": _part(disk, 99)}
    line = at_most(
        "signal to bytes on the socket, p99 (gate, journal, client)",
        told["p99"],
        told["fsync p99"] + MORE_MS,
        unit="ms",
        note=f"the disk's own fsync has a p99 of {told['fsync p99']:.2f} ms in the same run",
    )
    return [_with(line, told)]


async def _signals(folder: Path, count: int) -> tuple[list[float], list[float]]:
    world = sample_world(days=1)
    exchange = Exchange(world, Terms(accounts=(ACCOUNT,), cash=CASH))
    ours, disk = [], []
    async with Server(Hub(exchange)) as server:
        broker, feed = await dial(server, world)
        journal = SQLiteJournal(folder / "journal.sqlite")
        desk = engine(world)
        for recorded in await journal.append(beginning(world)):
            desk.absorb(recorded.event)
        slices = feed.__aiter__()
        while not exchange.open or exchange.now < world.sessions[0].open + timedelta(minutes=10):
            desk.see(await anext(slices))
        left: list[float] = []
        transport: Any = broker.connection.ib.client.conn.transport
        write = transport.write
        broker.connection.ib.client.conn.transport = _Stamped(transport, write, left)
        with (folder / "bare").open("ab") as bare:
            for number in range(count):
                order = Order(
                    order_id=desk.ids.new("o"),
                    account=ACCOUNT,
                    symbol="AAPL",
                    side=Side.BUY,
                    quantity=Decimal(1 + number),  # none is the same as the one before: that would be a duplicate
                )
                left.clear()
                begun = time.perf_counter()
                verdict = judge((order,), exposure(desk.sight()), desk.limits(), causes=(), new_id=desk.ids.new)
                assert verdict.approved, verdict.events
                placed = OrderPlaced(event_id=order.order_id, at=desk.market.at, order=order)
                written = await journal.append([*verdict.events, placed])
                await broker.place(verdict.approved[0])
                ours.append((left[0] - begun) * 1000)
                for each in written:
                    desk.absorb(each.event)
                disk.append(_fsync(bare.fileno()))
                desk.see(await anext(slices))  # the answers, at the same instant
                for each in await journal.append(broker.reports()):
                    desk.absorb(each.event)
        journal.close()
        broker.connection.close()
        await asyncio.sleep(0)
    return ours, disk


class _Stamped:
    """A transport that notes when it was written to."""

    def __init__(self, transport: Any, write: Any, left: list[float]) -> None:
        self._transport, self._write, self._left = transport, write, left

    def write(self, data: bytes) -> None:
        self._write(data)
        self._left.append(time.perf_counter())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _fsync(file: int) -> float:
    begun = time.perf_counter()
    os.write(file, bytes(1500))
    os.fsync(file)
    return (time.perf_counter() - begun) * 1000


# ---------------------------------------------------------------- reconnect


def reconnect(*, quick: bool) -> list[Result]:
    """Seconds from no connection to reconciled books."""
    positions, executions = (20, 500) if quick else (POSITIONS, EXECUTIONS)
    seconds = [asyncio.run(_reconnect(positions, executions)) for _ in range(1 if quick else 3)]
    name = f"reconnect to reconciled, {positions} positions, {executions} executions"
    return [at_most(name, statistics.median(seconds), RECONNECT_GOAL, unit="s")]


async def _reconnect(positions: int, executions: int) -> float:
    world = sample_world(tuple(f"S{number:03d}" for number in range(positions)), days=1, step_minutes=30)
    exchange = Exchange(world, Terms(accounts=(ACCOUNT,), cash=CASH))
    while not exchange.open:
        exchange.advance()
    journal = MemoryJournal()
    await journal.append(beginning(world))
    broker = SimulatedBroker(exchange)
    for number in range(executions):
        order = Order(
            order_id=f"o-{number + 1:08d}",
            account=ACCOUNT,
            symbol=f"S{number % positions:03d}",
            side=Side.BUY,
            quantity=Decimal(1),
        )
        await journal.append([OrderPlaced(event_id=order.order_id, at=exchange.now, order=order)])
        await broker.place(ApprovedOrder(order=order, approval_id="a-00000001"))
        await journal.append(broker.reports())
    async with Server(Hub(exchange)) as server:
        begun = time.perf_counter()
        over_tcp, feed = await dial(server, world, [recorded.event for recorded in journal.read()])
        desk = engine(world)
        loop = Loop(
            engine=desk,
            feed=feed,
            broker=over_tcp,
            journal=journal,
            history=Nothing(closes(world)),
            morning=Morning(analysts=(), history=Nothing(closes(world))),
            finished=lambda: True,
        )
        await loop.run()
        seconds = time.perf_counter() - begun
        assert len(desk.portfolio.positions) == positions
        assert not any(isinstance(recorded.event, BreakFound) for recorded in journal.read())
        over_tcp.connection.close()
        await asyncio.sleep(0)
    return seconds


# ---------------------------------------------------------------- simulate


def simulate(*, quick: bool) -> list[Result]:
    """Simulated days a second."""
    from tests.simulation.schedule import run
    from tests.simulation.small import DAYS

    seeds = 4 if quick else 40
    begun = time.process_time()
    for seed in range(seeds):
        run(seed)
    rate = seeds * DAYS / (time.process_time() - begun)
    return [
        Result(
            name="simulated days a second of one core, faults and kills included",
            ours=rate,
            peer=None,
            unit="/s",
            ratio=None,
            goal=None,
            met=None,
            note="processor time; a day has nine instants and three stocks",
        )
    ]


def _part(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _with(line: Result, more: dict[str, float]) -> Result:
    return replace(line, more={name: round(value, 3) for name, value in more.items()})


PARTS = {"signal": signal, "reconnect": reconnect, "simulate": simulate}


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all."""
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    wanted = [word for word in arguments if word in PARTS] or list(PARTS)
    return report([line for part in wanted for line in PARTS[part](quick="--quick" in arguments)], arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
