"""Money: an exact amount in one currency.

Amounts are ``Decimal`` and are never mixed across currencies. Rounding to the cent happens where
money changes hands (a fill, a fee, a dividend), with halves away from zero as brokers' statements do.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from bursar.errors import InputError

ZERO = Decimal(0)
CENT = Decimal("0.01")

#: Currencies whose smallest unit is not a hundredth (ISO 4217, minor units).
MINOR_UNITS: dict[str, Decimal] = {"JPY": Decimal(1), "KRW": Decimal(1), "CLP": Decimal(1), "HUF": CENT}


def round_money(amount: Decimal, currency: str = "USD") -> Decimal:
    """``amount`` in whole minor units of ``currency``; halves go away from zero."""
    return amount.quantize(MINOR_UNITS.get(currency, CENT), rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency (ISO 4217, three capitals); negative means it is owed or paid."""

    amount: Decimal
    currency: str = "USD"

    def __post_init__(self) -> None:
        if not self.amount.is_finite():
            raise InputError(f"an amount of {self.amount} {self.currency} is not money; give a finite number")
        if len(self.currency) != 3 or not self.currency.isalpha() or not self.currency.isupper():
            raise InputError(f"unknown currency {self.currency!r}; give an ISO 4217 code such as USD")

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency}"

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise InputError(f"{self} and {other} cannot be added; convert one of them first")
        return other
