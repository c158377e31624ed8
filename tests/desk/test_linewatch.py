"""The line as `bursar doctor --watch` tells it, at a gateway that goes wrong on command."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.adapters.clock import ReplayClock
from bursar.config import Settings
from bursar.config.settings import Broker
from bursar.desk import cli
from bursar.desk.linewatch import WATCHER, Seen, watch
from bursar.gateway import faults as f
from bursar.gateway.exchange import Exchange
from bursar.gateway.faults import Faults, Plan
from bursar.gateway.hub import Hub
from bursar.gateway.server import Server
from tests.builders import OPEN
from tests.gateway import worlds


def settings(port: int) -> Settings:
    return Settings(broker=Broker(port=port, reconnect_attempts_max=1, reconnect_delay_seconds=Decimal(2)))


def told(seen: list[Seen]) -> list[tuple[str, str]]:
    return [(each.state, each.why) for each in seen if not each.alert]


def test_it_tells_what_the_broker_tells_everybody_and_disturbs_nobody() -> None:
    seen: list[Seen] = []

    async def script() -> None:
        plan = Plan(
            seed=0,
            faults=(f.ConnectivityLost(at=OPEN, instants=1), f.FarmBroken(at=OPEN + timedelta(hours=5), instants=1)),
        )
        hub = Hub(Exchange(worlds.written()), faults=Faults(plan))
        async with Server(hub, barrier=False) as server:
            looks = 0

            async def step(_until: datetime) -> None:
                """One instant of the world for each look; time of our own for what goes over the socket."""
                server.step()
                for _ in range(50):
                    await asyncio.sleep(0)

            def until() -> bool:
                nonlocal looks
                looks += 1
                assert set(hub.clients) == {1 + WATCHER}
                return looks == 6

            await watch(settings(server.port), ReplayClock(OPEN), seen.append, until=until, pause=step)
            assert hub.exchange.open_orders() == ()

    asyncio.run(script())
    assert told(seen)[:3] == [
        ("up", "connected, and prices are live"),
        ("server_down", "the gateway lost the broker (1100)"),
        ("up", "connected, and prices are live"),
    ]
    assert ("farm_down", "market data farm usfarm is broken") in told(seen)
    assert next(each.alert for each in seen if each.alert) == (
        "The line is server_down: the gateway lost the broker (1100)."
    )


def test_a_gateway_that_goes_away_is_tried_again_and_then_seldom() -> None:
    seen: list[Seen] = []
    clock = ReplayClock(OPEN)

    async def script() -> None:
        async with Server(Hub(Exchange(worlds.written()))) as server:
            looks = 0

            async def breathe(until: datetime) -> None:
                nonlocal looks
                looks += 1
                if looks == 1:
                    await server.close()
                for _ in range(20):
                    await asyncio.sleep(0)
                clock.advance(until)

            await watch(settings(server.port), clock, seen.append, until=lambda: looks > 8, pause=breathe)

    asyncio.run(script())
    states = [each.state for each in seen if not each.alert]
    assert states == ["up", "socket_down", "broken"]
    (alert,) = [each.alert for each in seen if each.alert]
    assert alert.startswith("The line is broken: since 2022-01-03 14:30 UTC, 2 attempts failed (no gateway answers at ")


def test_the_command_tells_one_line_a_change(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "bursar.toml"
    # Without the window of the nightly restart: the command looks at the clock on the wall.
    file.write_text("[broker]\nport = 1\nrestart_minutes = 0\n")
    assert cli.main(["doctor", "--watch", "--seconds", "0.01", "--json", "--config", str(file)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["state"] == "socket_down"
    assert "no gateway answers at 127.0.0.1:1" in lines[0]["why"]
    assert cli.main(["doctor", "--watch", "--seconds", "0.01", "--config", str(file)]) == 0
    assert "socket_down" in capsys.readouterr().out
