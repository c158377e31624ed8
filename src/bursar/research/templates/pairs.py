"""Pairs of one market: which symbols of a sector move together, and which of them are far apart now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bursar.domain.instruments import InstrumentKind
from bursar.domain.targets import Bound, Unit
from bursar.errors import InputError
from bursar.quant import pairs as mathematics
from bursar.quant.arrays import FloatArray
from bursar.research.strategies import history
from bursar.research.strategies.shape import sector_of
from bursar.research.templates.grammar import PairTerms, Template
from bursar.trading.view import MarketView

_DEAR = "it is the dear one beside {cheap}, and only the cheap one is bought"


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
    """What there is in a market.

    judged   symbols that were compared with another one at all
    nearest  what was missing of the pair of each symbol that came nearest to being one: see ``_Missing``
    """

    apart: tuple[Apart, ...]
    tested: int
    judged: frozenset[str]
    nearest: Mapping[str, tuple[int, float, Bound]]

    def missed(self, chosen: AbstractSet[str]) -> list[Bound]:
        """Why each of the others is not bought: no pair of its own is open, or it is the dear one of its pair."""
        dear = {
            each.dear: Bound(each.dear, "dear", None, None, Unit.NUMBER, 0.0, 0.0, _DEAR.format(cheap=each.cheap))
            for each in self.apart
        }
        found = {symbol: bound for symbol, (_, _, bound) in self.nearest.items()} | dear
        return [found[symbol] for symbol in sorted(found.keys() - chosen)]


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
    found: list[Apart] = []
    nearest: dict[str, tuple[int, float, Bound]] = {}
    for one, other in together:
        told = _open(one, other, logs[one], logs[other], terms, template.within_days)
        if isinstance(told, Apart):
            found.append(told)
            continue
        for symbol in (one, other):
            # The further a pair came, and then the nearer its figure is to what is asked, the less was missing.
            if symbol not in nearest or told[:2] > nearest[symbol][:2]:
                nearest[symbol] = (*told[:2], told[2]._replace(symbol=symbol))
    return Found(
        apart=tuple(sorted(found, key=lambda each: (-each.score, each.cheap, each.dear))),
        tested=len(together),
        judged=frozenset(symbol for pair in together for symbol in pair),
        nearest=nearest,
    )


def _of_one_sector(symbols: Sequence[str], market: MarketView) -> Iterator[tuple[str, str]]:
    for one, other in combinations(sorted(symbols), 2):
        sector = sector_of(one, market.instruments)
        if sector == sector_of(other, market.instruments) and sector != "unknown":
            yield one, other


#: How far a pair came, how near its figure was (higher is nearer), and the figure that was missing.
_Missing = tuple[int, float, Bound]


def _missing(stage: int, value: float, limit: float, says: str) -> _Missing:
    """A figure that was not what is asked; the symbol is filled in for each of the two."""
    bound = Bound("", ("alike", "together", "half_life", "apart")[stage], value, limit, Unit.NUMBER, 0.0, 0.0, says)
    return stage, -abs(value - limit), bound


def _open(one: str, other: str, y: FloatArray, x: FloatArray, terms: PairTerms, within_days: int) -> Apart | _Missing:
    """The pair, if it moves together and was opened within the last days and neither closed nor given up since."""
    names = f"{one} and {other}"
    try:
        pair = mathematics.fit(y, x)
    except InputError as refused:
        # Both have as many closes as are asked, without a gap: what is refused lies in the two, and is theirs alone.
        return _missing(0, 0.0, 0.0, f"{names} are not tradable as a pair: {refused}")
    if pair.slope <= 0.0:
        return _missing(0, pair.slope, 0.0, f"{names} move against each other")
    if not pair.cointegrated():
        least = mathematics.critical(len(y))
        said = f"{names} do not move together: their statistic is {pair.statistic:.2f}, and below {least:.2f} is asked"
        return _missing(1, pair.statistic, least, said)
    if pair.half_life > terms.half_life_max:
        days = min(pair.half_life, 1e6)  # an infinite one cannot be journalled
        said = f"{names} come back in {days:,.0f} days by half, and {terms.half_life_max:.0f} are the most"
        return _missing(2, days, terms.half_life_max, said)
    opened, side = -1, 0.0
    recent = pair.scores[-within_days:]
    for row, score in enumerate(recent.tolist()):
        if opened >= 0 and (abs(score) >= terms.broken or score * side <= terms.leave):
            opened = -1
        elif opened < 0 and terms.enter <= abs(score) < terms.broken:
            opened, side = row, float(np.sign(score))
    if opened < 0:
        now = abs(float(recent[-1]))
        said = f"{names} are {now:.1f} deviations apart, and {terms.enter:g} to {terms.broken:g} are asked"
        return _missing(3, now, terms.enter, said)
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
