"""How much risk a portfolio carries, and which position carries it. Arrays in, arrays out.

Weights are shares of equity, negative for shorts; returns are simple returns per period, one column an asset.
History is that of the portfolio held now, its weights restored each period: what it would have gone through.

Six measures are known by name, and each comes with contributions that sum to it exactly, so that any of them can be
budgeted (`budgets`):

    volatility              annualized standard deviation
    var_95, var_99          historical value at risk
    es_95                   historical expected shortfall
    max_drawdown            largest share of wealth lost from a peak
    beta_adjusted_exposure  sum of weight x beta

Contributions to volatility, value at risk and shortfall are Euler's: weight times the derivative by the weight. For
the historical tail that is each asset's own loss in the periods that make up the tail; for the drawdown, its loss
between peak and trough.

Sources: Tasche, "Capital Allocation to Business Units: the Euler Principle" (2008); Meucci, "Managing
Diversification" (2009) for the number of effective bets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant import performance
from bursar.quant.arrays import FloatArray, covariance, matrix, number, vector

Measure = Literal["volatility", "var_95", "var_99", "es_95", "max_drawdown", "beta_adjusted_exposure"]
MEASURES: tuple[Measure, ...] = (
    "volatility",
    "var_95",
    "var_99",
    "es_95",
    "max_drawdown",
    "beta_adjusted_exposure",
)
ENOUGH_FOR_BETA = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Sums of weights. long and short are both positive; gross is their sum, net their difference."""

    long: float
    short: float
    gross: float
    net: float
    beta_adjusted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """Who carries a portfolio's volatility.

    volatility  of the portfolio, in the unit of the covariance
    marginal    (n_assets,) by how much it grows with a unit of each weight
    component   (n_assets,) weight x marginal; they sum to the volatility, a hedge's is negative
    share       (n_assets,) component over volatility; NaN where there is no risk
    """

    volatility: float
    marginal: FloatArray
    component: FloatArray
    share: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationRisk:
    """How much of a portfolio's volatility comes from assets moving together. Volatilities in the covariance's unit.

    volatility            as it is
    volatility_if_none    were all correlations zero
    volatility_if_one     were all of them one, between what is held long and what is held short alike
    mean_correlation      the one correlation between positions (a short moves against its asset), the same for every
                          pair, that would give the volatility as it is
    diversification       volatility of the parts, summed, over volatility: 1 when nothing diversifies
    effective_bets        exp of the entropy of the shares of variance along the principal axes: 1 to n_assets
    """

    volatility: float
    volatility_if_none: float
    volatility_if_one: float
    mean_correlation: float
    diversification: float
    effective_bets: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationChange:
    """Why the volatility of the same weights changed between two covariances; the two causes sum to the change.

    from_volatility   what moved because assets became more or less volatile
    from_correlation  what moved because they came to move together more or less
    pairs             (k, 2) the pairs whose correlation changed most, weighted by their part in the risk, first first
    pair_changes      (k,) by how much the correlation of each changed
    """

    before: float
    after: float
    from_volatility: float
    from_correlation: float
    mean_correlation_before: float
    mean_correlation_after: float
    pairs: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    pair_changes: FloatArray


def exposure(weights: ArrayLike, betas: ArrayLike | None = None) -> Exposure:
    """Long, short, gross, net, and net in units of the market; betas of one where none are given."""
    held = vector("weights", weights)
    slopes = np.ones(held.size) if betas is None else vector("betas", betas, length=held.size)
    long, short = float(held[held > 0].sum()), float(-held[held < 0].sum())
    return Exposure(long=long, short=short, gross=long + short, net=long - short, beta_adjusted=float(held @ slopes))


def betas(returns: ArrayLike, market: ArrayLike) -> FloatArray:
    """(n_assets,) slope of each asset on the market; NaN with fewer than 20 periods or a market that stood still."""
    table = matrix("returns", returns)
    index = vector("market", market, length=len(table))
    if index.size < ENOUGH_FOR_BETA or index.max() == index.min():
        return np.full(table.shape[1], np.nan)
    centered = index - index.mean()
    return np.asarray(centered @ (table - table.mean(axis=0)) / (centered @ centered))


def risk_contributions(weights: ArrayLike, covariances: ArrayLike) -> Contributions:
    """Marginal and component contributions to volatility."""
    held = vector("weights", weights)
    table = covariance("covariances", covariances, size=held.size)
    together = table @ held
    volatility = math.sqrt(max(float(held @ together), 0.0))
    marginal = together / volatility if volatility > 0.0 else np.zeros(held.size)
    component = held * marginal
    share = component / volatility if volatility > 0.0 else np.full(held.size, np.nan)
    return Contributions(volatility=volatility, marginal=marginal, component=component, share=share)


# The six measures


def measures(
    weights: ArrayLike, returns: ArrayLike, market: ArrayLike, *, periods_per_year: float = performance.PERIODS_PER_YEAR
) -> dict[Measure, float]:
    """All six by name. NaN where history is too short for one (see `bursar.quant.performance`)."""
    return {
        name: float(contributions(name, weights, returns, market, periods_per_year=periods_per_year).sum())
        for name in MEASURES
    }


def contributions(
    measure: Measure,
    weights: ArrayLike,
    returns: ArrayLike,
    market: ArrayLike | None = None,
    *,
    periods_per_year: float = performance.PERIODS_PER_YEAR,
) -> FloatArray:
    """(n_assets,) contributions to one measure, which sum to it; all NaN where history is too short for it.

    returns  (n_periods, n_assets)
    market   (n_periods,) needed for beta_adjusted_exposure only
    """
    held = vector("weights", weights)
    table = matrix("returns", returns, columns=held.size)
    if measure == "beta_adjusted_exposure":
        if market is None:
            raise InputError("market is missing; beta_adjusted_exposure needs its returns")
        return held * betas(table, market)
    if measure == "volatility":
        per_year = number("periods_per_year", periods_per_year, above=0.0)
        return _volatility_parts(held * table) * math.sqrt(per_year)
    if measure not in _PARTS:
        raise InputError(f"measure is {measure!r}; one of {', '.join(MEASURES)} is needed")
    return _PARTS[measure](held * table)


def _volatility_parts(parts: FloatArray) -> FloatArray:
    """Parts are the profit of each position in each period."""
    if len(parts) < 2:
        return np.full(parts.shape[1], np.nan)
    centered = parts - parts.mean(axis=0)
    together = centered.sum(axis=1)
    deviation = math.sqrt(float(together @ together) / (len(parts) - 1))
    if deviation == 0.0:
        return np.zeros(parts.shape[1])
    return np.asarray(centered.T @ together / (len(parts) - 1) / deviation)


def _value_at_risk_parts(parts: FloatArray, level: float) -> FloatArray:
    tail = 1.0 - level
    if len(parts) * tail < 1.0 - 1e-9:
        return np.full(parts.shape[1], np.nan)
    order = np.argsort(parts.sum(axis=1), kind="stable")
    position = (len(parts) - 1) * tail
    below = int(position)
    above = min(below + 1, len(parts) - 1)
    return np.asarray(-(parts[order[below]] + (position - below) * (parts[order[above]] - parts[order[below]])))


def _shortfall_parts(parts: FloatArray, level: float) -> FloatArray:
    observations = len(parts) * (1.0 - level)
    if observations < 1.0 - 1e-9:
        return np.full(parts.shape[1], np.nan)
    order = np.argsort(parts.sum(axis=1), kind="stable")
    whole = int(observations)
    worst = parts[order[:whole]].sum(axis=0)
    if observations > whole:
        worst = worst + (observations - whole) * parts[order[whole]]
    return np.asarray(-worst / observations)


def _drawdown_parts(parts: FloatArray) -> FloatArray:
    if len(parts) == 0:
        return np.full(parts.shape[1], np.nan)
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + parts.sum(axis=1))])
    peaks = np.maximum.accumulate(wealth)
    trough = int(np.argmax(1.0 - wealth / peaks))
    peak = int(np.argmax(wealth[: trough + 1]))
    # What each position made between the two, in units of the wealth at the peak.
    money = parts[peak:trough] * wealth[peak:trough, np.newaxis]
    return np.asarray(-money.sum(axis=0) / wealth[peak])


_PARTS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "var_95": lambda parts: _value_at_risk_parts(parts, 0.95),
    "var_99": lambda parts: _value_at_risk_parts(parts, 0.99),
    "es_95": lambda parts: _shortfall_parts(parts, 0.95),
    "max_drawdown": _drawdown_parts,
}


# Correlation


def correlation_risk(weights: ArrayLike, covariances: ArrayLike) -> CorrelationRisk:
    """What correlation does to a portfolio. Ratios are NaN where there is no risk, or fewer than two positions."""
    held = vector("weights", weights)
    table = covariance("covariances", covariances, size=held.size)
    alone = np.abs(held) * np.sqrt(np.maximum(table.diagonal(), 0.0))
    variance = max(float(held @ table @ held), 0.0)
    none, one = float(alone @ alone), float(alone.sum()) ** 2
    return CorrelationRisk(
        volatility=math.sqrt(variance),
        volatility_if_none=math.sqrt(none),
        volatility_if_one=math.sqrt(one),
        mean_correlation=_ratio(variance - none, one - none if np.count_nonzero(alone) > 1 else 0.0),
        diversification=_ratio(math.sqrt(one), math.sqrt(variance)),
        effective_bets=_effective_bets(held, table, variance),
    )


def correlation_change(weights: ArrayLike, before: ArrayLike, after: ArrayLike, *, pairs: int = 5) -> CorrelationChange:
    """Split the change of volatility into its causes, each taken first once and last once, and averaged."""
    held = vector("weights", weights)
    old = covariance("before", before, size=held.size)
    new = covariance("after", after, size=held.size)
    old_deviation, old_correlation = _apart(old)
    new_deviation, new_correlation = _apart(new)

    def volatility(deviation: FloatArray, correlation: FloatArray) -> float:
        scaled = held * deviation
        return math.sqrt(max(float(scaled @ correlation @ scaled), 0.0))

    start, end = volatility(old_deviation, old_correlation), volatility(new_deviation, new_correlation)
    louder, closer = volatility(new_deviation, old_correlation), volatility(old_deviation, new_correlation)
    scaled = np.abs(held) * new_deviation
    moved = new_correlation - old_correlation
    upper = np.triu_indices(held.size, 1)
    most = np.argsort(-np.abs(moved * np.outer(scaled, scaled))[upper], kind="stable")[:pairs]
    return CorrelationChange(
        before=start,
        after=end,
        from_volatility=0.5 * ((louder - start) + (end - closer)),
        from_correlation=0.5 * ((closer - start) + (end - louder)),
        mean_correlation_before=correlation_risk(held, old).mean_correlation,
        mean_correlation_after=correlation_risk(held, new).mean_correlation,
        pairs=np.column_stack([upper[0][most], upper[1][most]]).astype(np.int64),
        pair_changes=moved[upper][most],
    )


def _apart(table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Standard deviations and correlations; an asset without variance correlates with nothing."""
    deviation = np.sqrt(np.maximum(table.diagonal(), 0.0))
    product = np.outer(deviation, deviation)
    correlation = np.divide(table, product, out=np.zeros_like(table), where=product > 0.0)
    np.fill_diagonal(correlation, 1.0)
    return deviation, correlation


def _effective_bets(held: FloatArray, table: FloatArray, variance: float) -> float:
    if variance <= 0.0:
        return math.nan
    values, vectors = np.linalg.eigh(table)
    shares = np.maximum(values, 0.0) * (vectors.T @ held) ** 2 / variance
    shares = shares[shares > 1e-15]
    return float(np.exp(-(shares @ np.log(shares))))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0.0 else math.nan
