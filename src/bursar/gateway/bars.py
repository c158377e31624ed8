"""Daily bars that a simulated way must keep to: it begins at the open, ends at the close, and touches high and low.

Where only closes are known a day may go anywhere. Where the bar is known, a way that leaves it would contradict the
very data that decisions are made on: a stop that the real day never reached would be hit, or one that it did would not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bursar.errors import InputError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """(n_days, n_instruments) each, in the money of the closes; NaN where a bar is not known.

    volume  shares of the day; None where nobody knows them
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    volume: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("high", "low", "volume"):
            values: FloatArray | None = getattr(self, name)
            if values is not None and values.shape != self.open.shape:
                raise InputError(f"{name} of shape {values.shape} does not fit opens of shape {self.open.shape}")
        if np.any(self.low > self.high * (1.0 + 1e-9)):
            row, column = np.argwhere(self.low > self.high * (1.0 + 1e-9))[0]
            raise InputError(
                f"bar {row} of instrument {column} has its low, {self.low[row, column]:g}, above its high, "
                f"{self.high[row, column]:g}"
            )


def touching(way: FloatArray, high: FloatArray, low: FloatArray) -> FloatArray:
    """The way, (prints, n) in logarithms, stretched so that it touches ``high`` and ``low`` and leaves neither, (n,).

    What lies above both ends is stretched or shrunk toward the high, what lies below them toward the low; where nothing
    does, one print on the way is set there. Ends stay where they are. NaN for a bar leaves its way alone; so does a day
    of fewer than four prints, which has no room for two extremes.
    """
    prints, columns = way.shape
    if prints < 4:
        return way
    touched = way.copy()
    top, bottom = np.maximum(way[0], way[-1]), np.minimum(way[0], way[-1])
    for column in range(columns):
        if not (np.isfinite(high[column]) and np.isfinite(low[column])):
            continue
        inside = touched[1:-1, column]
        highest, lowest = int(np.argmax(inside)), int(np.argmin(inside))
        if highest == lowest:  # a way that stands still
            lowest = 1 - highest if highest < 2 else 0
        ceiling, floor = max(float(high[column]), top[column]), min(float(low[column]), bottom[column])
        _stretch(inside, highest, top[column], ceiling, above=True)
        _stretch(inside, lowest, bottom[column], floor, above=False)
    return touched


def _stretch(inside: FloatArray, furthest: int, end: float, extreme: float, *, above: bool) -> None:
    """Move what lies beyond ``end`` so that its furthest print is at ``extreme``, in place."""
    reach = inside[furthest] - end
    if (reach > 0.0) if above else (reach < 0.0):
        beyond = inside > end if above else inside < end
        inside[beyond] = end + (inside[beyond] - end) * ((extreme - end) / reach)
    inside[furthest] = extreme


def shared(volume: FloatArray, weights: FloatArray) -> FloatArray:
    """A day's ``volume``, (n,), shared over its prints by ``weights``, (prints, n)."""
    parts: FloatArray = volume * weights / weights.sum(axis=0)
    return parts
