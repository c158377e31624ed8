"""The fixture that others test their bots with; examples/ shows it at work."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from bursar.errors import InputError
from bursar.gateway.faults import Plan, Swallow, WeeklyLogin
from bursar.testing import running_gateway, sample_world


def test_time_moves_when_it_is_stepped_and_stops_at_the_end_of_the_world() -> None:
    with running_gateway(sample_world(("AAA",), days=1, step_minutes=60)) as gateway:
        assert gateway.now == datetime(2022, 1, 3, 14, 0, tzinfo=UTC)
        assert gateway.quote("AAA") is None
        assert gateway.step() == gateway.now == datetime(2022, 1, 3, 14, 30, tzinfo=UTC)
        assert gateway.open_market() == gateway.now  # it is open
        assert gateway.quote("AAA") is not None
        with pytest.raises(InputError, match="the world ended at 2022-01-03 21:30"):
            gateway.step(100)


def test_the_opening_bell_is_found() -> None:
    with running_gateway() as gateway:
        gateway.open_market()
        assert gateway.now == datetime(2022, 1, 3, 14, 30, tzinfo=UTC)


def test_a_gateway_that_cannot_listen_leaves_nothing_behind() -> None:
    with pytest.raises(InputError, match="trades live accounts"), running_gateway(port=4001):
        raise AssertionError("it must not start")


def test_the_sample_world_is_the_same_for_everybody_and_says_that_it_is_made_up() -> None:
    one, other = sample_world(), sample_world()
    assert one.fingerprint == other.fingerprint != sample_world(seed=8).fingerprint
    assert one.simulated == ("Every price, size and volume is made up; only the names are real.",)
    assert [f"{session.open:%H:%M}" for session in one.past[:1]] == ["13:30"]  # summer time, in October


def test_a_running_gateway_can_be_told_to_go_wrong() -> None:
    with running_gateway(faults=Plan(faults=(Swallow(message="positionEnd"),))) as gateway:
        gateway.strike(WeeklyLogin())
        deadline = 1000
        while deadline and listens(gateway.port):
            deadline -= 1
        assert not listens(gateway.port)
        gateway.log_in()
        while not listens(gateway.port):
            pass


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(10)
        return probe.connect_ex(("127.0.0.1", port)) == 0
