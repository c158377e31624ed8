"""A person settles what stops a symbol, by command, and is refused in words where that would not last."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bursar.domain.events import (
    Alerted,
    BreakExplained,
    CommandReceived,
    Event,
    PositionAdopted,
)
from bursar.domain.orders import OrderStatus
from bursar.ports import Command
from bursar.trading.breaks import FLAGGED, short
from bursar.trading.engine import Engine
from bursar.trading.operator import obey
from tests.builders import filled
from tests.trading.test_reconciliation import (
    ACCEPTED,
    ID,
    TOMORROW,
    TheBroker,
    engine_with,
    listed,
    open_breaks,
    reconcile,
    status,
)


def say(engine: Engine, name: str, because: str = "it was me", **more: str) -> list[Event]:
    """What the command leads to, once it is committed."""
    command = Command(
        command_id=f"c-{name}-{because}-{more}",
        name="explain",
        arguments={"break": name, "because": because, **more},
        by="owner",
        at=engine.market.at,
    )
    events = list(obey(engine, command).events)
    for event in events:
        engine.absorb(event)
    return events


def the_break(engine: Engine, what: str) -> str:
    (found,) = (each for each in engine.breaks.open.values() if each.what == what)
    return short(found)


def test_a_trade_by_hand_is_settled_and_its_symbol_trades_again() -> None:
    engine = engine_with()
    engine.absorb(filled("1", 5, 100, order_id=""))
    for event in engine.contradictions().events:
        engine.absorb(event)
    assert engine.breaks.symbols == {"AAPL"}
    events = say(engine, the_break(engine, "trade by hand"))
    assert [type(event) for event in events] == [CommandReceived, BreakExplained]
    explained = events[1]
    assert isinstance(explained, BreakExplained)
    assert (explained.by, explained.explanation) == ("owner", "it was me")
    assert engine.breaks.symbols == frozenset()


def night_that_nobody_saw() -> Engine:
    """An order of yesterday was filled while nobody was there: position and cash differ, and the order is flagged."""
    engine = engine_with(ACCEPTED, at=TOMORROW)
    reconcile(engine, TheBroker("99100", {"AAPL": 10}))
    return engine


def test_a_difference_that_is_still_there_is_not_explained_away() -> None:
    engine = night_that_nobody_saw()
    before = open_breaks(engine)
    received, alerted = say(engine, the_break(engine, "position"))
    assert isinstance(received, CommandReceived)
    assert isinstance(alerted, Alerted)
    assert "which the next comparison would find again" in alerted.message
    assert open_breaks(engine) == before


def test_the_books_follow_the_broker_where_a_person_says_so_and_the_next_comparison_finds_nothing() -> None:
    engine = night_that_nobody_saw()
    say(engine, the_break(engine, FLAGGED), "filled at 23:58, see the statement")
    assert status(engine) is OrderStatus.CANCELED
    events = say(engine, the_break(engine, "position"), take_theirs="yes")
    (adopted,) = (event for event in events if isinstance(event, PositionAdopted))
    assert (adopted.quantity, adopted.hands_off, adopted.cost_basis) == (Decimal(10), True, None)
    say(engine, the_break(engine, "cash in USD"), take_theirs="yes")
    assert engine.breaks.open == {}
    assert reconcile(engine, TheBroker("99100", {"AAPL": 10})).events == ()
    assert engine.portfolio.cash == {"USD": Decimal(99_100)}
    # What nobody knows the cost of is never sold unasked.
    assert engine.portfolio.positions["AAPL"].hands_off


def test_shares_that_are_gone_leave_the_books_at_cost() -> None:
    engine = engine_with(ACCEPTED, filled("1", 10, 90))
    reconcile(engine, TheBroker("99100", {"AAPL": 4}, executions=[("1", ID)]))
    say(engine, the_break(engine, "position"), take_theirs="yes")
    assert engine.portfolio.positions["AAPL"].quantity == Decimal(4)


@pytest.mark.parametrize(
    ("name", "because", "words"),
    [("ffffffff", "it was me", "no break 'ffffffff' is open"), ("", " ", "no break '' is open")],
)
def test_what_explains_nothing_is_refused_in_words(name: str, because: str, words: str) -> None:
    engine = night_that_nobody_saw()
    _, alerted = say(engine, name, because)
    assert isinstance(alerted, Alerted)
    assert words in alerted.message
    assert short(next(iter(engine.breaks.open.values()))) in alerted.message


def test_an_explanation_without_a_reason_is_none() -> None:
    engine = night_that_nobody_saw()
    _, alerted = say(engine, the_break(engine, FLAGGED), " ")
    assert isinstance(alerted, Alerted)
    assert status(engine) is OrderStatus.FLAGGED


def test_a_fill_that_turns_up_after_all_is_booked_and_an_order_that_works_after_all_is_a_break_again() -> None:
    engine = night_that_nobody_saw()
    say(engine, the_break(engine, FLAGGED))
    reconcile(engine, TheBroker("99100", {"AAPL": 10}, orders=[listed()]))
    assert f"order {ID}" in {what for what, _, _ in open_breaks(engine)}
    engine.absorb(filled("2", 10, 90, at=TOMORROW))
    assert status(engine) is OrderStatus.FILLED
