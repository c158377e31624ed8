"""Known answers by hand, then promises that hold for every table."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.research import features
from tests.real_prices import stock_facts

Feature = Callable[[FloatArray], FloatArray]

FEATURES: dict[str, Feature] = {
    "simple_returns": lambda closes: features.simple_returns(closes, 3),
    "momentum": lambda closes: features.momentum(closes, 6, 2),
    "moving_average": lambda closes: features.moving_average(closes, 5),
    "exponential_average": lambda closes: features.exponential_average(closes, 4),
    "macd_line": lambda closes: features.macd(closes, 2, 4, 3)[0],
    "macd_signal": lambda closes: features.macd(closes, 2, 4, 3)[1],
    "rsi": lambda closes: features.rsi(closes, 4),
    "bollinger_position": lambda closes: features.bollinger_position(closes, 5),
    "volatility": lambda closes: features.volatility(closes, 5),
    "volatility_rank": lambda closes: features.volatility_rank(closes, 3, 5),
    "average_true_range": lambda closes: features.average_true_range(closes * 1.01, closes * 0.98, closes, 4),
    "relative_volume": lambda closes: features.relative_volume(closes, 4),
    "on_balance_volume": lambda closes: features.on_balance_volume(closes, closes * closes, 4),
    "drawdown": features.drawdown,
    "distance_from_high": lambda closes: features.distance_from_high(closes, 5),
    "distance_from_low": lambda closes: features.distance_from_low(closes, 5),
}


def column(*closes: float) -> FloatArray:
    return np.array(closes, dtype=np.float64).reshape(-1, 1)


def last(table: FloatArray) -> float:
    return float(table[-1, 0])


# ---------------------------------------------------------------- by hand


def test_momentum_of_twelve_months_without_the_last() -> None:
    closes = np.full((253, 1), 100.0)
    closes[0], closes[253 - 1 - 21], closes[-1] = 80.0, 120.0, 999.0
    # 252 days ago 80, 21 days ago 120; today's 999 is not looked at.
    assert last(features.momentum(closes)) == pytest.approx(120 / 80 - 1)
    assert np.isnan(features.momentum(closes)[:-1]).all()


def test_returns_over_some_days() -> None:
    table = features.simple_returns(column(100, 110, 99, 121), days=2)
    assert np.isnan(table[:2]).all()
    assert table[2:, 0] == pytest.approx([99 / 100 - 1, 121 / 110 - 1])


def test_moving_average() -> None:
    assert features.moving_average(column(1, 2, 6, 7), 3)[2:, 0] == pytest.approx([3, 5])


def test_exponential_average_starts_with_the_plain_mean() -> None:
    # span 3: half the way each day. Mean of 2, 4, 6 is 4; then 4 + (10 - 4)/2 = 7; then 7 + (3 - 7)/2 = 5.
    table = features.exponential_average(column(2, 4, 6, 10, 3), 3)
    assert np.isnan(table[:2]).all()
    assert table[2:, 0] == pytest.approx([4, 7, 5])


def test_macd_is_the_fast_average_less_the_slow_one() -> None:
    # fast span 1 is the close itself; slow span 3: 4 at the third day, then 7, then 5 (above).
    line, signal = features.macd(column(2, 4, 6, 10, 3), fast=1, slow=3, signal=2)
    assert line[2:, 0] == pytest.approx([2, 3, -2])
    # signal span 2: the mean of 2 and 3, then two thirds of the way to -2.
    assert signal[3:, 0] == pytest.approx([2.5, 2.5 - 4.5 * 2 / 3])


def test_rsi_by_wilders_smoothing() -> None:
    # Changes +1 +2 -1 0 +3. Of the first three: gain (1+2+0)/3 = 1, loss 1/3: RSI = 100 * 1/(4/3) = 75.
    # Then gain (2*1+0)/3 = 2/3, loss 2/9: again 75. Then gain (2*2/3+3)/3 = 13/9, loss 4/27: 100 * 39/43.
    table = features.rsi(column(10, 11, 13, 12, 12, 15), 3)
    assert np.isnan(table[:3]).all()
    assert table[3:, 0] == pytest.approx([75, 75, 100 * 39 / 43])


def test_rsi_at_its_ends() -> None:
    assert last(features.rsi(column(1, 2, 3, 4), 3)) == 100.0
    assert last(features.rsi(column(4, 3, 2, 1), 3)) == 0.0
    assert last(features.rsi(column(5, 5, 5, 5), 3)) == 50.0


def test_bollinger_position() -> None:
    # 1 2 3 4: mean 2.5, deviation sqrt(1.25); the band is two of them either side.
    assert last(features.bollinger_position(column(1, 2, 3, 4), 4)) == pytest.approx(0.5 + 1.5 / (4 * math.sqrt(1.25)))
    # 3 1 3 1 1 3 would be a band of 0 to 4 about 2: mean 2, deviation 1.
    assert last(features.bollinger_position(column(3, 1, 3, 1), 4)) == pytest.approx(1 / 4)


def test_a_price_that_stood_still_has_no_bands() -> None:
    assert math.isnan(last(features.bollinger_position(column(*[0.1] * 25))))


def test_volatility_is_annualized() -> None:
    # Returns +1 % and -1 %: their deviation, dividing by one, is sqrt(2) %.
    assert last(features.volatility(column(100, 101, 99.99), 2)) == pytest.approx(0.01 * math.sqrt(2) * math.sqrt(252))


def test_a_price_that_stood_still_has_no_volatility() -> None:
    assert last(features.volatility(column(*[0.1] * 70))) == 0.0


def test_drawdown_is_from_the_highest_so_far() -> None:
    assert features.drawdown(column(10, 8, 12, 9))[:, 0] == pytest.approx([0, -0.2, 0, -0.25])


def test_distance_from_the_high_forgets_what_is_older_than_the_window() -> None:
    assert features.distance_from_high(column(20, 10, 8, 9), 3)[2:, 0] == pytest.approx([8 / 20 - 1, 9 / 10 - 1])


def test_the_rank_of_a_volatility_within_its_year() -> None:
    # Four volatilities of two returns each; the rank is where the last lies between the least and the greatest.
    closes = column(100, 101, 99.99, 103, 100, 102)
    now = features.volatility(closes, 2)[2:, 0]
    table = features.volatility_rank(closes, 2, 4)
    assert np.isnan(table[:5]).all()
    assert last(table) == pytest.approx((now[3] - now.min()) / (now.max() - now.min()))


def test_a_volatility_that_never_changes_has_no_rank() -> None:
    assert np.isnan(features.volatility_rank(column(*[10.0] * 30), 3, 5)).all()


def test_average_true_range_by_wilders_smoothing() -> None:
    # True ranges: 12-9=3 (close 10 before lies within), 15-10=5 (the gap from 10 counts), 15-13=2 (the gap down
    # from 15). Window 2: the mean of 3 and 5 is 4, then half the way to 2.
    high, low, close = column(10, 12, 15, 14), column(9, 9, 13, 13), column(10, 10, 15, 13)
    table = features.average_true_range(high, low, close, 2)
    assert np.isnan(table[:2]).all()
    assert table[2:, 0] == pytest.approx([4, 3])


def test_relative_volume_leaves_today_out_of_the_mean() -> None:
    assert last(features.relative_volume(column(100, 200, 300, 600), 3)) == pytest.approx(3.0)
    assert np.isnan(features.relative_volume(column(0, 0, 0, 5), 3)).all()


def test_on_balance_volume_counts_rising_days_less_falling_ones() -> None:
    # Up on 300, down on 100, unchanged on 200: (300 - 100) / 600.
    closes, volume = column(10, 11, 10, 10), column(999, 300, 100, 200)
    assert last(features.on_balance_volume(closes, volume, 3)) == pytest.approx(1 / 3)
    assert np.isnan(features.on_balance_volume(closes, volume * 0, 3)).all()


def test_distance_from_the_low_is_never_negative() -> None:
    assert features.distance_from_low(column(20, 10, 8, 9), 3)[2:, 0] == pytest.approx([0, 9 / 8 - 1])


# ---------------------------------------------------------------- the plain way


def brute(closes: FloatArray, window: int, of: Callable[[FloatArray], float]) -> FloatArray:
    """Apply ``of`` to each full window of each column; NaN where the window is short or has a gap."""
    result = np.full_like(closes, np.nan)
    for day in range(window - 1, len(closes)):
        for symbol in range(closes.shape[1]):
            values = closes[day - window + 1 : day + 1, symbol]
            if not np.isnan(values).any():
                result[day, symbol] = of(values)
    return result


@st.composite
def tables(draw: st.DrawFn, gaps: bool = True) -> FloatArray:
    """Closes of a random walk, with gaps where they are asked for."""
    days, symbols = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    table: FloatArray = 100.0 * np.exp(np.cumsum(chance.normal(0.0, 0.03, (days, symbols)), axis=0))
    if gaps:
        table[chance.random((days, symbols)) < 0.04] = np.nan
    return table


@given(closes=tables(), window=st.integers(1, 12))
def test_windows_agree_with_the_plain_way(closes: FloatArray, window: int) -> None:
    def same(fast: FloatArray, slow: FloatArray) -> None:
        np.testing.assert_allclose(fast, slow, rtol=1e-11, atol=1e-13)

    same(features.moving_average(closes, window), brute(closes, window, lambda w: float(np.mean(w))))
    same(features.distance_from_high(closes, window), brute(closes, window, lambda w: float(w[-1] / w.max() - 1)))
    if window > 1:
        returns = np.full_like(closes, np.nan)
        returns[1:] = closes[1:] / closes[:-1] - 1
        annual = math.sqrt(252)
        same(features.volatility(closes, window), brute(returns, window, lambda w: float(w.std(ddof=1)) * annual))
        mean, deviation = (
            brute(closes, window, lambda w: float(w.mean())),
            brute(closes, window, lambda w: float(w.std())),
        )
        same(features.bollinger_position(closes, window), 0.5 + (closes - mean) / (4 * deviation))


@given(closes=tables(), window=st.integers(1, 10))
def test_rsi_agrees_with_the_plain_recursion(closes: FloatArray, window: int) -> None:
    expected = np.full_like(closes, np.nan)
    for symbol in range(closes.shape[1]):
        recent: list[float] = []
        gain = loss = math.nan
        for day in range(1, len(closes)):
            change = float(closes[day, symbol] - closes[day - 1, symbol])
            if math.isnan(change):
                recent, gain, loss = [], math.nan, math.nan
                continue
            recent.append(change)
            if len(recent) == window:
                gain = sum(max(c, 0.0) for c in recent) / window
                loss = sum(max(-c, 0.0) for c in recent) / window
            elif len(recent) > window:
                gain += (max(change, 0.0) - gain) / window
                loss += (max(-change, 0.0) - loss) / window
            if len(recent) >= window:
                expected[day, symbol] = 100.0 * gain / (gain + loss) if gain + loss else 50.0
    np.testing.assert_allclose(features.rsi(closes, window), expected, rtol=1e-10)


# ---------------------------------------------------------------- always


@pytest.mark.parametrize("name", FEATURES)
@given(closes=tables(), data=st.data())
def test_the_future_changes_not_a_bit_of_the_past(name: str, closes: FloatArray, data: st.DataObject) -> None:
    feature = FEATURES[name]
    today = data.draw(st.integers(0, len(closes) - 1))
    before = feature(closes)[: today + 1]
    assert feature(closes[: today + 1]).tobytes() == before.tobytes()
    corrupted = closes.copy()
    chance = np.random.default_rng(today)
    corrupted[today + 1 :] = chance.choice([np.nan, 1e-9, 1e9, 77.0], size=corrupted[today + 1 :].shape)
    assert feature(corrupted)[: today + 1].tobytes() == before.tobytes()


@pytest.mark.parametrize("name", FEATURES)
@given(closes=tables())
def test_each_symbol_stands_for_itself(name: str, closes: FloatArray) -> None:
    feature = FEATURES[name]
    whole = feature(closes)
    assert whole.shape == closes.shape
    for symbol in range(closes.shape[1]):
        assert feature(closes[:, [symbol]]).tobytes() == np.ascontiguousarray(whole[:, [symbol]]).tobytes()


@pytest.mark.parametrize("name", [name for name in FEATURES if name != "drawdown"])
@given(closes=tables(gaps=False), data=st.data())
def test_a_missing_close_is_never_filled(name: str, closes: FloatArray, data: st.DataObject) -> None:
    """Where the close of today is missing, nothing is said about today."""
    day = data.draw(st.integers(0, len(closes) - 1))
    closes[day] = np.nan
    looks_at_today = name != "momentum"  # that looks at the close two days ago
    shift = 0 if looks_at_today else 2
    if day + shift < len(closes):
        assert np.isnan(FEATURES[name](closes)[day + shift]).all()


@given(closes=tables(gaps=False), scale=st.floats(0.01, 100.0))
def test_what_is_a_fraction_does_not_depend_on_the_currency(closes: FloatArray, scale: float) -> None:
    for name in ("simple_returns", "momentum", "rsi", "bollinger_position", "volatility", "drawdown"):
        np.testing.assert_allclose(FEATURES[name](closes * scale), FEATURES[name](closes), rtol=1e-8, atol=1e-10)


@given(closes=tables())
def test_oscillators_stay_within_their_bounds(closes: FloatArray) -> None:
    rsi = features.rsi(closes, 3)
    assert ((rsi >= 0) & (rsi <= 100) | np.isnan(rsi)).all()
    for below in (features.drawdown(closes), features.distance_from_high(closes, 3)):
        assert ((below <= 0) & (below > -1) | np.isnan(below)).all()


def test_real_closes_give_plausible_features() -> None:
    closes = stock_facts().panel.values
    rsi = features.rsi(closes)[14:]
    assert 48 < float(np.mean(rsi)) < 58
    assert 0.2 < float(np.nanmedian(features.volatility(closes))) < 0.35
    # The crash of March 2020 within the sample: on average the stocks lay a third under their highs of the year.
    dates = stock_facts().panel.dates
    crash = features.distance_from_high(closes)[dates == np.datetime64("2020-03-23")]
    assert -0.5 < float(np.mean(crash)) < -0.3


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("days", [0, 1, 5])
def test_too_few_days_give_nan_and_no_error(days: int) -> None:
    closes = np.full((days, 2), 10.0)
    for feature in (features.momentum, features.rsi, features.bollinger_position, features.volatility):
        assert np.isnan(feature(closes)).all()
        assert feature(closes).shape == (days, 2)


@pytest.mark.parametrize("price", [0.0, -1.0])
def test_a_price_that_is_no_price_is_named(price: float) -> None:
    closes = np.full((5, 2), 10.0)
    closes[3, 1] = price
    with pytest.raises(InputError, match=r"closes\[3, 1\] is -?\d; a price is above zero"):
        features.rsi(closes)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda c: features.moving_average(c, 0), "a window of 0 days is none"),
        (lambda c: features.distance_from_high(c, -1), "a window of -1 days is none"),
        (lambda c: features.simple_returns(c, 0), "skip fewer than it looks back"),
        (lambda c: features.momentum(c, 21, 21), "looks back 21 days and skips 21"),
        (lambda c: features.momentum(c, 21, -1), "skips -1"),
        (lambda c: features.volatility(c, 1), "give at least 2"),
        (lambda c: features.macd(c, 26, 12), "26 and 12 are given"),
        (lambda c: features.bollinger_position(c, 20, 0.0), "width is 0"),
        (lambda c: features.average_true_range(c, c + 1, c), r"low\[0, 0\] is 11, above its high of 10"),
        (lambda c: features.relative_volume(c - 11), r"volume\[0, 0\] is -1; a volume is never negative"),
        (lambda c: features.drawdown(c[:, 0]), "one dimension|shape"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(wrong: Callable[[FloatArray], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrong(np.full((30, 2), 10.0))
