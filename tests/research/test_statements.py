"""Statements as they stand at one instant, and what the market pays for a company."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from bursar.adapters.memory import MemoryFundamentals
from bursar.errors import DataError
from bursar.ports import Fact
from bursar.research.statements import Filings, Statements, growth, market_value, ratio, read_statements
from tests.builders import OPEN
from tests.research.companies import BILLION, LAST, company, raw_closes, year
from tests.research.markets import market, walk


def test_years_come_in_order_with_the_balance_of_their_last_day() -> None:
    found = Statements.of("ACME", reversed(company(years=3, growth=0.10)))
    assert [each.end.year for each in found.years] == [2018, 2019, 2020]
    last = found.years[-1]
    assert last["revenue"] == 100 * BILLION
    assert found.years[-2]["revenue"] == pytest.approx(100 * BILLION / 1.1)
    assert last.debt == 30 * BILLION  # the only kind that it reports
    assert last.free_cash_flow == 12 * BILLION  # 18 - 6
    assert last.source == "10-K of 2020"
    assert math.isnan(last["interest_expense"])


def test_the_version_that_was_filed_last_counts() -> None:
    first = company(years=2)
    later = [
        replace(fact, value=1.0, known_at=fact.known_at + timedelta(days=365)) for fact in year(2020, {"equity": 1})
    ]
    assert Statements.of("ACME", (*later, *first)).years[-1]["equity"] == 1.0


def test_liabilities_that_are_not_reported_are_what_equity_leaves() -> None:
    found = Statements.of("ACME", company(years=1, without=["liabilities"]))
    assert found.years[-1].liabilities == 90 * BILLION  # 150 - 60


def test_without_a_balance_the_debt_is_unknown_and_not_zero() -> None:
    assert math.isnan(Statements.of("ACME", company(years=1, without=["assets"])).years[-1].debt)
    assert Statements.of("ACME", company(years=1, without=["long_term_debt"])).years[-1].debt == 0.0


def test_two_currencies_are_never_mixed() -> None:
    facts = (*company(years=1), *year(2019, {"net_income": 1.0}, unit="EUR"))
    with pytest.raises(DataError, match="mix EUR and USD"):
        Statements.of("ACME", facts)


def test_years_in_a_row_have_no_hole() -> None:
    whole = Statements.of("ACME", company(years=3))
    assert len(whole.last(3)) == 3
    with pytest.raises(DataError, match="needs 5 fiscal years in a row and has 3"):
        whole.last(5)
    holed = [fact for fact in company(years=4) if fact.at != date(2019, 12, 31)]
    with pytest.raises(DataError, match="needs 3 fiscal years in a row and has 3 with a hole"):
        Statements.of("ACME", holed).last(3)


def test_statements_that_are_missing_or_old_are_said_to_be() -> None:
    source = MemoryFundamentals(company())
    assert read_statements(source, "ACME", OPEN).years[-1].end.year == LAST
    with pytest.raises(DataError, match="no annual statement of it is known"):
        read_statements(source, "OTHER", OPEN)
    with pytest.raises(DataError, match="ended 2020-12-31, more than 540 days ago"):
        read_statements(source, "ACME", datetime(2022, 7, 1, tzinfo=UTC))


def test_growth_and_ratios_by_hand() -> None:
    assert growth(100.0, 121.0, 2) == pytest.approx(0.10)
    assert math.isnan(growth(-1.0, 5.0, 2))
    assert math.isnan(growth(1.0, math.nan, 2))
    assert ratio(3.0, 4.0) == 0.75
    assert math.isnan(ratio(3.0, 0.0))
    assert math.isnan(ratio(3.0, -4.0))


# ---------------------------------------------------------------- what the market pays


FOUND = Statements.of("ACME", company())


def closes(final: float) -> np.ndarray:
    """Adjusted closes of 400 days at 10, the last one ``final``: the shares were counted on 2021-02-14."""
    column = np.full(400, 10.0)
    column[-1] = final
    return column


def test_the_market_value_follows_the_adjusted_close_from_the_day_of_the_count() -> None:
    # A billion shares at a raw close of 50, and the adjusted close went from 10 to 12: 50 * 1.2 = 60 billion.
    seen = market({"ACME": closes(12.0)})
    assert market_value(FOUND, raw_closes({"ACME": 50.0}), seen) == pytest.approx(60 * BILLION)


def test_shares_that_were_counted_after_a_split_meet_the_price_after_it() -> None:
    # 20 for 1 with a count of 20 billion, filed when the raw close was 5: the company costs the same 100 billion.
    before = market_value(FOUND, raw_closes({"ACME": 100.0}), market({"ACME": closes(10.0)}))
    after = Statements.of("ACME", company(shares=20.0))
    assert market_value(after, raw_closes({"ACME": 5.0}), market({"ACME": closes(10.0)})) == before == 100 * BILLION


def test_what_keeps_the_market_value_unknown_is_named() -> None:
    raw, seen = raw_closes({"ACME": 50.0}), market({"ACME": closes(12.0)})
    uncounted = Statements.of("ACME", company(without=["shares"]))
    with pytest.raises(DataError, match="the number of its shares is not known"):
        market_value(uncounted, raw, seen)
    with pytest.raises(DataError, match="no raw close is known, and an adjusted one is not what a share cost"):
        market_value(FOUND, None, seen)
    with pytest.raises(DataError, match="no raw close is known, and"):
        market_value(FOUND, raw_closes({}, lacks=frozenset({"raw_close"})), seen)
    with pytest.raises(DataError, match="a test has no ACME"):
        market_value(FOUND, raw_closes({"OTHER": 1.0}), seen)
    with pytest.raises(DataError, match="no raw close is known of 2021-02-15"):
        market_value(FOUND, raw_closes({"ACME": math.nan}), seen)
    early = Statements.of("ACME", year(2019, {"net_income": 1.0, "shares": 1.0}))
    with pytest.raises(DataError, match="no raw close is known of 2020-02-15"):
        market_value(early, raw, seen)
    with pytest.raises(DataError, match="the data has no closes of it"):
        market_value(FOUND, raw, market({"OTHER": walk()}))
    with pytest.raises(DataError, match="no adjusted close of 2021-02-14 or of the last day"):
        market_value(FOUND, raw, market({"ACME": walk(100)}))
    with pytest.raises(DataError, match="no adjusted close"):
        market_value(FOUND, raw, market({"ACME": closes(math.nan)}))
    with pytest.raises(DataError, match="would cost -6e\\+10 together, which is no price"):
        market_value(FOUND, raw_closes({"ACME": -50.0}), seen)


def test_statements_are_read_once_at_an_instant_and_anew_at_the_next() -> None:
    asked: list[datetime] = []

    class Counted(MemoryFundamentals):
        def asof(self, symbol: str, names: Sequence[str], known_at: datetime) -> tuple[Fact, ...]:
            asked.append(known_at)
            return super().asof(symbol, names, known_at)

    filings, later = Filings(Counted(company())), OPEN + timedelta(days=1)
    first = read_statements(filings, "ACME", OPEN)
    assert read_statements(filings, "ACME", OPEN) is first
    assert read_statements(filings, "ACME", later) == first
    assert asked == [OPEN, later]
    assert filings.asof("ACME", ("equity",), OPEN) == MemoryFundamentals(company()).asof("ACME", ("equity",), OPEN)
