"""No command is lost and none is obeyed twice, wherever between its taking and its end the process dies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import delete

from bursar.adapters.inbox import FolderCommands
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.lease import StoreCommands
from bursar.adapters.store.tables import CommandRow
from bursar.domain.accounts import BrokerOrder
from bursar.domain.events import (
    CancelRequested,
    CommandReceived,
    Event,
    KillOrdered,
    OrderAccepted,
    TradingStateChanged,
)
from bursar.domain.orders import OrderStatus
from bursar.ports import Command, Commands, Recorded
from bursar.runtime.loop import Loop
from bursar.runtime.morning import Morning
from bursar.runtime.reserve import JournalAwayError
from bursar.trading.engine import Engine
from tests.builders import OPEN, SESSION
from tests.runtime.test_loop import BEGINNING, BEGUN, Minutes, Scripted, TwoDays, placed
from tests.trading.test_engine import Wants, fresh

COMMANDS = (
    Command(command_id="c", name="cancel", arguments={"order": "o-00000001"}, by="ann", at=OPEN),
    Command(command_id="k", name="kill", arguments={"form": "halt", "reason": "enough"}, by="ann", at=OPEN),
)
BEFORE = (
    *BEGINNING,
    *BEGUN,
    placed(),
    OrderAccepted(event_id="o-00000001/accepted", at=OPEN, order_id="o-00000001", permanent_id=7),
)
WORKING = BrokerOrder(
    order_id="o-00000001",
    permanent_id=7,
    symbol="AAPL",
    status=OrderStatus.NEW,
    filled=Decimal(0),
    remaining=Decimal(10),
)


class DiedError(BaseException):
    """Nobody catches it, as nobody catches kill -9."""


@dataclass
class Fate:
    """Counts the steps of a life, and ends it at one of them."""

    at: int
    steps: int = 0
    names: list[str] = field(default_factory=list)

    def step(self, name: str) -> None:
        self.steps += 1
        self.names.append(name)
        if self.steps == self.at:
            raise DiedError(name)


@dataclass
class Inbox:
    """An inbox around which one may die."""

    inner: Commands
    fate: Fate

    def send(self, command: Command) -> None:
        self.inner.send(command)

    def take(self, account: str = "") -> tuple[Command, ...]:
        taken = self.inner.take(account)
        if taken:
            self.fate.step("taken")
        return taken

    def done(self, command: Command) -> None:
        self.fate.step("obeyed")
        self.inner.done(command)
        self.fate.step("done")


class Disk(MemoryJournal):
    fate = Fate(0)
    away = 0

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        about = any(isinstance(event, CommandReceived) for event in events)
        if about and self.away:
            self.away -= 1
            raise JournalAwayError("the disk is full")
        if about:
            self.fate.step("to be written")
        recorded = await super().append(events)
        if about:
            self.fate.step("written")
        return recorded


class Line(Scripted):
    fate = Fate(0)

    async def cancel(self, order_id: str) -> None:
        self.fate.step("to be sent")
        await super().cancel(order_id)
        self.fate.step("sent")


def folder(place: Path) -> Iterator[Callable[[], Commands]]:
    yield lambda: FolderCommands(place / "commands")


def database(place: Path) -> Iterator[Callable[[], Commands]]:
    engine = connect(sqlite_url(place / "store.db"))
    migrate(engine)
    fences = iter(range(1, 1_000))

    def made() -> Commands:
        number = next(fences)
        return StoreCommands(engine, holder=f"life {number}", fence=number)

    yield made
    engine.dispose()


def live(journal: Disk, broker: Line, inbox: Commands, fate: Fate) -> None:
    """One life of the loop, which may end early."""
    journal.fate = broker.fate = fate
    seed = fresh()
    loop = Loop(
        engine=Engine(seed.mandate, Wants(weights=()), seed.market, [SESSION]),
        feed=Minutes(2),
        broker=broker,
        journal=journal,
        history=TwoDays(),
        morning=Morning(analysts=(), history=TwoDays()),
        commands=Inbox(inbox, fate),
        patient=True,
    )
    asyncio.run(loop.run())


def check(journal: Disk, broker: Line, inbox: Commands) -> None:
    events = [recorded.event for recorded in journal.read()]
    kinds = Counter(type(event) for event in events)
    assert [event.event_id for event in events if isinstance(event, CommandReceived)] == ["command/c", "command/k"]
    assert (kinds[CancelRequested], kinds[KillOrdered], kinds[TradingStateChanged]) == (1, 1, 1)
    assert broker.sent
    assert set(broker.sent) == {"o-00000001"}
    assert inbox.take() == ()


@pytest.mark.parametrize("kind", [folder, database])
def test_whoever_dies_between_a_command_and_its_end_leaves_it_to_the_next(
    kind: Callable[[Path], Iterator[Callable[[], Commands]]], tmp_path: Path
) -> None:
    for made in kind(tmp_path):
        died: list[str] = []
        for at in range(1, 100):
            journal, broker, fate = Disk(), Line([{}]), Fate(at)
            broker.working = (WORKING,)
            asyncio.run(journal.append(BEFORE))
            first = made()
            for command in COMMANDS:
                first.send(command)
            try:
                live(journal, broker, first, fate)
            except DiedError as death:
                died.append(str(death))
                live(journal, broker, made(), Fate(0))
            check(journal, broker, made())
            if fate.steps < at:
                break
            _forget(first)
        assert died == [
            *("taken", "to be written", "written", "to be sent", "sent", "obeyed", "done"),
            *("to be written", "written", "obeyed", "done"),
            *("to be sent", "sent"),  # the broker lists the order still, so it is asked again
        ]


def _forget(inbox: Commands) -> None:
    if isinstance(inbox, StoreCommands):
        with inbox._engine.begin() as connection:
            connection.execute(delete(CommandRow))


@pytest.mark.parametrize("kind", [folder, database])
def test_a_command_for_another_account_is_left_to_whoever_trades_that_one(
    kind: Callable[[Path], Iterator[Callable[[], Commands]]], tmp_path: Path
) -> None:
    theirs, ours = replace(COMMANDS[1], account="DU9000002"), replace(COMMANDS[0], account="DU9000001")
    for made in kind(tmp_path):
        journal, broker, inbox = Disk(), Line([{}]), made()
        broker.working = (WORKING,)
        asyncio.run(journal.append(BEFORE))
        for command in (theirs, ours):
            inbox.send(command)
        live(journal, broker, made(), Fate(0))
        events = [recorded.event for recorded in journal.read()]
        assert [event.event_id for event in events if isinstance(event, CommandReceived)] == ["command/c"]
        assert not any(isinstance(event, KillOrdered) for event in events)
        assert made().take() == (theirs,)


def test_a_command_that_came_while_the_journal_was_away_is_obeyed_when_it_is_back(tmp_path: Path) -> None:
    journal, broker, inbox = Disk(), Line([{}]), FolderCommands(tmp_path)
    broker.working = (WORKING,)
    asyncio.run(journal.append(BEFORE))
    inbox.send(COMMANDS[0])
    journal.away = 1
    live(journal, broker, inbox, Fate(0))
    assert set(broker.sent) == {"o-00000001"}
    assert inbox.take() == ()
