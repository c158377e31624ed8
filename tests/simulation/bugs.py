"""Bugs to plant, one at a time: each is a way in which systems like this one have lost money.

They are switches of the test harness: each replaces one function of the product for as long as it is planted, and the
product has none of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from bursar.adapters.ib_connection import Connection
from bursar.adapters.numbers import OrderNumbers
from bursar.adapters.reports import Reporter
from bursar.domain.events import Event, OrderCanceled
from bursar.errors import BrokerError
from bursar.risk import gate
from bursar.risk.rules import RULES, conduct
from bursar.runtime.loop import Loop
from bursar.trading import deciding
from bursar.trading.mandate import Step


@contextmanager
def send_before_journal() -> Iterator[None]:
    """An order leaves, and is written down afterwards."""

    async def take(self: Loop, step: Step) -> None:
        await self.cancel(step.cancels)
        await self.send(step.orders)
        await self.commit(step.events)
        if step.ask:
            await take(self, await self._asked(step.ask))

    with patch.object(Loop, "_take", take):
        yield


@contextmanager
def trust_cancelled() -> Iterator[None]:
    """An order counts as cancelled as soon as the client library calls it so: after 161, 10148 and 10349 too."""
    honest = Reporter.refused

    def refused(self: Reporter, order_id: str, *, at: datetime, code: int, text: str) -> tuple[Event, ...]:
        known = self._known.get(order_id)
        if code in (161, 10147, 10148, 10349) and known is not None and not known.ended:
            return self._said(
                [OrderCanceled(event_id=f"{order_id}/canceled", at=at, causes=(order_id,), order_id=order_id)]
            )
        return honest(self, order_id, at=at, code=code, text=text)

    with patch.object(Reporter, "refused", refused):
        yield


@contextmanager
def read_a_timeout_as_empty() -> Iterator[None]:
    """A list that did not come in time is taken for an empty one."""
    honest = Connection.answered

    async def answered(self: Connection, what: str, ask: Callable[[], Awaitable[Any]], *more: Any) -> Any:
        try:
            return await honest(self, what, ask, *more)
        except BrokerError as error:
            if "did not tell" in str(error) and what.startswith("its "):
                return []
            raise

    with patch.object(Connection, "answered", answered):
        yield


@contextmanager
def reuse_an_id_after_it_went_back() -> Iterator[None]:
    """Orders are numbered as the broker says, and nobody remembers how far it had counted."""

    def next_valid(self: OrderNumbers, number: int) -> None:
        self._next = number

    with (
        patch.object(OrderNumbers, "next_valid", next_valid),
        patch.object(OrderNumbers, "used", lambda self, number: None),
        patch.object(OrderNumbers, "recover", lambda self, events: None),
    ):
        yield


@contextmanager
def forget_a_partial_fill() -> Iterator[None]:
    """A fill that leaves something of its order is not booked: only the last one counts."""
    honest = Reporter.charged

    def charged(self: Reporter, execution_id: str, **more: Any) -> tuple[Event, ...]:
        execution = self._waiting.get(execution_id)
        known = self._known.get(execution.order_id) if execution else None
        if execution and known and execution.quantity < known.order.quantity - known.filled:
            del self._waiting[execution_id]
            return ()
        return honest(self, execution_id, **more)

    with patch.object(Reporter, "charged", charged):
        yield


@contextmanager
def sell_before_protection_has_shrunk() -> Iterator[None]:
    """What is sold goes at once, beside the stop and the target that rest for the same shares."""
    with (
        patch.object(deciding, "make_room", lambda desk, drafts: None),
        patch.object(gate, "RULES", tuple(rule for rule in RULES if rule is not conduct.closes_only_what_is_held)),
        patch.object(gate, "RULES_FOR_EXEMPT", ()),
    ):
        yield


Bug = Callable[[], Any]
BUGS: Mapping[str, Bug] = MappingProxyType(
    {
        "send before journal": send_before_journal,
        "trust Cancelled": trust_cancelled,
        "read a timeout as empty": read_a_timeout_as_empty,
        "reuse an id after it went back": reuse_an_id_after_it_went_back,
        "forget a partial fill": forget_a_partial_fill,
        "sell before protection has shrunk": sell_before_protection_has_shrunk,
    }
)
