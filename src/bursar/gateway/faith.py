"""Good faith of a cash account: who sells shares before the money that bought them was his owes an answer.

Regulation T lets a cash account buy with the proceeds of a sale that has not settled, in good faith that it will hold
what it bought until then. Selling it earlier is a violation; so is nothing else here. After ``VIOLATIONS_MAX`` of them
within a year the account may use settled cash alone for ``RESTRICTED`` days.

Shares that are paid for are sold first. How often is too often is each broker's own rule; three in twelve months
is the one that most of them publish, IBKR's was not confirmed.

Source: 12 CFR 220.8(a)(1), 220.8(c) (the 90 days).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from bursar.domain.money import ZERO

VIOLATIONS_MAX = 3
YEAR, RESTRICTED = timedelta(days=365), timedelta(days=90)


@dataclass(slots=True)
class GoodFaith:
    """What was bought with money that was still on its way, and what came of it."""

    violations: list[date] = field(default_factory=list)
    _unpaid: list[tuple[str, Decimal, date]] = field(default_factory=list)

    def restricted(self, day: date) -> bool:
        """True while only settled cash may be used."""
        for last in reversed(self.violations):
            if day - last > RESTRICTED:
                return False
            if sum(1 for each in self.violations if last - YEAR < each <= last) >= VIOLATIONS_MAX:
                return True
        return False

    def bought(self, symbol: str, shares: Decimal, cost: Decimal, settled: Decimal, due: date | None) -> None:
        """Shares were bought for ``cost`` when ``settled`` cash was there; the rest comes on ``due`` at the latest."""
        if due is not None and cost > max(settled, ZERO):
            self._unpaid.append((symbol, shares * (cost - max(settled, ZERO)) / cost, due))

    def sold(self, symbol: str, shares: Decimal, held: Decimal, day: date) -> bool:
        """Shares of the ``held`` ones were sold on ``day``; True where they were not paid for yet."""
        self._unpaid = [(of, quantity, due) for of, quantity, due in self._unpaid if due > day]
        unpaid = sum((quantity for of, quantity, _ in self._unpaid if of == symbol), ZERO)
        beyond = shares - (held - unpaid)
        if unpaid <= 0 or beyond <= 0:
            return False
        kept = [row for row in self._unpaid if row[0] != symbol]
        latest = max(due for of, _, due in self._unpaid if of == symbol)
        self._unpaid = [*kept, *([(symbol, unpaid - beyond, latest)] if unpaid > beyond else [])]
        self.violations.append(day)
        return True
