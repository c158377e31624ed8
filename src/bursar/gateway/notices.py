"""What the exchange says: an order, and every notice about it, in IBKR's words.

The wire's session and the broker in process both read these and nothing else. A notice is never changed
once it was given; a client sees those with its own id. Statuses are IBKR's:

    PreSubmitted  accepted, and not at the exchange: it waits for the open, a time or a condition, or ``why_held``
                  says for what: "child" for its parent to fill, "trigger" for its stop to be reached, "locate" for
                  shares to borrow
    Submitted     working
    Filled, Cancelled, Inactive   ended: done, taken back or expired, refused
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.gateway.commands import Place

PRE_SUBMITTED, SUBMITTED, FILLED, CANCELLED, INACTIVE = "PreSubmitted", "Submitted", "Filled", "Cancelled", "Inactive"
ENDED = frozenset({FILLED, CANCELLED, INACTIVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one account has of an order for a group: of how many shares, and what came of them."""

    account: str
    shares: Decimal
    filled: Decimal = ZERO
    filled_value: Decimal = ZERO
    commission: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the exchange holds it at one moment.

    request      as placed, or as last changed
    perm_id      the exchange's own number, stable for its life
    filled_value price times quantity over its executions, without the multiplier
    commission   charged so far
    bound        False for an order made by hand that no client took for its own: it is told with the number 0
    parent       permId of the order that this one is a child of; 0 without one
    released     how much of a child may trade, since so much of its parent is filled; None for all
    oca_group    the group that it takes part in, named by its client or, for a bracket's exits, after their parent
    met          True once its time has come and its conditions were true, or without either
    since        how many executions there were when its conditions began to be looked at
    elected      True once its stop was reached
    stop_price   where the stop of a trailing order stands now; None before it has a place
    parts        of an order for a group of accounts, what each of them has of it
    limit_offset how far the limit of a trailing limit order is off its stop; None before that has a place
    """

    request: Place
    perm_id: int
    status: str
    placed_at: datetime
    filled: Decimal = ZERO
    filled_value: Decimal = ZERO
    commission: Decimal = ZERO
    last_fill_price: Decimal = ZERO
    ended_at: datetime | None = None
    why_held: str = ""
    bound: bool = True
    parent: int = 0
    released: Decimal | None = None
    oca_group: str = ""
    oca_type: int = 0
    met: bool = True
    since: int = 0
    elected: bool = False
    stop_price: Decimal | None = None
    limit_offset: Decimal | None = None
    parts: tuple[Part, ...] = ()

    @property
    def key(self) -> tuple[int, int]:
        """Client id and order id, which together name it."""
        return (self.request.client_id, self.request.order_id)

    @property
    def number(self) -> int:
        """The order id that clients are told."""
        return self.request.order_id if self.bound else 0

    @property
    def remaining(self) -> Decimal:
        return self.request.total_quantity - self.filled

    @property
    def workable(self) -> Decimal:
        """What of the remaining may trade now."""
        return self.remaining if self.released is None else min(self.released - self.filled, self.remaining)

    @property
    def avg_fill_price(self) -> Decimal:
        return self.filled_value / self.filled if self.filled else ZERO

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOpened:
    """openOrder: the whole order as it stands."""

    at: datetime
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReported:
    """orderStatus: where it stands, without its terms."""

    at: datetime
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """execDetails: shares changed hands. ``side`` is BOT or SLD; ``cum_qty`` includes this execution.

    liquidation  True where the broker closed the position for want of margin
    """

    at: datetime
    client_id: int
    order_id: int
    perm_id: int
    order_ref: str
    exec_id: str
    account: str
    symbol: str
    side: str
    shares: Decimal
    price: Decimal
    cum_qty: Decimal
    avg_price: Decimal
    liquidation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReported:
    """commissionReport: what an execution cost. ``realized_pnl`` is None where it closed nothing."""

    at: datetime
    client_id: int
    exec_id: str
    commission: Decimal
    currency: str
    realized_pnl: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """errMsg about an order: a refusal, a warning, or the reason of an end; IBKR's codes say which."""

    at: datetime
    client_id: int
    order_id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What an order would do, without doing it. Margin of a cash account is the value of what it holds.

    margin  initial: what may be opened is looked at with it; maintenance is what keeping it needs
    """

    commission: Decimal
    currency: str
    margin_before: Decimal
    margin_after: Decimal
    maintenance_before: Decimal
    maintenance_after: Decimal
    equity_before: Decimal
    equity_after: Decimal
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingChanged:
    """A position changed, or cash came for it, without an execution: its account is told, and no client's orders."""

    at: datetime
    account: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """orderBound: client 0 took an order that was made by hand for its own, under a number of the API."""

    at: datetime
    order: Order


#: Nobody's number.
NO_CLIENT = -1

Notice = OrderOpened | StatusReported | Executed | CommissionReported | Refused | HoldingChanged | Bound


def client_of(notice: Notice) -> int:
    """Whose order the notice is about."""
    if isinstance(notice, OrderOpened | StatusReported | Bound):
        return notice.order.request.client_id
    if isinstance(notice, HoldingChanged):
        return NO_CLIENT
    return notice.client_id
