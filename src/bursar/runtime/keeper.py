"""Keeps the program that trades alive: a process of its own beside the one that serves.

They share files and nothing else. A service that hangs, is asked too much or is killed takes no cycle and no lock from
the loop that trades; a loop that dies is started again and goes on where its journal ends, since starting is
recovering. One that keeps dying is started ever more seldom.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

#: How long the first restart waits, how long any waits at most, and how long a program must live to count as well.
WAIT_SECONDS, WAIT_SECONDS_MAX, WELL_SECONDS = 1.0, 300.0, 60.0
#: How long one that was asked to end may take.
END_SECONDS = 10.0

#: Runs the command line without a script on the path.
COMMAND = (sys.executable, "-c", "import sys; from bursar.desk.cli import main; sys.exit(main(sys.argv[1:]))")


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Keeps one program.

    command      the program and its arguments
    log          what it prints goes there, after what is there already
    environment  added to ours
    degraded     where it is said that the program is away, under ``trading``
    started      set once it was started
    ticks        a clock that only rises, in seconds; ``pause`` waits
    """

    command: Sequence[str]
    log: Path
    degraded: dict[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ticks: Callable[[], float]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    starts: int = 0
    started: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Start it, and again whenever it dies, until it ends by itself without a fault. Canceled, it ends it."""
        wait = WAIT_SECONDS
        while True:
            began = self.ticks()
            code = await self._once()
            if code == 0:
                self.degraded.pop("trading", None)
                return
            if self.ticks() - began >= WELL_SECONDS:
                wait = WAIT_SECONDS
            self.degraded["trading"] = f"the program that trades ended with {code}; {self.log} says why"
            await self.pause(wait)
            wait = min(wait * 2, WAIT_SECONDS_MAX)

    async def _once(self) -> int:
        """One life of it: its exit code."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # In a session of its own: an interrupt at the terminal is for the service, which then decides.
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self.starts += 1
        self.started.set()
        try:
            return await self.process.wait()
        except asyncio.CancelledError:
            await self._end(self.process)
            raise

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Ask it to end, and end it where it does not; its journal is safe at any instant."""
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
