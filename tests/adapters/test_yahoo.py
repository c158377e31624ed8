"""Yahoo against a frame in the shape that yfinance gives: prices as they were paid are made again."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import pytest

from bursar.adapters.vendors import PriceKind, yahoo
from bursar.adapters.vendors.yahoo import Yahoo
from bursar.errors import DataError, InputError

FIRST, LAST = date(2020, 8, 27), date(2020, 9, 1)
NAMES = ["Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits"]


def frame(symbol: str = "AAPL") -> pd.DataFrame:
    """Return Apple around its 4 for 1 split of 2020-08-31, as yfinance gives it: adjusted for the split.

    Paid were 500.04 on the 27th and 499.23 on the 28th. The dividend on the 28th is made up for the test: 0.82 a share
    of then is 0.205 of a share of now.
    """
    stamps = pd.DatetimeIndex(["2020-08-27", "2020-08-28", "2020-08-31", "2020-09-01"])
    rows = [
        [127.1425, 127.485, 123.8325, 125.01, 122.5, 155552400, 0.0, 0.0],
        [126.0125, 126.4425, 124.5775, 124.8075, 122.3, 187630000, 0.205, 0.0],
        [127.58, 131.0, 126.0, 129.04, 126.5, 225702700, 0.0, 4.0],
        [132.76, 134.8, 130.53, np.nan, np.nan, 151948100, 0.0, 0.0],
    ]
    columns = pd.MultiIndex.from_product([[symbol], NAMES], names=["Ticker", "Price"])
    return pd.DataFrame(rows, index=stamps, columns=columns)


def asked(given: Any, seen: dict[str, Any] | None = None) -> Yahoo:
    def download(symbols: list[str], **options: Any) -> Any:
        if seen is not None:
            seen.update(options, symbols=symbols)
        if isinstance(given, Exception):
            raise given
        return given

    return Yahoo(download)


def test_prices_before_a_split_are_what_was_paid_and_so_are_volume_and_dividend() -> None:
    seen: dict[str, Any] = {}
    delivered = asked(frame(), seen).prices(["AAPL"], FIRST, LAST)
    assert delivered.prices is PriceKind.RAW
    rows = dict(delivered.rows["AAPL"])
    assert rows[date(2020, 8, 27)]["close"] == pytest.approx(500.04)
    assert rows[date(2020, 8, 28)]["volume"] == pytest.approx(46907500)
    assert rows[date(2020, 8, 31)]["close"] == 129.04
    assert list(rows) == sorted(rows)
    assert date(2020, 9, 1) not in rows, "a day without a close is none"
    assert delivered.actions is not None
    split, dividend = delivered.actions
    assert (split.ex_date, split.split, split.dividend) == (date(2020, 8, 31), 4.0, 0.0)
    assert dividend.ex_date == date(2020, 8, 28)
    assert dividend.dividend == pytest.approx(0.82)
    assert (seen["auto_adjust"], seen["actions"], seen["end"]) == (False, True, "2020-09-02")


def test_a_class_of_shares_is_written_as_yahoo_does() -> None:
    seen: dict[str, Any] = {}
    delivered = asked(frame("BRK-B"), seen).prices(["BRK.B"], FIRST, LAST)
    assert seen["symbols"] == ["BRK-B"]
    assert len(delivered.rows["BRK.B"]) == 3


def test_a_symbol_that_yahoo_does_not_know_has_no_rows() -> None:
    assert asked(frame()).prices(["ZZZ"], FIRST, LAST).rows == {"ZZZ": []}


@pytest.mark.parametrize(
    "given", [pd.DataFrame({"AAPL": [1.0]}), "nothing", None, frame().drop(columns=["Close"], level=1)]
)
def test_a_frame_of_another_shape_is_refused(given: Any) -> None:
    with pytest.raises(DataError, match="another shape"):
        asked(given).prices(["AAPL"], FIRST, LAST)


def test_a_transport_that_fails_is_told() -> None:
    with pytest.raises(DataError, match="Yahoo could not be asked: ConnectionError: no route"):
        asked(ConnectionError("no route")).prices(["AAPL"], FIRST, LAST)


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yahoo, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install 'bursar"):
        Yahoo().prices(["AAPL"], FIRST, LAST)


def test_with_the_package_its_own_download_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("yfinance")
    module.download = lambda symbols, **options: frame()  # type: ignore[attr-defined]  # a module made on the spot
    monkeypatch.setattr(yahoo, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "yfinance", module)
    assert len(Yahoo().prices(["AAPL"], FIRST, LAST).rows["AAPL"]) == 3


def test_what_has_no_day_of_filing_has_no_place_here() -> None:
    source = asked(frame())
    assert source.offer.name == "yfinance"
    with pytest.raises(DataError, match="no statements of AAPL"):
        source.statements(["AAPL"])
    with pytest.raises(DataError, match="no news of AAPL"):
        source.headlines(["AAPL"], FIRST, LAST)


def test_symbols_abroad_are_asked_for_by_yahoos_names_for_them() -> None:
    asked: list[list[str]] = []

    def download(symbols: list[str], **_: object) -> None:
        asked.append(symbols)

    for exchange in ("XASX", "XETR", "XNYS"):
        with pytest.raises(DataError, match="another shape"):
            Yahoo(download, exchange).prices(["BHP", "BRK.B"], FIRST, LAST)
    assert asked == [["BHP.AX", "BRK-B.AX"], ["BHP.DE", "BRK-B.DE"], ["BHP", "BRK-B"]]
    with pytest.raises(InputError, match="whether its prices of XLON are in pence or in pounds"):
        Yahoo(download, "XLON")
