"""Swings, levels and chart patterns: the shapes that chartists name, found the same way each time.

Everything is read from one symbol's closes, oldest first, and speaks about the last of them; what every day asks for
is worked out for all symbols of a table at once. A swing is a close that none within ``reach`` days either side
exceeds; it is known only ``reach`` days later, and nothing here looks at a swing before. What counts as equal is
measured in the symbol's own daily volatility, so the same shape is found in a calm share and in a wild one, at any
price.

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
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import BoolArray, FloatArray, IntArray
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


class Swing(NamedTuple):
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Charts:
    """The last closes of a table, and what can be read of all its symbols at once; a symbol is asked for by its place.

    before  days of the table that are older than what is looked at
    closes  (n_symbols, n_days) one symbol's course in a row
    turns   where those were high, and where low
    widths  (n_symbols,) two days' volatility, in logarithms: what counts as the same price. NaN where there is a gap
    sides   direction and chart of the bearish shapes, and of the bullish ones; empty where the closes are too few
    """

    before: int
    closes: FloatArray
    turns: tuple[BoolArray, BoolArray]
    widths: FloatArray
    sides: tuple[tuple[int, _Side], ...]

    @classmethod
    def of(cls, closes: FloatArray, reach: int = REACH) -> Charts:
        """From closes, (n_days, n_symbols). Raises InputError for a reach below one day."""
        if reach < 1:
            raise InputError(f"a swing that reaches {reach} days is none; give at least 1")
        rows = np.ascontiguousarray(arrays.matrix("closes", closes[-LOOKBACK:], missing=True).T)
        logs = np.log(rows)
        days = rows.shape[1]
        return cls(
            before=len(closes) - days,
            closes=rows,
            turns=_turns(rows, reach),
            widths=2.0 * np.diff(logs, axis=1).std(axis=1) if days > 1 else np.zeros(len(rows)),
            sides=((-1, _Side.of(logs, reach)), (1, _Side.of(-logs, reach))) if days >= DAYS_MIN else (),
        )

    def swings(self, place: int) -> tuple[Swing, ...]:
        """The turning points that are known by the last day, oldest first; of equal closes the first is the swing."""
        return _swings(self.closes[place], self.turns[0][place], self.turns[1][place])

    def levels(self, place: int) -> tuple[Level, ...]:
        """Prices at which at least two swings turned, within two days' volatility of each other, lowest first."""
        width = float(self.widths[place])
        groups: list[list[Swing]] = []
        for swing in sorted(self.swings(place), key=lambda each: (each.price, each.day)):
            if groups and math.log(swing.price / groups[-1][0].price) <= width:
                groups[-1].append(swing)
            else:
                groups.append([swing])
        return tuple(
            Level(
                price=sum(swing.price for swing in group) / len(group),
                touches=len(group),
                last_day=self.before + max(swing.day for swing in group),
            )
            for group in groups
            if len(group) >= 2
        )

    def support_and_resistance(self, place: int) -> tuple[Level | None, Level | None]:
        """The nearest level below the last close and the nearest above it; None where there is none."""
        found = self.levels(place)
        last = float(self.closes[place, -1]) if found else math.nan
        below = [level for level in found if level.price < last]
        above = [level for level in found if level.price > last]
        return (below[-1] if below else None), (above[0] if above else None)

    def patterns(self, place: int) -> tuple[Pattern, ...]:
        """What was completed in the last days, by name. Nothing is read from fewer than 63 closes, or across a gap."""
        width = float(self.widths[place])
        if not width > 0.0:
            return ()
        found = []
        for direction, side in self.sides:
            chart = side.chart(place, width)
            found += [
                _named(replace(each, direction=direction), len(self.closes[place]), self.before)
                for rule in _RULES
                if (each := rule(chart))
            ]
        return tuple(sorted(found, key=lambda pattern: pattern.name))


# ---------------------------------------------------------------- the rules, for a market that is about to fall


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Log prices of all symbols, upside down for bullish patterns.

    values   (n_symbols, n_days)
    turns    where those were high, and where low
    broken   (n_symbols,) the day of a breakout; -1 where there was none
    floor    (n_symbols,) the lowest of the days before that breakout
    crossed  (n_symbols,) the day on which the averages crossed; -1 where they did not
    average  (n_symbols,) of 200 days, on the last day
    """

    values: FloatArray
    turns: tuple[BoolArray, BoolArray]
    broken: IntArray
    floor: FloatArray
    crossed: IntArray
    average: FloatArray

    @classmethod
    def of(cls, values: FloatArray, reach: int) -> _Side:
        long = features.moving_mean(values.T, 200)
        return cls(
            values,
            _turns(values, reach),
            *_broken(values),
            _crossed(features.moving_mean(values.T, 50), long),
            long[-1],
        )

    def chart(self, place: int, width: float) -> _Chart:
        values = self.values[place]
        turned = _swings(values, self.turns[0][place], self.turns[1][place])
        return _Chart(
            values=values,
            swings=_in_turn(turned),
            width=width,
            broken=int(self.broken[place]),
            floor=float(self.floor[place]),
            crossed=int(self.crossed[place]),
            average=float(self.average[place]),
        )


def _broken(values: FloatArray) -> tuple[IntArray, FloatArray]:
    """The day on which each fell below all of 55 days, after a month without such a one, and what it fell below."""
    recent = values[:, -BREAKOUT_DAYS - features.MONTH - FRESH_DAYS :]
    # least[:, i] is the lowest of the days before day i + BREAKOUT_DAYS of the recent ones.
    least = sliding_window_view(recent[:, :-1], BREAKOUT_DAYS, axis=1).min(axis=2)
    below = recent[:, BREAKOUT_DAYS:] < least
    days = below.shape[1]
    since, floor = np.full(len(values), -1), np.full(len(values), np.nan)
    for day in range(max(days - FRESH_DAYS, 0), days):
        first = below[:, day] & ~below[:, max(day - features.MONTH, 0) : day].any(axis=1)
        fresh = first & (recent[:, -1] < least[:, day]) & (since < 0)
        since[fresh], floor[fresh] = values.shape[1] - days + day, least[fresh, day]
    return since, floor


def _crossed(short: FloatArray, long: FloatArray) -> IntArray:
    """The day on which the short average, (n_days, n_symbols), fell below the long one; -1 unless fresh."""
    below = short < long
    falls = below[1:] & (short[:-1] >= long[:-1]) & below[-1]
    fresh = falls[-FRESH_DAYS:]
    return np.where(fresh.any(axis=0), len(below) - len(fresh) + fresh.argmax(axis=0), -1)


@dataclass(frozen=True, slots=True, eq=False)
class _Chart:
    """One symbol's row of a side, with its swings in turn high and low.

    width                             what counts as the same price, in logarithms
    broken, floor, crossed, average   as there
    """

    values: FloatArray
    swings: tuple[Swing, ...]
    width: float
    broken: int
    floor: float
    crossed: int
    average: float

    def last(self, count: int) -> tuple[Swing, ...] | None:
        """The last ``count`` turns, if there are so many and the last is a high."""
        turns = self.swings if self.swings and self.swings[-1].high else self.swings[:-1]
        return turns[-count:] if len(turns) >= count else None

    def crossing(self, first: Swing, second: Swing, after: int) -> tuple[int, float] | None:
        """When the line through two lows was crossed downward after ``after``, and where it ends; None unless fresh."""
        line = self.line(first, second)
        below = np.flatnonzero(self.values[after + 1 :] < line[after + 1 :]) + after + 1
        today = len(self.values) - 1
        if not below.size or below[-1] != today or today - below[0] >= FRESH_DAYS:
            return None
        return int(below[0]), float(line[-1])

    def line(self, first: Swing, second: Swing) -> FloatArray:
        """The straight line through two turns, on every day."""
        days = np.arange(len(self.values), dtype=np.float64)
        slope = (second.price - first.price) / (second.day - first.day) if second.day != first.day else 0.0
        return first.price + slope * (days - first.day)

    def same(self, one: Swing, other: Swing, widths: float = 1.0) -> bool:
        return abs(one.price - other.price) <= widths * self.width

    def pattern(self, name: str, since: int, crossed: int, line: float) -> Pattern:
        return Pattern(name=name, direction=0, since=since, crossed=crossed, line=line, statement="")


def _double_top(chart: _Chart) -> Pattern | None:
    """Two highs at the same price; the low between them is crossed."""
    turns = chart.last(3)
    if turns is None:
        return None
    one, low, other = turns
    deep = min(one.price, other.price) - low.price >= 2.0 * chart.width
    crossed = chart.crossing(low, low, other.day) if deep and chart.same(one, other) else None
    return None if crossed is None else chart.pattern("double", one.day, *crossed)


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
    return None if crossed is None else chart.pattern("head", left.day, *crossed)


def _triangle(chart: _Chart) -> Pattern | None:
    """Highs that fall towards lows that do not; the line through the lows is crossed."""
    turns = chart.last(4)
    if turns is None:
        return None
    low, high, other_low, other_high = turns
    closing = high.price - other_high.price >= chart.width and other_low.price >= low.price - 0.5 * chart.width
    crossed = chart.crossing(low, other_low, other_high.day) if closing else None
    return None if crossed is None else chart.pattern("triangle", low.day, *crossed)


def _breakout(chart: _Chart) -> Pattern | None:
    """The lowest close of 55 days, after a month without such a one, and not taken back since."""
    if chart.broken < 0:
        return None
    return chart.pattern("breakout", chart.broken - BREAKOUT_DAYS, chart.broken, chart.floor)


def _cross(chart: _Chart) -> Pattern | None:
    """The 50-day average crosses the 200-day average downward; averages of the logarithm, as all here."""
    return None if chart.crossed < 0 else chart.pattern("cross", chart.crossed, chart.crossed, chart.average)


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


def _named(pattern: Pattern, days: int, before: int) -> Pattern:
    """The pattern in prices and words, its days counted from the table's first."""
    name, said = _WORDS[pattern.name, pattern.direction]
    line = math.exp(-pattern.direction * pattern.line)
    ago = days - 1 - pattern.crossed
    when = "at the last close" if ago == 0 else f"{ago} day{'s' if ago > 1 else ''} before the last close"
    return replace(
        pattern,
        name=name,
        line=line,
        since=pattern.since + before,
        crossed=pattern.crossed + before,
        statement=f"{name} {when}: {said} ({line:.4g})",
    )


# ---------------------------------------------------------------- turning points


def _turns(rows: FloatArray, reach: int) -> tuple[BoolArray, BoolArray]:
    """Where a close is above, and where below, all within ``reach`` days; of equal ones the first."""
    last = rows.shape[1] - reach
    high, low = np.zeros(rows.shape, dtype=np.bool_), np.zeros(rows.shape, dtype=np.bool_)
    if last <= reach:
        return high, low
    middle = rows[:, reach:last]
    high[:, reach:last], low[:, reach:last] = True, True
    for away in range(1, reach + 1):
        before, after = rows[:, reach - away : last - away], rows[:, reach + away : last + away]
        high[:, reach:last] &= (before < middle) & (after <= middle)
        low[:, reach:last] &= (before > middle) & (after >= middle)
    return high, low


def _swings(values: FloatArray, high: BoolArray, low: BoolArray) -> tuple[Swing, ...]:
    days = np.flatnonzero(high | low)
    return tuple(map(Swing, days.tolist(), values[days].tolist(), high[days].tolist()))


def _in_turn(swings: Iterable[Swing]) -> tuple[Swing, ...]:
    """Of highs without a low between them only the highest, and of such lows the lowest."""
    turns: list[Swing] = []
    for swing in swings:
        if turns and turns[-1].high == swing.high:
            beyond = swing.price > turns[-1].price
            if beyond == swing.high:
                turns[-1] = swing
        else:
            turns.append(swing)
    return tuple(turns)
