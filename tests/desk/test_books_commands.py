"""The commands that show, rebuild, save and restore the books, run as people run them."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.adapters.journal import SQLiteJournal, verify
from bursar.adapters.store.backup import Place, backup
from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.projections import contents
from bursar.adapters.store.snapshots import Retention, Snapshot, Snapshots
from bursar.adapters.store.tables import PROJECTIONS, PortfolioPositionRow
from bursar.desk import cli
from bursar.domain.events import Alerted, Event
from tests import databases
from tests.ledger.tale import Tale

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(bursar_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COLUMNS", "100")

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(list(words))
        return code, *capsys.readouterr()

    return command


def told() -> list[Event]:
    """Three days in which something is bought, marked and sold."""
    tale = Tale(cash=1000).buy(50, 10, strategy="momentum").mark(A=12)
    tale.on("2021-01-05").sell(20, 12, fee=1, strategy="momentum").mark(A=11)
    return tale.on("2021-01-06").mark(A="11.5").events


def written(path: Path, events: Sequence[Event]) -> Path:
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append(events))
    return path


@pytest.fixture
def demo(bursar_home: Path) -> Path:
    """The journal of a last demo."""
    return written(bursar_home / "runs" / "demo" / "journal.sqlite", told())


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    yield from databases.postgres(tmp_path)


# ---------------------------------------------------------------- look


def test_the_books_of_the_last_demo_are_shown(run: Run, demo: Path) -> None:
    code, out, _ = run("books", "show")
    assert code == 0
    # 1000 - 500 + 239 = 739 in cash and 30 A at 11.5
    assert "main of DU9000001" in out
    assert "Net asset value $1,084.00" in out
    document = json.loads(run("books", "show", "--json")[1])
    assert Decimal(document["accounts"]["DU9000001"]["net_asset_value"]) == 1084
    assert document["sequence"] == len(told())


def test_another_journal_can_be_named(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "other.sqlite", Tale(cash=7).events)
    assert "$7.00" in run("books", "show", "--journal", str(path), "--portfolio", "main")[1]
    code, out, err = run("books", "show", "--journal", str(path), "--account", "DU1")
    assert (code, out) == (2, "")
    assert "account 'DU1' is not in these books" in err


def test_performance_is_told_for_people_and_for_programs(run: Run, demo: Path, tmp_path: Path) -> None:
    code, out, _ = run("performance", "--by", "strategy", "--window", "2")
    assert code == 0
    assert "momentum" in out
    assert "not enough data" in out
    assert "one-month Treasury bill, the last known one carried on" in out
    told = json.loads(run("performance", "--json", "--risk-free", "0.02")[1])
    assert told["metrics"]["total_return"] == pytest.approx(0.084)  # 1084 of 1000, and nothing flowed
    assert told["risk_free"] == "2.00\u00a0% a year, as asked for"
    index = tmp_path / "index.csv"
    index.write_text("day,return\n2021-01-04,0.05\n2021-01-05,-0.02\n2021-01-06,0.01\n")
    assert json.loads(run("performance", "--json", "--benchmark", str(index))[1])["benchmark"] == "index"
    code, _, err = run("performance", "--benchmark", str(index), "--price-returns")
    assert code == 2
    assert "give a total return index" in err


def test_without_a_journal_there_is_nothing_to_show(run: Run, bursar_home: Path) -> None:
    for words in (("books", "show"), ("books", "rebuild"), ("performance",), ("backup", "b.tar.gz")):
        code, out, err = run(*words)
        assert (code, out) == (2, ""), words
        assert "no journal at" in err
    assert not (bursar_home / "runs").exists()


# ---------------------------------------------------------------- rebuild


def test_a_rebuild_makes_the_tables_beside_the_journal_and_again_the_same(run: Run, demo: Path) -> None:
    code, out, _ = run("books", "rebuild")
    assert code == 0
    assert f"9 tables from {len(told())} events" in out
    engine = connect(sqlite_url(demo.with_name("store.sqlite")))
    first = {shape: contents(engine, shape) for shape in PROJECTIONS}
    (position,) = first[PortfolioPositionRow]
    assert (position["symbol"], position["quantity"]) == ("A", 30)
    document = json.loads(run("books", "rebuild", "--json")[1])
    assert {shape: contents(engine, shape) for shape in PROJECTIONS} == first
    engine.dispose()
    assert document["events"] == len(told())
    assert document["rows"]["transactions"] == 3
    assert document["rows"]["performance_history"] == 6  # three days of the portfolio and of its account


@pytest.mark.parametrize("database", databases.DATABASES)
def test_a_rebuild_goes_where_it_is_told(
    run: Run, demo: Path, tmp_path: Path, database: Callable[[Path], Iterator[str]]
) -> None:
    for url in database(tmp_path):
        code, _, err = run("books", "rebuild", "--database", url, "--json")
        assert (code, err) == (0, "")
        engine = connect(url)
        assert [row["quantity"] for row in contents(engine, PortfolioPositionRow)] == [30]
        engine.dispose()
    file = tmp_path / "plain.db"
    assert run("books", "rebuild", "--database", str(file))[0] == 0
    assert file.is_file()


def test_a_rebuild_reads_a_journal_that_is_in_the_database_itself(run: Run, demo: Path, tmp_path: Path) -> None:
    url, head = sqlite_url(tmp_path / "all.db"), tmp_path / "all.head"
    assert run("backup", str(tmp_path / "b.tar.gz"))[0] == 0
    assert run("restore", str(tmp_path / "b.tar.gz"), "--journal", str(head), "--database", url)[0] == 0
    shutil.rmtree(demo.parent)
    document = json.loads(run("books", "rebuild", "--journal", str(head), "--database", url, "--json")[1])
    assert (document["events"], document["rows"]["portfolio_positions"]) == (len(told()), 1)
    code, _, err = run("books", "rebuild", "--journal", str(tmp_path / "lost.head"), "--database", url)
    assert code == 6
    assert "has lost its head" in err


def test_a_database_that_cannot_be_used_is_one_line(run: Run, demo: Path) -> None:
    code, _, err = run("books", "rebuild", "--database", "mysql://me@host/db")
    assert (code, err.count("\n")) == (2, 1)
    assert "give a sqlite or a postgresql URL" in err
    code, _, err = run("books", "rebuild", "--database", "postgresql+psycopg://me:secret@127.0.0.1:1/db")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be used" in err
    assert "secret" not in err


def test_a_database_one_migration_ahead_is_refused_and_left_alone(run: Run, demo: Path, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "newer.db")
    engine = connect(url)
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    code, _, err = run("books", "rebuild", "--database", url)
    assert code == 6
    assert "has layout 9999" in err
    assert contents(engine, PortfolioPositionRow) == []
    engine.dispose()


def test_a_journal_of_a_newer_program_changes_no_table(
    run: Run, demo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run("books", "rebuild")[0] == 0
    with monkeypatch.context() as newer, closing(SQLiteJournal(demo)) as journal:
        newer.setattr(Alerted, "version", 9)
        asyncio.run(journal.append([Alerted(event_id="n-1", at=told()[0].at, severity="info", message="news")]))
    for words in (("books", "rebuild"), ("books", "show"), ("performance",), ("audit",)):
        code, out, err = run(*words)
        assert (code, out) == (6, ""), words
        assert f"event {len(told()) + 1}: 'alerted' version 9 was written by a newer Bursar" in err
    engine = connect(sqlite_url(demo.with_name("store.sqlite")))
    assert [row["quantity"] for row in contents(engine, PortfolioPositionRow)] == [30]
    engine.dispose()


# ---------------------------------------------------------------- backup and restore


def keep_seconds(folder: Path, database: Path) -> None:
    """Snapshots of one day, archived in ``folder``."""
    engine = connect(sqlite_url(database))
    migrate(engine)
    kept = Snapshots(engine, folder, Retention(days_in_database=1))
    at = datetime(2021, 1, 4, 15, tzinfo=UTC)
    one = Decimal(1)
    kept.record([Snapshot(portfolio="main", at=at, equity=one, cash=one, exposure=one, day_profit=one)])
    assert kept.archive(date(2021, 1, 6)) == [date(2021, 1, 4)]
    engine.dispose()


def test_a_backup_comes_back_in_another_folder_with_its_snapshots(run: Run, demo: Path, tmp_path: Path) -> None:
    keep_seconds(demo.parent / "snapshots", tmp_path / "seconds.db")
    saved = tmp_path / "saved.tar.gz"
    code, out, _ = run("backup", str(saved))
    assert code == 0
    assert f"{len(told())} events and 1 days of snapshots saved in {saved}" in out
    there = tmp_path / "there" / "journal.sqlite"
    document = json.loads(run("restore", str(saved), "--journal", str(there), "--json")[1])
    assert document == {
        "events": len(told()),
        "head": verify(demo).digest.hex(),
        "snapshot_days": ["2021-01-04"],
        "sealed": False,
    }
    assert (there.parent / "snapshots" / "2021-01-04.parquet").is_file()
    assert run("books", "show", "--journal", str(there))[1] == run("books", "show")[1]
    code, _, err = run("restore", str(saved), "--journal", str(there))
    assert code == 2
    assert "restore into an empty place" in err
    code, _, err = run("backup", str(saved))
    assert code == 2
    assert "a backup overwrites nothing" in err


def test_a_backup_from_a_file_goes_into_postgresql_and_back(
    run: Run, demo: Path, tmp_path: Path, postgres: str
) -> None:
    there, head = ("--database", postgres), ("--journal", str(tmp_path / "head"))
    assert run("backup", str(tmp_path / "one.tar.gz"))[0] == 0
    code, out, _ = run("restore", str(tmp_path / "one.tar.gz"), *head, *there, "--snapshots", str(tmp_path / "s"))
    assert code == 0
    assert "restored to postgresql+psycopg://" in out
    assert run("backup", str(tmp_path / "two.tar.gz"), *head, *there, "--snapshots", str(tmp_path / "s"))[0] == 0
    back = tmp_path / "back.sqlite"
    assert (
        run("restore", str(tmp_path / "two.tar.gz"), "--journal", str(back), "--snapshots", str(tmp_path / "r"))[0] == 0
    )
    assert verify(back) == verify(demo)


def test_a_journal_that_was_tampered_with_makes_no_backup(run: Run, demo: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(demo)) as connection, connection:
        connection.execute("UPDATE journal SET bytes = replace(bytes, '50', '60') WHERE sequence = 4")
    code, _, err = run("backup", str(tmp_path / "b.tar.gz"))
    assert code == 6
    assert "event 4" in err
    assert not (tmp_path / "b.tar.gz").exists()


def test_a_library_call_and_the_command_make_backups_of_one_kind(run: Run, demo: Path, tmp_path: Path) -> None:
    made = backup(Place(journal=demo, snapshots=tmp_path / "none"), tmp_path / "lib.tar.gz")
    there = tmp_path / "there.sqlite"
    document = json.loads(run("restore", str(tmp_path / "lib.tar.gz"), "--journal", str(there), "--json")[1])
    assert document["head"] == made.head.digest.hex()
