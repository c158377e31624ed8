"""A broker of which only questions are asked: what an account that is observed, and a dry run, are given.

Nothing that could change the account passes, whatever the engine, a kill or a mistake may want: no order, no change,
no cancellation, and no preview either, which travels as an order that is marked not to work. What is turned away is
remembered, and said in words where it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bursar.domain.accounts import AccountSnapshot, Preview
from bursar.domain.events import Event, OrderCanceled
from bursar.domain.money import ZERO
from bursar.domain.orders import ApprovedOrder, Order
from bursar.errors import BrokerError
from bursar.ports import Broker


class Sealed:
    """Satisfies ``ports.Broker``: it answers what ``broker`` answers, and sends nothing.

    orders   that were to be placed
    changes  ids of orders that were to be changed or canceled
    """

    def __init__(self, broker: Broker, why: str = "the account is only observed (strategy.autonomy)") -> None:
        self._broker = broker
        self._why = why
        self.orders: list[Order] = []
        self.changes: list[str] = []

    async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
        del held
        self.orders.append(approved.order)
        raise self._refused(approved.order.order_id)

    async def amend(self, approved: ApprovedOrder) -> None:
        self.changes.append(approved.order.order_id)
        raise self._refused(approved.order.order_id)

    async def cancel(self, order_id: str) -> None:
        self.changes.append(order_id)
        raise self._refused(order_id)

    async def preview(self, order: Order) -> Preview:
        raise self._refused(order.order_id)

    def reports(self) -> tuple[Event, ...]:
        return self._broker.reports()

    async def account(self) -> AccountSnapshot:
        return await self._broker.account()

    def _refused(self, order_id: str) -> BrokerError:
        return BrokerError(f"{order_id}: nothing is sent, since {self._why}")


class Rehearsed(Sealed):
    """One that plays along where the way to an order leads through the broker, so that a dry run gets there.

    now    the time of the rehearsal
    asked  orders of which the broker would be asked first; here they are taken to be affordable
    """

    def __init__(self, broker: Broker, now: Callable[[], datetime]) -> None:
        super().__init__(broker, "this is a dry run")
        self._now = now
        self._canceled: list[Event] = []
        self.asked: list[Order] = []

    async def cancel(self, order_id: str) -> None:
        """Say that it is canceled, as protection is that makes room for a sale; at the broker it stays."""
        self.changes.append(order_id)
        self._canceled.append(
            OrderCanceled(
                event_id=f"{order_id}/rehearsed",
                at=self._now(),
                causes=(order_id,),
                order_id=order_id,
                reason="a dry run takes it for canceled",
            )
        )

    async def preview(self, order: Order) -> Preview:
        self.asked.append(order)
        return Preview(
            order=order, commission=ZERO, initial_margin_after=ZERO, maintenance_margin_after=ZERO, equity_after=ZERO
        )

    def reports(self) -> tuple[Event, ...]:
        canceled, self._canceled = tuple(self._canceled), []
        return *super().reports(), *canceled
