"""What the processes of one home share: who may trade, what operators ask for, and the desk's tables.

    nothing named          home/desk.sqlite, and the inbox as files in home/commands, where any program can leave one
    store.database named   all of it in that database, also for processes on other machines

A loop that trades is held up by none of it: an inbox whose database is away is empty, is left alone for a moment, and
is told later what was done meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bursar.adapters.inbox import FolderCommands
from bursar.errors import InputError
from bursar.ports import Command, Grant

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bursar.adapters.store.sealing import Cipher
    from bursar.config.settings import Store

#: The desk's tables, and the inbox as files.
STORE_NAME, COMMANDS_NAME = "desk.sqlite", "commands"
#: How long an inbox whose database is away is left alone.
AWAY_SECONDS = 5.0

_log = logging.getLogger("bursar.inbox")


def url_of(named: str) -> str:
    """The URL that was given, or that of a SQLite file."""
    from bursar.adapters.store.database import sqlite_url

    return named if "://" in named else sqlite_url(Path(named).expanduser())


def database_of(home: Path, store: Store) -> str:
    """The URL of the desk's tables."""
    return url_of(store.databases[0] if store.databases else str((home / STORE_NAME).absolute()))


@contextmanager
def opened(home: Path, store: Store) -> Iterator[Engine]:
    """The desk's tables, laid out where they are not there yet. Raises AwayError where their database is away."""
    from bursar.adapters.store.database import migrate

    with connected(home, store) as engine:
        migrate(engine)
        yield engine


@contextmanager
def connected(home: Path, store: Store) -> Iterator[Engine]:
    """The database of the desk's tables, which is not asked for anything yet."""
    from bursar.adapters.store.database import connect

    home.mkdir(parents=True, exist_ok=True)
    engine = connect(database_of(home, store))
    try:
        yield engine
    finally:
        engine.dispose()


def inbox(home: Path, store: Store, grant: Grant | None = None) -> FolderCommands | DatabaseCommands:
    """The operators' inbox.

    grant  under which the taker trades, where the inbox is of one account alone: numbers of several do not compare
    """
    if not store.databases:
        return FolderCommands(home / COMMANDS_NAME)
    return DatabaseCommands(database_of(home, store), store.cipher(), grant)


class DatabaseCommands:
    """Satisfies ``ports.Commands`` over a database that may be away.

    Who sends is told that it is. Who takes finds nothing meanwhile; what was done is brought to it once it is back, and
    until then would be taken again, which the journal lets do nothing twice.
    """

    def __init__(
        self,
        url: str,
        cipher: Cipher | None = None,
        grant: Grant | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        from bursar.adapters.store.database import connect
        from bursar.adapters.store.lease import StoreCommands

        self.engine = connect(url)
        self._inner = StoreCommands(
            self.engine, cipher, holder=grant.holder if grant else "", fence=grant.fence if grant else 0
        )
        self._ticks = ticks
        self._again = 0.0
        self._laid_out = False
        self._done: dict[str, Command] = {}

    def send(self, command: Command) -> None:
        """Leave a command. Raises InputError where the database is away."""
        self._lay_out()
        self._inner.send(command)

    def take(self, account: str = "") -> tuple[Command, ...]:
        """What is not done and meant for ``account``; nothing while the database is away."""
        if self._ticks() < self._again:
            return ()
        try:
            self._lay_out()
            for command in tuple(self._done.values()):
                self._inner.done(command)
                del self._done[command.command_id]
            return self._inner.take(account)
        except InputError as error:
            self._leave(error)
            return ()

    def done(self, command: Command) -> None:
        """Say that what it led to is journalled, at once or once the database is back."""
        try:
            self._inner.done(command)
        except InputError as error:
            self._done[command.command_id] = command
            self._leave(error)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def _leave(self, error: InputError) -> None:
        self._again = self._ticks() + AWAY_SECONDS
        _log.warning("operators are not heard: %s", error)

    def _lay_out(self) -> None:
        from bursar.adapters.store.database import migrate

        if not self._laid_out:
            migrate(self.engine)
            self._laid_out = True
