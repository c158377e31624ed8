"""Tapping: carries tapped proposals out, one move at a time, through the same gate as every other order.

What a saga needs next is said by ``baskets.next_move``; here it becomes events and messages. An order of a leg and
the word that it is one are committed together, so that after a restart nobody wonders whose order it was.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from bursar.domain.events import (
    CancelRequested,
    Event,
    LegRefused,
    LegSent,
    ProposalEnded,
    ProposalTapped,
    Rejected,
    TradingState,
)
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import Effect, Order, Purpose
from bursar.domain.proposals import Leg, Outlook, ProposalState
from bursar.domain.sessions import Session
from bursar.errors import DataError, InputError
from bursar.risk.gate import Verdict
from bursar.trading.baskets import Move, Saga, Sagas, next_move
from bursar.trading.mandate import Autonomy, Step
from bursar.trading.proposing import as_order, outlook_of
from bursar.trading.rebalance import Draft
from bursar.trading.shelter import Desk, make_room, shelter
from bursar.trading.standing import Standing
from bursar.trading.view import MarketView


class TapDesk(Desk, Protocol):
    """What tapping needs of an engine, beside what shelter does."""

    sagas: Sagas
    legs: dict[str, LegOf]
    standing: Standing

    @property
    def session(self) -> Session | None: ...

    def spendable(self) -> Decimal:
        """Cash that purchases may use now."""
        ...

    def put(self, basket: tuple[Order, ...], causes: tuple[str, ...]) -> Step:
        """Let the gate judge a basket, and place what it approves."""
        ...


class LegOf:
    """Which leg of which proposal an order is for, until it is journalled."""

    __slots__ = ("compensates", "place", "proposal_id")

    def __init__(self, proposal_id: str, place: int, *, compensates: bool) -> None:
        self.proposal_id, self.place, self.compensates = proposal_id, place, compensates


def tap(desk: TapDesk, proposal_id: str, by: str) -> ProposalTapped:
    """A person's yes to a proposal. Raises InputError, in words, where it cannot count; nothing is sent then."""
    if desk.mandate.autonomy is Autonomy.OBSERVE:
        raise InputError(f"this account is only observed; raise its autonomy before you tap {proposal_id}")
    if desk.standing.state is not TradingState.ACTIVE:
        raise InputError(f"the account is {desk.standing.state}; re-arm it before you tap {proposal_id}")
    saga, session = desk.sagas.pending(proposal_id), desk.session
    shown = outlook_of(desk, saga.proposal)
    if session is None or not session.contains(desk.market.at):
        shown = replace(shown, refusals=(*shown.refusals, "the market is shut; tap while it is open"))
    return desk.sagas.tap(proposal_id, desk.market.at, by, shown)


def work(desk: TapDesk) -> Step:
    """The next move of the oldest proposal that has one. One at a time: two that share cash must not race for it."""
    for saga in desk.sagas.executing():
        step = _step(desk, saga, next_move(saga, desk.orders, desk.market.at, desk.mandate.taps))
        if step.events or step.orders or step.cancels or step.amends or step.ask:
            return step
    return Step()


def selling(desk: TapDesk) -> dict[str, Decimal]:
    """Shares that tapped legs are about to sell: for them protection makes room, and is not put back meanwhile."""
    found: dict[str, Decimal] = {}
    for saga in desk.sagas.executing():
        move = next_move(saga, desk.orders, desk.market.at, desk.mandate.taps)
        if move.send and move.send[1].effect is Effect.CLOSE:
            leg = move.send[1]
            found[leg.symbol] = found.get(leg.symbol, ZERO) + leg.quantity
    return found


def _step(desk: TapDesk, saga: Saga, move: Move) -> Step:
    at, proposal_id = desk.market.at, saga.proposal.proposal_id
    if move.end is not None:
        state, end, reason = move.end
        loss = desk.sagas.loss(saga)
        if state is ProposalState.ROLLED_BACK and saga.tapped is not None:
            reason += _of_what_was_shown(loss, saga.tapped.outlook)
        ended = ProposalEnded(
            event_id=f"{proposal_id}/ended",
            at=at,
            causes=tuple(saga.sent.values()) or (proposal_id,),
            proposal_id=proposal_id,
            state=state,
            end=end,
            reason=reason,
            loss=loss,
            prices={leg.symbol: quote.mid for leg in saga.proposal.legs if (quote := _dealt(desk.market, leg.symbol))},
        )
        return Step(events=(ended,))
    if move.cancel:
        return Step(events=tuple(_cancel(desk, order_id) for order_id in move.cancel), cancels=move.cancel)
    if move.send is None:
        return Step()
    place, leg = move.send
    opens = leg.effect is Effect.OPEN
    if opens and not move.compensates and (why := _too_late(desk, saga, leg)):
        order = LegOf(proposal_id, place, compensates=False)
        return Step(events=(refused(desk.ids.new("o"), order, at, why),))
    if desk.mandate.protection_at_broker:
        first = _verified(desk) if opens else make_room(desk, (_draft(leg, saga.proposal.strategy),))
        if first is not None:
            return first
    return _send(desk, saga, place, leg, compensates=move.compensates)


def _too_late(desk: TapDesk, saga: Saga, leg: Leg) -> str:
    """Why what the person saw at the tap no longer is so: it waited long, as for a line that broke; empty if it is."""
    tapped, terms, quote = saga.tapped, desk.mandate.taps, desk.market.quotes.get(leg.symbol)
    if tapped is None:
        return ""
    gone = desk.market.at - tapped.at
    if gone > timedelta(seconds=terms.seconds_max):
        return f"the tap is {gone // timedelta(minutes=1)} minutes old; at most {terms.seconds_max // 60}"
    then = tapped.outlook.prices.get(leg.symbol)
    if then is None or quote is None or not quote.two_sided:
        return ""  # what has no quote is refused at the gate
    moved = abs(quote.mid / then - 1)
    if moved <= terms.moved_max:
        return ""
    return f"it has moved {moved:.2%} from {then} since the tap; at most {terms.moved_max:.2%}"


def _verified(desk: TapDesk) -> Step | None:
    """What protection needs before anything opens; None where it is what it should be."""
    step, waits = shelter(desk, selling(desk))
    return step if waits else None


def _of_what_was_shown(loss: Decimal, shown: Outlook) -> str:
    """What trading back cost, held against what was shown before the tap."""
    past = "" if loss <= shown.legging_loss_max else "; prices moved further"
    worst = f"{shown.legging_loss_max:,.2f} was shown at worst, by a move of {shown.adverse_move:.2%}"
    return f": that cost {loss:,.2f}, and {worst}{past}"


def _send(desk: TapDesk, saga: Saga, place: int, leg: Leg, *, compensates: bool) -> Step:
    proposal_id = saga.proposal.proposal_id
    order = as_order(leg, desk.mandate, saga.proposal.strategy, desk.ids.new("o"), compensates=compensates)
    desk.legs[order.order_id] = LegOf(proposal_id, place, compensates=compensates)
    try:
        return desk.put((order,), causes=(f"{proposal_id}/tapped",))
    except DataError as error:
        return Step(events=(refused(order.order_id, desk.legs[order.order_id], desk.market.at, str(error)),))


def told(legs: dict[str, LegOf], verdict: Verdict, market: MarketView) -> tuple[Event, ...]:
    """What a verdict means for the proposals whose legs it judged: sent, or refused."""
    events: list[Event] = [
        _sent(approved.order, leg, market)
        for approved in verdict.approved
        if (leg := legs.get(approved.order.order_id))
    ]
    events += [
        refused(event.order.order_id, leg, market.at, event.message)
        for event in verdict.events
        if isinstance(event, Rejected) and (leg := legs.get(event.order.order_id))
    ]
    return tuple(events)


def _sent(order: Order, leg: LegOf, market: MarketView) -> LegSent:
    quote = _dealt(market, order.symbol)
    return LegSent(
        event_id=f"{order.order_id}/leg",
        at=market.at,
        causes=(order.order_id,),
        proposal_id=leg.proposal_id,
        leg=leg.place,
        order_id=order.order_id,
        compensates=leg.compensates,
        bid=quote.bid if quote else None,
        ask=quote.ask if quote else None,
    )


def _dealt(market: MarketView, symbol: str) -> Quote | None:
    """The quote of a symbol that one can deal at on both sides; None where there is none."""
    quote = market.quotes.get(symbol)
    return quote if quote is not None and quote.two_sided else None


def refused(order_id: str, leg: LegOf, at: datetime, reason: str) -> LegRefused:
    """The word that a leg was not let out."""
    return LegRefused(
        event_id=f"{order_id}/leg_refused",
        at=at,
        causes=(leg.proposal_id,),
        proposal_id=leg.proposal_id,
        leg=leg.place,
        reason=reason,
        compensates=leg.compensates,
    )


def _cancel(desk: Desk, order_id: str) -> CancelRequested:
    return CancelRequested(
        event_id=desk.orders.next_name(order_id, "cancel_requested"),
        at=desk.market.at,
        causes=(order_id,),
        order_id=order_id,
        reason="the leg took too long; what was traded is traded back",
    )


def _draft(leg: Leg, strategy: str) -> Draft:
    return Draft(
        symbol=leg.symbol,
        side=leg.side,
        quantity=leg.quantity,
        effect=leg.effect,
        purpose=Purpose.REDUCE,
        strategy=strategy,
        reason=leg.reason,
    )
