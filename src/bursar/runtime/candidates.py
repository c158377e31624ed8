"""Candidates: the strategies that can be asked for by name, and the plan on which each is tested.

A candidate is made for a market, since some of them listen to analysts, and analysts read the market's facts. What
the market lacks is said before anything runs: a committee that cannot have its quorum would stand aside for decades.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from bursar.adapters.memory import MemoryFundamentals, MemoryNews, MemorySignals
from bursar.config import Settings
from bursar.errors import InputError
from bursar.research.strategies.committee import CommitteeStrategy
from bursar.research.strategies.crossover import Crossover
from bursar.research.strategies.shape import Shape
from bursar.research.templates import Template, TemplateStrategy, shipped
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
    needs    fields that the source must have; "views" are formed by analysts
    meets    True where it follows their committee, which needs its quorum
    variants other forms of it that a study tries, by what differs
    """

    name: str
    says: str
    make: Maker
    rhythm: Rhythm = Rhythm.MONTHLY
    needs: frozenset[str] = frozenset({"close"})
    meets: bool = False
    variants: Mapping[str, Maker] = field(default_factory=dict)

    @property
    def views(self) -> bool:
        """True where it listens to analysts."""
        return "views" in self.needs or self.meets

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

    def lacking(self, lacks: frozenset[str]) -> tuple[str, ...]:
        """What it needs and a source that lacks these fields has not; closes never hold what an option costs."""
        return tuple(sorted((self.needs - {"views"}) & (lacks | {"option_quotes"})))


#: Kinds of templates that go by the committee's verdict, where others are content with single analysts.
OF_THE_COMMITTEE = frozenset({"quality and value"})
#: Pairs of windows that a study of the crossover tries beside its own.
CROSSOVERS = ((10, 50), (20, 100), (20, 200), (50, 100), (100, 200))
#: Swings a year that a study tries where a template aims at one.
SWINGS = (0.08, 0.10, 0.15, 0.20)
#: More positions than this are as many as there are, and are not varied.
POSITIONS_MAX = 50


def _crossover(fast: int, slow: int) -> Maker:
    return lambda shape: Crossover(fast=fast, slow=slow, invested=shape.invested_max, shape=shape)


def _of_template(said: Template) -> Candidate:
    """A template, and what a study varies in it: how many it holds, how sure it must be, how much it may swing."""
    return Candidate(
        name=said.name,
        says=said.about,
        make=_templated(said),
        rhythm=said.rhythm,
        needs=said.needs,
        meets=said.kind in OF_THE_COMMITTEE,
        variants={name: _templated(other) for name, other in _varied(said)},
    )


def _templated(said: Template) -> Maker:
    return lambda shape: TemplateStrategy(template=said, shape=shape)


def _varied(said: Template) -> Iterator[tuple[str, Template]]:
    if said.baseline:
        return
    size = said.size
    if size.volatility_target is not None:
        for swing in SWINGS:
            if swing != size.volatility_target:
                yield f"swings {swing:.0%}", replace(said, size=replace(size, volatility_target=swing))
    if size.positions <= POSITIONS_MAX:
        for positions in (max(size.positions // 2, 1), 2 * size.positions):
            yield f"{positions} positions", replace(said, size=replace(size, positions=positions))
    if said.confidence_min > 0.0:
        for sure in (said.confidence_min - 0.1, said.confidence_min + 0.1):
            yield f"confidence {sure:.2f}", replace(said, confidence_min=sure)


def _all() -> Iterator[Candidate]:
    yield from (_of_template(said) for said in shipped().values())
    yield Candidate(
        name="crossover",
        says="Hold each symbol while its 50-day average is above its 200-day one, in equal parts.",
        make=_crossover(50, 200),
        variants={f"{fast}/{slow} days": _crossover(fast, slow) for fast, slow in CROSSOVERS},
    )
    yield Candidate(
        name="committee",
        says="Do what the analysts' committee resolves.",
        make=lambda shape: CommitteeStrategy(shape=shape),
        meets=True,
    )


def candidates() -> Mapping[str, Candidate]:
    """Every strategy that can be asked for: the templates that ship, and the two that are no templates."""
    return {each.name: each for each in _all()}


def candidate(name: str) -> Candidate:
    """The candidate of that name. Raises InputError where there is none."""
    known = candidates()
    if name not in known:
        raise InputError(f"no strategy is named {name}; there are {', '.join(known)}")
    return known[name]


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
    if lacking := chosen.lacking(market.history.lacks()):
        raise InputError(
            f"{name} needs {' and '.join(each.replace('_', ' ') for each in lacking)}, which {market.name} lacks; "
            "test it on a source that has it, such as --world synthetic"
        )
    if chosen.meets:
        _can_meet(name, market, settings)
    return Plan(
        strategy=chosen.made(form, _shape(settings)),
        first=first,
        last=last,
        cash=settings.account.initial_cash,
        rhythm=rhythm or chosen.rhythm,
        costs_basis_points=settings.costs.commission_basis_points,
        costs_minimum=settings.costs.commission_minimum,
        spread_basis_points=settings.costs.spread_basis_points,
        fractions=fractions,
        morning=_morning(chosen, market, settings, heard),
        seed=settings.demo.seed,
    )


def _shape(settings: Settings) -> Shape:
    limits = settings.risk.limits()
    return Shape(
        weight_max=float(limits.position_weight_max),
        sector_max=float(limits.sector_weight_max),
        volatility_max=float(limits.volatility_warning),
        purchases_max=UNLIMITED,
    )


def shelf_of(market: Market) -> build.Shelf:
    """The facts of a market, as analysts read them."""
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
    shelf = shelf_of(market)
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
