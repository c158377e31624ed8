"""Every order that the exchange took, as it stands, and the numbers that it gives.

An order is known by its permId for ever, and by the number that its client gave it. What came without ``transmit``
is parked: it uses its number up, and is no order yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bursar.gateway.checks import Refusal
from bursar.gateway.commands import ByHand, Place
from bursar.gateway.matching.groups import family
from bursar.gateway.notices import Order


class Orders:
    """See the module. ``keep`` is the only way in."""

    def __init__(self, seed: int) -> None:
        self._first_perm_id = 1_000_000_000 + number_of(seed, "permId") % 1_000_000_000
        self._all: dict[int, Order] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self._working: dict[int, Order] = {}
        self._parked: dict[tuple[int, int], Place] = {}
        self._children: dict[int, list[int]] = {}
        self._groups: dict[str, list[int]] = {}
        self._next_ids: dict[int, int] = {}
        self._next_manual_id = -1
        self._taken = 0
        self.auto_bind = False

    # ------------------------------------------------------------ asked

    def __getitem__(self, perm_id: int) -> Order:
        """The order as it now stands."""
        return self._all[perm_id]

    def known(self, client_id: int, order_id: int) -> Order | None:
        """The order that a client calls so."""
        perm_id = self._numbers.get((client_id, order_id))
        return None if perm_id is None else self._all[perm_id]

    def parked(self, client_id: int, order_id: int) -> Place | None:
        """What a client sent under this number and has not transmitted."""
        return self._parked.get((client_id, order_id))

    @property
    def all(self) -> tuple[Order, ...]:
        """In the order in which they were placed."""
        return tuple(self._all.values())

    @property
    def working(self) -> tuple[Order, ...]:
        """Those that have not ended, oldest first."""
        return tuple(self._working.values())

    @property
    def any_parked(self) -> bool:
        return bool(self._parked)

    @property
    def untransmitted(self) -> tuple[Place, ...]:
        """What is parked, oldest first."""
        return tuple(self._parked.values())

    def children(self, parent: Order) -> tuple[Order, ...]:
        """Children of ``parent`` that have not ended."""
        return self._still_working(self._children.get(parent.perm_id, ()))

    def group(self, name: str) -> tuple[Order, ...]:
        """Orders of a group that have not ended."""
        return self._still_working(self._groups.get(name, ()))

    def next_id(self, client_id: int) -> int:
        """The lowest order id that ``client_id`` may use: above all that it has used."""
        return self._next_ids.get(client_id, 1)

    @property
    def next_manual_id(self) -> int:
        """The number of the next order that no client of the API makes: below zero, and below all such numbers."""
        return self._next_manual_id

    def bad_number(self, request: Place) -> Refusal | None:
        """Why a new order cannot be called as ``request`` is."""
        number = (request.client_id, request.order_id)
        if isinstance(request, ByHand):
            return None
        if request.order_id < self.next_id(request.client_id) and number not in self._parked:
            return 103, "Duplicate order id"
        return None

    # ------------------------------------------------------------ kept

    def park(self, request: Place) -> None:
        """Hold ``request`` back until one of its family is transmitted."""
        self._use(request)
        self._parked[request.client_id, request.order_id] = request

    def unpark(self, request: Place) -> tuple[Place, ...]:
        """Give up what was parked under the number of ``request``, and for its family, which are returned."""
        self._parked.pop((request.client_id, request.order_id), None)
        found = family(request, self._parked.values())
        for each in found:
            del self._parked[each.client_id, each.order_id]
        return found

    def taken(self, request: Place, status: str, at: datetime) -> Order:
        """A new order for ``request``, with a permId of its own; it is not kept yet."""
        order = Order(request=request, perm_id=self._first_perm_id + self._taken, status=status, placed_at=at)
        self._taken += 1
        self._next_manual_id = min(self._next_manual_id, request.order_id - 1)
        self._use(request)
        return order

    def keep(self, order: Order) -> Order:
        """Let ``order`` be what it now is."""
        perm_id = order.perm_id
        if perm_id not in self._all:
            self._numbers[order.key] = perm_id
            if order.parent:
                self._children.setdefault(order.parent, []).append(perm_id)
            if order.oca_group:
                self._groups.setdefault(order.oca_group, []).append(perm_id)
        self._all[perm_id] = order
        if order.ended:
            self._working.pop(perm_id, None)
        else:
            self._working[perm_id] = order
        return order

    def end(self, order: Order, status: str, at: datetime) -> Order:
        """Keep that nothing more of ``order`` will trade."""
        return self.keep(replace(order, status=status, why_held="", ended_at=at))

    def roll_back(self) -> None:
        """Forget the numbers of orders that ended: clients get them again."""
        standing = [*(order.request for order in self.working), *self.untransmitted]
        self._numbers = {order.key: order.perm_id for order in self.working}
        self._next_ids = {}
        for request in standing:
            self._use(request)

    def _use(self, request: Place) -> None:
        self._next_ids[request.client_id] = max(self.next_id(request.client_id), request.order_id + 1)

    def _still_working(self, perm_ids: Iterable[int]) -> tuple[Order, ...]:
        return tuple(self._working[perm_id] for perm_id in perm_ids if perm_id in self._working)


def number_of(seed: int, what: str) -> int:
    """32 bits that depend on the seed alone."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{what}".encode(), digest_size=4).digest(), "big")
