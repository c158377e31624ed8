"""The demo: automated trading days on real closing prices, from price to report.

Everything that a run is made of follows from its request, so equal requests give equal journals. The run
lives in its own folder below BURSAR_HOME; a finished one is kept, for ``bursar why``, until the next.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np

from bursar.adapters.calendars import ExchangeCalendar, session_of
from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.adapters.vendors import wheels
from bursar.config import Settings
from bursar.domain.events import (
    AccountOpened,
    Deposited,
    Event,
    InstrumentListed,
    Mode,
    RunStarted,
    SessionClosed,
    SessionOpened,
)
from bursar.domain.instruments import Instrument
from bursar.domain.money import Money, round_money
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.exchange import Exchange, Terms
from bursar.gateway.fees import BasisPoints
from bursar.gateway.world import World
from bursar.ports import Broker, Feed, History, Journal, Panel, Recorded
from bursar.research.analysts import Analyst
from bursar.runtime import build
from bursar.runtime.loop import Loop
from bursar.runtime.results import DemoResult, SeedSpread, Universe
from bursar.runtime.summary import Summary
from bursar.runtime.worlds import compose
from bursar.runtime.yardstick import equal_weight, report_keys, treasury_bill, without_best
from bursar.trading.engine import Engine, Mandate
from bursar.trading.strategy import Strategy
from bursar.trading.view import MarketView

#: Sessions of history that the world is given before the first day: the analysts' year, and some.
HISTORY_DAYS = 320

JOURNAL_NAME = "journal.sqlite"

#: How many other seeds the days are run under, and how many seeds there are.
OTHER_SEEDS = 4
SEEDS = 2**32

HELD_BILL = (
    "The sample has no Treasury bill rate after March 2017; the last one, 0.03 % a month, stands in, "
    "so the Sharpe ratio is a little too high where bills paid more."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """What is to be run. Two equal requests are one run."""

    days: int
    first: date
    seed: int
    cash: Decimal
    settings: Settings
    home: Path
    in_process: bool = True


class Progress(Protocol):
    """Someone who waits."""

    def day_started(self, day: date) -> None: ...

    def day_finished(self, day: date, equity: Decimal) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a run plays on, all of it values.

    past, sessions  before the run, and of it
    closes          official closes of both
    """

    request: DemoRequest
    history: History
    instruments: tuple[Instrument, ...]
    past: tuple[Session, ...]
    sessions: tuple[Session, ...]
    closes: Panel
    mandate: Mandate
    strategy: Strategy
    analysts: tuple[Analyst, ...]

    @cached_property
    def world(self) -> World:
        """The world that the request's seed makes of it."""
        return compose(
            name=wheels.STOCKS.title,
            instruments=self.instruments,
            sessions=(*self.past, *self.sessions),
            closes=self.closes,
            seed=self.request.seed,
            first=self.request.first,
            shape=build.shape(self.request.settings),
        )

    @property
    def days(self) -> tuple[date, ...]:
        """The trading days of the run."""
        return tuple(session.day for session in self.sessions)


def run(request: DemoRequest, progress: Progress | None = None) -> DemoResult:
    """Run the demo, then its days again under other seeds, and tell what came of it.

    Raises InputError for a request that cannot be run, before anything is written.
    """
    stage = prepare(request)
    folder = request.home / "runs" / "demo"
    _start_afresh(folder, request)
    journal = SQLiteJournal(folder / JOURNAL_NAME)
    try:
        asyncio.run(play(stage, journal, progress))
        events = [recorded.event for recorded in journal.read()]
    finally:
        journal.close()
    result = tell(stage, events, folder)
    return replace(result, spread=spread(stage, result.keys.total_return_pct))


def spread(stage: Stage, total_return_pct: float) -> SeedSpread:
    """What the next seeds make of the same days: nothing in a result may hang on the path that was made up."""
    request = stage.request
    found = {request.seed: total_return_pct}
    for seed in range(request.seed + 1, request.seed + 1 + OTHER_SEEDS):
        other = replace(request, seed=seed % SEEDS)
        journal = MemoryJournal()
        asyncio.run(play(replace(stage, request=other), journal))
        closed = [each.event.equity for each in journal.read() if isinstance(each.event, SessionClosed)]
        found[other.seed] = float(closed[-1] / request.cash - 1) * 100.0
    return SeedSpread(total_return_pct=MappingProxyType(found))


def prepare(request: DemoRequest) -> Stage:
    """Fetch the data, check the days, and compose the world."""
    source = wheels.STOCKS
    source.covers(request.first, request.first)
    calendar = ExchangeCalendar("XNYS", source.first, source.last, keep=request.home / "data")
    session_of(calendar, request.first)
    sessions = calendar.sessions(request.first, source.last)[: request.days]
    if len(sessions) < request.days:
        raise InputError(
            f"{request.days} days from {request.first} reach beyond the prices, which end on {source.last}; "
            f"ask for at most {len(sessions)}"
        )
    history = wheels.stocks(request.home, calendar)
    instruments = build.universe(request.settings, wheels.instruments())
    past = calendar.sessions(source.first, request.first)[:-1][-HISTORY_DAYS:]
    closes = history.asof(
        tuple(instrument.symbol for instrument in instruments),
        "close",
        sessions[-1].close,
        len(past) + len(sessions),
    )
    _check_cash(request, closes, len(past) - 1)
    return Stage(
        request=request,
        history=history,
        instruments=instruments,
        past=past,
        sessions=sessions,
        closes=closes,
        mandate=build.mandate(request.settings),
        strategy=build.strategy(request.settings),
        analysts=build.analysts(request.settings, source),
    )


def _check_cash(request: DemoRequest, closes: Panel, row: int) -> None:
    """Refuse cash that cannot buy one share of anything within the limits."""
    prices = closes.values[row]
    cheapest = int(np.nanargmin(prices))
    weight = request.settings.risk.position_weight_max
    least = round_money(Decimal(repr(float(prices[cheapest]))) / weight)
    if request.cash < least:
        raise InputError(
            f"cash of {request.cash:,.2f} is too small: one share of {closes.symbols[cheapest]}, the cheapest, costs "
            f"{prices[cheapest]:,.2f}, and a position may be {weight:.0%} of equity; give at least {least:,.2f}"
        )


async def play(stage: Stage, journal: Journal, progress: Progress | None = None) -> None:
    """Trade every day of ``stage`` in this process, into ``journal``."""
    market = exchange(stage)
    broker = SimulatedBroker(market)
    await loop(stage, SimulatedFeed(market, broker), broker, journal, progress).run()


def exchange(stage: Stage) -> Exchange:
    """The exchange of a run, before its first instant."""
    settings = stage.request.settings
    terms = Terms(
        seed=stage.request.seed,
        accounts=(stage.mandate.account,),
        cash=stage.request.cash,
        currency=settings.account.base_currency,
        fees=BasisPoints(rate=settings.costs.commission_basis_points),
    )
    return Exchange(stage.world, terms)


def loop(stage: Stage, feed: Feed, broker: Broker, journal: Journal, progress: Progress | None = None) -> Loop:
    """The loop of a run, over any feed and broker: it goes on from what ``journal`` holds."""
    fresh = engine(stage)
    return Loop(
        engine=fresh,
        feed=feed,
        broker=broker,
        journal=journal,
        history=stage.history,
        analysts=stage.analysts,
        history_days=HISTORY_DAYS,
        beginning=lambda: beginning(stage, fresh),
        observers=[_Teller(progress)] if progress else [],
    )


def engine(stage: Stage) -> Engine:
    """The engine of a run that has not begun."""
    market = MarketView(
        at=stage.sessions[0].open,
        instruments={instrument.symbol: instrument for instrument in stage.instruments},
        quotes={},
        closes=stage.closes,
        session=stage.sessions[0],
        lacks=stage.history.lacks(),
    )
    return Engine(stage.mandate, stage.strategy, market, stage.sessions)


def beginning(stage: Stage, fresh: Engine) -> list[Event]:
    """What the journal of a new run begins with: the run, the account, what can be traded, and the cash."""
    request, mandate = stage.request, fresh.mandate
    at = stage.world.tape.instants(stage.sessions[0])[0]
    started = RunStarted(
        event_id=fresh.ids.new("u"),
        at=at,
        run_id="demo",
        mode=Mode.PAPER,
        account=mandate.account,
        seed=request.seed,
        settings=request.settings.text(),
        simulated=stage.world.simulated,
    )
    account = AccountOpened(
        event_id=f"account/{mandate.account}",
        at=at,
        account=mandate.account,
        base_currency=mandate.base_currency,
    )
    listed = [
        InstrumentListed(event_id=f"instrument/{instrument.symbol}", at=at, instrument=instrument)
        for instrument in stage.instruments
    ]
    deposited = Deposited(
        event_id=f"deposit/{mandate.account}/initial",
        at=at,
        account=mandate.account,
        portfolio=mandate.portfolio,
        amount=Money(request.cash, mandate.base_currency),
    )
    return [started, account, *listed, deposited]


def tell(stage: Stage, events: Sequence[Event], folder: Path) -> DemoResult:
    """What the journal of a run says of it."""
    request, mandate, source = stage.request, stage.mandate, wheels.STOCKS
    summary = Summary(mandate.account, mandate.portfolio, lambda at: stage.sessions[0].local(at).date())
    summary.read(events)
    days = summary.days(request.cash)
    book = summary.book()
    bill = treasury_bill(wheels.factors(), stage.days)
    invested = [1.0 - float(day.cash / day.equity) if day.equity else 0.0 for day in days]
    return DemoResult(
        run_folder=folder,
        journal_path=folder / JOURNAL_NAME,
        seed=request.seed,
        currency=mandate.base_currency,
        in_process=request.in_process,
        strategy=" and ".join(request.settings.strategy.names),
        costs=f"{request.settings.costs.commission_basis_points} basis points of notional, and the spread",
        days=days,
        benchmark=equal_weight(stage.closes, stage.days, request.cash, mandate.cost_rate, source.prices),
        book=book,
        keys=report_keys(days, book.round_trips, request.cash, len(book.positions), bill),
        universe=Universe(
            origin=source.origin,
            symbols=tuple(instrument.symbol for instrument in stage.instruments),
            survivors=source.survivors,
            digest=wheels.STOCKS_FILE.sha256,
        ),
        without_best=without_best(summary.profit_by_symbol(), days[-1].equity, request.cash),
        simulated=stage.world.simulated,
        share_all_cash=sum(part <= 0.0 for part in invested) / len(days),
        cash_weight=1.0 - sum(invested) / len(days),
        bill_return_pct=bill.total_pct,
        notes=(HELD_BILL,) if bill.held else (),
    )


class _Teller:
    """Tells whoever waits of days that began and ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def committed(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            match each.event:
                case SessionOpened(day=day):
                    self._progress.day_started(day)
                case SessionClosed(day=day, equity=equity):
                    self._progress.day_finished(day, equity)
                case _:
                    pass


def _start_afresh(folder: Path, request: DemoRequest) -> None:
    """Replace the last run by an empty folder that says what is run in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    said = {
        "days": request.days,
        "first": request.first.isoformat(),
        "seed": request.seed,
        "cash": str(request.cash),
        "settings": request.settings.text().splitlines(),
    }
    (folder / "request.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
