"""What all workers promise: every result, in the order of the work, though some of them die."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bursar.adapters.memory import InlineWorkers
from bursar.adapters.workers import ClusterWorkers, ProcessWorkers
from bursar.errors import InputError
from bursar.ports import Workers


def inline() -> Iterator[Workers]:
    yield InlineWorkers()


def processes() -> Iterator[Workers]:
    yield ProcessWorkers(2)


def cluster() -> Iterator[Workers]:
    from distributed import LocalCluster

    options = {"processes": False, "dashboard_address": None, "protocol": "tcp", "host": "127.0.0.1"}
    with LocalCluster(n_workers=1, threads_per_worker=1, **options) as made:  # type: ignore[no-untyped-call]  # Dask
        workers = ClusterWorkers(made.scheduler_address)
        yield workers
        workers.close()


@pytest.fixture(params=[inline, processes, cluster], ids=lambda made: made.__name__)
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    made: Callable[[], Iterator[Workers]] = request.param
    yield from made()


def square(x: int) -> int:
    return x * x


def fail_at_three(x: int) -> int:
    if x == 3:
        raise InputError("three")
    return x


def die_once(task: tuple[str, int]) -> int:
    """Kills its own worker the first time that it is given the second piece."""
    mark, number = Path(task[0]), task[1]
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(_: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_results_come_in_the_order_of_the_work(workers: Workers) -> None:
    assert list(workers.map(square, [3, 1, 2])) == [9, 1, 4]


def test_equal_pieces_are_done_each(workers: Workers) -> None:
    assert list(workers.map(square, [2, 2])) == [4, 4]


def test_what_came_before_a_failure_is_there_and_the_failure_is_ours(workers: Workers) -> None:
    results = workers.map(fail_at_three, [1, 2, 3, 4])
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(InputError, match="three"):
        next(results)


def test_a_worker_that_is_killed_loses_no_piece(tmp_path: Path) -> None:
    mark = str(tmp_path / "died")
    assert list(ProcessWorkers(2).map(die_once, [(mark, number) for number in range(4)])) == [0, 1, 2, 3]
    assert (tmp_path / "died").exists()


def test_a_piece_that_kills_every_worker_is_named_in_the_end() -> None:
    with pytest.raises(InputError, match="the workers died 4 times on piece 1 of 1"):
        list(ProcessWorkers(1).map(die, [0]))


def test_no_processes_and_no_cluster_are_named() -> None:
    with pytest.raises(InputError, match="0 processes do no work"):
        ProcessWorkers(0)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        ClusterWorkers("tcp://127.0.0.1:9", timeout_seconds=0.5)
