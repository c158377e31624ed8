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

_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
#: ISO 4217, and CNH, which banks use for yuan outside of China.
CURRENCIES = frozenset(_CODES.split())


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
        if self.currency not in CURRENCIES:
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
