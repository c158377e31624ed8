"""The demo over the wire: a gateway in a process of its own, and a desk that finds it again.

The gateway outlives the desk and the desk outlives the gateway. Whoever is started again finds in the run's
folder what it needs: the desk its journal, the gateway its log of commands. Meeting again is the same path
as meeting for the first time: connect, interrogate whole, reconcile, go on.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

from bursar.adapters import ib
from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib_connection import Address
from bursar.errors import BrokerError
from bursar.ports import Journal
from bursar.runtime.gateway_process import Child, Gateway, spawn
from bursar.runtime.stage import Progress, Stage, loop
from bursar.runtime.switch import Controls, Switch
from bursar.runtime.tenure import Fenced, Tenure
from bursar.runtime.watch import Heard, LineWatch, policy

#: Where the folder of a run keeps the gateway's port, and its log of commands.
GATEWAY_NAME, GATEWAY_LOG_NAME = "gateway.json", "gateway.log"

#: How long a gateway that nobody talks to waits before it ends. Its log lets it go on later.
IDLE_SECONDS = 60.0

#: How long a new attempt waits at least: the gateway learns of a broken line a little later than we do.
RETRY_SECONDS = 0.2
#: How often whoever stands with an open breaker looks whether the switch was pulled.
STAND_SECONDS = 1.0


async def play(
    stage: Stage,
    journal: Journal,
    folder: Path,
    progress: Progress | None = None,
    *,
    tenure: Tenure | None = None,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Trade every day of ``stage`` over TCP, starting the gateway again whenever it is gone.

    tenure  the right to trade, where several processes may want to; without it nobody is asked

    Raises BrokerError when the line broke more often than ``broker.reconnect_attempts_max`` allows without anything
    having been journalled between. Between attempts it waits ``broker.reconnect_delay_seconds``, doubled each time.
    While the kill switch is pulled it is tried for ever.
    """
    watch = LineWatch(policy(stage.request.settings), journal)
    controls = Controls.of(stage.request.home, folder, stage.request.settings, tenure.grant if tenure else None)

    async def over_one_connection() -> None:
        # In a thread: a gateway takes its time to start, and the lease is renewed meanwhile.
        child = await asyncio.to_thread(_attend, folder, stage.request.home)
        await _over_one_connection(stage, journal, _port(folder), progress, watch, controls, tenure)
        if child:
            child.stop()

    try:
        await again_and_again(over_one_connection, watch, journal, controls, stage.sessions[0].open, pause)
    except BrokerError as error:
        raise error if not watch.broken else BrokerError(f"{error}; its log is {folder / GATEWAY_LOG_NAME}") from error


async def again_and_again(
    attempt: Callable[[], Awaitable[None]],
    watch: LineWatch,
    journal: Journal,
    controls: Controls,
    begun_at: datetime,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    *,
    stays: bool = False,
) -> None:
    """Make ``attempt`` until one ends by itself, and again when the line broke, as often as the settings allow.

    stays  after so many attempts, stand: send nothing, and make one more now and then, however long that takes. What
           is journalled meanwhile has the broker's last time, and what has passed here since

    Without it BrokerError is raised when the line broke too often without anything having been journalled between,
    unless the kill switch is pulled: then it is tried for ever.
    """
    ticks, switch = asyncio.get_running_loop().time, controls.switch
    known, since = max(watch.last_at or begun_at, begun_at), ticks()
    while stays or not watch.broken or switch.asked() is not None:
        before = watch.progress
        try:
            with switch.listening():
                await attempt()
        except BrokerError as error:
            if not error.retryable:
                raise
            watch.look_back(journal)
            progressed = watch.progress > before
            if progressed or not stays:
                known, since = watch.last_at or begun_at, ticks()
            at = known + timedelta(seconds=int(ticks() - since))
            heard, wait = watch.lost(str(error), at, progressed=progressed)
            await told(journal, watch, heard)
            if not watch.broken:
                await pause(max(wait.total_seconds(), RETRY_SECONDS))
            elif stays or switch.asked() is not None:
                await _stand(wait.total_seconds(), switch, pause)
        else:
            return
    raise BrokerError(
        f"the gateway went away {watch.line.failed} times in a row (broker.reconnect_attempts_max is "
        f"{watch.line.policy.attempts_max})"
    )


async def _stand(seconds: float, switch: Switch, pause: Callable[[float], Awaitable[None]]) -> None:
    """Wait so long with the breaker open, hearing signals: whoever pulls the switch meanwhile is not kept waiting."""
    asked = switch.asked()
    with switch.listening():
        while seconds > 0 and switch.asked() == asked:
            await pause(min(seconds, STAND_SECONDS))
            seconds -= STAND_SECONDS


async def told(journal: Journal, watch: LineWatch, heard: Heard) -> None:
    """Journal what became of the line, unless nothing has begun yet that it could matter to."""
    if watch.last_at is not None and heard.events:
        await journal.append(heard.events)


async def _over_one_connection(
    stage: Stage,
    journal: Journal,
    port: int,
    progress: Progress | None,
    watch: LineWatch,
    controls: Controls,
    tenure: Tenure | None,
) -> None:
    """Run a new desk over a new connection, on from what ``journal`` holds."""
    settings = stage.request.settings
    broker, feed = await ib.connect(
        Address(
            account=stage.mandate.account,
            port=port,
            client_id=settings.broker.client_id,
            timeout_seconds=float(settings.broker.data_timeout_seconds),
        ),
        stage.world.listed,
        (*stage.past, *stage.sessions),
        clock=ReplayClock(stage.sessions[0].open),
        portfolio=stage.mandate.portfolio,
        journal=[recorded.event for recorded in journal.read()],
    )
    try:
        watch.attach(broker.connection.notices, feed.resubscribe, lambda: broker.connection.skew)
        await told(journal, watch, watch.up(watch.last_at or stage.sessions[0].open))
        sender = Fenced(broker, tenure.check) if tenure else broker
        desk = loop(stage, feed, sender, journal, progress, controls)
        desk.watch = watch
        await desk.run()
    finally:
        broker.connection.close()
        # ib_async closes its socket in the next turn of the loop.
        await asyncio.sleep(0)


def _attend(folder: Path, home: Path) -> Child | None:
    """See that the run's gateway listens; the child that was started for it, or None where it was there.

    Raises BrokerError, retryable, while a gateway that a desk started just before it died does not listen yet.
    """
    port = _port(folder)
    if port and _listens(port):
        return None
    return spawn(
        Gateway(
            recipe="bursar.runtime.stage:gateway_recipe",
            arguments={"folder": str(folder), "home": str(home)},
            log=folder / GATEWAY_LOG_NAME,
            idle_seconds=IDLE_SECONDS,
            address=folder / GATEWAY_NAME,
        )
    )


def _port(folder: Path) -> int:
    """The port that the run's gateway listened on last; 0 where there was none."""
    try:
        return int(json.loads((folder / GATEWAY_NAME).read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError):
        return 0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
