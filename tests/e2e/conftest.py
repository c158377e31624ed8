"""A person at a terminal, and three days of a world for our gateway, made once."""

from __future__ import annotations

from pathlib import Path

import ib_async
import pytest

from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from tests.e2e.desk import stage_of
from tests.e2e.person import Person


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Terms, Path]:
    from bursar.runtime import stage as stages

    home = tmp_path_factory.mktemp("home")
    made = stage_of(home, days=3, seed=7)
    return made.world, stages.terms(made), home


@pytest.fixture
def person(
    stage: tuple[World, Terms, Path],
    bursar_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Person:
    sent: list[str] = []
    send = ib_async.client.Client.sendMsg

    def recorded(client: ib_async.client.Client, message: str) -> None:
        sent.append(message.split("\0", 1)[0])
        send(client, message)

    monkeypatch.setattr(ib_async.client.Client, "sendMsg", recorded)
    (bursar_home / "data").symlink_to(stage[2] / "data")
    return Person(capsys, bursar_home, sent)
