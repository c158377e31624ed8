"""Small markets for analysts and strategies: a table of closes, and what is believed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import count

import numpy as np

from bursar.adapters.history import MemoryHistory
from bursar.adapters.vendors import wheels
from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.domain.views import Evidence, View
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.research.strategies.shape import Shape
from bursar.research.templates import TemplateStrategy, template
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView
from tests.builders import OPEN, SESSION
from tests.real_prices import stock_facts

CASH = Holdings(equity=Decimal(100_000), weights={})


def market(
    columns: Mapping[str, FloatArray],
    *,
    sectors: Mapping[str, str] | None = None,
    unpriced: tuple[str, ...] = (),
    lacks: frozenset[str] = frozenset(),
) -> MarketView:
    """A market of these closes, the last one of yesterday; each symbol is a sector of its own unless said."""
    symbols = tuple(sorted(columns))
    values = np.column_stack([columns[symbol] for symbol in symbols])
    dates = np.arange(len(values)).astype("timedelta64[D]") + np.datetime64("2022-01-02") - len(values) + 1
    return MarketView(
        at=OPEN,
        instruments={s: Instrument(symbol=s, sector=(sectors or {}).get(s, s)) for s in (*symbols, *unpriced)},
        quotes={},
        closes=Panel(dates, symbols, values),
        session=SESSION,
        lacks=lacks,
    )


def walk(days: int = 300, *, drift: float = 0.0, swing: float = 0.01, seed: int = 1) -> FloatArray:
    """Closes of a random walk with a daily drift and a daily volatility, from 100."""
    chance = np.random.default_rng(seed)
    steps = chance.normal(0.0, 1.0, days)
    steps = (steps - steps.mean()) / steps.std()
    closes: FloatArray = 100.0 * np.exp(np.cumsum(drift + swing * steps))
    return closes


def view(symbol: str, expected: float = 0.01, confidence: float = 0.6, analyst: str = "technical") -> View:
    return View(
        view_id=f"v-{analyst}-{symbol}",
        analyst=analyst,
        symbol=symbol,
        horizon_days=21,
        expected_excess_return=expected,
        confidence=confidence,
        evidence=(Evidence(statement="because", source="a test"),),
        known_at=OPEN,
    )


def holding(**weights: float) -> Holdings:
    return Holdings(equity=Decimal(100_000), weights=weights)


def counted() -> Callable[[], str]:
    """Ids of views, counted as the journal does."""
    numbers = count(1)
    return lambda: f"v-{next(numbers):08d}"


def sample_market(session: Session, days: int = 320, history: MemoryHistory | None = None) -> MarketView:
    """The 20 stocks as they were known when ``session`` opened."""
    history = history or MemoryHistory({"close": stock_facts()}, wheels.STOCKS.lacks)
    instruments = {instrument.symbol: instrument for instrument in wheels.instruments()}
    return MarketView(
        at=session.open,
        instruments=instruments,
        quotes={},
        closes=history.asof(sorted(instruments), "close", session.open, days),
        session=session,
        lacks=history.lacks(),
    )


def equally(shape: Shape | None = None) -> TemplateStrategy:
    """Everything that has a price, in equal parts."""
    return TemplateStrategy(template=template("equal_weight"), shape=shape)
