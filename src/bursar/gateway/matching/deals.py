"""Executions: each is charged, booked into its account, numbered, and told with its commission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bursar.domain.money import ZERO
from bursar.domain.sessions import settles_on
from bursar.gateway.account import Account
from bursar.gateway.commands import Place
from bursar.gateway.credit import Credit
from bursar.gateway.liquidation import is_liquidation
from bursar.gateway.matching.allocation import handed_out, put_together, views
from bursar.gateway.matching.orders import number_of
from bursar.gateway.notices import FILLED, SUBMITTED, CommissionReported, Executed, Order
from bursar.gateway.world import World

#: An execution and what it cost.
Deal = tuple[Executed, CommissionReported]


class Deals:
    """See the module. ``all`` has every execution, oldest first."""

    def __init__(self, world: World, credit: Credit, accounts: Mapping[str, Account], seed: int) -> None:
        self._listed = world.listed
        self._days: Sequence[date] = world.days
        self._credit = credit
        self._accounts = accounts
        self._first = number_of(seed, "execId")
        self.all: list[Deal] = []

    def book(
        self, order: Order, quantity: Decimal, price: Decimal, *, at: datetime, day: date
    ) -> tuple[Order, tuple[Deal, ...]]:
        """Deal ``quantity`` of ``order``; return it as it now stands, and an execution for each account that gets some.

        What an order costs is worked out for all that is filled of it, so that pieces cost no more than the whole.
        """
        seen = list(views(order))
        deals: list[Deal] = []
        done = quantity == order.remaining
        stands: dict[str, Any] = {"status": FILLED if done else SUBMITTED, "last_fill_price": price}
        stands["ended_at"] = at if done else None
        for place, share in enumerate(handed_out(order, quantity, self._listed[order.request.symbol])):
            if not share:
                continue
            before = seen[place]
            after, commission, realized = self._charged(before, share, price, day, stands)
            seen[place] = after
            order = put_together(order, tuple(seen))
            deals.append(self._told(order, after.request, share, price, commission, realized, at))
        return replace(order, **stands) if order.parts else order, tuple(deals)

    def _charged(
        self, order: Order, quantity: Decimal, price: Decimal, day: date, stands: Mapping[str, Any]
    ) -> tuple[Order, Decimal, Decimal | None]:
        """``order``, of one account, after ``quantity`` of it; what that costs, and the profit that it realized.

        stands  what else is true of it then
        """
        request, account = order.request, self._accounts[order.request.account]
        filled, filled_value = order.filled + quantity, order.filled_value + quantity * price
        charged = self._credit.charge(account, request, filled, filled_value, day, besides=order.filled)
        commission = max(charged - order.commission, ZERO)
        realized = self._credit.book(
            account, request, quantity, price, commission, day=day, settles=self._settles(request.symbol, day)
        )
        total = order.commission + commission
        order = replace(order, filled=filled, filled_value=filled_value, commission=total, **stands)
        return order, commission, realized

    def _told(
        self,
        order: Order,
        request: Place,
        quantity: Decimal,
        price: Decimal,
        commission: Decimal,
        realized: Decimal | None,
        at: datetime,
    ) -> Deal:
        """The execution and its commission, of the account that ``request`` names."""
        executed = Executed(
            at=at,
            client_id=request.client_id,
            order_id=order.number,
            perm_id=order.perm_id,
            order_ref=request.order_ref,
            exec_id=self._next_id(),
            account=request.account,
            symbol=request.symbol,
            side="BOT" if request.action == "BUY" else "SLD",
            shares=quantity,
            price=price,
            cum_qty=order.filled,
            avg_price=order.avg_fill_price,
            liquidation=is_liquidation(request),
        )
        report = CommissionReported(
            at=at,
            client_id=request.client_id,
            exec_id=executed.exec_id,
            commission=commission,
            currency=self._credit.charged_in(self._accounts[request.account], request),
            realized_pnl=realized,
        )
        self.all.append((executed, report))
        return executed, report

    def find(self, exec_id: str) -> Deal | None:
        """The execution of this id, as it was last told."""
        return next((deal for deal in reversed(self.all) if deal[0].exec_id == exec_id), None)

    def correct(
        self, order: Order, deal: Deal, price: Decimal, shares: Decimal, *, at: datetime, day: date
    ) -> tuple[Order, Deal]:
        """Take ``deal``, of ``order``, back and do ``shares`` of it again at ``price``, which may be none.

        Returns the order and what stands instead: the same id but for its last part, which is one higher. What was
        charged stands as long as all shares do; otherwise the order is charged for what is left. An order that works
        works for what was taken back, too; one that has ended has ended.
        """
        executed, report = deal
        seen = list(views(order))
        place = next(place for place, each in enumerate(seen) if each.request.account == executed.account)
        seen[place], commission = self._recharged(seen[place], deal, price, shares, day)
        order = put_together(order, tuple(seen))
        root, _, revision = executed.exec_id.rpartition(".")
        exec_id = f"{root}.{int(revision) + 1:02d}"
        told = replace(
            executed, exec_id=exec_id, price=price, shares=shares, cum_qty=order.filled, avg_price=order.avg_fill_price
        )
        account, charges = self._accounts[executed.account], (report.commission, commission)
        realized = self._credit.rebook(account, executed, told, charges, self._settles(told.symbol, day))
        corrected = told, replace(report, at=at, exec_id=exec_id, commission=commission, realized_pnl=realized)
        self.all[self.all.index(deal)] = corrected
        return order, corrected

    def _settles(self, symbol: str, day: date) -> date:
        return settles_on(day, self._days, self._listed[symbol].exchange)

    def _recharged(self, order: Order, deal: Deal, price: Decimal, shares: Decimal, day: date) -> tuple[Order, Decimal]:
        """``order``, of one account, with ``deal`` as it is corrected, and what that is charged."""
        executed, report = deal
        filled = order.filled - executed.shares + shares
        value = order.filled_value - executed.shares * executed.price + shares * price
        commission = report.commission
        if shares != executed.shares:
            account = self._accounts[executed.account]
            charged = ZERO
            if filled:
                charged = self._credit.charge(account, order.request, filled, value, day, besides=order.filled)
            commission = max(charged - (order.commission - report.commission), ZERO)
        whole = order.commission - report.commission + commission
        return replace(order, filled=filled, filled_value=value, commission=whole), commission

    def _next_id(self) -> str:
        return f"0000e0d5.{(self._first + len(self.all)) % 2**32:08x}.01.01"
