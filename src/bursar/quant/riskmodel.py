"""How assets move together: a covariance in full, or one carried by a few factors.

Both forms are checked once, when they are built, and then used for as many solves as wanted: a proof of positive
semi-definiteness costs more than some of the solves that follow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray


@dataclass(frozen=True)
class Covariance:
    """A covariance (n_assets, n_assets) that has passed its checks; the caller must not write into it afterwards.

    Raises InputError for anything that is not finite, square, symmetric and positive semi-definite.
    """

    values: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", arrays.covariance("covariance", self.values))

    @classmethod
    def trusted(cls, values: FloatArray) -> Covariance:
        """A covariance that is one by construction, without the checks: an estimator's result."""
        made = object.__new__(cls)
        object.__setattr__(made, "values", values)
        return made

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """What numpy sees, so that a covariance can stand wherever an array does."""
        return np.array(self.values, dtype=dtype, copy=copy)

    @property
    def size(self) -> int:
        return int(self.values.shape[0])

    @cached_property
    def variances(self) -> FloatArray:
        return self.values.diagonal().copy()

    def times(self, weights: FloatArray) -> FloatArray:
        """Covariance of each asset with the portfolio."""
        product: FloatArray = self.values.dot(weights)
        return product

    def variance(self, weights: FloatArray) -> float:
        # Rounding can leave the variance of a perfect hedge a little below zero.
        return max(float(weights.dot(self.values.dot(weights))), 0.0)

    @cached_property
    def root(self) -> FloatArray:
        """R (rank, n_assets) with R'R = covariance; from eigenvectors where the covariance is singular."""
        try:
            return np.ascontiguousarray(np.linalg.cholesky(self.values).T)
        except np.linalg.LinAlgError:
            eigenvalues, eigenvectors = np.linalg.eigh(self.values)
            kept = eigenvalues > eigenvalues[-1] * 1e-15
            return np.ascontiguousarray((eigenvectors[:, kept] * np.sqrt(eigenvalues[kept])).T)

    def dense(self) -> FloatArray:
        return self.values


@dataclass(frozen=True)
class FactorModel:
    """covariance = loadings factor_covariance loadings' + diag(specific_variances).

    loadings            (n_assets, n_factors)
    factor_covariance   (n_factors, n_factors)
    specific_variances  (n_assets,), none negative

    The optimizer keeps this form: 2,000 assets on ten factors then cost milliseconds.
    """

    loadings: FloatArray
    factor_covariance: FloatArray
    specific_variances: FloatArray

    def __post_init__(self) -> None:
        loadings = arrays.matrix("loadings", self.loadings)
        if 0 in loadings.shape:
            raise InputError(f"loadings has shape {loadings.shape}; one asset and one factor at least are needed")
        factors = arrays.covariance("factor_covariance", self.factor_covariance, size=loadings.shape[1])
        specific = arrays.vector("specific_variances", self.specific_variances, length=loadings.shape[0])
        if specific.min() < 0:
            i = int(specific.argmin())
            raise InputError(f"specific_variances[{i}] is {specific[i]:g}; a variance is never negative")
        object.__setattr__(self, "loadings", loadings)
        object.__setattr__(self, "factor_covariance", factors)
        object.__setattr__(self, "specific_variances", specific)

    @property
    def size(self) -> int:
        return int(self.loadings.shape[0])

    @cached_property
    def variances(self) -> FloatArray:
        systematic = np.einsum("ij,jk,ik->i", self.loadings, self.factor_covariance, self.loadings, optimize=True)
        total: FloatArray = systematic + self.specific_variances
        return total

    def times(self, weights: FloatArray) -> FloatArray:
        """Covariance of each asset with the portfolio."""
        systematic = self.loadings @ (self.factor_covariance @ (self.loadings.T @ weights))
        product: FloatArray = systematic + self.specific_variances * weights
        return product

    def variance(self, weights: FloatArray) -> float:
        return max(float(weights.dot(self.times(weights))), 0.0)

    @cached_property
    def scaled_loadings(self) -> FloatArray:
        """Loadings (n_assets, n_factors) on factors that are uncorrelated and have variance one."""
        return np.ascontiguousarray(self.loadings @ Covariance(self.factor_covariance).root.T)

    def dense(self) -> FloatArray:
        loadings = self.scaled_loadings
        full = loadings @ loadings.T
        full.flat[:: self.size + 1] += self.specific_variances
        return full


RiskModel: TypeAlias = Covariance | FactorModel


def risk_model(covariance: ArrayLike | RiskModel) -> RiskModel:
    """What the caller gave, checked: a risk model passes as it is, an array becomes a Covariance."""
    if isinstance(covariance, Covariance | FactorModel):
        return covariance
    return Covariance(covariance)  # type: ignore[arg-type]  # its checks turn any array-like into an array
