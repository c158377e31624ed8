"""The one loop: backtest, paper and live differ only in the feed, the broker and the journal it is given.

It starts by recovering, whether or not anything is there to recover. Then, for each slice of the market:
book what the broker reported, let the engine see, perform what is due, commit, and only then send. Nothing
acts on what is not in the journal.

Interrogating has two halves. At the end of one slice the broker is asked for the whole account; at the next, when all
that it reported until then is booked, the books are held against the answer. What seems to disagree is looked at a
second time before it counts, since over a wire the parts of an answer are not of one instant; until then nothing is
decided.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from bursar.domain.accounts import AccountSnapshot
from bursar.domain.events import (
    AmendRejected,
    BreakFound,
    CancelRejected,
    Event,
    OrderRejected,
    TradingState,
    TradingStateChanged,
)
from bursar.domain.market import Slice
from bursar.domain.orders import ApprovedOrder, akin
from bursar.errors import BrokerError, DataError
from bursar.ports import Broker, Command, Commands, Feed, History, Journal, Recorded
from bursar.runtime.morning import Morning
from bursar.runtime.reserve import JournalAwayError, Reserve
from bursar.runtime.switch import Switch
from bursar.runtime.watch import LineWatch
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine
from bursar.trading.exposure import next_reports
from bursar.trading.kill import Killer
from bursar.trading.mandate import Ask, Step
from bursar.trading.operator import REARM, SWITCH, obey, ordered, outdated, received
from bursar.trading.view import known_facts


class Observer(Protocol):
    """Someone who watches: a progress bar, a report, a page. It cannot change anything."""

    def committed(self, recorded: Sequence[Recorded]) -> None: ...


@dataclass(slots=True, kw_only=True)
class Loop:
    """One engine and its world.

    history_days   how much history the morning's analysis is given
    beginning      what an empty journal begins with: the account, what can be traded, the first cash
    compare_every  how often books and broker are compared while nothing is wrong
    watch          over the line to the broker, where there is one
    commands       the operators' inbox, looked at once a slice
    switch         the kill switch
    reserve        the file in which a kill is written down while the journal is away
    change         what becomes of the command to trade in another account; None where a run trades one
    patient        True to wait for a journal that went away, and obey the switch meanwhile, instead of ending
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
    compare_every: timedelta = timedelta(hours=1)
    watch: LineWatch | None = None
    _refreshed: date | None = None
    _compared: datetime | None = None
    _snapshot: AccountSnapshot | None = None
    _fresh: bool = True
    _unsent: frozenset[str] = frozenset()
    _looked_twice: bool = False
    commands: Commands | None = None
    switch: Switch | None = None
    reserve: Path | None = None
    change: Callable[[Command], Awaitable[object]] | None = None
    patient: bool = False
    _unwritten: list[Event] = field(default_factory=list)
    _inbox: list[Command] = field(default_factory=list)
    _handed: list[Command] = field(default_factory=list)
    _killer: Killer = field(init=False)

    def __post_init__(self) -> None:
        self._killer = Killer(self.engine)
        if self.reserve is not None:
            self.journal = Reserve(self.journal, self.reserve, self._stopping)

    async def run(self) -> None:
        """Work until the feed ends or ``finished`` says so. Starting is recovering."""
        await self.start()
        async for market in self.feed:
            try:
                await self.look(market)
            except JournalAwayError:
                # Nothing acts on what is not written. Whoever waits may still be told to close everything.
                if not self.patient:
                    raise
            if self.finished():
                return

    async def start(self) -> None:
        """Recover from the journal, or begin it, and ask the broker for everything."""
        for recorded in self.journal.read():
            self.engine.absorb(recorded.event)
            self.morning.absorb(recorded.event)
        if not self.engine.started:
            await self.commit(self.beginning())
        await self._interrogate()

    async def look(self, market: Slice) -> None:
        """One instant: book what was reported, look, do what operators ask, and then what is due."""
        self._inbox = [*self._handed, *self._sent()]
        await self._book()
        self.engine.see(market)
        self._refresh()
        await self.commit(self._switched())
        await self._obey()
        if self.watch is not None and await self._listen(self.watch, market):
            return
        if self._snapshot is not None and not await self._reconciled(self._snapshot):
            return
        if self._unsent and self.engine.trusts_the_line:
            # These and no others: what is sent over this connection may be on its way, and is never sent again.
            unsent, self._unsent = self._unsent, frozenset()
            await self._take(self.engine.resume(unsent))
        if self.finished():
            return
        await self._take(self.engine.guard())
        await self._take(self._killer.step())
        await self._take(self.engine.work())
        for task in self.engine.due():
            await self._take(await self._perform(task))
        await self._take(self.engine.pieces())
        if self.finished():
            return
        due = self._compared is None or market.at - self._compared >= self.compare_every
        if due and self.engine.may_ask:
            await self._interrogate()

    @property
    def reconciled(self) -> bool:
        """True once books and broker were held against each other."""
        return self._compared is not None

    # ------------------------------------------------------------ operators

    def hand(self, command: Command) -> None:
        """Give the run a command that is meant for it alone, and for none that shares its inbox."""
        self._handed.append(command)
        self._inbox.append(command)

    def _sent(self) -> tuple[Command, ...]:
        return self.commands.take(self.engine.mandate.account) if self.commands else ()

    def _stopping(self) -> bool:
        """True while a kill is in force or asked for."""
        asked = self.switch is not None and self.switch.asked() is not None
        return asked or self.engine.standing.kill is not None or any(each.name == "kill" for each in self._inbox)

    def _switched(self) -> tuple[Event, ...]:
        """What the kill switch asks for that is not in force yet."""
        pulled = self.switch.asked() if self.switch else None
        if pulled is None:
            return ()
        return ordered(self.engine, pulled.form, pulled.reason, pulled.by, everything=pulled.everything)

    async def _obey(self) -> None:
        """Do what operators sent, each of it once. What is not done stays, for the next look or the next process."""
        place = 0
        while place < len(self._inbox):
            command = self._inbox[place]
            place += 1
            if not await self._obeyed(command):
                continue
            if command in self._handed:
                self._handed.remove(command)
            elif self.commands is not None:
                self.commands.done(command)
        self._inbox = []

    async def _obeyed(self, command: Command) -> bool:
        """Do one of them; True once what it led to is journalled."""
        if command.name == SWITCH and self.change is not None:
            came = received(self.engine, command)
            await self.commit(came.events)
            name = f"command/{command.command_id}"
            if name not in self.engine.standing.answered:
                await self.change(command)
            return name in self.engine.standing.answered
        again = command.name == REARM and self.switch is not None and self.switch.since(command.at)
        step = outdated(self.engine, command) if again else obey(self.engine, command)
        await self._take(step)
        if self.switch and any(map(_rearms, step.events)):
            self.switch.clear()
        return True

    # ------------------------------------------------------------ books and broker

    async def _listen(self, watch: LineWatch, market: Slice) -> bool:
        """Take in how the line is, and do what it needs; True where the broker was away and is asked for all again."""
        session = self.engine.session
        heard = watch.slice(market, session_open=session is not None and session.contains(market.at))
        await self.commit(heard.events)
        if heard.resubscribe:
            await watch.resubscribe()
        if heard.interrogate:
            self._fresh = True
            await self._interrogate()
        return heard.interrogate

    async def _interrogate(self) -> None:
        """Ask the broker for everything. What it reports on the way is booked at once."""
        self._snapshot = await self.broker.account()
        await self._book()

    async def _book(self) -> None:
        """Commit what the broker reported, and what a person must look at because of it."""
        self._unwritten += self.broker.reports()
        await self.commit(self._unwritten)
        self._unwritten = []
        await self.commit(self.engine.contradictions().events)

    async def _reconciled(self, snapshot: AccountSnapshot) -> bool:
        """Hold the books against ``snapshot``; False where that asks for a second look first."""
        engine, fresh = self.engine, self._fresh
        if fresh:
            self._unsent = frozenset()
            await self.commit(engine.adopt(snapshot).events)
        step = engine.reconcile(snapshot, fresh=fresh, unsent=self._unsent)
        if not self._looked_twice and any(isinstance(event, BreakFound) for event in step.events):
            self._looked_twice = True
            await self._interrogate()
            return False
        self._snapshot, self._fresh, self._looked_twice = None, False, False
        self._compared = engine.market.at
        await self._take(step)
        await self.commit(engine.contradictions().events)
        if fresh:
            self._unsent = engine.unsent
        return True

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
        """Hand committed orders to the broker, in their order; a family works once all of it is there.

        What the broker does not even take is rejected.
        """
        families = any(sent.order.parent_id for sent in orders)
        for number, sent in enumerate(orders, start=1):
            more = families and any(akin(sent.order, later.order) for later in orders[number:])
            try:
                await self.broker.place(sent, held=more)
            except BrokerError as error:
                if error.retryable:
                    raise
                await self.commit([_not_taken(sent.order.order_id, self.engine.market.at, error)])

    async def cancel(self, order_ids: Sequence[str]) -> None:
        """Ask the broker to cancel. An order that it does not know cannot be canceled."""
        for order_id in order_ids:
            try:
                await self.broker.cancel(order_id)
            except BrokerError as error:
                if error.retryable:
                    raise
                await self.commit([self._not_canceled(order_id, error)])

    async def amend(self, orders: Sequence[ApprovedOrder]) -> None:
        """Ask the broker to change working orders. What it does not even take stays as it was."""
        for changed in orders:
            try:
                await self.broker.amend(changed)
            except BrokerError as error:
                if error.retryable:
                    raise
                await self.commit([self._not_amended(changed.order.order_id, error)])

    def _not_canceled(self, order_id: str, error: BrokerError) -> CancelRejected:
        return CancelRejected(
            event_id=self.engine.orders.next_name(order_id, "not_canceled"),
            at=self.engine.market.at,
            causes=(order_id,),
            order_id=order_id,
            code=error.code,
            message=str(error),
        )

    def _not_amended(self, order_id: str, error: BrokerError) -> AmendRejected:
        return AmendRejected(
            event_id=self.engine.orders.next_name(order_id, "not_amended"),
            at=self.engine.market.at,
            causes=(order_id,),
            order_id=order_id,
            code=error.code,
            message=str(error),
        )

    async def _take(self, step: Step) -> None:
        await self.commit(step.events)
        await self.cancel(step.cancels)
        await self.amend(step.amends)
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
        closes = self.history.asof(symbols, "close", known_at, self.history_days)
        facts = known_facts(self.history, symbols, engine.reads, known_at, self.history_days)
        engine.refresh(closes, self._earnings(symbols, known_at), facts)
        self._refreshed = session.day

    def _earnings(self, symbols: tuple[str, ...], known_at: datetime) -> dict[str, date]:
        """Who reports when, of those that have said so; nobody where the source has no such dates."""
        if "earnings_dates" in self.history.lacks() or "days_to_report" in self.history.lacks():
            return {}
        try:
            return next_reports(self.history.asof(symbols, "days_to_report", known_at, 1))
        except DataError:
            return {}  # a source of prices that does not even say that it lacks them


def _rearms(event: Event) -> bool:
    return isinstance(event, TradingStateChanged) and event.state is TradingState.ACTIVE


def _not_taken(order_id: str, at: datetime, error: BrokerError) -> OrderRejected:
    """An order that surely did not leave, as ``Broker.place`` promises."""
    return OrderRejected(
        event_id=f"{order_id}/not_taken",
        at=at,
        causes=(order_id,),
        order_id=order_id,
        code=error.code,
        message=str(error),
    )
