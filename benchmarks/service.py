"""The service under load: `python -m benchmarks.service [--json] [--quick] [--docs] [monitor]`.

The monitor looks at every portfolio once a second: worth, profit, exposure, tails through a year of history, the twelve
rolling metrics, limits and excursions, and keeps the second in the store. How many portfolios of a hundred positions
one core can watch each second is what one look takes, turned around.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

# One thread: the claim is about one core.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402  # threads are set first

from benchmarks import _plots  # noqa: E402
from benchmarks._harness import Result, clock, growth, report  # noqa: E402
from bursar.adapters.store.database import connect, migrate, sqlite_url  # noqa: E402
from bursar.adapters.store.snapshots import Snapshots  # noqa: E402
from bursar.desk.monitor import Monitor  # noqa: E402
from bursar.domain.events import AccountOpened, Deposited, Event, Filled, InstrumentListed, Marked  # noqa: E402
from bursar.domain.instruments import Instrument  # noqa: E402
from bursar.domain.market import Quote  # noqa: E402
from bursar.domain.money import Money  # noqa: E402
from bursar.domain.orders import Side  # noqa: E402
from bursar.risk.limits import RiskLimits  # noqa: E402
from bursar.risk.watch import Model, limits_of  # noqa: E402

ACCOUNT, SYMBOLS, POSITIONS, WINDOW = "DU9000001", 500, 100, 20
START = datetime(2022, 1, 3, 21, 0, tzinfo=UTC)
WATCHED_GOAL = 1000


def history(portfolios: int) -> list[Event]:
    """Portfolios that each bought a hundred of five hundred symbols, and the closes of the days since."""
    generator = np.random.default_rng(8)
    listed = [Instrument(symbol=f"S{number}", sector=f"sector {number % 11}") for number in range(SYMBOLS)]
    events: list[Event] = [
        AccountOpened(event_id="account", at=START, account=ACCOUNT, base_currency="USD"),
        *(InstrumentListed(event_id=f"listed {each.symbol}", at=START, instrument=each) for each in listed),
    ]
    for number in range(portfolios):
        name = f"p{number}"
        cash = Money(Decimal(1_000_000))
        events.append(Deposited(event_id=f"d-{name}", at=START, account=ACCOUNT, portfolio=name, amount=cash))
        events += [_bought(name, symbol) for symbol in generator.choice(SYMBOLS, POSITIONS, replace=False).tolist()]
    prices = np.full(SYMBOLS, 50.0)
    for day in range(WINDOW):
        prices *= 1 + generator.normal(0, 0.01, SYMBOLS)
        marks = {f"S{number}": Decimal(f"{price:.2f}") for number, price in enumerate(prices.tolist())}
        events.append(Marked(event_id=f"m-{day}", at=START + timedelta(days=day), prices=marks, official=True))
    return events


def _bought(portfolio: str, symbol: int) -> Filled:
    name = f"{portfolio}-S{symbol}"
    return Filled(
        event_id=f"f-{name}",
        at=START,
        order_id=f"o-{name}",
        execution_id=f"x-{name}",
        account=ACCOUNT,
        portfolio=portfolio,
        symbol=f"S{symbol}",
        side=Side.BUY,
        quantity=Decimal(100),
        price=Decimal(50),
        commission=Money(Decimal(1)),
        strategy="momentum",
    )


def believed(symbols: tuple[str, ...]) -> Model:
    """A year of made-up returns and their covariance."""
    generator = np.random.default_rng(9)
    returns = generator.normal(0, 0.01, (250, 1)) + generator.normal(0, 0.015, (250, len(symbols)))
    return Model(covariances=np.cov(returns.T) * 252, history=returns, betas=np.ones(len(symbols)))


def watching(portfolios: int, rounds: int) -> list[float]:
    """Processor seconds of each look, with new quotes of every symbol before it and the store behind it."""
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as name:
        engine = connect(sqlite_url(Path(name) / "store.db"))
        migrate(engine)
        monitor = Monitor(
            limits=limits_of(RiskLimits()),
            model_of=believed,
            window=WINDOW,
            snapshots=Snapshots(engine, Path(name) / "days"),
        )
        for event in history(portfolios):
            monitor.absorb(event)
        generator, taken = np.random.default_rng(10), []
        for second in range(rounds + 1):
            at = START + timedelta(days=WINDOW, seconds=second)
            quotes = _quotes(generator.uniform(40, 60, SYMBOLS).tolist(), at)
            began = clock()
            monitor.quote(quotes)
            told = monitor.second(at)
            taken.append(clock() - began)
            if told is None or len(told.lines.portfolios) != portfolios or np.isnan(told.rolling["sharpe"]).any():
                raise SystemExit("the monitor did not see all that it should")
        engine.dispose()
    return taken[1:]  # the first look makes every portfolio's lines


def _quotes(prices: Sequence[float], at: datetime) -> list[Quote]:
    made = []
    for number, price in enumerate(prices):
        bid = Decimal(f"{price:.2f}")
        made.append(Quote(symbol=f"S{number}", at=at, known_at=at, bid=bid, ask=bid + Decimal("0.02")))
    return made


def monitor(*, quick: bool) -> list[Result]:
    """How many portfolios one core can watch each second, and how a look grows with them."""
    sizes = (20, 40) if quick else (100, 300, 1000)
    medians = [float(np.median(watching(size, 5 if quick else 15))) for size in sizes]
    power = growth(sizes, medians)
    most = sizes[-1] / medians[-1]
    return [
        Result(
            name=f"a look at {size} portfolios of {POSITIONS} positions",
            ours=taken * 1e3,
            peer=None,
            unit="ms",
            ratio=None,
            goal=None,
            met=None,
            note=f"with {SYMBOLS} new quotes, and kept",
        )
        for size, taken in zip(sizes, medians, strict=True)
    ] + [
        Result(
            name=f"portfolios of {POSITIONS} positions that one core watches each second",
            ours=most,
            peer=None,
            unit="",
            ratio=None,
            goal=f"at least {WATCHED_GOAL}",
            met=most >= WATCHED_GOAL,
            note=f"at {sizes[-1]} of them; time grows with their number to the power {power:.2f}",
            more={f"look ms at {size}": taken * 1e3 for size, taken in zip(sizes, medians, strict=True)},
        )
    ]


PARTS = {"monitor": monitor}


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all."""
    wanted = [word for word in arguments if word in PARTS] or list(PARTS)
    lines = [line for part in wanted for line in PARTS[part](quick="--quick" in arguments)]
    if "--docs" in arguments:
        _plots.write_section("service", lines, every=True)
    return report(lines, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
