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

from bursar.adapters.calendars import ExchangeCalendar, session_of
from bursar.adapters.signals import SignalBox
from bursar.adapters.vendors import Source, wheels
from bursar.config import Settings
from bursar.domain.events import AccountOpened, Deposited, Event, LotMethod
from bursar.domain.money import Money
from bursar.ports import Panel
from bursar.runtime import build
from bursar.runtime.models import reasoner
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine
from bursar.trading.view import MarketView

#: Sessions of history that a morning is given, as a run's is.
HISTORY_DAYS = 320


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
    source = wheels.STOCKS
    source.covers(day, day)
    calendar = ExchangeCalendar("XNYS", source.first, source.last, keep=home / "data")
    session = session_of(calendar, day)
    history = wheels.stocks(home, calendar)
    instruments = {each.symbol: each for each in build.universe(settings, wheels.instruments())}
    mandate = build.mandate(settings)
    at = mandate.agenda.times(session)[Task.ANALYZE]
    closes = history.asof(tuple(sorted(instruments)), "close", at, HISTORY_DAYS)
    market = MarketView(
        at=at, instruments=instruments, quotes={}, closes=closes, session=session, lacks=history.lacks()
    )
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
    shelf = build.Shelf(title=source.title, history=history, raw=history)
    morning = build.morning(settings, shelf, SignalBox(home / "signals"), reasoner(settings, home))
    return Analysis(
        day=day,
        source=source,
        currency=mandate.base_currency,
        cash=cash,
        closes=closes,
        events=tuple(asyncio.run(morning.hold(engine))),
    )
