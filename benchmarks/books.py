"""The books and the seconds: `python -m benchmarks.books [--json] [--quick] [--docs] [fold snapshot seconds]`.

A million fills over 500 symbols are folded into lots and double entry, and beancount books the first of the same trades
in its own environment; what both say was gained is compared to the cent before anything is timed. Thirty days of
seconds of five portfolios are written as a run writes them, packed by the policy, and read back.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import _plots
from benchmarks._harness import (
    Remote,
    Result,
    Timed,
    Times,
    Worker,
    at_most,
    clock,
    faster,
    growth,
    interleaved,
    report,
)
from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.snapshots import Retention, Snapshots
from bursar.domain.events import AccountOpened, Deposited, Event, Filled, InstrumentListed, Marked
from bursar.domain.instruments import Instrument
from bursar.domain.money import ZERO, Money
from bursar.domain.orders import Side
from bursar.ledger.book import Book, Bookkeeper, fold
from bursar.ledger.valuation import value

PEERS = ("beancount",)

ACCOUNT, SYMBOLS = "DU9000001", 500
AT = datetime(2022, 1, 3, 15, 0, tzinfo=UTC)
FEE = Money(Decimal("1.00"))
#: Goals: fills a second, milliseconds, megabytes.
FILLS_GOAL, SNAPSHOT_MS, SIZE_MB, DAY_MS, MONTH_MS = 100_000, 1.0, 200.0, 50.0, 500.0

DAY_SECONDS, PORTFOLIOS, DAYS = 86_400, 5, 30
#: Seconds that are committed together: a run writes one second at a time, which takes the disk's time and not ours.
TOGETHER = 300


# ---------------------------------------------------------------- the fold


def beginning() -> list[Event]:
    """The account, its cash, and what can be traded."""
    listed = (Instrument(symbol=f"S{number}", sector=f"sector {number % 11}") for number in range(SYMBOLS))
    return [
        AccountOpened(event_id="account", at=AT, account=ACCOUNT, base_currency="USD"),
        Deposited(event_id="deposit", at=AT, account=ACCOUNT, portfolio="main", amount=Money(Decimal(10**9))),
        *(InstrumentListed(event_id=f"listed {each.symbol}", at=AT, instrument=each) for each in listed),
    ]


def fills(count: int) -> list[Filled]:
    """Purchases and sales in turn by chance, so that a position has about five lots; each with a commission."""
    generator = np.random.default_rng(5)
    symbols, coins = generator.integers(0, SYMBOLS, count), generator.random(count)
    sizes, cents = generator.integers(1, 151, count), generator.integers(1000, 9000, count)
    held, made = [0] * SYMBOLS, []
    for number, (symbol, coin, size, price) in enumerate(
        zip(symbols.tolist(), coins.tolist(), sizes.tolist(), cents.tolist(), strict=True)
    ):
        buys = held[symbol] < 50 or (held[symbol] < 2000 and coin < 0.5)
        quantity = size if buys else min(size, held[symbol])
        held[symbol] += quantity if buys else -quantity
        made.append(
            Filled(
                event_id=f"f-{number}",
                at=AT + timedelta(seconds=number),
                order_id=f"o-{number}",
                execution_id=f"x-{number}",
                account=ACCOUNT,
                portfolio="main",
                symbol=f"S{symbol}",
                side=Side.BUY if buys else Side.SELL,
                quantity=Decimal(quantity),
                price=Decimal(price) / 100,
                commission=FEE,
                strategy="momentum",
            )
        )
    return made


def as_csv(trades: Sequence[Filled], path: Path) -> None:
    """The same trades for beancount."""
    lines = (
        f"{each.at.date()},{each.symbol},{each.quantity if each.side is Side.BUY else -each.quantity},"
        f"{each.price},{each.commission.amount}"
        for each in trades
    )
    path.write_text("\n".join(lines) + "\n")


def gained(book: Book) -> Decimal:
    """Realized gains as beancount has them: before all commissions, of which ours keeps some within open lots."""
    held = book.portfolio(ACCOUNT)
    within = sum((position.cost - position.paid for position in held.positions.values()), ZERO)
    return held.realized["USD"] - within + held.commissions["USD"]


def folding(*, quick: bool) -> list[Result]:
    """The fold, its growth, and beancount's booking of the same trades."""
    sizes = (1_000, 10_000) if quick else (10_000, 100_000, 1_000_000)
    shared = 1_000 if quick else 10_000
    trades, start = fills(sizes[-1]), beginning()
    folder = Path(tempfile.mkdtemp(prefix="bursar-bench-"))
    as_csv(trades[:shared], folder / "trades.csv")
    worker = Worker("beancount", "benchmarks._peer_beancount")
    try:
        few = [*start, *trades[:shared]]
        peer = Remote(worker, "book", {"path": str(folder / "trades.csv")})
        times = interleaved({"ours": lambda: fold(few), "beancount": peer}, rounds=3 if quick else 7)
        ours, theirs = gained(fold(few)), Decimal(peer.value)
        if abs(ours - theirs) >= Decimal("0.005"):
            raise SystemExit(f"the books disagree: {ours} gained here, {theirs} in beancount")
    finally:
        worker.close()
    taken = {size: _fold_times([*start, *trades[:size]], rounds=3 if size > 100_000 else 5) for size in sizes}
    power = growth(sizes, [times_.median for times_ in taken.values()])
    largest = taken[sizes[-1]]
    lines = [
        faster(
            f"{shared:,} fills over {SYMBOLS} symbols, lots and double entry",
            times["ours"],
            times["beancount"],
            peer_name="beancount's booking",
            goal=None,
            note="first in, first out; the gains agree to the cent",
        ),
        Result(
            name=f"fold of {sizes[-1]:,} fills",
            ours=sizes[-1] / largest.median,
            peer=None,
            unit="fills/s",
            ratio=None,
            goal=f"at least {FILLS_GOAL:,} a second",
            met=sizes[-1] / largest.median >= FILLS_GOAL,
            spread=largest.spread,
        ),
    ]
    more = {f"fold ms at {size}": times_.median * 1e3 for size, times_ in taken.items()}
    return [*lines, grew("growth of fold", "the number of fills", power, more)]


def _fold_times(events: Sequence[Event], rounds: int) -> Times:
    return interleaved({"fold": _Once(lambda: fold(events))}, rounds=rounds)["fold"]


class _Once(Timed):
    """A contender that takes seconds: nothing to warm up, nothing to repeat, and the last one's book gone before."""

    def prepare(self) -> None:
        """Nothing."""

    def turn(self) -> float:
        """Seconds of one call; what it made is let go of after the clock was read."""
        gc.collect()
        start = clock()
        made = self.call()
        seconds = clock() - start
        del made
        return seconds


def grew(name: str, over: str, power: float, more: dict[str, float]) -> Result:
    """A line that says with which power of the size the time grows."""
    return Result(
        name=name,
        ours=power,
        peer=None,
        unit="power",
        ratio=None,
        goal="at most 1.1 power",
        met=power <= 1.1,
        note=f"of {over}",
        more=more,
    )


# ---------------------------------------------------------------- a snapshot of the books


def snapshot(*, quick: bool) -> list[Result]:
    """A book with every position marked anew: handed out, and valued."""
    sizes = (100, 200) if quick else (125, 250, 500)
    seconds = []
    lines: list[Result] = []
    for size in sizes:
        keeper, marks = _marked(size)
        taken = _snapshots(keeper, marks)
        seconds.append(_median(taken["book"]))
        if size == sizes[-1]:
            lines = [
                at_most(f"snapshot of {size} positions", seconds[-1] * 1e3, SNAPSHOT_MS, unit="ms"),
                plain(f"marking {size} positions", _median(taken["mark"]) * 1e3, "ms"),
                plain(f"valuing {size} positions", _median(taken["value"]) * 1e3, "ms"),
            ]
    more = {f"snapshot ms at {size}": taken_ * 1e3 for size, taken_ in zip(sizes, seconds, strict=True)}
    return [*lines, grew("growth of snapshot", "the number of positions", growth(sizes, seconds), more)]


def _marked(size: int) -> tuple[Bookkeeper, list[Marked]]:
    keeper = Bookkeeper()
    wanted = {f"S{number}" for number in range(size)}
    for event in [*beginning(), *fills(SYMBOLS * 40)]:
        if not isinstance(event, Filled) or event.symbol in wanted:
            keeper.apply(event)
    generator = np.random.default_rng(6)
    marks = [
        Marked(
            event_id=f"mark {number}",
            at=AT + timedelta(days=1, seconds=number),
            prices={symbol: Decimal(cents) / 100 for symbol, cents in zip(sorted(wanted), drawn, strict=True)},
        )
        for number, drawn in enumerate(generator.integers(1000, 9000, (60, size)).tolist())
    ]
    return keeper, marks


def _snapshots(keeper: Bookkeeper, marks: Sequence[Marked]) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {"mark": [], "book": [], "value": []}
    for mark in marks:
        began = clock()
        keeper.apply(mark)
        marked = clock()
        book = keeper.book()
        handed = clock()
        value(book.portfolio(ACCOUNT), book.marks, book.rates, "USD")
        done = clock()
        for name, seconds in (("mark", marked - began), ("book", handed - marked), ("value", done - handed)):
            taken[name].append(seconds)
    return taken


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def plain(name: str, figure: float, unit: str, note: str = "") -> Result:
    """A line without a goal."""
    return Result(name=name, ours=figure, peer=None, unit=unit, ratio=None, goal=None, met=None, note=note)


# ---------------------------------------------------------------- thirty days of seconds


def seconds(*, quick: bool) -> list[Result]:
    """Write the days, pack them by the policy, and read a day and a month back."""
    days = 4 if quick else DAYS
    first = date(2022, 1, 1)
    with _kept() as (kept, folder):
        wrote = took = 0.0
        packed = list[date]()
        for number in range(days):
            day = first + timedelta(days=number)
            table, began = _walk(number), clock()
            _write(kept, day, table)
            wrote, began = wrote + clock() - began, clock()
            packed += kept.archive(day)
            took += clock() - began
        written = days * DAY_SECONDS * PORTFOLIOS
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        files = sum(path.stat().st_size for path in (folder / "days").iterdir()) / 1e6
        last = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=days) - timedelta(seconds=1)
        day, month, recent = packed[len(packed) // 2], _span(first, days), _span(last.date(), 1)
        read_day = _reading(kept, _span(day, 1), DAY_SECONDS)
        read_recent = _reading(kept, recent, DAY_SECONDS)
        read_month = _reading(kept, month, days * DAY_SECONDS)
    packed_note = f"{len(packed)} days in files of {files:.0f} MB together, {days - len(packed)} in the database"
    return [
        plain(f"{written / 1e6:.3g} million snapshots written", written / wrote, "rows/s", f"{TOGETHER} s a commit"),
        plain(f"{len(packed)} days packed", took, "s"),
        at_most(f"size of {written / 1e6:.3g} million snapshots", size, SIZE_MB, unit="MB", note=packed_note),
        at_most("a day of one portfolio read back", read_day * 1e3, DAY_MS, unit="ms", note="from its file"),
        plain("a day read back that is still in the database", read_recent * 1e3, "ms"),
        at_most(f"{days} days of one portfolio read back", read_month * 1e3, MONTH_MS, unit="ms", note="as one series"),
    ]


@contextmanager
def _kept() -> Iterator[tuple[Snapshots, Path]]:
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as name:
        folder = Path(name)
        engine = connect(sqlite_url(folder / "store.db"))
        migrate(engine)
        yield Snapshots(engine, folder / "days", Retention()), folder
        engine.dispose()


def _walk(seed: int) -> NDArray[np.int64]:
    """One day of all portfolios: equity walks by some dollars a second; now and then cash goes into positions.

    Returns (n_seconds, n_portfolios, 4) equity, cash, exposure and the day's profit, in hundredths.
    """
    generator = np.random.default_rng(seed)
    shape = (DAY_SECONDS, PORTFOLIOS)
    equity = 10_000_000 + np.cumsum(np.rint(generator.normal(0, 400, shape)).astype(np.int64), axis=0)
    trades = np.where(generator.random(shape) < 1e-3, generator.integers(-50_000, 50_000, shape), 0)
    cash = 2_000_000 + np.cumsum(trades, axis=0)
    return np.stack([equity, cash, equity - cash, equity - equity[0]], axis=2)


def _write(kept: Snapshots, day: date, table: NDArray[np.int64]) -> None:
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    for second in range(0, DAY_SECONDS, TOGETHER):
        kept.insert(
            [
                {
                    "portfolio": f"portfolio {owner}",
                    "at": start + second + offset,
                    "equity": row[0],
                    "cash": row[1],
                    "exposure": row[2],
                    "day_profit": row[3],
                }
                for offset, rows in enumerate(table[second : second + TOGETHER].tolist())
                for owner, row in enumerate(rows)
            ]
        )


def _span(first: date, days: int) -> tuple[datetime, datetime]:
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return start, start + timedelta(days=days) - timedelta(seconds=1)


def _reading(kept: Snapshots, span: tuple[datetime, datetime], rows: int) -> float:
    """Median seconds of reading one portfolio's window, which must hold every second."""
    taken = []
    for _ in range(7):
        began = clock()
        found = kept.read("portfolio 2", *span)
        taken.append(clock() - began)
        if len(found) != rows:
            raise SystemExit(f"{len(found)} seconds were read back, and {rows} were written")
    return _median(taken)


PARTS = {"fold": folding, "snapshot": snapshot, "seconds": seconds}


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all."""
    wanted = [word for word in arguments if word in PARTS] or list(PARTS)
    lines = [line for part in wanted for line in PARTS[part](quick="--quick" in arguments)]
    if "--docs" in arguments:
        _plots.write_section("books", lines, every=True)
    return report(lines, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
