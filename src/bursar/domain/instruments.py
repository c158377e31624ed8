"""What can be traded: one instrument a symbol, with the facts that price, size and book it.

A symbol is the key everywhere inside Bursar: a ticker for shares, the 21-character OSI symbol for
options, ``EUR.USD`` for currency pairs. The broker's own number (``contract_id``) stays at its edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from bursar.errors import InputError


class InstrumentKind(StrEnum):
    """What it is, which decides how it is booked and taxed."""

    STOCK = "stock"
    ETF = "etf"
    OPTION = "option"
    FUTURE = "future"
    CURRENCY = "currency"
    INDEX = "index"


class OptionRight(StrEnum):
    """The right that an option gives."""

    CALL = "call"
    PUT = "put"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One thing that can be traded.

    tick          smallest step of its price
    lot           smallest step of its quantity: 1 for whole shares, 0.0001 where fractions trade
    multiplier    units of the underlying in one contract; 1 for shares
    sector        the name used for concentration limits; "unknown" is a sector of its own
    contract_id   the broker's number, 0 where it is not known
    """

    symbol: str
    kind: InstrumentKind = InstrumentKind.STOCK
    name: str = ""
    currency: str = "USD"
    exchange: str = "XNYS"
    sector: str = "unknown"
    tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    contract_id: int = 0
    underlying: str | None = None
    expiry: date | None = None
    strike: Decimal | None = None
    right: OptionRight | None = None

    def __post_init__(self) -> None:
        if not self.symbol:
            raise InputError("an instrument needs a symbol")
        for name in ("tick", "lot", "multiplier"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise InputError(f"{self.symbol}: {name} is {value}; it must be above zero")
        if self.kind is InstrumentKind.OPTION and None in (self.underlying, self.expiry, self.strike, self.right):
            raise InputError(f"{self.symbol}: an option needs underlying, expiry, strike and right")

    @property
    def company(self) -> str:
        """The symbol whose reports move it: its own, and an option's underlying."""
        return self.underlying or self.symbol

    def whole_lots(self, quantity: Decimal) -> Decimal:
        """``quantity`` cut down, toward zero, to a multiple of the lot."""
        return (quantity / self.lot).to_integral_value(rounding=ROUND_DOWN) * self.lot

    def on_tick(self, price: Decimal) -> Decimal:
        """The multiple of the tick that is nearest to ``price``."""
        return (price / self.tick).to_integral_value(rounding=ROUND_HALF_EVEN) * self.tick
