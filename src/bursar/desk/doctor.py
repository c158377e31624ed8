"""Is this machine fit for Bursar? One check a line: what was looked at, what was found, what to do.

A check that fails would stop the demo; a warning would not. Nothing is changed, nothing is sent and
nothing is downloaded; the only connections are to ports of this machine, to see whether somebody listens.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from bursar.config import Settings
from bursar.errors import BursarError, InputError, LedgerError

if TYPE_CHECKING:
    from bursar.adapters.history import ParquetHistory  # polars takes a while, and only one check needs it

PYTHON_OLDEST, PYTHON_NEWEST = (3, 11), (3, 14)

#: What the prices, a journal and the compiled kernels of a demo take, with room to spare.
FREE_BYTES_MIN = 200_000_000

#: Ports at which something that speaks IBKR's protocol may listen on this machine, and what it then is.
PORTS = {4002: "Bursar's gateway, or a paper IB Gateway", 7497: "a paper Trader Workstation"}

#: A clock that is before this day is wrong: this version of Bursar did not exist then.
NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


class Verdict(StrEnum):
    """What a check came to."""

    FINE = "fine"
    NOTE = "note"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what was looked at, what was found, and what to do about it."""

    what: str
    verdict: Verdict
    found: str
    remedy: str = ""


def examine(home: Path, settings: Settings, now: datetime | None = None) -> tuple[Finding, ...]:
    """Every check, in the order in which a fault would be met."""
    return (
        python(sys.version_info[:2]),
        packages(importlib.metadata.version),
        folder(home),
        space(home),
        clock(now or datetime.now(UTC)),
        *prices(home),
        journal(home),
        *ports(settings.broker.host),
        broker(settings),
        keys(settings),
        sealing(settings),
    )


def python(version: tuple[int, int]) -> Finding:
    """Whether Bursar runs on this Python."""
    found = f"{version[0]}.{version[1]} ({platform.python_implementation()}, {platform.system()} {platform.machine()})"
    if PYTHON_OLDEST <= version <= PYTHON_NEWEST:
        return Finding(what="Python", verdict=Verdict.FINE, found=found)
    return Finding(what="Python", verdict=Verdict.FAILED, found=found, remedy="use Python 3.11 to 3.14")


def packages(version_of: Callable[[str], str]) -> Finding:
    """Whether the packages that Bursar needs are installed, in versions that it knows."""
    needed = [text for text in importlib.metadata.requires("bursar") or () if "extra ==" not in text]
    wrong = [text for text in needed if not _satisfied(text, version_of)]
    if wrong:
        return Finding(
            what="packages",
            verdict=Verdict.FAILED,
            found=f"missing or too old: {', '.join(wrong)}",
            remedy="make setup",
        )
    return Finding(what="packages", verdict=Verdict.FINE, found=f"all {len(needed)} are here")


def _satisfied(requirement: str, version_of: Callable[[str], str]) -> bool:
    """True when ``requirement`` ("numpy>=2.2") is installed and not older than it says."""
    least = re.search(r">=([0-9.]+)", requirement)
    try:
        here = version_of(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])
    except importlib.metadata.PackageNotFoundError:
        return False
    return least is None or _numbers(here) >= _numbers(least[1])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def folder(home: Path) -> Finding:
    """Whether Bursar may write where it keeps everything."""
    nearest = next((place for place in (home, *home.parents) if place.exists()), home)
    if not nearest.is_dir():
        return Finding(
            what="home folder",
            verdict=Verdict.FAILED,
            found=f"{nearest} is a file",
            remedy="set BURSAR_HOME to a folder",
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(
            what="home folder",
            verdict=Verdict.FAILED,
            found=f"{nearest} cannot be written",
            remedy="set BURSAR_HOME to a folder of yours",
        )
    found = f"{home}" if home.exists() else f"{home}, to be made"
    return Finding(what="home folder", verdict=Verdict.FINE, found=found)


def space(home: Path, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> Finding:
    """Whether there is room for prices and journals."""
    nearest = next((place for place in (home, *home.parents) if place.is_dir()), Path("/"))
    free = usage(nearest)[2]
    found = f"{free / 1e9:,.1f} GB free"
    if free < FREE_BYTES_MIN:
        remedy = f"make room: {FREE_BYTES_MIN / 1e6:,.0f} MB are needed, or set BURSAR_HOME elsewhere"
        return Finding(what="disk", verdict=Verdict.FAILED, found=found, remedy=remedy)
    return Finding(what="disk", verdict=Verdict.FINE, found=found)


def clock(now: datetime) -> Finding:
    """Whether the machine's clock can be right."""
    found = f"{now:%Y-%m-%d %H:%M} UTC"
    if not NOT_BEFORE <= now <= NOT_BEFORE + timedelta(days=365 * 30):
        return Finding(what="clock", verdict=Verdict.WARNING, found=found, remedy="set the machine's clock")
    return Finding(what="clock", verdict=Verdict.FINE, found=found)


def prices(home: Path) -> Iterator[Finding]:
    """Whether the files that prices come from are the ones that are known, and what was made of them is whole."""
    from bursar.adapters.history import ParquetHistory
    from bursar.adapters.vendors import wheels

    for file in (wheels.STOCKS_FILE, wheels.INDEX_FILE, wheels.FACTORS_FILE):
        what = f"data of {file.package}"
        yield _tried(what, partial(wheels.read, file), f"{file.path}: its hash is the one that is known")
    made = sorted(manifest.parent for manifest in (home / "data").glob("*/manifest.json"))
    if not made:
        yield Finding(what="prices", verdict=Verdict.NOTE, found="not converted yet; the first demo does it")
    for place in made:
        yield _tried("prices", partial(_read_all, ParquetHistory, place), f"{place.name}: hashes match")


def _tried(what: str, look: Callable[[], object], found: str) -> Finding:
    try:
        look()
    except BursarError as error:
        return Finding(what=what, verdict=Verdict.FAILED, found=str(error))
    return Finding(what=what, verdict=Verdict.FINE, found=found)


def _read_all(history: type[ParquetHistory], place: Path) -> None:
    opened = history(place)
    for field in opened.manifest.files:
        opened.facts(field)


def journal(home: Path) -> Finding:
    """Whether the chain of the last run's journal holds."""
    from bursar.adapters.journal import verify

    path = home / "runs" / "demo" / "journal.sqlite"
    if not path.exists():
        return Finding(what="journal", verdict=Verdict.NOTE, found="none yet; bursar demo makes one")
    try:
        head = verify(path)
    except LedgerError as error:
        return Finding(what="journal", verdict=Verdict.FAILED, found=str(error), remedy="restore it from a backup")
    return Finding(what="journal", verdict=Verdict.FINE, found=f"{head.sequence:,} events, chain unbroken")


def ports(host: str, listens: Callable[[str, int], bool] | None = None) -> Iterator[Finding]:
    """Whether something listens where a gateway or a workstation would. Nothing has to."""
    for port, what in PORTS.items():
        if (listens or _listens)(host, port):
            found = f"something listens: {what}"
        else:
            found = f"free; {what} would listen here"
        yield Finding(what=f"port {port}", verdict=Verdict.NOTE, found=found)


def broker(settings: Settings, listens: Callable[[str, int, float], bool] | None = None) -> Finding:
    """Whether something listens at the broker that the settings name. The demo brings its own and needs none."""
    host, port = settings.broker.host, settings.broker.port
    if (listens or _listens)(host, port, float(settings.broker.connect_timeout_seconds)):
        return Finding(what="broker", verdict=Verdict.FINE, found=f"something listens at {host}:{port}")
    found = f"nothing listens at {host}:{port}; `bursar gateway` would, and the demo needs none"
    return Finding(what="broker", verdict=Verdict.NOTE, found=found)


def _listens(host: str, port: int, timeout_seconds: float = 0.5) -> bool:
    try:
        with socket.create_connection((host, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False


def keys(settings: Settings) -> Finding:
    """Whether the language model that the settings name could be asked."""
    models = settings.models
    if models.openai_api_key:
        found = f"{models.primary_model}, with a key; models.reasoning is {models.reasoning}"
        return Finding(what="language model", verdict=Verdict.FINE, found=found)
    found = f"{models.primary_model} has no key (OPENAI_API_KEY); models.reasoning is {models.reasoning}"
    return Finding(what="language model", verdict=Verdict.NOTE, found=found)


def sealing(settings: Settings) -> Finding:
    """Whether account data is sealed on disk, and whether its key is where the settings say, for one pair of eyes."""
    path = settings.store.key_file
    if not path:
        found = "none (store.key_file is not set): journals and backups are written in clear text"
        return Finding(what="encryption", verdict=Verdict.NOTE, found=found)
    try:
        settings.store.cipher()
    except InputError as error:
        return Finding(what="encryption", verdict=Verdict.FAILED, found=str(error))
    mode = Path(path).expanduser().stat().st_mode & 0o777
    if mode & 0o077:
        found = f"others may read the key in {path}, whose mode is {mode:o}"
        return Finding(what="encryption", verdict=Verdict.WARNING, found=found, remedy=f"chmod 600 {path}")
    return Finding(what="encryption", verdict=Verdict.FINE, found=f"journals and backups are sealed with {path}")


# ---------------------------------------------------------------- shown


def healthy(findings: tuple[Finding, ...]) -> bool:
    """True when nothing failed."""
    return all(finding.verdict is not Verdict.FAILED for finding in findings)


def as_json(findings: tuple[Finding, ...]) -> str:
    """The findings as JSON."""
    return json.dumps({"healthy": healthy(findings), "findings": [asdict(each) for each in findings]}, indent=2) + "\n"


_STYLES: Mapping[Verdict, tuple[str, str]] = {
    Verdict.FINE: ("✓", "green"),
    Verdict.NOTE: ("·", "dim"),
    Verdict.WARNING: ("!", "yellow"),
    Verdict.FAILED: ("✗", "bold red"),
}


def as_table(findings: tuple[Finding, ...]) -> Table:
    """The findings as a table for a terminal."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = _STYLES[finding.verdict]
        found = Text(finding.found)
        if finding.remedy:
            found.append(f"\n{finding.remedy}", style="yellow")
        table.add_row(Text(mark, style=style), finding.what, found)
    return table
