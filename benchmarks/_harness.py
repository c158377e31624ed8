"""How a benchmark is taken: contenders in turn, medians with their spread, a goal beside every figure.

One round calls every contender once, so that a busy minute of the machine falls on all of them; a call that takes
less than a millisecond is repeated within its turn. A median of rounds is reported with its quartiles. A contender
that lives in another environment is a Worker: a process that times its own calls, one on each request.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

ROOT = Path(__file__).resolve().parent.parent
# Wall-clock time, or with BENCH_CLOCK=cpu the processor time of all threads, which a busy machine does not inflate.
clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter
# One turn of a fast contender lasts as long as one call of a slow one: both find the caches as they left them.
TURN_SECONDS_MIN = 0.02
TURNS_REPEAT_MAX = 2000
# Of a longer first call the start is a small part: then a turn is one call, and no second is needed to know that.
WARM_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of one call: the median of the rounds and its quartiles."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Distance of the quartiles over the median."""
        return (self.high - self.low) / self.median


Contender: TypeAlias = Callable[[], object]


def interleaved(contenders: Mapping[str, Contender | Timed], *, rounds: int = 15) -> dict[str, Times]:
    """Seconds of one call of each contender; the order turns with every round."""
    timed = {name: each if isinstance(each, Timed) else Timed(each) for name, each in contenders.items()}
    for each in timed.values():
        each.prepare()
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    names = list(timed)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(timed[name].turn())
    return {name: _times(values) for name, values in seconds.items()}


def _repeats(once: float) -> int:
    """How many calls of so many seconds make a turn worth timing."""
    return min(max(math.ceil(TURN_SECONDS_MIN / max(once, 1e-7)), 1), TURNS_REPEAT_MAX)


class Timed:
    """A contender in this process."""

    def __init__(self, call: Contender) -> None:
        self.call = call
        self.repeats = 1

    def prepare(self) -> None:
        """Warm up, and find how many calls make a turn worth timing."""
        start = clock()
        self.call()
        if clock() - start > WARM_SECONDS:
            return
        start = clock()
        self.call()
        self.repeats = _repeats(clock() - start)

    def turn(self) -> float:
        """Seconds of one call."""
        start = clock()
        for _ in range(self.repeats):
            self.call()
        return (clock() - start) / self.repeats


class Worker:
    """A process in another environment that answers one JSON line to each JSON line.

    It is sent {"call": name, "with": arguments, "repeats": n} and answers {"seconds": of one call, "value": result}.
    """

    def __init__(self, environment: str, module: str) -> None:
        # The variable points to another environment with the same peers, such as PEERS_MATHEMATICS=/opt/peers.
        home = os.environ.get(f"PEERS_{environment.upper()}", ROOT / ".venvs" / environment)
        python = Path(home) / "bin" / "python"
        if not python.exists():
            raise SystemExit(f"the peers in .venvs/{environment} are not installed: make bench does it")
        self.process = subprocess.Popen(
            [str(python), "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, call: str, arguments: Mapping[str, Any], repeats: int = 1) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"call": call, "with": arguments, "repeats": repeats}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the peer process ended while it answered {call}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


class Remote(Timed):
    """A contender in a Worker; the process times its own calls, so the pipe costs nothing."""

    def __init__(self, worker: Worker, call: str, arguments: Mapping[str, Any]) -> None:
        self.worker, self.name, self.arguments = worker, call, arguments
        self.repeats = 1
        self.value: Any = None

    def prepare(self) -> None:
        answer = self.worker.ask(self.name, self.arguments)
        self.value = answer["value"]
        if float(answer["seconds"]) <= WARM_SECONDS:
            self.repeats = _repeats(float(self.worker.ask(self.name, self.arguments)["seconds"]))

    def turn(self) -> float:
        return float(self.worker.ask(self.name, self.arguments, self.repeats)["seconds"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of a benchmark.

    ours, peer  in `unit`; peer is None where a limit, not a peer, is the measure
    ratio       peer / ours: how many times faster we are
    goal        in words; met is None where the line has none
    """

    name: str
    ours: float
    peer: float | None
    unit: str
    ratio: float | None
    goal: str | None
    met: bool | None
    peer_name: str = ""
    spread: float = 0.0
    note: str = ""
    more: Mapping[str, float] = field(default_factory=dict)


def faster(
    name: str,
    ours: Times,
    peer: Times,
    *,
    peer_name: str,
    goal: float | None,
    note: str = "",
    more: Mapping[str, float] | None = None,
) -> Result:
    """A line that says how many times faster than a peer we are, with the least that was promised."""
    ratio = peer.median / ours.median
    return Result(
        name=name,
        ours=ours.median * 1e3,
        peer=peer.median * 1e3,
        unit="ms",
        ratio=ratio,
        goal=None if goal is None else f"at least {goal:g} times faster",
        met=None if goal is None else ratio >= goal,
        peer_name=peer_name,
        spread=ours.spread,
        note=note,
        more=more or {},
    )


def within(name: str, ours: Times, peer: Times, *, peer_name: str, goal: float, note: str = "") -> Result:
    """A line that says that we take at most `goal` times as long as something bare."""
    factor = ours.median / peer.median
    return Result(
        name=name,
        ours=ours.median * 1e3,
        peer=peer.median * 1e3,
        unit="ms",
        ratio=1.0 / factor,
        goal=f"within {goal:g} times",
        met=factor <= goal,
        peer_name=peer_name,
        spread=ours.spread,
        note=note,
    )


def at_most(name: str, value: float, limit: float, *, unit: str, note: str = "") -> Result:
    """A line that has a limit and no peer."""
    goal = f"at most {limit:g} {unit}"
    return Result(name=name, ours=value, peer=None, unit=unit, ratio=None, goal=goal, met=value <= limit, note=note)


def growth(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The power of the size with which the time grows: the slope of log time over log size."""
    slope, _ = statistics.linear_regression([math.log(x) for x in sizes], [math.log(y) for y in seconds])
    return slope


def report(results: Sequence[Result], arguments: Sequence[str]) -> int:
    """Print the lines, as JSON where --json is given; the exit code is 1 where a goal is missed."""
    if "--json" in arguments:
        print(json.dumps({"results": [asdict(each) for each in results]}, indent=1))
    else:
        for each in results:
            verdict = {None: "", True: "met", False: "MISSED"}[each.met]
            peer = "" if each.peer is None else f"{each.peer:12.4g} {each.unit} {each.peer_name:16s}"
            ratio = "" if each.ratio is None else f"{each.ratio:9.3g} x"
            ours = f"{each.ours:10.4g} {each.unit:3s}"
            print(f"{each.name:62s} {ours} {peer:36s}{ratio:12s} {each.goal or '':28s}{verdict}")
    missed = [each.name for each in results if each.met is False]
    for name in missed:
        print(f"goal missed: {name}", file=sys.stderr)
    return 1 if missed else 0


def _times(seconds: Sequence[float]) -> Times:
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Times(median=median, low=low, high=high)
