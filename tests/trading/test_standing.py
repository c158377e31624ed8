"""Where an account stands: losses without flows, drawdowns, and when a person may re-arm it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from bursar.domain.events import (
    AccountOpened,
    CancelRequested,
    Deposited,
    Event,
    InstrumentListed,
    KillFinished,
    KillForm,
    KillOrdered,
    Marked,
    OrderPlaced,
    OrderRejected,
    PositionAdopted,
    SessionClosed,
    SessionOpened,
    TradingState,
    TradingStateChanged,
)
from bursar.ledger.book import Bookkeeper
from bursar.trading.standing import DAILY_LOSS, DRAWDOWN, KILL_LOSS, MARGIN, Standing
from tests.builders import ACCOUNT, CLOSE, DAY, OPEN, instrument, money, order


class Account:
    """Books and standing, kept in step as the engine keeps them."""

    def __init__(self) -> None:
        self.books, self.standing, self.number = Bookkeeper(), Standing(), 0
        self.tell(AccountOpened(event_id="account", at=OPEN, account=ACCOUNT, base_currency="USD"))
        self.tell(InstrumentListed(event_id="aapl", at=OPEN, instrument=instrument()))

    def tell(self, event: Event) -> None:
        self.books.apply(event)
        self.standing.apply(event, self.book if isinstance(event, SessionClosed) else None)

    @property
    def book(self):  # type: ignore[no-untyped-def]  # what a portfolio's book is, the ledger says
        return self.books.book().portfolio(ACCOUNT)

    def deposit(self, amount: int) -> None:
        self.number += 1
        self.tell(
            Deposited(event_id=f"in/{self.number}", at=OPEN, account=ACCOUNT, portfolio="main", amount=money(amount))
        )

    def close(self, equity: int, day: date = DAY) -> None:
        self.number += 1
        self.tell(
            SessionClosed(
                event_id=f"closed/{self.number}",
                at=CLOSE,
                day=day,
                exchange="XNYS",
                equity=Decimal(equity),
                cash=Decimal(0),
            )
        )

    def loss(self, equity: int) -> Decimal:
        return self.standing.loss(Decimal(equity), self.book, {"AAPL": Decimal(100)}, "USD")


def stopped(by: str, state: TradingState = TradingState.REDUCING, number: int = 1) -> TradingStateChanged:
    return TradingStateChanged(event_id=f"g-{number}", at=OPEN, account=ACCOUNT, state=state, reason="why", by=by)


def opened(day: date) -> SessionOpened:
    return SessionOpened(event_id=f"open/{day}", at=OPEN, day=day, exchange="XNYS")


def test_the_days_loss_is_measured_from_the_previous_close() -> None:
    account = Account()
    account.deposit(100_000)
    assert account.loss(99_000) == Decimal("0.01")  # on the first day from what came in
    account.close(98_000)
    assert account.loss(98_000) == 0
    assert account.loss(96_040) == Decimal("0.02")
    assert account.loss(98_980) == Decimal("-0.01")


def test_what_comes_in_or_goes_out_is_neither_gain_nor_loss() -> None:
    account = Account()
    account.deposit(100_000)
    account.close(100_000)
    account.deposit(-50_000)
    assert account.loss(50_000) == 0
    assert account.loss(49_000) == Decimal("0.01")  # of the 100,000 that were there
    account.deposit(150_000)
    assert account.loss(200_000) == 0
    # 250,000 were there or came: a loss of 2,500 is one percent of them.
    assert account.loss(197_500) == Decimal("0.01")


def test_a_position_that_comes_in_kind_counts_at_todays_price() -> None:
    account = Account()
    account.deposit(100_000)
    account.close(100_000)
    account.tell(
        PositionAdopted(
            event_id="adopted", at=OPEN, account=ACCOUNT, portfolio="main", symbol="AAPL", quantity=Decimal(100)
        )
    )
    assert account.loss(110_000) == 0
    # Without a price it counts at its cost, which nobody knows: zero.
    assert account.standing.loss(Decimal(110_000), account.book, {}, "USD") == Decimal("-0.1")


def test_an_account_without_money_lost_nothing() -> None:
    assert Account().loss(0) == 0


def test_the_drawdown_follows_returns_and_no_flows() -> None:
    account = Account()
    account.deposit(100_000)
    account.close(110_000)
    account.close(99_000)
    assert account.standing.drawdown(Decimal(0)) == Decimal("0.1")
    account.deposit(99_000)
    account.close(198_000)
    assert account.standing.drawdown(Decimal(0)) == Decimal("0.1")
    # Five percent more today: 0.9 * 0.95 = 0.855 of the top.
    assert account.standing.drawdown(Decimal("0.05")) == Decimal("0.145")
    assert account.standing.drawdown(Decimal("-0.5")) == 0


def test_a_days_loss_holds_until_another_session_and_a_person() -> None:
    standing = Standing()
    standing.apply(opened(DAY))
    standing.apply(stopped(DAILY_LOSS))
    assert standing.state is TradingState.REDUCING
    assert "until the next session" in standing.refusal(DAY, 5)
    assert standing.refusal(DAY + timedelta(days=1), 5) == ""


def test_a_drawdown_waits_for_its_sessions_and_then_counts_from_there() -> None:
    account = Account()
    account.deposit(100_000)
    account.close(100_000)
    account.close(75_000)
    account.tell(stopped(DRAWDOWN))
    account.close(75_000)
    assert "after a drawdown 2 sessions must close first, and 1 are missing" in account.standing.refusal(DAY, 2)
    account.close(75_000)
    assert account.standing.refusal(DAY, 2) == ""
    account.tell(stopped("somebody", TradingState.ACTIVE, 2))
    assert account.standing.drawdown(Decimal(0)) == 0
    assert "active already" in account.standing.refusal(DAY, 2)


def test_a_thin_margin_needs_a_person_alone() -> None:
    standing = Standing()
    standing.apply(stopped(MARGIN))
    assert standing.refusal(DAY, 5) == ""


def test_a_kill_is_re_armed_when_it_is_done() -> None:
    standing = Standing()
    killed = KillOrdered(
        event_id="g-9", at=OPEN, account=ACCOUNT, form=KillForm.FLATTEN, reason="enough", by="somebody"
    )
    standing.apply(killed)
    standing.apply(stopped("somebody", TradingState.HALTED))
    assert "not closed yet" in standing.refusal(DAY, 5)
    standing.apply(KillFinished(event_id="done", at=OPEN, account=ACCOUNT))
    assert standing.refusal(DAY, 5) == ""
    standing.apply(stopped("somebody", TradingState.ACTIVE, 2))
    assert (standing.state, standing.kill) == (TradingState.ACTIVE, None)


def test_a_kill_after_a_loss_shortens_no_wait() -> None:
    standing = Standing()
    standing.apply(opened(DAY))
    standing.apply(stopped(DAILY_LOSS))
    standing.apply(stopped("somebody", TradingState.HALTED, 2))
    assert (standing.state, standing.stopped_by) == (TradingState.HALTED, DAILY_LOSS)
    assert "until the next session" in standing.refusal(DAY, 5)
    assert standing.refusal(DAY + timedelta(days=1), 5) == ""
    alone = Standing()
    alone.apply(opened(DAY))
    alone.apply(stopped(KILL_LOSS, TradingState.HALTED))
    assert "until the next session" in alone.refusal(DAY, 5)


def placed(number: int, at: datetime, **changes: object) -> Sequence[Event]:
    sent = replace(order(f"o-{number:08d}"), **changes)  # type: ignore[arg-type]  # the names are the point
    return (OrderPlaced(event_id=sent.order_id, at=at, order=sent),)


def test_openings_of_the_session_and_messages_of_the_minute_are_counted() -> None:
    standing = Standing()
    standing.apply(opened(DAY))
    for event in (
        *placed(1, OPEN),
        *placed(2, OPEN, parent_id="o-00000001"),
        *placed(3, OPEN + timedelta(seconds=30)),
        CancelRequested(event_id="o-3/cancel", at=OPEN + timedelta(seconds=40), order_id="o-00000003", reason=""),
        OrderRejected(event_id="o-3/no", at=OPEN, order_id="o-00000003", code=201, message="no"),
    ):
        standing.apply(event)
    assert [sent.order_id for sent in standing.sent()] == ["o-00000001"]
    assert standing.sent_at(standing.sent()[0]) == OPEN
    assert standing.messages_since(OPEN + timedelta(seconds=45)) == 4
    assert standing.messages_since(OPEN + timedelta(seconds=75)) == 2
    standing.apply(opened(DAY + timedelta(days=1)))
    assert standing.sent() == ()


@pytest.mark.parametrize("official", [True, False])
def test_only_official_marks_are_closes(official: bool) -> None:
    standing = Standing()
    standing.apply(Marked(event_id="marks", at=CLOSE, prices={"AAPL": Decimal(90)}, official=official))
    assert standing.closes == ({"AAPL": Decimal(90)} if official else {})
