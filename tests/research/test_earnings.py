"""The approach of earnings: expected from the year before, and from nothing that came later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

from bursar.adapters.memory import MemoryFundamentals
from bursar.adapters.vendors.edgar import read_company
from bursar.ports import Fact
from bursar.research.earnings import days_until_report, expected_report, reports_soon


def filed(*days: date) -> MemoryFundamentals:
    return MemoryFundamentals(
        Fact(
            symbol="ACME",
            name="net_income",
            value=1.0,
            unit="USD",
            at=day - timedelta(days=40),
            known_at=datetime(day.year, day.month, day.day, 21, tzinfo=UTC),
            source="a filing",
        )
        for day in days
    )


AT = datetime(2022, 1, 3, 14, tzinfo=UTC)


def test_the_next_report_is_expected_52_weeks_after_the_last_years() -> None:
    known = filed(date(2020, 2, 12), date(2021, 2, 10), date(2021, 5, 12))
    assert expected_report(known, "ACME", AT) == date(2022, 2, 9)  # a Wednesday, as the tenth of February 2021 was
    assert days_until_report(known, "ACME", AT) == 37
    assert reports_soon(known, "ACME", AT, 30) is True  # 37 days, of them ten to spare
    assert reports_soon(known, "ACME", AT, 20) is False


def test_without_a_report_in_a_year_nobody_knows() -> None:
    assert expected_report(filed(), "ACME", AT) is None
    assert days_until_report(filed(date(2019, 2, 12)), "ACME", AT) is None
    assert reports_soon(filed(), "ACME", AT, 30) is None


def test_a_report_that_comes_later_changes_nothing_before() -> None:
    before = filed(date(2021, 2, 10))
    after = filed(date(2021, 2, 10), date(2022, 1, 20))
    assert expected_report(before, "ACME", AT) == expected_report(after, "ACME", AT)


def test_apples_reports_came_within_ten_days_of_what_was_expected(test_data: Path) -> None:
    """Every 10-K from 2012 on, asked for thirty days before it was filed."""
    facts = read_company(test_data / "fundamentals" / "companyfacts_AAPL_CIK0000320193.json.gz", "AAPL")
    known = MemoryFundamentals(facts)
    filings = sorted({fact.known_at for fact in facts if fact.name == "net_income" and fact.known_at.year >= 2012})
    missed = []
    for filing in filings:
        expected = expected_report(known, "AAPL", filing - timedelta(days=30))
        if expected is not None:
            missed.append(abs((expected - filing.date()).days))
    assert len(missed) >= 10
    assert median(missed) <= 10
