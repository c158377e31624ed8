"""From targets to orders: the one place where a float becomes a quantity.

Targets minus what is held, in whole lots, sales before purchases. What a sleeve holds and no target
names is sold; a position marked hands-off is never touched. Purchases are paid from settled cash alone
(in a margin account also from what the sales beside them bring), costs and a reserve included, so that
cash never turns negative; where it does not reach for all, each purchase is cut by the same part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.domain.money import CENT, ZERO
from bursar.domain.orders import Effect, Purpose, Side
from bursar.domain.targets import Targets, Trim, Unit
from bursar.errors import DataError, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An order without its id and its account."""

    symbol: str
    side: Side
    quantity: Decimal
    effect: Effect
    purpose: Purpose
    strategy: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeve:
    """What a rebalance may work with.

    equity        net asset value of the sleeve, base currency
    quantities    signed, by symbol; hands-off positions are left out by the caller
    cash_settled  what purchases may use
    unsettled     True where the sales beside them pay for purchases, as a margin account lets one
    cash_reserve  part of equity that stays
    cost_rate     of trading, as a fraction of notional
    cost_minimum  least cost of an order
    trade_min     smallest trade worth its cost, as a fraction of equity; a full exit is always worth it
    dearer        how many times as much as expected a symbol costs to trade, where that is above one: its smallest
                  trade is larger by as much
    position_value_max, order_value_max  money that a position may reach by a purchase and that a purchase may move
    """

    equity: Decimal
    quantities: Mapping[str, Decimal]
    cash_settled: Decimal
    unsettled: bool = False
    cash_reserve: Decimal = ZERO
    cost_rate: Decimal = ZERO
    cost_minimum: Decimal = ZERO
    trade_min: Decimal = ZERO
    position_value_max: Decimal | None = None
    order_value_max: Decimal | None = None
    dearer: Mapping[str, Decimal] = field(default_factory=dict)

    def least(self, symbol: str) -> Decimal:
        """The smallest trade of a symbol that is worth its cost, in money."""
        return self.trade_min * self.equity * max(self.dearer.get(symbol, Decimal(1)), Decimal(1))

    def allowed(self, held: Decimal, goal: Decimal, price: Decimal) -> tuple[Decimal, _Cut | None]:
        """``goal`` in shares, as far as a purchase at ``price`` may go, and what cut it; a sale may go all the way."""
        allowed, cut = goal, None
        most = self.position_value_max
        if goal > held and most is not None and goal * price > most:
            allowed, cut = max(most / price, held), _Cut("position_value", goal * price, most)
        most = self.order_value_max
        if allowed > held and most is not None and (allowed - held) * price > most:
            allowed, cut = held + most / price, _Cut("order_value", (goal - held) * price, most)
        return allowed, cut


class _Cut(NamedTuple):
    """A step that made a trade smaller, and its figures in money."""

    step: str
    measured: Decimal
    limit: Decimal


#: What a step that trims means to a person.
_SAYS = {
    "position_value": "a position of {measured:,.2f} was wanted, and {limit:,.2f} is the most",
    "order_value": "an order of {measured:,.2f} was wanted, and {limit:,.2f} is the most",
    "lot": "{measured:,.2f} were wanted, and the smallest lot costs {limit:,.2f}",
    "too_small": "a trade of {measured:,.2f} is not worth its cost; {limit:,.2f} is the smallest",
    "cash": "{measured:,.2f} were needed for all purchases together, and {limit:,.2f} were there",
}


def _trim(symbol: str, cut: _Cut, before: Decimal, after: Decimal) -> Trim:
    # A cent is as fine as a person asks; the digits beyond it are of divisions.
    measured, limit = cut.measured.quantize(CENT), cut.limit.quantize(CENT)
    says = _SAYS[cut.step].format(measured=measured, limit=limit)
    return Trim(symbol, cut.step, measured, limit, Unit.MONEY, before, after, says)


def rebalance(
    targets: Targets,
    sleeve: Sleeve,
    quotes: Mapping[str, Quote],
    instruments: Mapping[str, Instrument],
    told: list[Trim] | None = None,
) -> tuple[Draft, ...]:
    """The orders that bring ``sleeve`` to ``targets``: sales first, then purchases, each by symbol.

    told  what was left out of these trades, and by which figure, is added to it

    Long only: a negative target is a DataError here until shorts have permissions of their own, and so is a symbol that
    must be traded and has no two-sided quote. The decision is skipped then, and the account goes on.
    """
    told = [] if told is None else told
    sales: list[Draft] = []
    proceeds = ZERO
    wishes: list[tuple[Draft, Decimal]] = []
    wanted = {target.symbol: target for target in targets.targets}
    for symbol in sorted(wanted.keys() | {symbol for symbol, held in sleeve.quantities.items() if held}):
        target = wanted.get(symbol)
        weight = target.weight if target else 0.0
        if weight < 0:
            raise DataError(f"{targets.strategy} wants {weight:.2%} of {symbol}; shorts are not permitted here")
        quote, instrument = _market(symbol, quotes, instruments)
        held = sleeve.quantities.get(symbol, ZERO)
        price = quote.mid * instrument.multiplier
        wished = Decimal(repr(weight)) * sleeve.equity / price
        change = _change(symbol, (held, wished, price), sleeve, instrument, told)
        if not change:
            continue
        reason = target.reason if target else "no target wants it any more"
        strategy = (target.strategy if target else "") or targets.strategy
        if change < 0:
            sales.append(_draft(symbol, Side.SELL, -change, strategy, reason))
            proceeds += -change * (quote.bid or quote.mid) * instrument.multiplier * (1 - sleeve.cost_rate)
        else:
            paid = (quote.ask or quote.mid) * instrument.multiplier * (1 + sleeve.cost_rate)
            wishes.append((_draft(symbol, Side.BUY, change, strategy, reason), paid))
    if sleeve.unsettled:
        # A cent for each sale, since costs are charged in whole ones, and the least that an order costs.
        fees = (CENT + sleeve.cost_minimum) * len(sales)
        sleeve = replace(sleeve, cash_settled=sleeve.cash_settled + proceeds - fees)
    return (*sales, *_affordable(wishes, sleeve, instruments, told))


def _change(
    symbol: str,
    figures: tuple[Decimal, Decimal, Decimal],
    sleeve: Sleeve,
    instrument: Instrument,
    told: list[Trim],
) -> Decimal:
    """What to trade of a symbol, signed: nothing where that is not worth it.

    figures  held, wished, and the price of one
    """
    held, wished, price = figures
    allowed, cut = sleeve.allowed(held, wished, price)
    goal = instrument.whole_lots(allowed)
    change, least = goal - held, sleeve.least(symbol)
    if cut:
        told.append(_trim(symbol, cut, wished - held, change))
    if wished > 0 and not goal and not held:
        told.append(_trim(symbol, _Cut("lot", allowed * price, instrument.lot * price), allowed, ZERO))
    if change and goal and abs(change) * price < least:
        told.append(_trim(symbol, _Cut("too_small", abs(change) * price, least), change, ZERO))
        return ZERO
    return change


def _market(
    symbol: str, quotes: Mapping[str, Quote], instruments: Mapping[str, Instrument]
) -> tuple[Quote, Instrument]:
    quote, instrument = quotes.get(symbol), instruments.get(symbol)
    if instrument is None:
        raise InputError(f"{symbol} is not an instrument of this account; add it to the universe first")
    if quote is None or not quote.two_sided:
        raise DataError(f"{symbol} has no two-sided quote; the rebalance waits for one")
    return quote, instrument


def _draft(symbol: str, side: Side, quantity: Decimal, strategy: str, reason: str) -> Draft:
    buying = side is Side.BUY
    return Draft(
        symbol=symbol,
        side=side,
        quantity=quantity,
        effect=Effect.OPEN if buying else Effect.CLOSE,
        purpose=Purpose.ENTRY if buying else Purpose.REDUCE,
        strategy=strategy,
        reason=reason,
    )


def _affordable(
    wishes: list[tuple[Draft, Decimal]], sleeve: Sleeve, instruments: Mapping[str, Instrument], told: list[Trim]
) -> tuple[Draft, ...]:
    """``wishes`` with their price a share, costs included, cut to what settled cash can pay."""
    # Costs are charged in whole cents, so each order may cost up to a cent more than its rate says; or the least.
    rounding = (CENT + sleeve.cost_minimum) * len(wishes) if sleeve.cost_rate or sleeve.cost_minimum else ZERO
    budget = max(sleeve.cash_settled - sleeve.cash_reserve * sleeve.equity - rounding, ZERO)
    needed = sum((draft.quantity * price for draft, price in wishes), ZERO)
    part = min(Decimal(1), budget / needed) if needed else Decimal(1)
    bought = []
    for draft, price in wishes:
        quantity = instruments[draft.symbol].whole_lots(draft.quantity * part)
        if quantity < draft.quantity:
            told.append(_trim(draft.symbol, _Cut("cash", needed, budget), draft.quantity, quantity))
        least = sleeve.least(draft.symbol)
        if quantity and quantity * price < least:
            told.append(_trim(draft.symbol, _Cut("too_small", quantity * price, least), quantity, ZERO))
        elif quantity:
            bought.append(replace(draft, quantity=quantity))
    return tuple(bought)
