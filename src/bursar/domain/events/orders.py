"""Orders: what we asked of the broker, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bursar.domain.events.base import Event
from bursar.domain.money import ZERO, Money
from bursar.domain.orders import Order, Side
from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event, kind="order_placed"):
    """We are about to send this order. Committed before the first byte leaves."""

    order: Order

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.event_id != self.order.order_id:
            raise InputError(f"order {self.order.order_id} is journalled as {self.event_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted(Event, kind="order_accepted", version=2):
    """The broker has it. ``permanent_id`` is the broker's own number, stable over reconnects.

    number  under which we sent it: no later order may have one that is not above it, even when the broker's own
            count has gone back. 0 where nobody knows it (journals of version 1)
    """

    order_id: str
    permanent_id: int
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected(Event, kind="order_rejected"):
    """The broker refused it; nothing of it will trade any more."""

    order_id: str
    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Event, kind="cancel_requested"):
    """We are about to ask the broker to cancel."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRejected(Event, kind="cancel_rejected"):
    """The broker could not cancel: the order is done, or unknown."""

    order_id: str
    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled(Event, kind="order_canceled"):
    """The rest of the order will not trade."""

    order_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired(Event, kind="order_expired"):
    """Its time in force ran out."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRequested(Event, kind="amend_requested"):
    """We are about to ask the broker to change the order into this one, under the same id."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended(Event, kind="order_amended"):
    """The broker works the changed order."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRejected(Event, kind="amend_rejected"):
    """The broker would not change it; the order stands as it was."""

    order_id: str
    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFlagged(Event, kind="order_flagged"):
    """What became of the order cannot be known without a person; nothing moves on its symbol until then."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled(Event, kind="filled"):
    """The broker executed some or all of an order; execution and commission together.

    order_id      empty for a trade that was not ours (made in TWS, say)
    commission    what was paid for it, never negative; a rebate is a FeeCharged with a positive amount
    settles_on    the day on which cash and shares change hands
    traded_on     the day on the exchange's calendar; where it is not given, the day of ``at`` in UTC
    """

    order_id: str
    execution_id: str
    account: str
    portfolio: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Money
    settles_on: date | None = None
    strategy: str = ""
    traded_on: date | None = None

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.quantity <= ZERO or self.price < ZERO or self.commission.amount < ZERO:
            raise InputError(
                f"fill {self.execution_id} of {self.symbol}: quantity {self.quantity} must be above zero, "
                f"price {self.price} and commission {self.commission} not below"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCorrected(Event, kind="fill_corrected"):
    """The broker restated an execution. A quantity of zero busts it: it never happened.

    corrects  the execution that was restated, itself a correction or not
    The books are then those of a journal in which the first report had been right.
    """

    execution_id: str
    corrects: str
    quantity: Decimal
    price: Decimal
    commission: Money

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.quantity < ZERO or self.price < ZERO or self.commission.amount < ZERO:
            raise InputError(
                f"correction {self.execution_id}: quantity {self.quantity}, price {self.price} and commission "
                f"{self.commission} must not be below zero"
            )
