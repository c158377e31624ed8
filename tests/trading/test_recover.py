"""Starting again: what was never sent is judged anew, and a contradiction stops its symbol until explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bursar.domain.accounts import AccountSnapshot, BrokerExecution, BrokerPosition
from bursar.domain.events import Approved, BreakExplained, BreakFound, OrderCanceled, Rejected
from bursar.errors import BrokerError
from bursar.trading.agenda import Task
from tests.builders import ACCOUNT, OPEN, filled, quote
from tests.trading.test_engine import TRADE_AT, Wants, do, fresh, kinds, see


def snapshot(positions: Mapping[str, int], account: str = ACCOUNT, cash: int = 99_000) -> AccountSnapshot:
    """The account after the purchase of ten shares at 100 that these tests begin with."""
    return AccountSnapshot(
        account=account,
        at=OPEN,
        cash={"USD": Decimal(cash)},
        executions=(BrokerExecution(execution_id="1", order_id="", symbol="AAPL"),),
        positions=tuple(
            BrokerPosition(symbol=symbol, quantity=Decimal(quantity), average_cost=Decimal(100))
            for symbol, quantity in positions.items()
        ),
    )


def test_an_order_that_never_left_is_gated_again_and_sent_under_its_own_id() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    (first,) = do(engine, Task.TRADE).orders
    step = engine.resume()
    assert kinds(step) == [Approved]
    (again,) = step.orders
    assert again.order == first.order
    assert again.approval_id != first.approval_id
    assert step.events[0].causes == (first.order.order_id,)


def test_an_order_that_never_left_and_passes_no_more_is_ended_in_the_journal() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    do(engine, Task.TRADE)
    # The price doubled meanwhile: 200 shares would now be 40 % of equity.
    see(engine, TRADE_AT + timedelta(hours=1), quote("AAPL", "200"))
    step = engine.resume()
    assert kinds(step) == [Rejected, OrderCanceled]
    assert step.orders == ()
    for event in step.events:
        engine.absorb(event)
    assert engine.orders.working() == ()
    assert engine.resume().events == ()


def test_books_that_agree_with_the_broker_find_no_break() -> None:
    engine = fresh()
    engine.absorb(filled("1", 10, 100, order_id=""))
    assert engine.reconcile(snapshot({"AAPL": 10, "XOM": 0})).events == ()
    # A cent in a hundred thousand is rounding; a dollar is not.
    assert engine.reconcile(replace(snapshot({"AAPL": 10}), cash={"USD": Decimal("99000.01")})).events == ()
    (found,) = engine.reconcile(snapshot({"AAPL": 10}, cash=98_999)).events
    assert isinstance(found, BreakFound)
    assert (found.symbol, found.what, found.ours, found.theirs) == ("", "cash in USD", "99000", "98999")


@pytest.mark.parametrize(
    ("theirs", "broken"),
    [
        ({"AAPL": 11}, [("AAPL", "10", "11")]),
        ({}, [("AAPL", "10", "0")]),
        ({"AAPL": 10, "XOM": -5}, [("XOM", "0", "-5")]),
    ],
)
def test_each_difference_in_positions_is_a_break_with_a_name(
    theirs: dict[str, int], broken: list[tuple[str, str, str]]
) -> None:
    engine = fresh()
    engine.absorb(filled("1", 10, 100, order_id=""))
    found = engine.reconcile(snapshot(theirs)).events
    assert [(each.symbol, each.ours, each.theirs) for each in found if isinstance(each, BreakFound)] == broken


def test_another_account_that_answers_is_refused() -> None:
    with pytest.raises(BrokerError, match="DU9000002 answered for DU9000001"):
        fresh().reconcile(snapshot({}, account="DU9000002"))


def test_nothing_is_traded_on_a_broken_symbol_until_somebody_explains_it() -> None:
    engine = fresh(Wants(weights=(("AAPL", 0.1), ("XOM", 0.1))))
    engine.absorb(filled("1", 10, 100, order_id=""))
    (broken,) = engine.reconcile(snapshot({"AAPL": 11})).events
    engine.absorb(broken)
    see(engine, OPEN, quote("AAPL", "90"), quote("XOM", "50"))
    assert do(engine, Task.MONITOR).orders == ()
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    assert [sent.order.symbol for sent in do(engine, Task.TRADE).orders] == ["XOM"]
    engine.absorb(
        BreakExplained(
            event_id="b-00000001", at=TRADE_AT, break_id=broken.event_id, explanation="a trade by hand", by="operator"
        )
    )
    assert [sent.order.symbol for sent in do(engine, Task.MONITOR).orders] == ["AAPL"]


def test_the_position_limit_counts_an_unsent_order_once() -> None:
    engine = fresh(Wants(weights=(("AAPL", 0.2),)))
    see(engine, OPEN, quote("AAPL", "100"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    do(engine, Task.TRADE)
    engine.mandate = replace(engine.mandate, limits=replace(engine.mandate.limits, opening_orders_per_day_max=1))
    assert len(engine.resume().orders) == 1
