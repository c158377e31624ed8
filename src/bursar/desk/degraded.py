"""What is away at the moment: which part, since when, why, and what works without it.

Whoever notices says so under the part's name, and takes it away again when it is back. Nothing here is remembered over
a restart: whoever starts finds out anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

#: What still works while a part is away. Parts that are not named here are said without.
WORKS: Mapping[str, str] = MappingProxyType(
    {
        "journal": "what was read before is shown; trading has a process of its own",
        "notes": "all can be read and the kill switch works; what has to be written down first is refused",
        "store": "every second is kept in memory for an hour, and stored once that can be done again",
        "tables": "all of it; they go on where they stopped once their database is there again",
        "days": "all of it; seconds stay in the database until their days can be packed",
        "people": "who came in within ten minutes stays in; `bursar kill` needs nobody's sign-in",
        "gateway": "books and prices are shown as they were last known; nothing is sent to a broker that is not there",
        "trading": "all that was journaled is shown; the program that trades is started again by itself, with "
        "real money once a person types the phrase",
        "prices": "positions are valued at their last prices, with their age; no order is ever priced by them",
        "cache": "prices come from the run's own file",
        "clock": "all of it, with times that may be wrong",
        "disk": "all of it, until the disk is full",
        "monitor": "books, orders and proposals; nothing is valued each second",
    }
)


class Degraded(dict[str, str]):
    """Why each part is away, by its name. ``since`` says from when on; a part that fails again keeps its beginning."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self.now = now
        self.since: dict[str, datetime] = {}

    def __setitem__(self, part: str, why: str) -> None:
        self.since.setdefault(part, self.now())
        super().__setitem__(part, " ".join(why.split()))

    def back(self, part: str) -> None:
        """It is there again."""
        self.pop(part, None)

    def pop(self, part: str, *default: Any) -> Any:
        self.since.pop(part, None)
        return super().pop(part, *default)

    def told(self) -> list[dict[str, str]]:
        """Each part as JSON has it, by name."""
        return [
            {
                "part": part,
                "since": self.since[part].isoformat(timespec="seconds").replace("+00:00", "Z"),
                "why": why,
                "still_works": WORKS.get(part, ""),
            }
            for part, why in sorted(self.items())
        ]
