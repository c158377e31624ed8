"""Candidates: the strategies that can be asked for by name, and the plan on which each is tested.

A candidate is made for a market, since some of them listen to analysts, and analysts read the market's facts. What
the market lacks is said before anything runs: a committee that cannot have its quorum would stand aside for decades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from bursar.adapters.memory import MemoryFundamentals, MemoryNews, MemorySignals
from bursar.config import Settings
from bursar.errors import InputError
from bursar.research.strategies.committee import CommitteeStrategy
from bursar.research.strategies.crossover import Crossover
from bursar.research.strategies.equal_weight import EqualWeight
from bursar.research.strategies.mean_reversion import MeanReversion
from bursar.research.strategies.momentum import Momentum
from bursar.research.strategies.shape import Shape
from bursar.runtime import build
from bursar.runtime.backtest import UNLIMITED, Market, Plan
from bursar.runtime.morning import Heard, Morning, remembering
from bursar.trading.agenda import Rhythm
from bursar.trading.strategy import Strategy

#: Makes a strategy in a shape.
Maker = Callable[[Shape], Strategy]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A strategy by name.

    says     what it does, in a line
    make     the strategy, in the shape that the limits allow
    rhythm   how often it decides, unless told otherwise
    views    True where it listens to analysts
    meets    True where it follows their committee, which needs its quorum
    variants other forms of it that a study tries, by what differs
    """

    name: str
    says: str
    make: Maker
    rhythm: Rhythm = Rhythm.MONTHLY
    views: bool = False
    meets: bool = False
    variants: Mapping[str, Maker] = field(default_factory=dict)

    @property
    def forms(self) -> tuple[str, ...]:
        """All forms: as it is (an empty name), and its variants."""
        return ("", *self.variants)

    def made(self, form: str, shape: Shape) -> Strategy:
        """The strategy in one of its forms. Raises InputError for one that it does not have."""
        if not form:
            return self.make(shape)
        if form not in self.variants:
            raise InputError(f"{self.name} has no form {form!r}; there are {', '.join(self.variants) or 'none'}")
        return self.variants[form](shape)


#: Pairs of windows that a study of the crossover tries beside its own.
CROSSOVERS = ((10, 50), (20, 100), (20, 200), (50, 100), (100, 200))


def _crossover(fast: int, slow: int) -> Maker:
    return lambda shape: Crossover(fast=fast, slow=slow, invested=shape.invested_max)


def _momentum(positions: int, confidence: float) -> Maker:
    return lambda shape: Momentum(positions=positions, confidence_min=confidence, shape=shape)


def _reversion(bought: float, sold: float) -> Maker:
    return lambda shape: MeanReversion(rsi_entry=bought, rsi_exit=sold, shape=shape)


def _every(shape: Shape) -> EqualWeight:
    return EqualWeight(shape=shape)


CANDIDATES: Mapping[str, Candidate] = MappingProxyType(
    {
        each.name: each
        for each in (
            Candidate(name="equal_weight", says="the same part of everything, made equal again", make=_every),
            Candidate(
                name="crossover",
                says="each symbol while its 50-day average is above its 200-day one",
                make=_crossover(50, 200),
                variants=MappingProxyType({f"{fast}/{slow} days": _crossover(fast, slow) for fast, slow in CROSSOVERS}),
            ),
            Candidate(
                name="momentum",
                says="the strongest of twelve months that analysts like",
                make=lambda shape: Momentum(shape=shape),
                views=True,
                variants=MappingProxyType(
                    {
                        f"{positions} positions, confidence {confidence}": _momentum(positions, confidence)
                        for positions in (3, 8)
                        for confidence in (0.5, 0.55, 0.6)
                    }
                ),
            ),
            Candidate(
                name="mean_reversion",
                says="what fell below its band in a rising trend, until it recovers",
                make=lambda shape: MeanReversion(shape=shape),
                rhythm=Rhythm.WEEKLY,
                views=True,
                variants=MappingProxyType(
                    {
                        f"bought at {bought:g}, sold at {sold:g}": _reversion(bought, sold)
                        for bought in (30.0, 40.0)
                        for sold in (50.0, 60.0)
                    }
                ),
            ),
            Candidate(
                name="committee",
                says="what the analysts' committee resolves",
                make=lambda shape: CommitteeStrategy(shape=shape),
                views=True,
                meets=True,
            ),
        )
    }
)


def candidate(name: str) -> Candidate:
    """The candidate of that name. Raises InputError where there is none."""
    if name not in CANDIDATES:
        raise InputError(f"no strategy is named {name}; there are {', '.join(CANDIDATES)}")
    return CANDIDATES[name]


def plan_for(
    name: str,
    market: Market,
    settings: Settings,
    *,
    first: date,
    last: date,
    rhythm: Rhythm | None = None,
    fractions: bool = False,
    form: str = "",
    heard: Heard | None = None,
) -> Plan:
    """How ``name`` is tested on ``market``, at the costs and within the shape that the settings name.

    form   one of its variants; empty for the strategy as it is
    heard  what analysts said already, for other runs on the very same facts; None asks them each time
    Raises InputError for a name that nobody knows, or a market that lacks what it needs.
    """
    chosen = candidate(name)
    if chosen.meets:
        _can_meet(name, market, settings)
    return Plan(
        strategy=chosen.made(form, _shape(settings, chosen)),
        first=first,
        last=last,
        cash=settings.account.initial_cash,
        rhythm=rhythm or chosen.rhythm,
        costs_basis_points=settings.costs.commission_basis_points,
        spread_basis_points=settings.costs.spread_basis_points,
        fractions=fractions,
        morning=_morning(chosen, market, settings, heard),
        seed=settings.demo.seed,
    )


def _shape(settings: Settings, chosen: Candidate) -> Shape:
    limits = settings.risk.limits()
    return Shape(
        weight_max=float(limits.position_weight_max),
        sector_max=float(limits.sector_weight_max),
        # Who holds everything alike is a yardstick, and is not calmed.
        volatility_max=None if chosen.name == "equal_weight" else float(limits.volatility_warning),
        purchases_max=UNLIMITED,
    )


def _shelf(market: Market) -> build.Shelf:
    raw = None if "raw_close" in market.history.lacks() else market.history
    return build.Shelf(
        title=market.name,
        history=market.history,
        fundamentals=market.fundamentals or MemoryFundamentals(),
        news=market.news or MemoryNews(),
        raw=raw,
    )


def _morning(
    chosen: Candidate, market: Market, settings: Settings, heard: Heard | None
) -> Callable[[], Morning] | None:
    """Who is asked before each decision; anew for each run, since a morning remembers who was right."""
    if not chosen.views:
        return None
    shelf = _shelf(market)
    if chosen.meets:
        return lambda: build.morning(settings, shelf, MemorySignals(), heard_before=heard)
    asked = build.analysts(settings, shelf)
    return lambda: Morning(analysts=asked if heard is None else remembering(asked, heard), history=market.history)


def _can_meet(name: str, market: Market, settings: Settings) -> None:
    """Refuse a committee that can never have its quorum on these facts: it would stand aside for decades."""
    known = {"prices"}
    if market.fundamentals is not None:
        known.add("statements")
        known |= set() if "raw_close" in market.history.lacks() else {"market value"}
    if market.news is not None:
        known.add("news")
    if len(known) < settings.committee.quorum:
        raise InputError(
            f"{name} needs {settings.committee.quorum} distinct sources for a verdict, and {market.name} supports "
            f"{len(known)} ({', '.join(sorted(known))}); test it where there are statements and news, such as "
            "--world synthetic"
        )
