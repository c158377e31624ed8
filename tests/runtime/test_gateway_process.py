"""The gateway as a process: it says where it listens, outlives a kill, and ends when it is told to or left alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib import IBBroker, connect
from bursar.adapters.ib_connection import Address
from bursar.domain.orders import ApprovedOrder
from bursar.errors import BrokerError, InputError
from bursar.gateway.messages.replies import CurrentTime, NextValidId
from bursar.gateway.messages.requests import ReqCurrentTime
from bursar.gateway.server import Server
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.runtime.gateway_process import LOGIN_SIGNAL, Child, Gateway, run, spawn
from tests.builders import ACCOUNT, order
from tests.gateway import worlds
from tests.gateway.test_server import Caller
from tests.gateway.test_statement import rows

HERE = __name__


def quiet(days: str = "2") -> tuple[World, Terms]:
    """A recipe: some quiet days."""
    return worlds.written(*[worlds.QUIET] * int(days)), Terms()


def broken() -> tuple[World, Terms]:
    """A recipe that nobody foresaw to fail."""
    raise ZeroDivisionError


@contextmanager
def child_of(gateway: Gateway) -> Iterator[Child]:
    child = spawn(gateway)
    try:
        yield child
    finally:
        child.stop()


async def call(child: Child) -> IBBroker:
    world, _ = quiet()
    broker, feed = await connect(
        Address(account=ACCOUNT, port=child.port),
        world.listed,
        world.sessions,
        clock=ReplayClock(world.sessions[0].open),
    )
    async for market in feed:
        if market.quotes:
            return broker
    raise AssertionError("no quotes came")


def test_what_a_gateway_is_to_do_survives_as_text(tmp_path: Path) -> None:
    for gateway in (
        Gateway(recipe="a:b"),
        Gateway(recipe="a:b", arguments={"c": "d"}, port=4002, log=tmp_path / "log", faults=tmp_path / "faults"),
        Gateway(recipe="a:b", statements=tmp_path / "statements"),
    ):
        assert Gateway.of(gateway.text()) == gateway


def test_a_killed_gateway_is_found_again_with_all_that_it_had_done(tmp_path: Path) -> None:
    gateway = Gateway(recipe=f"{HERE}:quiet", arguments={"days": "2"}, log=tmp_path / "commands.log")

    async def buy(child: Child) -> tuple[str, ...]:
        broker = await call(child)
        await broker.place(ApprovedOrder(order=order(symbol="AAA"), approval_id="a-00000001"))
        executions = (await broker.account()).execution_ids
        broker.connection.close()
        await asyncio.sleep(0)
        return executions

    async def look(child: Child) -> tuple[str, ...]:
        broker = await call(child)
        snapshot = await broker.account()
        broker.connection.close()
        await asyncio.sleep(0)
        assert [position.quantity for position in snapshot.positions] == [10]
        return snapshot.execution_ids

    first = spawn(gateway)
    bought = asyncio.run(buy(first))
    first.kill()
    with child_of(gateway) as second:
        assert second.pid != first.pid
        assert asyncio.run(look(second)) == bought != ()


def test_a_gateway_that_cannot_start_says_why(tmp_path: Path) -> None:
    log = tmp_path / "commands.log"
    with (
        child_of(Gateway(recipe=f"{HERE}:quiet", log=log)),
        pytest.raises(BrokerError, match="held by another gateway") as held,
    ):
        spawn(Gateway(recipe=f"{HERE}:quiet", log=log))
    assert held.value.retryable  # it may listen soon, or end
    with pytest.raises(BrokerError, match="did not start: this log of commands is not of the world"):
        spawn(Gateway(recipe=f"{HERE}:quiet", arguments={"days": "1"}, log=log))


def test_a_gateway_whose_starter_died_says_where_it_listens_in_a_file_and_serves_whoever_comes(tmp_path: Path) -> None:
    address = tmp_path / "gateway.json"
    gateway = Gateway(recipe=f"{HERE}:quiet", log=tmp_path / "commands.log", address=address, idle_seconds=20)
    process = subprocess.Popen(
        [sys.executable, "-m", "bursar.runtime.gateway_process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(gateway.text().encode())
    process.stdin.close()
    process.stdout.close()  # as when the desk that started it is killed before it is told
    try:
        for _ in range(600):
            if address.exists():
                break
            time.sleep(0.1)
        told = json.loads(address.read_text())
        assert told["pid"] == process.pid
        with socket.create_connection(("127.0.0.1", told["port"]), timeout=10):
            assert process.poll() is None
    finally:
        process.terminate()
        process.wait()


def test_a_gateway_that_dies_before_it_speaks_is_noticed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokerError, match="it ended without a word"):
        spawn(Gateway(recipe=f"{HERE}:broken"))
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_gateway_that_nobody_visits_ends(tmp_path: Path) -> None:
    child = spawn(Gateway(recipe=f"{HERE}:quiet", idle_seconds=0.1, log=tmp_path / "commands.log"))
    assert child._process.wait(timeout=60) == 0
    child.stop()  # may be told again


def test_a_gateway_with_a_script_of_faults_waits_for_a_person_who_sends_it_a_signal(tmp_path: Path) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text("faults:\n  - fault: weekly_login\n    after: managedAccounts\n")

    async def knocked(child: Child) -> bool:
        """Whether somebody opens, and lets us stay."""
        try:
            caller = await Caller.connect(child)
            await caller.until(NextValidId)
            caller.send(ReqCurrentTime())
            stays = any(isinstance(each, CurrentTime) for each in await caller.first())
        except (OSError, EOFError, AssertionError):  # the door may shut at any of these
            return False
        with suppress(OSError):
            await caller.close()
        return stays

    async def until_open(child: Child) -> None:
        while not await knocked(child):
            os.kill(child.pid, LOGIN_SIGNAL)
            await asyncio.sleep(0.01)

    with child_of(Gateway(recipe=f"{HERE}:quiet", faults=script)) as child:
        assert not asyncio.run(knocked(child))
        assert not asyncio.run(knocked(child))
        asyncio.run(until_open(child))


def test_in_the_foreground_it_serves_until_it_is_told_to_end() -> None:
    ports: list[int] = []

    def told(server: Server) -> None:
        ports.append(server.port)
        signal.raise_signal(signal.SIGTERM)

    run(Gateway(recipe=f"{HERE}:quiet", speed=60.0), told)
    assert ports[0] > 0


def test_it_writes_the_statement_of_each_day_and_of_the_day_that_it_ends_in(tmp_path: Path) -> None:
    def told(server: Server) -> None:
        going_on = True
        while going_on:
            if server.hub.exchange.now == server.hub.exchange.session.open:
                server.hub.do(worlds.order(server.hub.exchange.next_order_id(1)))
            going_on = server.step()
        signal.raise_signal(signal.SIGTERM)

    run(Gateway(recipe=f"{HERE}:quiet", speed=60.0, statements=tmp_path / "told"), told)
    assert sorted(path.name for path in (tmp_path / "told").iterdir()) == [
        f"{ACCOUNT}_20220103.xml",
        f"{ACCOUNT}_20220104.xml",
    ]
    first, second = ((tmp_path / "told" / f"{ACCOUNT}_2022010{day}.xml").read_text() for day in (3, 4))
    assert [(row["quantity"], row["tradePrice"]) for row in rows(first, "Trade")] == [("10", "101")]
    assert [row["tradeDate"] for row in rows(second, "Trade")] == ["20220104"]
    ended, began = (rows(each, "CashReportCurrency")[-1] for each in (first, second))
    assert began["startingCash"] == ended["endingCash"] != ended["startingCash"]


def test_in_the_foreground_a_bad_wish_is_an_input_error() -> None:
    with pytest.raises(InputError, match="trades live accounts"):
        run(Gateway(recipe=f"{HERE}:quiet", port=7496))


def test_a_script_of_faults_is_read_before_anything_else_is_made(tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text("faults:\n  - fault: dorp\n")
    with pytest.raises(InputError, match="line 2: no fault is called 'dorp', did you mean drop"):
        run(Gateway(recipe=f"{HERE}:broken", faults=tmp_path / "faults.yaml"))
