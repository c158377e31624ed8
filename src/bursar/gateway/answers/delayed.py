"""Prices a quarter of an hour late, as those see them who have no permission for live ones."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime

from bursar.domain.market import Quote
from bursar.domain.sessions import Session
from bursar.gateway.exchange import Exchange
from bursar.gateway.messages import replies as r
from bursar.gateway.permissions import DELAY

#: The numbers of ticks where they are late; what has none is not told.
LATE = {0: 69, 1: 66, 2: 67, 3: 70, 4: 68, 5: 71, 6: 72, 7: 73, 8: 74, 9: 75, 14: 76, 45: 88}


class DelayedQuotes:
    """Quotes of an exchange as they were ``DELAY`` before now; of each session, read when it is first asked for."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._sessions: dict[date, dict[str, tuple[list[datetime], list[Quote]]]] = {}

    @property
    def now(self) -> datetime:
        return self._exchange.now - DELAY

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of ``symbol`` that may be seen; early in a day, the last one of the day before."""
        world, today = self._exchange.world, self._exchange.session.day
        known = [session for session in world.sessions if session.day <= today][-2:]
        self._sessions = {day: lines for day, lines in self._sessions.items() if day >= known[0].day}
        for session in reversed(known):
            times, quotes = self._of(session).get(symbol, ([], []))
            place = bisect_right(times, self.now)
            if place:
                return quotes[place - 1]
        return None

    def _of(self, session: Session) -> dict[str, tuple[list[datetime], list[Quote]]]:
        lines = self._sessions.get(session.day)
        if lines is None:
            lines = self._sessions[session.day] = {}
            for quotes in self._exchange.world.tape.quotes(session):
                for quote in quotes:
                    times, said = lines.setdefault(quote.symbol, ([], []))
                    times.append(quote.at)
                    said.append(quote)
        return lines


def late(ticks: Iterable[object]) -> Iterator[object]:
    """``ticks`` under the numbers that they have when they are late."""
    for tick in ticks:
        if isinstance(tick, r.TickPrice | r.TickSize | r.TickString | r.TickGeneric) and tick.tick_type in LATE:
            yield replace(tick, tick_type=LATE[tick.tick_type])
