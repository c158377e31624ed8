"""From the books of each portfolio to the arrays of all of them: the monitor's one way from Decimal to float.

A part is made when a portfolio's books change, and kept until they change again; ``assemble`` lays all parts side by
side. What a line made today follows from how it stands now and stood at the last close, see ``ledger/profit``:

    profit = r1 (value + realized - cost - before) + value0 (r1 - r0)

with everything but the value known between two bookings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bursar.domain.instruments import Instrument
from bursar.domain.money import ZERO
from bursar.ledger.book import Book, PortfolioBook
from bursar.ledger.performance import Chronicle, Close, daily_returns
from bursar.ledger.profit import Standing, became, standings
from bursar.ledger.valuation import rate
from bursar.quant.arrays import FloatArray
from bursar.risk.watch import Lines

_NONE = Standing()


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One portfolio's lines.

    names    what tells each line apart: portfolio, symbol, strategy, and since when it is held
    numbers  (n_lines, 8) units, cost, fixed, earlier, entered, left, their cost and the quantity, as in ``Lines``
    money    cash, its profit today and before, equity at the last close, what came in and what went out
    returns  of the days before, as many as the rolling metrics take
    """

    name: str
    currency: str
    book: PortfolioBook
    days: int
    rates: Mapping[str, Decimal]
    names: tuple[tuple[object, ...], ...]
    lots: Mapping[str, object]
    numbers: FloatArray
    money: tuple[float, float, float, float, float, float]
    returns: FloatArray

    def shows(self, held: PortfolioBook, chronicle: Chronicle | None, rates: Mapping[str, Decimal]) -> bool:
        """True while nothing was booked and no day was closed since this was made: marks alone change nothing."""
        if self.days != _closed(chronicle) or self.rates != rates:
            return False
        return held is self.book or (held.balances == self.book.balances and _lots(held) == self.lots)


def part_of(book: Book, held: PortfolioBook, chronicle: Chronicle | None, returns: int) -> Part:
    """The lines of ``held``. Raises DataError for a currency without a rate."""
    base = book.accounts[held.account].base_currency
    close = chronicle.closed if chronicle is not None else Close()
    earlier = chronicle.earlier if chronicle is not None else {}
    now = {key[2:5]: standing for key, standing in standings(held, book.marks, book.instruments).items()}
    then = {key[2:5]: standing for key, standing in close.lines.items() if key.portfolio == held.portfolio}
    came_in, went_out, in_kind = _flows(book, held, close.flows.get(held.portfolio, 0), base)
    names, numbers = list[tuple[object, ...]](), list[tuple[float, ...]]()
    cash = cash_profit = cash_earlier = ZERO
    for currency, symbol, strategy in dict.fromkeys([*now, *then, *in_kind]):
        line = (currency, symbol, strategy)
        standing, before = now.get(line, _NONE), then.get(line, _NONE)
        present = rate(currency, book.rates, base)
        former = rate(currency, close.rates, base) if before.value else present
        profit_before = earlier.get(line, ZERO)
        fixed = standing.income + standing.costs + standing.converted - before.income - before.costs - before.converted
        if not symbol:
            cash += standing.value * present
            cash_profit += fixed * present + before.value * (present - former)
            cash_earlier += profit_before
            continue
        entered, left, arrived_cost, settled = in_kind.get(line, _UNTOUCHED)
        fixed += standing.price - standing.value - before.price + arrived_cost - settled
        quantity, units, cost, since = _held(held, symbol, strategy)
        if not units and standing == before and not profit_before and line not in in_kind:
            continue  # nothing is held, and nothing ever came of it
        names.append((held.account, held.portfolio, symbol, strategy, since))
        fixed_in_base = fixed * present + before.value * (present - former)
        known = float(cost * present) if cost is not None else np.nan
        moved = (entered * present, left * present, arrived_cost * present)
        numbers.append((float(units * present), known, *map(float, (fixed_in_base, profit_before, *moved, quantity))))
    days = chronicle.days if chronicle is not None else ()
    amounts = (cash, cash_profit, cash_earlier, close.equity, came_in, went_out)
    return Part(
        name=f"{held.account}/{held.portfolio}",
        currency=base,
        book=held,
        days=_closed(chronicle),
        rates=book.rates,
        names=tuple(names),
        lots=_lots(held),
        numbers=np.array(numbers).reshape(-1, 8),
        money=tuple(map(float, amounts)),  # type: ignore[arg-type]  # six of them
        returns=daily_returns(days[-returns:] if returns else ())[1],
    )


def _held(held: PortfolioBook, symbol: str, strategy: str) -> tuple[Decimal, Decimal, Decimal | None, object]:
    """Quantity, units and cost (None where it is not known) of what one strategy holds, and since when it is held."""
    position = held.positions.get(symbol)
    if position is None:
        return ZERO, ZERO, ZERO, None
    mine = [lot for lot in position.lots if lot.strategy == strategy]
    quantity = sum((lot.quantity for lot in mine), ZERO)
    cost = sum((lot.cost for lot in mine), ZERO) if all(lot.known for lot in mine) else None
    return quantity, quantity * position.multiplier, cost, position.opened_at


Line = tuple[str, str, str]


#: Nothing flowed in kind.
_UNTOUCHED = (ZERO, ZERO, ZERO, ZERO)


def _flows(
    book: Book, held: PortfolioBook, first: int, base: str
) -> tuple[Decimal, Decimal, dict[Line, tuple[Decimal, Decimal, Decimal, Decimal]]]:
    """Cash that came in and went out since the last close, and what flowed in kind, by line.

    In kind are units that entered and left, as what they have become since, their cost, and what cash a corporate
    action has made of them, less its cost.
    """
    came_in = went_out = ZERO
    in_kind: dict[Line, tuple[Decimal, Decimal, Decimal, Decimal]] = {}
    for flow in held.flows[first:]:
        amount = flow.amount
        if flow.symbol:
            shares, cash = became(book, flow)
            for symbol, (quantity, cost) in shares.items():
                line = (flow.currency, symbol, flow.strategy)
                units = quantity * book.instruments[symbol].multiplier
                entered, left, before, settled = in_kind.get(line, _UNTOUCHED)
                in_kind[line] = entered + max(units, ZERO), left - min(units, ZERO), before + cost, settled
            for symbol, paid in cash.items():
                line = (flow.currency, symbol, flow.strategy)
                entered, left, before, settled = in_kind.get(line, _UNTOUCHED)
                in_kind[line] = entered, left, before, settled + paid.worth - paid.cost
                amount += paid.worth
        amount *= rate(flow.currency, book.rates, base)
        came_in, went_out = came_in + max(amount, ZERO), went_out - min(amount, ZERO)
    return came_in, went_out, in_kind


def _lots(held: PortfolioBook) -> dict[str, object]:
    return {symbol: position.lots for symbol, position in held.positions.items()}


def _closed(chronicle: Chronicle | None) -> int:
    return 0 if chronicle is None else chronicle.closes


def assemble(parts: Sequence[Part], instruments: Mapping[str, Instrument]) -> Lines:
    """All parts side by side."""
    names = [name for part in parts for name in part.names]
    symbols = tuple(sorted({str(name[2]) for name in names}))
    strategies = tuple(sorted({str(name[3]) for name in names}))
    sector_of = {symbol: instruments[symbol].sector for symbol in symbols}
    sectors = tuple(sorted(set(sector_of.values())))
    place_of = {symbol: place for place, symbol in enumerate(symbols)}
    place_of_strategy = {strategy: place for place, strategy in enumerate(strategies)}
    numbers = np.concatenate([part.numbers for part in parts]).T
    money = np.array([part.money for part in parts]).T
    return Lines(
        portfolios=tuple(part.name for part in parts),
        symbols=symbols,
        strategies=strategies,
        sectors=sectors,
        currencies=tuple(part.currency for part in parts),
        priced_in=tuple(instruments[symbol].currency for symbol in symbols),
        owner=np.repeat(np.arange(len(parts)), [len(part.names) for part in parts]),
        asset=np.array([place_of[str(name[2])] for name in names], dtype=np.int64),
        strategy=np.array([place_of_strategy[str(name[3])] for name in names], dtype=np.int64),
        sector=np.array([sectors.index(sector_of[symbol]) for symbol in symbols], dtype=np.int64),
        quantity=numbers[7],
        units=numbers[0],
        cost=numbers[1],
        fixed=numbers[2],
        earlier=numbers[3],
        entered=numbers[4],
        left=numbers[5],
        arrived_cost=numbers[6],
        cash=money[0],
        cash_profit=money[1],
        cash_earlier=money[2],
        opened=money[3],
        cash_in=money[4],
        cash_out=money[5],
    )
