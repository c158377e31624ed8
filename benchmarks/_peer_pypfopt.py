"""PyPortfolioOpt in its own environment: answers the requests of _harness.Worker, and times itself.

Arguments name an .npz file with `covariance`, `means`, `groups` (n_groups, n) and, for Black-Litterman, `picks`,
`views`, `market`; `cap` and `group_cap` bound the weights.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402  # threads are set first

# The library lives in its own environment.
from pypfopt import BlackLittermanModel, EfficientFrontier  # type: ignore[import-not-found]  # noqa: E402

clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter
Array = np.ndarray[Any, np.dtype[np.float64]]


@functools.cache
def inputs(path: str) -> dict[str, Array]:
    return dict(np.load(path))


def frontier(given: dict[str, Array], means: Array | None, covariance: Array, cap: float, group_cap: float) -> Any:
    made = EfficientFrontier(means, covariance, weight_bounds=(0.0, cap), solver="CLARABEL")
    groups = given["groups"]
    made.add_constraint(lambda w: groups @ w <= group_cap)
    return made


def minimum_variance(path: str, cap: float, group_cap: float) -> Array:
    given = inputs(path)
    made = frontier(given, None, given["covariance"], cap, group_cap)
    made.min_volatility()
    return np.asarray(made.weights)


def maximum_sharpe(path: str, cap: float, group_cap: float) -> Array:
    given = inputs(path)
    made = frontier(given, given["means"], given["covariance"], cap, group_cap)
    made.max_sharpe(risk_free_rate=0.0)
    return np.asarray(made.weights)


def maximum_return(path: str, cap: float, group_cap: float) -> Array:
    given = inputs(path)
    made = frontier(given, given["means"], given["covariance"], cap, group_cap)
    made._max_return(return_value=False)  # noqa: SLF001  # its only way to the greatest return
    return np.asarray(made.weights)


def black_litterman(path: str, cap: float, group_cap: float) -> Array:
    given = inputs(path)
    sigma = given["covariance"]
    model = BlackLittermanModel(
        sigma,
        pi=2.5 * sigma @ given["market"],
        P=given["picks"],
        Q=given["views"],
        tau=0.05,
        omega="default",
    )
    made = frontier(given, np.asarray(model.bl_returns()), np.asarray(model.bl_cov()), cap, group_cap)
    made.max_sharpe(risk_free_rate=0.0)
    return np.asarray(made.weights)


CALLS: dict[str, Callable[..., Array]] = {
    "minimum variance": minimum_variance,
    "maximum Sharpe": maximum_sharpe,
    "maximum return": maximum_return,
    "Black-Litterman": black_litterman,
}


def main() -> None:
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        request = json.loads(line)
        call, arguments = CALLS[request["call"]], request["with"]
        weights = np.empty(0)
        start = clock()
        for _ in range(request["repeats"]):
            weights = call(**arguments)
        seconds = (clock() - start) / request["repeats"]
        print(json.dumps({"seconds": seconds, "value": weights.tolist()}), flush=True)


if __name__ == "__main__":
    main()
