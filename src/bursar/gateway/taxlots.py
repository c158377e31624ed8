"""What was bought with what, first in, first out: the cost basis that a statement shows.

An account keeps average costs, as its values and portfolio tell them; a statement closes the oldest lot first, as
IBKR's does unless a client chose another method. Both are worked out from the same executions. The cost of a part of a
lot is rounded to a hundred-millionth, and the rest keeps the rest.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from bursar.domain.money import ZERO

#: The digits of a statement.
DIGITS = Decimal("1e-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Shares that were acquired together; quantity and cost are negative for a short, commission included."""

    quantity: Decimal
    cost: Decimal
    at: datetime
    exec_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one execution.

    closed  of its shares, without a sign
    cost    of what it opened, or of the lots that it closed, as a statement has it: what was paid for opened shares,
            and minus that for those that were closed
    """

    closed: Decimal
    cost: Decimal
    realized: Decimal


@dataclass(slots=True)
class Lots:
    """The open lots of one symbol in one account, oldest first."""

    open: deque[Lot] = field(default_factory=deque)

    @property
    def quantity(self) -> Decimal:
        return sum((lot.quantity for lot in self.open), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((lot.cost for lot in self.open), ZERO)

    def trade(self, signed: Decimal, paid: Decimal, at: datetime, exec_id: str) -> Outcome:
        """Take in an execution: ``signed`` shares for ``paid``, which is negative where money came in."""
        held = self.quantity
        closing = min(abs(signed), abs(held)) if held * signed < 0 else ZERO
        came = -paid if closing == abs(signed) else (-paid * closing / abs(signed)).quantize(DIGITS)
        cost, left = ZERO, closing
        while left:
            lot = self.open[0]
            taken = min(left, abs(lot.quantity))
            part = lot.cost if taken == abs(lot.quantity) else (lot.cost * taken / abs(lot.quantity)).quantize(DIGITS)
            cost, left = cost + part, left - taken
            if taken == abs(lot.quantity):
                self.open.popleft()
            else:
                rest = lot.quantity - (taken if lot.quantity > 0 else -taken)
                self.open[0] = replace(lot, quantity=rest, cost=lot.cost - part)
        realized = came - cost if closing else ZERO
        opening = signed + closing if signed < 0 else signed - closing
        opened = paid + came
        if opening:
            self.open.append(Lot(quantity=opening, cost=opened, at=at, exec_id=exec_id))
        return Outcome(closed=closing, cost=(opened if opening else ZERO) - cost, realized=realized)

    def scale(self, quantity: Decimal) -> None:
        """Let the lots hold ``quantity`` in all at the same cost, as after a split."""
        held = self.quantity
        if held:
            self.open = deque(replace(lot, quantity=lot.quantity * quantity / held) for lot in self.open)
