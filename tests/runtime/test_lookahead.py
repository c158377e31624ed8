"""The future is corrupted: an honest rule does not notice, and one that peeks is named with its first difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from bursar.domain.events import Alerted, Event
from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.research.strategies.crossover import Crossover
from bursar.runtime.backtest import Market, Plan
from bursar.runtime.lookahead import Scrambled, _first_difference, search
from bursar.trading.agenda import Rhythm
from bursar.trading.strategy import Holdings, Strategy
from bursar.trading.view import MarketView
from tests.runtime.test_backtest import ALL_IN, market
from tests.samples import AT


def plan(strategy: Strategy, stage: Market) -> Plan:
    return Plan(
        strategy=strategy,
        first=stage.sessions[0].day,
        last=stage.sessions[-1].day,
        rhythm=Rhythm.WEEKLY,
        limits=ALL_IN,
        history_days=30,
        trade_min=Decimal("0.01"),
    )


@dataclass(frozen=True)
class Peeker:
    """Holds whatever closes higher five days from now: it was given all closes by somebody careless."""

    closes: Panel
    name: str = "peeker"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        row = int(np.searchsorted(self.closes.dates, np.datetime64(market.session.day, "D")))
        later = min(row + 5, len(self.closes.dates) - 1)
        rising = [s for s in market.instruments if self.closes.column(s)[later] > self.closes.column(s)[row]]
        return Targets(strategy=self.name, targets=tuple(Target(symbol=s, weight=0.3, reason="rises") for s in rising))


def test_an_honest_rule_does_not_notice_that_the_future_is_another() -> None:
    stage = market(["AAPL", "JPM", "XOM"], 3000, 3120)
    waited: list[date] = []
    verdict = search(lambda given: plan(Crossover(fast=5, slow=20), given), stage, told=waited.append)
    assert verdict.clean
    assert waited == list(verdict.days)
    assert len(verdict.days) == 3
    assert verdict.events > 300


def test_a_rule_that_peeks_is_named_with_the_event_that_gave_it_away() -> None:
    stage = market(["AAPL", "JPM", "XOM"], 3000, 3120)
    cut = stage.sessions[60].day
    verdict = search(lambda given: plan(Peeker(given.closes), given), stage, days=(cut,))
    assert not verdict.clean
    (peek,) = verdict.peeks
    assert peek.honest is not None
    assert peek.honest.at.date() <= cut
    assert f"facts after {cut} changed what happened at" in str(peek)


def test_days_outside_the_run_are_refused() -> None:
    stage = market(["AAPL"], 3000, 3010)
    with pytest.raises(InputError, match="2030-01-01 is outside the run"):
        search(lambda given: plan(Crossover(fast=2, slow=5), given), stage, days=(date(2030, 1, 1),))


def test_the_same_day_is_wrong_in_the_same_way_however_it_is_asked() -> None:
    stage = market(["AAPL", "JPM"], 3000, 3030)
    wrong = Scrambled(stage.history, stage.sessions[10].day, seed=3)
    all_of_it = wrong.asof(("AAPL", "JPM"), "close", stage.sessions[-1].close)
    a_part = wrong.asof(("AAPL", "JPM"), "close", stage.sessions[20].close, days=5)
    assert np.array_equal(all_of_it.values[16:21], a_part.values)
    assert np.array_equal(all_of_it.values[:11], stage.closes.values[:11])
    assert not np.isclose(all_of_it.values[11:], stage.closes.values[11:]).any()
    assert wrong.lacks() == stage.history.lacks()


def test_a_journal_that_ends_earlier_differs_where_it_ends() -> None:
    one, two = (Alerted(event_id=f"n-{number}", at=AT, severity="info", message="hello") for number in (1, 2))
    events: list[Event] = [one, two]
    assert _first_difference(AT.date(), events, events[:1]).honest == two
    assert _first_difference(AT.date(), events[:1], events).corrupted == two
    assert "n-2" in str(_first_difference(AT.date(), events[:1], events))
