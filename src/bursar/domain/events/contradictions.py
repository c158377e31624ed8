"""Contradictions between our books and the broker."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.domain.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakFound(Event, kind="break_found"):
    """Our books and the broker disagree; trading on the symbol stops until it is explained."""

    account: str
    symbol: str
    what: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakExplained(Event, kind="break_explained"):
    """A person, or a statement, settled a break."""

    break_id: str
    explanation: str
    by: str
