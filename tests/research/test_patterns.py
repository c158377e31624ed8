"""Shapes that were drawn are found, their mirror images too, and noise is not called a shape too often."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.research import features
from bursar.research.patterns import DAYS_MIN, Charts, Level, Pattern, Swing, _in_turn
from tests.research.markets import walk


def drawn(*points: tuple[int, float], noise: float = 0.002) -> FloatArray:
    """A price through these (day, price) points in straight lines, with a small ripple of two days."""
    days = np.arange(points[-1][0] + 1)
    line = np.interp(days, [day for day, _ in points], [price for _, price in points])
    ripple: FloatArray = line * (1.0 + noise * np.where(days % 2, 1.0, -1.0))
    return ripple


def mirrored(closes: FloatArray) -> FloatArray:
    """Upside down: a rise of 10 % becomes the fall that undoes it."""
    return 10_000.0 / closes


DOUBLE_TOP = drawn((0, 80), (40, 100), (60, 90), (80, 100.2), (97, 88.5))
HEAD = drawn((0, 80), (30, 95), (40, 88), (60, 105), (80, 88.5), (95, 95.5), (107, 86.5))
TRIANGLE = drawn((0, 100), (20, 85), (40, 100), (60, 85), (80, 93), (90, 84))
BREAKDOWN = drawn((0, 100), (20, 92), (40, 99), (60, 92), (80, 98), (92, 91))

SHAPES = {
    "double top": (DOUBLE_TOP, "double bottom"),
    "head and shoulders": (HEAD, "inverse head and shoulders"),
    "falling triangle": (TRIANGLE, "rising triangle"),
    "breakdown": (BREAKDOWN, "breakout"),
}


def swings(closes: FloatArray, reach: int = 5) -> tuple[Swing, ...]:
    return Charts.of(closes[:, None], reach).swings(0)


def levels(closes: FloatArray) -> tuple[Level, ...]:
    return Charts.of(closes[:, None]).levels(0)


def support_and_resistance(closes: FloatArray) -> tuple[Level | None, Level | None]:
    return Charts.of(closes[:, None]).support_and_resistance(0)


def patterns(closes: FloatArray) -> tuple[Pattern, ...]:
    return Charts.of(closes[:, None]).patterns(0)


def named(closes: FloatArray) -> dict[str, Pattern]:
    return {pattern.name: pattern for pattern in patterns(closes)}


# ---------------------------------------------------------------- shapes that were drawn


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_that_was_drawn_is_found_and_so_is_its_mirror_image(name: str) -> None:
    closes, mirror = SHAPES[name]
    found, turned = named(closes), named(mirrored(closes))
    assert (found[name].direction, turned[mirror].direction) == (-1, 1)
    assert (found[name].since, found[name].crossed) == (turned[mirror].since, turned[mirror].crossed)
    assert turned[mirror].line == pytest.approx(10_000.0 / found[name].line)
    assert mirror not in found
    assert name not in turned


def test_a_double_top_names_its_line_and_its_day() -> None:
    top = named(DOUBLE_TOP)["double top"]
    # The first top is day 40; the low between, about 90, was crossed on day 95 or 96 of 97.
    assert top.since == pytest.approx(40, abs=1)
    assert top.line == pytest.approx(90, rel=0.003)
    assert top.crossed in (95, 96)
    assert top.statement.startswith(f"double top {97 - top.crossed} day")
    assert "two highs at one price, and a close below the low between them" in top.statement


def test_tops_at_different_prices_are_no_double_top() -> None:
    assert "double top" not in named(drawn((0, 80), (40, 100), (60, 90), (80, 107), (97, 88.5)))


def test_a_line_that_was_not_crossed_completes_nothing() -> None:
    assert "double top" not in named(DOUBLE_TOP[:-6])


def test_a_line_that_was_crossed_long_ago_is_no_news() -> None:
    later = np.concatenate([DOUBLE_TOP, np.linspace(88, 84, 10)])
    assert "double top" not in named(later)


def test_a_crossing_that_was_taken_back_counts_for_nothing() -> None:
    assert "double top" not in named(np.concatenate([DOUBLE_TOP, [92.0]]))


def test_a_head_that_is_no_higher_than_its_shoulders_is_none() -> None:
    flat = drawn((0, 80), (30, 95), (40, 88), (60, 96), (80, 88.5), (95, 95.5), (107, 86.5))
    assert "head and shoulders" not in named(flat)


def test_shoulders_at_different_heights_are_none() -> None:
    lopsided = drawn((0, 80), (30, 93), (40, 88), (60, 115), (80, 88.5), (95, 108), (107, 86.5))
    assert {"falling triangle", "breakdown"} <= named(lopsided).keys()
    assert "head and shoulders" not in named(lopsided)


def test_of_two_lows_without_a_high_between_them_the_lower_is_the_turn() -> None:
    # Lows on days 4 and 10; the 3 between them is no high, for the 5 of day 2 lies within five days of it.
    closes = np.array([8, 7, 5, 3, 1, 2, 2.5, 3, 2.5, 2, 0.5, 1, 2, 4, 5, 6, 7])
    padded = np.concatenate([[9.0], closes])
    assert [(swing.day, swing.high) for swing in swings(padded)] == [(5, False), (11, False)]
    assert [(turn.day, turn.price) for turn in _in_turn(swings(padded))] == [(11, 0.5)]


def test_a_market_that_falls_every_day_breaks_down_once() -> None:
    assert "breakdown" in named(BREAKDOWN)
    assert "breakdown" not in named(np.concatenate([BREAKDOWN, 90.0 * 0.99 ** np.arange(12)]))


def test_the_averages_cross_where_they_cross() -> None:
    closes = np.concatenate([np.linspace(100, 150, 200), np.linspace(150, 100, 90)])
    logs = np.log(closes).reshape(-1, 1)
    below = (features.moving_mean(logs, 50) < features.moving_mean(logs, 200))[:, 0]
    crossed = int(np.flatnonzero(below & ~np.roll(below, 1))[-1])
    ripple = closes * (1.0 + 0.002 * np.where(np.arange(len(closes)) % 2, 1.0, -1.0))
    found = named(ripple[: crossed + 3])["death cross"]
    assert found.crossed == pytest.approx(crossed, abs=1)
    assert "golden cross" in named(mirrored(ripple[: crossed + 3]))
    assert "death cross" not in named(ripple[: crossed + 10])


def test_averages_that_crossed_back_are_no_cross() -> None:
    closes = np.concatenate([np.linspace(100, 150, 200), np.linspace(150, 100, 90)])
    closes *= 1.0 + 0.002 * np.where(np.arange(len(closes)) % 2, 1.0, -1.0)
    day = next(day for day in range(220, 290) if "death cross" in named(closes[:day]))
    falls = closes[:day]
    assert "death cross" in named(np.append(falls, falls[-1]))
    # One high close lifts the average of 50 days by a fiftieth of it, and that of 200 by less.
    assert "death cross" not in named(np.append(falls, 400.0))


# ---------------------------------------------------------------- swings and levels


def test_swings_by_hand() -> None:
    closes = np.array([1, 2, 3, 2, 1, 2.5, 2.5, 1, 0.5, 1, 2.0])
    found = swings(closes, 2)
    # 3 on day 2; 1 on day 4 is low within two days; of two equal highs the first is the swing; 0.5 on day 8.
    assert [(swing.day, swing.price, swing.high) for swing in found] == [
        (2, 3.0, True),
        (4, 1.0, False),
        (5, 2.5, True),
        (8, 0.5, False),
    ]


def test_a_swing_is_known_only_when_its_reach_has_passed() -> None:
    closes = drawn((0, 80), (20, 100), (40, 90), noise=0.0)
    assert swings(closes[:25], 5) == ()
    assert [swing.day for swing in swings(closes[:26], 5)] == [20]


def test_levels_are_where_the_market_turned_more_than_once() -> None:
    closes = drawn((0, 95), (15, 100), (30, 90), (45, 100.3), (60, 90.2), (75, 99.8), (85, 95))
    low, high = levels(closes)
    assert (low.touches, high.touches) == (2, 3)
    assert [low.price, high.price] == pytest.approx([90.1, 100], rel=0.004)
    assert [low.last_day, high.last_day] == pytest.approx([60, 75], abs=1)
    assert support_and_resistance(closes) == (low, high)


def test_a_price_above_all_levels_has_no_resistance() -> None:
    closes = np.concatenate([drawn((0, 95), (15, 100), (30, 90), (45, 100.3), (60, 90.2), (75, 99.8)), [120.0]])
    support, resistance = support_and_resistance(closes)
    assert resistance is None
    assert isinstance(support, Level)
    assert support_and_resistance(np.array([])) == (None, None)


def test_days_are_counted_from_the_callers_first_close() -> None:
    long = np.concatenate([walk(400, swing=0.005), DOUBLE_TOP / DOUBLE_TOP[0] * 100.0])
    short = long[-300:]
    assert [level.last_day - 198 for level in levels(long)] == [level.last_day for level in levels(short)]
    assert len(long) - len(short) == 198
    assert named(long)["double top"].since - 198 == named(short)["double top"].since


# ---------------------------------------------------------------- always


@given(seed=st.integers(0, 9999), days=st.integers(2, 320))
def test_a_symbol_in_a_table_is_read_as_if_it_stood_alone(seed: int, days: int) -> None:
    table = np.column_stack([walk(320, swing=0.02, seed=seed + each) for each in range(5)])[-days:]
    table[-min(days, 70), 2] = np.nan
    charts = Charts.of(table)
    for place in range(5):
        alone = table[:, place]
        assert charts.swings(place) == swings(alone)
        assert charts.levels(place) == levels(alone)
        assert charts.support_and_resistance(place) == support_and_resistance(alone)
        assert charts.patterns(place) == patterns(alone)
    assert (charts.levels(2), charts.patterns(2)) == ((), ())


@given(seed=st.integers(0, 9999), scale=st.floats(0.01, 1000.0))
def test_the_price_itself_makes_no_difference(seed: int, scale: float) -> None:
    closes = walk(252, swing=0.02, seed=seed)
    plain, scaled = patterns(closes), patterns(closes * scale)
    assert [(p.name, p.since, p.crossed) for p in plain] == [(p.name, p.since, p.crossed) for p in scaled]


@given(seed=st.integers(0, 9999))
def test_every_pattern_has_its_line_behind_it(seed: int) -> None:
    closes = walk(260, swing=0.02, seed=seed)
    for pattern in patterns(closes):
        assert 0 <= pattern.since <= pattern.crossed < len(closes)
        assert len(closes) - pattern.crossed <= 5
        if not pattern.name.endswith("cross"):
            assert pattern.direction * (closes[-1] - pattern.line) > 0
        assert pattern.statement


def test_noise_is_seldom_called_a_shape() -> None:
    """On 400 random walks each reversal shape is seen in few, and rising and falling ones about alike."""
    seen = [pattern for seed in range(400) for pattern in patterns(walk(252, swing=0.02, seed=seed))]
    shapes = [each for each in seen if each.name not in ("breakout", "breakdown", "golden cross", "death cross")]
    assert 1 <= len(shapes) <= 40
    rises = sum(pattern.direction > 0 for pattern in seen)
    # Of n fair directions the share differs from a half by 4 standard deviations once in 16,000.
    assert abs(rises - len(seen) / 2) < 4 * np.sqrt(len(seen)) / 2


# ---------------------------------------------------------------- what cannot be read


def test_nothing_is_read_from_too_little_a_gap_or_a_price_that_stood_still() -> None:
    assert patterns(walk(DAYS_MIN - 1)) == ()
    assert patterns(np.full(300, 10.0)) == ()
    gap = DOUBLE_TOP.copy()
    gap[50] = np.nan
    assert patterns(gap) == ()
    assert levels(np.array([10.0])) == ()


def test_a_swing_without_reach_is_refused() -> None:
    with pytest.raises(InputError, match="reaches 0 days"):
        swings(walk(30), 0)
