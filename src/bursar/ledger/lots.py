"""Lots: what was bought together, at what cost, and which of it a sale takes.

A lot's quantity and cost are signed: a short has a quantity below zero, and its cost is minus the proceeds.
Cost includes the commission. A part of a lot takes its share of the cost, rounded to a hundred-millionth
(the digits of IBKR's statements); the rest keeps the rest, so that parts always sum to the whole.

Lot and Closing are named tuples, because a fold makes millions of them and a frozen dataclass takes five times as
long to build. A plain tuple takes a tenth of that again, and the collector of garbage looks at it once and never after:
what is taken out of lots is one, and so is a sale, until somebody looks at what it closed.

Sources: IBKR, "Tax Optimizer: Lot-Matching Methods"; 26 U.S.C. § 1222 and Rev. Rul. 66-7 for the holding period.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from operator import itemgetter
from typing import NamedTuple, cast

from bursar.domain.events import LotMethod
from bursar.domain.money import ZERO
from bursar.errors import LedgerError
from bursar.ledger.postings import QUANTUM


class Lot(NamedTuple):
    """Shares or contracts that were acquired together.

    quantity  signed
    cost      total with commission, signed like the quantity; zero and not ``known`` where nobody knows it
    paid      total without commission
    acquired  the trade date, which the holding period counts from
    source    the event that it came from
    """

    quantity: Decimal
    cost: Decimal
    paid: Decimal
    acquired: date
    at: datetime
    source: str
    strategy: str
    known: bool = True


class Closing(NamedTuple):
    """A part of one lot that was sold, or covered, and what came of it.

    quantity  signed like the lot: negative for a short that was covered
    proceeds  received after commission; negative for a short, which pays
    gain      proceeds less cost, or None where the cost is not known
    closed_by the event that closed it
    """

    account: str
    portfolio: str
    symbol: str
    currency: str
    strategy: str
    quantity: Decimal
    cost: Decimal
    proceeds: Decimal
    gain: Decimal | None
    acquired: date
    closed: date
    source: str
    closed_by: str

    @property
    def long_term(self) -> bool:
        """Held for more than a year. A short sale is always short-term."""
        return self.quantity > 0 and is_long_term(self.acquired, self.closed)


#: The fields of a Lot, or a Lot: a part of one that was taken.
Taken = tuple[Decimal, Decimal, Decimal, date, datetime, str, str, bool]
#: What was closed at once: (account, portfolio, symbol, currency), the parts, what all of them brought, the day, the
#: event, and how many closings there were in the portfolio with these.
Sale = tuple[tuple[str, str, str, str], tuple[Taken, ...], Decimal, date, str, int]

new_lot: Callable[[Taken], Lot] = partial(tuple.__new__, Lot)
_plain = cast(Callable[[Lot], Taken], tuple)
#: How many closings a portfolio had with a sale.
reached: Callable[[Sale], int] = itemgetter(5)


def closings_of(sale: Sale) -> list[Closing]:
    """What a sale closed, lot by lot."""
    place, parts, proceeds, closed, closed_by, _ = sale
    told = []
    for part, share in zip(parts, shares(parts, proceeds), strict=True):
        quantity, cost, _, acquired, _, source, strategy, known = part
        gain = share - cost if known else None
        told.append(Closing(*place, strategy, quantity, cost, share, gain, acquired, closed, source, closed_by))
    return told


def shares(parts: Sequence[Taken], proceeds: Decimal) -> list[Decimal]:
    """What each of ``parts`` brings of ``proceeds``, by quantity; the last takes what rounding leaves."""
    total = sum((part[0] for part in parts), ZERO)
    found = [rounded(proceeds * part[0] / total) for part in parts[:-1]]
    return [*found, proceeds - sum(found, ZERO)]


def is_long_term(acquired: date, closed: date) -> bool:
    """Held for more than a year: the day of the trade does not count, the day of the sale does."""
    first = acquired + timedelta(days=1)
    leap_day = first.month == 2 and first.day == 29
    return closed >= (date(first.year + 1, 3, 1) if leap_day else first.replace(year=first.year + 1))


def rounded(amount: Decimal) -> Decimal:
    """``amount`` to a hundred-millionth."""
    return amount.quantize(QUANTUM, ROUND_HALF_EVEN)


def divide(lot: Lot, quantity: Decimal, rest: Decimal) -> tuple[Taken, Lot]:
    """The part of ``lot`` with ``quantity``, and what keeps ``rest``; together they are the lot."""
    whole, cost, paid, acquired, at, source, strategy, known = lot
    part_cost = (cost * quantity / whole).quantize(QUANTUM, ROUND_HALF_EVEN)
    part_paid = (paid * quantity / whole).quantize(QUANTUM, ROUND_HALF_EVEN)
    return (
        (quantity, part_cost, part_paid, acquired, at, source, strategy, known),
        new_lot((rest, cost - part_cost, paid - part_paid, acquired, at, source, strategy, known)),
    )


def insert(lots: list[Lot], lot: Lot) -> None:
    """Put ``lot`` behind all that were acquired on its day or before."""
    place = len(lots)
    while place and lots[place - 1].acquired > lot.acquired:
        place -= 1
    lots.insert(place, lot)


def take_oldest(lots: list[Lot], quantity: Decimal) -> list[Taken]:
    """Remove ``quantity`` (signed like the lots, and not more than they hold) from the oldest of ``lots``."""
    taken: list[Taken] = []
    below_zero = quantity.is_signed()
    while quantity:
        lot = lots[0]
        rest = lot.quantity - quantity
        if rest and rest.is_signed() is below_zero:
            part, lots[0] = divide(lot, quantity, rest)
            taken.append(part)
            break
        taken.append(_plain(lots.pop(0)))
        quantity = -rest
    return taken


def take(lots: list[Lot], quantity: Decimal, method: LotMethod, proceeds: Decimal, day: date) -> list[Taken]:
    """Remove ``quantity`` (signed like the lots) by ``method`` and return the parts, in the order of taking.

    proceeds  what they bring, net; the methods that look at gains compare it with each lot's cost
    """
    if method in (LotMethod.FIFO, LotMethod.SPECIFIC):
        return take_oldest(lots, quantity)
    if method is LotMethod.LIFO:
        return _take_in_order(lots, quantity, range(len(lots) - 1, -1, -1))
    rank = _ranking(method, proceeds / quantity, day)
    return _take_in_order(lots, quantity, sorted(range(len(lots)), key=lambda place: rank(lots[place])))


def _take_in_order(lots: list[Lot], quantity: Decimal, places: Sequence[int]) -> list[Taken]:
    ordered = [lots[place] for place in places]
    taken = take_oldest(ordered, quantity)
    left = dict(zip(reversed(places), reversed(ordered), strict=False))
    lots[:] = [left[place] for place in range(len(lots)) if place in left]
    return taken


def take_chosen(lots: list[Lot], quantity: Decimal, chosen: Mapping[str, Decimal]) -> list[Taken]:
    """Remove the lots that a person named. Raises LedgerError where they are not held or not ``quantity`` in all."""
    total = sum(chosen.values(), ZERO)
    if total != abs(quantity):
        raise LedgerError(f"lots of {total} were chosen for a sale of {abs(quantity)}")
    taken: list[Taken] = []
    for source, size in chosen.items():
        place = next((i for i, lot in enumerate(lots) if lot.source == source and 0 < size <= abs(lot.quantity)), None)
        if place is None:
            raise LedgerError(f"lot {source} does not hold the {size} that were chosen from it")
        mine = [lots.pop(place)]
        taken += take_oldest(mine, size.copy_sign(quantity))
        lots[place:place] = mine
    return taken


_Rank = Callable[[Lot], tuple[int, Decimal]]

#: For each method the order of (held long, gain), best first, and whether the larger gain goes first.
_PRIORITIES: dict[LotMethod, tuple[tuple[tuple[bool, bool], ...], bool]] = {
    LotMethod.LONG_TERM_GAIN: (((True, True), (False, True), (False, False), (True, False)), True),
    LotMethod.LONG_TERM_LOSS: (((True, False), (False, False), (False, True), (True, True)), False),
    LotMethod.SHORT_TERM_GAIN: (((False, True), (True, True), (True, False), (False, False)), True),
    LotMethod.SHORT_TERM_LOSS: (((False, False), (True, False), (True, True), (False, True)), False),
}


def _ranking(method: LotMethod, price: Decimal, day: date) -> _Rank:
    """A sort key: the lot that ``method`` takes first is the smallest. Lots of unknown cost come last."""
    priorities, larger_first = _PRIORITIES.get(method, ((), False))

    def rank(lot: Lot) -> tuple[int, Decimal]:
        if not lot.known:
            return len(priorities), ZERO
        gain = _gain(lot, price)
        long_term = lot.quantity > 0 and is_long_term(lot.acquired, day)
        group = priorities.index((long_term, gain >= 0)) if priorities else -1
        return group, -gain if larger_first else gain

    return rank


def _gain(lot: Lot, price: Decimal) -> Decimal:
    """What one unit of ``lot`` gains when it is closed at ``price``: a short gains when it was sold for more."""
    unit_cost = lot.cost / lot.quantity
    return price - unit_cost if lot.quantity > 0 else unit_cost - price
