"""A small world to go wrong in: three stocks, two days of nine instants, and a strategy that changes its mind.

Everything follows from the seed. Quotes walk at random with a size on display that orders exceed, so that fills come
in parts; the desk trades market orders as it always does, and beside them a hand that the seed leads places limit
orders and cancels what works.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np

from bursar.domain.events import AccountOpened, CancelRequested, Deposited, Event, InstrumentListed, OrderPlaced
from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote, Trade
from bursar.domain.money import Money
from bursar.domain.orders import Effect, Order, OrderStatus, OrderType, Purpose, Side, TimeInForce
from bursar.domain.sessions import Session
from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.gateway.fees import BasisPoints
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ports import Panel
from bursar.risk.limits import RiskLimits
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine
from bursar.trading.mandate import Mandate, Step
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView
from tests.gateway.worlds import session, weekdays

ACCOUNT = "DU9000001"
SYMBOLS = ("AAA", "BBB", "CCC")
DAYS = 2
#: Hours and minutes of a day, UTC in winter: before the bell, the bell, seven more, the last two after the close.
MOMENTS = ((14, 0), (14, 30), (14, 45), (15, 30), (17, 0), (18, 30), (20, 0), (21, 0), (21, 30))
CASH = Decimal(100_000)
DATES = weekdays(date(2022, 1, 5), DAYS)
SESSIONS = tuple(session(day) for day in DATES)
INSTRUMENTS = {
    name: Instrument(symbol=name, sector=sector) for name, sector in zip(SYMBOLS, ("a", "b", "c"), strict=True)
}
TERMS = Terms(accounts=(ACCOUNT,), cash=CASH, fees=BasisPoints(rate=Decimal(5)), partial_fills=True)
#: Orders of a day are few here; no limit on their number holds the hand back.
LIMITS = RiskLimits(position_weight_max=Decimal("0.4"), sector_weight_max=Decimal("0.6"), opening_orders_per_day_max=20)


def _at(day: date, moment: tuple[int, int]) -> datetime:
    return datetime(day.year, day.month, day.day, *moment, tzinfo=UTC)


@dataclass(frozen=True)
class SmallTape:
    """Quotes that walk at random from 100, a cent wide, with 60 shares on display."""

    seed: int

    @property
    def fingerprint(self) -> str:
        return f"small {self.seed}"

    def instants(self, session: Session) -> tuple[datetime, ...]:
        return tuple(_at(session.day, moment) for moment in MOMENTS)

    def quotes(self, session: Session) -> tuple[tuple[Quote, ...], ...]:
        return _quotes(self.seed, session.day)

    def trades(self, symbol: str, session: Session) -> tuple[Trade, ...]:
        del symbol, session
        return ()


@lru_cache(maxsize=64)
def _quotes(seed: int, day: date) -> tuple[tuple[Quote, ...], ...]:
    chance = random.Random(f"{seed}/{day}")
    prices = dict.fromkeys(SYMBOLS, Decimal(100))
    told = []
    for moment in MOMENTS:
        at = _at(day, moment)
        for symbol in SYMBOLS:
            prices[symbol] += Decimal(chance.randint(-150, 150)) / 100
        told.append(
            tuple(
                Quote(
                    symbol=symbol,
                    at=at,
                    known_at=at,
                    bid=prices[symbol],
                    ask=prices[symbol] + Decimal("0.01"),
                    bid_size=Decimal(60),
                    ask_size=Decimal(60),
                    last=prices[symbol],
                )
                for symbol in SYMBOLS
            )
        )
    return tuple(told)


def world(seed: int) -> World:
    """The world of a seed."""
    return World(
        name="small",
        instruments=tuple(INSTRUMENTS.values()),
        sessions=SESSIONS,
        tape=SmallTape(seed=seed % 16),
        adjusted=False,
    )


class Closes:
    """A history of two quiet days."""

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        return CLOSES

    def lacks(self) -> frozenset[str]:
        return frozenset()


CLOSES = Panel(np.array(["2022-01-03", "2022-01-04"], dtype="datetime64[D]"), SYMBOLS, np.full((2, 3), 100.0))


@dataclass(frozen=True)
class Fickle:
    """Wants something else every day, as the seed says."""

    seed: int
    name: str = "fickle"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        chance = random.Random(f"{self.seed}/{market.session.day}/wants")
        weights = [chance.choice((0.0, 0.1, 0.2, 0.3)) for _ in SYMBOLS]
        return Targets(
            strategy=self.name,
            targets=tuple(
                Target(symbol=symbol, weight=weight, reason="it changed its mind")
                for symbol, weight in zip(SYMBOLS, weights, strict=True)
                if weight
            ),
        )


class Handled(Engine):
    """An engine with a hand that, now and then, places a limit order or cancels what works."""

    seed = 0
    acted_at: datetime | None = None

    def perform(self, task: Task) -> Step:
        step = super().perform(task)
        if task is not Task.MONITOR or step.orders or self.acted_at == self.market.at:
            return step
        self.acted_at = self.market.at
        chance = random.Random(f"{self.seed}/{self.market.at}/{len(self.orders.working())}")
        working = [
            state
            for state in self.orders.working()
            if state.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
            and state.order.symbol not in self.breaks.symbols
        ]
        if working and chance.random() < 0.4:
            return self._cancel(chance.choice(working).order.order_id)
        if chance.random() < 0.5:
            return self._rest(chance)
        return step

    def _cancel(self, order_id: str) -> Step:
        asked = CancelRequested(
            event_id=self.ids.new("c"), at=self.market.at, causes=(order_id,), order_id=order_id, reason="by the hand"
        )
        return Step(events=(asked,), cancels=(order_id,))

    def _rest(self, chance: random.Random) -> Step:
        symbol = chance.choice(SYMBOLS)
        quote = self.market.quotes.get(symbol)
        if symbol in self.breaks.symbols or quote is None or quote.bid is None:
            return Step()
        order = Order(
            order_id=self.ids.new("o"),
            account=ACCOUNT,
            symbol=symbol,
            side=Side.BUY,
            quantity=Decimal(chance.randint(20, 100)),
            strategy="hand",
            effect=Effect.OPEN,
            purpose=Purpose.ENTRY,
            type=OrderType.LIMIT,
            limit_price=quote.bid - Decimal(chance.randint(-20, 80)) / 100,
            time_in_force=chance.choice((TimeInForce.DAY, TimeInForce.GOOD_TILL_CANCELED)),
            reason="by the hand",
        )
        verdict = self.judge((order,), ())
        placed = tuple(
            OrderPlaced(
                event_id=approved.order.order_id,
                at=self.market.at,
                causes=(approved.approval_id,),
                order=approved.order,
            )
            for approved in verdict.approved
        )
        return Step(events=(*verdict.events, *placed), orders=verdict.approved)


def protected(seed: int) -> bool:
    """Whether stops and targets rest at the broker in the run of a seed: in every fourth."""
    return seed % 4 == 3


def engine(seed: int) -> Handled:
    """The engine of a desk that has not begun."""
    market = MarketView(at=SESSIONS[0].open, instruments=INSTRUMENTS, quotes={}, closes=CLOSES, session=SESSIONS[0])
    mandate = Mandate(
        account=ACCOUNT,
        limits=LIMITS,
        stop_loss=Decimal("0.01"),
        reentry_wait=timedelta(0),
        protection_at_broker=protected(seed),
    )
    made = Handled(mandate, Fickle(seed), market, SESSIONS)
    made.seed = seed
    return made


def beginning() -> list[Event]:
    """What the journal of a run begins with."""
    at = SmallTape(seed=0).instants(SESSIONS[0])[0]
    return [
        AccountOpened(event_id=f"account/{ACCOUNT}", at=at, account=ACCOUNT, base_currency="USD"),
        *(
            InstrumentListed(event_id=f"instrument/{each.symbol}", at=at, instrument=each)
            for each in INSTRUMENTS.values()
        ),
        Deposited(event_id="deposit/initial", at=at, account=ACCOUNT, portfolio="main", amount=Money(CASH, "USD")),
    ]
