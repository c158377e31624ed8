"""Promises: what became of completed proposals, held against what was shown before the tap.

A proposal promises a return over a horizon, a cost, and what its stops may lose at once. From the fill of its last leg
on, what its opening legs bought is followed at every mark, until the horizon is over or all of it is sold. The promise
is taken to come true evenly over the horizon, so that a return of today has something to be held against.

    on track  the return is at most ``behind_max`` below what was promised by now
    behind    it is further below; a person is told, once
    ended     the horizon is over, or nothing of it is held any more; the figures stay as they were then

What is sold of a symbol is taken from the oldest proposal that holds it. Dividends are left out: the books have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bursar.domain.events import Alerted, Event, Filled, Marked, SessionClosed, Split
from bursar.domain.money import ZERO
from bursar.domain.orders import Effect, Side
from bursar.domain.proposals import Outlook, Proposal

#: How far the return may be below what was promised by now, where nobody says otherwise: five percentage points.
BEHIND_MAX = 0.05
#: How the id of the word ends that a proposal is behind, after the proposal's.
BEHIND = "/behind"


class Keeping(StrEnum):
    """How a completed proposal keeps what it promised."""

    ON_TRACK = "on_track"
    BEHIND = "behind"
    ENDED = "ended"


@dataclass(slots=True, kw_only=True)
class Promise:
    """One completed proposal. Money, in the currency of its legs.

    shown      what was promised of its costs, before the tap
    opened     what the opening legs moved, at their fills
    cost       fees of all legs, and what was paid beyond the prices that were shown before the tap
    held       signed, by symbol, of what the opening legs bought and nobody has sold since
    received   for what was sold of it, less what was paid for it; fees included
    marks      the last prices
    sizes      multipliers, by symbol, where they are not one
    sessions   that have closed since it was completed
    behind_max how far the return may be below what was promised by now, as a fraction of what was opened
    """

    proposal: Proposal
    shown: Outlook
    opened: Decimal = ZERO
    cost: Decimal = ZERO
    held: dict[str, Decimal] = field(default_factory=dict)
    received: Decimal = ZERO
    marks: dict[str, Decimal] = field(default_factory=dict)
    sizes: Mapping[str, Decimal] = field(default_factory=dict)
    sessions: int = 0
    behind_max: float = BEHIND_MAX

    @property
    def over(self) -> bool:
        """True once there is nothing left to follow."""
        return self.sessions >= self.proposal.horizon_days or not any(self.held.values())

    @property
    def profit(self) -> Decimal:
        """So far, after fees; negative for a loss."""
        worth = (quantity * self.marks[symbol] * self._size(symbol) for symbol, quantity in self.held.items())
        return self.received + sum(worth, ZERO)

    @property
    def earned(self) -> float:
        """The return so far, as a fraction of what was opened."""
        return float(self.profit / self.opened) if self.opened else 0.0

    @property
    def promised(self) -> float:
        """The return that was promised by now."""
        horizon = self.proposal.horizon_days
        return self.proposal.expected_return * min(self.sessions / horizon, 1.0) if horizon else 0.0

    @property
    def loss(self) -> Decimal:
        """What is lost so far; zero where something was gained."""
        return max(-self.profit, ZERO)

    @property
    def behind(self) -> bool:
        """True where the return is more than ``behind_max`` below what was promised by now."""
        return self.earned < self.promised - self.behind_max

    @property
    def keeping(self) -> Keeping:
        """In one word."""
        if self.over:
            return Keeping.ENDED
        return Keeping.BEHIND if self.behind else Keeping.ON_TRACK

    def bought(self, fill: Filled, price: Decimal, *, opens: bool) -> None:
        """Take in a fill of one of its legs, which was shown at ``price``."""
        sign = 1 if fill.side is Side.BUY else -1
        size = self._size(fill.symbol)
        self.cost += fill.commission.amount + sign * fill.quantity * (fill.price - price) * size
        if opens:
            notional = fill.quantity * fill.price * size
            self.opened += notional
            self.received -= sign * notional + fill.commission.amount
            self.held[fill.symbol] = self.held.get(fill.symbol, ZERO) + sign * fill.quantity
            self.marks[fill.symbol] = fill.price

    def sold(self, fill: Filled, most: Decimal) -> Decimal:
        """Take in what a later fill sells of it, at most so much; how much that is."""
        held, sign = self.held.get(fill.symbol, ZERO), 1 if fill.side is Side.BUY else -1
        ours = (fill.account, fill.portfolio) == (self.proposal.account, self.proposal.portfolio)
        if held * sign >= 0 or not ours:
            return ZERO
        taken = min(abs(held), most)
        self.held[fill.symbol] = held + sign * taken
        self.received -= sign * taken * fill.price * self._size(fill.symbol)
        self.received -= fill.commission.amount * taken / fill.quantity
        return taken

    def split(self, symbol: str, new: Decimal, old: Decimal) -> None:
        """Count in new shares."""
        if symbol in self.held:
            self.held[symbol] = self.held[symbol] * new / old
            self.marks[symbol] = self.marks[symbol] * old / new

    def _size(self, symbol: str) -> Decimal:
        return self.sizes.get(symbol, Decimal(1))


class Promises:
    """Every completed proposal of a journal, by its id: a fold. behind_max: of those that are begun from now on."""

    def __init__(self, behind_max: float = BEHIND_MAX) -> None:
        self.behind_max = behind_max
        self._all: dict[str, Promise] = {}
        self._open: list[Promise] = []
        self._late: dict[str, Promise] = {}
        self._told: set[str] = set()

    def get(self, proposal_id: str) -> Promise | None:
        """How a proposal does; None where it was not completed."""
        return self._all.get(proposal_id)

    def begin(
        self, proposal: Proposal, shown: Outlook, fills: Mapping[int, Iterable[Filled]], sizes: Mapping[str, Decimal]
    ) -> None:
        """Follow a proposal whose legs are all filled, by ``fills`` of their places."""
        promise = Promise(proposal=proposal, shown=shown, sizes=sizes, behind_max=self.behind_max)
        for place, leg in enumerate(proposal.legs):
            for fill in fills.get(place, ()):
                promise.bought(fill, shown.prices.get(leg.symbol, leg.price), opens=leg.effect is Effect.OPEN)
        self._all[proposal.proposal_id] = promise
        self._look([*self._open, promise])

    def apply(self, event: Event) -> None:
        """Take one committed event."""
        match event:
            case Marked(prices=prices):
                for promise in self._open:
                    promise.marks |= {symbol: prices[symbol] for symbol in promise.held if symbol in prices}
            case SessionClosed():
                for promise in self._open:
                    promise.sessions += 1
                self._look(self._open)
            case Filled() if self._open:
                left = event.quantity
                for promise in self._open:
                    left -= promise.sold(event, left)
                self._look(self._open)
            case Split(symbol=symbol, new=new, old=old):
                for promise in self._open:
                    promise.split(symbol, new, old)
            case Alerted(event_id=event_id) if event_id.endswith(BEHIND):
                self._told.add(event_id.removesuffix(BEHIND))
                # It was told under another setting, perhaps, by which it is not behind.
                self._late.pop(event_id.removesuffix(BEHIND), None)
            case _:
                pass

    def owed(self, at: datetime) -> tuple[Alerted, ...]:
        """What a person must be told now, once of each proposal: that it is behind."""
        return tuple(
            Alerted(
                event_id=f"{name}{BEHIND}",
                at=at,
                causes=(f"{name}/ended",),
                severity="warning",
                message=f"proposal {name} has earned {promise.earned:+.2%} in {promise.sessions} sessions, and "
                f"{promise.promised:+.2%} was promised by then; more than {promise.behind_max * 100:g}% between them "
                "is behind",
            )
            for name, promise in self._late.items()
        )

    def _look(self, promises: list[Promise]) -> None:
        names = {promise.proposal.proposal_id: promise for promise in promises if promise.behind}
        self._late |= {name: promise for name, promise in names.items() if name not in self._told}
        self._open = [promise for promise in promises if not promise.over]
