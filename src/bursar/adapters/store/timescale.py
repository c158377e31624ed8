"""Time series on PostgreSQL: hypertables where TimescaleDB is installed, BRIN indices where it is not.

A BRIN index keeps the range of times of each block of the table: a few kilobytes that find a day among months, as
long as rows arrive in order of time, which they do.

The statements were run against a stand-in, and never against the extension itself: no server of ours has it. What it
asks of a table, that every unique key holds the column of time, a test asks of the models.

Source: TimescaleDB's documentation, "create_hypertable()" as of 2.0, whose form newer versions keep.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from bursar.errors import InputError

#: Table, its column of time, and how much of it one chunk holds (a day of seconds, a year of days).
SERIES = (("snapshots", "at", "86400"), ("performance_history", "day", "INTERVAL '1 year'"))

#: Loads the extension into a database, once.
EXTENSION = "CREATE EXTENSION IF NOT EXISTS timescaledb"

#: What an installation without it hears; nothing is lost but speed.
ABSENT = "this server has no TimescaleDB: time series are found by ranges of blocks, not in hypertables"
#: And one to which it came later.
LATE = "TimescaleDB came after these tables: restore a backup into a new database, and they become hypertables"


def is_available(connection: Connection) -> bool:
    """True when this server could load TimescaleDB."""
    found = connection.execute(text("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"))
    return found.first() is not None


def lay_out_by_time(connection: Connection) -> None:
    """Make hypertables, or BRIN indices, of the tables that grow with time.

    Raises InputError where the server has the extension and does not let us load it; nothing is laid out then.
    """
    hyper = is_available(connection)
    if hyper:
        _load(connection)
    for table, column, chunk in SERIES:
        connection.execute(text(_hypertable(table, column, chunk) if hyper else _brin(table, column)))


def remark(engine: Engine) -> str:
    """One line for people where PostgreSQL keeps time series without the extension; empty otherwise."""
    if engine.dialect.name != "postgresql":
        return ""
    with engine.connect() as connection:
        by_blocks = connection.execute(text(f"SELECT to_regclass('{SERIES[0][0]}_blocks')")).scalar() is not None
        if not by_blocks:
            return ""
        return LATE if is_available(connection) else ABSENT


def _load(connection: Connection) -> None:
    try:
        connection.execute(text(EXTENSION))
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines()[0]
        raise InputError(
            f"TimescaleDB is on this server and cannot be loaded: {said}; have a superuser name it in "
            f"shared_preload_libraries and run {EXTENSION}"
        ) from error


def _hypertable(table: str, column: str, chunk: str) -> str:
    return (
        f"SELECT create_hypertable('{table}', '{column}', chunk_time_interval => {chunk}, "
        "migrate_data => true, if_not_exists => true)"
    )


def _brin(table: str, column: str) -> str:
    return f'CREATE INDEX {table}_blocks ON {table} USING brin ("{column}")'
