"""The record of a committee: its members' views, settled as their time passes, and what they are worth by then.

Skill is learned once a week, from the closes that were known when the week began. So every meeting of a week has
the same weights, and a program that starts again in the middle of it, from nothing but its journal, finds them again.
Votes of the last two years count; who was right before then says little of who is right now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import numpy as np

from bursar.domain.views import View
from bursar.ports import History
from bursar.quant.calibration import PlattMap
from bursar.research.skill import (
    Scorecard,
    Standing,
    Vote,
    calibrations,
    scorecards,
    settle,
    standings,
)

WINDOW = timedelta(days=730)
#: Days before the first view that are read, so that the close before it is among them over any holiday.
BEFORE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a week's meetings know of their members."""

    standings: Mapping[str, Standing]
    scorecards: Mapping[str, Scorecard]
    calibrations: Mapping[str, PlattMap]


class Record:
    """Views that wait for their time, and votes whose time has come."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[datetime, int], list[View]] = {}
        self._votes: list[Vote] = []
        self._learned: tuple[date, tuple[str, ...], Learned] | None = None

    def note(self, view: View) -> None:
        """Take note of a view that was journalled."""
        self._waiting.setdefault((view.known_at, view.horizon_days), []).append(view)

    def learned(
        self, history: History, symbols: Sequence[str], analysts: Sequence[str], at: datetime, zone: tzinfo = UTC
    ) -> Learned:
        """What is known of ``analysts`` in the week of ``at``. zone: of the exchange, whose days the closes are of."""
        monday = at.date() - timedelta(days=at.weekday())
        if self._learned is not None and self._learned[:2] == (monday, tuple(analysts)):
            return self._learned[2]
        self._settle(history, symbols, monday, zone)
        votes = self._votes = [vote for vote in self._votes if monday - vote.day <= WINDOW]
        # Sums depend on their order in the last bit, and a program that started again settled in another one.
        votes.sort(key=lambda vote: (vote.day, vote.analyst, vote.symbol, vote.horizon_days))
        learned = Learned(
            standings=standings(votes, analysts), scorecards=scorecards(votes), calibrations=calibrations(votes)
        )
        self._learned = monday, tuple(analysts), learned
        return learned

    def _settle(self, history: History, symbols: Sequence[str], monday: date, zone: tzinfo) -> None:
        if not self._waiting:
            return
        first = min(formed for formed, _ in self._waiting).astimezone(zone).date()
        known_at = datetime.combine(monday, time(), tzinfo=UTC)
        if known_at.date() <= first:
            return
        closes = history.asof(symbols, "close", known_at, (monday - first).days + BEFORE)
        for key in sorted(self._waiting):
            formed, horizon = key
            day = np.datetime64(formed.astimezone(zone).date())
            last = int(np.searchsorted(closes.dates, day, side="left")) - 1
            if last + horizon < len(closes.dates):
                self._votes += settle(self._waiting.pop(key), closes, zone=zone)
