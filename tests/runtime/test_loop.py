"""The loop's own promises: compare while it works, look twice before a Break, book what the broker does not take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bursar.adapters.memory import MemoryJournal
from bursar.domain.accounts import AccountSnapshot, BrokerOrder, BrokerPosition, Preview
from bursar.domain.events import (
    AccountOpened,
    BreakExplained,
    BreakFound,
    CancelRejected,
    CancelRequested,
    Deposited,
    Event,
    FillCorrected,
    Filled,
    InstrumentListed,
    OrderAccepted,
    OrderPlaced,
    OrderRejected,
    PositionAdopted,
    TaskFinished,
)
from bursar.domain.instruments import Instrument
from bursar.domain.market import Slice
from bursar.domain.money import Money
from bursar.domain.orders import ApprovedOrder, Order, OrderStatus, Side
from bursar.errors import BrokerError
from bursar.ports import Panel
from bursar.runtime.loop import Loop
from bursar.runtime.morning import Morning
from bursar.trading.engine import Engine
from tests.builders import ACCOUNT, OPEN, SESSION, filled, money, order, quote
from tests.trading.test_engine import INSTRUMENTS, Wants, closes, fresh

BEGINNING = (
    AccountOpened(event_id="account", at=OPEN, account=ACCOUNT, base_currency="USD"),
    *(InstrumentListed(event_id=f"i/{name}", at=OPEN, instrument=each) for name, each in INSTRUMENTS.items()),
    Deposited(event_id="cash", at=OPEN, account=ACCOUNT, portfolio="main", amount=money(100_000)),
)


class Scripted:
    """A broker that says what a test wrote down. Each snapshot is used once, the last one for ever."""

    def __init__(self, snapshots: Sequence[dict[str, int]], refusal: BrokerError | None = None) -> None:
        self.snapshots = list(snapshots)
        self.refusal = refusal
        self.working: tuple[BrokerOrder, ...] = ()
        self.asked = 0
        self.sent: list[str] = []

    async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
        if self.refusal:
            raise self.refusal
        self.sent.append(approved.order.order_id)

    async def amend(self, approved: ApprovedOrder) -> None:
        raise AssertionError("nothing is amended here")

    async def preview(self, order: Order) -> Preview:
        raise AssertionError("nothing is previewed here")

    async def cancel(self, order_id: str) -> None:
        if self.refusal:
            raise self.refusal
        self.sent.append(order_id)

    def reports(self) -> tuple[Event, ...]:
        return ()

    async def account(self) -> AccountSnapshot:
        self.asked += 1
        held = self.snapshots.pop(0) if len(self.snapshots) > 1 else self.snapshots[0]
        return AccountSnapshot(
            account=ACCOUNT,
            at=OPEN,
            cash={"USD": Decimal(100_000)},
            positions=tuple(
                BrokerPosition(symbol=symbol, quantity=Decimal(quantity), average_cost=Decimal(1))
                for symbol, quantity in held.items()
            ),
            open_orders=self.working,
        )


class Minutes:
    """A feed of one slice a minute from an hour after the bell on."""

    def __init__(self, count: int) -> None:
        self.count = count

    async def __aiter__(self) -> AsyncIterator[Slice]:
        for minute in range(self.count):
            at = OPEN + timedelta(hours=1, minutes=minute)
            yield Slice(at=at, quotes=(quote("AAPL", "99", "101", at=at), quote("XOM", "50", at=at)))


class TwoDays:
    """A history that knows the last two closes and nothing else."""

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        return closes()

    def lacks(self) -> frozenset[str]:
        return frozenset()


def run(
    broker: Scripted, minutes: int = 3, before: Sequence[Event] = (), compare_every: timedelta = timedelta(hours=1)
) -> list[Event]:
    seed = fresh()
    engine = Engine(seed.mandate, Wants(weights=()), seed.market, [SESSION])
    journal = MemoryJournal()
    if before:
        asyncio.run(journal.append([*BEGINNING, *before]))
    loop = Loop(
        engine=engine,
        feed=Minutes(minutes),
        broker=broker,
        journal=journal,
        history=TwoDays(),
        morning=Morning(analysts=(), history=TwoDays()),
        beginning=lambda: BEGINNING,
        compare_every=compare_every,
    )
    asyncio.run(loop.run())
    return [recorded.event for recorded in journal.read()]


def breaks(events: Sequence[Event]) -> list[tuple[str, int]]:
    """Breaks and their explanations, with the minute in which they came."""
    return [
        (event.kind, event.at.minute - OPEN.minute)
        for event in events
        if isinstance(event, BreakFound | BreakExplained) and "position" in event.event_id
    ]


def test_books_and_broker_are_compared_on_the_way_in_and_then_as_often_as_was_set() -> None:
    often, seldom = Scripted([{}]), Scripted([{}])
    run(often, minutes=7, compare_every=timedelta(minutes=2))
    run(seldom, minutes=7)
    # The answer is asked for at the end of one slice and looked at in the next: minutes 0, 3 and 6.
    assert (often.asked, seldom.asked) == (3, 1)


def test_a_difference_counts_only_when_it_is_still_there_at_a_second_look() -> None:
    fleeting = Scripted([{"AAPL": 5}, {}])
    assert breaks(run(fleeting, before=BEGUN)) == []
    assert fleeting.asked == 2
    lasting = Scripted([{"AAPL": 5}])
    assert breaks(run(lasting, before=BEGUN)) == [("break_found", 1)]


def test_nothing_is_done_between_the_first_look_and_the_second() -> None:
    events = run(Scripted([{"AAPL": 5}, {}]), before=BEGUN)
    assert next(event.at.minute - OPEN.minute for event in events if isinstance(event, TaskFinished)) == 1


def test_a_difference_that_went_away_explains_itself() -> None:
    broker = Scripted([{"AAPL": 5}, {"AAPL": 5}, {}])
    events = run(broker, minutes=6, before=BEGUN, compare_every=timedelta(minutes=1))
    assert breaks(events) == [("break_found", 1), ("break_explained", 3)]


def test_positions_that_were_there_on_the_first_day_are_adopted() -> None:
    events = run(Scripted([{"AAPL": 5}]))
    assert [event.quantity for event in events if isinstance(event, PositionAdopted)] == [Decimal(5)]
    assert breaks(events) == []


#: A trade that came to nothing, so that the books have begun.
BEGUN = (
    filled("e.01.01", 1, 1, order_id="", at=OPEN - timedelta(days=1)),
    FillCorrected(
        event_id="f-e.01.02",
        at=OPEN - timedelta(days=1),
        execution_id="e.01.02",
        corrects="e.01.01",
        quantity=Decimal(0),
        price=Decimal(1),
        commission=money(0),
    ),
)


def placed(number: int = 1) -> OrderPlaced:
    each = order(f"o-{number:08d}")
    return OrderPlaced(event_id=each.order_id, at=OPEN, order=each)


def test_an_order_that_the_broker_does_not_take_is_rejected_and_the_loop_goes_on() -> None:
    refusal = BrokerError("the broker takes market and limit orders", code=387)
    events = run(Scripted([{}], refusal), before=[placed()])
    (rejected,) = [event for event in events if isinstance(event, OrderRejected)]
    assert (rejected.order_id, rejected.code, rejected.message) == ("o-00000001", 387, str(refusal))
    assert any(isinstance(event, TaskFinished) for event in events)


def test_a_broken_line_ends_the_loop_and_says_nothing_of_the_order() -> None:
    with pytest.raises(BrokerError, match="no connection"):
        run(Scripted([{}], BrokerError("there is no connection", retryable=True)), before=[placed()])


def test_an_order_that_never_arrived_is_sent_once_when_the_loop_begins_again() -> None:
    broker = Scripted([{}])
    run(broker, before=[placed()])
    assert broker.sent == ["o-00000001"]


def test_a_cancellation_of_what_the_broker_does_not_know_is_refused_in_the_journal() -> None:
    before = [
        placed(),
        OrderAccepted(event_id="o-00000001/accepted", at=OPEN, order_id="o-00000001", permanent_id=7),
        CancelRequested(event_id="c-00000001", at=OPEN, order_id="o-00000001", reason=""),
    ]
    broker = Scripted([{}], BrokerError("no working order o-00000001 at the broker", code=10147))
    broker.working = (
        BrokerOrder(
            order_id="o-00000001",
            permanent_id=7,
            symbol="AAPL",
            status=OrderStatus.NEW,
            filled=Decimal(0),
            remaining=Decimal(10),
        ),
    )
    events = run(broker, before=before)
    (refused,) = [event for event in events if isinstance(event, CancelRejected)]
    assert refused.code == 10147
    broker.refusal = BrokerError("the line is gone", retryable=True)
    with pytest.raises(BrokerError, match="line"):
        run(broker, before=before)


class Strange(Scripted):
    """A broker at which somebody buys by hand what nobody here trades."""

    told = False

    def reports(self) -> tuple[Event, ...]:
        if self.told:
            return ()
        self.told = True
        listed = InstrumentListed(event_id="instrument/TSLA", at=OPEN, instrument=Instrument(symbol="TSLA"))
        bought = Filled(
            event_id="f-1",
            at=OPEN,
            order_id="",
            execution_id="1",
            account=ACCOUNT,
            portfolio="main",
            symbol="TSLA",
            side=Side.BUY,
            quantity=Decimal(1),
            price=Decimal(10),
            commission=Money(Decimal(0), "USD"),
            settles_on=SESSION.day,
        )
        return listed, bought


def test_what_is_bought_by_hand_and_traded_by_nobody_stops_no_loop_nor_the_next_one() -> None:
    events = run(Strange([{"TSLA": 1}]))
    assert "filled" in [event.kind for event in events]
    again = run(Scripted([{"TSLA": 1}]), before=[event for event in events if event not in BEGINNING])
    assert again[-1].at >= events[-1].at
