"""What an account can carry: the price of an order, what it holds back, and why it is refused.

A cash account cannot owe: a purchase needs its money and a sale its shares, both net of what other working orders
hold back. Where shorts are allowed, cash worth 150 % of what is short stays blocked (Regulation T).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.gateway.account import SHORT_REQUIREMENT, Account
from bursar.gateway.checks import Refusal, no_money, no_shares
from bursar.gateway.commands import Place
from bursar.gateway.fees import FeeSchedule
from bursar.gateway.notices import Order, WhatIf
from bursar.gateway.world import World


class Credit:
    """Judges orders by the latest ``quotes``, which whoever owns them keeps up to date."""

    def __init__(self, world: World, fees: FeeSchedule, quotes: Mapping[str, Quote]) -> None:
        self._listed = world.listed
        self._fees = fees
        self._quotes = quotes

    def price(self, symbol: str) -> Decimal:
        """What a position of one in ``symbol`` is worth: its last print, times the multiplier; zero before any."""
        quote = self._quotes.get(symbol)
        return ((quote.last if quote else None) or ZERO) * self._listed[symbol].multiplier

    def worth(self, quantities: Mapping[str, Decimal]) -> Decimal:
        """Positions at their last prints, shorts below zero."""
        return sum((quantity * self.price(symbol) for symbol, quantity in quantities.items()), ZERO)

    def gross(self, quantities: Mapping[str, Decimal]) -> Decimal:
        """Positions at their last prints, shorts counted like longs."""
        return self.worth({symbol: abs(quantity) for symbol, quantity in quantities.items()})

    def net_liquidation(self, account: Account) -> Decimal:
        """Cash and positions at their last prints."""
        return account.cash + self.worth(account.quantities)

    def available_cash(self, account: Account, besides: int = 0) -> Decimal:
        """What a new order may use; the order with permId ``besides`` holds nothing back."""
        short = {symbol: -quantity for symbol, quantity in account.quantities.items() if quantity < 0}
        return account.cash - account.held_cash(besides) - SHORT_REQUIREMENT * self.worth(short)

    def notional(self, request: Place, quantity: Decimal) -> Decimal:
        """Money that ``quantity`` would change hands for, as far as is known: at its limit, else at the far side."""
        multiplier = self._listed[request.symbol].multiplier
        if request.lmt_price is not None:
            return quantity * request.lmt_price * multiplier
        quote = self._quotes.get(request.symbol)
        far = (quote.ask if request.action == "BUY" else quote.bid) if quote else None
        return quantity * (self.price(request.symbol) if far is None else far * multiplier)

    def commission(self, request: Place, quantity: Decimal, day: date) -> Decimal:
        """What trading ``quantity`` in one go would be charged."""
        return self._fees.charge(request.action, quantity, self.notional(request, quantity), day)

    def refusal(self, account: Account, request: Place, quantity: Decimal, day: date, perm_id: int) -> Refusal | None:
        """Why ``account`` cannot carry ``quantity`` of ``request``, besides what its order already holds."""
        available, notional = self.available_cash(account, perm_id), self.notional(request, quantity)
        if request.action == "BUY":
            cost = notional + self.commission(request, quantity, day)
            covered = min(quantity, max(-account.position(request.symbol).quantity, ZERO))
            needed = cost - SHORT_REQUIREMENT * self.worth({request.symbol: covered})
            # Who only covers a short makes things safer, and may do so with whatever cash there is.
            safer = covered == quantity and cost <= account.cash
            return None if safer or needed <= available else no_money(available, needed, account.currency)
        short = quantity - account.available_shares(request.symbol, perm_id)
        if short <= 0:
            return None
        if not account.shorts_allowed:
            return no_shares()
        # The proceeds stay blocked, so what must be there already is the half on top.
        needed = (SHORT_REQUIREMENT - 1) * notional * short / quantity
        return None if needed <= available else no_money(available, needed, account.currency)

    def hold(self, account: Account, order: Order, day: date) -> None:
        """Let ``order`` hold back what is left of it may use, and nothing once it ended."""
        request, left = order.request, order.remaining
        if order.ended:
            account.release(order.perm_id)
        elif request.action == "BUY":
            cash = self.notional(request, left) + self.commission(request, left, day)
            account.hold(order.perm_id, cash=cash)
        else:
            account.hold(order.perm_id, symbol=request.symbol, shares=left)

    def what_if(self, account: Account, request: Place, day: date) -> WhatIf:
        """What ``request`` would cost and leave."""
        before = account.quantities
        signed = request.total_quantity if request.action == "BUY" else -request.total_quantity
        after = {**before, request.symbol: before.get(request.symbol, ZERO) + signed}
        commission, equity = self.commission(request, request.total_quantity, day), self.net_liquidation(account)
        return WhatIf(
            commission=commission,
            currency=account.currency,
            margin_before=self.gross(before),
            margin_after=self.gross(after),
            equity_before=equity,
            equity_after=equity - commission,
        )
