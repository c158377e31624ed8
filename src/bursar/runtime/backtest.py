"""A backtest: the loop that trades live, over closing prices of the past, on the exchange in this process.

Nothing of what decides is written again here: engine, gate, books, orders and exchange are those of the other
worlds. What differs is the feed (a ``DailyTape``: one quote a day, at the close), the clock, and a journal that is
not written to disk. What cannot be told from closes is refused, and what is assumed is said in ``Result.assumed``.

    result = run(Plan(strategy=..., first=date(1995, 1, 3), last=date(2022, 12, 28)), market)

Between two decisions nothing happens that the books would notice, so the loop is not woken there, unless exits are
watched: the equity of each day is what was held times its close, plus the cash of the books.
"""

from __future__ import annotations

import asyncio
import gc
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

import numpy as np

from bursar.adapters.memory import QuietJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.domain.events import (
    AccountOpened,
    Deposited,
    Event,
    Filled,
    InstrumentListed,
    Mode,
    Rejected,
    RunStarted,
)
from bursar.domain.instruments import Instrument
from bursar.domain.money import ZERO, Money
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.actions import Action, Delisting
from bursar.gateway.borrow import Lending
from bursar.gateway.daily import DailyTape
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import by_value
from bursar.gateway.interest import InterestPlan
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ledger.book import PortfolioBook
from bursar.ports import Fundamentals, History, News, Panel
from bursar.quant.arrays import FloatArray
from bursar.research.analysts import Analyst
from bursar.risk.limits import RiskLimits
from bursar.runtime import carried
from bursar.runtime.loop import Loop, Observer
from bursar.runtime.morning import Morning
from bursar.trading.agenda import Agenda, Rhythm
from bursar.trading.engine import Engine, Mandate
from bursar.trading.strategy import Strategy
from bursar.trading.view import MarketView

ACCOUNT = "DU9000001"
BASIS_POINT = Decimal("0.0001")
#: No daily limit of opening orders: a backtest of a rebalance is not held back by a number of another world.
UNLIMITED = 10_000
#: Books and exchange are of one process here, and a decade is not stopped every hour to compare them.
COMPARE_EVERY = timedelta(days=30)

#: The limits of a test on closes: what binds is the size of positions. It decides in the last minute and may sleep for
#: a month between decisions, so that no limit of a day or an hour would mean what it means in an account.
ON_CLOSES = RiskLimits(
    opening_orders_per_day_max=UNLIMITED,
    messages_per_minute_max=UNLIMITED,
    closing_wait_minutes=0,
    collar_max=Decimal(1),
    daily_loss_max=None,
    drawdown_max=None,
    var_95_max=None,
    overnight_gap_max=Decimal(1),
)


@dataclass(frozen=True, kw_only=True)
class Market:
    """What a backtest plays on.

    history   as it could be known on each day; its ``close`` is what is traded at
    sessions  every session of the exchange for which ``history`` may hold a close, oldest first
    origin    where the universe came from, in words; survivors: True where it was chosen later
    adjusted  prices are adjusted for splits and dividends, so that fees by the share would be wrong
    paid      prices as they were paid, which are then traded at; ``history`` and ``closes`` stay adjusted, for returns
    actions   what companies did, on ``paid``; delistings may be told of any prices. Of those not listed nothing counts
    simulated the market never was
    fundamentals, news  of its companies, for the analysts that read them; None where nobody has any
    """

    name: str
    history: History
    instruments: tuple[Instrument, ...]
    sessions: tuple[Session, ...]
    origin: str = ""
    survivors: bool = True
    adjusted: bool = True
    paid: Panel | None = None
    actions: tuple[carried.Done, ...] = ()
    simulated: bool = False
    fundamentals: Fundamentals | None = None
    news: News | None = None

    def __post_init__(self) -> None:
        if self.adjusted and self.paid is not None:
            raise InputError(f"{self.name}: prices as paid are not adjusted; say adjusted=False, or leave them out")
        for what in ("exchange", "currency"):
            kinds = sorted({getattr(instrument, what) for instrument in self.instruments})
            if len(kinds) > 1:
                raise InputError(f"{self.name} is of {' and '.join(kinds)}; a backtest is of one {what}")

    @property
    def currency(self) -> str:
        """In which its prices, and so the account's books, are kept."""
        return self.instruments[0].currency

    @cached_property
    def traded(self) -> Panel:
        """What is traded at: prices as paid where there are any."""
        if self.paid is None:
            return self.closes
        columns = [self.paid.column(instrument.symbol) for instrument in self.instruments]
        return Panel(self.paid.dates, self.closes.symbols, np.column_stack(columns))

    @cached_property
    def gone(self) -> tuple[Delisting, ...]:
        """Those whose prices end before the sessions do."""
        days = [session.day for session in self.sessions]
        return carried.taken(self.traded, self.instruments, days, self.actions)

    @cached_property
    def closes(self) -> Panel:
        """All closes. For the exchange alone: a decision asks ``history`` by the day on which it is made."""
        symbols = tuple(instrument.symbol for instrument in self.instruments)
        return self.history.asof(symbols, "close", self.sessions[-1].close)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to test.

    first, last            days, both included; trading begins on the first session from ``first`` on
    cash                   to begin with
    costs_basis_points     of notional, commission and slippage together; half of ``spread_basis_points`` comes on top
    costs_minimum          least cost of an order
    fractions              whether fractions of shares can be traded (0.0001 of one)
    history_days           closes that the strategy is given
    analysts               that are asked on the morning of each decision
    morning                makes whoever is asked instead, such as a whole committee; anew for each run
    stop_loss, take_profit at which a position is closed, looked at on each close; None for none
    unsettled              proceeds may be spent before they settle, as in a margin account
    interest               what cash earns and debt costs; None for nothing
    lending                what borrowed shares cost; None for nothing
    """

    strategy: Strategy
    first: date
    last: date
    cash: Decimal = Decimal(100_000)
    rhythm: Rhythm = Rhythm.MONTHLY
    costs_basis_points: Decimal = Decimal(5)
    costs_minimum: Decimal = ZERO
    spread_basis_points: Decimal = Decimal(0)
    fractions: bool = False
    history_days: int = 320
    analysts: tuple[Analyst, ...] = ()
    morning: Callable[[], Morning] | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    limits: RiskLimits = ON_CLOSES
    trade_min: Decimal = Decimal("0.001")
    unsettled: bool = True
    interest: InterestPlan | None = None
    lending: Lending | None = None
    seed: int = 0

    @property
    def watches(self) -> bool:
        """True where each close matters, and not only those at which is decided."""
        daily = (self.stop_loss, self.take_profit, self.interest, self.lending)
        return any(each is not None for each in daily)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of it.

    days      (n_days,) datetime64[D], each session from the first to the last
    equity    (n_days,) at the close, in the currency of the account
    weights   (n_days, n_symbols) at the close, fractions of equity
    events    the journal, oldest first
    assumed   what a reader must know before believing a number of it
    """

    plan: Plan
    market: Market
    days: np.ndarray
    equity: FloatArray
    weights: FloatArray
    events: tuple[Event, ...]
    book: PortfolioBook
    assumed: tuple[str, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(instrument.symbol for instrument in self.market.instruments)

    @property
    def fills(self) -> tuple[Filled, ...]:
        """Every trade, oldest first."""
        return tuple(event for event in self.events if isinstance(event, Filled))

    @property
    def rejections(self) -> tuple[Rejected, ...]:
        """What the gate stopped."""
        return tuple(event for event in self.events if isinstance(event, Rejected))

    @property
    def returns(self) -> FloatArray:
        """Daily returns, (n_days - 1,)."""
        return self.equity[1:] / self.equity[:-1] - 1.0

    @property
    def costs(self) -> Decimal:
        """Commissions paid."""
        return sum((fill.commission.amount for fill in self.fills), ZERO)


def run(plan: Plan, market: Market, observer: Observer | None = None) -> Result:
    """Trade ``plan`` over ``market``, while ``observer`` watches.

    Raises InputError for a range without sessions or a market without closes.
    """
    played = played_sessions(plan, market)
    listed = tuple(_tradable(instrument, plan) for instrument in market.instruments)
    exchange = Exchange(_world(plan, market, listed, played), _terms(plan, market))
    broker = SimulatedBroker(exchange, happenings=True)
    journal = QuietJournal()
    engine = _engine(plan, market, listed, played)
    loop = Loop(
        engine=engine,
        feed=SimulatedFeed(exchange, broker),
        broker=broker,
        journal=journal,
        history=market.history,
        morning=plan.morning() if plan.morning else Morning(analysts=plan.analysts, history=market.history),
        history_days=plan.history_days,
        compare_every=COMPARE_EVERY,
        beginning=lambda: list(_beginning(plan, engine, listed, played[0])),
        observers=[observer] if observer else [],
    )
    with _unswept():
        asyncio.run(loop.run())
    return _told(plan, market, played, journal.events, engine.portfolio)


@contextmanager
def _unswept() -> Iterator[None]:
    """Look for garbage seldom: what a run makes stays in its journal, and looking takes a fifth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 20, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


# ---------------------------------------------------------------- the days


def played_sessions(plan: Plan, market: Market) -> tuple[Session, ...]:
    """The sessions from the first day of the plan to its last. Raises InputError where there is none."""
    played = tuple(session for session in market.sessions if plan.first <= session.day <= plan.last)
    if not played:
        raise InputError(
            f"no session from {plan.first} to {plan.last}; {market.name} has them from {market.sessions[0].day} to "
            f"{market.sessions[-1].day}"
        )
    return played


def decision_days(plan: Plan, market: Market) -> tuple[date, ...]:
    """The days on which the plan decides, oldest first."""
    played = played_sessions(plan, market)
    before = [session.day for session in market.sessions if session.day < played[0].day]
    days = [*before[-1:], *(session.day for session in played)]
    first = [] if before else days[:1]
    return (*first, *(day for last, day in pairwise(days) if plan.rhythm.begins(day, last)))


# ---------------------------------------------------------------- the stage


def _tradable(instrument: Instrument, plan: Plan) -> Instrument:
    return replace(instrument, lot=Decimal("0.0001")) if plan.fractions else instrument


def _terms(plan: Plan, market: Market) -> Terms:
    return Terms(
        seed=plan.seed,
        accounts=(ACCOUNT,),
        cash=plan.cash,
        currency=market.currency,
        fees=by_value(plan.costs_basis_points, plan.costs_minimum),
        interest=plan.interest,
        lending=plan.lending,
    )


def _world(plan: Plan, market: Market, listed: tuple[Instrument, ...], played: Sequence[Session]) -> World:
    """The world of the sessions on which something can happen."""
    traded = market.traded
    known = set(traded.dates.tolist())
    past = tuple(session for session in market.sessions if session.day < played[0].day)
    actions = (*(each for each in market.actions if each.symbol in traded.symbols), *market.gone)
    awake = tuple(_awake(plan, played, past[-1].day if past else None, actions))
    unknown = [session.day for session in awake if session.day not in known]
    if unknown:
        raise InputError(f"{market.name} has no closes on {unknown[0]}, a day on which {plan.strategy.name} decides")
    return World(
        name=market.name,
        instruments=listed,
        sessions=awake,
        past=past,
        tape=DailyTape(
            instruments=listed,
            dates=traded.dates,
            closes=traded.values,
            spread_basis_points=plan.spread_basis_points,
        ),
        simulated=ASSUMED,
        adjusted=market.adjusted,
        actions=actions,
        calendar=tuple(session.day for session in market.sessions),
    )


def _awake(plan: Plan, played: Sequence[Session], before: date | None, actions: Sequence[Action]) -> Iterator[Session]:
    """The sessions that the loop must see: those of decisions and of what companies did, the last one, or all."""
    days = [session.day for session in played]
    eventful = {bisect_left(days, day) for day in carried.eventful(actions)}
    for place, session in enumerate(played):
        begins = plan.rhythm.begins(session.day, before)
        if plan.watches or begins or place in eventful or session is played[-1]:
            yield session
        before = session.day


def _engine(plan: Plan, market: Market, listed: tuple[Instrument, ...], played: Sequence[Session]) -> Engine:
    agenda = Agenda(rhythm=plan.rhythm, at_the_close=True, review_after_close=timedelta(0))
    far = Decimal(10**6)
    mandate = Mandate(
        account=ACCOUNT,
        base_currency=market.currency,
        limits=plan.limits,
        agenda=agenda,
        stop_loss=Decimal(1) if plan.stop_loss is None else plan.stop_loss,
        take_profit=far if plan.take_profit is None else plan.take_profit,
        cost_rate=plan.costs_basis_points * BASIS_POINT,
        cost_minimum=plan.costs_minimum,
        trade_min=plan.trade_min,
        unsettled=plan.unsettled,
    )
    nothing = Panel(market.closes.dates[:0], market.closes.symbols, market.closes.values[:0])
    view = MarketView(
        at=played[0].open,
        instruments={instrument.symbol: instrument for instrument in listed},
        quotes={},
        closes=nothing,
        session=played[0],
        lacks=market.history.lacks(),
    )
    return Engine(mandate, plan.strategy, view, market.sessions)


def _beginning(plan: Plan, engine: Engine, listed: tuple[Instrument, ...], first: Session) -> Iterator[Event]:
    at, mandate = first.open - timedelta(hours=1), engine.mandate
    yield RunStarted(
        event_id=engine.ids.new("u"),
        at=at,
        run_id="backtest",
        mode=Mode.BACKTEST,
        account=mandate.account,
        seed=plan.seed,
        simulated=ASSUMED,
    )
    yield AccountOpened(
        event_id=f"account/{mandate.account}", at=at, account=mandate.account, base_currency=mandate.base_currency
    )
    for instrument in listed:
        yield InstrumentListed(event_id=f"instrument/{instrument.symbol}", at=at, instrument=instrument)
    yield Deposited(
        event_id=f"deposit/{mandate.account}/initial",
        at=at,
        account=mandate.account,
        portfolio=mandate.portfolio,
        amount=Money(plan.cash, mandate.base_currency),
    )


# ---------------------------------------------------------------- what is told

#: What is made up in every backtest on closes.
ASSUMED = (
    "Every order trades whole, at the official close of the day on which it is decided, with the stated costs.",
    "The decision sees the close in the last minute before the bell; earlier closes as they were known that morning.",
)


def _told(
    plan: Plan, market: Market, played: Sequence[Session], events: tuple[Event, ...], book: PortfolioBook
) -> Result:
    """The equity of every day, from the trades and the closes."""
    traded = market.traded
    days = np.array([session.day for session in played], dtype="datetime64[D]")
    rows = np.searchsorted(traded.dates, days)
    prices = carried.last_known(traded.values)[rows]
    shares, cash = carried.moved(events, played, traded.symbols)
    worth = np.nan_to_num(prices) * np.cumsum(shares, axis=0)
    equity = float(plan.cash) + np.cumsum(cash) + worth.sum(axis=1)
    return Result(
        plan=plan,
        market=market,
        days=days,
        equity=equity,
        weights=worth / equity[:, None],
        events=events,
        book=book,
        assumed=(*ASSUMED, *_of_costs(plan, market), *_of_the_market(market), *_of_money(plan, market, played)),
    )


def _of_costs(plan: Plan, market: Market) -> Iterator[str]:
    if plan.costs_minimum:
        yield f"Every order costs at least {plan.costs_minimum} {market.currency}."


def _of_the_market(market: Market) -> tuple[str, ...]:
    said = []
    if market.adjusted:
        said.append(
            "Prices are adjusted for splits and dividends: returns are real, price levels and share counts not."
        )
    if market.survivors:
        said.append(
            "The universe was chosen later, of those that survived: the result is better than it would have been."
        )
    return tuple(said)


def _of_money(plan: Plan, market: Market, played: Sequence[Session]) -> Iterator[str]:
    first, last = played[0].day, played[-1].day
    return carried.said(
        adjusted=market.adjusted,
        paid=market.paid is not None,
        within=[action for action in market.actions if first < action.ex_day <= last],
        gone=[action for action in market.gone if first < action.ex_day <= last],
        interest=plan.interest,
        lending=plan.lending is not None,
    )
