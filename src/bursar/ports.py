"""Every seam, on one page: what the core asks of the world. Read this page second.

A port is owned by the core and named for its role; each has one shipped double, and one conformance
suite runs over all of its implementations. Which implementation stands behind a port is decided in
``runtime`` alone.

    port                     double
    Broker, Feed             adapters/simulated.py, an exchange in process
    Clock, Calendar          adapters/clock.py ReplayClock, adapters/calendars.py FixedCalendar
    Journal                  adapters/memory.py MemoryJournal
    History                  adapters/history.py MemoryHistory
    Fundamentals, News       adapters/memory.py MemoryFundamentals, MemoryNews
    Marks                    adapters/memory.py MemoryMarks
    Signals                  adapters/memory.py MemorySignals
    LanguageModel            adapters/memory.py RecordedModel
    Commands, Lease          adapters/memory.py MemoryCommands, MemoryLease
    People, Passes           adapters/memory_people.py MemoryPeople, MemoryPasses
    Registry, Workers, Meter adapters/memory.py MemoryRegistry, InlineWorkers, MemoryMeter
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bursar.errors import InputError

if TYPE_CHECKING:
    from bursar.domain.accounts import AccountSnapshot, Preview
    from bursar.domain.events import Event
    from bursar.domain.market import Quote, Slice
    from bursar.domain.orders import ApprovedOrder, Order
    from bursar.domain.people import Pass, Person
    from bursar.domain.sessions import Session
    from bursar.domain.signals import Signal

Item = TypeVar("Item")
Result = TypeVar("Result")


# ---------------------------------------------------------------- trading


class Broker(Protocol):
    """Turns approved orders into fills, and says what it did as events."""

    async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
        """Send an order that the journal already holds. Raises BrokerError when it surely did not leave.

        held  keep it back at the broker until one of its family (parent, children) comes that is not held, so that
              no parent is filled before its children are there
        """
        ...

    async def amend(self, approved: ApprovedOrder) -> None:
        """Ask to change the working order with the same id into this one."""
        ...

    async def cancel(self, order_id: str) -> None:
        """Ask to cancel. What becomes of it comes as a report."""
        ...

    async def preview(self, order: Order) -> Preview:
        """What the order would do to margin and cash, without sending it. BrokerError where it would be refused."""
        ...

    def reports(self) -> tuple[Event, ...]:
        """What happened since the last call, oldest first. May repeat itself after a reconnect."""
        ...

    async def account(self) -> AccountSnapshot:
        """The whole account, or BrokerError: a part that did not arrive is never taken for empty."""
        ...


class Feed(Protocol):
    """The market, instant by instant. Asking for the next slice says that the last one is dealt with."""

    def __aiter__(self) -> AsyncIterator[Slice]: ...


class Clock(Protocol):
    """What time it is, and waiting. Nothing else in Bursar reads a clock."""

    def now(self) -> datetime: ...

    async def sleep_until(self, at: datetime) -> None: ...


class Calendar(Protocol):
    """When an exchange is open."""

    def sessions(self, first: date, last: date) -> tuple[Session, ...]:
        """Sessions from ``first`` to ``last``, both included. Raises InputError outside its bounds."""
        ...


# ---------------------------------------------------------------- memory


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in its place in the journal. digest: the chain's hash up to and including it."""

    sequence: int
    event: Event
    digest: bytes


class Journal(Protocol):
    """The append-only record that everything is a fold of."""

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        """Commit ``events`` together, durably, and return those that were new.

        An event whose id is already held is refused silently when it says the same (the broker repeats
        itself), and with LedgerError when it says something else.
        """
        ...

    def read(self, first: int = 1) -> Iterator[Recorded]:
        """Events from sequence number ``first`` on, oldest first."""
        ...


class Marks(Protocol):
    """The latest price of everything, for those who look; nothing is decided from it."""

    def publish(self, quotes: Iterable[Quote]) -> None: ...

    def latest(self, symbols: Iterable[str]) -> Mapping[str, Quote]: ...


# ---------------------------------------------------------------- facts


@dataclass(frozen=True, slots=True)
class Panel:
    """One field of several symbols over time.

    dates    (n_days,) datetime64[D], rising
    symbols  (n_symbols,)
    values   (n_days, n_symbols) float64; missing is NaN and is never filled silently
    """

    dates: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.dates), len(self.symbols)):
            raise InputError(
                f"a panel of {len(self.dates)} dates and {len(self.symbols)} symbols has values of shape "
                f"{self.values.shape}"
            )

    def column(self, symbol: str) -> NDArray[np.float64]:
        """The series of one symbol, (n_days,). Raises InputError when it is not held."""
        if symbol not in self.symbols:
            raise InputError(f"no {symbol} in this panel; it holds {', '.join(self.symbols)}")
        return self.values[:, self.symbols.index(symbol)]


class History(Protocol):
    """Daily facts of instruments, as they could have been known. Synchronous and local."""

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        """Values of ``field`` (close, open, volume, ...) known at ``known_at``; the last ``days`` of them.

        Raises DataError when the source does not have the field or a symbol.
        """
        ...

    def lacks(self) -> frozenset[str]:
        """Fields that this source does not have, such as "volume": what needs one abstains."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A number from a company's statement. ``at`` ends the period; ``known_at`` is when it was filed."""

    symbol: str
    name: str
    value: float
    unit: str
    at: date
    known_at: datetime
    source: str


class Fundamentals(Protocol):
    """Company statements as filed; a restatement does not exist before its own filing."""

    def asof(self, symbol: str, names: Sequence[str], known_at: datetime) -> tuple[Fact, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A piece of news. Its text is data from strangers: escape it, and obey nothing in it."""

    symbols: tuple[str, ...]
    text: str
    source: str
    known_at: datetime


class News(Protocol):
    """Headlines, oldest first."""

    def asof(self, symbols: Sequence[str], since: datetime, known_at: datetime) -> tuple[Headline, ...]: ...


class Signals(Protocol):
    """Opinions from outside, oldest first; none before it was issued."""

    def asof(self, since: datetime, known_at: datetime) -> tuple[Signal, ...]: ...

    def unread(self) -> Mapping[str, str]:
        """What came in and is no signal: what is wrong with it, by a name that stays the same."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[Result]):
    """What came of asking a model. That nothing did is an outcome and no exception: whoever asked goes on without.

    value     the answer, valid and checked; None where none was
    problem   why there is none; empty where there is one
    model     provider and name of the model that answered, or that would have been asked
    recorded  True where it was recorded before
    text      what the model said last
    cost      of all attempts, in US dollars
    """

    value: Result | None
    problem: str
    model: str
    recorded: bool = False
    text: str = ""
    attempts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)


class LanguageModel(Protocol):
    """Answers a prompt in the shape of a schema. It never sees the broker and never sets a quantity."""

    def begin(self) -> None:
        """A cycle begins: what may be spent in one may be spent again."""
        ...

    async def ask(self, prompt: str, schema: type[Result], check: Callable[[Result], str]) -> Answer[Result]:
        """The answer, or why there is none. ``check`` says what is wrong with one that fits the schema, or nothing."""
        ...


# ---------------------------------------------------------------- people and machines


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person asked for, and who it was.

    account  that it is meant for; empty for whichever is traded where it is looked at first
    """

    command_id: str
    name: str
    arguments: Mapping[str, str]
    by: str
    at: datetime
    account: str = ""

    @property
    def kept(self) -> Mapping[str, str]:
        """What is kept of the arguments: all but what was typed at a door."""
        return {key: value for key, value in self.arguments.items() if key != "phrase"}

    def is_for(self, account: str) -> bool:
        """True where who trades ``account`` may take it; without one, where anybody may look at it."""
        return not account or self.account in ("", account)


class Commands(Protocol):
    """The operators' inbox, for all accounts. A command that was taken stays there until what it led to is journalled.

    Whoever dies between the two leaves it to the next one, which takes it again: so it may be taken twice and must be
    obeyed once, which the journal sees to, since it knows the ids of the commands that it holds.
    """

    def send(self, command: Command) -> None:
        """Leave a command. One that is sent again under its id is there once."""
        ...

    def take(self, account: str = "") -> tuple[Command, ...]:
        """Commands that are not done, oldest first; they are this taker's until a later one takes them.

        account  those that are meant for it, or for none in particular; without it all of them
        """
        ...

    def done(self, command: Command) -> None:
        """What the command led to is journalled: nobody is to take it any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The right to trade an account until a moment.

    holder  unique to a process: two that share a name would take each other's lease for their own
    fence   rises with every new holder; only the highest one may act
    """

    account: str
    holder: str
    fence: int
    until: datetime


class Lease(Protocol):
    """Who may trade: one process at a time holds the lease of an account."""

    def acquire(self, account: str, holder: str, until: datetime, now: datetime) -> Grant | None:
        """Take the lease, or renew it in time under its number; None while another holds it."""
        ...

    def holds(self, grant: Grant, now: datetime) -> bool:
        """True while ``grant`` is the latest of its account and has not run out: to be asked before each act."""
        ...

    def release(self, grant: Grant) -> None:
        """Give it back before its end. Does nothing where another was granted since."""
        ...

    def granted(self, account: str) -> Grant | None:
        """What was granted last, whether or not it has run out: for who was refused and wants to know by whom."""
        ...


class People(Protocol):
    """Who may sign in."""

    def find(self, name: str) -> Person | None: ...

    def all(self) -> tuple[Person, ...]:
        """Everybody, by name."""
        ...

    def keep(self, person: Person) -> Person:
        """Add somebody (version 0) or change them, and return them with their new version.

        Raises InputError where another change came first, or where somebody new has a name that is taken.
        """
        ...

    def remove(self, person: Person) -> None:
        """Forget somebody. Raises InputError where another change came first."""
        ...


class Passes(Protocol):
    """Sessions and tokens, found by the digests of their secrets."""

    def keep(self, given: Pass) -> None:
        """Add a pass, or change one that is there. What is revoked stays revoked."""
        ...

    def find(self, digest: str) -> Pass | None: ...

    def of(self, person: str) -> tuple[Pass, ...]:
        """Somebody's passes, oldest first, with those that are over and were not swept yet."""
        ...

    def revoke(self, pass_id: str, at: datetime) -> None:
        """Let a pass open nothing from here on. Does nothing where it is not there or is revoked."""
        ...

    def sweep(self, before: datetime) -> None:
        """Forget what ran out before a moment."""
        ...


class Registry(Protocol):
    """Every trial that was ever run: without it no statistic can be deflated."""

    def record(self, trial: Mapping[str, Any]) -> int: ...

    def trials(self, study: str) -> tuple[Mapping[str, Any], ...]: ...


class Workers(Protocol):
    """Runs independent work: here, on a process pool, or on a cluster."""

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the order of ``items``."""
        ...


class Meter(Protocol):
    """Counts and measures for operators."""

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None: ...

    def gauge(self, name: str, value: float | Decimal, **labels: str) -> None: ...
