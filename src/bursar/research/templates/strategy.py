"""A template as a strategy: the one interpreter, for backtests, paper and live alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from bursar.domain.instruments import InstrumentKind
from bursar.domain.targets import Bound, Target, Targets, Unit
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.quant.performance import PERIODS_PER_YEAR
from bursar.research import features
from bursar.research.strategies import held_without_an_opinion, history
from bursar.research.strategies.shape import Shape
from bursar.research.templates import books, options, pairs
from bursar.research.templates.grammar import Form, SizedBy, Template, Trades
from bursar.research.templates.measure import Measured, measure
from bursar.research.templates.missed import outranked, passed_over
from bursar.research.templates.reading import digest
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView

#: Days of returns from which the swing of a symbol is told, for its size.
VOLATILITY_DAYS = 63
UNJUDGED = "it cannot be judged today; held as it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateStrategy:
    """Decides as ``template`` says, within ``shape``: what an account allows.

    A template's own volatility target counts where it is lower than the shape's. A baseline keeps its own alone.
    """

    template: Template
    shape: Shape | None = None

    @property
    def name(self) -> str:
        return self.template.name

    @property
    def version(self) -> str:
        """Of the template: another number in it is another version."""
        return digest(self.template)

    @property
    def reads(self) -> frozenset[str]:
        """Fields beside closes, for whoever makes the market view."""
        return self.template.reads

    @property
    def over_earnings(self) -> frozenset[str]:
        """Its name, where the template means to hold over earnings."""
        return frozenset({self.name} if self.template.over_earnings else ())

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        told: list[Bound] = []
        return self._shape().targets(self.name, self.wishes(market, views, holdings, told), market, holdings, told)

    def wishes(
        self, market: MarketView, views: Sequence[View], holdings: Holdings, told: list[Bound] | None = None
    ) -> tuple[Target, ...]:
        """What it would hold if it started from cash, the most wanted first. Raises DataError where it abstains.

        told  what it passed over or cut, and by which figure, is added to it; nothing of that is made without it
        """
        match self.template.form:
            case Form.EVERYTHING:
                return self._everything(market, holdings)
            case Form.BOOKS:
                return self._books(market, holdings)
            case Form.PAIRS:
                return self._pairs(market, holdings, told)
            case Form.SELECT:
                return self._selected(market, views, holdings, told)

    def _shape(self) -> Shape:
        own = self.template.size.volatility_target
        if self.template.baseline:
            return replace(self.shape or Shape(), volatility_max=own)
        shape = self.shape or Shape()
        limits = [each for each in (shape.volatility_max, own) if each is not None]
        return replace(shape, volatility_max=min(limits) if limits else None)

    # ------------------------------------------------------------ the forms

    def _selected(
        self, market: MarketView, views: Sequence[View], holdings: Holdings, told: list[Bound] | None
    ) -> tuple[Target, ...]:
        template, shape = self.template, self._shape()
        seen = measure(template, market, views)
        held = self._held(market, holdings)
        known = seen.known()
        ranked = self._ranked(seen, [symbol for symbol in known if seen.qualifies(symbol, held=symbol in held)])
        places = {symbol: place for place, symbol in enumerate(ranked, start=1)}
        ordered = sorted(ranked, key=lambda symbol: (not self._stays(symbol, places, held), places[symbol]))
        said = {view.symbol: [] for view in views}  # type: dict[str, list[str]]
        if "views" in template.needs:
            for view in views:
                said[view.symbol].append(view.view_id)
        fresh = tuple(
            Target(
                symbol=symbol,
                weight=weight,
                strategy=self.name,
                view_ids=tuple(said.get(symbol, ())),
                reason=f"place {places[symbol]} of {len(known)}{_when(seen, symbol)}: {seen.says(symbol)}",
            )
            for symbol, weight in self._weighted(ordered, market)
        )
        bounds: list[Bound] = []
        if template.trades is not Trades.SHARES:
            fitted = shape.fit(options.on_options(template, fresh[: template.size.positions], market, holdings.weights),
                               market.instruments, told=bounds)  # fmt: skip
        else:
            silent = held_without_an_opinion(self.name, self._shares(market), known, holdings, UNJUDGED)
            fitted = shape.fit((*silent, *fresh), market.instruments, template.size.positions, bounds)
        if told is not None:
            told += passed_over(seen, held, ordered)
            told += _without_a_size(set(ordered) - {each.symbol for each in fresh})
            chosen = [each.symbol for each in fitted if each.symbol in places]
            told += [outranked(seen, b, chosen[-1]) if b.step == "rank" and chosen else b for b in bounds]
        return fitted

    def _everything(self, market: MarketView, holdings: Holdings) -> tuple[Target, ...]:
        closes = market.closes
        priced = {
            symbol
            for symbol in self._shares(market)
            if symbol in closes.symbols and len(closes.dates) and math.isfinite(closes.column(symbol)[-1])
        }
        if not priced:
            raise DataError(f"{self.name} finds no close of any symbol; nothing is decided")
        part = self._shape().invested_max / len(priced)
        reason = f"one of {len(priced)} equal parts"
        fresh = [Target(symbol=s, weight=part, strategy=self.name, reason=reason) for s in sorted(priced)]
        return (*held_without_an_opinion(self.name, self._shares(market), priced, holdings, UNJUDGED), *fresh)

    def _books(self, market: MarketView, holdings: Holdings) -> tuple[Target, ...]:
        closes = history(self.name, market, books.DAYS)[-books.DAYS :]
        columns = [
            column
            for column, symbol in enumerate(market.closes.symbols)
            if symbol in self._shares(market) and bool(np.isfinite(closes[:, column]).all())
        ]
        if len(columns) < 2:
            raise DataError(f"{self.name} takes {books.DAYS} closes of two symbols at least; nothing is decided")
        symbols = [market.closes.symbols[column] for column in columns]
        mean = books.mean_book(closes[:, columns])
        reason = f"the mean of five portfolios of {len(symbols)} symbols"
        wanted = [
            Target(symbol=symbol, weight=float(weight) * self._shape().invested_max, strategy=self.name, reason=reason)
            for symbol, weight in zip(symbols, mean, strict=True)
            if weight > 0.0
        ]
        silent = held_without_an_opinion(self.name, self._shares(market), symbols, holdings, UNJUDGED)
        return (*silent, *sorted(wanted, key=lambda target: (-target.weight, target.symbol)))

    def _pairs(self, market: MarketView, holdings: Holdings, told: list[Bound] | None) -> tuple[Target, ...]:
        found, taken, chosen = pairs.find(self.template, market), set[str](), []
        for apart in found.apart:
            if not taken & {apart.cheap, apart.dear}:
                taken |= {apart.cheap, apart.dear}
                chosen.append(apart)
        reasons = {apart.cheap: apart.says(found.tested) for apart in chosen}
        fresh = tuple(
            Target(symbol=symbol, weight=weight, strategy=self.name, reason=reasons[symbol])
            for symbol, weight in self._weighted([apart.cheap for apart in chosen], market)
        )
        silent = held_without_an_opinion(self.name, self._shares(market), found.judged, holdings, UNJUDGED)
        if told is not None:
            told += found.missed({apart.cheap for apart in chosen})
        return self._shape().fit((*silent, *fresh), market.instruments, self.template.size.positions, told)

    # ------------------------------------------------------------ who, and how much

    def _ranked(self, seen: Measured, symbols: Sequence[str]) -> list[str]:
        rank = self.template.rank
        assert rank is not None, "a template that selects has a ranking"
        sign = -1.0 if rank.highest else 1.0
        return sorted(symbols, key=lambda symbol: (sign * seen.value(symbol, rank.by), symbol))

    def _stays(self, symbol: str, places: dict[str, int], held: frozenset[str]) -> bool:
        """Whether it is held and comes first for that: the last places change hands daily, and that costs."""
        rank = self.template.rank
        assert rank is not None, "a template that selects has a ranking"
        among = rank.stay_among * self.template.size.positions
        return rank.stay_among > 1.0 and symbol in held and places[symbol] <= among

    def _weighted(self, symbols: Sequence[str], market: MarketView) -> list[tuple[str, float]]:
        size = self.template.size
        if size.by is SizedBy.EQUAL or self.template.trades is not Trades.SHARES:
            return [(symbol, 1.0 / size.positions) for symbol in symbols]
        swing = features.volatility(market.closes.values, VOLATILITY_DAYS)[-1] if symbols else np.empty(0)
        yearly = {symbol: float(swing[market.closes.symbols.index(symbol)]) for symbol in symbols}
        # What did not move, or cannot be told, has no size.
        sized = [symbol for symbol in symbols if math.isfinite(yearly[symbol]) and yearly[symbol] > 0.0]
        if size.by is SizedBy.RISK:
            over = math.sqrt(self.template.horizon_days / PERIODS_PER_YEAR) * size.deviations
            return [(symbol, min(size.risk / (yearly[symbol] * over), 1.0)) for symbol in sized]
        chosen = sized[: size.positions]
        whole = sum(1.0 / yearly[symbol] for symbol in chosen)
        return [(symbol, self._shape().invested_max / yearly[symbol] / whole) for symbol in chosen]

    def _held(self, market: MarketView, holdings: Holdings) -> frozenset[str]:
        """Symbols that are held, by an option where options are traded."""
        found = set()
        for symbol, weight in holdings.weights.items():
            if weight > 0.0:
                instrument = market.instruments.get(symbol)
                found.add(instrument.company if instrument else symbol)
        return frozenset(found)

    def _shares(self, market: MarketView) -> frozenset[str]:
        return frozenset(s for s, each in market.instruments.items() if each.kind is not InstrumentKind.OPTION)


def _without_a_size(symbols: AbstractSet[str]) -> list[Bound]:
    said = "it did not move, or its swing cannot be told, and so it has no size"
    return [Bound(symbol, "size", None, None, Unit.FRACTION, 0.0, 0.0, said) for symbol in sorted(symbols)]


def _when(seen: Measured, symbol: str) -> str:
    """How long ago it was to be bought, where a template looks back."""
    days = int(seen.since[seen.columns[symbol]])
    if seen.template.within_days == 1:
        return ""
    ago = "at the last close" if days == 0 else f"{days} {'day' if days == 1 else 'days'} before it"
    return f", to be bought {ago}"
