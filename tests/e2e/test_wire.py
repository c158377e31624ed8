"""The same days in process and over TCP through the real client: two journals, equal byte for byte.

And with both processes killed at random moments: the same book.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bursar.adapters.journal import SQLiteJournal, verify
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.domain.record import encode
from bursar.runtime import demo, wire
from tests.conftest import Evidence
from tests.e2e.desk import stage_of

DAYS = 2


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_the_journal_over_the_wire_is_the_journal_in_process(home: Path, tmp_path: Path) -> None:
    stage = stage_of(home, days=5, seed=7)
    stage.request.write(tmp_path)
    over_tcp, in_process = MemoryJournal(), MemoryJournal()
    asyncio.run(wire.play(stage, over_tcp, tmp_path))
    asyncio.run(demo.play(stage, in_process))
    expected = [encode(recorded.event) for recorded in in_process.read()]
    assert [encode(recorded.event) for recorded in over_tcp.read()] == expected
    assert sum(b'"kind":"filled"' in line for line in expected) >= 5


def start(home: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.e2e.desk", str(home), str(DAYS), "7"]
    # What is killed leaves no count of its lines, and counting them would take longer than the run.
    unmeasured = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
    # Into files: the gateway that a desk starts would hold a pipe open, and whoever reads it would wait until the
    # gateway ended too, so that none would ever outlive its desk.
    with (home / "desk.out").open("w") as out, (home / "desk.err").open("w") as err:
        return subprocess.Popen(command, stdout=out, stderr=err, env=unmeasured)


def finish(home: Path, desk: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert desk.wait(timeout=120) == 0, (home / "desk.err").read_text()[-2000:]
    book: dict[str, Any] = json.loads((home / "desk.out").read_text())
    return book


@pytest.fixture(scope="module")
def undisturbed(home: Path) -> tuple[dict[str, Any], float]:
    """The book of a run that nobody disturbed, and how long it took."""
    shutil.rmtree(home / "runs", ignore_errors=True)
    begun = time.monotonic()
    book = finish(home, start(home))
    return book, time.monotonic() - begun


def kill_gateway(home: Path) -> bool:
    """SIGKILL the run's gateway, if it is there."""
    try:
        os.kill(json.loads((home / "runs/demo/gateway.json").read_text())["pid"], signal.SIGKILL)
    except (OSError, ValueError):
        return False
    return True


@dataclass
class Pace:
    """How long a run takes that nobody disturbs, by the last one that there was: other work slows all of them."""

    seconds: float


def run_with_kills(home: Path, seed: int, kills: int, pace: Pace) -> tuple[dict[str, Any], int]:
    """Kill desk, gateway or both ``kills`` times at moments of ``seed``, or until a desk gets to the end alive."""
    chance = random.Random(seed)
    shutil.rmtree(home / "runs", ignore_errors=True)
    killed = 0
    for _ in range(kills):
        begun, desk = time.monotonic(), start(home)
        victim = chance.choice(("desk", "gateway", "both"))
        # Not a wait for anything: the moment of death is what the test is about.
        die_at = begun + chance.uniform(0.2, 0.9) * pace.seconds
        while time.monotonic() < die_at and desk.poll() is None:
            time.sleep(0.01)
        if desk.poll() is not None and not killed:
            pace.seconds = time.monotonic() - begun
        if desk.poll() is None and victim in ("gateway", "both"):
            killed += kill_gateway(home)
        if desk.poll() is None and victim in ("desk", "both"):
            desk.kill()
            killed += 1
            desk.wait()
        else:
            return finish(home, desk), killed
    return finish(home, start(home)), killed


def check(home: Path, seed: int, kills: int, expected: dict[str, Any], pace: Pace) -> int:
    book, killed = run_with_kills(home, seed, kills, pace)
    assert book == expected
    verify(home / "runs/demo/journal.sqlite")
    journal = SQLiteJournal(home / "runs/demo/journal.sqlite")
    ids = [recorded.event.event_id for recorded in journal.read()]
    journal.close()
    assert len(ids) == len(set(ids))
    return killed


def kill_until(enough: int, home: Path, first_seed: int, undisturbed: tuple[dict[str, Any], float]) -> tuple[int, int]:
    """Runs with five attempts each until ``enough`` processes were killed; how many were, and in how many runs."""
    killed, runs, (expected, seconds) = 0, 0, undisturbed
    pace = Pace(seconds)
    while killed < enough:
        killed += check(home, first_seed + runs, kills=5, expected=expected, pace=pace)
        runs += 1
    return killed, runs


@pytest.mark.no_cover
def test_desk_and_gateway_killed_at_random_end_with_the_same_book(
    home: Path, undisturbed: tuple[dict[str, Any], float]
) -> None:
    assert undisturbed[0]["breaks"] == []
    assert kill_until(20, home, 0, undisturbed)[0] >= 20


@pytest.mark.prove
def test_two_hundred_kills_lose_nothing_and_double_nothing(
    home: Path, undisturbed: tuple[dict[str, Any], float], evidence: Evidence
) -> None:
    killed, runs = kill_until(200, home, 1000, undisturbed)
    evidence(kills=killed, runs=runs, lost=0, doubled=0)


# ---------------------------------------------------------------- two that take turns


class Ring:
    """Two desks of one home, each of which is started again when it was killed."""

    def __init__(self, home: Path) -> None:
        self.home, self.started = home, 0
        self.running: list[subprocess.Popen[bytes]] = []
        self.said: dict[int, tuple[Path, Path]] = {}
        self.fences: set[str] = set()

    def start(self) -> None:
        self.started += 1
        command = [sys.executable, "-m", "tests.e2e.desk", str(self.home), str(DAYS), "7", f"desk {self.started}"]
        # Into files: the gateway that a desk starts holds a pipe open long after the desk was killed.
        paths = [self.home / f"ring {self.started}.{name}" for name in ("out", "err")]
        with paths[0].open("w") as out, paths[1].open("w") as err:
            desk = subprocess.Popen(command, stdout=out, stderr=err)
        self.running.append(desk)
        self.said[desk.pid] = paths[0], paths[1]

    def kill(self, desk: subprocess.Popen[bytes]) -> tuple[str, str]:
        """Kill it, and return what it said: the number of its lease goes to the others."""
        self.running.remove(desk)
        desk.kill()
        desk.wait()
        out, err = (path.read_text(encoding="utf-8") for path in self.said[desk.pid])
        self.fences.update(line for line in err.splitlines() if line.isdigit())
        return out, err


def fought(home: Path, seed: int, kills: int) -> tuple[dict[str, Any], int, int]:
    """The book that two desks end with of which ``kills`` were killed, how many were, and how many held the lease."""
    chance = random.Random(seed)
    shutil.rmtree(home / "runs", ignore_errors=True)
    (home / "desk.sqlite").unlink(missing_ok=True)
    engine = connect(sqlite_url(home / "desk.sqlite"))
    migrate(engine)
    engine.dispose()
    ring, killed = Ring(home), 0
    for _ in range(2):
        ring.start()
    while not (ended := [desk for desk in ring.running if desk.poll() == 0]):
        for fallen in [desk for desk in ring.running if desk.poll()]:
            assert "LeaseLostError" in ring.kill(fallen)[1]  # a machine under load: the other was granted it
            ring.start()
        if killed < kills:
            # Not a wait for anything: the moment of death is what the test is about.
            time.sleep(chance.uniform(0.5, 4.0))
            ring.kill(chance.choice(ring.running))
            ring.start()
            killed += 1
        else:
            time.sleep(0.2)
    book: dict[str, Any] = json.loads(ring.kill(ended[0])[0])
    ring.kill(ring.running[0])
    return book, killed, len(ring.fences)


@pytest.mark.prove
def test_two_desks_that_are_killed_a_hundred_times_take_turns_and_double_nothing(
    home: Path, undisturbed: tuple[dict[str, Any], float], evidence: Evidence
) -> None:
    expected, _ = undisturbed
    killed = runs = turns = 0
    while killed < 100:
        book, deaths, holders = fought(home, runs, kills=10)
        assert book == expected
        verify(home / "runs/demo/journal.sqlite")
        killed, runs, turns = killed + deaths, runs + 1, turns + holders
    evidence(kills=killed, runs=runs, turns=turns, lost=0, doubled=0)
