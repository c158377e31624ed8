"""Real splits and dividends of real shares, against the adjustment factors that another program keeps of them."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from bursar.domain import events as e
from bursar.ledger.performance import chronicle
from tests.ledger.tale import Tale, U, dec

Actions = dict[date, list[tuple[str, str]]]


def closes(folder: Path, symbol: str) -> list[tuple[date, Decimal]]:
    table = pl.read_parquet(folder / "daily" / "lean_raw_unadjusted_1998_2021.parquet").filter(
        pl.col("symbol") == symbol
    )
    return [(at.date(), Decimal(str(close))) for at, close in table.select("date", "close").sort("date").iter_rows()]


def actions(folder: Path, symbol: str, sessions: list[date]) -> Actions:
    """What happened on each ex-date, which is the first session after the last one with the right attached."""
    told: Actions = defaultdict(list)
    with (folder / "corporate_actions" / "lean_events_derived.csv").open() as file:
        for row in csv.DictReader(file):
            if row["symbol"] == symbol:
                place = bisect_right(sessions, date.fromisoformat(row["last_cum_date"]))
                if 0 < place < len(sessions):
                    told[sessions[place]].append((row["kind"], row["value"]))
    return told


def factors(folder: Path, symbol: str) -> list[tuple[date, float]]:
    """(last day on which it holds, factor that makes a close comparable with today's), oldest first."""
    with (folder / "corporate_actions" / "lean_factor_files.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["symbol"] == symbol]
    return [(date.fromisoformat(row["date"]), float(row["price_factor"]) * float(row["split_factor"])) for row in rows]


def lived(symbol: str, series: list[tuple[date, Decimal]], happened: Actions) -> tuple[Tale, Decimal, Decimal]:
    """100 shares from the first close on; dividends are taken out. Returns the tale, the shares and the dividends."""
    tale = Tale(cash=series[0][1] * 100).on(series[0][0].isoformat()).list(symbol).buy(100, series[0][1], symbol)
    shares, received = Decimal(100), Decimal(0)
    for day, close in series:
        tale.on(day.isoformat())
        for kind, value in happened.get(day, []):
            if kind == "split":
                ratio = Fraction(value).limit_denominator(20)
                tale.add(e.Split, symbol=symbol, new=dec(ratio.numerator), old=dec(ratio.denominator))
                shares = shares * ratio.numerator / ratio.denominator
            else:
                paid = round(shares * dec(value), 2)
                tale.dividend(paid, symbol).deposit(-paid)
                received += paid
        tale.add(e.Marked, prices={symbol: close}, official=True)
    return tale, shares, received


@pytest.mark.no_cover
@pytest.mark.parametrize("symbol", ["AAPL", "AIG", "IBM", "SPY"])
def test_books_through_real_splits_and_dividends_earn_what_adjusted_prices_say(symbol: str, test_data: Path) -> None:
    series = closes(test_data, symbol)
    sessions = [day for day, _ in series]
    happened = actions(test_data, symbol, sessions)
    tale, shares, received = lived(symbol, series, happened)
    main = tale.main()
    assert main.positions[symbol].quantity == round(shares, 8)
    assert main.positions[symbol].cost_basis == series[0][1] * 100, "no split and no dividend touches the cost"
    assert main.income == {"USD": received}
    adjusted, wrong = factors(test_data, symbol), []
    ends = [day for day, _ in adjusted]
    days = chronicle(tale.events, U)
    assert len(days) == len(series)
    for number in range(1, len(days)):
        before, after = (close for _, close in series[number - 1 : number + 1])
        f_before, f_after = (
            adjusted[bisect_right(ends, day - timedelta(days=1))][1] for day in sessions[number - 1 : number + 1]
        )
        # Adjusted prices reinvest a dividend at the close before; the books are paid it: r = a (1 - d / p) + d / p.
        yielded = float(
            sum(dec(value) for kind, value in happened.get(sessions[number], []) if kind == "dividend")
        ) / float(before)
        reinvested = float(after) * f_after / (float(before) * f_before) - 1
        expected = (1 + reinvested) * (1 - yielded) + yielded - 1
        earned = days[number].simple_return
        assert earned is not None
        if abs(earned - expected) > 2e-4:
            wrong.append((sessions[number], earned, expected))
    assert len(happened) > 20
    assert wrong == []
