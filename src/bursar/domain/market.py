"""What the market says: quotes, trades and bars, and the slice of all that is known at one instant.

Every fact carries ``at`` (when it was true) and ``known_at`` (when we could have known it), both UTC.
Nothing may be used before its ``known_at``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid and ask. None means that the side is absent, which is not a price of zero.

    volume  shares that have traded this day so far, where the source tells it as it grows
    """

    symbol: str
    at: datetime
    known_at: datetime
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal = Decimal(0)
    ask_size: Decimal = Decimal(0)
    last: Decimal | None = None
    delayed: bool = False
    volume: Decimal | None = None

    @property
    def two_sided(self) -> bool:
        """True when both sides are there and are not crossed."""
        return self.bid is not None and self.ask is not None and self.bid <= self.ask

    @property
    def mid(self) -> Decimal:
        """Halfway between bid and ask. Raises InputError unless two-sided."""
        if self.bid is None or self.ask is None or self.bid > self.ask:
            raise InputError(f"{self.symbol}: bid {self.bid} and ask {self.ask} have no middle")
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One print on the tape."""

    symbol: str
    at: datetime
    known_at: datetime
    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Open, high, low, close of one stretch of time; ``at`` is its end and ``known_at`` never earlier.

    volume  None where the source has none
    """

    symbol: str
    day: date
    at: datetime
    known_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise InputError(
                f"{self.symbol} {self.day}: low {self.low} and high {self.high} do not bound "
                f"open {self.open} and close {self.close}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """All that became known at one instant: the unit that is handed to the engine.

    quotes  changed since the last slice, one a symbol
    Empty quotes mean that the market stood still while the broker reported.
    """

    at: datetime
    quotes: tuple[Quote, ...] = ()
