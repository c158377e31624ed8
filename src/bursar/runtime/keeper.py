"""Keeps the program that trades alive: a process of its own beside the one that serves.

They share files and nothing else. A service that hangs, is asked too much or is killed takes no cycle and no lock from
the loop that trades; a loop that dies is started again and goes on where its journal ends, since starting is
recovering. One that keeps dying is started ever more seldom, and its last words say why.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bursar.errors import BursarError

#: How long the first restart waits, how long any waits at most, and how long a program must live to count as well.
WAIT_SECONDS, WAIT_SECONDS_MAX, WELL_SECONDS = 1.0, 300.0, 60.0
#: How long one that was asked to end may take.
END_SECONDS = 10.0
#: How often it is looked whether it works, and how long one that says nothing must live to be taken for one that does.
LOOK_SECONDS, LIVES_SECONDS = 0.2, 5.0
#: How the line begins in which a program says why it ends, and how much of its log is looked through for it.
LAST_WORDS, LOOK_BACK_BYTES = b"bursar: ", 1 << 16

#: Runs the command line without a script on the path.
COMMAND = (sys.executable, "-c", "import sys; from bursar.desk.cli import main; sys.exit(main(sys.argv[1:]))")

_log = logging.getLogger("bursar.keeper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is started.

    command  the program and its arguments
    typed    a line for its standard input, where no list of processes and no log shows it
    begun    what it prints once it works; empty for one that does not say so
    """

    command: Sequence[str]
    typed: str = field(default="", repr=False)
    begun: str = ""


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Keeps one program.

    life         what is started next, asked before each start; it may wait for a person
    log          what it prints goes there, after what is there already
    environment  added to ours
    degraded     where it is said that the program is away, under ``trading``
    stays        start it again where it ended without a fault as well
    waits_max    how long a restart waits at most, by the exit code before it; WAIT_SECONDS_MAX where none is named
    ended        told the number of each process that has ended
    started      set once it was started
    ticks        a clock that only rises, in seconds; ``pause`` waits
    """

    life: Callable[[], Awaitable[Life]]
    log: Path
    degraded: dict[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stays: bool = False
    waits_max: Mapping[int, float] = field(default_factory=dict)
    ended: Callable[[int], None] = lambda _: None
    ticks: Callable[[], float]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    starts: int = 0
    started: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    _from: int = 0

    async def run(self) -> None:
        """Start it, and again whenever it dies, until it ends by itself without a fault. Canceled, it ends it."""
        wait = WAIT_SECONDS
        while True:
            began, code = self.ticks(), 0
            try:
                code = await self._once(await self.life())
            except BursarError as error:
                why = str(error)
            except Exception as error:  # noqa: BLE001  # the top of a task: nobody else would start it again
                why = f"the program that trades could not be kept: {error!r}"
            else:
                if code == 0 and not self.stays:
                    self.degraded.pop("trading", None)
                    return
                why = self._why(code)
            if self.ticks() - began >= WELL_SECONDS:
                wait = WAIT_SECONDS
            if why != self.degraded.get("trading"):
                _log.warning("%s", why)
            self.degraded["trading"] = why
            most = self.waits_max.get(code, WAIT_SECONDS_MAX)
            await self.pause(min(wait, most))
            wait = min(wait * 2, most)

    async def _once(self, life: Life) -> int:
        """One life of it: its exit code."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._from = log.tell()
            # In a session of its own: an interrupt at the terminal is for the service, which then decides.
            process = self.process = await asyncio.create_subprocess_exec(
                *life.command,
                stdin=asyncio.subprocess.PIPE if life.typed else asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self.starts += 1
        self.started.set()
        looking = asyncio.create_task(self._see(life.begun))
        try:
            await _type(process, life.typed)
            return await process.wait()
        except BaseException:
            await self._end(process)  # none is left behind that nobody keeps, beside the next one
            raise
        finally:
            looking.cancel()
            if process.returncode is not None:
                await asyncio.to_thread(self.ended, process.pid)

    async def _see(self, begun: str) -> None:
        """Take back that it is away, once it works."""
        since = asyncio.get_running_loop().time()
        # Another process prints: nothing in this one could tell.
        while not (begun.encode() in self._printed() if begun else self._lived(since)):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        self.degraded.pop("trading", None)

    @staticmethod
    def _lived(since: float) -> bool:
        return asyncio.get_running_loop().time() - since >= LIVES_SECONDS

    def _printed(self) -> bytes:
        """What this life printed last."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(self._from, log.seek(0, os.SEEK_END) - LOOK_BACK_BYTES))
                return log.read()
        except OSError:
            return b""

    def _why(self, code: int) -> str:
        lines = [line for line in self._printed().splitlines() if line.startswith(LAST_WORDS)]
        said = lines[-1].removeprefix(LAST_WORDS).decode(errors="replace") if lines else f"{self.log} says why"
        return f"the program that trades ended with {code}: {said}"

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


async def _type(process: asyncio.subprocess.Process, line: str) -> None:
    """Type a line into it. One that ended already hears nothing."""
    if line and process.stdin is not None:
        with suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(f"{line}\n".encode())
            await process.stdin.drain()
        process.stdin.close()
