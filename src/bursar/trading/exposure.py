"""What the gate is shown: the account at one instant, with what works at the broker counted as if it were filled.

The engine says what it knows (``Sight``); here it becomes the ``Exposure`` that the rules measure. Nothing else makes
one, so whoever wants to know what the gate would see asks the same function as the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from bursar.domain.accounts import Preview
from bursar.domain.money import ZERO
from bursar.domain.orders import Order, OrderStatus, Purpose, Side
from bursar.domain.sessions import Session
from bursar.ledger.book import PortfolioBook
from bursar.ledger.valuation import Valuation, rate, value
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.risk.rules import Exposure, Sent
from bursar.trading.oms import Orders
from bursar.trading.protect import at_most
from bursar.trading.standing import Standing
from bursar.trading.view import MarketView

#: Days of closes that returns and covariance before the gate are taken from.
PAST_DAYS = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Daily returns of the last sessions, (n_days, n_symbols), and their covariance."""

    symbols: tuple[str, ...]
    returns: FloatArray
    covariance: FloatArray

    @property
    def market_volatility(self) -> float:
        """A year's deviation of the mean of all symbols."""
        return float(np.std(self.returns.mean(axis=1), ddof=1) * np.sqrt(252))


def past_of(closes: Panel) -> Past | None:
    """The past that the gate is shown, or None where history is too short or has holes."""
    recent = closes.values[-PAST_DAYS - 1 :]
    returns = recent[1:] / recent[:-1] - 1
    if len(returns) < PAST_DAYS or not bool(np.isfinite(returns).all()):
        return None
    covariance = np.atleast_2d(np.cov(returns, rowvar=False))
    return Past(symbols=closes.symbols, returns=returns, covariance=covariance)


def last_closes(closes: Panel) -> dict[str, Decimal]:
    """The last known close of each symbol."""
    last = closes.values[-1] if len(closes.values) else ()
    return {
        symbol: Decimal(repr(float(price)))
        for symbol, price in zip(closes.symbols, last, strict=False)
        if np.isfinite(price) and price > 0
    }


def next_reports(days_left: Panel) -> dict[str, date]:
    """The next day on which each company reports, from the calendar days that were left on the last known session."""
    if not len(days_left.dates):
        return {}
    day: date = days_left.dates[-1].astype(date)
    left = zip(days_left.symbols, days_left.values[-1], strict=True)
    return {symbol: day + timedelta(days=int(days)) for symbol, days in left if np.isfinite(days)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is known when the gate is asked.

    session, next_session  of the exchange's present day, open or not, None on a holiday; and the one after it
    cost_rate, cost_minimum  what trading costs, as a fraction of notional, and the least that an order does
    stop_loss  distance from the entry price to the stop, as a fraction
    past       returns of the last sessions, or None where they are not known
    closes     the last closes of history, which the account may have slept through
    unsettled  True where proceeds may be spent before they settle, as a margin account lets one
    called_at  part of the account's equity that the broker requires as margin; None where nothing is owed
    hands_off  symbols that no order may touch
    later      orders of the session that are later pieces of a parent, and no trades of their own
    repeated   pieces of the parents whose pieces are judged: what is judged is no slip of the pen for one of them
    again      those of the orders that are judged which are later pieces
    """

    portfolio: PortfolioBook
    orders: Orders
    market: MarketView
    standing: Standing
    base_currency: str
    session: Session | None = None
    next_session: Session | None = None
    cost_rate: Decimal = ZERO
    cost_minimum: Decimal = ZERO
    stop_loss: Decimal = Decimal("0.05")
    past: Past | None = None
    closes: Mapping[str, Decimal] = field(default_factory=dict)
    earnings: Mapping[str, date] = field(default_factory=dict)
    earnings_meant: frozenset[str] = frozenset()
    unsettled: bool = False
    called_at: Decimal | None = None
    hands_off: frozenset[str] = frozenset()
    later: AbstractSet[str] = frozenset()
    repeated: AbstractSet[str] = frozenset()
    again: AbstractSet[str] = frozenset()

    def valuation(self) -> Valuation:
        """The portfolio at the latest two-sided quotes."""
        return value(self.portfolio, self.prices(), self.standing.rates, self.base_currency)

    def prices(self) -> dict[str, Decimal]:
        """The middle of each two-sided quote."""
        return {symbol: quote.mid for symbol, quote in self.market.quotes.items() if quote.two_sided}

    def loss_today(self, equity: Decimal) -> Decimal:
        """Lost since the previous official close, as a fraction; negative for a gain."""
        return self.standing.loss(equity, self.portfolio, self.prices(), self.base_currency)


def exposure(
    sight: Sight, without: AbstractSet[str] = frozenset(), previews: Mapping[str, Preview] | None = None
) -> Exposure:
    """The account as it is, with what works at the broker counted as if filled, but for the orders ``without``.

    Protective orders rest and are not counted as filled: what they protect is still held.
    """
    market, session, standing = sight.market, sight.session, sight.standing
    prices = sight.prices()
    equity = value(sight.portfolio, prices, standing.rates, sight.base_currency).net_asset_value
    lost = standing.loss(equity, sight.portfolio, prices, sight.base_currency)
    sent = [order for order in standing.sent() if order.order_id not in without]
    day = session.day if session else market.at.date()
    past, reserved = sight.past, _reserved(sight, without)
    return replace(
        to_close(sight, without),
        equity=equity,
        cash_settled=_spendable(sight, day) - reserved.get(sight.base_currency, ZERO),
        unsettled=sight.unsettled,
        currencies={
            currency: sight.portfolio.settled_cash(currency, day) - reserved.get(currency, ZERO)
            for currency in sight.portfolio.cash
            if currency != sight.base_currency
        },
        opening_orders_today=_opened(sight, without),
        notional_today=sum((_notional(sight, order) for order in sent), ZERO),
        sent=tuple(
            Sent(order.symbol, order.side, order.quantity, standing.sent_at(order))
            for order in sent
            if order.order_id not in sight.later | sight.repeated
        ),
        loss_today=lost,
        drawdown=standing.drawdown(lost),
        maintenance=None if sight.called_at is None else sight.called_at * equity,
        returns=past.returns if past else None,
        covariance=past.covariance if past else None,
        returns_of=past.symbols if past else (),
        earnings=sight.earnings,
        earnings_meant=sight.earnings_meant,
        previews=previews or {},
    )


def to_close(sight: Sight, without: AbstractSet[str] = frozenset()) -> Exposure:
    """As much as orders that take risk away are judged by. It needs no price: none that is missing stops them."""
    market = sight.market
    held = {symbol: position.quantity for symbol, position in sight.portfolio.positions.items()}
    quantities, resting = dict(held), dict[str, Decimal]()
    groups: dict[tuple[str, str], Decimal] = {}
    for state in sight.orders.working():
        order = state.order
        if order.order_id in without:
            continue
        if order.purpose is not Purpose.PROTECTION:
            quantities[order.symbol] = quantities.get(order.symbol, ZERO) + _signed(order, state.remaining)
        if order.opens:
            continue
        signed = _signed(order, at_most(state))
        if order.oca_group is None:
            resting[order.symbol] = resting.get(order.symbol, ZERO) + signed
        else:
            key = order.symbol, order.oca_group
            groups[key] = max(groups.get(key, ZERO), signed, key=abs)
    for (symbol, _), signed in groups.items():
        resting[symbol] = resting.get(symbol, ZERO) + signed
    return Exposure(
        at=market.at,
        equity=ZERO,
        quantities=quantities,
        held=held,
        resting=resting,
        quotes=market.quotes,
        instruments=market.instruments,
        closes={**sight.standing.closes, **sight.closes},
        cash_settled=ZERO,
        base_currency=sight.base_currency,
        session=sight.session,
        next_session=sight.next_session,
        cost_rate=sight.cost_rate,
        cost_minimum=sight.cost_minimum,
        stop_loss=sight.stop_loss,
        messages=sight.standing.messages_since(market.at),
        state=sight.standing.state,
        rates=sight.standing.rates,
        hands_off=sight.hands_off,
    )


def _spendable(sight: Sight, day: date) -> Decimal:
    if sight.unsettled:
        return sight.portfolio.cash.get(sight.base_currency, ZERO)
    return sight.portfolio.settled_cash(sight.base_currency, day)


def _signed(order: Order, quantity: Decimal) -> Decimal:
    return quantity if order.side is Side.BUY else -quantity


def _opened(sight: Sight, without: AbstractSet[str]) -> int:
    """Accepted opening parent orders of the session, but for those ``without``."""
    if sight.session is None:
        return 0
    again = sum(
        state.order.opens and state.order.parent_id is None
        for state in sight.orders.working()
        if state.order.order_id in without
    )
    pieces = sum(
        sight.orders[order_id].order.opens and sight.orders[order_id].status is not OrderStatus.REJECTED
        for order_id in sight.later
        if order_id not in without
    )
    # Whoever counts adds what is judged: a later piece among it is counted with the first of its parent.
    return sight.orders.opened_between(sight.session.open, sight.session.close) - again - pieces - len(sight.again)


def _reserved(sight: Sight, without: AbstractSet[str]) -> dict[str, Decimal]:
    """Cash that working purchases may still use, by currency."""
    found: dict[str, Decimal] = {}
    for state in sight.orders.working():
        order = state.order
        if order.side is Side.BUY and order.order_id not in without:
            currency = _currency(sight, order)
            cost = state.remaining * _price(sight, order) * (1 + sight.cost_rate) + sight.cost_minimum
            found[currency] = found.get(currency, ZERO) + cost
    return found


def _currency(sight: Sight, order: Order) -> str:
    instrument = sight.market.instruments.get(order.symbol)
    return instrument.currency if instrument else sight.base_currency


def _notional(sight: Sight, order: Order) -> Decimal:
    """What an order moves, in the base currency."""
    money = order.quantity * _price(sight, order)
    return money * rate(_currency(sight, order), sight.standing.rates, sight.base_currency)


def _price(sight: Sight, order: Order) -> Decimal:
    """What a unit of an order may cost, in its currency: its limit, or else the market.

    Raises DataError where neither is known.
    """
    price = order.limit_price if order.limit_price is not None else sight.market.price(order.symbol)
    instrument = sight.market.instruments.get(order.symbol)
    return price * instrument.multiplier if instrument else price
