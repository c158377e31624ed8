"""Momentum: hold what has risen for a year and what the analysts like.

Of the symbols whose twelve months without the last returned more than cash would (more than nothing), whose
views are positive together, and believed enough, the strongest few are held in equal parts. A position
stays while it is positive and among twice as many: the last places change hands daily, and that costs.

Source: Jegadeesh and Titman (1993), Journal of Finance 48.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.research import features
from bursar.research.strategies import held_without_an_opinion, history, opinions_of
from bursar.research.strategies.shape import Shape
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class Momentum:
    """The strongest ``positions`` symbols, in equal parts.

    confidence_min  of the views together, to open a position
    """

    name: str = "momentum"
    positions: int = 5
    confidence_min: float = 0.55
    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        if self.positions < 1:
            raise InputError(f"{self.name} holds {self.positions} positions; give at least 1")
        if not 0.0 <= self.confidence_min <= 1.0:
            raise InputError(f"{self.name} wants a confidence of {self.confidence_min}; give 0 to 1")

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        return self.shape.targets(self.name, self.wishes(market, views, holdings), market, holdings)

    def wishes(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> tuple[Target, ...]:
        strength = features.momentum(history(self.name, market, features.YEAR + 1))[-1]
        by_symbol = dict(zip(market.closes.symbols, strength.tolist(), strict=True))
        said = {
            symbol: opinion
            for symbol, opinion in opinions_of(self.name, views).items()
            if symbol in market.instruments and math.isfinite(by_symbol.get(symbol, math.nan))
        }
        held = {symbol for symbol, weight in holdings.weights.items() if weight > 0.0}
        ranked = sorted(
            (
                symbol
                for symbol, opinion in said.items()
                if by_symbol[symbol] > 0.0
                and opinion.expected_excess_return > 0.0
                and (symbol in held or opinion.confidence >= self.confidence_min)
            ),
            key=lambda symbol: (-by_symbol[symbol], symbol),
        )
        places = {symbol: place for place, symbol in enumerate(ranked, start=1)}
        # Those who stay come first, then the strongest of the others.
        ordered = sorted(ranked, key=lambda s: (s not in held or places[s] > 2 * self.positions, places[s]))
        fresh = tuple(
            Target(
                symbol=symbol,
                weight=1.0 / self.positions,
                strategy=self.name,
                view_ids=said[symbol].view_ids,
                reason=f"place {places[symbol]} of {len(said)} by twelve months without the last "
                f"({by_symbol[symbol]:+.1%}); views expect {said[symbol].expected_excess_return:+.2%} "
                f"at confidence {said[symbol].confidence:.2f}",
            )
            for symbol in ordered
        )
        silent = held_without_an_opinion(self.name, market.instruments, said, holdings)
        return self.shape.fit((*silent, *fresh), market.instruments, self.positions)
