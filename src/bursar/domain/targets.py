"""Targets: the weights that a strategy wants to hold, each with its reason.

Weights are fractions of equity, long positive; what is not given is zero, and the rest is cash.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One wanted weight; ``view_ids`` name the views that it rests on."""

    symbol: str
    weight: float
    reason: str
    strategy: str = ""
    view_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise InputError(f"target weight of {self.symbol} is {self.weight}; give a finite fraction of equity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What a strategy wants to hold from now on, whole: a symbol that is absent is wanted at zero."""

    strategy: str
    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        counted = Counter(target.symbol for target in self.targets)
        twice = sorted(symbol for symbol, times in counted.items() if times > 1)
        if twice:
            raise InputError(f"{self.strategy}: more than one target for {', '.join(twice)}")

    def weight(self, symbol: str) -> float:
        """The wanted weight of ``symbol``; zero when it is not wanted."""
        return next((target.weight for target in self.targets if target.symbol == symbol), 0.0)
