"""The tables follow the journal: in step, exactly once over any death, and anew for another journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bursar.adapters.store import projections
from bursar.adapters.store.database import sqlite_url
from bursar.config import Settings
from bursar.desk import service
from bursar.desk.app import create_app
from bursar.desk.desk import Desk
from bursar.desk.following import AGAIN_SECONDS, LOOK_SECONDS, Follower, Pause
from bursar.errors import InputError
from bursar.ports import Recorded
from tests.desk.test_service import settings as set_to
from tests.ledger.tale import Tale
from tests.store.test_projections import a_day, journal_of, tables


class Growing:
    """A journal of which ``length`` events are committed by now."""

    def __init__(self, records: list[Recorded], length: int = 0) -> None:
        self.records = records
        self.length = length

    def read(self, first: int = 1) -> Iterator[Recorded]:
        return iter(self.records[first - 1 : self.length])


def of_a_day(length: int = 0) -> Growing:
    return Growing(list(journal_of(a_day().events).read()), length)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "tables.sqlite")


def follower(database: str, journal: Growing) -> Any:
    return closing(_Disposing(Follower(database, journal)))


class _Disposing:
    """A follower whose connections are let go of at the end."""

    def __init__(self, found: Follower) -> None:
        self.follow, self.run, self.engine, self.close = found.follow, found.run, found.engine, found.engine.dispose


def made_at_once(tmp_path: Path, journal: Growing) -> Any:
    with follower(str(tmp_path / "at once.sqlite"), journal) as other:
        other.follow()
        return tables(other.engine)


def test_what_is_committed_is_in_the_tables_and_no_death_loses_or_repeats_any(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, deaths, left = of_a_day(), 0, 0
    apply = projections._apply

    def dying(*arguments: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise SystemExit("killed")
        apply(*arguments)

    monkeypatch.setattr(projections, "STRETCH", 3)
    monkeypatch.setattr(projections, "_apply", dying)
    whole = len(journal.records)
    while journal.length < whole or left < 0:
        # Each life is a little longer than the one before, so that death comes at every place of a transaction.
        journal.length, left = min(journal.length + 1, whole), deaths
        with follower(database, journal) as alive:
            try:
                alive.follow()
            except SystemExit:
                deaths += 1
    monkeypatch.undo()
    with follower(database, journal) as alive:
        assert alive.follow() == 0
        assert tables(alive.engine) == made_at_once(tmp_path, journal)
    assert deaths > 10


def test_a_journal_that_grows_is_followed_and_one_that_is_away_is_waited_for(database: str) -> None:
    journal = of_a_day()
    with follower(database, journal) as alive:
        assert alive.follow() == 0
        journal.length = 7
        assert (alive.follow(), alive.follow()) == (7, 0)
        before = tables(alive.engine)
        journal.length = 0
        assert (alive.follow(), tables(alive.engine)) == (0, before)
        journal.length = 12
        assert alive.follow() == 5


def test_another_journal_in_its_place_makes_the_tables_anew(
    tmp_path: Path, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal = of_a_day(5)
    other = Growing(list(journal_of(Tale(cash=500).buy(1, 10).buy(2, 11).buy(3, 12).sell(4, 13).events).read()), 6)
    with follower(database, journal) as alive:
        alive.follow()
        journal.records, journal.length = other.records, other.length
        assert alive.follow() == 6
        assert tables(alive.engine) == made_at_once(tmp_path, other)
        assert alive.follow() == 0
    assert "made anew" in caplog.text


def test_a_database_that_is_away_is_named_and_caught_up_with_when_it_is_back(tmp_path: Path) -> None:
    place, journal = tmp_path / "away", of_a_day(5)
    waits: list[float] = []
    told: list[dict[str, str]] = []
    away: dict[str, str] = {}

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        told.append(dict(away))
        place.mkdir(exist_ok=True)
        if len(waits) == 2:
            raise asyncio.CancelledError

    with follower(str(place / "tables.sqlite"), journal) as alive:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(alive.run(away, pause))
        assert alive.follow() == 0
    assert waits == [AGAIN_SECONDS, LOOK_SECONDS]
    assert "cannot be used" in told[0]["tables"]
    assert told[1] == {}


def test_the_service_follows_where_a_database_is_named_and_only_there(tmp_path: Path, database: str) -> None:
    url = sqlite_url(Path(database))
    settings = set_to(store__database=url)
    with service.opened(tmp_path, settings) as opened:
        assert isinstance(opened.desk.works[0], Follower)
        assert str(opened.desk.works[0].engine.url) == url
    assert Settings().store.databases == ()
    with (
        pytest.raises(InputError, match="is not known"),
        service.opened(tmp_path, set_to(store__database="mysql://me@there/books")),
    ):
        pass
    assert url not in settings.text(), "a URL may hold a password"


def test_the_application_follows_while_it_serves(database: str) -> None:
    followed = asyncio.Event()

    class Telling(Follower):
        async def run(self, away: dict[str, str], _: Pause = asyncio.sleep) -> None:
            async def pause(_: float) -> None:
                followed.set()
                await asyncio.Event().wait()

            await super().run(away, pause)

    alive = Telling(database, of_a_day(5))

    async def serve() -> None:
        app = create_app(Desk(works=[alive]))
        async with app.router.lifespan_context(app):
            await followed.wait()

    with closing(_Disposing(alive)):
        asyncio.run(serve())
        assert alive.follow() == 0
