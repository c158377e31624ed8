"""The fence at the journal: a holder that slept past its end writes nothing, and so sends nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, select

from bursar.adapters.store.database import connect
from bursar.adapters.store.journal import StoreJournal
from bursar.adapters.store.lease import StoreCommands, StoreLease
from bursar.adapters.store.sealing import Cipher, new_key
from bursar.adapters.store.tables import CommandRow, LeaseRow
from bursar.domain.events import Alerted
from bursar.errors import LedgerError
from bursar.ports import Command
from tests.conftest import Evidence
from tests.samples import AT

HOUR = timedelta(hours=1)
U = "DU9000001"


def note(number: int, message: str = "hello") -> Alerted:
    return Alerted(event_id=f"n-{number}", at=AT, severity="info", message=message)


def test_a_holder_that_slept_past_its_end_commits_nothing(engine: Engine, url: str, tmp_path: Path) -> None:
    lease = StoreLease(engine)
    first = lease.acquire(U, "a", AT + HOUR, AT)
    assert first is not None
    with (
        closing(StoreJournal(url, tmp_path / "head")) as sleeper,
        closing(StoreJournal(url, tmp_path / "head")) as other,
    ):
        sleeper.fence(first)
        asyncio.run(sleeper.append([note(1)]))
        second = lease.acquire(U, "b", AT + 3 * HOUR, AT + 2 * HOUR)
        assert second is not None
        other.fence(second)
        asyncio.run(other.append([note(2)]))
        said = "a held the lease of DU9000001 as number 1, and number 2 was granted since; it must not trade any more"
        with pytest.raises(LedgerError, match=said):
            asyncio.run(sleeper.append([note(3)]))
        with pytest.raises(LedgerError, match=said):
            asyncio.run(sleeper.append([note(1)]))  # not even a repetition is confirmed
        asyncio.run(other.append([note(4)]))
        assert [each.event.event_id for each in other.read()] == ["n-1", "n-2", "n-4"]
        other.verify()


def test_a_lease_that_ran_out_and_that_nobody_took_still_writes(engine: Engine, url: str, tmp_path: Path) -> None:
    grant = StoreLease(engine).acquire(U, "a", AT + HOUR, AT)
    assert grant is not None
    with closing(StoreJournal(url, tmp_path / "head")) as journal:
        journal.fence(grant)
        asyncio.run(journal.append([note(1)]))
        journal.fence(replace(grant, account="DU9000009"))
        with pytest.raises(LedgerError, match="number 0 was granted since"):
            asyncio.run(journal.append([note(2)]))


def test_who_holds_which_account_can_be_looked_up(engine: Engine) -> None:
    lease = StoreLease(engine)
    granted = [lease.acquire(f"DU900000{number}", "a", AT + HOUR, AT) for number in (1, 2)]
    assert sorted(lease.holders(), key=lambda grant: grant.account) == granted


def test_with_a_key_neither_lease_nor_command_tells_the_account(engine: Engine) -> None:
    cipher = Cipher.from_text(new_key())
    lease = StoreLease(engine, cipher)
    lease.acquire(U, "a", AT + HOUR, AT)
    said = Command(command_id="c-1", name="halt", arguments={"account": U}, by="operator", at=AT, account=U)
    StoreCommands(engine, cipher).send(said)
    with engine.connect() as connection:
        kept = str(connection.execute(select(LeaseRow.account)).all())
        kept += str(connection.execute(select(CommandRow.account)).all())
        kept += str([bytes(row) for row in connection.execute(select(CommandRow.arguments)).scalars()])
    assert U not in kept
    assert [grant.account for grant in lease.holders()] == [U]
    assert StoreCommands(engine, cipher).take(U) == (said,)
    assert StoreCommands(engine, cipher).take("DU9000002") == ()


def test_what_was_typed_at_a_door_is_forgotten_once_the_command_is_done(engine: Engine) -> None:
    inbox = StoreCommands(engine)
    typed = {"account": "savings", "phrase": "trade real money in U7654321"}
    said = Command(command_id="c-1", name="switch", arguments=typed, by="operator", at=AT)
    inbox.send(said)
    assert inbox.take() == (said,), "until then whoever carries it out needs it"
    inbox.done(said)
    with engine.connect() as connection:
        (kept,) = connection.execute(select(CommandRow.arguments)).scalars()
    assert bytes(kept) == b'{"account": "savings"}'


# ---------------------------------------------------------------- two processes, stopped and killed at random

TRADER = """
import asyncio, sys
from datetime import datetime, timedelta, UTC
from pathlib import Path
from bursar.adapters.store.database import connect
from bursar.adapters.store.journal import StoreJournal
from bursar.adapters.store.lease import StoreLease
from bursar.domain.events import Alerted
from bursar.errors import LedgerError

url, head, name = sys.argv[1:]
lease, journal = StoreLease(connect(url)), StoreJournal(url, Path(head))
count = 0
print("ready", flush=True)
while True:
    now = datetime.now(UTC)
    grant = lease.acquire("DU9000001", name, now + timedelta(seconds=0.2), now)
    if grant is None:
        asyncio.run(asyncio.sleep(0.02))
        continue
    journal.fence(grant)
    count += 1
    at = datetime.now(UTC)
    event = Alerted(event_id=f"{name}-{count}", at=at, severity="info", message=str(grant.fence))
    try:
        asyncio.run(journal.append([event]))
        print(event.event_id, flush=True)
    except LedgerError:
        print("refused", flush=True)
"""


class Fight:
    """Traders on one database, of whom some are stopped in their sleep, and some killed."""

    def __init__(self, url: str, head: Path) -> None:
        self.url, self.head = url, head
        self.running: list[subprocess.Popen[str]] = []
        self.started = 0
        self.said: list[str] = []

    def start(self) -> None:
        self.started += 1
        words = [sys.executable, "-c", TRADER, self.url, str(self.head), f"t{self.started}"]
        trader = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ)
        assert trader.stdout is not None
        assert trader.stdout.readline() == "ready\n"
        self.running.append(trader)

    def kill(self, trader: subprocess.Popen[str]) -> None:
        self.running.remove(trader)
        trader.kill()
        self.said += trader.communicate()[0].split()

    def end(self) -> None:
        for trader in list(self.running):
            with suppress(ProcessLookupError):
                trader.send_signal(signal.SIGCONT)
            self.kill(trader)


@pytest.fixture
def fight(engine: Engine, url: str, tmp_path: Path) -> Iterator[Fight]:
    fought = Fight(url, tmp_path / "head")
    yield fought
    fought.end()


@pytest.mark.prove
def test_traders_that_are_stopped_and_killed_at_random_never_write_after_their_successor(
    fight: Fight, url: str, tmp_path: Path, evidence: Evidence
) -> None:
    generator = np.random.default_rng(11)
    kills = stops = 0
    for _ in range(2):
        fight.start()
    for _ in range(100):
        victim = fight.running[int(generator.integers(2))]
        if generator.random() < 0.5:
            victim.send_signal(signal.SIGSTOP)
            time.sleep(float(generator.uniform(0.1, 0.5)))
            victim.send_signal(signal.SIGCONT)
            stops += 1
        else:
            time.sleep(float(generator.uniform(0.0, 0.3)))
            fight.kill(victim)
            fight.start()
            kills += 1
    fight.end()
    with closing(StoreJournal(url, tmp_path / "head")) as journal:
        journal.verify()
        told = [(int(each.event.message), each.event.event_id) for each in journal.read()]  # type: ignore[attr-defined]
    engine = connect(url)
    engine.dispose()
    fences = [fence for fence, _ in told]
    written = {event_id for _, event_id in told}
    confirmed = {word for word in fight.said if word not in ("ready", "refused")}
    lost = len(confirmed - written)
    late = sum(second < first for first, second in pairwise(fences))
    holders = {fence: {event_id.partition("-")[0] for other, event_id in told if other == fence} for fence in fences}
    shared = sum(len(names) > 1 for names in holders.values())
    evidence(
        kills=kills,
        stops=stops,
        holders=len(holders),
        written=len(written),
        lost=lost,
        late=late,
        shared=shared,
        refused=fight.said.count("refused"),
    )
    assert (lost, late, shared) == (0, 0, 0)
    assert len(holders) > 10
