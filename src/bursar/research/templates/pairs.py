"""Pairs of one market: which symbols of a sector move together, and which of them are far apart now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bursar.domain.instruments import InstrumentKind
from bursar.quant import pairs as mathematics
from bursar.quant.arrays import FloatArray
from bursar.research.strategies import history
from bursar.research.strategies.shape import sector_of
from bursar.research.templates.grammar import PairTerms, Template
from bursar.trading.view import MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """A pair that is open: the cheap one, the dear one, and why.

    score    of the last close, in deviations, always above zero
    slope    units of log price of the first for one of the second
    opened   days since it was far enough apart
    """

    cheap: str
    dear: str
    score: float
    slope: float
    half_life: float
    statistic: float
    opened: int

    def says(self, tested: int) -> str:
        """In words. tested: pairs that were looked at, for some always seem to move together."""
        return (
            f"{self.cheap} is {self.score:.1f} deviations below what {self.dear} says of it; half of that goes in "
            f"{self.half_life:.0f} days; their unit root is rejected at {self.statistic:.1f}, one of {tested} tested"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What there is in a market. judged: symbols that were compared with another one at all."""

    apart: tuple[Apart, ...]
    tested: int
    judged: frozenset[str]


def find(template: Template, market: MarketView) -> Found:
    """The open pairs, the furthest apart first. Raises DataError with too few closes."""
    terms = template.pairs
    assert terms is not None, "a template of pairs has terms of pairs"
    closes = history(template.name, market, terms.formation_days)[-terms.formation_days :]
    usable = [
        symbol
        for symbol in market.closes.symbols
        if symbol in market.instruments
        and market.instruments[symbol].kind is not InstrumentKind.OPTION
        and bool(np.isfinite(closes[:, market.closes.symbols.index(symbol)]).all())
    ]
    logs = {symbol: np.log(closes[:, market.closes.symbols.index(symbol)]) for symbol in usable}
    together = list(_of_one_sector(usable, market))
    found = [
        open_pair
        for one, other in together
        if (open_pair := _open(one, other, logs[one], logs[other], terms, template.within_days)) is not None
    ]
    return Found(
        apart=tuple(sorted(found, key=lambda each: (-each.score, each.cheap, each.dear))),
        tested=len(together),
        judged=frozenset(symbol for pair in together for symbol in pair),
    )


def _of_one_sector(symbols: Sequence[str], market: MarketView) -> Iterator[tuple[str, str]]:
    for one, other in combinations(sorted(symbols), 2):
        sector = sector_of(one, market.instruments)
        if sector == sector_of(other, market.instruments) and sector != "unknown":
            yield one, other


def _open(one: str, other: str, y: FloatArray, x: FloatArray, terms: PairTerms, within_days: int) -> Apart | None:
    """The pair, if it moves together and was opened within the last days and neither closed nor given up since."""
    if not (np.ptp(y) > 0.0 and np.ptp(x) > 0.0):
        return None
    pair = mathematics.fit(y, x)
    if pair.slope <= 0.0 or not pair.cointegrated() or pair.half_life > terms.half_life_max:
        return None
    opened, side = -1, 0.0
    recent = pair.scores[-within_days:]
    for row, score in enumerate(recent.tolist()):
        if opened >= 0 and (abs(score) >= terms.broken or score * side <= terms.leave):
            opened = -1
        elif opened < 0 and terms.enter <= abs(score) < terms.broken:
            opened, side = row, float(np.sign(score))
    if opened < 0:
        return None
    cheap, dear = (one, other) if side < 0 else (other, one)
    return Apart(
        cheap=cheap,
        dear=dear,
        score=abs(float(recent[-1])),
        slope=pair.slope,
        half_life=pair.half_life,
        statistic=pair.statistic,
        opened=len(recent) - 1 - opened,
    )
