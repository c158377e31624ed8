"""Daily facts on disk and in memory, shown only from the moment that they could be known.

One folder holds one source: a Parquet file for each field, and ``manifest.json``, which says where the
facts come from, what the source lacks, and for each file its rows and the SHA-256 of its bytes. A file
that does not match its line in the manifest is not read.

    close.parquet     known_at (UTC, microseconds), day, then one column of float64 for each symbol
    actions.parquet   splits and dividends with the instant when they were declared, where the prices are raw
    manifest.json     written last: a folder without one is a conversion that did not finish

Nothing is filled in: what is missing is NaN in the file and NaN in the panel. A source that has prices as they were
paid keeps them under ``raw_close`` and its like; ``close`` is made from them when it is asked for (``adjustments``).
Beside a raw close, ``volume`` counts the shares of that day, so that the two give the money that changed hands;
``adjusted_volume`` counts them in shares of the last day shown.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bursar.adapters.adjustments import DERIVED, Adjuster, CorporateAction
from bursar.adapters.vendors import PriceKind, Source
from bursar.domain.venues import HOME, venue
from bursar.errors import DataError, InputError
from bursar.ports import Panel

MANIFEST = "manifest.json"
#: Raised when the shape of the folder changes; a folder of another format is made again.
FORMAT = 1


# Without slots: it is asked for a few columns thousands of times, and where those are is worked out once.
@dataclass(frozen=True, eq=False)
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

    @cached_property
    def places(self) -> dict[str, int]:
        """The column of each symbol."""
        return {symbol: place for place, symbol in enumerate(self.panel.symbols)}

    def asof(self, symbols: Sequence[str], known_at: datetime, days: int | None) -> Panel:
        """The last ``days`` rows known at ``known_at``, with the columns of ``symbols``, read-only."""
        end = int(np.searchsorted(self.known_at, instant(known_at), side="right"))
        first = 0 if days is None else max(end - days, 0)
        columns = [self.places[symbol] for symbol in symbols]
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

    lacks    fields that nobody should expect of this source
    actions  what companies did to their shares, which makes adjusted prices of raw ones; None where nobody knows
    """

    def __init__(
        self,
        facts: Mapping[str, Facts],
        lacks: frozenset[str] = frozenset(),
        name: str = "memory",
        actions: Iterable[CorporateAction] | None = None,
    ) -> None:
        both = sorted(facts.keys() & lacks)
        if both:
            raise InputError(f"{name} cannot both have and lack {', '.join(both)}")
        self._facts = dict(facts)
        self._lacks = lacks
        self._reader = _Reader(name, lambda: frozenset(self._facts), self._facts.__getitem__, lambda: actions)

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        return self._reader.asof(symbols, field, known_at, days)

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
        self._reader = _Reader(
            self.manifest.source, lambda: frozenset(self.manifest.files), self.facts, lambda: self.actions
        )

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        return self._reader.asof(symbols, field, known_at, days)

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

    @property
    def actions(self) -> tuple[CorporateAction, ...] | None:
        """All splits and dividends, by ex-date; None where the source does not say."""
        stored = self.manifest.actions
        return None if stored is None else _read_actions(self.folder, stored)


class _Reader:
    """How both histories answer: a field that is kept, or one that is made from raw prices and actions."""

    def __init__(
        self,
        name: str,
        kept: Callable[[], frozenset[str]],
        facts: Callable[[str], Facts],
        actions: Callable[[], Iterable[CorporateAction] | None],
    ) -> None:
        self._name, self._kept, self._facts, self._actions = name, kept, facts, actions
        self._adjuster: Adjuster | None = None

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None) -> Panel:
        kept = self._kept()
        if field in kept:
            facts = self._facts(field)
            _check(symbols, facts.places, days, self._name)
            return facts.asof(symbols, known_at, days)
        base, kind = DERIVED.get(field, ("", None))
        adjuster = self._adjusted() if kind is not None and {base, "raw_close"} <= kept else None
        if kind is None or adjuster is None:
            made = {each for each, (source, _) in DERIVED.items() if {source, "raw_close"} <= kept}
            has = ", ".join(sorted(kept | (made if self._adjusted() else set()))) or "nothing"
            raise DataError(f"{self._name} has no {field!r}; it has {has}")
        facts = self._facts(base)
        _check(symbols, facts.places, days, self._name)
        paid = facts.asof(symbols, known_at, days)
        end = int(np.searchsorted(facts.known_at, instant(known_at), side="right"))
        columns = [facts.places[symbol] for symbol in symbols]
        factors = adjuster.factors(kind, end - len(paid.dates), end, columns, instant(known_at))
        values = paid.values * factors
        values.flags.writeable = False
        return Panel(paid.dates, paid.symbols, values)

    def _adjusted(self) -> Adjuster | None:
        """What adjusts; None where there are no raw closes, or nobody knows what companies did to them."""
        if self._adjuster is None and "raw_close" in self._kept():
            actions, raw = self._actions(), self._facts("raw_close")
            if actions is not None:
                self._adjuster = Adjuster(raw.panel.dates, raw.known_at, raw.panel.symbols, raw.panel.values, actions)
        return self._adjuster


class Rebased:
    """A history whose adjusted prices all stand in the money of one day, for a world that is played in it.

    A history adjusts as of the day that is asked about, so the level of a close moves as actions become known. A
    simulated exchange that knows no corporate actions needs one level throughout: this one takes the factors of
    ``last``. Returns are the same, and what is known when is untouched; a level tells of actions to come, so levels
    must not be compared with anything.
    """

    def __init__(self, history: MemoryHistory | ParquetHistory, last: datetime) -> None:
        self._history = history
        self._last = last
        self._whole: dict[tuple[str, tuple[str, ...]], Panel] = {}

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        shown = self._history.asof(symbols, field, known_at, days)
        if field not in DERIVED or not len(shown.dates):
            return shown
        whole = self._at_last(shown.symbols, field) if known_at <= self._last else shown
        first = int(np.searchsorted(whole.dates, shown.dates[0]))
        values = whole.values[first : first + len(shown.dates)]
        return Panel(shown.dates, shown.symbols, values)

    def _at_last(self, symbols: tuple[str, ...], field: str) -> Panel:
        """All of a field in the money of the last day, made once for those who ask for the same symbols."""
        if (field, symbols) not in self._whole:
            self._whole[field, symbols] = self._history.asof(symbols, field, self._last)
        return self._whole[field, symbols]

    def lacks(self) -> frozenset[str]:
        return self._history.lacks()


def _check(symbols: Sequence[str], places: Mapping[str, int], days: int | None, source: str) -> None:
    unknown = sorted({symbol for symbol in symbols if symbol not in places})
    if unknown:
        held = list(places)
        has = ", ".join(held[:30]) + (f" and {len(held) - 30} more" if len(held) > 30 else "")
        raise DataError(f"{source} has no {', '.join(unknown)}; it has {has}")
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
    about      what the source says of itself; None for a folder of an earlier Bursar
    actions    the file of splits and dividends; None where the prices came adjusted, or never will be
    """

    source: str
    lacks: frozenset[str]
    made_from: Mapping[str, str]
    files: Mapping[str, StoredFile]
    about: Source | None = None
    actions: StoredFile | None = None


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
            about=_source(told["about"]) if told.get("about") else None,
            actions=StoredFile(**told["actions"]) if told.get("actions") else None,
        )
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no converted facts; run make setup") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not read: {error!r}; delete its folder and run make setup") from error
    if form != FORMAT:
        raise InputError(f"{path} has format {form}, this Bursar reads {FORMAT}; delete its folder and run make setup")
    return manifest


def write_history(
    folder: Path,
    facts: Mapping[str, Facts],
    *,
    source: str,
    lacks: frozenset[str],
    made_from: Mapping[str, str],
    about: Source | None = None,
    actions: Sequence[CorporateAction] | None = None,
) -> Manifest:
    """Write ``facts`` by field into ``folder``, the manifest last; what stood there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    manifest = Manifest(
        source=source,
        lacks=lacks,
        made_from=made_from,
        files={field: _write(folder / f"{field}.parquet", each) for field, each in sorted(facts.items())},
        about=about,
        actions=None if actions is None else _write_actions(folder / "actions.parquet", actions),
    )
    told = {
        "format": FORMAT,
        "source": source,
        "lacks": sorted(lacks),
        "made_from": dict(made_from),
        "files": {field: _told(stored) for field, stored in manifest.files.items()},
    }
    if about is not None:
        told["about"] = _about(about)
    if manifest.actions is not None:
        told["actions"] = _told(manifest.actions)
    _replace(folder / MANIFEST, json.dumps(told, indent=2).encode())
    return manifest


def _told(stored: StoredFile) -> dict[str, Any]:
    return {"name": stored.name, "rows": stored.rows, "sha256": stored.sha256}


def _about(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "title": source.title,
        "prices": source.prices.value,
        "fields": sorted(source.fields),
        "lacks": sorted(source.lacks),
        "origin": source.origin,
        "survivors": source.survivors,
        "first": source.first.isoformat(),
        "last": source.last.isoformat(),
        "simulated": source.simulated,
        "exchange": source.exchange,
        "currency": source.currency,
    }


def _source(told: Mapping[str, Any]) -> Source:
    return Source(
        name=told["name"],
        title=told["title"],
        prices=PriceKind(told["prices"]),
        fields=frozenset(told["fields"]),
        lacks=frozenset(told["lacks"]),
        origin=told["origin"],
        survivors=bool(told["survivors"]),
        first=date.fromisoformat(told["first"]),
        last=date.fromisoformat(told["last"]),
        simulated=bool(told["simulated"]),
        # Whoever wrote a folder before there were others traded in New York.
        exchange=told.get("exchange", HOME),
        currency=told.get("currency", venue(HOME).currency),
    )


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


def _write_actions(path: Path, actions: Sequence[CorporateAction]) -> StoredFile:
    import polars as pl

    ordered = sorted(actions, key=lambda action: (action.ex_date, action.symbol, action.known_at))
    frame = pl.DataFrame(
        {
            "symbol": pl.Series([action.symbol for action in ordered], dtype=pl.String),
            "ex_date": pl.Series([action.ex_date for action in ordered], dtype=pl.Date),
            "known_at": pl.Series([action.known_at for action in ordered], dtype=pl.Datetime("us", "UTC")),
            "split": pl.Series([action.split for action in ordered], dtype=pl.Float64),
            "dividend": pl.Series([action.dividend for action in ordered], dtype=pl.Float64),
        }
    )
    draft = path.with_suffix(f".{os.getpid()}")
    frame.write_parquet(draft, compression="zstd")
    digest = sha256(draft)
    draft.replace(path)
    return StoredFile(name=path.name, rows=len(ordered), sha256=digest)


def _read_actions(folder: Path, stored: StoredFile) -> tuple[CorporateAction, ...]:
    frame = _verified(folder, stored)
    return tuple(
        CorporateAction(symbol=symbol, ex_date=ex_date, known_at=known_at, split=split, dividend=dividend)
        for symbol, ex_date, known_at, split, dividend in frame.iter_rows()
    )


def _verified(folder: Path, stored: StoredFile) -> Any:
    """The frame in a file, once its hash and its rows are those of the manifest."""
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
    return frame


def _read(folder: Path, stored: StoredFile) -> Facts:
    frame = _verified(folder, stored)
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
