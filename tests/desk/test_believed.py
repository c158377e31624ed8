"""Value at risk from past prices: by hand, never from the future, and a plain word where there is not enough."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from bursar.adapters.history import Facts, MemoryHistory
from bursar.desk.believed import DAYS, DAYS_MIN, Believed
from bursar.desk.monitor import Monitor, Second
from bursar.errors import DataError
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from tests.desk.api.world import NOW, events

#: The journal has come to here: 300 days have closed, and the next closes in nine hours.
LAST = 300
SYMBOLS = ("AAPL",)


def history(steps: FloatArray) -> MemoryHistory:
    """AAPL makes ``steps``, one a day, and the 300th of them was known at midnight of the day that it is."""
    dates = np.datetime64("2022-01-05") - LAST + np.arange(len(steps))
    panel = Panel(dates, ("AAPL", "KO"), np.column_stack([100 * np.cumprod(steps), np.full(len(steps), 60.0)]))
    return MemoryHistory({"close": Facts(panel, (dates + np.timedelta64(1, "D")).astype("datetime64[us]"))})


def steps(days: int = LAST) -> FloatArray:
    """A tenth is lost on every twentieth day, and a hundredth made on the others."""
    return np.where(np.arange(days) % 20 == 19, 0.9, 1.01)


def believed(source: MemoryHistory, at: datetime | None = NOW) -> Believed:
    return Believed(lambda: source, lambda: at, lambda work: work())


def second(model_of: Believed) -> Second:
    monitor = Monitor(limits={"var_95": 0.03}, model_of=model_of)
    for event in events():
        monitor.absorb(event)
    told = monitor.second(NOW)
    assert told is not None
    return told


def test_the_value_at_risk_of_a_position_by_hand() -> None:
    told = second(believed(history(steps())))
    # 100 AAPL at 154 of 100,399 lose a tenth on one day in twenty, and the rest stands still in cash.
    weight = 15_400 / 100_399
    assert told.measured["var_99"][0] == pytest.approx(0.1 * weight)
    assert told.measured["es_95"][0] == pytest.approx(0.1 * weight, rel=0.1)
    assert told.measured["volatility"][0] == pytest.approx(
        weight * np.std(steps()[-DAYS:], ddof=1) * np.sqrt(252), rel=0.02
    )
    assert told.measured["beta_adjusted"][0] == pytest.approx(weight), "of itself"
    assert told.used["var_95"][0] == pytest.approx(told.measured["var_95"][0] / 0.03)


def test_no_price_of_the_future_changes_it() -> None:
    later = np.concatenate([steps(), np.full(50, 0.2)])
    now, then = second(believed(history(steps()))), second(believed(history(later)))
    for name, values in now.measured.items():
        assert values[0] == then.measured[name][0], name


def test_with_too_few_days_there_is_none_and_it_says_why() -> None:
    few = believed(MemoryHistory({"close": _cut(history(steps()), DAYS_MIN)}))
    assert "var_95" not in second(few).measured
    assert few.why == f"not enough data: {DAYS_MIN - 1} days have a close of all 1, and {DAYS_MIN} must"
    enough = believed(MemoryHistory({"close": _cut(history(steps()), DAYS_MIN + 1)}))
    assert "var_95" in second(enough).measured


def _cut(source: MemoryHistory, days: int) -> Facts:
    panel = source.asof(("AAPL", "KO"), "close", NOW, days)
    return Facts(panel, (panel.dates + np.timedelta64(1, "D")).astype("datetime64[us]"))


def test_what_has_no_history_has_no_measure_and_says_why() -> None:
    unknown = believed(history(steps()))
    assert unknown(("NOBODY",)) is None
    assert "NOBODY" in unknown.why
    assert unknown(SYMBOLS) is not None
    assert unknown.why == ""

    def missing() -> MemoryHistory:
        raise DataError("there are no prices")

    away = Believed(missing, lambda: NOW, lambda work: work())
    assert (away(SYMBOLS), away.why) == (None, "there are no prices")


def test_it_is_read_once_for_the_same_day_and_by_nobody_who_waits() -> None:
    read: list[object] = []
    at: list[datetime | None] = [None]
    source = history(steps())
    slow = Believed(lambda: source, lambda: at[0], read.append)
    assert slow(SYMBOLS) is None
    assert read == [], "before the journal has come to any moment nothing is asked"
    at[0] = NOW
    assert (slow(SYMBOLS), slow(SYMBOLS), len(read)) == (None, None, 1)
    read[0]()  # type: ignore[operator]  # the thread comes to it
    model = slow(SYMBOLS)
    assert model is not None
    assert slow(SYMBOLS) is model
    at[0] = NOW.replace(day=6)
    assert slow(SYMBOLS) is model, "that of yesterday, until today's is read"
    assert len(read) == 2


def test_in_a_thread_it_comes_by_itself() -> None:
    source = history(steps())
    model_of = Believed(lambda: source, lambda: NOW)
    model_of(SYMBOLS)
    while model_of(SYMBOLS) is None:
        assert model_of.why == ""
    assert model_of(SYMBOLS) is not None
