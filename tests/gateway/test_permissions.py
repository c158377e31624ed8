"""What a log-in may see and how much it may ask for: codes, delayed prices, and the pace of messages and bars."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.gateway import codec
from bursar.gateway.codec import VersionRange
from bursar.gateway.exchange import Exchange
from bursar.gateway.hub import Hub, Limits
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.messages import write
from bursar.gateway.pacing import HistoryPacing, MessageRate
from bursar.gateway.permissions import Permissions
from bursar.gateway.server import Server
from bursar.gateway.session import Session
from bursar.gateway.world import World
from tests.gateway import worlds
from tests.gateway.clients import AAA, Client, errors, kinds, one, only, to_open
from tests.gateway.test_server import Caller
from tests.simulation.loop import VirtualLoop

NOTHING = Permissions(live=frozenset())
MARKET = q.ReqMktData(req_id=5, contract=AAA)


def client_with(permissions: Permissions, world: World | None = None) -> Client:
    hub = Hub(Exchange(world or worlds.written()), permissions=permissions)
    to_open(hub)
    return Client(hub)


# ---------------------------------------------------------------- permissions


@pytest.mark.parametrize(
    ("permissions", "asked", "code", "text"),
    [
        (NOTHING, 1, 354, "Requested market data is not subscribed.Delayed market data is available.AAA NYSE/TOP/ALL"),
        (NOTHING, 2, 354, "Requested market data is not subscribed.Delayed market data is available.AAA NYSE/TOP/ALL"),
        (NOTHING, 3, 10167, "Requested market data is not subscribed. Displaying delayed market data."),
        (NOTHING, 4, 10167, "Requested market data is not subscribed. Displaying delayed market data."),
        (
            replace(NOTHING, delayed=False),
            3,
            10168,
            "Requested market data is not subscribed. Delayed market data is not enabled.",
        ),
        (Permissions(competing=True), 1, 10197, "No market data during competing live session"),
    ],
)
def test_who_may_not_see_prices_is_told_why(permissions: Permissions, asked: int, code: int, text: str) -> None:
    told = client_with(permissions).ask(q.ReqMarketDataType(market_data_type=asked), MARKET)
    error = one(r.ErrMsg, told)
    assert (error.req_id, error.code, error.text) == (5, code, text)
    assert bool(only(r.MarketDataType, told)) == (code == 10167)


def test_who_may_see_live_prices_gets_them_even_where_he_asks_for_delayed_ones() -> None:
    told = client_with(Permissions(live=frozenset({"AAA"}))).ask(q.ReqMarketDataType(market_data_type=3), MARKET)
    assert one(r.MarketDataType, told).market_data_type == 1
    assert errors(told) == []


def delayed_ticks(messages: list[Any]) -> dict[int, Decimal]:
    return {each.tick_type: each.price for each in only(r.TickPrice, messages)}


def test_delayed_prices_are_those_of_a_quarter_of_an_hour_ago() -> None:
    world = worlds.simulated(symbols=1, days=2, step_minutes=5)
    symbol = world.instruments[0].symbol
    client = client_with(NOTHING, world)
    hub = client.session._hub
    contract = replace(AAA, symbol=symbol)
    told = client.ask(q.ReqMarketDataType(market_data_type=3), q.ReqMktData(req_id=5, contract=contract))
    assert one(r.MarketDataType, told).market_data_type == 3
    assert delayed_ticks(told) == {}  # the first day has no day before it
    quotes = [hub.exchange.quote(symbol)]
    seen: dict[datetime, dict[int, Decimal]] = {}
    for _ in range(12):
        hub.step()
        quotes.append(hub.exchange.quote(symbol))
        seen[hub.exchange.now] = delayed_ticks(client.told())
    shown = 0
    for at, ticks in seen.items():
        then = next((each for each in quotes if each and each.at == at - timedelta(minutes=15)), None)
        if then is None:
            assert ticks == {}
        else:
            assert ticks == {66: then.bid, 67: then.ask, 68: then.last}
            shown += 1
    assert shown == 10
    told = client.ask(q.ReqMktData(req_id=6, contract=contract))
    assert {66, 67, 68, 72, 73, 76} <= delayed_ticks(told).keys()
    assert one(r.TickSize, told).tick_type == 74
    assert {each.tick_type for each in only(r.TickString, told)} == {88}
    assert errors(client.ask(q.CancelMktData(req_id=5), q.CancelMktData(req_id=5))) == [(5, 300)]


def test_a_delayed_line_early_in_the_day_shows_the_end_of_the_day_before() -> None:
    client = client_with(NOTHING)
    hub = client.session._hub
    while hub.exchange.now < datetime(2022, 1, 4, 14, 30, tzinfo=UTC):
        hub.step()
    told = client.ask(q.ReqMarketDataType(market_data_type=3), MARKET)
    assert delayed_ticks(told)[66] == Decimal("99.50")  # the close of the day before
    snapshot = client.ask(replace(MARKET, req_id=6, snapshot=True))
    assert kinds(snapshot)[-1] == "TickSnapshotEnd"


@pytest.mark.parametrize(("asked", "told"), [(1, 1), (2, 2), (3, 1), (4, 2)])
def test_while_the_exchange_is_shut_frozen_prices_are_for_those_who_want_them(asked: int, told: int) -> None:
    client = Client(Hub(Exchange(worlds.written())))
    assert (
        one(r.MarketDataType, client.ask(q.ReqMarketDataType(market_data_type=asked), MARKET)).market_data_type == told
    )


@pytest.mark.parametrize(("asked", "told"), [(3, 3), (4, 4)])
def test_delayed_prices_freeze_too(asked: int, told: int) -> None:
    client = Client(Hub(Exchange(worlds.written()), permissions=NOTHING))
    assert (
        one(r.MarketDataType, client.ask(q.ReqMarketDataType(market_data_type=asked), MARKET)).market_data_type == told
    )


def test_without_permission_there_are_no_bars() -> None:
    assert errors(client_with(NOTHING).ask(bars())) == [(8, 162)]


# ---------------------------------------------------------------- bars


def bars(req_id: int = 8, symbol: str = "AAA", duration: str = "1 D", show: str = "TRADES") -> q.ReqHistoricalData:
    return q.ReqHistoricalData(
        req_id=req_id,
        contract=replace(AAA, symbol=symbol),
        bar_size_setting="1 day",
        duration_str=duration,
        what_to_show=show,
    )


NOON = datetime(2022, 1, 3, 17, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_the_same_bars_may_be_asked_for_again_after_fifteen_seconds() -> None:
    pacing = HistoryPacing()
    assert not pacing.violates(bars(1), after(0))
    assert pacing.violates(bars(2), after(14.9))
    assert not pacing.violates(bars(3), after(15))


def test_the_sixth_request_for_one_contract_in_two_seconds_is_too_many() -> None:
    pacing = HistoryPacing()
    asked = [pacing.violates(bars(number, duration=f"{number} D"), after(number / 10)) for number in range(1, 7)]
    assert asked == [False] * 5 + [True]
    assert not pacing.violates(bars(7, symbol="BBB"), after(0.7))
    assert not pacing.violates(bars(8, duration="9 D"), after(2.1))  # the first was two seconds ago


@pytest.mark.parametrize(("show", "most"), [("TRADES", 60), ("BID_ASK", 30)])
def test_sixty_requests_in_ten_minutes_are_enough_and_bids_with_asks_count_twice(show: str, most: int) -> None:
    pacing = HistoryPacing()
    asked = [
        pacing.violates(bars(duration=f"{number + 1} D", show=show), after(5 * number)) for number in range(most + 1)
    ]
    assert asked == [False] * most + [True]
    assert not pacing.violates(bars(duration="1 W", show=show), after(600))


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 3)), max_size=120))
def test_no_ten_minutes_ever_see_more_than_sixty_and_no_two_seconds_six_of_a_contract(
    steps: list[tuple[float, int]],
) -> None:
    pacing, now = HistoryPacing(), 0.0
    passed: list[tuple[float, int]] = []
    for number, (step, symbol) in enumerate(steps):
        now += step
        if not pacing.violates(bars(symbol=f"S{symbol}", duration=f"{number + 1} D"), after(now)):
            passed.append((now, symbol))
    for at, symbol in passed:
        assert sum(at - 600 < each <= at for each, _ in passed) <= 60
        assert sum(at - 2 < each <= at and of == symbol for each, of in passed) <= 5


def test_bars_are_paced_by_the_time_of_the_world_where_limits_say_so() -> None:
    hub = Hub(Exchange(worlds.simulated()), limits=Limits(history_pacing=True))
    to_open(hub)
    client = Client(hub)
    request = replace(bars(), contract=replace(AAA, symbol="S000"))
    assert [kinds(client.ask(request)), errors(client.ask(request))] == [["HistoricalData"], [(8, 162)]]
    hub.step()
    assert "HistoricalData" in kinds(client.ask(request))


# ---------------------------------------------------------------- messages


def test_no_second_sees_more_than_its_messages() -> None:
    rate = MessageRate(3)
    for now in (0.0, 0.1, 0.2):
        assert not rate.wait(now)
        rate.count(now)
    assert rate.wait(0.5) == 0.5
    assert rate.breach(0.5) == "Max rate of messages per second has been exceeded:max=3 rec=4 (1)"
    assert rate.breach(0.6).endswith("(1)")  # of one second
    assert not rate.wait(1.0)


class Timed:
    """A client whose gateway has a clock that the test moves."""

    def __init__(self, options: str = "") -> None:
        self.now = 0.0
        hub = Hub(Exchange(worlds.written()), limits=Limits(messages_per_second=5))
        to_open(hub)
        self.client = Client(hub, start=False)
        self.client.session = Session(hub, lambda: self.now)
        versions = VersionRange(lowest=100, highest=178, options=options)
        self.client.session.receive(codec.encode_versions(versions))
        self.client.ask(q.StartApi(client_id=1))

    def ask(self, *requests: object) -> list[Any]:
        return self.client.ask(*requests)


def test_messages_too_many_are_answered_with_100_and_the_third_second_of_them_ends_it() -> None:
    timed = Timed()
    told = timed.ask(*[q.ReqIds()] * 7)
    assert (len(only(r.NextValidId, told)), errors(told)) == (5, [(-1, 100), (-1, 100)])
    timed.now = 1.0
    assert kinds(timed.ask(*[q.ReqIds()] * 5)) == ["NextValidId"] * 5
    assert errors(timed.ask(q.ReqIds())) == [(-1, 100)]
    assert not timed.client.session.closed
    timed.now = 2.5
    told = timed.ask(*[q.ReqIds()] * 8)
    assert (len(only(r.NextValidId, told)), errors(told)) == (5, [(-1, 100)])
    assert timed.client.session.closed


def test_a_client_that_asks_for_it_waits_instead() -> None:
    timed = Timed("+PACEAPI")
    assert kinds(timed.ask(*[q.ReqIds()] * 7)) == ["NextValidId"] * 5
    assert timed.client.session.take_stall() == 1.0
    timed.now = 1.0
    assert kinds(timed.client.read(timed.client.session.receive(b""))) == ["NextValidId"] * 2
    assert timed.client.session.take_stall() == 0.0


def test_over_a_socket_fifty_a_second_pass_and_the_rest_wait_where_the_client_asks_so() -> None:
    async def script(loop: VirtualLoop) -> None:
        hub = Hub(Exchange(worlds.written()), limits=Limits(messages_per_second=50))
        server = Server(hub)
        await server.start(port=4002)
        async with server:
            fast = await Caller.connect(server, 1)
            await fast.until(r.NextValidId)
            fast.send(*[q.ReqIds()] * 60)
            await asyncio.sleep(0.5)
            assert errors(fast.read()).count((-1, 100)) == 10
            patient = await Caller.connect(server, 2, options="+PACEAPI")
            await patient.until(r.NextValidId)
            began = loop.time()
            patient.send(*[q.ReqIds()] * 120)
            for _ in range(120):
                told = await patient.until(r.NextValidId)
                assert (-1, 100) not in errors(told)
            assert 2 < loop.time() - began < 2.2  # of 120 messages 50 pass at once, and 50 a second later
            fast.writer.close()
            patient.writer.close()

    with VirtualLoop(seed=1) as loop:
        task = loop.start("world", script(loop))
        loop.run_until(task.done)
        task.result()


def test_the_protocol_may_put_back_what_it_was_fed() -> None:
    reader = codec.FrameReader()
    feed = reader.feed(b"".join(write(q.ReqIds(num_ids=number), 178) for number in range(3)))
    first = next(feed)
    feed.close()
    reader.put_back(first)
    assert [codec.decode(payload)[2] for payload in reader.feed(b"")] == ["0", "1", "2"]
