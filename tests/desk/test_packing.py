"""Days that are over go into files, and old files away, by the policy that is set."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.snapshots import Retention, Snapshot, Snapshots
from bursar.config import Settings
from bursar.desk import service
from bursar.desk.following import AGAIN_SECONDS
from bursar.desk.packing import LOOK_SECONDS, Packer
from bursar.errors import InputError
from tests.desk.test_service import settings

NOON = datetime(2022, 1, 5, 12, tzinfo=UTC)


def test_each_hour_days_that_are_over_are_packed_and_what_stops_it_is_said(tmp_path: Path) -> None:
    engine = connect(sqlite_url(tmp_path / "store.sqlite"))
    kept = Snapshots(engine, tmp_path / "days", Retention(days_in_database=1, days_kept=2))
    now, waits, told, away = NOON, list[float](), list[dict[str, str]](), dict[str, str]()
    packer = Packer(snapshots=kept, now=lambda: now)

    async def pause(seconds: float) -> None:
        nonlocal now
        waits.append(seconds)
        told.append(dict(away))
        if len(waits) == 1:
            migrate(engine)
            amounts = {name: Decimal(1) for name in ("equity", "cash", "exposure", "day_profit")}
            kept.record(Snapshot(portfolio="main", at=NOON - timedelta(days=n), **amounts) for n in range(3))
        if len(waits) == 2:
            assert kept.archived() == [date(2022, 1, 3), date(2022, 1, 4)]
            now += timedelta(days=1)
        if len(waits) == 3:
            raise asyncio.CancelledError

    with closing(engine.raw_connection()), pytest.raises(asyncio.CancelledError):
        asyncio.run(packer.run(away, pause))
    assert waits == [AGAIN_SECONDS, LOOK_SECONDS, LOOK_SECONDS]
    assert "snapshots" in told[0]["days"]
    assert told[1:] == [{}, {}]
    assert kept.archived() == [date(2022, 1, 4), date(2022, 1, 5)], "the day before is older than two days now"
    assert len(kept.read("main", NOON - timedelta(days=2), NOON)) == 2
    engine.dispose()


def test_the_service_keeps_days_by_the_policy_that_is_set(tmp_path: Path) -> None:
    assert Settings().store.retention() == Retention(days_in_database=2, days_kept=30)
    asked = settings(store__days_in_database=3, store__days_kept=7)
    assert asked.store.retention() == Retention(days_in_database=3, days_kept=7)
    with pytest.raises(InputError, match="stay 8 days in the database and 7 in all"):
        settings(store__days_in_database=8, store__days_kept=7).store.retention()
    with service.opened(tmp_path, asked) as opened:
        (packer,) = opened.desk.works
        assert isinstance(packer, Packer)
        assert packer.snapshots is opened.desk.snapshots
