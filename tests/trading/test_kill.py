"""A kill, step by step: what is canceled, kept and closed, and what is put back when a close is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bursar.domain.events import (
    Alerted,
    BreakFound,
    CancelRejected,
    CommandReceived,
    Event,
    KillFinished,
    KillForm,
    KillOrdered,
    OrderAccepted,
    OrderCanceled,
    OrderPlaced,
    OrderRejected,
    PositionAdopted,
    RearmRefused,
    TradingState,
    TradingStateChanged,
)
from bursar.domain.orders import Effect, Order, OrderType, Purpose, Side
from bursar.ports import Command
from bursar.trading.engine import Engine
from bursar.trading.kill import RETRY, Killer
from bursar.trading.mandate import Step
from bursar.trading.operator import obey, ordered
from tests.builders import ACCOUNT, CLOSE, OPEN, filled, order, quote
from tests.trading.test_engine import TRADE_AT, fresh, see

STOP = replace(
    order("o-00000901", side=Side.SELL, quantity=200, effect=Effect.CLOSE, purpose=Purpose.PROTECTION),
    type=OrderType.STOP,
    stop_price=Decimal(95),
)
ENTRY = order("o-00000902", "XOM", 50)


def works(engine: Engine, sent: Order) -> None:
    engine.absorb(OrderPlaced(event_id=sent.order_id, at=OPEN, order=sent))
    engine.absorb(OrderAccepted(event_id=f"{sent.order_id}/accepted", at=OPEN, order_id=sent.order_id, permanent_id=1))


def holding() -> Engine:
    """200 AAPL with a stop below them, and an order to buy XOM at work; the market is open."""
    engine = fresh()
    engine.absorb(filled("e1", 200, 100))
    works(engine, STOP)
    works(engine, ENTRY)
    see(engine, TRADE_AT, quote("AAPL", "100"), quote("XOM", "50"))
    return engine


def stop(engine: Engine, form: KillForm = KillForm.FLATTEN, *, everything: bool = False) -> Killer:
    for event in ordered(engine, form, "enough", "ann", everything=everything):
        engine.absorb(event)
    return Killer(engine)


def take(engine: Engine, step: Step) -> Step:
    for event in step.events:
        engine.absorb(event)
    return step


def canceled(engine: Engine, *order_ids: str) -> None:
    for order_id in order_ids:
        engine.absorb(OrderCanceled(event_id=f"{order_id}/canceled/{engine.market.at}", at=TRADE_AT, order_id=order_id))


def later(engine: Engine, by: timedelta = RETRY) -> None:
    see(engine, engine.market.at + by)


def placed(step: Step) -> list[Order]:
    return [event.order for event in step.events if isinstance(event, OrderPlaced)]


def test_a_halt_cancels_what_opens_and_keeps_what_protects() -> None:
    engine = holding()
    killer = stop(engine, KillForm.HALT)
    step = take(engine, killer.step())
    assert step.cancels == (ENTRY.order_id,)
    assert step.orders == ()
    assert take(engine, killer.step()).events == ()  # on its way
    canceled(engine, ENTRY.order_id)
    (finished,) = take(engine, killer.step()).events
    assert isinstance(finished, KillFinished)
    assert [state.order for state in engine.orders.working()] == [STOP]
    assert killer.step() == Step()


def test_flatten_takes_protection_away_waits_for_the_answer_and_then_closes_all() -> None:
    engine = holding()
    killer = stop(engine)
    step = take(engine, killer.step())
    assert set(step.cancels) == {ENTRY.order_id, STOP.order_id}
    assert step.orders == ()
    canceled(engine, ENTRY.order_id)
    assert take(engine, killer.step()).orders == ()  # the stop may still be filled
    canceled(engine, STOP.order_id)
    step = take(engine, killer.step())
    (closing,) = placed(step)
    assert (closing.symbol, closing.side, closing.quantity) == ("AAPL", Side.SELL, Decimal(200))
    assert (closing.purpose, closing.type, closing.reason) == (Purpose.KILL, OrderType.MARKET, "kill: enough")
    assert [sent.order for sent in step.orders] == [closing]
    assert take(engine, killer.step()).events == ()
    engine.absorb(filled("e2", 200, 99, side=Side.SELL, order_id=closing.order_id))
    (finished,) = take(engine, killer.step()).events
    assert isinstance(finished, KillFinished)
    assert finished.kept == ()


@pytest.mark.parametrize("at", [OPEN - timedelta(minutes=5), CLOSE])
def test_while_the_market_is_shut_protection_stays(at: datetime) -> None:
    engine = holding()
    see(engine, at)
    killer = stop(engine)
    assert take(engine, killer.step()).cancels == (ENTRY.order_id,)
    assert STOP.order_id in {state.order.order_id for state in engine.orders.working()}


def test_in_a_halt_protection_stays_until_there_is_a_market_again() -> None:
    engine = holding()
    see(engine, TRADE_AT, quote("AAPL", None))
    killer = stop(engine)
    assert STOP.order_id not in take(engine, killer.step()).cancels
    see(engine, TRADE_AT, quote("AAPL", "90"))
    assert take(engine, killer.step()).cancels == (STOP.order_id,)


def test_an_old_quote_is_no_market() -> None:
    engine = holding()
    old = engine.market.quotes["AAPL"]
    engine.market = replace(engine.market, quotes={"AAPL": replace(old, at=TRADE_AT - timedelta(minutes=2))})
    killer = stop(engine)
    assert take(engine, killer.step()).cancels == (ENTRY.order_id,)


def test_protection_is_put_back_where_the_market_stopped_before_the_close_left() -> None:
    engine = holding()
    killer = stop(engine)
    take(engine, killer.step())
    canceled(engine, STOP.order_id, ENTRY.order_id)
    see(engine, TRADE_AT, quote("AAPL", None))
    (back,) = placed(take(engine, killer.step()))
    assert (back.purpose, back.stop_price, back.quantity) == (Purpose.PROTECTION, Decimal(95), Decimal(200))
    assert back.order_id != STOP.order_id


def test_a_refused_close_puts_protection_back_and_is_tried_again_later() -> None:
    engine = holding()
    killer = stop(engine)
    take(engine, killer.step())
    canceled(engine, STOP.order_id, ENTRY.order_id)
    (closing,) = placed(take(engine, killer.step()))
    engine.absorb(OrderRejected(event_id="no", at=TRADE_AT, order_id=closing.order_id, code=201, message="halted"))
    (back,) = placed(take(engine, killer.step()))
    assert back.purpose is Purpose.PROTECTION
    assert take(engine, killer.step()).events == ()  # not at the same instant
    later(engine)
    assert take(engine, killer.step()).cancels == (back.order_id,)
    canceled(engine, back.order_id)
    later(engine)
    assert [again.purpose for again in placed(take(engine, killer.step()))] == [Purpose.KILL]


def test_a_refused_close_without_protection_is_tried_again_after_a_while() -> None:
    engine = fresh()
    engine.absorb(filled("e1", 10, 100))
    see(engine, TRADE_AT, quote("AAPL", "100"), quote("XOM", "50"))
    killer = stop(engine)
    (closing,) = placed(take(engine, killer.step()))
    engine.absorb(OrderRejected(event_id="no", at=TRADE_AT, order_id=closing.order_id, code=201, message="no"))
    assert take(engine, killer.step()).orders == ()
    later(engine)
    assert len(take(engine, killer.step()).orders) == 1


def test_a_cancel_that_is_refused_is_asked_for_again() -> None:
    engine = holding()
    killer = stop(engine, KillForm.HALT)
    take(engine, killer.step())
    engine.absorb(CancelRejected(event_id="no", at=TRADE_AT, order_id=ENTRY.order_id, code=161, message="busy"))
    assert take(engine, killer.step()).cancels == ()
    later(engine)
    assert take(engine, killer.step()).cancels == (ENTRY.order_id,)


def test_a_fill_that_raced_the_cancel_is_closed_as_well() -> None:
    engine = holding()
    killer = stop(engine)
    take(engine, killer.step())
    canceled(engine, STOP.order_id)
    engine.absorb(filled("e3", 50, 50, symbol="XOM", order_id=ENTRY.order_id))
    closed = {sent.symbol: sent.quantity for sent in placed(take(engine, killer.step()))}
    assert closed == {"AAPL": Decimal(200), "XOM": Decimal(50)}


def test_a_short_is_bought_back() -> None:
    engine = fresh()
    engine.absorb(
        PositionAdopted(
            event_id="short", at=OPEN, account=ACCOUNT, portfolio="main", symbol="XOM", quantity=Decimal(-30)
        )
    )
    see(engine, TRADE_AT, quote("AAPL", "100"), quote("XOM", "50"))
    (closing,) = placed(take(engine, stop(engine).step()))
    assert (closing.side, closing.quantity) == (Side.BUY, Decimal(30))


def adopted(engine: Engine) -> Engine:
    engine.absorb(
        PositionAdopted(
            event_id="mine",
            at=OPEN,
            account=ACCOUNT,
            portfolio="main",
            symbol="XOM",
            quantity=Decimal(70),
            hands_off=True,
        )
    )
    return engine


def test_what_is_hands_off_stays_unless_everything_was_to_go() -> None:
    engine = adopted(fresh())
    see(engine, TRADE_AT, quote("AAPL", "100"), quote("XOM", "50"))
    (finished,) = take(engine, stop(engine).step()).events
    assert isinstance(finished, KillFinished)
    assert finished.kept == ("XOM",)
    killer = stop(engine, everything=True)
    assert [sent.symbol for sent in placed(take(engine, killer.step()))] == ["XOM"]


def test_what_broker_and_books_disagree_on_stays_for_a_person() -> None:
    engine = fresh()
    engine.absorb(filled("e1", 10, 100))
    engine.absorb(
        BreakFound(event_id="b1", at=OPEN, account=ACCOUNT, symbol="AAPL", what="position", ours="10", theirs="0")
    )
    see(engine, TRADE_AT, quote("AAPL", "100"), quote("XOM", "50"))
    (finished,) = take(engine, stop(engine).step()).events
    assert isinstance(finished, KillFinished)
    assert finished.kept == ("AAPL",)


def test_a_halt_becomes_a_flatten_and_a_flatten_no_halt() -> None:
    engine = holding()
    stop(engine, KillForm.HALT)
    assert ordered(engine, KillForm.HALT, "again", "ann") == ()
    harder, changed = ordered(engine, KillForm.FLATTEN, "all of it", "ann")
    assert isinstance(harder, KillOrdered)
    assert isinstance(changed, TradingStateChanged)
    stop(engine)
    assert ordered(engine, KillForm.HALT, "less", "ann") == ()
    assert Killer(fresh()).step() == Step()


def said(engine: Engine, name: str, number: str = "1", **arguments: str) -> tuple[Event, ...]:
    command = Command(command_id=number, name=name, arguments=arguments, by="ann", at=TRADE_AT)
    return take(engine, obey(engine, command)).events


def test_operators_kill_and_re_arm_and_every_word_is_journalled() -> None:
    engine = fresh()
    see(engine, TRADE_AT, quote("AAPL", "100"), quote("XOM", "50"))
    received, kill, changed = said(engine, "kill", form="flatten", everything="yes", reason="enough")
    assert isinstance(received, CommandReceived)
    assert isinstance(kill, KillOrdered)
    assert (kill.form, kill.everything, kill.by, kill.causes) == (KillForm.FLATTEN, True, "ann", ("command/1",))
    assert isinstance(changed, TradingStateChanged)
    assert said(engine, "kill", "1") == ()  # the same command again
    assert isinstance(said(engine, "rearm", "2", reason="fine")[1], RearmRefused)
    take(engine, Killer(engine).step())
    assert isinstance(said(engine, "rearm", "3", reason="  ")[1], RearmRefused)
    again = said(engine, "rearm", "4", reason="fixed")[1]
    assert isinstance(again, TradingStateChanged)
    assert (again.state, again.reason, again.by) == (TradingState.ACTIVE, "fixed", "ann")


def test_a_command_that_nobody_knows_is_told_and_does_nothing() -> None:
    engine = fresh()
    _, alert = said(engine, "sing")
    assert isinstance(alert, Alerted)
    assert "they are kill, rearm" in alert.message
    assert engine.standing.state is TradingState.ACTIVE


def test_a_command_for_another_account_does_nothing_and_is_told() -> None:
    engine = holding()
    _, alert = said(engine, "cancel", "9", order=ENTRY.order_id, account="DU9000002", reason="the news")
    assert isinstance(alert, Alerted)
    assert "ann asked for cancel in account DU9000002, and DU9000001 is traded now" in alert.message
    assert engine.orders[ENTRY.order_id].working
    # A kill stops whatever is traded, whoever was meant.
    assert isinstance(said(engine, "kill", "10", account="DU9000002", reason="out")[1], KillOrdered)


def test_an_operator_cancels_what_opens_and_nothing_that_protects() -> None:
    engine = holding()
    command = Command(
        command_id="9", name="cancel", arguments={"order": ENTRY.order_id, "reason": "the news"}, by="ann", at=TRADE_AT
    )
    step = take(engine, obey(engine, command))
    assert step.cancels == (ENTRY.order_id,)
    assert step.events[1].causes == ("command/9",)
    for number, order_id, why in (
        ("10", ENTRY.order_id, "which is being canceled already"),
        ("11", STOP.order_id, "which protects 200 AAPL, which would be left unprotected"),
        ("12", "o-99999999", "o-99999999, which was never placed"),
        ("13", "", "no order, which was never placed"),
    ):
        _, alert = said(engine, "cancel", number, order=order_id)
        assert isinstance(alert, Alerted)
        assert why in alert.message
