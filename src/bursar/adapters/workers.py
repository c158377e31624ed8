"""Workers: independent pieces of work on all cores of this machine, or on a Dask cluster, by the same call.

What is sent to them must be importable and picklable there: functions of a module with plain values. A piece whose
worker died is done again by another, up to ``RETRIES`` times; results come in the order of the pieces, as soon as
those before them are there, so that whoever waits can count them and keep what came before a failure.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from bursar.errors import InputError
from bursar.ports import Item, Result

#: How often a piece is given to another worker before it is held to be the cause of their deaths.
RETRIES = 3


class ProcessWorkers:
    """Satisfies ``ports.Workers`` with processes of this machine, made anew where one of them died."""

    def __init__(self, processes: int) -> None:
        if processes < 1:
            raise InputError(f"{processes} processes do no work; give at least 1")
        self.processes = processes

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        pieces = list(items)
        done, deaths = 0, 0
        while done < len(pieces):
            # Spawned, since a fork would carry locks and threads of ours along.
            with ProcessPoolExecutor(self.processes, mp_context=multiprocessing.get_context("spawn")) as pool:
                waiting: list[Future[Result]] = [pool.submit(work, piece) for piece in pieces[done:]]
                try:
                    for future in waiting:
                        result = future.result()
                        yield result
                        done, deaths = done + 1, 0
                except BrokenProcessPool as error:
                    deaths += 1
                    if deaths > RETRIES:
                        raise InputError(
                            f"the workers died {deaths} times on piece {done + 1} of {len(pieces)}; is memory short?"
                        ) from error
                except GeneratorExit:
                    for future in waiting:
                        future.cancel()
                    raise


class ClusterWorkers:
    """Satisfies ``ports.Workers`` with a Dask cluster, such as ``tcp://10.0.0.5:8786``.

    Raises InputError where no scheduler answers, or Dask is not installed.
    """

    def __init__(self, address: str, timeout_seconds: float = 10.0) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise InputError("a cluster needs the extra bursar[cluster]: pip install 'bursar[cluster]'") from error
        try:
            # Dask ships few types.
            self._client = Client(  # type: ignore[no-untyped-call]  # see above
                address, timeout=timeout_seconds, set_as_default=False
            )
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(f"no Dask scheduler answers at {address}; start one, or leave --cluster out") from error

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        # Not pure: equal pieces are done each, as they would be here.
        futures = self._client.map(work, list(items), retries=RETRIES, pure=False)
        for future in futures:
            result: Result = future.result()
            yield result

    def close(self) -> None:
        """Leave the cluster; it goes on."""
        self._client.close()  # type: ignore[no-untyped-call]  # Dask ships few types
