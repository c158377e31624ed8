"""What research costs: a committee's morning, and signals beside a library of them.

    python -m benchmarks.research [--json] [--quick] [morning] [signals]

A morning is what a run does before the bell, without a language model: six analysts on a made-up market with
statements, headlines and prices as paid, a weekly reading of skill and climate, the meeting, and its quantities. The
signals are seven of the technical analyst's, of all symbols and days at once, beside ta (which takes one series of
pandas at a time), and their last day is held against ta's.
"""

from __future__ import annotations

import os
import sys

# One thread for everybody, before anything loads a BLAS: the claims are about work, not about cores.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import asyncio  # noqa: E402  # threads are set first
import tempfile  # noqa: E402
from datetime import date, datetime, timedelta  # noqa: E402
from decimal import Decimal  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks import _harness  # noqa: E402
from benchmarks._harness import Remote, Result, Times, Worker, interleaved  # noqa: E402
from bursar.adapters.calendars import ExchangeCalendar  # noqa: E402
from bursar.adapters.memory import MemorySignals  # noqa: E402
from bursar.adapters.vendors.synthetic import make  # noqa: E402
from bursar.config import Settings  # noqa: E402
from bursar.domain.events import AccountOpened, CommitteeMet, Deposited, Event  # noqa: E402
from bursar.domain.money import Money  # noqa: E402
from bursar.research import features  # noqa: E402
from bursar.runtime import build  # noqa: E402
from bursar.trading.engine import Engine  # noqa: E402
from bursar.trading.view import MarketView  # noqa: E402

PEERS = ("research",)

FIRST, DAY = date(2012, 1, 3), date(2016, 6, 15)
HISTORY_DAYS = 320
YEARS, YEAR = 30, 252


# ---------------------------------------------------------------- a morning


def morning(*, quick: bool) -> list[Result]:
    """A committee's cycle, and how it grows."""
    sizes = (20, 40) if quick else (20, 100, 500)
    with tempfile.TemporaryDirectory() as folder:
        taken = {size: _cycles(size, Path(folder), rounds=5 if quick else 11) for size in sizes}
    twenty = taken[20]
    line = _harness.at_most(
        "a committee's morning, 20 symbols, six analysts, no model",
        twenty.median,
        0.15,
        unit="s",
        note=f"quartiles {twenty.low:.3f} and {twenty.high:.3f} s",
    )
    power = _harness.growth(sizes, [taken[size].median for size in sizes])
    grown = _harness.at_most(
        f"growth of a morning from {sizes[0]} to {sizes[-1]} symbols",
        power,
        1.2,
        unit="power",
        note=", ".join(f"{size}: {taken[size].median:.3f} s" for size in sizes),
    )
    return [line, grown]


def _cycles(symbols: int, home: Path, rounds: int) -> Times:
    """Seconds of a morning, the first one (which reads and compiles) left out."""
    calendar = ExchangeCalendar("XNYS", date(2005, 1, 3), date(2035, 12, 31), keep=home)
    world = make(calendar.sessions(FIRST, DAY + timedelta(days=10)), symbols=symbols, seed=7)
    instruments = {each.symbol: each for each in world.instruments}
    session = calendar.sessions(DAY, DAY)[0]
    at = session.open - timedelta(minutes=30)
    settings = Settings()
    shelf = build.Shelf(
        title="benchmark",
        history=world.history,
        fundamentals=world.fundamentals,
        news=world.news,
        raw=world.history,
    )

    def engine() -> Engine:
        market = MarketView(
            at=at,
            instruments=instruments,
            quotes={},
            closes=world.history.asof(tuple(sorted(instruments)), "close", at, HISTORY_DAYS),
            session=session,
            lacks=world.history.lacks(),
        )
        made = Engine(build.mandate(settings), build.strategy(settings), market, (session,))
        for event in _opened(at, made.mandate.account):
            made.absorb(event)
        return made

    held = build.morning(settings, shelf, MemorySignals())
    meetings: list[Event] = []

    def cycle() -> None:
        meetings[:] = asyncio.run(held.hold(engine()))

    taken = interleaved({"ours": cycle}, rounds=rounds)["ours"]
    met = next(event for event in meetings if isinstance(event, CommitteeMet))
    assert len(met.resolutions) == symbols
    assert len(met.quorate) > symbols / 2
    return taken


def _opened(at: datetime, account: str) -> list[Event]:
    return [
        AccountOpened(event_id="account", at=at, account=account, base_currency="USD"),
        Deposited(event_id="cash", at=at, account=account, portfolio="main", amount=Money(Decimal(1_000_000), "USD")),
    ]


# ---------------------------------------------------------------- signals


def signals(*, quick: bool) -> list[Result]:
    """Seven signals of many symbols over thirty years, against ta; and the rest of the features by themselves."""
    symbols = 50 if quick else 500
    high, low, close, volume = _prices(symbols)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "prices.npz")
        np.savez(path, high=high, low=low, close=close)
        worker = Worker("research", "benchmarks._peer_ta")
        try:
            theirs = Remote(worker, "signals", {"path": path})
            taken = interleaved({"ours": lambda: _signals(high, low, close), "ta": theirs}, rounds=2 if quick else 3)
        finally:
            worker.close()
    apart = _apart(_signals(high, low, close), np.array(theirs.value))
    line = _harness.faster(
        f"seven signals, {symbols} symbols over {YEARS} years",
        taken["ours"],
        taken["ta"],
        peer_name="ta",
        goal=20.0,
    )
    same = _harness.at_most("their last day against ta's", apart, 1e-6, unit="rel")
    sizes = (10, symbols)
    alone = {size: _alone(close[:, :size], volume[:, :size]) for size in sizes}
    power = _harness.growth(sizes, [alone[size].median for size in sizes])
    grown = _harness.at_most(
        f"growth of six more signals from {sizes[0]} to {sizes[1]} symbols",
        power,
        1.2,
        unit="power",
        note=f"{alone[symbols].median:.2f} s at {symbols}",
    )
    return [line, same, grown]


def _alone(close: np.ndarray, volume: np.ndarray) -> Times:
    close, volume = np.ascontiguousarray(close), np.ascontiguousarray(volume)
    return interleaved({"ours": lambda: _rest(close, volume)}, rounds=3)["ours"]


def _prices(symbols: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """High, low, close and volume of walks, (n_days, n_symbols)."""
    chance = np.random.default_rng(7)
    days = YEARS * YEAR
    close = 50.0 * np.exp(np.cumsum(chance.normal(0.0003, 0.015, (days, symbols)), axis=0))
    reach = close * np.abs(chance.normal(0.0, 0.008, (2, days, symbols)))
    return close + reach[0], np.maximum(close - reach[1], close * 0.5), close, chance.lognormal(14.0, 0.5, close.shape)


def _signals(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> list[np.ndarray]:
    line, signal = features.macd(close)
    return [
        features.moving_average(close, 50),
        features.moving_average(close, 200),
        features.rsi(close),
        line,
        signal,
        features.bollinger_position(close),
        features.average_true_range(high, low, close),
    ]


def _rest(close: np.ndarray, volume: np.ndarray) -> list[np.ndarray]:
    return [
        features.momentum(close),
        features.volatility(close),
        features.volatility_rank(close),
        features.distance_from_high(close),
        features.relative_volume(volume),
        features.on_balance_volume(close, volume),
    ]


def _apart(ours: list[np.ndarray], theirs: np.ndarray) -> float:
    """The largest difference of the last day, against the size of the signal; averages start differently and forget."""
    last = np.column_stack([each[-1] for each in ours])
    return float(np.max(np.abs(last - theirs) / np.maximum(np.abs(theirs), 1.0)))


GROUPS = {"morning": morning, "signals": signals}


def main(arguments: list[str]) -> int:
    """Run the groups that are named, or all."""
    unknown = [word for word in arguments if not word.startswith("--") and word not in GROUPS]
    if unknown:
        raise SystemExit(f"no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    wanted = [word for word in arguments if word in GROUPS] or list(GROUPS)
    lines = [line for group in wanted for line in GROUPS[group](quick="--quick" in arguments)]
    return _harness.report(lines, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
