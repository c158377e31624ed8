"""Evidence: one series of returns, held against everything that could explain it without skill.

    luck         the deflated Sharpe ratio over all trials, raw and effective, and PBO
    yardsticks   the difference of Sharpe ratios from equal weight, buy and hold, ..., with a block-bootstrap interval
    random       where it stands among random portfolios of the same universe
    stress       the same rule at twice and three times the costs, a day late, without its three best names
    regimes      the same returns by the state of the market in which they came

Every Sharpe ratio here is annualized and in excess of the Treasury bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import Metrics, metrics, sharpe_ratio
from bursar.quant.statistics import DeflatedSharpe, Interval, Overfitting, bootstrap_interval
from bursar.quant.step import portfolio_step
from bursar.research.validate.study import Study

#: Resamples behind an interval.
DRAWS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trialled:
    """What is examined, all of the same days.

    returns    (n_days,) of the chosen rule, net of costs
    bill       (n_days,) what a Treasury bill paid
    study      all that was tried, of which ``name`` is one
    yardsticks returns of what needs no skill, by name
    random     (n_days, n_portfolios) returns of random portfolios of the same universe
    stressed   returns of the same rule under harder conditions, by what is harder
    regimes    (n_days,) the name of the market's state on each day, known on the day
    """

    name: str
    returns: FloatArray
    bill: FloatArray
    study: Study
    yardsticks: Mapping[str, FloatArray] = field(default_factory=dict)
    random: FloatArray | None = None
    stressed: Mapping[str, FloatArray] = field(default_factory=dict)
    regimes: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        length = len(self.returns)
        others = {"bill": self.bill, **self.yardsticks, **self.stressed}
        if self.random is not None:
            others["random"] = self.random
        if self.regimes is not None:
            others["regimes"] = self.regimes  # type: ignore[assignment]  # only its length is looked at
        for name, series in others.items():
            if len(series) != length:
                raise InputError(
                    f"{self.name}: {length} days of returns and {len(series)} of {name}; give the same days"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a rule. Sharpe ratios are annual; NaN where there is too little to tell.

    sharpe        with its bootstrap interval
    differences   Sharpe ratio less that of each yardstick, with intervals of the difference
    random_rank   share of random portfolios with a lower Sharpe ratio; NaN without any
    stressed      Sharpe ratio under each harder condition
    regimes       Sharpe ratio and share of days in each state of the market
    """

    name: str
    days: int
    metrics: Metrics
    sharpe: Interval
    deflated: DeflatedSharpe
    overfitting: Overfitting | None
    differences: Mapping[str, Interval]
    random_rank: float
    stressed: Mapping[str, float]
    regimes: Mapping[str, tuple[float, float]]


def examine(trialled: Trialled, generator: np.random.Generator, draws: int = DRAWS) -> Evidence:
    """Everything above, of one rule."""
    returns, bill = trialled.returns, trialled.bill
    return Evidence(
        name=trialled.name,
        days=len(returns),
        metrics=metrics(returns, risk_free=bill),
        sharpe=bootstrap_interval(returns - bill, sharpe_ratio, generator, draws=draws),
        deflated=trialled.study.deflated(trialled.name),
        overfitting=trialled.study.overfitting(),
        differences={
            name: difference(returns - bill, yardstick - bill, generator, draws)
            for name, yardstick in trialled.yardsticks.items()
        },
        random_rank=_rank(returns, trialled.random, bill),
        stressed={name: sharpe_ratio(series, bill) for name, series in trialled.stressed.items()},
        regimes=_by_regime(returns, bill, trialled.regimes),
    )


def difference(ours: FloatArray, theirs: FloatArray, generator: np.random.Generator, draws: int = DRAWS) -> Interval:
    """Our Sharpe ratio less theirs; resampled together, so that what moves both is not counted as a difference."""
    return bootstrap_interval(
        np.column_stack([ours, theirs]),
        lambda table: sharpe_ratio(table[:, 0]) - sharpe_ratio(table[:, 1]),
        generator,
        draws=draws,
    )


def _rank(returns: FloatArray, random: FloatArray | None, bill: FloatArray) -> float:
    if random is None or not random.shape[1]:
        return float("nan")
    ours = sharpe_ratio(returns, bill)
    excess = random - bill[:, None]
    theirs = excess.mean(axis=0) / excess.std(axis=0, ddof=1) * np.sqrt(252.0)
    return float((theirs < ours).mean())


def _by_regime(
    returns: FloatArray, bill: FloatArray, regimes: NDArray[np.str_] | None
) -> dict[str, tuple[float, float]]:
    if regimes is None:
        return {}
    return {
        str(state): (sharpe_ratio(returns[regimes == state], bill[regimes == state]), float((regimes == state).mean()))
        for state in np.unique(regimes)
    }


def random_portfolios(
    closes: FloatArray,
    generator: np.random.Generator,
    *,
    portfolios: int = 500,
    names: int | None = None,
    every: int = 21,
    cost_rate: float = 0.0005,
) -> FloatArray:
    """Daily returns of portfolios that know nothing, (n_days - 1, n_portfolios).

    closes   (n_days, n_assets), none missing
    names    held by each, drawn anew every ``every`` days, with random weights that sum to one; all where not given
    """
    if not np.isfinite(closes).all():
        raise InputError("random portfolios need closes on every day; leave out what did not trade throughout")
    days, assets = closes.shape
    held = assets if names is None else names
    if not 1 <= held <= assets or every < 1 or portfolios < 1:
        raise InputError(f"{portfolios} portfolios of {held} of {assets} names every {every} days cannot be drawn")
    moves = closes[1:] / closes[:-1] - 1.0
    weights = np.zeros((portfolios, assets))
    found = np.empty((days - 1, portfolios))
    for day in range(days - 1):
        target = _drawn(generator, portfolios, assets, held) if day % every == 0 else weights
        moved = np.broadcast_to(moves[day], (portfolios, assets))
        step = portfolio_step(weights, target, moved, cost_rate=cost_rate if day % every == 0 else 0.0)
        weights = step.weights
        found[day] = step.growth - 1.0
    return found


def _drawn(generator: np.random.Generator, portfolios: int, assets: int, held: int) -> FloatArray:
    """Random weights of ``held`` names each: uniform on the simplex, by exponentials."""
    drawn = generator.standard_exponential((portfolios, assets))
    order = np.argsort(generator.random((portfolios, assets)), axis=1)
    drawn[np.arange(portfolios)[:, None], order[:, held:]] = 0.0
    weights: FloatArray = drawn / drawn.sum(axis=1, keepdims=True)
    return weights
