"""The market as it can be known at one instant: what a decision may look at, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote, Slice
from bursar.domain.sessions import Session
from bursar.errors import DataError
from bursar.ports import Panel


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """Everything known at ``at``.

    quotes       the latest of each symbol, possibly old: look at its ``at``
    closes       official closes of finished sessions, adjusted for splits and dividends, oldest first
    lacks        fields that the source of the history does not have, such as "volume"
    session      the session that is open, or that opens next
    """

    at: datetime
    instruments: Mapping[str, Instrument]
    quotes: Mapping[str, Quote]
    closes: Panel
    session: Session
    lacks: frozenset[str] = frozenset()

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
