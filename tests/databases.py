"""Databases for tests: a SQLite file, and a PostgreSQL of its own on a server that is there or can be started.

The server is the one of BURSAR_TEST_POSTGRES or of localhost without a password; where none answers, one is started
from installed binaries and stopped at the end. Where there are none either, one line says so and the tests are skipped.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

DEFAULT = "postgresql://postgres@127.0.0.1:5432/postgres"
_numbers = count(1)


def sqlite(folder: Path) -> Iterator[str]:
    """The URL of a file that is not there yet."""
    yield f"sqlite:///{folder / 'store.db'}"


def postgres(_folder: Path) -> Iterator[str]:
    """The URL of a new database, which is dropped afterwards."""
    server = _server()
    if server is None:
        pytest.skip("no PostgreSQL answers on localhost, and no binaries are installed to start one from")
    name = f"bursar_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        address = server.removeprefix("postgresql://").rpartition("/")[0]
        yield f"postgresql+psycopg://{address}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


#: What a test that takes a database runs over.
DATABASES = [pytest.param(sqlite, id="sqlite"), pytest.param(postgres, id="postgresql")]

#: What was started, to be stopped when the process ends.
_running = ExitStack()
atexit.register(_running.close)


@cache
def _server() -> str | None:
    wanted = os.environ.get("BURSAR_TEST_POSTGRES", DEFAULT)
    if answers(wanted):
        return wanted
    if "BURSAR_TEST_POSTGRES" in os.environ:
        pytest.fail(f"BURSAR_TEST_POSTGRES is {wanted}, and no server answers there")
    binaries = installed()
    if binaries is None:
        return None
    return _running.enter_context(started(binaries))


def answers(url: str) -> bool:
    """True when a server lets us in."""
    try:
        with psycopg.connect(url, connect_timeout=3):
            return True
    except psycopg.OperationalError:
        return False


def installed() -> Path | None:
    """Where the server's programs are, or None."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next((path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)


@contextmanager
def started(binaries: Path) -> Iterator[str]:
    """A server in a temporary folder, on a free port, until it is not needed any more."""
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="bursar-postgres-"))
    if as_postgres:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [*as_postgres, str(binaries / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    run("initdb", "-U", "postgres", "-A", "trust", "--no-sync")
    run(
        "pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    )
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(folder)


def redis_url() -> str:
    """The URL of a Redis of the test's own, started from what is installed; skipped with a line where nothing is."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server is installed to start one from")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    _running.callback(server.wait)
    _running.callback(server.terminate)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return f"redis://127.0.0.1:{port}/0"
        time.sleep(0.01)
    raise TimeoutError("redis-server does not answer")
