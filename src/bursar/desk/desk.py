"""What the desk stands on: the journal that it reads, the marks, the inbox, and its own journal.

The desk never writes the journal that trades: that one belongs to the loop that holds the lease. What people decide at
the desk is of two kinds. What the loop must do (kill, re-arm, tap, cancel) goes into its inbox as a command. What only
the desk needs (portfolios' names, budgets, who signed in and did what) is written into the desk's own journal, which
is chained and audited like the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from bursar.adapters.memory import MemoryCommands, MemoryJournal, MemoryMarks
from bursar.config import Settings
from bursar.desk.guard.gate import Authenticator
from bursar.ports import Commands, Journal, Marks, Recorded


class Readable(Protocol):
    """A journal that is only looked at."""

    def read(self, first: int = 1) -> Iterator[Recorded]: ...


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Desk:
    """Without arguments a desk on nothing: no journal, no user, all in memory.

    journal        what happened, as the loop that trades writes it
    notes          the desk's own journal
    home           BURSAR_HOME, or None where nothing is kept
    authenticator  who knows callers; None lets nobody in
    """

    journal: Readable = field(default_factory=MemoryJournal)
    notes: Journal = field(default_factory=MemoryJournal)
    marks: Marks = field(default_factory=MemoryMarks)
    commands: Commands = field(default_factory=MemoryCommands)
    settings: Settings = field(default_factory=Settings)
    home: Path | None = None
    now: Callable[[], datetime] = _now
    authenticator: Authenticator | None = None
