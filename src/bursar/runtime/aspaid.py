"""Prices as they were paid, with what companies did: a market in which a split doubles shares and a dividend is cash.

Adjusted prices are in the money of the day that is asked about. On the morning of an ex-day that is not yet the money
of the day, whose prices begin after the split: here it is, so that nobody takes a split for a fall.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from bursar.adapters.adjustments import DERIVED, CorporateAction, Kind
from bursar.adapters.history import ParquetHistory
from bursar.domain.venues import venue
from bursar.errors import InputError
from bursar.gateway.actions import Dividend, Split
from bursar.ports import History, Panel
from bursar.runtime.library import Library

#: Ratios of splits are those of small whole numbers.
RATIO_PARTS_MAX = 1000
#: Dividends that were told from adjusted prices carry the rounding of these.
DIVIDEND_QUANTUM = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Today:
    """A history in the money of the day of the question, from its morning on; satisfies ``ports.History``.

    zone  in which the day is told: the exchange's
    """

    honest: History
    actions: tuple[CorporateAction, ...]
    zone: str

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        shown = self.honest.asof(symbols, field, known_at, days)
        kind = DERIVED.get(field, ("", Kind.SHARES))[1]
        if kind is Kind.SHARES or not len(shown.dates):
            return shown
        last, today = shown.dates[-1].item(), known_at.astimezone(ZoneInfo(self.zone)).date()
        values = shown.values.copy()
        for action in self.actions:
            if action.symbol in symbols and last < action.ex_date <= today:
                column = symbols.index(action.symbol)
                kept = 1.0
                if action.dividend and kind is Kind.TOTAL:
                    before = float(self.honest.asof((action.symbol,), "raw_close", known_at, 1).values[-1, 0])
                    kept -= action.dividend * action.split / before
                values[:, column] *= kept / action.split
        values.flags.writeable = False
        return Panel(shown.dates, shown.symbols, values)

    def lacks(self) -> frozenset[str]:
        return self.honest.lacks()


def as_paid(library: Library) -> tuple[Today, tuple[Split | Dividend, ...]]:
    """The history of a library for a market of prices as paid, and what companies did in it.

    The data do not say when a dividend was paid; here it is on the ex-day. Raises InputError for a library without.
    """
    raw = library.raw
    known = raw.actions if isinstance(raw, ParquetHistory) and "raw_close" in raw.manifest.files else None
    if known is None:
        raise InputError(
            f"{library.source.title} has no prices as they were paid with their splits and dividends; leave --as-paid "
            "out, or test on a source that has them, such as --world bokeh"
        )
    return Today(honest=raw, actions=known, zone=venue(library.source.exchange).zone), tuple(_done(known))


def _done(known: Iterable[CorporateAction]) -> Iterable[Split | Dividend]:
    for action in known:
        if action.split != 1.0:
            ratio = Fraction(action.split).limit_denominator(RATIO_PARTS_MAX)
            new, old = Decimal(ratio.numerator), Decimal(ratio.denominator)
            yield Split(symbol=action.symbol, ex_day=action.ex_date, new=new, old=old)
        amount = Decimal(repr(action.dividend)).quantize(DIVIDEND_QUANTUM).normalize()
        if amount:
            yield Dividend(symbol=action.symbol, ex_day=action.ex_date, pay_day=action.ex_date, amount=amount)
