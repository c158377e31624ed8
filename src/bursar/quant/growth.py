"""How much to stake so that wealth grows fastest: Kelly for a bet, for many assets at once, and Vince's optimal f.

All of them maximize the expected logarithm of wealth; they differ in what is known of the outcomes.

    kelly_fraction      one bet that wins `payoff` times the stake or loses the stake
    kelly_continuous    many assets, known by means and covariance, small steps (Thorp, Merton): leverage is allowed
    kelly_portfolio     many assets, known by scenarios of their joint outcomes: exact, long only, within a budget
    optimal_f           one strategy, known by its trades, stake measured by the worst loss (Vince)

Full growth-optimal stakes are violent (the chance ever to halve is one half): callers take a fraction of them.

Sources: Kelly, "A New Interpretation of Information Rate" (1956); Thorp, "The Kelly Criterion in Blackjack, Sports
Betting and the Stock Market" (2006); Vince, "Portfolio Management Formulas" (1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray, covariance, matrix, number, vector

# The barrier shrinks tenfold a round until what it can cost in growth is below this.
GROWTH_TOLERANCE = 1e-13
NEWTON_STEPS_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimalF:
    """Vince's answer for one strategy.

    fraction         f, the part of wealth put at risk of the worst loss; NaN when no trade has lost
    terminal_wealth  wealth after all the trades, staked so, for each unit at the start (TWR)
    growth           its geometric mean a trade
    money_per_unit   wealth that one unit (contract, share) needs: worst loss / f, infinite when f is zero
    """

    fraction: float
    terminal_wealth: float
    growth: float
    money_per_unit: float


def kelly_fraction(win_probability: ArrayLike, payoff: ArrayLike) -> FloatArray:
    """(b p - q) / b, the part of wealth to stake on a bet; negative where there is no edge.

    win_probability  p, in [0, 1]; q is 1 - p
    payoff           b, what one unit of stake wins, above zero; a lost bet loses the stake
    """
    p, b = np.asarray(win_probability, dtype=np.float64), np.asarray(payoff, dtype=np.float64)
    _within("win_probability", p, (p >= 0.0) & (p <= 1.0), "in [0, 1]")
    _within("payoff", b, (b > 0.0) & np.isfinite(b), "above zero and finite")
    return np.asarray((b * p - (1.0 - p)) / b)


def kelly_growth(fraction: ArrayLike, win_probability: ArrayLike, payoff: ArrayLike) -> FloatArray:
    """Expected logarithm of wealth gained by one bet of that fraction: p log(1 + b f) + q log(1 - f)."""
    f = np.asarray(fraction, dtype=np.float64)
    _within("fraction", f, (f >= 0.0) & (f < 1.0), "in [0, 1)")
    p, b = np.asarray(win_probability, dtype=np.float64), np.asarray(payoff, dtype=np.float64)
    return np.asarray(p * np.log1p(b * f) + (1.0 - p) * np.log1p(-f))


def kelly_continuous(excess_means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    """inverse(covariance) x mean excess return: the growth-optimal weights when prices move in small steps.

    excess_means  (n_assets,) over any period, above the risk-free return
    covariances   (n_assets, n_assets) over the same period, invertible
    Returns       (n_assets,) weights, which may be short and may sum to far more than one
    """
    means = vector("excess_means", excess_means)
    table = covariance("covariances", covariances, size=means.size)
    try:
        return np.asarray(np.linalg.solve(table, means), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise InputError("covariances is singular: some mix of the assets has no risk; shrink it first") from None


def kelly_portfolio(outcomes: ArrayLike, *, probabilities: ArrayLike | None = None, total: float = 1.0) -> FloatArray:
    """The long-only weights, summing to `total` at most, under which wealth grows fastest; the rest stays in cash.

    outcomes       (n_scenarios, n_assets) what a unit of stake gains, never below -1 (all lost)
    probabilities  (n_scenarios,) not negative, any sum; equal where absent
    total          in (0, 1]
    Returns        (n_assets,) whose expected log growth is within 1e-12 of the best

    A barrier method: Newton's steps on expected log wealth plus a weight on the logarithms of all slacks, which
    shrinks. Bets that are taken at once are smaller than one by one, and bets without an edge may hedge.
    """
    table = matrix("outcomes", outcomes)
    scenarios, assets = table.shape
    if scenarios == 0 or assets == 0:
        raise InputError(f"outcomes has shape {table.shape}; one scenario and one asset at least are needed")
    _within("outcomes", table, table >= -1.0, "at least -1")
    budget = number("total", total, above=0.0, most=1.0)
    shares = _shares(probabilities, scenarios)
    weights = np.full(assets, budget / (assets + 1))
    barrier = 0.1
    while barrier * (assets + 1) > GROWTH_TOLERANCE:
        barrier *= 0.1
        weights = _centered(table, shares, budget, weights, barrier)
    return weights


def optimal_f(trades: ArrayLike, *, probabilities: ArrayLike | None = None) -> OptimalF:
    """The fixed fraction that makes a strategy grow fastest, from the whole distribution of its trades.

    trades         (n_trades,) profit or loss of each, for one unit, in money or as returns
    probabilities  (n_trades,) not negative, any sum; equal where absent
    """
    row = vector("trades", trades)
    shares = _shares(probabilities, row.size)
    fraction = float(optimal_fractions([row], probabilities=[shares])[0])
    if not fraction > 0.0:  # without an edge nothing is staked; without a loss nothing is known
        still = 1.0 if fraction == 0.0 else np.nan
        return OptimalF(fraction=fraction, terminal_wealth=still, growth=still, money_per_unit=np.inf * still)
    worst = -float(row.min())
    growth = float(np.exp(shares @ np.log1p(fraction * row / worst)))
    return OptimalF(
        fraction=fraction,
        terminal_wealth=growth**row.size,
        growth=growth,
        money_per_unit=worst / fraction,
    )


def optimal_fractions(
    strategies: Sequence[ArrayLike], *, probabilities: Sequence[ArrayLike] | None = None
) -> FloatArray:
    """`optimal_f(...).fraction` of many strategies in one pass: 0 without an edge, NaN without a loss."""
    from bursar.quant.kernels.growth import optimal_fractions as kernel  # numba loads on first use

    rows = [vector(f"strategies[{i}]", trades) for i, trades in enumerate(strategies)]
    if probabilities is None:
        shares = [np.full(row.size, 1.0 / max(row.size, 1)) for row in rows]
    else:
        shares = [_shares(given, row.size) for given, row in zip(probabilities, rows, strict=True)]
    starts = np.cumsum([0] + [row.size for row in rows])
    fractions = np.empty(len(rows))
    if rows:
        kernel(np.concatenate(rows), np.concatenate(shares), starts.astype(np.int64), fractions)
    return fractions


def _centered(
    outcomes: FloatArray, shares: FloatArray, budget: float, weights: FloatArray, barrier: float
) -> FloatArray:
    """Newton's method on the growth with a barrier, from a point inside to the point where its slope is zero."""

    def value(candidate: FloatArray) -> float:
        wealth, slack = 1.0 + outcomes @ candidate, budget - candidate.sum()
        if min(wealth.min(), candidate.min(), slack) <= 0.0:
            return -np.inf
        return float(shares @ np.log(wealth) + barrier * (np.log(candidate).sum() + np.log(slack)))

    current = value(weights)
    for _ in range(NEWTON_STEPS_MOST):
        slack = budget - weights.sum()
        pulls = outcomes / (1.0 + outcomes @ weights)[:, np.newaxis]
        slope = shares @ pulls + barrier * (1.0 / weights - 1.0 / slack)
        bend = pulls.T @ (shares[:, np.newaxis] * pulls) + barrier / slack**2
        bend.flat[:: weights.size + 1] += barrier / weights**2
        direction = np.linalg.solve(bend, slope)
        promise = float(slope @ direction)
        if promise <= 1e-2 * barrier:
            break
        length = 1.0
        while (reached := value(weights + length * direction)) < current + 0.25 * length * promise:
            length *= 0.5
            if length < 1e-10:  # rounding hides what is left to gain
                return weights
        weights, current = weights + length * direction, reached
    return weights


def _shares(probabilities: ArrayLike | None, count: int) -> FloatArray:
    if probabilities is None:
        return np.full(count, 1.0 / max(count, 1))
    given = vector("probabilities", probabilities, length=count)
    _within("probabilities", given, given >= 0.0, "zero or more")
    if count and given.sum() <= 0.0:
        raise InputError("probabilities sum to zero; one at least must lie above")
    return given / given.sum() if count else given


def _within(name: str, values: FloatArray, right: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], needed: str) -> None:
    if not right.all():
        entry = tuple(int(i) for i in np.argwhere(~right)[0]) if values.ndim else ()
        place = f"[{', '.join(map(str, entry))}]" if entry else ""
        raise InputError(f"{name}{place} is {values[entry]:g}; a number {needed} is needed")
