from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.research import breadth
from tests.real_prices import stock_facts
from tests.research.markets import walk

READINGS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "above_average": lambda closes: breadth.above_average(closes, 5),
    "advance_decline": breadth.advance_decline,
    "net_new_highs": lambda closes: breadth.net_new_highs(closes, 5),
    "market_index": breadth.market_index,
    "fear_and_greed": lambda closes: breadth.fear_and_greed(closes, 20).values,
}


def table(*rows: list[float]) -> FloatArray:
    return np.array(rows, dtype=np.float64)


def universe(days: int = 700, symbols: int = 6, seed: int = 0) -> FloatArray:
    return np.column_stack([walk(days, seed=seed + i, swing=0.005 * (i + 1)) for i in range(symbols)])


# ---------------------------------------------------------------- by hand


def test_the_share_above_an_average() -> None:
    closes = table([10, 10, 10, 10], [12, 9, 10, 11])
    # Averages 11, 9.5, 10, 10.5: the first and the last lie above; equal is not above.
    assert breadth.above_average(closes, 2)[-1] == 0.5


def test_advances_less_declines() -> None:
    assert breadth.advance_decline(table([10, 10, 10, 10], [11, 11, 9, 10]))[-1] == pytest.approx((2 - 1) / 4)


def test_new_highs_less_new_lows() -> None:
    closes = table([10, 10, 10, 10], [11, 9, 12, 10], [12, 8, 11, 10])
    # A high, a low, neither, and one that never moved, which counts for neither.
    assert breadth.net_new_highs(closes, 3)[-1] == 0.0
    assert breadth.net_new_highs(closes[:, [0, 2, 3]], 3)[-1] == pytest.approx(1 / 3)


def test_the_market_is_the_mean_return_compounded() -> None:
    closes = table([100, 10], [110, 10], [110, 12])
    assert breadth.market_index(closes) == pytest.approx([1, 1.05, 1.05 * 1.10])


def test_a_symbol_that_is_missing_is_left_out_and_too_few_make_no_day() -> None:
    nan = np.nan
    closes = table([100, 10, 5], [110, nan, 5], [121, nan, nan], [121, 12, nan], [133.1, 13.2, nan])
    index = breadth.market_index(closes)
    # Day 1: +10 % and 0 %. Day 2 and 3: one of three can be read. Day 4: +10 % and +10 %.
    assert index[1] == pytest.approx(1.05)
    assert np.isnan(index[2:4]).all()
    assert index[4] / index[1] == pytest.approx(1.10)
    assert np.isnan(breadth.advance_decline(closes)[2:4]).all()
    assert breadth.advance_decline(closes)[4] == 1.0


def test_a_rank_is_the_share_below() -> None:
    assert breadth.ranked(np.array([3.0, 1.0, 2.0]), 3)[-1] == 0.5
    assert breadth.ranked(np.array([1.0, 2.0, 3.0]), 3)[-1] == 1.0
    assert breadth.ranked(np.array([2.0, 2.0, 2.0]), 3)[-1] == 0.5
    assert np.isnan(breadth.ranked(np.array([np.nan, 2.0, 3.0]), 3)).all()
    assert np.isnan(breadth.ranked(np.array([1.0, 2.0]), 3)).all()


def test_a_rank_among_one_is_refused() -> None:
    with pytest.raises(InputError, match="give at least 2"):
        breadth.ranked(np.array([1.0]), 1)


# ---------------------------------------------------------------- the mood


def test_the_mood_is_the_mean_of_its_parts_from_0_to_100() -> None:
    mood = breadth.fear_and_greed(universe(), 100)
    assert set(mood.parts) == {"momentum", "strength", "breadth", "calm", "appetite"}
    known = ~np.isnan(mood.values)
    assert known.sum() > 200
    assert mood.values[known] == pytest.approx(np.mean([part[known] for part in mood.parts.values()], axis=0))
    for series in (mood.values, *mood.parts.values()):
        assert ((series[known] >= 0) & (series[known] <= 100)).all()


@pytest.mark.parametrize(
    ("value", "word"),
    [(90, "extreme greed"), (75, "extreme greed"), (60, "greed"), (50, "neutral"), (30, "fear"), (10, "extreme fear")],
)
def test_a_mood_has_a_name(value: float, word: str) -> None:
    assert breadth.Mood(values=np.array([value], dtype=np.float64), parts={}).latest() == word


def test_without_two_years_behind_it_the_mood_is_unknown() -> None:
    assert breadth.fear_and_greed(universe(600)).latest() == "unknown"
    assert breadth.Mood(values=np.array([]), parts={}).latest() == "unknown"


def test_a_universe_of_one_has_no_appetite_and_so_no_mood() -> None:
    assert breadth.fear_and_greed(universe(symbols=1), 100).latest() == "unknown"


def test_appetite_asks_who_was_bold_when_the_month_began() -> None:
    steady = 100.0 * np.cumprod(1.0 + 0.01 * np.where(np.arange(400) % 2, 1.0, -1.0))
    sudden = 100.0 * np.cumprod(1.0 + 0.002 * np.where(np.arange(400) % 2, 1.0, -1.0))
    sudden[-5:] *= [1.3, 1.6, 2.0, 2.6, 3.0]
    closes = np.column_stack([steady, sudden])
    # Over the year the second is the more volatile one by now; a month ago it was the first, which gained nothing.
    appetite = breadth._appetite(closes)[-1, 0]
    month = closes[-1] / closes[-22] - 1.0
    assert appetite == pytest.approx(month[0] - month[1])
    assert appetite < -1.0


def test_symbols_of_one_volatility_have_no_bolder_half() -> None:
    same = np.tile(walk(700).reshape(-1, 1), 4)
    assert np.isnan(breadth.fear_and_greed(same, 100).parts["appetite"]).all()


def test_the_great_frights_of_the_sample_were_frights_and_the_calm_of_2013_was_none() -> None:
    panel = stock_facts().panel
    mood = breadth.fear_and_greed(panel.values)
    on = {day: float(mood.values[np.searchsorted(panel.dates, np.datetime64(day))]) for day in (
        "1998-08-31", "2008-10-10", "2018-12-24", "2020-03-23", "2013-05-15", "2021-11-08",
    )}  # fmt: skip
    assert max(list(on.values())[:4]) < 15
    assert min(list(on.values())[4:]) > 75


# ---------------------------------------------------------------- always


@pytest.mark.parametrize("name", READINGS)
@given(today=st.integers(0, 339), seed=st.integers(0, 50))
def test_the_future_changes_not_a_bit_of_the_past(name: str, today: int, seed: int) -> None:
    closes = universe(340, 4, seed)
    closes[np.random.default_rng(seed).random(closes.shape) < 0.002] = np.nan
    before = READINGS[name](closes)[: today + 1]
    corrupted = closes.copy()
    corrupted[today + 1 :] = np.random.default_rng(seed).choice([np.nan, 50.0, 200.0], corrupted[today + 1 :].shape)
    assert READINGS[name](corrupted)[: today + 1].tobytes() == before.tobytes()


@given(seed=st.integers(0, 999))
def test_shares_lie_within_their_bounds(seed: int) -> None:
    closes = universe(60, 5, seed)
    for name, least in (("above_average", 0.0), ("advance_decline", -1.0), ("net_new_highs", -1.0)):
        share = READINGS[name](closes)
        assert ((share >= least) & (share <= 1.0) | np.isnan(share)).all()


def test_an_empty_table_has_no_days() -> None:
    assert breadth.market_index(np.empty((0, 3))).shape == (0,)
