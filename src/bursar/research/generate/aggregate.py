"""Aggregate: what several templates say of one symbol together.

Each template that chose a symbol is a voice, with the chance of a rise that its record supports. Voices are pooled in
log odds by their weights, as the committee pools its analysts; a template that chose otherwise or abstained says
nothing and adds nothing, so that a symbol which few chose stays near one half.

Source: Genest and Zidek (1986), "Combining Probability Distributions", Statistical Science 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bursar.errors import InputError

#: Chances are kept this far from certainty before their odds are taken.
CERTAIN = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One template's choice. chance: that the symbol rises over the horizon, as the record supports."""

    template: str
    symbol: str
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """What was said of a symbol. chance: pooled; voices: the templates that chose it, by name."""

    symbol: str
    chance: float
    voices: tuple[str, ...]


def aggregate(voices: Iterable[Voice], weights: Mapping[str, float]) -> tuple[Pooled, ...]:
    """The pooled chance of each symbol, the highest first.

    weights  of every template that was asked, whether it chose or not; above zero, in any unit
    """
    total = math.fsum(weights.values())
    if not weights or any(not weight > 0.0 for weight in weights.values()):
        raise InputError("the templates' weights must all lie above 0; leave out who has none")
    said: dict[str, list[Voice]] = {}
    for voice in voices:
        if voice.template not in weights:
            raise InputError(f"{voice.template} chose {voice.symbol} and has no weight; give it one")
        said.setdefault(voice.symbol, []).append(voice)
    found = [
        Pooled(
            symbol=symbol,
            chance=_chance(math.fsum(weights[each.template] / total * _log_odds(each.chance) for each in heard)),
            voices=tuple(sorted(each.template for each in heard)),
        )
        for symbol, heard in said.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.chance, each.symbol)))


def _log_odds(chance: float) -> float:
    if not 0.0 <= chance <= 1.0:
        raise InputError(f"a chance of {chance}; give 0 to 1")
    kept = min(max(chance, CERTAIN), 1.0 - CERTAIN)
    return math.log(kept / (1.0 - kept))


def _chance(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-odds))
