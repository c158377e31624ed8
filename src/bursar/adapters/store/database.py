"""Connections to a database, and the layout that it must have.

SQLite is the default, PostgreSQL by URL (``postgresql+psycopg://user@host/name``). Both keep exact numbers and UTC
moments, though each in its own way: see ``Exact`` and ``Moment``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    Numeric,
    String,
    TypeDecorator,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from bursar.errors import AwayError, InputError, LedgerError

#: Where the steps from one layout to the next are.
MIGRATIONS = Path(__file__).parent / "migrations"

#: The advisory lock of PostgreSQL that whoever migrates holds; any number that nobody else uses.
MIGRATING = 0x42757273

#: How long a server is waited for that does not even refuse; SQLite's patience is below, in milliseconds.
_PATIENCE = {"postgresql": {"connect_timeout": 5, "tcp_user_timeout": 5_000}}


class Exact(TypeDecorator[Decimal]):
    """A Decimal with all of its digits: NUMERIC where it is exact, text in SQLite, whose numbers are floats."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(String(64) if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return format(value, "f") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002  # SQLAlchemy's
        return None if value is None else Decimal(value)


class Moment(TypeDecorator[datetime]):
    """An instant in UTC. SQLite forgets zones, so it is told in UTC and read as UTC; naive ones are refused."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(DateTime(timezone=dialect.name != "sqlite"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise InputError(f"{value} names no zone; moments are kept in UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def connect(url: str) -> Engine:
    """An engine for ``url``; nothing is opened yet. Raises InputError for a URL that names no database we know."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise InputError(f"database {parsed.render_as_string()} is not known; give a sqlite or a postgresql URL")
        engine = create_engine(parsed, pool_pre_ping=True, connect_args=_PATIENCE.get(parsed.get_backend_name(), {}))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"database {url.partition('@')[2] or url!r} cannot be used: {error}; give sqlite:///FILE or "
            "postgresql+psycopg://USER@HOST/NAME (the latter needs `pip install bursar[postgres]`)"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def for_writing(engine: Engine) -> Engine:
    """``engine`` for transactions that write: SQLite then keeps other writers out from the beginning."""
    return engine.execution_options(begin="IMMEDIATE")


def upsert(engine: Engine) -> Any:
    """The INSERT that knows what to do about a conflict; each database has its own, and they are alike."""
    return sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path.absolute()}"


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Transactions are begun by our own listener: the driver would not begin one for a SELECT or for DDL.
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout=10000")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")


def shown(engine: Engine) -> str:
    """The database's name without its password, for messages."""
    return engine.url.render_as_string(hide_password=True)


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Turns a database's failure to serve into an error that says what to do."""
    try:
        yield
    except OperationalError as error:
        raise AwayError(
            f"database {shown(engine)} cannot be used: {_first_line(error)}; see that it is there"
        ) from error


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


# ---------------------------------------------------------------- layout


def migrate(engine: Engine) -> str:
    """Bring the database to the layout of this program, and return its name.

    Raises LedgerError for a database that a newer program has laid out, and changes nothing then.
    """
    with explained(engine):
        check_layout(engine)
        config = _config()
        with for_writing(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                # Two programs that start at once would both find nothing and both begin.
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return newest_layout()


def check_layout(engine: Engine) -> str | None:
    """The layout that the database has, or None for an empty one. Raises LedgerError for one that we do not know."""
    with explained(engine), engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if present is not None and present not in known:
        raise LedgerError(
            f"database {shown(engine)} has layout {present}, this Bursar knows {newest_layout()}; open it with a "
            "newer one"
        )
    return present


def newest_layout() -> str:
    """The layout of this program."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "there is no migration at all"
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
