"""Changing accounts while trading: validated first, journalled in both, and the old one left without open entries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

from bursar.adapters.memory import MemoryCommands, MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.config import Given, build
from bursar.config.accounts import AccountProfile
from bursar.config.risk import Risk
from bursar.domain.accounts import AccountSnapshot
from bursar.domain.events import (
    AccountSwitched,
    CommandReceived,
    Event,
    KillFinished,
    KillForm,
    KillOrdered,
    OrderPlaced,
    PositionAdopted,
    SwitchRefused,
    TradingState,
    TradingStateChanged,
)
from bursar.domain.market import Slice
from bursar.domain.money import Money
from bursar.errors import InputError
from bursar.gateway.exchange import Exchange
from bursar.ports import Command
from bursar.runtime import stage as stages
from bursar.runtime.door import Admitted, admit
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage
from bursar.runtime.switch import Controls, Pulled, Switch
from bursar.runtime.trader import Seat, Trader
from tests.builders import order
from tests.trading.test_promises import completed

PROFILES = {
    "first": AccountProfile(account_id="DU9000001"),
    "second": AccountProfile(account_id="DU9000002", client_id=2),
    "stranger": AccountProfile(account_id="DU9000003", client_id=3),
    "margin": AccountProfile(account_id="DU9000002", client_id=4, risk=Risk(leverage_max=Decimal(2))),
    "savings": AccountProfile(account_id="U7654321", mode="live", port=7496, notional_per_day_max=Decimal(1)),
}


@cache
def stage_of(home: Path, account: str) -> Stage:
    said = {
        "account.account_id": account,
        "schedule.monitor_minutes": 60,
        "market.watchlist": "AAPL, JPM, XOM, PFE",
        "models.selected_agents": "technical_analyst",
        "strategy.names": "confirmed_momentum",
    }
    settings = build({key: Given(value, "in a test") for key, value in said.items()})
    request = DemoRequest(
        days=3, first=date(2022, 1, 5), seed=3, cash=Decimal(100_000), settings=settings, in_process=True, home=home
    )
    return stages.prepare(request)


class Answering(SimulatedBroker):
    """A broker that may answer for another account, or tell no equity."""

    says: str = ""
    poor = False

    async def account(self) -> AccountSnapshot:
        snapshot = await super().account()
        snapshot = replace(snapshot, account=self.says) if self.says else snapshot
        return replace(snapshot, equity=None) if self.poor else snapshot


class Told(SimulatedFeed):
    """Runs what a test wants done at a step."""

    def __init__(self, exchange: Exchange, broker: SimulatedBroker, house: House, name: str) -> None:
        super().__init__(exchange, broker)
        self.house, self.name = house, name

    async def __aiter__(self) -> AsyncIterator[Slice]:
        async for market in super().__aiter__():
            await self.house.stepped(self.name)
            yield market


@dataclass(slots=True, kw_only=True)
class Closing(Seat):
    """A seat that tells when it is closed."""

    house: House

    async def close(self) -> None:
        self.house.closed.append(self.name)


class House:
    """Two accounts at one broker, each with its own journal, and a trader in one of them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.journals = {name: MemoryJournal() for name in PROFILES}
        self.exchanges: dict[str, Exchange] = {}
        self.closed: list[str] = []
        self.sent: dict[int, Command] = {}
        self.steps, self.at = 0, dict[int, tuple[str, str, str]]()
        self.refused: list[SwitchRefused] = []
        self.says, self.poor = "", False
        self.trader = Trader(PROFILES, self.sit)

    async def sit(self, admitted: Admitted, profile: AccountProfile) -> Seat:
        name = admitted.name
        account = profile.account_id if profile.account_id.startswith("DU9") else "DU9000009"
        stage = stage_of(self.home, account)
        exchange = self.exchanges.setdefault(name, stages.exchange(stage))
        broker = Answering(exchange, journal=[recorded.event for recorded in self.journals[name].read()])
        broker.says, broker.poor = ("DU9999999", False) if name == "stranger" else ("", self.poor)
        controls = Controls(
            switch=Switch(self.home), commands=MemoryCommands(), reserve=self.home / f"{name}.reserve.jsonl"
        )
        feed = Told(exchange, broker, self, name)
        return Closing(
            house=self,
            name=name,
            profile=profile,
            loop=stages.loop(stage, feed, broker, self.journals[name], None, controls),
        )

    async def stepped(self, _name: str) -> None:
        self.steps += 1
        if self.steps in self.sent and self.trader.seat is not None:
            self.trader.seat.loop.hand(self.sent[self.steps])
        if self.steps in self.at:
            name, reason, typed = self.at[self.steps]
            answer = await self.trader.change(name, by="ann", reason=reason, typed=typed)
            if isinstance(answer, SwitchRefused):
                self.refused.append(answer)

    def play(self) -> None:
        asyncio.run(self.trader.run("first"))

    def events(self, name: str) -> list[Event]:
        return [recorded.event for recorded in self.journals[name].read()]


def only(events: list[Event], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_a_change_is_journalled_in_both_accounts_and_the_old_one_opens_nothing_more(shared: Path) -> None:
    house = House(shared)
    house.at[14] = ("second", "the practice is over", "")
    house.play()
    old, new = house.events("first"), house.events("second")
    (left,), (taken,) = only(old, AccountSwitched), only(new, AccountSwitched)
    assert left == taken
    assert isinstance(left, AccountSwitched)
    assert (left.account, left.to, left.by, left.reason) == (
        "DU9000001",
        "DU9000002",
        "ann",
        "the practice is over",
    )
    assert only(old, KillFinished)
    halted = next(n for n, event in enumerate(old) if isinstance(event, TradingStateChanged))
    assert not [event for event in old[halted:] if isinstance(event, OrderPlaced)]
    assert house.exchanges["first"].accounts["DU9000001"].quantities, "what was held stays"
    assert {event.order.account for event in new if isinstance(event, OrderPlaced)} == {"DU9000002"}
    assert house.trader.seat is not None
    assert house.trader.seat.name == "second"


def test_who_comes_back_finds_the_account_as_it_was_left_and_trades_on(shared: Path) -> None:
    house = House(shared)
    house.at = {14: ("second", "a look elsewhere", ""), 18: ("first", "back again", "")}
    house.play()
    states = [event.state for event in house.events("first") if isinstance(event, TradingStateChanged)]
    assert states == [TradingState.HALTED, TradingState.ACTIVE]
    assert len(only(house.events("first"), AccountSwitched)) == 2
    assert len(only(house.events("second"), AccountSwitched)) == 2
    assert house.trader.seat is not None
    assert house.trader.seat.name == "first"


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("nobody", "why not", "there is no account 'nobody'"),
        ("second", "  ", "say why another account"),
        ("first", "again", "is traded already"),
        ("stranger", "try it", "account DU9999999 answered"),
        ("margin", "more of it", "a cash account"),
        ("savings", "for real", "type exactly: trade real money in U7654321"),
    ],
)
def test_a_change_that_does_not_agree_is_refused_journalled_and_changes_nothing(
    shared: Path, name: str, reason: str, words: str
) -> None:
    house = House(shared)
    house.at[14] = (name, reason, "")
    house.play()
    assert words in house.refused[0].why
    (refused,) = only(house.events("first"), SwitchRefused)
    assert isinstance(refused, SwitchRefused)
    assert (refused.to, refused.why, refused.by) == (name, house.refused[0].why, "ann")
    assert not only(house.events("first"), TradingStateChanged)
    assert house.trader.seat is not None
    assert house.trader.seat.name == "first"


def test_a_live_account_behind_which_another_answers_is_refused_even_with_the_phrase(shared: Path) -> None:
    house = House(shared)
    house.at[14] = ("savings", "for real", "trade real money in U7654321")
    house.play()
    assert "DU9000009 answered behind port 7496, and U7654321 was named" in house.refused[0].why


def test_an_account_without_equity_and_a_second_change_on_the_way_are_refused(shared: Path) -> None:
    house = House(shared)
    house.at = {14: ("second", "now", "")}
    house.poor = True
    with pytest.raises(InputError, match="start with one"):
        asyncio.run(house.trader.change("second", by="ann", reason="now"))
    house.play()
    assert "tells no equity" in house.refused[0].why


def asked(reason: str = "over the API") -> Command:
    said = {"account": "second", "reason": reason, "phrase": ""}
    return Command(command_id="c-1", name="switch", arguments=said, by="bob", at=datetime(2022, 1, 5, tzinfo=UTC))


def test_a_command_changes_the_account_once_and_nothing_that_was_typed_is_kept(shared: Path) -> None:
    house = House(shared)
    house.sent = {14: asked(), 16: asked()}  # sent twice, as over a line that broke
    house.play()
    (left,) = only(house.events("first"), AccountSwitched)
    assert isinstance(left, AccountSwitched)
    assert (left.to, left.by, left.reason) == ("DU9000002", "bob", "over the API")
    assert left in house.events("second")
    (came,) = [each for each in house.events("first") if isinstance(each, CommandReceived) and each.command == "switch"]
    assert came.arguments == {"account": "second", "reason": "over the API"}
    assert house.closed == ["first", "second"]


def test_a_change_that_was_asked_for_before_a_death_is_made_by_the_next_process(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(shared)
    house.sent = {14: asked()}

    async def dies(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(house.trader, "_validated", dies)
    with pytest.raises(SystemExit):
        house.play()
    again = House(shared)
    again.journals, again.exchanges = house.journals, house.exchanges
    again.sent = {1: asked()}  # as the inbox has it still
    again.play()
    (left,) = only(again.events("first"), AccountSwitched)
    assert isinstance(left, AccountSwitched)
    assert (left.to, left.by) == ("DU9000002", "bob")
    assert len([each for each in only(again.events("first"), CommandReceived) if each.event_id == left.causes[0]]) == 1


def test_a_process_that_ends_before_the_old_account_is_left_changes_nothing(shared: Path) -> None:
    house = House(shared)
    house.at[14] = ("second", "at the last moment", "")
    sit = house.trader._sit

    async def ending(admitted: Admitted, profile: AccountProfile) -> Seat:
        seat = await sit(admitted, profile)
        seat.loop.finished = lambda: house.steps >= 14
        return seat

    house.trader._sit = ending
    house.play()
    assert house.closed == ["second", "first"]
    assert not only(house.events("first"), AccountSwitched)
    assert house.events("second") == []


def test_no_change_leads_around_a_kill_and_coming_back_takes_none_away(tmp_path: Path, shared: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "data").symlink_to(shared / "data")
    house.at = {14: ("second", "a look elsewhere", "")}
    house.play()
    switch = Switch(tmp_path)
    switch.pull(Pulled(form=KillForm.HALT, reason="the news", by="ann"))
    (taken,) = only(house.events("first"), AccountSwitched)
    assert isinstance(taken, AccountSwitched)

    async def come_back() -> Seat:
        seat = await house.sit(admit("first", PROFILES["first"]), PROFILES["first"])
        seat.arrived = replace(taken, event_id="switch/back", to="DU9000001", account="DU9000002")
        await seat.prepare()
        with pytest.raises(InputError, match="no way leads around it"):
            house.trader._check_left(seat)
        return seat

    seat = asyncio.run(come_back())
    assert seat.loop._inbox == []  # nothing re-arms it
    assert switch.asked() is not None


def ruled(**said: str) -> Literal["cancel", "refuse"]:
    settings = build({key.replace("__", "."): Given(value, "in a test") for key, value in said.items()})
    return settings.account.open_orders


def test_orders_that_open_and_stops_that_nobody_would_watch_hold_a_change_back(shared: Path) -> None:
    house = House(shared)
    seat = asyncio.run(house.sit(admit("first", PROFILES["first"]), PROFILES["first"]))
    engine = seat.loop.engine
    placed = OrderPlaced(event_id="o-00000001", at=engine.market.at, order=order("o-00000001"))
    engine.orders.apply(placed)
    Trader(PROFILES, house.sit, ruled(account__open_orders="cancel"))._check_left(seat)
    with pytest.raises(InputError, match=r"o-00000001 would open in DU9000001 and account\.open_orders is"):
        Trader(PROFILES, house.sit, ruled(account__open_orders="refuse"))._check_left(seat)
    engine.mandate = replace(engine.mandate, protection_at_broker=False)
    engine.recover(seat.loop.beginning())
    house.trader._check_left(seat)  # nothing is held
    held = PositionAdopted(
        event_id="adopted",
        at=engine.market.at,
        account="DU9000001",
        portfolio="main",
        symbol="AAPL",
        quantity=Decimal(1),
        cost_basis=Money(Decimal(100), "USD"),
    )
    engine.absorb(held)
    with pytest.raises(InputError, match="the stops of AAPL are watched by this program"):
        house.trader._check_left(seat)


def test_a_change_that_was_asked_for_while_nobody_traded_is_not_meant_any_more(shared: Path) -> None:
    house = House(shared)
    house.trader = Trader(PROFILES, house.sit, now=lambda: asked().at + timedelta(minutes=11))
    house.sent = {14: asked()}
    house.play()
    (refused,) = only(house.events("first"), SwitchRefused)
    assert isinstance(refused, SwitchRefused)
    assert "it was asked for at 2022-01-05 00:00 UTC, while nothing was traded" in refused.why
    assert not only(house.events("first"), AccountSwitched)


def test_an_account_is_left_when_no_proposal_is_halfway_and_nothing_is_bare(shared: Path) -> None:
    house = House(shared)
    seat = asyncio.run(house.sit(admit("first", PROFILES["first"]), PROFILES["first"]))
    engine = seat.loop.engine
    engine.recover(seat.loop.beginning())
    seat.leave(asked())
    asyncio.run(seat.prepare())  # a new line is told again; the loop takes a command once
    assert [each.command_id for each in seat.loop._inbox] == ["c-1", "c-1"]
    at, why = engine.market.at, "leaving"
    engine.absorb(KillOrdered(event_id="g-1", at=at, account="DU9000001", form=KillForm.HALT, reason=why, by="ann"))
    assert not seat.left
    engine.absorb(KillFinished(event_id="g-2", at=at, account="DU9000001"))
    assert seat.left
    made, tapped, *_, ended = completed()
    for event in (made, tapped):
        engine.absorb(event)
    assert not seat.left  # its legs go back first
    engine.sagas.apply(ended)
    assert seat.left
    held = PositionAdopted(
        event_id="adopted",
        at=at,
        account="DU9000001",
        portfolio="main",
        symbol="AAPL",
        quantity=Decimal(1),
        cost_basis=Money(Decimal(100), "USD"),
    )
    engine.absorb(held)
    assert not seat.left  # a purchase that was filled at the last moment gets its stop first
    engine.see(Slice(at=stage_of(shared, "DU9000001").sessions[0].close, quotes=()))
    assert seat.left  # where the market is shut none could be placed
