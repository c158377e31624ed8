"""The service: it stands on the files of a home, keeps the loop that trades alive, and says what is away."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bursar.adapters.journal import SQLiteJournal
from bursar.config import Settings
from bursar.desk import service
from bursar.desk.heartbeat import Heartbeat
from bursar.desk.monitor import Monitor
from bursar.errors import InputError
from bursar.runtime.keeper import Keeper
from tests.desk.api.world import NOW, desk_on, events


def test_a_home_is_opened_and_its_admin_is_let_in(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "demo" / "journal.sqlite"
    journal = SQLiteJournal(path)
    asyncio.run(journal.append(tuple(events())))
    journal.close()
    with service.opened(tmp_path, Settings()) as opened:
        assert opened.password
        assert opened.desk.past.sequence == len(tuple(events()))

        async def visit() -> list[int]:
            transport = httpx.ASGITransport(opened.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8005") as client:
                refused = await client.get("/api/v1/portfolios")
                well = await client.get("/health")
                assert well.json() == {"status": "ok", "away": [], "sequence": opened.desk.past.sequence}
                return [refused.status_code, well.status_code]

        assert asyncio.run(visit()) == [401, 200]
    with service.opened(tmp_path, Settings()) as again:
        assert again.password == "", "a second start makes no second admin"


def test_what_is_worth_a_line_is_logged_with_its_place_in_the_journal(tmp_path: Path) -> None:
    desk = desk_on()
    with service.logging_to(tmp_path / "service.log", "INFO"):
        service.told(desk.past.records)
        logging.getLogger("bursar.desk").warning("careful")
    lines = [json.loads(line) for line in (tmp_path / "service.log").read_text().splitlines()]
    placed = [line for line in lines if line["says"] == "order_placed"]
    assert [line["event"] for line in placed] == ["o-00000001", "o-00000002", "o-00000003"]
    assert [line["sequence"] for line in placed] == [desk.past.places[line["event"]] for line in placed]
    assert lines[-1]["level"] == "warning"


def _dies(tmp_path: Path, times: int) -> list[str]:
    """A program that fails so many times, and then ends well."""
    said = (
        "import pathlib, sys; p = pathlib.Path(sys.argv[1]); n = len(p.read_text()) if p.exists() else 0; "
        f"p.write_text('x' * (n + 1)); sys.exit(0 if n >= {times} else 3)"
    )
    return [sys.executable, "-c", said, str(tmp_path / "lives")]


def test_a_loop_that_dies_is_started_again_ever_more_seldom(tmp_path: Path) -> None:
    waits: list[float] = []
    away: list[str] = []
    degraded: dict[str, str] = {}

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        away.append(degraded["trading"])

    keeper = Keeper(command=_dies(tmp_path, 3), log=tmp_path / "log", degraded=degraded, ticks=lambda: 0.0, pause=pause)
    asyncio.run(keeper.run())
    assert keeper.starts == 4
    assert waits == [1.0, 2.0, 4.0]
    assert "ended with 3" in away[0]
    assert degraded == {}


def test_a_service_that_ends_takes_its_loop_with_it(tmp_path: Path) -> None:
    forever = [sys.executable, "-c", "import signal; signal.pause()"]
    keeper = Keeper(command=forever, log=tmp_path / "log", degraded={}, ticks=lambda: 0.0)

    async def end() -> int | None:
        task = asyncio.create_task(keeper.run())
        await keeper.started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return keeper.process.returncode if keeper.process else None

    assert asyncio.run(end()) == -15


def test_the_loop_that_trades_lives_as_long_as_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with service.opened(tmp_path, Settings()) as opened:
        keeper = service.keeper_of(opened.desk, tmp_path, tmp_path / "bursar.toml")
        assert keeper.command[-3:] == ("demo", "--config", str(tmp_path / "bursar.toml"))
        assert dict(keeper.environment) == {"BURSAR_HOME": str(tmp_path)}
        keeper.command = [sys.executable, "-c", "import signal; signal.pause()"]

        async def until_it_trades(server: object) -> None:
            await keeper.started.wait()

        monkeypatch.setattr("uvicorn.Server.serve", until_it_trades)
        asyncio.run(service.serve(opened, 0, keeper))
        assert keeper.process is not None
        assert keeper.process.returncode == -15
        with monkeypatch.context() as alone:
            alone.setattr("uvicorn.Server.serve", lambda server: asyncio.sleep(0))
            asyncio.run(service.serve(opened, 0, None))


def test_a_fault_is_logged_with_where_it_was(tmp_path: Path) -> None:
    with service.logging_to(tmp_path / "service.log", "INFO"):
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logging.getLogger("bursar.desk").exception("it went wrong")
    (line,) = (json.loads(each) for each in (tmp_path / "service.log").read_text().splitlines())
    assert line["says"] == "it went wrong"
    assert "ZeroDivisionError" in line["trace"]


class Store:
    """Takes seconds, or is away."""

    def __init__(self) -> None:
        self.rows: list[object] = []
        self.away = False

    def insert(self, rows: Sequence[dict[str, object]]) -> None:
        if self.away:
            raise InputError("the database is away")
        self.rows += [row["at"] for row in rows]


def test_a_store_that_is_away_costs_no_second_and_a_clock_that_jumps_is_told() -> None:
    desk, store = desk_on(), Store()
    moments = [NOW]
    desk.now = lambda: moments[0]
    ticks = [0.0]
    beat = Heartbeat(desk, lambda: ticks[0], store)  # type: ignore[arg-type]  # it is asked for no more

    async def pass_by(seconds: float, jump: float = 0.0) -> None:
        ticks[0] += seconds
        moments[0] += timedelta(seconds=seconds + jump)
        await beat.beat()

    async def live() -> None:
        await beat.beat()
        store.away = True
        for _ in range(3):
            await pass_by(1)
        assert desk.degraded == {"store": "the database is away"}
        store.away = False
        await pass_by(1)
        assert desk.degraded == {}
        await pass_by(1, jump=-3)
        assert "jumped by -3.0 seconds" in desk.degraded["clock"]
        await pass_by(61)
        assert desk.degraded == {}

    asyncio.run(live())
    first = int(NOW.timestamp())
    assert store.rows == [first + second for second in (0, 1, 2, 3, 4, 63)]
    assert beat.lost == 0


def test_a_monitor_that_fails_is_told_and_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = desk_on()
    beat = Heartbeat(desk, lambda: 0.0)
    monkeypatch.setattr(Monitor, "second", lambda self, at: 1 / 0)
    asyncio.run(beat.beat())
    assert "division by zero" in desk.degraded["monitor"]
    monkeypatch.undo()
    asyncio.run(beat.beat())
    assert desk.degraded == {}
