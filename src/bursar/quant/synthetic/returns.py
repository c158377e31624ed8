"""Returns of a made-up market: what moves everything, what moves a sector, and what moves one company alone.

The log return of a day is the sum of four parts, each drawn with a volatility that was settled the day before:

    drift     the rate, beta times a premium, less half the variance, so that simple returns have that mean
    shared    beta times the market, and the sector. The market has regimes (calm, nervous, crisis) that last
    own       Student's t around a volatility of its own, which leans on the market's
    jumps     on the day after a report, by what surprised in it; and now and then out of nowhere

A logarithm of volatility is the sum of three autoregressions with half-lives of 4, 30 and 250 days: together they
decay as slowly as absolute returns are seen to be correlated. A fall raises it and a rise lowers it (leverage).

Overnight comes a share of every part, drawn so that gap and day are independent, as in ``gateway/path.py``; a move
on a report is all gap, since reports come when the market is shut.

Sources: Cont (2001), "Empirical properties of asset returns", Quantitative Finance 1, for what must be met; Taylor
(1994) for stochastic volatility; Corsi (2009) for three horizons of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.synthetic.companies import SECTORS, Companies
from bursar.quant.synthetic.filters import wandering
from bursar.quant.synthetic.recipe import Recipe

REGIMES = ("calm", "nervous", "crisis")
#: Chance a day to go from each regime to each; its volatility as a logarithm above calm; its drift a day.
TRANSITIONS = np.array([[0.9935, 0.0060, 0.0005], [0.0140, 0.9790, 0.0070], [0.0020, 0.0260, 0.9720]])
REGIME_VOLATILITY = np.array([0.0, 0.42, 1.02])
REGIME_DRIFT = np.array([0.00035, -0.0002, -0.0016])

RATE, PREMIUM = 0.03 / 252, 0.07 / 252
MARKET_VOLATILITY, SECTOR_VOLATILITY = 0.0057, 0.0038
#: Half-lives of volatility's parts in days, and the standard deviation of each part of its logarithm.
HALF_LIVES = np.array([4.0, 30.0, 250.0])
MARKET_SPREADS, OWN_SPREADS = np.array([0.20, 0.22, 0.28]), np.array([0.20, 0.20, 0.40])
#: Correlation between a return and the change of volatility that follows.
LEVERAGE, OWN_LEVERAGE = -0.55, -0.12
#: How far a company's own volatility leans on the market's.
LEANING = 0.60
MARKET_TAILS, OWN_TAILS = 10.0, 11.0
#: A return of more than so many deviations is drawn in: a Student's t has no bound.
DRAWN_IN = 12.0
GAP_SHARE = 0.39
#: Jumps out of nowhere: chance a day, size, and their lean to the downside.
JUMP_CHANCE, JUMP_SIZE, JUMP_LEAN = 0.15 / 252, 0.065, -0.02
#: How much of the move on a report is what surprised in it; the rest is what nobody can see in the numbers.
SURPRISE_SHARE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Returns:
    """What happened, (n_days, n_symbols) unless said otherwise.

    regime           (n_days,) its place in REGIMES
    total            log return from close to close, dividends included
    gap              the part of it before the opening bell
    day_variance     variance of the part after it, as it could be known the day before, jumps aside
    ahead            variance a day over the coming 21 days, as it could be guessed at the close, jumps aside
    """

    regime: np.ndarray
    total: FloatArray
    gap: FloatArray
    day_variance: FloatArray
    ahead: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Returns of several sources of risk, (n_days, n_sources): of the day, overnight, and their variance."""

    day: FloatArray
    gap: FloatArray
    variance: FloatArray
    ahead: FloatArray


def draw(recipe: Recipe, companies: Companies, jumps: FloatArray) -> Returns:
    """Returns of all companies; ``jumps`` are the moves on their reports, which come overnight."""
    regime = _regimes(recipe)
    market = _part(
        recipe, "market", np.array([MARKET_VOLATILITY]), REGIME_VOLATILITY[regime][:, None], MARKET_SPREADS,
        LEVERAGE, MARKET_TAILS,
    )  # fmt: skip
    sectors = _part(
        recipe, "sectors", np.full(len(SECTORS), SECTOR_VOLATILITY), 0.35 * REGIME_VOLATILITY[regime][:, None],
        OWN_SPREADS, LEVERAGE, MARKET_TAILS,
    )  # fmt: skip
    lean = LEANING * 0.5 * np.log(market.variance / MARKET_VOLATILITY**2)
    own = _part(recipe, "own", companies.own_volatility, lean, OWN_SPREADS, OWN_LEVERAGE, OWN_TAILS)
    surprise, before_bell = _surprises(recipe)
    beta, sector = companies.beta, companies.sector

    def together(kind: str) -> FloatArray:
        first, second, third = (getattr(part, kind) for part in (market, sectors, own))
        squared = kind in ("variance", "ahead")
        summed: FloatArray = (beta**2 if squared else beta) * first + second[:, sector] + third
        return summed

    variance = together("variance")
    drift = RATE + beta * (PREMIUM + REGIME_DRIFT[regime][:, None]) - 0.5 * variance
    total = drift + together("day") + jumps + surprise
    gap = GAP_SHARE * drift + together("gap") + jumps + np.where(before_bell, surprise, 0.0)
    inside = np.where(before_bell, 0.0, surprise)
    return Returns(
        regime=regime,
        total=total,
        gap=gap,
        day_variance=(1.0 - GAP_SHARE) * variance + inside**2,
        ahead=together("ahead"),
    )


def _regimes(recipe: Recipe) -> np.ndarray:
    """The regime of each day: a Markov chain that begins calm."""
    bounds = np.cumsum(TRANSITIONS, axis=1)
    drawn = recipe.chance("regimes").random(len(recipe.days))
    regimes = np.zeros(len(drawn), dtype=np.int64)
    for day in range(1, len(drawn)):
        regimes[day] = np.searchsorted(bounds[regimes[day - 1]], drawn[day], side="right").clip(max=2)
    return regimes


def _part(
    recipe: Recipe, name: str, usual: FloatArray, shift: FloatArray, spreads: FloatArray, leverage: float, tails: float
) -> Part:
    """Returns of ``len(usual)`` sources of risk, whose volatility wanders around ``usual`` times exp(``shift``)."""
    n_days, count = len(recipe.days), len(usual)
    chance = recipe.chance(f"{name} shocks")
    # A Student's t of variance one, drawn in where it is beyond belief.
    shocks = chance.standard_t(tails, (n_days, count)) * np.sqrt((tails - 2.0) / tails)
    np.clip(shocks, -DRAWN_IN, DRAWN_IN, out=shocks)
    news = recipe.chance(f"{name} volatility").standard_normal((n_days, count))
    news[1:] = leverage * np.clip(shocks[:-1], -4.0, 4.0) + np.sqrt(1.0 - leverage**2) * news[1:]
    wander, ahead = np.zeros_like(news), np.zeros_like(news)
    for half_life, spread in zip(HALF_LIVES, spreads, strict=True):
        keep = 0.5 ** (1.0 / half_life)
        level = spread * wandering(news, keep)
        wander += level
        # What is left of a part when the 21 days ahead are half over.
        ahead += keep**10.5 * level
    middle = float((spreads**2).sum())
    # exp(2x) has the mean exp(2 variance): taken off, so that ``usual`` is what it says.
    variance = (usual * np.exp(wander + shift - middle)) ** 2
    left = float((spreads**2 * (1.0 - 0.5 ** (21.0 / HALF_LIVES))).sum())
    forecast = (usual * np.exp(ahead + shift - middle + left)) ** 2
    deviation = np.sqrt(variance)
    night = recipe.chance(f"{name} nights").standard_normal((n_days, count))
    day = deviation * shocks
    gap = GAP_SHARE * day + np.sqrt(GAP_SHARE * (1.0 - GAP_SHARE)) * deviation * night
    return Part(day=day, gap=gap, variance=variance, ahead=forecast)


def _surprises(recipe: Recipe) -> tuple[FloatArray, np.ndarray]:
    """Jumps out of nowhere, and whether each came before the bell."""
    comes = recipe.chance("surprise days").random(recipe.shape) < JUMP_CHANCE
    sizes = JUMP_LEAN + JUMP_SIZE * recipe.chance("surprise sizes").standard_normal(recipe.shape)
    before_bell = recipe.chance("surprise hours").random(recipe.shape) < 0.6
    return np.where(comes, np.clip(sizes, -0.6, 0.4), 0.0), before_bell
