"""Measuring: the shortfall of every parent of a journal, as a fold, and the cost that decisions reckon with.

A parent without any fill costs what the market did meanwhile; one that still works is not measured yet. What has ended
is measured when somebody asks: most who fold a journal never do.
"""

from __future__ import annotations

from decimal import Decimal

from bursar.domain.events import Event, Filled, InstrumentListed, ParentBegun, ParentEnded, PieceSent
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.trading.shortfall import Shortfall, Traded, cost_rate, shortfall


class Measured:
    """Shortfalls of the parents that have ended, in that order."""

    def __init__(self) -> None:
        self._all: list[Shortfall] = []
        self._ended: list[tuple[ParentBegun, ParentEnded, list[Filled], Decimal]] = []
        self._by_symbol: dict[str, list[Shortfall]] = {}
        self._begun: dict[str, ParentBegun] = {}
        self._parent: dict[str, str] = {}
        self._fills: dict[str, list[Filled]] = {}
        self._multipliers: dict[str, Decimal] = {}

    def apply(self, event: Event) -> None:
        """Take in one committed event."""
        match event:
            case InstrumentListed(instrument=instrument):
                self._multipliers[instrument.symbol] = instrument.multiplier
            case ParentBegun(parent_id=parent_id):
                self._begun[parent_id], self._fills[parent_id] = event, []
            case PieceSent(parent_id=parent_id, order_id=order_id):
                self._parent[order_id] = parent_id
            case Filled(order_id=order_id) if order_id in self._parent:
                self._fills.setdefault(self._parent[order_id], []).append(event)
            case ParentEnded(parent_id=parent_id):
                begun = self._begun.pop(parent_id, None)
                if begun is not None:
                    size = self._multipliers.get(begun.symbol, Decimal(1))
                    self._ended.append((begun, event, self._fills.pop(parent_id), size))
            case _:
                pass

    @property
    def all(self) -> tuple[Shortfall, ...]:
        """Every one that was measured."""
        self._measure()
        return tuple(self._all)

    @property
    def working(self) -> int:
        """How many have not ended."""
        return len(self._begun)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those that were measured."""
        self._measure()
        return tuple(self._by_symbol)

    def rate(self, symbol: str, prior: Decimal) -> Decimal:
        """What trading ``symbol`` costs, as a fraction of notional: what was measured, drawn to ``prior``."""
        self._measure()
        return cost_rate(self._by_symbol.get(symbol, ()), prior)

    def _measure(self) -> None:
        """Measure what ended since somebody asked last."""
        for begun, ended, fills, multiplier in self._ended:
            if sum((fill.quantity for fill in fills), ZERO) > begun.quantity:
                continue  # the broker filled more than was asked for: that is a break, and no cost of ours
            arrival = Quote(symbol=begun.symbol, at=begun.at, known_at=begun.at, bid=begun.bid, ask=begun.ask)
            found = shortfall(
                Traded(
                    symbol=begun.symbol,
                    side=begun.side,
                    quantity=begun.quantity,
                    decided_at=begun.decided_at,
                    decided_price=begun.decided_price,
                    arrival=arrival,
                    end_price=ended.price,
                    fills=fills,
                    strategy=begun.strategy,
                    route=begun.route,
                    multiplier=multiplier,
                )
            )
            self._all.append(found)
            self._by_symbol.setdefault(begun.symbol, []).append(found)
        self._ended.clear()
