"""Interest on cash: so many points below a benchmark on what lies there, so many above it on what is owed.

Each currency by itself, on the balance that has settled at the end of a day, without the proceeds of short sales:
they are the lender's pledge, earn nothing here, and pay no debt. Interest accrues each calendar day (three over a
weekend), unrounded, and a month's is posted to cash on the third trading day of the next one, rounded to the cent.

The plan is the one that IBKR publishes for IBKR Pro: credit begins above 10,000 and is paid in full from an equity of
100,000 on, in proportion below; debit is dearer for the first 100,000. Benchmarks are given by the terms with
their dates: there is no default, since a wrong rate would look like a right one.

Source: interactivebrokers.com, "Interest Rates" and "Margin Rates" (IBKR Pro), tiers as published for USD. Neither
tiers nor the floor were compared with a statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from bursar.domain.money import ZERO
from bursar.errors import InputError

#: Days of a year, by money-market custom: 365 for these, 360 for all others.
LONG_YEAR = frozenset({"GBP", "AUD", "CAD", "HKD", "NZD", "SGD", "ZAR"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """The rate of one currency from ``since`` on, in percent a year."""

    rate: Decimal
    currency: str = "USD"
    since: date = date.min

    def __post_init__(self) -> None:
        if not self.rate.is_finite() or not -10 <= self.rate <= 1_000:
            raise InputError(f"a benchmark of {self.rate} % a year for {self.currency} cannot be right")


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestPlan:
    """Points over and under the benchmarks.

    debit         points above, from each amount owed on
    debit_min     the least percentage that is charged for debt
    credit_spread points below
    credit_from   what lies there up to this amount earns nothing
    credit_whole  the equity from which credit is paid in full
    """

    benchmarks: tuple[Benchmark, ...]
    debit: tuple[tuple[Decimal, Decimal], ...] = (
        (Decimal(0), Decimal("1.50")),
        (Decimal(100_000), Decimal("1.00")),
        (Decimal(1_000_000), Decimal("0.75")),
        (Decimal(50_000_000), Decimal("0.50")),
    )
    debit_min: Decimal = Decimal("0.75")
    credit_spread: Decimal = Decimal("0.50")
    credit_from: Decimal = Decimal(10_000)
    credit_whole: Decimal = Decimal(100_000)

    def __post_init__(self) -> None:
        starts = [amount for amount, _ in self.debit]
        if not starts or starts[0] != 0 or any(later <= earlier for earlier, later in pairwise(starts)):
            raise InputError("tiers of debit interest must begin at zero and rise")

    def benchmark(self, currency: str, day: date) -> Decimal | None:
        """The rate of ``currency`` on ``day``, or None where the terms give none: then nothing accrues."""
        begun = [each for each in self.benchmarks if each.currency == currency and each.since <= day]
        return max(begun, key=lambda each: each.since).rate if begun else None

    def accrued(self, balance: Decimal, equity: Decimal, currency: str, day: date, days: int) -> Decimal:
        """What ``balance`` earns, or costs when below zero, in ``days`` calendar days from ``day`` on, not rounded.

        balance  settled, in ``currency``
        equity   of the account, in its own currency
        """
        benchmark = self.benchmark(currency, day)
        if benchmark is None:
            return ZERO
        year = 365 if currency in LONG_YEAR else 360
        if balance < 0:
            return -self._owed(-balance, benchmark) * days / (100 * year)
        rate = max(benchmark - self.credit_spread, ZERO)
        share = min(max(equity, ZERO) / self.credit_whole, Decimal(1)) if self.credit_whole else Decimal(1)
        return max(balance - self.credit_from, ZERO) * rate * share * days / (100 * year)

    def _owed(self, debt: Decimal, benchmark: Decimal) -> Decimal:
        """Percentages times amounts, over the tiers that ``debt`` reaches into."""
        total = ZERO
        ends = [amount for amount, _ in self.debit[1:]]
        for (start, points), end in zip(self.debit, [*ends, debt], strict=True):
            part = min(debt, end) - start
            if part > 0:
                total += part * max(benchmark + points, self.debit_min)
        return total


def posting_day(day: date, days: tuple[date, ...]) -> bool:
    """True from the third trading day of a month on: what accrued before the month is posted by then."""
    first = day.replace(day=1)
    return sum(1 for each in days if first <= each <= day) >= 3
