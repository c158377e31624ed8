"""The catalogue of signals: everything that a template may look at, each measured in one place.

A signal gives one number a symbol and day from what was known then, NaN where it cannot be told. It has no opinion:
which side is good is for the template to say. Signals of prices and facts reach back some days; those of views are of
today alone, since views are formed once a morning and are not remembered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from types import MappingProxyType

import numpy as np

from bursar.domain.committee import PooledView
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.research import features
from bursar.research.strategies import opinions
from bursar.trading.view import MarketView

Parameters = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a parameter may be. usual: what it is where nothing is said."""

    usual: float
    least: float
    most: float
    whole: bool = True

    def checked(self, signal: str, name: str, value: object) -> float:
        """``value`` as a number within the range."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not self.least <= float(value) <= self.most or (self.whole and float(value) % 1):  # type: ignore[arg-type]
            kind = "a whole number" if self.whole else "a number"
            raise InputError(f"{name} of {signal} is {value!r}; give {kind} from {self.least:g} to {self.most:g}")
        return float(value)  # type: ignore[arg-type]  # a number, as was just seen


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What signals are measured from: the market and the views of one instant."""

    market: MarketView
    views: Sequence[View]

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.market.closes.symbols

    @property
    def closes(self) -> FloatArray:
        return self.market.closes.values

    def field(self, name: str) -> FloatArray:
        """A field on the days and symbols of the closes; NaN where there is none of it."""
        panel = self.market.facts.get(name)
        if panel is None:
            return np.full(self.closes.shape, np.nan)
        return aligned(panel, self.market.closes)

    @cached_property
    def opinions(self) -> Mapping[str, tuple[float, float]]:
        """Expected excess return and confidence of all views of a symbol together."""
        return {symbol: (each.expected_excess_return, each.confidence) for symbol, each in opinions(self.views).items()}

    def of_views(self, value: Mapping[str, float]) -> FloatArray:
        """One row with the value of each symbol that has one."""
        return np.array([[value.get(symbol, math.nan) for symbol in self.symbols]])


def aligned(panel: Panel, like: Panel) -> FloatArray:
    """``panel`` on the days and symbols of another one; NaN where it has none of them."""
    found = np.full(like.values.shape, np.nan)
    if not len(panel.dates):
        return found
    rows = np.searchsorted(panel.dates, like.dates)
    there = (rows < len(panel.dates)) & (panel.dates[np.minimum(rows, len(panel.dates) - 1)] == like.dates)
    for column, symbol in enumerate(like.symbols):
        if symbol in panel.symbols:
            found[there, column] = panel.column(symbol)[rows[there]]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One signal of the catalogue.

    about       what it measures, in words, with {parameter} where a number belongs
    shown       how a value is printed
    needs       fields of the source without which there is none of it; "views" for opinions
    days        closes that it takes, by its parameters
    measure     (n_days, n_symbols), or (1, n_symbols) of views, the last row of today
    """

    name: str
    about: str
    shown: str
    measure: Callable[[Sight, Parameters], FloatArray]
    parameters: Mapping[str, Range] = field(default_factory=dict)
    needs: frozenset[str] = frozenset({"close"})
    days: Callable[[Parameters], int] = lambda _: 1

    @property
    def of_today(self) -> bool:
        """True for one that is known of today alone."""
        return "views" in self.needs

    def checked(self, signal: str, given: Mapping[str, object]) -> dict[str, float]:
        """Every parameter, those that are not given as usual. Raises InputError for one that is not taken."""
        for name in given:
            if name not in self.parameters:
                near = get_close_matches(name, self.parameters, 1)
                meant = f" Did you mean {near[0]}?" if near else ""
                there = ", ".join(self.parameters) or "no parameter"
                raise InputError(f"{signal} reads {self.name}, which has no {name}.{meant} It takes {there}")
        return {
            name: allowed.checked(signal, name, given[name]) if name in given else float(allowed.usual)
            for name, allowed in self.parameters.items()
        }

    def words(self, parameters: Parameters) -> str:
        """What it measures, with its parameters."""
        return self.about.format(**{name: f"{value:g}" for name, value in parameters.items()})

    def says(self, value: float, parameters: Parameters) -> str:
        """What was measured, in words."""
        shown = self.shown.format(value) if math.isfinite(value) else "not known"
        return f"{self.words(parameters)} is {shown}"


def _whole(parameters: Parameters, name: str) -> int:
    return int(parameters[name])


def _trend(sight: Sight, p: Parameters) -> FloatArray:
    fast = features.moving_average(sight.closes, _whole(p, "fast_days"))
    return fast / features.moving_average(sight.closes, _whole(p, "slow_days")) - 1.0


def _within_range(values: FloatArray, days: int) -> FloatArray:
    """Where the last row lies within the range of so many rows, 0 lowest to 1 highest: one row, NaN unless known."""
    window = values[-days:]
    if len(window) < days:
        return np.full((1, values.shape[1]), np.nan)
    low, high = window.min(axis=0), window.max(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: FloatArray = np.where(high > low, (window[-1] - low) / (high - low), np.nan)
    return found[None, :]


def _committee(sight: Sight, _: Parameters) -> FloatArray:
    """Probability of a rise, as the committee pooled it."""
    return sight.of_views(
        {
            view.symbol: view.confidence if view.expected_excess_return >= 0.0 else 1.0 - view.confidence
            for view in sight.views
            if isinstance(view, PooledView)
        }
    )


def _committee_return(sight: Sight, _: Parameters) -> FloatArray:
    return sight.of_views({v.symbol: v.expected_excess_return for v in sight.views if isinstance(v, PooledView)})


def _objection(sight: Sight, _: Parameters) -> FloatArray:
    return sight.of_views({s: confidence if mean < 0.0 else 0.0 for s, (mean, confidence) in sight.opinions.items()})


_DAYS = Range(usual=21, least=2, most=1260)
_YEAR = Range(usual=features.YEAR, least=20, most=1260)

_ALL = (
    Kind(
        name="momentum",
        about="the return of {lookback_days} days without the last {skip_days}",
        shown="{:+.1%}",
        measure=lambda s, p: features.momentum(s.closes, _whole(p, "lookback_days"), _whole(p, "skip_days")),
        parameters={"lookback_days": _YEAR, "skip_days": Range(usual=features.MONTH, least=0, most=252)},
        days=lambda p: int(p["lookback_days"]) + 1,
    ),
    Kind(
        name="volume_balance",
        about="volume on rising days less that on falling ones, as a part of the volume of {days} days",
        shown="{:+.0%}",
        measure=lambda s, p: features.on_balance_volume(s.closes, s.field("volume"), _whole(p, "days")),
        parameters={"days": _DAYS},
        needs=frozenset({"close", "volume"}),
        days=lambda p: int(p["days"]) + 1,
    ),
    Kind(
        name="relative_volume",
        about="volume against the mean of the {days} days before",
        shown="{:.2f}",
        measure=lambda s, p: features.relative_volume(s.field("volume"), _whole(p, "days")),
        parameters={"days": _DAYS},
        needs=frozenset({"close", "volume"}),
        days=lambda p: int(p["days"]) + 1,
    ),
    Kind(
        name="rsi",
        about="the {days}-day RSI",
        shown="{:.0f}",
        measure=lambda s, p: features.rsi(s.closes, _whole(p, "days")),
        parameters={"days": Range(usual=14, least=2, most=252)},
        days=lambda p: int(p["days"]) + 1,
    ),
    Kind(
        name="bollinger",
        about="the place between the {days}-day Bollinger bands (0 the lower, 1 the upper)",
        shown="{:.2f}",
        measure=lambda s, p: features.bollinger_position(s.closes, _whole(p, "days"), p["width"]),
        parameters={
            "days": Range(usual=20, least=2, most=252),
            "width": Range(usual=2.0, least=0.1, most=10.0, whole=False),
        },
        days=lambda p: int(p["days"]),
    ),
    Kind(
        name="above_average",
        about="the distance from the {days}-day average",
        shown="{:+.1%}",
        measure=lambda s, p: s.closes / features.moving_average(s.closes, _whole(p, "days")) - 1.0,
        parameters={"days": Range(usual=200, least=2, most=1260)},
        days=lambda p: int(p["days"]),
    ),
    Kind(
        name="trend",
        about="the {fast_days}-day average against the {slow_days}-day one",
        shown="{:+.1%}",
        measure=_trend,
        parameters={
            "fast_days": Range(usual=50, least=1, most=1260),
            "slow_days": Range(usual=200, least=2, most=1260),
        },
        days=lambda p: int(max(p["fast_days"], p["slow_days"])),
    ),
    Kind(
        name="distance_from_high",
        about="the distance from the highest close of {days} days",
        shown="{:+.1%}",
        measure=lambda s, p: features.distance_from_high(s.closes, _whole(p, "days")),
        parameters={"days": _YEAR},
        days=lambda p: int(p["days"]),
    ),
    Kind(
        name="volatility",
        about="the volatility of {days} days, a year",
        shown="{:.0%}",
        measure=lambda s, p: features.volatility(s.closes, _whole(p, "days")),
        parameters={"days": Range(usual=63, least=5, most=1260)},
        days=lambda p: int(p["days"]) + 1,
    ),
    Kind(
        name="implied_volatility_rank",
        about="the place of implied volatility in its range of {days} days (0 the lowest)",
        shown="{:.2f}",
        measure=lambda s, p: _within_range(s.field("implied_volatility"), _whole(p, "days")),
        parameters={"days": _YEAR},
        needs=frozenset({"close", "implied_volatility"}),
        days=lambda p: int(p["days"]),
    ),
    Kind(
        name="days_to_report",
        about="the number of calendar days to the next report",
        shown="{:.0f}",
        measure=lambda s, _: s.field("days_to_report"),
        needs=frozenset({"close", "days_to_report"}),
    ),
    Kind(
        name="expected_return",
        about="what views together expect above cash",
        shown="{:+.2%}",
        measure=lambda s, _: s.of_views({symbol: mean for symbol, (mean, _) in s.opinions.items()}),
        needs=frozenset({"close", "views"}),
    ),
    Kind(
        name="belief",
        about="the confidence of views together",
        shown="{:.2f}",
        measure=lambda s, _: s.of_views({symbol: believed for symbol, (_, believed) in s.opinions.items()}),
        needs=frozenset({"close", "views"}),
    ),
    Kind(
        name="objection",
        about="the confidence of views that it falls",
        shown="{:.2f}",
        measure=_objection,
        needs=frozenset({"close", "views"}),
    ),
    Kind(
        name="committee",
        about="the committee's probability of a rise",
        shown="{:.1%}",
        measure=_committee,
        needs=frozenset({"close", "views"}),
    ),
    Kind(
        name="committee_return",
        about="what the committee expects above cash",
        shown="{:+.2%}",
        measure=_committee_return,
        needs=frozenset({"close", "views"}),
    ),
)
KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _ALL})
