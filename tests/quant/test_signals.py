"""The sliding windows against the plain way, and what they promise to the bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.quant.arrays import FloatArray
from bursar.quant.kernels.signals import (
    DEVIATION,
    MEAN,
    POSITION,
    relative_strength,
    smoothed,
    window_highest,
    window_moments,
)

Feature = Callable[[FloatArray, int], FloatArray]


def moments(want: int, scale: float = 1.0) -> Feature:
    def feature(values: FloatArray, window: int) -> FloatArray:
        found = np.empty_like(values)
        window_moments(values, window, want, scale, found)
        return found

    return feature


def position(window: FloatArray) -> float:
    spread = float(((window - window.mean()) ** 2).sum()) ** 0.5
    return float(window[-1] - window.mean()) / spread if np.ptp(window) else np.nan


def highest(values: FloatArray, window: int) -> FloatArray:
    found = np.empty_like(values)
    window_highest(values, window, 1.0, found)
    return found


def lowest(values: FloatArray, window: int) -> FloatArray:
    found = np.empty_like(values)
    window_highest(values, window, -1.0, found)
    return -found


def average(values: FloatArray, window: int) -> FloatArray:
    found = np.empty_like(values)
    smoothed(values, window, 0.3, found)
    return found


def strength(values: FloatArray, window: int) -> FloatArray:
    found = np.empty_like(values)
    relative_strength(values, window, found)
    return found


WINDOWS: dict[str, tuple[Feature, Callable[[FloatArray], float]]] = {
    "mean": (moments(MEAN), lambda window: float(window.mean())),
    "deviation": (moments(DEVIATION, 4.0), lambda window: 2.0 * float(((window - window.mean()) ** 2).sum()) ** 0.5),
    "position": (moments(POSITION), position),
    "highest": (highest, lambda window: float(window.max())),
    "lowest": (lowest, lambda window: float(window.min())),
}
ALL: dict[str, Feature] = {name: feature for name, (feature, _) in WINDOWS.items()} | {
    "average": average,
    "strength": strength,
}


@st.composite
def tables(draw: st.DrawFn) -> FloatArray:
    """Return numbers about 100 with a few gaps, and now and then equal neighbors."""
    days, series = draw(st.integers(0, 25)), draw(st.integers(1, 3))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values: FloatArray = np.round(chance.normal(100.0, 5.0, (days, series)), draw(st.integers(0, 6)))
    values[chance.random((days, series)) < 0.05] = np.nan
    return values


@pytest.mark.parametrize("name", WINDOWS)
@given(values=tables(), window=st.integers(1, 12))
def test_windows_agree_with_the_plain_way(name: str, values: FloatArray, window: int) -> None:
    feature, plain = WINDOWS[name]
    expected = np.full_like(values, np.nan)
    for day in range(window - 1, len(values)):
        for series in range(values.shape[1]):
            cut = values[day - window + 1 : day + 1, series]
            expected[day, series] = np.nan if np.isnan(cut).any() else plain(cut)
    np.testing.assert_allclose(feature(values, window), expected, rtol=1e-12, atol=1e-11)


@given(values=tables(), window=st.integers(1, 8))
def test_averages_agree_with_the_plain_recursion(values: FloatArray, window: int) -> None:
    expected, rsi = np.full_like(values, np.nan), np.full_like(values, np.nan)
    for series in range(values.shape[1]):
        seen: list[float] = []
        changes: list[float] = []
        level = gain = loss = np.nan
        for day, value in enumerate(values[:, series].tolist()):
            seen = [] if np.isnan(value) else [*seen, value]
            if len(seen) >= window:
                level = sum(seen) / window if len(seen) == window else level + 0.3 * (value - level)
                expected[day, series] = level
            change = value - values[day - 1, series] if day else np.nan
            changes = [] if np.isnan(change) else [*changes, float(change)]
            if len(changes) == window:
                gain, loss = (sum(max(sign * c, 0.0) for c in changes) / window for sign in (1, -1))
            elif len(changes) > window:
                gain += (max(change, 0.0) - gain) / window
                loss += (max(-change, 0.0) - loss) / window
            if len(changes) >= window:
                rsi[day, series] = 100.0 * gain / (gain + loss) if gain + loss > 0.0 else 50.0
    np.testing.assert_allclose(average(values, window), expected, rtol=1e-12)
    np.testing.assert_allclose(strength(values, window), rsi, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ALL)
@given(values=tables(), window=st.integers(1, 12), data=st.data())
def test_later_rows_change_not_a_bit_of_earlier_ones(
    name: str, values: FloatArray, window: int, data: st.DataObject
) -> None:
    today = data.draw(st.integers(0, len(values)))
    before = ALL[name](values, window)[:today]
    assert ALL[name](np.ascontiguousarray(values[:today]), window).tobytes() == before.tobytes()
    corrupted = values.copy()
    corrupted[today:] = np.random.default_rng(today).choice([np.nan, -1e9, 1e9], corrupted[today:].shape)
    assert ALL[name](corrupted, window)[:today].tobytes() == before.tobytes()


@given(value=st.floats(1e-6, 1e6), window=st.integers(1, 9), days=st.integers(1, 30))
def test_equal_values_have_exactly_no_spread(value: float, window: int, days: int) -> None:
    table = np.full((days, 1), value)
    assert (moments(DEVIATION)(table, window)[window - 1 :] == 0.0).all()
    assert (moments(MEAN)(table, window)[window - 1 :] == value).all()
    assert np.isnan(moments(POSITION)(table, window)).all()


def test_a_small_spread_about_a_large_mean_is_not_lost() -> None:
    # The difference of two sums would leave nothing of 1e-4 beside 1e10.
    values = 1e5 + np.tile([[-0.01], [0.01]], (50, 1))
    assert moments(DEVIATION)(values, 20)[19:, 0] == pytest.approx((20 * 1e-4) ** 0.5, rel=1e-6)
