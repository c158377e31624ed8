"""Swings, levels and chart patterns: the shapes that chartists name, found the same way each time.

Everything is read from one symbol's closes, (n_days,), oldest first, and speaks about the last of them. A swing is
a close that none within ``reach`` days either side exceeds; it is known only ``reach`` days later, and nothing here
looks at a swing before. What counts as equal is measured in the symbol's own daily volatility, so the same shape is
found in a calm share and in a wild one, at any price.

Each pattern is defined once, for a falling market, on the logarithm of the price; its bullish twin is the same
pattern upside down. A pattern is reported when its line was crossed within the last few days and still is.

That such shapes foretell anything is disputed; they are evidence among other evidence. Source for the definitions:
Edwards and Magee (1948), "Technical Analysis of Stock Trends"; Lo, Mamaysky and Wang (2000), Journal of Finance 55,
for testing them by rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray
from bursar.research import features

#: Days on either side of a swing, and so the days until it is known.
REACH = 5
#: Days of closes that are looked at.
LOOKBACK = 252
#: A crossing that is older than this is no news.
FRESH_DAYS = 5
#: Fewest closes from which anything is read.
DAYS_MIN = 63
#: Days whose highest close a breakout exceeds; fewer than the fewest closes above.
BREAKOUT_DAYS = 55


@dataclass(frozen=True, slots=True)
class Swing:
    """A turning point: its day as an index, its price, and whether it was a high or a low."""

    day: int
    price: float
    high: bool


@dataclass(frozen=True, slots=True)
class Level:
    """A price at which the market turned more than once."""

    price: float
    touches: int
    last_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A shape whose line was crossed.

    direction  1 when chartists expect a rise, -1 a fall
    since      day of its first swing, as an index into the closes
    crossed    day on which its line was crossed
    line       the price that was crossed, as it stands on the last day
    """

    name: str
    direction: int
    since: int
    crossed: int
    line: float
    statement: str


def swings(closes: FloatArray, reach: int = REACH) -> tuple[Swing, ...]:
    """The turning points that are known by the last day, oldest first; of equal closes the first is the swing."""
    if reach < 1:
        raise InputError(f"a swing that reaches {reach} days is none; give at least 1")
    values = _series(closes)
    if len(values) <= 2 * reach:
        return ()
    last = len(values) - reach
    middle = values[reach:last]
    high, low = np.ones(len(middle), dtype=np.bool_), np.ones(len(middle), dtype=np.bool_)
    for away in range(1, reach + 1):
        before, after = values[reach - away : last - away], values[reach + away : last + away]
        high &= (before < middle) & (after <= middle)
        low &= (before > middle) & (after >= middle)
    return tuple(
        Swing(day + reach, float(values[day + reach]), bool(high[day])) for day in np.flatnonzero(high | low).tolist()
    )


def levels(closes: FloatArray, reach: int = REACH) -> tuple[Level, ...]:
    """Prices at which at least two swings turned, within two days' volatility of each other, lowest first."""
    values = _series(closes)[-LOOKBACK:]
    width = 2.0 * _swing_of_a_day(values)
    groups: list[list[Swing]] = []
    for swing in sorted(swings(values, reach), key=lambda each: (each.price, each.day)):
        if groups and math.log(swing.price / groups[-1][0].price) <= width:
            groups[-1].append(swing)
        else:
            groups.append([swing])
    offset = max(len(closes) - LOOKBACK, 0)
    return tuple(
        Level(
            price=sum(swing.price for swing in group) / len(group),
            touches=len(group),
            last_day=offset + max(swing.day for swing in group),
        )
        for group in groups
        if len(group) >= 2
    )


def support_and_resistance(closes: FloatArray, reach: int = REACH) -> tuple[Level | None, Level | None]:
    """The nearest level below the last close and the nearest above it; None where there is none."""
    found = levels(closes, reach)
    last = float(closes[-1]) if found else math.nan
    below = [level for level in found if level.price < last]
    above = [level for level in found if level.price > last]
    return (below[-1] if below else None), (above[0] if above else None)


def patterns(closes: FloatArray, reach: int = REACH) -> tuple[Pattern, ...]:
    """What was completed in the last days, by name. Nothing is read from fewer than 63 closes, or across a gap."""
    values = _series(closes)[-LOOKBACK:]
    if len(values) < DAYS_MIN or np.isnan(values).any():
        return ()
    width = 2.0 * _swing_of_a_day(values)
    if width == 0.0:
        return ()
    logs = np.log(values)
    turned = swings(logs, reach)
    upside_down = tuple(Swing(swing.day, -swing.price, not swing.high) for swing in turned)
    found = []
    for direction, chart in ((-1, _Chart.of(logs, turned, width)), (1, _Chart.of(-logs, upside_down, width))):
        found += [replace(each, direction=direction) for rule in _RULES if (each := rule(chart))]
    offset = max(len(closes) - LOOKBACK, 0)
    named = [_named(each, values, offset) for each in found]
    return tuple(sorted(named, key=lambda pattern: pattern.name))


# ---------------------------------------------------------------- the rules, for a market that is about to fall


@dataclass(frozen=True, slots=True, eq=False)
class _Chart:
    """Log prices, upside down for bullish patterns, with their swings in turn high and low.

    width  what counts as the same price, in logarithms
    """

    values: FloatArray
    swings: tuple[Swing, ...]
    width: float

    @classmethod
    def of(cls, values: FloatArray, swings: Iterable[Swing], width: float) -> _Chart:
        turns: list[Swing] = []
        for swing in swings:
            if turns and turns[-1].high == swing.high:
                # Two highs without a low between them: only the higher one is a turn.
                beyond = swing.price > turns[-1].price
                if beyond == swing.high:
                    turns[-1] = swing
            else:
                turns.append(swing)
        return cls(values, tuple(turns), width)

    def last(self, count: int) -> tuple[Swing, ...] | None:
        """The last ``count`` turns, if there are so many and the last is a high."""
        turns = self.swings if self.swings and self.swings[-1].high else self.swings[:-1]
        return turns[-count:] if len(turns) >= count else None

    def crossing(self, first: Swing, second: Swing, after: int) -> int | None:
        """The day on which the line through two lows was crossed downward after ``after``; None unless fresh."""
        line = self.line(first, second)
        below = np.flatnonzero(self.values[after + 1 :] < line[after + 1 :]) + after + 1
        today = len(self.values) - 1
        if not below.size or below[-1] != today or today - below[0] >= FRESH_DAYS:
            return None
        return int(below[0])

    def line(self, first: Swing, second: Swing) -> FloatArray:
        """The straight line through two turns, on every day."""
        days = np.arange(len(self.values), dtype=np.float64)
        slope = (second.price - first.price) / (second.day - first.day) if second.day != first.day else 0.0
        return first.price + slope * (days - first.day)

    def same(self, one: Swing, other: Swing, widths: float = 1.0) -> bool:
        return abs(one.price - other.price) <= widths * self.width

    def pattern(self, name: str, since: Swing, crossed: int, line: FloatArray) -> Pattern:
        return Pattern(name=name, direction=0, since=since.day, crossed=crossed, line=float(line[-1]), statement="")


def _double_top(chart: _Chart) -> Pattern | None:
    """Two highs at the same price; the low between them is crossed."""
    turns = chart.last(3)
    if turns is None:
        return None
    one, low, other = turns
    deep = min(one.price, other.price) - low.price >= 2.0 * chart.width
    crossed = chart.crossing(low, low, other.day) if deep and chart.same(one, other) else None
    return None if crossed is None else chart.pattern("double", one, crossed, chart.line(low, low))


def _head_and_shoulders(chart: _Chart) -> Pattern | None:
    """Three highs, the middle one clearly the highest; the line through the two lows is crossed."""
    turns = chart.last(5)
    if turns is None:
        return None
    left, low, head, other_low, right = turns
    shaped = (
        head.price - max(left.price, right.price) >= chart.width
        and chart.same(left, right, 2.0)
        and chart.same(low, other_low, 2.0)
        and min(left.price, right.price) - max(low.price, other_low.price) >= chart.width
    )
    crossed = chart.crossing(low, other_low, right.day) if shaped else None
    return None if crossed is None else chart.pattern("head", left, crossed, chart.line(low, other_low))


def _triangle(chart: _Chart) -> Pattern | None:
    """Highs that fall towards lows that do not; the line through the lows is crossed."""
    turns = chart.last(4)
    if turns is None:
        return None
    low, high, other_low, other_high = turns
    closing = high.price - other_high.price >= chart.width and other_low.price >= low.price - 0.5 * chart.width
    crossed = chart.crossing(low, other_low, other_high.day) if closing else None
    return None if crossed is None else chart.pattern("triangle", low, crossed, chart.line(low, other_low))


def _breakout(chart: _Chart) -> Pattern | None:
    """The lowest close of 55 days, after a month without such a one, and not taken back since."""
    recent = chart.values[-BREAKOUT_DAYS - features.MONTH - FRESH_DAYS :]
    first = len(chart.values) - len(recent)
    # least[i] is the lowest of the days before day i + BREAKOUT_DAYS of the recent ones.
    least = sliding_window_view(recent[:-1], BREAKOUT_DAYS).min(axis=1)
    broken = recent[BREAKOUT_DAYS:] < least
    for day in range(max(len(broken) - FRESH_DAYS, 0), len(broken)):
        if broken[day] and not broken[max(day - features.MONTH, 0) : day].any() and recent[-1] < least[day]:
            level = Swing(first + day, float(least[day]), False)
            return chart.pattern("breakout", level, first + day + BREAKOUT_DAYS, chart.line(level, level))
    return None


def _cross(chart: _Chart) -> Pattern | None:
    """The 50-day average crosses the 200-day average downward; averages of the logarithm, as all here."""
    values = chart.values.reshape(-1, 1)
    short, long = features.moving_mean(values, 50)[:, 0], features.moving_mean(values, 200)[:, 0]
    for day in range(max(len(values) - FRESH_DAYS, 1), len(values)):
        if short[day] < long[day] and short[day - 1] >= long[day - 1] and short[-1] < long[-1]:
            return chart.pattern("cross", Swing(day, float(long[day]), False), day, long)
    return None


_RULES: tuple[Callable[[_Chart], Pattern | None], ...] = (
    _double_top,
    _head_and_shoulders,
    _triangle,
    _breakout,
    _cross,
)

#: Names and what is said, for a falling and for a rising market.
_WORDS = {
    ("double", -1): ("double top", "two highs at one price, and a close below the low between them"),
    ("double", 1): ("double bottom", "two lows at one price, and a close above the high between them"),
    ("head", -1): ("head and shoulders", "a high between two lower ones, and a close below the line of their lows"),
    ("head", 1): ("inverse head and shoulders", "a low between two higher ones, and a close above the line of highs"),
    ("triangle", -1): ("falling triangle", "lower highs over steady lows, and a close below the line of the lows"),
    ("triangle", 1): ("rising triangle", "higher lows under steady highs, and a close above the line of the highs"),
    ("breakout", -1): ("breakdown", f"a close below all of the {BREAKOUT_DAYS} days before"),
    ("breakout", 1): ("breakout", f"a close above all of the {BREAKOUT_DAYS} days before"),
    ("cross", -1): ("death cross", "the 50-day average fell below the 200-day average"),
    ("cross", 1): ("golden cross", "the 50-day average rose above the 200-day average"),
}


def _named(pattern: Pattern, values: FloatArray, offset: int) -> Pattern:
    """The pattern in prices and words, its days counted from the caller's first close."""
    name, said = _WORDS[pattern.name, pattern.direction]
    line = math.exp(-pattern.direction * pattern.line)
    ago = len(values) - 1 - pattern.crossed
    when = "at the last close" if ago == 0 else f"{ago} day{'s' if ago > 1 else ''} before the last close"
    return replace(
        pattern,
        name=name,
        line=line,
        since=pattern.since + offset,
        crossed=pattern.crossed + offset,
        statement=f"{name} {when}: {said} ({line:.4g})",
    )


# ---------------------------------------------------------------- what is measured


def _series(closes: FloatArray) -> FloatArray:
    return arrays.vector("closes", closes, missing=True)


def _swing_of_a_day(values: FloatArray) -> float:
    """Standard deviation of daily log returns; zero where there are none, or the price never moved."""
    returns = np.diff(np.log(values))
    returns = returns[np.isfinite(returns)]
    return float(returns.std()) if returns.size else 0.0
