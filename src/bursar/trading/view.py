"""The market as it can be known at one instant: what a decision may look at, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

import numpy as np

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote, Slice
from bursar.domain.sessions import Session
from bursar.errors import DataError
from bursar.ports import History, Panel

#: Fields that count the shares of a day, the better one first: in today's shares, and in those of the day.
VOLUMES = ("adjusted_volume", "volume")
#: A usual day is the median of so many sessions, of which so many must have been counted.
USUAL_DAYS, COUNTED_MIN = 21, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """Everything known at ``at``.

    quotes       the latest of each symbol, possibly old: look at its ``at``
    closes       official closes of finished sessions, adjusted for splits and dividends, oldest first
    lacks        fields that the source of the history does not have, such as "volume"
    facts        other daily fields of the same sessions that somebody reads, as far as the source has them
    session      the session that is open, or that opens next
    """

    at: datetime
    instruments: Mapping[str, Instrument]
    quotes: Mapping[str, Quote]
    closes: Panel
    session: Session
    lacks: frozenset[str] = frozenset()
    facts: Mapping[str, Panel] = field(default_factory=dict)

    def extended(self, market: Slice) -> MarketView:
        """The view after one more slice."""
        if not market.quotes:
            return replace(self, at=market.at)
        latest = {**self.quotes, **{quote.symbol: quote for quote in market.quotes}}
        return replace(self, at=market.at, quotes=MappingProxyType(latest))

    def price(self, symbol: str) -> Decimal:
        """The middle of the latest quote. Raises DataError where there is no two-sided one."""
        quote = self.quotes.get(symbol)
        if quote is None or not quote.two_sided:
            raise DataError(f"{symbol} has no two-sided quote at {self.at}; nothing is decided on it")
        return quote.mid

    def usual_volume(self, symbol: str) -> Decimal | None:
        """Shares that change hands on a usual day of the last sessions; None where too few of them were counted."""
        panel = next((self.facts[name] for name in VOLUMES if name in self.facts), None)
        if panel is None or symbol not in panel.symbols:
            return None
        counted = panel.column(symbol)[-USUAL_DAYS:]
        counted = counted[np.isfinite(counted)]
        return Decimal(round(float(np.median(counted)))) if len(counted) >= COUNTED_MIN else None


def known_facts(
    history: History, symbols: Sequence[str], fields: Iterable[str], known_at: datetime, days: int
) -> dict[str, Panel]:
    """Those of ``fields`` that the source has, as they were known; what it lacks is left out, for others to say so."""
    found = {}
    for name in sorted(set(fields) - history.lacks()):
        try:
            found[name] = history.asof(symbols, name, known_at, days)
        except DataError:  # as History.asof says it: this source does not have the field
            continue
    return found
