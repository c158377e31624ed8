"""The only socket of the gateway, its only clock and its only file: everything else is a function.

A server listens on this machine alone, never on the ports at which IBKR trades live accounts. One thread serves
all clients, one request after the other, so that what they see has one order.

Time        ``speed=None``: virtual time stands still until a client's barrier (see ``Session``) or ``step`` moves
            it. A number lets it flow: 1 as fast as ours, 60 a minute a second. It then begins at the opening bell.
Slow reader A client whose buffer is full is not served and not told anything until it has read. Its ticks give way
            to newer ones, its reports wait at the exchange: nothing piles up here.
The log     One line a command, written before the command acts. A gateway that was killed (or a machine that
            rebooted cleanly) goes on where it stood; a loss of power may cost the last lines.
Statements  One file an account and day, once the day is over; that of the last day when the server ends.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from bursar.errors import InputError, ProtocolError, TakenError
from bursar.gateway.exchange import Exchange, replay
from bursar.gateway.faults import Faults
from bursar.gateway.faults.weather import Outage
from bursar.gateway.hub import Hub, Limits, forget
from bursar.gateway.permissions import Permissions
from bursar.gateway.session import Session
from bursar.gateway.statement import statement
from bursar.gateway.terms import Terms
from bursar.gateway.world import World

LOOPBACK = "127.0.0.1"
#: Where IBKR's own programs trade live accounts. No client must ever mistake this gateway for one of them.
LIVE_PORTS = {7496: "TWS", 4001: "IB Gateway"}
#: How much may wait in a client's socket before it counts as slow.
WRITE_BUFFER_BYTES = 256 << 10
#: Connections that have not said who they are, besides the clients.
STRANGERS_MAX = 32

_log = logging.getLogger("bursar.gateway")


class CommandLog:
    """The command log of one exchange. Opening it replays what is there; two gateways cannot hold one log.

    Raises InputError where the log is of another world or other terms, and TakenError where another gateway holds it.
    """

    def __init__(self, path: Path, world: World, terms: Terms) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise TakenError(f"{path} is held by another gateway; stop it, or give another log") from None
        try:
            self.exchange = self._open(world, terms)
        except BaseException:
            self._file.close()
            raise

    def record(self, line: str) -> None:
        """Write one line. It has reached the operating system when this returns, so a kill cannot take it."""
        self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Close the file and let others have it."""
        self._file.close()

    def _open(self, world: World, terms: Terms) -> Exchange:
        self._file.seek(0)
        content = self._file.read()
        # A line without its end was cut off by a kill: what it says was never done.
        whole = content[: content.rfind(b"\n") + 1]
        self._file.truncate(len(whole))
        lines = whole.decode().splitlines()
        if not lines:
            exchange = Exchange(world, terms)
            self.record(exchange.header)
            return exchange
        return replay(world, terms, lines)


class StatementFolder:
    """Where the statements of an exchange are written: ``ACCOUNT_YYYYMMDD.xml``, in the shape of a Flex report."""

    def __init__(self, path: Path, exchange: Exchange) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._exchange = exchange

    def write(self, day: date) -> None:
        """The statement of ``day`` of every account, as far as the day has gone."""
        for account in self._exchange.accounts:
            told = statement(self._exchange, account, day, day)
            unfinished = self._path / f".{account}.xml"
            unfinished.write_text(told, encoding="utf-8")
            unfinished.replace(self._path / f"{account}_{day:%Y%m%d}.xml")


class Server:
    """A gateway on a port. Use it as an asynchronous context, or ``start`` and ``close`` it.

    speed    how fast virtual time flows, or None for stepped time
    barrier  False keeps clients from stepping it: then ``step`` alone does
    """

    def __init__(self, hub: Hub, *, speed: float | None = None, barrier: bool = True) -> None:
        if speed is not None and not 0 < speed <= 1_000_000:
            raise InputError(f"speed is {speed}; give how many times faster than ours time is to flow, or leave it out")
        self.hub = hub
        self.connections: set[Connection] = set()
        self._speed = speed
        self._barrier = barrier
        self._host = LOOPBACK
        self._server: asyncio.Server | None = None
        self._flow: asyncio.Task[None] | None = None
        self._outage: asyncio.Task[None] | None = None
        self._login: asyncio.Event | None = None
        self._closed: asyncio.Future[None] | None = None
        self._deserted: asyncio.Future[None] | None = None
        self.port = 0

    async def start(self, host: str = LOOPBACK, port: int = 0) -> None:
        """Listen; port 0 takes a free one. Raises InputError where that cannot or must not be."""
        _check_address(host, port)
        self._host = host
        loop = asyncio.get_running_loop()
        self._server = await self._listen(port)
        self._closed = loop.create_future()
        # A port that was named is the one that was taken; only 0 has to be asked for.
        self.port = port or self._server.sockets[0].getsockname()[1]
        if self._speed is None:
            self.hub.stepped = self._barrier
        else:
            self._flow = loop.create_task(Flow(self, self._speed).run(), name="virtual time")

    async def close(self) -> None:
        """Let everybody go and stop listening."""
        for task in (self._flow, self._outage):
            if task:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        if self._server:
            await self._shut(self._server)
        if self._closed:
            self._closed.cancel()

    async def wait(self) -> None:
        """Return when the server was closed; raises what broke the flow of time, if something did."""
        assert self._server is not None, "start the server first"
        assert self._closed is not None
        await asyncio.gather(self._closed, *([self._flow] if self._flow else []))

    def step(self) -> bool:
        """Go on to the next instant and tell all clients; False at the end of the world."""
        moved = self.hub.step()
        self.tell()
        return moved

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if self._deserted and not self._deserted.done() and not self.connections:
            self._deserted.set_result(None)

    def tell(self) -> None:
        """Send every client what it is to be told by now."""
        for connection in self.connections:
            connection.flush()
        faults = self.hub.faults
        if faults and (outage := faults.weather.take_outage()):
            if self._outage:  # it went down again while it was down
                self._outage.cancel()
            self._outage = asyncio.get_running_loop().create_task(self._be_away(outage), name="outage")

    def log_in(self) -> None:
        """Be the person for whom a weekly re-login waits; without one waiting, nothing."""
        if self._login:
            self._login.set()

    async def _be_away(self, outage: Outage) -> None:
        """Reset every connection and refuse new ones, until the time is over or a person has logged in."""
        assert self._server is not None, "start the server first"
        await self._shut(self._server)
        if outage.person:
            self._login = asyncio.Event()
            _log.warning("the gateway waits for a person to log in; nobody can connect until then")
            await self._login.wait()
        await asyncio.sleep(outage.seconds)
        try:
            self._server = await self._listen(self.port)
        except InputError as error:  # somebody took the port; whoever waits for the server has to know
            assert self._closed is not None
            self._closed.set_exception(error)
        self._outage = self._login = None

    async def _listen(self, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(self._meet, self._host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise InputError(
                f"port {port} is in use, perhaps by IBKR's own gateway or another of ours: stop that, or give "
                "another port"
            ) from error

    def _meet(self) -> Connection:
        """A connection that was accepted. It is known from here on, two turns of the loop before it is made."""
        connection = Connection(self)
        self.connections.add(connection)
        return connection

    async def _shut(self, server: asyncio.Server) -> None:
        """Stop listening, and let everybody go."""
        # A closed asyncio server leaks whom it has accepted and not yet met (it trips over an assertion of its own):
        # first accept nobody else, then meet them, then close.
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        await asyncio.sleep(0)
        server.close()
        for connection in tuple(self.connections):
            connection.drop()
        if self.connections:  # each leaves in a turn of the loop of its own
            self._deserted = asyncio.get_running_loop().create_future()
            await self._deserted
        await server.wait_closed()

    async def __aenter__(self) -> Self:
        if self._server is None:
            await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Connection(asyncio.Protocol):
    """One client's socket and its session."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session = Session(server.hub, asyncio.get_running_loop().time)
        self._transport: asyncio.Transport | None = None
        self._slow = False
        self._stalled = False
        self._unread = b""
        self._dropped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._dropped:
            transport.abort()
            return
        others = len(self._server.connections) - 1
        if others >= self._server.hub.limits.clients + STRANGERS_MAX:
            _log.warning("a connection was refused: %d are open", others)
            transport.abort()
            return
        endpoint = transport.get_extra_info("socket")
        if endpoint is not None:  # a network of some test has none
            # An answer of a few bytes must not wait for more (Nagle's algorithm): clients wait for it.
            endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # a reset and a farewell come to the same
        self._server.left(self)
        self._session.leave()

    def data_received(self, data: bytes) -> None:
        if self._stalled:
            self._unread += data
            return
        try:
            out = self._session.receive(data)
        except ProtocolError as error:
            _log.warning("a client was let go: %s", error)
            out = self._session.take()
        self._send(out)
        if self._session.closed:
            self._hang_up()
        elif self._session.unfinished and not self._slow:
            asyncio.get_running_loop().call_soon(self.data_received, b"")
        self._stall(self._session.take_stall())
        self._server.tell()

    def pause_writing(self) -> None:
        """The client does not read: neither serve it nor tell it anything until it does."""
        self._slow = True
        if self._transport and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._slow = False
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()
            self.data_received(b"")

    def flush(self) -> None:
        """Send what is due, unless the client is slow."""
        if not self._slow and not self._stalled:
            self._send(self._session.take())
            if self._session.closed:
                self._hang_up()
            self._stall(self._session.take_stall())

    def drop(self) -> None:
        """Close the connection now, or as soon as it is made."""
        self._dropped = True
        if self._transport:
            self._transport.abort()

    def _stall(self, seconds: float) -> None:
        """Take the client for one that reads nothing for so many seconds."""
        if seconds and self._transport and not self._transport.is_closing():
            self._stalled = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._stalled = False
        unread, self._unread = self._unread, b""
        if self._transport and not self._transport.is_closing():
            if not self._slow:
                self._transport.resume_reading()
            self.data_received(unread)

    def _send(self, out: bytes) -> None:
        if out and self._transport and not self._transport.is_closing():
            self._transport.write(out)

    def _hang_up(self) -> None:
        if self._transport:
            self._transport.close()


class Flow:
    """Virtual time that flows ``speed`` times as fast as ours, from the opening bell or from where a log ended."""

    def __init__(self, server: Server, speed: float) -> None:
        self._server = server
        self._speed = speed
        self._loop = asyncio.get_running_loop()
        hub = server.hub
        hub.stepped = False
        if hub.exchange.now < hub.exchange.world.sessions[0].open:
            while not hub.exchange.open and hub.step():
                pass
        self._began, self._from = self._loop.time(), hub.exchange.now
        hub.flow(self.now)

    def now(self) -> datetime:
        """The virtual time: never before the exchange's, and never at an instant that is still to come."""
        flowed = self._from + timedelta(seconds=(self._loop.time() - self._began) * self._speed)
        exchange = self._server.hub.exchange
        upcoming = exchange.next_instant
        latest = exchange.now if upcoming is None else upcoming - timedelta(microseconds=1)
        return max(exchange.now, min(flowed, latest))

    async def run(self) -> None:
        """Step whenever an instant has come, until the world ends."""
        exchange = self._server.hub.exchange
        while (upcoming := exchange.next_instant) is not None:
            due = self._began + (upcoming - self._from).total_seconds() / self._speed
            await asyncio.sleep(max(due - self._loop.time(), 0))
            self._server.step()
        _log.info("the world ended at %s; time stands still", exchange.now)


async def serve(
    world: World,
    *,
    terms: Terms | None = None,
    host: str = LOOPBACK,
    port: int = 4002,
    speed: float | None = None,
    log: Path | None = None,
    limits: Limits | None = None,
    permissions: Permissions | None = None,
    faults: Faults | None = None,
    statements: Path | None = None,
    ready: Callable[[Server], None] | None = None,
) -> None:
    """Serve ``world`` until canceled.

    speed        how fast time flows; None for stepped time
    log          the command log; None for a gateway that forgets all when it stops
    permissions  whose market data clients see
    faults       what is to go wrong
    statements   the folder of statements; None for none
    ready        called once clients can connect

    Raises InputError for an address that cannot or must not be used, or a log that does not fit.
    """
    terms = terms or Terms()
    kept = CommandLog(log, world, terms) if log else None
    try:
        exchange = kept.exchange if kept else Exchange(world, terms)
        record = kept.record if kept else forget
        folder = StatementFolder(statements, exchange) if statements else None
        hub = Hub(
            exchange,
            record=record,
            limits=limits,
            permissions=permissions,
            faults=faults,
            day_over=folder.write if folder else None,
        )
        server = Server(hub, speed=speed)
        await server.start(host, port)
        async with server:
            if ready:
                ready(server)
            try:
                await server.wait()
            finally:
                if folder:
                    folder.write(exchange.session.day)
    finally:
        if kept:
            kept.close()


def _check_address(host: str, port: int) -> None:
    if host not in (LOOPBACK, "localhost", "::1"):
        raise InputError(
            f"the gateway takes orders from whoever connects, so it listens on {LOOPBACK} and not on {host}"
        )
    if port in LIVE_PORTS:
        raise InputError(
            f"port {port} is where {LIVE_PORTS[port]} trades live accounts; the simulator never listens there: use 4002"
        )
    if not 0 <= port <= 65535:
        raise InputError(f"port {port} does not exist; give 1024 to 65535, or 0 for a free one")
