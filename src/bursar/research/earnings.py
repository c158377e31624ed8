"""The approach of earnings: when a company will report next, as far as its past says so.

Nobody's calendar of announcements ships with Bursar, and a date that a company has not announced is a guess. This one
is simple and says what it is: companies report at about the same time of the year, on the same weekday, so the next
report is expected 52 weeks after one of the last year's. What is seen are filings, which may come some days after the
announcement; so a position that must not be held over earnings needs days to spare (``SPARE_DAYS``).

Source: Frazzini and Lamont (2007), "The Earnings Announcement Premium and Trading Volume", NBER Working Paper 13090,
for predicting the month of an announcement from the year before.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from bursar.domain.statements import NAMES
from bursar.ports import Fundamentals

YEAR = timedelta(days=364)
#: How long ago a filing may lie that the next one is expected from: a year and a late report.
MEMORY = timedelta(days=400)
SPARE_DAYS = 10


def expected_report(fundamentals: Fundamentals, symbol: str, known_at: datetime) -> date | None:
    """The day on which ``symbol`` is expected to report next, from what was known; None without a report in a year."""
    facts = fundamentals.asof(symbol, NAMES, known_at)
    filed = {fact.known_at.date() for fact in facts if known_at - fact.known_at <= MEMORY}
    coming = sorted(day + YEAR for day in filed if day + YEAR >= known_at.date())
    return coming[0] if coming else None


def days_until_report(fundamentals: Fundamentals, symbol: str, known_at: datetime) -> int | None:
    """Calendar days until the expected report; None where none is expected."""
    report = expected_report(fundamentals, symbol, known_at)
    return None if report is None else (report - known_at.date()).days


def reports_soon(fundamentals: Fundamentals, symbol: str, known_at: datetime, within_days: int) -> bool | None:
    """Whether a report may come within so many days, the spare days counted in; None where nobody knows."""
    days = days_until_report(fundamentals, symbol, known_at)
    return None if days is None else days <= within_days + SPARE_DAYS
