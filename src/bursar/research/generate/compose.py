"""Compose: signals of the catalogue, two at a time, into templates that nobody wrote.

An idea is a signal with the side that is good and the values between which it grows. Two ideas of different families
make a candidate: those that meet both, the most confident first. Every candidate is a ``Template`` like any other, with
a version of its own, and passes the same checks.

Candidates are trials. Whoever picks the best of them must say how many there were, for the best of many looks good by
chance alone; ``bursar walkforward`` and the promotion count them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from bursar.research.templates.catalogue import KINDS, Parameters
from bursar.research.templates.grammar import Condition, Ranking, Side, Signal, SizedBy, Sizing, Strength, Template
from bursar.trading.agenda import Rhythm


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """One signal, and which side of it is good. family: what it looks at; two of one family say one thing twice."""

    name: str
    family: str
    reads: str
    side: Side
    than: float
    strength: Strength
    parameters: Parameters = field(default_factory=dict)

    def signal(self) -> Signal:
        return Signal(name=self.name, reads=self.reads, parameters=self.parameters, strength=self.strength)

    def condition(self) -> Condition:
        return Condition(signal=self.name, side=self.side, than=self.than)


_RANKED = Strength(ranked=True)
IDEAS = (
    Idea(name="year_rise", family="momentum", reads="momentum", side=Side.ABOVE, than=0.0, strength=_RANKED),
    Idea(name="half_year_rise", family="momentum", reads="momentum", side=Side.ABOVE, than=0.0, strength=_RANKED,
         parameters={"lookback_days": 126, "skip_days": 5}),
    Idea(name="oversold", family="reversal", reads="rsi", side=Side.AT_MOST, than=45.0,
         strength=Strength(none=60.0, full=25.0)),
    Idea(name="lower_band", family="reversal", reads="bollinger", side=Side.AT_MOST, than=0.4,
         strength=Strength(none=0.7, full=0.0)),
    Idea(name="rising_averages", family="trend", reads="trend", side=Side.ABOVE, than=0.0,
         strength=Strength(none=0.0, full=0.1)),
    Idea(name="near_high", family="high", reads="distance_from_high", side=Side.AT_LEAST, than=-0.1,
         strength=Strength(none=-0.2, full=0.0)),
    Idea(name="calm", family="risk", reads="volatility", side=Side.AT_MOST, than=0.5,
         strength=Strength(none=0.5, full=0.1)),
    Idea(name="bought_volume", family="volume", reads="volume_balance", side=Side.ABOVE, than=0.0, strength=_RANKED),
    Idea(name="cheap_options", family="volatility", reads="implied_volatility_rank", side=Side.AT_MOST, than=0.5,
         strength=Strength(none=1.0, full=0.0)),
    Idea(name="far_report", family="events", reads="days_to_report", side=Side.AT_LEAST, than=15.0,
         strength=Strength(none=5.0, full=45.0)),
)  # fmt: skip


def compose(lacks: Iterable[str] = (), ideas: Iterable[Idea] = IDEAS) -> tuple[Template, ...]:
    """Every pair of ideas of different families that a source can support, by name.

    lacks  fields that the source does not have
    """
    missing = set(lacks)
    there = [idea for idea in ideas if not KINDS[idea.reads].needs & missing]
    found = [_template(one, other) for one, other in combinations(there, 2) if one.family != other.family]
    return tuple(sorted(found, key=lambda template: template.name))


def _template(one: Idea, other: Idea) -> Template:
    words = [KINDS[idea.reads].words(idea.signal().parameters) for idea in (one, other)]
    return Template(
        name=f"{one.name}+{other.name}",
        kind="generated",
        about=f"Hold where two agree: {words[0]}, and {words[1]}.",
        source="composed from the catalogue of signals; one of many trials",
        rhythm=Rhythm.MONTHLY,
        horizon_days=21,
        confidence_min=0.6,
        signals=(one.signal(), other.signal()),
        enter=(one.condition(), other.condition()),
        rank=Ranking(by="confidence", stay_among=2.0),
        size=Sizing(by=SizedBy.RISK, positions=5, risk=0.01),
    )
