"""Random markets for the tests of this folder: ordinary ones, and those that break careless mathematics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bursar.quant.arrays import FloatArray


@dataclass(frozen=True)
class Market:
    """Daily returns, their covariance and means, and a sector for each asset."""

    returns: FloatArray
    covariance: FloatArray
    means: FloatArray
    labels: list[str]

    @property
    def size(self) -> int:
        return int(self.covariance.shape[0])


def market(seed: int, size: int = 8, *, periods: int = 250, kind: str = "ordinary") -> Market:
    """A market with three common factors.

    kind  ordinary; short (fewer days than assets, so that the covariance is singular); twins (two assets that are
          almost the same); wild (volatilities from 0.01 % to 10 % a day); flat (all expected returns are equal)
    """
    random = np.random.default_rng(seed)
    if kind == "short":
        periods = max(size // 2, 3)
    returns = random.normal(size=(periods, 3)) @ random.normal(size=(3, size)) * 0.006
    returns += random.normal(size=(periods, size)) * random.uniform(0.005, 0.02, size)
    if kind == "twins":
        returns[:, 1] = returns[:, 0] + random.normal(size=periods) * 1e-7
    if kind == "wild":
        returns *= 10.0 ** random.uniform(-4, -1, size) / returns.std(axis=0)
    covariance = np.cov(returns.T)
    means = random.normal(0.0004, 0.0006, size)
    means[0] = abs(means[0]) + 1e-4  # a portfolio with a positive return exists
    if kind == "flat":
        means[:] = 0.0004
    return Market(returns, 0.5 * (covariance + covariance.T), means, [f"sector {i % 3}" for i in range(size)])


KINDS = ("ordinary", "short", "twins", "wild", "flat")
