"""An order in IBKR's words, for the wire and in process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from bursar.domain.orders import Order, OrderType, Purpose, Side, TimeInForce

ORDER_TYPES = MappingProxyType(
    {
        OrderType.MARKET: "MKT",
        OrderType.LIMIT: "LMT",
        OrderType.STOP: "STP",
        OrderType.STOP_LIMIT: "STP LMT",
        OrderType.TRAIL: "TRAIL",
        OrderType.TRAIL_LIMIT: "TRAIL LIMIT",
        OrderType.MARKET_ON_CLOSE: "MOC",
        OrderType.LIMIT_ON_CLOSE: "LOC",
    }
)
TIMES_IN_FORCE = MappingProxyType(
    {
        TimeInForce.DAY: "DAY",
        TimeInForce.GOOD_TILL_CANCELED: "GTC",
        TimeInForce.GOOD_TILL_DATE: "GTD",
        TimeInForce.IMMEDIATE_OR_CANCEL: "IOC",
        TimeInForce.FILL_OR_KILL: "FOK",
        TimeInForce.AT_THE_OPENING: "OPG",
    }
)
ACTIONS = MappingProxyType({Side.BUY: "BUY", Side.SELL: "SELL"})

TRAILING = frozenset({OrderType.TRAIL, OrderType.TRAIL_LIMIT})
_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TRAIL_LIMIT, OrderType.LIMIT_ON_CLOSE})
_STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
#: How the orders of a group deal with each other: the first fill cancels the others, or takes as much from them. A
#: stop beside a target is reduced: canceled at the target's first share, it would leave the rest without a stop.
CANCEL_THE_OTHERS, REDUCE_THE_OTHERS = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What is sent of an order besides its instrument and its numbers. None and "" stand for what it does not have.

    aux_price         the price of a stop, or the distance of a trailing one
    trail_stop_price  where a trailing stop begins, if the order says so
    good_till         in UTC, as IBKR writes it: 20220103-21:00:00
    """

    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    aux_price: Decimal | None
    trail_stop_price: Decimal | None
    time_in_force: str
    good_till: str
    oca_group: str
    oca_type: int
    account: str
    reference: str


def ticket(order: Order) -> Ticket:
    """``order`` in IBKR's words."""
    return Ticket(
        action=ACTIONS[order.side],
        # Never with an exponent, which IBKR does not read: 1E+2 is 100.
        quantity=Decimal(format(order.quantity, "f")),
        order_type=ORDER_TYPES[order.type],
        limit_price=limit_price(order),
        aux_price=aux_price(order),
        trail_stop_price=order.stop_price if order.type in TRAILING else None,
        time_in_force=TIMES_IN_FORCE[order.time_in_force],
        good_till=_moment(order.good_till) if order.good_till else "",
        oca_group=order.oca_group or "",
        oca_type=_oca_type(order),
        account=order.account,
        reference=order.order_id,
    )


def _oca_type(order: Order) -> int:
    if not order.oca_group:
        return 0
    return REDUCE_THE_OTHERS if order.purpose is Purpose.PROTECTION else CANCEL_THE_OTHERS


def limit_price(order: Order) -> Decimal | None:
    """The limit of ``order``, if it is of a type that has one."""
    return order.limit_price if order.type in _LIMITED else None


def aux_price(order: Order) -> Decimal | None:
    """What IBKR calls auxPrice: the price of a stop, or the distance of a trailing one."""
    if order.type in TRAILING:
        return order.trail
    return order.stop_price if order.type in _STOPPED else None


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d-%H:%M:%S}"
