"""Crossover: hold each symbol while its fast moving average is above its slow one, in equal parts.

The averages end with the latest quote: decided at the close, they are those of today. They are compared as whole
numbers of ticks, since two averages that are equal must not be told apart by rounding; equal is not above.

The textbook's trend rule, and a yardstick: Brock, Lakonishok and LeBaron (1992), Journal of Finance 47.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.research.strategies.shape import Shape
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossover:
    """Equal parts of ``invested`` for each symbol, held or left in cash. Windows in days, the latest included.

    shape  the limits that the parts are cut to; None for none, as in the textbook
    """

    fast: int = 50
    slow: int = 200
    invested: float = 1.0
    shape: Shape | None = None
    name: str = "crossover"

    def __post_init__(self) -> None:
        if not 0 < self.fast < self.slow:
            raise InputError(f"{self.name} compares {self.fast} with {self.slow} days; the first must be the fewer")
        if not 0.0 < self.invested <= 1.0:
            raise InputError(f"{self.name} invests {self.invested:.0%}; give more than 0 % and at most 100 %")

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:  # noqa: ARG002  # the seam's views
        part = self.invested / len(market.instruments)
        risen = [symbol for symbol in sorted(market.instruments) if self._rises(symbol, market)]
        reason = f"{self.fast}-day average above the {self.slow}-day one"
        wishes = tuple(Target(symbol=symbol, weight=part, reason=reason, strategy=self.name) for symbol in risen)
        if self.shape is None:
            return Targets(strategy=self.name, targets=wishes)
        return self.shape.targets(self.name, wishes, market, holdings)

    def _rises(self, symbol: str, market: MarketView) -> bool:
        """True where the fast average is above the slow one; False where there are too few closes to tell."""
        quote = market.quotes.get(symbol)
        if quote is None or quote.last is None or symbol not in market.closes.symbols:
            return False
        tick = market.instruments[symbol].tick
        closes = market.closes.column(symbol)[-self.slow + 1 :]
        if len(closes) < self.slow - 1 or not np.isfinite(closes).all():
            return False
        ticks = np.append(np.rint(closes / float(tick)).astype(np.int64), int(quote.last / tick))
        return bool(ticks[-self.fast :].sum() * self.slow > ticks.sum() * self.fast)
