"""What the gate is shown: purchases at work as if filled, protection as the shares that it protects."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bursar.domain.events import AmendRequested, Deposited, Marked, OrderAccepted, OrderPlaced
from bursar.domain.orders import Effect, Order, OrderType, Purpose, Side
from bursar.errors import DataError
from bursar.trading.engine import Engine
from bursar.trading.exposure import exposure, to_close
from tests.builders import ACCOUNT, OPEN, filled, money, order, quote
from tests.trading.test_engine import TRADE_AT, fresh, see

STOP = replace(
    order("o-00000901", side=Side.SELL, quantity=200, effect=Effect.CLOSE, purpose=Purpose.PROTECTION),
    type=OrderType.STOP,
    stop_price=Decimal(95),
)


def works(engine: Engine, sent: Order) -> None:
    engine.absorb(OrderPlaced(event_id=sent.order_id, at=OPEN, order=sent))
    engine.absorb(OrderAccepted(event_id=f"{sent.order_id}/accepted", at=OPEN, order_id=sent.order_id, permanent_id=1))


def holding() -> Engine:
    """200 AAPL at 100; both stocks are quoted."""
    engine = fresh()
    engine.absorb(filled("e1", 200, 100))
    see(engine, TRADE_AT, quote("AAPL", "100"), quote("XOM", "50"))
    return engine


def test_protection_rests_and_what_it_protects_is_still_held() -> None:
    engine = holding()
    works(engine, STOP)
    seen = exposure(engine.sight())
    assert (seen.quantities["AAPL"], seen.resting["AAPL"]) == (Decimal(200), Decimal(-200))
    assert seen.held == {"AAPL": Decimal(200)}
    without = to_close(engine.sight(), {STOP.order_id})
    assert without.resting == {}


def test_orders_that_cancel_each_other_rest_once() -> None:
    engine = holding()
    works(engine, replace(STOP, oca_group="pair"))
    target = replace(STOP, order_id="o-00000902", oca_group="pair", type=OrderType.LIMIT, limit_price=Decimal(110))
    works(engine, replace(target, quantity=Decimal(150)))
    assert to_close(engine.sight()).resting == {"AAPL": Decimal(-200)}


def test_protection_that_is_to_grow_rests_at_what_it_may_become() -> None:
    engine = holding()
    works(engine, replace(STOP, quantity=Decimal(50)))
    engine.absorb(AmendRequested(event_id="amend", at=OPEN, order=STOP))
    assert to_close(engine.sight()).resting == {"AAPL": Decimal(-200)}
    # One that is to shrink rests at what it was, until the broker has confirmed it.
    other = holding()
    works(other, STOP)
    other.absorb(AmendRequested(event_id="amend", at=OPEN, order=replace(STOP, quantity=Decimal(50))))
    assert to_close(other.sight()).resting == {"AAPL": Decimal(-200)}


def test_a_sale_at_work_counts_as_sold_and_rests() -> None:
    engine = holding()
    works(engine, order("o-00000903", side=Side.SELL, quantity=50))
    seen = exposure(engine.sight())
    assert (seen.quantities["AAPL"], seen.resting["AAPL"]) == (Decimal(150), Decimal(-50))


def test_purchases_at_work_hold_back_their_cash_at_their_limit_or_the_market() -> None:
    engine = holding()
    before = exposure(engine.sight()).cash_settled
    limit = replace(order("o-00000904", "XOM", 10), type=OrderType.LIMIT, limit_price=Decimal(48))
    works(engine, limit)
    works(engine, order("o-00000905", "XOM", 10))
    seen = exposure(engine.sight())
    assert before - seen.cash_settled == 10 * 48 + 10 * 50
    assert seen.notional_today == 10 * 48 + 10 * 50
    assert seen.quantities["XOM"] == 20
    assert [(sent.symbol, sent.quantity) for sent in seen.sent] == [("XOM", Decimal(10))] * 2
    # Without a price what they may cost is unknown: nothing opens on that, and closing does not ask.
    see(engine, TRADE_AT, quote("XOM", None))
    with pytest.raises(DataError, match="XOM has no two-sided quote"):
        exposure(engine.sight())
    assert to_close(engine.sight()).held == {"AAPL": Decimal(200)}


def test_foreign_purchases_at_work_hold_back_cash_of_their_own_currency() -> None:
    engine = holding()
    francs = replace(engine.market.instruments["XOM"], currency="CHF")
    engine.market = replace(engine.market, instruments={**engine.market.instruments, "XOM": francs})
    paid = Deposited(event_id="d-1", at=OPEN, account=ACCOUNT, portfolio="main", amount=money(1_000, "CHF"))
    engine.absorb(paid)
    engine.absorb(Marked(event_id="rates", at=OPEN, prices={}, rates={"CHF": Decimal("1.1")}))
    before = exposure(engine.sight())
    assert before.currencies == {"CHF": Decimal(1_000)}
    works(engine, order("o-00000907", "XOM", 10))
    seen = exposure(engine.sight())
    assert seen.currencies == {"CHF": Decimal(500)}
    assert seen.cash_settled == before.cash_settled
    assert seen.notional_today == Decimal(550)


def test_a_margin_account_spends_proceeds_before_they_settle() -> None:
    engine = holding()
    sale = replace(filled("e2", 100, 100, side=Side.SELL), settles_on=OPEN.date().replace(day=5))
    engine.absorb(sale)
    sight = engine.sight()
    assert exposure(replace(sight, unsettled=True)).cash_settled - exposure(sight).cash_settled == 10_000


def test_on_a_holiday_nothing_was_opened_today() -> None:
    engine = holding()
    works(engine, order("o-00000906", "XOM", 10))
    assert exposure(engine.sight()).opening_orders_today == 1
    see(engine, datetime(2022, 1, 17, 15, 0, tzinfo=UTC))
    assert exposure(engine.sight()).opening_orders_today == 0
    assert not exposure(engine.sight()).market_open
