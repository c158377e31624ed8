"""Views: what an analyst believes, why, and since when it could have been known.

An analyst that lacks what it needs abstains and says so; abstaining is not a neutral view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One fact that a view rests on.

    statement  in words, for a person
    source     where it can be looked up: a data set and a date, a filing, a headline
    value      the number, where there is one
    """

    statement: str
    source: str
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One analyst's opinion of one instrument.

    horizon_days            trading days over which it should come true
    expected_excess_return  over the horizon, above cash; 0.02 is two percent
    confidence              0 to 1: the probability that the sign is right
    """

    view_id: str
    analyst: str
    symbol: str
    horizon_days: int
    expected_excess_return: float
    confidence: float
    evidence: tuple[Evidence, ...]
    known_at: datetime

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            raise InputError(f"{self.analyst} on {self.symbol}: confidence is {self.confidence}; give 0 to 1")
        if not math.isfinite(self.expected_excess_return):
            raise InputError(
                f"{self.analyst} on {self.symbol}: return is {self.expected_excess_return}; abstain instead"
            )
        if self.horizon_days < 1:
            raise InputError(f"{self.analyst} on {self.symbol}: horizon is {self.horizon_days} days; give at least 1")
        if not self.evidence:
            raise InputError(f"{self.analyst} on {self.symbol}: a view needs evidence; abstain without it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """No opinion, and why."""

    analyst: str
    symbol: str
    reason: str
