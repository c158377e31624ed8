"""Routing: which way an order is worked, by its size against the market's, by the spread, and by its hurry.

    what closes a position in a hurry (exits, protection, kill)   at once: waiting is the larger risk
    small against what is on display, with a narrow spread        at once: there is nothing to save
    small, with a wide spread                                     adaptive: half a spread is worth a minute
    large, where the market's volume is known                     participation, so that its part stays small
    large, where it is not                                        TWAP

The choice is a value with its reason, so that a person can read why, and the measured costs can be held against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import Purpose, Side
from bursar.errors import InputError
from bursar.trading.schedule import Algorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Where the borders between the ways lie.

    spread_wide_basis_points  from which crossing it is worth avoiding
    displayed_part_max        of the size on display that may be taken at once
    volume_part_max           of the day's usual volume that may be traded without spreading it over time
    """

    spread_wide_basis_points: Decimal = Decimal(10)
    displayed_part_max: Decimal = Decimal(1)
    volume_part_max: Decimal = Decimal("0.01")

    def __post_init__(self) -> None:
        for name in ("spread_wide_basis_points", "displayed_part_max", "volume_part_max"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise InputError(f"{name} is {value}; give more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A way, and why it was chosen."""

    algorithm: Algorithm
    reason: str


#: Whoever closes for one of these does not wait.
IN_A_HURRY = frozenset({Purpose.EXIT, Purpose.PROTECTION, Purpose.KILL})


def route(
    side: Side,
    quantity: Decimal,
    purpose: Purpose,
    quote: Quote,
    *,
    daily_volume: Decimal | None = None,
    routing: Routing | None = None,
) -> Route:
    """The way for one order. ``daily_volume`` is the usual one, in shares, or None where nobody knows it.

    Raises InputError without a two-sided quote.
    """
    routing = routing or Routing()
    if purpose in IN_A_HURRY:
        return Route(algorithm=Algorithm.AT_ONCE, reason=f"{purpose}: waiting is the larger risk")
    spread = _spread_basis_points(quote)
    if daily_volume is not None and quantity > daily_volume * routing.volume_part_max:
        part = f"{quantity / daily_volume:.1%} of a usual day's volume" if daily_volume else "nothing usually trades"
        return Route(algorithm=Algorithm.PARTICIPATION, reason=f"{part}, above {routing.volume_part_max:.1%}")
    displayed = quote.ask_size if side is Side.BUY else quote.bid_size
    if daily_volume is None and displayed and quantity > displayed * routing.displayed_part_max:
        return Route(
            algorithm=Algorithm.TWAP, reason=f"{quantity} against {displayed} on display, and the volume is not known"
        )
    if spread >= routing.spread_wide_basis_points:
        return Route(
            algorithm=Algorithm.ADAPTIVE,
            reason=f"a spread of {spread:.1f} basis points, from {routing.spread_wide_basis_points} on worth waiting",
        )
    return Route(algorithm=Algorithm.AT_ONCE, reason=f"small, at a spread of {spread:.1f} basis points")


def _spread_basis_points(quote: Quote) -> Decimal:
    if quote.bid is None or quote.ask is None or not quote.two_sided:
        raise InputError(f"{quote.symbol} has no two-sided quote; no way is chosen without one")
    return (quote.ask - quote.bid) / quote.mid * 10_000 if quote.mid else ZERO
