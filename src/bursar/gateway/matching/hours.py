"""Where time stands in a world: instant by instant, session by session."""

from __future__ import annotations

from datetime import datetime

from bursar.domain.market import Quote
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.world import World


class Hours:
    """See the module. It begins at the first instant of the first session."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.now = world.sessions[0].open
        self._enter(0)

    def advance(self) -> bool:
        """Go on to the next instant; True where a new session begins with it.

        Raises InputError at the end of the world.
        """
        if self.next_instant is None:
            raise InputError(f"the world {self._world.name!r} ended at {self.now}")
        if self._index + 1 < len(self._instants):
            self._index += 1
            self.now = self._instants[self._index]
            return False
        self._enter(self._number + 1)
        return True

    @property
    def next_instant(self) -> datetime | None:
        """When time stops next, or None at the end of the world."""
        if self._index + 1 < len(self._instants):
            return self._instants[self._index + 1]
        if self._number + 1 < len(self._world.sessions):
            return self._world.tape.instants(self._world.sessions[self._number + 1])[0]
        return None

    @property
    def session(self) -> Session:
        """The session of the present day, open or not."""
        return self._world.sessions[self._number]

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """What changed at the present instant."""
        return self._quotes[self._index]

    @property
    def open(self) -> bool:
        """True from the opening bell until just before the closing one."""
        return self.session.contains(self.now)

    @property
    def halted(self) -> tuple[str, ...]:
        """Symbols in which trading is halted now."""
        return tuple(halt.symbol for halt in self._world.halts if halt.begin <= self.now < halt.end)

    @property
    def day_ends(self) -> bool:
        """True at the last instant of the day."""
        return self._index + 1 == len(self._instants)

    @property
    def upcoming(self) -> Session | None:
        """The session that opens next; None after the last."""
        following = self._world.sessions[self._number : self._number + 2]
        return next((session for session in following if session.open > self.now), None)

    def today(self, at: datetime) -> bool:
        """True for what happened since midnight in the exchange's zone."""
        begin, end = self.day
        return begin <= at < end

    @property
    def day(self) -> tuple[datetime, datetime]:
        """The midnights in the exchange's zone around now, UTC."""
        return self.session.day_around(self.now)

    def _enter(self, number: int) -> None:
        session = self._world.sessions[number]
        instants = self._world.tape.instants(session)
        if not {session.open, session.close} <= set(instants):
            raise InputError(f"the tape of {self._world.name!r} does not stop at both bells of {session.day}")
        self._number, self._index = number, 0
        self._instants, self._quotes = instants, self._world.quotes(session)
        self.now = instants[0]
