"""The engine: what it does about views, limits, exits, missing quotes and half-finished days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from bursar.domain.accounts import Preview
from bursar.domain.events import (
    Abstained,
    AccountOpened,
    Approved,
    BreakFound,
    Decided,
    DecisionSkipped,
    Deposited,
    Event,
    ExitTriggered,
    InstrumentListed,
    OrderAccepted,
    OrderPlaced,
    OrderRejected,
    ParentBegun,
    PieceSent,
    PositionAdopted,
    Rejected,
    TaskFinished,
    TasksMissed,
    Trimmed,
)
from bursar.domain.market import Quote, Slice
from bursar.domain.orders import Order, Purpose
from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.ports import Panel
from bursar.risk.limits import RiskLimits
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine, Mandate, Step
from bursar.trading.exposure import PAST_DAYS
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView
from tests.builders import ACCOUNT, CLOSE, DAY, OPEN, SESSION, filled, instrument, money, quote
from tests.samples import SAMPLES

INSTRUMENTS = {symbol: instrument(symbol, sector) for symbol, sector in (("AAPL", "technology"), ("XOM", "energy"))}
TRADE_AT = OPEN + timedelta(minutes=5)


@dataclass(frozen=True)
class Wants:
    """A strategy that wants what it was told, or lacks what it needs."""

    weights: tuple[tuple[str, float], ...] = (("AAPL", 0.2),)
    lacking: str = ""
    name: str = "wants"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        if self.lacking:
            raise DataError(self.lacking)
        return Targets(
            strategy=self.name,
            targets=tuple(Target(symbol=symbol, weight=weight, reason="wanted") for symbol, weight in self.weights),
        )


def closes(days: int = 2, symbols: tuple[str, ...] = ("AAPL", "XOM")) -> Panel:
    dates = np.datetime64("2021-12-31") - np.arange(days)[::-1]
    return Panel(dates, symbols, np.full((days, len(symbols)), 100.0))


BEGUN = (
    AccountOpened(event_id="account", at=OPEN, account=ACCOUNT, base_currency="USD"),
    *(InstrumentListed(event_id=f"i/{name}", at=OPEN, instrument=each) for name, each in INSTRUMENTS.items()),
    Deposited(event_id="cash", at=OPEN, account=ACCOUNT, portfolio="main", amount=money(100_000)),
)


def fresh(strategy: Wants | None = None, at: datetime = OPEN) -> Engine:
    market = MarketView(at=at, instruments=INSTRUMENTS, quotes={}, closes=closes(), session=SESSION)
    engine = Engine(Mandate(account=ACCOUNT), strategy or Wants(), market, (SESSION,))
    engine.recover(BEGUN)
    return engine


def see(engine: Engine, at: datetime, *quotes: Quote) -> None:
    """One more slice; what it does not quote is quoted as it was. Where it is quoted first it closed yesterday."""
    for each in quotes:
        if each.two_sided:
            engine._closes.setdefault(each.symbol, each.mid)
    latest = {**engine.market.quotes, **{each.symbol: each for each in quotes}}
    engine.see(Slice(at=at, quotes=tuple(replace(each, at=at, known_at=at) for each in latest.values())))


def do(engine: Engine, task: Task) -> Step:
    """Perform a task and commit what came of it."""
    step = engine.perform(task)
    for event in step.events:
        engine.absorb(event)
    return step


def kinds(step: Step) -> list[type[Event]]:
    return [type(event) for event in step.events]


def test_a_decision_becomes_an_approved_and_journalled_order() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "99.90", "100.10"), quote("XOM", "50"))
    assert kinds(do(engine, Task.DECIDE)) == [Decided, TaskFinished]
    see(engine, TRADE_AT, quote("AAPL", "99.90", "100.10"))
    step = do(engine, Task.TRADE)
    assert kinds(step) == [Approved, OrderPlaced, ParentBegun, PieceSent, TaskFinished]
    (sent,) = step.orders
    assert (sent.order.order_id, sent.order.symbol, sent.order.quantity) == ("o-00000001", "AAPL", Decimal(200))
    approved, placed, begun, piece, finished = step.events
    assert approved.causes == ("d-00000001",)
    assert placed.causes == begun.causes == (approved.event_id,)
    assert piece.causes == (placed.event_id,)
    assert finished.event_id == f"trade/XNYS/{DAY}"


def test_what_was_done_is_not_due_again_even_after_a_restart() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"))
    assert engine.due() == (Task.ANALYZE, Task.OPEN, Task.DECIDE, Task.MONITOR)
    step = do(engine, Task.DECIDE)
    assert engine.due() == (Task.ANALYZE, Task.OPEN, Task.MONITOR)
    again = fresh()
    again.recover(step.events)
    see(again, OPEN, quote("AAPL", "100"))
    assert again.due() == (Task.ANALYZE, Task.OPEN, Task.MONITOR)


def test_by_threshold_nothing_is_traded_until_something_is_far_from_its_target() -> None:
    engine = fresh(Wants(weights=(("AAPL", 0.04),)))
    engine.mandate = replace(engine.mandate, drift_min=Decimal("0.05"))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    skipped = do(engine, Task.DECIDE).events[0]
    assert isinstance(skipped, DecisionSkipped)
    assert skipped.reason == (
        "the furthest from its target is 4.0% of equity away, and a rebalance is worth it from 5.0% on "
        "(schedule.drift_min)"
    )
    engine.strategy = Wants(weights=(("AAPL", 0.05),))
    assert kinds(do(engine, Task.DECIDE)) == [Decided, TaskFinished]
    engine.strategy = Wants(weights=())  # and nothing is held of it
    assert kinds(do(engine, Task.DECIDE)) == [DecisionSkipped, TaskFinished]


def test_what_nobody_did_while_we_were_away_is_told_once_with_the_next_analysis() -> None:
    days = [
        replace(SESSION, day=DAY + timedelta(days=n), open=OPEN + timedelta(days=n), close=CLOSE + timedelta(days=n))
        for n in range(3)
    ]
    first = fresh()
    engine = Engine(first.mandate, Wants(), first.market, days)
    done = [
        TaskFinished(event_id=f"{task}/XNYS/{DAY}", at=OPEN, task=task, day=DAY)
        for task in (Task.ANALYZE, Task.OPEN, Task.DECIDE, Task.TRADE)
    ]
    engine.recover([*BEGUN, *done])
    see(engine, OPEN + timedelta(days=2), quote("AAPL", "100"))
    assert engine.due() == (Task.ANALYZE, Task.OPEN, Task.DECIDE, Task.MONITOR)
    step = engine.finish_analysis(())
    told = [(event.day.day, event.tasks) for event in step.events if isinstance(event, TasksMissed)]
    assert told == [
        (DAY.day, ("close", "review")),
        (DAY.day + 1, ("analyze", "open", "decide", "trade", "close", "review")),
    ]
    again = Engine(first.mandate, Wants(), first.market, days)
    again.recover([*BEGUN, *done, *step.events])
    see(again, OPEN + timedelta(days=2), quote("AAPL", "100"))
    assert again.missed() == ()
    assert again.due() == (Task.OPEN, Task.DECIDE, Task.MONITOR)


def test_a_strategy_that_lacks_something_skips_the_day_and_says_so() -> None:
    engine = fresh(Wants(lacking="no closes since Friday"))
    see(engine, OPEN, quote("AAPL", "100"))
    skipped = do(engine, Task.DECIDE).events[0]
    assert isinstance(skipped, DecisionSkipped)
    assert skipped.reason == "no closes since Friday"
    see(engine, TRADE_AT)
    assert kinds(do(engine, Task.TRADE)) == [TaskFinished]


def test_a_target_without_a_quote_skips_the_decision() -> None:
    engine = fresh()
    see(engine, OPEN, quote("XOM", "50"))
    skipped = do(engine, Task.DECIDE).events[0]
    assert isinstance(skipped, DecisionSkipped)
    assert "AAPL has no two-sided quote" in skipped.reason


def test_a_quote_that_vanished_before_trading_stops_the_trade() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT, quote("AAPL", None, None))
    step = do(engine, Task.TRADE)
    assert kinds(step) == [DecisionSkipped, TaskFinished]
    assert step.orders == ()


def test_a_basket_that_the_gate_rejects_sends_nothing() -> None:
    engine = fresh(Wants(weights=(("AAPL", 0.35),)))
    see(engine, OPEN, quote("AAPL", "100"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    step = do(engine, Task.TRADE)
    assert kinds(step) == [Rejected, TaskFinished]
    assert step.orders == ()


def test_yesterdays_decision_buys_nothing_today() -> None:
    engine = fresh()
    stale = Decided(
        event_id="d-00000001",
        at=OPEN - timedelta(days=3),
        portfolio="main",
        strategy="wants",
        targets=(Target(symbol="AAPL", weight=0.2, reason=""),),
        equity=Decimal(100_000),
        prices={},
    )
    engine.absorb(stale)
    see(engine, TRADE_AT, quote("AAPL", "100"))
    assert kinds(do(engine, Task.TRADE)) == [TaskFinished]


@pytest.mark.parametrize(
    ("bid", "reason"),
    [("95.01", None), ("95.00", "stop loss"), ("80.00", "stop loss"), ("109.99", None), ("110.00", "take profit")],
)
def test_exits_are_taken_at_their_levels_and_not_before(bid: str, reason: str | None) -> None:
    engine = fresh()
    engine.absorb(filled("1", 10, 100, order_id=""))
    see(engine, TRADE_AT, quote("AAPL", bid, "120"))
    step = do(engine, Task.MONITOR)
    triggered = [event for event in step.events if isinstance(event, ExitTriggered)]
    assert [event.reason for event in triggered] == ([reason] if reason else [])
    assert [(sent.order.purpose, sent.order.quantity) for sent in step.orders] == (
        [(Purpose.EXIT, Decimal(10))] if reason else []
    )
    if triggered:
        assert triggered[0].causes == ("f-1",)


def test_an_exit_is_ordered_once_while_its_order_works() -> None:
    engine = fresh()
    engine.absorb(filled("1", 10, 100, order_id=""))
    see(engine, TRADE_AT, quote("AAPL", "90", "91"))
    assert len(do(engine, Task.MONITOR).orders) == 1
    assert do(engine, Task.MONITOR).events == ()


def test_an_exit_that_the_broker_refuses_is_tried_again_later_and_not_at_once() -> None:
    engine = fresh()
    engine.absorb(filled("1", 10, 100, order_id=""))
    see(engine, TRADE_AT, quote("AAPL", "90", "91"))
    (sent,) = do(engine, Task.MONITOR).orders
    name = sent.order.order_id
    engine.absorb(OrderRejected(event_id=f"{name}/rejected", at=TRADE_AT, order_id=name, code=201, message="no"))
    assert do(engine, Task.MONITOR).orders == ()
    see(engine, TRADE_AT + timedelta(minutes=5))
    assert len(do(engine, Task.MONITOR).orders) == 1


def test_a_position_without_a_bid_is_not_judged() -> None:
    engine = fresh()
    engine.absorb(filled("1", 10, 100, order_id=""))
    see(engine, TRADE_AT, quote("AAPL", None, "91"))
    assert do(engine, Task.MONITOR).events == ()


def test_what_is_hands_off_is_never_sold() -> None:
    engine = fresh(Wants(weights=()))
    engine.absorb(
        PositionAdopted(
            event_id="adopted",
            at=OPEN,
            account=ACCOUNT,
            portfolio="main",
            symbol="AAPL",
            quantity=Decimal(10),
            cost_basis=money(5000),
            hands_off=True,
        )
    )
    see(engine, OPEN, quote("AAPL", "10"), quote("XOM", "50"))
    assert do(engine, Task.MONITOR).events == ()
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    assert kinds(do(engine, Task.TRADE)) == [TaskFinished]


def test_a_symbol_that_was_stopped_out_is_left_alone_for_a_while() -> None:
    engine = fresh()
    engine.absorb(
        ExitTriggered(
            event_id="x-00000001",
            at=OPEN - timedelta(days=4),
            portfolio="main",
            symbol="AAPL",
            reason="stop loss",
            level=Decimal(95),
            observed=Decimal(94),
        )
    )
    see(engine, OPEN, quote("AAPL", "100"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    step = do(engine, Task.TRADE)
    assert kinds(step) == [Trimmed, TaskFinished]
    told = step.events[0]
    assert isinstance(told, Trimmed)
    assert told.causes == ("d-00000001",)
    (trim,) = told.trims
    assert (trim.symbol, trim.step, trim.limit) == ("AAPL", "reentry", Decimal(5))
    assert trim.says == "a stop or a target closed it 4.0 days ago, and 5.0 must pass"


def test_what_may_not_be_touched_says_so_where_it_was_wanted() -> None:
    engine = fresh(Wants(weights=(("AAPL", 0.2), ("XOM", 0.1))))
    adopted = PositionAdopted(
        event_id="adopted", at=OPEN, account=ACCOUNT, portfolio="main", symbol="AAPL", quantity=Decimal(10),
        cost_basis=money(500), hands_off=True,
    )  # fmt: skip
    engine.absorb(adopted)
    found = SAMPLES["break_found"]
    assert isinstance(found, BreakFound)
    engine.absorb(replace(found, symbol="XOM", account=ACCOUNT, at=OPEN))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    told = do(engine, Task.TRADE).events[0]
    assert isinstance(told, Trimmed)
    assert [(trim.symbol, trim.step, trim.measured) for trim in told.trims] == [
        ("AAPL", "hands_off", Decimal(0)),
        ("XOM", "break", Decimal(0)),
    ]


def test_orders_at_work_count_as_if_they_were_filled() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    (sent,) = do(engine, Task.TRADE).orders
    engine.absorb(
        OrderAccepted(event_id="o-00000001/accepted", at=TRADE_AT, order_id=sent.order.order_id, permanent_id=1)
    )
    # The same decision again wants nothing more: 200 shares are on their way.
    assert engine.perform(Task.TRADE).orders == ()


def test_the_covariance_needs_a_whole_window_without_gaps() -> None:
    engine = fresh()
    engine.refresh(closes(PAST_DAYS + 1))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    approved = do(engine, Task.TRADE).events[0]
    assert isinstance(approved, Approved)
    assert "portfolio_volatility" in {check.rule for check in approved.checks}
    gap = closes(PAST_DAYS + 1)
    gap.values[5, 0] = np.nan
    blind = fresh()
    blind.refresh(gap)
    see(blind, OPEN, quote("AAPL", "100"))
    do(blind, Task.DECIDE)
    see(blind, TRADE_AT)
    approved = do(blind, Task.TRADE).events[0]
    assert isinstance(approved, Approved)
    assert "portfolio_volatility" not in {check.rule for check in approved.checks}


def test_nothing_is_due_on_a_day_without_a_session() -> None:
    engine = fresh()
    holiday = datetime(2022, 1, 17, 15, 0, tzinfo=UTC)
    see(engine, holiday)
    assert engine.session is None
    assert engine.due() == ()
    assert engine.views() == ()
    with pytest.raises(DataError, match="no session"):
        engine.perform(Task.DECIDE)
    abstained = Abstained(event_id="n-1", at=holiday, analyst="a", symbols=("AAPL",), reason="shut")
    assert engine.finish_analysis([abstained]).events == (abstained,)


def test_analysis_is_a_job_and_not_the_engines() -> None:
    engine = fresh()
    see(engine, OPEN)
    with pytest.raises(DataError, match="job"):
        engine.perform(Task.ANALYZE)


def test_the_review_names_what_has_no_closing_price() -> None:
    engine = fresh()
    engine.absorb(filled("1", 10, 100, order_id=""))
    see(engine, CLOSE + timedelta(minutes=30), quote("XOM", "50", last="50"))
    closed = do(engine, Task.REVIEW).events[0]
    assert closed.notes == ("AAPL has no price; its last one is used",)  # type: ignore[attr-defined]


def test_the_session_of_the_market_follows_the_clock() -> None:
    tuesday = replace(SESSION, day=date(2022, 1, 4), open=OPEN + timedelta(days=1), close=CLOSE + timedelta(days=1))
    market = MarketView(at=OPEN, instruments=INSTRUMENTS, quotes={}, closes=closes(), session=SESSION)
    engine = Engine(Mandate(account=ACCOUNT), Wants(), market, (SESSION, tuesday))
    see(engine, OPEN + timedelta(days=1))
    assert engine.market.session == tuesday


def large(engine: Engine) -> Engine:
    """An engine that asks the broker about orders of a tenth of equity."""
    engine.mandate = replace(engine.mandate, limits=RiskLimits(preview_weight_min=Decimal("0.10")))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    return engine


def told(order: Order, margin: str) -> Preview:
    return Preview(
        order=order,
        commission=Decimal(1),
        initial_margin_after=Decimal(margin),
        maintenance_margin_after=Decimal(margin),
        equity_after=Decimal(100_000),
    )


def test_a_large_order_waits_for_what_the_broker_says_of_it() -> None:
    engine = large(fresh())
    step = do(engine, Task.TRADE)
    assert kinds(step) == [TaskFinished]
    assert step.ask is not None
    (asked,) = step.ask.orders
    answered = engine.answer(step.ask, {asked.order_id: told(asked, "20000")})
    assert kinds(answered) == [Approved, OrderPlaced, ParentBegun, PieceSent]
    assert [sent.order for sent in answered.orders] == [asked]
    poor = engine.answer(step.ask, {asked.order_id: told(asked, "100001")})
    assert kinds(poor) == [Rejected]


def test_what_the_broker_would_refuse_is_not_sent_and_the_day_says_why() -> None:
    engine = large(fresh())
    ask = do(engine, Task.TRADE).ask
    assert ask is not None
    (skipped,) = engine.answer(ask, {}, refused="o-00000001 would be refused: no money").events
    assert isinstance(skipped, DecisionSkipped)
    assert "no money" in skipped.reason
    see(engine, TRADE_AT, quote("AAPL", None))
    (skipped,) = engine.answer(ask, {ask.orders[0].order_id: told(ask.orders[0], "1")}).events
    assert isinstance(skipped, DecisionSkipped | Rejected)


def test_after_a_restart_what_cannot_be_judged_is_canceled() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    do(engine, Task.TRADE)  # placed, and never sent
    engine.absorb(
        PositionAdopted(
            event_id="old", at=TRADE_AT, account=ACCOUNT, portfolio="main", symbol="XOM", quantity=Decimal(1)
        )
    )
    see(engine, TRADE_AT, quote("XOM", None))
    step = engine.resume()
    assert step.orders == ()
    assert [event.kind for event in step.events] == ["order_canceled"]
