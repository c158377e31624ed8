"""Orders: what we want done, what the gate has approved, and every status that an order can have.

Statuses and transitions follow the FIX protocol's order state changes (FIX 4.4, appendix D); the
table below is the whole state machine, and ``trading/oms.py`` is the only reader of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bursar.errors import InputError


class Side(StrEnum):
    """Which way the shares go."""

    BUY = "buy"
    SELL = "sell"


class Effect(StrEnum):
    """What it does to the position: a sale that opens is a short, a purchase that closes is a cover."""

    OPEN = "open"
    CLOSE = "close"


class Purpose(StrEnum):
    """Why it exists. Exits, protection and kill are counted by limits and never blocked by them."""

    ENTRY = "entry"
    REDUCE = "reduce"
    EXIT = "exit"
    PROTECTION = "protection"
    KILL = "kill"


class OrderType(StrEnum):
    """How the price is decided."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAIL = "trail"
    TRAIL_LIMIT = "trail_limit"
    MARKET_ON_CLOSE = "market_on_close"
    LIMIT_ON_CLOSE = "limit_on_close"


class TimeInForce(StrEnum):
    """How long it works."""

    DAY = "day"
    GOOD_TILL_CANCELED = "good_till_canceled"
    GOOD_TILL_DATE = "good_till_date"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"
    AT_THE_OPENING = "at_the_opening"


#: The prices that each type of order needs.
PRICES_NEEDED: dict[OrderType, tuple[str, ...]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("limit_price", "stop_price"),
    OrderType.TRAIL: ("trail",),
    OrderType.TRAIL_LIMIT: ("trail", "limit_price"),
    OrderType.MARKET_ON_CLOSE: (),
    OrderType.LIMIT_ON_CLOSE: ("limit_price",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One intention to trade. Its id travels to the broker verbatim, so that it can be recognized.

    order_id   ``o-00000001``, counted per journal
    quantity   in shares or contracts, above zero; the side gives the sign
    trail      distance of a trailing stop, in price
    parent_id  the order whose fill activates this one
    oca_group  orders of one group cancel each other
    """

    order_id: str
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    portfolio: str = "main"
    strategy: str = ""
    effect: Effect = Effect.OPEN
    purpose: Purpose = Purpose.ENTRY
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    good_till: datetime | None = None
    parent_id: str | None = None
    oca_group: str | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.quantity.is_finite() or self.quantity <= 0:
            raise InputError(f"{self.order_id}: quantity of {self.symbol} is {self.quantity}; it must be above zero")
        for name in PRICES_NEEDED[self.type]:
            price: Decimal | None = getattr(self, name)
            if price is None or not price.is_finite() or price <= 0:
                raise InputError(f"{self.order_id}: a {self.type} order needs {name} above zero; it is {price}")
        if (self.time_in_force is TimeInForce.GOOD_TILL_DATE) != (self.good_till is not None):
            raise InputError(f"{self.order_id}: good_till goes with good_till_date, and only with it")

    @property
    def signed_quantity(self) -> Decimal:
        """Shares bought, negative when sold."""
        return self.quantity if self.side is Side.BUY else -self.quantity

    @property
    def opens(self) -> bool:
        """True when it adds exposure, long or short."""
        return self.effect is Effect.OPEN


def akin(order: Order, other: Order) -> bool:
    """True for parent and child, either way, and for children of one parent."""
    return (
        other.parent_id == order.order_id
        or order.parent_id == other.order_id
        or (order.parent_id is not None and order.parent_id == other.parent_id)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedOrder:
    """An order that passed the gate. Only ``risk/gate.py`` makes one; brokers take nothing else."""

    order: Order
    approval_id: str


class OrderStatus(StrEnum):
    """Where an order stands, in FIX's words. FLAGGED is ours: a person must look before anything moves."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FLAGGED = "flagged"


def execution_root(execution_id: str) -> str:
    """What an execution's id at IBKR has in common with those of its corrections: all but its last part."""
    return execution_id.rpartition(".")[0] or execution_id


def correction_number(execution_id: str) -> int:
    """The last part of an execution's id at IBKR, which counts its corrections; 0 where it is no number."""
    last = execution_id.rpartition(".")[2]
    return int(last) if last.isascii() and last.isdigit() else 0


#: Nothing more is expected of these, though a fill that raced the end is still booked.
FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})

_S = OrderStatus

#: From each status, what the kind of a journalled event leads to; a pair that is absent is a contradiction.
#: Three kinds are decided further by numbers, in ``trading/oms.py``: ``filled`` and ``fill_corrected`` by the
#: quantity left (FILLED when none is, FLAGGED when more came than was asked for), and an answer that leads to NEW
#: by what is known already (a request that is still unanswered, fills, whether the broker ever spoke of the order).
TRANSITIONS: dict[OrderStatus, dict[str, OrderStatus]] = {
    _S.PENDING_NEW: {
        "order_accepted": _S.NEW,
        "order_rejected": _S.REJECTED,
        "order_canceled": _S.CANCELED,
        "order_expired": _S.EXPIRED,
        "cancel_requested": _S.PENDING_CANCEL,
        "filled": _S.PARTIALLY_FILLED,
        "order_flagged": _S.FLAGGED,
    },
    _S.NEW: {
        "order_accepted": _S.NEW,
        "order_rejected": _S.REJECTED,
        "order_canceled": _S.CANCELED,
        "order_expired": _S.EXPIRED,
        "cancel_requested": _S.PENDING_CANCEL,
        "cancel_rejected": _S.NEW,
        "amend_requested": _S.PENDING_REPLACE,
        "filled": _S.PARTIALLY_FILLED,
        "fill_corrected": _S.NEW,
        "order_flagged": _S.FLAGGED,
    },
    _S.PARTIALLY_FILLED: {
        "order_accepted": _S.PARTIALLY_FILLED,
        "order_rejected": _S.REJECTED,
        "order_canceled": _S.CANCELED,
        "order_expired": _S.EXPIRED,
        "cancel_requested": _S.PENDING_CANCEL,
        "cancel_rejected": _S.PARTIALLY_FILLED,
        "amend_requested": _S.PENDING_REPLACE,
        "filled": _S.PARTIALLY_FILLED,
        "fill_corrected": _S.PARTIALLY_FILLED,
        "order_flagged": _S.FLAGGED,
    },
    # A cancellation overtakes a change that was asked for before it: both answers are still to come.
    _S.PENDING_CANCEL: {
        "order_accepted": _S.PENDING_CANCEL,
        "order_rejected": _S.REJECTED,
        "order_canceled": _S.CANCELED,
        "order_expired": _S.EXPIRED,
        "order_amended": _S.PENDING_CANCEL,
        "amend_rejected": _S.PENDING_CANCEL,
        "cancel_requested": _S.PENDING_CANCEL,
        "cancel_rejected": _S.NEW,
        "filled": _S.PENDING_CANCEL,
        "fill_corrected": _S.PENDING_CANCEL,
        "order_flagged": _S.FLAGGED,
    },
    _S.PENDING_REPLACE: {
        "order_accepted": _S.PENDING_REPLACE,
        "order_amended": _S.NEW,
        "amend_rejected": _S.NEW,
        "order_rejected": _S.REJECTED,
        "order_canceled": _S.CANCELED,
        "order_expired": _S.EXPIRED,
        "cancel_requested": _S.PENDING_CANCEL,
        "cancel_rejected": _S.PENDING_REPLACE,
        "filled": _S.PENDING_REPLACE,
        "fill_corrected": _S.PENDING_REPLACE,
        "order_flagged": _S.FLAGGED,
    },
    _S.FLAGGED: {
        "order_accepted": _S.NEW,
        "order_rejected": _S.REJECTED,
        "order_canceled": _S.CANCELED,
        "order_expired": _S.EXPIRED,
        "order_amended": _S.FLAGGED,
        "amend_rejected": _S.FLAGGED,
        "cancel_requested": _S.FLAGGED,
        "cancel_rejected": _S.FLAGGED,
        "filled": _S.FLAGGED,
        "fill_corrected": _S.FLAGGED,
        "order_flagged": _S.FLAGGED,
    },
    # A fill may race an end: it is booked, and the end stands unless the whole quantity is done.
    # One fill too many is booked as well, and a person must look. Of two ends that are told the first one stands.
    _S.FILLED: {
        "order_accepted": _S.FILLED,
        "order_canceled": _S.FILLED,
        "order_amended": _S.FILLED,
        "cancel_rejected": _S.FILLED,
        "amend_rejected": _S.FILLED,
        "filled": _S.FLAGGED,
        "fill_corrected": _S.FILLED,
        "order_flagged": _S.FLAGGED,
    },
    _S.CANCELED: {
        "order_canceled": _S.CANCELED,
        "order_expired": _S.CANCELED,
        "order_rejected": _S.CANCELED,
        "order_amended": _S.CANCELED,
        "cancel_rejected": _S.CANCELED,
        "amend_rejected": _S.CANCELED,
        "filled": _S.CANCELED,
        "fill_corrected": _S.CANCELED,
        "order_flagged": _S.FLAGGED,
    },
    _S.REJECTED: {
        "order_rejected": _S.REJECTED,
        "order_canceled": _S.REJECTED,
        "cancel_rejected": _S.REJECTED,
        "amend_rejected": _S.REJECTED,
        "filled": _S.FLAGGED,
        "fill_corrected": _S.FLAGGED,
        "order_flagged": _S.FLAGGED,
    },
    _S.EXPIRED: {
        "order_expired": _S.EXPIRED,
        "order_canceled": _S.EXPIRED,
        "cancel_rejected": _S.EXPIRED,
        "amend_rejected": _S.EXPIRED,
        "filled": _S.EXPIRED,
        "fill_corrected": _S.EXPIRED,
        "order_flagged": _S.FLAGGED,
    },
}
