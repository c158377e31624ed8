"""What a portfolio is worth at given prices, and how far that can be relied on.

This is the one place where the books' Decimals become the floats that decisions are made with: the weights.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.errors import DataError, InputError
from bursar.ledger.book import Book, PortfolioBook
from bursar.ledger.position import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """A portfolio's worth. All amounts are in the base currency.

    values      of each position by symbol, negative for a short
    unrealized  value less cost, by symbol; what has no known cost is left out
    weights     value over net asset value, by symbol; empty where that is not above zero
    stale       symbols whose given price is old
    missing     symbols that no price was given for: they stand at the last price that the books have seen
    unpriced    those of them for which there is none either: they stand at cost
    doubtful    the part of the absolute value of all positions that rests on stale, missing or unpriced ones
    """

    base: str
    net_asset_value: Decimal
    cash: Decimal
    positions_value: Decimal
    unrealized: Mapping[str, Decimal]
    values: Mapping[str, Decimal]
    weights: Mapping[str, float]
    stale: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()
    doubtful: float = 0.0


def value(
    book: PortfolioBook,
    prices: Mapping[str, Decimal],
    rates: Mapping[str, Decimal],
    base: str,
    *,
    stale: Collection[str] = (),
) -> Valuation:
    """What ``book`` is worth.

    prices  by symbol, in the symbol's own currency
    rates   units of ``base`` for one unit of each other currency
    stale   symbols whose price is given but old

    Raises DataError for a currency without a rate, and InputError for a negative price.
    """
    cash = sum((amount * rate(currency, rates, base) for currency, amount in book.cash.items() if amount), ZERO)
    values, unrealized = dict[str, Decimal](), dict[str, Decimal]()
    missing, unpriced = list[str](), list[str]()
    for symbol, position in book.positions.items():
        local = _worth(position, prices)
        if symbol not in prices:
            (unpriced if position.mark is None else missing).append(symbol)
        gain = local - position.cost
        if position.currency != base:
            exchange = rate(position.currency, rates, base)
            local, gain = local * exchange, gain * exchange
        values[symbol] = local
        if position.known:
            unrealized[symbol] = gain
    positions_value = sum(values.values(), ZERO)
    total = cash + positions_value
    old = [symbol for symbol in values if symbol in stale and symbol in prices] if stale else []
    doubted = sum((abs(values[symbol]) for symbol in (*old, *missing, *unpriced)), ZERO)
    gross = sum(map(abs, values.values()), ZERO)
    return Valuation(
        base=base,
        net_asset_value=total,
        cash=cash,
        positions_value=positions_value,
        unrealized=unrealized,
        values=values,
        weights={symbol: float(worth / total) for symbol, worth in values.items()} if total > 0 else {},
        stale=tuple(old),
        missing=(*missing, *unpriced),
        unpriced=tuple(unpriced),
        doubtful=float(doubted / gross) if gross else 0.0,
    )


def stale_marks(book: Book) -> tuple[str, ...]:
    """Symbols whose last mark is of an earlier day than the last mark of all."""
    latest = max(book.marked_at.values(), default=None)
    return tuple(symbol for symbol, at in book.marked_at.items() if latest and at.date() < latest.date())


def rate(currency: str, rates: Mapping[str, Decimal], base: str) -> Decimal:
    """Units of ``base`` for one of ``currency``, or DataError."""
    if currency == base:
        return Decimal(1)
    if currency not in rates:
        raise DataError(f"no rate from {currency} to {base}; what is held in {currency} cannot be valued")
    return rates[currency]


def _worth(position: Position, prices: Mapping[str, Decimal]) -> Decimal:
    """In the position's own currency, at its price, its mark or its cost."""
    price = prices.get(position.symbol, position.mark)
    if price is None:
        return position.cost
    if price < ZERO:
        raise InputError(f"the price of {position.symbol} is {price}; a price is not negative")
    return position.quantity * price * position.multiplier
