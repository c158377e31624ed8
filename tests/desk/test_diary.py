"""The agenda as people read it: each market on its own clock, what was done of it, and what comes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from bursar.adapters.calendars import FixedCalendar
from bursar.config import Given, Settings, build
from bursar.desk import diary
from bursar.desk.past import Past
from bursar.domain.events import Event, TaskFinished, TasksMissed
from bursar.domain.sessions import Session
from bursar.ports import Recorded
from tests.builders import SESSION
from tests.desk.api.world import Ask, app_on, desk_on, send

ZONES = {"XNYS": "America/New_York", "XASX": "Australia/Sydney", "XETR": "Europe/Berlin", "XLON": "Europe/London"}


@pytest.fixture(autouse=True)
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days everywhere, since calendars have tests of their own (tests/trading/test_diary.py)."""

    def sessions(exchange: str, year: int, keep: Path | None) -> tuple[Session, ...]:
        first = replace(SESSION, exchange=exchange, zone=ZONES[exchange])
        second = replace(first, day=date(2022, 1, 4), open=first.open.replace(day=4), close=first.close.replace(day=4))
        return FixedCalendar((first, second)).sessions(first.day, second.day)

    monkeypatch.setattr(diary, "sessions", sessions)


def past(*events: Event, simulated: bool = False) -> Past:
    made = Past()
    made.take(Recorded(number, event, b"") for number, event in enumerate(events, start=1))
    if simulated:
        made.simulated["the market"] = None
    return made


def done(task: str, at: datetime, day: date = SESSION.day) -> TaskFinished:
    return TaskFinished(event_id=f"{task}/XNYS/{day}", at=at, task=task, day=day)


def settings(**said: object) -> Settings:
    return build({key.replace("__", "."): Given(value, "in a test") for key, value in said.items()})


NOON = datetime(2022, 1, 3, 17, tzinfo=UTC)


def told(made: Past, now: datetime = NOON, **said: object) -> list[dict[str, Any]]:
    return list(diary.diary(settings(**said), made, now, None))


def test_each_task_is_ahead_due_done_or_over_and_the_next_one_is_named() -> None:
    missed = TasksMissed(event_id="m", at=NOON, exchange="XNYS", day=date(2021, 12, 31), tasks=("review",))
    (said,) = told(past(missed, done("analyze", NOON), done("open", NOON)))
    assert {each["task"]: each["state"] for each in said["today"]} == {
        "analyze": "done",
        "open": "done",
        "decide": "due",
        "trade": "due",
        "close": "ahead",
        "review": "ahead",
    }
    assert (said["market"], said["exchange"], said["traded"], said["open"], said["half_day"]) == (
        *("US", "XNYS"),
        *(True, True, False),
    )
    assert said["next"] == {"task": "close", "at": "2022-01-03T21:00:00Z", "local": "Mon 03 Jan 16:00"}
    (late,) = told(past(), datetime(2022, 1, 3, 22, tzinfo=UTC))
    assert late["today"][2]["state"] == "over"


def test_each_market_that_is_named_is_told_on_its_own_clock() -> None:
    found = told(past(), schedule__markets=["US", "AU", "EU", "UK"])
    assert [(each["market"], each["zone"], each["traded"]) for each in found] == [
        ("US", "America/New_York", True),
        ("AU", "Australia/Sydney", False),
        ("EU", "Europe/Berlin", False),
        ("UK", "Europe/London", False),
    ]
    local = {each["market"]: each["today"][0]["local"] for each in found if each["today"]}
    assert set(local.values()) == {"09:00"}


def test_the_market_that_is_traded_comes_first_and_is_told_as_such() -> None:
    found = told(past(), market__exchange="XASX", schedule__markets=["US", "EU"])
    assert [(each["market"], each["exchange"], each["traded"]) for each in found] == [
        ("AU", "XASX", True),
        ("US", "XNYS", False),
        ("EU", "XETR", False),
    ]
    frankfurt, new_york = told(past(done("open", NOON)), market__exchange="XETR", schedule__markets=["US", "EU"])
    assert {each["task"]: each["state"] for each in frankfurt["today"]}["open"] == "done"
    assert {each["task"]: each["state"] for each in new_york["today"]}["open"] == "due"
    lines = list(diary.lines(settings(market__exchange="XASX", schedule__markets=["US"]), past(), NOON, None))
    assert [line.split()[:3] for line in lines] == [["AU", "XASX", "traded"], ["US", "XNYS", "shown"]]


def test_in_a_world_of_its_own_the_last_event_tells_the_time() -> None:
    world = past(done("analyze", datetime(2022, 1, 3, 14, tzinfo=UTC)), simulated=True)
    (said,) = told(world, datetime(2026, 11, 29, tzinfo=UTC))
    assert said["at"] == "2022-01-03T14:00:00Z"
    (line,) = diary.lines(settings(), world, NOON, None)
    assert line == "US  XNYS  traded  next: open Mon 03 Jan 09:30 America/New_York"


def test_where_the_calendar_ends_nothing_comes_next_and_a_holiday_has_no_tasks() -> None:
    (said,) = told(past(), datetime(2022, 1, 9, tzinfo=UTC))
    assert (said["today"], said["next"], said["open"]) == ([], None, False)
    (line,) = diary.lines(settings(), past(), datetime(2022, 1, 9, tzinfo=UTC), None)
    assert line == "US  XNYS  traded  next: nothing any more"


def test_the_api_tells_it_with_the_rules(tmp_path: Path) -> None:
    desk = desk_on(tmp_path)
    (answer,) = send(app_on(desk), Ask("GET", "/api/v1/agenda"), role="viewer")
    said = answer.json()
    assert (said["rebalance"], said["missed"], said["items"][0]["market"]) == ("daily", "catch_up", "US")
    desk.home = None
    (answer,) = send(app_on(desk), Ask("GET", "/api/v1/agenda"), role="viewer")
    assert answer.status_code == 200
