"""Belief: what was judged of a strategy, with the numbers that it was judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from bursar.domain.events.base import Event
from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionJudged(Event, kind="promotion_judged"):
    """A strategy was judged on its way from candidate to paper to live, and may go on or not.

    to           paper or live
    reasons      why not, in words; empty where it passed
    market       that it was tested on, from ``first`` to ``last``; survivors where that was chosen looking back
    numbers      that it was judged by, by name; Sharpe ratios are annual
    """

    strategy: str
    to: str
    passed: bool
    reasons: tuple[str, ...]
    market: str
    survivors: bool
    first: date
    last: date
    numbers: Mapping[str, float]

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.passed == bool(self.reasons):
            raise InputError(
                f"{self.strategy} {'passed' if self.passed else 'did not pass'} for {len(self.reasons)} reasons; "
                "it passes exactly when there is none"
            )
