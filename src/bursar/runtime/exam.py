"""An exam: a strategy's name, a range of days and settings become a market, a plan, a run and its score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from bursar.adapters.memory import MemoryFundamentals, MemoryNews
from bursar.adapters.vendors import PriceKind
from bursar.config import Settings
from bursar.domain.money import ZERO
from bursar.errors import InputError
from bursar.gateway.interest import Benchmark, InterestPlan
from bursar.runtime import build
from bursar.runtime.aspaid import as_paid
from bursar.runtime.backtest import Market, Plan, played_sessions, run
from bursar.runtime.candidates import plan_for
from bursar.runtime.library import Library, open_library
from bursar.runtime.loop import Observer
from bursar.runtime.morning import Heard
from bursar.runtime.score import Score, score
from bursar.trading.agenda import Rhythm


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked.

    first, last  days, both included; None for all that the prices hold (the first year is for the rules to look back)
    rhythm       how often is decided; None for the strategy's own
    cash_rate    what cash earns, percent a year; None for nothing
    as_paid      trade at prices as they were paid, with splits and dividends done and paid, and not at adjusted ones
    """

    name: str
    settings: Settings
    home: Path
    first: date | None = None
    last: date | None = None
    rhythm: Rhythm | None = None
    fractions: bool = False
    as_paid: bool = False
    cash_rate: Decimal | None = None


def prepare(question: Question) -> tuple[Plan, Market]:
    """The plan and what it plays on. Raises InputError for a range without data or a strategy that cannot run."""
    settings = question.settings
    library = open_library(settings, question.home, seed=settings.demo.seed, last=question.last)
    market = market_of(library, settings, paid=question.as_paid)
    first, last = _range(question, market)
    plan = planned(replace(question, first=first, last=last), market)
    played_sessions(plan, market)
    return plan, market


def planned(question: Question, market: Market, *, form: str = "", heard: Heard | None = None) -> Plan:
    """The plan of a question whose days are known."""
    assert question.first is not None
    assert question.last is not None
    plan = plan_for(
        question.name,
        market,
        question.settings,
        first=question.first,
        last=question.last,
        rhythm=question.rhythm,
        fractions=question.fractions,
        form=form,
        heard=heard,
    )
    if question.cash_rate is None:
        return plan
    stated = Benchmark(rate=question.cash_rate, currency=question.settings.account.base_currency)
    interest = InterestPlan(benchmarks=(stated,), credit_spread=ZERO, credit_from=ZERO, credit_whole=ZERO)
    return replace(plan, interest=interest)


def market_of(library: Library, settings: Settings, *, paid: bool = False) -> Market:
    """The market of a library, over all its days, of the instruments that the settings allow.

    paid  at prices as they were paid. Raises InputError for a library that has none
    """
    source = library.source
    sessions = library.calendar.sessions(source.first, source.last)
    chosen = build.universe(settings, library.instruments)
    symbols = tuple(each.symbol for each in chosen)
    history, actions = as_paid(library) if paid else (library.history(sessions[-1].close), ())
    held = history.asof(symbols, "close", sessions[-1].close)
    days = set(held.dates.tolist())
    return Market(
        name=source.title,
        history=history,
        instruments=chosen,
        sessions=tuple(session for session in sessions if session.day in days),
        origin=source.origin,
        survivors=source.survivors,
        adjusted=source.prices is not PriceKind.RAW and not paid,
        paid=history.asof(symbols, "raw_close", sessions[-1].close) if paid else None,
        actions=actions,
        simulated=source.simulated,
        fundamentals=None if isinstance(library.fundamentals, MemoryFundamentals) else library.fundamentals,
        news=None if isinstance(library.news, MemoryNews) else library.news,
    )


#: Sessions that a range without a beginning leaves for the rules to look back on.
LOOK_BACK = 320


def _range(question: Question, market: Market) -> tuple[date, date]:
    """The days of the question, within those that there are. Raises InputError where they are none of them."""
    begin, end = market.sessions[0].day, market.sessions[-1].day
    first = question.first or market.sessions[min(LOOK_BACK, len(market.sessions) - 1)].day
    last = question.last or end
    if last < first:
        raise InputError(f"from {first} to {last} is no range; give the earlier day first")
    if last < begin or first > end:
        raise InputError(f"{market.name} has nothing from {first} to {last}; it reaches from {begin} to {end}")
    return max(first, begin), min(last, end)


def sit(question: Question, observer: Observer | None = None) -> Score:
    """Run it and score it."""
    plan, market = prepare(question)
    return score(question.name, run(plan, market, observer))
