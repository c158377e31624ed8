"""Two trading days worked by hand, to the cent, through the whole path from quote to book.

The strategy wants 20 % of AAA and 15 % of BBB, always. Cash is 100,000, a trade costs 10 basis points of
its notional (to the cent, halves up), the stop lies 5 % below the entry, the target 10 % above.

Monday 2022-01-03
    09:35  AAA 99.90 x 100.10, BBB 49.95 x 50.05. Equity is 100,000.00.
           AAA  20 % is 20,000.00 at the middle of 100.00: buy 200 at 100.10   20,020.00   fee 20.02
           BBB  15 % is 15,000.00 at the middle of  50.00: buy 300 at  50.05   15,015.00   fee 15.02 (15.015)
           cash 100,000.00 - 20,020.00 - 20.02 - 15,015.00 - 15.02 = 64,929.96
    10:00  AAA 95.00 x 95.20. The stop of AAA is 0.95 * 100.10 = 95.095, and the bid is through it:
           sell 200 at 95.00                                              19,000.00   fee 19.00
           realized 19,000.00 - 19.00 - (20,020.00 + 20.02) = -1,059.02
           cash 64,929.96 + 19,000.00 - 19.00 = 83,910.96
    16:00  BBB closes at 51.00: equity 83,910.96 + 300 * 51.00 = 99,210.96
Tuesday 2022-01-04
    09:35  BBB 51.98 x 52.02. AAA was stopped out yesterday and is left alone for five days.
           equity 83,910.96 + 300 * 52.00 = 99,510.96; 15 % of it is 14,926.644, or 287 whole shares at 52.00
           sell 13 at 51.98                                                  675.74   fee  0.68 (0.67574)
           cost of the 13: (15,015.00 + 15.02) * 13 / 300 = 651.30086667, kept to a hundred-millionth
           cash 83,910.96 + 675.74 - 0.68 = 84,586.02
    16:00  BBB closes at 53.00: equity 84,586.02 + 287 * 53.00 = 99,797.02
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bursar.adapters.history import Facts, MemoryHistory
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.domain.events import (
    AccountOpened,
    Deposited,
    Event,
    ExitTriggered,
    Filled,
    InstrumentListed,
    OrderPlaced,
    SessionClosed,
    TaskFinished,
)
from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote, Trade
from bursar.domain.sessions import Session
from bursar.domain.targets import Target, Targets
from bursar.domain.views import Abstention, View
from bursar.gateway.exchange import Exchange, Terms
from bursar.gateway.fees import BasisPoints
from bursar.gateway.world import World
from bursar.ports import Panel
from bursar.runtime.loop import Loop
from bursar.runtime.morning import Morning
from bursar.trading.engine import Engine, Mandate
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView
from tests.builders import ACCOUNT, money

MONDAY, TUESDAY = date(2022, 1, 3), date(2022, 1, 4)
INSTRUMENTS = (Instrument(symbol="AAA", sector="technology"), Instrument(symbol="BBB", sector="energy"))

#: Hour and minute in UTC (five hours ahead of New York), then bid, ask and last of AAA and of BBB.
PRICES: dict[date, dict[tuple[int, int], tuple[tuple[str, str, str], ...]]] = {
    MONDAY: {
        (14, 0): (),
        (14, 30): (("99.90", "100.10", "100.00"), ("49.95", "50.05", "50.00")),
        (14, 35): (("99.90", "100.10", "100.00"), ("49.95", "50.05", "50.00")),
        (15, 0): (("95.00", "95.20", "95.10"), ("50.50", "50.60", "50.55")),
        (21, 0): (("95.90", "96.10", "96.00"), ("50.95", "51.05", "51.00")),
        (21, 30): (),
    },
    TUESDAY: {
        (14, 0): (),
        (14, 30): (("97.00", "97.20", "97.10"), ("51.98", "52.02", "52.00")),
        (14, 35): (("97.00", "97.20", "97.10"), ("51.98", "52.02", "52.00")),
        (21, 0): (("97.90", "98.10", "98.00"), ("52.95", "53.05", "53.00")),
        (21, 30): (),
    },
}
SESSIONS = tuple(
    Session(
        day=day,
        open=datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC),
        close=datetime(day.year, day.month, day.day, 21, 0, tzinfo=UTC),
    )
    for day in PRICES
)


class WrittenTape:
    """The table above, as the exchange reads it."""

    fingerprint = "by hand"

    def instants(self, session: Session) -> tuple[datetime, ...]:
        return tuple(
            datetime(session.day.year, session.day.month, session.day.day, hour, minute, tzinfo=UTC)
            for hour, minute in PRICES[session.day]
        )

    def quotes(self, session: Session) -> tuple[tuple[Quote, ...], ...]:
        rows = zip(self.instants(session), PRICES[session.day].values(), strict=True)
        return tuple(
            tuple(
                Quote(
                    symbol=instrument.symbol,
                    at=at,
                    known_at=at,
                    bid=Decimal(bid),
                    ask=Decimal(ask),
                    bid_size=Decimal(1000),
                    ask_size=Decimal(1000),
                    last=Decimal(last),
                )
                for instrument, (bid, ask, last) in zip(INSTRUMENTS, row, strict=False)
            )
            for at, row in rows
        )

    def trades(self, symbol: str, session: Session) -> tuple[Trade, ...]:
        return ()


@dataclass(frozen=True)
class Constant:
    """Wants the same weights whatever happens."""

    name: str = "constant"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        wanted = (("AAA", 0.20), ("BBB", 0.15))
        return Targets(
            strategy=self.name,
            targets=tuple(Target(symbol=symbol, weight=weight, reason="always") for symbol, weight in wanted),
        )


class Silent:
    """An analyst without an opinion."""

    name = "silent"
    needs: frozenset[str] = frozenset()

    def form(self, market: MarketView, ids: Callable[[], str]) -> tuple[View | Abstention, ...]:
        return (Abstention(analyst=self.name, symbol="AAA", reason="has nothing to say"),)


def panel() -> Panel:
    days = np.array(["2021-12-30", "2021-12-31"], dtype="datetime64[D]")
    return Panel(days, ("AAA", "BBB"), np.array([[100.0, 50.0], [100.0, 50.0]]))


def engine() -> Engine:
    market = MarketView(
        at=SESSIONS[0].open,
        instruments={instrument.symbol: instrument for instrument in INSTRUMENTS},
        quotes={},
        closes=panel(),
        session=SESSIONS[0],
    )
    return Engine(Mandate(account=ACCOUNT, cost_rate=Decimal("0.001")), Constant(), market, SESSIONS)


async def trade(journal: MemoryJournal) -> Engine:
    world = World(name="by hand", instruments=INSTRUMENTS, sessions=SESSIONS, tape=WrittenTape())
    exchange = Exchange(world, Terms(accounts=(ACCOUNT,), fees=BasisPoints(rate=Decimal(10))))
    broker = SimulatedBroker(exchange)
    at = exchange.now
    opened = AccountOpened(event_id="account", at=at, account=ACCOUNT, base_currency="USD")
    listed = [InstrumentListed(event_id=f"i/{each.symbol}", at=at, instrument=each) for each in INSTRUMENTS]
    cash = Deposited(event_id="cash", at=at, account=ACCOUNT, portfolio="main", amount=money(100_000))
    closes = panel()
    known = np.array(["2021-12-30T21:00:00", "2021-12-31T21:00:00"], dtype="datetime64[us]")
    loop = Loop(
        engine=engine(),
        feed=SimulatedFeed(exchange, broker),
        broker=broker,
        journal=journal,
        history=MemoryHistory({"close": Facts(closes, known)}),
        morning=Morning(analysts=(Silent(),), history=MemoryHistory({"close": Facts(closes, known)})),
        beginning=lambda: [opened, *listed, cash],
    )
    await loop.run()
    return loop.engine


@pytest.fixture(scope="module")
def run() -> tuple[Engine, list[Event]]:
    journal = MemoryJournal()
    finished = asyncio.run(trade(journal))
    return finished, [recorded.event for recorded in journal.read()]


def of(kind: type[Any], run: tuple[Engine, list[Event]]) -> list[Any]:
    return [event for event in run[1] if isinstance(event, kind)]


def test_the_fills_and_their_fees(run: tuple[Engine, list[Event]]) -> None:
    fills = [
        (fill.symbol, fill.side.value, fill.quantity, fill.price, fill.commission.amount) for fill in of(Filled, run)
    ]
    assert fills == [
        ("AAA", "buy", Decimal(200), Decimal("100.10"), Decimal("20.02")),
        ("BBB", "buy", Decimal(300), Decimal("50.05"), Decimal("15.02")),
        ("AAA", "sell", Decimal(200), Decimal("95.00"), Decimal("19.00")),
        ("BBB", "sell", Decimal(13), Decimal("51.98"), Decimal("0.68")),
    ]


def test_the_stop(run: tuple[Engine, list[Event]]) -> None:
    (stopped,) = of(ExitTriggered, run)
    assert (stopped.symbol, stopped.reason) == ("AAA", "stop loss")
    assert (stopped.level, stopped.observed) == (Decimal("95.0950"), Decimal("95.00"))


def test_equity_and_cash_at_each_close(run: tuple[Engine, list[Event]]) -> None:
    assert [(closed.day, closed.equity, closed.cash) for closed in of(SessionClosed, run)] == [
        (MONDAY, Decimal("99210.96"), Decimal("83910.96")),
        (TUESDAY, Decimal("99797.02"), Decimal("84586.02")),
    ]


def test_the_book_and_its_lots(run: tuple[Engine, list[Event]]) -> None:
    book = run[0].portfolio
    assert book.cash["USD"] == Decimal("84586.02")
    held = book.positions["BBB"]
    assert held.quantity == 287
    (lot,) = held.lots
    assert lot.cost == Decimal("15030.02") - Decimal("651.30086667")
    assert book.realized["USD"] == Decimal("-1059.02") + Decimal("675.06") - Decimal("651.30086667")
    (trip,) = book.round_trips
    assert (trip.symbol, trip.profit) == ("AAA", Decimal("-1059.02"))


def test_sales_of_monday_settle_on_wednesday(run: tuple[Engine, list[Event]]) -> None:
    # Two business days in January 2022: 19,000.00 - 19.00 of Monday is not yet there on Tuesday.
    book = run[0].portfolio
    assert book.settled_cash("USD", TUESDAY) == Decimal("64929.96")
    assert book.settled_cash("USD", date(2022, 1, 5)) == Decimal("83910.96")
    assert book.settled_cash("USD", date(2022, 1, 6)) == Decimal("84586.02")


def test_every_order_was_journalled_before_its_fill(run: tuple[Engine, list[Event]]) -> None:
    places = {event.event_id: number for number, event in enumerate(run[1])}
    for fill in of(Filled, run):
        assert places[fill.order_id] < places[fill.event_id]
    assert len(of(OrderPlaced, run)) == 4


def test_each_task_was_done_once_a_day(run: tuple[Engine, list[Event]]) -> None:
    done = [(event.day, event.task) for event in of(TaskFinished, run)]
    tasks = ["analyze", "open", "decide", "trade", "close", "review"]
    assert done == [(day, task) for day in (MONDAY, TUESDAY) for task in tasks]


def test_an_engine_that_absorbs_the_journal_is_the_engine_that_wrote_it(run: tuple[Engine, list[Event]]) -> None:
    again = engine()
    again.recover(run[1])
    assert again.portfolio == run[0].portfolio
    assert again.ids.new("o") == run[0].ids.new("o")
    assert again.orders.working() == ()
