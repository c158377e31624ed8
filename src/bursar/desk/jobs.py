"""Work that takes longer than an answer may: it is queued, done beside the service, and asked for by its number.

Work runs in threads of its own, few of them, so that answers go on. A job that was canceled before it began is never
done; one that has begun is left to its end, and its result is thrown away.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bursar.errors import BursarError, InputError

#: Jobs at work at once, jobs that wait for a place, and jobs that are remembered.
AT_WORK, WAITING_MAX, KEPT_MAX = 1, 20, 200


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(slots=True, kw_only=True)
class Job:
    """One piece of work. problem: why it failed, in words."""

    job_id: str
    kind: str
    by: str
    asked_at: datetime
    state: JobState = JobState.WAITING
    result: dict[str, Any] | None = None
    problem: str = ""
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Jobs:
    """The jobs of one desk."""

    jobs: OrderedDict[str, Job] = field(default_factory=OrderedDict)
    _count: int = 0
    _workers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=AT_WORK, thread_name_prefix="job")
    )

    def submit(self, kind: str, by: str, at: datetime, work: Callable[[], dict[str, Any]]) -> Job:
        """Queue ``work``. Raises InputError where too much waits already."""
        waiting = sum(job.state in (JobState.WAITING, JobState.RUNNING) for job in self.jobs.values())
        if waiting >= WAITING_MAX:
            raise InputError(f"{waiting} jobs wait already; try again when some of them are done")
        self._count += 1
        job = Job(job_id=f"job-{self._count:08d}", kind=kind, by=by, asked_at=at)
        self.jobs[job.job_id] = job
        job.task = asyncio.get_running_loop().create_task(self._run(job, work))
        self._forget()
        return job

    def cancel(self, job: Job) -> None:
        """Do it no more."""
        if job.state in (JobState.WAITING, JobState.RUNNING):
            job.state = JobState.CANCELED

    async def finish(self) -> None:
        """Wait for what has begun, and end."""
        for job in self.jobs.values():
            self.cancel(job)
        tasks = [job.task for job in self.jobs.values() if job.task is not None]
        await asyncio.gather(*tasks)
        self._workers.shutdown(wait=False)

    async def _run(self, job: Job, work: Callable[[], dict[str, Any]]) -> None:
        def begun() -> dict[str, Any] | None:
            if job.state is JobState.CANCELED:
                return None
            job.state = JobState.RUNNING
            return work()

        try:
            result = await asyncio.get_running_loop().run_in_executor(self._workers, begun)
        except BursarError as error:
            if job.state is not JobState.CANCELED:
                job.state, job.problem = JobState.FAILED, " ".join(str(error).split())
        else:
            if job.state is not JobState.CANCELED:
                job.state, job.result = JobState.DONE, result

    def _forget(self) -> None:
        over = [name for name, job in self.jobs.items() if job.state not in (JobState.WAITING, JobState.RUNNING)]
        for name in over[: max(len(self.jobs) - KEPT_MAX, 0)]:
            del self.jobs[name]
