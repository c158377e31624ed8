"""What processes share: in files unless a database is named, and in that one where it is, also while it is away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bursar.adapters.inbox import FolderCommands
from bursar.config import Given, build
from bursar.config.settings import Store
from bursar.desk.turns import tenures
from bursar.errors import InputError
from bursar.ports import Command, Grant
from bursar.runtime.shared import AWAY_SECONDS, DatabaseCommands, database_of, inbox, opened
from tests.databases import DATABASES
from tests.samples import AT

U = "DU9000001"


def asked(number: int = 1) -> Command:
    return Command(command_id=f"c-{number}", name="rearm", arguments={"reason": "calm"}, by="ann", at=AT)


def store(url: str) -> Store:
    return build({"store.database": Given(url, "a test")}).store


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    made: Callable[[Path], Iterator[str]] = request.param
    yield from made(tmp_path)


def test_without_a_database_files_of_the_home_are_shared(tmp_path: Path) -> None:
    assert database_of(tmp_path, Store()) == f"sqlite:///{tmp_path / 'desk.sqlite'}"
    with closing(inbox(tmp_path, Store())) as box:
        assert isinstance(box, FolderCommands)
        box.send(asked())
    assert len(list((tmp_path / "commands").glob("*.json"))) == 1


def test_what_one_home_asks_for_another_on_the_same_database_takes_and_does_once(url: str, tmp_path: Path) -> None:
    with closing(inbox(tmp_path / "one", store(url))) as one, closing(inbox(tmp_path / "two", store(url))) as two:
        assert two.take() == ()
        one.send(asked())
        one.send(asked())
        assert two.take() == (asked(),)
        two.done(asked())
        assert one.take() == two.take() == ()
    assert not (tmp_path / "one").exists()


def test_who_holds_the_lease_of_an_account_is_known_to_every_home_on_the_database(url: str, tmp_path: Path) -> None:
    with tenures(tmp_path / "one", store(url)) as first, tenures(tmp_path / "two", store(url)) as second:
        ours, theirs = first(U), second(U)
        ours.holder, theirs.holder = "one/1", "two/2"
        assert ours._ask(0)
        assert not theirs._ask(0)
        ours.leave()
        assert theirs._ask(0)


OTHER = """
import asyncio, sys
from pathlib import Path
from bursar.config import Given, build
from bursar.desk.turns import tenures
from bursar.errors import InputError

settings = build({"store.database": Given(sys.argv[1], "a test")})
with tenures(Path(sys.argv[2]), settings.store) as made:
    try:
        asyncio.run(made("DU9000001").claim())
    except InputError as error:
        print(error)
"""


def test_another_process_with_another_home_is_told_who_trades(url: str, tmp_path: Path) -> None:
    with tenures(tmp_path / "one", store(url)) as made:
        ours = made(U)
        assert ours._ask(0)
        words = [sys.executable, "-c", OTHER, url, str(tmp_path / "two")]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert f"{ours.holder} trades DU9000001: it holds the lease until " in told


def test_an_inbox_whose_database_is_away_is_empty_and_told_later_what_was_done(tmp_path: Path) -> None:
    path, seconds = tmp_path / "there" / "shared.sqlite", [0.0]
    grant = Grant(account=U, holder="one/1", fence=1, until=AT + timedelta(hours=1))
    box = DatabaseCommands(f"sqlite:///{path}", grant=grant, ticks=lambda: seconds[0])
    with pytest.raises(InputError, match="cannot be used"):
        box.send(asked())
    assert box.take() == ()
    path.parent.mkdir()
    assert box.take() == (), "it is left alone for a moment"
    seconds[0] += AWAY_SECONDS
    box.send(asked())
    assert box.take() == (asked(),)
    box.engine.dispose()
    path.parent.rename(tmp_path / "gone")
    box.done(asked())
    (tmp_path / "gone").rename(path.parent)
    with closing(DatabaseCommands(f"sqlite:///{path}", grant=grant)) as other:
        assert other.take() == (asked(),), "nobody could be told that it is done"
        seconds[0] += AWAY_SECONDS
        assert box.take() == ()
        assert other.take() == ()
    box.close()


def test_tables_whose_database_is_away_are_said_to_be(tmp_path: Path) -> None:
    away = store("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(InputError, match="cannot be used"), opened(tmp_path, away):
        pass
