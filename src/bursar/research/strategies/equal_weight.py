"""Equal weight: the same part of everything. It knows nothing, and most who know more do worse after costs.

Source: DeMiguel, Garlappi and Uppal (2009), "Optimal Versus Naive Diversification", Review of Financial
Studies 22.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.research.strategies import held_without_an_opinion
from bursar.research.strategies.shape import Shape
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualWeight:
    """Every symbol that had a price at the last close, in equal parts; views are not read."""

    name: str = "equal_weight"
    shape: Shape = field(default_factory=lambda: Shape(volatility_max=None))

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        return self.shape.targets(self.name, self.wishes(market, views, holdings), market, holdings)

    def wishes(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> tuple[Target, ...]:  # noqa: ARG002  # the seam's arguments
        closes = market.closes
        priced = {
            symbol
            for symbol in market.instruments
            if symbol in closes.symbols and len(closes.dates) and np.isfinite(closes.column(symbol)[-1])
        }
        if not priced:
            raise DataError(f"{self.name} finds no close of any symbol; nothing is decided")
        part = self.shape.invested_max / len(priced)
        fresh = tuple(
            Target(symbol=symbol, weight=part, strategy=self.name, reason=f"one of {len(priced)} equal parts")
            for symbol in sorted(priced)
        )
        return (*held_without_an_opinion(self.name, market.instruments, priced, holdings), *fresh)
