"""Between a tap and its orders things change: what opens is looked at again, and waits for what is held to be safe."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bursar.domain.events import LegRefused, LegSent, OrderAccepted, ProposalEnded, ProposalMade, ProposalTapped
from bursar.domain.orders import Effect, Side
from bursar.domain.proposals import End, Leg
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine
from bursar.trading.mandate import Autonomy, Step
from tests.builders import OPEN, filled, quote
from tests.trading.test_engine import TRADE_AT, Wants, do, fresh, see
from tests.trading.test_promises import MADE

BUY = Leg(symbol="AAPL", side=Side.BUY, quantity=Decimal(10), effect=Effect.OPEN, price=Decimal(100))
SELL = Leg(symbol="XOM", side=Side.SELL, quantity=Decimal(10), effect=Effect.CLOSE, price=Decimal(50))


def tapped(*legs: Leg, protected: bool = False) -> Engine:
    """An engine that holds 10 XOM, in which a proposal of ``legs`` was tapped when trading began."""
    engine = fresh(Wants(weights=()))
    engine.mandate = replace(engine.mandate, autonomy=Autonomy.PROPOSE, protection_at_broker=protected)
    engine.absorb(filled("1", 10, 50, symbol="XOM", order_id=""))
    see(engine, TRADE_AT, quote("AAPL", "100"), quote("XOM", "50"))
    made = replace(MADE, legs=legs, made_at=OPEN, expires_at=OPEN + timedelta(hours=1))
    engine.absorb(ProposalMade(event_id=made.proposal_id, at=OPEN, proposal=made))
    yes = engine.tap(made.proposal_id, "owner")
    assert isinstance(yes, ProposalTapped)
    engine.absorb(yes)
    return engine


def work(engine: Engine) -> Step:
    """The next move, committed."""
    step = engine.work()
    for event in step.events:
        engine.absorb(event)
    return step


@pytest.mark.parametrize(
    ("at", "price", "words"),
    [
        (TRADE_AT + timedelta(minutes=1), "101", "it has moved 1.00% from 100 since the tap; at most 0.50%"),
        (TRADE_AT + timedelta(minutes=31), "100", "the tap is 31 minutes old; at most 30"),
    ],
)
def test_what_waited_for_the_line_is_not_bought_later_or_dearer_than_was_seen(
    at: datetime, price: str, words: str
) -> None:
    engine = tapped(BUY)
    see(engine, at, quote("AAPL", price))
    (refused,) = work(engine).events
    assert isinstance(refused, LegRefused)
    assert refused.reason == words
    (ended,) = work(engine).events
    assert isinstance(ended, ProposalEnded)
    assert (ended.end, words in ended.reason) == (End.NONE, True)


def test_what_is_as_it_was_seen_is_sent() -> None:
    engine = tapped(BUY)
    see(engine, TRADE_AT + timedelta(minutes=30), quote("AAPL", "100.50"))
    step = work(engine)
    assert [sent.order.symbol for sent in step.orders] == ["AAPL"]
    assert any(isinstance(event, LegSent) for event in step.events)


def test_what_takes_risk_away_goes_out_whatever_has_moved() -> None:
    engine = tapped(SELL)
    see(engine, TRADE_AT + timedelta(minutes=31), quote("XOM", "40"))
    assert [sent.order.symbol for sent in work(engine).orders] == ["XOM"]


def test_a_tapped_purchase_waits_until_what_is_held_has_its_stop() -> None:
    engine = tapped(BUY, protected=True)
    step = work(engine)
    names = [sent.order.order_id for sent in step.orders]
    assert [sent.order.symbol for sent in step.orders] == ["XOM", "XOM"]  # its stop and its target
    assert work(engine) == Step()
    assert do(engine, Task.MONITOR) == Step()
    for name in names:
        engine.absorb(OrderAccepted(event_id=f"{name}/accepted", at=TRADE_AT, order_id=name, permanent_id=1, number=1))
    assert [sent.order.symbol for sent in work(engine).orders] == ["AAPL"]
