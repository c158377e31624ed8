"""The peer of the screen, in an environment of its own: vectorbt. Answers one JSON line to each; see Worker.

``cold`` starts a process of its own, as somebody does who asks once: import, compilation and the screen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import cache
from typing import Any

import numpy as np

clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter


@cache
def inputs(path: str) -> Any:
    """Closes, a column a stock."""
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]  # in the environment of peers alone

    held = np.load(path)
    return pd.DataFrame(held["closes"], index=pd.DatetimeIndex(held["days"].astype("datetime64[ns]")))


def screen(path: str) -> dict[str, float]:
    """50 over 200 days on each stock, all in or all out: orders and the final value."""
    import vectorbt as vbt  # type: ignore[import-not-found]  # likewise

    closes = inputs(path)
    start = clock()
    fast, slow = (closes.rolling(window).mean() for window in (50, 200))
    # Averages of prices with three decimals: equal is not above.
    above = (fast - slow) > 1e-9
    held = vbt.Portfolio.from_signals(
        closes, above & ~above.shift(1, fill_value=False), ~above & above.shift(1, fill_value=False),
        init_cash=50_000.0, fees=0.0005, freq="1D",
    )  # fmt: skip
    worth = held.value()
    seconds = clock() - start
    return {"seconds": seconds, "orders": int(held.orders.count().sum()), "final": float(worth.iloc[-1].sum())}


def cold(path: str) -> dict[str, float]:
    """The same in a fresh process, its start included."""
    start = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks._peer_vectorbt", path],
        check=True, capture_output=True, text=True, cwd=os.getcwd(),  # noqa: PTH109  # the worker's own folder
    )  # fmt: skip
    return {**json.loads(said.stdout), "seconds": time.perf_counter() - start}


def main() -> None:
    """Answer until the pipe is closed, or screen once where a path is given."""
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(screen(sys.argv[1])))
        return
    for line in sys.stdin:
        asked = json.loads(line)
        call = {"screen": screen, "cold": cold}[asked["call"]]
        runs = [call(**asked["with"]) for _ in range(asked["repeats"])]
        seconds = sum(each.pop("seconds") for each in runs) / len(runs)
        sys.stdout.write(json.dumps({"seconds": seconds, "value": runs[-1]}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
