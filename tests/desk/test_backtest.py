"""Backtests as people see them: the table, the page and the JSON say the same, and the words are checked."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bursar.adapters.registry import FileRegistry
from bursar.desk import backtest_page, charts, cli
from bursar.desk.backtest_table import as_tables
from bursar.desk.commands.backtest import day
from bursar.errors import InputError
from bursar.runtime.score import Score
from tests.runtime.test_score import result, scored

__all__ = ["result", "scored"]


class Tags(HTMLParser):
    """The tags of a page and what they link to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_else_and_holds_every_picture(scored: Score) -> None:
    page = backtest_page.page(scored)
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.tags
    assert all(link.startswith("data:") for link in tags.links)
    assert tags.tags.count("svg") == 10  # five charts, each for a wide screen and for a phone
    assert 'class="band run"' in page
    assert 'class="months"' in page
    for told in ("survivors", "best names", "1/N equal weight", "buy and hold", "turbulent"):
        assert told in page


def test_a_hostile_name_cannot_break_out(scored: Score) -> None:
    hostile = "<script>alert(1)</script>"
    page = backtest_page.page(replace(scored, name=hostile))
    assert hostile not in page
    assert "&lt;script&gt;" in page


def test_table_page_and_json_tell_the_same_figures(scored: Score) -> None:
    out = StringIO()
    Console(file=out, width=120).print(as_tables(scored))
    told = json.loads(backtest_page.as_json(scored))
    ours = told["lines"][0]
    for figure in (f"{ours['sharpe']:.2f}", f"{100 * ours['max_drawdown']:.1f}", f"{ours['orders']:,}"):
        assert figure in out.getvalue()
        assert figure in backtest_page.page(scored)
    assert ours["final"] == pytest.approx(told["equity"][-1])
    assert len(told["days"]) == len(told["equity"])
    assert len(told["trades"]) == sum(name["orders"] for name in told["names"])
    assert told["universe"]["survivors"] is True
    assert backtest_page.verdict(scored) in out.getvalue()


def test_month_ends_are_the_first_day_and_the_last_of_each_month() -> None:
    days = [date(2020, 1, 30), date(2020, 1, 31), date(2020, 2, 3), date(2020, 2, 28), date(2020, 3, 2)]
    assert backtest_page.month_ends(days) == [0, 1, 3, 4]
    assert backtest_page.month_ends(days[1:]) == [0, 2, 3]


def test_a_year_a_month_and_a_day_are_days_and_others_are_named() -> None:
    assert day("--from", "1995", end=False) == date(1995, 1, 1)
    assert day("--to", "2022", end=True) == date(2022, 12, 31)
    assert day("--to", "2020-02", end=True) == date(2020, 2, 29)
    assert day("--to", "2020-02-03", end=True) == date(2020, 2, 3)
    for wrong in ("95", "2020-13", "soon", "2020-01-01-01", ""):
        with pytest.raises(InputError, match="give a day, a month or a year"):
            day("--to", wrong, end=True)


def test_a_scale_of_equal_percentages_holds_its_values_and_is_round() -> None:
    assert charts.log_grid_values(80_000, 150_000) == (50_000, 100_000, 200_000)
    assert charts.log_grid_values(90_000, 7_000_000) == (50_000, 100_000, 200_000, 500_000, 1e6, 2e6, 5e6, 1e7)
    assert charts.log_grid_values(90, 7e6)[0] == 10
    drawn = charts.line_chart(
        "Value", "says", ("a", "b", "c"), (charts.Series(name="x", style="run", values=(10, 100, 1000)),), str,
        band=charts.Band(style="run", low=(9, 50, 500), high=(11, 200, 2000)), log=True,
    )  # fmt: skip
    heights = [
        float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", drawn.split('class="line run" d="')[1].split('"')[0])
    ]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)  # tenfold is tenfold
    assert 'class="band run"' in drawn


def test_the_command_runs_prints_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    words = ["backtest", "crossover", "--from", "2021-03", "--to", "2021-05", "--costs", "5"]
    assert cli.main([*words, "--json", "--html", str(tmp_path / "page.html")]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["first"], told["last"]) == ("2021-03-01", "2021-05-28")
    assert told["costs_basis_points"] == 5
    assert "crossover  2021" in said.err
    # One more look at the data is one more trial.
    assert list(FileRegistry(tmp_path / "research" / "trials.sqlite").studies().values()) == [1]
    assert "Crossover, 2021 to 2021" in (tmp_path / "page.html").read_text()
    for wrong, named in (
        (["backtest", "hodl"], "no strategy is named hodl"),
        ([*words, "--every", "hourly"], "--every is 'hourly'"),
        (["backtest", "crossover", "--from", "1950", "--to", "1960"], "it reaches from 1990-01-02"),
    ):
        assert cli.main(wrong) == 2
        assert named in capsys.readouterr().err
