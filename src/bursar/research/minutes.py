"""The minutes of a committee's meeting: five steps, a verdict on every symbol, and who said what.

A value that can be kept, compared and printed; ``reasoning`` is the meeting in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from bursar.domain.committee import Action, Step
from bursar.domain.views import Abstention, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One analyst's part in one verdict.

    weight       its share of the committee's, whether it voted or not
    probability  of a rise, calibrated; NaN where it abstained
    calibrated   whether its confidence was corrected by what came of earlier votes
    said         its view or abstention; None where it was not heard at all
    """

    analyst: str
    weight: float
    probability: float
    calibrated: bool
    said: View | Abstention | None

    @property
    def voted(self) -> bool:
        """Whether it has a view."""
        return isinstance(self.said, View)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the committee thinks of one symbol, and wants done.

    confidence              0 to 100: the probability in percent that the pooled direction is right; 0 without a quorum
    probability             of a rise, pooled; one half without a quorum
    expected_excess_return  over the committee's horizon
    coverage                share of the weight that voted, 0 to 1
    sources                 distinct sources that the views rest on
    reason                  of the action, in words
    """

    symbol: str
    action: Action
    confidence: int
    probability: float
    expected_excess_return: float
    coverage: float
    sources: int
    reason: str
    voices: tuple[Voice, ...]

    @property
    def direction(self) -> int:
        """1 for bullish, -1 for bearish, 0 where there is none."""
        return (self.probability > 0.5) - (self.probability < 0.5)

    @property
    def dissent(self) -> tuple[Voice, ...]:
        """Those who voted the other way."""
        return tuple(
            voice for voice in self.voices if voice.voted and (voice.probability - 0.5) * (self.probability - 0.5) < 0.0
        )

    @property
    def view_ids(self) -> tuple[str, ...]:
        """The views that it follows from."""
        return tuple(voice.said.view_id for voice in self.voices if isinstance(voice.said, View))


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes:
    """One meeting. steps: in their order; verdicts: one a symbol of the market, in alphabetical order."""

    at: datetime
    steps: tuple[Step, ...]
    verdicts: tuple[Verdict, ...]

    def verdict(self, symbol: str) -> Verdict:
        """The verdict on ``symbol``. Raises KeyError where it was not on the agenda."""
        return {verdict.symbol: verdict for verdict in self.verdicts}[symbol]

    def reasoning(self) -> str:
        """The meeting in words, to be printed: what could control a terminal, in words from elsewhere, is taken out."""
        lines = [f"Committee of {self.at:%Y-%m-%d %H:%M} UTC"]
        for number, step in enumerate(self.steps, 1):
            lines.append(f"{number}. {step.name}: {step.summary}")
            lines += [f"   - {symbol}: {why}" for symbol, why in step.dropped.items()]
        for verdict in self.verdicts:
            lines += _told(verdict)
        return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines)


def _told(verdict: Verdict) -> list[str]:
    lines = [
        f"{verdict.symbol}: {verdict.action.upper()}, confidence {verdict.confidence}; {verdict.reason}",
        f"   expects {verdict.expected_excess_return:+.2%}, coverage {verdict.coverage:.0%}, {verdict.sources} sources",
    ]
    against = {voice.analyst for voice in verdict.dissent}
    for voice in verdict.voices:
        mark = "against" if voice.analyst in against else "for" if voice.voted else "absent"
        lines.append(f"   {voice.analyst} ({voice.weight:.0%}, {mark}): {_words(voice)}")
        if isinstance(voice.said, View):
            lines += [f"      {each.statement} [{each.source}]" for each in voice.said.evidence]
    return lines


def _words(voice: Voice) -> str:
    if isinstance(voice.said, Abstention):
        return f"abstains, {voice.said.reason}"
    if voice.said is None or math.isnan(voice.probability):
        return "was not heard"
    stated = "" if voice.calibrated else ", not calibrated"
    return (
        f"{voice.probability:.0%} for a rise{stated}, expects {voice.said.expected_excess_return:+.2%} "
        f"in {voice.said.horizon_days} days"
    )
