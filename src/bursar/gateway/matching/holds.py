"""What working orders hold back of an account's cash and shares.

Of a group only one order can be filled whole, so that it holds back no more than its greediest member: the exits of a
bracket sell the same shares, and are asked for them once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from bursar.domain.instruments import Instrument
from bursar.gateway.account import Account
from bursar.gateway.checks import Refusal
from bursar.gateway.commands import Place
from bursar.gateway.credit import Credit
from bursar.gateway.matching.allocation import handed_out, views
from bursar.gateway.matching.orders import Orders
from bursar.gateway.matching.triggers import limit_of, stop_of
from bursar.gateway.notices import Order

#: What one order of a group stands for: shares of a symbol to sell, or money to buy.
Purse = tuple[str, str]


class Holds:
    """See the module."""

    def __init__(
        self, credit: Credit, accounts: Mapping[str, Account], orders: Orders, listed: Mapping[str, Instrument]
    ) -> None:
        self._listed = listed
        self._credit = credit
        self._accounts = accounts
        self._orders = orders
        self._holders: dict[Purse, int] = {}

    def hold(self, order: Order, day: date) -> None:
        """Let ``order``, and its group with it, hold back what may still be used, and nothing more once it ended."""
        if not order.oca_group:
            for view in views(order):
                self._hold(view, day)
            return
        account = self._accounts[order.request.account]
        account.release(order.perm_id)
        self._holders.pop(_purse(order), None)
        greediest: Order | None = None
        for each in self._orders.group(order.oca_group):
            if _purse(each) == _purse(order):
                account.release(each.perm_id)
                if greediest is None or self._needs(each) > self._needs(greediest):
                    greediest = each
        if greediest is not None:
            self._holders[_purse(order)] = greediest.perm_id
            self._hold(greediest, day)

    def refusal(self, order: Order, quantity: Decimal, day: date) -> Refusal | None:
        """Why its account cannot carry ``quantity`` of ``order``, besides what it or its group already holds."""
        besides = self._holders.get(_purse(order), order.perm_id) if order.oca_group else order.perm_id
        shares = handed_out(order, quantity, self._listed[order.request.symbol])
        for view, share in zip(views(order), shares, strict=True):
            account = self._accounts[view.request.account]
            refusal = self._credit.refusal(account, _priced(view), share, day, besides) if share else None
            if refusal:
                return refusal
        return None

    def _hold(self, order: Order, day: date) -> None:
        account = self._accounts[order.request.account]
        if not order.ended and order.workable <= 0:
            account.release(order.perm_id)
            return
        request = _priced(order)
        if order.released is not None:
            request = replace(request, total_quantity=order.filled + order.workable)
        self._credit.hold(account, order if request is order.request else replace(order, request=request), day)

    def _needs(self, order: Order) -> Decimal:
        if order.request.action == "SELL":
            return order.workable
        return self._credit.notional(_priced(order), order.workable)


def _purse(order: Order) -> Purse:
    return order.oca_group, order.request.symbol if order.request.action == "SELL" else ""


def _priced(order: Order) -> Place:
    """Its request with the price that it may come to: its limit, or where its stop is."""
    request = order.request
    if request.order_type in ("MKT", "LMT"):
        return request
    price = limit_of(order)
    if price is None and not order.elected:
        price = stop_of(order)
    return replace(request, lmt_price=price)
