"""The summary in a terminal, and what is seen while days run."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bursar.desk import terminal
from bursar.desk.progress import Bar, Lines, watching
from bursar.runtime.results import BookSummary, DemoResult, WithoutBest
from tests.desk.samples import demo_result


def shown(result: DemoResult, width: int = 80) -> str:
    out = io.StringIO()
    terminal.show(result, Console(file=out, width=width), Path("/run/report.html"))
    return out.getvalue()


def test_the_summary_fits_eighty_columns_and_cuts_nothing_off() -> None:
    text = shown(demo_result())
    assert "…" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_the_summary_says_the_figures_of_the_run() -> None:
    text = shown(demo_result()).replace("\u00a0", " ")
    for part in (
        "20 trading days, 3 Jan to 28 Jan 2022",
        "simulated account, no real money",
        "$99,012.03",
        "−0.99 %",
        "+1.49 %",
        "Tue 4 Jan 2022",
        "+$395.46",
        "20 days prove nothing. Luck alone ends them between −1.6 % and +1.6 %",
        "Under 3 seeds of what is simulated they ended between −1.75 % and +0.40 %.",
        "Survivors: 20 members",
        "Without CVX, LLY and KO it is −1.80 %.",
        "/run/report.html",
        "bursar why o-00000001",
    ):
        assert part in text, part


def test_one_quiet_day_in_cash_is_told_without_inventing_figures() -> None:
    result = demo_result(1)
    book = BookSummary(
        cash=Decimal(1000), positions=(), round_trips=(), realized=Decimal(0), unrealized=Decimal(0), fees=Decimal(0)
    )
    none = WithoutBest(symbols=(), pnl=Decimal(0), total_return_pct=0.0)
    quiet = replace(result.days[0], orders=(), fills=())
    text = shown(replace(result, days=(quiet,), book=book, without_best=none, spread=None))
    assert "One day proves nothing." in text
    assert "Luck alone" not in text
    assert "No sharpe ratio: one day has no spread." in text
    assert "Nothing is held; $1,000.00 in cash." in text
    assert "bursar why" not in text
    assert "seeds" not in text


def test_the_summary_works_without_a_page() -> None:
    out = io.StringIO()
    terminal.show(demo_result(2), Console(file=out, width=80))
    assert "Report" not in out.getvalue()


def test_a_sparkline_keeps_its_first_and_last_value_however_short_it_is_made() -> None:
    assert terminal.sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert terminal.sparkline([5, 5, 5]) == "▁▁▁"
    assert terminal.sparkline([1, 2], low=0, high=2) == "▅█"
    long = terminal.sparkline(list(range(1000)), width=40)
    assert (len(long), long[0], long[-1]) == (40, "▁", "█")


@given(st.lists(st.floats(min_value=-1e9, max_value=1e9), min_size=1, max_size=200))
def test_a_sparkline_never_fails(values: list[float]) -> None:
    assert len(terminal.sparkline(values)) == min(len(values), 60)


# ---------------------------------------------------------------- progress


def test_where_nobody_watches_each_finished_day_is_one_line() -> None:
    out = io.StringIO()
    with watching(2, "USD", Console(file=out)) as observer:
        assert isinstance(observer, Lines)
        observer.day_started(date(2022, 1, 3))
        observer.day_finished(date(2022, 1, 3), Decimal("100000.5"))
    assert out.getvalue().replace("\u00a0", " ") == "Mon 3 Jan 2022  $100,000.50\n"


def test_on_a_terminal_a_bar_grows_with_the_days_and_leaves_nothing_behind() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with watching(2, "USD", console) as observer:
        assert isinstance(observer, Bar)
        observer.day_started(date(2022, 1, 3))
        observer.day_finished(date(2022, 1, 3), Decimal(100_000))
        assert "Mon" in _last_frame(observer)
        observer.day_started(date(2022, 1, 4))
        observer.day_finished(date(2022, 1, 4), Decimal(100_500))
        assert "adding it up" in _last_frame(observer)
        assert "2/2" in _last_frame(observer)
        assert "$100,500.00" in _last_frame(observer)


def _last_frame(bar: Bar) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as captured:
        console.print(bar._progress)
    return captured.get()


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_the_bar_writes_the_currency_of_the_account(currency: str) -> None:
    out = io.StringIO()
    with watching(1, currency, Console(file=out)) as observer:
        observer.day_finished(date(2022, 1, 3), Decimal(1))
    assert ("€" if currency == "EUR" else "$") in out.getvalue()
