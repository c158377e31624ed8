"""Margin of stocks under Regulation T: what must be there to open a position, and what to keep it.

Requirements are told as IBKR tells them, against equity: the proceeds of a short sale lie in the account's cash, so
that the 150 % of Regulation T are half of a short's value here, and FINRA's 130 % are 30 %. Cheap shorts need more, by
the share. A cash account borrows nothing: what it requires is what it holds (``credit``).

    initial       looked at before an order is taken in and before each of its executions, at all hours
    maintenance   looked at whenever a price moves: below it positions are closed without a call (``liquidation``)

IBKR asks 25 % of an order while the day lasts and looks at Regulation T's 50 % when it ends; here 50 % is
asked at once, so nothing can be opened that the end of the day would not allow.

Sources: 12 CFR 220.12 (Regulation T, initial: 50 % long, 150 % short); FINRA Rule 4210(c) (maintenance: 25 % long;
short 30 % and at least $5 a share from $5 on, below that 100 % and at least $2.50) and 4210(b)(4) ($2,000).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.errors import InputError

#: Below this price a short is cheap, and what it needs by the share, cheap or not.
CHEAP = Decimal(5)
CHEAP_SHARE, SHARE = Decimal("2.50"), Decimal(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRules:
    """Fractions of a position's value that equity must cover; ``equity_min`` is the least that may borrow."""

    initial_long: Decimal = Decimal("0.50")
    initial_short: Decimal = Decimal("0.50")
    maintenance_long: Decimal = Decimal("0.25")
    maintenance_short: Decimal = Decimal("0.30")
    equity_min: Decimal = Decimal(2_000)

    def __post_init__(self) -> None:
        for each in fields(self):
            value: Decimal = getattr(self, each.name)
            most = 1 if each.name != "equity_min" else Decimal("1e9")
            if not value.is_finite() or not 0 < value <= most:
                raise InputError(f"margin: {each.name} is {value}; give more than zero and at most {most:f}")
        for side in ("long", "short"):
            initial, maintenance = getattr(self, f"initial_{side}"), getattr(self, f"maintenance_{side}")
            if maintenance > initial:
                raise InputError(
                    f"margin: maintenance_{side} is {maintenance} and initial_{side} {initial}; what is kept cannot "
                    "need more than what is opened"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What equity must cover, in the account's currency."""

    initial: Decimal = ZERO
    maintenance: Decimal = ZERO

    def __add__(self, other: Requirement) -> Requirement:
        return Requirement(initial=self.initial + other.initial, maintenance=self.maintenance + other.maintenance)


def requirement_of(rules: MarginRules, quantity: Decimal, price: Decimal) -> Requirement:
    """What one position needs; ``price`` is of one unit, multiplied and converted."""
    value = abs(quantity) * price
    if quantity >= 0:
        return Requirement(initial=value * rules.initial_long, maintenance=value * rules.maintenance_long)
    if price < CHEAP:
        kept = max(value, -quantity * CHEAP_SHARE)
    else:
        kept = max(value * rules.maintenance_short, -quantity * SHARE)
    return Requirement(initial=max(value * rules.initial_short, kept), maintenance=kept)


def requirement(rules: MarginRules, positions: Iterable[tuple[Decimal, Decimal]]) -> Requirement:
    """What positions, as quantities and prices, need together: nothing of one covers another."""
    total = Requirement()
    for quantity, price in positions:
        total += requirement_of(rules, quantity, price)
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an account stands at one instant, in its own currency.

    equity     with loan value: cash and positions, shorts below zero
    held       of what is available, what working orders have taken
    available  equity beyond initial margin and what working orders hold: what may be opened with
    excess     equity beyond maintenance margin; below zero positions are closed
    power      worth of stock that could be bought
    """

    equity: Decimal
    gross: Decimal
    initial: Decimal
    maintenance: Decimal
    held: Decimal
    available: Decimal
    excess: Decimal
    power: Decimal

    @property
    def cushion(self) -> Decimal:
        """Excess as a part of equity; zero for an account without any."""
        return self.excess / self.equity if self.equity > 0 else ZERO

    @property
    def leverage(self) -> Decimal:
        return self.gross / self.equity if self.equity > 0 else ZERO
