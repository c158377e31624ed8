"""The real prices that ship in the wheels, read once a process."""

from __future__ import annotations

from datetime import date
from functools import cache

from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.history import Facts
from bursar.adapters.vendors import wheels


@cache
def calendar() -> ExchangeCalendar:
    """New York, over the days of the sample."""
    return ExchangeCalendar("XNYS", date(1990, 1, 1), date(2022, 12, 31))


@cache
def stock_facts() -> Facts:
    """Closes of the 20 stocks."""
    return wheels.load(wheels.STOCKS_FILE, wheels.STOCKS, calendar())
