"""The stake that makes many distributions of trades grow fastest, one after another."""

from __future__ import annotations

import numpy as np

from bursar.quant.arrays import FloatArray, IntArray
from bursar.quant.kernels import integers, kernel, nothing, vector, vector_out

STEPS_MOST = 200  # halving alone needs 60


@kernel(nothing(vector, vector, integers, vector_out))
def optimal_fractions(trades: FloatArray, shares: FloatArray, starts: IntArray, fractions: FloatArray) -> None:
    """For each row of trades, the f in [0, 1) that makes the mean of log(1 + f trade / worst loss) largest.

    trades     all rows, one behind the other; row i is trades[starts[i]:starts[i + 1]]
    shares     the probability of each trade within its row
    fractions  result: 0 where the mean trade gains nothing, NaN where no trade lost

    The mean is concave in f: its slope falls through zero once. Newton's step is taken where it stays between the
    ends known so far, halving where it does not.
    """
    for row in range(fractions.size):
        first, last = starts[row], starts[row + 1]
        worst = mean = 0.0
        for i in range(first, last):
            worst = min(worst, trades[i])
            mean += shares[i] * trades[i]
        if worst == 0.0 or mean <= 0.0:
            fractions[row] = np.nan if worst == 0.0 else 0.0
            continue
        low, high, fraction = 0.0, 1.0, 0.5
        for _ in range(STEPS_MOST):
            slope = bend = 0.0
            for i in range(first, last):
                outcome = trades[i] / -worst
                pull = outcome / (1.0 + fraction * outcome)
                slope += shares[i] * pull
                bend -= shares[i] * pull * pull
            if slope > 0.0:
                low = fraction
            else:
                high = fraction
            step = fraction - slope / bend
            if not low < step < high:
                step = 0.5 * (low + high)
            moved = abs(step - fraction)
            fraction = step
            if moved <= 1e-15:
                break
        fractions[row] = fraction
