"""What is special to the broker over the wire: connections that fail and come back, and a client library's errors.

What every broker promises is in tests/conformance/test_broker.py, which runs over this one as well.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ib_async
import pytest

from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib import IBBroker, IBFeed, _strange, connect
from bursar.adapters.ib_connection import Address, Contracts
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.domain.events import Event, Filled, OrderAccepted, OrderCanceled, OrderExpired, OrderPlaced, OrderRejected
from bursar.domain.instruments import Instrument
from bursar.domain.market import Slice
from bursar.domain.orders import ApprovedOrder, Order, OrderType, Side, TimeInForce
from bursar.domain.record import encode
from bursar.errors import BrokerError, DataError, InputError
from bursar.gateway import codec
from bursar.gateway.commands import Place
from bursar.gateway.exchange import Exchange
from bursar.gateway.hub import Hub
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import write
from bursar.gateway.server import Connection, Server
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ports import Broker, Feed
from tests.builders import ACCOUNT
from tests.builders import order as built
from tests.gateway import worlds

D = Decimal


def approved(order: Order) -> ApprovedOrder:
    return ApprovedOrder(order=order, approval_id="a-00000001")


def buy(number: int = 1, quantity: int = 10) -> Order:
    return built(f"o-{number:08d}", "AAA", quantity)


def resting(number: int = 1, price: str = "50", **more: Any) -> Order:
    return replace(buy(number), type=OrderType.LIMIT, limit_price=D(price), **more)


@asynccontextmanager
async def gateway(world: World | None = None, terms: Terms | None = None) -> AsyncIterator[Server]:
    async with Server(Hub(Exchange(world or worlds.written(), terms))) as server:
        yield server


async def call(
    server: Server,
    journal: Iterable[Event] = (),
    *,
    client_id: int = 1,
    seconds: float = 5.0,
    instruments: dict[str, Instrument] | None = None,
    account: str = ACCOUNT,
) -> tuple[IBBroker, IBFeed]:
    world = server.hub.exchange.world
    return await connect(
        Address(account=account, port=server.port, client_id=client_id, timeout_seconds=seconds),
        world.listed if instruments is None else instruments,
        world.sessions,
        clock=ReplayClock(world.sessions[0].open),
        journal=journal,
    )


async def hang_up(broker: IBBroker) -> None:
    broker.connection.close()
    await asyncio.sleep(0)


def run(script: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(script())  # type: ignore[arg-type]  # every script is a coroutine function


# ---------------------------------------------------------------- getting in


@pytest.mark.parametrize("account", ["U1234567", "F1234567", ""])
def test_an_account_that_may_be_a_live_one_is_refused(account: str) -> None:
    with pytest.raises(InputError, match="may be a live one"):
        Address(account=account)


@pytest.mark.parametrize("port", [7496, 4001])
def test_a_port_for_live_accounts_is_refused(port: int) -> None:
    with pytest.raises(InputError, match="real money lies"):
        Address(account=ACCOUNT, port=port)


def test_where_no_gateway_listens_it_says_how_to_start_one() -> None:
    async def script() -> None:
        async with gateway() as server:
            await server.close()
            with pytest.raises(BrokerError, match=r"no gateway answers at 127\.0\.0\.1.*bursar gateway") as raised:
                await call(server)
            assert raised.value.retryable

    run(script)


def test_a_gateway_that_says_nothing_is_given_up() -> None:
    async def script() -> None:
        callers: list[asyncio.StreamWriter] = []
        silent = await asyncio.start_server(lambda _reader, writer: callers.append(writer), "127.0.0.1", 0)
        address = Address(account=ACCOUNT, port=silent.sockets[0].getsockname()[1], timeout_seconds=0.05)
        with pytest.raises(BrokerError, match="no gateway answers") as raised:
            await connect(address, {}, (), clock=ReplayClock(datetime(2022, 1, 3, tzinfo=UTC)))
        assert raised.value.retryable
        silent.close()
        for caller in callers:
            caller.close()
            await caller.wait_closed()

    run(script)


def test_a_gateway_that_hangs_up_on_the_way_in_is_a_retryable_error_at_once() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(codec.encode(["178", "20220103 09:30:00 US/Eastern"]))
        await reader.read(100)
        writer.write(write(r.ManagedAccounts(accounts=ACCOUNT), 178) + write(r.NextValidId(order_id=1), 178))
        await reader.read(100)
        writer.close()
        await writer.wait_closed()

    async def script() -> None:
        fickle = await asyncio.start_server(greet, "127.0.0.1", 0)
        address = Address(account=ACCOUNT, port=fickle.sockets[0].getsockname()[1], timeout_seconds=3600)
        with pytest.raises(BrokerError, match=r"hung up|no gateway answers") as raised:
            await connect(address, {}, (), clock=ReplayClock(datetime(2022, 1, 3, tzinfo=UTC)))
        assert raised.value.retryable
        fickle.close()

    run(script)


def test_an_account_without_its_cash_is_an_error() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, _ = await call(server)
            broker.connection.ib.wrapper.updateAccountValue = lambda *_: None  # type: ignore[method-assign]  # it is lost
            with pytest.raises(BrokerError, match="without its cash"):
                await broker.account()
            await hang_up(broker)

    run(script)


def test_a_second_trader_is_refused_at_once_with_326() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, _ = await call(server)
            with pytest.raises(BrokerError, match="client id is already in use") as raised:
                await call(server, seconds=3600)  # ib_async would wait so long
            assert (raised.value.code, raised.value.retryable) == (326, True)
            assert (await broker.account()).cash == {"USD": D("100000.00")}  # the first goes on
            await hang_up(broker)

    run(script)


def test_an_account_that_the_gateway_does_not_hold_is_refused() -> None:
    async def script() -> None:
        async with gateway() as server:
            with pytest.raises(BrokerError, match="does not hold account DU9000007; it holds DU9000001"):
                await call(server, account="DU9000007")
            await asyncio.sleep(0)

    run(script)


def test_an_instrument_that_the_broker_does_not_know_is_named() -> None:
    async def script() -> None:
        async with gateway() as server:
            with pytest.raises(DataError, match="the broker knows no stock NOPE"):
                await call(server, instruments={"NOPE": Instrument(symbol="NOPE")})
            await asyncio.sleep(0)
            assert server.hub.clients == {} or await settled(server)

    run(script)


async def settled(server: Server) -> bool:
    """Wait until the gateway has noticed that its clients are gone."""
    for _ in range(100):
        if not server.hub.clients:
            return True
        await asyncio.sleep(0)
    return False


def test_a_class_of_shares_is_found_by_the_brokers_name_for_it() -> None:
    async def script() -> None:
        world = worlds.written()
        world = replace(world, instruments=(*world.instruments, Instrument(symbol="BRK.B")))
        async with gateway(world) as server:
            broker, _ = await call(server)
            assert broker.contracts["BRK.B"].symbol == "BRK B"
            with pytest.raises(BrokerError, match="ZZZ is not among the instruments"):
                await broker.place(approved(replace(buy(), symbol="ZZZ")))
            await hang_up(broker)

    run(script)


class Listed:
    """A connection on which one share is listed, in London."""

    def __init__(self, magnifier: int) -> None:
        contract = ib_async.Contract(secType="STK", symbol="AZN", currency="GBP", conId=7, primaryExchange="LSE")
        self.details = ib_async.ContractDetails(contract=contract, priceMagnifier=magnifier)
        self.ib = self
        self.asked: list[ib_async.Contract] = []

    async def answered(self, _what: str, ask: Callable[[], Awaitable[Any]], _priority: object) -> Any:
        return await ask()

    async def reqContractDetailsAsync(self, contract: ib_async.Contract) -> list[ib_async.ContractDetails]:  # noqa: N802
        self.asked.append(contract)
        return [self.details]


def share(**said: Any) -> ib_async.Contract:
    """The share that is listed, as something else."""
    return ib_async.Contract(**({"secType": "STK", "symbol": "AZN", "currency": "GBP"} | said))


def test_a_share_abroad_is_asked_for_on_its_own_exchange_and_refused_where_it_is_priced_in_pence() -> None:
    azn = {"AZN": Instrument(symbol="AZN", currency="GBP", exchange="XLON")}
    pounds, pence, contracts = Listed(1), Listed(100), Contracts(azn)
    asyncio.run(contracts.look_up(pounds))  # type: ignore[arg-type]  # as much of a connection as is asked
    assert (pounds.asked[0].primaryExchange, pounds.asked[0].currency, pounds.asked[0].exchange) == (
        *("LSE", "GBP"),
        "SMART",
    )
    assert contracts["AZN"].conId == 7
    ours, theirs = share(conId=7), share(conId=8, currency="USD")
    assert [contracts.symbol(each) for each in (ours, theirs)] == ["AZN", "AZN in USD"]
    assert contracts.symbol(share(conId=9)) == "AZN", "in the same money: its number was changed"
    with pytest.raises(DataError, match="prices of AZN in 100 parts of one GBP, in which nothing is traded here"):
        asyncio.run(Contracts(azn).look_up(pence))  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize(
    ("traded", "kind", "multiplier"),
    [
        ({"secType": "STK", "symbol": "TSLA"}, "stock", 1),
        ({"secType": "CASH", "symbol": "EUR"}, "currency", 1),
        ({"secType": "FUT", "symbol": "MES", "multiplier": "5"}, "future", 5),
        ({"secType": "WAR", "symbol": "W", "multiplier": ""}, "stock", 1),
        ({"secType": "OPT", "symbol": "SPY", "multiplier": "100"}, "stock", 100),  # without what makes it one
        (
            {"secType": "OPT", "symbol": "SPY", "multiplier": "100", "strike": 400.0, "right": "P"}
            | {"lastTradeDateOrContractMonth": "20220121"},
            "option",
            100,
        ),
    ],
)
def test_what_is_traded_by_hand_and_none_of_ours_is_listed_before_it_is_booked(
    traded: dict[str, Any], kind: str, multiplier: int
) -> None:
    contract = ib_async.Contract(currency="USD", conId=8, **traded)
    found = _strange(contract, "by hand")
    assert (found.symbol, found.kind.value, int(found.multiplier)) == ("by hand", kind, multiplier)
    assert (found.currency, found.company) == ("USD", "SPY" if kind == "option" else "by hand")


# ---------------------------------------------------------------- the same as in process


async def trade(broker: Broker, feed: Feed) -> tuple[list[Event], list[Slice]]:
    """Trade every few instants, all kinds of orders, to the end of the world."""
    events: list[Event] = []
    slices: list[Slice] = []
    number = 0
    async for market in feed:
        events.extend(broker.reports())
        slices.append(market)
        if not market.quotes or len(slices) % 2:
            continue
        number += 1
        quote = market.quotes[number % len(market.quotes)]
        side = Side.SELL if number % 3 == 2 else Side.BUY
        order = replace(buy(number, 3 + number), symbol=quote.symbol, side=side)
        if number % 3 == 0 and quote.bid:
            order = replace(
                order,
                type=OrderType.LIMIT,
                limit_price=quote.bid,
                time_in_force=TimeInForce.GOOD_TILL_CANCELED if number % 2 else TimeInForce.DAY,
            )
        await broker.place(approved(order))
        if number % 6 == 0:
            await broker.cancel(order.order_id)
        if number % 6 == 3:
            await broker.amend(approved(replace(order, quantity=D(50))))
    return events, slices


def test_slices_and_events_are_to_the_byte_what_they_are_in_process() -> None:
    world = worlds.simulated(symbols=4, days=4)

    async def script() -> None:
        exchange = Exchange(world)
        broker = SimulatedBroker(exchange)
        here = await trade(broker, SimulatedFeed(exchange, broker))
        async with gateway(world) as server:
            over_tcp, feed = await call(server)
            there = await trade(over_tcp, feed)
            await hang_up(over_tcp)
        assert [encode(event) for event in there[0]] == [encode(event) for event in here[0]]
        assert list(map(repr, there[1])) == list(map(repr, here[1]))
        told = {quote.volume for market in there[1] for quote in market.quotes}
        assert len(told) > 10  # the day's volume is told as it grows
        assert {"order_accepted", "filled", "order_canceled", "order_rejected"} <= {event.kind for event in here[0]}

    run(script)


# ---------------------------------------------------------------- going away and coming back


async def slices(feed: IBFeed, count: int, broker: IBBroker) -> list[Event]:
    """So many slices, and what was reported until the last."""
    events: list[Event] = []
    async for _ in feed:
        events.extend(broker.reports())
        count -= 1
        if not count:
            return events
    raise AssertionError("the world ended")


def placed(order: Order) -> OrderPlaced:
    return OrderPlaced(event_id=order.order_id, at=datetime(2022, 1, 3, 14, 30, tzinfo=UTC), order=order)


def test_what_was_filled_while_we_were_away_is_reported_on_the_way_in_and_once() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, feed = await call(server)
            await slices(feed, 2, broker)
            order = resting(price="96")
            await broker.place(approved(order))
            events = await slices(feed, 1, broker)
            await hang_up(broker)
            assert [event.kind for event in events] == ["order_accepted"]
            server.step()  # 17:00: the price comes down to it
            journal: list[Event] = [placed(order), *events]
            broker, feed = await call(server, journal)
            missed = await slices(feed, 1, broker)
            (filled,) = missed
            assert isinstance(filled, Filled)
            assert (filled.price, filled.order_id, filled.at.hour) == (D("95.00"), order.order_id, 17)
            await hang_up(broker)
            broker, feed = await call(server, [*journal, *missed])
            assert await slices(feed, 2, broker) == []
            await hang_up(broker)

    run(script)


def test_what_ended_while_we_were_away_is_reported_with_its_own_time() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, feed = await call(server)
            await slices(feed, 2, broker)
            order = resting()
            await broker.place(approved(order))
            events = await slices(feed, 1, broker)
            await hang_up(broker)
            while server.hub.exchange.now.hour < 21:
                server.step()
            server.step()
            broker, feed = await call(server, [placed(order), *events])
            (ended,) = await slices(feed, 1, broker)
            assert isinstance(ended, OrderExpired)
            assert f"{ended.at:%H:%M}" == "21:00"  # and not 21:30, when we came back
            await hang_up(broker)

    run(script)


def test_an_order_that_works_on_can_be_canceled_after_we_came_back() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, feed = await call(server)
            await slices(feed, 2, broker)
            order = resting()
            await broker.place(approved(order))
            events = await slices(feed, 1, broker)
            await hang_up(broker)
            broker, feed = await call(server, [placed(order), *events])
            await slices(feed, 1, broker)
            await broker.cancel(order.order_id)
            (canceled,) = await slices(feed, 1, broker)
            assert isinstance(canceled, OrderCanceled)
            await hang_up(broker)

    run(script)


def test_an_order_that_never_arrived_cannot_be_canceled() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, _ = await call(server)
            with pytest.raises(BrokerError, match="no working order o-00000009") as raised:
                await broker.cancel("o-00000009")
            assert raised.value.code == 10147
            await hang_up(broker)

    run(script)


def mute(server: Server) -> None:
    """Let the gateway hear and say nothing any more, as a program that hangs."""
    for connection in server.connections:
        connection._session.receive = lambda data: b""  # type: ignore[method-assign]  # what a test does to it


def test_a_broken_line_is_a_retryable_error_to_whoever_asks() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, feed = await call(server)
            await slices(feed, 1, broker)
            asking = asyncio.ensure_future(broker.connection.barrier())
            for connection in tuple(server.connections):
                connection.drop()
            with pytest.raises(BrokerError) as raised:
                await asking
            assert raised.value.retryable
            for ask in (broker.account(), broker.place(approved(buy())), broker.preview(buy())):
                with pytest.raises(BrokerError, match="no connection") as raised:
                    await ask
                assert raised.value.retryable

    run(script)


def test_a_preview_does_not_wait_for_a_line_that_broke() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, _ = await call(server, seconds=3600)
            asking = asyncio.ensure_future(broker.preview(buy()))
            mute(server)
            await asyncio.sleep(0)
            for connection in tuple(server.connections):
                connection.drop()
            with pytest.raises(BrokerError, match="connection broke") as raised:
                await asking
            assert raised.value.retryable

    run(script)


def test_an_account_that_is_not_told_whole_is_an_error_and_never_an_empty_one() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, _ = await call(server, seconds=0.05)
            mute(server)
            with pytest.raises(BrokerError, match="did not tell its") as raised:
                await broker.account()
            assert raised.value.retryable
            with pytest.raises(BrokerError, match="did not tell what o-00000001 would do"):
                await broker.preview(buy())
            await hang_up(broker)

    run(script)


# ---------------------------------------------------------------- what the client library makes of it


def say(server: Server, *messages: object) -> None:
    """Have the gateway say something that its exchange did not."""
    (connection,) = server.connections
    assert isinstance(connection, Connection)
    assert connection._transport is not None
    connection._transport.write(b"".join(write(message, 178) for message in messages))


def test_a_warning_that_the_library_takes_for_a_cancellation_cancels_nothing() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, feed = await call(server)
            await slices(feed, 2, broker)
            await broker.place(approved(resting(price="96")))
            events = await slices(feed, 1, broker)
            say(server, r.ErrMsg(req_id=1, code=10349, text="Order TIF was set to DAY based on order preset."))
            events += await slices(feed, 2, broker)  # 17:00: it works on, and fills
            assert [type(event) for event in events] == [OrderAccepted, Filled]
            await hang_up(broker)

    run(script)


def test_a_status_alone_is_no_fill() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, feed = await call(server)
            await slices(feed, 2, broker)
            await broker.place(approved(resting()))
            await slices(feed, 1, broker)
            (order,) = server.hub.exchange.open_orders()
            filled = r.OrderStatus(
                order_id=1, status="Filled", filled=D(10), remaining=D(0), avg_fill_price=D(50),
                perm_id=order.perm_id, parent_id=0, last_fill_price=D(50), client_id=1,
            )  # fmt: skip
            say(server, filled)
            assert await slices(feed, 1, broker) == []
            await hang_up(broker)

    run(script)


def test_the_trades_of_another_client_are_booked_as_nobodys() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, feed = await call(server)
            await slices(feed, 2, broker)
            stranger = Place(
                client_id=9, order_id=1, account=ACCOUNT, symbol="AAA", action="BUY", total_quantity=D(5),
                order_ref="o-00000001",
            )  # fmt: skip
            server.hub.do(stranger)
            server.hub.do(replace(stranger, order_id=2, order_type="LMT", lmt_price=D(50)))
            await broker.place(approved(buy()))
            await slices(feed, 1, broker)
            snapshot = await broker.account()
            assert [order.order_id for order in snapshot.open_orders] == [""]
            (filled,) = await slices(feed, 1, broker)
            assert isinstance(filled, Filled)
            assert (filled.order_id, filled.quantity) == ("", D(5))
            await hang_up(broker)

    run(script)


def test_nothing_that_the_broker_says_makes_ib_async_complain(caplog: pytest.LogCaptureFixture) -> None:
    async def script() -> None:
        async with gateway(worlds.simulated(symbols=3, days=1)) as server:
            broker, feed = await call(server)
            await trade(broker, feed)
            await broker.account()
            await hang_up(broker)

    with caplog.at_level(logging.ERROR, logger="ib_async"):
        run(script)
    complaints = [each.getMessage() for each in caplog.records if "Error handling" in each.getMessage()]
    assert complaints == []


def test_a_refused_order_is_reported_with_the_brokers_words() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, feed = await call(server)
            await slices(feed, 2, broker)
            await broker.place(approved(buy(quantity=100_000)))
            (rejected,) = await slices(feed, 1, broker)
            assert isinstance(rejected, OrderRejected)
            assert rejected.code == 201
            await hang_up(broker)

    run(script)


def test_a_market_without_a_price_has_no_quote_and_a_missing_side_is_none() -> None:
    day = {worlds.OPEN: {"AAA": ("99.00", "101.00")}}

    async def script() -> None:
        async with gateway(worlds.written(day)) as server:
            broker, feed = await call(server)
            seen = []
            async for market in feed:
                seen.append(market)
                if len(seen) == 2:
                    break
            assert seen[0].quotes == ()
            assert [quote.symbol for quote in seen[1].quotes] == ["AAA"]
            number = next(iter(broker.connection.ib.wrapper.reqId2Ticker))
            say(server, r.TickPrice(req_id=number, tick_type=1, price=D(-1)))
            market = await anext(feed.__aiter__())
            assert (market.quotes[0].bid, market.quotes[0].bid_size, market.quotes[0].ask) == (None, D(0), D("101.00"))
            assert market.quotes[0].volume is None
            say(server, r.TickSize(req_id=number, tick_type=8, size=D(1234)))
            market = await anext(feed.__aiter__())
            assert market.quotes[0].volume == 1234
            await hang_up(broker)

    run(script)


def test_in_a_halt_the_prices_from_before_it_are_no_quote() -> None:
    day = {worlds.OPEN: {"AAA": ("99.00", "101.00")}}

    async def script() -> None:
        async with gateway(worlds.written(day)) as server:
            broker, feed = await call(server)
            async for market in feed:
                if market.quotes:
                    assert market.quotes[0].two_sided
                    break
            number = next(iter(broker.connection.ib.wrapper.reqId2Ticker))
            for halted in (1, 2):  # by a regulator or for news, and for volatility
                say(server, r.TickGeneric(req_id=number, tick_type=49, value=D(halted)))
                market = await anext(feed.__aiter__())
                assert (market.quotes[0].bid, market.quotes[0].ask) == (None, None)
            say(server, r.TickGeneric(req_id=number, tick_type=49, value=D(0)))
            market = await anext(feed.__aiter__())
            assert (market.quotes[0].bid, market.quotes[0].ask) == (D("99.00"), D("101.00"))
            await hang_up(broker)

    run(script)


def test_a_next_valid_id_that_went_back_gives_no_order_the_number_of_an_older_one() -> None:
    async def script() -> None:
        async with gateway() as server:
            broker, feed = await call(server)
            await slices(feed, 2, broker)
            await broker.place(approved(buy()))
            events = await slices(feed, 1, broker)
            await hang_up(broker)
            accepted = next(event for event in events if isinstance(event, OrderAccepted))
            assert accepted.number == 1
            # Next morning: of yesterday's orders and executions nothing is told, and the gateway counts from 1 again.
            exchange = server.hub.exchange
            while exchange.now.day == 3:
                server.step()
            server.step()
            exchange.orders._next_ids.clear()
            broker, feed = await call(server, [placed(buy()), *events])
            await slices(feed, 1, broker)
            await broker.place(approved(buy(2)))
            await slices(feed, 1, broker)
            assert [exchange.order(1, number).request.order_ref for number in (1, 2)] == [  # type: ignore[union-attr]
                "o-00000001",
                "o-00000002",
            ]
            await hang_up(broker)

    run(script)
