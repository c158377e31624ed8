"""The rules before a trade: one function each, measured value against limit.

A rule looks at the whole basket and at the account as it would be afterwards, and answers with a
``Finding`` an order that it concerns. ``hard`` findings block; the others warn. Orders that only reduce
risk (exits, protection, kill) are measured and never blocked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bursar.domain.money import ZERO
from bursar.domain.orders import Order, Purpose
from bursar.errors import DataError
from bursar.quant.arrays import FloatArray
from bursar.risk.limits import RiskLimits

#: Purposes that no limit may block: they take risk away.
EXEMPT = frozenset({Purpose.EXIT, Purpose.PROTECTION, Purpose.KILL})

TRADING_DAYS = 252


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The account as the gate sees it, at one instant, in the base currency.

    quantities            signed shares by symbol, what already works at the broker counted as if filled
    prices                a fresh two-sided market's middle by symbol, for every symbol concerned
    cash_settled          what purchases may use
    cost_rate             what trading costs, as a fraction of notional
    opening_orders_today  accepted opening parent orders of this session so far
    covariance            (n, n) of daily returns of ``covariance_symbols``, or None where unknown
    """

    equity: Decimal
    quantities: Mapping[str, Decimal]
    prices: Mapping[str, Decimal]
    multipliers: Mapping[str, Decimal]
    sectors: Mapping[str, str]
    cash_settled: Decimal
    cost_rate: Decimal
    opening_orders_today: int
    market_open: bool
    covariance: FloatArray | None = None
    covariance_symbols: tuple[str, ...] = ()

    def weights_after(self, basket: tuple[Order, ...]) -> dict[str, Decimal]:
        """Fraction of equity of each symbol once every order of ``basket`` is filled; signed."""
        if self.equity <= 0:
            raise DataError(f"equity is {self.equity:,.2f}; no weight of it can be told, and nothing is traded on it")
        quantities = dict(self.quantities)
        for order in basket:
            quantities[order.symbol] = quantities.get(order.symbol, ZERO) + order.signed_quantity
        unpriced = sorted(symbol for symbol, quantity in quantities.items() if quantity and symbol not in self.prices)
        if unpriced:
            raise DataError(f"no two-sided quote for {', '.join(unpriced)}; nothing opens until there is one")
        return {
            symbol: quantity * self.prices[symbol] * self.multipliers.get(symbol, Decimal(1)) / self.equity
            for symbol, quantity in quantities.items()
            if quantity
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule measured for one order. ``passed`` is False when the limit is broken."""

    order_id: str
    rule: str
    measured: Decimal
    limit: Decimal
    passed: bool
    hard: bool
    message: str


Rule = Callable[[tuple[Order, ...], Exposure, RiskLimits], Iterator[Finding]]


def market_open(basket: tuple[Order, ...], exposure: Exposure, limits: RiskLimits) -> Iterator[Finding]:
    """Opening orders go out while the market is open."""
    for order in basket:
        if order.opens:
            yield Finding(
                order_id=order.order_id,
                rule="market_open",
                measured=Decimal(exposure.market_open),
                limit=Decimal(1),
                passed=exposure.market_open,
                hard=True,
                message=f"{order.symbol}: the market is shut; opening orders wait for the session",
            )


def position_weight(basket: tuple[Order, ...], exposure: Exposure, limits: RiskLimits) -> Iterator[Finding]:
    """No position grows above its part of equity."""
    weights = exposure.weights_after(basket)
    for order in basket:
        measured = abs(weights.get(order.symbol, ZERO))
        yield Finding(
            order_id=order.order_id,
            rule="position_weight",
            measured=measured,
            limit=limits.position_weight_max,
            passed=measured <= limits.position_weight_max or not order.opens,
            hard=True,
            message=f"{order.symbol} would be {measured:.2%} of equity; at most {limits.position_weight_max:.2%}",
        )


def sector_weight(basket: tuple[Order, ...], exposure: Exposure, limits: RiskLimits) -> Iterator[Finding]:
    """No sector grows above its part of equity, longs and shorts counted alike."""
    sectors: dict[str, Decimal] = defaultdict(Decimal)
    for symbol, weight in exposure.weights_after(basket).items():
        sectors[exposure.sectors.get(symbol, "unknown")] += abs(weight)
    for order in basket:
        sector = exposure.sectors.get(order.symbol, "unknown")
        measured = sectors[sector]
        yield Finding(
            order_id=order.order_id,
            rule="sector_weight",
            measured=measured,
            limit=limits.sector_weight_max,
            passed=measured <= limits.sector_weight_max or not order.opens,
            hard=True,
            message=f"{sector} would be {measured:.2%} of equity with {order.symbol}; "
            f"at most {limits.sector_weight_max:.2%}",
        )


def opening_orders(basket: tuple[Order, ...], exposure: Exposure, limits: RiskLimits) -> Iterator[Finding]:
    """So many opening parent orders a session; the basket counts whole."""
    opening = [order for order in basket if order.opens and order.parent_id is None]
    measured = exposure.opening_orders_today + len(opening)
    for order in opening:
        yield Finding(
            order_id=order.order_id,
            rule="opening_orders",
            measured=Decimal(measured),
            limit=Decimal(limits.opening_orders_per_day_max),
            passed=measured <= limits.opening_orders_per_day_max,
            hard=True,
            message=f"{order.symbol}: the session would have {measured} opening orders; "
            f"at most {limits.opening_orders_per_day_max}",
        )


def settled_cash(basket: tuple[Order, ...], exposure: Exposure, limits: RiskLimits) -> Iterator[Finding]:
    """Purchases are paid from settled cash, fees included; today's sales pay for nothing yet."""
    bought = [order for order in basket if order.signed_quantity > 0 and order.opens]
    needed = sum((order.quantity * exposure.prices[order.symbol] for order in bought), ZERO)
    needed *= 1 + exposure.cost_rate
    for order in bought:
        yield Finding(
            order_id=order.order_id,
            rule="settled_cash",
            measured=needed,
            limit=exposure.cash_settled,
            passed=needed <= exposure.cash_settled,
            hard=True,
            message=f"{order.symbol}: the basket needs {needed:,.2f}, and {exposure.cash_settled:,.2f} is settled",
        )


def closes_only_what_is_held(basket: tuple[Order, ...], exposure: Exposure, limits: RiskLimits) -> Iterator[Finding]:
    """Orders that close never exceed the position, together."""
    closing: dict[str, Decimal] = defaultdict(Decimal)
    for order in basket:
        if not order.opens:
            closing[order.symbol] += order.signed_quantity
    for order in basket:
        if order.opens:
            continue
        held = exposure.quantities.get(order.symbol, ZERO)
        total = closing[order.symbol]
        yield Finding(
            order_id=order.order_id,
            rule="closes_only_what_is_held",
            measured=abs(total),
            limit=abs(held),
            passed=held * total < 0 and abs(total) <= abs(held),
            hard=True,
            message=f"{order.symbol}: orders would close {abs(total)} of a position of {held}",
        )


def portfolio_volatility(basket: tuple[Order, ...], exposure: Exposure, limits: RiskLimits) -> Iterator[Finding]:
    """A warning when the portfolio would swing more than was wished."""
    if exposure.covariance is None:
        return
    weights = exposure.weights_after(basket)
    if not weights.keys() <= set(exposure.covariance_symbols):
        return
    vector = np.array([float(weights.get(symbol, 0)) for symbol in exposure.covariance_symbols])
    annual = float(np.sqrt(max(vector @ exposure.covariance @ vector, 0.0) * TRADING_DAYS))
    measured = Decimal(f"{annual:.6f}")
    for order in basket:
        yield Finding(
            order_id=order.order_id,
            rule="portfolio_volatility",
            measured=measured,
            limit=limits.volatility_warning,
            passed=measured <= limits.volatility_warning,
            hard=False,
            message=f"volatility would be {measured:.1%} a year; wished at most {limits.volatility_warning:.1%}",
        )


#: Every rule, in the order in which a rejection names them.
RULES: tuple[Rule, ...] = (
    market_open,
    closes_only_what_is_held,
    position_weight,
    sector_weight,
    opening_orders,
    settled_cash,
    portfolio_volatility,
)

#: What binds even orders that take risk away, since breaking it would open a position.
RULES_FOR_EXEMPT: tuple[Rule, ...] = (closes_only_what_is_held,)
