"""Short ways to say what a test is about: an order, a quote, a session, a fill."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count

from bursar.domain.events import Filled
from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.domain.money import Money
from bursar.domain.orders import Effect, Order, Purpose, Side
from bursar.domain.sessions import Session

ACCOUNT = "DU9000001"
DAY = date(2022, 1, 3)
OPEN = datetime(2022, 1, 3, 14, 30, tzinfo=UTC)
CLOSE = datetime(2022, 1, 3, 21, 0, tzinfo=UTC)
SESSION = Session(day=DAY, open=OPEN, close=CLOSE)


def money(amount: str | int, currency: str = "USD") -> Money:
    return Money(Decimal(amount), currency)


def instrument(symbol: str = "AAPL", sector: str = "technology", lot: str = "1") -> Instrument:
    return Instrument(symbol=symbol, sector=sector, lot=Decimal(lot))


def quote(
    symbol: str, bid: str | None, ask: str | None = None, *, at: datetime = OPEN, last: str | None = None
) -> Quote:
    """Bid and ask; with one price given both sides are at it."""
    other = bid if ask is None else ask
    return Quote(
        symbol=symbol,
        at=at,
        known_at=at,
        bid=None if bid is None else Decimal(bid),
        ask=None if other is None else Decimal(other),
        last=None if last is None else Decimal(last),
    )


def order(
    order_id: str = "o-00000001",
    symbol: str = "AAPL",
    quantity: str | int = 10,
    side: Side = Side.BUY,
    *,
    effect: Effect | None = None,
    purpose: Purpose | None = None,
    parent_id: str | None = None,
) -> Order:
    """A market order: a purchase opens and a sale closes, unless said otherwise."""
    opening = Effect.OPEN if side is Side.BUY else Effect.CLOSE
    return Order(
        order_id=order_id,
        account=ACCOUNT,
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        effect=effect or opening,
        purpose=purpose or (Purpose.ENTRY if (effect or opening) is Effect.OPEN else Purpose.REDUCE),
        parent_id=parent_id,
    )


def filled(
    execution_id: str,
    quantity: str | int,
    price: str | int,
    *,
    symbol: str = "AAPL",
    side: Side = Side.BUY,
    commission: str | int = 0,
    order_id: str = "o-00000001",
    at: datetime = OPEN,
) -> Filled:
    return Filled(
        event_id=f"f-{execution_id}",
        at=at,
        causes=(order_id,),
        order_id=order_id,
        execution_id=execution_id,
        account=ACCOUNT,
        portfolio="main",
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        commission=money(commission),
        settles_on=at.date(),
    )


def counter() -> Callable[[str], str]:
    """Ids as the engine makes them: a letter and a number."""
    numbers = count(1)
    return lambda letter: f"{letter}-{next(numbers):08d}"
