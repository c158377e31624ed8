"""The demo in other worlds: a made-up market that says so, and real prices through a real split."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.folder import read_folder
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


@pytest.mark.parametrize(("source", "first"), [("synthetic", date(2012, 6, 1)), ("bokeh", date(2005, 2, 24))])
def test_what_is_traded_inside_a_day_is_the_bar_that_analysts_are_shown_after_it(
    tmp_path: Path, source: str, first: date
) -> None:
    stage = prepare(request(tmp_path, source, first, 2))
    session = stage.sessions[0]
    for symbol in stage.closes.symbols[:5]:
        trades = stage.world.tape.trades(symbol, session)
        prints = [float(trade.price) for trade in trades]
        for field, traded in (("open", prints[0]), ("high", max(prints)), ("low", min(prints)), ("close", prints[-1])):
            shown = stage.history.asof([symbol], field, session.close, 1).values[0, 0]
            assert traded == pytest.approx(shown, abs=1.1e-4), (symbol, field)
        volume = stage.history.asof([symbol], "adjusted_volume", session.close, 1).values[0, 0]
        assert sum(float(trade.size) for trade in trades) == pytest.approx(volume, rel=1e-3)
    assert "touches the high and the low" in " ".join(stage.world.simulated)


def test_an_imported_bar_that_is_crossed_is_left_out_of_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    days = [session.day for session in ExchangeCalendar("XNYS", date(2021, 1, 1), date(2021, 6, 30)).sessions(
        date(2021, 1, 4), date(2021, 6, 30))]  # fmt: skip
    lines = [f"{day},100,{98 if day == days[-1] else 102},99,101" for day in days]
    (folder / "AAPL.csv").write_text("\n".join(["date,open,high,low,close", *lines]))
    calendar = ExchangeCalendar("XNYS", date(2021, 1, 1), date(2021, 6, 30))
    read_folder(folder, calendar, PriceKind.PRICE, name="mine").store(tmp_path)
    stage = prepare(request(tmp_path, "mine", days[-2], 2))
    assert stage.bars is not None
    assert np.isnan(stage.bars.high[-1, 0])
    assert stage.bars.high[-2, 0] == 102.0
    assert stage.bars.volume is None
    assert "sizes and volumes are simulated" in " ".join(stage.world.simulated)


def test_the_committee_of_a_synthetic_market_has_its_quorum(tmp_path: Path) -> None:
    result = demo.run(request(tmp_path, "synthetic", date(2012, 6, 1), 2))
    meetings = [day.meeting for day in result.days if day.meeting is not None]
    assert meetings
    assert all(meeting.quorate for meeting in meetings)
    assert len(result.days[0].views) > 200, "all analysts have facts to read"


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
