"""What an order waits for before it works: that its time has come, and that its conditions hold.

Conditions are taken one after the other, each joined to what stands before it: ``a and b or c`` is ``(a and b) or c``.
What cannot be known yet does not hold.

    price, volume, change  of a symbol, at its last print and of the day so far
    time                   of the world
    margin                 the account's cushion, excess liquidity as a part of its equity, in percent
    execution              a trade of the symbol in the same account since the condition began to be looked at
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from bursar.gateway.account import Account
from bursar.gateway.checks import EXECUTION, MARGIN, PERCENT_CHANGE, PRICE, TIME, moment
from bursar.gateway.commands import Condition, Place
from bursar.gateway.credit import Credit
from bursar.gateway.history import History
from bursar.gateway.matching.deals import Deals
from bursar.gateway.matching.hours import Hours
from bursar.gateway.matching.market import Market
from bursar.gateway.notices import Order

HUNDRED = Decimal(100)


def gated(request: Place) -> bool:
    """True for an order that waits for a time, or for conditions."""
    return bool(request.good_after_time) or (bool(request.conditions) and not request.conditions_cancel_order)


class Gates:
    """See the module. Nothing here changes anything."""

    def __init__(
        self,
        hours: Hours,
        market: Market,
        history: History,
        credit: Credit,
        accounts: Mapping[str, Account],
        deals: Deals,
    ) -> None:
        self._hours = hours
        self._market = market
        self._history = history
        self._credit = credit
        self._accounts = accounts
        self._deals = deals

    def set(self, order: Order) -> Order:
        """``order`` before its gate, if it has one."""
        return replace(order, met=not gated(order.request), since=len(self._deals.all))

    def true(self, order: Order) -> bool:
        """True when the time of ``order`` has come and its conditions hold."""
        request, hours = order.request, self._hours
        if request.good_after_time and hours.now < moment(request.good_after_time):
            return False
        if not request.conditions:
            return True
        if not hours.open and not request.conditions_ignore_rth:
            return False
        held = self._holds(request.conditions[0], order)
        for before, condition in pairwise(request.conditions):
            this = self._holds(condition, order)
            held = (held and this) if before.conjunction == "a" else (held or this)
        return held

    def _holds(self, condition: Condition, order: Order) -> bool:
        if condition.kind == TIME:
            reached_at = moment(condition.value)
            return self._hours.now >= reached_at if condition.is_more else self._hours.now <= reached_at
        if condition.kind == EXECUTION:
            since = self._deals.all[order.since :]
            return any((each.symbol, each.account) == (condition.symbol, order.request.account) for each, _ in since)
        measured = self._measured(condition, order)
        if measured is None:
            return False
        bound = Decimal(condition.value)
        return measured >= bound if condition.is_more else measured <= bound

    def _measured(self, condition: Condition, order: Order) -> Decimal | None:
        if condition.kind == PRICE:
            return self._market.last(condition.symbol)
        if condition.kind == MARGIN:
            return self._credit.standing(self._accounts[order.request.account]).cushion * HUNDRED
        day = self._history.day(condition.symbol, self._hours.session, self._hours.now)
        if day is None:
            return None
        if condition.kind == PERCENT_CHANGE:
            return (day.last / day.previous_close - 1) * HUNDRED if day.previous_close else None
        return day.volume
