"""Faults that need a socket or a clock: restarts, logins that wait for a person, clients that do not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bursar.errors import InputError
from bursar.gateway import faults as f
from bursar.gateway.exchange import Exchange
from bursar.gateway.faults import Fault, Faults, Plan
from bursar.gateway.hub import Hub
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.server import Server
from tests.gateway import worlds
from tests.gateway.clients import AAA, limit, market, one, only
from tests.gateway.test_server import Caller
from tests.simulation.loop import VirtualLoop

PORT = 4002


@asynccontextmanager
async def serving(*faults: Fault, port: int = PORT) -> AsyncIterator[Server]:
    server = Server(Hub(Exchange(worlds.written()), faults=Faults(Plan(faults=faults))), barrier=False)
    await server.start(port=port)
    async with server:
        server.step()
        yield server


async def caller(server: Server, client_id: int = 1) -> Caller:
    """A client that was let in."""
    called = await Caller.connect(server, client_id)
    await called.until(r.NextValidId)
    return called


def in_virtual_time(script: Callable[[VirtualLoop], Awaitable[None]]) -> None:
    """Run a script in a world where waiting takes no time, and a port that is shut refuses."""
    with VirtualLoop(seed=1) as loop:
        task = loop.start("world", script(loop))  # type: ignore[arg-type]  # every script is a coroutine function
        loop.run_until(task.done)
        task.result()


async def connected(loop: VirtualLoop) -> Any:
    """What a client that knocks finds."""
    transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", PORT)
    transport.close()


def test_after_a_restart_the_port_is_shut_for_a_while_and_orders_went_on() -> None:
    async def script(loop: VirtualLoop) -> None:
        async with serving(f.Restart(after="orderStatus", seconds=60)) as server:
            client = await caller(server)
            client.send(limit(1, "95.00"))
            await client.gone()
            began = loop.time()
            with pytest.raises(ConnectionRefusedError):
                await connected(loop)
            assert server.step()  # the world goes on, and the order is filled
            await asyncio.sleep(59)
            with pytest.raises(ConnectionRefusedError):
                await connected(loop)
            await asyncio.sleep(2)
            assert loop.time() - began < 65
            client = await caller(server)
            client.send(q.ReqExecutions(req_id=1))
            assert one(r.ExecDetails, await client.until(r.ExecDetailsEnd)).execution.price == 95
            client.writer.close()

    in_virtual_time(script)


def test_after_the_weekly_restart_a_person_has_to_log_in() -> None:
    async def script(loop: VirtualLoop) -> None:
        async with serving(f.WeeklyLogin(after="reqIds")) as server:
            server.log_in()  # nobody is asked for yet: nothing happens
            client = await caller(server)
            client.send(q.ReqIds())
            await client.gone()
            await asyncio.sleep(3 * 86_400)
            with pytest.raises(ConnectionRefusedError):
                await connected(loop)
            server.log_in()
            await asyncio.sleep(1)
            (await caller(server)).writer.close()

    in_virtual_time(script)


def test_a_gateway_that_is_down_can_go_down_again_and_be_closed() -> None:
    async def script(loop: VirtualLoop) -> None:
        async with serving() as server:
            faults = server.hub.faults
            assert faults is not None
            faults.add(f.WeeklyLogin())
            server.step()
            await asyncio.sleep(1)
            faults.add(f.Restart(seconds=5))
            server.step()
            await asyncio.sleep(6)
            await connected(loop)
            faults.add(f.WeeklyLogin())
            server.step()
            await asyncio.sleep(1)
        with pytest.raises(ConnectionRefusedError):
            await connected(loop)

    in_virtual_time(script)


def test_a_client_that_does_not_read_is_told_the_present_once_it_does() -> None:
    async def script(loop: VirtualLoop) -> None:
        async with serving(f.SlowReader(after="reqIds", seconds=30)) as server:
            client = await caller(server)
            client.send(q.ReqMktData(req_id=1, contract=AAA), q.ReqIds())
            await client.until(r.NextValidId)
            client.send(market(1))
            await asyncio.sleep(1)
            assert server.hub.exchange.orders.all == ()  # it is not served either
            while server.step():
                pass
            assert only(r.TickPrice, client.read()) == []
            await asyncio.sleep(31)
            last = [each.price for each in only(r.TickPrice, await client.until(r.TickString)) if each.tick_type == 4]
            assert last == [server.hub.exchange.quote("AAA").last]  # type: ignore[union-attr]  # it has had one
            client.writer.close()

    in_virtual_time(script)


def test_over_a_real_socket_a_line_breaks_after_what_was_said_and_the_port_comes_back() -> None:
    async def script() -> None:
        async with serving(f.Drop(after="execDetails"), f.Restart(after="reqIds", seconds=0.05), port=0) as server:
            client = await caller(server)
            client.send(market(1))
            told = await client.gone()
            assert isinstance(told[-1], r.ExecDetails)
            again = await caller(server)
            again.send(q.ReqIds())
            await again.gone()
            while True:
                try:
                    back = await caller(server)
                except (ConnectionError, AssertionError):
                    await asyncio.sleep(0.01)
                    continue
                break
            back.send(q.ReqExecutions(req_id=1))
            assert one(r.ExecDetails, await back.until(r.ExecDetailsEnd)).execution.shares == 10
            await back.close()

    asyncio.run(script())


def test_a_port_that_somebody_took_in_between_ends_the_gateway_with_a_reason() -> None:
    async def script(loop: VirtualLoop) -> None:
        async with serving(f.Restart(after="reqIds", seconds=5)) as server:
            waiting = asyncio.ensure_future(server.wait())
            client = await caller(server)
            client.send(q.ReqIds())
            await client.gone()
            await asyncio.sleep(1)
            await loop.create_server(asyncio.Protocol, port=PORT)
            with pytest.raises(InputError, match="port 4002 is in use"):
                await waiting

    in_virtual_time(script)
