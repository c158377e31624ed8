"""One account at the broker: cash, positions at average cost, and what its working orders hold back.

The broker keeps its own books, from its own executions: whoever checks his own against them has a second
witness. Average cost includes commissions, as IBKR's does. Cash of the day of the trade pays for purchases;
what is settled is reported beside it, for those who must not use the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.errors import InputError

#: Cash blocked for each dollar that is short: the proceeds and half as much again (12 CFR 220.12).
SHORT_REQUIREMENT = Decimal("1.5")
#: Average cost is kept to this precision.
COST_PRECISION = Decimal("1e-10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Shares held, negative when short, and what they cost in all, commissions included.

    cost      signed as the quantity: what was paid for a long, minus what was received for a short
    realized  profit of the present trading day
    """

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO

    @property
    def avg_cost(self) -> Decimal:
        """Of one share (times the multiplier); zero where nothing is held."""
        return self.cost / self.quantity if self.quantity else ZERO


@dataclass(slots=True, kw_only=True)
class Account:
    """One account, kept in step by ``book``, ``hold`` and ``begin_day``."""

    name: str
    cash: Decimal
    currency: str = "USD"
    shorts_allowed: bool = False
    commissions: Decimal = ZERO
    positions: dict[str, Position] = field(default_factory=dict)
    _unsettled: list[tuple[date, Decimal]] = field(default_factory=list)
    _held_cash: dict[int, Decimal] = field(default_factory=dict)
    _held_shares: dict[int, tuple[str, Decimal]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.cash.is_finite() or self.cash < 0:
            raise InputError(f"account {self.name} cannot begin with {self.cash} {self.currency}")

    @property
    def settled_cash(self) -> Decimal:
        """Cash less the proceeds of sales that have not settled."""
        return self.cash - sum((amount for _, amount in self._unsettled), ZERO)

    def position(self, symbol: str) -> Position:
        """What is held of ``symbol``, possibly nothing."""
        return self.positions.get(symbol, Position())

    @property
    def quantities(self) -> dict[str, Decimal]:
        """Shares held of each symbol, negative when short, zeros left out."""
        return {symbol: position.quantity for symbol, position in self.positions.items() if position.quantity}

    def held_cash(self, besides: int = 0) -> Decimal:
        """What working orders hold back, without the one with permId ``besides``."""
        return sum((amount for perm_id, amount in self._held_cash.items() if perm_id != besides), ZERO)

    def available_shares(self, symbol: str, besides: int = 0) -> Decimal:
        """What a new sale may use of a long position."""
        held = (
            quantity for perm_id, (of, quantity) in self._held_shares.items() if of == symbol and perm_id != besides
        )
        return max(self.position(symbol).quantity, ZERO) - sum(held, ZERO)

    def hold(self, perm_id: int, *, cash: Decimal = ZERO, symbol: str = "", shares: Decimal = ZERO) -> None:
        """Hold back what a working order may still use, in place of what it held before."""
        self.release(perm_id)
        if cash > 0:
            self._held_cash[perm_id] = cash
        if shares > 0:
            self._held_shares[perm_id] = (symbol, shares)

    def release(self, perm_id: int) -> None:
        """The order will use nothing more."""
        self._held_cash.pop(perm_id, None)
        self._held_shares.pop(perm_id, None)

    def book(
        self, symbol: str, signed: Decimal, notional: Decimal, commission: Decimal, settles: date
    ) -> Decimal | None:
        """Take in one execution; return the profit that it realized, or None where it closed nothing.

        signed    shares, negative when sold
        notional  price times quantity times multiplier, above zero
        """
        paid = notional + commission if signed > 0 else -(notional - commission)
        self.cash -= paid
        self.commissions += commission
        if paid < 0:
            self._unsettled.append((settles, -paid))
        before = self.position(symbol)
        after = _after(before, signed, paid)
        self.positions[symbol] = after
        return after.realized - before.realized if before.quantity * signed < 0 else None

    def begin_day(self, day: date) -> None:
        """A trading day begins: proceeds due by ``day`` are settled, and what was realized counts from zero."""
        self._unsettled = [(due, amount) for due, amount in self._unsettled if due > day]
        held = {symbol: position for symbol, position in self.positions.items() if position.quantity}
        self.positions = {symbol: replace(position, realized=ZERO) for symbol, position in held.items()}


def _after(before: Position, signed: Decimal, paid: Decimal) -> Position:
    """The position after ``signed`` shares for ``paid`` (negative when money came in), at average cost."""
    if before.quantity * signed >= 0:
        return Position(quantity=before.quantity + signed, cost=before.cost + paid, realized=before.realized)
    closed = min(abs(signed), abs(before.quantity))
    cost_closed = (before.cost * closed / abs(before.quantity)).quantize(COST_PRECISION)
    paid_closing = (paid * closed / abs(signed)).quantize(COST_PRECISION)
    return Position(
        quantity=before.quantity + signed,
        cost=before.cost - cost_closed + (paid - paid_closing),
        realized=before.realized - paid_closing - cost_closed,
    )
