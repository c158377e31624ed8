"""Orders for a group of accounts: who gets how much, and what each of them sees of it.

An order for a group is one order at the exchange. When it is accepted each account has its part (``Part``); money is
looked at for each part, each fill is handed out over them, and each account books its own executions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from bursar.domain.instruments import Instrument
from bursar.domain.money import ZERO
from bursar.gateway.account import Account
from bursar.gateway.advisers import AVAILABLE, EQUAL, METHODS, NET_LIQUIDATION, SHARES, Advice, Group, shared_out
from bursar.gateway.checks import EXECUTION, MARGIN, Refusal, invalid
from bursar.gateway.commands import Place
from bursar.gateway.credit import Credit
from bursar.gateway.notices import Order, Part


class Allocation:
    """See the module. It reads ``advice``, which whoever owns it changes."""

    def __init__(
        self,
        advice: Advice,
        adviser: str,
        accounts: Mapping[str, Account],
        credit: Credit,
        listed: Mapping[str, Instrument],
    ) -> None:
        self._advice = advice
        self._adviser = adviser
        self._accounts = accounts
        self._credit = credit
        self._listed = listed

    def refusal(self, request: Place, besides: int = 0) -> Refusal | None:
        """Why ``request``, which is for a group, cannot be shared out; the order ``besides`` holds no shares back."""
        group = self._advice.groups.get(request.fa_group)
        if not self._adviser:
            return invalid("FA data operations ignored for non FA customers.")
        if request.account != self._adviser:
            return invalid(f"An order for a group is of the account {self._adviser}, not of {request.account}")
        if group is None:
            return invalid(f"Invalid group {request.fa_group!r}")
        method = request.fa_method or group.method
        lacks = (
            (method not in METHODS or (group.amounts is None) != _needs_none(method), f"the method {method}"),
            (bool(request.fa_percentage), "fa_percentage"),
            (bool(request.parent_id or request.oca_group), "brackets and OCA groups of a group of accounts"),
            (any(each.kind in (MARGIN, EXECUTION) for each in request.conditions), "its conditions for a group"),
        )
        for lacking, what in lacks:
            if lacking:
                return invalid(f"Not supported by this gateway: {what}")
        if method == SHARES and sum(group.amounts or (), ZERO) != request.total_quantity:
            return invalid(f"The shares of group {group.name!r} are not {request.total_quantity} together")
        if not any(weight > 0 for weight in self._weights(group, method)):
            return invalid(f"No account of group {group.name!r} has anything to share by")
        if request.action == "SELL":
            for part in self.parts(request):
                if part.shares > self._accounts[part.account].available_shares(request.symbol, besides):
                    return 201, f"Order rejected - reason:Account {part.account} holds too few shares for its part."
        return None

    def parts(self, request: Place) -> tuple[Part, ...]:
        """What each account gets of ``request``; none for an order of one account."""
        group = self._advice.groups.get(request.fa_group)
        if group is None:
            return ()
        weights = self._weights(group, request.fa_method or group.method)
        shares = shared_out(request.total_quantity, weights, self._listed[request.symbol].lot)
        pairs = zip(group.accounts, shares, strict=True)
        return tuple(Part(account=account, shares=each) for account, each in pairs if each)

    def _weights(self, group: Group, method: str) -> list[Decimal]:
        if method == EQUAL:
            return [Decimal(1)] * len(group.accounts)
        if method == NET_LIQUIDATION:
            return [self._credit.net_liquidation(self._accounts[each]) for each in group.accounts]
        if method == AVAILABLE:
            return [self._credit.available_cash(self._accounts[each]) for each in group.accounts]
        return list(group.amounts or ())


def views(order: Order) -> tuple[Order, ...]:
    """``order`` as each of its accounts sees it: its own part of it."""
    if not order.parts:
        return (order,)
    return tuple(_view(order, part) for part in order.parts)


def _view(order: Order, part: Part) -> Order:
    request = replace(order.request, account=part.account, total_quantity=part.shares)
    return replace(
        order,
        request=request,
        filled=part.filled,
        filled_value=part.filled_value,
        commission=part.commission,
        parts=(),
    )


def handed_out(order: Order, quantity: Decimal, instrument: Instrument) -> tuple[Decimal, ...]:
    """How much of ``quantity`` each of ``views(order)`` gets, in proportion to what it still waits for."""
    if not order.parts:
        return (quantity,)
    return shared_out(quantity, (part.shares - part.filled for part in order.parts), instrument.lot)


def put_together(order: Order, seen: tuple[Order, ...]) -> Order:
    """``order`` after its views became ``seen``."""
    if not order.parts:
        return seen[0]
    parts = tuple(
        replace(part, filled=each.filled, filled_value=each.filled_value, commission=each.commission)
        for part, each in zip(order.parts, seen, strict=True)
    )
    return replace(
        order,
        parts=parts,
        filled=sum((part.filled for part in parts), ZERO),
        filled_value=sum((part.filled_value for part in parts), ZERO),
        commission=sum((part.commission for part in parts), ZERO),
    )


def _needs_none(method: str) -> bool:
    return method in (EQUAL, NET_LIQUIDATION, AVAILABLE)
