"""The service: the desk with its files, its people and its page, served on this machine.

    home/runs/demo/journal.sqlite   read: what the loop that trades writes
    home/accounts/NAME/             the same, where an account of bursar.toml is traded
    home/notes.sqlite               the desk's own journal
    home/desk.sqlite                people and their passes, who may trade, and the seconds of the last days
    home/commands/                  what operators ask for, until it is done
    home/seconds/                   the seconds of the days before
    home/service.log                one JSON object a line, with the journal's sequence number
    store.database                  where one is named: the nine tables, and in place of desk.sqlite and commands

The loop that trades is a process of its own (``runtime/keeper.py``), so that nothing here can hold it up.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from bursar.adapters.marks import FILE_NAME as MARKS_NAME
from bursar.adapters.marks import ReadMarks, redis_at
from bursar.adapters.store.lease import StoreLease
from bursar.adapters.store.snapshots import Snapshots
from bursar.config import Settings
from bursar.config.accounts import AccountProfile, all_accounts
from bursar.config.service import Service as Where
from bursar.desk.app import create_app
from bursar.desk.believed import Believed
from bursar.desk.desk import Desk
from bursar.desk.following import Follower
from bursar.desk.guard.beginning import Begun, begin
from bursar.desk.guard.guard import Guard
from bursar.desk.guard.kept import kept
from bursar.desk.guard.roles import Role
from bursar.desk.monitor import Monitor
from bursar.desk.opening import Opening
from bursar.desk.packing import Packer
from bursar.desk.serving import Served
from bursar.desk.traded import JournalFile
from bursar.errors import InputError
from bursar.ports import History, Recorded
from bursar.risk.watch import limits_of
from bursar.runtime import shared
from bursar.runtime.keeper import Keeper
from bursar.runtime.tenure import service_name

LOG_NAME = "service.log"
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
        "account_switched",
        "switch_refused",
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
    """What is served, and where.

    password  of the admin that the first start made, to be used once; empty later
    lease     who may trade
    says      what whoever starts it is to know, a line each
    opening   what is done later, since the database is away; None where it is there
    """

    app: FastAPI
    desk: Desk
    password: str
    lease: StoreLease
    where: Where = field(default_factory=Where)
    says: tuple[str, ...] = ()
    opening: Opening | None = None

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host = f"[{self.where.host}]" if ":" in self.where.host else self.where.host
        return f"{'https' if self.where.tls else 'http'}://{host}:{self.where.port}/"


@contextmanager
def opened(
    home: Path,
    settings: Settings,
    journal: Path | None = None,
    accounts: Mapping[str, AccountProfile] | None = None,
    served: Served | None = None,
) -> Iterator[Service]:
    """The desk on the files of ``home``, made where they are not there yet; closed when the block ends.

    journal   what is read, in place of the demo's or the account's
    accounts  those that are set up, by name; those of the bursar.toml that is found where none are given
    served    the account that is traded, in place of the demo

    Where the database is away it is served without it, as far as that is safe: beyond this machine only where an admin
    is known to have chosen a password. Raises AwayError there.
    """
    cipher = settings.store.cipher()
    path = journal or (served.journal(home) if served else home / "runs" / "demo" / "journal.sqlite")
    traded = JournalFile(path, cipher)  # one for all: the tables go along where another account is traded
    followers = [Follower(named, traded, cipher) for named in settings.store.databases]
    with kept(home, settings.store, patient=settings.service.on_loopback) as there:
        commands = shared.inbox(home, settings.store)
        try:
            check(settings.service, there.guard)
            begun = Begun() if there.away else begin(home, settings.store, there.guard)
            lease = StoreLease(there.tables, cipher)
            snapshots = Snapshots(there.tables, home / "seconds", settings.store.retention(), cipher)
            desk = Desk(
                journal=traded,
                source=ReadMarks(path.parent / MARKS_NAME, redis_at(settings.service.cache)),
                notes=there.notes,
                commands=commands,
                settings=settings,
                home=home,
                guard=there.guard,
                served=served,
                accounts=accounts or all_accounts(settings),
                monitor=Monitor(limits=limits_of(settings.risk.limits())),
                snapshots=snapshots,
                name=service_name(),
                traders=lease.holders,
                works=[*followers],
            )
            opening = Opening(home, settings.store, there, desk) if there.away else None
            if opening is not None:
                desk.degraded["people"] = there.away
                desk.works.append(opening)
            if begun.events:
                asyncio.run(desk.note("first start", begun.what, {}, begun.events))
            desk.monitor.model_of = Believed(lambda: history_of(settings, home), lambda: desk.past.book.at)
            desk.listeners.append(told)
            desk.works.append(Packer(snapshots=snapshots, now=desk.now))
            app = create_app(desk, hosts=settings.service.hosts)
            yield Service(
                app=app,
                desk=desk,
                password=begun.password,
                lease=lease,
                where=settings.service,
                says=begun.says,
                opening=opening,
            )
        finally:
            for follower in followers:
                follower.engine.dispose()
            commands.close()


def history_of(settings: Settings, home: Path) -> History:
    """The past prices of the source that the settings name."""
    from bursar.runtime.library import open_library  # reading its manifests takes a while

    return open_library(settings, home, seed=settings.demo.seed).history()


def check(where: Where, guard: Guard) -> None:
    """Raise InputError where the service may not be served as the settings say."""
    if bool(where.certificate_file) != bool(where.key_file):
        raise InputError("TLS wants both, service.certificate_file and service.key_file; name the other one as well")
    if where.tls is not None:
        certificate, key = where.tls
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"{certificate} and {key} make no TLS: {error}; give a certificate and its key") from error
        if key.stat().st_mode & 0o077:
            raise InputError(f"others may read {key}; let its owner alone read it: chmod 600 {key}")
    if where.on_loopback:
        return
    if where.tls is None:
        raise InputError(
            f"service.host is {where.host}, which others reach, and passwords would cross the network in the clear; "
            "name service.certificate_file and service.key_file, or serve on 127.0.0.1"
        )
    if not any(each.role is Role.ADMIN and not each.must_change and not each.disabled for each in guard.people.all()):
        raise InputError(
            f"service.host is {where.host}, which others reach, and no admin has chosen a password yet; serve on "
            "127.0.0.1 first, sign in as admin, and choose one"
        )


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


def server_of(service: Service) -> uvicorn.Server:
    """What answers at the service's address, with TLS where there are files for it."""
    where = service.where
    certificate, key = where.tls or (None, None)
    return uvicorn.Server(
        uvicorn.Config(
            service.app,
            host=where.host,
            port=where.port,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
            ws_max_size=1 << 16,
        )
    )


def check_free(where: Where) -> None:
    """Raise InputError where something else is served at the address, or we may not serve there."""
    for family, _, _, _, address in socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM):
        try:
            socket.create_server(address[:2], family=family).close()
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise InputError(
                    f"nothing can be served at {where.host}:{where.port}: {error.strerror}; end what is served there, "
                    "perhaps another `bursar run`, or name another port: bursar run --port N"
                ) from error


async def serve(service: Service, keeper: Keeper | None) -> None:
    """Serve until a signal says otherwise, and keep the loop that trades meanwhile."""
    check_free(service.where)
    server = server_of(service)
    trading = asyncio.create_task(keeper.run()) if keeper else None
    try:
        await server.serve()
    finally:
        if trading is not None:
            trading.cancel()
            with suppress(asyncio.CancelledError):
                await trading


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
