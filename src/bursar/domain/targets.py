"""Targets: the weights that a strategy wants to hold, each with its reason, and what kept others from being larger.

Weights are fractions of equity, long positive; what is not given is zero, and the rest is cash.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

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


class Unit(StrEnum):
    """What a figure that bound is counted in: fractions are shown in percent, money in the base currency."""

    FRACTION = "fraction"
    NUMBER = "number"
    MONEY = "money"
    DAYS = "days"


class Bound(NamedTuple):
    """One step that left a symbol with less than was wished, or with nothing, and the figure that bound.

    step           a condition, "confidence", "rank", "position", "sector", "invested", "calm", "near", "pace" ...
    measured       against ``limit``, in ``unit``; None where it could not be told
    before, after  weights on both sides of the step, fractions of equity; before a choice there is no weight: both 0

    A named tuple, for a decision makes one for nearly every symbol that it leaves out.
    """

    symbol: str
    step: str
    measured: float | None
    limit: float | None
    unit: Unit
    before: float
    after: float
    says: str


class Trim(NamedTuple):
    """One step between a target and its order: what of the trade was left out, and the figure that bound.

    before, after  shares to trade on both sides of the step, signed
    """

    symbol: str
    step: str
    measured: Decimal
    limit: Decimal
    unit: Unit
    before: Decimal
    after: Decimal
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What a strategy wants to hold from now on, whole: a symbol that is absent is wanted at zero.

    bounds  what stood between the wishes and these targets, in the order of the steps
    """

    strategy: str
    targets: tuple[Target, ...]
    bounds: tuple[Bound, ...] = ()

    def __post_init__(self) -> None:
        counted = Counter(target.symbol for target in self.targets)
        twice = sorted(symbol for symbol, times in counted.items() if times > 1)
        if twice:
            raise InputError(f"{self.strategy}: more than one target for {', '.join(twice)}")

    def weight(self, symbol: str) -> float:
        """The wanted weight of ``symbol``; zero when it is not wanted."""
        return next((target.weight for target in self.targets if target.symbol == symbol), 0.0)
