"""The phrase that opens the locked door: a person types it for each start of the program that trades real money.

At the terminal of `bursar run`, or on the page or over the API by a trader who shows that it is they. It is kept in no
file, log, setting or command line: it goes to the program on its standard input, and is forgotten with that. Whoever is
started again is asked for it again; meanwhile the desk is served, and says that it waits.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from bursar.errors import InputError
from bursar.runtime.door import admit, phrase_for

if TYPE_CHECKING:
    from bursar.desk.serving import Served

Give = Callable[[str], None]
#: How long a program in the background leaves the terminal alone.
AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class Keys:
    """Where a phrase is waited for, and where it is given.

    degraded  where it is said that one is waited for, under ``trading``
    waited    the account that waits for one, by its name
    """

    degraded: MutableMapping[str, str] = field(default_factory=dict)
    waited: dict[str, Served] = field(default_factory=dict)
    _given: dict[str, str] = field(default_factory=dict, repr=False)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def of(self, served: Served) -> str:
        """The phrase of an account, once a person gave it."""
        name, before = served.name, self.degraded.get("trading", "")
        self.degraded["trading"] = (
            f"{served.account} holds real money and is not traded until a person types the phrase: at the terminal of "
            f"bursar run, on the page, or by POST /api/v1/ibkr/accounts/{name}/unlock{before and f'; before: {before}'}"
        )
        self.waited[name] = served
        try:
            with _asked_at(sys.stdin, served, lambda typed: self.give(name, typed)):
                while name not in self._given:
                    self._heard.clear()
                    await self._heard.wait()
        finally:
            self.waited.pop(name, None)
        self.degraded["trading"] = f"the program that trades {served.account} is being started"
        return self._given.pop(name)

    def check(self, name: str, typed: str) -> None:
        """Raise InputError where account ``name`` waits for no phrase, or for another one."""
        if name not in self.waited:
            raise InputError(f"account {name} waits for no phrase: it is traded, or another one is")
        admit(name, self.waited[name].profile, typed)

    def give(self, name: str, typed: str) -> None:
        """Let the program that trades account ``name`` be started. Raises InputError as ``check`` does."""
        self.check(name, typed)
        del self.waited[name]
        self._given[name] = typed
        self._heard.set()


@contextmanager
def _asked_at(terminal: TextIO, served: Served, give: Give) -> Iterator[None]:
    """Ask at the terminal, where there is one, while the block runs."""
    if not terminal.isatty():
        yield
        return
    loop = asyncio.get_running_loop()
    typed, later = bytearray(), set[asyncio.TimerHandle]()

    def listen() -> None:
        later.clear()
        loop.add_reader(terminal, heard)

    def heard() -> None:
        if not _in_front(terminal):
            loop.remove_reader(terminal)
            later.add(loop.call_later(AGAIN_SECONDS, listen))
            return
        # What there is, and no more: whoever waits for the rest of a line holds up the desk.
        new = os.read(terminal.fileno(), 4096)
        if not new:
            loop.remove_reader(terminal)
            return
        typed.extend(new)
        *whole, rest = bytes(typed).split(b"\n")
        typed[:] = rest
        for line in whole:
            try:
                give(line.decode(errors="replace").strip())
            except InputError as error:
                _say(str(error))

    _say(f"{served.account} holds real money; to let orders reach it, type exactly: {phrase_for(served.profile)}")
    listen()
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        for each in later:
            each.cancel()


def _in_front(terminal: TextIO) -> bool:
    """False for a program in the background: what is typed is another's, and who reads it there is stopped for it."""
    try:
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return True  # a terminal that is nobody's stops nobody


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
