"""Mean reversion: buy what fell too fast within a rising market of its own, and sell when it has recovered.

A symbol is bought when, on the same day, its RSI is oversold, its close lies at the lower Bollinger band,
and it still is above its 200-day average: a dip, not a fall. It is held until the RSI has recovered, or
until some days after it last was such a dip. Both can be read from the closes, so nothing need be remembered.

Source: Connors and Alvarez (2008), "Short Term Trading Strategies That Work", for dips above the 200-day
average; the thresholds are our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.quant.arrays import BoolArray, FloatArray
from bursar.research import features
from bursar.research.strategies import Opinion, held_without_an_opinion, history, opinions_of
from bursar.research.strategies.shape import Shape
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView

_TREND_DAYS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanReversion:
    """The most oversold ``positions`` symbols, in equal parts.

    rsi_entry, rsi_exit  14-day RSI at or below which a symbol is bought, and at or above which it is sold
    band_entry           position between the Bollinger bands at or below which it is bought
    days_max             how long it may take to recover, from the last day that would have bought it
    confidence_veto      a negative view that is believed this much forbids the purchase
    """

    name: str = "mean_reversion"
    positions: int = 5
    rsi_entry: float = 35.0
    rsi_exit: float = 55.0
    band_entry: float = 0.05
    days_max: int = 10
    confidence_veto: float = 0.65
    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        if self.positions < 1 or self.days_max < 1:
            raise InputError(
                f"{self.name} holds {self.positions} positions for {self.days_max} days; give at least 1 of each"
            )
        if not 0.0 < self.rsi_entry < self.rsi_exit <= 100.0:
            raise InputError(
                f"{self.name} buys at an RSI of {self.rsi_entry:g} and sells at {self.rsi_exit:g}; "
                "give 0 to 100, the entry below the exit"
            )
        if not 0.0 <= self.confidence_veto <= 1.0:
            raise InputError(f"{self.name} heeds a confidence of {self.confidence_veto}; give 0 to 1")

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        return self.shape.targets(self.name, self.wishes(market, views, holdings), market, holdings)

    def wishes(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> tuple[Target, ...]:
        closes = history(self.name, market, _TREND_DAYS + self.days_max)
        rsi = features.rsi(closes)
        days = self.days_since_entry(closes, rsi)
        said = {
            symbol: opinion
            for symbol, opinion in opinions_of(self.name, views).items()
            if symbol in market.instruments and symbol in market.closes.symbols
        }
        column = {symbol: index for index, symbol in enumerate(market.closes.symbols)}
        known = [symbol for symbol in said if np.isfinite(rsi[-1, column[symbol]])]
        oversold = [symbol for symbol in known if days[column[symbol]] >= 0 and not self._vetoed(said[symbol])]
        ranked = sorted(oversold, key=lambda symbol: (rsi[-1, column[symbol]], symbol))
        fresh = tuple(
            Target(
                symbol=symbol,
                weight=1.0 / self.positions,
                strategy=self.name,
                view_ids=said[symbol].view_ids,
                reason=f"{_when(int(days[column[symbol]]))} it was oversold at its lower band above its "
                f"{_TREND_DAYS}-day average; the RSI is {rsi[-1, column[symbol]]:.0f} and {self.rsi_exit:.0f} sells",
            )
            for symbol in ranked
        )
        silent = held_without_an_opinion(self.name, market.instruments, known, holdings)
        return self.shape.fit((*silent, *fresh), market.instruments, self.positions)

    def days_since_entry(self, closes: FloatArray, rsi: FloatArray) -> FloatArray:
        """Days since each symbol last was to be bought and then not sold, 0 for today, -1 for none, (n_symbols,)."""
        enters: BoolArray = (
            (rsi <= self.rsi_entry)
            & (features.bollinger_position(closes) <= self.band_entry)
            & (closes > features.moving_average(closes, _TREND_DAYS))
        )
        days = np.full(closes.shape[1], -1.0)
        for back in range(self.days_max - 1, -1, -1):
            row = len(closes) - 1 - back
            days = np.where(enters[row], back, np.where(rsi[row] >= self.rsi_exit, -1.0, days))
        return days

    def _vetoed(self, opinion: Opinion) -> bool:
        return opinion.expected_excess_return < 0.0 and opinion.confidence >= self.confidence_veto


def _when(days: int) -> str:
    if days == 0:
        return "at the last close"
    return "a day before the last close" if days == 1 else f"{days} days before the last close"
