"""The agenda of the markets, as people read it: what is due when on each exchange's clock, and what was done of it.

Where the account that is traded lives in a world of its own, its last event tells the time there. What is traded is one
market, that of ``market.exchange``; of the others there are the times, and nobody who acts at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bursar.adapters.calendars import ExchangeCalendar
from bursar.config import Settings
from bursar.desk import views
from bursar.desk.past import Past
from bursar.domain.events import TaskFinished, TasksMissed
from bursar.domain.sessions import Session
from bursar.domain.venues import venue
from bursar.trading.agenda import Agenda, Task, ahead

#: The exchange whose sessions stand for a market.
EXCHANGES = {"US": "XNYS", "AU": "XASX", "EU": "XETR", "UK": "XLON"}


@lru_cache(maxsize=16)
def sessions(exchange: str, year: int, keep: Path | None) -> tuple[Session, ...]:
    """The sessions of a year and of those beside it."""
    first, last = date(year - 1, 1, 1), date(year + 1, 12, 31)
    return ExchangeCalendar(exchange, first, last, keep).sessions(first, last)


def time_of(past: Past, now: datetime) -> datetime:
    """What time it is where the account is traded: ``now``, or as late as its made-up world is."""
    return past.records[-1].event.at if past.simulated and past.records else now


def last_done(past: Past) -> dict[Task, date]:
    """By task, the day of the last session for which it was done or is known to have been missed."""
    found: dict[Task, date] = {}
    for event in past.events:
        if isinstance(event, TaskFinished):
            found[Task(event.task)] = event.day
        elif isinstance(event, TasksMissed):
            found |= {Task(task): event.day for task in event.tasks}
    return found


def diary(settings: Settings, past: Past, now: datetime, keep: Path | None) -> Iterator[dict[str, Any]]:
    """Each market's day: its session, its tasks with their state, and what comes next; first the one that is traded."""
    at, done = time_of(past, now), last_done(past)
    here = venue(settings.market.exchange)
    for market in dict.fromkeys((here.market, *settings.schedule.markets)):
        traded = market == here.market
        calendar = sessions(here.code if traded else EXCHANGES[market], at.year, keep)
        rules = replace(settings.schedule.agenda(), zone=settings.market.timezone if traded else "")
        yield _market(market, calendar, rules, at, done if traded else {}, traded=traded)


def _market(
    market: str, calendar: tuple[Session, ...], rules: Agenda, at: datetime, done: dict[Task, date], *, traded: bool
) -> dict[str, Any]:
    zone = ZoneInfo(calendar[0].zone)
    today = next((each for each in calendar if each.day == at.astimezone(zone).date()), None)
    following = ahead(calendar, rules, at, done)
    return {
        "market": market,
        "exchange": calendar[0].exchange,
        "zone": calendar[0].zone,
        "traded": traded,
        "at": views.moment(at),
        "open": today is not None and today.contains(at),
        "half_day": today is not None and today.half_day,
        "today": [
            {
                "task": item.task.value,
                "at": views.moment(item.at),
                "local": f"{item.at.astimezone(zone):%H:%M}",
                "state": "ahead"
                if at < item.at
                else "done"
                if done.get(item.task, date.min) >= item.day
                else "due"
                if at < item.until
                else "over",
            }
            for item in (rules.items(today) if today else ())
        ],
        "next": None
        if following is None
        else {
            "task": following.task.value,
            "at": views.moment(following.at),
            "local": f"{following.at.astimezone(zone):%a %d %b %H:%M}",
        },
    }


def lines(settings: Settings, past: Past, now: datetime, keep: Path | None) -> Iterator[str]:
    """A line for each market: what comes next there."""
    for said in diary(settings, past, now, keep):
        following = said["next"]
        words = f"{following['task']} {following['local']} {said['zone']}" if following else "nothing any more"
        yield f"{said['market']:3} {said['exchange']}  {'traded' if said['traded'] else 'shown '}  next: {words}"
