"""A blend of strategies: each gets a part of the equity, and what two of them want is held once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bursar.domain.targets import Bound, Target, Targets
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.research.strategies import Component
from bursar.research.strategies.shape import Shape
from bursar.trading.strategy import Holdings, Reads, meant_over_earnings
from bursar.trading.view import MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """``parts`` are strategies with their fractions, which add up to one. Limits hold for the whole."""

    parts: tuple[tuple[Component, float], ...]
    name: str = "blend"
    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        total = sum(fraction for _, fraction in self.parts)
        if not self.parts or any(fraction <= 0.0 for _, fraction in self.parts) or abs(total - 1.0) > 1e-9:
            told = ", ".join(f"{part.name} {fraction:.0%}" for part, fraction in self.parts) or "nothing"
            raise InputError(f"{self.name} is made of {told}; give parts above 0 % that add up to 100 %")
        names = [part.name for part, _ in self.parts]
        if len(set(names)) != len(names):
            raise InputError(f"{self.name} is made of {', '.join(names)}; give each part a name of its own")

    @property
    def reads(self) -> frozenset[str]:
        """Fields beside closes that any part reads."""
        return frozenset().union(*(part.reads for part, _ in self.parts if isinstance(part, Reads)))

    @property
    def over_earnings(self) -> frozenset[str]:
        """The parts that mean to hold over earnings; and the whole, where all of them do."""
        meant = frozenset().union(*(meant_over_earnings(part) for part, _ in self.parts))
        # A part of its name speaks for itself alone, and orders do not say which of the two it was.
        return meant | {self.name} if meant >= {part.name for part, _ in self.parts} else meant - {self.name}

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        told: list[Bound] = []
        return self.shape.targets(self.name, self.wishes(market, views, holdings, told), market, holdings, told)

    def wishes(
        self, market: MarketView, views: Sequence[View], holdings: Holdings, told: list[Bound] | None = None
    ) -> tuple[Target, ...]:
        merged: dict[str, Target] = {}
        for part, fraction in self.parts:
            bounds: list[Bound] = []
            wishes = part.wishes(market, views, holdings, bounds)
            if told is not None:
                told += [_part(part.name, bound, fraction) for bound in bounds]
            for wish in wishes:
                scaled = replace(wish, weight=wish.weight * fraction, reason=f"{part.name}: {wish.reason}")
                merged[wish.symbol] = _joined(merged[wish.symbol], scaled) if wish.symbol in merged else scaled
        return tuple(sorted(merged.values(), key=lambda target: (-target.weight, target.symbol)))


def _part(name: str, bound: Bound, fraction: float) -> Bound:
    """What bound a part, as a part of the whole."""
    says, before, after = f"{name}: {bound.says}", bound.before * fraction, bound.after * fraction
    return bound._replace(says=says, before=before, after=after)


def _joined(one: Target, other: Target) -> Target:
    """Two wishes for one symbol as one."""
    return replace(
        one,
        weight=one.weight + other.weight,
        strategy=f"{one.strategy}+{other.strategy}",
        reason=f"{one.reason}; {other.reason}",
        view_ids=tuple(dict.fromkeys((*one.view_ids, *other.view_ids))),
    )
