"""Size: how much of each component, for the best Sharpe ratio within limits.

A limit on the correlation of each two is no convex one, and is kept by choice: components come in order, and one that
moves more with any taken before than is allowed is left out. The rest is a convex program: the best Sharpe ratio under
limits on each position and sector, with as much invested as those allow. At last all of it is scaled down until what a
move of ``deviations`` in every component at once would cost is within the risk of the portfolio.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bursar.errors import InputError
from bursar.quant import moments
from bursar.quant.arrays import FloatArray
from bursar.quant.optimize import Constraints, MaximumSharpe, MinimumVariance, optimize, sectors
from bursar.quant.performance import PERIODS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimits:
    """What components may come to; fractions of equity, but for the correlation.

    components_max  as many as a session may open
    deviations      the move that ``risk_max`` is about, in standard deviations over the horizon
    """

    correlation_max: float = 0.5
    sector_max: float = 0.3
    position_max: float = 0.1
    risk_max: float = 0.05
    components_max: int = 10
    deviations: float = 2.0

    def __post_init__(self) -> None:
        for name in ("correlation_max", "sector_max", "position_max", "risk_max"):
            if not 0.0 < (value := getattr(self, name)) <= 1.0:
                raise InputError(f"{name} is {value}; give more than 0 and at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """Weights of the components that were taken, and why others were not.

    correlation_max  of any two that were taken; NaN with fewer
    risk             of equity, if every component moves against us at once
    """

    weights: Mapping[str, float]
    dropped: Mapping[str, str]
    correlation_max: float
    risk: float
    method: str


def size(
    symbols: Sequence[str],
    returns: FloatArray,
    sector_of: Mapping[str, str],
    *,
    horizon_days: int,
    limits: SizeLimits | None = None,
) -> Sized:
    """How much of each of ``symbols``, which come in the order in which they are wanted.

    returns  (n_days, n_symbols) daily, without gaps, in the order of ``symbols``
    Raises InputError where weights cannot be told: too few days, or a symbol that does not move.
    """
    asked = limits or SizeLimits()
    if returns.shape[1] != len(symbols) or returns.shape[0] < 21:
        raise InputError(f"{returns.shape[0]} days of {returns.shape[1]} symbols; give 21 at least of {len(symbols)}")
    still = [symbol for symbol, swing in zip(symbols, returns.std(axis=0), strict=True) if not swing > 0.0]
    if still:
        raise InputError(f"{', '.join(still)} did not move; leave out what cannot be sized")
    taken, dropped = _apart(symbols, np.corrcoef(returns, rowvar=False).reshape(len(symbols), -1), asked)
    columns = [symbols.index(symbol) for symbol in taken]
    weights, method = _weights(taken, returns[:, columns], sector_of, asked)
    swings = returns[:, columns].std(axis=0, ddof=1) * math.sqrt(PERIODS_PER_YEAR)
    cost = float(weights @ swings) * math.sqrt(horizon_days / PERIODS_PER_YEAR) * asked.deviations
    scale = min(1.0, asked.risk_max * (1.0 - 1e-9) / cost) if cost > 0.0 else 1.0
    between = np.corrcoef(returns[:, columns], rowvar=False).reshape(len(taken), -1) - 2.0 * np.eye(len(taken))
    return Sized(
        weights={s: float(w) * scale for s, w in zip(taken, weights, strict=True) if float(w) * scale > 1e-4},
        dropped=dropped,
        correlation_max=float(between.max()) if len(taken) > 1 else math.nan,
        risk=cost * scale,
        method=method if scale == 1.0 else f"{method}, all scaled by {scale:.2f} to a risk of {asked.risk_max:.0%}",
    )


def _apart(symbols: Sequence[str], correlation: FloatArray, limits: SizeLimits) -> tuple[list[str], dict[str, str]]:
    taken: list[int] = []
    dropped: dict[str, str] = {}
    for place, symbol in enumerate(symbols):
        if len(taken) == limits.components_max:
            dropped[symbol] = f"{limits.components_max} are taken already"
            continue
        near = [other for other in taken if correlation[place, other] > limits.correlation_max]
        if near:
            with_whom = max(near, key=lambda other: float(correlation[place, other]))
            dropped[symbol] = (
                f"it moves with {symbols[with_whom]} at {correlation[place, with_whom]:.2f}; "
                f"at most {limits.correlation_max:g} is allowed"
            )
        else:
            taken.append(place)
    return [symbols[place] for place in taken], dropped


def _weights(
    symbols: Sequence[str], returns: FloatArray, sector_of: Mapping[str, str], limits: SizeLimits
) -> tuple[FloatArray, str]:
    labels = [sector_of.get(symbol, "unknown") for symbol in symbols]
    room = sum(min(limits.sector_max, count * limits.position_max) for count in Counter(labels).values())
    invested = min(room * (1.0 - 1e-9), 1.0)
    constraints = Constraints(
        upper=limits.position_max,
        cash=(1.0 - invested, 1.0 - invested),
        exposures=sectors(labels, upper=limits.sector_max),
    )
    alone = len(symbols) == 1
    covariance = returns.var(ddof=1).reshape(1, 1) if alone else moments.ledoit_wolf_covariance(returns).covariance
    best = optimize(MaximumSharpe(), covariance, moments.historical_means(returns), constraints=constraints)
    if best.weights is not None:
        return np.maximum(best.weights, 0.0), "the best Sharpe ratio of the past year"
    least = optimize(MinimumVariance(), covariance, constraints=constraints)
    if least.weights is None:
        raise InputError(f"no weights meet the limits: {least.note}")
    return np.maximum(least.weights, 0.0), "least variance, since none of it rose in the past year"
