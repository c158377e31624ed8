"""What is special to the broker in process: its clients, its exchange that outlives it, its steps of time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.domain.events import Event, Filled, OrderAccepted, OrderPlaced, OrderRejected
from bursar.domain.market import Slice
from bursar.domain.orders import ApprovedOrder, Order, OrderType, Side
from bursar.errors import BrokerError
from bursar.gateway.exchange import Exchange
from bursar.gateway.terms import Terms
from tests.builders import order as built
from tests.gateway.worlds import order as placed
from tests.gateway.worlds import simulated, written


def approved(order: Order) -> ApprovedOrder:
    return ApprovedOrder(order=order, approval_id="a-00000001")


def buy(number: int = 1, quantity: int = 10, symbol: str = "AAA") -> Order:
    return built(f"o-{number:08d}", symbol, quantity)


def at_the_open() -> Exchange:
    exchange = Exchange(written(), Terms())
    exchange.advance()
    return exchange


async def slices(feed: SimulatedFeed, then: Callable[[Slice], object] = lambda _: None) -> list[Slice]:
    seen = []
    async for each in feed:
        seen.append(each)
        then(each)
    return seen


def test_the_feed_shows_the_present_first_and_every_instant_once() -> None:
    exchange = Exchange(simulated(days=2), Terms())
    world = exchange.world
    seen = asyncio.run(slices(SimulatedFeed(exchange, SimulatedBroker(exchange))))
    assert [each.at for each in seen] == [at for day in world.sessions for at in world.tape.instants(day)]
    assert [each.quotes for each in seen] == [quotes for day in world.sessions for quotes in world.tape.quotes(day)]


def test_a_feed_that_begins_in_the_middle_begins_with_what_is_known() -> None:
    exchange = Exchange(simulated(days=2), Terms())
    for _ in range(20):
        exchange.advance()
    seen = asyncio.run(slices(SimulatedFeed(exchange, SimulatedBroker(exchange))))
    tape, today = exchange.world.tape, exchange.world.sessions[1]
    assert [each.at for each in seen] == list(tape.instants(today)[4:])
    assert [each.quotes for each in seen] == list(tape.quotes(today)[4:])


def test_time_stands_still_for_one_slice_after_anything_was_sent() -> None:
    async def run() -> list[Slice]:
        exchange = at_the_open()
        broker = SimulatedBroker(exchange)
        feed, seen = SimulatedFeed(exchange, broker), []
        async for each in feed:
            seen.append(each)
            if len(seen) == 1:
                await broker.place(approved(buy()))
            if len(seen) == 3:
                await broker.account()
            if len(seen) == 5:
                break
        return seen

    first, second, third, fourth, fifth = asyncio.run(run())
    assert second == replace(first, quotes=())
    assert third.at > second.at
    assert fourth == replace(third, quotes=())
    assert fifth.at > fourth.at


def test_what_was_sent_at_the_very_end_is_still_answered() -> None:
    async def run() -> list[Event]:
        exchange = Exchange(written(), Terms())
        while exchange.next_instant is not None:
            exchange.advance()
        broker, seen = SimulatedBroker(exchange), list[Event]()
        async for _ in SimulatedFeed(exchange, broker):
            seen.extend(broker.reports())
            if not seen:
                await broker.place(approved(buy()))
        return seen

    assert [type(event) for event in asyncio.run(run())] == [OrderAccepted]


def test_orders_of_other_clients_are_none_of_our_business() -> None:
    exchange = at_the_open()
    broker = SimulatedBroker(exchange, client_id=1)
    exchange.place(placed(1, client_id=2))
    assert broker.reports() == ()
    # The account is shared, and shows it.
    snapshot = asyncio.run(broker.account())
    assert [position.symbol for position in snapshot.positions] == ["AAA"]
    assert len(snapshot.execution_ids) == 1


def test_a_broker_that_comes_back_reports_what_happened_meanwhile_and_nothing_twice() -> None:
    exchange = at_the_open()
    first = SimulatedBroker(exchange)
    orders = [buy(1), replace(buy(2), type=OrderType.LIMIT, limit_price=Decimal(96))]
    journal: list[Event] = []
    for order in orders:
        journal.append(OrderPlaced(event_id=order.order_id, at=exchange.now, order=order))
        asyncio.run(first.place(approved(order)))
    journal.extend(first.reports())
    exchange.advance()
    second = SimulatedBroker(exchange, journal=journal)
    reports = second.reports()
    assert [(type(event), getattr(event, "order_id", "")) for event in reports] == [(Filled, "o-00000002")]
    assert SimulatedBroker(exchange, journal=[*journal, *reports]).reports() == ()


def test_a_broker_that_comes_back_can_cancel_what_works() -> None:
    exchange = at_the_open()
    order = replace(buy(), type=OrderType.LIMIT, limit_price=Decimal(50))
    journal = [OrderPlaced(event_id=order.order_id, at=exchange.now, order=order)]
    asyncio.run(SimulatedBroker(exchange).place(approved(order)))
    second = SimulatedBroker(exchange, journal=journal)
    asyncio.run(second.cancel(order.order_id))
    assert [event.event_id for event in second.reports()] == ["o-00000001/accepted", "o-00000001/canceled"]


def test_what_the_broker_never_had_it_cannot_cancel_or_amend() -> None:
    broker = SimulatedBroker(at_the_open())
    with pytest.raises(BrokerError, match="no working order o-00000009 at the broker") as raised:
        asyncio.run(broker.cancel("o-00000009"))
    assert (raised.value.code, raised.value.retryable) == (10147, False)
    with pytest.raises(BrokerError, match="no working order o-00000009"):
        asyncio.run(broker.amend(approved(buy(9))))


def test_a_symbol_that_is_not_listed_is_rejected_with_the_code_of_ibkr() -> None:
    broker = SimulatedBroker(at_the_open())
    asyncio.run(broker.place(approved(buy(symbol="ZZZ"))))
    (rejected,) = broker.reports()
    assert isinstance(rejected, OrderRejected)
    assert rejected.code == 200


def test_executions_are_stamped_by_the_exchange_in_whole_seconds() -> None:
    exchange = at_the_open()
    broker = SimulatedBroker(exchange)
    asyncio.run(broker.place(approved(buy())))
    asyncio.run(broker.place(approved(replace(buy(2), side=Side.SELL))))
    assert {event.at for event in broker.reports()} == {datetime(2022, 1, 3, 14, 30, tzinfo=UTC)}
