"""The stage of a run: data, sessions and world, and what plays on it, all made from the request.

Nothing here waits or writes. Whoever owns the process puts the pieces to work: ``demo`` in one process,
``wire`` in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from bursar.adapters.signals import SignalBox
from bursar.domain.events import (
    AccountOpened,
    CashMoved,
    Deposited,
    Event,
    InstrumentListed,
    LotMethod,
    Mode,
    RunStarted,
    SessionClosed,
    SessionOpened,
)
from bursar.domain.instruments import Instrument
from bursar.domain.money import Money, round_money
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.bars import Bars, FloatArray
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import by_value
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ports import Broker, Feed, History, Journal, Panel, Recorded, Signals
from bursar.runtime import build
from bursar.runtime.library import Library, open_library
from bursar.runtime.loop import Loop
from bursar.runtime.models import reasoner
from bursar.runtime.morning import Heard
from bursar.runtime.request import DemoRequest, read
from bursar.runtime.shown import shown
from bursar.runtime.switch import Controls
from bursar.runtime.worlds import compose
from bursar.trading.engine import Engine
from bursar.trading.mandate import Mandate
from bursar.trading.strategy import Strategy
from bursar.trading.view import MarketView

#: Sessions of history that the world is given before the first day: the analysts' year, and some.
HISTORY_DAYS = 320


class Progress(Protocol):
    """Someone who waits."""

    def day_started(self, day: date) -> None: ...

    def day_finished(self, day: date, equity: Decimal) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a run plays on, all of it values.

    past, sessions  before the run, and of it
    closes          official closes of both
    shelf, door     the facts that analysts read, and where signals from outside come in
    left_out        instruments that the prices do not cover over all of these days
    heard           what analysts said already, for runs on the very same facts; None asks them each time
    bars            of the days of ``closes``, where the source has them
    """

    request: DemoRequest
    library: Library
    history: History
    instruments: tuple[Instrument, ...]
    past: tuple[Session, ...]
    sessions: tuple[Session, ...]
    closes: Panel
    mandate: Mandate
    strategy: Strategy
    shelf: build.Shelf
    door: Signals
    left_out: tuple[str, ...] = ()
    heard: Heard | None = None
    bars: Bars | None = None

    @cached_property
    def world(self) -> World:
        """The world that the request's seed makes of it."""
        return compose(
            name=self.library.source.title,
            instruments=self.instruments,
            sessions=(*self.past, *self.sessions),
            closes=self.closes,
            seed=self.request.seed,
            first=self.request.first,
            shape=build.shape(self.request.settings, self.sessions[0]),
            happened=not self.library.source.simulated,
            bars=self.bars,
        )

    @property
    def managed(self) -> Decimal:
        """What the portfolio begins with: its sleeve, or all the cash."""
        capital = self.mandate.capital
        return self.request.cash if capital is None else capital

    @property
    def days(self) -> tuple[date, ...]:
        """The trading days of the run."""
        return tuple(session.day for session in self.sessions)


def prepare(request: DemoRequest) -> Stage:
    """Fetch the data, check the days, and compose the world."""
    # Holidays make five sessions of at most nine days, wherever the run begins.
    last = request.first + timedelta(days=request.days * 9 // 5 + 9)
    library = open_library(request.settings, request.home, seed=request.seed, last=last)
    before, sessions = library.sessions(request.first, request.days)
    build.require_clock(request.settings, sessions)
    past = before[-HISTORY_DAYS:]
    history = library.history(sessions[-1].close)
    chosen = build.universe(request.settings, library.instruments)
    closes = history.asof(
        tuple(instrument.symbol for instrument in chosen), "close", sessions[-1].close, len(past) + len(sessions)
    )
    instruments, closes, left_out = _covered(chosen, closes, request, len(past))
    _check_sleeve(request)
    _check_cash(request, closes, max(len(past) - 1, 0))
    return Stage(
        request=request,
        library=library,
        history=history,
        instruments=instruments,
        past=past,
        sessions=sessions,
        closes=closes,
        mandate=replace(build.mandate(request.settings), person_simulated=True),
        strategy=build.strategy(request.settings),
        shelf=shelf_of(library, history),
        door=SignalBox(request.home / "signals"),
        left_out=left_out,
        bars=_bars(library, history, closes, sessions[-1]),
    )


def shelf_of(library: Library, history: History) -> build.Shelf:
    """What analysts read of a library, whose adjusted prices are those of ``history``."""
    return build.Shelf(
        title=library.source.title,
        history=history,
        fundamentals=library.fundamentals,
        news=library.news,
        raw=library.history() if "raw_close" in library.source.fields else None,
    )


def _bars(library: Library, history: History, closes: Panel, last: Session) -> Bars | None:
    """The bars of the days of ``closes``, in the same money; None where the source has closes alone."""
    if not {"open", "high", "low"} <= library.source.fields:
        return None
    symbols, days = closes.symbols, len(closes.dates)

    def field(name: str) -> FloatArray:
        return history.asof(symbols, name, last.close, days).values

    volume = next((name for name in ("adjusted_volume", "volume") if name in library.source.fields), None)
    high, low = field("high"), field("low")
    # A crossed bar was told when it was imported; a day is walked without it.
    crossed = low > high
    return Bars(
        open=field("open"),
        high=np.where(crossed, np.nan, high),
        low=np.where(crossed, np.nan, low),
        volume=field(volume) if volume else None,
    )


def _covered(
    chosen: tuple[Instrument, ...], closes: Panel, request: DemoRequest, past: int
) -> tuple[tuple[Instrument, ...], Panel, tuple[str, ...]]:
    """Those of ``chosen`` that have a price on the day before the run and on each of its days, and the others."""
    whole = np.asarray(np.isfinite(closes.values[max(past - 1, 0) :]).all(axis=0))
    if not whole.any():
        raise InputError(
            f"none of {', '.join(closes.symbols)} has a price on every day from {request.first} on; give other days"
        )
    kept = tuple(each for each, held in zip(chosen, whole, strict=True) if held)
    left_out = tuple(each.symbol for each, held in zip(chosen, whole, strict=True) if not held)
    return kept, Panel(closes.dates, tuple(each.symbol for each in kept), closes.values[:, whole]), left_out


def _check_sleeve(request: DemoRequest) -> None:
    capital = request.settings.sleeve.capital
    if capital is not None and capital > request.cash:
        raise InputError(
            f"sleeve.capital is {capital:,.2f}, and the account begins with {request.cash:,.2f}; give at most that"
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


def terms(stage: Stage) -> Terms:
    """On what terms the exchange of a run deals."""
    settings = stage.request.settings
    return Terms(
        seed=stage.request.seed,
        accounts=(stage.mandate.account,),
        cash=stage.request.cash,
        currency=settings.account.base_currency,
        fees=by_value(settings.costs.commission_basis_points, settings.costs.commission_minimum),
    )


def exchange(stage: Stage) -> Exchange:
    """The exchange of a run, before its first instant."""
    return Exchange(stage.world, terms(stage))


def gateway_recipe(folder: str, home: str) -> tuple[World, Terms]:
    """World and terms of the run in ``folder``, for a gateway in a process of its own."""
    stage = prepare(read(Path(folder), Path(home)))
    return stage.world, terms(stage)


def loop(
    stage: Stage,
    feed: Feed,
    broker: Broker,
    journal: Journal,
    progress: Progress | None = None,
    controls: Controls | None = None,
) -> Loop:
    """The loop of a run, over any feed and broker: it goes on from what ``journal`` holds, and obeys ``controls``."""
    fresh = engine(stage)
    return Loop(
        engine=fresh,
        feed=shown(feed, controls),
        broker=broker,
        journal=journal,
        history=stage.history,
        morning=build.morning(
            stage.request.settings,
            replace(stage.shelf, history=stage.history),
            stage.door,
            reasoner(stage.request.settings, stage.request.home),
            stage.heard,
        ),
        history_days=HISTORY_DAYS,
        beginning=lambda: beginning(stage, fresh),
        observers=[Teller(progress)] if progress else [],
        commands=controls.commands if controls else None,
        switch=controls.switch if controls else None,
        reserve=controls.reserve if controls else None,
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
        lot_method=LotMethod(request.settings.account.lot_method),
    )
    listed = [
        InstrumentListed(event_id=f"instrument/{instrument.symbol}", at=at, instrument=instrument)
        for instrument in stage.instruments
    ]
    deposited = Deposited(
        event_id=f"deposit/{mandate.account}/initial",
        at=at,
        account=mandate.account,
        portfolio=mandate.beside,
        amount=Money(request.cash, mandate.base_currency),
    )
    return [started, account, *listed, deposited, *sleeve(mandate, at)]


def sleeve(mandate: Mandate, at: datetime) -> tuple[CashMoved, ...]:
    """The cash that is put aside to be managed; nothing where all of it is."""
    if mandate.capital is None:
        return ()
    moved = CashMoved(
        event_id=f"sleeve/{mandate.account}/{mandate.portfolio}",
        at=at,
        account=mandate.account,
        from_portfolio=mandate.beside,
        to_portfolio=mandate.portfolio,
        amount=Money(mandate.capital, mandate.base_currency),
    )
    return (moved,)


class Teller:
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
