"""The report: figures by hand, JSON that is the same twice, a page that needs nothing and hides nothing."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bursar.desk import report
from bursar.runtime.results import (
    Benchmark,
    BookSummary,
    CurvePoint,
    DemoResult,
    Universe,
    WithoutBest,
)
from tests.desk.samples import demo_result

KEYS = (
    "initial_cash",
    "current_value",
    "total_return_pct",
    "total_trades",
    "current_positions",
    "cash_balance",
    "win_rate",
    "sharpe_ratio",
    "max_drawdown",
    "average_trade_duration_days",
)


def with_equity(*equity: int, benchmark: int = 1000) -> DemoResult:
    """A run from 1000 with these closes."""
    base = demo_result(len(equity), initial=Decimal(1000))
    days = tuple(replace(day, equity=Decimal(value)) for day, value in zip(base.days, equity, strict=True))
    curve = tuple(CurvePoint(day=day.day, equity=Decimal(benchmark)) for day in days)
    return replace(base, days=days, benchmark=replace(base.benchmark, curve=curve))


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes out of order"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


# ---------------------------------------------------------------- figures


def test_headline_figures_by_hand() -> None:
    figures = report.headline(with_equity(1100, 990, 1045, benchmark=1010))
    assert figures.total == pytest.approx(0.045)  # 1045 / 1000 - 1
    assert figures.yardstick == pytest.approx(0.01)
    assert figures.ahead == pytest.approx(0.035)
    assert figures.drawdowns == pytest.approx((0.0, 0.0, 0.1, 0.05))  # from the peak of 1100
    # returns 0.10, -0.10, 0.0556 (55/990): mean 0.0185, deviation 0.1050, times the root of three days
    returns = (0.1, -0.1, 55 / 990)
    mean = sum(returns) / 3
    deviation = math.sqrt(sum((each - mean) ** 2 for each in returns) / 2)
    assert figures.chance == pytest.approx(deviation * math.sqrt(3))


def test_one_day_has_no_spread() -> None:
    assert report.headline(with_equity(1100)).chance is None


# ---------------------------------------------------------------- JSON


def test_the_report_keys_stand_on_top_as_numbers() -> None:
    document = json.loads(report.as_json(demo_result()))
    assert tuple(document)[: len(KEYS)] == KEYS
    assert all(isinstance(document[key], int | float) for key in KEYS)
    assert document["initial_cash"] == 100000.0
    assert document["total_return_pct"] == pytest.approx(100 * (document["current_value"] / 100000 - 1), abs=1e-6)


def test_a_figure_that_cannot_be_told_is_null_with_the_reason() -> None:
    document = json.loads(report.as_json(demo_result(1)))
    assert document["sharpe_ratio"] is None
    assert document["not_enough_data"]["sharpe_ratio"] == "one day has no spread"


def test_equal_runs_give_equal_bytes_wherever_they_lie() -> None:
    result = demo_result()
    elsewhere = replace(result, run_folder=Path("/elsewhere"), journal_path=Path("/elsewhere/journal.sqlite"))
    assert report.as_json(result) == report.as_json(elsewhere)


def test_money_of_the_days_is_text_that_keeps_its_cents() -> None:
    day = json.loads(report.as_json(demo_result()))["days"][0]
    assert day["fees"] == "1.23"
    assert day["fills"][0] == {
        "event_id": "fill/o-00000001",
        "at": "2022-01-03T14:35:00Z",
        "order_id": "o-00000001",
        "symbol": "AAPL",
        "side": "buy",
        "quantity": "40",
        "price": "123.45",
        "fee": "1.23",
        "realized": None,
    }
    assert day["orders"][0]["outcome"] == "filled"


def test_what_other_seeds_made_of_it_is_in_the_json_by_seed() -> None:
    spread = json.loads(report.as_json(demo_result()))["spread"]
    assert spread == {"total_return_pct": {"7": -0.988, "8": -1.75, "9": 0.4}}


# ---------------------------------------------------------------- the page


def test_the_page_is_sound_and_asks_nobody_for_anything() -> None:
    html = report.page(demo_result())
    page = Page(html)
    assert page.open == []
    assert not [tag for tag, _ in page.tags if tag in {"script", "iframe", "img", "object", "embed"}]
    reaching = [value for _, attributes in page.tags for name, value in attributes.items() if name in {"src", "href"}]
    assert [value for value in reaching if not (value or "").startswith("data:")] == []
    assert not re.search(r"url\(|@import", html)
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_the_page_says_what_it_does_not_show() -> None:
    text = Page(report.page(demo_result())).text
    assert "simulated account, no real money" in text
    assert "20 days prove nothing." in text
    assert "The stocks are survivors: 20 members of the S&P 500 that somebody chose in 2023" in text
    assert "Without its three best names (CVX, LLY and KO) the result is −1.80 %" in text
    assert "under 3 seeds, 7, 8 and 9, the same days ended between −1.75 % and +0.40 %" in text
    assert "The way of every price inside a day is simulated." in text
    assert "5 % of the days ended with no position at all" in text
    assert "A Treasury bill returned +0.012 % over the same days" in text
    assert "Dividends are in the adjusted prices" in text


def test_the_page_shows_every_headline_key() -> None:
    text = Page(report.page(demo_result())).text
    for figure in (
        "$99,012.03",
        "from $100,000.00",
        "−0.99 %",
        "3.14 %",
        "−0.83",
        "50 %",
        "27.0 days",
        "$66,462.03 in cash",
    ):
        assert figure in text.replace("\u00a0", " "), figure


def test_a_missing_figure_is_a_dash_with_its_reason() -> None:
    text = Page(report.page(demo_result(1))).text
    assert "Sharpe ratio — one day has no spread" in text
    assert "One day proves nothing." in text
    assert "luck alone" not in text


def test_each_day_shows_its_views_decisions_orders_fills_and_fees() -> None:
    result = demo_result()
    page = Page(report.page(result))
    assert len([1 for tag, attributes in page.tags if tag == "details" and attributes.get("class") == "day"]) == 20
    for day in result.days:
        for order in day.orders:
            assert order.order_id in page.text
    assert "order" in page.text
    assert "stopped by the gate" in page.text
    assert "sector_weight: financials would be 31.40 %" in page.text
    assert "Nothing was decided: JPM has no two-sided quote." in page.text
    assert "volatility would be 16.2 % a year" in page.text
    assert "history has no volume" in page.text
    assert "half day: the exchange closed at 13:00" in page.text


def test_text_from_outside_is_escaped() -> None:
    html = report.page(demo_result())
    assert "<tested>" not in html
    assert "&lt;tested&gt;" in html


def test_an_empty_book_and_a_run_without_winners_are_said_plainly() -> None:
    result = demo_result(2)
    book = BookSummary(
        cash=Decimal(1), positions=(), round_trips=(), realized=Decimal(0), unrealized=Decimal(0), fees=Decimal(0)
    )
    none = WithoutBest(symbols=(), pnl=Decimal(0), total_return_pct=0.0)
    universe = Universe(origin="your own list", symbols=("A",), survivors=False)
    bare = replace(result, book=book, without_best=none, universe=universe, spread=None, bill_return_pct=None, notes=())
    text = Page(report.page(bare)).text
    assert "Nothing: everything is in cash." in text
    assert "No name earned anything" in text
    assert "The stocks: your own list" in text
    assert "Round trips: bought" not in text
    assert "Other seeds" not in text
    assert "Treasury bill returned" not in text


def test_a_day_without_orders_and_views_and_a_decision_to_hold_nothing() -> None:
    result = demo_result(1)
    decision = replace(result.days[0].decisions[0], targets=(), equity=None)
    quiet = replace(result.days[0], views=(), abstentions=(), orders=(), fills=(), decisions=(decision,))
    text = Page(report.page(replace(result, days=(quiet,)))).text
    assert "No order was sent." in text
    assert ": hold nothing" in text


def test_a_year_makes_a_page_as_well() -> None:
    assert Page(report.page(demo_result(252))).open == []


def test_page_and_json_are_written_whole(tmp_path: Path) -> None:
    result = demo_result(2)
    folder = tmp_path / "run"
    assert report.write_page(result, folder).read_text(encoding="utf-8") == report.page(result)
    assert report.write_json(result, folder).read_text(encoding="utf-8") == report.as_json(result)
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]


# ---------------------------------------------------------------- the values themselves


def test_a_figure_is_missing_exactly_when_there_is_a_reason() -> None:
    keys = demo_result().keys
    with pytest.raises(ValueError, match="a figure is missing exactly when missing says why"):
        replace(keys, sharpe_ratio=None)
    with pytest.raises(ValueError, match="a figure is missing exactly when missing says why"):
        replace(keys, missing={"win_rate": "because"})
    with pytest.raises(ValueError, match="give None, and the reason in missing"):
        replace(keys, sharpe_ratio=math.nan)


def test_report_keys_round_money_to_the_cent_with_halves_away_from_zero() -> None:
    keys = replace(demo_result().keys, current_value=Decimal("100.005"), cash_balance=Decimal("-0.005"))
    assert keys.as_json()["current_value"] == 100.01
    assert keys.as_json()["cash_balance"] == -0.01


def test_a_run_is_only_compared_with_its_own_days() -> None:
    result = demo_result(3)
    shorter = Benchmark(name="another", kind="price", curve=result.benchmark.curve[:2])
    with pytest.raises(ValueError, match="cannot be compared"):
        replace(result, benchmark=shorter)
    with pytest.raises(ValueError, match="no days has no result"):
        replace(result, days=())


def test_a_round_trip_counts_calendar_days_and_a_fill_its_money() -> None:
    result = demo_result(3)
    assert result.book.round_trips[0].days == 2
    assert result.days[0].fills[0].notional == Decimal("123.45") * 40
    assert [point.equity for point in result.curve] == [day.equity for day in result.days]
