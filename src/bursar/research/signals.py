"""Signals from outside, heard or not: what a portfolio's filter lets through becomes a view like any other.

A source that is let in has a seat of its own, reads a source of its own, and is weighed by how its signals came true,
as every analyst is. It is never believed beyond what a rule can reach: expected returns are cut at two daily
deviations a root of the horizon, so that one wild number cannot outweigh a committee.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from bursar.domain.signals import Signal
from bursar.domain.views import Evidence, View
from bursar.errors import DataError
from bursar.quant.performance import PERIODS_PER_YEAR
from bursar.research.analysts.scoring import volatility
from bursar.research.analysts.sentiment import quoted
from bursar.trading.view import MarketView

#: Deviations over the horizon at which an expected return is cut.
EXPECTED_MAX = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which signals one portfolio listens to.

    sources         by name; none at all listens to nobody
    confidence_min  below it a signal is not heard
    age_max         older ones are not heard
    """

    sources: frozenset[str] = frozenset()
    confidence_min: float = 0.5
    age_max: timedelta = timedelta(days=5)

    def refuses(self, signal: Signal, market: MarketView) -> str:
        """Why ``signal`` is not heard; empty where it is."""
        if signal.source not in self.sources:
            return f"signals.sources does not name {signal.source}"
        if signal.symbol not in market.instruments:
            return f"{signal.symbol} is not traded here"
        if signal.confidence < self.confidence_min:
            return f"its confidence of {signal.confidence:.2f} is below {self.confidence_min:.2f}"
        if market.at - signal.issued > self.age_max:
            return f"it is older than {self.age_max.days} days"
        return ""


def analyst_of(source: str) -> str:
    """The name under which a source's signals stand among the analysts."""
    return f"signal {source}"


def view_of(signal: Signal, market: MarketView, view_id: str) -> View:
    """The view that a signal amounts to."""
    try:
        most = EXPECTED_MAX * volatility(market, signal.symbol) * math.sqrt(signal.horizon_days / PERIODS_PER_YEAR)
    except DataError:
        most = 0.0
    return View(
        view_id=view_id,
        analyst=analyst_of(signal.source),
        symbol=signal.symbol,
        horizon_days=signal.horizon_days,
        expected_excess_return=max(-most, min(most, signal.expected_excess_return)),
        confidence=signal.confidence,
        evidence=(
            Evidence(
                statement=f"{signal.source} says {quoted(signal.reason)}",
                source=f"signal {signal.signal_id} of {signal.issued:%Y-%m-%d %H:%M} UTC",
                value=signal.expected_excess_return,
            ),
        ),
        known_at=market.at,
    )
