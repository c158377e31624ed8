"""An order in IBKR's words, for the wire and in process: the kinds that are traded, and how they are called there."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from bursar.domain.orders import Order, OrderType, Side, TimeInForce
from bursar.errors import BrokerError

ORDER_TYPES = MappingProxyType({OrderType.MARKET: "MKT", OrderType.LIMIT: "LMT"})
TIMES_IN_FORCE = MappingProxyType({TimeInForce.DAY: "DAY", TimeInForce.GOOD_TILL_CANCELED: "GTC"})
ACTIONS = MappingProxyType({Side.BUY: "BUY", Side.SELL: "SELL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What is sent of an order besides its instrument and its numbers. ``limit_price`` is None for a market order."""

    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    time_in_force: str
    account: str
    reference: str


def ticket(order: Order) -> Ticket:
    """``order`` in IBKR's words. Raises BrokerError for a kind that is not traded yet."""
    if order.type not in ORDER_TYPES or order.time_in_force not in TIMES_IN_FORCE:
        raise BrokerError(
            f"{order.order_id}: the broker takes {' and '.join(ORDER_TYPES)} orders, {' or '.join(TIMES_IN_FORCE)}, "
            f"and not {order.type}, {order.time_in_force}"
        )
    return Ticket(
        action=ACTIONS[order.side],
        # Never with an exponent, which IBKR does not read: 1E+2 is 100.
        quantity=Decimal(format(order.quantity, "f")),
        order_type=ORDER_TYPES[order.type],
        limit_price=order.limit_price if order.type is OrderType.LIMIT else None,
        time_in_force=TIMES_IN_FORCE[order.time_in_force],
        account=order.account,
        reference=order.order_id,
    )
