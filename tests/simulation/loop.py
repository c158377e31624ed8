"""An event loop in which one seed decides time, network, order of work and death.

Nothing here waits: when no work is ready, the clock jumps to the next timer. Connections are pairs of
transports in memory, with seeded latencies; bytes of one connection keep their order (it is TCP), bytes of
different connections overtake each other. Tasks that are ready at the same instant run in a seeded order.

A *process* is a name under which coroutines run. ``kill`` ends one as power does: whatever it awaited is
never resumed, no ``finally`` and no ``except`` of it runs, its sockets are reset, and what it had not
synced to its ``Disk`` is gone. ``freeze`` ends nothing and lets nothing go on, as SIGSTOP does: its lines stay up.
The code under test is not changed: it is given this loop.

    with VirtualLoop(seed=7) as loop:
        loop.start("gateway", serve(...))
        desk = loop.start("desk", trade(...))
        loop.run_until(desk.done)
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import random
import sys
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, Self

PROCESS: ContextVar[str] = ContextVar("PROCESS", default="world")

#: Coroutines of killed processes: held for as long as anybody looks at their world, since collecting one would run its
#: ``finally``.
_GRAVEYARD: list[object] = []
#: How often a coroutine is told to end that awaits something on its way out.
_FAREWELLS_MAX = 20


def let_the_dead_go() -> None:
    """Give back the memory of all that was killed, once nothing looks at its world any more.

    Whatever a ``finally`` does now reaches nobody: its loop is closed, and what it complains of is not told.
    """
    said, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        while _GRAVEYARD:
            _end(_GRAVEYARD.pop())
        gc.collect(1)
    finally:
        sys.unraisablehook = said


def _end(held: object) -> None:
    if not isinstance(held, asyncio.Task):
        return
    coroutine: Any = held.get_coro()
    for _ in range(_FAREWELLS_MAX):
        with suppress(Exception):
            coroutine.close()
            return


class DeadlockError(AssertionError):
    """Everybody waits for something that will never come."""


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. latency_s: bounds of the time that bytes take from one end to the other."""

    def __init__(self, seed: int, *, latency_s: tuple[float, float] = (0.0001, 0.005)) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.latency_s = latency_s
        self.steps = 0
        self._now = 0.0
        self._clock_resolution = 1e-9
        self._lives: dict[str, Context] = {}
        self._life_of: weakref.WeakKeyDictionary[asyncio.Task[Any], int] = weakref.WeakKeyDictionary()
        self._listeners: dict[int, VirtualServer] = {}
        self._transports: list[VirtualTransport] = []
        self._killed: set[int] = set()
        self._stopped: dict[int, list[asyncio.Handle]] = {}
        self.set_exception_handler(self._unhandled)
        self.unhandled: list[dict[str, Any]] = []

    # ------------------------------------------------------------ time and order

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def _run_once(self) -> None:
        """One turn, as ``BaseEventLoop`` has it; where that asks the system for input, here time passes instead."""
        self.steps += 1
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        if self._killed:
            self._bury()
        if len(ready) > 1:
            self._shuffle()
        while timers and timers[0].cancelled():
            heapq.heappop(timers)
        if not ready:
            if not timers:
                raise DeadlockError(f"nothing is ready and nothing is scheduled at {self._now:.6f} s")
            self.advance(max(0.0, timers[0].when() - self._now))
        due = self._now + self._clock_resolution
        while timers and timers[0].when() < due:
            ready.append(heapq.heappop(timers))
        if self._stopped:
            self._bury()
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _shuffle(self) -> None:
        """Tasks that are ready together run in any order; callbacks keep theirs, as asyncio promises."""
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        handles = list(ready)
        places = [index for index, handle in enumerate(handles) if _task_of(handle) is not None]
        if len(places) < 2:
            return
        tasks = [handles[index] for index in places]
        self.random.shuffle(tasks)
        for index, handle in zip(places, tasks, strict=True):
            handles[index] = handle
        ready.clear()
        ready.extend(handles)

    def _bury(self) -> None:
        """Take out the work of the dead, which is never collected, and put aside that of who stands still."""
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        living = []
        for handle in ready:
            if self._is_dead(handle):
                _GRAVEYARD.append(handle)
            elif (life := handle._context.get(_LIFE, 0)) in self._stopped:  # type: ignore[attr-defined]
                self._stopped[life].append(handle)
            else:
                living.append(handle)
        ready.clear()
        ready.extend(living)

    def _is_dead(self, handle: asyncio.Handle) -> bool:
        life = handle._context.get(_LIFE, 0)  # type: ignore[attr-defined]
        return life in self._killed

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:  # type: ignore[override]  # nobody hands it to anybody
        """Nobody sends signals in this world."""

    def remove_signal_handler(self, sig: int) -> bool:
        """There is none."""
        return False

    def _write_to_self(self) -> None:
        """Nobody sleeps in a system call, so nobody has to be woken."""

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.unhandled.append(context)

    # ------------------------------------------------------------ processes

    def start(self, process: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` as a new life of ``process``."""
        context = copy_context()
        context.run(PROCESS.set, process)
        context.run(_LIFE.set, _next_life())
        self._lives[process] = context
        return self.create_task(work, context=context)

    def kill(self, process: str) -> None:
        """End the present life of ``process`` between two of its steps, as kill -9 does."""
        life = self._lives.pop(process).get(_LIFE, 0)
        self._killed.add(life)
        self._entomb([task for task, lived in self._life_of.items() if lived == life])
        for port, server in list(self._listeners.items()):
            if server.life == life:
                del self._listeners[port]
        for transport in list(self._transports):
            if transport.life == life:
                transport.reset()

    def freeze(self, process: str) -> None:
        """Let ``process`` stand still between two of its steps, as kill -STOP does."""
        self._stopped.setdefault(self._lives[process].get(_LIFE, 0), [])

    def go_on(self, process: str) -> None:
        """Let it go on with what it was at, and with what came meanwhile."""
        self._ready.extend(self._stopped.pop(self._lives[process].get(_LIFE, 0)))  # type: ignore[attr-defined]

    def create_task(self, coro: Any, *, name: Any = None, context: Context | None = None) -> asyncio.Task[Any]:
        """As every loop does, remembering whose task it is."""
        task = super().create_task(coro, name=name, context=context)
        self._life_of[task] = context.get(_LIFE, 0) if context else _LIFE.get()
        return task

    def _entomb(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Hold unfinished tasks, so that no ``finally`` of theirs is run by a collector."""
        for task in tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                _GRAVEYARD.append(task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for transport in self._transports:
            transport.over()
        self._entomb(list(self._life_of))
        _GRAVEYARD.extend(self._ready)  # type: ignore[attr-defined]
        _GRAVEYARD.extend(self._scheduled)  # type: ignore[attr-defined]
        self.close()

    def alive(self, process: str) -> bool:
        """True from ``start`` until ``kill``."""
        return process in self._lives

    def run_until(self, done: Callable[[], bool], *, steps_max: int = 1_000_000) -> None:
        """Work until ``done``. Raises DeadlockError when that cannot come, AssertionError after ``steps_max``."""
        asyncio.set_event_loop(self)
        asyncio._set_running_loop(self)
        try:
            for _ in range(steps_max):
                if done():
                    return
                self._run_once()
            raise AssertionError(f"not done after {steps_max} steps")
        finally:
            asyncio._set_running_loop(None)
            asyncio.set_event_loop(None)

    # ------------------------------------------------------------ network

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        """Listen on a port of this world."""
        if port in self._listeners:
            raise OSError(98, f"port {port} is in use")
        server = VirtualServer(self, protocol_factory, port, _LIFE.get())
        self._listeners[port] = server
        return server

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        """Connect to a port of this world, after the time that it takes to go there and back."""
        await asyncio.sleep(self.latency())
        server = self._listeners.get(port)
        if server is None:
            raise ConnectionRefusedError(111, f"nobody listens on port {port}")
        ours, theirs = protocol_factory(), server.context.run(server.protocol_factory)
        here = VirtualTransport(self, ours, copy_context(), _LIFE.get())
        there = VirtualTransport(self, theirs, server.context, server.life)
        here.peer, there.peer = there, here
        self._transports += [here, there]
        self.call_soon(theirs.connection_made, there, context=server.context)
        ours.connection_made(here)
        return here, ours

    def listens(self, port: int) -> bool:
        """True while somebody accepts connections there."""
        return port in self._listeners

    def latency(self) -> float:
        """A seeded time that one message takes."""
        return self.random.uniform(*self.latency_s)

    def forget(self, transport: VirtualTransport) -> None:
        """A connection is over."""
        if transport in self._transports:
            self._transports.remove(transport)

    def connections(self, process: str) -> list[VirtualTransport]:
        """Open transports of the present life of ``process``."""
        life = self._lives[process].get(_LIFE, 0)
        return [transport for transport in self._transports if transport.life == life]


_LIFE: ContextVar[int] = ContextVar("_LIFE", default=0)
_lives = 0


def _next_life() -> int:
    global _lives  # noqa: PLW0603  lives are told apart across loops, since contexts may outlive one
    _lives += 1
    return _lives


def _task_of(handle: asyncio.Handle) -> asyncio.Task[Any] | None:
    owner = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]
    return owner if isinstance(owner, asyncio.Task) else None


class VirtualServer:
    """What ``create_server`` returns, as far as anybody uses it."""

    def __init__(self, loop: VirtualLoop, protocol_factory: Any, port: int, life: int) -> None:
        self.protocol_factory = protocol_factory
        self.context = copy_context()
        self.life = life
        self.port = port
        self._loop = loop
        self._closed = asyncio.Event()

    @property
    def sockets(self) -> tuple[Any, ...]:
        return ()

    def close(self) -> None:
        self._loop._listeners.pop(self.port, None)
        self._closed.set()

    def is_serving(self) -> bool:
        return not self._closed.is_set()

    async def wait_closed(self) -> None:
        await self._closed.wait()

    async def serve_forever(self) -> None:
        await self._closed.wait()

    async def start_serving(self) -> None:
        """It does from the start."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class VirtualTransport(asyncio.Transport):
    """One end of a connection."""

    peer: VirtualTransport

    def __init__(self, loop: VirtualLoop, protocol: Any, context: Context, life: int) -> None:
        super().__init__()
        self.life = life
        self._loop = loop
        self._protocol = protocol
        self._context = context
        self._closing = False
        self._last_arrival = 0.0
        self.written = 0

    def write(self, data: Any) -> None:
        if self._closing or not data:
            return
        self.written += len(data)
        self._deliver(self.peer._arrive, bytes(data))

    def write_eof(self) -> None:
        self._deliver(self.peer._arrive_eof)

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._deliver(self.peer._lose, None)
            self._loop.call_soon(self._lost, None, context=self._context)

    def abort(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Break the connection: both ends learn of it, and what is under way is lost."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lost, ConnectionResetError(104, "reset"), context=self._context)
        peer = self.peer
        self._loop.call_later(
            self._loop.latency(), peer._lose, ConnectionResetError(104, "reset by peer"), context=peer._context
        )

    def over(self) -> None:
        """The world has ended: whoever is collected later has nothing to complain of."""
        self._closing = True

    def is_closing(self) -> bool:
        return self._closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 0), "sockname": ("127.0.0.1", 0)}.get(name, default)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever kept back here."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def pause_reading(self) -> None:
        """Readers of this world keep up."""

    def resume_reading(self) -> None:
        """Readers of this world keep up."""

    def is_reading(self) -> bool:
        return not self._closing

    def _deliver(self, arrive: Callable[..., None], *arguments: Any) -> None:
        """Have something arrive at the other end, never before what was sent earlier."""
        if self._loop.is_closed():
            return  # the last words of an object that is collected after the world has ended
        when = max(self._loop.time() + self._loop.latency(), self._last_arrival + 1e-7)
        self._last_arrival = when
        self._loop.call_at(when, arrive, *arguments, context=self.peer._context)

    def _arrive(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)

    def _arrive_eof(self) -> None:
        if not self._closing:
            self._protocol.eof_received()

    def _lose(self, error: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            self._lost(error)

    def _lost(self, error: Exception | None) -> None:
        self._loop.forget(self)
        self._protocol.connection_lost(error)
