"""One portfolio problem: its inputs, checked, and what any weights come to in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.quant.optimize.constraints import Limits
from bursar.quant.riskmodel import RiskModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The inputs of one problem; `model`, `means` and `scenarios` are None where the objective needs none."""

    size: int
    limits: Limits
    model: RiskModel | None = None
    means: FloatArray | None = None
    scenarios: FloatArray | None = None
    risk_free: float = 0.0

    @property
    def risk(self) -> RiskModel:
        """The risk model, for an objective or a constraint that cannot do without."""
        if self.model is None:
            raise InputError("covariance is missing: this objective, or a limit on volatility, needs it")
        return self.model

    @property
    def expected(self) -> FloatArray:
        """The expected returns, for an objective that cannot do without."""
        if self.means is None:
            raise InputError("expected_returns is missing: this objective needs it")
        return self.means

    @property
    def excess(self) -> FloatArray:
        """What each asset is expected to earn above cash."""
        return self.expected - self.risk_free

    def cost(self, weights: FloatArray) -> float:
        """The cost of trading from the current weights, once, as a fraction of the portfolio."""
        limits, total = self.limits, 0.0
        if limits.linear_cost is not None or limits.three_halves_cost is not None:
            traded = np.abs(weights - limits.current)
            if limits.linear_cost is not None:
                total += float(limits.linear_cost.dot(traded))
            if limits.three_halves_cost is not None:
                total += float(limits.three_halves_cost.dot(traded**1.5))
        return total

    def net_excess(self, weights: FloatArray) -> float:
        """Expected return above cash, less the cost's share of one period."""
        return float(self.excess.dot(weights)) - self.cost(weights) / self.limits.cost_periods

    def violation(self, weights: FloatArray) -> float:
        """By how much the weights break the worst-broken constraint, in that constraint's own unit; 0 for none."""
        limits, asked = self.limits, self.limits.asked
        total = float(weights.sum())
        if math.isnan(total):
            return math.nan
        worst = max(
            float((limits.lower - weights).max()),
            float((weights - limits.upper).max()),
            limits.total_lower - total,
            total - limits.total_upper,
            0.0,
        )
        if limits.exposures.shape[0]:
            held = limits.exposures.dot(weights)
            worst = max(worst, float((limits.exposure_lower - held).max()), float((held - limits.exposure_upper).max()))
        if asked.gross_max < math.inf:
            worst = max(worst, float(np.abs(weights).sum()) - asked.gross_max)
        if asked.turnover_max < math.inf:
            worst = max(worst, float(np.abs(weights - limits.current).sum()) - asked.turnover_max)
        if asked.cost_max < math.inf:
            worst = max(worst, self.cost(weights) - asked.cost_max)
        if asked.volatility_max < math.inf:
            worst = max(worst, math.sqrt(self.risk.variance(weights)) - asked.volatility_max)
        if asked.tracking_error_max < math.inf:
            active = math.sqrt(self.risk.variance(weights - limits.benchmark))
            worst = max(worst, active - asked.tracking_error_max)
        return worst
