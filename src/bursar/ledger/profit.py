"""Where a profit came from: price, exchange rates, income and costs, by whatever one asks for.

Between two moments with rates r0 and r1 the worth of everything held in one currency, in the base currency, changes by

    (V1 + C1) r1 - (V0 + C0) r0  =  (V0 + C0) (r1 - r0)           exchange rates, on what was held before
                                 +  r1 (price + income + costs)   in the currency itself
                                 +  r1 (conversions)              what was exchanged, at the day's rate
                                 +  r1 (flows)                    which are no profit

with V the value of positions and C cash. Nothing is left over, and nothing is counted twice: the sum over all
lines of a period is the change of net asset value less the flows, exactly. Flows in kind count at that day's mark, as
what they had become by then: shares that came in before a split count as those after it.

A dividend counts on the day on which it is paid. When shares change their name, are merged or spun off, the
unrealized gain goes with the lots to the new symbol's line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from bursar.domain.instruments import Instrument
from bursar.domain.money import ZERO
from bursar.errors import DataError, InputError
from bursar.ledger.book import Book, PortfolioBook
from bursar.ledger.lots import rounded
from bursar.ledger.position import Flow
from bursar.ledger.postings import COSTS, INCOME, Nature
from bursar.ledger.valuation import rate


class ProfitKey(NamedTuple):
    """What one line is about. Cash of a currency has neither symbol nor strategy nor sector."""

    account: str
    portfolio: str
    currency: str
    symbol: str = ""
    strategy: str = ""
    sector: str = ""


@dataclass(frozen=True, slots=True)
class Profit:
    """A profit in the base currency and its sources; costs are negative."""

    price: Decimal = ZERO
    exchange: Decimal = ZERO
    income: Decimal = ZERO
    costs: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.price + self.exchange + self.income + self.costs

    def __add__(self, other: Profit) -> Profit:
        return Profit(
            self.price + other.price,
            self.exchange + other.exchange,
            self.income + other.income,
            self.costs + other.costs,
        )


class Standing(NamedTuple):
    """One line as it stands, in its own currency and since the beginning: what profits are differences of.

    value      of the position, or the cash itself
    price      realized and unrealized gains
    converted  received in exchange for other currencies
    """

    value: Decimal = ZERO
    price: Decimal = ZERO
    income: Decimal = ZERO
    costs: Decimal = ZERO
    converted: Decimal = ZERO


Standings = dict[ProfitKey, Standing]
_NONE = Standing()


def standings(book: PortfolioBook, prices: Mapping[str, Decimal], instruments: Mapping[str, Instrument]) -> Standings:
    """Every line of ``book`` at ``prices``; a position without a price stands at its last mark, or at cost."""
    lines: dict[tuple[str, str, str], list[Decimal]] = {}

    def line(currency: str, symbol: str = "", strategy: str = "") -> list[Decimal]:
        return lines.setdefault((currency, symbol, strategy), [ZERO] * len(Standing._fields))

    for name, balance in book.balances.items():
        entry = line(name.currency, name.symbol, name.strategy)
        if name.nature is Nature.CASH:
            entry[0] += balance
        elif name.nature in (Nature.REALIZED, Nature.UNKNOWN_BASIS):
            entry[1] -= balance
        elif name.nature in INCOME:
            entry[2] -= balance
        elif name.nature in COSTS:
            entry[3] -= balance
        elif name.nature is Nature.CONVERSION:
            entry[4] -= balance
    for symbol, position in book.positions.items():
        price = prices.get(symbol, position.mark)
        for lot in position.lots:
            worth = lot.cost if price is None else lot.quantity * price * position.multiplier
            entry = line(position.currency, symbol, lot.strategy)
            entry[0] += worth
            entry[1] += worth - lot.cost

    def key(currency: str, symbol: str, strategy: str) -> ProfitKey:
        sector = instruments[symbol].sector if symbol in instruments else ""
        return ProfitKey(book.account, book.portfolio, currency, symbol, strategy, sector)

    return {key(*names): Standing(*amounts) for names, amounts in lines.items()}


def profits(
    before: Standings,
    after: Standings,
    rates_before: Mapping[str, Decimal],
    rates_after: Mapping[str, Decimal],
    base: str,
    in_kind: Mapping[ProfitKey, Decimal],
) -> dict[ProfitKey, Profit]:
    """What each line made between two moments, in the base currency.

    in_kind  how far what came in kind to a line was worth more than its cost, which is no profit of ours
    """
    arrived = {key[:5]: (key, amount) for key, amount in in_kind.items()}
    old = {key[:5]: standing for key, standing in before.items()}
    new = {key[:5]: (key, standing) for key, standing in after.items()}
    gone = {key[:5]: (key, _NONE) for key in before if key[:5] not in new}
    # Bought and moved away again in between: at neither moment there is a line, and yet it has made something.
    passed = {short: (key, _NONE) for short, (key, _) in arrived.items() if short not in new and short not in gone}
    results: dict[ProfitKey, Profit] = {}
    for short, (key, now) in (new | gone | passed).items():
        then = old.get(short, _NONE)
        _, brought = arrived.get(short, (key, ZERO))
        if now == then and not now.value and not brought:
            continue
        present = rate(key.currency, rates_after, base)
        former = rate(key.currency, rates_before, base) if then.value else present
        results[key] = Profit(
            price=(now.price - then.price - brought) * present,
            exchange=then.value * (present - former) + (now.converted - then.converted) * present,
            income=(now.income - then.income) * present,
            costs=(now.costs - then.costs) * present,
        )
    return results


class InKind(NamedTuple):
    """What a part of a flow in kind was worth, and what of the flow's cost went with it."""

    worth: Decimal
    cost: Decimal


class Became(NamedTuple):
    """What a flow in kind had become: shares and their cost by symbol, and cash by the symbol that it was paid for."""

    shares: Mapping[str, tuple[Decimal, Decimal]]
    cash: Mapping[str, InKind]


def became(book: Book, flow: Flow) -> Became:
    """What corporate actions have made of a flow in kind since."""
    held, cash = {flow.symbol: (flow.quantity, flow.cost)}, dict[str, InKind]()
    for action in book.actions[flow.actions :]:
        if action.symbol not in held:
            continue
        quantity, cost = held.pop(action.symbol)
        if action.cash:
            # Where shares came as well, the cash has lowered their cost; otherwise it is all there is.
            into = action.parts[0].symbol if action.parts else action.symbol
            paid = InKind(rounded(quantity * action.cash), ZERO if action.parts else cost)
            cash[into] = _sum(cash.get(into, _NOTHING), paid)
        for part in action.parts:
            shares, carried = held.get(part.symbol, (ZERO, ZERO))
            held[part.symbol] = shares + rounded(quantity * part.new / part.old), carried + cost * part.basis
    return Became(held, cash)


def worth_in_kind(book: Book, flow: Flow, prices: Mapping[str, Decimal]) -> dict[str, InKind]:
    """What a flow in kind was worth, in its own currency, by the symbol that it had become since.

    Raises DataError without a price.
    """
    shares, cash = became(book, flow)
    found = dict(cash)
    for symbol, (quantity, cost) in shares.items():
        price = prices.get(symbol, book.marks.get(symbol))
        if price is None:
            raise DataError(f"{quantity} {symbol} came in kind on {flow.day}, and no price says what they are worth")
        worth = InKind(quantity * price * book.instruments[symbol].multiplier, cost)
        found[symbol] = _sum(found.get(symbol, _NOTHING), worth)
    return found


_NOTHING = InKind(ZERO, ZERO)


def _sum(one: InKind, other: InKind) -> InKind:
    return InKind(one.worth + other.worth, one.cost + other.cost)


#: The ways in which profits can be asked for.
GROUPS: dict[str, Callable[[ProfitKey], str]] = {
    "account": lambda key: key.account,
    "portfolio": lambda key: key.portfolio,
    "strategy": lambda key: key.strategy,
    "sector": lambda key: key.sector,
    "symbol": lambda key: key.symbol,
    "currency": lambda key: key.currency,
}


def grouped(lines: Iterable[tuple[ProfitKey, Profit]], by: str) -> dict[str, Profit]:
    """Profits summed by account, portfolio, strategy, sector, symbol or currency; "" is what belongs to none."""
    if by not in GROUPS:
        raise InputError(f"profits cannot be grouped by {by!r}; give one of {', '.join(GROUPS)}")
    totals: dict[str, Profit] = {}
    for key, profit in lines:
        group = GROUPS[by](key)
        totals[group] = totals.get(group, Profit()) + profit
    return dict(sorted(totals.items()))


def summed(profits_: Sequence[Mapping[ProfitKey, Profit]]) -> dict[ProfitKey, Profit]:
    """Lines of several periods added up; the sector of a line is the one it had last."""
    totals: dict[tuple[str, ...], tuple[ProfitKey, Profit]] = {}
    for period in profits_:
        for key, profit in period.items():
            totals[key[:5]] = key, totals.get(key[:5], (key, Profit()))[1] + profit
    return dict(totals.values())
