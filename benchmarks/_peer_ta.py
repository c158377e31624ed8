"""The peer of the signals, in an environment of its own: ta, which takes one series of pandas at a time.

Answers one JSON line to each JSON line; see benchmarks/_harness.py, Worker.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from functools import cache

import numpy as np
import pandas as pd  # type: ignore[import-untyped,unused-ignore]  # in the environment of peers alone
from ta.momentum import RSIIndicator  # type: ignore[import-not-found]  # likewise
from ta.trend import MACD, SMAIndicator  # type: ignore[import-not-found]  # likewise
from ta.volatility import AverageTrueRange, BollingerBands  # type: ignore[import-not-found]  # likewise

clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter


@cache
def inputs(path: str) -> dict[str, list[pd.Series]]:
    """High, low and close, a series a symbol; read before the clock runs."""
    held = np.load(path)
    return {name: [pd.Series(column) for column in held[name].T] for name in ("high", "low", "close")}


def signals(path: str) -> list[list[float]]:
    """The last day's values, a row a symbol: two averages, RSI, MACD and its signal, place in the bands, true range."""
    given = inputs(path)
    rows = []
    for high, low, close in zip(given["high"], given["low"], given["close"], strict=True):
        macd = MACD(close, window_slow=26, window_fast=12, window_sign=9)
        found = (
            SMAIndicator(close, 50).sma_indicator(),
            SMAIndicator(close, 200).sma_indicator(),
            RSIIndicator(close, 14).rsi(),
            macd.macd(),
            macd.macd_signal(),
            BollingerBands(close, 20, 2).bollinger_pband(),
            AverageTrueRange(high, low, close, 14).average_true_range(),
        )
        rows.append([float(each.iloc[-1]) for each in found])
    return rows


def main() -> None:
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        request = json.loads(line)
        inputs(request["with"]["path"])
        rows: list[list[float]] = []
        start = clock()
        for _ in range(request["repeats"]):
            rows = signals(**request["with"])
        seconds = (clock() - start) / request["repeats"]
        print(json.dumps({"seconds": seconds, "value": rows}), flush=True)


if __name__ == "__main__":
    main()
