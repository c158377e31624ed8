"""Proof that nothing from the future is read: the future is corrupted, and not a decision before it may change.

A run is made on the facts as they are. Then, for each of some days, another on facts that are wrong from the close of
that day on: every value multiplied by chance, some taken away. What both journals hold up to that close must be equal
event for event, to the last digit. A strategy that peeks is caught by the first day on which peeking pays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from bursar.domain.events import Event
from bursar.errors import InputError
from bursar.ports import History, Panel
from bursar.runtime.backtest import Market, Plan, run


@dataclass(frozen=True)
class Scrambled:
    """A history whose facts are wrong from the day after ``last`` on; satisfies ``ports.History``.

    It corrupts what it answers, not what it was asked by: an answer that holds later days holds them wrong.
    """

    honest: History
    last: date
    seed: int

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        panel = self.honest.asof(symbols, field, known_at, days)
        later = panel.dates > np.datetime64(self.last, "D")
        if not later.any():
            return panel
        values = panel.values.copy()
        for row in np.flatnonzero(later):
            # By the day and not by the call, so that the same day is wrong in the same way however it is asked.
            chance = np.random.default_rng([self.seed, int(panel.dates[row].astype(int))])
            values[row] *= np.exp(chance.normal(0.0, 0.5, len(symbols)))
        return Panel(panel.dates, panel.symbols, values)

    def lacks(self) -> frozenset[str]:
        return self.honest.lacks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """The first difference that the future made.

    corrupted_after  the last day that was left as it is
    honest, corrupted  the two events in the same place, or None where one journal had ended
    """

    corrupted_after: date
    honest: Event | None
    corrupted: Event | None

    def __str__(self) -> str:
        event = self.honest or self.corrupted
        assert event is not None
        return (
            f"facts after {self.corrupted_after} changed what happened at {event.at:%Y-%m-%d %H:%M} UTC: "
            f"{event.kind} {event.event_id} is not the same without knowing them"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of the search. events: how many were compared, over all days."""

    days: tuple[date, ...]
    events: int
    peeks: tuple[Peek, ...]

    @property
    def clean(self) -> bool:
        """True where the future changed nothing."""
        return not self.peeks


def search(
    make: Callable[[Market], Plan],
    market: Market,
    *,
    days: Sequence[date] = (),
    seed: int = 1,
    told: Callable[[date], None] | None = None,
) -> Verdict:
    """Corrupt the facts after each of ``days`` (a quarter, a half and three quarters of the way, where not given).

    make  the plan for a market. It is asked anew for each corrupted one: a rule that kept closes of the market that it
          was made for, all of them, is caught as well
    told  is called before each day's run, for those who wait
    """
    plan = make(market)
    honest = run(plan, market)
    chosen = tuple(days) or _spread(honest.days.tolist())
    outside = [day for day in chosen if not plan.first <= day < plan.last]
    if outside:
        raise InputError(f"{outside[0]} is outside the run from {plan.first} to {plan.last}; nothing would be compared")
    closes = {session.day: session.close for session in market.sessions}
    peeks, events = [], 0
    for day in chosen:
        if told:
            told(day)
        last = max(close for each, close in closes.items() if each <= day)
        wrong = replace(market, history=Scrambled(market.history, day, seed))
        before = _until(honest.events, last)
        after = _until(run(make(wrong), wrong).events, last)
        events += len(before)
        if before != after:
            peeks.append(_first_difference(day, before, after))
    return Verdict(days=chosen, events=events, peeks=tuple(peeks))


def _spread(days: Sequence[date]) -> tuple[date, ...]:
    return tuple(dict.fromkeys(days[len(days) * part // 4] for part in (1, 2, 3)))


def _until(events: Sequence[Event], last: datetime) -> list[Event]:
    return [event for event in events if event.at <= last]


def _first_difference(day: date, before: Sequence[Event], after: Sequence[Event]) -> Peek:
    for honest, corrupted in zip(before, after, strict=False):
        if honest != corrupted:
            return Peek(corrupted_after=day, honest=honest, corrupted=corrupted)
    shorter = min(len(before), len(after))
    return Peek(
        corrupted_after=day,
        honest=before[shorter] if len(before) > shorter else None,
        corrupted=after[shorter] if len(after) > shorter else None,
    )
