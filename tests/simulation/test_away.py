"""A gateway that is away for longer than all attempts: the desk stands, says so, sends nothing, and goes on later."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bursar.config import Settings
from bursar.domain.events import Alerted, KillForm, LineChanged, OrderPlaced
from bursar.errors import BrokerError
from bursar.gateway.faults import Plan
from bursar.runtime.switch import Controls, Pulled
from bursar.runtime.watch import LineWatch
from bursar.runtime.wire import again_and_again
from bursar.trading.line import LineState, Policy
from tests.simulation import small
from tests.simulation.loop import VirtualLoop
from tests.simulation.schedule import PORT, STEPS_MAX, _Stage, check
from tests.simulation.swift import swiftly

POLICY = Policy(attempts_max=3)
AWAY = timedelta(hours=3)


def placed(stage: _Stage) -> list[str]:
    return [each.event.event_id for each in stage.journal.read() if isinstance(each.event, OrderPlaced)]


def play(stage: _Stage, controls: Controls) -> None:
    """Trade, lose the gateway for hours while its market goes on, and find it again."""
    watch = LineWatch(POLICY, stage.journal)
    with VirtualLoop(stage.seed) as loop:
        loop.start("gateway", stage.gateway())
        loop.run_until(lambda: loop.listens(PORT))
        begun = small.SESSIONS[0].open
        standing = again_and_again(lambda: stage.desk(watch), watch, stage.journal, controls, begun, stays=True)
        desk = loop.start("desk", standing)
        loop.run_until(lambda: bool(placed(stage)))
        loop.kill("gateway")
        gone, before = loop.time(), placed(stage)
        loop.run_until(lambda: loop.time() >= gone + AWAY.total_seconds())
        assert not desk.done()
        assert watch.line.state is LineState.BROKEN
        assert placed(stage) == before
        loop.start("gateway", stage.gateway())
        loop.run_until(lambda: loop.listens(PORT))
        assert stage.hub is not None
        stage.hub.step()
        stage.hub.step()
        loop.run_until(desk.done, steps_max=STEPS_MAX)
        desk.result()
        assert placed(stage) != before, "it trades again"
        stage.calm(loop)


@pytest.mark.parametrize("seed", [3, 4], ids=["protected", "watched"])
def test_the_desk_outlives_all_attempts_and_nothing_is_lost_or_done_twice(tmp_path: Path, seed: int) -> None:
    stage = _Stage(seed, Plan(seed=seed))
    with swiftly():
        play(stage, Controls.of(tmp_path, tmp_path, Settings()))
        outcome = stage.told()
        check(outcome, stage)
    assert outcome.breaks == []
    line = [event for event in outcome.events if isinstance(event, LineChanged)]
    assert [event.state for event in line] == ["socket_down", "broken", "up"]
    opened = line[1]
    assert f"since {opened.at:%Y-%m-%d %H:%M} UTC, 4 attempts failed" in opened.reason
    still = [event for event in outcome.events if isinstance(event, Alerted) and "it is tried again" in event.message]
    assert [event.severity for event in still] == ["info"] * 17  # three hours, but for the first attempts
    assert {(late.at - soon.at) for soon, late in pairwise(still)} == {POLICY.breaker_pause}
    assert f"since {opened.at:%Y-%m-%d %H:%M} UTC, 21 attempts failed" in still[-1].message


def test_whoever_pulls_the_switch_while_it_stands_is_not_kept_waiting(tmp_path: Path) -> None:
    stage, controls, tried = _Stage(4, Plan(seed=4)), Controls.of(tmp_path, tmp_path, Settings()), list[float]()
    watch = LineWatch(POLICY, stage.journal)

    async def attempt() -> None:
        tried.append(asyncio.get_running_loop().time())
        raise BrokerError("nobody is there", retryable=True)

    with VirtualLoop(4) as loop:
        loop.start("desk", again_and_again(attempt, watch, stage.journal, controls, small.SESSIONS[0].open, stays=True))
        loop.run_until(lambda: watch.broken)
        loop.run_until(lambda: loop.time() >= tried[-1] + 60)
        controls.switch.pull(Pulled(form=KillForm.HALT, reason="in a test", by="owner"))
        known = len(tried)
        loop.run_until(lambda: len(tried) > known)
        assert tried[-1] - tried[-2] == pytest.approx(60, abs=2)
