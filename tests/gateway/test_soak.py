"""A simulated month with thirty-two clients: the gateway grows by what an exchange has to keep, and by no more."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest

from bursar.gateway.exchange import Exchange
from bursar.gateway.faults import Faults, plan
from bursar.gateway.hub import Hub
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.messages.values import Contract
from bursar.gateway.server import Server
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from tests.conftest import Evidence
from tests.gateway import worlds
from tests.gateway.clients import limit, market
from tests.gateway.test_server import Caller, transport_of

#: One client in four never reads: what it is told must not pile up.
DEAF = 4
#: How much may wait for a client here before it counts as slow.
SLOW_BYTES = 8192
#: What may be kept of one order for ever: it, its executions, and what was told of them.
ORDER_BYTES_MAX = 12_000
#: Turns of the loop after which an order that did not arrive is missing.
TURNS_MAX = 1_000_000
#: What a month may add besides, for all clients together.
DRIFT_BYTES_MAX = 2 * SLOW_BYTES


def stock(symbol: str) -> Contract:
    return Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")


async def swallow(caller: Caller) -> None:
    """Read all that comes, and keep nothing."""
    with suppress(ConnectionError):
        while await caller._reader.read(1 << 20):
            pass


async def subscribed(server: Server, client_id: int) -> Caller:
    caller = await Caller.connect(server, client_id)
    caller.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await caller.until(r.NextValidId)
    for number, instrument in enumerate(server.hub.exchange.world.instruments):
        caller.send(q.ReqMktData(req_id=number, contract=stock(instrument.symbol)))
    caller.send(q.ReqPositions(), q.ReqAccountUpdates(subscribe=True), q.ReqAccountSummary(req_id=99, tags="All"))
    return caller


async def arrived(hub: Hub, orders: int) -> None:
    """Let everybody read and write until the exchange has all ``orders``: a client that lags is heard when it has read.

    Each fill is told to all clients through buffers of a few kilobytes, which takes many turns.
    """
    for _ in range(TURNS_MAX):
        if len(hub.exchange.orders.all) >= orders:
            return
        await asyncio.sleep(0)


async def month(world: World, *, clients: int, orders_a_day: int) -> tuple[list[int], int, int]:
    """Bytes held at the end of each day, orders placed, and the most that waited for one client, over real sockets."""
    faults = Faults(plan(1, kinds={"duplicate", "reorder", "late_commission"}))
    hub = Hub(Exchange(world, Terms(cash=Decimal(10**9))), faults=faults)
    held: list[int] = []
    waiting = placed = 0
    async with Server(hub, barrier=False) as server:
        callers = [await subscribed(server, number) for number in range(1, clients + 1)]
        readers = [caller for number, caller in enumerate(callers) if number % DEAF]
        for connection in server.connections:  # what the system itself would buffer hides who does not read
            transport = transport_of(connection)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            transport.set_write_buffer_limits(high=SLOW_BYTES)  # and a large mark would be reached only after weeks
        for deaf in callers[::DEAF]:  # not even the test's own buffers take anything in
            deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's can
        reading = [asyncio.ensure_future(swallow(caller)) for caller in readers]
        day = hub.exchange.session.day
        while server.step():
            if hub.exchange.now == hub.exchange.session.open:
                for caller in readers:
                    for number in range(placed + 1, placed + orders_a_day + 1, 2):
                        resting = replace(limit(number + 1, "1.00"), contract=stock("S000"))
                        caller.send(market(number, contract=stock("S000")), resting)
                        caller.send(q.CancelOrder(order_id=number + 1))
                placed += orders_a_day
                await arrived(hub, len(readers) * placed)
            for _ in range(4):  # the socket, the session, the socket, the reader
                await asyncio.sleep(0)
            waiting = max(waiting, *(transport_of(each).get_write_buffer_size() for each in server.connections))
            if hub.exchange.session.day != day:
                day = hub.exchange.session.day
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
        for caller in callers:
            caller.writer.close()
        await asyncio.gather(*reading)
    return held, len(hub.exchange.orders.all), waiting


def soak(*, clients: int, days: int, lines: int, orders_a_day: int, step_minutes: int) -> tuple[list[int], int, int]:
    world = worlds.simulated(symbols=lines, days=days, step_minutes=step_minutes)
    tracemalloc.start()
    try:
        return asyncio.run(month(world, clients=clients, orders_a_day=orders_a_day))
    finally:
        tracemalloc.stop()


def check(held: list[int], orders: int, orders_of_a_day: int, waiting: int) -> float:
    """What one order adds, once what the drift allows is taken off. The first days fill what is bounded."""
    settled = len(held) // 2
    grown, days = held[-1] - held[settled], len(held) - 1 - settled
    an_order = max(grown - DRIFT_BYTES_MAX, 0) / max(orders_of_a_day * days, 1)
    assert an_order <= (ORDER_BYTES_MAX if orders else 0)
    # Never more than one instant's ticks and a day's reports beyond the mark at which a client counts as slow.
    assert waiting < SLOW_BYTES + 64_000
    return an_order


@pytest.mark.parametrize("orders_a_day", [0, 4])
def test_some_days_with_some_clients_leave_nothing_behind_but_orders(orders_a_day: int) -> None:
    held, orders, waiting = soak(clients=4, days=7, lines=3, orders_a_day=orders_a_day, step_minutes=65)
    assert orders == 3 * orders_a_day * 6 + 3 * orders_a_day
    check(held, orders, 3 * orders_a_day, waiting)


@pytest.mark.prove
@pytest.mark.parametrize("orders_a_day", [0, 4])
def test_a_month_with_thirty_two_clients_leaves_nothing_behind_but_orders(
    orders_a_day: int, evidence: Evidence
) -> None:
    held, orders, waiting = soak(clients=32, days=21, lines=10, orders_a_day=orders_a_day, step_minutes=15)
    assert orders == 24 * orders_a_day * 21
    an_order = check(held, orders, 24 * orders_a_day, waiting)
    evidence(
        clients=32,
        days=21,
        orders=orders,
        held_after_ten_days=held[10],
        held_at_the_end=held[-1],
        bytes_an_order=round(an_order),
        most_waiting_for_one_client=waiting,
    )
