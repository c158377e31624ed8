"""How much of it: from a committee's actions to quantities, by sizing and never by an analyst or a model.

An opening is sized by five factors (``quant/sizing.py``): the largest position allowed, times the confidence, less
for a symbol that swings more or moves with the book, capped, and no more than cash affords; and of that a part, where
the market is turbulent (``research/climate.py``). An ending is the whole position. All of it is at the last close and
in whole shares; the rebalancer, the limits and the gate decide what of it is sent, at the prices of that moment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from bursar.domain.committee import Action, Resolution
from bursar.domain.money import ZERO
from bursar.quant import sizing
from bursar.quant.arrays import FloatArray
from bursar.research.analysts.scoring import Volatilities
from bursar.research.features import simple_returns
from bursar.research.minutes import Minutes, Verdict
from bursar.trading.view import MarketView

CORRELATION_DAYS = 126


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """What there is to spend, and what is held.

    equity, cash  in the base currency
    quantities    shares by symbol, signed
    """

    equity: Decimal
    cash: Decimal
    quantities: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def positions(self) -> dict[str, float]:
        """Signed, by symbol."""
        return {symbol: float(quantity) for symbol, quantity in self.quantities.items() if quantity}


def resolve(
    minutes: Minutes,
    market: MarketView,
    purse: Purse,
    limits: sizing.SizeLimits,
    horizon_days: int,
    part: float = 1.0,
) -> tuple[Resolution, ...]:
    """Every verdict with the quantity that sizing proposes for it. part: of each opening, as the climate allows."""
    opening = [verdict for verdict in minutes.verdicts if verdict.action in (Action.BUY, Action.SHORT)]
    sized = _sized(opening, market, purse, limits, part)
    resolutions = []
    for verdict in minutes.verdicts:
        held = purse.quantities.get(verdict.symbol, ZERO)
        weight, quantity = _kept(verdict.symbol, held, market, purse), ZERO
        if verdict.action in (Action.SELL, Action.COVER):
            weight, quantity = 0.0, abs(held)
        elif verdict.symbol in sized:
            weight, quantity = sized[verdict.symbol]
        resolutions.append(_resolution(verdict, quantity, weight, horizon_days))
    return tuple(resolutions)


def _resolution(verdict: Verdict, quantity: Decimal, weight: float, horizon_days: int) -> Resolution:
    return Resolution(
        symbol=verdict.symbol,
        action=verdict.action,
        quantity=quantity,
        weight=weight,
        confidence=verdict.confidence,
        probability=verdict.probability,
        expected_excess_return=verdict.expected_excess_return,
        horizon_days=horizon_days,
        coverage=verdict.coverage,
        sources=verdict.sources,
        reason=verdict.reason,
        votes={voice.analyst: voice.probability for voice in verdict.voices if voice.voted},
        dissent=tuple(voice.analyst for voice in verdict.dissent),
    )


def _sized(
    opening: Sequence[Verdict], market: MarketView, purse: Purse, limits: sizing.SizeLimits, part: float
) -> dict[str, tuple[float, Decimal]]:
    """Signed weight and quantity of each opening; nothing where there is no equity to open with."""
    if not opening or purse.equity <= 0:
        return {}
    book = _book_returns(market, purse)
    swings = Volatilities.of(market)
    sectors = sorted({instrument.sector for instrument in market.instruments.values()})
    signals = sizing.Signals(
        price=[_last_close(verdict.symbol, market) for verdict in opening],
        confidence=[verdict.confidence / 100.0 for verdict in opening],
        volatility=[swings[verdict.symbol] for verdict in opening],
        book_correlation=[_with_book(verdict.symbol, market, book) for verdict in opening],
        sector=[float(sectors.index(market.instruments[verdict.symbol].sector)) for verdict in opening],
    )
    weights = [0.0] * len(sectors)
    for symbol, quantity in purse.quantities.items():
        if symbol in market.instruments:
            place = sectors.index(market.instruments[symbol].sector)
            weights[place] += abs(_kept(symbol, quantity, market, purse))
    account = sizing.Account(equity=float(purse.equity), cash=float(purse.cash), sector_weights=weights)
    sizes = sizing.five_factors(signals, account, limits)
    return {
        verdict.symbol: (
            float(sizes.weight[i]) * part * verdict.direction,
            Decimal(int(sizes.shares[i] * part)),
        )
        for i, verdict in enumerate(opening)
    }


def _kept(symbol: str, held: Decimal, market: MarketView, purse: Purse) -> float:
    """The weight of what is held, signed, at the last close; 0 where nothing is held or no close is known."""
    if not held or purse.equity <= 0 or symbol not in market.closes.symbols:
        return 0.0
    close = float(market.closes.column(symbol)[-1])
    return float(held) * close / float(purse.equity) if math.isfinite(close) else 0.0


def _last_close(symbol: str, market: MarketView) -> float:
    """There is one: ranking has told the symbol's volatility from the same closes, without a gap."""
    return float(market.closes.column(symbol)[-1])


def _book_returns(market: MarketView, purse: Purse) -> FloatArray | None:
    """Daily returns of the book as it is now, or None where nothing is held or the days have gaps."""
    weights = np.array(
        [_kept(s, purse.quantities.get(s, ZERO), market, purse) for s in market.closes.symbols], dtype=np.float64
    )
    held = weights != 0.0
    if not held.any():
        return None
    returns = simple_returns(market.closes.values[-CORRELATION_DAYS - 1 :][:, held])[1:]
    book: FloatArray = returns @ weights[held]
    return book if len(book) > 1 and bool(np.isfinite(book).all()) and book.std() > 0.0 else None


def _with_book(symbol: str, market: MarketView, book: FloatArray | None) -> float:
    """Correlation of a symbol's daily returns with the book's; 0 where there is no book to move with."""
    if book is None:
        return 0.0
    own = simple_returns(market.closes.column(symbol)[-CORRELATION_DAYS - 1 :, None])[1:, 0]
    whole = np.isfinite(own)
    return float(np.clip(np.corrcoef(own[whole], book[whole])[0, 1], -1.0, 1.0))
