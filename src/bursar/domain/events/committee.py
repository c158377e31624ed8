"""The committee: meetings, the language model that analysts asked, and signals from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from bursar.domain.committee import COMMITTEE, PooledView, Resolution, Seating, Step
from bursar.domain.events.base import Event
from bursar.domain.signals import Signal
from bursar.domain.views import Evidence
from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitteeMet(Event, kind="committee_met"):
    """The analysts' opinions were pooled, in five steps, into an action on every symbol.

    quorum   distinct sources that a verdict needed
    climate  of the market that morning, by name, as far as it could be told
    """

    portfolio: str
    quorum: int
    seats: tuple[Seating, ...]
    steps: tuple[Step, ...]
    resolutions: tuple[Resolution, ...]
    climate: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def quorate(self) -> tuple[Resolution, ...]:
        """Those symbols that had their quorum."""
        return tuple(each for each in self.resolutions if each.sources >= self.quorum)

    def pooled(self) -> tuple[PooledView, ...]:
        """The committee's views of the symbols that had their quorum, as a strategy takes them."""
        return tuple(
            PooledView(
                view_id=self.event_id,
                analyst=COMMITTEE,
                symbol=each.symbol,
                horizon_days=each.horizon_days,
                expected_excess_return=each.expected_excess_return,
                confidence=each.probability if each.expected_excess_return > 0.0 else 1.0 - each.probability,
                evidence=(Evidence(statement=each.reason, source=f"meeting {self.event_id}"),),
                known_at=self.at,
                action=each.action,
                weight=each.weight,
            )
            for each in self.quorate
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAsked(Event, kind="model_asked"):
    """A language model was asked for an analyst, or a recorded answer stood in for it.

    model     provider and name
    recorded  True where the answer was recorded before, and cost nothing
    prompt    all that the model was given
    answer    all that it said last, cut where it went on without end; empty where nothing came
    problem   why the answer was not taken; empty where it was
    attempts  how often it was asked, repetitions after an answer that could not be taken included
    cost      of all attempts, in US dollars
    """

    analyst: str
    symbol: str
    model: str
    recorded: bool
    prompt: str
    answer: str
    problem: str
    attempts: int
    tokens_in: int
    tokens_out: int
    cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReceived(Event, kind="signal_received"):
    """A signal from outside came in. ``refused`` says why the portfolio does not listen to it; empty where it does."""

    portfolio: str
    signal: Signal
    refused: str = ""

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.signal.issued > self.at:
            raise InputError(
                f"{self.event_id}: the signal says that it was issued at {self.signal.issued}, after {self.at}"
            )
