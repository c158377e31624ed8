"""Seats at accounts behind TWS, IB Gateway or ``bursar gateway``: connected, asked, and traded over lines that break.

Each account has its own folder, journal, limits, sleeve and line. They share the operators' inbox, of which one
account at a time takes, and the kill switch, which stops whichever is traded. Who sits holds the lease of the account
(``tenure.Tenure``) from before its journal is opened until it leaves: a second process is refused, wherever it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from bursar.adapters import ib
from bursar.adapters.clock import WallClock
from bursar.adapters.journal import SQLiteJournal, last
from bursar.adapters.store.sealing import Cipher
from bursar.config import Settings
from bursar.config.accounts import AccountProfile
from bursar.domain.events import AccountSwitched
from bursar.ports import Commands, Grant, Journal
from bursar.runtime import account as runs
from bursar.runtime.account import Account, Until, connected
from bursar.runtime.alone import alone
from bursar.runtime.door import Admitted
from bursar.runtime.loop import Loop, Observer
from bursar.runtime.overheard import Overheard
from bursar.runtime.seal import Sealed
from bursar.runtime.switch import Controls
from bursar.runtime.tenure import Fenced, Tenure
from bursar.runtime.trader import Seat, Trader
from bursar.runtime.watch import LineWatch, policy
from bursar.runtime.wire import again_and_again, told
from bursar.trading.mandate import Autonomy


@dataclass(slots=True, kw_only=True)
class Line:
    """A connection, with who hangs up."""

    broker: ib.IBBroker
    feed: ib.IBFeed
    open: AsyncExitStack


@dataclass(slots=True, kw_only=True)
class Table:
    """What all seats of a process have in common.

    tenure         the right to trade an account, by its name; not taken yet
    waiting        told of a holder whose lease is waited out at the beginning, since it may be dead
    every_seconds  how often the market is looked at
    until          a time of day, in the zone of the settings, at which it ends; None for never
    sat            told of every account that is taken up
    watching       those who watch what is journalled of an account
    commands       the operators' inbox: one, so that what was taken for one account is never taken for the next
    """

    settings: Settings
    home: Path
    every_seconds: float
    commands: Commands
    tenure: Callable[[str], Tenure]
    until: str | None = None
    waiting: Callable[[Grant], None] = field(default=lambda _: None)
    sat: Callable[[Account], None] = field(default=lambda _: None)
    watching: Callable[[Account], Sequence[Observer]] = field(default=lambda _: ())
    _begun: bool = field(default=False, init=False)

    def trader(self, profiles: Mapping[str, AccountProfile]) -> Trader:
        """One who trades any of ``profiles``, one at a time."""
        return Trader(profiles, self.sit, self.settings.account.open_orders, WallClock().now)

    async def sit(self, admitted: Admitted, profile: AccountProfile) -> AccountSeat:
        """Connect to an account that the door let through, and make its loop; nothing is journalled by that.

        Raises InputError, BrokerError or DataError where it cannot be traded.
        """
        settings, tenure = profile.settings(self.settings), self.tenure(admitted.account)
        # Whoever changes accounts has one that is traded meanwhile, and waits for nobody.
        await tenure.claim(None if self._begun else self.waiting)
        self._begun = True
        with ExitStack() as held:
            held.enter_context(tenure.kept())
            place = await runs.find(settings, admitted)
            # Opening a library reads files, which whatever is traded meanwhile does not wait for.
            account = await asyncio.to_thread(runs.prepare, settings, self.home, place)
            account.require_prices()
            held.enter_context(alone(account.folder, f"another process works on {account.mandate.account}"))
            account.folder.mkdir(parents=True, exist_ok=True)
            kept = SQLiteJournal(account.folder / runs.JOURNAL_NAME, settings.store.cipher())
            held.callback(kept.close)
            kept.fence(tenure.check)
            journal = Overheard(kept, self.watching(account))
            controls = replace(Controls.of(self.home, account.folder, settings), commands=self.commands)
            line = await _line(account, journal, self.every_seconds)
            # A line on which no loop can be made is hung up at once.
            held.callback(line.broker.connection.close)
            loop = await _loop(account, line, journal, controls, self.until, tenure)
            return AccountSeat(
                name=admitted.name,
                profile=profile,
                loop=loop,
                account=account,
                journal=journal,
                controls=controls,
                watch=LineWatch(policy(settings), journal),
                table=self,
                line=line,
                tenure=tenure,
                held=held.pop_all(),
                arrived=_owed(self.home, admitted.account, journal, settings.store.cipher()),
            )


@dataclass(slots=True, kw_only=True)
class AccountSeat(Seat):
    """An account and the line to its broker, which is made again where it breaks.

    line    the connection that waits to be used; None once it was
    tenure  the right to trade the account
    held    the journal, and the locks that keep others out
    """

    account: Account
    journal: Journal
    controls: Controls
    watch: LineWatch
    table: Table
    line: Line | None
    tenure: Tenure
    held: ExitStack

    async def run(self) -> None:
        """Trade until the loop ends. A line that breaks is made again: as often as the settings allow, then seldom.

        Raises DataError on a morning on which the prices do not reach up to the evening before: nothing is decided on
        older ones, and LeaseLostError at once where another process was granted the lease.
        """
        self.tenure.check()
        self.table.sat(self.account)
        await self.tenure.during(
            again_and_again(
                self._over_one_line, self.watch, self.journal, self.controls, self.account.place.at, stays=True
            )
        )

    async def close(self) -> None:
        """Hang up, close the journal, and let others in."""
        if self.line is not None:
            await self.line.open.aclose()
        self.held.close()

    async def _over_one_line(self) -> None:
        line, self.line = self.line, None
        if line is None:
            line = await _line(self.account, self.journal, self.table.every_seconds)
            self.loop = await _loop(self.account, line, self.journal, self.controls, self.table.until, self.tenure)
        async with line.open:
            connection = line.broker.connection
            self.watch.attach(connection.notices, line.feed.resubscribe, lambda: connection.skew)
            await told(self.journal, self.watch, self.watch.up(self.watch.last_at or self.account.place.at))
            self.loop.watch = self.watch
            await self.prepare()
            await self.loop.run()


def _owed(home: Path, account: str, journal: Journal, cipher: Cipher | None) -> AccountSwitched | None:
    """The latest change that another account was left by for this one, where this one does not know it yet.

    Whoever carried it out died between the two journals.
    """
    known = {recorded.event.event_id for recorded in journal.read()}
    owed: list[AccountSwitched] = []
    for path in sorted(runs.folder_of(home, "_").parent.glob(f"*/{runs.JOURNAL_NAME}")):
        end = last(path, cipher)
        left = end.event if end else None
        if isinstance(left, AccountSwitched) and left.account == path.parent.name and left.to == account:
            owed += [left] if left.event_id not in known else []
    return max(owed, key=lambda each: each.at, default=None)


async def _line(account: Account, journal: Journal, every_seconds: float) -> Line:
    """A new connection, which knows what the journal holds."""
    held = [recorded.event for recorded in journal.read()]
    async with AsyncExitStack() as stack:
        broker, feed = await stack.enter_async_context(connected(account, held, every_seconds))
        return Line(broker=broker, feed=feed, open=stack.pop_all())


async def _loop(
    account: Account, line: Line, journal: Journal, controls: Controls, until: str | None, tenure: Tenure
) -> Loop:
    """A loop over a new connection, on from what the journal holds; sealed where nothing is to be sent.

    Nothing leaves without the lease. It ends at ``until``, and on a morning whose prices are missing.
    """
    sealed = account.place.admitted.sealed or account.mandate.autonomy is Autonomy.OBSERVE
    broker = Sealed(line.broker) if sealed else Fenced(line.broker, tenure.check)
    made = await runs.loop(account, line.feed, broker, journal, controls)
    zone = account.settings.market.timezone
    end = runs.moment(until, account.place.at, zone) if until else None
    made.finished = Until(account, made.engine, end)
    return made
