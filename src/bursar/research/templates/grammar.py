"""The grammar of a strategy template: what it looks at, when it buys, when it sells, how much, and how many.

A template is data. It names signals of the catalogue (``catalogue.py``) and gives them numbers; it holds no formula and
nothing of it is ever executed. What does not make sense is refused here, with the name, the value and the remedy, so
that whatever is a ``Template`` can be traded.

    signal      something that can be measured of a symbol, by name, with its parameters
    strength    how a value becomes 0 to 1, for confidence; a signal without one sets conditions alone
    confidence  the mean strength of a symbol's signals by their weights, 0 to 1. It says how far the signals lean and
                how much they agree. It is no probability: what such confidence was worth is measured (``generate``)
    condition   a signal on one side of a number
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import BoolArray, FloatArray
from bursar.research.templates.catalogue import KINDS, Parameters
from bursar.trading.agenda import Rhythm


class Form(StrEnum):
    """How a portfolio is made of what is measured.

    SELECT      the symbols that meet the conditions, ranked
    EVERYTHING  every symbol that has a price, in equal parts
    BOOKS       the mean of five classical portfolios of all symbols
    PAIRS       two symbols that move together, against each other
    """

    SELECT = "select"
    EVERYTHING = "everything"
    BOOKS = "books"
    PAIRS = "pairs"


class Trades(StrEnum):
    """What is bought on a symbol that is chosen."""

    SHARES = "shares"
    CALLS = "calls"
    PUTS = "puts"
    STRADDLES = "straddles"


class SizedBy(StrEnum):
    """How much of a position.

    EQUAL               one part of so many positions
    RISK                so that a move of some deviations over the horizon costs ``risk`` of equity; of an option, its
                        price, for that is all that can be lost
    INVERSE_VOLATILITY  in parts of one whole, the calmer the larger
    """

    EQUAL = "equal"
    RISK = "risk"
    INVERSE_VOLATILITY = "inverse_volatility"


class Side(StrEnum):
    """On which side of its number a signal must lie."""

    ABOVE = "above"
    AT_LEAST = "at_least"
    BELOW = "below"
    AT_MOST = "at_most"

    def holds(self, value: float, than: float) -> bool:
        """False for what is not known."""
        return bool(self.among(np.array([value]), than)[0])

    def among(self, values: FloatArray, than: float) -> BoolArray:
        """Where it holds, of many; False for what is not known."""
        match self:
            case Side.ABOVE:
                return values > than
            case Side.AT_LEAST:
                return values >= than
            case Side.BELOW:
                return values < than
            case Side.AT_MOST:
                return values <= than


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How a value becomes 0 to 1.

    ranked      its place among all symbols that can be judged, 0 the lowest
    none, full  the values that count for 0 and for 1, with straight lines between; ``full`` may be the lower
    """

    ranked: bool = False
    none: float = 0.0
    full: float = 1.0

    def __post_init__(self) -> None:
        if not self.ranked and (self.none == self.full or not math.isfinite(self.none + self.full)):
            raise InputError(f"a strength from {self.none:g} to {self.full:g}; give two different numbers, or rank")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A signal of the catalogue under a name of the template's own.

    reads     its name in the catalogue
    optional  where the source has nothing of it the template goes on without, and says so; else it abstains
    """

    name: str
    reads: str
    parameters: Parameters = field(default_factory=dict)
    weight: float = 1.0
    strength: Strength | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        if self.reads not in KINDS:
            raise InputError(unknown("signal", self.reads, KINDS))
        if not (math.isfinite(self.weight) and self.weight > 0.0):
            raise InputError(f"the weight of {self.name} is {self.weight}; give more than 0")
        chosen = KINDS[self.reads].checked(self.name, self.parameters)
        object.__setattr__(self, "parameters", MappingProxyType(dict(chosen)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One signal on one side of a number. opening: asked of what is not held yet, and not of what is."""

    signal: str
    side: Side
    than: float
    opening: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Which of those that qualify come first.

    by          a signal, or "confidence"
    highest     the highest first, or the lowest
    stay_among  what is held stays while it is among so many times the positions: the last places change daily
    """

    by: str
    highest: bool = True
    stay_among: float = 1.0

    def __post_init__(self) -> None:
        if not 1.0 <= self.stay_among <= 100.0:
            raise InputError(f"what is held stays among {self.stay_among:g} times the positions; give 1 to 100")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """How much, and how many.

    positions          at most
    risk               of equity that one position may cost, as RISK says
    deviations         the move that ``risk`` is about, in standard deviations over the horizon
    volatility_target  annualized; the whole is scaled down to it, never up
    """

    by: SizedBy
    positions: int
    risk: float = 0.02
    deviations: float = 2.0
    volatility_target: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.positions <= 1000:
            raise InputError(f"{self.positions} positions; give 1 to 1000")
        if not 0.0 < self.risk <= 0.05:
            raise InputError(f"a risk of {self.risk:.1%} a position; give more than 0 % and at most 5 %")
        if not 0.0 < self.deviations <= 10.0:
            raise InputError(f"a move of {self.deviations:g} deviations; give more than 0 and at most 10")
        if self.volatility_target is not None and not 0.0 < self.volatility_target <= 1.0:
            raise InputError(
                f"a volatility target of {self.volatility_target:.0%}; give more than 0 % and at most 100 %"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiries:
    """Which options: those that end in so many calendar days, at the strike that is nearest to the price."""

    days_min: int = 20
    days_max: int = 70

    def __post_init__(self) -> None:
        if not 1 <= self.days_min <= self.days_max <= 1000:
            raise InputError(f"options of {self.days_min} to {self.days_max} days; give 1 to 1000, the fewer first")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTerms:
    """Which pairs, and when.

    formation_days        closes from which it is told whether two symbols move together
    enter, leave, broken  distance from the mean in deviations at which a pair is opened, closed, and given up
    half_life_max         days in which half of a distance must be gone; slower pairs are not traded
    shorts                whether the dear one is sold short; without, only the cheap one is bought
    """

    formation_days: int = 252
    enter: float = 2.0
    leave: float = 0.5
    broken: float = 4.0
    half_life_max: float = 30.0
    shorts: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.leave < self.enter < self.broken:
            raise InputError(
                f"a pair opens at {self.enter:g}, closes at {self.leave:g} and is given up at {self.broken:g} "
                "deviations; they must rise from close to open to given up"
            )
        if not 60 <= self.formation_days <= 2520 or not 1.0 <= self.half_life_max <= 252.0:
            raise InputError(
                f"pairs of {self.formation_days} days with half-lives up to {self.half_life_max:g}; "
                "give 60 to 2520, and 1 to 252"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A strategy as data.

    kind            what family it is of, such as "momentum"
    source          where the idea comes from
    horizon_days    trading days over which a position should come true
    confidence_min  without which nothing is opened
    enter           all must hold; leave: any one ends a position
    within_days     days back that may have met ``enter``, unless ``leave`` came since: 1 looks at the last close alone
    over_earnings   True where it means to hold over earnings; of others the gate lets nothing open just before a report
    baseline        True for one that others are held against, and that nothing is promised of
    """

    name: str
    kind: str
    about: str
    source: str
    form: Form = Form.SELECT
    trades: Trades = Trades.SHARES
    rhythm: Rhythm = Rhythm.MONTHLY
    horizon_days: int = 21
    confidence_min: float = 0.0
    signals: tuple[Signal, ...] = ()
    enter: tuple[Condition, ...] = ()
    leave: tuple[Condition, ...] = ()
    within_days: int = 1
    rank: Ranking | None = None
    size: Sizing
    expiries: Expiries = field(default_factory=Expiries)
    pairs: PairTerms | None = None
    over_earnings: bool = False
    baseline: bool = False

    def __post_init__(self) -> None:
        try:
            self._check()
        except InputError as error:
            raise InputError(f"template {self.name}: {error}") from error

    def _check(self) -> None:
        for what in ("name", "kind", "about", "source"):
            if not str(getattr(self, what)).strip():
                raise InputError(f"{what} is empty; say it in words")
        if not 0.0 <= self.confidence_min <= 1.0:
            raise InputError(f"confidence_min is {self.confidence_min}; give 0 to 1")
        if not 1 <= self.horizon_days <= 252 or not 1 <= self.within_days <= 252:
            raise InputError(
                f"horizon_days is {self.horizon_days} and within_days {self.within_days}; give 1 to 252 for each"
            )
        names = [signal.name for signal in self.signals]
        known = dict.fromkeys(names)
        if len(known) != len(names):
            raise InputError(f"two signals of one name among {', '.join(names)}; give each a name of its own")
        for condition in (*self.enter, *self.leave):
            if condition.signal not in known:
                raise InputError(unknown("signal of this template", condition.signal, known))
            if not math.isfinite(condition.than):
                raise InputError(f"the condition on {condition.signal} is against {condition.than}; give a number")
        self._check_form()

    def _check_form(self) -> None:
        if (self.form is Form.PAIRS) != (self.pairs is not None):
            raise InputError(f"its form is {self.form}, and [pairs] {'is given' if self.pairs else 'is missing'}")
        if self.form is not Form.SELECT:
            if self.signals or self.enter or self.leave or self.rank or self.trades is not Trades.SHARES:
                raise InputError(f"its form is {self.form}, which reads no signals and trades shares; leave them out")
            return
        if not self.signals:
            raise InputError("it has no signal; name one at least under [signals]")
        if self.rank is None:
            raise InputError("it does not say who comes first; give [rank] by a signal, or by confidence")
        if self.rank.by != "confidence" and self.rank.by not in {signal.name for signal in self.signals}:
            raise InputError(unknown("signal of this template", self.rank.by, {s.name: None for s in self.signals}))
        strong = any(signal.strength for signal in self.signals)
        if not strong and (self.confidence_min > 0.0 or self.rank.by == "confidence"):
            raise InputError(
                'it asks for confidence, and no signal has a strength; give one, such as strength = "rank"'
            )
        if all(signal.optional for signal in self.signals):
            raise InputError("all of its signals are optional, so that nothing may be left of it; require one")

    def signal(self, name: str) -> Signal:
        """The signal of that name; there is one, for every condition was checked."""
        return next(signal for signal in self.signals if signal.name == name)

    @property
    def needs(self) -> frozenset[str]:
        """Fields that the source must have, closes among them."""
        required = [KINDS[signal.reads].needs for signal in self.signals if not signal.optional]
        options = {"option_quotes"} if self.trades is not Trades.SHARES else set()
        return frozenset({"close"}.union(*required, options))

    @property
    def reads(self) -> frozenset[str]:
        """Fields beside closes that it reads where there are any."""
        return frozenset().union(*(KINDS[signal.reads].needs for signal in self.signals)) - {"close", "views"}

    @property
    def components(self) -> tuple[str, ...]:
        """What it is made of, by name."""
        return tuple(signal.name for signal in self.signals) or (self.form.value,)


def unknown(what: str, name: str, known: Mapping[str, object]) -> str:
    """That there is no such thing, what may have been meant, and what there is."""
    near = get_close_matches(name, known, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    there = ", ".join(sorted(known)) or "none"
    return f"no {what} is called {name}.{meant} There are: {there}"
