"""What a market is made from, and the chance that each part of it draws from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bursar.errors import InputError

Days = NDArray[np.datetime64]

#: Sizes beyond which nobody meant it: a day and a symbol take some hundred bytes while they are made.
SYMBOLS_MAX, DAYS_MAX = 5_000, 25_000
SEED_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """What to make.

    days         (n_days,) datetime64[D], rising: the sessions of an exchange
    symbols      how many companies
    signal       correlation that a planted feature has with the return of the next ``signal_days`` days; None plants
                 none. The market is the same either way
    """

    days: Days
    symbols: int = 500
    seed: int = 7
    signal: float | None = None
    signal_days: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.symbols <= SYMBOLS_MAX:
            raise InputError(f"a market of {self.symbols} symbols cannot be made; give 1 to {SYMBOLS_MAX:,}")
        if not 0 <= self.seed <= SEED_MAX:
            raise InputError(f"seed is {self.seed}; give 0 to {SEED_MAX:,}")
        if not 2 <= len(self.days) <= DAYS_MAX:
            raise InputError(f"a market of {len(self.days)} days cannot be made; give 2 to {DAYS_MAX:,}")
        if np.any(np.diff(self.days) <= np.timedelta64(0)):
            raise InputError("the days of a market must rise, each once")
        if self.signal is not None and not -1.0 <= self.signal <= 1.0:
            raise InputError(f"a signal with correlation {self.signal} cannot be planted; give -1 to 1")
        if not 1 <= self.signal_days < len(self.days):
            raise InputError(f"signal_days is {self.signal_days}; give 1 to fewer than the {len(self.days)} days")

    @property
    def shape(self) -> tuple[int, int]:
        """Days by symbols."""
        return len(self.days), self.symbols

    def chance(self, part: str) -> np.random.Generator:
        """A generator of its own for each part: one that draws more than before leaves the others alone."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, *part.encode()])))
