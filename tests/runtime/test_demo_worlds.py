"""The demo in other worlds: a made-up market that says so, and real prices through a real split."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bursar.config import Given, build
from bursar.desk import report
from bursar.errors import InputError
from bursar.runtime import demo
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import prepare


def request(home: Path, source: str, first: date, days: int, watchlist: str = "") -> DemoRequest:
    given = {"market.source": Given(source, "in a test")}
    if watchlist:
        given["market.watchlist"] = Given(watchlist, "in a test")
    return DemoRequest(
        days=days, first=first, seed=7, cash=Decimal(100_000), settings=build(given), home=home, in_process=True
    )


def test_a_synthetic_market_is_traded_and_says_that_it_never_was(tmp_path: Path) -> None:
    result = demo.run(request(tmp_path, "synthetic", date(2012, 6, 1), 4))
    assert result.synthetic
    assert any("SYNTHETIC MARKET: nothing in it ever happened" in line for line in result.simulated)
    assert any("The market is synthetic" in note for note in result.notes)
    assert {position.symbol[:3] for position in result.book.positions} == {"SYN"}
    assert not result.universe.survivors
    page = report.write_page(result, tmp_path)
    assert "SYNTHETIC MARKET, nothing in it ever happened" in page.read_text(encoding="utf-8")
    assert "SYNTHETIC MARKET" in json.dumps(json.loads(report.as_json(result)))


def test_a_real_market_does_not_say_that_it_is_made_up(tmp_path: Path) -> None:
    result = demo.run(request(tmp_path, "bokeh", date(2005, 2, 24), 3))
    assert not result.synthetic
    assert "SYNTHETIC" not in report.write_page(result, tmp_path).read_text(encoding="utf-8")
    assert "FB" in next(note for note in result.notes if note.startswith("Left out"))


def test_nobody_loses_half_when_apple_splits(tmp_path: Path) -> None:
    # Apple split 2 for 1 on 2005-02-28 (88.99 the day before, 44.86 after): its adjusted close rose by 0.8 %.
    stage = prepare(request(tmp_path, "bokeh", date(2005, 2, 24), 4, "AAPL"))
    closes = stage.closes.column("AAPL")
    day = int(np.flatnonzero(stage.closes.dates == np.datetime64("2005-02-28"))[0])
    assert closes[day] / closes[day - 1] == pytest.approx(2 * 44.86 / 88.99)
    quotes = [quote for batch in stage.world.tape.quotes(stage.sessions[2]) for quote in batch]
    assert min(quote.last for quote in quotes if quote.last) > Decimal(repr(float(closes[day] * 0.9)))


def test_the_engine_sees_levels_that_its_exchange_trades_at(tmp_path: Path) -> None:
    # One level throughout: a decision on yesterday's close and a fill today must be in the same money.
    stage = prepare(request(tmp_path, "bokeh", date(2005, 2, 24), 4))
    seen = stage.history.asof(stage.closes.symbols, "close", stage.sessions[0].close)
    assert np.array_equal(seen.values[-1], stage.closes.values[-4])
    result = demo.run(request(tmp_path, "bokeh", date(2005, 2, 24), 4))
    assert all(abs(float(day.pnl)) < 2_500 for day in result.days)


def test_a_universe_of_one_is_played(tmp_path: Path) -> None:
    result = demo.run(request(tmp_path, "synthetic", date(2012, 6, 1), 3, "SYN002"))
    assert result.universe.symbols == ("SYN002",)
    assert len(result.days) == 3


def test_days_for_which_nothing_has_a_price_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of FB has a price on every day from 2005-02-24 on"):
        prepare(request(tmp_path, "bokeh", date(2005, 2, 24), 3, "FB"))


def test_real_names_have_no_synthetic_prices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"market\.watchlist names AAPL.*there are no prices"):
        prepare(request(tmp_path, "synthetic", date(2012, 6, 1), 3, "AAPL"))
