"""Parents through whole days: worked by every route, measured to the cent, and dear symbols are traded less."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from bursar.adapters.memory import MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.config import Settings
from bursar.domain.events import (
    AmendRequested,
    BreakFound,
    Decided,
    Event,
    Filled,
    OrderAccepted,
    OrderPlaced,
    ParentBegun,
    ParentEnded,
    PieceSent,
    Rejected,
)
from bursar.domain.market import Quote
from bursar.domain.orders import Effect, OrderType, Purpose, Side
from bursar.gateway.exchange import Exchange
from bursar.ports import Panel
from bursar.runtime import stage as stages
from bursar.runtime.loop import Loop
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine
from bursar.trading.mandate import Execution
from bursar.trading.measuring import Measured
from tests.builders import OPEN, filled, quote
from tests.trading.test_engine import TRADE_AT, Wants, closes, do, fresh, see
from tests.trading.test_shelter import Seesaw

DAYS = 4


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
    return replace(made, strategy=Seesaw())


def play(stage: Stage, route: str, *, at_broker: bool = True, stop_after: int | None = None) -> list[Event]:
    execution = replace(stage.mandate.execution, route=route, within=timedelta(minutes=30))
    mandate = replace(stage.mandate, execution=execution, protection_at_broker=at_broker)
    routed = replace(stage, mandate=mandate)
    exchange, journal = stages.exchange(routed), MemoryJournal()
    loop = _life(routed, exchange, journal)
    if stop_after is not None:
        seen = 0

        def enough() -> bool:
            nonlocal seen
            seen += 1
            return seen > stop_after

        loop.finished = enough
        asyncio.run(loop.run())
        loop = _life(routed, exchange, journal)
    asyncio.run(loop.run())
    return [recorded.event for recorded in journal.read()]


def _life(stage: Stage, exchange: Exchange, journal: MemoryJournal) -> Loop:
    held = [recorded.event for recorded in journal.read()]
    broker = SimulatedBroker(exchange, journal=held)
    return stages.loop(stage, SimulatedFeed(exchange, broker), broker, journal)


def of(kind: type[Event], events: Sequence[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def check(events: Sequence[Event]) -> dict[str, list[OrderPlaced]]:
    """What holds by every route; the orders of each parent."""
    begun = {event.parent_id: event for event in events if isinstance(event, ParentBegun)}
    placed = {event.order.order_id: event for event in events if isinstance(event, OrderPlaced)}
    assert begun
    assert of(BreakFound, events) == of(Rejected, events) == []
    assert {event.parent_id for event in events if isinstance(event, ParentEnded)} == begun.keys()
    pieces: dict[str, list[OrderPlaced]] = {parent_id: [] for parent_id in begun}
    for event in events:
        if isinstance(event, PieceSent):
            pieces[event.parent_id].append(placed[event.order_id])
    bought: Counter[str] = Counter()
    for event in events:
        if isinstance(event, Filled):
            bought[event.order_id] += int(event.quantity)
    for parent_id, sent in pieces.items():
        assert sum(bought[each.order.order_id] for each in sent) == begun[parent_id].quantity, "all of it, and no more"
    return pieces


def test_at_once_a_parent_is_its_own_only_piece(stage: Stage) -> None:
    pieces = check(play(stage, "at_once"))
    assert all([each.order.order_id for each in sent] == [parent_id] for parent_id, sent in pieces.items())


def test_twap_goes_in_equal_pieces_over_time_and_counts_as_one_trade(stage: Stage) -> None:
    events = play(stage, "twap")
    pieces = check(events)
    placed = {event.order.order_id for event in events if isinstance(event, OrderPlaced)}
    purchases = [sent for sent in pieces.values() if sent[0].order.side is Side.BUY]
    assert purchases
    for sent in purchases:
        assert len(sent) == 6
        assert len({each.at for each in sent}) == 6
        sizes = [each.order.quantity for each in sent]
        assert max(sizes) - min(sizes) <= 1
    # Sales have made room at the broker, and do not wait.
    assert all(len(sent) == 1 for sent in pieces.values() if sent[0].order.side is Side.SELL)
    # What was approved whole is never sent beside its pieces.
    assert all(parent_id not in placed for parent_id, sent in pieces.items() if len(sent) > 1)


def test_adaptive_is_one_limit_that_pays_more_of_the_spread_with_time(stage: Stage) -> None:
    events = play(stage, "adaptive", at_broker=False)
    pieces = check(events)
    assert {each.order.type for sent in pieces.values() for each in sent} == {OrderType.LIMIT}
    assert all(len(sent) == 1 for sent in pieces.values())
    changed = [event for event in events if isinstance(event, AmendRequested)]
    assert changed


@pytest.mark.parametrize("route", ["vwap", "participation", "auto"])
def test_every_other_route_ends_with_all_of_it(stage: Stage, route: str) -> None:
    check(play(stage, route, at_broker=False))


def test_a_restart_in_the_middle_goes_on_where_it_stood(stage: Stage) -> None:
    whole, cut = play(stage, "twap"), play(stage, "twap", stop_after=12)
    check(cut)
    ours = [(event.at, event.order.symbol, event.order.quantity) for event in whole if isinstance(event, OrderPlaced)]
    theirs = [(event.at, event.order.symbol, event.order.quantity) for event in cut if isinstance(event, OrderPlaced)]
    assert theirs == ours


def test_the_parts_of_a_shortfall_sum_to_what_paper_would_have_made_more(stage: Stage) -> None:
    events = play(stage, "twap", at_broker=False)
    measured = Measured()
    for event in events:
        measured.apply(event)
    fills = {event.order_id: event for event in events if isinstance(event, Filled)}
    assert measured.working == 0
    assert len(measured.all) == len(of(ParentBegun, events))
    decided = [event.prices for event in events if isinstance(event, Decided)]
    assert all({"JNJ", "KO"} <= prices.keys() for prices in decided)
    assert fills
    for each in measured.all:
        assert each.filled == each.wanted
        assert each.opportunity == 0
        assert each.spread > 0
        assert each.fees > 0
    begun = {event.parent_id: event for event in events if isinstance(event, ParentBegun)}
    pieces = {event.order_id: event.parent_id for event in events if isinstance(event, PieceSent)}
    paid = sum(
        (
            (1 if event.side is Side.BUY else -1)
            * event.quantity
            * (event.price - begun[pieces[event.order_id]].decided_price)
            + event.commission.amount
            for event in events
            if isinstance(event, Filled) and event.order_id in pieces
        ),
        Decimal(0),
    )
    assert sum((each.total for each in measured.all), Decimal(0)) == paid


def test_who_asks_after_each_event_is_told_what_one_is_who_asks_at_the_end(stage: Stage) -> None:
    often, once, told = Measured(), Measured(), 0
    for event in play(stage, "twap", at_broker=False):
        often.apply(event)
        once.apply(event)
        assert told <= len(often.all)
        told = len(often.all)
    assert often.all == once.all
    assert often.symbols == once.symbols


def dear(engine_costs: str) -> list[Event]:
    """What a rebalance of AAPL leads to, after sixty trades of it at so many basis points each, of 15 expected."""
    engine = fresh()
    execution = Execution(expected=Decimal("0.0015"))
    engine.mandate = replace(engine.mandate, execution=execution, trade_min=Decimal("0.10"))
    price = Decimal(100) * (1 + Decimal(engine_costs) / 10_000)
    for number in range(60):
        parent = f"o-9{number:07d}"
        for event in (
            ParentBegun(
                event_id=f"{parent}/parent", at=OPEN, parent_id=parent, portfolio="main", symbol="AAPL",
                strategy="s", side=Side.BUY, quantity=Decimal(1),
                effect=Effect.OPEN, purpose=Purpose.ENTRY, route="at_once", reason="",
                ends=OPEN, decided_at=OPEN, decided_price=Decimal(100), bid=Decimal(100), ask=Decimal(100),
            ),
            PieceSent(event_id=f"{parent}/piece", at=OPEN, parent_id=parent, order_id=parent),
            filled(parent, 1, str(price), order_id=parent),
            ParentEnded(event_id=f"{parent}/ended", at=OPEN, parent_id=parent, price=Decimal(100), reason="filled"),
        ):  # fmt: skip
            engine.measured.apply(event)
    see(engine, OPEN, quote("AAPL", "99.90", "100.10"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT, quote("AAPL", "99.90", "100.10"))
    return list(do(engine, Task.TRADE).events)


def test_a_symbol_that_was_dear_to_trade_is_not_traded_for_little() -> None:
    assert of(OrderPlaced, dear("15")), "a fifth of equity is worth what it was expected to cost"
    assert of(OrderPlaced, dear("0")), "a cheap one is not traded more eagerly than was said"
    assert of(OrderPlaced, dear("90")) == [], "a trade must be worth more where it costs several times as much"


# ---------------------------------------------------------------- participation


def participating(told: str | None) -> Engine:
    """An engine that has begun to buy 1,000 AAPL at a fifth of what trades, a piece a minute at most."""
    engine = fresh(Wants(weights=(("AAPL", 0.1),)))
    execution = Execution(route="participation", participation=Decimal("0.2"), every=timedelta(minutes=1))
    engine.mandate = replace(engine.mandate, execution=execution)
    see(engine, OPEN, volume(told), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT, volume(told))
    do(engine, Task.TRADE)
    return engine


def volume(told: str | None) -> Quote:
    return replace(quote("AAPL", "10"), volume=None if told is None else Decimal(told))


def minute(engine: Engine, number: int, told: str | None, filled_of_it: int = 0) -> list[tuple[Decimal, str]]:
    """So many minutes after it began the day's volume is told: what goes, and why. It is filled at once, or later."""
    see(engine, TRADE_AT + timedelta(minutes=number), volume(told))
    step = engine.pieces()
    for event in step.events:
        engine.absorb(event)
    for sent in step.orders:
        engine.absorb(filled(f"f{number}", filled_of_it or int(sent.order.quantity), 10, order_id=sent.order.order_id))
    return [(sent.order.quantity, sent.order.reason) for sent in step.orders]


def quantities(sent: list[tuple[Decimal, str]]) -> list[Decimal]:
    return [quantity for quantity, _ in sent]


def test_participation_by_hand_takes_its_fifth_of_all_that_trades_itself_included() -> None:
    """x = (v + x) / 5, so x = v / 4 of what others trade; the day's volume holds our own fills too."""
    engine = participating("50000")
    (begun,) = engine.parents.open.values()
    assert (begun.route, begun.quantity) == ("participation", Decimal(1000))
    assert minute(engine, 0, "50000") == []  # nothing has traded since it began
    assert quantities(minute(engine, 1, "50400")) == [100]  # others 400
    assert quantities(minute(engine, 2, "50900")) == [100]  # 500 more, 100 of them ours: others 800, of which 200
    assert minute(engine, 3, "51000") == []  # 100 more, and those were ours
    assert quantities(minute(engine, 5, "52000")) == [250]  # others 1,800, of which 450


def test_between_two_readings_nothing_goes_however_much_trades() -> None:
    engine = participating("50000")
    assert minute(engine, 0, "50000") == []
    see(engine, TRADE_AT + timedelta(seconds=59), volume("99999"))
    assert engine.pieces().orders == ()


def test_a_volume_that_stands_still_is_none_and_the_parent_goes_on_as_twap_and_says_so() -> None:
    engine = participating("50000")
    assert minute(engine, 0, "50000") == []
    assert minute(engine, 1, "50000") == []
    ((quantity, reason),) = minute(engine, 2, "50000")
    assert quantity == 50  # three of sixty pieces
    assert reason.endswith("as twap, since no volume is told")
    # Told again, it participates again: 350 that others traded, and so 87, of which 50 have gone.
    assert quantities(minute(engine, 3, "50400")) == [37]
    assert minute(engine, 4, None) == []
    ((quantity, reason),) = minute(engine, 5, None)
    assert quantity == 13  # six of sixty pieces are 100
    assert reason.endswith("as twap, since no volume is told")


def test_without_any_volume_the_route_is_twap_from_the_beginning_and_says_why() -> None:
    (begun,) = participating(None).parents.open.values()
    assert (begun.route, begun.reason) == (
        "twap", "participation needs the market's volume, which this source does not have"
    )  # fmt: skip


def routed(usual: Sequence[float], told: str | None = "50000", field: str = "volume") -> ParentBegun:
    """How 1,000 AAPL are worked by their own way, where so much was traded on the last days."""
    engine = fresh(Wants(weights=(("AAPL", 0.1),)))
    engine.mandate = replace(engine.mandate, execution=Execution(route="auto", every=timedelta(minutes=1)))
    assert engine.reads == {"adjusted_volume", "volume"}
    days = np.datetime64("2021-12-31") - np.arange(len(usual))[::-1]
    volumes = Panel(days, ("AAPL",), np.array(usual, dtype=np.float64)[:, None])
    last = closes()
    paid = replace(last, values=np.tile([10.0, 50.0], (len(last.dates), 1)))
    engine.refresh(paid, facts={field: volumes})
    see(engine, OPEN, volume(told), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    do(engine, Task.TRADE)
    (begun,) = (parent for parent in engine.parents.open.values() if parent.symbol == "AAPL")
    return begun


def test_a_large_order_in_a_thin_name_participates_and_one_in_a_thick_name_goes_at_once() -> None:
    # 1,000 are 5 % of 20,000, and one percent may go without anybody's notice.
    thin = routed([20_000.0] * 10 + [9e9])  # one wild day says nothing about a usual one
    assert (thin.route, thin.reason) == ("participation", "5.0% of a usual day's volume, above 1.0%")
    assert routed([20_000.0] * 5, field="adjusted_volume").route == "participation"
    assert routed([100_000.0] * 5).route == "at_once"
    assert routed([np.nan] * 6 + [20_000.0] * 4).route == "at_once"  # four days are no usual one


def test_where_nobody_tells_the_volume_as_it_grows_a_large_order_goes_as_twap_and_says_both_reasons() -> None:
    begun = routed([20_000.0] * 10, told=None)
    assert begun.route == "twap"
    assert begun.reason == (
        "5.0% of a usual day's volume, above 1.0%; participation needs the market's volume, which this source does not "
        "have"
    )


def test_after_a_restart_what_was_sent_stands_for_the_volume_before_it() -> None:
    engine = participating("50000")
    minute(engine, 0, "50000")
    assert quantities(minute(engine, 1, "50400")) == [100]
    engine.parents._volumes.clear()  # what a restart does not know any more
    assert minute(engine, 2, "60000") == []  # 100 are a fifth of 500: others 400, and on from here
    assert quantities(minute(engine, 3, "60200")) == [50]


def test_no_further_piece_opens_while_what_is_held_waits_for_its_stop() -> None:
    engine = participating("50000")
    engine.mandate = replace(engine.mandate, protection_at_broker=True)
    engine.absorb(filled("held", 10, 50, symbol="XOM", order_id=""))
    minute(engine, 0, "50000")
    assert minute(engine, 1, "50400") == []
    stop, target = (sent.order.order_id for sent in do(engine, Task.MONITOR).orders)
    assert minute(engine, 2, "50800") == []
    for name in (stop, target):
        engine.absorb(OrderAccepted(event_id=f"{name}/accepted", at=TRADE_AT, order_id=name, permanent_id=1, number=1))
    assert minute(engine, 3, "51200") == []  # from here on volume is read
    assert quantities(minute(engine, 4, "51600")) == [100]
