"""Do what the committee resolved: hold what it buys or keeps, at the weights that sizing gave, and end what it ends.

Where a meeting had a quorum on nothing there is nothing to go by, and nothing is decided: an absent committee is no
reason to sell. What had no quorum, or was held and not judged, stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bursar.domain.committee import Action, PooledView
from bursar.domain.targets import Bound, Target, Targets
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.research.strategies import held_without_an_opinion
from bursar.research.strategies.shape import Shape
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitteeStrategy:
    """Follows the resolutions of the morning's meeting, the most confident first."""

    name: str = "committee"
    shape: Shape = field(default_factory=Shape)

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        told: list[Bound] = []
        return self.shape.targets(self.name, self.wishes(market, views, holdings, told), market, holdings, told)

    def wishes(
        self, market: MarketView, views: Sequence[View], holdings: Holdings, told: list[Bound] | None = None
    ) -> tuple[Target, ...]:
        resolved = [view for view in views if isinstance(view, PooledView) and view.symbol in market.instruments]
        if not resolved:
            raise DataError(f"{self.name} decides on a committee's meeting, and it had a quorum on nothing")
        wanted = [
            Target(
                symbol=view.symbol,
                weight=weight,
                strategy=self.name,
                view_ids=(view.view_id,),
                reason=f"the committee says {view.action.value} at {max(view.confidence, 1.0 - view.confidence):.0%}",
            )
            for view in sorted(
                resolved, key=lambda view: (view.action is not Action.HOLD, -view.confidence, view.symbol)
            )
            if (weight := _weight(view, holdings)) > 0.0
        ]
        silent = held_without_an_opinion(self.name, market.instruments, {view.symbol for view in resolved}, holdings)
        return self.shape.fit((*silent, *wanted), market.instruments, told=told)


def _weight(view: PooledView, holdings: Holdings) -> float:
    """What to hold of it: what sizing gave for an opening, what is held for a hold, and nothing after an ending."""
    match view.action:
        case Action.BUY | Action.SHORT:
            return view.weight
        case Action.HOLD:
            return holdings.weights.get(view.symbol, 0.0)
        case _:
            return 0.0
