"""What the last sessions say of an account, moved along with the few positions that a basket changes.

The account as it is, is worked out once, with arrays. What a basket makes of it follows from the weights that change
alone, in plain floats: for one order that is a few numbers, and the first array call among other work costs more than
all of the rules of conduct together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bursar.quant.arrays import FloatArray, matrix, vector


class Past:
    """An account's history at the weights that it has now.

    returns, covariance  as in ``Exposure``; weights (n,), all finite

    Raises InputError where an entry is no finite number.
    """

    __slots__ = ("_alone", "_columns", "_covariance", "_profits", "_returns", "_slopes", "_variance", "_weights")

    def __init__(self, returns: FloatArray | None, covariance: FloatArray | None, weights: FloatArray) -> None:
        self._returns, self._covariance, self._weights = returns, covariance, weights.tolist()
        self._profits: list[float] = [] if returns is None else (matrix("returns", returns) @ weights).tolist()
        slopes = None if covariance is None else vector("covariance times weights", covariance @ weights)
        self._slopes = slopes
        self._variance = 0.0 if slopes is None else float(slopes @ weights)
        deviations = np.zeros(1) if covariance is None else np.sqrt(np.maximum(covariance.diagonal(), 0.0))
        self._alone: list[float] = (np.abs(weights) * deviations).tolist()
        # Columns of returns that were asked for: most accounts are asked about few of theirs, again and again.
        self._columns: dict[int, list[float]] = {}

    def deviation(self, moves: Mapping[int, float]) -> float | None:
        """Of a day's return, once the weights at the places of ``moves`` have changed by so much; None: not known."""
        slopes, covariance = self._slopes, self._covariance
        if slopes is None or covariance is None:
            return None
        variance = self._variance
        for place, move in moves.items():
            variance += 2.0 * move * slopes.item(place)
            for other, change in moves.items():
                variance += move * change * covariance.item(place, other)
        return math.sqrt(max(variance, 0.0))

    def correlation(self, moves: Mapping[int, float], deviation: float | None) -> float | None:
        """The one correlation between positions that ``deviation`` implies, which the same changes lead to.

        None where it is not known, and where fewer than two positions vary.
        """
        covariance = self._covariance
        if deviation is None or covariance is None:
            return None
        alone = self._alone.copy()
        for place, move in moves.items():
            alone[place] = abs(self._weights[place] + move) * math.sqrt(max(covariance.item(place, place), 0.0))
        apart, most = sum([part * part for part in alone]), sum(alone) ** 2
        # What is left of a difference of equal sums is rounding.
        return None if most - apart <= 1e-12 * most else (deviation * deviation - apart) / (most - apart)

    def profits(self, moves: Mapping[int, float]) -> list[float]:
        """The account's return on each day, oldest first, after the same changes; none where none are known."""
        profits, returns = self._profits, self._returns
        if returns is None:
            return profits
        for place, move in moves.items():
            column = self._columns.get(place)
            if column is None:
                column = self._columns[place] = returns[:, place].tolist()
            profits = [profit + move * earned for profit, earned in zip(profits, column, strict=True)]
        return profits
