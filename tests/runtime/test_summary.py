"""A run told from its journal: what was skipped, stopped, refused, half filled and exited is there to read."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from bursar.domain.events import (
    Abstained,
    AccountOpened,
    Approved,
    Check,
    DecisionSkipped,
    Deposited,
    Event,
    ExitTriggered,
    InstrumentListed,
    Marked,
    OrderCanceled,
    OrderPlaced,
    OrderRejected,
    Rejected,
    SessionClosed,
)
from bursar.domain.orders import Order, Side
from bursar.runtime.results import DayResult, OrderOutcome
from bursar.runtime.summary import Summary
from tests.builders import ACCOUNT, CLOSE, DAY, OPEN, filled, instrument, money, order


def placed(each: Order) -> OrderPlaced:
    return OrderPlaced(event_id=each.order_id, at=OPEN, order=each)


EVENTS: list[Event] = [
    AccountOpened(event_id="account", at=OPEN, account=ACCOUNT, base_currency="USD"),
    InstrumentListed(event_id="i/AAPL", at=OPEN, instrument=instrument("AAPL")),
    InstrumentListed(event_id="i/XOM", at=OPEN, instrument=instrument("XOM", "energy")),
    Deposited(event_id="cash", at=OPEN, account=ACCOUNT, portfolio="main", amount=money(10_000)),
    Abstained(event_id="n-00000001", at=OPEN, analyst="technical", symbols=("XOM",), reason="too little history"),
    DecisionSkipped(event_id="k-00000001", at=OPEN, portfolio="main", reason="no views"),
    Approved(
        event_id="a-00000001",
        at=OPEN,
        order_id="o-00000001",
        checks=(
            Check(rule="portfolio_volatility", measured=Decimal("0.21"), limit=Decimal("0.15"), passed=False),
            Check(rule="position_weight", measured=Decimal("0.1"), limit=Decimal("0.2")),
        ),
    ),
    placed(order("o-00000001", quantity=30)),
    filled("1", 10, 100, commission=1, at=OPEN),
    filled("2", 10, 103, commission=1, at=OPEN + timedelta(minutes=1)),
    OrderCanceled(event_id="o-00000001/canceled", at=OPEN + timedelta(minutes=2), order_id="o-00000001"),
    placed(order("o-00000002", "XOM", 5)),
    OrderRejected(event_id="o-00000002/rejected", at=OPEN, order_id="o-00000002", code=201, message="no margin"),
    Rejected(
        event_id="r-00000001",
        at=OPEN,
        order=order("o-00000003", "XOM", 900),
        rule="position_weight",
        measured=Decimal("0.9"),
        limit=Decimal("0.2"),
        message="XOM would be 90 % of equity",
    ),
    ExitTriggered(
        event_id="x-00000001",
        at=OPEN + timedelta(hours=1),
        portfolio="main",
        symbol="AAPL",
        reason="stop loss",
        level=Decimal("96.425"),
        observed=Decimal(90),
    ),
    placed(order("o-00000004", quantity=20, side=Side.SELL)),
    filled("3", 20, 90, side=Side.SELL, commission=2, order_id="o-00000004", at=OPEN + timedelta(hours=1)),
    placed(order("o-00000005", quantity=1)),
    Marked(event_id="marks", at=CLOSE, prices={"AAPL": Decimal(91)}, official=True),
    SessionClosed(
        event_id="closed",
        at=CLOSE,
        day=DAY,
        exchange="XNYS",
        equity=Decimal("9766.00"),
        cash=Decimal("9766.00"),
        notes=("XOM has no price",),
    ),
]


def day_of(at: datetime) -> date:
    return at.date()


def told(events: list[Event]) -> tuple[Summary, DayResult]:
    summary = Summary(ACCOUNT, "main", day_of)
    summary.read(events)
    (day,) = summary.days(Decimal(10_000))
    return summary, day


def test_every_order_ends_in_words_that_a_reader_understands() -> None:
    _, day = told(EVENTS)
    outcomes = {line.order_id: (line.outcome, line.outcome_note) for line in day.orders}
    assert outcomes == {
        "o-00000001": (OrderOutcome.PARTLY_FILLED, ""),
        "o-00000002": (OrderOutcome.REFUSED_BY_BROKER, "no margin"),
        "o-00000003": (OrderOutcome.REFUSED_BY_GATE, "XOM would be 90 % of equity"),
        "o-00000004": (OrderOutcome.FILLED, ""),
        "o-00000005": (OrderOutcome.WORKING, ""),
    }


def test_an_order_of_two_fills_has_their_average_price_and_its_warnings() -> None:
    _, day = told(EVENTS)
    line = day.orders[0]
    assert (line.filled, line.average_price) == (Decimal(20), Decimal("101.5"))
    assert line.warnings == ("portfolio volatility of 21.0%, wished at most 15.0%",)


def test_a_sale_says_what_it_realized_after_the_fees_of_both_sides() -> None:
    # Bought for 1,000 + 1,030 and two dollars, sold for 1,800 less two: 1,798 - 2,032 = -234.
    summary, day = told(EVENTS)
    assert [fill.realized for fill in day.fills] == [None, None, Decimal(-234)]
    book = summary.book()
    assert (book.cash, book.realized, book.fees) == (Decimal(9766), Decimal(-234), Decimal(4))
    assert summary.profit_by_symbol() == {"AAPL": Decimal(-234)}
    (trip,) = book.round_trips
    assert (trip.symbol, trip.quantity, trip.pnl, trip.opened, trip.closed) == (
        "AAPL",
        Decimal(20),
        Decimal(-234),
        DAY,
        DAY,
    )


def test_the_day_tells_what_was_not_done_and_why() -> None:
    _, day = told(EVENTS)
    assert [(line.symbols, line.reason) for line in day.abstentions] == [(("XOM",), "too little history")]
    assert [line.skipped for line in day.decisions] == ["no views"]
    assert day.notes == ("AAPL: stop loss at a bid of 90 (level 96.4250)", "XOM has no price")
    assert day.pnl == Decimal(-234)


def test_a_day_without_its_review_is_not_told_yet() -> None:
    summary = Summary(ACCOUNT, "main", day_of)
    summary.read(EVENTS[:-1])
    assert summary.days(Decimal(10_000)) == ()
