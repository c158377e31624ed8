"""The screen: many variants of a rule at once, to the known answer of the textbook's trend rule."""

from __future__ import annotations

import subprocess
import sys
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.ports import Panel
from bursar.research.screen import crossovers, held
from tests.real_prices import stock_facts


def panel(*columns: list[float]) -> Panel:
    values = np.array(columns).T
    dates = np.arange(len(values)).astype("datetime64[D]")
    return Panel(dates, tuple("ABC"[: len(columns)]), values)


def test_a_sleeve_that_is_held_for_three_days_by_hand() -> None:
    # 1000 buys 1000 / (10 · 1.01) = 99.0099 shares on the second day; sold at 12 on the fourth, 1 % less.
    wanted = np.array([[False], [True], [True], [False]])
    screened = held("by hand", panel([9, 10, 11, 12]), wanted, cash_each=1000.0, cost_rate=0.01)
    shares = 1000 / 10.1
    assert screened.orders == 2
    assert screened.equity.tolist() == pytest.approx([1000, shares * 10, shares * 11, shares * 12 * 0.99])


def _day_by_day(
    closes: list[float], wanted: list[bool], trades_on: list[bool], cash: float, rate: float
) -> list[float]:
    """What one sleeve is worth at each close, told as slowly as one would by hand."""
    worth, money, shares, price = [], cash, 0.0, 0.0
    for close, want, may in zip(closes, wanted, trades_on, strict=True):
        if not isnan(close):
            price = close
            if may and want and not shares:
                money, shares = 0.0, money / (price * (1.0 + rate))
            elif may and shares and not want:
                money, shares = shares * price * (1.0 - rate), 0.0
        worth.append(money + shares * price)
    return worth


sleeves = st.integers(1, 3).flatmap(
    lambda assets: st.lists(
        st.tuples(
            st.lists(st.floats(1, 100) | st.just(nan), min_size=assets, max_size=assets),
            st.lists(st.booleans(), min_size=assets, max_size=assets),
            st.booleans(),
        ),
        min_size=1,
        max_size=30,
    )
)


@given(days=sleeves)
def test_all_days_at_once_are_worth_to_the_last_bit_what_they_are_day_by_day(
    days: list[tuple[list[float], list[bool], bool]],
) -> None:
    closes, wanted, trades_on = (list(each) for each in zip(*days, strict=True))
    columns = [list(column) for column in zip(*closes, strict=True)]
    screened = held(
        "any", panel(*columns), np.array(wanted), cash_each=1000.0, cost_rate=0.001, trades_on=trades_on
    )  # fmt: skip
    for asset, column in enumerate(columns):
        wants = [each[asset] for each in wanted]
        assert screened.worth[:, asset].tolist() == _day_by_day(column, wants, trades_on, 1000.0, 0.001)


def test_a_screen_loads_no_compiler() -> None:
    # Loading one takes ten times as long as a screen of 8000 days of 20 stocks.
    program = (
        "import sys, numpy as np; from bursar.ports import Panel; from bursar.research.screen import crossovers; "
        "closes = Panel(np.arange(5).astype('datetime64[D]'), ('A',), np.arange(5.0)[:, None] + 1.0); "
        "print(crossovers(closes, [(1, 2)], cash_each=1.0, cost_rate=0.0)[0].orders, 'numba' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout.split() == ["1", "False"]


@pytest.mark.parametrize("windows", [(2, 3), (2, 4), (3, 9), (5, 6)])
def test_windows_that_reach_beyond_the_first_day_hold_nothing(windows: tuple[int, int]) -> None:
    (screened,) = crossovers(panel([1.0, 2.0, 3.0]), [windows], cash_each=100.0, cost_rate=0.0)
    assert screened.orders == (windows == (2, 3))  # (2 + 3) / 2 is above (1 + 2 + 3) / 3, on the third day


def test_nothing_is_traded_on_other_days_nor_at_a_close_that_is_missing() -> None:
    wanted = np.array([[True], [True], [True]])
    screened = held("gap", panel([10, nan, 11]), wanted, cash_each=100.0, cost_rate=0.0, trades_on=[False, True, True])
    assert screened.orders == 1
    assert screened.equity.tolist() == pytest.approx([100.0, 100.0, 100.0])


def test_equal_averages_are_not_above_one_another() -> None:
    flat = panel([10.0] * 6)
    (screened,) = crossovers(flat, [(1, 3)], cash_each=100.0, cost_rate=0.0)
    assert screened.orders == 0


def test_fifty_over_two_hundred_days_on_twenty_stocks_is_the_known_answer() -> None:
    # 20 stocks, the last 8000 closes, 50,000 each, all in at the close at 5 basis points: 914 orders, 16,002,236.0576
    # by exact whole-number averages, the same as pandas and vectorbt give (recomputed by two others, 2026).
    facts = stock_facts().panel
    closes = Panel(facts.dates[-8000:], facts.symbols, facts.values[-8000:])
    (screened,) = crossovers(closes, [(50, 200)], cash_each=50_000.0, cost_rate=0.0005)
    assert screened.orders == 914
    assert screened.equity[-1] == pytest.approx(16_002_236.0576, abs=5e-5)


def test_each_variant_is_what_it_would_be_alone() -> None:
    facts = stock_facts().panel
    closes = Panel(facts.dates[:600], facts.symbols, facts.values[:600])
    windows = [(5, 20), (10, 50), (20, 100)]
    together = crossovers(closes, windows, cash_each=1000.0, cost_rate=0.001)
    for window, screened in zip(windows, together, strict=True):
        (alone,) = crossovers(closes, [window], cash_each=1000.0, cost_rate=0.001)
        assert alone.orders == screened.orders > 0
        assert np.array_equal(alone.worth, screened.worth)
        assert alone.name == screened.name


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: crossovers(panel([1, nan]), [(1, 2)], cash_each=1.0, cost_rate=0.0), "A has no close on"),
        (lambda: crossovers(panel([1, 2]), [(2, 2)], cash_each=1.0, cost_rate=0.0), "a crossover of 2 and 2 days"),
        (
            lambda: held("x", panel([1, 2]), np.array([[True]]), cash_each=1.0, cost_rate=0.0),
            r"what is wanted has shape \(1, 1\)",
        ),
        (
            lambda: held("x", panel([1, 2]), np.array([[True], [True]]), cash_each=0.0, cost_rate=0.0),
            "0.0 of cash at costs of 0.0",
        ),
    ],
)
def test_what_cannot_be_screened_is_named(made: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        made()  # type: ignore[operator]  # each is a function without arguments
