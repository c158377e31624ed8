"""What a book shows of one symbol: position, round trips, what flowed in and out, and what became of its shares."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from bursar.domain.money import ZERO
from bursar.ledger.lots import Lot


class Position(NamedTuple):
    """What is held of one symbol. A named tuple, because a snapshot of a book makes hundreds at once.

    quantity   signed: negative for a short
    cost       of the lots of known cost, with commissions, signed like the quantity
    paid       the same without commissions
    known      False when the cost of some of it is not known
    opened_at  when it last went from nothing to something
    mark       the latest price that the books have seen, of a mark or of its own fill; None without one
    best, worst  highest and lowest profit at any mark since it was opened, realized parts included, in money
    hands_off  True for what Bursar must never sell
    """

    symbol: str
    quantity: Decimal
    lots: tuple[Lot, ...]
    cost: Decimal
    paid: Decimal
    known: bool
    opened_at: datetime
    mark: Decimal | None
    best: Decimal
    worst: Decimal
    hands_off: bool
    multiplier: Decimal
    currency: str
    sector: str

    @property
    def cost_basis(self) -> Decimal | None:
        """Total cost with commissions, signed like the quantity, or None where some of it is not known."""
        return self.cost if self.known else None

    @property
    def average_cost(self) -> Decimal | None:
        """Cost of one share, or of one unit of an option's underlying, with commissions."""
        return self.cost / (self.quantity * self.multiplier) if self.known else None

    @property
    def entry_price(self) -> Decimal | None:
        """The average price that was paid or, for a short, received; without commissions."""
        return self.paid / (self.quantity * self.multiplier) if self.known else None

    def value(self, price: Decimal) -> Decimal:
        """What it is worth at ``price``, in its own currency; negative for a short."""
        return self.quantity * price * self.multiplier


class RoundTrip(NamedTuple):
    """A position from nothing to nothing.

    profit       net of commissions; income is not part of it
    best, worst  the most that it was ever ahead and behind at a mark or at its end: the maximum favourable
                 and adverse excursion, in money
    known        False where the cost of some of it was not known, and the profit therefore leaves it out
    """

    account: str
    portfolio: str
    symbol: str
    currency: str
    opened_at: datetime
    closed_at: datetime
    profit: Decimal
    best: Decimal
    worst: Decimal
    known: bool

    @property
    def days(self) -> float:
        """Time in trade, in days of 24 hours."""
        return (self.closed_at - self.opened_at).total_seconds() / 86_400


class Flow(NamedTuple):
    """What came into a portfolio, or went out of it, and is neither gain nor loss.

    amount    cash, in ``currency``; zero for a flow in kind
    symbol, strategy, quantity, cost  of a lot that came in kind; it is worth what it is worth on that day
    outside   False for a move between portfolios of one account
    actions   corporate actions that the books had seen before it: those after it reach what flowed
    """

    day: date
    account: str
    portfolio: str
    currency: str
    amount: Decimal
    outside: bool = True
    symbol: str = ""
    strategy: str = ""
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    actions: int = 0


class Part(NamedTuple):
    """``new`` shares of ``symbol`` for ``old`` of what was held, with ``basis`` of its cost, a fraction."""

    symbol: str
    new: Decimal
    old: Decimal
    basis: Decimal


class Action(NamedTuple):
    """What a corporate action made of each share of ``symbol``: shares, and cash in its own currency."""

    symbol: str
    parts: tuple[Part, ...]
    cash: Decimal = ZERO
