"""Figures for operators, as Prometheus scrapes them, in eight groups: docs/service.md lists each.

    portfolios, risk, attribution   read from the last second that was seen  (``gauges.py``)
    broker, research, system        read from the journal and the service    (``gauges.py``)
    sizing, optimization, budgets   counted as they are worked out           (``tally.py``)

None of the gauges is set anywhere and forgotten: they are read when they are asked for.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from bursar.desk.api.routes import PREFIX
from bursar.desk.desk import Desk
from bursar.desk.gauges import Gauges
from bursar.desk.heartbeat import Heartbeat
from bursar.desk.stream import Stream

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# When a counter was made is the process's business: nobody asks for it, and it would double every counter.
disable_created_metrics()  # type: ignore[no-untyped-call]  # a library that is typed in part


class Metrics:
    """All figures of one application."""

    def __init__(self, desk: Desk, stream: Stream, heartbeat: Heartbeat) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "bursar_http_answers", "Answers by route and status.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "bursar_http_seconds",
            "How long answers took.",
            ("method", "route"),
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
            registry=self.registry,
        )
        for each in desk.tally.all():
            self.registry.register(each)
        self.registry.register(Gauges(desk, stream, heartbeat))

    def text(self) -> bytes:
        """As Prometheus reads them."""
        return generate_latest(self.registry)


class Counting:
    """Counts every answer, by the route's pattern and never by its path: strangers cannot make names."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            route = _pattern(scope)
            method = scope["method"] if route != "none" else "ANY"
            self._metrics.answers.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(method, route).observe(time.perf_counter() - began)


def _pattern(scope: Scope) -> str:
    """The pattern of the route that answered, whole: a route of the API knows only what comes after the prefix."""
    known = getattr(scope.get("route"), "path", None)
    if known is None:
        return "none"
    return PREFIX + known if scope["path"].startswith(f"{PREFIX}/") else str(known)
