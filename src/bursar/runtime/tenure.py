"""The right to trade, as a process has it: taken, renewed while it works, looked at before each act, and given back.

Exactly one process trades an account; others may serve. Three fences stand behind each other:

    the journal   each commit asks within its transaction whether the lease is still held, so that who lost it writes
                  nothing. A successor opens the journal after it was granted the lease, and opening waits for the
                  commit that is under way: it has read all that its predecessor could ever write
    the broker    each order, change and cancellation asks again (``Fenced``): time may have passed since the commit
    the client    one fixed client id: while a predecessor's line is up, the broker itself refuses a successor (326), so
                  that who was stopped between asking and sending cannot send beside another

A lease counts from the moment before it was asked for, by a clock that goes on while the machine sleeps. Who cannot
reach the database holds it until that end, and not longer: nobody else can have been granted it before.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bursar.domain.accounts import AccountSnapshot, Preview
from bursar.domain.events import Event
from bursar.domain.orders import ApprovedOrder, Order
from bursar.errors import InputError, LeaseLostError
from bursar.ports import Broker, Grant, Lease

#: How long a lease lasts, and so how long a successor waits for one that was killed.
LENGTH = timedelta(seconds=30)
#: A holder renews, and who waits asks again, so many times while a lease lasts.
LOOKS = 5
#: Where a service tells the process that it starts who it is.
SERVICE = "BURSAR_SERVICE"


def boot_seconds() -> float:
    """Seconds by a clock that only rises and, where there is such a one, goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def service_name() -> str:
    """The name of this process, of which there is no second one."""
    return f"{socket.gethostname()}/{os.getpid()}"


def holder_name(environment: Mapping[str, str]) -> str:
    """Under which name this process trades: below that of the service that started it, where one did."""
    started_by = environment.get(SERVICE)
    return f"{started_by}/{os.getpid()}" if started_by else service_name()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Tenure:
    """One process's hold on one account.

    holder  unique to the process
    now     the clock that others compare with as well
    ticks   seconds by a clock that only rises
    pause   waits so many seconds
    """

    lease: Lease
    account: str
    holder: str
    now: Callable[[], datetime] = _now
    ticks: Callable[[], float] = boot_seconds
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    length: timedelta = LENGTH
    grant: Grant | None = field(default=None, init=False)
    _ends: float = field(default=0.0, init=False)
    _idle: asyncio.Future[None] | None = field(default=None, init=False)

    async def take(self, waiting: Callable[[], None]) -> bool:
        """Wait until the lease is ours; True where another had it first, of which ``waiting`` is told once."""
        waited = False
        while not self._ask(0):
            if not waited:
                waiting()
            waited = True
            await self.pause(self.length.total_seconds() / LOOKS)
        return waited

    async def claim(self, waiting: Callable[[Grant], None] | None = None) -> None:
        """Take the lease. Raises InputError where another holds it, which says who, and until when.

        waiting  told once of a holder that may be dead: its end is waited for, unless it renews its lease; without it
                 nobody is waited for
        """
        first: Grant | None = None
        until = self.ticks() + self.length.total_seconds()
        while not self._ask(0):
            held = self.lease.granted(self.account)
            alive = first is not None and held is not None and held.until > first.until
            if held is not None and (waiting is None or alive or self.ticks() > until):
                raise InputError(
                    f"{held.holder} trades {self.account}: it holds the lease until {held.until:%Y-%m-%d %H:%M:%S} UTC "
                    "and renews it while it works; stop that one, or trade another account"
                )
            if held is not None and waiting is not None and first is None:
                first = held
                waiting(held)
            await self.pause(self.length.total_seconds() / LOOKS)

    def check(self) -> None:
        """Raise LeaseLostError unless the lease is ours at this moment: to be asked before each act.

        One that ran out is asked for once more. Where the number is the next one, nobody had it in between.
        """
        grant = self.grant
        try:
            if grant is not None and (self._lasts(grant) or self._ask(grant.fence + 1)):
                return
        except InputError:
            if self.ticks() < self._ends:
                return  # the database is away: the lease still lasts, and nobody else can be granted it there
        raise LeaseLostError(
            f"{self.holder} does not hold the lease of {self.account} any more: another was granted it, or it ran out "
            "and could not be renewed; nothing is sent, and whoever holds it next asks the broker for everything first"
        )

    def _lasts(self, grant: Grant) -> bool:
        return self.ticks() < self._ends and self.lease.holds(grant, self.now())

    async def during(self, work: Awaitable[None]) -> None:
        """Do ``work`` and renew the lease meanwhile; where it is lost, the work ends there with LeaseLostError."""
        if self._idle is not None:
            self._idle.cancel()
        working, renewing = asyncio.ensure_future(work), asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            for each in (renewing, working):
                if each.done():
                    each.result()
        finally:
            for each in (working, renewing):
                each.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease until work begins ``during`` it, and give it back where the block ends."""
        renewing = self._idle = asyncio.ensure_future(self._renew())
        # Where it is lost, ``check`` says so to whoever acts.
        renewing.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            yield
        finally:
            renewing.cancel()
            self.leave()

    def leave(self) -> None:
        """Give the lease back, so that the next one need not wait for its end; where the database is away, it must."""
        if self.grant is not None:
            with suppress(InputError):
                self.lease.release(self.grant)
            self.grant = None

    async def _renew(self) -> None:
        while True:
            await self.pause(self.length.total_seconds() / LOOKS)
            assert self.grant is not None, "it is renewed from when it was taken until it is given back"
            try:
                kept = self._ask(self.grant.fence + 1)
            except InputError:
                kept = True  # the database is away: ``check`` says for how long the lease still lasts
            if not kept:
                self.grant = None
                self.check()

    def _ask(self, fence_max: int) -> bool:
        """Ask for the lease; True where it is ours, under a number of at most ``fence_max`` unless that is 0."""
        began = self.ticks()
        now = self.now()
        grant = self.lease.acquire(self.account, self.holder, now + self.length, now)
        if grant is None or (fence_max and grant.fence > fence_max):
            return False
        self.grant, self._ends = grant, began + self.length.total_seconds()
        return True


class Fenced:
    """Satisfies ``ports.Broker``: nothing leaves unless ``check`` lets it, at the moment at which it would."""

    def __init__(self, broker: Broker, check: Callable[[], None]) -> None:
        self._broker = broker
        self._check = check

    async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
        self._check()
        await self._broker.place(approved, held=held)

    async def amend(self, approved: ApprovedOrder) -> None:
        self._check()
        await self._broker.amend(approved)

    async def cancel(self, order_id: str) -> None:
        self._check()
        await self._broker.cancel(order_id)

    async def preview(self, order: Order) -> Preview:
        self._check()
        return await self._broker.preview(order)

    def reports(self) -> tuple[Event, ...]:
        return self._broker.reports()

    async def account(self) -> AccountSnapshot:
        return await self._broker.account()
