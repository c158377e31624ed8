"""Five classical portfolios of the same symbols, and their mean: so that no one method has to be right.

    equal weight         the same of each
    inverse volatility   the calmer the larger
    least variance       of the shrunk covariance of a year, at most 10 % of each (or an equal part, if that is more)
    best Sharpe ratio    of the past year's mean and shrunk covariance; cash where nothing rose
    strongest five       equal parts of the five highest returns of a year without its last month

Sources: DeMiguel, Garlappi and Uppal (2009); Ledoit and Wolf (2004) for the covariance; Jagannathan and Ma (2003) for
the cap; Markowitz (1952); Jegadeesh and Titman (1993); Tu and Zhou (2011) for combining.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bursar.quant import moments
from bursar.quant.arrays import FloatArray
from bursar.quant.optimize import Constraints, MaximumSharpe, MinimumVariance, optimize
from bursar.research import features

CAP = 0.10
STRONGEST = 5
#: Closes that they take: a year of returns.
DAYS = features.YEAR + 1


def books(closes: FloatArray) -> Mapping[str, FloatArray]:
    """The weights of each, (n_symbols,), from the last ``DAYS`` closes, without gaps; of one, or of nothing."""
    size = closes.shape[1]
    returns = features.simple_returns(closes[-DAYS:])[1:]
    covariance = moments.ledoit_wolf_covariance(returns).covariance
    calm = 1.0 / np.maximum(returns.std(axis=0, ddof=1), 1e-12)
    capped = Constraints(upper=max(CAP, 1.0 / size))
    least = optimize(MinimumVariance(), covariance, constraints=capped)
    best = optimize(MaximumSharpe(), covariance, moments.historical_means(returns))
    strength = features.momentum(closes[-DAYS:])[-1]
    first = np.argsort(-strength, kind="stable")[:STRONGEST]
    strongest = np.zeros(size)
    strongest[first] = 1.0 / len(first)
    nothing = np.zeros(size)
    return {
        "equal weight": np.full(size, 1.0 / size),
        "inverse volatility": calm / calm.sum(),
        "least variance": nothing if least.weights is None else least.weights,
        "best Sharpe ratio": nothing if best.weights is None else best.weights,
        "strongest five": strongest,
    }


def mean_book(closes: FloatArray) -> FloatArray:
    """The plain mean of the five, (n_symbols,), none below zero."""
    mean: FloatArray = np.maximum(np.mean(list(books(closes).values()), axis=0), 0.0)
    return mean
