"""Protection at the broker through whole days: every position has its pair, and no more ever rests than is held."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bursar.adapters.memory import MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.config import Settings
from bursar.domain.events import (
    AmendRequested,
    CancelRejected,
    Filled,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderPlaced,
    ProposalMade,
    ProposalTapped,
    Rejected,
    Split,
    SymbolChanged,
    TaskFinished,
)
from bursar.domain.orders import ApprovedOrder, Effect, OrderType, Purpose, Side
from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import BrokerError
from bursar.gateway.exchange import Exchange
from bursar.ports import Recorded
from bursar.runtime import stage as stages
from bursar.runtime.loop import Loop
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage
from bursar.trading.agenda import Task
from bursar.trading.mandate import Autonomy, Step
from bursar.trading.protect import resting
from bursar.trading.rebalance import Draft
from bursar.trading.shelter import make_room
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView
from tests.builders import OPEN, filled, quote
from tests.trading.test_engine import TRADE_AT, Wants, do, fresh, see

DAYS = 6


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    made = stages.prepare(
        DemoRequest(
            days=DAYS,
            first=date(2022, 1, 18),
            seed=3,
            cash=Decimal(100_000),
            settings=Settings(),
            in_process=True,
            home=tmp_path_factory.mktemp("home"),
        )
    )
    # Near enough to be reached within days.
    mandate = replace(made.mandate, protection_at_broker=True, stop_loss=Decimal("0.03"), take_profit=Decimal("0.03"))
    return replace(made, mandate=mandate)


@dataclass(frozen=True)
class Seesaw:
    """Wants much of two stocks on one day and little of them on the next, so that it sells what is protected."""

    name: str = "seesaw"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        weight = 0.15 if market.session.day.day % 2 else 0.05
        return Targets(
            strategy=self.name,
            targets=tuple(Target(symbol=symbol, weight=weight, reason="up or down") for symbol in ("JNJ", "KO")),
        )


class Watcher:
    """Looks after every commit whether more rests to close a position than is held."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.looks = 0
        self.too_much: list[str] = []

    def committed(self, recorded: Sequence[Recorded]) -> None:
        engine = self.loop.engine
        self.looks += 1
        for symbol in {state.order.symbol for state in engine.orders.working()}:
            position = engine.portfolio.positions.get(symbol)
            held = position.quantity if position else Decimal(0)
            if resting(engine.orders.working(symbol)) > held:
                self.too_much.append(f"{symbol} after {recorded[-1].event.event_id}")


def play(stage: Stage) -> tuple[Loop, Watcher, Exchange]:
    exchange = stages.exchange(stage)
    broker = SimulatedBroker(exchange)
    loop = stages.loop(stage, SimulatedFeed(exchange, broker), broker, MemoryJournal())
    watcher = Watcher(loop)
    loop.observers.append(watcher)
    asyncio.run(loop.run())
    return loop, watcher, exchange


@pytest.fixture(scope="module")
def played(stage: Stage) -> tuple[Loop, Watcher, Exchange]:
    return play(stage)


def test_no_more_ever_rests_than_is_held(played: tuple[Loop, Watcher, Exchange]) -> None:
    _, watcher, _ = played
    assert watcher.looks > 50
    assert watcher.too_much == []


def test_every_position_ends_the_days_with_its_pair(played: tuple[Loop, Watcher, Exchange]) -> None:
    loop, _, exchange = played
    engine = loop.engine
    assert engine.portfolio.positions
    for symbol, position in engine.portfolio.positions.items():
        legs = [state for state in engine.orders.working(symbol) if state.order.purpose is Purpose.PROTECTION]
        assert sorted(state.order.type for state in legs) == [OrderType.LIMIT, OrderType.STOP]
        assert {state.remaining for state in legs} == {position.quantity}
        assert len({state.order.oca_group for state in legs}) == 1
    theirs = {order.request.order_ref: order.remaining for order in exchange.open_orders()}
    assert theirs == {state.order.order_id: state.remaining for state in engine.orders.working()}
    assert engine.cover.bare == frozenset()


def test_stops_and_targets_fill_at_the_broker_and_take_their_partner_with_them(
    played: tuple[Loop, Watcher, Exchange],
) -> None:
    loop, _, _ = played
    events = [recorded.event for recorded in loop.journal.read()]
    placed = {event.order.order_id: event.order for event in events if isinstance(event, OrderPlaced)}
    exits = [
        event for event in events if isinstance(event, Filled) and placed[event.order_id].purpose is Purpose.PROTECTION
    ]
    assert exits
    assert all(event.side is Side.SELL for event in exits)
    stops = [event for event in exits if placed[event.order_id].type is OrderType.STOP]
    assert stops
    # At the first print through it, never at its own price.
    assert all(event.price < (placed[event.order_id].stop_price or 0) for event in stops)


def test_the_seconds_without_a_stop_are_those_until_the_broker_has_it(played: tuple[Loop, Watcher, Exchange]) -> None:
    loop, _, _ = played
    # A fill is reported at the instant at which the market stands still for it; its pair goes then, and is there.
    assert set(loop.engine.cover.unprotected_seconds.values()) <= {0.0}


def test_a_restart_replays_to_the_same_protection(stage: Stage, played: tuple[Loop, Watcher, Exchange]) -> None:
    loop, _, _ = played
    again = stages.engine(stage)
    again.recover(recorded.event for recorded in loop.journal.read())
    assert {state.order.order_id: state for state in again.orders.working()} == {
        state.order.order_id: state for state in loop.engine.orders.working()
    }
    assert again.cover.unprotected_seconds == loop.engine.cover.unprotected_seconds


def test_before_a_sale_protection_shrinks_confirmed_and_the_day_goes_on(stage: Stage) -> None:
    wide = replace(stage.mandate, stop_loss=Decimal("0.2"), take_profit=Decimal("0.3"))
    loop, watcher, _ = play(replace(stage, strategy=Seesaw(), mandate=wide))
    assert watcher.too_much == []
    events = [recorded.event for recorded in loop.journal.read()]
    sales = [
        place
        for place, event in enumerate(events)
        if isinstance(event, OrderPlaced) and event.order.purpose is Purpose.REDUCE
    ]
    assert len(sales) >= 4
    for place in sales:
        symbol = events[place].order.symbol  # type: ignore[attr-defined]  # chosen above
        before = [
            event for event in events[:place] if isinstance(event, AmendRequested) and event.order.symbol == symbol
        ]
        shrunk = {event.order.order_id for event in before[-2:]}
        confirmed = {event.order_id for event in events[:place] if isinstance(event, OrderAmended)}
        assert len(shrunk) == 2
        assert shrunk <= confirmed
    traded = [event for event in events if isinstance(event, TaskFinished) and event.task == "trade"]
    assert len(traded) == DAYS  # each day's trade is finished once, though it had to wait


def test_what_the_broker_refuses_is_tried_again_when_the_market_has_moved_on_and_nothing_opens_meanwhile(
    stage: Stage,
) -> None:
    class Refusing(SimulatedBroker):
        refused = 0

        async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
            if approved.order.type is OrderType.STOP and self.refused < 3:
                self.refused += 1
                raise BrokerError("no stops now", code=201, retryable=False)
            await super().place(approved, held=held)

    exchange = stages.exchange(stage)
    broker = Refusing(exchange)
    wide = replace(stage.mandate, stop_loss=Decimal("0.2"), take_profit=Decimal("0.3"))
    made = replace(stage, strategy=Seesaw(), mandate=wide)
    loop = stages.loop(made, SimulatedFeed(exchange, broker), broker, MemoryJournal())
    watcher = Watcher(loop)
    loop.observers.append(watcher)
    asyncio.run(loop.run())
    assert broker.refused == 3
    assert watcher.too_much == []
    assert loop.engine.cover.bare == frozenset()
    assert sum(loop.engine.cover.unprotected_seconds.values()) > 0


def test_what_a_rebalance_takes_back_to_sell_is_not_placed_again_while_it_waits_for_another_symbol() -> None:
    """Else one symbol's pair is placed while the other's is canceled, in turns, for ever, and nothing is sold."""
    engine = fresh(Wants(weights=()))
    engine.mandate = replace(engine.mandate, protection_at_broker=True)
    for execution, symbol in (("1", "AAPL"), ("2", "XOM")):
        engine.absorb(replace(filled(execution, 10, 100, order_id=""), symbol=symbol))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "100"))
    pairs = do(engine, Task.MONITOR).orders
    assert [sent.order.symbol for sent in pairs] == ["AAPL", "AAPL", "XOM", "XOM"]
    names = [sent.order.order_id for sent in pairs]
    for name in names:
        engine.absorb(OrderAccepted(event_id=f"{name}/accepted", at=OPEN, order_id=name, permanent_id=1, number=1))
    for name in names[:2]:
        engine.absorb(OrderCanceled(event_id=f"{name}/canceled", at=OPEN, order_id=name))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    assert do(engine, Task.TRADE).cancels == tuple(names[2:])
    assert do(engine, Task.MONITOR) == Step()
    for name in names[2:]:
        engine.absorb(OrderCanceled(event_id=f"{name}/canceled", at=TRADE_AT, order_id=name))
    assert [sent.order.symbol for sent in do(engine, Task.TRADE).orders] == ["AAPL", "XOM"]


def test_protection_that_was_filled_in_part_is_changed_by_what_is_left_of_it() -> None:
    """The gate counts the rest of an order that is changed, since what was filled of it is in the position already."""
    engine = fresh(Wants(weights=()))
    engine.mandate = replace(engine.mandate, protection_at_broker=True)
    engine.absorb(filled("1", 60, 100, order_id=""))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "100"))
    stop, target = (sent.order.order_id for sent in do(engine, Task.MONITOR).orders)
    for name in (stop, target):
        engine.absorb(OrderAccepted(event_id=f"{name}/accepted", at=OPEN, order_id=name, permanent_id=1, number=1))
    engine.absorb(filled("2", 20, 95, side=Side.SELL, order_id=stop))
    engine.absorb(filled("3", 30, 100, order_id=""))
    step = do(engine, Task.MONITOR)
    assert not [event for event in step.events if isinstance(event, Rejected)]
    assert {changed.order.order_id: changed.order.quantity for changed in step.amends} == {stop: 90, target: 70}


def test_what_a_tapped_sale_took_back_is_not_placed_again_while_another_symbol_waits() -> None:
    engine = fresh(Wants(weights=()))
    engine.mandate = replace(engine.mandate, protection_at_broker=True, autonomy=Autonomy.PROPOSE)
    for execution, symbol in (("1", "AAPL"), ("2", "XOM")):
        engine.absorb(replace(filled(execution, 10, 100, order_id=""), symbol=symbol))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "100"))
    names = [sent.order.order_id for sent in do(engine, Task.MONITOR).orders]
    for name in names[:2]:
        engine.absorb(OrderAccepted(event_id=f"{name}/accepted", at=OPEN, order_id=name, permanent_id=1, number=1))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    (made,) = (event for event in do(engine, Task.TRADE).events if isinstance(event, ProposalMade))
    assert [leg.symbol for leg in made.proposal.legs] == ["AAPL", "XOM"]
    assert made.outlook is not None
    name = made.proposal.proposal_id
    engine.absorb(
        ProposalTapped(event_id=f"{name}/tapped", at=TRADE_AT, proposal_id=name, by="owner", outlook=made.outlook)
    )
    first = engine.work()
    assert first.cancels == tuple(names[:2])
    for event in first.events:
        engine.absorb(event)
    for canceled in names[:2]:
        engine.absorb(OrderCanceled(event_id=f"{canceled}/canceled", at=TRADE_AT, order_id=canceled))
    # The broker has not answered to the pair of XOM yet: AAPL waits for that, and stays free to be sold meanwhile.
    assert engine.work() == Step()
    assert do(engine, Task.MONITOR) == Step()
    for answered in names[2:]:
        engine.absorb(
            OrderAccepted(event_id=f"{answered}/accepted", at=TRADE_AT, order_id=answered, permanent_id=2, number=2)
        )
    assert [sent.order.symbol for sent in engine.work().orders] == ["AAPL"]


@pytest.mark.parametrize(
    ("side", "quantity", "rule"), [(Side.SELL, 11, "closes_only_what_is_held"), (Side.BUY, 1, "permission")]
)
def test_what_closes_more_than_is_held_is_refused_by_name_instead_of_waiting_for_room(
    side: Side, quantity: int, rule: str
) -> None:
    """11 of 10 that are held, and a purchase where nothing is short: no room would ever come."""
    engine = fresh(Wants(weights=()))
    engine.mandate = replace(engine.mandate, protection_at_broker=True)
    engine.absorb(filled("1", 10, 100, order_id=""))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "100"))
    for number, sent in enumerate(do(engine, Task.MONITOR).orders, start=1):
        name = sent.order.order_id
        engine.absorb(OrderAccepted(event_id=f"{name}/accepted", at=OPEN, order_id=name, permanent_id=number, number=1))
    too_much = Draft(
        symbol="AAPL",
        side=side,
        quantity=Decimal(quantity),
        effect=Effect.CLOSE,
        purpose=Purpose.REDUCE,
        strategy="",
        reason="",
    )
    assert make_room(engine, (replace(too_much, side=Side.SELL, quantity=Decimal(10)),)) is not None
    assert make_room(engine, (too_much,)) is None
    step = engine.put((engine.order(too_much),), ())
    assert step.orders == ()
    (refused,) = (event for event in step.events if isinstance(event, Rejected))
    assert refused.rule == rule


def test_a_split_moves_protection_with_the_shares_and_a_new_name_takes_the_old_one_away() -> None:
    engine = fresh(Wants(weights=()))
    engine.mandate = replace(engine.mandate, protection_at_broker=True)
    engine.absorb(filled("1", 10, 100, order_id=""))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "100"))
    pair = [sent.order for sent in do(engine, Task.MONITOR).orders]
    for order in pair:
        name = order.order_id
        engine.absorb(OrderAccepted(event_id=f"{name}/accepted", at=OPEN, order_id=name, permanent_id=1, number=1))
    assert do(engine, Task.MONITOR) == Step()
    engine.absorb(Split(event_id="split", at=OPEN, symbol="AAPL", new=Decimal(2), old=Decimal(1)))
    see(engine, OPEN, quote("AAPL", "50"))
    step = do(engine, Task.MONITOR)
    stop, target = (changed.order for changed in step.amends)
    assert [each.quantity for each in (pair[0], stop, target)] == [10, 20, 20]
    assert pair[0].stop_price is not None
    assert pair[1].limit_price is not None
    assert (stop.stop_price, target.limit_price) == (pair[0].stop_price / 2, pair[1].limit_price / 2)
    for order in (stop, target):
        name = order.order_id
        engine.absorb(OrderAmended(event_id=f"{name}/amended/1", at=OPEN, order_id=name))
    engine.absorb(SymbolChanged(event_id="renamed", at=OPEN, symbol="AAPL", new_symbol="PEAR"))
    step = do(engine, Task.MONITOR)
    assert step.cancels == (stop.order_id, target.order_id)
    assert step.orders == ()  # what is not traded here under its new name gets none until it is


def test_a_cancellation_that_the_broker_refuses_is_asked_for_again_after_a_minute() -> None:
    """The stop was filled most likely, and its fill is not told yet: there is nothing to cancel for ever."""
    engine = fresh(Wants(weights=()))
    engine.mandate = replace(engine.mandate, protection_at_broker=True)
    engine.absorb(filled("1", 10, 100, order_id=""))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "100"))
    names = tuple(sent.order.order_id for sent in do(engine, Task.MONITOR).orders)
    for number, name in enumerate(names, start=1):
        engine.absorb(OrderAccepted(event_id=f"{name}/accepted", at=OPEN, order_id=name, permanent_id=number, number=1))
    engine.absorb(filled("2", 10, 100, side=Side.SELL, order_id=""))
    assert do(engine, Task.MONITOR).cancels == names
    for name in names:
        engine.absorb(CancelRejected(event_id=f"{name}/no", at=OPEN, order_id=name, code=10148, message="filled"))
    assert do(engine, Task.MONITOR).cancels == ()
    see(engine, OPEN + timedelta(seconds=59))
    assert do(engine, Task.MONITOR).cancels == ()
    see(engine, OPEN + timedelta(seconds=60))
    assert do(engine, Task.MONITOR).cancels == names
