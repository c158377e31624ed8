"""Does a risk model keep its word? Back-tests of value at risk and expected shortfall, each with its power.

An exception is a period that lost more than the value at risk forecast for it. The forecasts must be those made
before the period, for the portfolio frozen over it.

    kupiec              is the number of exceptions right?
    christoffersen      do they come in clusters?
    shortfall_test      are the losses beyond the value at risk as large as forecast?

A test that cannot see a wrong model is no comfort, so each has a function that says how often it would: with 250
days at 99 %, Kupiec's test misses a model that is wrong by half more often than not.

Sources: Kupiec, "Techniques for Verifying the Accuracy of Risk Measurement Models" (1995); Christoffersen,
"Evaluating Interval Forecasts" (1998); Acerbi and Szekely, "Back-testing expected shortfall" (2014), test 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant.arrays import BoolArray, FloatArray, number, vector
from bursar.quant.tails import unit_tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A test's statistic and how likely a right model is to show one at least as bad; NaN where nothing can be said."""

    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """Christoffersen's two questions.

    independence  is an exception as likely after an exception as after none?
    coverage      that, and the number of exceptions, together
    """

    independence: Verdict
    coverage: Verdict


def exceptions(returns: ArrayLike, value_at_risk: ArrayLike) -> BoolArray:
    """True where a period lost more than was forecast. Both (n_periods,); the forecast is a positive loss."""
    row = vector("returns", returns)
    return np.asarray(-row > vector("value_at_risk", value_at_risk, length=row.size))


def kupiec(count: int, periods: int, level: float) -> Verdict:
    """Likelihood ratio of the observed rate of exceptions against 1 - level; chi-squared with one degree.

    count    exceptions seen
    periods  in which they were seen; none gives NaN
    """
    rate = 1.0 - number("level", level, above=0.0, below=1.0)
    if not 0 <= count <= periods:
        raise InputError(f"count is {count} of {periods} periods; it lies between none and all of them")
    if periods == 0:
        return Verdict(statistic=math.nan, p_value=math.nan)
    ratio = float(_coverage_ratios(np.array([count]), periods, rate)[0])
    return Verdict(statistic=ratio, p_value=_chi_squared_tail(ratio, 1))


def kupiec_accepts(periods: int, level: float, *, size: float = 0.05) -> tuple[int, int]:
    """The least and the most exceptions that Kupiec's test lets pass."""
    rate = 1.0 - number("level", level, above=0.0, below=1.0)
    significance = number("size", size, above=0.0, below=0.2)  # above it, no count at all may pass
    if periods < 1:
        raise InputError(f"periods is {periods}; one at least is needed")
    ratios = _coverage_ratios(np.arange(periods + 1), periods, rate)
    passing = [n for n, ratio in enumerate(ratios) if _chi_squared_tail(float(ratio), 1) > significance]
    return passing[0], passing[-1]


def kupiec_power(periods: int, level: float, actual: float, *, size: float = 0.05) -> float:
    """The chance that Kupiec's test rejects a model of `level` whose exceptions come at the rate `actual`. Exact."""
    rate = number("actual", actual, least=0.0, most=1.0)
    least, most = kupiec_accepts(periods, level, size=size)
    return 1.0 - float(_binomial(periods, rate)[least : most + 1].sum())


def christoffersen(hits: ArrayLike, level: float) -> Clustering:
    """Likelihood ratios of a two-state chain against independent exceptions, and against the promised rate.

    hits  (n_periods,) True or 1 for an exception, in order of time

    Without an exception that is followed by a period there is nothing to say of clustering: NaN.
    """
    rate = 1.0 - number("level", level, above=0.0, below=1.0)
    row = vector("hits", hits)
    if not np.isin(row, (0.0, 1.0)).all():
        raise InputError("hits holds a number other than 0 and 1; give one truth value for each period")
    independence, coverage = _clustering_ratios(row[np.newaxis] > 0.0, rate)
    return Clustering(
        independence=Verdict(statistic=float(independence[0]), p_value=_chi_squared_tail(float(independence[0]), 1)),
        coverage=Verdict(statistic=float(coverage[0]), p_value=_chi_squared_tail(float(coverage[0]), 2)),
    )


def christoffersen_power(
    periods: int,
    level: float,
    after_exception: float,
    generator: np.random.Generator,
    *,
    size: float = 0.05,
    draws: int = 2_000,
) -> float:
    """How often the test of independence rejects, when an exception follows an exception with that chance.

    The rate over all periods stays as promised. At after_exception = 1 - level nothing is wrong, and the figure is
    the size that the test really has: with few exceptions the chi-squared is a poor guide. Histories in which the
    test can say nothing count as not rejected.
    """
    rate = 1.0 - number("level", level, above=0.0, below=1.0)
    repeat = number("after_exception", after_exception, least=0.0, below=1.0)
    first = rate * (1.0 - repeat) / (1.0 - rate)  # the chance after none that keeps the rate over all periods
    if first > 1.0:
        raise InputError(f"after_exception is {repeat:g}; with level {level:g} no chain keeps the promised rate")
    draw = generator.random((periods, draws))
    hits = np.empty((periods, draws), dtype=np.bool_)
    state = draw[0] < rate
    hits[0] = state
    for t in range(1, periods):
        state = draw[t] < np.where(state, repeat, first)
        hits[t] = state
    independence, _ = _clustering_ratios(hits.T, rate)
    return float(np.mean(np.nan_to_num(independence) > _chi_squared_quantile(size)))


def shortfall_test(
    returns: ArrayLike,
    value_at_risk: ArrayLike,
    expected_shortfall: ArrayLike,
    level: float,
    generator: np.random.Generator,
    *,
    degrees: float = math.inf,
    draws: int = 10_000,
) -> Verdict:
    """Acerbi and Szekely's second test: 1 - (sum of loss / shortfall over exceptions) / (n (1 - level)).

    Zero is expected of a right model; the more negative, the more risk was left out, in number or size of
    exceptions. One-sided: too much caution is not rejected.

    value_at_risk       (n_periods,) forecast for each, a positive loss
    expected_shortfall  (n_periods,) likewise, above zero
    degrees             of the t distribution under which the p-value is simulated; infinite is normal
    """
    row = vector("returns", returns)
    promised = vector("expected_shortfall", expected_shortfall, length=row.size)
    if row.size and promised.min() <= 0.0:
        i = int(promised.argmin())
        raise InputError(f"expected_shortfall[{i}] is {promised[i]:g}; a loss above zero is needed")
    tail = 1.0 - number("level", level, above=0.0, below=1.0)
    if row.size == 0:
        return Verdict(statistic=math.nan, p_value=math.nan)
    hit = exceptions(row, value_at_risk)
    statistic = 1.0 + float((row[hit] / promised[hit]).sum()) / (row.size * tail)
    right = _shortfall_statistics(row.size, level, degrees, 1.0, generator, draws)
    return Verdict(statistic=statistic, p_value=float((1 + np.count_nonzero(right <= statistic)) / (draws + 1)))


def shortfall_power(
    periods: int,
    level: float,
    understated: float,
    generator: np.random.Generator,
    *,
    degrees: float = math.inf,
    size: float = 0.05,
    draws: int = 10_000,
) -> float:
    """How often that test rejects a model whose losses are really `understated` times as large as it says.

    At understated = 1 nothing is wrong and the figure is the size of the test.
    """
    factor = number("understated", understated, above=0.0)
    critical = np.quantile(_shortfall_statistics(periods, level, degrees, 1.0, generator, draws), size)
    wrong = _shortfall_statistics(periods, level, degrees, factor, generator, draws)
    return float(np.mean(wrong <= critical))


def _coverage_ratios(counts: np.ndarray[tuple[int], np.dtype[np.int64]], periods: int, rate: float) -> FloatArray:
    observed = counts / periods
    return 2.0 * periods * (_log_likelihood(observed, observed) - _log_likelihood(observed, np.asarray(rate)))


def _log_likelihood(share: FloatArray, rate: FloatArray) -> FloatArray:
    """Mean log-likelihood of a Bernoulli rate, where `share` of the draws succeeded; 0 log 0 is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        success = np.where(share > 0.0, share * np.log(rate), 0.0)
        failure = np.where(share < 1.0, (1.0 - share) * np.log1p(-rate), 0.0)
    return np.asarray(success + failure)


def _clustering_ratios(hits: BoolArray, rate: float) -> tuple[FloatArray, FloatArray]:
    """The two ratios of each row of hits (n_histories, n_periods)."""
    before, after = hits[:, :-1], hits[:, 1:]
    from_hit, from_none = before.sum(axis=1), (~before).sum(axis=1)
    hit_hit, none_hit = (before & after).sum(axis=1), (~before & after).sum(axis=1)
    steps = max(before.shape[1], 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        repeat, first = hit_hit / from_hit, none_hit / from_none
        overall = (hit_hit + none_hit) / steps
        chain = from_hit * _log_likelihood(repeat, repeat) + from_none * _log_likelihood(first, first)
        independence = 2.0 * (chain - steps * _log_likelihood(overall, overall))
    known = (from_hit > 0) & (from_none > 0)
    independence = np.where(known, np.maximum(independence, 0.0), np.nan)
    coverage = _coverage_ratios(hits.sum(axis=1), max(hits.shape[1], 1), rate)
    return independence, independence + coverage


def _shortfall_statistics(
    periods: int, level: float, degrees: float, factor: float, generator: np.random.Generator, draws: int
) -> FloatArray:
    """The statistic of simulated histories whose losses are `factor` times those that the model forecast."""
    if periods < 1:
        raise InputError(f"periods is {periods}; one at least is needed")
    quantile, shortfall = unit_tail(level, number("degrees", degrees, above=1.0) if degrees != math.inf else degrees)
    statistics = np.empty(draws)
    step = max(1, 2_000_000 // periods)  # bounds the memory
    for start in range(0, draws, step):
        shape = (min(step, draws - start), periods)
        unit = generator.standard_normal(shape) if degrees == math.inf else generator.standard_t(degrees, shape)
        losses = -factor * unit
        beyond = np.where(losses > quantile, losses, 0.0).sum(axis=1)
        statistics[start : start + shape[0]] = 1.0 - beyond / (periods * (1.0 - level) * shortfall)
    return statistics


def _binomial(count: int, rate: float) -> FloatArray:
    """Chances of 0 to `count` successes."""
    if rate in (0.0, 1.0):
        chances = np.zeros(count + 1)
        chances[0 if rate == 0.0 else count] = 1.0
        return chances
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    hits = np.arange(count + 1)
    return np.asarray(
        np.exp(logs[count] - logs - logs[::-1] + hits * math.log(rate) + (count - hits) * math.log1p(-rate))
    )


def _chi_squared_tail(statistic: float, degrees: int) -> float:
    """Chance above the statistic, for one degree of freedom or two."""
    if math.isnan(statistic):
        return math.nan
    statistic = max(statistic, 0.0)
    return math.erfc(math.sqrt(0.5 * statistic)) if degrees == 1 else math.exp(-0.5 * statistic)


def _chi_squared_quantile(size: float) -> float:
    """Where a chi-squared of one degree leaves `size` above it."""
    from scipy import special  # type: ignore[import-untyped]  # ships no types; loads on first use

    return float(special.ndtri(0.5 * number("size", size, above=0.0, below=1.0))) ** 2
