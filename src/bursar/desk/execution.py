"""What trading cost: every parent order against the moment at which it was decided, and by what they have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bursar.desk import tables
from bursar.domain.events import Event, RunStarted
from bursar.errors import InputError
from bursar.trading.measuring import Measured
from bursar.trading.shortfall import Costs, Shortfall, costs_by

#: By what costs can be split. The hour is that of the decision.
SPLITS: Mapping[str, Callable[[Shortfall], str]] = MappingProxyType(
    {
        "symbol": lambda each: each.symbol,
        "strategy": lambda each: each.strategy or "none",
        "hour": lambda each: f"{each.at:%H}:00 UTC",
        "route": lambda each: each.route,
    }
)
#: The parts of a shortfall, in the order in which they come about.
PARTS = ("delay", "spread", "impact", "opportunity", "fees")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured.

    working    parents that have not ended, and are not measured yet
    simulated  what is made up in this world, in words
    """

    measured: tuple[Shortfall, ...]
    working: int
    simulated: tuple[str, ...]

    def split(self, by: str) -> tuple[Costs, ...]:
        """The costs of each group. Raises InputError for what nothing is split by."""
        if by not in SPLITS:
            raise InputError(f"costs are not split by {by!r}; give {', '.join(SPLITS)}")
        return costs_by(SPLITS[by], self.measured)

    @property
    def whole(self) -> Costs | None:
        """All of it together; None where nothing was measured."""
        return next(iter(costs_by(lambda _: "all", self.measured)), None)


def report(events: Iterable[Event]) -> Report:
    """Measure a journal."""
    measured, simulated = Measured(), dict[str, None]()
    for event in events:
        measured.apply(event)
        if isinstance(event, RunStarted):
            simulated |= dict.fromkeys(event.simulated)
    return Report(measured=tuple(measured.all), working=measured.working, simulated=tuple(simulated))


# ---------------------------------------------------------------- for programs


def as_json(told: Report) -> str:
    """All parents, and all splits. Costs are positive; basis points are of what was to be traded."""
    document = {
        "simulated": list(told.simulated),
        "working": told.working,
        "whole": _costs(told.whole) if told.whole else None,
        "by": {name: [_costs(each) for each in told.split(name)] for name in SPLITS},
        "parents": [_parent(each) for each in told.measured],
    }
    return json.dumps(document, indent=2) + "\n"


def _costs(each: Costs) -> dict[str, Any]:
    return {
        "name": each.name,
        "decisions": each.decisions,
        "notional": _money(each.notional),
        "fill_rate": float(round(each.fill_rate, 6)),
        **{f"{part}_basis_points": _points(getattr(each, f"{part}_basis_points")) for part in PARTS},
        "basis_points": _points(each.basis_points),
    }


def _parent(each: Shortfall) -> dict[str, Any]:
    return {
        "symbol": each.symbol,
        "strategy": each.strategy,
        "route": each.route,
        "decided_at": each.at.isoformat(),
        "wanted": str(each.wanted),
        "filled": str(each.filled),
        "notional": _money(each.notional),
        **{part: _money(getattr(each, part)) for part in PARTS},
        "total": _money(each.total),
        "slippage_basis_points": _points(each.slippage_basis_points),
        "basis_points": _points(each.basis_points),
    }


def _money(amount: Decimal) -> float:
    return float(round(amount, 2))


def _points(points: Decimal) -> float:
    return float(round(points, 3))


# ---------------------------------------------------------------- for people


def as_tables(told: Report, by: str) -> RenderableType:
    """One table, split by ``by``, in basis points of what was to be traded."""
    groups = told.split(by)
    if told.whole is None:
        return Text("nothing was traded by a decision yet, so that there is nothing to measure")
    table = tables.table("", by, numbers=("n", "notional", "delay", "spread", "impact", "missed", "fees", "whole"))
    for each in groups:
        table.add_row(*_row(each))
    table.add_section()
    table.add_row(*_row(told.whole), style="bold")
    words = [
        "n decisions; basis points of what was to be traded, against the middle then; positive where it cost",
        "delay until it arrived, half the spread then, impact (ours, and the market's way), what was missed, fees",
    ]
    if told.working:
        words.append(f"{told.working} still worked, and not measured yet")
    if told.simulated:
        words.append(f"Simulated, so that what it costs follows from how it was made: {' '.join(told.simulated)}")
    return Group(table, *(Text(f"  {line}", style="dim") for line in words))


def _row(each: Costs) -> tuple[str, ...]:
    return (
        each.name,
        str(each.decisions),
        f"{each.notional:,.0f}",
        *(f"{getattr(each, f'{part}_basis_points'):+.1f}" for part in PARTS),
        f"{each.basis_points:+.1f}",
    )
