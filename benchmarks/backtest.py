"""Backtests: twenty stocks made equal again each month over 8000 days, on the path that trades live, and the screen.

    path       beside nautilus_trader, backtrader and bt, each in an environment of its own
    screen     50 over 200 days on each stock, beside vectorbt: warm, and cold in a fresh process
    committee  28 years of monthly meetings on the synthetic market
    growth     from 20 symbols to 500, and the memory of the largest

python -m benchmarks.backtest [--json] [--quick] [--docs] [GROUP ...]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np

from benchmarks import _harness, _plots
from benchmarks._harness import Remote, Result, Times, Worker, clock, interleaved
from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.history import Facts, MemoryHistory, closes_known_at
from bursar.adapters.vendors import listings, wheels
from bursar.config import load
from bursar.domain.instruments import Instrument
from bursar.ports import Panel
from bursar.research.screen import crossovers
from bursar.research.strategies.shape import Shape
from bursar.research.templates import TemplateStrategy, template
from bursar.runtime.backtest import ON_CLOSES, Market, Plan, decision_days, run
from bursar.runtime.candidates import plan_for
from bursar.runtime.exam import market_of
from bursar.runtime.library import open_library

PEERS = ("backtest", "vectorbt")

DAYS = 8000
CASH = Decimal(1_000_000)
#: Everything may be held, and every difference is traded.
OPEN = replace(
    ON_CLOSES,
    position_weight_max=Decimal(1),
    sector_weight_max=Decimal(1),
    order_weight_max=Decimal(1),
    cash_reserve=Decimal("0.005"),
)
SHAPE = Shape(
    weight_max=1.0, sector_max=1.0, headroom=0.0, invested_max=0.995, band=0.0, weight_min=0.0, purchases_max=1000,
    volatility_max=None,
)  # fmt: skip


def real(days: int) -> Market:
    """The last ``days`` of the 20 stocks."""
    calendar = ExchangeCalendar("XNYS", wheels.FIRST, wheels.LAST)
    facts = wheels.load(wheels.STOCKS_FILE, wheels.STOCKS, calendar)
    rows = slice(-days, None)
    panel = Panel(facts.panel.dates[rows], facts.panel.symbols, facts.panel.values[rows])
    first, last = panel.dates[0].item(), panel.dates[-1].item()
    return Market(
        name="the sample",
        history=MemoryHistory({"close": Facts(panel, facts.known_at[rows])}),
        instruments=wheels.instruments(),
        sessions=calendar.sessions(first, last),
    )


def made_up(symbols: int, days: int) -> Market:
    """Walks of as many symbols, for growth alone."""
    calendar = ExchangeCalendar("XNYS", wheels.FIRST, wheels.LAST)
    sessions = calendar.sessions(wheels.FIRST, wheels.LAST)[-days:]
    chance = np.random.default_rng(7)
    closes = np.round(50.0 * np.exp(np.cumsum(chance.normal(0.0003, 0.015, (days, symbols)), axis=0)), 4)
    names = tuple(f"S{number:03d}" for number in range(symbols))
    panel = Panel(np.array([each.day for each in sessions], dtype="datetime64[D]"), names, closes)
    return Market(
        name="walks",
        history=MemoryHistory({"close": Facts(panel, closes_known_at([each.close for each in sessions]))}),
        instruments=_listed(names),
        sessions=sessions,
    )


def _listed(names: tuple[str, ...]) -> tuple[Instrument, ...]:
    return listings.instruments(names, tick=Decimal("0.0001"), first_id=980_000_001)


def equal(market: Market) -> Plan:
    """Equal parts, made equal again at the first close of each month, at five basis points."""
    return Plan(
        strategy=TemplateStrategy(template=template("equal_weight"), shape=SHAPE),
        first=market.sessions[0].day,
        last=market.sessions[-1].day,
        cash=CASH,
        trade_min=Decimal(0),
        limits=OPEN,
        history_days=2,
    )


def written(market: Market, folder: str) -> str:
    """The same closes and days of decision, for the peers."""
    plan, closes = equal(market), market.closes
    decided = np.isin(closes.dates, np.array(decision_days(plan, market)[1:], dtype="datetime64[D]"))
    path = str(Path(folder) / "closes.npz")
    np.savez(
        path,
        closes=closes.values,
        days=closes.dates.astype("datetime64[D]").astype(np.int64).astype("datetime64[D]"),
        decided=decided,
    )
    return path


# ---------------------------------------------------------------- groups


def path(*, quick: bool) -> list[Result]:
    """The full path with a journal in memory, beside the peers."""
    market = real(1000 if quick else DAYS)
    plan = equal(market)
    told = run(plan, market)
    rounds = 2 if quick else 3
    with tempfile.TemporaryDirectory() as folder:
        given = {"path": written(market, folder)}
        worker = Worker("backtest", "benchmarks._peer_backtest")
        try:
            peers = {name: Remote(worker, name, given) for name in ("nautilus", "backtrader", "bt")}
            taken = interleaved({"ours": lambda: run(plan, market), **peers}, rounds=rounds)
        finally:
            worker.close()
    lines = []
    for name, goal in (("nautilus", 5.0), ("backtrader", 10.0), ("bt", None)):
        theirs = peers[name].value
        lines.append(
            _harness.faster(
                f"20 stocks made equal monthly over {len(market.sessions)} days",
                taken["ours"],
                taken[name],
                peer_name=name,
                goal=goal,
                note=f"ours {len(told.fills)} orders, {told.equity[-1]:,.0f} in the end; {name} "
                f"{theirs['orders']} and {theirs['final']:,.0f}",
                more={"orders": len(told.fills), "peer_orders": theirs["orders"], "peer_final": theirs["final"]},
            )
        )
    return lines


def screen(*, quick: bool) -> list[Result]:
    """The crossover of 50 and 200 days on all stocks, beside vectorbt."""
    market = real(1000 if quick else DAYS)
    closes = market.closes

    def ours() -> float:
        (found,) = crossovers(closes, [(50, 200)], cash_each=50_000.0, cost_rate=0.0005)
        return float(found.equity[-1])

    with tempfile.TemporaryDirectory() as folder:
        given = {"path": written(market, folder)}
        worker = Worker("vectorbt", "benchmarks._peer_vectorbt")
        try:
            warm = Remote(worker, "screen", given)
            taken = interleaved({"ours": ours, "vectorbt": warm}, rounds=5 if quick else 15)
            theirs = [float(worker.ask("cold", given)["seconds"]) for _ in range(2)]
            cold = [_cold(given["path"]) for _ in range(2)]
        finally:
            worker.close()
    told = f"ours ends at {ours():,.4f}, vectorbt at {warm.value['final']:,.4f} with {warm.value['orders']} orders"
    return [
        _harness.faster(
            "screen 50/200, warm", taken["ours"], taken["vectorbt"], peer_name="vectorbt", goal=1.0, note=told
        ),
        _harness.faster(
            "screen 50/200, in a fresh process", _times(cold), _times(theirs), peer_name="vectorbt", goal=20.0
        ),
    ]


COLD = """
import sys
import numpy as np
from bursar.ports import Panel
from bursar.research.screen import crossovers
held = np.load(sys.argv[1])
closes = Panel(held["days"], tuple(str(n) for n in range(held["closes"].shape[1])), held["closes"])
print(crossovers(closes, [(50, 200)], cash_each=50_000.0, cost_rate=0.0005)[0].equity[-1])
"""


def _cold(path: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", COLD, path], check=True, capture_output=True)
    return time.perf_counter() - start


def _times(seconds: list[float]) -> Times:
    return Times(median=float(np.median(seconds)), low=min(seconds), high=max(seconds))


def committee(*, quick: bool) -> list[Result]:
    """Monthly meetings of the whole committee on the synthetic market, and what it resolves traded."""
    settings = load(None, command_line={})
    settings = settings.model_copy(update={"market": settings.market.model_copy(update={"source": "synthetic"})})
    last = date(2008 if quick else 2034, 12, 29)
    with tempfile.TemporaryDirectory() as folder:
        market = market_of(open_library(settings, Path(folder), seed=7, last=last), settings)
        plan = plan_for("committee", market, settings, first=date(2007, 1, 3), last=last)
        start = clock()
        told = run(plan, market)
        seconds = clock() - start
    years = (plan.last - plan.first).days / 365.25
    met = len(decision_days(plan, market))
    note = f"{met} meetings on {len(market.instruments)} synthetic stocks, {len(told.fills)} trades"
    return [_harness.at_most(f"{years:.0f} years of monthly committee", seconds, 60.0, unit="s", note=note)]


def growth(*, quick: bool) -> list[Result]:
    """From 20 symbols to many more, and what the largest takes of memory."""
    sizes, days = ((20, 60) if quick else (20, 100, 500)), 250 if quick else 1000
    seconds = []
    for size in sizes:
        market = made_up(size, days)
        plan = equal(market)
        start = clock()
        run(plan, market)
        seconds.append(clock() - start)
    power = _harness.growth(sizes, seconds)
    memory = _memory(sizes[-1], days)
    told = ", ".join(f"{size}: {taken:.2f} s" for size, taken in zip(sizes, seconds, strict=True))
    return [
        _harness.at_most(
            f"growth from {sizes[0]} to {sizes[-1]} symbols over {days} days", power, 1.2, unit="power", note=told
        ),
        _harness.at_most(f"memory with {sizes[-1]} symbols", memory, 2048.0, unit="MiB"),
    ]


LARGEST = """
import resource
import sys
from benchmarks.backtest import equal, made_up
from bursar.runtime.backtest import run
market = made_up(int(sys.argv[1]), int(sys.argv[2]))
run(equal(market), market)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)
"""


def _memory(symbols: int, days: int) -> float:
    """The most that a process of its own takes for it, MiB: the other groups leave nothing there."""
    found = subprocess.run(
        [sys.executable, "-c", LARGEST, str(symbols), str(days)], check=True, capture_output=True, text=True
    )
    return float(found.stdout)


GROUPS = {"path": path, "screen": screen, "committee": committee, "growth": growth}


def main(arguments: list[str]) -> int:
    """Run the groups that are named, or all."""
    unknown = [word for word in arguments if not word.startswith("--") and word not in GROUPS]
    if unknown:
        raise SystemExit(f"no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    wanted = [word for word in arguments if word in GROUPS] or list(GROUPS)
    lines = [line for group in wanted for line in GROUPS[group](quick="--quick" in arguments)]
    if "--docs" in arguments:
        _plots.write_section("backtest", lines, every=True)
    return _harness.report(lines, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
