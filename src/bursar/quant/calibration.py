"""Does a confidence of 70 % come true seven times in ten? Scores, curves, and maps that mend it.

A forecast is a probability in [0, 1]; an outcome is 1 where it came true and 0 where not. Accuracy says little of
a forecaster who is asked how sure he is: the Brier score rewards being sure only when right, and splits into how
reliable the probabilities are, how much they resolve, and how uncertain the matter was.

No forecasts give NaN; a map needs at least one outcome of each kind and says so otherwise. A map is to be fitted on
outcomes that its later use does not include.

Sources: Brier (1950); Murphy, "A New Vector Partition of the Probability Score" (1973); Stephenson, Coelho and
Jolliffe, "Two Extra Components in the Brier Score Decomposition" (2008); Platt (1999) as computed by Lin, Lin and
Weng (2007); Zadrozny and Elkan (2002) for isotonic maps; Naeini, Cooper and Hauskrecht (2015) for ECE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray, IntArray, number, vector

BINS = 10
#: A step of a fit that is worse by this part is no worse: sums of thousands of terms are not told apart more finely.
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True)
class BrierParts:
    """The Brier score and what it is made of: score = reliability - resolution + uncertainty, exactly.

    score        mean squared distance of forecast and outcome; 0 is perfect, 0.25 is always saying one half
    reliability  how far the bins' frequencies lie from their forecasts: 0 is calibrated
    resolution   how far the bins' frequencies lie from the overall one, with the spread inside bins: more is better
    uncertainty  of the matter itself: f (1 - f)
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityCurve:
    """Forecast against frequency, for each bin of equal width; NaN where a bin is empty.

    forecast   (n_bins,) mean forecast
    frequency  (n_bins,) share of outcomes that came true
    low, high  (n_bins,) between which the frequency would lie 95 times in 100, were the truth what was seen (Wilson)
    count      (n_bins,) forecasts in the bin
    """

    forecast: FloatArray
    frequency: FloatArray
    low: FloatArray
    high: FloatArray
    count: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class IsotonicMap:
    """A rising line through points: a forecast goes to the frequency found there, between points on a line."""

    forecasts: FloatArray
    frequencies: FloatArray

    def __call__(self, forecasts: ArrayLike) -> FloatArray:
        """Calibrated probabilities of new forecasts; beyond the ends, those of the ends."""
        return np.asarray(np.interp(_probabilities("forecasts", forecasts), self.forecasts, self.frequencies))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlattMap:
    """1 / (1 + exp(-(slope x score + intercept))). Scores may be any number: probabilities, log odds, margins."""

    slope: float
    intercept: float

    def __call__(self, scores: ArrayLike) -> FloatArray:
        """Calibrated probabilities of new scores."""
        return _logistic(self.slope * vector("scores", scores) + self.intercept)

    def of(self, score: float) -> float:
        """Calibrated probability of one new score."""
        return float(_logistic(np.asarray(self.slope * number("score", score) + self.intercept)))


def brier_score(forecasts: ArrayLike, outcomes: ArrayLike) -> float:
    """Mean of (forecast - outcome) squared."""
    probability, came_true = _pair(forecasts, outcomes)
    return float(np.mean((probability - came_true) ** 2)) if probability.size else math.nan


def brier_parts(forecasts: ArrayLike, outcomes: ArrayLike, *, bins: int = BINS) -> BrierParts:
    """The score split over bins of equal width.

    Binning hides what varies inside a bin; that part is counted to the resolution, so that the sum is exact.
    """
    probability, came_true = _pair(forecasts, outcomes)
    if probability.size == 0:
        return BrierParts(score=math.nan, reliability=math.nan, resolution=math.nan, uncertainty=math.nan)
    curve = reliability_curve(probability, came_true, bins=bins)
    share = curve.count / probability.size
    base = float(came_true.mean())
    used = curve.count > 0
    reliability = float(share[used] @ (curve.forecast - curve.frequency)[used] ** 2)
    between = float(share[used] @ (curve.frequency[used] - base) ** 2)
    place = _bin_of(probability, bins)
    inner_forecast = probability - curve.forecast[place]
    inner_outcome = came_true - curve.frequency[place]
    inside = float(np.mean(inner_forecast**2) - 2.0 * np.mean(inner_forecast * inner_outcome))
    return BrierParts(
        score=brier_score(probability, came_true),
        reliability=reliability,
        resolution=between - inside,
        uncertainty=base * (1.0 - base),
    )


def reliability_curve(forecasts: ArrayLike, outcomes: ArrayLike, *, bins: int = BINS) -> ReliabilityCurve:
    """What each bin of forecasts came to."""
    probability, came_true = _pair(forecasts, outcomes)
    place = _bin_of(probability, bins)
    count = np.bincount(place, minlength=bins)
    nothing = np.full(bins, np.nan)
    filled = count > 0
    forecast = np.divide(np.bincount(place, probability, bins), count, out=nothing.copy(), where=filled)
    frequency = np.divide(np.bincount(place, came_true, bins), count, out=nothing.copy(), where=filled)
    low, high = _wilson(frequency, count, filled)
    return ReliabilityCurve(forecast=forecast, frequency=frequency, low=low, high=high, count=count.astype(np.int64))


def calibration_error(forecasts: ArrayLike, outcomes: ArrayLike, *, bins: int = BINS) -> float:
    """Expected calibration error: the mean distance of forecast and frequency over bins, weighted by their counts."""
    curve = reliability_curve(forecasts, outcomes, bins=bins)
    total = int(curve.count.sum())
    used = curve.count > 0
    gaps = np.abs(curve.forecast - curve.frequency)[used]
    return float(curve.count[used] @ gaps) / total if total else math.nan


def fit_isotonic(forecasts: ArrayLike, outcomes: ArrayLike) -> IsotonicMap:
    """The rising map with the least squared error (pool adjacent violators)."""
    probability, came_true = _pair(forecasts, outcomes)
    _both_kinds(came_true)
    points, place, counts = np.unique(probability, return_inverse=True, return_counts=True)
    means = np.bincount(place, came_true) / counts
    first: list[int] = []
    value: list[float] = []
    weight: list[float] = []
    for i, (mean, count) in enumerate(zip(means.tolist(), counts.tolist(), strict=True)):
        start, level, mass = i, mean, float(count)
        while value and value[-1] >= level:
            start = first.pop()
            earlier, before = value.pop(), weight.pop()
            level, mass = (earlier * before + level * mass) / (before + mass), before + mass
        first.append(start)
        value.append(level)
        weight.append(mass)
    last = [*(start - 1 for start in first[1:]), points.size - 1]
    # A pooled block is level between its ends; a block of one forecast is a single point.
    corners = [(at, level) for a, b, level in zip(first, last, value, strict=True) for at in sorted({a, b})]
    return IsotonicMap(
        forecasts=points[[at for at, _ in corners]], frequencies=np.array([level for _, level in corners])
    )


def fit_platt(scores: ArrayLike, outcomes: ArrayLike) -> PlattMap:
    """The likeliest logistic curve through outcomes, drawn a little to the middle as Platt proposed.

    With n1 true and n0 false outcomes the targets are (n1 + 1) / (n1 + 2) and 1 / (n0 + 2), so that perfectly
    separated scores still give a finite curve.
    """
    score = vector("scores", scores)
    came_true = _outcomes(outcomes, score.size)
    _both_kinds(came_true)
    hits = float(came_true.sum())
    misses = came_true.size - hits
    target = np.where(came_true > 0.0, (hits + 1.0) / (hits + 2.0), 1.0 / (misses + 2.0))
    # Newton on centered, scaled scores: the same curve, whatever the unit of the score.
    center, scale = float(score.mean()), float(score.std()) or 1.0
    unit = (score - center) / scale
    slope, intercept = 0.0, math.log((hits + 1.0) / (misses + 1.0))
    best = _cross_entropy(slope * unit + intercept, target)
    for _ in range(100):
        probability = _logistic(slope * unit + intercept)
        gap, curvature = target - probability, probability * (1.0 - probability)
        gradient = np.array([gap @ unit, gap.sum()])
        if np.abs(gradient).max() <= 1e-11 * score.size:
            break
        bend = np.array([[curvature @ unit**2, curvature @ unit], [curvature @ unit, curvature.sum()]])
        bend.flat[::3] += 1e-12 * (1.0 + bend.flat[::3])
        step = np.linalg.solve(bend, gradient)
        length = 1.0
        while (
            reached := _cross_entropy((slope + length * step[0]) * unit + intercept + length * step[1], target)
        ) > best + ROUNDING * abs(best) and length > 1e-10:
            length *= 0.5
        slope, intercept, best = slope + length * float(step[0]), intercept + length * float(step[1]), reached
    return PlattMap(slope=slope / scale, intercept=intercept - slope * center / scale)


def _cross_entropy(log_odds: FloatArray, target: FloatArray) -> float:
    return float(np.sum(np.logaddexp(0.0, log_odds) - target * log_odds))


def _logistic(log_odds: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)))


def _bin_of(probability: FloatArray, bins: int) -> IntArray:
    if bins != int(bins) or bins < 1:
        raise InputError(f"bins is {bins}; a whole number, at least 1, is needed")
    return np.minimum((probability * bins).astype(np.int64), bins - 1)


def _wilson(
    frequency: FloatArray, count: IntArray, filled: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> tuple[FloatArray, FloatArray]:
    z = 1.959963984540054  # the normal's 97.5 % point
    n = np.where(filled, count, 1).astype(np.float64)
    middle = (frequency + z**2 / (2.0 * n)) / (1.0 + z**2 / n)
    half = z / (1.0 + z**2 / n) * np.sqrt(frequency * (1.0 - frequency) / n + z**2 / (4.0 * n**2))
    return middle - half, middle + half


def _pair(forecasts: ArrayLike, outcomes: ArrayLike) -> tuple[FloatArray, FloatArray]:
    probability = _probabilities("forecasts", forecasts)
    return probability, _outcomes(outcomes, probability.size)


def _probabilities(name: str, values: ArrayLike) -> FloatArray:
    row = vector(name, values)
    wrong = (row < 0.0) | (row > 1.0)
    if wrong.any():
        i = int(wrong.argmax())
        raise InputError(f"{name}[{i}] is {row[i]:g}; a probability lies between 0 and 1")
    return row


def _outcomes(outcomes: ArrayLike, length: int) -> FloatArray:
    row = vector("outcomes", outcomes, length=length)
    wrong = (row != 0.0) & (row != 1.0)
    if wrong.any():
        i = int(wrong.argmax())
        raise InputError(f"outcomes[{i}] is {row[i]:g}; an outcome is 1 where it came true and 0 where not")
    return row


def _both_kinds(came_true: FloatArray) -> None:
    if came_true.size == 0 or came_true.min() == came_true.max():
        kind = f"all {came_true[0]:g}" if came_true.size else "none"
        raise InputError(f"outcomes are {kind}; a map needs at least one that came true and one that did not")
