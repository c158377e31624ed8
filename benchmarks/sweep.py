"""A sweep on all cores: `python -m benchmarks.sweep [--json] [--quick] [--docs]`.

The same few hundred variants of a strategy over the full path, run by one worker process, by two, and by a Dask cluster
of two workers on this machine, one of which is killed when a third of the work is done. What each brings must be equal
to the last digit of every day's equity, and nothing may be missing.

The goals, and why they are what they are:

    efficiency  at least 0.8 with two workers: the time of one over twice the time of two. Each process first imports
                Bursar and loads its prices, some seconds that no second worker can halve; the rest is independent work.
                On one core there is no goal; and where it comes out above one, other work had a part of the machine
                while one worker ran, nothing was measured, and nothing is called met
    lost        none, whoever dies: a piece whose worker died is done again by another
    different   none: the work is a function of its piece, whoever does it and how often
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

# One thread each: the claim is about processes.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import time  # noqa: E402  # threads are set first

from benchmarks import _plots  # noqa: E402
from benchmarks._harness import Result, report  # noqa: E402
from benchmarks._variants import Outcome, Variant, variants, work  # noqa: E402
from bursar.adapters.workers import ClusterWorkers, ProcessWorkers  # noqa: E402
from bursar.ports import Workers  # noqa: E402

COUNT, QUICK = 300, 16
EFFICIENCY_GOAL = 0.8
#: Two workers cannot do more than twice the work of one; a little more is noise.
QUIET = 1.05


def swept(workers: Workers, asked: Sequence[Variant], told: Callable[[int], None]) -> tuple[list[Outcome], float]:
    """What came back, and the seconds from the first piece sent to the last result; ``told`` of each that came."""
    began = time.perf_counter()
    found = []
    for outcome in workers.map(work, asked):
        found.append(outcome)
        told(len(found))
    return found, time.perf_counter() - began


@contextmanager
def cluster() -> Iterator[tuple[ClusterWorkers, Callable[[], int]]]:
    """A scheduler and two worker processes on this machine, and how to kill one of them: it answers its process id."""
    from distributed import LocalCluster

    options = {"processes": True, "dashboard_address": None, "protocol": "tcp", "host": "127.0.0.1"}
    with LocalCluster(n_workers=2, threads_per_worker=1, **options) as made:  # type: ignore[no-untyped-call]  # Dask
        workers = ClusterWorkers(made.scheduler_address)

        def kill() -> int:
            pid = int(next(iter(made.workers.values())).pid)
            os.kill(pid, signal.SIGKILL)
            return pid

        yield workers, kill
        workers.close()


def missing(found: Sequence[Outcome], asked: Sequence[Variant]) -> int:
    """Pieces that did not come back, each once and in its place."""
    return len(asked) - sum(one.variant == other for one, other in zip(found, asked, strict=False))


def different(found: Sequence[Outcome], like: Sequence[Outcome]) -> int:
    """Results that are not the same to the last digit."""
    return sum(one != other for one, other in zip(found, like, strict=False))


def sweep(*, quick: bool) -> list[Result]:
    """The three ways, and what they brought."""
    asked = variants(QUICK if quick else COUNT)
    quiet: Callable[[int], None] = lambda _: None  # noqa: E731  # nobody waits
    one, of_one = swept(ProcessWorkers(1), asked, quiet)
    two, of_two = swept(ProcessWorkers(2), asked, quiet)
    killed: list[int] = []
    with cluster() as (workers, kill):
        # The cluster's own start is not of the sweep: a cluster is there before somebody sends it work.
        third, of_cluster = swept(
            workers, asked, lambda done: killed.append(kill()) if done == len(asked) // 3 else None
        )
    if len(killed) != 1 or one[0].orders == 0:
        raise SystemExit("the sweep did not do what it measures: no worker was killed, or nothing was traded")
    lost = missing(one, asked) + missing(two, asked) + missing(third, asked)
    unlike = different(two, one) + different(third, one)
    return [
        _timed(f"{len(asked)} variants, one worker", of_one),
        _timed(f"{len(asked)} variants, two workers", of_two),
        _efficient(of_one / (2 * of_two)),
        _timed(f"{len(asked)} variants, a cluster of two with one killed after {len(asked) // 3}", of_cluster),
        _none("pieces lost, over all three ways", lost),
        _none("results that differ from those of one worker", unlike),
    ]


def _efficient(efficiency: float) -> Result:
    cores, quiet = len(os.sched_getaffinity(0)), efficiency <= QUIET
    told = cores > 1 and quiet
    busy = "" if quiet else "; above one, so that other work was in the way: measure again on a quiet machine"
    return Result(
        name="efficiency of two workers",
        ours=efficiency,
        peer=None,
        unit="",
        ratio=None,
        goal=f"at least {EFFICIENCY_GOAL:g}" if told else None,
        met=efficiency >= EFFICIENCY_GOAL if told else None,
        note=f"{cores} processors; the start of each process is in it{busy}",
    )


def _timed(name: str, seconds: float) -> Result:
    return Result(name=name, ours=seconds, peer=None, unit="s", ratio=None, goal=None, met=None)


def _none(name: str, found: int) -> Result:
    return Result(name=name, ours=float(found), peer=None, unit="", ratio=None, goal="none", met=found == 0)


def main(arguments: list[str]) -> int:
    """Run the sweep and report it."""
    lines = sweep(quick="--quick" in arguments)
    if "--docs" in arguments:
        _plots.write_section("sweep", lines, every=True)
    return report(lines, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
