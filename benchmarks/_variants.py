"""The work of the sweep: one variant of a strategy over the full path, in whichever process is asked for it.

A module of its own, since a worker elsewhere imports what it is sent, and must not import the benchmark with it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cache

from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.history import MemoryHistory
from bursar.adapters.vendors import wheels
from bursar.research.strategies.crossover import Crossover
from bursar.runtime.backtest import Market, Plan, run

#: A year of monthly decisions.
FIRST, LAST = date(2021, 1, 4), date(2021, 12, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Windows of a crossover, in days."""

    fast: int
    slow: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one: a digest over the bytes of every day's equity, so that equal means to the last digit."""

    variant: Variant
    orders: int
    digest: str


def variants(count: int) -> list[Variant]:
    """So many different ones, the slow window always the longer."""
    every = [Variant(fast=fast, slow=slow) for fast in range(5, 65, 3) for slow in range(80, 260, 9)]
    return every[:count]


@cache
def market() -> Market:
    """The twenty stocks, loaded once in each process."""
    calendar = ExchangeCalendar("XNYS", wheels.FIRST, wheels.LAST)
    facts = wheels.load(wheels.STOCKS_FILE, wheels.STOCKS, calendar)
    return Market(
        name="the sample",
        history=MemoryHistory({"close": facts}),
        instruments=wheels.instruments(),
        sessions=calendar.sessions(facts.panel.dates[0].item(), facts.panel.dates[-1].item()),
    )


def work(variant: Variant) -> Outcome:
    """Run one variant: engine, gate, books and orders as they trade live."""
    strategy = Crossover(fast=variant.fast, slow=variant.slow)
    result = run(Plan(strategy=strategy, first=FIRST, last=LAST), market())
    return Outcome(
        variant=variant, orders=len(result.fills), digest=hashlib.sha256(result.equity.tobytes()).hexdigest()
    )
