"""What every broker promises, whatever lies between it and the exchange.

An implementation is a function that opens a broker and its feed over a world on some terms. The suite uses the two
ports and nothing behind them; days are written down (see ``tests/gateway/worlds.py``): AAA is at 99 x 101 at the bell,
94 x 95 at noon, 105 x 106 late, and closes at 100.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib import connect
from bursar.adapters.ib_connection import Address
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.adapters.troubled import TroubledBroker, TroubledFeed
from bursar.domain.events import (
    AmendRejected,
    AmendRequested,
    CancelRejected,
    CancelRequested,
    Event,
    Filled,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderPlaced,
    OrderRejected,
)
from bursar.domain.market import Slice
from bursar.domain.money import Money
from bursar.domain.orders import ApprovedOrder, Order, OrderStatus, OrderType, Side, TimeInForce
from bursar.errors import BrokerError
from bursar.gateway.exchange import Exchange
from bursar.gateway.faults import Faults
from bursar.gateway.fees import BasisPoints
from bursar.gateway.hub import Hub
from bursar.gateway.server import Server
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ports import Broker, Feed
from bursar.trading.oms import Orders
from tests.builders import ACCOUNT
from tests.gateway.worlds import QUIET, written

Opened = AbstractAsyncContextManager[tuple[Broker, Feed]]
Opens = Callable[[World, Terms], Opened]
D = Decimal
TERMS = Terms(accounts=(ACCOUNT,), fees=BasisPoints(rate=D(10)))


@asynccontextmanager
async def simulated(world: World, terms: Terms) -> AsyncIterator[tuple[Broker, Feed]]:
    exchange = Exchange(world, terms)
    broker = SimulatedBroker(exchange)
    yield broker, SimulatedFeed(exchange, broker)


@asynccontextmanager
async def untroubled(world: World, terms: Terms) -> AsyncIterator[tuple[Broker, Feed]]:
    """In process, under a plan of faults in which there are none."""
    hub = Hub(Exchange(world, terms), faults=Faults())
    broker = TroubledBroker(hub)
    yield broker, TroubledFeed(hub, broker)


@asynccontextmanager
async def over_tcp(world: World, terms: Terms) -> AsyncIterator[tuple[Broker, Feed]]:
    """The same exchange behind our gateway, reached through ib_async."""
    async with Server(Hub(Exchange(world, terms))) as server:
        address = Address(account=ACCOUNT, port=server.port)
        broker, feed = await connect(address, world.listed, world.sessions, clock=ReplayClock(world.sessions[0].open))
        yield broker, feed
        broker.connection.close()
        await asyncio.sleep(0)  # ib_async closes its socket in the next turn of the loop


#: One line for each implementation.
IMPLEMENTATIONS: dict[str, Opens] = {"simulated": simulated, "troubled": untroubled, "ib": over_tcp}


@pytest.fixture(params=list(IMPLEMENTATIONS.values()), ids=list(IMPLEMENTATIONS))
def opens(request: pytest.FixtureRequest) -> Opens:
    made: Opens = request.param
    return made


class Desk:
    """Someone who trades: reads slices and reports, and sends what the script of a test says."""

    def __init__(self, broker: Broker, feed: Feed) -> None:
        self.broker = broker
        self.events: list[Event] = []
        self.slices: list[Slice] = []
        self._feed = feed.__aiter__()

    async def next(self) -> Slice:
        """The next slice, with what was reported until then."""
        market = await anext(self._feed)
        self.slices.append(market)
        self.events.extend(self.broker.reports())
        return market

    async def until(self, hour: int, minute: int = 0) -> None:
        """Go on to the next time that the clock shows ``hour``, in UTC."""
        market = await self.next()
        while (market.at.hour, market.at.minute) != (hour, minute):
            market = await self.next()

    async def answered(self) -> None:
        """Take in what was said to what was sent, at this instant."""
        at = self.slices[-1].at
        assert (await self.next()).at == at

    async def place(self, order: Order) -> None:
        await self.broker.place(approved(order))
        await self.answered()


def play(opens: Opens, script: Callable[[Desk], Awaitable[None]], world: World | None = None, **terms: Any) -> Desk:
    """Run ``script`` at the opening of the first day."""

    async def run() -> Desk:
        async with opens(world or written(), replace(TERMS, **terms)) as (broker, feed):
            desk = Desk(broker, feed)
            await desk.until(14, 30)
            await script(desk)
            return desk

    return asyncio.run(run())


def approved(order: Order) -> ApprovedOrder:
    return ApprovedOrder(order=order, approval_id="a-00000001")


def market(number: int = 1, side: Side = Side.BUY, quantity: int = 10) -> Order:
    return Order(
        order_id=f"o-{number:08d}",
        account=ACCOUNT,
        symbol="AAA",
        side=side,
        quantity=D(quantity),
        portfolio="growth",
        strategy="momentum",
    )


def limit(price: str, number: int = 1, side: Side = Side.BUY, quantity: int = 10, **more: Any) -> Order:
    return replace(market(number, side, quantity), type=OrderType.LIMIT, limit_price=D(price), **more)


def kinds(desk: Desk) -> list[str]:
    return [event.kind for event in desk.events]


OPENING = datetime(2022, 1, 3, 14, 30, tzinfo=UTC)


def test_a_market_order_is_accepted_and_filled_with_its_commission(opens: Opens) -> None:
    desk = play(opens, lambda desk: desk.place(market()))
    accepted, filled = desk.events
    assert isinstance(accepted, OrderAccepted)
    assert accepted.permanent_id > 0
    assert replace(accepted, permanent_id=1) == OrderAccepted(
        event_id="o-00000001/accepted",
        at=OPENING,
        causes=("o-00000001",),
        order_id="o-00000001",
        permanent_id=1,
        number=1,
    )
    assert isinstance(filled, Filled)
    assert filled == Filled(
        event_id=f"f-{filled.execution_id}",
        at=OPENING,
        causes=("o-00000001",),
        order_id="o-00000001",
        execution_id=filled.execution_id,
        account=ACCOUNT,
        portfolio="growth",
        symbol="AAA",
        side=Side.BUY,
        quantity=D(10),
        price=D("101.00"),
        commission=Money(D("1.01")),
        settles_on=date(2022, 1, 5),
        strategy="momentum",
        traded_on=date(2022, 1, 3),
    )
    # The same digits too: the journal keeps them.
    assert (str(filled.quantity), str(filled.price), str(filled.commission.amount)) == ("10", "101.00", "1.01")


def test_what_was_reported_is_not_reported_again(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(market())
        seen = len(desk.events)
        assert desk.broker.reports() == ()
        await desk.until(21)
        assert len(desk.events) == seen == 2

    play(opens, script)


def test_time_stands_still_until_what_was_sent_is_answered(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.broker.place(approved(market()))
        assert await desk.next() == Slice(at=OPENING, quotes=())
        assert (await desk.next()).at > OPENING

    play(opens, script)


def test_slices_come_in_order_with_one_quote_a_symbol_and_end_with_the_world(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        with pytest.raises(StopAsyncIteration):
            await desk.until(23)

    desk = play(opens, script, written(QUIET, QUIET))
    times = [each.at for each in desk.slices]
    assert times == sorted(set(times))
    assert len(times) == 12
    assert [str(quote.ask) for each in desk.slices for quote in each.quotes][:4] == [
        "101.00",
        "95.00",
        "106.00",
        "100.50",
    ]
    assert all(quote.at == quote.known_at == each.at for each in desk.slices for quote in each.quotes)


def test_an_order_before_the_bell_is_accepted_and_fills_at_the_open(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.until(14)
        await desk.place(market())
        assert kinds(desk) == ["order_accepted"]
        await desk.until(14, 30)
        assert [(event.kind, event.at.day, event.at.hour) for event in desk.events] == [
            ("order_accepted", 4, 14),
            ("filled", 4, 14),
        ]

    play(opens, script)


def test_what_cannot_be_paid_for_is_rejected_with_code_and_words(opens: Opens) -> None:
    desk = play(opens, lambda desk: desk.place(market(quantity=10_000)))
    (rejected,) = desk.events
    assert isinstance(rejected, OrderRejected)
    assert (rejected.event_id, rejected.order_id, rejected.code) == ("o-00000001/rejected", "o-00000001", 201)
    assert "needs 1011010.00 USD, and 100000.00 USD is available" in rejected.message
    assert rejected.causes == ("o-00000001",)


def test_a_limit_order_rests_and_fills_at_the_market_that_reaches_it(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("96"))
        assert kinds(desk) == ["order_accepted"]
        await desk.until(17)
        filled = desk.events[-1]
        assert isinstance(filled, Filled)
        assert (filled.at.hour, filled.price) == (17, D(95))

    play(opens, script)


def test_a_day_order_expires_with_its_day(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("50"))
        await desk.until(21)
        assert desk.events[-1] == OrderExpired(
            event_id="o-00000001/expired",
            at=OPENING.replace(hour=21, minute=0),
            causes=("o-00000001",),
            order_id="o-00000001",
        )

    play(opens, script)


def test_an_order_that_is_good_till_canceled_outlives_the_day(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("50", time_in_force=TimeInForce.GOOD_TILL_CANCELED))
        await desk.until(14, 30)
        assert kinds(desk) == ["order_accepted"]

    play(opens, script)


def test_a_canceled_order_is_canceled_once(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("50"))
        await desk.broker.cancel("o-00000001")
        await desk.answered()
        await desk.until(21)

    desk = play(opens, script)
    assert kinds(desk) == ["order_accepted", "order_canceled"]
    canceled = desk.events[-1]
    assert isinstance(canceled, OrderCanceled)
    assert (canceled.event_id, canceled.at, canceled.reason) == ("o-00000001/canceled", OPENING, "")


def test_a_cancellation_that_comes_too_late_is_refused_each_time(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(market())
        for _ in range(2):
            await desk.broker.cancel("o-00000001")
            await desk.answered()

    desk = play(opens, script)
    assert kinds(desk) == ["order_accepted", "filled", "cancel_rejected", "cancel_rejected"]
    assert [event.event_id for event in desk.events[2:]] == [
        "o-00000001/cancel_rejected/1",
        "o-00000001/cancel_rejected/2",
    ]
    assert all(isinstance(event, CancelRejected) and event.code == 10148 for event in desk.events[2:])


def test_an_order_can_be_amended(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("50"))
        await desk.broker.amend(approved(limit("96", quantity=20)))
        await desk.answered()
        assert desk.events[-1] == OrderAmended(
            event_id="o-00000001/amended/1", at=OPENING, causes=("o-00000001",), order_id="o-00000001"
        )
        await desk.until(17)
        filled = desk.events[-1]
        assert isinstance(filled, Filled)
        assert (filled.quantity, filled.price) == (D(20), D(95))

    play(opens, script)


def test_an_amendment_that_cannot_be_paid_for_is_refused_and_the_order_stands(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("96"))
        await desk.broker.amend(approved(limit("96", quantity=10_000)))
        await desk.answered()
        rejected = desk.events[-1]
        assert isinstance(rejected, AmendRejected)
        assert (rejected.event_id, rejected.code) == ("o-00000001/amend_rejected/1", 201)
        await desk.until(17)
        filled = desk.events[-1]
        assert isinstance(filled, Filled)
        assert filled.quantity == 10

    play(opens, script)


def after(seconds: int) -> datetime:
    """So long after the opening bell."""
    return OPENING + timedelta(seconds=seconds)


NOON, LATE, BELL = 9_000, 19_800, 23_400
GTD, IOC, FOK, OPG = (
    TimeInForce.GOOD_TILL_DATE,
    TimeInForce.IMMEDIATE_OR_CANCEL,
    TimeInForce.FILL_OR_KILL,
    TimeInForce.AT_THE_OPENING,
)


def of(kind: OrderType, side: Side = Side.BUY, **terms: Any) -> Order:
    """An order of any type, number 2: number 1 bought ten at the bell."""
    prices = {name: D(value) for name, value in terms.items() if name.endswith("price") or name == "trail"}
    return replace(market(2, side), type=kind, **{**terms, **prices})


#: Every type and time in force, entered at the bell, with where and when it is filled; None where it is not, and the
#: kind of event with which it then ends. The prints are 100, 94.50, 105.50 and 100.
EVERY_KIND: list[tuple[str, Order, tuple[int, str] | None, str]] = [
    ("market", of(OrderType.MARKET), (0, "101"), "filled"),
    ("limit", of(OrderType.LIMIT, limit_price="96"), (NOON, "95"), "filled"),
    ("stop to sell", of(OrderType.STOP, Side.SELL, stop_price="97"), (NOON, "94"), "filled"),
    ("stop to buy", of(OrderType.STOP, stop_price="104"), (LATE, "106"), "filled"),
    ("stop limit", of(OrderType.STOP_LIMIT, Side.SELL, stop_price="97", limit_price="94"), (NOON, "94"), "filled"),
    (
        "stop limit jumped over",
        of(OrderType.STOP_LIMIT, Side.SELL, stop_price="97", limit_price="96"),
        (LATE, "105"),
        "filled",
    ),
    ("trailing stop", of(OrderType.TRAIL, Side.SELL, trail="5"), (NOON, "94"), "filled"),
    ("trailing stop too far", of(OrderType.TRAIL, Side.SELL, trail="6"), None, "order_expired"),
    ("trailing stop from", of(OrderType.TRAIL, Side.SELL, trail="6", stop_price="95"), (NOON, "94"), "filled"),
    ("trailing limit", of(OrderType.TRAIL_LIMIT, Side.SELL, trail="5", limit_price="94"), (NOON, "94"), "filled"),
    ("market on close", of(OrderType.MARKET_ON_CLOSE), (BELL, "100"), "filled"),
    ("limit on close", of(OrderType.LIMIT_ON_CLOSE, limit_price="100"), (BELL, "100"), "filled"),
    ("limit on close too low", of(OrderType.LIMIT_ON_CLOSE, limit_price="99"), None, "order_expired"),
    (
        "till noon",
        of(OrderType.LIMIT, limit_price="96", time_in_force=GTD, good_till=after(NOON)),
        None,
        "order_expired",
    ),
    (
        "till late",
        of(OrderType.LIMIT, limit_price="96", time_in_force=GTD, good_till=after(LATE)),
        (NOON, "95"),
        "filled",
    ),
    ("immediate", of(OrderType.LIMIT, limit_price="101", time_in_force=IOC), (0, "101"), "filled"),
    ("immediate or cancel", of(OrderType.LIMIT, limit_price="96", time_in_force=IOC), None, "order_canceled"),
    ("fill or kill", of(OrderType.LIMIT, limit_price="96", time_in_force=FOK), None, "order_canceled"),
    ("stop for an auction", of(OrderType.STOP, stop_price="104", time_in_force=OPG), None, "order_rejected"),
    (
        "close till canceled",
        of(OrderType.MARKET_ON_CLOSE, time_in_force=TimeInForce.GOOD_TILL_CANCELED),
        None,
        "order_rejected",
    ),
    ("over already", of(OrderType.MARKET, time_in_force=GTD, good_till=OPENING), None, "order_rejected"),
]


@pytest.mark.parametrize(
    ("order", "filled", "end"), [row[1:] for row in EVERY_KIND], ids=[row[0] for row in EVERY_KIND]
)
def test_every_kind_of_order_travels_and_does_what_it_says(
    opens: Opens, order: Order, filled: tuple[int, str] | None, end: str
) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(market())
        await desk.place(order)
        await desk.until(21)

    desk = play(opens, script)
    last = [event for event in desk.events if getattr(event, "order_id", "") == "o-00000002"][-1]
    assert last.kind == end
    if filled:
        assert isinstance(last, Filled)
        assert (last.at, last.price) == (after(filled[0]), D(filled[1]))


def test_the_types_and_times_in_force_above_are_all_there_are() -> None:
    assert {row[1].type for row in EVERY_KIND} == set(OrderType)
    elsewhere = {TimeInForce.GOOD_TILL_CANCELED}
    assert {row[1].time_in_force for row in EVERY_KIND} | elsewhere == set(TimeInForce)


def test_an_order_for_the_opening_gets_the_print_of_the_opening(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.until(14)
        await desk.place(replace(market(), time_in_force=OPG))
        await desk.place(limit("99", 2, time_in_force=OPG))
        await desk.until(14, 30)

    desk = play(opens, script)
    filled = next(event for event in desk.events if isinstance(event, Filled))
    assert (filled.order_id, filled.at, filled.price) == ("o-00000001", after(86_400), D(100))
    assert desk.events[-1] == OrderExpired(
        event_id="o-00000002/expired", at=after(86_400), causes=("o-00000002",), order_id="o-00000002"
    )


def bracket() -> tuple[Order, Order, Order]:
    """A purchase, its target at 104 and its stop at 92."""
    return (
        market(),
        limit("104", 2, Side.SELL, parent_id="o-00000001"),
        replace(market(3, Side.SELL), type=OrderType.STOP, stop_price=D(92), parent_id="o-00000001"),
    )


def test_a_bracket_works_once_all_of_it_is_there(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        for order, held in zip(bracket(), (True, True, False), strict=True):
            await desk.broker.place(approved(order), held=held)
        await desk.answered()
        assert kinds(desk) == ["order_accepted"] * 3 + ["filled"]
        await desk.until(20)

    desk = play(opens, script)
    assert [(event.kind, getattr(event, "order_id", "")) for event in desk.events[4:]] == [
        ("filled", "o-00000002"),
        ("order_canceled", "o-00000003"),
    ]


def test_children_of_an_order_that_rests_wait_for_it_and_end_with_it(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("50"))
        for order in bracket()[1:]:
            await desk.place(order)
        assert kinds(desk) == ["order_accepted"] * 3
        await desk.broker.cancel("o-00000001")
        await desk.answered()
        assert kinds(desk)[3:] == ["order_canceled"] * 3

    play(opens, script)


def test_a_child_of_what_is_filled_is_an_order_like_any_other(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(market())
        await desk.place(bracket()[1])
        await desk.until(20)
        assert isinstance(desk.events[-1], Filled)
        assert desk.events[-1].order_id == "o-00000002"

    play(opens, script)


def test_a_child_of_what_was_canceled_is_rejected(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("50"))
        await desk.broker.cancel("o-00000001")
        await desk.answered()
        await desk.place(bracket()[1])
        rejected = desk.events[-1]
        assert isinstance(rejected, OrderRejected)
        assert (rejected.order_id, rejected.code) == ("o-00000002", 201)

    play(opens, script)


def test_a_child_of_an_order_that_never_left_does_not_leave(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        with pytest.raises(BrokerError, match="its parent o-00000001 is no order at the broker") as raised:
            await desk.broker.place(approved(bracket()[1]))
        assert (raised.value.code, raised.value.retryable) == (135, False)

    play(opens, script)


def test_of_a_group_the_first_fill_cancels_the_others(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("95", 1, oca_group="g"))
        await desk.place(limit("90", 2, oca_group="g"))
        await desk.until(17)

    desk = play(opens, script)
    assert [(event.kind, getattr(event, "order_id", "")) for event in desk.events[2:]] == [
        ("filled", "o-00000001"),
        ("order_canceled", "o-00000002"),
    ]


@pytest.mark.parametrize(
    ("order", "terms"),
    [
        (of(OrderType.STOP, Side.SELL, stop_price="80"), {"stop_price": D(96)}),
        (of(OrderType.STOP_LIMIT, Side.SELL, stop_price="80", limit_price="79"), {"stop_price": D(96)}),
        (of(OrderType.TRAIL, Side.SELL, trail="20"), {"trail": D(5)}),
        (of(OrderType.TRAIL_LIMIT, Side.SELL, trail="20", limit_price="79"), {"trail": D(5), "limit_price": D(94)}),
    ],
)
def test_stops_can_be_amended(opens: Opens, order: Order, terms: dict[str, Any]) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(market())
        await desk.place(order)
        await desk.broker.amend(approved(replace(order, **terms)))
        await desk.answered()
        assert isinstance(desk.events[-1], OrderAmended)
        await desk.until(17)
        filled = desk.events[-1]
        assert isinstance(filled, Filled)
        assert (filled.order_id, filled.price) == ("o-00000002", D(94))

    play(opens, script)


def test_a_child_that_waits_can_be_amended(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("96"))
        await desk.place(bracket()[1])
        await desk.broker.amend(approved(replace(bracket()[1], limit_price=D(105))))
        await desk.answered()
        assert isinstance(desk.events[-1], OrderAmended)
        await desk.until(20)
        filled = desk.events[-1]
        assert isinstance(filled, Filled)
        assert filled.price == D(105)

    play(opens, script)


def test_a_preview_tells_and_does_nothing(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        preview = await desk.broker.preview(market())
        # Ten at the ask of 101: ten basis points of 1010; margin is their value at the last print of 100.
        assert preview.order == market()
        assert (preview.commission, preview.equity_after) == (D("1.01"), D("99998.99"))
        assert preview.initial_margin_after == preview.maintenance_margin_after == 1000
        await desk.until(21)
        assert desk.events == []
        assert (await desk.broker.account()).positions == ()

    play(opens, script)


def test_a_preview_of_what_would_be_rejected_fails_with_the_code(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        with pytest.raises(BrokerError, match="o-00000001 would") as raised:
            await desk.broker.preview(market(quantity=10_000))
        assert (raised.value.code, raised.value.retryable) == (201, False)

    play(opens, script)


def test_the_account_is_told_whole(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(market())
        await desk.place(limit("90", 2, quantity=5))
        snapshot = await desk.broker.account()
        filled = desk.events[1]
        assert isinstance(filled, Filled)
        assert (snapshot.account, snapshot.at) == (ACCOUNT, OPENING)
        assert snapshot.cash == {"USD": D("98988.99")}
        (position,) = snapshot.positions
        assert (position.symbol, position.quantity, position.average_cost) == ("AAA", D(10), D("101.101"))
        (working,) = snapshot.open_orders
        assert (working.order_id, working.symbol, working.status) == ("o-00000002", "AAA", OrderStatus.NEW)
        assert (working.filled, working.remaining) == (D(0), D(5))
        assert snapshot.execution_ids == (filled.execution_id,)
        assert snapshot.equity == D("98988.99") + 1000
        assert snapshot.buying_power == D("98988.99") - 450 - D("0.45")

    play(opens, script)


def test_an_order_that_is_partly_done_says_so(opens: Opens) -> None:
    async def script(desk: Desk) -> None:
        await desk.place(limit("101", quantity=150))
        (working,) = (await desk.broker.account()).open_orders
        assert (working.status, working.filled, working.remaining) == (OrderStatus.PARTIALLY_FILLED, D(100), D(50))

    play(opens, script, partial_fills=True)


Move = tuple[str, int, int]
moves = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "rest", "offer", "cancel", "amend", "wait", "wait"]),
        st.integers(1, 5),
        st.integers(1, 250),
    ),
    max_size=25,
)


class Bookish(Desk):
    """Writes down what it sends before it does, and folds every report into the table of statuses."""

    def __init__(self, broker: Broker, feed: Feed) -> None:
        super().__init__(broker, feed)
        self.orders = Orders()
        self.placed: list[Order] = []

    async def next(self) -> Slice:
        seen = len(self.events)
        market = await super().next()
        for event in self.events[seen:]:
            self.orders.apply(event)
        return market

    async def move(self, number: int, move: str, which: int, quantity: int) -> None:
        at = self.slices[-1].at
        if move in ("buy", "sell", "rest", "offer"):
            side = Side.BUY if move in ("buy", "rest") else Side.SELL
            price = {"rest": "96", "offer": "104"}.get(move)
            order = market(number, side, quantity) if price is None else limit(price, number, side, quantity)
            self.orders.apply(OrderPlaced(event_id=order.order_id, at=at, order=order))
            self.placed.append(order)
            await self.broker.place(approved(order))
            return
        target = self.placed[which % len(self.placed)] if self.placed else None
        if target is None or self.orders[target.order_id].status not in AMENABLE:
            return
        if move == "cancel":
            asked = CancelRequested(event_id=f"c-{number:08d}", at=at, order_id=target.order_id, reason="test")
            self.orders.apply(asked)
            await self.broker.cancel(target.order_id)
        elif move == "amend" and target.type is OrderType.LIMIT:
            changed = replace(target, quantity=D(quantity))
            self.orders.apply(AmendRequested(event_id=f"m-{number:08d}", at=at, order=changed))
            await self.broker.amend(approved(changed))


AMENABLE = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


@pytest.mark.parametrize("opens", list(IMPLEMENTATIONS.values()), ids=list(IMPLEMENTATIONS))
@settings(max_examples=60)
@given(script=moves, partial=st.booleans())
def test_every_report_fits_the_table_of_statuses(opens: Opens, script: list[Move], *, partial: bool) -> None:
    async def run() -> Bookish:
        async with opens(written(QUIET, QUIET, QUIET), replace(TERMS, partial_fills=partial)) as (broker, feed):
            desk = Bookish(broker, feed)
            await desk.until(14, 30)
            try:
                for number, move in enumerate(script, start=1):
                    await desk.move(number, *move)
                    await desk.next()
                await desk.until(23)
            except StopAsyncIteration:
                return desk
            raise AssertionError("the world has no 23:00")

    desk = asyncio.run(run())
    last_bell = desk.slices[-1].at.replace(hour=21, minute=0)
    # All orders are for the day: none outlives the last one, unless it came when that was over.
    assert [state for state in desk.orders.working() if state.placed_at < last_bell] == []
