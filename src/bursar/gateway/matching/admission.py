"""Which requests are orders: they hold together, what they name exists, and they come in time.

Money and shares are looked at afterwards (``holds``).
"""

from __future__ import annotations

from collections.abc import Mapping

from bursar.domain.instruments import Instrument
from bursar.gateway.checks import (
    Refusal,
    bad_change,
    bad_condition,
    bad_request,
    invalid,
    parent_gone,
    too_late,
    too_late_for_the_auction,
)
from bursar.gateway.commands import Place
from bursar.gateway.matching import auctions
from bursar.gateway.matching.allocation import Allocation
from bursar.gateway.matching.hours import Hours
from bursar.gateway.matching.orders import Orders
from bursar.gateway.notices import Order

NO_CHANGE_OF_PARENT: Refusal = (10341, "Parent order id cannot be modified.")


class Admission:
    """See the module. Nothing here changes anything."""

    def __init__(
        self,
        listed: Mapping[str, Instrument],
        accounts: frozenset[str],
        currencies: tuple[str, ...],
        hours: Hours,
        orders: Orders,
        allocation: Allocation,
    ) -> None:
        self._listed = listed
        self._accounts = accounts
        self._currencies = currencies
        self._hours = hours
        self._orders = orders
        self._allocation = allocation

    def refusal(self, request: Place, known: Order | None) -> Refusal | None:
        """Why ``request`` is refused as a change of ``known``, or as a new order, before it becomes one."""
        refusal = bad_change(known, request) if known else self._orders.bad_number(request)
        return refusal or self.invalid(request, known.perm_id if known else 0)

    def invalid(self, request: Place, besides: int = 0) -> Refusal | None:
        """Why ``request`` is no order, whoever sends it; ``besides`` is the permId of the order that it changes."""
        accounts = self._accounts | {request.account} if request.fa_group else self._accounts
        refusal = bad_request(request, self._listed.get(request.symbol), accounts, self._currencies)
        if refusal is None and request.fa_group:
            refusal = self._allocation.refusal(request, besides)
        refusal = refusal or too_late(request, self._hours.now)
        for condition in request.conditions:
            refusal = refusal or bad_condition(condition, self._listed.__contains__)
        if refusal is None and request.parent_id:
            refusal = self._bad_parent(request)
        if refusal is None and request.oca_group:
            refusal = self._bad_group(request)
        return refusal

    def comes_late(self, order: Order, parent: Order | None) -> Refusal | None:
        """Why a valid ``order`` is refused at once: its parent is gone, or its auction takes no more."""
        if order.request.parent_id and (parent is None or parent.ended):
            return parent_gone()
        return too_late_for_the_auction() if self.bound_to_auction(order.request) else None

    def bound_to_auction(self, request: Place) -> bool:
        """True for an order of a closing auction whose cut-off is over."""
        instrument, hours = self._listed[request.symbol], self._hours
        return auctions.closes(request) and auctions.closing_is_full(instrument, hours.session, hours.now)

    def _bad_parent(self, request: Place) -> Refusal | None:
        number = (request.client_id, request.parent_id)
        known = self._orders.known(*number)
        parent = known.request if known else self._orders.parked(*number)
        if parent is None or request.parent_id == request.order_id:
            return 135, f"Can't find order with id ={request.parent_id}"
        if parent.account != request.account:
            return invalid("A child order and its parent must be of one account")
        before = self._orders.parked(request.client_id, request.order_id)
        return NO_CHANGE_OF_PARENT if before and before.parent_id != request.parent_id else None

    def _bad_group(self, request: Place) -> Refusal | None:
        members = [order.request for order in self._orders.group(request.oca_group)]
        members += [each for each in self._orders.untransmitted if each.oca_group == request.oca_group]
        if any(each.account != request.account for each in members):
            return invalid("All orders of an OCA group must be of one account")
        return None
