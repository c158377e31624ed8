"""Many seeds on all cores: `make simulate RUNS=10000`.

Each seed is one run of ``schedule.run``, and every tenth one of ``sagas.run`` beside it. A seed that fails is
printed with what it violated and how to play it again; the exit code is then 1.

Usage: python -m tests.simulation [--runs N] [--first SEED] [--bug NAME] [--workers N]
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field

from bursar.domain.orders import OrderStatus
from bursar.domain.proposals import End
from bursar.trading.line import LineState
from tests.simulation import sagas
from tests.simulation.bugs import BUGS
from tests.simulation.schedule import DRAWN, run

CHUNK = 25
#: One seed in so many plays a person's taps as well.
SAGAS_EVERY = 10


@dataclass
class Tally:
    """What many seeds came to.

    failed  seeds, and in one line why
    """

    runs: int = 0
    lives: int = 0
    events: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    died: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    line: Counter[str] = field(default_factory=Counter)
    breaks: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    failed: dict[int, str] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Take in another one."""
        self.runs += other.runs
        self.lives += other.lives
        self.events += other.events
        for name in ("struck", "died", "statuses", "line", "breaks", "ends"):
            getattr(self, name).update(getattr(other, name))
        self.failed |= other.failed


def play(first: int, count: int, bug: str = "") -> Tally:
    """Run ``count`` seeds from ``first`` on, in this process."""
    tally = Tally()
    gc.collect()  # what the chunk before left; within one the collector waits (see ``swift``)
    with BUGS[bug]() if bug else nullcontext():
        for seed in range(first, first + count):
            tally.runs += 1
            try:
                outcome = run(seed)
                if not bug and seed % SAGAS_EVERY == 0:
                    tally.ends += sagas.run(seed).ends
            except Exception as error:  # noqa: BLE001  whatever a desk dies of is what a simulation is for
                tally.failed[seed] = f"{type(error).__name__}: {error}"
                continue
            tally.lives += outcome.lives
            tally.events += len(outcome.events)
            tally.struck += outcome.struck
            tally.died += outcome.died
            tally.statuses += outcome.statuses
            tally.line += outcome.line
            tally.breaks.update(found.what.split()[0] for found in outcome.breaks)
    return tally


def on_all_cores(first: int, runs: int, bug: str = "", workers: int = 0) -> Iterator[Tally]:
    """The tallies of chunks of seeds, in their order."""
    chunks = [(start, min(CHUNK, first + runs - start)) for start in range(first, first + runs, CHUNK)]
    with ProcessPoolExecutor(
        max_workers=workers or os.cpu_count() or 1,
        mp_context=multiprocessing.get_context("spawn"),
    ) as pool:
        for future in [pool.submit(play, start, count, bug) for start, count in chunks]:
            yield future.result()


def coverage(tally: Tally) -> str:
    """How much of what there is was met: faults, states of orders, states of the line."""
    lines = []
    for what, met, all_of in (
        ("faults", tally.struck, list(DRAWN)),
        ("states of orders", tally.statuses, [status.value for status in OrderStatus]),
        ("states of the line", tally.line, [state.value for state in LineState]),
        ("ends of what was tapped", tally.ends, [end.value for end in End]),
    ):
        told = ", ".join(f"{name} {met[name]}" for name in all_of if met[name])
        never = [name for name in all_of if not met[name]]
        lines.append(f"{what}: {len(all_of) - len(never)} of {len(all_of)} ({told})")
        if never:
            lines.append(f"  never: {', '.join(never)}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Play, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Simulate many seeds.")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--bug", default="", choices=["", *BUGS])
    parser.add_argument("--workers", type=int, default=0)
    asked = parser.parse_args(arguments)
    total, begun = Tally(), time.monotonic()
    for part in on_all_cores(asked.first, asked.runs, asked.bug, asked.workers):
        for seed, why in part.failed.items():
            print(f"seed {seed} fails: {why}\n  again: python -m tests.simulation --first {seed} --runs 1", flush=True)
        total.add(part)
    seconds = time.monotonic() - begun
    died = ", ".join(f"{name} {count}" for name, count in sorted(total.died.items()))
    print(
        f"{total.runs} runs in {seconds:.1f} s, {total.runs / seconds:.1f} seeds a second; {total.lives} lives, "
        f"{total.events} events; killed or cut: {died}; breaks left open: {dict(total.breaks)}"
    )
    print(coverage(total))
    print(f"{len(total.failed)} seeds failed" if total.failed else "every property held in every run")
    return 1 if total.failed else 0
