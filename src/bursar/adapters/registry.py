"""Every trial that was ever run, in one file: without it no statistic can be deflated.

A trial is what was tried (``study``, and whatever names it) and what came of it. Numbers and words are kept as JSON,
arrays of numbers as their bytes, never as anything that runs when it is read. A trial is written whole or not at
all, by any number of processes at once, and never changed.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bursar.errors import InputError

#: Says in the file's header that it is ours, and which layout it has.
APPLICATION_ID, LAYOUT = 0x42757267, 1

_SCHEMA = """
CREATE TABLE trials (
    number INTEGER PRIMARY KEY,
    study TEXT NOT NULL,
    told TEXT NOT NULL
);
CREATE INDEX trials_of_a_study ON trials (study);
CREATE TABLE arrays (
    number INTEGER NOT NULL REFERENCES trials (number),
    name TEXT NOT NULL,
    length INTEGER NOT NULL,
    packed BLOB NOT NULL,
    PRIMARY KEY (number, name)
) WITHOUT ROWID;
"""


class FileRegistry:
    """Satisfies ``ports.Registry``. Raises InputError for a file that is not a registry, or of another layout."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not tables:
                for statement in _SCHEMA.split(";")[:-1]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={LAYOUT}")
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute("COMMIT")
        if application != APPLICATION_ID:
            raise InputError(f"{path} is no registry of trials; name another file, or move this one away")
        if layout != LAYOUT:
            raise InputError(
                f"{path} is a registry of layout {layout}, and this Bursar reads {LAYOUT}; "
                "open it with the Bursar that wrote it, or begin a new one under another name"
            )

    def record(self, trial: Mapping[str, Any]) -> int:
        """Keep a trial, which names its ``study``, and return its number, counted from 1 over all studies.

        Raises InputError where it names no study, or holds what is neither JSON nor an array of numbers.
        """
        if "study" not in trial:
            raise InputError(f"a trial names its study; this one has only {', '.join(trial) or 'nothing'}")
        arrays = {name: value for name, value in trial.items() if isinstance(value, np.ndarray)}
        plain = {name: value for name, value in trial.items() if name not in arrays}
        try:
            told = json.dumps(plain, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"a trial of {trial['study']} cannot be kept: {error}") from error
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            added = connection.execute("INSERT INTO trials (study, told) VALUES (?, ?)", (trial["study"], told))
            number = int(added.lastrowid or 0)
            connection.executemany(
                "INSERT INTO arrays VALUES (?, ?, ?, ?)",
                [(number, name, len(array), _packed(name, array)) for name, array in arrays.items()],
            )
            connection.execute("COMMIT")
        return number

    def trials(self, study: str) -> tuple[Mapping[str, Any], ...]:
        """The trials of ``study``, in the order in which they were run."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT number, told FROM trials WHERE study = ? ORDER BY number", (study,)
            ).fetchall()
            packed = connection.execute(
                "SELECT number, name, packed FROM arrays JOIN trials USING (number) WHERE study = ?", (study,)
            ).fetchall()
        found: dict[int, dict[str, Any]] = {number: json.loads(told) for number, told in rows}
        for number, name, data in packed:
            found[number][name] = np.frombuffer(zlib.decompress(data), dtype="<f8")
        return tuple(found.values())

    def studies(self) -> dict[str, int]:
        """How many trials there are of each study."""
        with self._connection() as connection:
            return dict(
                connection.execute("SELECT study, count(*) FROM trials GROUP BY study ORDER BY study").fetchall()
            )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=60.0, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            yield connection
        except sqlite3.DatabaseError as error:
            raise InputError(f"{self.path} does not open as a registry of trials: {error}") from error
        finally:
            connection.close()


def _packed(name: str, array: np.ndarray) -> bytes:
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        raise InputError(f"{name} is an array of {array.dtype} in {array.ndim} dimensions; give one row of numbers")
    return zlib.compress(array.astype("<f8").tobytes())
