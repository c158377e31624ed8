"""The prices that the desk shows: kept in the cache of marks, with their age, void once an event says so.

A price is as old as it was when it was published and as long as that is ago, by the clock of its own world. A split, a
merger or another name makes every earlier price of a symbol void. Nothing is ordered by any of them: the loop that
trades prices orders by what its broker quotes, and its gate refuses a quote that is old.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bursar.adapters.memory import MemoryMarks
from bursar.desk.monitor import voided
from bursar.domain.events import Event
from bursar.domain.market import Quote
from bursar.errors import DataError
from bursar.ports import Marks


@dataclass(slots=True, kw_only=True)
class Prices:
    """All that is known.

    behind    how far the clock of the world is behind ours: nothing for the real one
    heard_at  when prices came last, by our clock
    """

    marks: Marks = field(default_factory=MemoryMarks)
    behind: timedelta = timedelta(0)
    heard_at: datetime | None = None
    _void: dict[str, datetime] = field(default_factory=dict)

    @property
    def told_at(self) -> datetime | None:
        """When prices came last, by the clock of the world that they are of."""
        return None if self.heard_at is None else self.heard_at - self.behind

    def take(self, quotes: Iterable[Quote], behind: timedelta, now: datetime) -> tuple[Quote, ...]:
        """Keep quotes, and return those that are not void."""
        kept = tuple(each for each in quotes if self._holds(each))
        self.marks.publish(kept)
        self.behind, self.heard_at = behind, now
        return kept

    def absorb(self, event: Event) -> None:
        """Let an event void what was known of its symbols."""
        self._void |= dict.fromkeys(voided(event), event.at)

    def latest(self, symbols: Iterable[str]) -> Mapping[str, Quote]:
        """The latest quote of each symbol, as far as there is one that is not void."""
        return {name: quote for name, quote in self.marks.latest(symbols).items() if self._holds(quote)}

    def age(self, quote: Quote, now: datetime) -> timedelta:
        """How old a quote is; never less than nothing."""
        return max(now - self.behind - quote.at, timedelta(0))

    def fresh(self, symbol: str, now: datetime, age_max: timedelta) -> Quote:
        """A quote that somebody may rely on. Raises DataError where there is none, or an old or delayed one."""
        quote = self.latest([symbol]).get(symbol)
        if quote is None:
            raise DataError(f"no price of {symbol} is known; wait for one")
        age = self.age(quote, now)
        if quote.delayed or age > age_max:
            said = "delayed" if quote.delayed else f"{age.total_seconds():,.0f} seconds old"
            raise DataError(f"the price of {symbol} is {said}; at most {age_max.total_seconds():,.0f} seconds may be")
        return quote

    def _holds(self, quote: Quote) -> bool:
        since = self._void.get(quote.symbol)
        return since is None or quote.at >= since
