"""Regimes: is the market calm or turbulent, and how sure can one be?

A hidden Markov chain with two or three states, each with its own mean and volatility of daily returns. It is fitted
by expectation and maximization to past returns; the probability of each state on a day uses the returns up to that
day and no later one. ``walk_forward`` fits again once a year, to what was known then, and is what a backtest may use.

States are ordered by volatility, the calmest first. Probabilities are those of the model, and as good as it is:
returns have fatter tails than two normal distributions, so single jumps are taken for turbulence.

Source: Hamilton (1989), Econometrica 57; Rabiner (1989), Proceedings of the IEEE 77, for the recursions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bursar.errors import DataError, InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import PERIODS_PER_YEAR
from bursar.research import features

NAMES = {2: ("calm", "turbulent"), 3: ("calm", "uneasy", "turbulent")}
#: Returns that a fit needs: two years.
DAYS_MIN = 2 * features.YEAR
ITERATIONS_MAX = 200
#: The fit ends when a round raises the log-likelihood by less.
TOLERANCE = 1e-4
#: A state's variance is at least this part of all returns', or it would shrink onto a single day.
VARIANCE_LEAST = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regimes:
    """A fitted chain.

    means, deviations  (n_states,) of daily returns, by rising deviation
    transition         (n_states, n_states) probability to go from the row's state to the column's in a day
    log_likelihood     of the returns that it was fitted to
    days               how many those were
    """

    means: FloatArray
    deviations: FloatArray
    transition: FloatArray
    log_likelihood: float
    days: int

    @property
    def names(self) -> tuple[str, ...]:
        return NAMES[len(self.means)]

    @property
    def volatilities(self) -> FloatArray:
        """Annualized, (n_states,)."""
        annual: FloatArray = self.deviations * math.sqrt(PERIODS_PER_YEAR)
        return annual

    @property
    def durations(self) -> FloatArray:
        """Mean number of days that each state lasts, (n_states,)."""
        lasting: FloatArray = 1.0 / np.maximum(1.0 - np.diag(self.transition), 1e-12)
        return lasting

    @property
    def long_run(self) -> FloatArray:
        """Share of all days in each state in the long run, (n_states,)."""
        states = len(self.means)
        balance = np.vstack([self.transition.T - np.eye(states), np.ones(states)])
        share: FloatArray = np.linalg.lstsq(balance, np.append(np.zeros(states), 1.0), rcond=None)[0]
        return share

    def probabilities(self, returns: FloatArray) -> FloatArray:
        """Probability of each state on each day, given the returns up to it, (n_days, n_states).

        A missing return tells nothing: the chain moves on without it.
        """
        from bursar.quant.kernels.markov import filtered  # half a second for numba, once a process

        returns = arrays.vector("returns", returns, missing=True)
        likelihoods, _ = _likelihoods(returns, self.means, self.deviations)
        known = np.empty_like(likelihoods)
        filtered(likelihoods, np.ascontiguousarray(self.transition), np.ascontiguousarray(self.long_run), known)
        return known


def fit(returns: FloatArray, states: int = 2) -> Regimes:
    """The chain that explains ``returns``, (n_days,) simple daily returns, best; days without one are left out.

    The search starts from the quiet and the loud days of the sample, so equal returns give equal chains.
    Raises DataError with less than two years of returns, or where they never change.
    """
    from bursar.quant.kernels.markov import filtered, smoothed  # half a second for numba, once a process

    if states not in NAMES:
        raise InputError(f"{states} regimes are not supported; give 2 or 3")
    returns = arrays.vector("returns", returns, missing=True)
    returns = returns[~np.isnan(returns)]
    if len(returns) < DAYS_MIN:
        raise DataError(f"regimes need {DAYS_MIN} daily returns and have {len(returns)}")
    spread = float(returns.var())
    if spread == 0.0:
        raise DataError(f"{len(returns)} equal returns have no regimes")
    means, deviations, transition, start = _guess(returns, states)
    known = np.empty((len(returns), states))
    smooth, moves = np.empty_like(known), np.empty((states, states))
    reached = -math.inf
    for _ in range(ITERATIONS_MAX):
        likelihoods, scale = _likelihoods(returns, means, deviations)
        before, reached = reached, filtered(likelihoods, transition, start, known) + scale
        if reached - before < TOLERANCE:
            break
        smoothed(likelihoods, transition, known, smooth, moves)
        days = smooth.sum(axis=0)
        start = np.ascontiguousarray(smooth[0])
        transition = moves / moves.sum(axis=1, keepdims=True)
        means = (smooth * returns[:, None]).sum(axis=0) / days
        variances = (smooth * (returns[:, None] - means) ** 2).sum(axis=0) / days
        deviations = np.sqrt(np.maximum(variances, VARIANCE_LEAST * spread))
    order = np.argsort(deviations, kind="stable")
    return Regimes(
        means=means[order],
        deviations=deviations[order],
        transition=np.ascontiguousarray(transition[np.ix_(order, order)]),
        log_likelihood=reached,
        days=len(returns),
    )


def walk_forward(returns: FloatArray, states: int = 2, refit_days: int = features.YEAR) -> FloatArray:
    """Probability of each state on each day as it could be known that day, (n_days, n_states).

    The chain is fitted again every ``refit_days`` to all returns before; NaN until there are two years of them.
    """
    if refit_days < 1:
        raise InputError(f"a fit every {refit_days} days is none; give at least 1")
    returns = arrays.vector("returns", returns, missing=True)
    result = np.full((len(returns), states), np.nan)
    enough = np.flatnonzero(np.cumsum(~np.isnan(returns)) >= DAYS_MIN)
    if not enough.size:
        return result
    for first in range(int(enough[0]) + 1, len(returns), refit_days):
        until = min(first + refit_days, len(returns))
        model = fit(returns[:first], states)
        result[first:until] = model.probabilities(returns[:until])[first:]
    return result


def _guess(returns: FloatArray, states: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Where the search begins: the days in equal groups by the size of their returns, and states that last."""
    size = np.abs(returns - returns.mean())
    groups = np.array_split(np.argsort(size, kind="stable"), states)
    # Sorting by size makes the groups too different; halfway to the whole sample is nearer the truth.
    deviations = np.array([0.5 * returns.std() + 0.5 * math.sqrt(float((size[group] ** 2).mean())) for group in groups])
    means = np.full(states, returns.mean())
    away = 0.03
    transition = np.full((states, states), away / (states - 1))
    np.fill_diagonal(transition, 1.0 - away)
    return means, deviations, transition, np.full(states, 1.0 / states)


def _likelihoods(returns: FloatArray, means: FloatArray, deviations: FloatArray) -> tuple[FloatArray, float]:
    """Normal densities by day and state, each day's divided by its largest, and the sum of those logarithms.

    A day without a return has likelihoods of one: every state explains nothing equally well.
    """
    logs = -0.5 * ((returns[:, None] - means) / deviations) ** 2 - np.log(deviations) - 0.5 * math.log(2.0 * math.pi)
    missing = np.isnan(returns)
    logs[missing] = 0.0
    largest = logs.max(axis=1, keepdims=True)
    return np.ascontiguousarray(np.exp(logs - largest)), float(largest.sum())
