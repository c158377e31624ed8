"""The user's own folder of prices: what is read, what is refused, and what is reported."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.calendars import FixedCalendar
from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.folder import read_folder
from bursar.adapters.vendors.quality import Quality, Trouble
from bursar.adapters.vendors.tables import Imported
from bursar.domain.sessions import Session
from bursar.errors import DataError, InputError

NEVER = datetime(2100, 1, 1, tzinfo=UTC)
GOOD = """Date,Open,High,Low,Close,Adj Close,Volume
2022-01-03,10,11,9,10.5,10.4,1000
2022-01-04,10.5,11,10,10.6,10.5,1100
2022-01-05,10.6,10.9,10.1,10.2,10.1,900
"""


def weekdays(first: date, last: date) -> FixedCalendar:
    """Every weekday is a session from 14:30 to 21:00."""
    sessions = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day.weekday() < 5:
            opens = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
            sessions.append(Session(day=day, open=opens, close=opens + timedelta(hours=6.5)))
    return FixedCalendar(sessions, first, last)


CALENDAR = weekdays(date(2021, 12, 1), date(2022, 2, 28))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder for prices."""
    path = tmp_path / "prices"
    path.mkdir()
    return path


def read(folder: Path, **files: str) -> Imported:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return read_folder(folder, CALENDAR, PriceKind.PRICE)


# ---------------------------------------------------------------- what is read


def test_every_column_becomes_a_field(folder: Path) -> None:
    read_in = read(folder, AAPL=GOOD)
    assert set(read_in.facts) == {"open", "high", "low", "close", "adjusted_close", "volume"}
    assert read_in.facts["close"].panel.column("AAPL").tolist() == [10.5, 10.6, 10.2]
    assert read_in.facts["adjusted_close"].panel.column("AAPL").tolist() == [10.4, 10.5, 10.1]
    assert read_in.quality.findings == ()
    assert (read_in.quality.symbols, read_in.quality.rows) == (1, 3)


def test_symbols_share_their_days_and_what_one_lacks_is_missing(folder: Path) -> None:
    read_in = read(folder, aapl=GOOD, MSFT="date,close\n2022-01-04,20\n2022-01-06,21\n")
    closes = read_in.facts["close"].panel
    assert closes.symbols == ("AAPL", "MSFT")
    assert [str(day) for day in closes.dates] == ["2022-01-03", "2022-01-04", "2022-01-05", "2022-01-06"]
    np.testing.assert_array_equal(closes.values, [[10.5, np.nan], [10.6, 20.0], [10.2, np.nan], [np.nan, 21.0]])
    assert np.isnan(read_in.facts["volume"].panel.column("MSFT")).all()
    assert [(f.symbol, f.trouble, f.first) for f in read_in.quality.findings] == [
        ("MSFT", Trouble.GAP, date(2022, 1, 5))
    ]


def test_what_the_folder_is_and_what_it_lacks(folder: Path) -> None:
    source = read(folder, KO="date,close\n2022-01-03,60\n2022-01-04,61\n").source
    assert source.prices is PriceKind.PRICE
    assert source.survivors
    assert source.fields == {"close"}
    assert {"volume", "open", "fundamentals"} <= source.lacks
    assert (source.first, source.last) == (date(2022, 1, 3), date(2022, 1, 4))
    assert source.origin == f"1 symbols that somebody put into {folder}"


def test_a_close_is_known_when_its_session_closes(folder: Path) -> None:
    facts = read(folder, KO="date,close\n2022-01-03,60\n").facts["close"]
    assert facts.known_at[0] == np.datetime64("2022-01-03T21:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "DATE , Close\n2022-01-03,60\n2022-01-04,61\n",
        "close,date,whatever\n60,2022-01-03,x\n61,2022-01-04,y\n",
        "timestamp,close\n2022-01-03T00:00:00,60\n2022-01-04 00:00:00,61\n",
        "date,close\n20220103,60\n20220104,61\n",
        "\ufeffdate,close\r\n2022-01-03,60\r\n\r\n2022-01-04,61\r\n",
        "date,close\n2022-01-04,61\n2022-01-03,60\n",
    ],
    ids=["case", "order", "times", "compact", "windows", "backwards"],
)
def test_the_usual_ways_to_write_a_file_are_read(folder: Path, text: str) -> None:
    assert read(folder, KO=text).facts["close"].panel.values.tolist() == [[60.0], [61.0]]


@pytest.mark.parametrize("cell", ["", "nan", "NULL", " n/a "])
def test_a_cell_that_says_nothing_is_missing(folder: Path, cell: str) -> None:
    panel = read(folder, KO=f"date,close\n2022-01-03,60\n2022-01-04,{cell}\n2022-01-05,61\n").facts["close"].panel
    assert np.isnan(panel.values[1, 0])


def test_a_parquet_file_is_read_alike(folder: Path) -> None:
    import polars as pl

    days = [date(2022, 1, 3), date(2022, 1, 4)]
    pl.DataFrame({"Date": days, "Close": [60.0, None], "Volume": [5, 6]}).write_parquet(folder / "KO.parquet")
    facts = read(folder).facts
    np.testing.assert_array_equal(facts["close"].panel.values, [[60.0], [np.nan]])
    assert facts["volume"].panel.values.tolist() == [[5.0], [6.0]]


def test_what_was_read_can_be_kept(folder: Path, tmp_path: Path) -> None:
    history = read(folder, AAPL=GOOD).store(tmp_path)
    assert history.folder == tmp_path / "data" / "folder_prices"
    assert history.asof(["AAPL"], "high", NEVER).values.tolist() == [[11.0], [11.0], [10.9]]
    assert set(history.manifest.made_from) == {"AAPL.csv"}
    with pytest.raises(DataError, match="has no 'news'"):
        history.asof(["AAPL"], "news", NEVER)


# ---------------------------------------------------------------- what is reported


def messages(read_in: Imported) -> list[tuple[Trouble, str]]:
    return [(finding.trouble, finding.message) for finding in read_in.quality.findings]


def test_a_negative_price_becomes_missing_and_is_reported(folder: Path) -> None:
    read_in = read(folder, KO="date,close,open\n2022-01-03,60,60\n2022-01-04,-61,0\n2022-01-05,62,62\n")
    assert np.isnan(read_in.facts["close"].panel.values[1, 0])
    assert messages(read_in) == [
        (Trouble.GAP, "1 session without a close"),
        (Trouble.NOT_POSITIVE, "open is 0; taken for missing"),
        (Trouble.NOT_POSITIVE, "close is -61; taken for missing"),
    ]
    assert len(read_in.quality.errors) == 2


def test_equal_rows_are_one_and_different_rows_are_none(folder: Path) -> None:
    text = "date,close,open\n2022-01-03,60,\n2022-01-03,60,\n2022-01-04,61,1\n2022-01-04,71,1\n2022-01-05,62,1\n"
    read_in = read(folder, KO=text)
    closes = read_in.facts["close"].panel.values[:, 0]
    assert closes[[0, 2]].tolist() == [60.0, 62.0]
    assert np.isnan(closes[1])
    assert messages(read_in) == [
        (Trouble.DUPLICATE, "2 equal rows; one is kept"),
        (Trouble.DUPLICATE, "2 rows that differ (closes 61, 71); none is kept"),
        (Trouble.GAP, "1 session without a close"),
    ]


def test_a_row_on_a_sunday_is_dropped_and_reported(folder: Path) -> None:
    read_in = read(folder, KO="date,close\n2022-01-07,60\n2022-01-09,66\n2022-01-10,61\n")
    assert read_in.facts["close"].panel.values.tolist() == [[60.0], [61.0]]
    assert messages(read_in) == [(Trouble.NO_SESSION, "a row on a Sunday without a session; dropped")]


def test_a_symbol_without_any_close_is_survived(folder: Path) -> None:
    read_in = read(folder, KO="date,close\n2022-01-03,\n", PEP="date,close\n2022-01-03,170\n")
    np.testing.assert_array_equal(read_in.facts["close"].panel.values, [[np.nan, 170.0]])


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "date,close\n2022-01-03,60\n03/04/2022,61\n",
            "line 3: '03/04/2022' is no date here; write every date as 2021",
        ),
        ("date,close\n2022-01-03,60\n20220104,61\n", "line 3: '20220104' is no date here"),
        ("date,close\n20220103,60\n2022-01-04,61\n", "line 3: '2022-01-04' is no date here"),
        ("date,close\n2022-02-30,60\n", "line 2: '2022-02-30' is no date here"),
        ("date,close\n2022-01-03x,60\n", "line 2: '2022-01-03x' is no date here"),
        ("date,close\n99999999,60\n", "line 2: '99999999' is no date here"),
        ("date,close\n2022-01-03,sixty\n", "line 2: close is 'sixty'; a number is needed"),
        ("date,close\n2022-01-03,inf\n", "line 2: close is 'inf'; a finite number is needed"),
        ("date,close\n2022-01-03,60,1\n", "line 2: 3 cells under 2 columns"),
        ("date,price\n2022-01-03,60\n", "has 0 columns named close; one is needed"),
        ("day,date,close\n2022-01-03,2022-01-03,60\n", "has 2 columns named date; one is needed"),
        ("date,close\n", "holds no rows"),
        ("", "has 0 columns named date"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(folder: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        read(folder, KO=text)
    assert "KO.csv" in str(refusal.value)


def test_a_file_that_is_no_text_and_one_that_is_no_parquet_are_named(folder: Path) -> None:
    (folder / "KO.csv").write_bytes(b"date,close\n\xff\xfe")
    with pytest.raises(InputError, match=r"KO\.csv is not text in UTF-8: invalid start byte at byte 11"):
        read(folder)
    (folder / "KO.csv").unlink()
    (folder / "KO.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"KO\.parquet is not a Parquet file: "):
        read(folder)


def test_a_folder_that_is_not_there_or_empty_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no folder .*nowhere; give one with a file for each symbol"):
        read(tmp_path / "nowhere")
    (folder / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match=r"holds no \.csv and no \.parquet file"):
        read(folder)


def test_two_files_for_one_symbol_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"KO\.csv and ko\.csv in .* are both KO; keep one"):
        read(folder, KO=GOOD, ko=GOOD)


def test_more_files_than_anybody_has_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bursar.adapters.vendors.folder.FILES_MAX", 1)
    with pytest.raises(InputError, match="holds 2 files; at most 1 are read"):
        read(folder, KO=GOOD, PEP=GOOD)


def test_days_outside_the_calendar_are_refused_with_its_bounds(folder: Path) -> None:
    with pytest.raises(InputError, match="1999-01-04 is outside the calendar; give a day from 2021-12-01"):
        read(folder, KO="date,close\n1999-01-04,60\n")


RAW = "date,close,volume\n2022-01-03,100,10\n2022-01-04,102,10\n2022-01-05,51,20\n2022-01-06,52,20\n"


def test_raw_prices_with_their_splits_are_adjusted_when_they_are_read(folder: Path) -> None:
    (folder / "AAA.csv").write_text(RAW)
    (folder / "actions.csv").write_text("symbol,ex_date,split,dividend\naaa,2022-01-05,2,\nAAA,2022-01-06,,1.02\n")
    read_in = read_folder(folder, CALENDAR, PriceKind.RAW)
    assert set(read_in.facts) == {"raw_close", "volume"}
    assert read_in.source.prices is PriceKind.TOTAL_RETURN
    assert {"close", "price_close", "adjusted_volume"} <= read_in.source.fields
    assert read_in.quality.findings == ()
    history = read_in.store(folder / "home")
    closes = history.asof(["AAA"], "close", read_in.facts["volume"].known_at[-1].item().replace(tzinfo=UTC)).values
    # 51 less the dividend of 1.02 is 0.98 of itself; before the split half of that.
    assert closes[:, 0] == pytest.approx([100 / 2 * 0.98, 102 / 2 * 0.98, 51 * 0.98, 52.0])


def test_raw_prices_without_a_list_of_splits_are_not_passed_off_as_adjusted(folder: Path) -> None:
    (folder / "AAA.csv").write_text(RAW)
    read_in = read_folder(folder, CALENDAR, PriceKind.RAW, name="mine")
    assert read_in.source.prices is PriceKind.RAW
    assert (read_in.source.name, "close" in read_in.source.lacks) == ("mine", True)
    assert [finding.trouble for finding in read_in.quality.findings] == [Trouble.SPLIT]
    with pytest.raises(DataError, match="has no 'close'; it has raw_close, volume"):
        read_in.store(folder / "home").asof(["AAA"], "close", datetime(2022, 2, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol,ex_date,split\nAAA,2022-01-05,2\n", "actions.csv lacks dividend"),
        ("symbol,ex_date,split,dividend\nAAA,05/01/2022,2,\n", "line 2.*no ex_date such as 2021-03-31"),
        ("symbol,ex_date,split,dividend\n,2022-01-05,2,\n", "line 2.*has no symbol"),
        ("symbol,ex_date,split,dividend\nAAA,2022-01-05,two,\n", "split is 'two'; a number is needed"),
        ("symbol,ex_date,split,dividend\nAAA,2022-01-05,-2,\n", "no corporate action"),
    ],
)
def test_a_list_of_splits_that_does_not_read_is_named_with_its_line(folder: Path, text: str, said: str) -> None:
    (folder / "AAA.csv").write_text(RAW)
    (folder / "actions.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_folder(folder, CALENDAR, PriceKind.RAW)


def test_what_was_found_is_kept_beside_the_facts(folder: Path, tmp_path: Path) -> None:
    read_in = read(folder, AAA="date,close\n2022-01-03,100\n2022-01-04,-5\n2022-01-05,inf\n".replace("inf", "101"))
    read_in.store(tmp_path)
    kept = Quality.from_json((tmp_path / "data" / read_in.source.name / "quality.json").read_text())
    assert kept == read_in.quality
    assert kept.errors
