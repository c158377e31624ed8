"""Settings say when the gateway restarts, when a person must log in, and how wrong its clock may be."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from bursar.config import Given, Settings, build
from bursar.runtime.watch import policy


def settings(**values: object) -> Settings:
    return build({key.replace("__", "."): Given(value, "a test") for key, value in values.items()})


def test_the_night_and_the_week_of_the_gateway_are_those_that_were_set() -> None:
    made = policy(
        settings(
            broker__restart_at="04:30",
            broker__restart_minutes=20,
            broker__login_day="monday",
            broker__login_at="06:15",
            broker__clock_minutes_max=3,
            broker__reconnect_trial_minutes=15,
        )
    )
    assert (made.restart_at, made.restart_for) == (time(4, 30), timedelta(minutes=20))
    assert (made.login_weekday, made.login_at) == (0, time(6, 15))
    assert made.skew_max == timedelta(minutes=3)
    assert made.breaker_pause == timedelta(minutes=15)
    assert made.resting(datetime(2022, 1, 6, 9, 40, tzinfo=UTC))
    assert not made.resting(datetime(2022, 1, 6, 9, 51, tzinfo=UTC))
    assert made.login_after(datetime(2022, 1, 6, 12, tzinfo=UTC)) == datetime(2022, 1, 10, 11, 15, tzinfo=UTC)


def test_what_nobody_set_is_what_ibkr_tells_of_its_systems() -> None:
    made = policy(Settings())
    assert (made.restart_at, made.restart_for) == (time(23, 45), timedelta(hours=1))
    assert (made.login_weekday, made.login_at) == (6, time(1, 0))
