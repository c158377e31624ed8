"""A tape of daily closes: one quote a day, in the last minute, at the close and its spread."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from math import nan

import numpy as np
import pytest

from bursar.errors import InputError
from bursar.gateway.daily import DISPLAYED, DailyTape
from bursar.gateway.world import Tape
from tests.builders import CLOSE, DAY, OPEN, SESSION, instrument

DATES = np.array(["2022-01-03", "2022-01-04"], dtype="datetime64[D]")


def tape(spread: str = "0", closes: list[list[float]] | None = None) -> DailyTape:
    return DailyTape(
        instruments=(instrument("A"), instrument("B")),
        dates=DATES,
        closes=np.array(closes or [[100.0, 50.0], [101.0, nan]]),
        spread_basis_points=Decimal(spread),
    )


def test_the_only_quotes_of_a_day_come_in_its_last_minute() -> None:
    made: Tape = tape()
    assert made.instants(SESSION) == (OPEN - timedelta(minutes=30), OPEN, CLOSE - timedelta(minutes=1), CLOSE)
    before, opening, last_minute, bell = made.quotes(SESSION)
    assert before == opening == bell == ()
    assert [(quote.symbol, quote.bid, quote.ask, quote.last) for quote in last_minute] == [
        ("A", Decimal(100), Decimal(100), Decimal(100)),
        ("B", Decimal(50), Decimal(50), Decimal(50)),
    ]


def test_half_a_spread_lies_on_each_side_of_the_close() -> None:
    # 20 basis points of 100.00 are 0.20: bid 99.90, ask 100.10.
    quote = tape("20").quotes(SESSION)[2][0]
    assert (quote.bid, quote.ask, quote.last) == (Decimal("99.90"), Decimal("100.10"), Decimal("100.00"))


def test_what_did_not_trade_has_no_quote_and_no_print() -> None:
    second = replace(SESSION, day=date(2022, 1, 4), open=OPEN + timedelta(days=1), close=CLOSE + timedelta(days=1))
    assert [quote.symbol for quote in tape().quotes(second)[2]] == ["A"]
    assert tape().trades("B", second) == ()
    (printed,) = tape().trades("A", second)
    assert (printed.price, printed.size, printed.at) == (Decimal(101), DISPLAYED, second.close)
    assert tape().trades("C", second) == ()


def test_two_tapes_that_say_the_same_have_the_same_fingerprint() -> None:
    assert tape().fingerprint == tape().fingerprint
    assert tape().fingerprint != tape("1").fingerprint
    assert tape().fingerprint != tape(closes=[[100.0, 50.0], [101.0, 51.0]]).fingerprint


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: tape("-1"), "a spread of -1 basis points"),
        (lambda: tape(closes=[[100.0, 0.0], [1.0, 1.0]]), "B closed at 0.0 on 2022-01-03"),
        (lambda: tape(closes=[[100.0], [1.0]]), "2 days of 2 instruments have closes of shape"),
        (lambda: tape().quotes(replace(SESSION, day=date(2021, 1, 4))), "no closes on 2021-01-04"),
    ],
)
def test_what_is_no_tape_is_named(made: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        made()  # type: ignore[operator]  # each is a function without arguments


def test_the_day_of_the_tests_is_the_first_of_the_tape() -> None:
    assert DATES[0].item() == DAY
