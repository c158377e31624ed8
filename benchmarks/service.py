"""The service under load: `python -m benchmarks.service [--json] [--quick] [--docs] [monitor load ticks snapshot]`.

The monitor looks at every portfolio once a second: worth, profit, exposure, tails through a year of history, the twelve
rolling metrics, limits and excursions, and keeps the second in the store. How many portfolios of a hundred positions
one core can watch each second is what one look takes, turned around.

Load is real: a service in a process of its own, over loopback, with its gate and its limits. Those who ask do so at
fixed moments whether or not they were answered, so that a slow answer is not asked for less often; those who listen
hold what they hear against when it was seen. Both run beside the service on this machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

# One thread: the claim is about one core.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402  # threads are set first
from websockets.asyncio.client import connect as listening_to  # noqa: E402

from benchmarks import _plots  # noqa: E402
from benchmarks._harness import (  # noqa: E402
    ROOT,
    Remote,
    Result,
    Worker,
    at_most,
    clock,
    faster,
    growth,
    interleaved,
    report,
)
from bursar.adapters.marks import ReadMarks, SharedMarks  # noqa: E402
from bursar.adapters.store.database import connect, migrate, sqlite_url  # noqa: E402
from bursar.adapters.store.snapshots import Snapshots  # noqa: E402
from bursar.desk.app import create_app  # noqa: E402
from bursar.desk.guard.shield import Limits  # noqa: E402
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
WATCHED_GOAL, TICKS_GOAL = 1000, 20_000
#: Requests a second, what is asked for in turn, and how many listen.
RATE, LISTENERS = 200, 200
SNAPSHOT = "/api/v1/monitoring/snapshot"
ASKED = (
    f"/api/v1/monitoring/portfolios/{ACCOUNT}/p0/snapshot",
    "/api/v1/ibkr/status",
    "/api/v1/portfolios",
    f"/api/v1/portfolios/{ACCOUNT}/p1",
    f"/api/v1/monitoring/portfolios/{ACCOUNT}/p2/utilization",
    "/api/v1/ibkr/market-data/S1",
    "/api/v1/proposals",
    "/api/v1/health",
)
TOKEN = "bursar_bench"  # it opens nothing but this
PEERS = ("flask",)
OK = 200


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
            made = quotes(generator.uniform(40, 60, SYMBOLS).tolist(), at)
            began = clock()
            monitor.quote(made)
            told = monitor.second(at)
            taken.append(clock() - began)
            if told is None or len(told.lines.portfolios) != portfolios or np.isnan(told.rolling["sharpe"]).any():
                raise SystemExit("the monitor did not see all that it should")
        engine.dispose()
    return taken[1:]  # the first look makes every portfolio's lines


def quotes(prices: Sequence[float], at: datetime) -> list[Quote]:
    """A quote of each symbol."""
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


# ---------------------------------------------------------------- under load, over loopback


@contextmanager
def served(portfolios: int) -> Iterator[tuple[str, int]]:
    """The address of a service in a process of its own that watches ``portfolios``, and its last event."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks._served", str(portfolios)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield f"127.0.0.1:{said['port']}", said["sequence"]
        process.communicate()


class Lines:
    """Connections that are kept open, one more whenever all are busy. Bare, so that asking costs the machine little."""

    def __init__(self, address: str) -> None:
        self._host, _, self._port = address.partition(":")
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> int:
        """The status of an answer that has come whole."""
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(self._host, int(self._port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(line for line in head.lower().splitlines() if line.startswith("content-length:"))
        await reader.readexactly(int(length.partition(":")[2]))
        self._free.append((reader, writer))
        return int(head.split(" ", 2)[1])

    async def close(self) -> None:
        """Let all of them go."""
        for _, writer in self._free:
            writer.close()
            await writer.wait_closed()


async def ask_steadily(address: str, rate: int, seconds: int) -> list[float]:
    """Seconds of each answer since the moment at which it was to be asked for, whether or not others were out."""
    taken: list[float] = []
    loop, lines = asyncio.get_running_loop(), Lines(address)
    await lines.get(ASKED[0])
    began = loop.time() + 0.1

    async def ask(number: int) -> None:
        due = began + number / rate
        await asyncio.sleep(due - loop.time())
        status = await lines.get(ASKED[number % len(ASKED)])
        if status != OK:
            raise SystemExit(f"{ASKED[number % len(ASKED)]} answered {status}")
        taken.append(loop.time() - due)

    await asyncio.gather(*(ask(number) for number in range(rate * seconds)))
    await lines.close()
    return taken


async def listen(address: str, after: int, clients: int, seconds: int) -> list[float]:
    """Seconds from each look to its arrival at each of ``clients`` WebSockets."""
    taken: list[float] = []

    async def one() -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"ws://{address}/api/v1/stream?after={after}"
        async with listening_to(url, additional_headers=headers, compression=None, max_size=None) as socket:
            ready.release()
            async for text in socket:
                at = datetime.fromisoformat(str(text[:200]).split('"at":"', 1)[1].split('"', 1)[0])
                if listening.is_set():
                    taken.append((datetime.now(UTC) - at).total_seconds())

    ready, listening = asyncio.Semaphore(0), asyncio.Event()
    tasks = []
    for _ in range(clients):
        tasks.append(asyncio.create_task(one()))
        await ready.acquire()
    await asyncio.sleep(1.5)
    listening.set()
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return taken


def load(*, quick: bool) -> list[Result]:
    """What those wait who ask, and those who listen, while five portfolios are looked at each second."""
    seconds = 3 if quick else 10
    with served(5) as (address, _):
        asked = asyncio.run(ask_steadily(address, RATE, seconds))
    with served(5) as (address, sequence):
        heard = asyncio.run(listen(address, sequence, LISTENERS, seconds))
    if len(heard) < LISTENERS * (seconds - 1):
        raise SystemExit(f"{len(heard)} looks were heard by {LISTENERS} listeners in {seconds} seconds: some miss")
    p50, p95, p99 = (float(value) * 1e3 for value in np.quantile(asked, (0.5, 0.95, 0.99)))
    w50, w99 = (float(value) * 1e3 for value in np.quantile(heard, (0.5, 0.99)))
    return [
        at_most(
            f"an answer at {RATE} requests a second, 95 of 100",
            p95,
            50,
            unit="ms",
            note=f"5 portfolios of {POSITIONS} positions looked at each second; median {p50:.1f}, 99 of 100 {p99:.1f}",
        ),
        at_most(
            f"a look at {LISTENERS} WebSockets, 99 of 100",
            w99,
            100,
            unit="ms",
            note=f"5 portfolios of {POSITIONS} positions each; median {w50:.1f}",
        ),
    ]


# ---------------------------------------------------------------- in this process


def ticks(*, quick: bool) -> list[Result]:
    """How many ticks a second pass the whole handler: published, read, kept, given to the monitor, and looked at."""
    from benchmarks._served import desk_of

    desk, batches, best = desk_of(5), 8 if quick else 40, 0.0
    generator = np.random.default_rng(12)
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as name:
        path = Path(name) / "marks.json"
        shared, read = SharedMarks(path, ticks=iter(range(1_000_000)).__next__), ReadMarks(path)
        for _ in range(3):
            made = [quotes(generator.uniform(40, 60, SYMBOLS).tolist(), datetime.now(UTC)) for _ in range(batches)]
            began = clock()
            for batch in made:
                shared.publish(batch)
                told = read.read()
                if told is None or len(told.quotes) != SYMBOLS:
                    raise SystemExit("a batch of ticks was not read")
                desk.price(told.quotes, told.behind)
            desk.look()
            best = max(best, batches * SYMBOLS / (clock() - began))
    return [
        Result(
            name="ticks a second through the whole handler into the monitor",
            ours=best,
            peer=None,
            unit="",
            ratio=None,
            goal=f"at least {TICKS_GOAL:,}",
            met=best >= TICKS_GOAL,
            note=f"in batches of {SYMBOLS}, written to the run's file and read again; the best of three",
        )
    ]


def snapshot(*, quick: bool) -> list[Result]:
    """One answer to "what is everything worth", made anew, beside Flask's of the same."""
    from benchmarks._served import desk_of

    desk = desk_of(5)
    desk.second = None
    app = create_app(desk, limits=Limits(per_second=1e9, burst=1e9))
    desk.look()
    scope = {
        "type": "http",
        "method": "GET",
        "path": SNAPSHOT,
        "raw_path": SNAPSHOT.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {TOKEN}".encode())],
        "scheme": "http",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8005),
        "root_path": "",
    }
    loop = asyncio.new_event_loop()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    def ours() -> bytes:
        parts: list[bytes] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            parts.append(message.get("body", b""))

        loop.run_until_complete(app(dict(scope), receive, send))
        return b"".join(parts)

    told = json.loads(ours())
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as name:
        path = Path(name) / "seen.json"
        path.write_text(json.dumps(_as_tables(told)))
        worker = Worker("flask", "benchmarks._peer_flask")
        try:
            theirs = Remote(worker, "snapshot", {"path": str(path)})
            times = interleaved({"ours": ours, "theirs": theirs}, rounds=5 if quick else 15)
        finally:
            worker.close()

    if json.loads(ours()) != told:
        raise SystemExit("the answers to the same question differ")
    same = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    if theirs.value != same:
        raise SystemExit("Flask's snapshot says something else than ours")
    note = f"5 portfolios of {POSITIONS} positions, {len(json.dumps(told)) // 1024} KiB, nothing kept"
    return [
        faster("a snapshot of all portfolios", times["ours"], times["theirs"], peer_name="Flask", goal=2.0, note=note)
    ]


def _as_tables(told: dict[str, Any]) -> dict[str, Any]:
    """A snapshot as columns, as a program would hold it between two looks."""
    lines = [line for each in told["items"] for line in each["positions"]]
    return {
        "sequence": told["sequence"],
        "at": told["at"],
        "portfolios": [{name: value for name, value in each.items() if name != "positions"} for each in told["items"]],
        "owners": [place for place, each in enumerate(told["items"]) for _ in each["positions"]],
        "lines": {name: [line[name] for line in lines] for name in lines[0]},
    }


PARTS = {"monitor": monitor, "load": load, "ticks": ticks, "snapshot": snapshot}


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all."""
    wanted = [word for word in arguments if word in PARTS] or list(PARTS)
    lines = [line for part in wanted for line in PARTS[part](quick="--quick" in arguments)]
    if "--docs" in arguments:
        _plots.write_section("service", lines, every=True)
    return report(lines, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
