"""What is wrong is found, by its name; what is only lively is not accused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.vendors.quality import Finding, Quality, Series, Trouble, inspect, told, usual_return
from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from tests.real_prices import stock_facts
from tests.research.markets import walk

#: Every day is a session here.
DAYS = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]")
SESSIONS = [day.item() for day in DAYS]


def series(close: FloatArray, days: np.ndarray = DAYS, **columns: Any) -> Series:
    return Series(symbol="X", days=days[: len(close)], close=close, **columns)


def found(each: Series) -> list[Finding]:
    return list(inspect([each], SESSIONS).findings)


def troubles(each: Series) -> list[tuple[Trouble, int]]:
    """What was found, with the number of the day that it begins on."""
    return [(finding.trouble, SESSIONS.index(finding.first)) for finding in found(each)]


def lively(days: int = 300, seed: int = 0) -> FloatArray:
    return walk(days, swing=0.015, seed=seed)


def scaled(closes: FloatArray, since: int, factor: float) -> FloatArray:
    changed = closes.copy()
    changed[since:] *= factor
    return changed


# ---------------------------------------------------------------- nothing is the matter


@given(seed=st.integers(0, 500), swing=st.floats(0.002, 0.06))
def test_a_random_walk_is_not_accused_of_living(seed: int, swing: float) -> None:
    assert found(series(walk(300, swing=swing, seed=seed))) == []


def test_a_market_that_turns_wild_is_not_accused() -> None:
    calm, wild = walk(200, swing=0.005), walk(60, swing=0.06, seed=4)
    assert found(series(np.concatenate([calm, wild / wild[0] * calm[-1]]))) == []


def test_a_cheap_share_whose_price_often_stands_still_is_not_stale() -> None:
    closes = np.round(walk(300, swing=0.01) / 1000.0, 2)  # a price of 0.10 in steps of a cent
    assert (np.diff(closes) == 0).mean() > 0.5
    assert found(series(closes)) == []


# ---------------------------------------------------------------- what cannot be


def test_a_price_that_is_not_positive_is_an_error() -> None:
    closes = lively()
    closes[[10, 20]] = [0.0, -5.0]
    first, second = found(series(closes))[:2]
    assert (first.trouble, first.message, first.error) == (Trouble.NOT_POSITIVE, "close is 0", True)
    assert second.message == "close is -5"


def test_prices_that_do_not_hold_each_other_are_an_error() -> None:
    close = np.array([10.0, 10.0, 10.0, 10.0])
    high, low, opened = np.array([11, 9, 11, 10.5]), np.array([9, 10, 9, 9.9]), np.array([10, 9.5, 12, 10.2])
    seen = found(series(close, open=opened, high=high, low=low))
    # Day 1 has its low above its high, day 2 opens above its high.
    assert [(f.trouble, f.first.day) for f in seen] == [(Trouble.CROSSED, 2), (Trouble.CROSSED, 3)]
    assert seen[0].message == "low 10 and high 9 do not hold open 9.5 and close 10"


# ---------------------------------------------------------------- what is missing


def test_missing_sessions_are_counted() -> None:
    closes = lively()
    there = np.ones(300, dtype=bool)
    there[[50, 100, 101, 102]] = False
    seen = found(series(closes[there], DAYS[:300][there]))
    assert [(f.trouble, f.measured, f.message) for f in seen] == [
        (Trouble.GAP, 1.0, "1 session without a close"),
        (Trouble.GAP, 3.0, "3 sessions without a close"),
    ]
    assert (seen[1].first, seen[1].last) == (SESSIONS[100], SESSIONS[102])
    assert not seen[0].error


def absent(factor: float, volume: float, days: int = 30) -> Series:
    """A price that goes away for some days and comes back at another price, with another volume."""
    closes, shares = scaled(lively(), 150, factor), np.full(300, 1e6)
    shares[150:] *= volume
    there = np.ones(300, dtype=bool)
    there[150 : 150 + days] = False
    return series(closes[there], DAYS[:300][there], volume=shares[there])


@pytest.mark.parametrize(
    ("factor", "volume", "said"),
    [(10.0, 1.0, "the price came back"), (0.1, 1.0, "the price came back"), (1.0, 1000.0, "the volume came back")],
)
def test_a_ticker_that_comes_back_as_somebody_else_is_asked_about(factor: float, volume: float, said: str) -> None:
    (finding,) = found(absent(factor, volume))
    assert finding.trouble is Trouble.REUSE
    assert said in finding.message
    assert "another company's, perhaps" in finding.message


def test_a_ticker_that_comes_back_as_itself_was_away() -> None:
    assert troubles(absent(1.2, 2.0)) == [(Trouble.GAP, 150)]
    assert troubles(series(absent(1.2, 1.0).close, absent(1.2, 1.0).days)) == [(Trouble.GAP, 150)]


def test_a_price_that_stood_still_is_stale() -> None:
    closes = lively()
    closes[100:108] = closes[100]
    (finding,) = found(series(closes))
    assert (finding.trouble, finding.measured) == (Trouble.STALE, 8.0)
    assert (finding.first, finding.last) == (SESSIONS[100], SESSIONS[107])


def test_equal_closes_with_living_volume_are_a_calm_week() -> None:
    closes, volume = lively(), np.arange(300) + 1e6
    closes[100:108] = closes[100]
    assert found(series(closes, volume=volume)) == []
    volume[100:108] = 0.0
    assert troubles(series(closes, volume=volume)) == [(Trouble.STALE, 100)]


# ---------------------------------------------------------------- what jumped


@pytest.mark.parametrize("ratio", [2.0, 3.0, 7.0, 20.0])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_split_that_nobody_told_us_of_is_asked_about(ratio: float, reverse: bool) -> None:
    factor = ratio if reverse else 1 / ratio
    (finding,) = found(series(scaled(lively(), 120, factor)))
    assert (finding.trouble, finding.first) == (Trouble.SPLIT, SESSIONS[120])
    assert finding.measured == pytest.approx(factor, rel=0.1)
    assert f"{'' if reverse else '1/'}{ratio:g} times" in finding.message


def test_a_split_that_is_known_explains_its_jump() -> None:
    assert found(series(scaled(lively(), 120, 0.5), splits={SESSIONS[120]: 2.0})) == []
    assert troubles(series(scaled(lively(), 120, 0.5), splits={SESSIONS[121]: 2.0})) == [(Trouble.SPLIT, 120)]


def test_volume_tells_a_split_from_a_fall() -> None:
    halved, volume = scaled(lively(), 120, 0.5), np.full(300, 1e6)
    volume[120:] *= 2.0  # twice the shares at half the price: the same money
    assert troubles(series(halved, volume=volume)) == [(Trouble.SPLIT, 120)]
    volume[120] = 2e7  # ten times the money: news
    assert found(series(halved, volume=volume)) == []


def test_a_third_off_is_news_unless_volume_says_otherwise() -> None:
    closes = scaled(lively(), 120, 1 / 1.5)
    assert found(series(closes)) == []
    assert troubles(series(closes, volume=np.full(300, 1e6))) == [(Trouble.SPLIT, 120)]


def test_the_opening_price_tells_a_split_although_the_day_went_on() -> None:
    closes = scaled(lively(), 120, 0.5)
    opened = closes.copy()
    closes[120:] *= 0.87  # the split, and then a bad day
    assert found(series(closes)) == []
    high, low = np.maximum(opened, closes), np.minimum(opened, closes)
    assert troubles(series(closes, open=opened, high=high, low=low)) == [(Trouble.SPLIT, 120)]


@pytest.mark.parametrize("factor", [100.0, 0.01, 1000.0])
def test_pence_for_pounds_are_another_unit_there_and_back(factor: float) -> None:
    closes = lively()
    closes[100:110] *= factor
    seen = found(series(closes))
    assert [(f.trouble, f.first) for f in seen] == [(Trouble.UNITS, SESSIONS[100]), (Trouble.UNITS, SESSIONS[110])]
    assert "in another unit, perhaps" in seen[0].message


@pytest.mark.parametrize("leap", [1.4, 2.0, 100.0])
def test_a_close_that_leaps_and_comes_back_is_a_spike_once(leap: float) -> None:
    closes = lively()
    closes[200] = closes[199] * leap
    closes[201] = closes[199] * 1.001
    (finding,) = found(series(closes))
    assert (finding.trouble, finding.first) == (Trouble.SPIKE, SESSIONS[200])
    assert finding.measured == pytest.approx(leap - 1.0)
    assert f"leaps by +{leap - 1.0:.1%}" in finding.message


def test_a_fall_that_lasts_is_no_spike_and_no_split() -> None:
    assert found(series(scaled(lively(), 200, 0.72))) == []
    assert found(series(scaled(lively(), 299, 0.72))) == []  # the last day, of which nobody knows what follows


def test_what_is_usual_is_seen_through_a_jump() -> None:
    returns = np.full(200, 0.01) * np.where(np.arange(200) % 2, 1.0, -1.0)
    returns[100] = -0.7
    assert usual_return(returns) == pytest.approx(0.014826)
    assert usual_return(np.zeros(3)) == pytest.approx(0.003)


# ---------------------------------------------------------------- the report


def test_a_report_counts_and_tells_errors_first() -> None:
    closes = scaled(lively(), 120, 0.5)
    closes[200] = -1.0
    quality = inspect([series(closes), series(lively(seed=2))], SESSIONS)
    assert (quality.symbols, quality.rows, len(quality.errors)) == (2, 600, 1)
    assert quality.summary() == "2 symbols, 600 rows: 1 errors, 1 questions"
    lines = told(quality)
    assert lines[0] == f"X {SESSIONS[200]} not positive: close is -1"
    assert lines[1].startswith(f"X {SESSIONS[120]} split: ")
    assert told(quality, 1)[1] == "... and 1 more"
    closes[100:110] = closes[100]
    assert f"X {SESSIONS[100]} to {SESSIONS[109]} stale: 10 equal closes" in "\n".join(
        told(inspect([series(closes)], SESSIONS))
    )


def test_too_little_is_looked_at_without_a_complaint() -> None:
    assert found(series(np.array([10.0]))) == []
    assert found(series(np.array([]))) == []
    assert found(series(np.array([10.0, 10.1]))) == []


def test_a_series_is_checked_at_the_door() -> None:
    with pytest.raises(InputError, match="X: 2 values of volume for 3 days"):
        series(np.array([1.0, 2.0, 3.0]), volume=np.array([1.0, 2.0]))
    with pytest.raises(InputError, match="X: days must rise"):
        Series(symbol="X", days=DAYS[[1, 0]], close=np.array([1.0, 2.0]))


# ---------------------------------------------------------------- real prices


def exchange() -> list[date]:
    calendar = ExchangeCalendar("XNYS", date(1990, 1, 1), date(2024, 12, 31))
    return [session.day for session in calendar.sessions(calendar.first, calendar.last)]


def test_of_the_sample_only_what_is_odd_is_asked_about() -> None:
    """Twenty stocks over 33 years raise two questions.

    Range Resources was hardly traded in 1992, and its closes of then stand still. And Apple fell by half in a day,
    which closes alone cannot tell from a split.
    """
    panel = stock_facts().panel
    quality = inspect((Series(symbol=s, days=panel.dates, close=panel.column(s)) for s in panel.symbols), exchange())
    assert quality.errors == ()
    assert [(f.symbol, f.trouble, str(f.first)) for f in quality.findings] == [
        ("AAPL", Trouble.SPLIT, "2000-09-29"),
        ("RRC", Trouble.STALE, "1992-03-24"),
    ]


def frames(path: Path) -> Iterator[Series]:
    import polars as pl

    frame = pl.read_parquet(path).sort("symbol", "date")
    for (symbol,), rows in frame.group_by(["symbol"], maintain_order=True):
        columns: dict[str, Any] = {
            name: rows[name].cast(pl.Float64).to_numpy() for name in ("open", "high", "low", "close", "volume")
        }
        yield Series(symbol=str(symbol), days=rows["date"].cast(pl.Date).to_numpy().astype("datetime64[D]"), **columns)


@pytest.fixture(scope="module")
def raw(test_data: Path) -> Quality:
    """Return what is found in raw prices of eleven tickers, 1998 to 2021, whose splits nobody told us of."""
    return inspect(frames(test_data / "daily/lean_raw_unadjusted_1998_2021.parquet"), exchange())


def test_every_real_split_is_found_and_nothing_else_is_called_one(raw: Quality) -> None:
    splits = {(f.symbol, str(f.first)) for f in raw.findings if f.trouble is Trouble.SPLIT}
    assert splits == {
        ("AAPL", "2000-06-21"), ("AAPL", "2005-02-28"), ("AAPL", "2014-06-09"), ("AAPL", "2020-08-31"),
        ("AIG", "1998-08-03"), ("AIG", "2000-07-31"), ("AIG", "2009-07-01"),
        ("BAC", "2004-08-30"), ("EEM", "2005-06-09"), ("EEM", "2008-07-24"), ("GOOG", "2014-04-03"),
        ("IBM", "1999-05-27"), ("IWM", "2005-06-09"), ("QQQ", "2000-03-20"),
    }  # fmt: skip


def test_tickers_that_belonged_to_others_are_found_and_one_that_was_away_is_not_accused(raw: Quality) -> None:
    reused = {(f.symbol, str(f.last)) for f in raw.findings if f.trouble is Trouble.REUSE}
    assert reused == {("FB", "2012-05-17"), ("EEM", "2003-04-10")}
    # QQQ traded as QQQQ from 2004 to 2011.
    assert [(f.trouble, f.measured) for f in raw.findings if f.symbol == "QQQ" and f.trouble is not Trouble.SPLIT] == [
        (Trouble.GAP, 1588.0)
    ]


@pytest.mark.parametrize("name", ["seed_stocks_2000_2024", "etf_adjusted_1993_2024"])
def test_clean_prices_are_not_accused(test_data: Path, name: str) -> None:
    quality = inspect(frames(test_data / f"daily/{name}.parquet"), exchange())
    assert quality.rows > 40_000
    assert quality.findings == ()
