"""What a strategy is: a pure function from the market, the views and the books to targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, runtime_checkable

from bursar.domain.targets import Targets
from bursar.domain.views import View
from bursar.trading.view import MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a portfolio holds, as far as a strategy needs to know: weights, not lots.

    equity   net asset value in the base currency
    weights  fraction of equity by symbol, signed; the rest is cash
    """

    equity: Decimal
    weights: Mapping[str, float]


class Strategy(Protocol):
    """Says what it wants to hold.

    ``decide`` is pure and synchronous: equal arguments give equal targets, and nothing outside its
    arguments is read. It raises DataError when what it needs is missing; the decision is then skipped.
    """

    @property
    def name(self) -> str: ...

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets: ...


@runtime_checkable
class Reads(Protocol):
    """A strategy that reads more than closes: the names of daily fields, such as "volume"."""

    @property
    def reads(self) -> frozenset[str]: ...


@runtime_checkable
class OverEarnings(Protocol):
    """A strategy that says which of the names on its orders mean to hold over earnings."""

    @property
    def over_earnings(self) -> frozenset[str]: ...


def meant_over_earnings(strategy: object) -> frozenset[str]:
    """The names under which ``strategy`` means to hold over earnings; none of what does not say so."""
    return strategy.over_earnings if isinstance(strategy, OverEarnings) else frozenset()


def fields_read(strategy: Strategy) -> frozenset[str]:
    """The daily fields beside closes that ``strategy`` reads."""
    return strategy.reads if isinstance(strategy, Reads) else frozenset()
