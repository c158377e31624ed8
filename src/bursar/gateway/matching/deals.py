"""Executions: each is charged, booked into its account, numbered, and told with its commission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.domain.sessions import settles_on
from bursar.gateway.account import Account
from bursar.gateway.credit import Credit
from bursar.gateway.liquidation import is_liquidation
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

    def book(self, order: Order, quantity: Decimal, price: Decimal, *, at: datetime, day: date) -> tuple[Order, Deal]:
        """Deal ``quantity`` of ``order``; return it as it now stands, and the execution.

        What an order costs is worked out for all that is filled of it, so that pieces cost no more than the whole.
        """
        request, account = order.request, self._accounts[order.request.account]
        filled, filled_value = order.filled + quantity, order.filled_value + quantity * price
        charged = self._credit.charge(account, request, filled, filled_value, day, besides=order.filled)
        commission = max(charged - order.commission, ZERO)
        realized = self._credit.book(
            account, request, quantity, price, commission, day=day, settles=settles_on(day, self._days)
        )
        done = filled == request.total_quantity
        order = replace(
            order,
            status=FILLED if done else SUBMITTED,
            filled=filled,
            filled_value=filled_value,
            commission=order.commission + commission,
            last_fill_price=price,
            ended_at=at if done else None,
        )
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
            cum_qty=filled,
            avg_price=order.avg_fill_price,
            liquidation=is_liquidation(request),
        )
        report = CommissionReported(
            at=at,
            client_id=request.client_id,
            exec_id=executed.exec_id,
            commission=commission,
            currency=self._credit.charged_in(account, request),
            realized_pnl=realized,
        )
        self.all.append((executed, report))
        return order, (executed, report)

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
        request, account = order.request, self._accounts[executed.account]
        filled = order.filled - executed.shares + shares
        value = order.filled_value - executed.shares * executed.price + shares * price
        commission = report.commission
        if shares != executed.shares:
            charged = (
                self._credit.charge(account, request, filled, value, day, besides=order.filled) if filled else ZERO
            )
            commission = max(charged - (order.commission - report.commission), ZERO)
        order = replace(
            order,
            filled=filled,
            filled_value=value,
            commission=order.commission - report.commission + commission,
        )
        root, _, revision = executed.exec_id.rpartition(".")
        exec_id = f"{root}.{int(revision) + 1:02d}"
        told = replace(
            executed, exec_id=exec_id, price=price, shares=shares, cum_qty=filled, avg_price=order.avg_fill_price
        )
        charges, settles = (report.commission, commission), settles_on(day, self._days)
        realized = self._credit.rebook(account, executed, told, charges, settles)
        corrected = told, replace(report, at=at, exec_id=exec_id, commission=commission, realized_pnl=realized)
        self.all[self.all.index(deal)] = corrected
        return order, corrected

    def _next_id(self) -> str:
        return f"0000e0d5.{(self._first + len(self.all)) % 2**32:08x}.01.01"
