"""The twelve metrics of performance, each defined once, over a whole history or over rolling windows.

Returns are simple returns per period (0.01 is one percent), oldest first. A year has 252 periods unless told
otherwise. Losses are positive: a drawdown of 0.2 is a fifth of the peak lost, a value at risk of 0.03 is three
percent lost. Ratios are in excess of the risk-free return of the same period (one number or a series, never a
yearly rate).

A metric that the observations cannot support is NaN, never a guess:

    everything                       needs 1 observation
    volatility, Sharpe, Sortino      2
    skew, kurtosis                   3 and 4, and some spread
    VaR, ES at a level               1 / (1 - level): 20 at 95 %, 100 at 99 %
    a ratio                          a denominator: no spread, no loss or no drawdown, then no ratio

Whether a missing return is a zero or a shorter history is the caller's to decide, so NaN raises InputError, as do
infinities and returns below -1 (more than everything lost).

Sources: Sharpe, "The Sharpe Ratio" (1994); Sortino and van der Meer, "Downside risk" (1991); Young, "Calmar ratio"
(1991); Acerbi and Tasche, "On the coherence of expected shortfall" (2002); Hyndman and Fan, "Sample quantiles"
(1996), type 7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray, matrix, number, vector

PERIODS_PER_YEAR = 252.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The twelve in the order in which they are printed, and VaR 99 beside them; fractions, not percent."""

    total_return: float
    annualized_return: float
    volatility: float
    sharpe: float
    sortino: float
    calmar: float
    max_drawdown: float
    var_95: float
    es_95: float
    skew: float
    kurtosis: float
    win_rate: float
    var_99: float


METRIC_NAMES = tuple(field.name for field in fields(Metrics))


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeMetrics:
    """How a series stands to its benchmark. Both are of one kind: price with price, total return with total return."""

    beta: float
    alpha: float
    tracking_error: float
    information_ratio: float


def metrics(
    returns: FloatArray, *, risk_free: FloatArray | float = 0.0, periods_per_year: float = PERIODS_PER_YEAR
) -> Metrics:
    """Every metric of one series.

    returns    (n_periods,) simple returns
    risk_free  (n_periods,) or one number: what a bill returned in each same period
    """
    return Metrics(
        total_return=total_return(returns),
        annualized_return=annualized_return(returns, periods_per_year),
        volatility=volatility(returns, periods_per_year),
        sharpe=sharpe_ratio(returns, risk_free, periods_per_year),
        sortino=sortino_ratio(returns, risk_free, periods_per_year),
        calmar=calmar_ratio(returns, periods_per_year),
        max_drawdown=max_drawdown(returns),
        var_95=value_at_risk(returns, 0.95),
        es_95=expected_shortfall(returns, 0.95),
        skew=skewness(returns),
        kurtosis=kurtosis(returns),
        win_rate=win_rate(returns),
        var_99=value_at_risk(returns, 0.99),
    )


def relative_metrics(
    returns: FloatArray,
    benchmark: FloatArray,
    *,
    risk_free: FloatArray | float = 0.0,
    periods_per_year: float = PERIODS_PER_YEAR,
) -> RelativeMetrics:
    """Beta, alpha, tracking error and information ratio against a benchmark of the same periods."""
    return RelativeMetrics(
        beta=beta(returns, benchmark, risk_free),
        alpha=alpha(returns, benchmark, risk_free, periods_per_year),
        tracking_error=tracking_error(returns, benchmark, periods_per_year),
        information_ratio=information_ratio(returns, benchmark, periods_per_year),
    )


def rolling_metrics(
    returns: FloatArray,
    window: int,
    *,
    risk_free: FloatArray | float = 0.0,
    periods_per_year: float = PERIODS_PER_YEAR,
) -> dict[str, FloatArray]:
    """Every metric of each window of `window` periods, under the names of `METRIC_NAMES`.

    returns    (n_periods,) or (n_periods, n_series)
    risk_free  (n_periods,) or one number, the same for every series
    Returns    arrays of the shape of `returns`; row t is `metrics` of rows t - window + 1 to t, and NaN before

    Time grows with n_periods, not with the window, but for the sorted tail of VaR and ES.
    """
    series = np.asarray(returns, dtype=np.float64)
    table = _returns_matrix("returns", series[:, np.newaxis] if series.ndim == 1 else series)
    if window != int(window) or window < 1:
        raise InputError(f"window is {window}; a whole number of periods, at least 1, is needed")
    per_year = number("periods_per_year", periods_per_year, above=0.0)
    from bursar.quant.kernels.rolling import rolling_table  # numba loads on first use

    by_series = np.ascontiguousarray(table.T)
    results = np.empty((len(METRIC_NAMES), *by_series.shape))
    rolling_table(by_series, _risk_free(risk_free, table.shape[0]), int(window), per_year, results)
    return {name: values.T.reshape(series.shape) for name, values in zip(METRIC_NAMES, results, strict=True)}


# Growth


def total_return(returns: FloatArray) -> float:
    """What one unit of money gained over all periods, compounded."""
    growth = 1.0 + _returns("returns", returns)
    return float(growth.prod()) - 1.0 if growth.size else math.nan


def annualized_return(returns: FloatArray, periods_per_year: float = PERIODS_PER_YEAR) -> float:
    """The yearly return that compounds to the total return; infinite where a float cannot hold it."""
    growth = 1.0 + _returns("returns", returns)
    exponent = number("periods_per_year", periods_per_year, above=0.0) / max(growth.size, 1)
    if growth.size == 0:
        return math.nan
    with np.errstate(over="ignore"):
        return float(np.power(growth.prod(), exponent)) - 1.0


def drawdowns(returns: FloatArray) -> FloatArray:
    """The share lost at each period since the highest wealth before it, the start included; zero at a new peak."""
    wealth = np.cumprod(1.0 + _returns("returns", returns))
    return 1.0 - wealth / np.maximum(np.maximum.accumulate(wealth), 1.0)


def max_drawdown(returns: FloatArray) -> float:
    """The largest share lost from a peak, the start counted as one: 0.2 for a fifth, 0 when wealth never fell."""
    losses = drawdowns(returns)
    return float(losses.max()) if losses.size else math.nan


# Risk


def volatility(returns: FloatArray, periods_per_year: float = PERIODS_PER_YEAR) -> float:
    """Annualized standard deviation, with n - 1 in the denominator."""
    return _deviation(_returns("returns", returns)) * _root(periods_per_year)


def downside_deviation(
    returns: FloatArray, risk_free: FloatArray | float = 0.0, periods_per_year: float = PERIODS_PER_YEAR
) -> float:
    """Annualized root mean square of the shortfall below the risk-free return; gains count as zero, not as absent."""
    excess = _excess(returns, risk_free)
    if excess.size < 2:
        return math.nan
    return math.sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2))) * _root(periods_per_year)


def value_at_risk(returns: FloatArray, level: float = 0.95) -> float:
    """The loss that is not exceeded in a share `level` of periods, from history: minus the (1 - level) quantile.

    Positive is a loss. The quantile is interpolated between the two nearest observations (type 7).
    """
    ordered, _ = _tail(returns, level)
    return loss_at(ordered.tolist(), level) if ordered.size else math.nan


def loss_at(ordered: Sequence[float], level: float = 0.95) -> float:
    """As ``value_at_risk``, of returns that are in ascending order, finite, and enough for the level."""
    position = (len(ordered) - 1) * (1.0 - level)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return -(ordered[below] + (position - below) * (ordered[above] - ordered[below]))


def expected_shortfall(returns: FloatArray, level: float = 0.95) -> float:
    """The mean loss in the worst share 1 - level of periods. Positive is a loss; never below the value at risk.

    When the tail holds no whole number of observations, the last one counts by its part, so that this equals
    the least value of the program of Rockafellar and Uryasev (2000) and is coherent (Acerbi and Tasche 2002).
    """
    ordered, tail = _tail(returns, level)
    if ordered.size == 0:
        return math.nan
    observations = ordered.size * tail
    whole = int(observations)
    part = observations - whole
    worst = float(ordered[:whole].sum()) + (part * float(ordered[whole]) if part > 0.0 else 0.0)
    return -worst / observations


def skewness(returns: FloatArray) -> float:
    """The third central moment over the cubed standard deviation, both with n in the denominator."""
    return _standardized_moment(_returns("returns", returns), 3)


def kurtosis(returns: FloatArray) -> float:
    """Excess kurtosis: the fourth central moment over the squared variance, minus the 3 of a normal distribution."""
    return _standardized_moment(_returns("returns", returns), 4) - 3.0


# Ratios


def sharpe_ratio(
    returns: FloatArray, risk_free: FloatArray | float = 0.0, periods_per_year: float = PERIODS_PER_YEAR
) -> float:
    """Mean over standard deviation of the excess returns, annualized by the root of the periods in a year."""
    excess = _excess(returns, risk_free)
    return _ratio(_mean(excess), _deviation(excess)) * _root(periods_per_year)


def sortino_ratio(
    returns: FloatArray, risk_free: FloatArray | float = 0.0, periods_per_year: float = PERIODS_PER_YEAR
) -> float:
    """Mean excess return over the downside deviation, both annualized."""
    mean = _mean(_excess(returns, risk_free))
    return _ratio(mean * periods_per_year, downside_deviation(returns, risk_free, periods_per_year))


def calmar_ratio(returns: FloatArray, periods_per_year: float = PERIODS_PER_YEAR) -> float:
    """Annualized return over the maximum drawdown of the same periods."""
    return _ratio(annualized_return(returns, periods_per_year), max_drawdown(returns))


def win_rate(outcomes: FloatArray) -> float:
    """The share of outcomes above zero; a zero is no win.

    `metrics` counts periods. The win rate of a trading report counts closed round trips: give their net profits.
    """
    outcomes = vector("outcomes", outcomes)
    return float(np.count_nonzero(outcomes > 0.0)) / outcomes.size if outcomes.size else math.nan


# Against a benchmark


def beta(returns: FloatArray, benchmark: FloatArray, risk_free: FloatArray | float = 0.0) -> float:
    """The slope of excess returns on the benchmark's excess returns; NaN for a constant benchmark."""
    excess = _excess(returns, risk_free)
    market = _excess(benchmark, risk_free, "benchmark", excess.size)
    if excess.size < 2 or _constant(market):
        return math.nan
    centered = market - market.mean()
    return float(centered @ (excess - excess.mean()) / (centered @ centered))


def alpha(
    returns: FloatArray,
    benchmark: FloatArray,
    risk_free: FloatArray | float = 0.0,
    periods_per_year: float = PERIODS_PER_YEAR,
) -> float:
    """Jensen's alpha a year: the mean excess return that beta does not explain, times the periods in a year."""
    slope = beta(returns, benchmark, risk_free)
    unexplained = _mean(_excess(returns, risk_free)) - slope * _mean(_excess(benchmark, risk_free, "benchmark"))
    return unexplained * number("periods_per_year", periods_per_year, above=0.0)


def tracking_error(returns: FloatArray, benchmark: FloatArray, periods_per_year: float = PERIODS_PER_YEAR) -> float:
    """Annualized standard deviation of the return above the benchmark's."""
    return _deviation(_active(returns, benchmark)) * _root(periods_per_year)


def information_ratio(returns: FloatArray, benchmark: FloatArray, periods_per_year: float = PERIODS_PER_YEAR) -> float:
    """Mean return above the benchmark over its standard deviation, annualized."""
    active = _active(returns, benchmark)
    return _ratio(_mean(active), _deviation(active)) * _root(periods_per_year)


# Shared below


def _returns(name: str, values: FloatArray, length: int | None = None) -> FloatArray:
    array = vector(name, values, length=length)
    if array.size and array.min() < -1.0:
        _refuse_ruin(name, array)
    return array


def _returns_matrix(name: str, values: FloatArray) -> FloatArray:
    array = matrix(name, values)
    if array.size and array.min() < -1.0:
        _refuse_ruin(name, array)
    return array


def _refuse_ruin(name: str, array: FloatArray) -> None:
    entry = tuple(int(i) for i in np.argwhere(array < -1.0)[0])
    place = ", ".join(map(str, entry))
    raise InputError(f"{name}[{place}] is {array[entry]:g}; a simple return is never below -1 (all lost)")


def _risk_free(risk_free: FloatArray | float, length: int) -> FloatArray:
    if np.ndim(risk_free) == 0:
        return np.full(length, number("risk_free", risk_free))  # type: ignore[arg-type]  # ndim 0 is one number
    return vector("risk_free", risk_free, length=length)


def _excess(
    returns: FloatArray, risk_free: FloatArray | float, name: str = "returns", length: int | None = None
) -> FloatArray:
    array = _returns(name, returns, length)
    return array - _risk_free(risk_free, array.size)


def _active(returns: FloatArray, benchmark: FloatArray) -> FloatArray:
    array = _returns("returns", returns)
    return array - _returns("benchmark", benchmark, array.size)


def _tail(returns: FloatArray, level: float) -> tuple[FloatArray, float]:
    """The returns in ascending order and the share of the tail; no returns at all where they are too few."""
    array = _returns("returns", returns)
    tail = 1.0 - number("level", level, above=0.0, below=1.0)
    enough = array.size * tail >= 1.0 - 1e-9  # 1 - 0.95 is a little more than 0.05, 1 - 0.99 a little less than 0.01
    return (np.sort(array), tail) if enough else (array[:0], tail)


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else math.nan


def _constant(values: FloatArray) -> bool:
    # Exact, where a standard deviation of equal numbers is rounding noise above zero.
    return bool(values.size) and bool(values.max() == values.min())


def _deviation(values: FloatArray) -> float:
    if values.size < 2:
        return math.nan
    return 0.0 if _constant(values) else float(values.std(ddof=1))


def _standardized_moment(values: FloatArray, order: int) -> float:
    if values.size < order or _constant(values):
        return math.nan
    centered = values - values.mean()
    centered /= np.abs(centered).max()  # so that no power underflows or overflows
    return float(np.mean(centered**order) / np.mean(centered**2) ** (order / 2))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0.0 else math.nan


def _root(periods_per_year: float) -> float:
    return math.sqrt(number("periods_per_year", periods_per_year, above=0.0))
