"""Vendors: where facts come from, each with what it has, what it lacks, and what may be believed of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from bursar.domain.venues import HOME
from bursar.errors import InputError


class PriceKind(StrEnum):
    """What a price series can be compared with: unlike kinds never share a chart."""

    RAW = "raw"
    PRICE = "price"
    TOTAL_RETURN = "total return"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a source says of itself.

    prices       how its closes treat splits and dividends: raw (neither), price (splits), total return (both)
    fields       what it has
    lacks        what somebody might look for in vain: whoever needs it abstains
    origin       where the choice of its instruments came from, for every page that shows a result
    survivors    True when the choice was made with hindsight: results on it flatter, and promote nothing
    first, last  days that it covers, both included
    simulated    True when nothing of it ever happened, which is said wherever it appears
    exchange     whose sessions its days are, ISO 10383; and the currency of its prices
    """

    name: str
    title: str
    prices: PriceKind
    fields: frozenset[str]
    lacks: frozenset[str] = field(default_factory=frozenset)
    origin: str
    survivors: bool
    first: date
    last: date
    simulated: bool = False
    exchange: str = HOME
    currency: str = "USD"

    def __post_init__(self) -> None:
        both = sorted(self.fields & self.lacks)
        if both:
            raise InputError(f"{self.name} cannot both have and lack {', '.join(both)}")

    def covers(self, first: date, last: date) -> None:
        """Raises InputError, with the days that are there, unless all of ``first`` to ``last`` is."""
        if last < first:
            raise InputError(f"from {first} to {last} is no range; give the earlier day first")
        for day in (first, last):
            if not self.first <= day <= self.last:
                raise InputError(f"{self.title} has no {day}; give days from {self.first} to {self.last}")
