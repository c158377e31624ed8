"""The gateway as ib_async meets it: `python -m benchmarks.gateway [--json] [--quick] [orders ticks connect days]`.

The gateway runs in a process of its own, as it does in use; ib_async runs here, with its throttle off. Beside an
order's way to its first status stands a message's way to a bare socket server and back, in the same run and in turns;
there both ends have a processor each, since on one the client would wait while the server still writes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import ib_async

from benchmarks._harness import Result, at_most, growth, report
from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib import connect
from bursar.adapters.ib_connection import Address
from bursar.gateway.commands import Advance, Command, Place, encode
from bursar.gateway.fees import BasisPoints
from bursar.gateway.server import CommandLog
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.runtime.gateway_process import Child, Gateway, spawn
from bursar.testing import sample_world

ACCOUNT = "DU9000001"
#: The bell of a winter's day, UTC.
OPENING = dt.time(14, 30)
#: Goals: an order within so many times an echo and so many milliseconds more, messages a second, seconds.
ECHO_TIMES, MORE_MS, MESSAGES_GOAL, CONNECT_GOAL = 1.5, 0.3, 60_000, 1.0

ECHO = """
import asyncio, sys

class Echo(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(data)

async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def recipe(symbols: str, days: str, step_minutes: str = "5", partial: str = "") -> tuple[World, Terms]:
    """A world of so many symbols, for the child to make; ``partial`` fills no more than what is on display."""
    names = tuple(f"B{number:03d}" for number in range(int(symbols)))
    world = sample_world(names, days=int(days), step_minutes=int(step_minutes))
    return world, Terms(accounts=(ACCOUNT,), cash=Decimal(10**12), fees=BasisPoints(), partial_fills=bool(partial))


@contextmanager
def gateway(
    symbols: int, days: int = 1, *, step_minutes: int = 5, partial: str = "", **more: object
) -> Iterator[Child]:
    """A gateway in a process of its own."""
    arguments = {"symbols": str(symbols), "days": str(days), "step_minutes": str(step_minutes), "partial": partial}
    asked = Gateway(recipe="benchmarks.gateway:recipe", arguments=arguments, lines=1000)
    child = spawn(replace(asked, **more))  # type: ignore[arg-type]  # whatever a gateway is told
    try:
        yield child
    finally:
        child.stop()


async def client_of(child: Child) -> ib_async.IB:
    """ib_async, connected and without its throttle."""
    ib = ib_async.IB()
    ib.client.MaxRequests = 0
    await ib.connectAsync("127.0.0.1", child.port, clientId=1, raiseSyncErrors=True)
    return ib


# ---------------------------------------------------------------- an order to its first status


@contextmanager
def a_processor_each() -> Iterator[Callable[[], None]]:
    """Let what is started now run on the second processor, and once the given function was called, us on the first."""
    ours = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(ours) < 2:
        yield lambda: None
        return
    os.sched_setaffinity(0, {ours[1]})
    try:
        yield lambda: os.sched_setaffinity(0, {ours[0]})
    finally:
        os.sched_setaffinity(0, ours)


def acknowledgement(*, quick: bool) -> list[Result]:
    """An order's way to its first status, in turns with an echo of as many bytes."""
    with a_processor_each() as move, subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE) as echo:
        assert echo.stdout is not None
        port = int(echo.stdout.readline())
        try:
            with gateway(1) as child:
                move()
                orders, between, echoes = asyncio.run(_in_turns(child, port, 5 if quick else 40))
        finally:
            echo.kill()
    goal_ms = ECHO_TIMES * _p(echoes, 50) + MORE_MS
    own = _p([whole - wire for whole, wire in zip(orders, between, strict=True)], 50)
    line = Result(
        name="order to first status through ib_async, p50",
        ours=_p(orders, 50),
        peer=_p(echoes, 50),
        unit="ms",
        ratio=_p(echoes, 50) / _p(orders, 50),
        goal=f"at most {ECHO_TIMES} x echo + {MORE_MS} ms",
        met=_p(orders, 50) <= goal_ms,
        peer_name="socket echo",
        note=f"{len(orders)} orders and echoes in turns of fifty; ib_async alone, writing and reading: {own:.2f} ms",
        more={"p99_ms": _p(orders, 99), "echo_p99_ms": _p(echoes, 99), "goal_ms": goal_ms, "ib_async_p50_ms": own},
    )
    return [line]


async def _in_turns(child: Child, port: int, turns: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of orders, of these between the client's last byte out and the first one in, and of echoes."""
    ib = await client_of(child)
    wire = Wire(ib)
    stock = ib_async.Stock("B000", "SMART", "USD")
    await ib.qualifyContractsAsync(stock)
    await _until_open(ib)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    orders: list[tuple[float, float]] = []
    echoes: list[float] = []
    for turn in range(turns + 1):
        placed = [await _one_order(ib, stock, wire) for _ in range(50)]
        echoed = [await _one_echo(reader, writer) for _ in range(50)]
        if turn:  # the first turn warms both up
            orders += placed
            echoes += echoed
    writer.close()
    ib.disconnect()
    return [whole for whole, _ in orders], [between for _, between in orders], echoes


class Wire:
    """Notes when a client's last message left and when the first bytes after it came."""

    def __init__(self, ib: ib_async.IB) -> None:
        self._left = self._came = 0.0
        connection: Any = ib.client.conn  # ib_async leaves it without types
        send, take = connection.sendMsg, connection.data_received

        def sent(message: bytes) -> None:
            send(message)
            self._left, self._came = time.perf_counter(), 0.0

        def received(data: bytes) -> None:
            self._came = self._came or time.perf_counter()
            take(data)

        connection.sendMsg, connection.data_received = sent, received

    @property
    def took_ms(self) -> float:
        return (self._came - self._left) * 1e3


async def _one_order(ib: ib_async.IB, stock: ib_async.Contract, wire: Wire) -> tuple[float, float]:
    told: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def on_status(_: ib_async.Trade) -> None:
        if not told.done():
            told.set_result(time.perf_counter())

    began = time.perf_counter()
    trade = ib.placeOrder(stock, ib_async.MarketOrder("BUY", 1))
    trade.statusEvent += on_status
    ended, between = await told, wire.took_ms
    await ib.reqCurrentTimeAsync()  # the rest of its reports must not fall into the next one's time
    return (ended - began) * 1e3, between


async def _one_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
    message = b"x" * 300  # as long as an order
    began = time.perf_counter()
    writer.write(message)
    await reader.readexactly(len(message))
    return (time.perf_counter() - began) * 1e3


async def _until_open(ib: ib_async.IB) -> None:
    while (await ib.reqCurrentTimeAsync()).time() < OPENING:
        pass


# ---------------------------------------------------------------- ticks


def ticks(*, quick: bool) -> list[Result]:
    """Messages a second that ib_async takes in while virtual time runs as fast as it can."""
    # Twenty days were over before five seconds were, now and then; a hundred last.
    with gateway(100, 100, step_minutes=1, speed=1_000_000.0) as child:
        rate, seen = asyncio.run(_flood(child, 1.0 if quick else 5.0))
    line = Result(
        name="tick messages a second absorbed by ib_async",
        ours=rate,
        peer=None,
        unit="/s",
        ratio=None,
        goal=f"at least {MESSAGES_GOAL}",
        met=rate >= MESSAGES_GOAL,
        note=f"100 lines; {seen} messages; a slow reader loses old ticks and no connection",
    )
    return [line]


async def _flood(child: Child, seconds: float) -> tuple[float, int]:
    ib = await client_of(child)
    for number in range(100):
        stock = ib_async.Stock(f"B{number:03d}", "SMART", "USD", conId=0)
        await ib.qualifyContractsAsync(stock)
        ib.reqMktData(stock)
    before, began = ib.client.connectionStats().numMsgRecv, time.perf_counter()
    await asyncio.sleep(seconds)
    seen, gone = ib.client.connectionStats().numMsgRecv - before, time.perf_counter() - began
    ib.disconnect()
    return seen / gone, seen


# ---------------------------------------------------------------- connecting


def connecting(*, quick: bool) -> list[Result]:
    """Connecting to an account with 200 positions and 5000 executions of the day, of few orders and of as many."""
    executions, rounds = (400, 3) if quick else (5000, 7)
    results = []
    for name, trade, goal in (("200 working orders", _partly, CONNECT_GOAL), ("as many done orders", _singly, None)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "commands.log"
            _trade(path, executions, trade)
            with gateway(200, log=path, step_minutes=1, partial="yes") as child:
                seconds = statistics.median(asyncio.run(_connect(child, executions)) for _ in range(rounds))
        title = f"connect with 200 positions, {executions} executions, {name}"
        line = at_most(title, seconds, CONNECT_GOAL, unit="s", note="raiseSyncErrors=True")
        results.append(line if goal else replace(line, goal=None, met=None))
    return results


def _trade(path: Path, executions: int, orders: Callable[[World, int], Iterator[Command]]) -> None:
    """Write the log of an exchange at which so many executions happened."""
    world, terms = recipe("200", "1", "1", "yes")
    log = CommandLog(path, world, terms)
    for command in chain([Advance(), Advance()], orders(world, executions)):
        log.record(encode(command))
        log.exchange.apply(command)
    assert len(log.exchange.executions()) == executions
    log.close()


def _partly(world: World, executions: int) -> Iterator[Command]:
    """Large orders, of which each minute fills what is on display."""
    count = len(world.instruments)
    yield from (_purchase(number, world, 10**6) for number in range(1, count + 1))
    yield from (Advance() for _ in range(executions // count - 1))


def _singly(world: World, executions: int) -> Iterator[Command]:
    """As many orders as executions."""
    return (_purchase(number, world, 1) for number in range(1, executions + 1))


def _purchase(number: int, world: World, quantity: int) -> Place:
    symbol = world.instruments[number % len(world.instruments)].symbol
    return Place(
        client_id=1,
        order_id=number,
        account=ACCOUNT,
        symbol=symbol,
        action="BUY",
        total_quantity=Decimal(quantity),
    )


async def _connect(child: Child, executions: int) -> float:
    began = time.perf_counter()
    ib = await client_of(child)
    seconds = time.perf_counter() - began
    assert len(ib.positions()) == 200
    assert len(ib.fills()) == executions
    ib.disconnect()
    await asyncio.sleep(0)
    return seconds


# ---------------------------------------------------------------- stepped days


def stepped_days(*, quick: bool) -> list[Result]:
    """The wall time of a day in five-minute steps through the product's own feed, and how it grows with symbols."""
    sizes = (20, 100) if quick else (20, 100, 500)
    seconds = []
    for symbols in sizes:
        with gateway(symbols, 2) as child:
            seconds.append(asyncio.run(_day(child, symbols)))
    power = growth(sizes, seconds)
    more = {f"seconds_of_{size}": taken for size, taken in zip(sizes, seconds, strict=True)}
    return [
        Result(
            name=f"a stepped day of {size} symbols",
            ours=taken,
            peer=None,
            unit="s",
            ratio=None,
            goal=None,
            met=None,
            note=f"time grows with symbols to the power {power:.2f}",
            more=more,
        )
        for size, taken in zip(sizes, seconds, strict=True)
    ]


async def _day(child: Child, symbols: int) -> float:
    world, _ = recipe(str(symbols), "2")
    address = Address(account=ACCOUNT, port=child.port)
    broker, feed = await connect(address, world.listed, world.sessions, clock=ReplayClock(world.sessions[0].open))
    slices = feed.__aiter__()
    market = await anext(slices)
    while market.at < world.sessions[0].close:  # the first day warms up; the second is taken
        market = await anext(slices)
    began = time.perf_counter()
    count = 0
    async for market in slices:
        count += len(market.quotes)
    seconds = time.perf_counter() - began
    assert count >= 78 * symbols
    broker.connection.close()
    await asyncio.sleep(0)
    return seconds


def _p(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


PARTS = {"orders": acknowledgement, "ticks": ticks, "connect": connecting, "days": stepped_days}


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all."""
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    wanted = [word for word in arguments if word in PARTS] or list(PARTS)
    return report([line for part in wanted for line in PARTS[part](quick="--quick" in arguments)], arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
