"""Figures for operators, as Prometheus scrapes them: what the service answers, and what the desk knows.

Gauges are read when they are asked for, from the same places as every page: none of them is set anywhere and forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bursar.desk.api.routes import PREFIX
from bursar.desk.desk import Desk
from bursar.desk.heartbeat import Heartbeat
from bursar.desk.stream import Stream
from bursar.domain.events import TradingState

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


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
        self.registry.register(_Desk(desk, stream, heartbeat))

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


class _Desk(Collector):
    """What the desk knows, read when it is asked for."""

    def __init__(self, desk: Desk, stream: Stream, heartbeat: Heartbeat) -> None:
        self._desk, self._stream, self._heartbeat = desk, stream, heartbeat

    def collect(self) -> Iterator[Metric]:
        yield from self._of_the_journal()
        yield from self._of_the_service()
        yield from self._of_portfolios()

    def _of_the_journal(self) -> Iterator[Metric]:
        past = self._desk.past
        yield GaugeMetricFamily("bursar_journal_sequence", "Of the last event that is known.", past.sequence)
        yield GaugeMetricFamily("bursar_orders_placed", "Orders ever placed.", len(past.orders.all()))
        yield GaugeMetricFamily("bursar_orders_working", "Orders that may trade.", len(past.orders.working()))
        yield GaugeMetricFamily("bursar_fills", "Executions that are booked.", len(past.fills))
        yield GaugeMetricFamily("bursar_decisions", "Decisions of strategies.", len(past.decisions))
        yield GaugeMetricFamily("bursar_views", "Views that analysts formed.", len(past.views))
        yield GaugeMetricFamily("bursar_alerts", "Alerts that are at hand.", len(past.alerts))
        proposals = GaugeMetricFamily("bursar_proposals", "Proposals by state.", labels=["state"])
        counts: dict[str, int] = {}
        for saga in past.sagas.all():
            counts[saga.state.value] = counts.get(saga.state.value, 0) + 1
        for state, count in counts.items():
            proposals.add_metric([state], count)
        yield proposals
        trading = GaugeMetricFamily("bursar_trading_state", "1 for the state that the account is in.", labels=["state"])
        for state in TradingState:
            trading.add_metric([state.value], float(past.standing.state is state))
        yield trading
        line = GaugeMetricFamily("bursar_line_up", "1 while the line to the broker is up.")
        line.add_metric([], float(past.run is not None and (past.line is None or past.line.state == "up")))
        yield line

    def _of_the_service(self) -> Iterator[Metric]:
        desk = self._desk
        degraded = GaugeMetricFamily("bursar_degraded", "1 for what is away.", labels=["what"])
        for name in desk.degraded:
            degraded.add_metric([name], 1)
        yield degraded
        yield GaugeMetricFamily("bursar_stream_readers", "Readers of the stream.", len(self._stream.readers))
        dropped = CounterMetricFamily("bursar_stream_dropped", "Readers that were dropped for being slow.")
        dropped.add_metric([], self._stream.dropped)
        yield dropped
        beats = CounterMetricFamily("bursar_seconds_seen", "Looks at all portfolios.")
        beats.add_metric([], self._heartbeat.beats)
        yield beats
        yield GaugeMetricFamily(
            "bursar_seconds_waiting", "Seconds that the store has not taken.", len(self._heartbeat.waits)
        )
        lost = CounterMetricFamily("bursar_seconds_lost", "Seconds that no store took.")
        lost.add_metric([], self._heartbeat.lost)
        yield lost
        jobs = GaugeMetricFamily("bursar_jobs", "Jobs by state.", labels=["state"])
        states = [job.state.value for job in desk.jobs.jobs.values()]
        for state in sorted(set(states)):
            jobs.add_metric([state], states.count(state))
        yield jobs

    def _of_portfolios(self) -> Iterator[Metric]:
        second = self._desk.second
        if second is None:
            return
        names, seen = second.lines.portfolios, second.seen
        for name, says, values in (
            ("equity", "Worth, in the base currency.", seen.equity),
            ("day_profit", "Profit since the last close.", seen.day_profit),
            ("total_profit", "Profit since the beginning.", seen.total_profit),
            ("long", "Worth of what is held long.", seen.long),
            ("short", "Worth of what is held short.", seen.short),
            ("doubtful", "Part of the positions that rests on old or missing prices.", seen.doubtful),
        ):
            family = GaugeMetricFamily(f"bursar_portfolio_{name}", says, labels=["portfolio"])
            for portfolio, value in zip(names, values.tolist(), strict=True):
                family.add_metric([portfolio], value)
            yield family
        used = GaugeMetricFamily("bursar_limit_used", "Part of each limit that is used.", labels=["portfolio", "limit"])
        for limit, values in second.used.items():
            for portfolio, value in zip(names, values.tolist(), strict=True):
                used.add_metric([portfolio, limit], value)
        yield used
