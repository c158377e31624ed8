"""The climate that a meeting is held in: is the market calm or turbulent, afraid or greedy, broad or narrow?

    turbulence  probability of the turbulent regime (``research/regimes.py``), from a chain that is fitted anew each
                week to the six years before it, so that every meeting of a week and every restart use the same one
    mood        fear and greed, 0 to 100 (``research/breadth.py``)
    breadth     share of the symbols above their 200-day average

All of it is of the symbols that are traded, at equal weight, and of their closes alone. What the closes do not reach
back far enough for is not told. Sizing cuts openings by up to half as turbulence goes from none to certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from bursar.errors import DataError
from bursar.ports import History, Panel
from bursar.quant.arrays import FloatArray
from bursar.research import breadth, features, regimes

#: Days that the chain is fitted to at most: six years.
DAYS = 6 * features.YEAR
#: Days of closes that the mood needs before it can be ranked at all.
MOOD_FIRST = features.YEAR + features.MONTH + 1
MOOD_DAYS_MIN = 21
#: What is left of an opening where turbulence is certain.
TURBULENT_PART = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """What could be told; None where it could not."""

    turbulence: float | None = None
    mood: float | None = None
    breadth: float | None = None

    @property
    def part(self) -> float:
        """What is left of an opening in this climate, one half to one; all of it where turbulence is not known."""
        return 1.0 - (1.0 - TURBULENT_PART) * (self.turbulence or 0.0)

    def told(self) -> dict[str, float]:
        """By name, what could be told."""
        known = {"turbulence": self.turbulence, "mood": self.mood, "breadth": self.breadth}
        return {name: value for name, value in known.items() if value is not None}


class Barometer:
    """Reads the climate of each morning, with one chain a week."""

    def __init__(self) -> None:
        self._fitted: tuple[date, regimes.Regimes | None] | None = None

    def read(self, history: History, symbols: Sequence[str], closes: Panel, at: datetime) -> Climate:
        """The climate at ``at``; ``closes`` are those that are known by then."""
        monday = at.date() - timedelta(days=at.weekday())
        if self._fitted is None or self._fitted[0] != monday:
            self._fitted = monday, _fit(history, symbols, datetime.combine(monday, time(), tzinfo=UTC))
        chain = self._fitted[1]
        above = breadth.above_average(closes.values)
        mood_days = min(breadth.MOOD_DAYS, len(closes.dates) - MOOD_FIRST)
        return Climate(
            turbulence=None if chain is None else _known(float(chain.probabilities(_returns(closes))[-1, -1])),
            mood=_known(float(breadth.fear_and_greed(closes.values, mood_days).values[-1]))
            if mood_days >= MOOD_DAYS_MIN
            else None,
            breadth=_known(float(above[-1])) if len(above) else None,
        )


def _fit(history: History, symbols: Sequence[str], known_at: datetime) -> regimes.Regimes | None:
    try:
        return regimes.fit(_returns(history.asof(symbols, "close", known_at, DAYS)))
    except DataError:
        return None


def _returns(closes: Panel) -> FloatArray:
    """Daily returns of the market at equal weight, (n_days - 1,)."""
    index = breadth.market_index(closes.values)
    return features.simple_returns(index[:, None])[1:, 0]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
