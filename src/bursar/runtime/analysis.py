"""One morning by itself: what the committee would have said on a day, with nothing held and nothing sent.

It is the same job that a run's morning does, on the facts that were known at the time of the analysis, so that what
it says of a day is what a run on that day journals.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from bursar.adapters.signals import SignalBox
from bursar.adapters.vendors import Source
from bursar.config import Settings
from bursar.domain.events import AccountOpened, Deposited, Event, LotMethod
from bursar.domain.money import Money
from bursar.ports import Panel
from bursar.runtime import build
from bursar.runtime.library import open_library
from bursar.runtime.models import reasoner
from bursar.runtime.stage import HISTORY_DAYS, shelf_of
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine
from bursar.trading.view import MarketView


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What a morning led to.

    closes  known then, a column for each symbol
    cash    that quantities are proposed for
    """

    day: date
    source: Source
    currency: str
    cash: Decimal
    closes: Panel
    events: tuple[Event, ...]


def analyze(settings: Settings, home: Path, day: date) -> Analysis:
    """Hold the morning of ``day``. Raises InputError where the exchange or the prices have no such day."""
    library = open_library(settings, home, seed=settings.demo.seed, last=day)
    past, (session,) = library.sessions(day, 1)
    history = library.history(past[-1].close if past else session.open)
    chosen = {each.symbol: each for each in build.universe(settings, library.instruments)}
    mandate = build.mandate(settings)
    at = mandate.agenda.times(session)[Task.ANALYZE]
    closes = history.asof(tuple(sorted(chosen)), "close", at, HISTORY_DAYS)
    market = MarketView(at=at, instruments=chosen, quotes={}, closes=closes, session=session, lacks=history.lacks())
    engine = Engine(mandate, build.strategy(settings), market, (session,))
    cash = settings.account.initial_cash
    engine.absorb(
        AccountOpened(
            event_id=f"account/{mandate.account}",
            at=at,
            account=mandate.account,
            base_currency=mandate.base_currency,
            lot_method=LotMethod(settings.account.lot_method),
        )
    )
    engine.absorb(
        Deposited(
            event_id=f"deposit/{mandate.account}/initial",
            at=at,
            account=mandate.account,
            portfolio=mandate.portfolio,
            amount=Money(cash, mandate.base_currency),
        )
    )
    morning = build.morning(settings, shelf_of(library, history), SignalBox(home / "signals"), reasoner(settings, home))
    return Analysis(
        day=day,
        source=library.source,
        currency=mandate.base_currency,
        cash=cash,
        closes=closes,
        events=tuple(asyncio.run(morning.hold(engine))),
    )
