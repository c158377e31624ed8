"""What the broker charges for a trade, as values that can be compared, printed and dated.

A schedule charges a whole order, seller's regulatory fees included; an execution costs what it adds to the
charge of its order, so that many small fills cost what one large one does. Amounts are rounded to the
cent, halves up, once an order.

On prices adjusted for splits and dividends only basis points are right: an adjusted price of 0.288 for a share
that cost 40 makes a cent a share 3.5 % instead of 0.03 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

from bursar.domain.money import CENT, ZERO
from bursar.errors import InputError
from bursar.gateway.world import World
from bursar.quant.costs import per_share_fee, proportional_cost

#: Section 31 of the Securities Exchange Act: dollars for a million of sales, from each date on. A new rate
#: begins 60 days after the SEC's appropriation is enacted (15 U.S.C. 78ee(j)).
SECTION_31_RATES: tuple[tuple[date, Decimal], ...] = (
    (date(2018, 5, 22), Decimal("13.00")),  # FINRA, Information Notice 5/7/18
    (date(2019, 4, 16), Decimal("20.70")),  # SEC, Fee Rate Advisory #2 for fiscal year 2019
    (date(2020, 2, 18), Decimal("22.10")),  # SEC, Fee Rate Advisory #2 for fiscal year 2020
    (date(2021, 2, 25), Decimal("5.10")),  # FINRA, Information Notice 2/16/21
    (date(2022, 5, 14), Decimal("22.90")),  # rate from a broker's page, date not confirmed
    (date(2023, 2, 27), Decimal("8.00")),  # SEC Release 34-96724; rate from brokers' pages, date not confirmed
    (date(2024, 5, 22), Decimal("27.80")),  # SEC Release 34-99973; date from the 60 days
    (date(2025, 5, 14), Decimal("0.00")),  # FINRA, Information Notice 4/24/25
    (date(2026, 4, 4), Decimal("20.60")),  # SEC Release 34-104909; neither rate nor date confirmed
)

#: FINRA's trading activity fee (By-Laws, Schedule A, section 1): dollars for each share sold and the most for one
#: trade, from each date on. Amounts are as brokers print them, but for 2022; the dates are not confirmed.
TRADING_ACTIVITY_FEES: tuple[tuple[date, Decimal, Decimal], ...] = (
    (date(2012, 7, 1), Decimal("0.000119"), Decimal("5.95")),
    (date(2022, 1, 1), Decimal("0.000130"), Decimal("6.49")),  # not confirmed
    (date(2023, 1, 1), Decimal("0.000145"), Decimal("7.27")),
    (date(2024, 1, 1), Decimal("0.000166"), Decimal("8.30")),
    (date(2026, 1, 1), Decimal("0.000195"), Decimal("9.79")),
)


class FeeSchedule(Protocol):
    """Charges orders."""

    @property
    def by_share(self) -> bool:
        """True where a charge depends on the number of shares, which adjusted prices falsify."""
        ...

    def charge(self, action: str, quantity: Decimal, notional: Decimal, day: date, traded: Decimal = ZERO) -> Decimal:
        """Dollars for an order of ``quantity`` shares and ``notional`` money, both above zero; whole cents.

        traded  shares of the same account earlier in the calendar month, for plans with tiers
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisPoints:
    """A part of the money traded, and nothing else."""

    rate: Decimal = Decimal("1.0")

    def __post_init__(self) -> None:
        if not self.rate.is_finite() or self.rate < 0:
            raise InputError(f"a fee of {self.rate} basis points cannot be charged; give zero or more")

    @property
    def by_share(self) -> bool:
        return False

    def charge(
        self,
        action: str,  # noqa: ARG002 - the shape of every schedule
        quantity: Decimal,  # noqa: ARG002
        notional: Decimal,
        day: date,  # noqa: ARG002
        traded: Decimal = ZERO,  # noqa: ARG002
    ) -> Decimal:
        return _cents(proportional_cost(notional, self.rate))


@dataclass(frozen=True, slots=True, kw_only=True)
class ByValue(BasisPoints):
    """A part of the money traded, and at least ``minimum`` an order: IBKR's fixed plans in Europe and Australia."""

    minimum: Decimal

    def __post_init__(self) -> None:
        BasisPoints.__post_init__(self)
        if not self.minimum.is_finite() or self.minimum < 0:
            raise InputError(f"a least fee of {self.minimum} cannot be charged; give zero or more")

    def charge(
        self,
        action: str,
        quantity: Decimal,
        notional: Decimal,
        day: date,
        traded: Decimal = ZERO,
    ) -> Decimal:
        return max(BasisPoints.charge(self, action, quantity, notional, day, traded), _cents(self.minimum))


def by_value(rate: Decimal, minimum: Decimal) -> BasisPoints:
    """The schedule of ``rate`` basis points and at least ``minimum`` an order."""
    return ByValue(rate=rate, minimum=minimum) if minimum else BasisPoints(rate=rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class IbkrFixedUS:
    """IBKR Pro, fixed plan, US shares, with the regulators' fees on sales of their day.

    Source: interactivebrokers.com, "Commissions: Stocks, ETFs and Warrants": USD 0.005 a share, at least 1.00
    an order, at most 1 % of its value.
    """

    per_share: Decimal = Decimal("0.005")
    minimum: Decimal = Decimal("1.00")
    maximum_fraction: Decimal = Decimal("0.01")

    @property
    def by_share(self) -> bool:
        return True

    def charge(
        self,
        action: str,
        quantity: Decimal,
        notional: Decimal,
        day: date,
        traded: Decimal = ZERO,  # noqa: ARG002 - a plan without tiers
    ) -> Decimal:
        commission = per_share_fee(
            quantity,
            notional,
            per_share=self.per_share,
            minimum=self.minimum,
            maximum_fraction=self.maximum_fraction,
        )
        regulatory = section_31_fee(notional, day) + trading_activity_fee(quantity, day) if action == "SELL" else ZERO
        return _cents(commission + regulatory)


@dataclass(frozen=True, slots=True, kw_only=True)
class IbkrTieredUS:
    """IBKR Pro, tiered plan, US shares that take liquidity: commission by the month's shares, and what others charge.

    An order pays the tiers that it reaches into, on top of the shares of its account earlier in the calendar month.
    Beside the commission stand clearing, a fee of the exchange for taking liquidity, the exchange's and FINRA's
    parts of the commission, and on sales the regulators' fees of the day. Adding liquidity (a rebate) is not known
    to this exchange, whose fills all take.

    Source: interactivebrokers.com, "Commissions: Stocks, ETFs and Warrants", tiered: USD 0.0035 a share up to
    300,000 a month, then 0.0020, 0.0015, 0.0010, 0.0005; at least 0.35 an order, at most 1 % of its value; clearing
    0.00020 a share, at most 0.5 % of the value; pass-through 0.000175 and 0.00056 of the commission. The exchange's
    fee is 0.0030 a share, the most that Regulation NMS rule 610(c) allows; each exchange has its own. None of the
    rows was compared with a statement.
    """

    tiers: tuple[tuple[Decimal, Decimal], ...] = (
        (Decimal(0), Decimal("0.0035")),
        (Decimal(300_000), Decimal("0.0020")),
        (Decimal(3_000_000), Decimal("0.0015")),
        (Decimal(20_000_000), Decimal("0.0010")),
        (Decimal(100_000_000), Decimal("0.0005")),
    )
    minimum: Decimal = Decimal("0.35")
    maximum_fraction: Decimal = Decimal("0.01")
    clearing: Decimal = Decimal("0.00020")
    clearing_fraction: Decimal = Decimal("0.005")
    taking: Decimal = Decimal("0.0030")
    passed_through: Decimal = Decimal("0.000735")

    @property
    def by_share(self) -> bool:
        return True

    def charge(self, action: str, quantity: Decimal, notional: Decimal, day: date, traded: Decimal = ZERO) -> Decimal:
        commission = ZERO
        ends = [start for start, _ in self.tiers[1:]]
        for (start, rate), end in zip(self.tiers, [*ends, traded + quantity], strict=True):
            part = min(traded + quantity, end) - max(traded, start)
            commission += max(part, ZERO) * rate
        # Where 1 % of the value lies below the least, 1 % rules, as in the fixed plan.
        commission = min(max(commission, self.minimum), notional * self.maximum_fraction)
        others = min(quantity * self.clearing, notional * self.clearing_fraction) + quantity * self.taking
        regulatory = section_31_fee(notional, day) + trading_activity_fee(quantity, day) if action == "SELL" else ZERO
        return _cents(commission * (1 + self.passed_through) + others + regulatory)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionFee:
    """What exchanging one currency for another costs: basis points of the money, and a least, both in base money.

    Source: interactivebrokers.com, "Commissions: Spot Currencies", first tier: 0.20 basis points, at least USD 2.00.
    """

    rate: Decimal = Decimal("0.20")
    minimum: Decimal = Decimal("2.00")

    def __post_init__(self) -> None:
        for name in ("rate", "minimum"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value < 0:
                raise InputError(f"conversion: {name} is {value}; give zero or more")

    def charge(self, notional: Decimal) -> Decimal:
        """Money for exchanging ``notional``; whole cents."""
        return _cents(max(proportional_cost(notional, self.rate), self.minimum)) if notional else ZERO


def section_31_fee(notional: Decimal, day: date) -> Decimal:
    """What the SEC takes of a sale, not rounded. Raises InputError before the first rate that is known."""
    rate = next((rate for since, rate in reversed(SECTION_31_RATES) if day >= since), None)
    if rate is None:
        raise InputError(f"no SEC fee is known for {day}; the table begins on {SECTION_31_RATES[0][0]}")
    return notional * rate / 1_000_000


def trading_activity_fee(quantity: Decimal, day: date) -> Decimal:
    """What FINRA takes of a sale, not rounded. Raises InputError before the first rate that is known."""
    for since, rate, most in reversed(TRADING_ACTIVITY_FEES):
        if day >= since:
            return min(quantity * rate, most)
    raise InputError(f"no FINRA fee is known for {day}; the table begins on {TRADING_ACTIVITY_FEES[0][0]}")


def check_fees(schedule: FeeSchedule, world: World) -> None:
    """Raise InputError where ``schedule`` cannot be right for the prices of ``world``."""
    if schedule.by_share and world.adjusted:
        raise InputError(
            f"{type(schedule).__name__} charges by the share, and the prices of {world.name!r} are adjusted for "
            "splits and dividends: use BasisPoints, or a world of raw prices"
        )
    if schedule.by_share and world.sessions[0].day < SECTION_31_RATES[0][0]:
        raise InputError(
            f"{type(schedule).__name__} is known since {SECTION_31_RATES[0][0]}, and {world.name!r} begins on "
            f"{world.sessions[0].day}: use BasisPoints, or begin later"
        )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)
