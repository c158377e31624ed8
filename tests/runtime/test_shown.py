"""What the loop that trades is told reaches those who look, before it is dealt with, and changes nothing for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from bursar.adapters.marks import FILE_NAME, ReadMarks, SharedMarks
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.config import Settings
from bursar.domain.market import Slice
from bursar.runtime import stage as stages
from bursar.runtime.shown import Shown
from bursar.runtime.switch import Controls
from tests.builders import OPEN, quote
from tests.runtime.test_trader import stage_of


class Told:
    """A feed of given slices."""

    def __init__(self, *slices: Slice) -> None:
        self.slices = slices

    async def __aiter__(self) -> AsyncIterator[Slice]:
        for each in self.slices:
            yield each


def test_each_slice_is_published_before_it_is_dealt_with_and_the_last_one_in_any_case(tmp_path: Path) -> None:
    later = OPEN + timedelta(minutes=1)
    slices = Slice(at=OPEN, quotes=(quote("A", "1"),)), Slice(at=later, quotes=(quote("A", "2", at=later),))
    marks = SharedMarks(tmp_path / FILE_NAME, ticks=lambda: 0.0)
    read = ReadMarks(tmp_path / FILE_NAME)

    async def deal() -> list[Slice]:
        dealt: list[Slice] = []
        async for market in Shown(Told(*slices), marks):
            if not dealt:
                told = read.read()
                assert told is not None
                assert told.quotes == slices[0].quotes
            dealt.append(market)
        return dealt

    assert asyncio.run(deal()) == list(slices)
    told = read.read()
    assert told is not None
    assert told.quotes == slices[1].quotes


def test_a_run_that_operators_reach_shows_its_prices_and_any_other_keeps_them(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, "DU9000001")
    market = stages.exchange(stage)
    broker, controls = SimulatedBroker(market), Controls.of(tmp_path, tmp_path, Settings())
    feed = SimulatedFeed(market, broker)
    run = stages.loop(stage, feed, broker, MemoryJournal(), controls=controls)
    assert isinstance(run.feed, Shown)
    assert controls.marks is not None
    assert run.feed.marks.path == tmp_path / FILE_NAME
    assert stages.loop(stage, feed, broker, MemoryJournal()).feed is feed
