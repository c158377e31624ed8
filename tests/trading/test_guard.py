"""The guard stops an account at a breach, holds it stopped, and lets it go on by the written rule alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bursar.domain.events import (
    Alerted,
    Event,
    KillForm,
    KillOrdered,
    Marked,
    OrderPlaced,
    SessionClosed,
    TradingState,
    TradingStateChanged,
)
from bursar.domain.orders import Purpose
from bursar.domain.sessions import Session
from bursar.risk.limits import RiskLimits
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine, Step
from bursar.trading.standing import DAILY_LOSS, DRAWDOWN, KILL_LOSS, MARGIN
from tests.builders import ACCOUNT, CLOSE, OPEN, SESSION, filled, quote
from tests.trading.test_engine import TRADE_AT, Wants, do, fresh, see

TOMORROW = Session(day=SESSION.day + timedelta(days=1), open=OPEN + timedelta(days=1), close=CLOSE + timedelta(days=1))


def holding(limits: RiskLimits | None = None, strategy: Wants | None = None) -> Engine:
    """100,000, of which 200 AAPL at 100 were bought yesterday."""
    engine = fresh(strategy)
    engine.mandate = replace(engine.mandate, limits=limits or RiskLimits(), stop_loss=Decimal("0.5"))
    engine._sessions[TOMORROW.day] = TOMORROW
    engine._days.append(TOMORROW.day)
    engine.absorb(filled("e1", 200, 100))
    engine.absorb(Marked(event_id="marks", at=OPEN, prices={"AAPL": Decimal(100)}, official=True))
    engine.absorb(
        SessionClosed(
            event_id="closed", at=OPEN, day=SESSION.day, exchange="XNYS", equity=Decimal(100_000), cash=Decimal(80_000)
        )
    )
    return engine


def look(engine: Engine) -> tuple[Event, ...]:
    """What the guard says, committed."""
    step: Step = engine.guard()
    for event in step.events:
        engine.absorb(event)
    return step.events


def test_a_loss_beyond_the_limit_means_reducing() -> None:
    # 200 shares fell from 100 to 84.99: 3,002 of 100,000 is more than 3 %.
    engine = holding()
    see(engine, TRADE_AT, quote("AAPL", "85"), quote("XOM", "50"))
    assert look(engine) == ()
    see(engine, TRADE_AT, quote("AAPL", "84.99"))
    (changed,) = look(engine)
    assert isinstance(changed, TradingStateChanged)
    assert (changed.state, changed.by) == (TradingState.REDUCING, DAILY_LOSS)
    assert changed.reason == "the day lost 3.00%; at most 3.00%"
    # Prices that come back change nothing: a person has to look.
    see(engine, TRADE_AT, quote("AAPL", "120"))
    assert look(engine) == ()
    assert engine.standing.state is TradingState.REDUCING


def test_a_reducing_account_sells_what_is_not_wanted_and_buys_nothing() -> None:
    engine = holding(strategy=Wants(weights=(("XOM", 0.2),)))
    see(engine, OPEN, quote("AAPL", "84"), quote("XOM", "50"))
    look(engine)
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    step = do(engine, Task.TRADE)
    assert [sent.order.symbol for sent in step.orders] == ["AAPL"]
    assert [event.order.purpose for event in step.events if isinstance(event, OrderPlaced)] == [Purpose.REDUCE]


def test_a_halted_account_does_not_even_rebalance() -> None:
    engine = holding(strategy=Wants(weights=(("XOM", 0.2),)))
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    do(engine, Task.DECIDE)
    engine.absorb(
        TradingStateChanged(
            event_id="g-1", at=OPEN, account=ACCOUNT, state=TradingState.HALTED, reason="no", by="somebody"
        )
    )
    see(engine, TRADE_AT)
    assert do(engine, Task.TRADE).orders == ()


def test_a_loss_beyond_the_second_limit_closes_everything() -> None:
    engine = holding(RiskLimits(daily_loss_kill=Decimal("0.06")))
    see(engine, TRADE_AT, quote("AAPL", "69"), quote("XOM", "50"))
    ordered, changed = look(engine)
    assert isinstance(ordered, KillOrdered)
    assert (ordered.form, ordered.by) == (KillForm.FLATTEN, KILL_LOSS)
    assert isinstance(changed, TradingStateChanged)
    assert changed.state is TradingState.HALTED
    assert changed.causes == (ordered.event_id,)
    assert engine.standing.kill == ordered


def test_a_loss_that_grows_past_both_limits_is_closed_after_it_was_stopped() -> None:
    engine = holding(RiskLimits(daily_loss_kill=Decimal("0.06")))
    see(engine, TRADE_AT, quote("AAPL", "84"), quote("XOM", "50"))
    (changed,) = look(engine)
    assert isinstance(changed, TradingStateChanged)
    assert changed.by == DAILY_LOSS
    see(engine, TRADE_AT, quote("AAPL", "72"))
    assert look(engine) == ()
    see(engine, TRADE_AT, quote("AAPL", "69"))
    ordered, halted = look(engine)
    assert isinstance(ordered, KillOrdered)
    assert (ordered.form, ordered.by) == (KillForm.FLATTEN, KILL_LOSS)
    assert isinstance(halted, TradingStateChanged)
    assert halted.state is TradingState.HALTED
    # Once is enough, and the wait of the first loss holds.
    assert look(engine) == ()
    assert engine.standing.stopped_by == DAILY_LOSS


def test_an_account_that_a_person_halted_is_closed_at_the_second_limit() -> None:
    engine = holding(RiskLimits(daily_loss_kill=Decimal("0.06")))
    halt = KillOrdered(event_id="k", at=OPEN, account=ACCOUNT, form=KillForm.HALT, reason="a look", by="ada")
    engine.absorb(halt)
    engine.absorb(
        TradingStateChanged(
            event_id="g-1", at=OPEN, account=ACCOUNT, state=TradingState.HALTED, reason="a look", by="ada"
        )
    )
    see(engine, TRADE_AT, quote("AAPL", "84"), quote("XOM", "50"))
    assert look(engine) == ()
    see(engine, TRADE_AT, quote("AAPL", "69"))
    ordered, _ = look(engine)
    assert isinstance(ordered, KillOrdered)
    assert ordered.form is KillForm.FLATTEN


def test_a_drawdown_and_a_thin_margin_stop_it_as_well() -> None:
    engine = holding(RiskLimits(daily_loss_max=None, drawdown_max=Decimal("0.02")))
    see(engine, TRADE_AT, quote("AAPL", "89"), quote("XOM", "50"))
    (changed,) = look(engine)
    assert isinstance(changed, TradingStateChanged)
    assert changed.by == DRAWDOWN
    thin = holding(RiskLimits(margin_cushion_min=Decimal("0.96"), margin_cushion_warning=Decimal(1)))
    see(thin, TRADE_AT, quote("AAPL", "100"), quote("XOM", "50"))
    (changed,) = look(thin)  # a quarter of 20,000 is 5 % of equity
    assert isinstance(changed, TradingStateChanged)
    assert (changed.by, changed.reason) == (MARGIN, "95.0% of equity is above maintenance margin; 96.0% stays")


def test_a_margin_that_becomes_thin_is_told_once_a_session_without_any_order() -> None:
    engine = holding(RiskLimits(margin_cushion_min=Decimal("0.90"), margin_cushion_warning=Decimal("0.96")))
    see(engine, TRADE_AT, quote("AAPL", "75"), quote("XOM", "50"))
    engine.mandate = replace(engine.mandate, limits=replace(engine.mandate.limits, daily_loss_max=None))
    assert look(engine) == ()  # a quarter of 15,000 is 3.9 % of 95,000
    see(engine, TRADE_AT, quote("AAPL", "100"))
    (told,) = look(engine)
    assert isinstance(told, Alerted)
    assert told.message.startswith("only 95.0% of equity is above maintenance margin")
    assert look(engine) == ()
    assert engine.standing.state is TradingState.ACTIVE
    see(engine, TOMORROW.open, quote("AAPL", "100"))
    assert [type(event) for event in look(engine)] == [Alerted]


@pytest.mark.parametrize("at", [OPEN - timedelta(minutes=1), CLOSE])
def test_nothing_is_measured_while_the_market_is_shut(at: object) -> None:
    engine = holding()
    see(engine, at, quote("AAPL", "50"), quote("XOM", "50"))  # type: ignore[arg-type]  # a moment
    assert look(engine) == ()


def test_what_has_no_price_is_taken_at_its_mark_and_without_money_nothing_is_measured() -> None:
    engine = holding()
    see(engine, TRADE_AT, quote("AAPL", None), quote("XOM", "50"))
    assert look(engine) == ()


def test_where_nobody_is_there_a_person_is_simulated_who_waits_as_a_person_would() -> None:
    engine = holding()
    engine.mandate = replace(engine.mandate, person_simulated=True)
    see(engine, TRADE_AT, quote("AAPL", "84"), quote("XOM", "50"))
    engine.absorb(engine.perform(Task.OPEN).events[0])
    look(engine)
    see(engine, CLOSE - timedelta(minutes=5))
    assert look(engine) == ()
    see(engine, TOMORROW.open, quote("AAPL", "100"))
    (changed,) = look(engine)
    assert isinstance(changed, TradingStateChanged)
    assert (changed.state, changed.by) == (TradingState.ACTIVE, "a simulated person")


def test_where_a_person_is_expected_nothing_goes_on_by_itself() -> None:
    engine = holding()
    see(engine, TRADE_AT, quote("AAPL", "84"), quote("XOM", "50"))
    look(engine)
    see(engine, TOMORROW.open, quote("AAPL", "100"))
    assert look(engine) == ()
