"""`bursar doctor --watch`: the line to the broker, as it is now, in a connection of its own.

It connects under a client id of its own, so that it disturbs nobody who trades, and asks for nothing: what the broker
tells everybody (1100, farms) and whether the socket is there is all that it needs. One line a change.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from json import dumps

from ib_async.ib import StartupFetch
from rich.console import Console
from rich.text import Text

from bursar.adapters.clock import WallClock
from bursar.adapters.ib_connection import Address, Connection
from bursar.config import Settings
from bursar.errors import BrokerError
from bursar.ports import Clock
from bursar.runtime.watch import policy
from bursar.trading.line import Alert, Connected, Line, LineState, Lost, Passed, Reconnect, Signal, Told

#: Added to ``broker.client_id``, so that the one who trades keeps his.
WATCHER = 900_000
#: How often the line is looked at.
EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A state of the line that began, or what a person should know of it."""

    at: datetime
    state: str
    why: str
    alert: str = ""


#: Someone who is told.
Tells = Callable[[Seen], None]


class Watcher:
    """Keeps one connection, and a line made of what comes over it."""

    def __init__(self, address: Address, line: Line, clock: Clock, tell: Tells) -> None:
        self.line = line
        self._address = address
        self._clock = clock
        self._tell = tell
        self._connection: Connection | None = None
        self._again_at: datetime | None = None

    async def look(self) -> None:
        """Look once: connect where that is due, and take in what was said."""
        now = self._clock.now()
        if self._connection is not None and self._connection.ib.isConnected():
            told = [Told(code, text) for code, text in self._connection.notices()]
            self._hear(*told, Passed(session_open=False))
        elif self._connection is not None:
            self._connection = None
            self._hear(Lost("the gateway closed the connection"))
        elif self._again_at is None or now >= self._again_at:
            await self._connect()

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()

    async def _connect(self) -> None:
        connection = Connection(self._address, self._clock)
        try:
            await connection.connect(StartupFetch(0))
        except BrokerError as error:
            self._hear(Lost(str(error)))
        else:
            self._connection = connection
            self._hear(Connected())

    def _hear(self, *signals: Signal) -> None:
        now = self._clock.now()
        for signal in signals:
            before = self.line
            self.line, advice = before.after(signal, now).advise(before)
            if before.at is None or self.line.state is not before.state:
                self._tell(Seen(at=now, state=self.line.state.value, why=self.line.why))
            for each in advice:
                if isinstance(each, Reconnect):
                    self._again_at = each.at
                elif isinstance(each, Alert):
                    self._tell(Seen(at=now, state=self.line.state.value, why=self.line.why, alert=each.message))


async def watch(
    settings: Settings,
    clock: Clock,
    tell: Tells,
    *,
    until: Callable[[], bool],
    pause: Callable[[datetime], Awaitable[None]] | None = None,
) -> Line:
    """Watch the line that the settings name until ``until`` says so; the line at the end."""
    address = Address(
        account=settings.account.account_id,
        host=settings.broker.host,
        port=settings.broker.port,
        client_id=settings.broker.client_id + WATCHER,
        timeout_seconds=float(settings.broker.connect_timeout_seconds),
    )
    watcher = Watcher(address, Line(policy=policy(settings)), clock, tell)
    wait = pause or clock.sleep_until
    try:
        while True:
            await watcher.look()
            if until():
                return watcher.line
            await wait(clock.now() + EVERY)
    finally:
        watcher.close()


def show(settings: Settings, console: Console, *, seconds: float, json: bool) -> None:
    """Watch for so many seconds (0: until interrupted) and print each change as it comes."""
    clock = WallClock()
    end = clock.now() + timedelta(seconds=seconds) if seconds else None

    def tell(seen: Seen) -> None:
        if json:
            sys.stdout.write(dumps({**asdict(seen), "at": seen.at.isoformat()}) + "\n")
            sys.stdout.flush()
            return
        style = "green" if seen.state == LineState.UP else "bold red" if seen.alert else "yellow"
        told = f"{seen.at:%H:%M:%S} UTC  {seen.state:<12}"
        console.print(Text(told, style=style), Text(seen.alert or seen.why))

    with suppress(KeyboardInterrupt):
        asyncio.run(watch(settings, clock, tell, until=lambda: end is not None and clock.now() >= end))
