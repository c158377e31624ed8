"""Parent orders: what a decision wanted to trade, worked in one piece or in many, and what the market was meanwhile.

A parent is approved whole before any of it is sent, under the id of its approval's order; its pieces are orders of
their own. What it cost against the moment of the decision is told by these and by the fills: ``trading/measuring.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bursar.domain.events.base import Event
from bursar.domain.orders import Effect, Purpose, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentBegun(Event, kind="parent_begun"):
    """A parent order is to be worked from now on.

    parent_id      of the order that was approved whole; an order that is sent at once is its own only piece
    route, reason  how it is worked, and why so
    ends           when what is left is sent at once
    decided_at, decided_price  when it was decided, and the middle of the market then
    bid, ask       of the market on arrival, now
    """

    parent_id: str
    portfolio: str
    strategy: str
    symbol: str
    side: Side
    quantity: Decimal
    effect: Effect
    purpose: Purpose
    route: str
    reason: str
    ends: datetime
    decided_at: datetime
    decided_price: Decimal
    bid: Decimal
    ask: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceSent(Event, kind="piece_sent"):
    """An order was placed for a part of a parent, in the same commit."""

    parent_id: str
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentEnded(Event, kind="parent_ended"):
    """Nothing more of a parent will be sent, and nothing of it works any more.

    price  the middle of the market now, at which what was not filled is valued
    """

    parent_id: str
    price: Decimal
    reason: str
