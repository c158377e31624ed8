"""The desk as a web application: the API, the streams and the page on one port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

import bursar
from bursar.desk.api import figures, problems, routes
from bursar.desk.api.acting import Once
from bursar.desk.api.openapi import Described
from bursar.desk.desk import Desk
from bursar.desk.guard.shield import LOOPBACK_HOSTS, Limits, Shield
from bursar.desk.heartbeat import Heartbeat
from bursar.desk.metrics import Counting, Metrics
from bursar.desk.stream import Stream

DESCRIPTION = """\
A portfolio manager for Interactive Brokers. Money is text with all of its digits, moments are UTC, and keys that end in
`_pct` are percent. Whatever acts takes an `Idempotency-Key`; problems are told as RFC 9457 says.
"""


def create_app(desk: Desk | None = None, *, limits: Limits | None = None, hosts: Sequence[str] = ()) -> FastAPI:
    """The application over ``desk``, or over nothing: it then answers, shows empty books, and lets nobody in.

    limits  how often somebody may ask, and how much at once; those that ship by default
    hosts   names under which it may be asked for, beside those of this machine
    """
    app = Described(
        title="Bursar",
        version=bursar.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_alive,
    )
    desk = desk or Desk()
    app.state.desk, app.state.once, app.state.stream = desk, Once(), Stream(desk)
    app.state.heartbeat = Heartbeat(desk, time.monotonic, desk.snapshots)
    app.state.metrics = Metrics(desk, app.state.stream, app.state.heartbeat)
    problems.install(app)
    app.add_middleware(Counting, metrics=app.state.metrics)
    app.add_middleware(Shield, limits=limits, hosts=(*LOOPBACK_HOSTS, *hosts))
    app.include_router(figures.health)
    routes.add_to(app)
    return app


@asynccontextmanager
async def _alive(app: FastAPI) -> AsyncIterator[None]:
    """While the application serves, the desk and the tables follow the journal, and it looks once a second."""
    desk: Desk = app.state.desk
    works = [desk.tail(), desk.hear(), app.state.heartbeat.run(), *(each.run(desk.degraded) for each in desk.works)]
    tasks = [asyncio.create_task(each) for each in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await desk.jobs.finish()
