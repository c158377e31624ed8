"""What the desk stands on: the journal that it reads, the marks, the inbox, and its own journal.

The desk never writes the journal that trades: that one belongs to the loop that holds the lease. What people decide at
the desk is of two kinds. What the loop must do (kill, re-arm, tap, cancel) goes into its inbox as a command. What only
the desk needs (portfolios' names, budgets, who signed in and did what) is written into the desk's own journal, which
is chained and audited like the other. See docs/decisions/0011.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bursar.adapters.marks import ReadMarks
from bursar.adapters.memory import MemoryCommands, MemoryJournal
from bursar.adapters.store.snapshots import Snapshots
from bursar.config import Settings
from bursar.config.accounts import AccountProfile, single
from bursar.desk.degraded import Degraded
from bursar.desk.following import Work
from bursar.desk.guard.door import Door
from bursar.desk.guard.gate import Authenticator
from bursar.desk.guard.guard import Guard
from bursar.desk.jobs import Jobs
from bursar.desk.keys import Keys
from bursar.desk.monitor import Monitor, Second
from bursar.desk.past import Past, Readable
from bursar.desk.prices import Prices
from bursar.desk.register import Register
from bursar.desk.tally import Tally
from bursar.desk.traded import JournalFile, left_for
from bursar.domain.events import AccountSwitched, CommandReceived, Event
from bursar.domain.market import Quote
from bursar.ports import Commands, Grant, Journal, Recorded
from bursar.risk.watch import limits_of

if TYPE_CHECKING:
    from bursar.desk.serving import Served

#: How often the journal is looked at for what is new.
LOOK_SECONDS = 0.1
#: How often it is seen whether there are new prices, and how long they may stay away in a session.
HEAR_SECONDS, PRICES_LATE = 0.2, timedelta(seconds=15)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Desk:
    """Without arguments a desk on nothing: no journal, no user, all in memory.

    journal        what happened, as the loop that trades writes it
    notes          the desk's own journal
    home           BURSAR_HOME, or None where nothing is kept
    guard          who may come in; None where the desk has no people
    authenticator  who knows callers: the guard's door, unless it is given; None lets nobody in
    snapshots      where the seconds are kept; None keeps none
    accounts       those that are set up, by name
    served         the one that is to be traded, of which the journal says nothing until it begins; None for a demo
    prices         the latest prices and their age
    source         where the process that trades publishes them; None where none does
    name           of this process; who trades for it has a name below it
    traders        who was granted the right to trade which account last
    tally          what was worked out for callers, counted
    degraded       what is away at the moment, by its name: for /health and the page
    owed           what the desk's own journal did not take, and is brought to it again
    keys           where the program that trades real money waits for a person's phrase
    listeners      told of every record that is new, and None when the journal is another one
    watchers       told of every second that was seen
    works          what goes on beside them while the desk serves: tables follow the journal, days are packed
    """

    journal: Readable = field(default_factory=MemoryJournal)
    notes: Journal = field(default_factory=MemoryJournal)
    prices: Prices = field(default_factory=Prices)
    source: ReadMarks | None = None
    commands: Commands = field(default_factory=MemoryCommands)
    settings: Settings = field(default_factory=Settings)
    home: Path | None = None
    now: Callable[[], datetime] = _now
    guard: Guard | None = None
    authenticator: Authenticator | None = None
    monitor: Monitor = field(default_factory=Monitor)
    snapshots: Snapshots | None = None
    second: Second | None = None
    past: Past = field(default_factory=Past)
    noted: list[Recorded] = field(default_factory=list)
    numbered: int = 0
    register: Register = field(default_factory=Register)
    accounts: Mapping[str, AccountProfile] = field(default_factory=dict)
    served: Served | None = None
    name: str = ""
    traders: Callable[[], Sequence[Grant]] = tuple
    jobs: Jobs = field(default_factory=Jobs)
    tally: Tally = field(default_factory=Tally)
    degraded: Degraded = field(default_factory=Degraded)
    owed: list[Event] = field(default_factory=list)
    keys: Keys = field(default_factory=Keys)
    listeners: list[Callable[[Sequence[Recorded] | None], None]] = field(default_factory=list)
    watchers: list[Callable[[Second], None]] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    _shipped: Settings = field(init=False, repr=False)
    _settled: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.accounts:
            self.accounts = single(self.settings)
        if self.guard is not None and self.authenticator is None:
            self.authenticator = Door(self.guard)
        self.degraded.now = self.now
        self.keys.degraded = self.degraded
        self._shipped = self.settings
        self._note(self.notes.read())
        self._set()
        self.catch_up()

    @property
    def switchable(self) -> bool:
        """Whether the loop that trades can change to another account: one of ``bursar trade`` can, a demo cannot."""
        return self.past.run is not None and self.past.run.run_id == self.past.run.account

    # ------------------------------------------------------------ the journal that trades

    def catch_up(self) -> None:
        """Read what is new in the journal. Blocks: for the beginning, and for tests."""
        self._take(self.past.unread(self.journal))

    async def tail(self) -> None:
        """Follow the journal until canceled; a journal that cannot be read is said to be away, and tried again."""
        while True:
            await self.tail_once()
            await asyncio.sleep(LOOK_SECONDS)

    async def tail_once(self) -> None:
        """Read what is new in the journal, without holding anybody up."""
        try:
            new = await asyncio.to_thread(self._unread)
        except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
            self.degraded["journal"] = str(error)
        else:
            self._take(new)
            self._mind_the_account()

    def _unread(self) -> Sequence[Recorded] | None:
        """What is new; None where it is another journal by now: one that began anew, or of another account."""
        new, left = self.past.unread(self.journal), self._left()
        if new or left is None or not isinstance(self.journal, JournalFile) or not self.journal.go_along(left):
            return new
        return None

    def _left(self) -> AccountSwitched | None:
        """The change by which the account that is shown was left for another one; None where it is traded."""
        run = self.past.run
        return left_for(run.account, self.past.records[-1].event) if run else None

    def _mind_the_account(self) -> None:
        """Say where another account is traded by now, and its journal is not there to be shown."""
        left = self._left()
        if left is None:
            self.degraded.back("journal")
            return
        where = f", in {self.journal.of(left.to)}" if isinstance(self.journal, JournalFile) else ""
        self.degraded["journal"] = (
            f"{left.account} is shown, and was left for {left.to}, whose journal has not begun{where}; it is shown as "
            "soon as it has"
        )

    def _take(self, new: Sequence[Recorded] | None) -> None:
        if new is None:
            self.past, self.monitor = Past(), self.monitor.afresh()
            self._set()
            self.prices, self.register = Prices(), Register()
            if self.source is not None and isinstance(self.journal, JournalFile):
                self.source.move(self.journal.path.parent)
            self.degraded.back("gateway")
            for recorded in self.noted:
                self.register.take(recorded, "n")
            self._tell(None)
            return
        if not new:
            return
        self.past.take(new)
        for recorded in new:
            self.register.take(recorded, "j")
            self.monitor.absorb(recorded.event)
            self.prices.absorb(recorded.event)
        self._settle()
        self._mind_the_line()
        self._tell(new)

    def _settle(self) -> None:
        """Go by the settings and the limits of the account that is traded, where they are another's."""
        run = self.past.run
        if run is None or not self.switchable or run.account == self._settled:
            return
        for profile in self.accounts.values():
            if profile.account_id == run.account:
                self._settled = run.account
                self.settings = profile.settings(self._shipped)
                self.monitor.limits = limits_of(profile.limits())

    def _set(self) -> None:
        """Let what is read of the journal go by the settings."""
        self.past.sagas.promises.behind_max = float(self.settings.execution.behind_max)

    def _tell(self, new: Sequence[Recorded] | None) -> None:
        for listen in tuple(self.listeners):
            listen(new)

    def _mind_the_line(self) -> None:
        line = self.past.line
        if line is None or line.state == "up":
            self.degraded.back("gateway")
        else:
            self.degraded["gateway"] = f"the line to the broker is {line.state}: {line.reason}"

    # ------------------------------------------------------------ prices, each second

    async def hear(self) -> None:
        """Take prices as they are published until canceled, and look at once: whoever watches sees them move."""
        while True:
            began = time.perf_counter()
            await self.hear_once()
            # At most a fifth of the time, however many portfolios there are; the heartbeat looks as well.
            await asyncio.sleep(max(HEAR_SECONDS, 4 * (time.perf_counter() - began)))

    async def hear_once(self) -> None:
        """Take the prices that were published since the last time, where there are any."""
        source = self.source
        if source is None:
            return
        try:
            told = await asyncio.to_thread(source.read)
            if told is not None:
                self.price(told.quotes, told.behind)
                self.look()
        except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
            self.degraded["prices"] = str(error)
            return
        if source.away:
            self.degraded["cache"] = source.away
        else:
            self.degraded.back("cache")
        self._mind_the_prices()

    def _mind_the_prices(self) -> None:
        """Say where prices that came stay away while a session is open."""
        heard, now = self.prices.heard_at, self.now()
        if heard is not None and self.past.in_session and now - heard > PRICES_LATE:
            self.degraded["prices"] = f"none came since {heard:%H:%M:%S} UTC, and a session is open"
        else:
            self.degraded.back("prices")

    def price(self, quotes: Iterable[Quote], behind: timedelta = timedelta(0)) -> None:
        """Take quotes: for those who ask, and for the monitor. behind: how far their clock is behind ours."""
        self.monitor.quote(self.prices.take(quotes, behind, self.now()))

    def look(self) -> Second | None:
        """Look at every portfolio now, and tell those who watch."""
        self.second = self.monitor.second(self.now(), self.prices.behind)
        if self.second is not None:
            for watch in tuple(self.watchers):
                watch(self.second)
        return self.second

    # ------------------------------------------------------------ the desk's own journal

    async def note(self, by: str, what: str, said: Mapping[str, str], effects: Iterable[Event] = ()) -> Recorded:
        """Write down who did what, together with what came of it, and return the last record."""
        did = self._did(by, what, said)
        try:
            return (await self.keep([did, *effects]))[-1]
        except Exception:
            # It was refused, and nothing came of it; that it was asked for is owed to the journal.
            self.owed.append(replace(did, arguments={**said, "refused": "it could not be written down"}))
            raise

    async def note_whatever(self, by: str, what: str, said: Mapping[str, str]) -> None:
        """Write down what was done already and waits for nothing; later, where it cannot be written down now."""
        did = self._did(by, what, said)
        try:
            await self.keep([did])
        except Exception:  # noqa: BLE001  # it is said on /health, and written down once that can be done again
            self.owed.append(did)

    def _did(self, by: str, what: str, said: Mapping[str, str]) -> CommandReceived:
        name = f"desk/{self.number()}"
        return CommandReceived(event_id=name, at=self.now(), command=what, arguments=dict(said), by=by)

    def number(self) -> int:
        """A number that no note of this desk has. Two who write at once get two: it is taken before they wait."""
        self.numbered = max(self.numbered, len(self.noted)) + 1
        return self.numbered

    async def keep(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        """Write down what happened at the desk itself, and what is owed before it."""
        owed = tuple(self.owed)
        try:
            new = await self.notes.append([*owed, *events])
        except Exception as error:
            self.degraded["notes"] = str(error)
            raise
        del self.owed[: len(owed)]
        self.degraded.back("notes")
        self._note(new)
        return new

    async def settle(self) -> None:
        """Bring what is owed to the desk's own journal, as far as it takes it."""
        if self.owed:
            with suppress(Exception):  # it is said on /health; what is owed stays owed
                await self.keep(())

    def _note(self, new: Iterable[Recorded]) -> None:
        for recorded in new:
            self.noted.append(recorded)
            self.register.take(recorded, "n")
