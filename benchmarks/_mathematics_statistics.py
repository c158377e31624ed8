"""Lines of `benchmarks.mathematics` on sizing, rolling metrics and import."""

from __future__ import annotations

import importlib
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._harness import Result, Times, at_most, faster, interleaved
from bursar.quant import performance, sizing
from bursar.quant.arrays import FloatArray

SIGNALS = 100
SIZING_MILLISECONDS_MOST = 5.0

SERIES, DAYS = 500, 8_000
# The worst 5 % of 260 are 13 whole observations: there the peer's expected shortfall is defined as ours.
WINDOW = 260
SAMPLED_WINDOWS = 120
ROLLING_RATIO_LEAST = 1_000.0
AGREEMENT_MOST = 1e-9

IMPORT_SECONDS_MOST = 0.25

# Every file of the room but the compiled kernels, which load on first use; numpy is told apart.
IMPORTS = """
import time
start = time.perf_counter()
import numpy
between = time.perf_counter()
import importlib, pkgutil
import bursar.quant
package = time.perf_counter()
for module in pkgutil.iter_modules(bursar.quant.__path__):
    if module.name != "kernels":
        importlib.import_module("bursar.quant." + module.name)
print(between - start, package - between, time.perf_counter() - package)
"""


def results(*, quick: bool) -> list[Result]:
    """All lines of this group; `quick` takes fewer rounds and fewer series, and says so."""
    return [sizing_line(), *rolling_lines(quick=quick), import_line()]


def sizing_line() -> Result:
    """100 signals through all seven sizers, the checks of what is known of them included."""
    times = interleaved({"ours": _seven_sizers()}, rounds=25)["ours"]
    line = at_most(
        f"{SIGNALS} signals, all seven sizers",
        times.median * 1e3,
        SIZING_MILLISECONDS_MOST,
        unit="ms",
        note="correlations of all signals and 250 past trades of each; inputs are checked within the time",
    )
    # A call this short may be preempted for longer than it lasts: the quartiles tell a slow sizer from a busy machine.
    return replace(line, spread=times.spread, more={"low": times.low * 1e3, "high": times.high * 1e3})


def rolling_lines(*, quick: bool = False) -> list[Result]:
    """Twelve metrics of every window, against the same by empyrical window by window: the time, and the values."""
    series = SERIES // 10 if quick else SERIES
    returns = np.maximum(np.random.default_rng(0).standard_t(4, (DAYS, series)) * 0.01, -0.9)
    windows = _sample(returns)
    by_peer = _peer()

    def theirs() -> list[dict[str, float]]:
        return [by_peer(returns[end - WINDOW : end, column]) for end, column in windows]

    times = interleaved(
        {"ours": lambda: performance.rolling_metrics(returns, WINDOW), "peer": theirs}, rounds=3 if quick else 7
    )
    gap = _largest_gap(performance.rolling_metrics(returns, WINDOW), theirs(), windows)
    all_windows = series * (DAYS - WINDOW + 1)
    name = f"twelve rolling metrics, {series} series x {DAYS} days"
    return [
        faster(
            name,
            times["ours"],
            _scaled(times["peer"], all_windows / len(windows)),
            peer_name="empyrical",
            goal=ROLLING_RATIO_LEAST,
            note=f"windows of {WINDOW} days; the peer, a loop over windows, was run on {len(windows)} of {all_windows}"
            " spread over all series and days, and its time extrapolated; skew and kurtosis are scipy's",
        ),
        at_most(f"{name}: relative gap", gap, AGREEMENT_MOST, unit="", note="largest over the sampled windows"),
    ]


def import_line() -> Result:
    """A fresh process imports the room: the package, and then every file of it."""
    measured = []
    for _ in range(9):
        run = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
        measured.append([float(value) for value in run.stdout.split()])
    numpy_, package, files = (statistics.median(column) for column in zip(*measured, strict=True))
    return at_most(
        "import of bursar.quant, all files",
        statistics.median(sum(row) for row in measured),
        IMPORT_SECONDS_MOST,
        unit="s",
        note=f"numpy {numpy_:.3f}, the package {package:.3f}, its files {files:.3f}; kernels load on first use",
    )


def _seven_sizers() -> Callable[[], object]:
    generator = np.random.default_rng(1)
    factor = generator.normal(size=(SIGNALS, SIGNALS + 5))
    together = factor @ factor.T
    deviation = np.sqrt(together.diagonal())
    known = {
        "price": generator.uniform(5, 500, SIGNALS),
        "confidence": generator.uniform(0.5, 1, SIGNALS),
        "volatility": generator.uniform(0.1, 0.6, SIGNALS),
        "win_probability": generator.uniform(0.4, 0.65, SIGNALS),
        "payoff": generator.uniform(0.8, 2, SIGNALS),
        "correlation": together / np.outer(deviation, deviation),
        "sector": generator.integers(0, 11, SIGNALS).astype(np.float64),
    }
    trades = list(generator.normal(0.003, 0.02, (SIGNALS, 250)))
    account = sizing.Account(equity=1e6, cash=1e6, volatility=0.12, sector_weights=np.zeros(11), turbulence=0.2)
    limits = sizing.SizeLimits()

    def work() -> object:
        signals = sizing.Signals(**known)
        return (
            sizing.confidence_weighted(signals, account, limits),
            sizing.kelly(signals, account, limits),
            sizing.risk_parity(signals, account, limits),
            sizing.volatility_adjusted(signals, account, limits),
            sizing.optimal_f(signals, account, limits, trades=trades),
            sizing.fixed_dollar(signals, account, limits, amount=10_000),
            sizing.fixed_percent(signals, account, limits, weight=0.01),
        )

    return work


def _sample(returns: FloatArray) -> list[tuple[int, int]]:
    """Windows spread evenly over days and series: (the day after the window's last, the series)."""
    ends = np.linspace(WINDOW, len(returns), SAMPLED_WINDOWS).astype(int)
    columns = np.linspace(0, returns.shape[1] - 1, SAMPLED_WINDOWS).astype(int)
    return list(zip(ends.tolist(), np.random.default_rng(2).permutation(columns).tolist(), strict=True))


def _peer() -> Callable[[FloatArray], dict[str, float]]:
    """The twelve metrics of one window, as a user of empyrical writes them; losses turned positive as ours are."""
    empyrical: Any = importlib.import_module("empyrical")  # slow to load, and without types
    stats: Any = importlib.import_module("scipy.stats")

    def metrics(window: FloatArray) -> dict[str, float]:
        return {
            "total_return": empyrical.cum_returns_final(window),
            "annualized_return": empyrical.annual_return(window),
            "volatility": empyrical.annual_volatility(window),
            "sharpe": empyrical.sharpe_ratio(window),
            "sortino": empyrical.sortino_ratio(window),
            "calmar": empyrical.calmar_ratio(window),
            "max_drawdown": -empyrical.max_drawdown(window),
            "var_95": -empyrical.value_at_risk(window, 0.05),
            "es_95": -empyrical.conditional_value_at_risk(window, 0.05),
            "skew": stats.skew(window),
            "kurtosis": stats.kurtosis(window),
            "win_rate": float((window > 0).mean()),
        }

    return metrics


def _largest_gap(
    rolled: dict[str, FloatArray], answers: list[dict[str, float]], windows: list[tuple[int, int]]
) -> float:
    """Relative to the peer's value, or to a thousandth where that is smaller. NaN on one side alone is infinite."""
    largest = 0.0
    for answer, (end, column) in zip(answers, windows, strict=True):
        for name, value in answer.items():
            ours = float(rolled[name][end - 1, column])
            gap = abs(ours - float(value)) / max(abs(float(value)), 1e-3)
            largest = max(largest, gap if np.isfinite(gap) else np.inf)
    return largest


def _scaled(times: Times, factor: float) -> Times:
    return Times(median=times.median * factor, low=times.low * factor, high=times.high * factor)
