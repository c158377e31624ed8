"""Signals from outside: what a person, a program or a vendor thinks of a symbol.

A signal comes in through the same door as an analyst's view: it is journalled, it needs a horizon, a confidence
and a reason, it counts as one source of its own, and it is scored by what comes of it. It is text from
strangers: shown with care, and never obeyed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bursar.errors import InputError

#: What a source may be called, and how long a reason may be.
SOURCE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
REASON_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One opinion from outside.

    signal_id               unique among those of its source: a repetition is recognized and not counted twice
    expected_excess_return  over the horizon, above cash; its sign is the direction
    confidence              0 to 1: the probability that the sign is right
    issued                  when its source says that it was made, which is when it could first be known
    """

    signal_id: str
    source: str
    symbol: str
    horizon_days: int
    expected_excess_return: float
    confidence: float
    issued: datetime
    reason: str

    def __post_init__(self) -> None:
        name = f"signal {self.signal_id!r}"
        if not SOURCE.fullmatch(self.source):
            raise InputError(
                f"{name}: its source is {self.source!r}; give up to 32 small letters, digits, - and _, a letter first"
            )
        if not re.fullmatch(r"[\w.:-]{1,64}", self.signal_id):
            raise InputError(f"{name}: give an id of up to 64 letters, digits, and . : - _")
        if not 0.0 <= self.confidence <= 1.0:
            raise InputError(f"{name}: its confidence is {self.confidence}; give 0 to 1")
        if not math.isfinite(self.expected_excess_return) or abs(self.expected_excess_return) > 1.0:
            raise InputError(f"{name}: it expects {self.expected_excess_return}; give a fraction from -1 to 1")
        if not 1 <= self.horizon_days <= 1260:
            raise InputError(f"{name}: its horizon is {self.horizon_days} days; give 1 to 1260")
        if not self.reason.strip() or len(self.reason) > REASON_MAX:
            raise InputError(f"{name}: give a reason of at most {REASON_MAX} letters; without one nobody can judge it")
        if self.issued.utcoffset() != timedelta(0):
            raise InputError(f"{name}: issued is {self.issued}; give it in UTC")
