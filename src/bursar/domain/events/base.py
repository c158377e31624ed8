"""What every event has in common, and the catalogue of all kinds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from bursar.errors import InputError

#: Every kind of event, by the name under which the journal keeps it.
CATALOGUE: dict[str, type[Event]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact. ``kind`` and ``version`` name its shape in the journal."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    event_id: str
    at: datetime
    causes: tuple[str, ...] = ()

    def __init_subclass__(cls, kind: str = "", version: int = 1) -> None:
        # A dataclass with slots is built twice, the second time without our keyword.
        cls.kind = kind or cls.kind
        cls.version = version if kind else cls.version
        CATALOGUE[cls.kind] = cls

    def __post_init__(self) -> None:
        if not self.event_id:
            raise InputError(f"an event of kind {self.kind} has no id")
        if self.at.tzinfo is not UTC and self.at.utcoffset() != timedelta(0):
            raise InputError(f"{self.event_id}: at is {self.at}; it must be in UTC")
