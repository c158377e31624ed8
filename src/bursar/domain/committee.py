"""What a committee resolves: an action on each symbol, the votes behind it, and the five steps that led there.

These are the parts of a meeting that are kept. The opinions themselves stand in the journal as views and
abstentions, and a meeting names them as its causes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from bursar.domain.views import View
from bursar.errors import InputError

#: Under this name a committee's pooled views stand beside those of single analysts.
COMMITTEE = "committee"


class Action(StrEnum):
    """What a committee wants done; how much of it is for sizing and the limits to say.

    BUY opens or adds to a long position, SELL ends one; SHORT opens a short position, COVER ends one.
    """

    BUY = "buy"
    SELL = "sell"
    SHORT = "short"
    COVER = "cover"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the five. dropped: by symbol, why it went no further; summary: what was done, or why nothing."""

    name: str
    summary: str
    kept: tuple[str, ...]
    dropped: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seating:
    """An analyst at one meeting, and what its weight rests on.

    reads       the sources of its own; empty for one that reads only what others have read
    weight      its share of the committee's, whether it voted or not
    votes       of its own that are settled by now; the scores below are theirs, and None where none could be told
    skill       mean of edge * outcome over the edge's root mean square, before it was drawn to the mean of all
    uniqueness  1 for an analyst like no other, one half for one with a copy
    """

    analyst: str
    reads: tuple[str, ...]
    weight: float
    votes: int = 0
    hit_rate: float | None = None
    brier: float | None = None
    rank_ic: float | None = None
    skill: float | None = None
    uniqueness: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What was resolved about one symbol.

    quantity     shares to trade that sizing proposes at the last close; the limits and the gate have the last word
    weight       of equity to hold, signed, that the quantity comes from
    confidence   0 to 100: the probability in percent that the direction is right; 0 without a quorum
    probability  of a rise, pooled; one half without a quorum
    expected_excess_return  over ``horizon_days``, above cash
    coverage     share of the weight that voted, 0 to 1
    sources      distinct sources that the votes rest on
    votes        probability of a rise by analyst, as it counted
    dissent      those who voted the other way
    """

    symbol: str
    action: Action
    quantity: Decimal
    weight: float
    confidence: int
    probability: float
    expected_excess_return: float
    horizon_days: int
    coverage: float
    sources: int
    reason: str
    votes: Mapping[str, float]
    dissent: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 100:
            raise InputError(f"{self.symbol}: confidence is {self.confidence}; give 0 to 100")
        if self.quantity < 0:
            raise InputError(f"{self.symbol}: quantity is {self.quantity}; the action says the direction")


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledView(View):
    """A committee's view of a symbol that had its quorum, with what it wants done about it."""

    action: Action
    weight: float
