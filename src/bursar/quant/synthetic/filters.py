"""Two recursions over the days, one for each column: what wanders, and what is averaged."""

from __future__ import annotations

import numpy as np

from bursar.quant.arrays import FloatArray


def wandering(news: FloatArray, keep: float) -> FloatArray:
    """X = keep * x + sqrt(1 - keep²) * news: of variance one in the long run where ``news`` is, and 0 before it."""
    from scipy.signal import lfilter  # type: ignore[import-untyped]  # ships no types; slow to load

    wandered: FloatArray = lfilter([np.sqrt(1.0 - keep**2)], [1.0, -keep], news, axis=0)
    return wandered


def smoothed(series: FloatArray, half_life: float) -> FloatArray:
    """An exponential average over the days, (n_days, n), which begins at the first value."""
    from scipy.signal import lfilter

    keep = 0.5 ** (1.0 / half_life)
    averaged, _ = lfilter([1.0 - keep], [1.0, -keep], series, axis=0, zi=keep * series[:1])
    return np.asarray(averaged, dtype=np.float64)
