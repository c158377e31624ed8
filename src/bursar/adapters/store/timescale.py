"""Time series on PostgreSQL: hypertables where TimescaleDB is installed, BRIN indices where it is not.

A BRIN index keeps the range of times of each block of the table: a few kilobytes that find a day among months, as
long as rows arrive in order of time, which they do.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

#: Table, its column of time, and how much of it one chunk holds (a day of seconds, a year of days).
SERIES = (("snapshots", "at", "86400"), ("performance_history", "day", "INTERVAL '1 year'"))

#: Loads the extension into a database, once.
EXTENSION = "CREATE EXTENSION IF NOT EXISTS timescaledb"


def is_available(connection: Connection) -> bool:
    """True when this server could load TimescaleDB."""
    found = connection.execute(text("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"))
    return found.first() is not None


def lay_out_by_time(connection: Connection) -> None:
    """Make hypertables, or BRIN indices, of the tables that grow with time."""
    hyper = is_available(connection)
    if hyper:
        connection.execute(text(EXTENSION))
    for table, column, chunk in SERIES:
        connection.execute(text(_hypertable(table, column, chunk) if hyper else _brin(table, column)))


def _hypertable(table: str, column: str, chunk: str) -> str:
    return (
        f"SELECT create_hypertable('{table}', '{column}', chunk_time_interval => {chunk}, "
        "migrate_data => true, if_not_exists => true)"
    )


def _brin(table: str, column: str) -> str:
    return f'CREATE INDEX {table}_blocks ON {table} USING brin ("{column}")'
