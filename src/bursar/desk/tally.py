"""What the desk was asked to work out, counted and timed: sizes, portfolios, plans, budgets, attributions.

Each desk has its own, so that two in one process do not count together. Names of methods are ours and few; nothing
that a caller made up becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

from bursar.errors import BursarError

#: Weights that a size comes to, as parts of equity; and how long a piece of work takes, in seconds.
WEIGHTS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class Tally:
    """The counters of one desk."""

    def __init__(self) -> None:
        self.sized = _counter("sizing_signals", "Signals that were sized.", "method")
        self.sizing_refused = _counter("sizing_refused", "Requests that a sizer refused.", "method")
        self.sizing_seconds = _histogram("sizing_seconds", "How long sizing took.", SECONDS, "method")
        self.sizing_weight = _histogram("sizing_weight", "Sizes as parts of equity.", WEIGHTS, "method")
        self.solved = _counter("optimization_solved", "Portfolios that were looked for.", "objective", "status")
        self.solving_refused = _counter("optimization_refused", "Problems that were refused.", "objective")
        self.solving_seconds = _histogram("optimization_seconds", "How long it took.", SECONDS, "objective")
        self.checked = _counter("optimization_checks", "Constraints that were checked.", "feasible")
        self.planned = _counter("optimization_plans", "Plans to rebalance that were made.")
        self.planned_orders = _counter("optimization_planned_orders", "Orders of those plans.")
        self.allocated = _counter("budget_allocations", "Risk budgets that were divided.")
        self.held_against = _counter("budget_checks", "Risks that were held against a budget.")
        self.violated = _counter("budget_violations", "What was found by that.", "severity")
        self.stressed = _counter("risk_stress_runs", "Portfolios that were put through the scenarios.")
        self.attributed = _counter("attribution_told", "Attributions that were told.", "group")

    def all(self) -> Iterator[Counter | Histogram]:
        """Each of them."""
        return iter(vars(self).values())

    @contextmanager
    def sizing(self, method: str) -> Iterator[None]:
        """Time the sizing within, and count it where it is refused."""
        with self.sizing_seconds.labels(method).time(), _refused(self.sizing_refused, method):
            yield

    @contextmanager
    def solving(self, objective: str) -> Iterator[None]:
        """Likewise for a search of a portfolio. It may run in a thread."""
        with self.solving_seconds.labels(objective).time(), _refused(self.solving_refused, objective):
            yield


def _counter(name: str, says: str, *labels: str) -> Counter:
    return Counter(f"bursar_{name}", says, labels, registry=None)


def _histogram(name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"bursar_{name}", says, labels, buckets=buckets, registry=None)


@contextmanager
def _refused(counter: Counter, name: str) -> Iterator[None]:
    try:
        yield
    except BursarError:
        counter.labels(name).inc()
        raise
