"""Starting is recovering: what becomes of the orders on which the broker's answer is not the journal's.

An interrogation is whole or it is an error (``ports.Broker.account``), so an order that it does not name is not there.
But it reaches back to midnight only. What follows from that, order by order:

    the journal says        the broker                          then
    sent, no answer         does not know it, same day          it never arrived: gated again, and sent once
                            does not know it, earlier day       ended, where positions and cash agree: yesterday's
                                                                order is not today's. Else FLAGGED
                            does not know it, and positions     FLAGGED: perhaps it was filled
                            differ
    works                   lists it                            goes on; a cancellation is asked for again
                            lists it not, same day              ended, where all is filled that its partners' fills
                                                                left of it; else FLAGGED: its end would have been told
                            lists it not, earlier day           ended, where positions and cash agree, else FLAGGED
    is to be changed        lists it not, same day, and what    done: the change never arrived
                            it was before is filled
    flagged                 lists it                            found: works again

Positions alone do not tell that nothing was filled yesterday: what was bought may have been sold again, and left no
trace but in cash.

Nothing is ever sent again on a guess, and what is flagged waits for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bursar.domain.accounts import AccountSnapshot, BrokerOrder
from bursar.domain.events import (
    AmendRejected,
    Event,
    Marked,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    PositionAdopted,
)
from bursar.domain.instruments import Instrument
from bursar.domain.money import Money, round_money
from bursar.domain.orders import OrderStatus, TimeInForce
from bursar.trading.mandate import Mandate
from bursar.trading.oms import Orders, OrderState

#: How long an order may be on its way, on a line that did not break, before a person must look.
IN_FLIGHT_MAX = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What an interrogation leads to: events, and orders whose cancellation is to be asked for again."""

    events: tuple[Event, ...] = ()
    cancels: tuple[str, ...] = ()


def settle(
    orders: Orders,
    snapshot: AccountSnapshot,
    doubtful: AbstractSet[str],
    today: Callable[[datetime], bool],
    *,
    at: datetime,
    cash_agrees: bool,
    fresh: bool,
    unsent: AbstractSet[str] = frozenset(),
) -> Aftermath:
    """Look at every order that works, by the table above. To be asked when all reports are booked.

    doubtful     symbols on which books and broker disagree
    at           now: what the broker dates its answer is its own affair
    today        whether a moment is since midnight in the exchange's zone
    cash_agrees  whether cash could be compared and is equal
    fresh        True after a start or a reconnection: nothing is on its way any more
    unsent       orders that surely never left, and wait for the line to be trusted: nobody can answer to them
    """
    listed = {each.order_id: each for each in snapshot.open_orders}
    under_way = {each.order_id for each in snapshot.executions if each.execution_id in snapshot.waiting}
    events: list[Event] = []
    cancels: list[str] = []
    for state in orders.working():
        order_id = state.order.order_id
        if order_id in under_way or order_id in unsent:
            continue
        if order_id in listed:
            if _is_back(state, listed[order_id]):
                events.append(_found(orders, state, listed[order_id].permanent_id, at))
            elif fresh and state.status is OrderStatus.PENDING_REPLACE:
                events.append(_not_amended(orders, state, at))
            elif fresh and state.status is OrderStatus.PENDING_CANCEL:
                cancels.append(order_id)
        elif state.status is not OrderStatus.FLAGGED:
            same_day, doubt = today(state.placed_at), ""
            if fresh and same_day and state.amended and state.filled == state.order.quantity:
                events.append(_not_amended(orders, state, at))  # and so it is filled
                continue
            if state.order.symbol in doubtful:
                doubt = "its position"
            elif not (cash_agrees or same_day):
                doubt = "cash"
            events += _missing(orders, state, at, doubt, same_day=same_day, fresh=fresh)
    return Aftermath(events=tuple(events), cancels=tuple(cancels))


def _is_back(state: OrderState, theirs: BrokerOrder) -> bool:
    """True for an order that nobody knew any more and that works, as the one that it was."""
    works = theirs.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
    same = state.permanent_id in (0, theirs.permanent_id) and state.filled <= state.order.quantity
    return state.status is OrderStatus.FLAGGED and works and same


def _missing(
    orders: Orders, state: OrderState, at: datetime, doubt: str, *, same_day: bool, fresh: bool
) -> list[Event]:
    """What becomes of an order that the broker does not list. ``doubt`` names what it may have moved unseen."""
    if not state.acknowledged:
        if not fresh:
            late = at - state.placed_at > IN_FLIGHT_MAX
            return [_flagged(orders, state, at, "the broker never answered to it")] if late else []
        if doubt:
            return [_flagged(orders, state, at, f"the broker does not know it, and {doubt} is in doubt")]
        if same_day and state.status is OrderStatus.PENDING_NEW:
            return []  # it never arrived: see Engine.resume
        return [_canceled(state, at, "it never reached the broker")]
    if same_day and not doubt and _done_as_reduced(orders, state):
        return [_canceled(state, at, "its partner's fill made it smaller, and of what was left all is filled")]
    if same_day:
        return [_flagged(orders, state, at, "the broker lists it neither as working nor as ended")]
    if doubt:
        return [_flagged(orders, state, at, f"it ended before midnight, and {doubt} is in doubt")]
    if state.order.time_in_force is TimeInForce.GOOD_TILL_CANCELED:
        return [_canceled(state, at, "the broker ended it while we were away")]
    order_id = state.order.order_id
    return [OrderExpired(event_id=f"{order_id}/missing/expired", at=at, causes=(order_id,), order_id=order_id)]


def _done_as_reduced(orders: Orders, state: OrderState) -> bool:
    """True where the broker made an order as much smaller as its group was filled, and filled the rest."""
    return state.filled > 0 and state.order.quantity - state.filled <= orders.reduced(state)


def told_rates(snapshot: AccountSnapshot, known: Mapping[str, Decimal], at: datetime, base: str) -> tuple[Marked, ...]:
    """The broker's rates of exchange, in ``base``, where they are not what was marked before."""
    told = snapshot.rates_in(base)
    rates = {currency: rate for currency, rate in sorted(told.items()) if known.get(currency) != rate}
    if not rates:
        return ()
    return (Marked(event_id=f"rates/{snapshot.account}/{at:%Y-%m-%dT%H:%M:%SZ}", at=at, prices={}, rates=rates),)


def _canceled(state: OrderState, at: datetime, reason: str) -> OrderCanceled:
    order_id = state.order.order_id
    return OrderCanceled(
        event_id=f"{order_id}/missing/canceled", at=at, causes=(order_id,), order_id=order_id, reason=reason
    )


def _flagged(orders: Orders, state: OrderState, at: datetime, reason: str) -> OrderFlagged:
    order_id = state.order.order_id
    event_id = orders.next_name(order_id, "flagged")
    return OrderFlagged(event_id=event_id, at=at, causes=(order_id,), order_id=order_id, reason=reason)


def _found(orders: Orders, state: OrderState, permanent_id: int, at: datetime) -> OrderAccepted:
    order_id = state.order.order_id
    event_id = orders.next_name(order_id, "found")
    return OrderAccepted(event_id=event_id, at=at, causes=(order_id,), order_id=order_id, permanent_id=permanent_id)


def _not_amended(orders: Orders, state: OrderState, at: datetime) -> AmendRejected:
    """Its open order came with the old terms, or ``OrderAmended`` would be booked: the change never arrived."""
    order_id = state.order.order_id
    return AmendRejected(
        event_id=orders.next_name(order_id, "not_amended"),
        at=at,
        causes=(order_id,),
        order_id=order_id,
        code=0,
        message="the change never reached the broker",
    )


def adopt(
    snapshot: AccountSnapshot, mandate: Mandate, instruments: Mapping[str, Instrument], at: datetime
) -> tuple[PositionAdopted, ...]:
    """The positions of an account whose books begin now. They are hands-off: nobody sells them unasked.

    What is no instrument of ours stays a difference, with a name. So does everything on a day on which there were
    executions, since these will be booked as well.
    """
    if snapshot.executions or snapshot.account != mandate.account:
        return ()
    return tuple(
        PositionAdopted(
            event_id=f"adopted/{snapshot.account}/{held.symbol}",
            at=at,
            account=snapshot.account,
            portfolio=mandate.beside,
            symbol=held.symbol,
            quantity=held.quantity,
            cost_basis=Money(round_money(held.quantity * held.average_cost), instruments[held.symbol].currency),
            hands_off=True,
        )
        for held in snapshot.positions
        if held.quantity and held.symbol in instruments
    )
