"""Value at risk and expected shortfall, four ways.

    historical        the observations as they are (performance.value_at_risk, performance.expected_shortfall)
    filtered          observations brought to today's volatility: what history would have done in today's market
    parametric        a Student t fitted by maximum likelihood: fat tails, or a normal where its tails are thin
    monte_carlo       a portfolio of jointly t-distributed assets over several days, with the error of the simulation

Both figures are losses as positive fractions over one period (or the horizon). Too few observations give NaN; how
many are needed is said beside each. Whether a model keeps its word is asked in `tailtests`.

Sources: Barone-Adesi, Giannopoulos and Vosper, "VaR without correlations" (1999) for the filter; RiskMetrics
Technical Document (1996) for its decay; McNeil, Frey and Embrechts, "Quantitative Risk Management" (2015),
section 2.3.4, for the shortfall of a t distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant import performance
from bursar.quant.arrays import FloatArray, covariance, number, vector

# A t with more degrees of freedom than this cannot be told from a normal by any history that one has.
DEGREES_MOST = 200.0
DEGREES_LEAST = 2.05  # the variance is infinite at 2
OBSERVATIONS_TO_FIT = 60
OBSERVATIONS_TO_FILTER = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Loss that a share `level` of periods does not exceed, and the mean loss of the rest; positive is a loss.

    The two errors are standard errors of a simulation; zero where nothing was simulated.
    """

    level: float
    value_at_risk: float
    expected_shortfall: float
    value_at_risk_error: float = 0.0
    expected_shortfall_error: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentT:
    """Location, scale (not standard deviation) and degrees of freedom; infinite degrees are a normal."""

    location: float
    scale: float
    degrees: float

    def tail(self, level: float) -> Tail:
        """Value at risk and expected shortfall of the distribution itself."""
        quantile, shortfall = unit_tail(level, self.degrees)
        return Tail(
            level=level,
            value_at_risk=-self.location + self.scale * quantile,
            expected_shortfall=-self.location + self.scale * shortfall,
        )


def historical(returns: ArrayLike, level: float = 0.95) -> Tail:
    """The tail of the observations themselves; needs 1 / (1 - level) of them."""
    row = vector("returns", returns)
    return Tail(
        level=level,
        value_at_risk=performance.value_at_risk(row, level),
        expected_shortfall=performance.expected_shortfall(row, level),
    )


def filtered_historical(returns: ArrayLike, level: float = 0.95, *, decay: float = 0.94) -> Tail:
    """The historical tail of returns divided by the volatility of their day and multiplied by today's.

    decay  of the exponentially weighted variance: yesterday's weighs `decay`, its square 1 - decay

    The first sixty observations (OBSERVATIONS_TO_FILTER) start the variance and are not used themselves, so the
    tail needs that many more than `historical`.
    """
    row = vector("returns", returns)
    deviations = ewma_volatility(row, decay)
    used = deviations[:-1] > 0.0
    used[:OBSERVATIONS_TO_FILTER] = False
    standardized = row[used] / deviations[:-1][used]
    today = float(deviations[-1]) if row.size else math.nan
    ordered = vector("returns", standardized * today) if standardized.size else standardized
    # A day may lose more than everything once it is scaled; the loss is a loss all the same, but not below -1.
    return historical(np.maximum(ordered, -1.0), level)


def ewma_volatility(returns: ArrayLike, decay: float = 0.94) -> FloatArray:
    """Standard deviation forecast for each period from those before it, and one more for the next.

    Returns  (n_periods + 1,); entry t knows returns[:t] only. The first sixty entries hold the root mean square of
             the first sixty returns (or of all, where there are fewer): a start, not a forecast
    """
    row = vector("returns", returns)
    keep = number("decay", decay, above=0.0, below=1.0)
    from bursar.quant.kernels.tails import ewma_variance  # numba loads on first use

    variances = np.empty(row.size + 1)
    start = float(np.mean(row[:OBSERVATIONS_TO_FILTER] ** 2)) if row.size else math.nan
    ewma_variance(row, keep, start, min(OBSERVATIONS_TO_FILTER, row.size), variances)
    return np.asarray(np.sqrt(variances))


def parametric(returns: ArrayLike, level: float = 0.95) -> Tail:
    """The tail of a Student t fitted to the returns; NaN with fewer than sixty (OBSERVATIONS_TO_FIT)."""
    return fit_student_t(returns).tail(level)


def fit_student_t(returns: ArrayLike) -> StudentT:
    """Location, scale and degrees of freedom of the likeliest t distribution.

    Degrees are sought from 2.05, near which the variance ceases to exist, to 200, which is reported as infinite: a
    normal. Constant returns have scale zero. Fewer than sixty observations give NaN: they say nothing of a tail.
    """
    row = vector("returns", returns)
    if row.size < OBSERVATIONS_TO_FIT:
        return StudentT(location=math.nan, scale=math.nan, degrees=math.nan)
    if row.max() == row.min():
        return StudentT(location=float(row[0]), scale=0.0, degrees=math.inf)
    # The likelihood has one top in log degrees for each location and scale: golden section outside, EM inside.
    low, high = math.log(DEGREES_LEAST), math.log(DEGREES_MOST)
    ratio = (math.sqrt(5.0) - 1.0) / 2.0
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    value_left, value_right = _profile(row, left)[0], _profile(row, right)[0]
    while high - low > 1e-6:
        if value_left >= value_right:
            high, right, value_right = right, left, value_left
            left = high - ratio * (high - low)
            value_left = _profile(row, left)[0]
        else:
            low, left, value_left = left, right, value_right
            right = low + ratio * (high - low)
            value_right = _profile(row, right)[0]
    degrees = math.exp(0.5 * (low + high))
    if degrees > 0.99 * DEGREES_MOST:
        return StudentT(location=float(row.mean()), scale=float(row.std()), degrees=math.inf)
    _, location, scale = _profile(row, math.log(degrees))
    return StudentT(location=location, scale=scale, degrees=degrees)


def monte_carlo(
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    generator: np.random.Generator,
    *,
    level: float = 0.95,
    degrees: float = math.inf,
    periods: int = 1,
    draws: int = 100_000,
) -> Tail:
    """The tail of a portfolio held over `periods`, simulated, with the standard error of each figure.

    weights      (n_assets,) shares of the portfolio, not rebalanced on the way; the rest is cash at zero
    means        (n_assets,) of the simple return of one period
    covariances  (n_assets, n_assets) of one period; the t is scaled to have exactly these
    degrees      of freedom of a multivariate t, above 2; infinite is normal. One divisor strikes all assets in a
                 period, so that they fall together in its tail
    draws        paths, in antithetic pairs

    Memory is draws x n_assets numbers. Errors come from twenty batches of paths.
    """
    means_row = vector("means", means)
    held = vector("weights", weights, length=means_row.size)
    table = covariance("covariances", covariances, size=means_row.size)
    number("level", level, above=0.0, below=1.0)
    freedom = math.inf if degrees == math.inf else number("degrees", degrees, above=2.0)
    batch = _paths_in_batch(draws, level, periods)
    root = _root(table)
    profits = np.concatenate(
        [_simulated(held, means_row, root, generator, freedom, periods, batch) for _ in range(BATCHES)]
    )
    values = [_tail_of(chunk, level) for chunk in profits.reshape(BATCHES, batch)]
    errors = np.std(values, axis=0, ddof=1) / math.sqrt(BATCHES)
    value_at_risk, shortfall = _tail_of(profits, level)
    return Tail(
        level=level,
        value_at_risk=value_at_risk,
        expected_shortfall=shortfall,
        value_at_risk_error=float(errors[0]),
        expected_shortfall_error=float(errors[1]),
    )


def unit_tail(level: float, degrees: float) -> tuple[float, float]:
    """Value at risk and expected shortfall of a t with location 0 and scale 1; a normal at infinite degrees."""
    tail = 1.0 - number("level", level, above=0.0, below=1.0)
    if math.isnan(degrees):
        return math.nan, math.nan
    from scipy import special  # type: ignore[import-untyped]  # ships no types; loads on first use

    if math.isinf(degrees):
        quantile = -float(special.ndtri(tail))
        return quantile, math.exp(-0.5 * quantile**2) / math.sqrt(2.0 * math.pi) / tail
    quantile = -float(special.stdtrit(degrees, tail))
    density = (
        math.exp(math.lgamma(0.5 * (degrees + 1.0)) - math.lgamma(0.5 * degrees))
        / math.sqrt(degrees * math.pi)
        * (1.0 + quantile**2 / degrees) ** (-0.5 * (degrees + 1.0))
    )
    return quantile, density / tail * (degrees + quantile**2) / (degrees - 1.0)


BATCHES = 20


def _paths_in_batch(draws: int, level: float, periods: int) -> int:
    if periods < 1 or periods != int(periods):
        raise InputError(f"periods is {periods}; a whole number, at least 1, is needed")
    batch = int(draws) // BATCHES // 2 * 2
    if batch * (1.0 - level) < 1.0:
        least = BATCHES * (math.ceil(1.0 / (1.0 - level)) + 1)
        raise InputError(f"draws is {draws}; at least {least} are needed to see beyond level {level:g}")
    return batch


def _simulated(
    weights: FloatArray,
    means: FloatArray,
    root: FloatArray,
    generator: np.random.Generator,
    degrees: float,
    periods: int,
    paths: int,
) -> FloatArray:
    """Profit of each path, as a fraction: half the paths mirror the other half's shocks."""
    growth = np.ones((paths, weights.size))
    for _ in range(periods):
        normal = generator.standard_normal((paths // 2, weights.size)) @ root.T
        if not math.isinf(degrees):
            divisor = np.sqrt(generator.chisquare(degrees, paths // 2) / (degrees - 2.0))
            normal /= divisor[:, np.newaxis]
        shocks = np.concatenate([normal, -normal])
        growth *= np.maximum(1.0 + means + shocks, 0.0)  # no asset loses more than itself
    return np.asarray((growth - 1.0) @ weights)


def _tail_of(profits: FloatArray, level: float) -> tuple[float, float]:
    # A short or levered portfolio may lose more than everything, which the metrics of returns refuse: halve the
    # profits until they fit, and double the losses again.
    scale = max(1.0, -float(profits.min()))
    row = profits / scale
    return scale * performance.value_at_risk(row, level), scale * performance.expected_shortfall(row, level)


def _root(table: FloatArray) -> FloatArray:
    """A square root of a covariance that may be singular."""
    values, vectors = np.linalg.eigh(table)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _profile(row: FloatArray, log_degrees: float) -> tuple[float, float, float]:
    """Mean log-likelihood at these degrees, with the likeliest location and scale."""
    degrees = math.exp(log_degrees)
    location, square = float(np.median(row)), float(row.var())
    for _ in range(200):
        distance = (row - location) ** 2
        pull = (degrees + 1.0) / (degrees + distance / square)
        moved = float(pull @ row / pull.sum())
        narrowed = float(pull @ (row - moved) ** 2 / pull.sum())  # the faster form of Kent, Tyler and Vardi (1994)
        settled = abs(moved - location) <= 1e-12 * math.sqrt(square) and abs(narrowed - square) <= 1e-12 * square
        location, square = moved, narrowed
        if settled:
            break
    shape = math.lgamma(0.5 * (degrees + 1.0)) - math.lgamma(0.5 * degrees) - 0.5 * math.log(degrees * math.pi * square)
    fit = np.log1p((row - location) ** 2 / (degrees * square)).mean()
    return shape - 0.5 * (degrees + 1.0) * float(fit), location, math.sqrt(square)
