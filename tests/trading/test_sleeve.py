"""A sleeve: what is managed of an account, and what no order ever touches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.accounts import AccountSnapshot, BrokerPosition
from bursar.domain.events import (
    CashMoved,
    Deposited,
    Event,
    Filled,
    KillForm,
    Marked,
    OrderPlaced,
    PositionAdopted,
    ProposalMade,
    Rejected,
    SessionClosed,
)
from bursar.domain.market import Slice
from bursar.domain.orders import Side
from bursar.errors import DataError
from bursar.ledger.book import UNALLOCATED
from bursar.ports import Panel
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine
from bursar.trading.exposure import exposure, next_reports
from bursar.trading.kill import Killer
from bursar.trading.mandate import Autonomy, Step
from bursar.trading.operator import ordered
from tests.builders import ACCOUNT, OPEN, filled, money, quote
from tests.trading.test_engine import TRADE_AT, Wants, do, fresh, see

D = Decimal


def with_mandate(engine: Engine, **said: object) -> Engine:
    engine.mandate = replace(engine.mandate, **said)  # type: ignore[arg-type]
    return engine


def snapshot(
    held: Mapping[str, int],
    cash: str = "100000",
    rates: Mapping[str, Decimal] | None = None,
    equity: Decimal | None = None,
    maintenance: Decimal | None = None,
) -> AccountSnapshot:
    return AccountSnapshot(
        account=ACCOUNT,
        at=OPEN,
        cash={"USD": D(cash)},
        positions=tuple(
            BrokerPosition(symbol=symbol, quantity=D(quantity), average_cost=D(100))
            for symbol, quantity in held.items()
        ),
        rates=MappingProxyType(rates or {}),
        equity=equity,
        maintenance=maintenance,
    )


def adopted(symbol: str, quantity: int, portfolio: str = "main") -> PositionAdopted:
    return PositionAdopted(
        event_id=f"adopted/{symbol}",
        at=OPEN,
        account=ACCOUNT,
        portfolio=portfolio,
        symbol=symbol,
        quantity=D(quantity),
        hands_off=True,
    )


def test_what_the_owner_names_is_neither_bought_nor_sold() -> None:
    engine = with_mandate(fresh(Wants(weights=(("AAPL", 0.2), ("XOM", 0.2)))), hands_off=frozenset({"AAPL"}))
    engine.absorb(filled("e1", 10, 100))  # bought before it was named
    see(engine, TRADE_AT, quote("AAPL", "50"), quote("XOM", "50"))
    assert do(engine, Task.MONITOR).orders == ()  # its stop is long past
    do(engine, Task.DECIDE)
    assert [sent.order.symbol for sent in do(engine, Task.TRADE).orders] == ["XOM"]


def test_what_was_adopted_is_not_added_to() -> None:
    engine = fresh(Wants(weights=(("AAPL", 0.2),)))
    engine.absorb(adopted("AAPL", 10))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    assert do(engine, Task.TRADE).orders == ()


def test_a_sleeve_is_sized_by_its_own_capital_and_the_rest_is_nobodys() -> None:
    engine = with_mandate(fresh(Wants(weights=(("XOM", 0.2),))), capital=D(20_000))
    engine.absorb(
        CashMoved(
            event_id="rest",
            at=OPEN,
            account=ACCOUNT,
            from_portfolio="main",
            to_portfolio=UNALLOCATED,
            amount=money(80_000),
        )
    )
    for event in engine.adopt(snapshot({"AAPL": 500})).events:
        assert isinstance(event, PositionAdopted)
        assert event.portfolio == UNALLOCATED
        engine.absorb(event)
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    assert engine.valuation().net_asset_value == 20_000
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    (sent,) = do(engine, Task.TRADE).orders
    assert sent.order.quantity == 80  # a fifth of 20,000 at 50, and not of the 150,000 that the account is worth
    assert engine.reconcile(snapshot({"AAPL": 500})).events == ()


SYMBOLS = ("AAPL", "XOM")


@settings(max_examples=60, deadline=None)
@given(
    named=st.frozensets(st.sampled_from(SYMBOLS)),
    kept=st.frozensets(st.sampled_from(SYMBOLS)),
    weights=st.tuples(*[st.floats(0, 0.5)] * 2),
    moves=st.lists(st.tuples(st.integers(40, 160), st.integers(40, 160)), min_size=1, max_size=6),
    at_broker=st.booleans(),
    killed=st.sampled_from([None, KillForm.HALT, KillForm.FLATTEN]),
)
def test_no_order_ever_touches_what_is_hands_off(
    named: frozenset[str],
    kept: frozenset[str],
    weights: tuple[float, float],
    moves: list[tuple[int, int]],
    at_broker: bool,
    killed: KillForm | None,
) -> None:
    engine = with_mandate(
        fresh(Wants(weights=tuple(zip(SYMBOLS, weights, strict=True)))), hands_off=named, protection_at_broker=at_broker
    )
    for number, symbol in enumerate(SYMBOLS):
        engine.absorb(adopted(symbol, 20) if symbol in kept else filled(f"e{number}", 20, 100, symbol=symbol))
    killer, untouchable = Killer(engine), named | kept
    for number, prices in enumerate(moves):
        at = TRADE_AT + timedelta(minutes=5 * number)
        see(engine, at, *(quote(symbol, str(price)) for symbol, price in zip(SYMBOLS, prices, strict=True)))
        if killed is not None and number == len(moves) - 1:
            for event in ordered(engine, killed, "in a test", "ann"):
                engine.absorb(event)
        steps = [killer.step(), *(engine.perform(task) for task in engine.due() if task is not Task.ANALYZE)]
        for step in steps:
            take(engine, step)
            touched = {each.order.symbol for each in step.events if isinstance(each, OrderPlaced)}
            assert not touched & untouchable
            assert not {order.order.symbol for order in (*step.orders, *step.amends)} & untouchable


def take(engine: Engine, step: Step) -> None:
    for event in step.events:
        engine.absorb(event)


# ---------------------------------------------------------------- what the broker knows better


def test_the_brokers_margin_counts_where_something_is_owed_and_only_there() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    engine.reconcile(snapshot({}, equity=D(100_000), maintenance=D(60_000)))
    assert exposure(engine.sight()).maintenance is None  # of a cash account it is the price of what it holds
    engine.reconcile(snapshot({}, "-1", equity=D(200_000), maintenance=D(60_000)))
    assert exposure(engine.sight()).maintenance == 30_000  # 30 % of equity, of which a half is ours
    engine.reconcile(snapshot({"XOM": -1}, equity=D(0), maintenance=D(1)))
    assert exposure(engine.sight()).maintenance is None


def test_the_brokers_rates_value_foreign_cash_and_are_journalled_when_they_change() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    engine.absorb(Deposited(event_id="abroad", at=OPEN, account=ACCOUNT, portfolio="main", amount=money(1_000, "EUR")))
    with pytest.raises(DataError, match="no rate from EUR to USD"):
        engine.valuation()
    told = engine.reconcile(snapshot({}, rates={"EUR": D("1.1")}))
    (rates,) = (event for event in told.events if isinstance(event, Marked))
    engine.absorb(rates)
    assert engine.valuation().net_asset_value == 101_100
    assert exposure(engine.sight()).loss_today == 0
    closed = do(engine, Task.REVIEW).events[0]
    assert isinstance(closed, SessionClosed)
    assert closed.equity == 101_100
    again = engine.reconcile(snapshot({}, rates={"EUR": D("1.1")})).events
    assert not any(isinstance(event, Marked) for event in again)


def test_nothing_opens_over_a_report_whose_day_is_known() -> None:
    days = Panel(np.array(["2021-12-31"], "datetime64[D]"), ("AAPL", "XOM"), np.array([[3.0, np.nan]]))
    reports = next_reports(days)
    assert reports == {"AAPL": date(2022, 1, 3)}
    assert next_reports(Panel(days.dates[:0], days.symbols, days.values[:0])) == {}
    engine = fresh(Wants(weights=(("AAPL", 0.1),)))
    engine.refresh(engine.market.closes, reports)
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    refused = [event for event in do(engine, Task.TRADE).events if isinstance(event, Rejected)]
    assert [event.rule for event in refused] == ["earnings"]


@dataclass(frozen=True)
class Bold(Wants):
    over_earnings: frozenset[str] = frozenset({"wants"})


@pytest.mark.parametrize(("declared", "rules"), [("wants", []), ("another", ["earnings"])])
def test_what_means_to_hold_over_earnings_opens_just_before_a_report(declared: str, rules: list[str]) -> None:
    engine = fresh(Bold(weights=(("AAPL", 0.1),), over_earnings=frozenset({declared})))
    engine.refresh(engine.market.closes, {"AAPL": date(2022, 1, 3)})
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    events = do(engine, Task.TRADE).events
    assert [event.rule for event in events if isinstance(event, Rejected)] == rules
    assert [event.order.symbol for event in events if isinstance(event, OrderPlaced)] == ([] if rules else ["AAPL"])


@pytest.mark.parametrize(
    ("declared", "said"), [("wants", "AAPL reports on 2022-01-03, and wants means to hold over it"), ("another", "")]
)
def test_a_proposal_says_which_report_it_means_to_be_held_over(declared: str, said: str) -> None:
    both = Bold(weights=(("AAPL", 0.1), ("XOM", 0.1)), over_earnings=frozenset({declared}))
    engine = fresh(both)
    engine.mandate = replace(engine.mandate, autonomy=Autonomy.PROPOSE)
    engine.refresh(engine.market.closes, {"AAPL": date(2022, 1, 3)})
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    (made,) = (event for event in do(engine, Task.TRADE).events if isinstance(event, ProposalMade))
    assert [leg.symbol for leg in made.proposal.legs] == ["AAPL", "XOM"]
    assert made.proposal.reasons == (("wanted", said) if said else ("wanted",))


def worth(events: list[Event], marks: Mapping[str, Decimal], capital: Decimal) -> Decimal:
    """What a sleeve came to, from its fills alone: its capital, and what was paid, got and is held since."""
    total = capital
    for event in events:
        if isinstance(event, Filled):
            signed = event.quantity if event.side is Side.BUY else -event.quantity
            total += signed * (marks[event.symbol] - event.price) - event.commission.amount
    return total


@given(trades=st.lists(st.tuples(st.sampled_from(SYMBOLS), st.integers(1, 50), st.integers(50, 150)), max_size=8))
@settings(max_examples=40, deadline=None)
def test_a_sleeve_is_worth_its_capital_and_its_own_profit(trades: list[tuple[str, int, int]]) -> None:
    engine = with_mandate(fresh(), capital=D(60_000))
    engine.absorb(
        CashMoved(
            event_id="rest",
            at=OPEN,
            account=ACCOUNT,
            from_portfolio="main",
            to_portfolio=UNALLOCATED,
            amount=money(40_000),
        )
    )
    engine.absorb(adopted("AAPL", 1_000, UNALLOCATED))
    booked: list[Event] = []
    for number, (symbol, quantity, price) in enumerate(trades):
        booked.append(filled(f"e{number}", quantity, price, symbol=symbol, commission=1))
        engine.absorb(booked[-1])
    engine.see(Slice(at=TRADE_AT, quotes=(quote("AAPL", "120", at=TRADE_AT), quote("XOM", "80", at=TRADE_AT))))
    assert engine.valuation().net_asset_value == worth(booked, {"AAPL": D(120), "XOM": D(80)}, D(60_000))
