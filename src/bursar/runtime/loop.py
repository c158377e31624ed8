"""The one loop: backtest, paper and live differ only in the feed, the broker and the journal it is given.

It starts by recovering, whether or not anything is there to recover. Then, for each slice of the market:
book what the broker reported, let the engine see, perform what is due, commit, and only then send. Nothing
acts on what is not in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from bursar.domain.accounts import AccountSnapshot
from bursar.domain.events import Event
from bursar.domain.orders import ApprovedOrder, akin
from bursar.errors import BrokerError
from bursar.ports import Broker, Feed, History, Journal, Recorded
from bursar.runtime.morning import Morning
from bursar.trading.agenda import Task
from bursar.trading.engine import Ask, Engine, Step


class Observer(Protocol):
    """Someone who watches: a progress bar, a report, a page. It cannot change anything."""

    def committed(self, recorded: Sequence[Recorded]) -> None: ...


@dataclass(slots=True, kw_only=True)
class Loop:
    """One engine and its world.

    history_days  how much history the morning's analysis is given
    beginning     what an empty journal begins with: the account, what can be traded, the first cash
    """

    engine: Engine
    feed: Feed
    broker: Broker
    journal: Journal
    history: History
    morning: Morning
    history_days: int = 320
    observers: list[Observer] = field(default_factory=list)
    beginning: Callable[[], Sequence[Event]] = tuple
    finished: Callable[[], bool] = lambda: False
    _refreshed: date | None = None

    async def run(self) -> None:
        """Work until the feed ends or ``finished`` says so. Starting is recovering: see ``_recover``."""
        snapshot: AccountSnapshot | None = await self._recover()
        async for market in self.feed:
            await self.commit(self.broker.reports())
            self.engine.see(market)
            self._refresh()
            if snapshot is not None:
                await self.commit(self.engine.reconcile(snapshot).events)
                await self._take(self.engine.resume())
                snapshot = None
            await self._take(self.engine.guard())
            for task in self.engine.due():
                await self._take(await self._perform(task))
            if self.finished():
                return

    async def _recover(self) -> AccountSnapshot:
        """Read the journal, interrogate the broker whole, and book what it has to say."""
        for recorded in self.journal.read():
            self.engine.absorb(recorded.event)
            self.morning.absorb(recorded.event)
        if not self.engine.started:
            await self.commit(self.beginning())
        snapshot = await self.broker.account()
        await self.commit(self.broker.reports())
        return snapshot

    async def commit(self, events: Sequence[Event]) -> None:
        """Write ``events`` together; what is new reaches the engine and those who watch."""
        if not events:
            return
        recorded = await self.journal.append(events)
        for each in recorded:
            self.engine.absorb(each.event)
            self.morning.absorb(each.event)
        for observer in self.observers:
            observer.committed(recorded)

    async def send(self, orders: Sequence[ApprovedOrder]) -> None:
        """Hand committed orders to the broker, in their order; a family works once all of it is there."""
        for number, sent in enumerate(orders, start=1):
            more = any(akin(sent.order, later.order) for later in orders[number:])
            await self.broker.place(sent, held=more)

    async def _take(self, step: Step) -> None:
        await self.commit(step.events)
        for order_id in step.cancels:
            await self.broker.cancel(order_id)
        await self.send(step.orders)
        if step.ask:
            await self._take(await self._asked(step.ask))

    async def _asked(self, ask: Ask) -> Step:
        """Ask the broker what orders would do, and go on with what it says."""
        try:
            previews = {order.order_id: await self.broker.preview(order) for order in ask.orders}
        except BrokerError as error:
            return self.engine.answer(ask, {}, refused=str(error))
        return self.engine.answer(ask, previews)

    async def _perform(self, task: Task) -> Step:
        if task is Task.ANALYZE:
            return self.engine.finish_analysis(await self.morning.hold(self.engine))
        return self.engine.perform(task)

    def _refresh(self) -> None:
        """Give the engine, once a session, the history as it was known before the session.

        It is asked for as of the time of the analysis, so that a restart at noon sees what the morning saw.
        """
        engine, session = self.engine, self.engine.session
        if session is None or session.day == self._refreshed:
            return
        known_at = engine.mandate.agenda.times(session)[Task.ANALYZE]
        if engine.market.at < known_at:
            return
        symbols = tuple(sorted(engine.market.instruments))
        engine.refresh(self.history.asof(symbols, "close", known_at, self.history_days))
        self._refreshed = session.day
