"""Measuring: the shortfall of each parent and each tapped leg of a journal, as a fold, and what decisions reckon with.

A parent without any fill costs what the market did meanwhile; one that still works is not measured yet. A leg was
decided by the tap, at the price that the person saw; what trades it back was decided when it was sent, and counts as
far as it was filled. What has ended is measured when somebody asks: most who fold a journal never do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial

from bursar.domain.events import (
    Event,
    Filled,
    InstrumentListed,
    LegSent,
    ParentBegun,
    ParentEnded,
    PieceSent,
    ProposalEnded,
    ProposalMade,
    ProposalTapped,
)
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import Side
from bursar.domain.proposals import End, Leg, Proposal
from bursar.trading.shortfall import Shortfall, Traded, cost_rate, shortfall

#: How what a person tapped was worked: each leg whole, one after the other; and what undid one of them.
TAPPED, TRADED_BACK = "tapped", "traded back"

#: What is to be measured, made when somebody asks; None for what cannot be.
_Made = Callable[[], Traded | None]


class Measured:
    """Shortfalls of the parents and legs that have ended, in that order."""

    def __init__(self) -> None:
        self._all: list[Shortfall] = []
        self._ended: list[_Made] = []
        self._by_symbol: dict[str, list[Shortfall]] = {}
        self._begun: dict[str, ParentBegun] = {}
        self._parent: dict[str, str] = {}
        self._fills: dict[str, list[Filled]] = {}
        self._multipliers: dict[str, Decimal] = {}
        self._proposals: dict[str, Proposal] = {}
        self._taps: dict[str, ProposalTapped] = {}
        self._legs: dict[str, list[LegSent]] = {}

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
                    size = self._size(begun.symbol)
                    self._ended.append(partial(_of_parent, begun, event, self._fills.pop(parent_id), size))
            case ProposalMade(proposal=proposal):
                self._proposals[proposal.proposal_id] = proposal
            case ProposalTapped(proposal_id=proposal_id):
                self._taps[proposal_id], self._legs[proposal_id] = event, []
            case LegSent(proposal_id=proposal_id, order_id=order_id) if proposal_id in self._legs:
                self._legs[proposal_id].append(event)
                self._parent[order_id], self._fills[order_id] = order_id, []
            case ProposalEnded(proposal_id=proposal_id) if proposal_id in self._legs:
                self._end_of_legs(event)
            case _:
                pass

    def _end_of_legs(self, event: ProposalEnded) -> None:
        """Every leg that was sent can be measured, but where nobody knows what became of one."""
        proposal, tapped = self._proposals.pop(event.proposal_id), self._taps.pop(event.proposal_id)
        for sent in self._legs.pop(event.proposal_id):
            leg, fills = proposal.legs[sent.leg], self._fills.pop(sent.order_id)
            if event.end is not End.FLAGGED:
                made = _undone if sent.compensates else partial(_of_leg, tapped, event)
                self._ended.append(partial(made, proposal.strategy, leg, sent, fills, self._size(leg.symbol)))

    def _size(self, symbol: str) -> Decimal:
        return self._multipliers.get(symbol, Decimal(1))

    @property
    def all(self) -> tuple[Shortfall, ...]:
        """Every one that was measured."""
        self._measure()
        return tuple(self._all)

    @property
    def working(self) -> int:
        """How many have not ended."""
        return len(self._begun) + sum(map(len, self._legs.values()))

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
        for made in self._ended:
            traded = made()
            # Where the broker filled more than was asked for, that is a break, and no cost of ours.
            if traded is not None and _filled(traded.fills) <= traded.quantity:
                found = shortfall(traded)
                self._all.append(found)
                self._by_symbol.setdefault(traded.symbol, []).append(found)
        self._ended.clear()


def _filled(fills: Sequence[Filled]) -> Decimal:
    return sum((fill.quantity for fill in fills), ZERO)


def _of_parent(begun: ParentBegun, ended: ParentEnded, fills: Sequence[Filled], multiplier: Decimal) -> Traded:
    return Traded(
        symbol=begun.symbol,
        side=begun.side,
        quantity=begun.quantity,
        decided_at=begun.decided_at,
        decided_price=begun.decided_price,
        arrival=Quote(symbol=begun.symbol, at=begun.at, known_at=begun.at, bid=begun.bid, ask=begun.ask),
        end_price=ended.price,
        fills=fills,
        strategy=begun.strategy,
        route=begun.route,
        multiplier=multiplier,
    )


def _of_leg(
    tapped: ProposalTapped,
    ended: ProposalEnded,
    strategy: str,
    leg: Leg,
    sent: LegSent,
    fills: Sequence[Filled],
    multiplier: Decimal,
) -> Traded | None:
    """A leg as the tap meant it; None where its journal is too old to tell the prices that it takes."""
    decided, left = tapped.outlook.prices.get(leg.symbol), leg.quantity - _filled(fills)
    end = ended.prices.get(leg.symbol, None if left else decided)
    if sent.bid is None or decided is None or end is None:
        return None
    return Traded(
        symbol=leg.symbol,
        side=leg.side,
        quantity=leg.quantity,
        decided_at=tapped.at,
        decided_price=decided,
        arrival=_arrival(leg, sent),
        end_price=end,
        fills=fills,
        strategy=strategy,
        route=TAPPED,
        multiplier=multiplier,
    )


def _undone(strategy: str, leg: Leg, sent: LegSent, fills: Sequence[Filled], multiplier: Decimal) -> Traded | None:
    """What traded a leg back, as far as it was filled; None where it was not, or its journal is too old."""
    filled = _filled(fills)
    if sent.bid is None or not filled:
        return None
    arrival = _arrival(leg, sent)
    return Traded(
        symbol=leg.symbol,
        side=Side.SELL if leg.side is Side.BUY else Side.BUY,
        quantity=filled,
        decided_at=sent.at,
        decided_price=arrival.mid,
        arrival=arrival,
        end_price=arrival.mid,
        fills=fills,
        strategy=strategy,
        route=TRADED_BACK,
        multiplier=multiplier,
    )


def _arrival(leg: Leg, sent: LegSent) -> Quote:
    return Quote(symbol=leg.symbol, at=sent.at, known_at=sent.at, bid=sent.bid, ask=sent.ask)
