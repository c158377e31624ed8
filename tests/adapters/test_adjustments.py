"""Splits and dividends at read time: by hand, against adjusted prices that others published, and without a future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.adjustments import CorporateAction
from bursar.adapters.history import Facts, MemoryHistory, ParquetHistory, Rebased, write_history
from bursar.errors import DataError, InputError
from bursar.ports import Panel

DAYS = np.arange("2022-01-03", "2022-01-08", dtype="datetime64[D]")
KNOWN = (DAYS + np.timedelta64(21, "h")).astype("datetime64[us]")
CLOSES = np.array([[100.0, 50.0], [102.0, 50.0], [51.0, 49.0], [52.0, 49.5], [52.0, 24.75]])
VOLUME = np.array([[10.0, 5.0], [10.0, 5.0], [20.0, 5.0], [20.0, 5.0], [20.0, 10.0]])

SPLIT = CorporateAction(
    symbol="AAA", ex_date=date(2022, 1, 5), known_at=datetime(2022, 1, 3, 21, tzinfo=UTC), split=2.0
)
DIVIDEND = CorporateAction(
    symbol="BBB", ex_date=date(2022, 1, 5), known_at=datetime(2022, 1, 3, 21, tzinfo=UTC), dividend=1.0
)
LATER_SPLIT = CorporateAction(
    symbol="BBB", ex_date=date(2022, 1, 7), known_at=datetime(2022, 1, 6, 21, tzinfo=UTC), split=2.0
)


def history(actions: Sequence[CorporateAction], closes: np.ndarray = CLOSES) -> MemoryHistory:
    facts = {
        "raw_close": Facts(Panel(DAYS, ("AAA", "BBB"), closes), KNOWN),
        "volume": Facts(Panel(DAYS, ("AAA", "BBB"), VOLUME), KNOWN),
    }
    return MemoryHistory(facts, actions=actions)


def at(day: int, hour: int = 22) -> datetime:
    return datetime(2022, 1, day, hour, tzinfo=UTC)


def test_older_prices_are_divided_by_a_split_and_lose_a_dividend() -> None:
    told = history([SPLIT, DIVIDEND, LATER_SPLIT])
    closes = told.asof(["AAA", "BBB"], "close", at(7)).values
    # AAA split 2 for 1 on the 5th: 100 / 2, 102 / 2. Nothing since.
    assert closes[:, 0] == pytest.approx([50.0, 51.0, 51.0, 52.0, 52.0])
    # BBB paid 1 from 50 on the 5th (times 0.98) and split 2 for 1 on the 7th: 50 x 0.98 / 2 = 24.5, 49 / 2 = 24.5.
    assert closes[:, 1] == pytest.approx([24.5, 24.5, 24.5, 24.75, 24.75])


def test_the_last_price_is_the_one_that_was_paid_on_every_day() -> None:
    told = history([SPLIT, DIVIDEND, LATER_SPLIT])
    for day in range(3, 8):
        known = told.asof(["AAA", "BBB"], "close", at(day)).values
        assert np.array_equal(known[-1], CLOSES[day - 3])


def test_a_declared_split_changes_nothing_before_its_ex_date() -> None:
    before = history([SPLIT]).asof(["AAA"], "close", at(4)).values
    assert np.array_equal(before[:, 0], [100.0, 102.0])


def test_prices_for_splits_alone_keep_the_dividend_and_volume_counts_new_shares() -> None:
    told = history([SPLIT, DIVIDEND])
    assert told.asof(["AAA", "BBB"], "price_close", at(7)).values[0] == pytest.approx([50.0, 50.0])
    assert told.asof(["AAA"], "adjusted_volume", at(7)).values[:, 0] == pytest.approx([20.0] * 5)
    assert np.array_equal(told.asof(["AAA"], "volume", at(7)).values[:, 0], VOLUME[:, 0])


def test_the_last_days_are_adjusted_like_all_of_them() -> None:
    told = history([SPLIT, DIVIDEND, LATER_SPLIT])
    whole = told.asof(["BBB", "AAA"], "close", at(7)).values
    assert np.array_equal(told.asof(["BBB", "AAA"], "close", at(7), days=4).values, whole[-4:])
    assert told.asof(["AAA"], "close", at(2)).values.shape == (0, 1)


def test_an_action_that_was_learned_of_late_is_seen_late() -> None:
    # The split went ex on the 5th, and our source told us on the 6th.
    late = replace(SPLIT, known_at=datetime(2022, 1, 6, 12, tzinfo=UTC))
    told = history([late, DIVIDEND])
    assert told.asof(["AAA"], "close", at(5)).values[:, 0] == pytest.approx([100.0, 102.0, 51.0])
    assert told.asof(["AAA"], "close", at(6)).values[:, 0] == pytest.approx([50.0, 51.0, 51.0, 52.0])
    assert told.asof(["AAA"], "close", at(6), days=3).values[:, 0] == pytest.approx([51.0, 51.0, 52.0])
    # Of the other symbol nothing changes, nor of anything when its last days alone are asked for.
    assert told.asof(["BBB"], "close", at(6)).values[0, 0] == pytest.approx(49.0)
    assert told.asof(["AAA"], "close", at(7), days=2).values[:, 0] == pytest.approx([52.0, 52.0])


def test_actions_outside_the_days_and_of_others_are_left_out() -> None:
    outside = [
        replace(SPLIT, symbol="CCC"),
        replace(SPLIT, ex_date=date(2022, 1, 3)),
        replace(SPLIT, ex_date=date(2022, 2, 1)),
    ]
    assert np.array_equal(history(outside).asof(["AAA", "BBB"], "close", at(7)).values, CLOSES)


def test_a_dividend_before_the_first_price_changes_nothing() -> None:
    closes = CLOSES.copy()
    closes[:2, 1] = np.nan
    told = history([DIVIDEND], closes).asof(["BBB"], "close", at(7)).values[:, 0]
    assert np.array_equal(told, closes[:, 1], equal_nan=True)


def test_a_dividend_as_large_as_its_price_is_in_another_unit() -> None:
    told = history([replace(DIVIDEND, dividend=50.0)])
    with pytest.raises(DataError, match="a dividend of 50 was paid from a price of 50"):
        told.asof(["BBB"], "close", at(7))


@pytest.mark.parametrize("change", [{"split": 0.0}, {"split": -2.0}, {"dividend": -0.1}, {"dividend": float("inf")}])
def test_what_no_company_can_do_to_its_shares_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match="no corporate action"):
        replace(SPLIT, **change)  # type: ignore[arg-type]  # a mapping of floats, whatever its keys


def test_without_a_raw_close_there_is_nothing_to_adjust() -> None:
    told = MemoryHistory({"raw_open": Facts(Panel(DAYS, ("AAA", "BBB"), CLOSES), KNOWN)}, actions=())
    with pytest.raises(DataError, match="memory has no 'open'; it has raw_open"):
        told.asof(["AAA"], "open", at(7))


def test_where_nobody_knows_of_splits_nothing_is_passed_off_as_adjusted() -> None:
    told = MemoryHistory({"raw_close": Facts(Panel(DAYS, ("AAA", "BBB"), CLOSES), KNOWN)})
    with pytest.raises(DataError, match="memory has no 'close'; it has raw_close"):
        told.asof(["AAA"], "close", at(7))


def test_a_rebased_history_stands_in_the_money_of_one_day() -> None:
    kept = history([SPLIT, DIVIDEND, LATER_SPLIT])
    told = Rebased(kept, at(7))
    whole = kept.asof(["AAA", "BBB"], "close", at(7)).values
    for day in range(3, 8):
        assert np.array_equal(told.asof(["AAA", "BBB"], "close", at(day)).values, whole[: day - 2])
    assert np.array_equal(told.asof(["AAA"], "close", at(6), days=2).values, whole[2:4, :1])
    assert np.array_equal(told.asof(["AAA"], "raw_close", at(4)).values, CLOSES[:2, :1])
    assert told.asof(["AAA"], "close", at(2)).values.shape == (0, 1)
    assert told.lacks() == frozenset()


@given(day=st.integers(3, 7), ratio=st.sampled_from([0.05, 2.0, 7.0]), seed=st.integers(0, 99))
def test_prices_and_actions_of_the_future_corrupted_change_not_a_bit_before(day: int, ratio: float, seed: int) -> None:
    honest = [SPLIT, DIVIDEND, LATER_SPLIT]
    corrupted = CLOSES.copy()
    corrupted[day - 2 :] = np.random.default_rng(seed).choice([np.nan, 0.5, 1e9], size=corrupted[day - 2 :].shape)
    forged = [each if each.ex_date.day <= day else replace(each, split=ratio, dividend=0.01) for each in honest]
    extra = replace(SPLIT, ex_date=date(2022, 1, min(day + 1, 8)), split=ratio)
    for field in ("close", "price_close", "adjusted_volume"):
        before = history(honest).asof(["AAA", "BBB"], field, at(day)).values
        same = history([*forged, extra], corrupted).asof(["AAA", "BBB"], field, at(day)).values
        assert before.tobytes() == same.tobytes()


def test_actions_survive_the_disk_and_their_file_is_verified(tmp_path: Path) -> None:
    facts = {"raw_close": Facts(Panel(DAYS, ("AAA", "BBB"), CLOSES), KNOWN)}
    write_history(
        tmp_path, facts, source="a test", lacks=frozenset(), made_from={}, actions=[LATER_SPLIT, SPLIT, DIVIDEND]
    )
    stored = ParquetHistory(tmp_path)
    assert stored.actions == (SPLIT, DIVIDEND, LATER_SPLIT)
    expected = history([SPLIT, DIVIDEND, LATER_SPLIT]).asof(["AAA", "BBB"], "close", at(7)).values
    assert np.array_equal(stored.asof(["AAA", "BBB"], "close", at(7)).values, expected)
    path = tmp_path / "actions.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match=r"actions\.parquet is damaged"):
        assert ParquetHistory(tmp_path).actions


def test_apple_as_paid_with_its_splits_and_dividends_gives_the_returns_that_yahoo_published(test_data: Path) -> None:
    # Two independent sources: LEAN's raw prices and factor files, and Yahoo's adjusted closes.
    raw = (
        pl.read_parquet(test_data / "daily" / "lean_raw_unadjusted_1998_2021.parquet")
        .filter((pl.col("symbol") == "AAPL") & (pl.col("date") >= date(2009, 1, 1)))
        .sort("date")
    )
    days = raw["date"].to_numpy().astype("datetime64[D]")
    known = (days + np.timedelta64(21, "h")).astype("datetime64[us]")
    events = pl.read_csv(test_data / "corporate_actions" / "lean_events_derived.csv")
    actions = []
    for symbol, last_cum, kind, value in events.select("symbol", "last_cum_date", "kind", "value").iter_rows():
        text = str(last_cum)
        later = days[days > np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}", "D")]
        if symbol == "AAPL" and len(later):
            ex_date = later[0].item()
            known_at = datetime(ex_date.year, ex_date.month, ex_date.day, 12, tzinfo=UTC)
            change = {"split": float(value)} if kind == "split" else {"dividend": float(value)}
            actions.append(CorporateAction(symbol="AAPL", ex_date=ex_date, known_at=known_at, **change))
    assert len(actions) > 30
    told = MemoryHistory(
        {"raw_close": Facts(Panel(days, ("AAPL",), raw["close"].to_numpy()[:, None]), known)}, actions=actions
    )
    panel = told.asof(["AAPL"], "close", datetime(2022, 1, 1, tzinfo=UTC))
    yahoo = pl.read_parquet(test_data / "daily" / "seed_stocks_2000_2024.parquet").filter(pl.col("symbol") == "AAPL")
    published = dict(yahoo.select(pl.col("date").cast(pl.Date), "adj_close").iter_rows())
    theirs = np.array([published[day] for day in panel.dates.tolist()])
    apart = np.abs(np.diff(np.log(panel.values[:, 0])) - np.diff(np.log(theirs)))
    # Median a hundredth of a basis point; the 7 for 1 of 2014 and the 4 for 1 of 2020 among them.
    assert np.median(apart) < 1e-6
    assert (apart > 0.01).sum() == 0
