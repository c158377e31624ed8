"""The library: which facts a run reads, and what is said where there are none."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.history import Facts, closes_known_at, write_history
from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.edgar import known_from
from bursar.adapters.vendors.folder import read_folder
from bursar.adapters.vendors.kept import write_facts, write_headlines
from bursar.config import Given, Settings, build
from bursar.errors import InputError
from bursar.ports import Fact, Headline, Panel
from bursar.runtime.library import SYNTHETIC_SYMBOLS, Library, open_library

FAR = datetime(2040, 1, 1, tzinfo=UTC)


def settings(source: str, **more: str) -> Settings:
    return build({f"market.{key}": Given(value, "in a test") for key, value in {"source": source, **more}.items()})


def library(source: str, home: Path, last: date = date(2022, 3, 1)) -> Library:
    return open_library(settings(source), home, seed=7, last=last)


def folder_of(home: Path, prices: PriceKind, *, actions: bool = False) -> None:
    """Write two made-up symbols over two months and import them as `mine`."""
    folder = home / "prices"
    folder.mkdir(exist_ok=True)
    calendar = ExchangeCalendar("XNYS", date(2021, 1, 1), date(2021, 12, 31))
    days = [session.day for session in calendar.sessions(date(2021, 3, 1), date(2021, 4, 30))]
    for symbol, start in (("AAPL", 100.0), ("ZZZ", 50.0)):
        lines = [f"{day},{start + number * 0.1:.2f}" for number, day in enumerate(days)]
        (folder / f"{symbol}.csv").write_text("\n".join(["date,close", *lines]))
    if actions:
        (folder / "actions.csv").write_text("symbol,ex_date,split,dividend\nAAPL,2021-03-15,,0.2\n")
    read_folder(folder, calendar, prices, name="mine").store(home)


def test_the_sample_has_closes_and_says_what_it_lacks(tmp_path: Path) -> None:
    held = library("sample", tmp_path)
    assert len(held.instruments) == 20
    assert held.history(FAR) is held.history()
    assert held.fundamentals.asof("AAPL", ["revenue"], FAR) == ()
    assert held.news.asof(["AAPL"], datetime(2000, 1, 1, tzinfo=UTC), FAR) == ()
    assert not held.source.simulated


def test_a_synthetic_market_is_the_same_however_far_it_reaches(tmp_path: Path) -> None:
    short, long = library("synthetic", tmp_path, date(2008, 1, 2)), library("synthetic", tmp_path, date(2009, 1, 2))
    known_at = datetime(2007, 12, 31, 22, tzinfo=UTC)
    assert len(short.instruments) == SYNTHETIC_SYMBOLS
    symbols = [instrument.symbol for instrument in short.instruments]
    one, other = (each.history().asof(symbols, "close", known_at) for each in (short, long))
    assert one.values.tobytes() == other.values.tobytes()
    assert short.fundamentals.asof("SYN001", ["revenue"], known_at)
    assert short.source.simulated


def test_a_synthetic_market_cannot_be_asked_for_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="begins on 2005-01-03"):
        library("synthetic", tmp_path, date(1999, 1, 4))


def test_what_was_imported_is_traded_under_its_name(tmp_path: Path) -> None:
    folder_of(tmp_path, PriceKind.PRICE)
    held = library("mine", tmp_path)
    assert {each.symbol: each.sector for each in held.instruments} == {
        "AAPL": "Information Technology",
        "ZZZ": "unknown",
    }
    before, sessions = held.sessions(date(2021, 4, 1), 5)
    assert (len(before), sessions[0].day, len(sessions)) == (23, date(2021, 4, 1), 5)
    with pytest.raises(InputError, match="ask for at most 21"):
        held.sessions(date(2021, 4, 1), 30)


def test_prices_as_paid_are_traded_in_the_money_of_the_last_day(tmp_path: Path) -> None:
    folder_of(tmp_path, PriceKind.RAW, actions=True)
    held = library("mine", tmp_path)
    early = datetime(2021, 3, 5, 22, tzinfo=UTC)
    as_paid = held.history().asof(["AAPL"], "close", early).values[-1, 0]
    rebased = held.history(FAR).asof(["AAPL"], "close", early).values[-1, 0]
    # A dividend of 0.2 from 100.9 (the close of March 12th) is 0.198 % less.
    assert rebased == pytest.approx(as_paid * (1 - 0.2 / 100.9))


def test_prices_as_paid_without_their_splits_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, PriceKind.RAW)
    with pytest.raises(InputError, match="no list of splits"):
        library("mine", tmp_path)


def test_a_source_that_is_not_there_is_named_beside_those_that_are(tmp_path: Path) -> None:
    folder_of(tmp_path, PriceKind.PRICE)
    with pytest.raises(InputError, match=r"market\.source is nowhere.*choose from sample, bokeh, synthetic, mine"):
        library("nowhere", tmp_path)


def test_a_folder_of_an_earlier_bursar_is_imported_again(tmp_path: Path) -> None:
    days = np.array(["2021-03-01"], dtype="datetime64[D]")
    known = closes_known_at([datetime(2021, 3, 1, 21, tzinfo=UTC)])
    facts = {"close": Facts(Panel(days, ("AAA",), np.array([[1.0]])), known)}
    write_history(tmp_path / "data" / "old", facts, source="old", lacks=frozenset(), made_from={})
    with pytest.raises(InputError, match="written by an earlier Bursar"):
        library("old", tmp_path)


def test_statements_of_the_sec_come_first_and_bought_ones_stand_in(tmp_path: Path) -> None:
    filed = known_from(date(2019, 2, 1))
    bought = Fact(
        symbol="AAPL", name="revenue", value=5.0, unit="USD", at=date(2018, 9, 30), known_at=filed, source="bought"
    )  # fmt: skip
    write_facts(tmp_path / "data" / "statements" / "financial_datasets.parquet", [bought])
    assert library("sample", tmp_path).fundamentals.asof("AAPL", ["revenue"], FAR) == (bought,)
    row = {
        "start": "2017-10-01", "end": "2018-09-29", "val": 6.0, "accn": "1", "form": "10-K", "filed": "2018-11-05",
    }  # fmt: skip
    told = {"cik": 320193, "facts": {"us-gaap": {"Revenues": {"units": {"USD": [row]}}}}}
    place = tmp_path / "data" / "edgar"
    place.mkdir(parents=True)
    (place / "CIK0000320193.json").write_text(json.dumps(told))
    assert [fact.value for fact in library("sample", tmp_path).fundamentals.asof("AAPL", ["revenue"], FAR)] == [6.0]


def test_saved_headlines_are_read(tmp_path: Path) -> None:
    at = datetime(2021, 3, 1, 15, tzinfo=UTC)
    told = Headline(symbols=("AAPL",), text="Apple rises", source="a wire", known_at=at)
    silent = Headline(symbols=("AAPL",), text="", source="a wire", known_at=at)
    write_headlines(tmp_path / "data" / "news" / "wire.csv", [told, silent])
    assert library("sample", tmp_path).news.asof(["AAPL"], at, at) == (told,)


def test_bought_statements_that_do_not_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "data" / "statements" / "financial_datasets.parquet"
    path.parent.mkdir(parents=True)
    path.write_text("no")
    with pytest.raises(InputError, match=r"financial_datasets\.parquet does not read"):
        library("sample", tmp_path)


def test_a_watchlist_that_ships_stands_for_its_symbols() -> None:
    assert settings("sample", watchlist="starter, JPM").market.watchlist == (
        "AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "SPY", "JPM",
    )  # fmt: skip
    assert settings("sample", watchlist="large_caps, technology").market.watchlist[-3:] == ("AVGO", "SPY", "QQQ")
    with pytest.raises(InputError, match=r"market\.watchlist"):
        settings("sample", watchlist="nonsense_list")
