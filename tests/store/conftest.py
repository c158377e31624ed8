"""A database for each test that asks for one, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bursar.adapters.store.database import connect, migrate
from tests.databases import DATABASES, postgres


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    made: Callable[[Path], Iterator[str]] = request.param
    yield from made(tmp_path)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = connect(url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[Engine]:
    """An empty database on PostgreSQL, for what only that has."""
    for url in postgres(tmp_path):
        engine = connect(url)
        yield engine
        engine.dispose()
