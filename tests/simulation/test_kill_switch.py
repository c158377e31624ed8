"""The kill switch is pulled at every step of simulated days, also with the journal away or the line to the broker cut.

After it nothing opens, whatever the strategy wants and however many days go by; FLATTEN closes everything as soon as
the market is open. What is held is read at the exchange, which knows nothing of our books.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.memory import MemoryCommands, MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.config import Given, build
from bursar.domain.events import (
    CommandReceived,
    Event,
    KillFinished,
    KillForm,
    KillOrdered,
    OrderPlaced,
    RearmRefused,
    TradingState,
)
from bursar.domain.market import Slice
from bursar.domain.orders import ApprovedOrder, Purpose
from bursar.errors import BrokerError, InputError
from bursar.gateway.exchange import Exchange
from bursar.ports import Command, History, Panel, Recorded
from bursar.research.climate import Barometer, Climate
from bursar.runtime import stage as stages
from bursar.runtime.loop import Loop
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage
from bursar.runtime.switch import Controls, Pulled, Switch
from tests.conftest import Evidence

#: The same lines many times over: other tests are measured, these are not.
pytestmark = pytest.mark.no_cover

#: Days in which the switch is pulled, and days that follow, so that closing and staying closed can be seen.
DAYS, AFTER = 5, 2
#: How many steps a trouble lasts.
TROUBLE_STEPS = 4
FIRST_DAYS = (date(2022, 1, 5), date(2022, 2, 14), date(2022, 3, 7), date(2022, 4, 18), date(2022, 6, 13))
MORE_DAYS = (date(2020, 2, 20), date(2020, 3, 12), date(2021, 1, 25), date(2018, 2, 1), date(2018, 12, 17))


@cache
def stage_of(home: Path, first: date) -> Stage:
    """Four stocks, one strategy, a look every hour: enough to hold something, and cheap."""
    said = {
        "schedule.monitor_minutes": 60,
        "market.watchlist": "AAPL, JPM, XOM, PFE",
        "models.selected_agents": "technical_analyst",
        "strategy.names": "confirmed_momentum",
    }
    settings = build({key: Given(value, "in a test") for key, value in said.items()})
    cash = Decimal(100_000)
    stage = stages.prepare(
        DemoRequest(days=DAYS + AFTER, first=first, seed=3, cash=cash, settings=settings, in_process=True, home=home)
    )
    # Every run has the same mornings: what the analysts say of one is worked out once.
    return replace(stage, heard={})


class Remembered(Barometer):
    """The climate of each morning, read once for all runs of a stage: they see the same closes."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[datetime, Climate] = {}

    def read(self, history: History, symbols: Sequence[str], closes: Panel, at: datetime) -> Climate:
        if at not in self.told:
            self.told[at] = super().read(history, symbols, closes, at)
        return self.told[at]


@cache
def barometer_of(first: date) -> Remembered:
    """The one of a stage."""
    return Remembered()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the prices are unpacked, once for all."""
    return tmp_path_factory.mktemp("shared")


class Away(MemoryJournal):
    """A journal whose database goes away and comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        if self.away:
            raise InputError("the database cannot be reached")
        return await super().append(events)


class Line:
    """Between us and the broker; it fails so many times."""

    cut = 0


class Cut(SimulatedBroker):
    """A broker behind a line that breaks, and breaks again when it is mended."""

    line = Line()

    def _try(self) -> None:
        if self.line.cut > 0:
            self.line.cut -= 1
            raise BrokerError("the line is cut", retryable=True)

    async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
        self._try()
        await super().place(approved, held=held)

    async def cancel(self, order_id: str) -> None:
        self._try()
        await super().cancel(order_id)


@dataclass
class World:
    """One run, its exchange, and the step at which it is stopped."""

    stage: Stage
    home: Path
    at: int
    form: KillForm
    trouble: str = ""

    def __post_init__(self) -> None:
        self.exchange = stages.exchange(self.stage)
        self.journal, self.switch = Away(), Switch(self.home)
        self.commands, self.line = MemoryCommands(), Line()
        self.steps, self.held, self.most = 0, dict[str, Decimal](), 0
        self.loop: Loop | None = None

    @property
    def quantities(self) -> dict[str, Decimal]:
        return dict(self.exchange.accounts["DU9000001"].quantities)

    def play(self) -> list[Event]:
        """Run to the end; a line that broke is found again by starting anew, as it is in use."""
        for _ in range(2 + TROUBLE_STEPS):
            try:
                asyncio.run(self._life().run())
            except BrokerError as error:
                if not error.retryable:
                    raise
            else:
                break
        return [recorded.event for recorded in self.journal.read()]

    def _life(self) -> Loop:
        broker = Cut(self.exchange, journal=[recorded.event for recorded in self.journal.read()])
        broker.line = self.line
        controls = Controls(switch=self.switch, commands=self.commands, reserve=self.home / "reserve.jsonl")
        self.loop = stages.loop(self.stage, Counted(self.exchange, broker, self), broker, self.journal, None, controls)
        self.loop.morning._barometer = barometer_of(self.stage.sessions[0].day)
        return self.loop

    def stepped(self) -> None:
        """Before a slice is looked at: pull the switch at the step, and let the trouble come and go."""
        self.steps += 1
        if self.steps == self.at:
            self.held = self.quantities
            self.switch.pull(Pulled(form=self.form, reason="a test", by="tests"))
            self.journal.away = self.trouble == "journal"
            self.line.cut = TROUBLE_STEPS if self.trouble == "line" else 0
        elif self.steps == self.at + TROUBLE_STEPS:
            self.journal.away = False
        if self.steps > self.at:
            grown = [s for s, quantity in self.quantities.items() if abs(quantity) > abs(self.held.get(s, Decimal(0)))]
            assert not grown, f"{grown} grew at step {self.steps} after the kill at {self.at}"
            self.held = self.quantities


class Counted(SimulatedFeed):
    """Tells the world of each slice."""

    def __init__(self, exchange: Exchange, broker: SimulatedBroker, world: World) -> None:
        super().__init__(exchange, broker)
        self.of = world

    async def __aiter__(self) -> AsyncIterator[Slice]:
        async for market in super().__aiter__():
            self.of.stepped()
            yield market


def check(world: World) -> None:
    """Play it, and see that nothing opened after the kill, and that what was to be closed is."""
    events = world.play()
    kinds = [event.kind for event in events]
    killed = next(number for number, event in enumerate(events) if isinstance(event, KillOrdered))
    after = [event.order for event in events[killed:] if isinstance(event, OrderPlaced)]
    assert not [order for order in after if order.opens], "an order that opens was placed after the kill"
    assert "kill_finished" in kinds
    assert world.loop is not None
    assert world.loop.engine.standing.state is TradingState.HALTED
    assert not [state for state in world.loop.engine.orders.working() if state.order.opens]
    assert not (world.home / "reserve.jsonl").exists()
    if world.form is KillForm.FLATTEN:
        assert world.quantities == {}
        assert not world.loop.engine.portfolio.positions
        assert {order.purpose for order in after} <= {Purpose.KILL, Purpose.EXIT}


def steps_of(stage: Stage, home: Path) -> int:
    """How many slices the days have in which the switch is pulled."""
    quiet = World(stage, home, at=10**9, form=KillForm.HALT)
    last = stage.sessions[DAYS - 1].close
    steps = 0
    instants = SimulatedFeed(quiet.exchange, SimulatedBroker(quiet.exchange))

    async def count() -> None:
        nonlocal steps
        async for market in instants:
            steps += market.at <= last

    asyncio.run(count())
    return steps


@pytest.mark.parametrize("first", FIRST_DAYS)
def test_flatten_at_every_step_closes_everything_and_nothing_opens_again(
    shared: Path, tmp_path: Path, first: date
) -> None:
    stage = stage_of(shared, first)
    for at in range(1, steps_of(stage, tmp_path) + 1):
        home = tmp_path / str(at)
        home.mkdir()
        check(World(stage, home, at, KillForm.FLATTEN))


@pytest.mark.parametrize("first", MORE_DAYS)
def test_halt_flatten_and_troubles_at_every_step_of_other_days(shared: Path, tmp_path: Path, first: date) -> None:
    stage = stage_of(shared, first)
    kinds = (
        (KillForm.FLATTEN, "journal"),
        (KillForm.FLATTEN, "line"),
        (KillForm.HALT, ""),
        (KillForm.HALT, "journal"),
    )
    for at in range(1, steps_of(stage, tmp_path) + 1):
        home = tmp_path / str(at)
        home.mkdir()
        form, trouble = kinds[at % len(kinds)]
        check(World(stage, home, at, form, trouble))


def test_a_halt_keeps_what_is_held(shared: Path, tmp_path: Path) -> None:
    world = World(stage_of(shared, date(2022, 1, 5)), tmp_path, at=25, form=KillForm.HALT)
    check(world)
    assert world.quantities


def test_a_kill_with_the_journal_away_is_written_down_and_journalled_later(shared: Path, tmp_path: Path) -> None:
    world = World(stage_of(shared, date(2022, 1, 5)), tmp_path, 25, KillForm.FLATTEN, trouble="journal")
    seen: list[str] = []

    def look() -> None:
        World.stepped(world)
        if (tmp_path / "reserve.jsonl").exists():
            seen.append((tmp_path / "reserve.jsonl").read_text())

    world.stepped = look  # type: ignore[method-assign]  # a look on top of it
    events = world.play()
    assert any('"kind":"kill_ordered"' in text for text in seen)
    assert any('"kind":"order_placed"' in text for text in seen)
    killed = [event.event_id for event in events if isinstance(event, KillOrdered)]
    assert len(killed) == 1
    assert world.quantities == {}


def test_without_a_kill_nothing_acts_while_the_journal_is_away_and_then_it_goes_on(
    shared: Path, tmp_path: Path
) -> None:
    world = World(stage_of(shared, date(2022, 1, 5)), tmp_path, at=10**9, form=KillForm.HALT)
    usual = World(stage_of(shared, date(2022, 1, 5)), tmp_path, at=10**9, form=KillForm.HALT)
    usual.play()

    def look() -> None:
        world.steps += 1
        world.journal.away = 30 <= world.steps < 33

    world.stepped = look  # type: ignore[method-assign]  # another trouble
    life = world._life()
    life.patient = True
    asyncio.run(life.run())
    assert world.quantities.keys() == usual.quantities.keys()
    impatient = World(stage_of(shared, date(2022, 1, 5)), tmp_path, at=10**9, form=KillForm.HALT)
    impatient.journal.away = True
    with pytest.raises(InputError, match="cannot be reached"):
        asyncio.run(impatient._life().run())


def command(world: World, number: str, name: str, **arguments: str) -> None:
    at = world.exchange.now
    world.commands.send(Command(command_id=number, name=name, arguments=arguments, by="ann", at=at))


def test_a_person_kills_by_command_with_the_journal_away_and_re_arms_with_a_reason(
    shared: Path, tmp_path: Path
) -> None:
    world = World(stage_of(shared, date(2022, 1, 5)), tmp_path, at=10**9, form=KillForm.HALT)

    def look() -> None:
        world.steps += 1
        if world.steps == 25:
            world.journal.away = True
            command(world, "1", "kill", form="flatten", reason="enough")
            command(world, "2", "rearm", reason="too early")
        if world.steps == 29:
            world.journal.away = False
            command(world, "3", "rearm", reason="")
            command(world, "4", "rearm", reason="the quotes were wrong")

    world.stepped = look  # type: ignore[method-assign]  # commands on top
    events = world.play()
    refusals = [event for event in events if isinstance(event, RearmRefused)]
    assert [event.reason.split(";")[0] for event in refusals] == [
        "what the kill was to close is not closed yet",
        "say why it may trade again: what happened, and what changed",
    ]
    finished = next(number for number, event in enumerate(events) if isinstance(event, KillFinished))
    again = [event for event in events[finished:] if isinstance(event, OrderPlaced) and event.order.opens]
    assert again, "the account trades again"
    assert [event.command for event in events if isinstance(event, CommandReceived)] == ["kill", *["rearm"] * 3]
    assert world.loop is not None
    assert world.loop.engine.standing.state is TradingState.ACTIVE


def test_the_file_is_taken_away_when_a_person_re_arms(shared: Path, tmp_path: Path) -> None:
    world = World(stage_of(shared, date(2022, 1, 5)), tmp_path, at=25, form=KillForm.HALT)

    def look() -> None:
        World.stepped(world)
        if world.steps == 30:
            command(world, "1", "rearm", reason="a drill")  # by the market's clock, and so long before the pull
        if world.steps == 33:
            assert world.switch.asked() is not None
            said = Command(
                command_id="2", name="rearm", arguments={"reason": "a drill"}, by="ann", at=datetime.now(UTC)
            )
            world.commands.send(said)
            world.at = 10**9

    world.stepped = look  # type: ignore[method-assign]  # a command on top
    events = world.play()
    (refused,) = [event for event in events if isinstance(event, RearmRefused)]
    assert refused.reason.startswith("the kill switch was pulled after this was asked for")
    assert world.switch.asked() is None
    assert world.loop is not None
    assert world.loop.engine.standing.state is TradingState.ACTIVE


@pytest.mark.prove
def test_a_thousand_days_of_kills_at_every_step(shared: Path, tmp_path: Path, evidence: Evidence) -> None:
    kinds = tuple((form, trouble) for form in KillForm for trouble in ("", "journal", "line"))
    calendar = ExchangeCalendar("XNYS", date(2010, 1, 1), date(2020, 12, 31))
    days = kills = 0
    for number in range(200):
        day = date(2010 + number // 20, 1 + number % 12, 1 + (7 * number) % 20)
        stage = stage_of(shared, calendar.sessions(day, day + timedelta(days=6))[0].day)
        for at in range(1, steps_of(stage, tmp_path) + 1):
            home = tmp_path / f"{number}-{at}"
            home.mkdir()
            check(World(stage, home, at, *kinds[(at + number) % len(kinds)]))
            kills += 1
        days += DAYS
    evidence(days=days, kills=kills, opened_after=0, left_open=0)
