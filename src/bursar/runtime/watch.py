"""Keeping watch over the line of a run: what is heard of it becomes a ``trading.line.Line``, and its changes events.

One ``LineWatch`` lives as long as the run, over all its connections. The times that it gives are the broker's; while
there is no connection, the last that was journalled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bursar.config import Settings
from bursar.domain.events import Alerted, Event, LineChanged
from bursar.domain.market import Slice
from bursar.ports import Journal
from bursar.trading.line import (
    WEEKDAYS,
    Advice,
    Alert,
    Clocked,
    Connected,
    Interrogate,
    Line,
    LineState,
    Lost,
    Passed,
    Policy,
    Quoted,
    Reconnect,
    Resubscribe,
    Signal,
    Told,
)


def policy(settings: Settings) -> Policy:
    """What the settings say that a line may take."""
    return Policy(
        attempts_max=settings.broker.reconnect_attempts_max,
        delay=timedelta(seconds=float(settings.broker.reconnect_delay_seconds)),
        breaker_pause=timedelta(minutes=settings.broker.reconnect_trial_minutes),
        zone=settings.market.timezone,
        restart_at=settings.broker.restart_at,
        restart_for=timedelta(minutes=settings.broker.restart_minutes),
        login_weekday=WEEKDAYS.index(settings.broker.login_day),
        login_at=settings.broker.login_at,
        skew_max=timedelta(minutes=settings.broker.clock_minutes_max),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What follows from what was heard: events to commit, and what is to be done."""

    events: tuple[Event, ...] = ()
    advice: tuple[Advice, ...] = ()

    @property
    def interrogate(self) -> bool:
        """True when the broker must be asked for everything before anything is decided."""
        return any(isinstance(each, Interrogate) for each in self.advice)

    @property
    def resubscribe(self) -> bool:
        """True when market data must be asked for again."""
        return any(isinstance(each, Resubscribe) for each in self.advice)


class LineWatch:
    """See the module.

    journal  what was said before: how many changes of the line it holds, and in which state it left it
    """

    def __init__(self, policy: Policy, journal: Journal) -> None:
        self.line = Line(policy=policy)
        self._said = LineState.UP.value
        self._changes = 0
        self._notices: Callable[[], Iterable[tuple[int, str]]] = tuple
        self._resubscribe: Callable[[], Awaitable[None]] | None = None
        self._skew: Callable[[], timedelta | None] = lambda: None
        self._failed = 0
        self._opened: datetime | None = None
        self.last_at: datetime | None = None
        self.progress = 0
        self.look_back(journal)

    def look_back(self, journal: Journal) -> None:
        """Take in what is in the journal by now."""
        events = [recorded.event for recorded in journal.read()]
        changes = [event for event in events if isinstance(event, LineChanged)]
        self._changes, self._said = len(changes), changes[-1].state if changes else LineState.UP.value
        self.last_at = events[-1].at if events else None
        self.progress = sum(not event.event_id.startswith("line/") for event in events)

    def attach(
        self,
        notices: Callable[[], Iterable[tuple[int, str]]],
        resubscribe: Callable[[], Awaitable[None]],
        skew: Callable[[], timedelta | None],
    ) -> None:
        """Listen to a new connection from now on. skew: how far its clock was ahead, where that was seen."""
        self._notices, self._resubscribe, self._skew = notices, resubscribe, skew

    def hear(self, signals: Sequence[Signal], at: datetime) -> Heard:
        """Take in signals of one moment."""
        events: list[Event] = []
        advice: list[Advice] = []
        for signal in signals:
            self.line, given = self.line.after(signal, at).advise(self.line)
            advice += given
            if self.line.state != self._said:
                self._said = self.line.state.value
                self._changes += 1
                events.append(
                    LineChanged(event_id=f"line/{self._changes}", at=at, state=self._said, reason=self.line.why)
                )
            events += [
                Alerted(
                    event_id=f"line/{self._changes}/{at:%Y-%m-%dT%H:%M:%SZ}/{each.severity}/{number}",
                    at=at,
                    severity=each.severity,
                    message=each.message,
                )
                for number, each in enumerate(given)
                if isinstance(each, Alert)
            ]
        return Heard(events=tuple(events), advice=tuple(advice))

    def slice(self, market: Slice, *, session_open: bool) -> Heard:
        """Take in what came over the connection until ``market``."""
        signals: list[Signal] = [Told(code, text) for code, text in self._notices()]
        if any(not quote.delayed for quote in market.quotes):
            signals.append(Quoted())
        skew = self._skew()
        if skew is not None:
            signals.append(Clocked(market.at + skew))
        return self.hear((*signals, Passed(session_open)), market.at)

    def up(self, at: datetime) -> Heard:
        """The broker let us in."""
        return self.hear((Connected(),), at)

    def lost(self, reason: str, at: datetime, *, progressed: bool) -> tuple[Heard, timedelta]:
        """The line broke, or could not be made; with how long to wait before the next attempt.

        progressed  whether it was good for anything: one that breaks as soon as it is there counts as not made

        While the breaker is open each further attempt is told: that is how anybody sees that the desk still stands.
        """
        if not progressed:
            self.line = replace(self.line, failed=self._failed, opened_at=self._opened)
        heard = self.hear((Lost(reason),), at)
        until = next(each.at for each in heard.advice if isinstance(each, Reconnect))
        if self._opened is not None and self.broken:
            heard = replace(heard, events=(*heard.events, self._still(at, until)))
        self._failed, self._opened = self.line.failed, self.line.opened_at
        return heard, until - at

    def _still(self, at: datetime, until: datetime) -> Alerted:
        return Alerted(
            event_id=f"line/{self._changes}/attempt/{self.line.failed}",
            at=at,
            severity="info",
            message=f"The line is broken {self.line.why}; it is tried again at {until:%H:%M} UTC.",
        )

    @property
    def broken(self) -> bool:
        """True when so many attempts failed that no more are made."""
        return self.line.state is LineState.BROKEN

    async def resubscribe(self) -> None:
        """Ask for all market data again."""
        if self._resubscribe is not None:
            await self._resubscribe()
