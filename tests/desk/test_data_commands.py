"""`bursar data`: sources, import and quality, for people and for programs."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from bursar.desk.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a price below zero, which is what there is to tell."""
    place = tmp_path / "prices"
    place.mkdir()
    days = ["2022-01-03", "2022-01-04", "2022-01-05"]
    (place / "AAA.csv").write_text("\n".join(["date,close", *(f"{day},{100 + n}" for n, day in enumerate(days))]))
    (place / "BBB.csv").write_text("\n".join(["date,close", *(f"{day},{n - 1}" for n, day in enumerate(days))]))
    return place


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert main(list(words)) == code
    told = capsys.readouterr()
    return told.out, told.err


def test_sources_are_listed_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = run(capsys, "data", "sources")
    for name in ("sample", "synthetic", "ibkr", "starter", "SYNTHETIC"):
        assert name in out
    told = json.loads(run(capsys, "data", "sources", "--json")[0])
    assert {each["name"] for each in told["sources"]} >= {"sample", "bokeh", "synthetic", "financial_datasets"}
    assert told["watchlists"]["starter"]["symbols"] == ["AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "SPY"]


def test_an_import_tells_what_it_found_and_quality_tells_it_again(
    capsys: pytest.CaptureFixture[str], folder: Path, bursar_home: Path
) -> None:
    out, err = run(capsys, "data", "import", str(folder), "--name", "mine")
    assert "2 symbols from 2022-01-03 to 2022-01-05, close" in out
    assert "2 symbols, 6 rows: 2 errors" in out
    assert "close is -1; taken for missing" in " ".join(out.split())
    assert "reading" in err
    assert (bursar_home / "data" / "mine" / "close.parquet").is_file()
    again, _ = run(capsys, "data", "quality")
    assert "mine" in again
    assert "2 errors" in again
    told = json.loads(run(capsys, "data", "quality", "mine", "--json")[0])
    assert [each["trouble"] for each in told["mine"]["findings"]] == ["not positive", "not positive"]


def test_an_import_is_told_to_programs_as_json_and_nothing_else(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    told = json.loads(run(capsys, "data", "import", str(folder), "--prices", "total-return", "--json")[0])
    assert told["name"] == "folder_prices"
    assert len(told["quality"]["findings"]) == 2
    assert told["attempts"] == []
    assert json.loads(run(capsys, "data", "import", "bokeh", "--json")[0])["quality"] is None


def test_a_long_list_is_cut_and_says_how_to_see_all_of_it(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    lines = [f"2022-{month:02}-{day:02},-1" for month in (1, 2) for day in range(1, 29)]
    (folder / "CCC.csv").write_text("\n".join(["date,close", *lines]))
    out, _ = run(capsys, "data", "import", str(folder), "--name", "mine")
    assert "more; bursar data quality --all shows them" in out
    everything, _ = run(capsys, "data", "quality", "mine", "--all")
    assert "more; bursar" not in everything


def test_what_was_asked_for_wrongly_is_said(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert "--prices is 'cooked'" in run(capsys, "data", "import", str(folder), "--prices", "cooked", code=2)[1]
    assert "is no day" in run(capsys, "data", "import", "auto", "--from", "yesterday", "--symbols", "AAPL", code=2)[1]
    assert "is no folder and no source" in run(capsys, "data", "import", "nowhere", code=2)[1]
    assert "say of which symbols" in run(capsys, "data", "import", "auto", code=2)[1]


def test_where_nobody_has_it_every_reason_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    # Nothing listens there, yfinance is not installed for tests, and there is no key: three reasons.
    _, err = run(capsys, "data", "import", "financial_datasets", "--symbols", "starter", code=2)
    assert "FINANCIAL_DATASETS_API_KEY" in err


def test_a_file_of_option_chains_is_looked_at_and_not_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bursar_home: Path
) -> None:
    day = date(2022, 1, 3)
    pl.DataFrame(
        {
            "file_date": [day], "symbol": ["AAA"], "expiry": [date(2022, 2, 18)], "strike": [100.0], "right": ["C"],
            "close": [2.0], "volume": [7], "implied_volatility": [0.3], "underlying_close": [150.0],
        }
    ).write_parquet(tmp_path / "chains.parquet")  # fmt: skip
    out, _ = run(capsys, "data", "quality", str(tmp_path / "chains.parquet"))
    assert "1 symbols, 1 rows: 0 errors, 1 questions" in out
    assert "cost less than they are worth exercised" in " ".join(out.split())
    assert not (bursar_home / "data").exists()


def test_before_any_import_there_is_nothing_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Nothing was imported yet" in run(capsys, "data", "quality")[0]


def test_the_demo_trades_what_was_imported_and_the_synthetic_market(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = run(capsys, "demo", "--world", "synthetic", "--days", "1", "--in-process")
    assert "SYNTHETIC MARKET" in out
    assert "market.source is nowhere" in run(capsys, "demo", "--world", "nowhere", "--days", "1", code=2)[1]
