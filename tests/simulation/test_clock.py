"""A gateway that tells another time than its account's values do is not traded with, and is noticed over the wire."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bursar.adapters.ib_connection import apart
from bursar.domain.events import Alerted, LineChanged, OrderCanceled, OrderPlaced
from bursar.domain.orders import Effect, Order, OrderType, Purpose, Side
from bursar.gateway.faults import Delay, FarmBroken, Fault, Plan
from bursar.gateway.faults.catalogue import KINDS
from tests.simulation import small
from tests.simulation.loop import VirtualLoop
from tests.simulation.schedule import _Stage

CLOCK_OFF = KINDS["clock_off"]
UNSENT = "o-00000001"


@pytest.mark.parametrize("minutes", [5.0, -7.0])
def test_a_gateway_whose_clock_is_minutes_off_is_sent_nothing_until_it_is_right(minutes: float) -> None:
    fault = CLOCK_OFF(minutes=minutes, times=12)  # type: ignore[call-arg]  # a kind by its name
    stage = _Stage(4, Plan(seed=4, faults=(fault,)))
    stage.chance.randrange = lambda *_: 0  # type: ignore[method-assign]  # nobody is killed meanwhile
    with VirtualLoop(4) as loop:
        stage.play(loop)
    events = stage.told().events
    changes = [event for event in events if isinstance(event, LineChanged)]
    assert changes[0].state == "skewed"
    assert f"the broker's clock is {int(minutes * 60)} s ahead of ours" in changes[0].reason
    assert any(event.severity == "critical" for event in events if isinstance(event, Alerted))
    right = next(place for place, event in enumerate(events) if isinstance(event, LineChanged) and event.state == "up")
    placed = [place for place, event in enumerate(events) if isinstance(event, OrderPlaced)]
    assert placed, "it trades once the clock is right"
    assert min(placed) > right, "and not before"


def died_before_sending(*faults: Fault) -> _Stage:
    """A desk that has died between its journal and its socket, and comes back to a gateway with these faults."""
    stage = _Stage(4, Plan(seed=4, faults=faults))
    stage.chance.randrange = lambda *_: 0  # type: ignore[method-assign]  # nobody is killed meanwhile
    order = Order(
        order_id=UNSENT,
        account=small.ACCOUNT,
        strategy="hand",
        symbol="AAA",
        side=Side.BUY,
        quantity=Decimal(10),
        effect=Effect.OPEN,
        purpose=Purpose.ENTRY,
        type=OrderType.LIMIT,
        limit_price=Decimal(90),
        reason="it was never sent",
    )
    begun = small.beginning()
    placed = OrderPlaced(event_id=order.order_id, at=begun[0].at, causes=(), order=order)
    asyncio.run(stage.journal.append([*begun, placed]))
    with VirtualLoop(4) as loop:
        stage.play(loop)
    return stage


def test_what_was_journalled_and_never_sent_waits_too_until_the_clock_is_right() -> None:
    events = died_before_sending(CLOCK_OFF(minutes=5.0, times=12)).told().events  # type: ignore[call-arg]  # by its name
    right = next(place for place, event in enumerate(events) if isinstance(event, LineChanged) and event.state == "up")
    judged = next(place for place, event in enumerate(events) if isinstance(event, OrderCanceled))
    assert "never sent" in events[judged].reason  # type: ignore[attr-defined]  # by then the market had closed
    assert judged > right


def test_what_was_never_sent_goes_once_prices_are_back_and_nothing_that_is_on_its_way_goes_again() -> None:
    """The orders of the day reach the gateway late: nobody knows of them when what waited is sent."""
    late = Delay(message="placeOrder", nth=2, times=0, instants=2)
    stage = died_before_sending(FarmBroken(after="reqMktData", instants=2), late)
    events = stage.told().events
    (back,) = (event.at for event in events if isinstance(event, LineChanged) and event.state == "up")
    assert stage.hub is not None
    sent = Counter(each.request.order_ref for each in stage.hub.exchange.orders.all)
    assert set(sent.values()) == {1}
    assert len(sent) > 2
    (ours,) = (each for each in stage.hub.exchange.orders.all if each.request.order_ref == UNSENT)
    assert ours.placed_at == back


@pytest.mark.parametrize(
    ("told", "minutes"), [("09:30", 0), ("09:25", 5), ("09:37", -7), ("23:30", 600), ("", None), ("25:00", None)]
)
def test_two_clocks_are_compared_the_shorter_way_round(told: str, minutes: int | None) -> None:
    at = datetime(2022, 1, 3, 14, 30, 40, tzinfo=UTC)
    assert apart(at, told) == (None if minutes is None else timedelta(minutes=minutes))
