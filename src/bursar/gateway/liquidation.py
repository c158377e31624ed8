"""Liquidation: positions are closed, without a call, as soon as equity does not cover maintenance margin.

IBKR looks at it in real time and closes what it chooses. Which positions it takes, and in what order, it does not
promise; the rule here is our own and is the same every time:

    first    every working order of the account is canceled, so that nothing opens what is to be closed
    which    the position that needs the most maintenance margin first; of two alike the one whose symbol comes first
    how much as little as brings excess liquidity back to zero, in whole lots, or all of it where that is not enough;
             no more at once than an order of any client could have
    price    at the market: the far side of the live quote. What has no two-sided quote waits for one

Each closing is an order of client 0 with a number below zero, as TWS shows orders that no client of the API made; its
execution is marked as a liquidation, and the account's subscribers are told as after any other.

Source of the facts: IBKR, "Margin: real-time liquidation"; the client id, numbers and texts are not confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from bursar.domain.money import ZERO
from bursar.gateway.account import Account
from bursar.gateway.commands import Place
from bursar.gateway.credit import Credit
from bursar.gateway.margin import requirement_of
from bursar.gateway.matching.market import BUY, SELL, Market
from bursar.gateway.notices import SUBMITTED, Order
from bursar.gateway.world import World

#: What a closing order says of itself.
REFERENCE = "LIQUIDATION"
#: Orders that no client of the API made belong to this one.
TWS = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What is to be closed."""

    symbol: str
    action: str
    quantity: Decimal


def next_closing(account: Account, credit: Credit, market: Market, world: World, day: date) -> Closing | None:
    """The next thing to close; None where excess is not below zero, or nothing can be dealt at."""
    assert account.margin is not None, "cash accounts owe nothing"
    deficit = -credit.standing(account).excess
    if deficit <= 0:
        return None
    needs = {
        symbol: requirement_of(account.margin, quantity, credit.value(symbol)).maintenance
        for symbol, quantity in account.quantities.items()
    }
    for symbol in sorted(needs, key=lambda each: (-needs[each], each)):
        held = account.position(symbol).quantity
        request = closing_order(
            account, Closing(symbol=symbol, action=SELL if held > 0 else BUY, quantity=abs(held)), -1
        )
        # Whatever is held was dealt in, so that it has had a quote.
        instrument, latest = world.listed[symbol], market.latest[symbol]
        order = Order(request=request, perm_id=0, status=SUBMITTED, placed_at=latest.at)
        offers = market.offers(order, None, instrument)
        if not offers:
            continue
        price, most = offers[0]
        rate = credit.rate(instrument.currency) or ZERO
        worse = abs(credit.price(symbol) - price * instrument.multiplier) * rate
        # A share that goes sets its margin free, and costs what it trades away from its last print.
        freed = needs[symbol] / abs(held) - worse
        enough = abs(held)
        if freed > 0:
            charge = credit.commission(account, request, abs(held), day) * rate
            lots = ((deficit + charge) / freed / instrument.lot).to_integral_value(rounding=ROUND_CEILING)
            enough = min(lots * instrument.lot, abs(held))
        return Closing(symbol=symbol, action=request.action, quantity=min(enough, most))
    return None


def closing_order(account: Account, closing: Closing, order_id: int) -> Place:
    """The order that closes it."""
    return Place(
        client_id=TWS,
        order_id=order_id,
        account=account.name,
        symbol=closing.symbol,
        action=closing.action,
        total_quantity=closing.quantity,
        order_ref=REFERENCE,
    )


def is_liquidation(request: Place) -> bool:
    """True for an order that ``closing_order`` made: no client's order has a number below zero."""
    return request.order_id < 0 and request.order_ref == REFERENCE
