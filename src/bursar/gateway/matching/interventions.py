"""What is done to orders from outside the market: by the broker, by a corporate action, by a fault on command."""

from __future__ import annotations

from dataclasses import replace

from bursar.gateway.commands import ByHand, Correct, Hit, Place
from bursar.gateway.liquidation import TWS
from bursar.gateway.matching import triggers
from bursar.gateway.matching.allocation import views
from bursar.gateway.matching.floor import Floor
from bursar.gateway.notices import SUBMITTED, Bound


def by_hand(floor: Floor, request: ByHand) -> None:
    """Take in an order that a person entered in TWS: it is client 0's, and bound at once where that asked for it."""
    floor.place(replace(request, client_id=TWS, order_id=floor.orders.next_manual_id))
    if floor.orders.auto_bind:
        bind(floor)


def bind(floor: Floor) -> None:
    """Give every working order that was made by hand a number of the API, and tell client 0."""
    for order in floor.orders.working:
        if not order.bound:
            bound = floor.orders.keep(replace(order, bound=True))
            floor.notices.append(Bound(at=floor.hours.now, order=bound))
            floor.report(bound)


def clear(floor: Floor, symbol: str, reason: str) -> None:
    """Take back every order in ``symbol``."""
    for order in floor.orders.working:
        if order.request.symbol == symbol and not floor.orders[order.perm_id].ended:
            floor.withdraw(floor.orders[order.perm_id], reason)


def close_out(floor: Floor, request: Place) -> None:
    """Do away with the orders of an account, and deal ``request`` in it at once: see ``liquidation``."""
    for order in floor.orders.working:
        accounts = {view.request.account for view in views(order)}
        if request.account in accounts and not floor.orders[order.perm_id].ended:
            floor.withdraw(floor.orders[order.perm_id], "Liquidation")
    order = floor.orders.keep(floor.orders.taken(request, SUBMITTED, floor.hours.now))
    floor.report(order)
    price = floor.market.price(request)
    assert price is not None, "only what can be dealt at is closed"
    floor.market.deal(request, request.total_quantity, price)
    floor.fill(order, request.total_quantity, price)


def hit(floor: Floor, command: Hit) -> None:
    """Fill so much of a working order at its limit, or where the market is; nothing while the market is shut."""
    order = floor.orders.known(command.client_id, command.order_id)
    if order is None or order.ended or order.workable <= 0 or not floor.hours.open:
        return
    price = triggers.limit_of(order) or floor.market.price(order.request)
    if price is not None:
        floor.fill(order, min(command.total_quantity, order.workable), price)


def correct(floor: Floor, command: Correct) -> None:
    """Take an execution back and tell it again as it stands from now on; nothing where there is none of that id."""
    deal = floor.deals.find(command.exec_id)
    if deal is None:
        return
    order, hours, before = floor.orders[deal[0].perm_id], floor.hours, deal[0].shares
    shares = before if command.shares is None else min(command.shares, before)
    order, (executed, report) = floor.deals.correct(
        order, deal, command.price, shares, at=hours.now, day=hours.session.day
    )
    floor.restate(order)
    floor.notices.append(executed)
    if shares != before:
        floor.report(order)
    floor.notices.append(report)
