"""Daily facts on disk and in memory, shown only from the moment that they could be known.

One folder holds one source: a Parquet file for each field, and ``manifest.json``, which says where the
facts come from, what the source lacks, and for each file its rows and the SHA-256 of its bytes. A file
that does not match its line in the manifest is not read.

    close.parquet     known_at (UTC, microseconds), day, then one column of float64 for each symbol
    manifest.json     written last: a folder without one is a conversion that did not finish

Nothing is filled in: what is missing is NaN in the file and NaN in the panel.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bursar.errors import DataError, InputError
from bursar.ports import Panel

MANIFEST = "manifest.json"
#: Raised when the shape of the folder changes; a folder of another format is made again.
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """One field, and when each of its days became known.

    known_at  (n_days,) datetime64[us] in UTC, never falling: what is known later is not shown earlier
    """

    panel: Panel
    known_at: NDArray[np.datetime64]

    def __post_init__(self) -> None:
        if self.known_at.shape != self.panel.dates.shape:
            raise InputError(f"{len(self.panel.dates)} days of facts have {len(self.known_at)} instants of knowledge")
        if np.any(np.diff(self.panel.dates) <= np.timedelta64(0)):
            raise InputError("the days of a panel must rise, one row a day")
        if np.any(np.diff(self.known_at) < np.timedelta64(0)):
            raise InputError("facts must not become known in another order than their days")

    def asof(self, symbols: Sequence[str], known_at: datetime, days: int | None) -> Panel:
        """The last ``days`` rows known at ``known_at``, with the columns of ``symbols``, read-only."""
        end = int(np.searchsorted(self.known_at, instant(known_at), side="right"))
        first = 0 if days is None else max(end - days, 0)
        columns = [self.panel.symbols.index(symbol) for symbol in symbols]
        values = np.ascontiguousarray(self.panel.values[first:end, columns])
        values.flags.writeable = False
        return Panel(self.panel.dates[first:end].copy(), tuple(symbols), values)


def instant(at: datetime) -> np.datetime64:
    """A moment as numpy keeps it. Raises InputError unless it is in UTC."""
    if at.utcoffset() != timedelta(0):
        raise InputError(f"{at} is not in UTC; convert it at the edge")
    return np.datetime64(at.replace(tzinfo=None), "us")


class MemoryHistory:
    """Facts by field, held in memory: the double, and what a file becomes once it is read.

    lacks  fields that nobody should expect of this source
    """

    def __init__(self, facts: Mapping[str, Facts], lacks: frozenset[str] = frozenset(), name: str = "memory") -> None:
        both = sorted(facts.keys() & lacks)
        if both:
            raise InputError(f"{name} cannot both have and lack {', '.join(both)}")
        self._facts = dict(facts)
        self._lacks = lacks
        self._name = name

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        facts = self._facts.get(field)
        if facts is None:
            raise DataError(f"{self._name} has no {field!r}; it has {', '.join(sorted(self._facts)) or 'nothing'}")
        _check(symbols, facts.panel.symbols, days, self._name)
        return facts.asof(symbols, known_at, days)

    def lacks(self) -> frozenset[str]:
        return self._lacks


class ParquetHistory:
    """The facts in a folder. The manifest is read at once; a field is read and verified when first asked for.

    Raises InputError where the folder holds no finished conversion, or a file is not what was written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._facts: dict[str, Facts] = {}

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        facts = self.facts(field)
        _check(symbols, facts.panel.symbols, days, self.manifest.source)
        return facts.asof(symbols, known_at, days)

    def lacks(self) -> frozenset[str]:
        return self.manifest.lacks

    def facts(self, field: str) -> Facts:
        """All of one field, for whoever converts or checks: a decision asks ``asof``."""
        if field not in self._facts:
            if field not in self.manifest.files:
                has = ", ".join(sorted(self.manifest.files))
                raise DataError(f"{self.manifest.source} has no {field!r}; it has {has}")
            self._facts[field] = _read(self.folder, self.manifest.files[field])
        return self._facts[field]


def _check(symbols: Sequence[str], held: tuple[str, ...], days: int | None, source: str) -> None:
    unknown = sorted(set(symbols) - set(held))
    if unknown:
        raise DataError(f"{source} has no {', '.join(unknown)}; it has {', '.join(held)}")
    if len(set(symbols)) != len(symbols):
        raise InputError(f"the same symbol is asked for twice in {', '.join(symbols)}")
    if days is not None and days < 1:
        raise InputError(f"{days} days of history are none; ask for at least 1")


# ---------------------------------------------------------------- the folder


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One field's file, as the manifest vouches for it."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a folder says of itself.

    source     its name for people
    lacks      fields that the source does not have
    made_from  the SHA-256 of each file that the facts were converted from, by its name
    """

    source: str
    lacks: frozenset[str]
    made_from: Mapping[str, str]
    files: Mapping[str, StoredFile]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of ``folder``. Raises InputError where it is missing, damaged, or of another format."""
    path = folder / MANIFEST
    try:
        told: dict[str, Any] = json.loads(path.read_bytes())
        form = told["format"]
        manifest = Manifest(
            source=told["source"],
            lacks=frozenset(told["lacks"]),
            made_from=told["made_from"],
            files={field: StoredFile(**stored) for field, stored in told["files"].items()},
        )
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no converted facts; run make setup") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not read: {error!r}; delete its folder and run make setup") from error
    if form != FORMAT:
        raise InputError(f"{path} has format {form}, this Bursar reads {FORMAT}; delete its folder and run make setup")
    return manifest


def write_history(
    folder: Path, facts: Mapping[str, Facts], *, source: str, lacks: frozenset[str], made_from: Mapping[str, str]
) -> Manifest:
    """Write ``facts`` by field into ``folder``, the manifest last; what stood there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    files = {field: _write(folder / f"{field}.parquet", each) for field, each in sorted(facts.items())}
    told = {
        "format": FORMAT,
        "source": source,
        "lacks": sorted(lacks),
        "made_from": dict(made_from),
        "files": {
            field: {"name": stored.name, "rows": stored.rows, "sha256": stored.sha256}
            for field, stored in files.items()
        },
    }
    _replace(folder / MANIFEST, json.dumps(told, indent=2).encode())
    return Manifest(source=source, lacks=lacks, made_from=made_from, files=files)


def _write(path: Path, facts: Facts) -> StoredFile:
    # Late, because polars takes half a second and a pure reader of manifests needs none of it.
    import polars as pl

    panel = facts.panel
    columns: dict[str, Any] = {
        "known_at": pl.Series(facts.known_at).dt.replace_time_zone("UTC"),
        "day": pl.Series(panel.dates).cast(pl.Date),
    }
    columns |= {symbol: panel.values[:, index] for index, symbol in enumerate(panel.symbols)}
    draft = path.with_suffix(f".{os.getpid()}")
    pl.DataFrame(columns).write_parquet(draft, compression="zstd")
    digest = sha256(draft)
    draft.replace(path)
    return StoredFile(name=path.name, rows=len(panel.dates), sha256=digest)


def _read(folder: Path, stored: StoredFile) -> Facts:
    import polars as pl

    path = folder / stored.name
    found = sha256(path) if path.is_file() else "no file"
    if found != stored.sha256:
        raise InputError(
            f"{path} is damaged: its SHA-256 should be {stored.sha256} and is {found}; "
            "delete its folder and run make setup"
        )
    frame = pl.read_parquet(path)
    if frame.height != stored.rows:
        raise InputError(f"{path} has {frame.height} rows, its manifest says {stored.rows}; run make setup")
    known_at, day, *symbols = frame.columns
    panel = Panel(
        frame[day].to_numpy().astype("datetime64[D]"),
        tuple(symbols),
        np.ascontiguousarray(frame.select(symbols).to_numpy(), dtype=np.float64),
    )
    return Facts(panel, frame[known_at].dt.replace_time_zone(None).to_numpy().astype("datetime64[us]"))


def _replace(path: Path, data: bytes) -> None:
    """Write whole or not at all: another process may be reading."""
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(path)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def closes_known_at(closes: Sequence[datetime]) -> NDArray[np.datetime64]:
    """Closing instants as ``Facts`` wants them, (n_days,) datetime64[us] in UTC."""
    return np.array([at.astimezone(UTC).replace(tzinfo=None) for at in closes], dtype="datetime64[us]")
