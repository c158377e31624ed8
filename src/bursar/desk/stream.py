"""The stream: every committed event from a sequence number on, and what the monitor sees each second.

A reader has a place in the journal and goes on from there, so that it misses no event, however slow it is or however
often it comes back. Of seconds it gets the latest: one that is behind misses some, and nobody waits for it. A reader
that takes nothing for a while is dropped; it comes back with the last sequence number that it saw.

All of it runs in the service's own loop. The loop that trades knows nothing of it.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bursar.desk import views
from bursar.desk.api.parts import may_see
from bursar.desk.desk import Desk
from bursar.desk.guard.roles import Caller
from bursar.desk.monitor import Second
from bursar.ports import Recorded

#: Texts of events that are kept for those who follow closely.
TEXTS_MAX = 4_096
#: Readers at once.
READERS_MAX = 1_000
#: How long nothing may be said before a reader is told that the line is alive.
PULSE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Said:
    """One message: the place in the journal that it is of (None for what is of no place), its kind and its text."""

    sequence: int | None
    kind: str
    text: str


@dataclass(eq=False, slots=True)
class Reader:
    """Somebody who listens. reached: the last sequence number that was said."""

    caller: Caller
    reached: int
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    second: Second | None = None
    restarted: bool = False


class Stream:
    """All readers of one desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.readers: set[Reader] = set()
        self.dropped = 0
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._second: tuple[Second, str] | None = None
        desk.listeners.append(self._heard)
        desk.watchers.append(self._looked)

    def _heard(self, new: Sequence[Recorded] | None) -> None:
        if new is None:
            self._texts.clear()
        for reader in self.readers:
            reader.restarted |= new is None
            reader.woken.set()

    def _looked(self, second: Second) -> None:
        for reader in self.readers:
            reader.second = second
            reader.woken.set()

    async def follow(self, caller: Caller, after: int) -> AsyncGenerator[Said, None]:
        """What comes after sequence number ``after``, for as long as it is asked for.

        Ends with a message ``restart`` where the journal is another one by now, or does not reach that far.
        """
        reader = Reader(caller, after)
        self.readers.add(reader)
        try:
            while True:
                if reader.restarted or reader.reached > self.desk.past.sequence:
                    yield Said(None, "restart", json.dumps({"type": "restart", "sequence": self.desk.past.sequence}))
                    return
                while reader.reached < self.desk.past.sequence and not reader.restarted:
                    recorded = self.desk.past.records[reader.reached]
                    reader.reached += 1
                    if _visible(caller, recorded):
                        yield Said(recorded.sequence, "event", self._text(recorded))
                if (second := reader.second) is not None:
                    reader.second = None
                    yield Said(None, "second", self._seen(caller, second))
                if not reader.woken.is_set():
                    try:
                        await asyncio.wait_for(reader.woken.wait(), PULSE_SECONDS)
                    except TimeoutError:
                        yield Said(None, "pulse", json.dumps({"type": "pulse", "sequence": reader.reached}))
                reader.woken.clear()
        finally:
            self.readers.discard(reader)

    def _text(self, recorded: Recorded) -> str:
        text = self._texts.get(recorded.sequence)
        if text is None:
            text = json.dumps({"type": "event", **views.event(recorded)}, separators=(",", ":"))
            self._texts[recorded.sequence] = text
            if len(self._texts) > TEXTS_MAX:
                self._texts.popitem(last=False)
        return text

    def _seen(self, caller: Caller, second: Second) -> str:
        """The second as the caller may see it; the text for those who may see all is made once."""
        whole = self._second
        if whole is None or whole[0] is not second:
            whole = self._second = second, self._told(second, range(len(second.lines.portfolios)))
        names = second.lines.portfolios
        visible = [place for place, name in enumerate(names) if may_see(caller, *name.split("/", maxsplit=1))]
        return whole[1] if len(visible) == len(names) else self._told(second, visible)

    def _told(self, second: Second, places: Sequence[int]) -> str:
        said: dict[str, Any] = {
            "type": "second",
            "sequence": self.desk.past.sequence,
            "at": views.moment(second.at),
            "items": views.seconds(second, places),
        }
        return orjson.dumps(said).decode()


def _visible(caller: Caller, recorded: Recorded) -> bool:
    """Whether a caller whose scopes name portfolios may see an event; who has none sees all."""
    event = recorded.event
    account, portfolio = getattr(event, "account", None), getattr(event, "portfolio", None)
    order = getattr(event, "order", None)
    if order is not None:
        account, portfolio = order.account, order.portfolio
    return may_see(caller, str(account), str(portfolio))
