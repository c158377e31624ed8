"""Two who want to trade one account take turns, however they die: never two orders for one intent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bursar.adapters.memory import MemoryLease
from bursar.adapters.store.database import connect, migrate
from bursar.adapters.store.lease import StoreLease
from tests import databases
from tests.conftest import Evidence
from tests.databases import DATABASES
from tests.simulation.turns import Fight, fight


def fights(url: str, kills: int, first_seed: int) -> Fight:
    """Fights over a lease in a database until so many were killed; each is held against what ``schedule`` checks."""
    total, seed = Fight(), first_seed
    engine = connect(url)
    migrate(engine)
    while total.killed < kills:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM leases"))
        fought, _ = fight(seed, StoreLease(engine), kills=10)
        for name in ("killed", "stopped", "lost", "refused", "late", "orders"):
            setattr(total, name, getattr(total, name) + getattr(fought, name))
        total.holders.append(len(fought.holders))
        seed += 1
    engine.dispose()
    return total


def test_ten_kills_of_two_who_fight_for_the_lease_double_no_order(tmp_path: Path) -> None:
    (url,) = databases.sqlite(tmp_path)
    total = fights(url, kills=10, first_seed=0)
    assert total.late == 0
    assert total.stopped > 0
    assert sum(total.holders) > 10
    assert total.orders > 10


def test_without_asking_somebody_would_write_after_his_successor() -> None:
    assert sum(fight(seed, MemoryLease(), kills=10, careless=True)[0].late for seed in (14, 16)) > 0


@pytest.mark.prove
@pytest.mark.parametrize("made", DATABASES)
def test_a_thousand_kills_of_two_who_fight_for_the_lease_double_no_order(
    made: Callable[[Path], Iterator[str]], tmp_path: Path, evidence: Evidence
) -> None:
    total = Fight()
    for url in made(tmp_path):
        total = fights(url, kills=1_000, first_seed=1_000)
    assert total.late == 0
    evidence(
        kills=total.killed,
        stops=total.stopped,
        holders=sum(total.holders),
        orders=total.orders,
        refused_by_the_broker=total.refused,
        doubled=0,
    )
