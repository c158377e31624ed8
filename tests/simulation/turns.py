"""Two programs that want to trade one account, killed and stopped at random: they take turns by the lease.

The world is that of ``schedule``: real loop, real client, real server over a virtual network, journal on a disk that
forgets what it had not synced. Both programs share journal and database, as they would share files.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from bursar.adapters import ib
from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib_connection import Address
from bursar.adapters.memory import MemoryJournal
from bursar.domain.events import Event
from bursar.errors import BrokerError, LeaseLostError
from bursar.gateway.faults import Plan
from bursar.ports import Lease, Recorded
from bursar.runtime.loop import Loop
from bursar.runtime.morning import Morning
from bursar.runtime.tenure import Fenced, Tenure
from bursar.runtime.watch import LineWatch
from bursar.trading.line import Policy
from tests.simulation import small
from tests.simulation.loop import VirtualLoop
from tests.simulation.schedule import AGAIN_SECONDS, PORT, STEPS_MAX, TIMEOUT_SECONDS, Run, _Stage, check
from tests.simulation.slow import SlowDisk

BEGAN = datetime(2022, 1, 5, 12, tzinfo=UTC)
LENGTH = timedelta(seconds=15)
NAMES = ("one", "two")


class FencedDisk(SlowDisk):
    """The disk as one program writes it: within each commit it asks whether it may. written: told of each commit."""

    def __init__(self, disk: SlowDisk, may_write: Callable[[], None], written: Callable[[], None]) -> None:
        super().__init__(0)
        self.disk, self.may_write, self.written = disk, may_write, written

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        await asyncio.sleep(self._random.uniform(0, 0.01))
        self.may_write()
        recorded = await MemoryJournal.append(self.disk, events)
        self.written()
        await asyncio.sleep(self._random.uniform(0, 0.01))
        return recorded

    def read(self, first: int = 1) -> Iterator[Recorded]:
        return self.disk.read(first)


@dataclass
class Fight:
    """What came of it.

    lost     how often a program found that the lease was another's
    refused  how often the broker would not have a second one under the client id (326)
    late     commits by one that was not the last to be granted the lease
    """

    killed: int = 0
    stopped: int = 0
    lost: int = 0
    refused: int = 0
    late: int = 0
    holders: list[int] = field(default_factory=list)
    orders: int = 0


class _Ring(_Stage):
    """Desk, journal and gateway of one seed, with two desks that fight."""

    def __init__(self, seed: int, lease: Lease, *, careless: bool = False) -> None:
        super().__init__(seed, Plan(seed=seed))
        self.lease = lease
        self.fight = Fight()
        self.lives = 0
        self.ended = False
        self.careless = careless
        self.holder = NAMES[0]

    async def program(self, name: str) -> None:
        """One life of a program: wait for the lease, trade under it, and begin again where it is lost."""
        loop = asyncio.get_running_loop()
        self.lives += 1
        tenure = Tenure(
            lease=self.lease,
            account=small.ACCOUNT,
            holder=f"{name}/{self.lives}",
            now=lambda: BEGAN + timedelta(seconds=loop.time()),
            ticks=loop.time,
            length=LENGTH,
        )
        while not self.ended:
            await tenure.take(lambda: None)
            assert tenure.grant is not None
            self.fight.holders.append(tenure.grant.fence)
            self.holder = name
            try:
                await tenure.during(self.trade(tenure))
            except LeaseLostError:
                self.fight.lost += 1
            else:
                self.ended = True
            tenure.leave()

    def wrote(self, tenure: Tenure) -> None:
        """Somebody committed: see whether it was their turn."""
        self.fight.late += tenure.grant is None or tenure.grant.fence != self.fight.holders[-1]

    async def trade(self, tenure: Tenure) -> None:
        """Connect and trade, and again where the line broke or another has it still."""
        check_ = (lambda: None) if self.careless else tenure.check
        journal = FencedDisk(self.journal, check_, partial(self.wrote, tenure))
        while True:
            try:
                await self.over_one_connection(journal, check_)
            except BrokerError as error:
                if not error.retryable:
                    raise
                self.fight.refused += error.code == 326
                watch = LineWatch(Policy(), journal)
                if watch.last_at is not None:
                    heard, _ = watch.lost(str(error), watch.last_at, progressed=True)
                    await journal.append(heard.events)
                await asyncio.sleep(2)
            else:
                return

    async def over_one_connection(self, journal: FencedDisk, check_: Callable[[], None]) -> None:
        watch = LineWatch(Policy(), journal)
        held = [recorded.event for recorded in journal.read()]
        broker, feed = await ib.connect(
            Address(account=small.ACCOUNT, port=PORT, timeout_seconds=TIMEOUT_SECONDS),
            self.world.listed,
            small.SESSIONS,
            clock=ReplayClock(small.SESSIONS[0].open),
            journal=held,
        )
        try:
            watch.attach(broker.connection.notices, feed.resubscribe, lambda: broker.connection.skew)
            up = watch.up(watch.last_at or small.SESSIONS[0].open)
            if held and up.events:
                await journal.append(up.events)
            await Loop(
                engine=small.engine(self.seed),
                feed=feed,
                broker=Fenced(broker, check_),
                journal=journal,
                history=small.Closes(),
                morning=Morning(analysts=(), history=small.Closes()),
                beginning=small.beginning,
                watch=watch,
            ).run()
        finally:
            broker.connection.close()
            await asyncio.sleep(0)

    def over(self) -> bool:
        """True when somebody came to the end of the days."""
        return self.ended

    def fought(self, loop: VirtualLoop, kills: int) -> None:
        """Let both trade until the days are over, and disturb them ``kills`` times at moments of the seed."""
        loop.start("gateway", self.gateway())
        loop.run_until(partial(loop.listens, PORT))
        for name in NAMES:
            loop.start(name, self.program(name))
        while not self.over() and self.fight.killed + self.fight.stopped < kills:
            moment = loop.steps + self.chance.randrange(5, 120)
            loop.run_until(lambda moment=moment: self.over() or loop.steps >= moment)  # type: ignore[misc]
            if not self.over():
                self._hurt(loop, self.holder if self.chance.random() < 0.7 else self.chance.choice(NAMES))
        loop.run_until(lambda: self.ended, steps_max=STEPS_MAX)
        for name in NAMES:
            loop.kill(name)
        # A gateway learns of a broken line a little later, and refuses a second one under the client id until then.
        rest = loop.start("rest", asyncio.sleep(AGAIN_SECONDS))
        loop.run_until(rest.done, steps_max=STEPS_MAX)
        calm = loop.start("desk", self.desk())
        loop.run_until(calm.done, steps_max=STEPS_MAX)
        calm.result()

    def _hurt(self, loop: VirtualLoop, victim: str) -> None:
        if self.chance.random() < 0.6:
            self.fight.killed += 1
            loop.kill(victim)
            loop.start(victim, self.program(victim))
            return
        self.fight.stopped += 1
        loop.freeze(victim)
        if self.chance.random() < 0.5:
            for transport in loop.connections(victim):
                transport.reset()  # the broker gave it up meanwhile: only then can another come in
        until = loop.time() + (self.chance.uniform(1, 60) if victim == self.holder else 0.1)
        loop.run_until(lambda: self.ended or loop.time() >= until, steps_max=STEPS_MAX)
        loop.go_on(victim)


def fight(seed: int, lease: Lease, kills: int, *, careless: bool = False) -> tuple[Fight, Run]:
    """Play the days of ``seed`` between two who fight, and check all that must hold after."""
    ring = _Ring(seed, lease, careless=careless)
    ring.chance = random.Random(f"{seed}/turns")
    with VirtualLoop(seed) as loop:
        ring.fought(loop, kills)
    outcome = ring.told()
    check(outcome, ring)
    assert ring.hub is not None
    sent = Counter(order.request.order_ref for order in ring.hub.exchange.orders.all if order.request.order_ref)
    assert set(sent.values()) <= {1}, f"two orders for one intent: {sent}"
    assert ring.fight.holders == sorted(set(ring.fight.holders)), "a number was granted twice"
    ring.fight.orders = len(sent)
    return ring.fight, outcome
