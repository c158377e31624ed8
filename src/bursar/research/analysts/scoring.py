"""From evidence to a view: how an analyst's readings become an expected return and a confidence.

A reading is one thing that was looked at, scored from -1 (bearish) to 1 (bullish); NaN where it could not be
read. The score of an analyst is the weighted sum of its readings. What could not be read counts as zero and
its weight stays in the sum, so that an opinion which rests on less is weaker. Below half of the weight there
is no opinion at all.

The expected return follows Grinold's rule, as in the technical analyst: information coefficient * volatility
over the horizon * score, with a coefficient of 0.05 that is a hope and no finding. Confidence is
0.5 + 0.3 * |score| * agreement, where agreement is the weight of the readings that point where the score
points; it orders views and is NOT calibrated. ``research/skill.py`` learns from outcomes what it is worth.

Source: Grinold (1994), "Alpha Is Volatility Times IC Times Score", Journal of Portfolio Management 20.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bursar.domain.views import Abstention, Evidence, View
from bursar.errors import DataError
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import PERIODS_PER_YEAR
from bursar.trading.view import MarketView

INFORMATION_COEFFICIENT = 0.05
CONFIDENCE_SPAN = 0.3
COVERAGE_MIN = 0.5
#: Days of returns from which a symbol's volatility is told.
VOLATILITY_DAYS = 63

Ids = Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One thing that was looked at.

    score      -1 (bearish) to 1 (bullish), or NaN where it could not be read
    weight     what it counts for; those of one analyst add up to one
    statement  what was seen, or why nothing was, in words
    value      the number behind it
    source     where it can be looked up
    """

    name: str
    score: float
    weight: float
    statement: str
    value: float
    source: str

    @property
    def read(self) -> bool:
        """Whether there is a score."""
        return math.isfinite(self.score)


def score(readings: Sequence[Reading]) -> float:
    """The weighted sum of what could be read, -1 to 1."""
    return math.fsum(reading.weight * reading.score for reading in readings if reading.read)


def coverage(readings: Sequence[Reading]) -> float:
    """The weight of what could be read, 0 to 1."""
    return math.fsum(reading.weight for reading in readings if reading.read)


def confidence(readings: Sequence[Reading]) -> float:
    """0.5 to 0.8, as the module says; 0.5 where the readings cancel out."""
    total = score(readings)
    agreeing = math.fsum(each.weight for each in readings if each.read and each.score * total > 0.0)
    return 0.5 + CONFIDENCE_SPAN * abs(total) * agreeing


@dataclass(frozen=True, slots=True, eq=False)
class Volatilities:
    """Of all symbols, annualized, of the last quarter.

    closes    (n_symbols, at most 64 days)
    measured  (n_symbols,) NaN where closes are missing
    """

    symbols: tuple[str, ...]
    closes: FloatArray
    measured: FloatArray

    @classmethod
    def of(cls, market: MarketView) -> Volatilities:
        rows = np.ascontiguousarray(market.closes.values[-VOLATILITY_DAYS - 1 :].T)
        measured = np.full(len(rows), np.nan)
        if rows.shape[1] > VOLATILITY_DAYS:
            measured = np.std(rows[:, 1:] / rows[:, :-1] - 1.0, axis=1, ddof=1) * math.sqrt(PERIODS_PER_YEAR)
        return cls(market.closes.symbols, rows, measured)

    def __getitem__(self, symbol: str) -> float:
        """Raises DataError where closes are missing or did not move."""
        if symbol not in self.symbols:
            raise DataError("the data has no closes of it")
        place = self.symbols.index(symbol)
        measured = float(self.measured[place])
        if measured > 0.0:
            return measured
        known = int(np.isfinite(self.closes[place]).sum())
        if known <= VOLATILITY_DAYS:
            raise DataError(f"needs {VOLATILITY_DAYS + 1} closes without a gap and has {known}")
        raise DataError("its price did not move")


def volatility(market: MarketView, symbol: str) -> float:
    """That of one symbol."""
    return Volatilities.of(market)[symbol]


def opinions(
    analyst: str, market: MarketView, ids: Ids, *, horizon_days: int, read: Callable[[str], Sequence[Reading]]
) -> tuple[View | Abstention, ...]:
    """What ``read`` leads to for each symbol. A DataError on the way, or too little that could be read, abstains."""
    swings = Volatilities.of(market)
    return tuple(
        _opinion(analyst, symbol, market, ids, horizon_days=horizon_days, read=read, swings=swings)
        for symbol in sorted(market.instruments)
    )


def _opinion(
    analyst: str,
    symbol: str,
    market: MarketView,
    ids: Ids,
    *,
    horizon_days: int,
    read: Callable[[str], Sequence[Reading]],
    swings: Volatilities,
) -> View | Abstention:
    try:
        readings = read(symbol)
        swing = swings[symbol] * math.sqrt(horizon_days / PERIODS_PER_YEAR)
    except DataError as error:
        return Abstention(analyst=analyst, symbol=symbol, reason=str(error))
    covered = coverage(readings)
    if covered < COVERAGE_MIN:
        unread = "; ".join(reading.statement for reading in readings if not reading.read)
        return Abstention(
            analyst=analyst, symbol=symbol, reason=f"could read {covered:.0%} of what it weighs: {unread}"
        )
    return View(
        view_id=ids(),
        analyst=analyst,
        symbol=symbol,
        horizon_days=horizon_days,
        expected_excess_return=INFORMATION_COEFFICIENT * swing * score(readings),
        confidence=confidence(readings),
        evidence=tuple(
            Evidence(statement=each.statement, source=each.source, value=each.value if each.read else None)
            for each in readings
        ),
        known_at=market.at,
    )


def between(value: float, low: float, high: float) -> float:
    """Where ``value`` lies from ``low`` (-1) to ``high`` (1), cut to them; NaN stays NaN. low > high turns it round."""
    place = 2.0 * (value - low) / (high - low) - 1.0
    return place if math.isnan(place) else max(-1.0, min(1.0, place))
