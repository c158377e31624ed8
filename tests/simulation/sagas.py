"""One seed, one run of tapped proposals: a person taps, taps twice, taps late, kills and re-arms.

The broker rejects, loses its line before or after an order has left, and beside it the desk dies and is started again.

What is in the book is read from the exchange's executions, which know nothing of sagas. What must hold afterwards:

    every proposal that was tapped has ended, with ALL of it filled, with NONE of it left, or FLAGGED with a reason
    the loss of a rollback is what the executions say, and not above what was shown before the tap
    a proposal is tapped once and each leg of it is sent once, however often somebody taps
    nothing is sent of what was not tapped
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from bursar.adapters.memory import MemoryCommands, MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.config import Given, build
from bursar.domain.events import Alerted, Event, KillFinished, LegSent, ProposalMade, ProposalTapped, RearmRefused
from bursar.domain.orders import ApprovedOrder, Side
from bursar.domain.proposals import End
from bursar.errors import BrokerError
from bursar.gateway.exchange import Exchange
from bursar.ports import Command, Recorded
from bursar.runtime import stage as stages
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage
from bursar.trading.baskets import Saga, Sagas
from bursar.trading.mandate import Autonomy
from tests.simulation.schedule import ViolatedError

DAYS = 3
FIRST_DAYS = (date(2022, 1, 18), date(2022, 3, 7), date(2022, 6, 13))
#: How often a run may be disturbed, so that it comes to an end.
TROUBLES = 5
LIVES_MAX = 2 * TROUBLES


class Died(Exception):  # noqa: N818  a death, not an error
    """The desk dies here: nothing of it is told anything."""


@dataclass
class Outcome:
    """What a seed came to: how many proposals ended how, and what disturbed them."""

    ends: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    loss_share_max: float = 0.0


@cache
def stage_of(first: date) -> Stage:
    """Six stocks and a look every half hour; what the analysts say of a morning is the same in every run."""
    said = {"schedule.monitor_minutes": 30, "market.watchlist": "AAPL, JPM, XOM, PFE, MSFT, KO"}
    settings = build({key: Given(value, "in a test") for key, value in said.items()})
    home = Path(tempfile.mkdtemp(prefix="bursar-sagas-"))
    request = DemoRequest(
        days=DAYS, first=first, seed=3, cash=Decimal(100_000), settings=settings, in_process=True, home=home
    )
    return replace(stages.prepare(request), heard={})


class Owner:
    """The person: sees what is committed and answers with commands, as the seed says."""

    def __init__(self, chance: random.Random, inbox: MemoryCommands, troubles: Counter[str]) -> None:
        self.chance, self.inbox, self.troubles = chance, inbox, troubles
        self.number, self.late = 0, list[str]()

    def committed(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            self._see(each.event)

    def _see(self, event: Event) -> None:
        match event:
            case ProposalMade():
                taps = self.chance.choice((0, 1, 1, 1, 2, 3, -1))
                if taps < 0:
                    self.late.append(event.event_id)
                for _ in range(max(taps, 0)):
                    self._say(event, "tap", proposal=event.event_id)
            case LegSent(compensates=compensates, proposal_id=proposal_id):
                if self.chance.random() < 0.1:
                    self._say(event, "tap", proposal=proposal_id)
                if self.troubles["kill"] < 1 and self.chance.random() < (0.4 if compensates else 0.04):
                    self.troubles["kill"] += 1
                    self._say(event, "kill", form=self.chance.choice(("halt", "flatten")), reason="a seed says so")
            case KillFinished() | RearmRefused() if self.chance.random() < 0.5:
                self._say(event, "rearm", reason="it was a simulation")
            case _:
                if self.late and self.chance.random() < 0.02:
                    self._say(event, "tap", proposal=self.late.pop())

    def _say(self, event: Event, name: str, **arguments: str) -> None:
        self.number += 1
        self.inbox.send(Command(command_id=f"c-{self.number}", name=name, arguments=arguments, by="owner", at=event.at))


class Troubled(SimulatedBroker):
    """A broker that does to an order what the seed says."""

    chance: random.Random
    troubles: Counter[str]

    async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
        trouble = self.chance.choice(("reject", "cut", "cut after", "die", "die after", *[""] * 25))
        if self.troubles.total() >= TROUBLES:
            trouble = ""
        if trouble:
            self.troubles[trouble] += 1
        if trouble == "reject":
            raise BrokerError("not today", code=201, retryable=False)
        if trouble == "cut":
            raise BrokerError("the line is cut", retryable=True)
        if trouble == "die":
            raise Died
        await super().place(approved, held=held)
        if trouble == "cut after":
            raise BrokerError("the line is cut", retryable=True)
        if trouble == "die after":
            raise Died


def run(seed: int) -> Outcome:
    """Play the days of ``seed`` and check what must hold. Raises ViolatedError."""
    chance, outcome = random.Random(f"{seed}/sagas"), Outcome()
    stage = stage_of(FIRST_DAYS[seed % len(FIRST_DAYS)])
    taps = replace(
        stage.mandate.taps, moved_max=chance.choice((Decimal("0.05"), Decimal("0.002"))), leg_seconds_max=7200
    )
    mandate = replace(
        stage.mandate,
        autonomy=chance.choice((Autonomy.PROPOSE, Autonomy.PROPOSE, Autonomy.APPROVE)),
        taps=taps,
        protection_at_broker=chance.random() < 0.5,
    )
    stage = replace(stage, mandate=mandate)
    exchange, journal, inbox = stages.exchange(stage), MemoryJournal(), MemoryCommands()
    owner = Owner(chance, inbox, outcome.troubles)
    for _ in range(LIVES_MAX):
        broker = Troubled(exchange, journal=[recorded.event for recorded in journal.read()])
        broker.chance, broker.troubles = chance, outcome.troubles
        loop = stages.loop(stage, SimulatedFeed(exchange, broker), broker, journal)
        loop.commands = inbox
        loop.observers.append(owner)
        try:
            asyncio.run(loop.run())
        except Died:
            continue
        except BrokerError as error:
            if not error.retryable:
                raise
            continue
        break
    else:
        raise ViolatedError(f"the days did not end in {LIVES_MAX} lives")
    check([recorded.event for recorded in journal.read()], exchange, outcome)
    return outcome


def check(events: Sequence[Event], exchange: Exchange, outcome: Outcome) -> None:
    """Hold every proposal of a journal against the executions."""
    sagas = Sagas()
    for event in events:
        sagas.apply(event)
    tapped = Counter(event.proposal_id for event in events if isinstance(event, ProposalTapped))
    legs = Counter(
        (event.proposal_id, event.leg) for event in events if isinstance(event, LegSent) and not event.compensates
    )
    _require(not [name for name, times in (tapped | legs).items() if times > 1], f"twice: {tapped}, {legs}")
    _require({proposal_id for proposal_id, _ in legs} <= tapped.keys(), "a leg was sent that nobody tapped")
    said = [event.message for event in events if isinstance(event, Alerted)]
    outcome.refused = sum("nothing was sent" in each or "nothing is sent again" in each for each in said)
    for saga in sagas.all():
        if saga.tapped:
            _ended(saga, exchange, outcome)


def _ended(saga: Saga, exchange: Exchange, outcome: Outcome) -> None:
    name, ended, tapped = saga.proposal.proposal_id, saga.ended, saga.tapped
    if ended is None or tapped is None:
        raise ViolatedError(f"{name} was tapped and never ended")
    outcome.ends[f"{ended.end}"] += 1
    shares, money = Counter[str](), Counter[str]()
    for executed, report in exchange.deals.all:
        sign = 1 if executed.side == "BOT" else -1
        shares[executed.order_ref] += sign * executed.shares  # type: ignore[assignment]  # Decimals are counted
        money[executed.order_ref] += sign * executed.shares * executed.price + report.commission  # type: ignore[assignment]
    left = {
        place: sum((shares[order] for order in (order_id, *saga.returned.get(place, ()))), Decimal(0))
        for place, order_id in saga.sent.items()
    }
    if ended.end is End.ALL:
        wanted = {
            place: leg.quantity if leg.side is Side.BUY else -leg.quantity
            for place, leg in enumerate(saga.proposal.legs)
        }
        _require(left == wanted, f"{name} ended with ALL, and {left} of {wanted} is in the book")
    elif ended.end is End.NONE:
        _require(not any(left.values()), f"{name} ended with NONE, and {left} is in the book")
        orders = [order for place, back in saga.returned.items() for order in (saga.sent[place], *back)]
        loss = sum((money[order] for order in orders), Decimal(0))
        _require(loss == ended.loss, f"{name} says that going back cost {ended.loss}; executions say {loss}")
        shown = tapped.outlook.legging_loss_max
        _require(loss <= shown, f"going back in {name} cost {loss}, and {shown} at worst was shown")
        outcome.loss_share_max = max(outcome.loss_share_max, float(loss / shown))
    else:
        _require(bool(ended.reason), f"{name} is flagged and does not say why")


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise ViolatedError(words)
