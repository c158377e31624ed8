"""The sample inside the wheels: found without importing, checked by hash, converted once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.calendars import FixedCalendar
from bursar.adapters.history import MANIFEST, ParquetHistory
from bursar.adapters.vendors import PriceKind, Source, wheels
from bursar.domain.sessions import Session
from bursar.errors import DataError, InputError
from tests.real_prices import calendar, stock_facts

NEVER = datetime(2100, 1, 1, tzinfo=UTC)


class ForbiddenCalendar:
    """Converted facts are read without a calendar; asking this one fails the test."""

    def sessions(self, first: date, last: date) -> tuple[Session, ...]:
        raise AssertionError("the calendar was asked")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a BURSAR_HOME with both samples converted."""
    home = tmp_path_factory.mktemp("converted")
    wheels.stocks(home, calendar())
    wheels.index(home, calendar())
    return home


# ---------------------------------------------------------------- what is in them


def test_the_stocks_are_twenty_over_every_session_of_33_years() -> None:
    panel = stock_facts().panel
    assert panel.values.shape == (8313, 20)
    assert panel.symbols == tuple(sorted(wheels.LISTINGS))
    assert (str(panel.dates[0]), str(panel.dates[-1])) == ("1990-01-02", "2022-12-28")
    assert not np.isnan(panel.values).any()


def test_the_first_and_the_last_line_of_the_file() -> None:
    # The file's own text: 1990-01-02,0.264,... and 2022-12-28,125.674,...,106.627
    panel = stock_facts().panel
    assert (panel.column("AAPL")[0], panel.column("AAPL")[-1]) == (0.264, 125.674)
    assert (panel.column("XOM")[0], panel.column("XOM")[-1]) == (4.068, 106.627)


def test_a_close_is_known_when_its_session_closes_and_not_before() -> None:
    facts = stock_facts()
    day = facts.panel.dates == np.datetime64("2022-11-25")  # the half day after Thanksgiving
    assert facts.known_at[day] == np.datetime64("2022-11-25T18:00:00", "us")
    day = facts.panel.dates == np.datetime64("2022-07-01")
    assert facts.known_at[day] == np.datetime64("2022-07-01T20:00:00", "us")


def test_the_index_is_price_only_and_says_so(home: Path) -> None:
    closes = wheels.index(home, ForbiddenCalendar()).asof(["SP500"], "close", NEVER)
    assert closes.column("SP500")[[0, -1]].tolist() == [359.69, 3783.22]
    assert wheels.INDEX.prices is PriceKind.PRICE
    assert wheels.STOCKS.prices is PriceKind.TOTAL_RETURN


def test_the_stocks_admit_that_they_are_survivors_and_have_closes_only() -> None:
    assert wheels.STOCKS.survivors
    assert "skfolio" in wheels.STOCKS.origin
    assert wheels.STOCKS.fields == {"close"}
    lacking = {"open", "high", "low", "volume", "implied_volatility", "earnings_dates", "fundamentals", "market_cap"}
    assert lacking <= wheels.STOCKS.lacks


def test_a_field_that_the_sample_lacks_is_refused(home: Path) -> None:
    history = wheels.stocks(home, ForbiddenCalendar())
    assert "volume" in history.lacks()
    with pytest.raises(DataError, match="adjusted close, skfolio sample has no 'volume'; it has close"):
        history.asof(["AAPL"], "volume", NEVER)


def test_every_stock_is_an_instrument_with_a_sector_and_an_id_of_our_own() -> None:
    listed = wheels.instruments()
    assert [each.symbol for each in listed] == sorted(wheels.LISTINGS)
    assert [each.contract_id for each in listed] == list(range(900_000_001, 900_000_021))
    assert {each.symbol: each.sector for each in listed}["JPM"] == "Financials"
    assert len({each.sector for each in listed}) == 7


# ---------------------------------------------------------------- reading without importing


def test_the_packages_are_not_imported(tmp_path: Path) -> None:
    program = """
import sys
from datetime import date
from pathlib import Path
from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.vendors import wheels
wheels.stocks(Path(sys.argv[1]), ExchangeCalendar("XNYS", date(1990, 1, 1), date(2022, 12, 31)))
wheels.factors()
print(sorted({"skfolio", "linearmodels", "sklearn", "statsmodels"} & sys.modules.keys()))
"""
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.returncode) == ("[]", 0), run.stderr


def test_a_package_that_is_not_installed_is_named_with_the_remedy() -> None:
    with pytest.raises(InputError, match="no_such_package, whose data is needed, is not installed; run make setup"):
        wheels.read(wheels.WheelFile(package="no_such_package", path="prices.csv", sha256=""))


def test_a_missing_file_is_named_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"prices\.csv is missing; run make setup"):
        wheels.read(wheels.WheelFile(package="numpy", path="prices.csv", sha256=""))


def test_an_edited_price_file_is_refused_with_both_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = bytearray(wheels.read(wheels.STOCKS_FILE))
    edited[1000] ^= 1
    file = tmp_path / wheels.STOCKS_FILE.path
    file.parent.mkdir(parents=True)
    file.write_bytes(edited)
    spec = ModuleSpec("skfolio", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(wheels, "find_spec", lambda name: spec)
    with pytest.raises(InputError) as refusal:
        wheels.stocks(tmp_path, calendar())
    told = str(refusal.value)
    assert str(file) in told
    assert wheels.STOCKS_FILE.sha256 in told
    assert told.count("is ") >= 2
    assert told.endswith("run make setup")
    assert not (tmp_path / "data").exists()


# ---------------------------------------------------------------- converting once


def test_what_was_converted_reads_back_bit_by_bit(home: Path) -> None:
    stored, original = wheels.stocks(home, ForbiddenCalendar()).facts("close"), stock_facts()
    assert stored.panel.symbols == original.panel.symbols
    assert np.array_equal(stored.panel.dates, original.panel.dates)
    assert np.array_equal(stored.panel.values, original.panel.values)
    assert np.array_equal(stored.known_at, original.known_at)


def test_the_second_load_asks_neither_wheel_nor_calendar(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "read", lambda file: pytest.fail("the wheel was read"))
    assert wheels.stocks(home, ForbiddenCalendar()).asof(["KO"], "close", NEVER, 1).values[0, 0] == 62.609


@pytest.mark.parametrize("damaged", ["close.parquet", MANIFEST])
@pytest.mark.parametrize("how", ["flip", "cut", "remove"])
def test_a_damaged_conversion_is_made_again(tmp_path: Path, damaged: str, how: str) -> None:
    history = wheels.stocks(tmp_path, calendar())
    path = history.folder / damaged
    whole = path.read_bytes()
    match how:
        case "flip":
            # In the manifest, a byte of the stored hash; in the table, any byte.
            position = whole.index(b'"sha256": "') + 15 if damaged == MANIFEST else len(whole) // 2
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case _:
            path.unlink()
    again = wheels.stocks(tmp_path, calendar())
    assert again.asof(["KO"], "close", NEVER, 1).values[0, 0] == 62.609
    assert path.read_bytes() == whole


def test_facts_made_from_another_file_are_made_again(tmp_path: Path) -> None:
    wheels.stocks(tmp_path, calendar())
    path = tmp_path / "data" / wheels.STOCKS.name / MANIFEST
    path.write_text(path.read_text().replace(wheels.STOCKS_FILE.sha256, "0" * 64))
    wheels.stocks(tmp_path, calendar())
    assert wheels.STOCKS_FILE.sha256 in path.read_text()


def test_a_calendar_that_disagrees_with_the_file_is_an_error_and_not_a_shift(tmp_path: Path) -> None:
    sessions = calendar().sessions(wheels.FIRST, wheels.LAST)
    without = FixedCalendar([s for s in sessions if s.day != date(2001, 9, 17)])
    with pytest.raises(DataError, match="disagree on sessions, first on 2001-09-17"):
        wheels.stocks(tmp_path, without)
    with pytest.raises(InputError, match="run make setup"):
        ParquetHistory(tmp_path / "data" / wheels.STOCKS.name)


# ---------------------------------------------------------------- the Treasury bill and the factors


def test_the_factors_are_monthly_fractions_over_68_years() -> None:
    factors = wheels.factors()
    assert len(factors.months) == 819
    assert (str(factors.months[0]), str(factors.months[-1])) == ("1949-01", "2017-03")
    assert {"RF", "MktRF", "SMB", "HML", "Mom"} <= factors.values.keys()
    # October 1987 in French's library: the market 23.24 % below the bill, which paid 0.60 %.
    october = int((np.datetime64("1987-10", "M") - factors.months[0]).astype(int))
    assert factors.values["MktRF"][october] == pytest.approx(-0.2324)
    assert factors.values["RF"][october] == pytest.approx(0.0060)


def test_the_bill_rate_is_that_of_the_month_while_the_sample_lasts() -> None:
    rate = wheels.factors().bill_rate(date(1987, 10, 19))
    assert (rate.monthly, rate.month, rate.held) == (0.006, date(1987, 10, 1), False)
    assert rate.label == "Treasury bill of 1987-10, 0.60% a month"
    assert (1 + rate.daily(21)) ** 21 == pytest.approx(1.006)


def test_after_the_sample_the_last_rate_is_held_and_says_so() -> None:
    factors = wheels.factors()
    assert not factors.bill_rate(date(2017, 3, 31)).held
    rate = factors.bill_rate(date(2022, 1, 3))
    assert (rate.monthly, rate.month, rate.held) == (0.0003, date(2017, 3, 1), True)
    assert "held since" in rate.label


def test_there_is_no_bill_rate_before_the_sample() -> None:
    with pytest.raises(InputError, match="no bill rate for 1948-12-31; the sample begins in 1949-01"):
        wheels.factors().bill_rate(date(1948, 12, 31))


def test_a_month_of_factors_is_known_when_the_next_one_is_over() -> None:
    factors = wheels.factors()
    assert factors.known(datetime(1948, 12, 31, tzinfo=UTC)) == 0
    assert factors.known(datetime(1949, 2, 28, 23, tzinfo=UTC)) == 0
    assert factors.known(datetime(1949, 3, 1, tzinfo=UTC)) == 1
    assert factors.known(NEVER) == 819


def test_factors_that_skip_a_month_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import bz2

    text = bz2.compress(b"dates,RF\n1949-01-01,0.001\n1949-03-01,0.001\n")
    monkeypatch.setattr(wheels, "read", lambda file: text)
    with pytest.raises(DataError, match="skip a month"):
        wheels.factors()


# ---------------------------------------------------------------- what a source says of itself


def test_a_range_outside_the_source_is_answered_with_what_is_there() -> None:
    wheels.STOCKS.covers(date(1990, 1, 2), date(2022, 12, 28))
    with pytest.raises(InputError, match="has no 2023-01-03; give days from 1990-01-02 to 2022-12-28"):
        wheels.STOCKS.covers(date(2022, 1, 3), date(2023, 1, 3))
    with pytest.raises(InputError, match="give the earlier day first"):
        wheels.STOCKS.covers(date(2022, 1, 4), date(2022, 1, 3))


def test_a_source_cannot_have_what_it_lacks() -> None:
    with pytest.raises(InputError, match="cannot both have and lack close"):
        replace(wheels.STOCKS, lacks=frozenset({"close"}))
    assert isinstance(wheels.STOCKS, Source)
