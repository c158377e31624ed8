"""The socket, the clock and the file of the gateway: who may connect, how time flows, what survives a kill."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bursar.errors import InputError
from bursar.gateway import codec
from bursar.gateway.codec import VersionRange
from bursar.gateway.commands import Advance
from bursar.gateway.exchange import Exchange
from bursar.gateway.hub import Hub, Limits
from bursar.gateway.messages import read_reply, write
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.server import WRITE_BUFFER_BYTES, CommandLog, Connection, Server, serve
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.runtime.gateway_process import Child
from tests.gateway import worlds
from tests.gateway.clients import AAA, errors, kinds, limit, market, one, only
from tests.simulation.loop import VirtualLoop


class Caller:
    """A client over a real socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._frames = codec.FrameReader(1 << 30)
        self._read: list[Any] = []

    @classmethod
    async def connect(cls, server: Server | Child, client_id: int = 1, options: str = "") -> Caller:
        caller = cls(*await asyncio.open_connection("127.0.0.1", server.port))
        caller.writer.write(codec.encode_versions(VersionRange(lowest=100, highest=178, options=options)))
        head = await caller._reader.readexactly(4)
        await caller._reader.readexactly(int.from_bytes(head, "big"))
        caller.send(q.StartApi(client_id=client_id))
        return caller

    def send(self, *requests: object) -> None:
        self.writer.write(b"".join(write(request, 178) for request in requests))

    async def until(self, kind: type) -> list[Any]:
        """What comes up to and with the next message of ``kind``."""
        while True:
            for index, message in enumerate(self._read):
                if isinstance(message, kind):
                    told, self._read = self._read[: index + 1], self._read[index + 1 :]
                    return told
            data = await self._reader.read(1 << 20)
            assert data, f"the gateway hung up before any {kind.__name__}; it said {kinds(self._read)}"
            self._take(data)

    async def rest(self) -> list[Any]:
        """All that comes until the gateway hangs up."""
        self._take(await self._reader.read(-1))
        return self._read

    async def first(self) -> list[Any]:
        """What comes next, all that comes at once; nothing where the line is gone."""
        with suppress(ConnectionResetError):
            self._take(await self._reader.read(1 << 20))
        told, self._read = self._read, []
        return told

    async def gone(self) -> list[Any]:
        """All that comes until the line is gone, in whichever way it goes."""
        try:
            while data := await self._reader.read(1 << 20):
                self._take(data)
        except ConnectionResetError:
            pass
        self.writer.close()
        return self._read

    def read(self) -> list[Any]:
        """What has come and was not looked at yet."""
        self._take(bytes(self._reader._buffer))  # type: ignore[attr-defined]  # nobody else can look without waiting
        self._reader._buffer.clear()  # type: ignore[attr-defined]
        return self._read

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    def _take(self, data: bytes) -> None:
        self._read += [read_reply(codec.decode(payload), 178) for payload in self._frames.feed(data)]


@asynccontextmanager
async def serving(world: World | None = None, **more: Any) -> AsyncIterator[Server]:
    limits, port = more.pop("limits", None), more.pop("port", 0)
    server = Server(Hub(Exchange(world or worlds.written()), limits=limits), **more)
    await server.start(port=port)
    async with server:
        yield server


def run(script: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(script())  # type: ignore[arg-type]  # every script is a coroutine function


# ---------------------------------------------------------------- where it listens


@pytest.mark.parametrize(("port", "program"), [(7496, "TWS"), (4001, "IB Gateway")])
def test_the_ports_of_live_accounts_are_refused(port: int, program: str) -> None:
    async def script() -> None:
        with pytest.raises(InputError, match=f"port {port} is where {program} trades live accounts"):
            await serve(worlds.written(), port=port)

    run(script)


@pytest.mark.parametrize(("host", "port"), [("0.0.0.0", 4002), ("192.168.1.7", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_others_could_reach_or_that_is_none_is_refused(host: str, port: int) -> None:
    async def script() -> None:
        with pytest.raises(InputError):
            await Server(Hub(Exchange(worlds.written()))).start(host, port)

    run(script)


def test_a_port_in_use_is_an_input_error_with_a_remedy() -> None:
    async def script() -> None:
        async with serving() as server:
            with pytest.raises(InputError, match=f"port {server.port} is in use"):
                await serve(worlds.written(), port=server.port)

    run(script)


@pytest.mark.parametrize("speed", [0, -1, float("nan"), 1e9])
def test_a_speed_that_makes_no_sense_is_refused(speed: float) -> None:
    with pytest.raises(InputError, match="speed is"):
        Server(Hub(Exchange(worlds.written())), speed=speed)


# ---------------------------------------------------------------- clients


def test_several_clients_trade_at_once_and_each_is_told_of_its_own_orders() -> None:
    async def script() -> None:
        async with serving() as server:
            server.step()
            first, second = await Caller.connect(server, 1), await Caller.connect(server, 2)
            second.send(q.ReqPositions())
            await second.until(r.PositionEnd)
            first.send(market(1))
            assert kinds(await first.until(r.CommissionReport))[-1] == "CommissionReport"
            told = await second.until(r.Position)  # pushed, without having asked again
            assert (told[-1].position, only(r.ExecDetails, told)) == (10, [])
            await first.close()
            await second.close()

    run(script)


@pytest.mark.parametrize(
    "junk",
    [
        b"\xff\xff\xff\xff",
        codec.frame(b"no end"),
        codec.encode(["3", "1"]),
        codec.encode(["x"]),
        codec.frame(b"\xff\0"),
    ],
)
def test_whoever_sends_junk_is_told_and_let_go_and_the_others_go_on(junk: bytes) -> None:
    async def script() -> None:
        async with serving() as server:
            good, bad = await Caller.connect(server, 1), await Caller.connect(server, 2)
            bad.writer.write(junk)
            assert errors(await bad.rest())[-1] == (-1, 320)
            good.send(q.ReqIds())
            await good.until(r.NextValidId)
            again = await Caller.connect(server, 2)  # the number is free again
            await again.until(r.NextValidId)
            for caller in (good, bad, again):
                await caller.close()

    run(script)


@pytest.mark.parametrize("hello", [b"GET / HTTP/1.1\r\n\r\n", codec.GREETING + codec.frame(b"v100..156")])
def test_whoever_does_not_speak_the_protocol_is_let_go_without_a_word(hello: bytes) -> None:
    async def script() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(hello)
            assert await reader.read(-1) == b""
            writer.close()
            await writer.wait_closed()

    run(script)


def test_a_client_id_in_use_is_told_326_and_let_go() -> None:
    async def script() -> None:
        async with serving() as server:
            first = await Caller.connect(server, 7)
            await first.until(r.NextValidId)
            second = await Caller.connect(server, 7)
            assert errors(await second.rest()) == [(-1, 326)]
            await first.close()
            await second.close()

    run(script)


def test_strangers_do_not_fill_the_house() -> None:
    async def script() -> None:
        async with serving(limits=Limits(clients=0)) as server:
            calls = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(40)]
            for _, writer in calls:
                writer.write(codec.encode_versions(VersionRange(lowest=157, highest=178)))
            answered = 0
            for reader, _ in calls:
                try:
                    answered += bool(await reader.read(4))
                except ConnectionResetError:
                    continue
            assert answered == len(server.connections) == 32
            for _, writer in calls:
                writer.close()

    run(script)


def test_answers_do_not_wait_for_company() -> None:
    async def script() -> None:
        async with serving() as server:
            caller = await Caller.connect(server)
            await caller.until(r.NextValidId)
            (connection,) = server.connections
            endpoint = transport_of(connection).get_extra_info("socket")
            assert endpoint.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            await caller.close()

    run(script)


def transport_of(connection: Connection) -> asyncio.Transport:
    assert connection._transport is not None
    return connection._transport


def test_a_slow_reader_costs_a_bounded_buffer_and_finds_the_latest_prices() -> None:
    world = worlds.simulated(symbols=60, days=2, step_minutes=5)

    async def script() -> None:
        async with serving(world) as server:
            caller = await Caller.connect(server)
            for number, instrument in enumerate(world.instruments):
                contract = AAA.__class__(symbol=instrument.symbol, sec_type="STK", currency="USD")
                caller.send(q.ReqMktData(req_id=number, contract=contract))
            caller.send(q.ReqIds())
            await caller.until(r.NextValidId)
            await caller.until(r.NextValidId)
            (connection,) = server.connections
            transport = transport_of(connection)
            # What the system itself would buffer hides a slow reader for a while: make that little.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            sizes = []
            while server.step():
                sizes.append(transport.get_write_buffer_size())
            assert max(sizes) < WRITE_BUFFER_BYTES + 64_000  # never more than one instant's ticks beyond the mark
            assert sizes[-1] == sizes[-20]  # long since nothing was added
            caller.send(q.ReqIds())  # is read, and answered, once the client reads again
            told = await caller.until(r.NextValidId)
            last = {each.req_id: each.price for each in only(r.TickPrice, told) if each.tick_type == 4}
            quotes = {quote.symbol: quote.last for quote in server.hub.exchange.quotes}
            assert [last[number] for number in range(60)] == [quotes[each.symbol] for each in world.instruments]
            await caller.close()

    run(script)


def test_a_flood_of_requests_is_answered_in_portions() -> None:
    async def script() -> None:
        async with serving(limits=Limits(answer_bytes=1000)) as server:
            caller = await Caller.connect(server)
            caller.send(*[q.ReqAccountSummary(req_id=1, tags="NetLiquidation")] * 2_000, q.ReqIds())
            await caller.until(r.NextValidId)
            told = await caller.until(r.NextValidId)
            assert len(only(r.AccountSummaryEnd, told)) == 2_000
            await caller.close()

    run(script)


def test_closing_lets_everybody_go() -> None:
    async def script() -> None:
        server = Server(Hub(Exchange(worlds.written())))
        await server.start()
        waiting = asyncio.create_task(server.wait())
        caller = await Caller.connect(server)
        await caller.until(r.NextValidId)
        await server.close()
        with pytest.raises((ConnectionResetError, AssertionError)):
            await caller.until(r.CurrentTime)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert server.hub.clients == {}
        caller.writer.close()

    run(script)


# ---------------------------------------------------------------- time


def test_a_program_steps_time_and_clients_are_told() -> None:
    async def script() -> None:
        async with serving(barrier=False) as server:
            caller = await Caller.connect(server)
            caller.send(q.ReqMktData(req_id=1, contract=AAA), q.ReqCurrentTime(), q.ReqCurrentTime())
            await caller.until(r.CurrentTime)
            (again,) = await caller.until(r.CurrentTime)
            assert f"{again.time:%H:%M}" == "14:00"  # the client cannot step it
            assert server.step()
            assert one(r.TickPrice, (await caller.until(r.TickPrice))).price == 99
            while server.step():
                pass
            assert not server.step()
            await caller.close()

    run(script)


def flowing(seconds: list[float], speed: float, world: World | None = None) -> list[datetime]:
    """The times that a client is told after so many seconds of ours."""
    told: list[datetime] = []

    async def script() -> None:
        async with serving(world, speed=speed, port=4002) as server:
            began = loop.time()
            for after in seconds:
                await asyncio.sleep(began + after - loop.time())
                told.append(server.hub.now)

    with VirtualLoop(seed=1) as loop:
        task = loop.start("gateway", script())
        loop.run_until(task.done)
        task.result()
    return told


def test_time_flows_from_the_opening_bell_as_fast_as_it_is_told_to() -> None:
    hours = 3600.0
    told = flowing([0, 600, 2.5 * hours + 1, 30 * hours], speed=1)
    assert [f"{at:%d %H:%M:%S}" for at in told] == ["03 14:30:00", "03 14:40:00", "03 17:00:01", "04 20:30:00"]
    told = flowing([0, 10], speed=60)
    assert [f"{at:%H:%M}" for at in told] == ["14:30", "14:40"]


def test_at_the_end_of_the_world_time_stands_still() -> None:
    told = flowing([1e6, 2e6], speed=1)
    assert [f"{at:%d %H:%M}" for at in told] == ["04 21:30"] * 2


def test_ticks_come_when_their_instant_has_come() -> None:
    async def script() -> None:
        async with serving(speed=60, port=4002) as server:
            exchange = server.hub.exchange
            assert f"{exchange.now:%H:%M}" == "14:30"
            await asyncio.sleep(149)
            assert f"{exchange.now:%H:%M}" == "14:30"
            await asyncio.sleep(2)  # 17:00 comes after 150 seconds
            assert f"{exchange.now:%H:%M}" == "17:00"

    with VirtualLoop(seed=1) as loop:
        task = loop.start("gateway", script())
        loop.run_until(task.done)
        task.result()


# ---------------------------------------------------------------- the log


def kept(path: Path) -> Hub:
    log = CommandLog(path, worlds.written(), Terms())
    return Hub(log.exchange, record=log.record)


def drop(hub: Hub) -> None:
    """What a kill leaves: nothing is closed by us, but the system closes files."""
    del hub
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_killed_gateway_goes_on_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "gateway" / "commands.log"
    hub = kept(path)
    hub.do(Advance())
    hub.do(worlds.order(1))
    hub.do(worlds.order(2, limit="50.00"))
    notices = list(hub.exchange.notices)
    drop(hub)
    del hub
    again = kept(path)
    assert again.exchange.notices == notices
    assert again.exchange.now.hour == 14
    assert again.exchange.next_order_id(1) == 3


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_line_that_was_cut_off_was_never_done(tmp_path: Path) -> None:
    path = tmp_path / "commands.log"
    hub = kept(path)
    hub.do(Advance())
    del hub
    gc.collect()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind":"adv')
    again = kept(path)
    assert f"{again.exchange.now:%H:%M}" == "14:30"
    again.do(Advance())
    assert path.read_bytes() == whole + b'{"kind":"advance"}\n'


def test_a_command_is_written_before_it_is_done() -> None:
    exchange = Exchange(worlds.written())
    times: list[datetime] = []
    hub = Hub(exchange, record=lambda _line: times.append(exchange.now))
    before = exchange.now
    hub.do(Advance())
    assert times == [before]
    assert exchange.now > before


def test_a_log_of_another_world_is_refused(tmp_path: Path) -> None:
    CommandLog(tmp_path / "log", worlds.written(), Terms()).close()
    with pytest.raises(InputError, match="not of the world"):
        CommandLog(tmp_path / "log", worlds.simulated(), Terms())
    CommandLog(tmp_path / "log", worlds.written(), Terms()).close()  # a refusal lets go of the file


def test_two_gateways_cannot_keep_one_log(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / "log", worlds.written(), Terms())
    with pytest.raises(InputError, match="held by another gateway"):
        CommandLog(tmp_path / "log", worlds.written(), Terms())
    log.close()


def test_a_served_world_is_served_on_from_its_log(tmp_path: Path) -> None:
    async def once(script: Callable[[Server], Awaitable[None]]) -> None:
        ready: asyncio.Future[Server] = asyncio.get_running_loop().create_future()
        serving_ = asyncio.ensure_future(serve(worlds.written(), port=0, log=tmp_path / "log", ready=ready.set_result))
        await script(await ready)
        serving_.cancel()
        await asyncio.gather(serving_, return_exceptions=True)

    async def trade(server: Server) -> None:
        caller = await Caller.connect(server)
        caller.send(q.ReqCurrentTime(), q.ReqCurrentTime(), market(1), limit(2, "50.00"))
        await caller.until(r.CommissionReport)
        await caller.until(r.OrderStatus)
        await caller.close()

    async def look(server: Server) -> None:
        caller = await Caller.connect(server)
        caller.send(q.ReqExecutions(req_id=1), q.ReqOpenOrders())
        assert one(r.ExecDetails, await caller.until(r.ExecDetailsEnd)).execution.cum_qty == 10
        assert server.hub.exchange.next_order_id(1) == 3
        await caller.close()

    async def script() -> None:
        await once(trade)
        await once(look)

    run(script)


@pytest.mark.parametrize("turns", range(8))
def test_a_caller_who_is_accepted_while_the_gateway_closes_leaves_no_socket_open(turns: int) -> None:
    async def close_in_the_middle() -> None:
        server = Server(Hub(Exchange(worlds.written(), Terms())))
        await server.start()
        with socket.socket() as caller:  # one that asyncio does not know, so that only the gateway's end can leak
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect(("127.0.0.1", server.port))
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.close()
        assert not server.connections

    with pytest.MonkeyPatch.context() as patch:
        unraisable: list[object] = []
        patch.setattr("sys.unraisablehook", unraisable.append)
        asyncio.run(close_in_the_middle())
        gc.collect()
    assert not unraisable
