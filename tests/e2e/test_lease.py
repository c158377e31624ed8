"""`bursar trade` under the lease: real processes on one database, of which one trades an account and none beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.adapters.journal import head_path, read, verify
from bursar.adapters.store.database import connect, sqlite_url
from bursar.adapters.store.lease import StoreLease
from bursar.domain.events import Event, OrderPlaced
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.testing import running_gateway
from tests.e2e.person import ADDED

#: `bursar`, with leases that last two seconds.
PROGRAM = """
import sys
from datetime import timedelta
from functools import partial
from bursar.desk import cli, turns
turns.tenures = partial(turns.tenures, length=timedelta(seconds=2))
raise SystemExit(cli.main(sys.argv[1:]))
"""


class Houses:
    """Two homes that share a database, and the processes that were started in them."""

    def __init__(self, folder: Path, data: Path, port: int) -> None:
        self.database = folder / "shared.sqlite"
        self.started: list[subprocess.Popen[bytes]] = []
        self.folder = folder
        for name in ("one", "two"):
            (folder / name).mkdir()
            (folder / name / "data").symlink_to(data)
            (folder / name / "bursar.toml").write_text(
                f'{ADDED}[strategy]\nautonomy = "automatic"\n[store]\ndatabase = "{self.database}"\n'
                f"[accounts.practice]\nport = {port}\n"
            )

    def trades(self, home: str, *more: str) -> subprocess.Popen[bytes]:
        toml = str(self.folder / home / "bursar.toml")
        words = ("trade", "--account", "practice", "--config", toml, "--every", "0.05", *more)
        told = self.folder / f"{len(self.started)}.err"
        with told.open("wb") as err:
            program = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *words],
                stdout=subprocess.DEVNULL,
                stderr=err,
                env={**os.environ, "BURSAR_HOME": str(self.folder / home)},
            )
        self.started.append(program)
        return program

    def said(self, program: subprocess.Popen[bytes]) -> str:
        return (self.folder / f"{self.started.index(program)}.err").read_text()

    def events(self, home: str) -> list[Event]:
        path = self.folder / home / "accounts" / "DU9000001" / "journal.sqlite"
        return [each.event for each in read(path)] if head_path(path).is_file() else []

    def holder(self) -> str:
        engine = connect(sqlite_url(self.database))
        (grant,) = StoreLease(engine).holders()
        engine.dispose()
        return grant.holder


@pytest.fixture
def houses(stage: tuple[World, Terms, Path], tmp_path: Path) -> Iterator[Houses]:
    world, terms, home = stage
    with running_gateway(world, terms, stepped_by_clients=True) as gateway:
        gateway.open_market()
        made = Houses(tmp_path, home / "data", gateway.port)
        yield made
        for program in made.started:
            program.kill()
            program.wait()


def test_a_second_process_is_refused_by_the_name_of_the_first_and_goes_on_when_that_one_was_killed(
    houses: Houses,
) -> None:
    first = houses.trades("one")
    deadline = time.monotonic() + 60
    while not any(isinstance(event, OrderPlaced) for event in houses.events("one")):
        assert first.poll() is None, houses.said(first)
        assert time.monotonic() < deadline, houses.said(first)
        time.sleep(0.05)
    assert houses.holder().endswith(f"/{first.pid}")

    second = houses.trades("two")
    assert second.wait(60) == 2, houses.said(second)
    assert f"/{first.pid} trades DU9000001: it holds the lease until " in houses.said(second)
    assert first.poll() is None
    assert houses.events("two") == [], "who is refused has written nothing"

    first.kill()
    first.wait()
    again = houses.trades("one", "--until", "10:30")
    assert again.wait(60) == 0, houses.said(again)
    assert "DU9000001 trades within its limits" in houses.said(again)
    verify(houses.folder / "one" / "accounts" / "DU9000001" / "journal.sqlite")
    placed = [event.order.order_id for event in houses.events("one") if isinstance(event, OrderPlaced)]
    assert len(placed) == len(set(placed))
