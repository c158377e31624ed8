"""The technical analyst: what the course of the price, and of volume where there is any, suggests for the next month.

Eight readings, each from -1 (bearish) to 1 (bullish), and each of something else:

    trend       the 50-day average against the 200-day average: 10 % apart is a full reading
    momentum    the return of twelve months without the last, against the volatility of a year: twice the
                volatility is a full reading
    RSI         14 days, read against the grain: 20 is a full bullish reading, 80 a full bearish one
    Bollinger   20 days, read against the grain: the lower band is a full bullish reading
    volatility  of one month against one year: falling is bullish, for shares fall faster than they rise
    patterns    chart patterns that were completed in the last days (``research/patterns.py``), bullish less bearish
    levels      where the price lies between the nearest support and the nearest resistance: on the support is bullish
    volume      the month's volume on rising days less that on falling ones, of all: half is a full reading

Without the first five there is no view. The others count for nothing where they cannot be read: most prices have no
level on both sides, and some sources no volume.

The score is their mean with the weights below, and the expected return that of Grinold's rule,

    expected excess return = information coefficient * volatility over the horizon * score

with a coefficient of 0.05, which a good analyst of shares may hope for and this one has not proved: at
30 % a year and a full score it comes to 0.4 % in 21 days. That is meant: prices say little.

Confidence is 0.5 + 0.3 * |score| * agreement, where agreement is the weight of the readings that point
where the score points. It orders views and lies from 0.5 to 0.8; it is NOT calibrated, so 0.6 does not
yet mean that six of ten such views come true.

Source: Grinold (1994), "Alpha Is Volatility Times IC Times Score", Journal of Portfolio Management 20.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from bursar.domain.views import Abstention, Evidence, View
from bursar.errors import DataError
from bursar.ports import History
from bursar.quant.arrays import FloatArray
from bursar.research import features
from bursar.research.patterns import Charts
from bursar.trading.view import MarketView

#: What each reading counts for in the score; they add up to one.
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "trend": 0.20,
        "momentum": 0.28,
        "rsi": 0.12,
        "bollinger": 0.08,
        "volatility": 0.12,
        "patterns": 0.08,
        "levels": 0.05,
        "volume": 0.07,
    }
)
#: Days of closes without which it abstains: a year of returns.
DAYS_MIN = features.YEAR + 1

HORIZON_DAYS = 21
INFORMATION_COEFFICIENT = 0.05
CONFIDENCE_SPAN = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way of looking at a price: a score from -1 to 1, and what was seen in words and as a number."""

    name: str
    score: float
    statement: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnicalAnalyst:
    """Forms views from closes, and from volume where ``history`` has it.

    source  names the data in the evidence, as in "adjusted close, skfolio sample"
    """

    name: ClassVar[str] = "technical"
    needs: ClassVar[frozenset[str]] = frozenset({"close"})

    source: str = "adjusted daily close"
    history: History | None = None

    def form(self, market: MarketView, ids: Callable[[], str]) -> tuple[View | Abstention, ...]:
        closes, symbols = market.closes, sorted(market.instruments)
        missing = sorted(self.needs & market.lacks)
        if missing:
            return tuple(self._abstain(symbol, f"the data lacks {', '.join(missing)}") for symbol in symbols)
        if len(closes.dates) < DAYS_MIN:
            reason = f"needs {DAYS_MIN} daily closes and has {len(closes.dates)}"
            return tuple(self._abstain(symbol, reason) for symbol in symbols)
        table = Signals.of(closes.values[-DAYS_MIN - 2 * features.MONTH :])
        charts = Charts.of(closes.values)
        balance = self._balance(market)
        return tuple(self._opinion(symbol, market, table, charts, balance, ids) for symbol in symbols)

    def _balance(self, market: MarketView) -> dict[str, float]:
        """On-balance volume of a month by symbol, -1 to 1; empty where there is no volume."""
        if self.history is None or "volume" in self.history.lacks():
            return {}
        closes, days = market.closes, features.MONTH + 1
        try:
            volume = self.history.asof(closes.symbols, "volume", market.at, days)
        except DataError:
            return {}
        if len(volume.dates) < days or not np.array_equal(volume.dates, closes.dates[-days:]):
            return {}
        traded = features.on_balance_volume(closes.values[-days:], volume.values)[-1]
        return dict(zip(closes.symbols, traded.tolist(), strict=True))

    def _opinion(
        self,
        symbol: str,
        market: MarketView,
        table: Signals,
        charts: Charts,
        balance: Mapping[str, float],
        ids: Callable[[], str],
    ) -> View | Abstention:
        closes = market.closes
        if symbol not in closes.symbols:
            return self._abstain(symbol, "the data has no closes of it")
        place = closes.symbols.index(symbol)
        readings, volatility = table.read(place)
        unread = [reading.name for reading in readings if not math.isfinite(reading.score)]
        if unread:
            gaps = int(np.isnan(closes.column(symbol)[-DAYS_MIN:]).sum())
            why = f"{gaps} of its last {DAYS_MIN} closes are missing" if gaps else "its price did not move"
            return self._abstain(symbol, f"{why}: no {', '.join(unread)}")
        readings += shapes(charts, place, balance.get(symbol, math.nan))
        score = math.fsum(WEIGHTS[each.name] * each.score for each in readings if math.isfinite(each.score))
        source = f"{self.source}, {closes.dates[-1]}"
        return View(
            view_id=ids(),
            analyst=self.name,
            symbol=symbol,
            horizon_days=HORIZON_DAYS,
            expected_excess_return=expected_return(score, volatility),
            confidence=confidence(readings),
            evidence=tuple(
                Evidence(
                    statement=each.statement, source=source, value=each.value if math.isfinite(each.score) else None
                )
                for each in readings
            ),
            known_at=market.at,
        )

    def _abstain(self, symbol: str, reason: str) -> Abstention:
        return Abstention(analyst=self.name, symbol=symbol, reason=reason)


def expected_return(score: float, volatility: float) -> float:
    """Excess return over the horizon, for a score from -1 to 1 and an annualized volatility."""
    return INFORMATION_COEFFICIENT * volatility * math.sqrt(HORIZON_DAYS / features.YEAR) * score


def confidence(readings: tuple[Reading, ...]) -> float:
    """0.5 to 0.8, as the module says; 0.5 where the readings cancel out."""
    read = [reading for reading in readings if math.isfinite(reading.score)]
    score = math.fsum(WEIGHTS[reading.name] * reading.score for reading in read)
    agreement = math.fsum(WEIGHTS[reading.name] for reading in read if reading.score * score > 0.0)
    return 0.5 + CONFIDENCE_SPAN * abs(score) * agreement


def shapes(charts: Charts, place: int, balance: float) -> tuple[Reading, Reading, Reading]:
    """What patterns, levels and volume say of one symbol; NaN where one of them cannot be read."""
    found = charts.patterns(place)
    net = sum(pattern.direction for pattern in found)
    named = "; ".join(pattern.statement for pattern in found)
    below, above = charts.support_and_resistance(place)
    away = math.nan
    between = "no price at which it turned twice lies on both sides of it"
    if below is not None and above is not None:
        last = float(charts.closes[place, -1])
        away = math.log(last / below.price) / math.log(above.price / below.price)
        ends = f"its support of {below.price:.4g} to its resistance of {above.price:.4g}"
        between = f"it lies {away:.0%} of the way from {ends}"
    return (
        Reading(
            name="patterns",
            score=_clip(float(net)),
            statement=f"completed: {named}" if found else "no chart pattern was completed in the last days",
            value=float(net),
        ),
        Reading(name="levels", score=_clip(1.0 - 2.0 * away), statement=between, value=away),
        Reading(
            name="volume",
            score=_clip(balance / 0.5),
            statement="volume cannot be told: there is none"
            if math.isnan(balance)
            else f"volume on rising days less that on falling ones was {balance:+.0%} of the month's",
            value=balance,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signals:
    """What the readings are read from: the last day's features, (n_symbols,) each."""

    average_50: FloatArray
    average_200: FloatArray
    momentum: FloatArray
    rsi: FloatArray
    bollinger: FloatArray
    volatility_month: FloatArray
    volatility_year: FloatArray

    @classmethod
    def of(cls, closes: FloatArray) -> Signals:
        """From closes, (n_days, n_symbols)."""
        return cls(
            average_50=features.moving_average(closes, 50)[-1],
            average_200=features.moving_average(closes, 200)[-1],
            momentum=features.momentum(closes)[-1],
            rsi=features.rsi(closes)[-1],
            bollinger=features.bollinger_position(closes)[-1],
            volatility_month=features.volatility(closes, features.MONTH)[-1],
            volatility_year=features.volatility(closes, features.YEAR)[-1],
        )

    def read(self, index: int) -> tuple[tuple[Reading, ...], float]:
        """The readings of one symbol, and its annualized volatility. A score is NaN where nothing can be read."""
        trend = _ratio(self.average_50[index], self.average_200[index]) - 1.0
        momentum, rsi, bollinger = float(self.momentum[index]), float(self.rsi[index]), float(self.bollinger[index])
        month, year = float(self.volatility_month[index]), float(self.volatility_year[index])
        calm = 1.0 - _ratio(month, year)
        readings = (
            Reading(
                name="trend",
                score=_clip(trend / 0.10),
                statement=f"the 50-day average is {_apart(trend)} the 200-day average",
                value=trend,
            ),
            Reading(
                name="momentum",
                score=_clip(_ratio(momentum, 2.0 * year)),
                statement=f"twelve months without the last returned {momentum:+.1%} at {year:.0%} volatility",
                value=momentum,
            ),
            Reading(
                name="rsi",
                score=_clip((50.0 - rsi) / 30.0),
                statement=f"the 14-day RSI is {rsi:.0f}{_extreme(rsi)}",
                value=rsi,
            ),
            Reading(
                name="bollinger",
                score=_clip(1.0 - 2.0 * bollinger),
                statement=f"the close lies {bollinger:.0%} of the way from the lower to the upper 20-day band",
                value=bollinger,
            ),
            Reading(
                name="volatility",
                score=_clip(calm),
                statement=f"volatility was {month:.0%} in the last month against {year:.0%} in the year",
                value=month,
            ),
        )
        return readings, year


def _clip(score: float) -> float:
    """Within -1 and 1; NaN stays NaN."""
    return score if math.isnan(score) else max(-1.0, min(1.0, score))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0.0 else math.nan


def _apart(fraction: float) -> str:
    return f"{abs(fraction):.1%} {'above' if fraction >= 0.0 else 'below'}"


def _extreme(rsi: float) -> str:
    if rsi <= 30.0:
        return ", oversold"
    return ", overbought" if rsi >= 70.0 else ""
