"""Implementation shortfall: what it cost to turn a decision into a position, and why.

A decision has a price. Had everything been traded at it at once and for nothing, there would be no shortfall. What
there is, in money of the instrument, positive where it cost:

    delay        from the decision to the arrival of the order at the market, on what was filled
    spread       half the spread at arrival, on what was filled
    impact       the rest of what fills were worse than arrival: our own pressure, and the market's way meanwhile
    opportunity  what was never filled, from the decision to the end
    fees         commissions

They sum to the whole exactly, by construction: it is the paper portfolio's profit less the real one's.

Source: Perold (1988), "The implementation shortfall: paper versus reality", Journal of Portfolio Management 14.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bursar.domain.events import Filled
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import Side
from bursar.errors import InputError

#: Decisions that the prior counts for when measured costs are drawn towards it.
PRIOR_WEIGHT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What is measured: one decision about one symbol.

    quantity        that was wanted, above zero
    decided_price   the middle when it was decided
    arrival         the quote when its first order was placed
    end_price       the middle when its last order ended; values what was not filled
    route           how it was worked
    multiplier      of the instrument
    """

    symbol: str
    side: Side
    quantity: Decimal
    decided_at: datetime
    decided_price: Decimal
    arrival: Quote
    end_price: Decimal
    fills: Sequence[Filled]
    strategy: str = ""
    route: str = ""
    multiplier: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What it cost, in money; each part positive where it cost."""

    symbol: str
    strategy: str
    route: str
    at: datetime
    notional: Decimal
    filled: Decimal
    wanted: Decimal
    delay: Decimal
    spread: Decimal
    impact: Decimal
    opportunity: Decimal
    fees: Decimal

    @property
    def total(self) -> Decimal:
        """All parts together."""
        return self.delay + self.spread + self.impact + self.opportunity + self.fees

    @property
    def basis_points(self) -> Decimal:
        """The total as a part of what was to be traded at the price of the decision."""
        return self.total / self.notional * 10_000

    @property
    def slippage_basis_points(self) -> Decimal:
        """What fills were worse than the arrival's middle, fees aside, as a part of the same."""
        return (self.spread + self.impact) / self.notional * 10_000


def shortfall(traded: Traded) -> Shortfall:
    """Measure one decision. Raises InputError for no quantity, no arrival quote, or more fills than were wanted."""
    if traded.quantity <= 0 or traded.decided_price <= 0:
        raise InputError(f"{traded.symbol}: {traded.quantity} at {traded.decided_price} is nothing to measure")
    if traded.arrival.bid is None or traded.arrival.ask is None or not traded.arrival.two_sided:
        raise InputError(f"{traded.symbol} had no two-sided quote on arrival; its shortfall cannot be split")
    filled = sum((fill.quantity for fill in traded.fills), ZERO)
    if filled > traded.quantity:
        raise InputError(
            f"{traded.symbol}: {filled} were filled of {traded.quantity} wanted; measure them with their order"
        )
    sign = (1 if traded.side is Side.BUY else -1) * traded.multiplier
    arrival = traded.arrival.mid
    paid = sum((fill.quantity * fill.price for fill in traded.fills), ZERO)
    half = (traded.arrival.ask - traded.arrival.bid) / 2
    spread = filled * half * traded.multiplier
    return Shortfall(
        symbol=traded.symbol,
        strategy=traded.strategy,
        route=traded.route,
        at=traded.decided_at,
        notional=traded.quantity * traded.decided_price * traded.multiplier,
        filled=filled,
        wanted=traded.quantity,
        delay=sign * filled * (arrival - traded.decided_price),
        spread=spread,
        impact=sign * (paid - filled * arrival) - spread,
        opportunity=sign * (traded.quantity - filled) * (traded.end_price - traded.decided_price),
        fees=sum((fill.commission.amount for fill in traded.fills), ZERO),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a group of decisions cost together: money, and basis points of all that was wanted in the group."""

    name: str
    decisions: int
    notional: Decimal
    fill_rate: Decimal
    delay_basis_points: Decimal
    spread_basis_points: Decimal
    impact_basis_points: Decimal
    opportunity_basis_points: Decimal
    fees_basis_points: Decimal

    @property
    def basis_points(self) -> Decimal:
        """All parts together."""
        return (
            self.delay_basis_points
            + self.spread_basis_points
            + self.impact_basis_points
            + self.opportunity_basis_points
            + self.fees_basis_points
        )


def costs_by(name: Callable[[Shortfall], str], measured: Iterable[Shortfall]) -> tuple[Costs, ...]:
    """The costs of each group: by symbol, strategy, route, or hour of the day; in the order of the names."""
    groups: dict[str, list[Shortfall]] = {}
    for each in measured:
        groups.setdefault(name(each), []).append(each)
    return tuple(_together(group, groups[group]) for group in sorted(groups))


def _together(name: str, group: Sequence[Shortfall]) -> Costs:
    notional = sum((each.notional for each in group), ZERO)

    def points(part: Callable[[Shortfall], Decimal]) -> Decimal:
        return sum((part(each) for each in group), ZERO) / notional * 10_000

    # Each decision by its money: a share of one company and one of another are not the same thing.
    filled = sum((each.filled / each.wanted * each.notional for each in group), ZERO)
    return Costs(
        name=name,
        decisions=len(group),
        notional=notional,
        fill_rate=filled / notional,
        delay_basis_points=points(lambda each: each.delay),
        spread_basis_points=points(lambda each: each.spread),
        impact_basis_points=points(lambda each: each.impact),
        opportunity_basis_points=points(lambda each: each.opportunity),
        fees_basis_points=points(lambda each: each.fees),
    )


def cost_rate(measured: Sequence[Shortfall], prior: Decimal, weight: int = PRIOR_WEIGHT) -> Decimal:
    """The cost that decisions should reckon with, as a fraction of notional: what was measured, drawn to ``prior``.

    Delay and opportunity are left out: they are the market's way, not a price of trading, and are zero on average.
    weight  how many measured decisions the prior counts for
    """
    if prior < 0 or weight < 0:
        raise InputError(f"a prior cost of {prior} that counts for {weight} decisions; neither can be below zero")
    if not measured:
        return prior
    found = sum(((each.spread + each.impact + each.fees) / each.notional for each in measured), ZERO)
    return max((prior * weight + found) / (weight + len(measured)), ZERO)
