"""Means and covariances from returns: estimators that know how little a few hundred days can say.

Returns are simple and per period, (n_periods, n_assets), oldest first; what comes out is per the same period. NaN
marks a missing return: a period with any is left out, except where `pairwise` is said. Every covariance is positive
semi-definite by construction and needs no further check (riskmodel.Covariance; numpy reads it as an array).
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray
from bursar.quant.riskmodel import Covariance, FactorModel, RiskModel, risk_model

# A squared mean of so many variances costs three of sixteen digits in a covariance that is centered afterwards.
LOST_DIGITS_MAX = 1e3


class Shrunk(NamedTuple):
    """A covariance and how far it was drawn to its target: 0 is the sample, 1 the target."""

    covariance: Covariance
    intensity: float


def sample_covariance(returns: ArrayLike, *, missing: Literal["drop", "pairwise"] = "drop") -> Covariance:
    """The unbiased sample covariance.

    missing  drop leaves out every period with a gap; pairwise takes each pair over the periods that both have, and
             moves the result to the nearest positive semi-definite matrix
    """
    if missing == "pairwise":
        return _pairwise_covariance(returns)
    table = _periods(returns, least=2)
    scatter = _scatter(table)
    if math.isnan(scatter.trace()):
        # A gap anywhere reaches the diagonal, so that a table without one is read no more than needed.
        table = _without_gaps(table, least=2)
        scatter = _scatter(table)
    return Covariance.trusted(scatter / (table.shape[0] - 1))


def ewma_covariance(returns: ArrayLike, half_life: float) -> Covariance:
    """Exponentially weighted covariance about a zero mean; a period `half_life` ago weighs half as much as the last.

    Source: RiskMetrics Technical Document (1996), section 5.2.
    """
    table = _complete(returns, least=1)
    age = np.arange(table.shape[0] - 1, -1, -1.0)
    weights = 0.5 ** (age / arrays.number("half_life", half_life, above=0.0))
    weighted = table * np.sqrt(weights / weights.sum())[:, None]
    return Covariance.trusted(weighted.T @ weighted)


def ledoit_wolf_covariance(returns: ArrayLike) -> Shrunk:
    """The sample covariance (divided by n) drawn to a multiple of the identity, by the least expected squared error.

    Source: Ledoit and Wolf (2004), "A Well-conditioned Estimator for Large-dimensional Covariance Matrices", Journal
    of Multivariate Analysis 88.
    """
    centered = _centered(returns)
    periods, n = centered.shape
    sample = centered.T @ centered / periods
    mean_variance = float(sample.trace()) / n
    square = float(np.einsum("ij,ij->", sample, sample))
    distance = square - n * mean_variance**2
    # sum_t ||x_t x_t' - S||^2 is sum_t ||x_t||^4 - T ||S||^2: no n x n matrix for each period.
    fourth = float((np.einsum("ij,ij->i", centered, centered) ** 2).sum())
    noise = (fourth / periods - square) / periods
    intensity = min(noise / distance, 1.0) if distance > 0 else 1.0
    return _shrunk(sample, mean_variance, intensity)


def oas_covariance(returns: ArrayLike) -> Shrunk:
    """The sample covariance drawn to a multiple of the identity, as best for Gaussian returns.

    Source: Chen, Wiesel, Eldar and Hero (2010), "Shrinkage Algorithms for MMSE Covariance Estimation", IEEE
    Transactions on Signal Processing 58, equation 23.
    """
    centered = _centered(returns)
    periods, n = centered.shape
    sample = centered.T @ centered / periods
    mean_variance = float(sample.trace()) / n
    mean_square = float(np.einsum("ij,ij->", sample, sample)) / n**2
    spread = (periods + 1.0) * (mean_square - mean_variance**2 / n)
    intensity = min((mean_square + mean_variance**2) / spread, 1.0) if spread > 0 else 1.0
    return _shrunk(sample, mean_variance, intensity)


def denoised_covariance(returns: ArrayLike) -> Covariance:
    """The sample covariance whose noise eigenvalues are replaced by their mean; variances stay as they are.

    An eigenvalue of the correlation is noise below the edge of the Marchenko-Pastur law for the variance that the
    signal leaves; the two are found together, from the greatest eigenvalue down.
    Source: Laloux, Cizeau, Bouchaud and Potters (1999), "Noise Dressing of Financial Correlation Matrices"; Lopez de
    Prado (2020), "Machine Learning for Asset Managers", section 2.5.
    """
    centered = _centered(returns)
    periods, n = centered.shape
    sample = centered.T @ centered / (periods - 1)
    volatilities = np.sqrt(sample.diagonal())
    if not volatilities.min() > 0:
        i = int(volatilities.argmin())
        raise InputError(f"returns[:, {i}] never move; without variance there is no correlation to clean")
    eigenvalues, eigenvectors = np.linalg.eigh(sample / np.outer(volatilities, volatilities))
    signal = _signals(eigenvalues, n / periods)
    cleaned = eigenvalues.copy()
    if signal < n:
        cleaned[: n - signal] = max(float(eigenvalues[: n - signal].mean()), 0.0)
    correlation = (eigenvectors * cleaned) @ eigenvectors.T
    # Replacing eigenvalues moves the diagonal off one; the variances were never in doubt.
    scale = volatilities / np.sqrt(correlation.diagonal())
    return Covariance.trusted(_symmetrized(correlation * np.outer(scale, scale)))


def factor_model(returns: ArrayLike, factors: ArrayLike) -> FactorModel:
    """Loadings by least squares on given factor returns (n_periods, n_factors), with an intercept.

    Specific variances are those of the residuals, unbiased.
    """
    assets, common = arrays.matrix("returns", returns, missing=True), arrays.matrix("factors", factors, missing=True)
    if assets.shape[0] != common.shape[0]:
        raise InputError(f"returns has {assets.shape[0]} periods and factors {common.shape[0]}; they must be the same")
    whole = ~np.isnan(np.hstack([assets, common])).any(axis=1)
    y, x = assets[whole], common[whole]
    freedom = x.shape[0] - x.shape[1] - 1
    if freedom < 1:
        raise InputError(f"{x.shape[0]} complete periods cannot carry {x.shape[1]} factors and an intercept")
    y, x = y - y.mean(axis=0), x - x.mean(axis=0)
    loadings, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    if rank < x.shape[1]:
        raise InputError(f"factors are not independent: {x.shape[1]} columns of rank {rank}")
    residuals = y - x @ loadings
    return FactorModel(
        loadings=np.ascontiguousarray(loadings.T),
        factor_covariance=_symmetrized(x.T @ x / (x.shape[0] - 1)),
        specific_variances=np.einsum("ij,ij->j", residuals, residuals) / freedom,
    )


def principal_factor_model(returns: ArrayLike, factors: int) -> FactorModel:
    """A factor model on the leading principal components of the covariance; each asset keeps its own variance."""
    sample = sample_covariance(returns).values
    n = sample.shape[0]
    if not 1 <= factors <= n:
        raise InputError(f"factors is {factors}; it must lie between 1 and the {n} assets")
    eigenvalues, eigenvectors = np.linalg.eigh(sample)
    leading, loadings = np.maximum(eigenvalues[-factors:], 0.0), np.ascontiguousarray(eigenvectors[:, -factors:])
    specific = sample.diagonal() - (loadings**2) @ leading
    return FactorModel(
        loadings=loadings, factor_covariance=np.diag(leading), specific_variances=np.maximum(specific, 0.0)
    )


def nearest_covariance(matrix: ArrayLike) -> Covariance:
    """The positive semi-definite matrix nearest to a symmetric one, by the sum of squared differences.

    Source: Higham (1988), "Computing a Nearest Symmetric Positive Semidefinite Matrix".
    """
    table = arrays.matrix("matrix", matrix)
    if table.shape[0] != table.shape[1]:
        raise InputError(f"matrix has shape {table.shape}; a covariance is square")
    eigenvalues, eigenvectors = np.linalg.eigh(_symmetrized(table))
    return Covariance.trusted(_symmetrized((eigenvectors * np.maximum(eigenvalues, 0.0)) @ eigenvectors.T))


def historical_means(returns: ArrayLike, *, half_life: float | None = None) -> FloatArray:
    """(n_assets,) mean of each asset over the periods that it has; exponentially weighted with a half-life."""
    table = _periods(returns, least=1)
    if half_life is None:
        plain = _column_means(table)
        if not math.isnan(plain.sum()):
            return plain
    known = ~np.isnan(table)
    if not known.any(axis=0).all():
        raise InputError(f"returns[:, {int((~known.any(axis=0)).argmax())}] has no entry to take a mean of")
    age = np.arange(table.shape[0] - 1, -1, -1.0)
    decay = np.ones(age.size) if half_life is None else 0.5 ** (age / arrays.number("half_life", half_life, above=0.0))
    weights = known * decay[:, None]
    means: FloatArray = (np.where(known, table, 0.0) * weights).sum(axis=0) / weights.sum(axis=0)
    return means


def shrunk_means(returns: ArrayLike) -> FloatArray:
    """(n_assets,) means drawn to that of the minimum-variance portfolio, the more the less they can be told apart.

    Source: Jorion (1986), "Bayes-Stein Estimation for Portfolio Analysis", Journal of Financial and Quantitative
    Analysis 21.
    """
    table = _complete(returns, least=2)
    periods, n = table.shape
    if periods <= n + 2:
        raise InputError(f"{periods} complete periods are too few to shrink the means of {n} assets: {n + 3} at least")
    means = _column_means(table)
    centered = table - means
    covariance = centered.T @ centered / (periods - n - 2)
    try:
        ones, own = np.linalg.solve(covariance, np.column_stack([np.ones(n), means])).T
    except np.linalg.LinAlgError as error:
        raise InputError("returns have a singular covariance; leave out assets that repeat each other") from error
    target = float(own.sum() / ones.sum())
    distance = float((means - target) @ (own - target * ones))
    intensity = (n + 2) / (n + 2 + periods * distance)
    shrunk: FloatArray = (1.0 - intensity) * means + intensity * target
    return shrunk


def implied_means(
    covariance: ArrayLike | RiskModel, weights: ArrayLike, risk_aversion: float, *, risk_free: float = 0.0
) -> FloatArray:
    """(n_assets,) expected returns at which a mean-variance investor would hold these weights: reverse optimization."""
    model = risk_model(covariance)
    held = arrays.vector("weights", weights, length=model.size)
    aversion = arrays.number("risk_aversion", risk_aversion, above=0.0)
    means: FloatArray = aversion * model.times(held) + risk_free
    return means


def _periods(returns: ArrayLike, *, least: int) -> FloatArray:
    """The table of returns, gaps and all."""
    table = arrays.matrix("returns", returns, missing=True)
    if table.shape[1] == 0:
        raise InputError(f"returns has shape {table.shape}; one asset at least is needed")
    return _enough(table, least)


def _complete(returns: ArrayLike, *, least: int) -> FloatArray:
    """The periods without a gap."""
    table = _periods(returns, least=least)
    return table if arrays.complete(table) else _without_gaps(table, least=least)


def _without_gaps(table: FloatArray, *, least: int) -> FloatArray:
    return _enough(table[~np.isnan(table).any(axis=1)], least)


def _enough(table: FloatArray, least: int) -> FloatArray:
    if table.shape[0] < least:
        raise InputError(f"returns has {table.shape[0]} complete periods; {least} are needed")
    return table


def _centered(returns: ArrayLike) -> FloatArray:
    table = _complete(returns, least=2)
    centered: FloatArray = table - _column_means(table)
    return centered


def _scatter(table: FloatArray) -> FloatArray:
    """Sum over periods of (x - mean)(x - mean)'."""
    periods = table.shape[0]
    means = _column_means(table)
    scaled = math.sqrt(periods) * means
    scatter: FloatArray = table.T @ table - np.outer(scaled, scaled)
    # Subtracting afterwards spares a copy of the table. It loses as many digits as the squared mean has over the
    # variance: next to none for returns, but all of them for levels, which are centered first.
    if not (scaled**2 > LOST_DIGITS_MAX * scatter.diagonal()).any():
        return scatter
    centered = table - means
    return np.asarray(centered.T @ centered)


def _column_means(table: FloatArray) -> FloatArray:
    # A product with ones is the sum of each column, at a third of the time of a reduction along the rows.
    means: FloatArray = np.ones(table.shape[0]).dot(table) / table.shape[0]
    return means


def _shrunk(sample: FloatArray, mean_variance: float, intensity: float) -> Shrunk:
    shrunk = (1.0 - intensity) * sample
    shrunk.flat[:: sample.shape[0] + 1] += intensity * mean_variance
    return Shrunk(Covariance.trusted(shrunk), intensity)


def _signals(eigenvalues: FloatArray, ratio: float) -> int:
    """How many eigenvalues (ascending) of a correlation stand above the noise; `ratio` is assets to periods."""
    n = eigenvalues.size
    count = 0
    while count < n:
        left = float(eigenvalues[: n - count].sum()) / n
        if eigenvalues[n - 1 - count] <= left * (1.0 + np.sqrt(ratio)) ** 2:
            break
        count += 1
    return count


def _pairwise_covariance(returns: ArrayLike) -> Covariance:
    table = arrays.matrix("returns", returns, missing=True)
    known = ~np.isnan(table)
    seen = known.astype(np.float64)
    shared = seen.T @ seen
    if shared.size == 0 or shared.min() < 2:
        pair = np.unravel_index(int(shared.argmin()), shared.shape) if shared.size else (0, 0)
        raise InputError(f"assets {int(pair[0])} and {int(pair[1])} share too few periods; two are needed")
    filled = np.where(known, table, 0.0)
    # Each pair is centered on the periods that it shares.
    own_sums = filled.T @ seen
    products = filled.T @ filled - own_sums * own_sums.T / shared
    return nearest_covariance(products / (shared - 1.0))


def _symmetrized(matrix: FloatArray) -> FloatArray:
    half: FloatArray = 0.5 * (matrix + matrix.T)
    return half
