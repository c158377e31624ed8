"""A person has the last word: what is only observed sends nothing, and one tap works a proposal to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bursar.adapters.memory import MemoryCommands, MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.config import Settings
from bursar.domain.events import (
    Alerted,
    DecisionSkipped,
    Event,
    Filled,
    LegSent,
    OrderPlaced,
    ProposalEnded,
    ProposalMade,
    ProposalTapped,
)
from bursar.domain.orders import ApprovedOrder, Side
from bursar.domain.proposals import End, ProposalState
from bursar.errors import BrokerError
from bursar.gateway.exchange import Exchange
from bursar.ports import Command, Recorded
from bursar.runtime import stage as stages
from bursar.runtime.loop import Loop
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage
from bursar.trading.mandate import Autonomy
from tests.trading.test_promises import BUY_JNJ, MADE, completed, session
from tests.trading.test_shelter import Seesaw

DAYS = 3


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    made = stages.prepare(
        DemoRequest(
            days=DAYS,
            first=date(2022, 1, 18),
            seed=3,
            cash=Decimal(100_000),
            settings=Settings(),
            in_process=True,
            home=tmp_path_factory.mktemp("home"),
        )
    )
    # Quotes come every five minutes: prices move more between two looks than between two seconds.
    taps = replace(made.mandate.taps, moved_max=Decimal("0.05"), leg_seconds_max=900)
    return replace(made, mandate=replace(made.mandate, autonomy=Autonomy.PROPOSE, taps=taps))


class Person:
    """Sees what is committed, and answers with commands."""

    def __init__(self, inbox: MemoryCommands, answer: Callable[[Event], list[tuple[str, dict[str, str]]]]) -> None:
        self.inbox, self.answer, self.sent = inbox, answer, 0

    def committed(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            for name, arguments in self.answer(each.event):
                self.sent += 1
                self.inbox.send(
                    Command(command_id=f"c-{self.sent}", name=name, arguments=arguments, by="owner", at=each.event.at)
                )


def taps_all(event: Event) -> list[tuple[str, dict[str, str]]]:
    return [("tap", {"proposal": event.event_id})] if isinstance(event, ProposalMade) else []


def play(
    stage: Stage,
    answer: Callable[[Event], list[tuple[str, dict[str, str]]]] = lambda event: [],
    broker: Callable[[Exchange], SimulatedBroker] = SimulatedBroker,
) -> tuple[Loop, list[Event], Exchange]:
    exchange = stages.exchange(stage)
    made = broker(exchange)
    loop = stages.loop(stage, SimulatedFeed(exchange, made), made, MemoryJournal())
    loop.commands = inbox = MemoryCommands()
    loop.observers.append(Person(inbox, answer))
    asyncio.run(loop.run())
    return loop, [recorded.event for recorded in loop.journal.read()], exchange


def of(kind: type[Event], events: Sequence[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def test_an_observed_account_is_sent_nothing_and_says_what_it_would_have_been(stage: Stage) -> None:
    observed = replace(stage, mandate=replace(stage.mandate, autonomy=Autonomy.OBSERVE))
    _, events, exchange = play(observed, taps_all)
    assert of(OrderPlaced, events) == of(ProposalMade, events) == []
    assert exchange.executions() == ()
    skipped = [event.reason for event in of(DecisionSkipped, events) if isinstance(event, DecisionSkipped)]
    assert len(skipped) == DAYS
    assert skipped[0].startswith("observing: nothing is sent; it would have been buy ")


def test_without_a_tap_a_proposal_stays_one(stage: Stage) -> None:
    loop, events, exchange = play(stage)
    made = of(ProposalMade, events)
    assert len(made) == DAYS
    assert of(OrderPlaced, events) == []
    assert exchange.executions() == ()
    assert {saga.state for saga in loop.engine.sagas.all()} == {ProposalState.PENDING}
    first = made[0]
    assert isinstance(first, ProposalMade)
    assert first.outlook is not None
    assert first.outlook.legging_loss_max > first.outlook.unwinding_cost > first.outlook.cost > 0
    assert first.proposal.view_ids
    assert first.proposal.expected_return > 0


def test_a_proposal_without_an_expected_gain_is_refused_in_words_and_nothing_is_sent(stage: Stage) -> None:
    _, events, exchange = play(replace(stage, strategy=Seesaw()), taps_all)
    assert of(ProposalTapped, events) == []
    said = [event.message for event in of(Alerted, events) if isinstance(event, Alerted)]
    assert any("it expects +0.00% after costs; nothing is traded for no gain" in message for message in said)
    assert exchange.executions() == ()


def test_one_tap_works_every_leg_and_ends_with_all_of_it(stage: Stage) -> None:
    loop, events, exchange = play(stage, taps_all)
    tapped, ended = of(ProposalTapped, events), of(ProposalEnded, events)
    assert len(tapped) == len(ended) >= 2
    assert all(isinstance(event, ProposalEnded) and event.end is End.ALL for event in ended)
    legs = [event for event in events if isinstance(event, LegSent)]
    assert [event.order_id for event in legs] == [
        event.order.order_id
        for event in events
        if isinstance(event, OrderPlaced) and event.order.purpose not in ("exit", "protection")
    ]
    assert len(exchange.executions()) > 0
    # The gate judged every leg, and the chain leads from the order to the tap of a person.
    first = next(event for event in events if isinstance(event, OrderPlaced))
    by_id = {event.event_id: event for event in events}
    approval = by_id[first.causes[0]]
    assert isinstance(by_id[approval.causes[0]], ProposalTapped)
    assert loop.engine.sagas.executing() == ()
    # What each promised, and what it has cost and earned since.
    for made in [event.proposal for event in events if isinstance(event, ProposalMade)]:
        opened = sum((leg.quantity * leg.price for leg in made.legs if leg.side is Side.BUY), Decimal(0))
        assert made.loss_max == opened * stage.mandate.stop_loss
        assert (made.horizon_days > 0) == bool(made.view_ids)
        promise = loop.engine.sagas.promises.get(made.proposal_id)
        assert promise is not None
        assert promise.cost != 0
        assert abs(promise.opened - opened) < opened / 20
    # Each leg is measured against what was seen at its tap, to the cent.
    measured = loop.engine.measured
    seen = {event.proposal_id: event.outlook.prices for event in events if isinstance(event, ProposalTapped)}
    proposal_of = {event.order_id: event.proposal_id for event in legs}
    paid = sum(
        (
            (1 if event.side is Side.BUY else -1) * event.quantity * (event.price - seen[name][event.symbol])
            + event.commission.amount
            for event in events
            if isinstance(event, Filled) and (name := proposal_of.get(event.order_id))
        ),
        Decimal(0),
    )
    assert sum((each.total for each in measured.all), Decimal(0)) == paid
    assert (len(measured.all), measured.working) == (len(legs), 0)


def test_two_taps_of_one_proposal_send_its_orders_once(stage: Stage) -> None:
    def taps_twice(event: Event) -> list[tuple[str, dict[str, str]]]:
        return taps_all(event) * 2

    _, once, _ = play(stage, taps_all)
    _, twice, _ = play(stage, taps_twice)
    assert [e.order for e in once if isinstance(e, OrderPlaced)] == [
        e.order for e in twice if isinstance(e, OrderPlaced)
    ]
    said = [event.message for event in twice if isinstance(event, Alerted)]
    assert any("was tapped already and is" in message for message in said)


def test_where_every_order_waits_each_is_a_proposal_of_its_own(stage: Stage) -> None:
    each = replace(stage, mandate=replace(stage.mandate, autonomy=Autonomy.APPROVE))
    _, events, _ = play(each, taps_all)
    made = [event for event in events if isinstance(event, ProposalMade)]
    assert len(made) > DAYS
    assert all(len(event.proposal.legs) == 1 for event in made)
    assert of(ProposalEnded, events)


def test_a_leg_that_the_broker_rejects_takes_the_others_back(stage: Stage) -> None:
    class OneRejected(SimulatedBroker):
        placed = 0

        async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
            if approved.order.side is Side.BUY:
                self.placed += 1
                if self.placed == 2:
                    raise BrokerError("not today", code=201, retryable=False)
            await super().place(approved, held=held)

    loop, events, _ = play(stage, taps_all, OneRejected)
    ended = [event for event in events if isinstance(event, ProposalEnded)]
    assert (ended[0].state, ended[0].end) == (ProposalState.ROLLED_BACK, End.NONE)
    assert "was rejected with 0 of" in ended[0].reason
    tapped = next(event for event in events if isinstance(event, ProposalTapped))
    assert 0 < ended[0].loss <= tapped.outlook.legging_loss_max
    cost, worst = ended[0].loss, tapped.outlook.legging_loss_max
    assert ended[0].reason.endswith(f"that cost {cost:,.2f}, and {worst:,.2f} was shown at worst, by a move of 2.00%")
    assert loop.engine.breaks.symbols == frozenset()


def test_with_protection_at_the_broker_a_tapped_sale_waits_for_its_room(stage: Stage) -> None:
    guarded = replace(stage, mandate=replace(stage.mandate, protection_at_broker=True))
    loop, events, _ = play(guarded, taps_all)
    ended = [event for event in events if isinstance(event, ProposalEnded)]
    assert ended
    assert {event.end for event in ended} == {End.ALL}
    assert loop.engine.cover.bare == frozenset()


def test_what_no_tap_can_be_is_told(stage: Stage) -> None:
    def asks(event: Event) -> list[tuple[str, dict[str, str]]]:
        if isinstance(event, ProposalMade) and event.event_id.endswith("1"):
            return [
                ("tap", {"proposal": "p-99999999"}),
                ("kill", {"form": "halt"}),
                ("tap", {"proposal": event.event_id}),
            ]
        return []

    _, events, exchange = play(stage, asks)
    said = [event.message for event in events if isinstance(event, Alerted)]
    assert any("there is no proposal 'p-99999999'" in message for message in said)
    assert any("the account is halted; re-arm it before you tap" in message for message in said)
    assert exchange.executions() == ()


def test_a_proposal_that_is_old_has_expired(stage: Stage) -> None:
    late: list[str] = []

    def much_later(event: Event) -> list[tuple[str, dict[str, str]]]:
        if isinstance(event, ProposalMade):
            late.append(event.event_id)
        if late and event.kind == "session_closed":
            return [("tap", {"proposal": late.pop()})]
        return []

    _, events, _ = play(stage, much_later)
    said = [event.message for event in events if isinstance(event, Alerted)]
    assert any("it expired at" in message for message in said)
    assert of(ProposalTapped, events) == []
    assert timedelta(seconds=stage.mandate.taps.seconds_max) == timedelta(minutes=30)


def test_who_tapped_is_told_once_that_a_promise_is_not_kept(stage: Stage) -> None:
    engine = stages.engine(stage)
    both = replace(MADE, legs=(BUY_JNJ, MADE.legs[1]))  # nothing is there yet to be sold
    engine.recover((*stages.beginning(stage, engine), *completed(both), *session(1, "170")))
    (told,) = engine.contradictions().events
    assert (told.event_id, told.causes) == ("p-00000001/behind", ("p-00000001/ended",))
    engine.absorb(told)
    assert engine.contradictions().events == ()
