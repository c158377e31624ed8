"""Every order that the exchange took, as it stands, and the numbers that it gives.

An order is known by its permId for ever, and by the number that its client gave it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from bursar.gateway.commands import Place
from bursar.gateway.notices import Order


class Orders:
    """See the module. ``keep`` is the only way in."""

    def __init__(self, seed: int) -> None:
        self._first_perm_id = 1_000_000_000 + number_of(seed, "permId") % 1_000_000_000
        self._taken = 0
        self._all: dict[tuple[int, int], Order] = {}
        self._working: dict[int, Order] = {}
        self._next_ids: dict[int, int] = {}
        self._next_manual_id = -1

    def known(self, client_id: int, order_id: int) -> Order | None:
        return self._all.get((client_id, order_id))

    @property
    def all(self) -> tuple[Order, ...]:
        """In the order in which they were placed."""
        return tuple(self._all.values())

    @property
    def working(self) -> tuple[Order, ...]:
        """Those that have not ended, oldest first."""
        return tuple(self._working.values())

    def next_id(self, client_id: int) -> int:
        """The lowest order id that ``client_id`` may use: above all that it has used."""
        return self._next_ids.get(client_id, 1)

    @property
    def next_manual_id(self) -> int:
        """The number of the next order that no client of the API makes: below zero, and below all such numbers."""
        return self._next_manual_id

    def taken(self, request: Place, status: str, at: datetime) -> Order:
        """A new order for ``request``, with a permId of its own; it is not kept yet."""
        order = Order(request=request, perm_id=self._first_perm_id + self._taken, status=status, placed_at=at)
        self._taken += 1
        self._next_ids[request.client_id] = max(self.next_id(request.client_id), request.order_id + 1)
        self._next_manual_id = min(self._next_manual_id, request.order_id - 1)
        return order

    def keep(self, order: Order) -> Order:
        """Let ``order`` be what it now is."""
        self._all[order.key] = order
        if order.ended:
            self._working.pop(order.perm_id, None)
        else:
            self._working[order.perm_id] = order
        return order

    def end(self, order: Order, status: str, at: datetime) -> Order:
        """Keep that nothing more of ``order`` will trade."""
        return self.keep(replace(order, status=status, ended_at=at))


def number_of(seed: int, what: str) -> int:
    """32 bits that depend on the seed alone."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{what}".encode(), digest_size=4).digest(), "big")
