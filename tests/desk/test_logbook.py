"""The log: its format, its levels, and that it speaks of the run's time and not of the machine's."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from bursar.desk.logbook import write_log
from tests.desk.samples import demo_result

LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) - bursar - (DEBUG|INFO|WARNING|ERROR) - (.+)")


def logged(tmp_path: Path, level: str = "INFO", days: int = 4) -> list[tuple[str, str, str]]:
    path = write_log(demo_result(days), tmp_path / "ibkr_hedge_fund.log", level)
    found = [LINE.fullmatch(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(found)
    return [(match[1], match[2], match[3]) for match in found if match]


def test_each_line_has_time_name_level_and_message(tmp_path: Path) -> None:
    at, level, message = logged(tmp_path)[1]
    assert (at, level) == ("2022-01-03 14:35:00,000", "INFO")
    assert message == "o-00000001 buy 40 AAPL at $123.45, fee $1.23"


def test_the_portfolio_is_logged_at_each_close_and_its_positions_at_the_end(tmp_path: Path) -> None:
    messages = [message for _, _, message in logged(tmp_path)]
    closes = [message for message in messages if message.startswith("portfolio at the close")]
    assert len(closes) == 4
    assert closes[0] == "portfolio at the close of 2022-01-03: value $100,000.00, cash $31,000.00, day $0.00"
    assert messages[-1].startswith("position CVX: 83 shares at $100.00, worth ")


def test_what_was_stopped_or_skipped_is_a_warning(tmp_path: Path) -> None:
    warnings = [message for _, level, message in logged(tmp_path) if level == "WARNING"]
    assert warnings == [
        "o-00000001 AAPL volatility would be 16.2 % a year; wished at most 15.0 %",
        (
            "o-00000102 JPM stopped by the gate: sector_weight: "
            "financials would be 31.40 % of equity with JPM; at most 30.00 %"
        ),
        "no decision: JPM has no two-sided quote",
    ]


def test_the_level_decides_what_is_kept(tmp_path: Path) -> None:
    assert {level for _, level, _ in logged(tmp_path, "DEBUG")} == {"DEBUG", "INFO", "WARNING"}
    assert {level for _, level, _ in logged(tmp_path, "WARNING")} == {"WARNING"}
    assert logged(tmp_path, "ERROR") == []


def test_a_decision_to_hold_nothing_and_an_order_still_working_are_said(tmp_path: Path) -> None:
    result = demo_result(1)
    day = result.days[0]
    nothing = replace(day.decisions[0], targets=())
    working = replace(day.orders[0], outcome=type(day.orders[0].outcome).WORKING, warnings=())
    changed = replace(result, days=(replace(day, decisions=(nothing,), orders=(working,)),))
    text = write_log(changed, tmp_path / "a.log").read_text(encoding="utf-8")
    assert "wants nothing" in text
    assert "WARNING - o-00000001 AAPL working\n" in text


def test_a_log_is_replaced_and_not_continued(tmp_path: Path) -> None:
    assert logged(tmp_path) == logged(tmp_path)
