"""What the desk stands on: the journal that it reads, the marks, the inbox, and its own journal.

The desk never writes the journal that trades: that one belongs to the loop that holds the lease. What people decide at
the desk is of two kinds. What the loop must do (kill, re-arm, tap, cancel) goes into its inbox as a command. What only
the desk needs (portfolios' names, budgets, who signed in and did what) is written into the desk's own journal, which
is chained and audited like the other. See docs/decisions/0011.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bursar.adapters.journal import read
from bursar.adapters.memory import MemoryCommands, MemoryJournal, MemoryMarks
from bursar.adapters.store.sealing import Cipher
from bursar.adapters.store.snapshots import Snapshots
from bursar.config import Settings
from bursar.config.accounts import AccountProfile, single
from bursar.desk.guard.door import Door
from bursar.desk.guard.gate import Authenticator
from bursar.desk.guard.guard import Guard
from bursar.desk.jobs import Jobs
from bursar.desk.monitor import Monitor, Second
from bursar.desk.past import Past, Readable
from bursar.desk.register import Register
from bursar.domain.events import CommandReceived, Event
from bursar.domain.market import Quote
from bursar.ports import Commands, Journal, Marks, Recorded

#: How often the journal is looked at for what is new.
LOOK_SECONDS = 0.1


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A journal that another process writes, opened by ``cipher`` where it is sealed; empty where there is none."""

    path: Path
    cipher: Cipher | None = None

    def read(self, first: int = 1) -> Iterator[Recorded]:
        """Events from ``first`` on."""
        return read(self.path, first, self.cipher) if self.path.is_file() else iter(())


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
    degraded       what is away at the moment, by its name: for /health and the page
    listeners      told of every record that is new, and None when the journal is another one
    watchers       told of every second that was seen
    """

    journal: Readable = field(default_factory=MemoryJournal)
    notes: Journal = field(default_factory=MemoryJournal)
    marks: Marks = field(default_factory=MemoryMarks)
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
    jobs: Jobs = field(default_factory=Jobs)
    degraded: dict[str, str] = field(default_factory=dict)
    listeners: list[Callable[[Sequence[Recorded] | None], None]] = field(default_factory=list)
    watchers: list[Callable[[Second], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.accounts:
            self.accounts = single(self.settings)
        if self.guard is not None and self.authenticator is None:
            self.authenticator = Door(self.guard)
        self._note(self.notes.read())
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
            try:
                new = await asyncio.to_thread(self.past.unread, self.journal)
            except Exception as error:  # noqa: BLE001  # the edge of a task: it says so, and goes on
                self.degraded["journal"] = " ".join(str(error).split())
            else:
                self.degraded.pop("journal", None)
                self._take(new)
            await asyncio.sleep(LOOK_SECONDS)

    def _take(self, new: Sequence[Recorded] | None) -> None:
        if new is None:
            self.past, self.monitor = Past(), self.monitor.afresh()
            self.register = Register()
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
        self._tell(new)

    def _tell(self, new: Sequence[Recorded] | None) -> None:
        for listen in tuple(self.listeners):
            listen(new)

    # ------------------------------------------------------------ prices, each second

    def price(self, quotes: Iterable[Quote]) -> None:
        """Take quotes: for the marks, and for the monitor."""
        known = tuple(quotes)
        self.marks.publish(known)
        self.monitor.quote(known)

    def look(self) -> Second | None:
        """Look at every portfolio now, and tell those who watch."""
        self.second = self.monitor.second(self.now())
        if self.second is not None:
            for watch in tuple(self.watchers):
                watch(self.second)
        return self.second

    # ------------------------------------------------------------ the desk's own journal

    async def note(self, by: str, what: str, said: Mapping[str, str], effects: Iterable[Event] = ()) -> Recorded:
        """Write down who did what, together with what came of it, and return the last record."""
        name = f"desk/{self.number()}"
        did = CommandReceived(event_id=name, at=self.now(), command=what, arguments=dict(said), by=by)
        return (await self.keep([did, *effects]))[-1]

    def number(self) -> int:
        """A number that no note of this desk has. Two who write at once get two: it is taken before they wait."""
        self.numbered = max(self.numbered, len(self.noted)) + 1
        return self.numbered

    async def keep(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        """Write down what happened at the desk itself."""
        new = await self.notes.append(events)
        self._note(new)
        return new

    def _note(self, new: Iterable[Recorded]) -> None:
        for recorded in new:
            self.noted.append(recorded)
            self.register.take(recorded, "n")
