"""Opinion and decision: views, targets, exits, and what the gate said of orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from bursar.domain.events.base import Event
from bursar.domain.orders import Order
from bursar.domain.targets import Bound, Target, Trim
from bursar.domain.views import View
from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFormed(Event, kind="view_formed"):
    """An analyst formed a view."""

    view: View

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.event_id != self.view.view_id:
            raise InputError(f"view {self.view.view_id} is journalled as {self.event_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstained(Event, kind="abstained", version=2):
    """An analyst had no opinion of some symbols, for one reason."""

    analyst: str
    symbols: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Event, kind="decided", version=2):
    """A strategy said what it wants to hold.

    equity  of the portfolio at that moment, in the account's base currency
    prices  at which targets were turned into shares
    bounds  what kept symbols out, or smaller than wished; none in journals of version 1
    """

    portfolio: str
    strategy: str
    targets: tuple[Target, ...]
    equity: Decimal
    prices: Mapping[str, Decimal]
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed(Event, kind="trimmed"):
    """Between a decision and its orders some trades became smaller, or were left out."""

    portfolio: str
    trims: tuple[Trim, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSkipped(Event, kind="decision_skipped"):
    """A decision was due and was not made, because something that it needs is missing."""

    portfolio: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitTriggered(Event, kind="exit_triggered"):
    """Monitoring saw a position reach its stop or its target.

    level  the price that had to be reached; observed  the price that was
    """

    portfolio: str
    symbol: str
    reason: str
    level: Decimal
    observed: Decimal


class Check(NamedTuple):
    """What one rule of the gate measured, against its limit. ``passed`` is False for a soft warning.

    A named tuple, because an approval makes twenty at once.
    """

    rule: str
    measured: Decimal
    limit: Decimal
    passed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved(Event, kind="approved"):
    """The gate let an order through; its checks show how near it came to each limit."""

    order_id: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Event, kind="rejected"):
    """The gate stopped an order, which was never sent."""

    order: Order
    rule: str
    measured: Decimal
    limit: Decimal
    message: str
