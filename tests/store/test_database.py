"""A database has this program's layout, keeps numbers exactly and moments in UTC, and finds rows by its indices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Connection,
    Engine,
    PrimaryKeyConstraint,
    TextClause,
    UniqueConstraint,
    delete,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import StatementError

from bursar.adapters.store import timescale
from bursar.adapters.store.database import (
    check_layout,
    connect,
    explained,
    for_writing,
    migrate,
    newest_layout,
    shown,
    sqlite_url,
)
from bursar.adapters.store.lease import StoreCommands
from bursar.adapters.store.projections import table_of
from bursar.adapters.store.tables import PROJECTIONS, Base, OrderRow, PerformanceRow, SnapshotRow, TransactionRow
from bursar.errors import InputError, LedgerError

AT = datetime(2022, 1, 3, 14, 30, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def bare(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


# ---------------------------------------------------------------- layout


def test_an_empty_database_gets_every_table_and_again_changes_nothing(bare: Engine) -> None:
    assert check_layout(bare) is None
    assert migrate(bare) == migrate(bare) == check_layout(bare) == newest_layout()
    tables = {shape.__tablename__ for shape in PROJECTIONS}
    assert tables == {
        "portfolios",
        "positions",
        "transactions",
        "performance_history",
        "risk_budgets",
        "attribution_reports",
        "strategy_executions",
        "orders",
        "portfolio_positions",
    }
    assert tables <= set(inspect(bare).get_table_names())


def test_the_migrations_make_what_the_models_say(bare: Engine) -> None:
    migrate(bare)
    with bare.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    # Blocks of time are laid out by the migration for PostgreSQL, and are no part of the models.
    assert [each for each in differences if "_blocks" not in str(each)] == []


def test_each_step_leads_to_the_next(bare: Engine) -> None:
    from alembic import command

    from bursar.adapters.store.database import _config

    config = _config()
    for revision in ("0001", "0002", "0003", "0004", "0005", "0006", "0007"):
        with for_writing(bare).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        assert check_layout(bare) == revision


def test_seconds_that_were_kept_before_they_lay_in_order_are_still_there(bare: Engine) -> None:
    from alembic import command

    from bursar.adapters.store.database import _config

    config = _config()
    row = {"portfolio": "main", "at": 1_641_222_000, "equity": 1, "cash": 2, "exposure": 3, "day_profit": -4}
    with for_writing(bare).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(insert(SnapshotRow), row)
    migrate(bare)
    with bare.connect() as connection:
        assert [dict(each) for each in connection.execute(select(table_of(SnapshotRow))).mappings()] == [row]
        if bare.dialect.name == "sqlite":
            made = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'snapshots'")).scalar_one()
            assert "WITHOUT ROWID" in made
        assert "snapshots_before" not in inspect(bare).get_table_names()


def test_commands_of_yesterdays_database_are_there_and_those_that_were_taken_are_done(bare: Engine) -> None:
    from alembic import command

    from bursar.adapters.store.database import _config

    config = _config()
    old = (
        "INSERT INTO commands (command_id, name, arguments, sender, at, taken) VALUES (:id, 'kill', :said, 'ann', :at, "
    )
    with for_writing(bare).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for name, taken in (("c-1", "TRUE"), ("c-2", "FALSE")):
            said = {"id": name, "said": b'{"reason": "because"}', "at": "2022-01-03 15:00:00"}
            connection.execute(text(f"{old}{taken})"), said)
    migrate(bare)
    inbox = StoreCommands(bare)
    assert [(each.command_id, dict(each.arguments)) for each in inbox.take()] == [("c-2", {"reason": "because"})]
    inbox.send(replace(inbox.take()[0], command_id="c-3"))
    assert [each.command_id for each in inbox.take()] == ["c-2", "c-3"], "and it goes on counting"


def test_a_database_one_migration_ahead_is_refused_and_left_alone(bare: Engine) -> None:
    migrate(bare)
    with for_writing(bare).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (migrate, check_layout):
        with pytest.raises(
            LedgerError, match=rf"has layout 9999, this Bursar knows {newest_layout()}; open it with a newer one"
        ):
            attempt(bare)
    with bare.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(postgresql: Engine, monkeypatch: pytest.MonkeyPatch) -> None:

    def fail(_connection: Connection) -> None:
        raise RuntimeError("lightning")

    monkeypatch.setattr(timescale, "lay_out_by_time", fail)
    with pytest.raises(RuntimeError, match="lightning"):
        migrate(postgresql)
    assert inspect(postgresql).get_table_names() == []


@pytest.mark.parametrize(
    "url", ["mysql://somewhere/x", "nonsense", "postgresql+nodriver://u@h/x", "mssql+pyodbc://u:secret@h/x", ""]
)
def test_a_url_that_names_no_database_of_ours_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InputError, match="give ") as caught:
        connect(url)
    assert "secret" not in str(caught.value)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    engine = connect("postgresql+psycopg://user:secret@127.0.0.1:1/nothing")
    with pytest.raises(
        InputError, match=r"database postgresql\+psycopg://user:\*\*\*@127.0.0.1:1/nothing cannot be used"
    ):
        migrate(engine)
    assert "secret" not in shown(engine)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        migrate(connect(sqlite_url(tmp_path / "missing" / "store.db")))


# ---------------------------------------------------------------- numbers and moments


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**18), max_value=10**18))
def test_a_number_keeps_all_of_its_digits_in_sqlite(number: Decimal) -> None:
    from sqlalchemy.dialects import sqlite

    from bursar.adapters.store.database import Exact

    dialect, kind = sqlite.dialect(), Exact()
    kept = kind.process_bind_param(number, dialect)
    assert isinstance(kept, str), "a float would lose digits"
    assert kind.process_result_value(kept, dialect) == number


def performance_row(**fields: Any) -> dict[str, Any]:
    names = ("opened", "equity", "came_in", "went_out", "price_profit", "exchange_profit", "income", "costs")
    row: dict[str, Any] = dict.fromkeys(names, Decimal(0))
    row |= {"account": "U", "portfolio": "p", "day": date(2022, 1, 3), "simple_return": None, "doubtful": 0.0}
    return row | fields


@pytest.mark.parametrize("number", ["0.1", "-0.00000001", "123456789012345678.12345678", "0", "1E+3", "1.500"])
def test_a_number_comes_back_as_it_went_in(engine: Engine, number: str) -> None:
    with for_writing(engine).begin() as connection:
        connection.execute(insert(PerformanceRow), [performance_row(equity=Decimal(number))])
    with engine.connect() as connection:
        assert connection.execute(select(PerformanceRow.equity)).scalar() == Decimal(number)


def order_row(number: int = 0, **fields: Any) -> dict[str, Any]:
    texts = ("account", "portfolio", "strategy", "symbol", "side", "order_type", "time_in_force", "effect", "purpose")
    row: dict[str, Any] = dict.fromkeys((*texts, "reason"), "x")
    row |= {"order_id": f"o-{number:08d}", "quantity": Decimal(1), "filled": Decimal(0), "permanent_id": 0}
    row |= {"limit_price": None, "stop_price": None, "status": "new"}
    row |= {"placed_at": AT + timedelta(seconds=number), "updated_at": AT}
    return row | fields


def test_a_moment_comes_back_in_utc_to_the_microsecond(engine: Engine) -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=-5)))
    with for_writing(engine).begin() as connection:
        connection.execute(insert(OrderRow), [order_row(placed_at=elsewhere)])
    with engine.connect() as connection:
        (found,) = connection.execute(select(OrderRow.placed_at)).scalars()
    assert (found, found.tzinfo) == (AT, UTC)


def test_a_moment_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="names no zone"), engine.begin() as connection:
        connection.execute(insert(OrderRow), [order_row(placed_at=AT.replace(tzinfo=None))])


def test_identifiers_have_room_for_options_and_quantities_for_fractions(engine: Engine) -> None:
    osi = "BRKB  220121C00150000"
    with for_writing(engine).begin() as connection:
        connection.execute(
            insert(OrderRow), [order_row(symbol=osi, quantity=Decimal("0.00000001"), order_id="o" * 300)]
        )
    with engine.connect() as connection:
        row = connection.execute(select(OrderRow.symbol, OrderRow.quantity)).one()
    assert (len(osi), row.symbol, row.quantity) == (21, osi, Decimal("0.00000001"))


def test_a_transaction_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    def strike() -> None:
        with for_writing(engine).begin() as connection:
            connection.execute(insert(OrderRow), [order_row()])
            raise RuntimeError("lightning")

    with pytest.raises(RuntimeError, match="lightning"):
        strike()
    with engine.connect() as connection:
        assert connection.execute(select(OrderRow.order_id)).all() == []


def test_readers_do_not_wait_for_a_writer(engine: Engine) -> None:
    with for_writing(engine).begin() as writing:
        writing.execute(insert(OrderRow), [order_row()])
        with explained(engine), engine.connect() as reading:
            assert reading.execute(select(OrderRow.order_id)).all() == []


# ---------------------------------------------------------------- indices


def plan(connection: Connection, statement: Any) -> str:
    """How the database would find the rows."""
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # with few rows reading all of them is cheaper
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    rows = connection.execute(text(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{compiled}".replace(":", r"\:"))).all()
    return "\n".join(str(row[-1]) for row in rows)


QUERIES = {
    "transactions_by_portfolio": select(TransactionRow.sequence)
    .where(TransactionRow.account == "U", TransactionRow.portfolio == "p")
    .order_by(TransactionRow.at),
    "transactions_by_symbol": select(TransactionRow.sequence)
    .where(TransactionRow.symbol == "AAPL")
    .order_by(TransactionRow.at),
    "transactions_by_order": select(TransactionRow.sequence).where(TransactionRow.order_id == "o-1"),
    "orders_by_status": select(OrderRow.order_id).where(OrderRow.status == "new").order_by(OrderRow.placed_at),
    "orders_by_portfolio": select(OrderRow.order_id).where(OrderRow.account == "U", OrderRow.portfolio == "p"),
    "performance_history": select(PerformanceRow.equity).where(
        PerformanceRow.account == "U", PerformanceRow.portfolio == "p", PerformanceRow.day >= date(2022, 1, 3)
    ),
    "snapshots": select(SnapshotRow.equity).where(SnapshotRow.portfolio == "p", SnapshotRow.at.between(1, 2)),
}


@pytest.mark.parametrize("name", QUERIES)
def test_what_is_asked_often_is_found_by_an_index(engine: Engine, name: str) -> None:
    with engine.connect() as connection:
        found = plan(connection, QUERIES[name])
    by_key = {"performance_history": "performance_history_pkey", "snapshots": "snapshots_pkey"}
    if engine.dialect.name == "sqlite":
        index = "PRIMARY KEY" if name == "snapshots" else f"INDEX sqlite_autoindex_{name}"
        assert (index if name in by_key else f"INDEX {name}") in found, found
        assert "TEMP B-TREE" not in found, "the index has them in order already"
    else:
        assert by_key.get(name, name) in found, found


# ---------------------------------------------------------------- time series on PostgreSQL


def test_without_timescale_time_is_found_by_blocks(postgresql: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timescale, "is_available", lambda _connection: False)
    migrate(postgresql)
    with postgresql.connect() as connection:
        with for_writing(postgresql).begin() as writing:
            rows = [
                {"portfolio": "p", "at": at, "equity": 1, "cash": 1, "exposure": 0, "day_profit": 0}
                for at in range(3000)
            ]
            writing.execute(insert(SnapshotRow), rows)
        assert "snapshots_blocks" in plan(connection, select(SnapshotRow.equity).where(SnapshotRow.at < 5))
        statement = delete(SnapshotRow).where(SnapshotRow.at < 5)
        assert "snapshots_blocks" in plan(connection, statement)


@contextmanager
def pretended_timescale(engine: Engine) -> Iterator[None]:
    """A function of TimescaleDB's name that writes down what it was asked."""
    with for_writing(engine).begin() as connection:
        connection.execute(text("CREATE TABLE asked (relation text, of_time text, chunk text)"))
        for kind in ("bigint", "interval"):
            connection.execute(
                text(
                    f"CREATE FUNCTION create_hypertable(relation regclass, of_time name, chunk_time_interval {kind},"
                    " migrate_data boolean, if_not_exists boolean) RETURNS int LANGUAGE sql AS"
                    " 'INSERT INTO asked VALUES (relation::text, of_time, chunk_time_interval::text); SELECT 1'"
                )
            )
    yield


def test_with_timescale_the_tables_of_time_become_hypertables(
    postgresql: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statements are run against a stand-in, because few servers have the extension itself."""
    monkeypatch.setattr(timescale, "is_available", lambda _connection: True)
    monkeypatch.setattr(timescale, "EXTENSION", "SELECT 1 -- the extension would be made here")
    with pretended_timescale(postgresql):
        migrate(postgresql)
        with postgresql.connect() as connection:
            asked = [tuple(row) for row in connection.execute(text("SELECT * FROM asked ORDER BY relation"))]
    assert asked == [("performance_history", "day", "1 year"), ("snapshots", "at", "86400")]
    assert not any("_blocks" in str(index["name"]) for index in inspect(postgresql).get_indexes("snapshots"))


YEAR, ALWAYS = "INTERVAL '1 year'", "migrate_data => true, if_not_exists => true"


class Listening:
    """A connection to a server that says whether it has the extension, and writes down what else it is told."""

    def __init__(self, *, has_it: bool) -> None:
        self.has_it = has_it
        self.told: list[str] = []

    def execute(self, statement: TextClause) -> Listening:
        if "pg_available_extensions" not in statement.text:
            self.told.append(statement.text)
        return self

    def first(self) -> tuple[int] | None:
        return (1,) if self.has_it else None


@pytest.mark.parametrize(
    ("has_it", "told"),
    [
        (
            True,
            [
                "CREATE EXTENSION IF NOT EXISTS timescaledb",
                f"SELECT create_hypertable('snapshots', 'at', chunk_time_interval => 86400, {ALWAYS})",
                f"SELECT create_hypertable('performance_history', 'day', chunk_time_interval => {YEAR}, {ALWAYS})",
            ],
        ),
        (
            False,
            [
                'CREATE INDEX snapshots_blocks ON snapshots USING brin ("at")',
                'CREATE INDEX performance_history_blocks ON performance_history USING brin ("day")',
            ],
        ),
    ],
)
def test_time_is_laid_out_by_these_statements(has_it: bool, told: list[str]) -> None:
    server = Listening(has_it=has_it)
    timescale.lay_out_by_time(cast(Connection, server))
    assert server.told == told


@pytest.mark.parametrize(("name", "column", "_chunk"), timescale.SERIES)
def test_every_unique_key_of_a_table_of_time_holds_its_time(name: str, column: str, _chunk: str) -> None:
    """TimescaleDB refuses any other table, and one that a foreign key points at."""
    table = Base.metadata.tables[name]
    unique = [key for key in table.constraints if isinstance(key, PrimaryKeyConstraint | UniqueConstraint)]
    unique_indices = [index for index in table.indexes if index.unique]
    assert unique
    assert all(column in key.columns for key in (*unique, *unique_indices))
    pointed_at = {key.column.table.name for each in Base.metadata.tables.values() for key in each.foreign_keys}
    assert name not in pointed_at


def test_an_extension_that_cannot_be_loaded_is_one_line_and_leaves_nothing(
    postgresql: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql.connect() as connection:
        if timescale.is_available(connection):
            monkeypatch.setattr(timescale, "EXTENSION", "CREATE EXTENSION no_such_extension")
    monkeypatch.setattr(timescale, "is_available", lambda _connection: True)
    with pytest.raises(InputError, match="TimescaleDB is on this server and cannot be loaded: ") as caught:
        migrate(postgresql)
    assert "\n" not in str(caught.value)
    assert inspect(postgresql).get_table_names() == []


def test_a_database_without_the_extension_says_so_in_one_line(
    postgresql: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as server_without:
        server_without.setattr(timescale, "is_available", lambda _connection: False)
        migrate(postgresql)
        assert timescale.remark(postgresql) == timescale.ABSENT
    monkeypatch.setattr(timescale, "is_available", lambda _connection: True)
    assert timescale.remark(postgresql) == timescale.LATE
    with for_writing(postgresql).begin() as connection:
        connection.execute(text("DROP INDEX snapshots_blocks"))  # as where the extension had made hypertables
    assert timescale.remark(postgresql) == ""
    assert timescale.remark(connect(sqlite_url(tmp_path / "store.db"))) == ""
