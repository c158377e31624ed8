"""Shares to sell short: whether they can be had, and what they cost each day.

A short sale needs shares that somebody lends. Where there are not enough, the order is not refused: it waits, with
whyHeld "locate" and error 404, until there are. What is lent is counted over all accounts of the exchange.

The fee of a day is that of IBKR: the closing price raised by 2 % and rounded up to a whole dollar, times shares that
are short and settled, times the yearly rate over 360. It is accrued each calendar day and posted with the interest
of the month. Rates here are those that the terms give; none is a quotation of any day.

Source: IBKR, "Short Stock (Borrow) Cost" and the note on collateral of borrowed shares (102 %, rounded up).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from bursar.errors import InputError

COLLATERAL = Decimal("1.02")
DAYS = 360


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """What can be borrowed of one symbol from ``since`` on.

    shares  at most, over all accounts; None for as many as anybody wants
    fee     percent a year of the collateral
    """

    symbol: str
    fee: Decimal
    shares: Decimal | None = None
    since: date = date.min

    def __post_init__(self) -> None:
        if not self.fee.is_finite() or self.fee < 0:
            raise InputError(f"the fee of borrowing {self.symbol} is {self.fee} % a year; give zero or more")
        if self.shares is not None and (not self.shares.is_finite() or self.shares < 0):
            raise InputError(f"{self.shares} shares of {self.symbol} cannot be lent; give zero or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lending:
    """What is lent: the last of the loans that has begun counts, and without one as much as is asked for."""

    loans: tuple[Loan, ...] = ()
    fee: Decimal = Decimal("0.25")

    def __post_init__(self) -> None:
        if not self.fee.is_finite() or self.fee < 0:
            raise InputError(f"the usual fee of borrowing is {self.fee} % a year; give zero or more")

    def loan(self, symbol: str, day: date) -> Loan:
        """On what terms ``symbol`` is lent on ``day``."""
        begun = [loan for loan in self.loans if loan.symbol == symbol and loan.since <= day]
        return max(begun, key=lambda loan: loan.since, default=Loan(symbol=symbol, fee=self.fee))


def borrow_fee(shares: Decimal, price: Decimal, fee: Decimal, days: int) -> Decimal:
    """What ``shares`` cost in ``days`` calendar days, not rounded.

    price  of one share at the close
    fee    percent a year
    """
    collateral = (price * COLLATERAL).to_integral_value(rounding=ROUND_CEILING)
    return shares * collateral * fee * days / (100 * DAYS)
