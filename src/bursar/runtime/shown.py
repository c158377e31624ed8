"""A feed that lets others look: what it says is published before it is dealt with, and nothing waits for who looks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from bursar.adapters.marks import SharedMarks
from bursar.domain.market import Slice
from bursar.ports import Feed
from bursar.runtime.switch import Controls


@dataclass(frozen=True, slots=True)
class Shown:
    """Satisfies ``ports.Feed`` over another one. Asking for the next slice asks the other one, as always."""

    feed: Feed
    marks: SharedMarks

    async def __aiter__(self) -> AsyncIterator[Slice]:
        async for market in self.feed:
            self.marks.publish(market.quotes)
            yield market
        self.marks.flush()


def shown(feed: Feed, controls: Controls | None) -> Feed:
    """``feed`` as operators look on, or as it is where none does."""
    return Shown(feed, controls.marks) if controls and controls.marks else feed
