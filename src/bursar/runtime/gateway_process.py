"""The gateway as a process: in the foreground for ``bursar gateway``, or as a child that outlives whoever started it.

A child is given a recipe: the name of a function that makes the world and the terms, and its arguments, as JSON. It
builds them itself, so that nothing large crosses and equal recipes make equal worlds. It says on its standard output
where it listens, and keeps its log of commands in its own file; killed, and started again with the same recipe and
log, it goes on where it stood.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Self

from bursar.errors import BrokerError, BursarError, TakenError
from bursar.gateway.faults import Faults
from bursar.gateway.hub import MARKET_DATA_LINES, Limits
from bursar.gateway.server import LOOPBACK, Server, serve
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.runtime import fault_script

#: Whoever sends it to a gateway with a script of faults logs in, where a weekly re-login waits for a person.
LOGIN_SIGNAL = signal.SIGUSR1


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What a gateway is to do.

    recipe        the function that makes the world and the terms, as ``module:name``
    arguments     what it is called with
    port          0 takes a free one
    speed         how fast time flows; None for stepped time
    log           its file of commands; None for one that forgets
    idle_seconds  how long it stays without any connection; None stays for ever
    lines         market data lines of one client
    faults        a script of what is to go wrong, as docs/faults.md shows it; nothing without it
    statements    the folder in which each account's statement of each day is written; None for none
    address       the file in which it says where it listens, once it does: whoever started it may be dead by then
    """

    recipe: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    speed: float | None = None
    log: Path | None = None
    idle_seconds: float | None = None
    lines: int = MARKET_DATA_LINES
    faults: Path | None = None
    statements: Path | None = None
    address: Path | None = None

    def make(self) -> tuple[World, Terms]:
        """World and terms, by the recipe."""
        module, _, name = self.recipe.partition(":")
        made: tuple[World, Terms] = getattr(import_module(module), name)(**self.arguments)
        return made

    def text(self) -> str:
        """All of it as JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def of(cls, text: str) -> Self:
        """What ``text`` said."""
        said = json.loads(text)
        return cls(
            **said | {name: said[name] and Path(said[name]) for name in ("log", "faults", "statements", "address")}
        )


def run(gateway: Gateway, ready: Callable[[Server], None] | None = None) -> None:
    """Serve until interrupted or terminated. Raises InputError for what cannot be served."""
    faults = Faults(fault_script.read(gateway.faults)) if gateway.faults else None
    world, terms = gateway.make()
    asyncio.run(_until_told(gateway, world, terms, faults, ready))


async def _until_told(
    gateway: Gateway, world: World, terms: Terms, faults: Faults | None, ready: Callable[[Server], None] | None
) -> None:
    servers: list[Server] = []

    def started(server: Server) -> None:
        servers.append(server)
        if gateway.address:
            _write_address(gateway.address, server.port)
        if faults:  # the person for whom a weekly re-login waits
            asyncio.get_running_loop().add_signal_handler(LOGIN_SIGNAL, server.log_in)
        if ready:
            ready(server)

    serving = asyncio.ensure_future(
        serve(
            world,
            terms=terms,
            host=LOOPBACK,
            port=gateway.port,
            speed=gateway.speed,
            log=gateway.log,
            limits=Limits(market_data_lines=gateway.lines),
            faults=faults,
            statements=gateway.statements,
            ready=started,
        )
    )
    if gateway.idle_seconds is not None:
        asyncio.get_running_loop().create_task(_end_when_idle(serving, servers, gateway.idle_seconds))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    await asyncio.gather(serving, return_exceptions=True)
    if not serving.cancelled():
        serving.result()


def _write_address(path: Path, port: int) -> None:
    """Say where we listen, whole or not at all: a reader may come at any moment."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    unfinished.replace(path)


async def _end_when_idle(serving: asyncio.Future[None], servers: list[Server], seconds: float) -> None:
    """Cancel ``serving`` once nobody was connected for so long: whoever wants it again finds its log."""
    alone = 0.0
    while alone < seconds:
        await asyncio.sleep(seconds / 10)
        busy = not servers or servers[0].connections
        alone = 0.0 if busy else alone + seconds / 10
    serving.cancel()


class Child:
    """A gateway in a process of its own. It does not end with us: ``stop`` it, or come back to it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end, and wait until it did."""
        self._process.terminate()
        self._end()

    def kill(self) -> None:
        """End it at once, wherever it is: SIGKILL."""
        self._process.kill()
        self._end()

    def _end(self) -> None:
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def spawn(gateway: Gateway) -> Child:
    """Start a gateway as a child, and return when clients can connect.

    Raises BrokerError when it cannot start; retryable where another one holds its log, which may listen soon, or end.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "bursar.runtime.gateway_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # an interrupt at the terminal is for the desk, which then decides
        env=os.environ,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(gateway.text().encode())
    process.stdin.close()
    # One line, or none where the child died before it could say anything.
    told = json.loads(process.stdout.readline() or "{}")
    if "port" not in told:
        process.wait()
        process.stdout.close()
        why = told.get("error", "it ended without a word")
        raise BrokerError(f"the gateway did not start: {why}", retryable=told.get("taken", False))
    return Child(process, told["port"])


def main() -> int:
    """Be the child: read what to do from standard input, and say where we listen."""
    logging.basicConfig(level=logging.WARNING, format="gateway: %(message)s")
    gateway = Gateway.of(sys.stdin.read())
    try:
        run(gateway, lambda server: _say({"port": server.port, "pid": os.getpid()}))
    except BursarError as error:
        _say({"error": str(error), "taken": isinstance(error, TakenError)})
        return 1
    return 0


def _say(what: dict[str, object]) -> None:
    # Whoever started us may be dead by now. The next one finds us by the file that says where we listen.
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
