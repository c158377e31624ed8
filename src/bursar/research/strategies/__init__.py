"""Strategies: each turns views and prices into targets, and all share one way of shaping a portfolio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bursar.domain.targets import Bound, Target
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.quant.arrays import FloatArray
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView


class Component(Protocol):
    """A strategy that can be a part of another one: it says what it wishes, before anything is smoothed."""

    @property
    def name(self) -> str: ...

    def wishes(
        self, market: MarketView, views: Sequence[View], holdings: Holdings, told: list[Bound] | None = None
    ) -> tuple[Target, ...]:
        """What it would hold if it started from cash, the most wanted first.

        told  what it passed over or cut, and by which figure, is added to it
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What all views of one symbol say together.

    expected_excess_return  their mean
    confidence              mean probability that the sign of that mean is right
    """

    expected_excess_return: float
    confidence: float
    view_ids: tuple[str, ...]


def opinions(views: Iterable[View]) -> dict[str, Opinion]:
    """The views of each symbol, counted alike. A view against the mean counts with one minus its confidence."""
    by_symbol: dict[str, list[View]] = {}
    for view in views:
        by_symbol.setdefault(view.symbol, []).append(view)
    return {symbol: _pooled(by_symbol[symbol]) for symbol in sorted(by_symbol)}


def _pooled(views: list[View]) -> Opinion:
    mean = sum(view.expected_excess_return for view in views) / len(views)
    agreeing = [
        view.confidence if view.expected_excess_return * mean >= 0.0 else 1.0 - view.confidence for view in views
    ]
    return Opinion(
        expected_excess_return=mean,
        confidence=sum(agreeing) / len(views),
        view_ids=tuple(view.view_id for view in views),
    )


def history(name: str, market: MarketView, days: int) -> FloatArray:
    """All closes of ``market``. Raises DataError unless there are ``days`` of them at least."""
    if len(market.closes.dates) < days:
        raise DataError(f"{name} needs {days} daily closes and has {len(market.closes.dates)}; nothing is decided")
    return market.closes.values


def opinions_of(name: str, views: Sequence[View]) -> dict[str, Opinion]:
    """``opinions``, or DataError without any view: that the analysis failed is no reason to sell everything."""
    if not views:
        raise DataError(f"{name} decides on views and there is none; nothing is decided")
    return opinions(views)


def held_without_an_opinion(
    name: str,
    symbols: Iterable[str],
    known: Iterable[str],
    holdings: Holdings,
    reason: str = "nobody has a view of it today; held as it is",
) -> tuple[Target, ...]:
    """Positions among ``symbols`` that nobody could judge today: they stay as they are, for silence is no advice."""
    silent = sorted(set(symbols) - set(known))
    return tuple(
        Target(
            symbol=symbol,
            weight=holdings.weights[symbol],
            strategy=name,
            reason=reason,
        )
        for symbol in silent
        if holdings.weights.get(symbol, 0.0) > 0.0
    )
