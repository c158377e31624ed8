"""One seed, one run: faults, kills at any await and restarts over desk, journal and gateway, and what must hold after.

The desk is the real loop and engine with the real ib_async, its journal a disk that forgets what it had not synced;
the gateway is the real server over its command log, with a plan of faults that the seed draws. Whoever dies is started
again. When the world has ended, the desk comes back once more on a calm day, and then the properties are looked at.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from bursar.adapters import ib
from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib_connection import Address
from bursar.adapters.simulated import SimulatedBroker
from bursar.domain.accounts import AccountSnapshot
from bursar.domain.events import (
    Approved,
    BreakFound,
    Event,
    FillCorrected,
    Filled,
    LineChanged,
    OrderCanceled,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
)
from bursar.domain.orders import Effect, execution_root
from bursar.domain.record import GENESIS, decode, link
from bursar.errors import BrokerError
from bursar.gateway.exchange import Exchange, replay
from bursar.gateway.faults import KINDS, Faults, Plan, plan
from bursar.gateway.faults.fault import LOST
from bursar.gateway.faults.weather import Weather
from bursar.gateway.hub import Hub
from bursar.gateway.server import Server
from bursar.ledger.book import Bookkeeper, fold
from bursar.runtime.loop import Loop
from bursar.runtime.morning import Morning
from bursar.runtime.watch import LineWatch
from bursar.trading.breaks import compare
from bursar.trading.engine import Engine
from bursar.trading.line import Policy
from bursar.trading.oms import Orders
from bursar.trading.protect import resting
from tests.simulation import small
from tests.simulation.loop import VirtualLoop
from tests.simulation.slow import SlowDisk
from tests.simulation.swift import swiftly

PORT = 4002
LIVES_MAX = 80
#: Steps of the loop that one life may take. A desk that is still at it then hangs, which is a finding.
STEPS_MAX = 400_000
#: What the weekly login needs is a person, and there is none here; a clock that is wrong makes every time of the run
#: wrong, and has a test of its own (tests/simulation/test_clock.py).
LEFT_OUT = frozenset({"weekly_login", "clock_off"})
DRAWN = tuple(sorted(KINDS.keys() - LEFT_OUT))
TIMEOUT_SECONDS = 5.0
AGAIN_SECONDS = 5.0
#: Lives in a row that end with a lost line, after which the world goes on without the desk.
PATIENCE = 12


class ViolatedError(AssertionError):
    """A property does not hold."""


@dataclass
class Run:
    """What a seed came to.

    struck    faults that struck, by kind
    died      who was killed, and how often the line was cut
    statuses  that orders went through
    breaks    open at the end
    believed  what the desk took for the whole account and was not
    gap       a midnight went by without the desk: of what was before it no broker tells executions
    """

    seed: int
    plan: Plan
    events: list[Event] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    died: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    line: Counter[str] = field(default_factory=Counter)
    breaks: list[BreakFound] = field(default_factory=list)
    believed: list[str] = field(default_factory=list)
    lives: int = 0
    gap: bool = False
    digest: bytes = GENESIS


def run(seed: int, *, faults: int = 2, kinds: Iterable[str] = DRAWN) -> Run:
    """Play the days of ``seed`` and check what must hold. Raises ViolatedError, or whatever the desk died of."""
    with swiftly():
        # In a function of its own, so that nothing holds the world when its dead are let go.
        return _played(seed, plan(seed, faults=faults, kinds=tuple(kinds)))


def _played(seed: int, drawn: Plan) -> Run:
    stage = _Stage(seed, drawn)
    with VirtualLoop(seed) as loop:
        stage.play(loop)
    outcome = stage.told()
    check(outcome, stage)
    return outcome


class _Stage:
    """Desk, journal and gateway of one seed."""

    def __init__(self, seed: int, drawn: Plan) -> None:
        self.seed = seed
        self.world = small.world(seed)
        self.chance = random.Random(f"{seed}/schedule")
        self.log: list[str] = [Exchange(self.world, small.TERMS).header]
        self.faults = Faults(drawn)
        self.hub: Hub | None = None
        self.journal = SlowDisk(seed)
        self.outcome = Run(seed=seed, plan=drawn)
        self.engine: Engine | None = None
        self.in_vain = 0
        self._listen_to(self.faults.weather)

    # ------------------------------------------------------------ lives

    async def gateway(self) -> None:
        """One life of the gateway: on from what its log holds; what is to go wrong with it outlives it."""
        self.hub = Hub(replay(self.world, small.TERMS, list(self.log)), record=self.log.append, faults=self.faults)
        server = Server(self.hub)
        await server.start(port=PORT)
        await server.wait()

    async def desk(self, watch: LineWatch | None = None) -> None:
        """One life of the desk, over one connection."""
        watch = watch or LineWatch(Policy(), self.journal)
        held = [recorded.event for recorded in self.journal.read()]
        broker, feed = await ib.connect(
            Address(account=small.ACCOUNT, port=PORT, timeout_seconds=TIMEOUT_SECONDS),
            self.world.listed,
            small.SESSIONS,
            clock=ReplayClock(small.SESSIONS[0].open),
            journal=held,
        )
        watch.attach(broker.connection.notices, feed.resubscribe, lambda: broker.connection.skew)
        honest = broker.account

        async def account() -> AccountSnapshot:
            asked = self._held()
            snapshot = await honest()
            self._believed(snapshot, asked)
            return snapshot

        broker.account = account  # type: ignore[method-assign]  # nothing but listening
        up = watch.up(watch.last_at or small.SESSIONS[0].open)
        self.engine = small.engine(self.seed)
        if held and up.events:
            await self.journal.append(up.events)
        loop = Loop(
            engine=self.engine,
            feed=feed,
            broker=broker,
            journal=self.journal,
            history=small.Closes(),
            morning=Morning(analysts=(), history=small.Closes()),
            beginning=small.beginning,
            watch=watch,
        )
        try:
            await loop.run()
        except BrokerError:
            broker.connection.close()
            raise
        broker.connection.close()
        await asyncio.sleep(0)

    async def lost(self, error: BrokerError) -> None:
        """What whoever starts the desk again journals first, as ``runtime/wire.py`` does."""
        watch = LineWatch(Policy(), self.journal)
        if watch.last_at is not None:
            heard, _ = watch.lost(str(error), watch.last_at, progressed=True)
            await self.journal.append(heard.events)

    # ------------------------------------------------------------ the schedule

    def play(self, loop: VirtualLoop) -> None:
        """Start everybody, disturb them, and start them again until the world has ended; then once more in calm."""
        disturbances = self.chance.randrange(0, 5)
        loop.start("gateway", self.gateway())
        loop.run_until(partial(loop.listens, PORT))
        for _ in range(LIVES_MAX):
            self.outcome.lives += 1
            in_peace = self._life(loop, disturbances)
            # A fault that lasts so many instants lasts for ever once there are none left: the calm day mends it.
            if self._over() and (in_peace or self.in_vain >= PATIENCE):
                break
        else:
            raise ViolatedError(f"the desk did not come to the end of the days in {LIVES_MAX} lives")
        self.calm(loop)

    def calm(self, loop: VirtualLoop) -> None:
        """Have the desk come back once more on a day without faults."""
        self.outcome.struck = self.faults.struck_by_name
        self.faults = Faults(Plan(seed=self.seed))
        loop.kill("gateway")
        loop.start("gateway", self.gateway())
        loop.run_until(partial(loop.listens, PORT))
        calm = loop.start("desk", self.desk())
        loop.run_until(calm.done, steps_max=STEPS_MAX)
        calm.result()

    def _listen_to(self, weather: Weather) -> None:
        """Notice a midnight while IBKR is out of reach and what happens is lost: no broker tells it afterwards."""
        instant, last = weather.instant, small.SESSIONS[0].day

        def listened() -> None:
            nonlocal last
            assert self.hub is not None
            today, lost = self.hub.exchange.now.date(), weather.unreachable
            self.outcome.gap |= lost is not None and lost.reports == LOST and today != last
            last = today
            instant()

        weather.instant = listened  # type: ignore[method-assign]  # nothing but listening

    def _over(self) -> bool:
        return self.hub is not None and self.hub.exchange.next_instant is None

    def _life(self, loop: VirtualLoop, disturbances: int) -> bool:
        """One life of the desk; True when it ended by itself and in peace."""
        task = loop.start("desk", self.desk())
        died = self.outcome.died
        while not task.done() and died.total() < disturbances:
            moment = loop.steps + self.chance.randrange(1, 400)
            loop.run_until(lambda moment=moment: task.done() or loop.steps >= moment)  # type: ignore[misc]
            if not task.done():
                self._disturb(loop, self.chance.choice(("desk", "gateway", "line")))
                if not loop.alive("desk"):
                    return False
        loop.run_until(task.done, steps_max=STEPS_MAX)
        error = task.exception()
        if error is None:
            self.in_vain = 0
            return True
        if not isinstance(error, BrokerError) or not error.retryable:
            raise error
        pause = loop.start("desk", self.lost(error))
        loop.run_until(pause.done)
        rest = loop.start("rest", asyncio.sleep(AGAIN_SECONDS))
        loop.run_until(rest.done)
        self.in_vain += 1
        if self.in_vain >= PATIENCE and self.hub is not None:
            before = self.hub.exchange.now.date()
            self.hub.step()  # time goes on without us, as it does at a real gateway
            self.outcome.gap |= self.hub.exchange.now.date() != before
        return False

    def _disturb(self, loop: VirtualLoop, what: str) -> None:
        self.outcome.died[what] += 1
        if what == "line":
            for transport in loop.connections("desk"):
                transport.reset()
            return
        if not loop.alive(what):
            return
        loop.kill(what)
        if what == "gateway":
            loop.start("gateway", self.gateway())
            loop.run_until(partial(loop.listens, PORT))

    def _held(self) -> dict[str, Decimal]:
        """What the account holds at the exchange."""
        assert self.hub is not None
        return {name: q for name, q in self.hub.exchange.accounts[small.ACCOUNT].quantities.items() if q}

    def _believed(self, snapshot: AccountSnapshot, asked: dict[str, Decimal]) -> None:
        """Note a snapshot that says something else than was so when it was ``asked`` for and than is so now.

        The exchange's time stands still meanwhile, but where the line breaks behind the last word and an order is
        filled at that instant: what was told was true then.
        """
        told, true = {each.symbol: each.quantity for each in snapshot.positions}, self._held()
        if told not in (asked, true):
            self.outcome.believed.append(f"positions {told} were believed while they were {true}")

    def told(self) -> Run:
        """The run as it is to be checked and counted."""
        outcome, orders = self.outcome, Orders()
        for recorded in self.journal.read():
            outcome.events.append(recorded.event)
            outcome.digest = recorded.digest
            if change := orders.apply(recorded.event):
                outcome.statuses[change.after.value] += 1
            if isinstance(recorded.event, LineChanged):
                outcome.line[recorded.event.state] += 1
        assert self.engine is not None
        outcome.breaks = list(self.engine.breaks.open.values())
        return outcome


# ---------------------------------------------------------------- what must hold


def check(outcome: Run, stage: _Stage) -> None:
    """The properties. Raises ViolatedError with the first that does not hold."""
    assert stage.hub is not None
    assert stage.engine is not None
    exchange = stage.hub.exchange
    _every_fill_once(outcome, exchange)
    _one_order_for_one_intent(outcome, exchange)
    _one_number_for_one_order(exchange)
    _equal_or_named(outcome, stage.engine, exchange)
    _unknown_is_not_empty(outcome)
    _within_limits(outcome, exchange)
    _the_same_from_its_bytes(outcome, stage.engine, stage.journal)


def _every_fill_once(outcome: Run, exchange: Exchange) -> None:
    """Every fill at the broker is in the book exactly once, and nothing else is."""
    booked = Counter(event.execution_id for event in outcome.events if isinstance(event, Filled | FillCorrected))
    twice = [execution_id for execution_id, count in booked.items() if count > 1]
    _hold(not twice, f"booked twice: {twice}")
    quantities: dict[str, Decimal] = {}
    for event in outcome.events:
        if isinstance(event, Filled | FillCorrected):
            quantities[execution_root(event.execution_id)] = event.quantity
    true = {execution_root(executed.exec_id): executed.shares for executed, _ in exchange.deals.all}
    named = {found.what for found in outcome.breaks}
    in_doubt = {found.symbol for found in outcome.breaks}
    symbols = {execution_root(executed.exec_id): executed.symbol for executed, _ in exchange.deals.all}
    for root in true.keys() | quantities.keys():
        same = true.get(root) == quantities.get(root)
        _hold(
            same or symbols.get(root) in in_doubt or any(root in what for what in named),
            f"execution {root}: {true.get(root)} at the broker, {quantities.get(root)} in the book, and no break",
        )


def _one_order_for_one_intent(outcome: Run, exchange: Exchange) -> None:
    """No intent has produced two orders; none that the journal calls sent is missing without a flag."""
    sent = Counter(order.request.order_ref for order in exchange.orders.all if order.request.order_ref)
    twice = [name for name, count in sent.items() if count > 1]
    _hold(not twice, f"two orders at the broker for one intent: {twice}")
    excused = {
        event.order_id for event in outcome.events if isinstance(event, OrderCanceled | OrderRejected | OrderFlagged)
    }
    placed = {event.order.order_id for event in outcome.events if isinstance(event, OrderPlaced)}
    missing = placed - sent.keys() - excused
    _hold(not missing, f"placed in the journal, unknown to the broker, and not flagged: {sorted(missing)}")
    _hold(sent.keys() <= placed, f"at the broker and not in the journal: {sorted(sent.keys() - placed)}")


def _one_number_for_one_order(exchange: Exchange) -> None:
    """No number is given to a second order of ours, also where the broker would take it again.

    What is told by number alone, an error or a status, would else be laid at the wrong order's door.
    """
    numbers = Counter(order.key for order in exchange.orders.all if order.request.order_ref)
    twice = [number for number, count in numbers.items() if count > 1]
    _hold(not twice, f"two orders under one number (client, number): {twice}")


def _equal_or_named(outcome: Run, engine: Engine, exchange: Exchange) -> None:
    """Positions, cash and open orders equal the broker's, or a Break names the difference."""
    snapshot = asyncio.run(SimulatedBroker(exchange).account())
    events = outcome.events
    found = compare(fold(events), engine.orders, snapshot, small.ACCOUNT, engine.midnights)
    named = {(each.what, each.symbol) for each in outcome.breaks}
    for difference in found:
        _hold((difference.what, difference.symbol) in named, f"{difference} and no break names it")
    ever = [event for event in events if isinstance(event, BreakFound)]
    unexplained = [(each.what, each.ours, each.theirs) for each in ever if not justified(each, outcome)]
    lasting = CONTRADICTING - PASSING
    if not outcome.gap and not lasting & outcome.struck.keys():
        arrived = {order.request.order_ref for order in exchange.orders.all}
        unexplained += [
            (each.what, each.ours, each.theirs)
            for each in outcome.breaks
            if not _lost_on_its_way(each, outcome, arrived)
        ]
    _hold(not unexplained, f"breaks that no fault accounts for: {unexplained}")


#: Faults after which there may be breaks of any kind: the broker itself says two things, or never what is needed.
CONTRADICTING = frozenset({"sentinel_commission", "correct_execution", "empty_answer", "swallow", "delay"})
#: Those of them that are over once a desk has come back in calm: then no break is open any more.
PASSING = frozenset({"delay"})


def _lost_on_its_way(found: BreakFound, outcome: Run, arrived: set[str]) -> bool:
    """Whether a break is of an order that was late, and whose line broke before it arrived: it waits for a person."""
    flagged = found.what == "flagged order" and found.ours.partition(":")[0] not in arrived
    return flagged and "delay" in outcome.struck


def justified(found: BreakFound, outcome: Run) -> bool:
    """Whether a fault that struck accounts for a break. A run without such a fault has none at all, at no time."""
    late = found.what.startswith("execution") and "late_commission" in outcome.struck
    return outcome.gap or late or bool(CONTRADICTING & outcome.struck.keys())


def _unknown_is_not_empty(outcome: Run) -> None:
    """No account was believed that was not told whole, unless the broker itself lied."""
    _hold(not outcome.believed or "empty_answer" in outcome.struck, f"{outcome.believed[:1]}")


def _within_limits(outcome: Run, exchange: Exchange) -> None:
    """No order passed a limit: each that opens was approved, and none sold more than there was."""
    approved = {event.order_id for event in outcome.events if isinstance(event, Approved)}
    placed = {event.order.order_id for event in outcome.events if isinstance(event, OrderPlaced)}
    _hold(placed <= approved, f"placed and never approved: {sorted(placed - approved)}")
    _room_for_every_sale(outcome)
    traded: dict[str, dict[str, Decimal]] = {}
    for executed, _ in exchange.deals.all:
        # A correction stands in the place of what it corrects.
        signed = executed.shares if executed.side == "BOT" else -executed.shares
        deals = traded.setdefault(executed.symbol, {})
        deals[execution_root(executed.exec_id)] = signed
        held = sum(deals.values())
        _hold(held >= 0, f"sold short: {held} of {executed.symbol} after execution {executed.exec_id}")


def _room_for_every_sale(outcome: Run) -> None:
    """By what the desk knew, no sale went beside protection that rested for the same shares."""
    orders, books = Orders(), Bookkeeper()
    for event in outcome.events:
        orders.apply(event)
        books.apply(event)
        if isinstance(event, OrderPlaced) and event.order.effect is Effect.CLOSE:
            position = books.book().portfolio(small.ACCOUNT).positions.get(event.order.symbol)
            held, rests = position.quantity if position else 0, resting(orders.working(event.order.symbol))
            _hold(rests <= held, f"{event.order.order_id}: {rests} rest to be sold, and {held} are held")


def _the_same_from_its_bytes(outcome: Run, engine: Engine, journal: SlowDisk) -> None:
    """The journal replays to the same book, and its chain holds."""
    digest, replayed = GENESIS, []
    for data in journal.data():
        digest = link(digest, data)
        replayed.append(decode(data))
    _hold(digest == outcome.digest, "the chain of the journal is broken")
    _hold(replayed == outcome.events, "the journal does not read back as it was written")
    book = fold(replayed).portfolio(small.ACCOUNT)
    same = book.cash == engine.portfolio.cash and book.positions == engine.portfolio.positions
    _hold(same, "the journal replays to another book")


def _hold(holds: bool, message: str) -> None:
    if not holds:
        raise ViolatedError(message)
