"""The climate: what is told of the market, from when on, and never from later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from bursar.adapters.history import Facts, MemoryHistory
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.research.climate import Barometer, Climate

SYMBOLS = ("AAA", "BBB", "CCC")
FIRST = np.datetime64("2018-01-01")


def closes(days: int, *, loud_from: int = 10**6, seed: int = 1) -> FloatArray:
    """Three walks that move together, 0.6 % a day, and 3 % from ``loud_from`` on."""
    chance = np.random.default_rng(seed)
    swing = np.where(np.arange(days) < loud_from, 0.006, 0.03)[:, None]
    steps = swing * (chance.normal(size=(days, 1)) + 0.3 * chance.normal(size=(days, 3)))
    walks: FloatArray = 100.0 * np.exp(np.cumsum(steps, axis=0))
    return walks


def history(values: FloatArray) -> MemoryHistory:
    dates = FIRST + np.arange(len(values)).astype("timedelta64[D]")
    known = (dates + np.timedelta64(21, "h")).astype("datetime64[us]")
    return MemoryHistory({"close": Facts(Panel(dates, SYMBOLS, values), known)})


def read(values: FloatArray, day: int, barometer: Barometer | None = None) -> Climate:
    """The climate on the morning of a day, counted from the first."""
    held = history(values)
    at = datetime(2018, 1, 1, 9, tzinfo=UTC) + timedelta(days=day)
    return (barometer or Barometer()).read(held, SYMBOLS, held.asof(SYMBOLS, "close", at, 320), at)


def test_a_market_that_turned_loud_is_turbulent_and_a_quiet_one_is_not() -> None:
    values = closes(1400, loud_from=700)  # quiet for 700 days, loud for 700
    quiet, loud = read(values, 695), read(values, 1395)
    assert loud.turbulence is not None
    assert loud.turbulence > 0.95
    assert quiet.turbulence is None or quiet.turbulence < loud.turbulence
    # Certain turbulence leaves half of an opening: 1 - 0.5 * p.
    assert loud.part == pytest.approx(1.0 - 0.5 * loud.turbulence)


def test_what_the_closes_do_not_reach_back_for_is_not_told() -> None:
    values = closes(1000)
    assert read(values, 100).told() == {}
    assert read(values, 250).told().keys() == {"breadth"}
    assert read(values, 310).told().keys() == {"breadth", "mood"}
    assert read(values, 800).told().keys() == {"breadth", "mood", "turbulence"}
    assert Climate().part == 1.0


def test_the_chain_is_the_same_all_week_and_after_a_restart() -> None:
    values = closes(1200, loud_from=600)
    kept = Barometer()
    monday = 1001 - (1001 + 0) % 7  # the first of January 2018 was a Monday
    days = [read(values, monday + day, kept) for day in range(5)]
    assert days == [read(values, monday + day) for day in range(5)]


@pytest.mark.parametrize("seed", range(3))
def test_the_future_changes_not_a_bit(seed: int) -> None:
    values = closes(1100, loud_from=600)
    other = values.copy()
    other[900:] *= np.random.default_rng(seed).uniform(0.2, 5.0, other[900:].shape)
    assert read(other, 900) == read(values, 900)
    assert read(other, 1090) != read(values, 1090)


def test_a_market_that_never_moved_has_no_regime() -> None:
    assert read(np.full((900, 3), 100.0), 890).turbulence is None
