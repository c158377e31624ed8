"""Which orders a person may have canceled, and what is said to do instead of the others."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bursar.domain.events import (
    AccountOpened,
    CancelRequested,
    Event,
    InstrumentListed,
    OrderCanceled,
    OrderPlaced,
    PositionAdopted,
)
from bursar.domain.orders import Effect, Order, OrderType, Purpose, Side
from bursar.ledger.book import Bookkeeper
from bursar.trading.canceling import objection
from bursar.trading.oms import Orders
from tests.builders import ACCOUNT, OPEN, filled, instrument, money, order

ENTRY = order("o-00000002", "KO", 50)
REDUCES = order("o-00000003", side=Side.SELL, quantity=40)
STOP = replace(
    order("o-00000004", side=Side.SELL, quantity=100, effect=Effect.CLOSE, purpose=Purpose.PROTECTION),
    type=OrderType.STOP,
    stop_price=Decimal(95),
)
COVERS = replace(STOP, order_id="o-00000005", side=Side.BUY)
CHILD = replace(STOP, order_id="o-00000006", symbol="KO", parent_id=ENTRY.order_id)
EXIT = order("o-00000007", side=Side.SELL, quantity=100, purpose=Purpose.EXIT)
KILLS = order("o-00000008", side=Side.SELL, quantity=100, purpose=Purpose.KILL)
HELD = (filled("1", 100, 150, order_id=""),)


def said(asked: Order, *more: Event, held: tuple[Event, ...] = HELD, hands_off: frozenset[str] = frozenset()) -> str:
    """What is said to canceling ``asked``, where it and the entry in KO work."""
    orders, keeper = Orders(), Bookkeeper()
    events: list[Event] = [
        AccountOpened(event_id="account", at=OPEN, account=ACCOUNT, base_currency="USD", shorts_allowed=True),
        *(InstrumentListed(event_id=f"i/{name}", at=OPEN, instrument=instrument(name)) for name in ("AAPL", "KO")),
        *(OrderPlaced(event_id=each.order_id, at=OPEN, order=each) for each in dict.fromkeys((ENTRY, asked))),
    ]
    for event in (*events, *held, *more):
        orders.apply(event)
        keeper.apply(event)
    return objection(orders, asked.order_id, keeper.book(), hands_off)


@pytest.mark.parametrize("asked", [ENTRY, REDUCES], ids=["opens", "reduces"])
def test_what_was_done_by_choice_may_be_canceled(asked: Order) -> None:
    assert said(asked) == ""


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (STOP, "protects 100 AAPL, which would be left unprotected; close the position, and what protects it goes"),
        (CHILD, "protects what o-00000002 opens; cancel that one instead"),
        (EXIT, "closes AAPL, since a stop or a target was reached or a proposal is traded back; let it work"),
        (KILLS, "closes AAPL for a kill; let it work, and re-arm the account"),
    ],
    ids=["protects", "child", "exit", "kill"],
)
def test_what_protects_or_closes_out_of_need_may_not_and_the_remedy_is_told(asked: Order, why: str) -> None:
    assert said(asked).startswith(why)


def test_protection_of_nothing_may_be_canceled() -> None:
    gone = filled("2", 100, 150, side=Side.SELL, order_id="")
    assert said(STOP, gone) == ""
    assert said(COVERS) == ""  # it buys back a short, and what is held is long
    short = (filled("1", 100, 150, side=Side.SELL, order_id=""),)
    assert "protects 100 AAPL" in said(COVERS, held=short)
    ended = OrderCanceled(event_id="x", at=OPEN, order_id=ENTRY.order_id)
    assert said(CHILD, ended) == ""


def test_what_has_ended_is_on_its_way_out_or_was_never_placed_is_told_as_such() -> None:
    ended = OrderCanceled(event_id="x", at=OPEN, order_id=ENTRY.order_id)
    asked = CancelRequested(event_id="c", at=OPEN, order_id=ENTRY.order_id, reason="")
    assert said(ENTRY, ended) == "is canceled already, and nothing of it is left to cancel"
    assert said(ENTRY, asked) == "is being canceled already; wait for the broker's answer"
    assert "was never placed here" in objection(Orders(), "o-9", Bookkeeper().book(), frozenset())


def test_what_closes_a_hands_off_position_is_left_alone_and_what_opens_may_go() -> None:
    off = frozenset({"AAPL", "KO"})
    for asked in (STOP, REDUCES):
        assert said(asked, hands_off=off).startswith("closes AAPL, which is hands-off: nothing of ours touches it")
    assert said(ENTRY, hands_off=off) == ""
    adopted = PositionAdopted(
        event_id="adopted",
        at=OPEN,
        account=ACCOUNT,
        portfolio="beside",
        symbol="AAPL",
        quantity=Decimal(5),
        cost_basis=money(500),
        hands_off=True,
    )
    assert "AAPL, which is hands-off" in said(REDUCES, adopted)
