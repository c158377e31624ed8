"""The service: the desk with its files, its people and its page, served on this machine.

    home/runs/demo/journal.sqlite   read: what the loop that trades writes
    home/notes.sqlite               the desk's own journal
    home/desk.sqlite                people and their passes, and the seconds of the last days
    home/seconds/                   the seconds of the days before
    home/service.log                one JSON object a line, with the journal's sequence number

The loop that trades is a process of its own (``runtime/keeper.py``), so that nothing here can hold it up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from bursar.adapters.inbox import FolderCommands
from bursar.adapters.store.database import connect, sqlite_url
from bursar.adapters.store.snapshots import Snapshots
from bursar.config import Settings
from bursar.config.accounts import all_accounts
from bursar.desk.app import create_app
from bursar.desk.desk import Desk, JournalFile
from bursar.desk.guard.kept import STORE_NAME, kept
from bursar.desk.monitor import Monitor
from bursar.ports import Recorded
from bursar.risk.watch import limits_of
from bursar.runtime.keeper import Keeper
from bursar.runtime.switch import COMMANDS_NAME

HOST, PORT = "127.0.0.1", 8005
LOG_NAME, TRADING_LOG_NAME = "service.log", "trading.log"
#: Kinds of events that are worth a line; the journal has all of them.
TOLD = frozenset(
    {
        "run_started",
        "session_opened",
        "session_closed",
        "decided",
        "decision_skipped",
        "proposal_made",
        "proposal_tapped",
        "proposal_ended",
        "order_placed",
        "order_rejected",
        "order_canceled",
        "filled",
        "rejected",
        "exit_triggered",
        "trading_state_changed",
        "kill_ordered",
        "kill_finished",
        "rearm_refused",
        "line_changed",
        "alerted",
        "command_received",
        "break_found",
    }
)

_log = logging.getLogger("bursar.service")


@dataclass(frozen=True, slots=True)
class Service:
    """What is served. password: of the admin that the first start made, to be used once; empty later."""

    app: FastAPI
    desk: Desk
    password: str


@contextmanager
def opened(home: Path, settings: Settings, journal: Path | None = None) -> Iterator[Service]:
    """The desk on the files of ``home``, made where they are not there yet; closed when the block ends."""
    cipher = settings.store.cipher()
    engine = connect(sqlite_url(home / STORE_NAME))
    with kept(home, cipher) as there:
        try:
            first = there.guard.first_password()
            desk = Desk(
                journal=JournalFile(journal or home / "runs" / "demo" / "journal.sqlite", cipher),
                notes=there.notes,
                commands=FolderCommands(home / COMMANDS_NAME),
                settings=settings,
                home=home,
                guard=there.guard,
                accounts=all_accounts(settings),
                monitor=Monitor(limits=limits_of(settings.risk.limits())),
                snapshots=Snapshots(engine, home / "seconds", cipher=cipher),
            )
            if first is not None:
                asyncio.run(desk.note("first start", "admin", {}, first[1]))
            desk.listeners.append(told)
            yield Service(app=create_app(desk), desk=desk, password=first[0] if first else "")
        finally:
            engine.dispose()


def told(new: Sequence[Recorded] | None) -> None:
    """A line for each record that is worth one."""
    for recorded in new or ():
        if recorded.event.kind in TOLD:
            said = {
                "sequence": recorded.sequence,
                "event": recorded.event.event_id,
                "of": recorded.event.at.isoformat(),
            }
            _log.info(recorded.event.kind, extra={"said": said})


async def serve(service: Service, port: int, keeper: Keeper | None, *, host: str = HOST) -> None:
    """Serve until a signal says otherwise, and keep the loop that trades meanwhile."""
    server = uvicorn.Server(
        uvicorn.Config(
            service.app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
            ws_max_size=1 << 16,
        )
    )
    trading = asyncio.create_task(keeper.run()) if keeper else None
    try:
        await server.serve()
    finally:
        if trading is not None:
            trading.cancel()
            with suppress(asyncio.CancelledError):
                await trading


def keeper_of(desk: Desk, home: Path, config: Path | None) -> Keeper:
    """Keeps the demo's days being traded, over the wire, and on from where they stand."""
    from bursar.runtime.keeper import COMMAND

    named = () if config is None else ("--config", str(config))
    return Keeper(
        command=(*COMMAND, "demo", *named),
        log=home / TRADING_LOG_NAME,
        degraded=desk.degraded,
        environment={"BURSAR_HOME": str(home)},
        ticks=time.monotonic,
    )


# ---------------------------------------------------------------- the log


class JsonLines(logging.Formatter):
    """One JSON object a line, for machines; no secret is ever in a record of ours."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "says": record.getMessage(),
            **getattr(record, "said", {}),
        }
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)


@contextmanager
def logging_to(path: Path, level: str) -> Iterator[None]:
    """Log to ``path`` as JSON lines and to the screen in words, while the block runs."""
    root = logging.getLogger()
    file, screen = logging.FileHandler(path, encoding="utf-8"), logging.StreamHandler()
    file.setFormatter(JsonLines())
    screen.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    screen.setLevel(logging.WARNING)
    before = root.level
    root.setLevel(level)
    for handler in (file, screen):
        root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(before)
        for handler in (file, screen):
            root.removeHandler(handler)
            handler.close()
