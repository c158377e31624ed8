"""The world that the exchange plays in: what is listed, when it is open, and what it trades at.

A world is a value that is handed in whole (``runtime/worlds.py`` composes one): the gateway fetches
nothing. Its prices come from a ``Tape``, which answers for any day without the days before it. What in
them is made up is said in ``simulated``, in words for a screen; nothing here is passed off as measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import Protocol

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote, Trade
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.actions import Action, Delisting, Split

#: Contract ids that we give out begin here, far above those in use at IBKR when this was written.
FIRST_CONTRACT_ID = 1_800_000_000
CONTRACT_IDS = 300_000_000


class Tape(Protocol):
    """Prices, session by session. Asked twice, it says the same."""

    @property
    def fingerprint(self) -> str:
        """A digest of everything that the prices follow from."""
        ...

    def instants(self, session: Session) -> tuple[datetime, ...]:
        """When virtual time stops in ``session``: rising, whole seconds, UTC."""
        ...

    def quotes(self, session: Session) -> tuple[tuple[Quote, ...], ...]:
        """What changed at each of the instants: one quote a symbol, none where the market is shut."""
        ...

    def trades(self, symbol: str, session: Session) -> tuple[Trade, ...]:
        """The prints of one symbol, oldest first; empty where it did not trade that day."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Trading in a symbol stops from ``begin`` until just before ``end``: nothing is quoted or printed."""

    symbol: str
    begin: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end <= self.begin:
            raise InputError(f"a halt of {self.symbol} ends at {self.end}, before it begins at {self.begin}")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that an exchange needs to know and cannot know by itself.

    sessions   through which time walks, oldest first
    past       sessions before them, known to history alone
    simulated  what in this world is made up, in words; empty only where nothing is
    adjusted   prices are adjusted for splits and dividends: fees by the share would be wrong on them
    halts      in which the tape says nothing of a symbol, whatever it holds
    actions    of companies, on raw prices alone: on adjusted ones all but delistings would be counted twice
    calendar   every trading day that is known, where time skips some of them; settlement counts by it
    """

    name: str
    instruments: tuple[Instrument, ...]
    sessions: tuple[Session, ...]
    tape: Tape
    past: tuple[Session, ...] = ()
    simulated: tuple[str, ...] = ()
    adjusted: bool = True
    calendar: tuple[date, ...] = ()
    halts: tuple[Halt, ...] = ()
    actions: tuple[Action, ...] = ()
    listed: Mapping[str, Instrument] = field(init=False, repr=False, compare=False)
    contract_ids: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.instruments or not self.sessions:
            raise InputError(f"the world {self.name!r} needs at least one instrument and one session")
        days = [session.day for session in (*self.past, *self.sessions)]
        if any(later <= earlier for earlier, later in pairwise(days)):
            raise InputError(f"the sessions of the world {self.name!r} must be in order, each day once")
        listed = {instrument.symbol: instrument for instrument in self.instruments}
        if len(listed) != len(self.instruments):
            raise InputError(f"the world {self.name!r} lists a symbol twice")
        self._check_actions(listed)
        object.__setattr__(self, "listed", MappingProxyType(listed))
        object.__setattr__(self, "contract_ids", MappingProxyType(_contract_ids(self.instruments)))

    def _check_actions(self, listed: Mapping[str, Instrument]) -> None:
        if self.adjusted and any(not isinstance(action, Delisting) for action in self.actions):
            raise InputError(f"prices of the world {self.name!r} are adjusted: corporate actions are in them already")
        named = {name for action in self.actions for name in (action.symbol, getattr(action, "into", action.symbol))}
        for symbol in sorted(named - listed.keys()):
            raise InputError(f"the world {self.name!r} has a corporate action of {symbol}, which it does not list")

    def split_since(self, symbol: str, day: date, now: date) -> Decimal:
        """Shares of ``symbol`` on ``now`` for one of ``day``, by its splits alone."""
        shares = Decimal(1)
        for action in self.actions:
            if isinstance(action, Split) and action.symbol == symbol and day < action.ex_day <= now:
                shares *= action.factor
        return shares

    @property
    def days(self) -> tuple[date, ...]:
        """Every trading day that is known, past ones included."""
        return self.calendar or tuple(session.day for session in (*self.past, *self.sessions))

    def quotes(self, session: Session) -> tuple[tuple[Quote, ...], ...]:
        """What changed at each instant of ``session``, without what is halted."""
        quotes = self.tape.quotes(session)
        if not self.halts:
            return quotes
        return tuple(tuple(each for each in row if not self.halted(each.symbol, each.at)) for row in quotes)

    def trades(self, symbol: str, session: Session) -> tuple[Trade, ...]:
        """The prints of ``symbol`` in ``session``, without those in a halt."""
        trades = self.tape.trades(symbol, session)
        return tuple(each for each in trades if not self.halted(symbol, each.at)) if self.halts else trades

    def halted(self, symbol: str, at: datetime) -> bool:
        """True while trading in ``symbol`` is halted."""
        return any(halt.symbol == symbol and halt.begin <= at < halt.end for halt in self.halts)

    @property
    def fingerprint(self) -> str:
        """A digest of the world: two worlds that share it play the same."""
        parts = (self.name, self.instruments, self.sessions, self.adjusted, self.tape.fingerprint)
        said = repr(parts) + "".join(repr(each) for each in (self.halts, self.actions) if each)
        return hashlib.sha256(said.encode()).hexdigest()


def _contract_ids(instruments: tuple[Instrument, ...]) -> dict[str, int]:
    """The broker's number of each symbol; where it has none, one that depends on the symbol alone."""
    taken = {instrument.contract_id for instrument in instruments if instrument.contract_id}
    numbers: dict[str, int] = {}
    for instrument in sorted(instruments, key=lambda each: each.symbol):
        number = instrument.contract_id
        if not number:
            digest = hashlib.blake2b(instrument.symbol.encode(), digest_size=8).digest()
            number = FIRST_CONTRACT_ID + int.from_bytes(digest, "big") % CONTRACT_IDS
            while number in taken:
                number += 1
            taken.add(number)
        numbers[instrument.symbol] = number
    return numbers
