"""What the gate is shown: the account at one instant, with what works at the broker counted as if it were filled.

The engine says what it knows (``Sight``); here it becomes the ``Exposure`` that the rules measure. Nothing else makes
one, so whoever wants to know what the gate would see asks the same function as the engine.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.domain.orders import Side
from bursar.domain.sessions import Session
from bursar.ledger.book import PortfolioBook
from bursar.ledger.valuation import Valuation, value
from bursar.quant.arrays import FloatArray
from bursar.risk.rules import Exposure
from bursar.trading.oms import Orders
from bursar.trading.view import MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is known when the gate is asked.

    session     of the exchange's present day, open or not; None on a holiday
    cost_rate   what trading costs, as a fraction of notional
    covariance  symbols and the covariance of their daily returns, or None where it is not known
    unsettled   True where proceeds may be spent before they settle, as a margin account lets one
    """

    portfolio: PortfolioBook
    orders: Orders
    market: MarketView
    session: Session | None
    base_currency: str
    cost_rate: Decimal = ZERO
    covariance: tuple[tuple[str, ...], FloatArray] | None = None
    unsettled: bool = False

    def valuation(self) -> Valuation:
        """The portfolio at the latest two-sided quotes."""
        return value(self.portfolio, self.prices(), {}, self.base_currency)

    def prices(self) -> dict[str, Decimal]:
        """The middle of each two-sided quote."""
        return {symbol: quote.mid for symbol, quote in self.market.quotes.items() if quote.two_sided}


def exposure(sight: Sight, without: AbstractSet[str] = frozenset()) -> Exposure:
    """The account as it is, with what works at the broker counted as if filled, but for the orders ``without``."""
    market, session = sight.market, sight.session
    quantities = {symbol: position.quantity for symbol, position in sight.portfolio.positions.items()}
    reserved, opened = ZERO, 0
    for state in sight.orders.working():
        order = state.order
        if order.order_id in without:
            opened += order.opens and order.parent_id is None
            continue
        signed = state.remaining if order.side is Side.BUY else -state.remaining
        quantities[order.symbol] = quantities.get(order.symbol, ZERO) + signed
        if order.side is Side.BUY:
            reserved += state.remaining * market.price(order.symbol) * (1 + sight.cost_rate)
    day = session.day if session else market.at.date()
    symbols, covariance = sight.covariance or ((), None)
    return Exposure(
        equity=sight.valuation().net_asset_value,
        quantities=quantities,
        prices=sight.prices(),
        multipliers={symbol: item.multiplier for symbol, item in market.instruments.items()},
        sectors={symbol: item.sector for symbol, item in market.instruments.items()},
        cash_settled=_spendable(sight, day) - reserved,
        cost_rate=sight.cost_rate,
        opening_orders_today=sight.orders.opened_between(session.open, session.close) - opened if session else 0,
        market_open=session is not None and session.contains(market.at),
        covariance=covariance,
        covariance_symbols=symbols,
    )


def _spendable(sight: Sight, day: date) -> Decimal:
    if sight.unsettled:
        return sight.portfolio.cash.get(sight.base_currency, ZERO)
    return sight.portfolio.settled_cash(sight.base_currency, day)
