"""The program that trades beside the service: the demo's days, or an account of bursar.toml.

An account's is `bursar trade`, kept alive day after day: its nights, weekends and holidays are its own to wait through.
It ends on a morning whose prices are missing, where the account is not behind the broker's program, or where nobody
answers there at the start; then it is started again until that is mended, and what it said last stands on /health.

Which account that is was asked for when the service started, and changes with `bursar switch`: whoever is started
again trades the one that was changed to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from bursar.adapters.store.lease import StoreLease
from bursar.desk.desk import Desk
from bursar.desk.edge import EXIT_CODES
from bursar.desk.serving import BEGUN, Served, traded
from bursar.errors import BrokerError, InputError
from bursar.runtime.account import folder_of
from bursar.runtime.keeper import COMMAND, Keeper, Life
from bursar.runtime.tenure import SERVICE

LOG_NAME = "trading.log"
#: A broker that is not there, or another process in whose place this one would trade, is asked again at least so often.
AGAIN_SECONDS = 30.0


def of_demo(desk: Desk, home: Path, config: Path | None) -> Keeper:
    """Keeps the demo's days being traded, over the wire, and on from where they stand."""

    async def life() -> Life:
        return Life(command=(*COMMAND, "demo", "--take-turns", *_named(config)))

    return Keeper(
        life=life,
        log=home / LOG_NAME,
        degraded=desk.degraded,
        environment={"BURSAR_HOME": str(home), SERVICE: desk.name},
        waits_max={code: AGAIN_SECONDS for kind, code in EXIT_CODES if kind is InputError},
        ticks=time.monotonic,
    )


def of_account(
    asked: Served, desk: Desk, home: Path, lease: StoreLease, *, config: Path | None, every: float
) -> Keeper:
    """Keeps the account being traded that was asked for, or the one that it was left for.

    every  how often its market is looked at, in seconds
    """
    return Keeper(
        life=Trade(asked=asked, desk=desk, home=home, more=("--every", f"{every:g}", *_named(config))).life,
        log=folder_of(home, asked.account) / LOG_NAME,
        degraded=desk.degraded,
        environment={"BURSAR_HOME": str(home), SERVICE: desk.name},
        stays=True,
        waits_max={code: AGAIN_SECONDS for kind, code in EXIT_CODES if kind in (InputError, BrokerError)},
        ended=_given_back(lease, desk.name),
        ticks=time.monotonic,
    )


@dataclass(slots=True, kw_only=True)
class Trade:
    """`bursar trade`, as it is started next.

    more  what is said to it beside the account
    """

    asked: Served
    desk: Desk
    home: Path
    more: Sequence[str] = field(default=())

    async def life(self) -> Life:
        """The account that is traded by now. With real money, a person is waited for, each time anew."""
        served = traded(self.asked, self.desk.accounts, self.home, self.desk.settings.store.cipher())
        typed = await self.desk.keys.of(served) if served.live else ""
        phrase = ("--phrase", "-") if typed else ()
        return Life(
            command=(*COMMAND, "trade", "--account", served.name, *phrase, *self.more), typed=typed, begun=BEGUN
        )


def _given_back(lease: StoreLease, service: str) -> Callable[[int], None]:
    """Gives back the leases of a process that is known to be dead, so that nobody waits for their end."""

    def ended(number: int) -> None:
        with suppress(InputError, SQLAlchemyError):  # the database is away, or not laid out yet: it runs out by itself
            for grant in lease.holders():
                if grant.holder == f"{service}/{number}":
                    lease.release(grant)

    return ended


def _named(config: Path | None) -> tuple[str, ...]:
    return () if config is None else ("--config", str(config))
