"""Ids of our own thoughts: a letter and a number counted per journal, as in ``o-00000001``."""

from __future__ import annotations

import re
from collections import defaultdict

_COUNTED = re.compile(r"([a-z])-(\d{8,})")


class Ids:
    """Counts on from the highest id that the journal holds, so that a restart reuses none."""

    def __init__(self) -> None:
        self._last: dict[str, int] = defaultdict(int)

    def seen(self, event_id: str) -> None:
        """Take note of an id that is in the journal; ids of outside facts are ignored."""
        if counted := _COUNTED.fullmatch(event_id):
            letter, number = counted.group(1), int(counted.group(2))
            self._last[letter] = max(self._last[letter], number)

    def new(self, letter: str) -> str:
        """The next id of a kind."""
        self._last[letter] += 1
        return f"{letter}-{self._last[letter]:08d}"
