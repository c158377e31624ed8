"""Recursions over time that volatility forecasts need."""

from __future__ import annotations

from bursar.quant.arrays import FloatArray
from bursar.quant.kernels import integer, kernel, nothing, real, vector, vector_out


@kernel(nothing(vector, real, real, integer, vector_out))
def ewma_variance(returns: FloatArray, decay: float, start: float, hold: int, variances: FloatArray) -> None:
    """Variance forecast of each period and the next: `start` for the first `hold`, then exponentially weighted."""
    variance = start
    variances[0] = variance
    for t in range(returns.size):
        if t >= hold:
            variance = decay * variance + (1.0 - decay) * returns[t] ** 2
        variances[t + 1] = variance
