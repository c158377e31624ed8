"""Two series that move together: whether they do, how far apart they are, and how fast they come back.

The residual of one on the other is held against a unit root, as Engle and Granger do; where it has none the two are
cointegrated, and the residual is read as an Ornstein-Uhlenbeck process sampled once a period,

    x(t+1) = b x(t) + noise,   half of a distance is gone after  -ln 2 / ln b  periods.

Sources: Engle and Granger (1987), Econometrica 55; MacKinnon (2010), "Critical Values for Cointegration Tests",
Queen's Economics Department Working Paper 1227, table 2, for two variables and a constant; Uhlenbeck and Ornstein
(1930), Physical Review 36.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray

#: Critical values b0 + b1 / T + b2 / T^2 of the statistic for two variables with a constant, by size of the test.
_CRITICAL = {0.01: (-3.89644, -10.9519, -22.527), 0.05: (-3.33613, -6.1101, -6.823), 0.10: (-3.04445, -4.2412, -2.720)}
PERIODS_MIN = 30
#: What is smaller than this part of a series is its rounding, and what is closer to one than this is one.
_ROUNDING, _ALIKE = 1e-12, 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """y = intercept + slope * x + distance.

    statistic  of the unit root in the distance, the further below its critical value the surer
    half_life  in periods; infinite where the distance does not come back
    distance   (n_periods,) in units of y
    scores     (n_periods,) the distance in its own standard deviations
    """

    intercept: float
    slope: float
    statistic: float
    half_life: float
    distance: FloatArray
    scores: FloatArray

    def cointegrated(self, size: float = 0.05) -> bool:
        """True where the unit root is rejected by a test of that size (0.01, 0.05 or 0.10)."""
        return self.statistic < critical(len(self.distance), size)


def critical(periods: int, size: float = 0.05) -> float:
    """The value below which the statistic of so many periods rejects the unit root."""
    if size not in _CRITICAL:
        raise InputError(f"a test of size {size:g}; give one of {', '.join(f'{each:g}' for each in _CRITICAL)}")
    fixed, first, second = _CRITICAL[size]
    return fixed + first / periods + second / periods**2


def fit(y: ArrayLike, x: ArrayLike) -> Pair:
    """How ``y`` moves with ``x``, (n_periods,) each, by least squares; give logarithms of prices.

    Raises InputError for fewer than 30 periods or a gap, and where the two cannot be told apart or their distance
    cannot be tested: a series that does not move, one that is a copy of the other, and a distance that goes to and
    fro alone or follows exactly from the days before.
    """
    of, by = arrays.vector("y", y), arrays.vector("x", x)
    if len(of) != len(by) or len(of) < PERIODS_MIN:
        raise InputError(f"y has {len(of)} and x {len(by)} periods; give as many of each, and {PERIODS_MIN} at least")
    centered, other = by - by.mean(), of - of.mean()
    spread = float(centered @ centered)
    if not (_moves(by) and _moves(of)):
        raise InputError("one of the two does not move; there is nothing to compare")
    slope = float(centered @ other) / spread
    distance: FloatArray = other - slope * centered
    deviation = float(distance.std(ddof=2))
    if deviation <= _ROUNDING * float(np.abs(of).max()):
        raise InputError("one of the two is a copy of the other; there is no distance between them")
    return Pair(
        intercept=float(of.mean() - slope * by.mean()),
        slope=slope,
        statistic=_unit_root(distance),
        half_life=half_life(distance),
        distance=distance,
        scores=distance / deviation,
    )


def _moves(series: FloatArray) -> bool:
    return float(np.ptp(series)) > _ROUNDING * float(np.abs(series).max())


def half_life(distance: ArrayLike) -> float:
    """Periods in which half of a distance is gone, from the regression of each on the one before.

    Raises InputError for a distance that does not move before its last period.
    """
    x = arrays.vector("distance", distance)
    if len(x) < 3 or not _moves(x[:-1]):
        raise InputError("the distance does not move before its last period; how it comes back cannot be told")
    before, after = x[:-1] - x[:-1].mean(), x[1:] - x[1:].mean()
    keep = float(before @ after) / float(before @ before)
    if keep >= 1.0:
        return math.inf
    return math.log(2.0) / -math.log(keep) if keep > 0.0 else 0.0


def _unit_root(distance: FloatArray) -> float:
    """The augmented Dickey-Fuller statistic with one lag, without a constant: the distance has a mean of zero."""
    change = np.diff(distance)
    design = np.column_stack([distance[1:-1], change[:-1]])
    answer = change[1:]
    products = design.T @ design
    # Two columns that say the same leave nothing to tell a return to the mean from the last change.
    whole = float(products[0, 0] * products[1, 1])
    if whole - float(products[0, 1]) ** 2 <= _ALIKE * whole:
        raise InputError("the distance of the two goes to and fro alone; it cannot be tested")
    gram = np.linalg.inv(products)
    found = gram @ (design.T @ answer)
    left = answer - design @ found
    if float(left @ left) <= _ALIKE**2 * float(answer @ answer):
        raise InputError("the distance of the two follows exactly from the days before; that is no market's")
    error = math.sqrt(float(left @ left) / (len(answer) - 2) * float(gram[0, 0]))
    return float(found[0]) / error
