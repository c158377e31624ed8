"""What every history promises."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bursar.adapters.history import Facts, MemoryHistory, ParquetHistory, Rebased, write_history
from bursar.errors import DataError, InputError
from bursar.ports import History, Panel

SYMBOLS = ("AAPL", "MSFT", "XOM")
DAYS = np.arange("2022-01-03", "2022-01-13", dtype="datetime64[D]")
CLOSES_AT = (DAYS + np.timedelta64(21, "h")).astype("datetime64[us]")
VALUES = np.arange(30.0).reshape(10, 3) + 100.0
LACKS = frozenset({"volume", "open"})

Make = Callable[[NDArray[np.float64]], History]


def facts(values: NDArray[np.float64]) -> Facts:
    return Facts(Panel(DAYS, SYMBOLS, values), CLOSES_AT)


@pytest.fixture(params=["memory", "parquet", "raw prices", "raw prices on disk", "rebased"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return a function from a table of closes to a history that holds them."""

    def memory(values: NDArray[np.float64]) -> History:
        return MemoryHistory({"close": facts(values)}, LACKS, name="a test")

    def parquet(values: NDArray[np.float64]) -> History:
        write_history(tmp_path, {"close": facts(values)}, source="a test", lacks=LACKS, made_from={})
        return ParquetHistory(tmp_path)

    # Prices as they were paid, of companies that did nothing to their shares: the adjusted ones are the same.
    def raw(values: NDArray[np.float64]) -> MemoryHistory:
        return MemoryHistory({"raw_close": facts(values)}, LACKS, name="a test", actions=())

    def raw_on_disk(values: NDArray[np.float64]) -> History:
        kept = {"raw_close": facts(values)}
        write_history(tmp_path, kept, source="a test", lacks=LACKS, made_from={}, actions=[])
        return ParquetHistory(tmp_path)

    def rebased(values: NDArray[np.float64]) -> History:
        return Rebased(raw(values), at(31, 0))

    makers: dict[str, Make] = {
        "memory": memory, "parquet": parquet, "raw prices": raw, "raw prices on disk": raw_on_disk, "rebased": rebased,
    }  # fmt: skip
    made: Make = makers[request.param]
    return made


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2022, 1, day, hour, minute, tzinfo=UTC)


def test_a_fact_is_there_from_the_instant_that_it_was_known(make: Make) -> None:
    history = make(VALUES)
    before = history.asof(SYMBOLS, "close", at(5, 21) - timedelta(microseconds=1))
    after = history.asof(SYMBOLS, "close", at(5, 21))
    assert [str(day) for day in before.dates] == ["2022-01-03", "2022-01-04"]
    assert [str(day) for day in after.dates] == ["2022-01-03", "2022-01-04", "2022-01-05"]
    assert np.array_equal(after.values, VALUES[:3])


def test_before_everything_there_is_nothing(make: Make) -> None:
    panel = make(VALUES).asof(SYMBOLS, "close", at(1, 0))
    assert panel.values.shape == (0, 3)


def test_the_last_days_are_the_latest_that_were_known(make: Make) -> None:
    panel = make(VALUES).asof(SYMBOLS, "close", at(6, 12), days=2)
    assert [str(day) for day in panel.dates] == ["2022-01-04", "2022-01-05"]


def test_more_days_than_there_are_gives_those_that_there_are(make: Make) -> None:
    assert make(VALUES).asof(SYMBOLS, "close", at(31, 0), days=1000).values.shape == (10, 3)


def test_columns_come_in_the_order_asked_for(make: Make) -> None:
    panel = make(VALUES).asof(["XOM", "AAPL"], "close", at(31, 0))
    assert panel.symbols == ("XOM", "AAPL")
    assert np.array_equal(panel.values, VALUES[:, [2, 0]])


def test_no_symbols_give_no_columns(make: Make) -> None:
    assert make(VALUES).asof([], "close", at(31, 0)).values.shape == (10, 0)


def test_what_is_missing_stays_missing(make: Make) -> None:
    values = VALUES.copy()
    values[[0, 4, 9], [0, 1, 2]] = np.nan
    panel = make(values).asof(SYMBOLS, "close", at(31, 0))
    assert np.array_equal(panel.values, values, equal_nan=True)
    assert int(np.isnan(panel.values).sum()) == 3


def test_a_field_that_is_lacking_is_an_error_and_never_an_invention(make: Make) -> None:
    history = make(VALUES)
    assert history.lacks() == LACKS
    with pytest.raises(DataError, match="a test has no 'volume'; it has close"):
        history.asof(SYMBOLS, "volume", at(31, 0))


def test_an_unknown_symbol_is_named_beside_the_known_ones(make: Make) -> None:
    with pytest.raises(DataError, match="a test has no TSLA; it has AAPL, MSFT, XOM"):
        make(VALUES).asof(["AAPL", "TSLA"], "close", at(31, 0))


def test_a_symbol_is_asked_for_once(make: Make) -> None:
    with pytest.raises(InputError, match="asked for twice in AAPL, AAPL"):
        make(VALUES).asof(["AAPL", "AAPL"], "close", at(31, 0))


def test_no_days_are_not_a_history(make: Make) -> None:
    with pytest.raises(InputError, match="ask for at least 1"):
        make(VALUES).asof(SYMBOLS, "close", at(31, 0), days=0)


def test_a_time_without_a_zone_is_refused(make: Make) -> None:
    with pytest.raises(InputError, match="not in UTC"):
        make(VALUES).asof(SYMBOLS, "close", at(31, 0).replace(tzinfo=None))


def test_nobody_can_write_into_the_past(make: Make) -> None:
    history = make(VALUES)
    panel = history.asof(SYMBOLS, "close", at(31, 0))
    with pytest.raises(ValueError, match="read-only"):
        panel.values[0, 0] = 0.0
    panel.dates[0] = np.datetime64("1999-12-31")
    again = history.asof(SYMBOLS, "close", at(31, 0))
    assert (again.values[0, 0], again.dates[0]) == (100.0, DAYS[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=st.integers(3, 12), hour=st.integers(0, 23), days=st.none() | st.integers(1, 12), seed=st.integers(0, 999))
def test_the_future_corrupted_changes_not_a_bit_before(
    make: Make, day: int, hour: int, days: int | None, seed: int
) -> None:
    known_at = at(day, hour)
    future = np.datetime64(known_at.replace(tzinfo=None), "us") < CLOSES_AT
    corrupted = VALUES.copy()
    corrupted[future] = np.random.default_rng(seed).choice([np.nan, -1.0, 1e300], size=(int(future.sum()), 3))
    before = make(VALUES).asof(SYMBOLS, "close", known_at, days)
    same = make(corrupted).asof(SYMBOLS, "close", known_at, days)
    assert before.values.tobytes() == same.values.tobytes()
    assert np.array_equal(before.dates, same.dates)
