"""What a run is held against, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from bursar.adapters.vendors import PriceKind
from bursar.ports import Panel
from bursar.runtime.results import DayResult, RoundTrip
from bursar.runtime.yardstick import Bill, daily_returns, equal_weight, report_keys, without_best

CASH = Decimal(1000)
DAYS = [date(2022, 1, 3), date(2022, 1, 4)]
BILL = Bill(daily=np.zeros(2), held=False)


def day(on: date, equity: str) -> DayResult:
    worth = Decimal(equity)
    return DayResult(
        day=on, views=(), decisions=(), orders=(), fills=(), fees=Decimal(0), pnl=Decimal(0), equity=worth, cash=worth
    )


def trip(pnl: int, days: int) -> RoundTrip:
    return RoundTrip(
        symbol="AAA", opened=date(2022, 1, 3), closed=date(2022, 1, 3 + days), quantity=Decimal(1), pnl=Decimal(pnl)
    )


def test_equal_weight_is_bought_the_evening_before_and_left_alone() -> None:
    # 990 after a cost of 1/99: AAA doubles, BBB halves: 495 * 2 + 495 * 0.5 = 1,237.50; then AAA is back.
    closes = Panel(
        np.array(["2021-12-31", "2022-01-03", "2022-01-04"], dtype="datetime64[D]"),
        ("AAA", "BBB"),
        np.array([[10.0, 40.0], [20.0, 20.0], [10.0, 20.0]]),
    )
    yardstick = equal_weight(closes, DAYS, CASH, Decimal(1) / Decimal(99), PriceKind.TOTAL_RETURN)
    assert [point.equity for point in yardstick.curve] == [Decimal("1237.50"), Decimal("742.50")]
    assert yardstick.kind == "total return"


def test_returns_go_from_close_to_close_and_the_first_from_the_cash() -> None:
    assert daily_returns([day(DAYS[0], "1100"), day(DAYS[1], "990")], CASH) == pytest.approx([0.1, -0.1])


def test_the_keys_of_a_run_with_round_trips() -> None:
    keys = report_keys([day(DAYS[0], "1100"), day(DAYS[1], "990")], [trip(5, 1), trip(-5, 3)], CASH, 1, BILL)
    assert keys.total_return_pct == pytest.approx(-1.0)
    assert keys.max_drawdown == pytest.approx(0.1)
    assert keys.win_rate == 0.5
    assert keys.average_trade_duration_days == 2.0
    assert keys.sharpe_ratio is None
    assert "too few" in keys.missing["sharpe_ratio"]


def test_what_a_run_cannot_support_is_missing_and_says_why() -> None:
    still = [day(date(2022, 1, number), "1000") for number in range(3, 10)]
    keys = report_keys(still, [], CASH, 0, Bill(daily=np.zeros(7), held=True))
    assert keys.win_rate is keys.sharpe_ratio is keys.average_trade_duration_days is None
    assert keys.missing["sharpe_ratio"] == "equity did not move"
    assert keys.missing["win_rate"] == "no position was closed"


def test_a_break_even_round_trip_is_not_won() -> None:
    assert report_keys([day(DAYS[0], "1000")], [trip(0, 1)], CASH, 0, BILL).win_rate == 0.0


def test_the_three_best_names_are_taken_out_and_losers_stay() -> None:
    left = without_best(
        {"A": Decimal(50), "B": Decimal(40), "C": Decimal(30), "D": Decimal(20), "E": Decimal(-60)},
        Decimal(1080),
        CASH,
    )
    assert left.symbols == ("A", "B", "C")
    assert left.pnl == 120
    assert left.total_return_pct == pytest.approx(-4.0)
    assert without_best({"E": Decimal(-60)}, Decimal(940), CASH).symbols == ()


def test_the_bill_compounds() -> None:
    assert Bill(daily=np.array([0.1, 0.1]), held=False).total_pct == pytest.approx(21.0)
