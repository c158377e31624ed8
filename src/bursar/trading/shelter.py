"""Shelter: brings the protection that rests at the broker to what each position needs, one confirmed step at a time.

``protect.mend`` says what one symbol needs; here it becomes events and messages for all of them, gated like every
order. It is asked at each look at the market, and before each rebalance: nothing opens while a position of ours waits
for its stop, and nothing is sold before protection has made room for it, confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from bursar.domain.events import AmendRequested, CancelRequested, Event, OrderPlaced
from bursar.domain.money import ZERO
from bursar.domain.orders import ApprovedOrder, Effect, Order, Side
from bursar.ledger.book import PortfolioBook, Position
from bursar.risk.gate import Verdict
from bursar.trading.breaks import Breaks
from bursar.trading.ids import Ids
from bursar.trading.mandate import Mandate, Step
from bursar.trading.oms import Orders
from bursar.trading.protect import Mend, as_order, levels, mend, protective, room
from bursar.trading.rebalance import Draft
from bursar.trading.view import MarketView


class Desk(Protocol):
    """What shelter needs of an engine."""

    mandate: Mandate
    market: MarketView
    orders: Orders
    ids: Ids
    breaks: Breaks

    @property
    def portfolio(self) -> PortfolioBook: ...

    @property
    def hands_off(self) -> frozenset[str]:
        """Symbols that no order may touch."""
        ...

    def judge(self, basket: tuple[Order, ...], causes: tuple[str, ...]) -> Verdict:
        """What the gate says of a basket."""
        ...

    def told_no(self, symbol: str) -> bool:
        """Whether the broker has just refused something of ``symbol``, and is not to be asked at once again."""
        ...


def shelter(desk: Desk, kept_back: Mapping[str, Decimal] | None = None) -> tuple[Step, bool]:
    """The next step for every symbol, and whether any still waits for the broker, or will from this step on.

    kept_back  shares of each symbol that are about to be sold
    """
    back = kept_back or {}
    steps, waits = [], False
    for symbol in _symbols(desk):
        if desk.told_no(symbol):
            waits = True
            continue
        told = _told(desk, symbol, back.get(symbol, ZERO))
        waits |= told.waits or bool(told.place)
        steps.append(_step(desk, symbol, told))
    return _together(steps), waits


def make_room(desk: Desk, drafts: Sequence[Draft]) -> Step | None:
    """What must be confirmed before ``drafts`` may go, protection and room for what they sell; None where nothing.

    What closes more than is held finds no room however long anybody waits (a kill closed it meanwhile): nothing is
    made for it, and the gate refuses it by name.
    """
    asked: dict[tuple[str, Side], Decimal] = {}
    for draft in drafts:
        if draft.effect is Effect.CLOSE:
            asked[draft.symbol, draft.side] = asked.get((draft.symbol, draft.side), ZERO) + draft.quantity
    selling = {
        symbol: quantity for (symbol, side), quantity in asked.items() if quantity <= _closable(desk, symbol, side)
    }
    step, waits = shelter(desk, selling)
    tight = any(
        quantity > room(_held(desk, symbol), desk.orders.working(symbol)) for symbol, quantity in selling.items()
    )
    return step if waits or tight else None


def _closable(desk: Desk, symbol: str, side: Side) -> Decimal:
    """How much of what is held an order of ``side`` could close."""
    held = _held(desk, symbol)
    return held if side is Side.SELL else -held


def _symbols(desk: Desk) -> tuple[str, ...]:
    """What is ours to protect: positions of the portfolio, and symbols for which protection rests without one."""
    left = {state.order.symbol for state in protective(desk.orders.working())}
    return tuple(sorted((desk.portfolio.positions.keys() | left) - desk.hands_off - desk.breaks.symbols))


def _held(desk: Desk, symbol: str) -> Decimal:
    position = desk.portfolio.positions.get(symbol)
    return position.quantity if position else ZERO


def _told(desk: Desk, symbol: str, kept_back: Decimal) -> Mend:
    position, mandate = desk.portfolio.positions.get(symbol), desk.mandate
    # A company that changed its name is held under one that is not traded yet: what rests under the old one goes.
    instrument = desk.market.instruments.get(symbol)
    wanted = (
        levels(position, mandate.stop_loss, mandate.take_profit, instrument)
        if position is not None and instrument is not None
        else None
    )
    return mend(
        symbol,
        _held(desk, symbol),
        wanted,
        desk.orders.working(symbol),
        kept_back=kept_back,
    )


def _step(desk: Desk, symbol: str, told: Mend) -> Step:
    """A mend as events and messages. What the gate refuses is in the events and goes no further."""
    at, causes = desk.market.at, _causes(desk.portfolio.positions.get(symbol))
    canceled = tuple(
        CancelRequested(
            event_id=desk.orders.next_name(order_id, "cancel_requested"),
            at=at,
            causes=causes or (order_id,),
            order_id=order_id,
            reason="protection is made anew, or makes room",
        )
        for order_id in told.cancel
    )
    placed, sent = _placed(desk, told, causes)
    amended, changed = _amended(desk, told, causes)
    return Step(events=(*canceled, *amended, *placed), cancels=told.cancel, amends=changed, orders=sent)


def _causes(position: Position | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lot.source for lot in position.lots)) if position else ()


def _placed(desk: Desk, told: Mend, causes: tuple[str, ...]) -> tuple[tuple[Event, ...], tuple[ApprovedOrder, ...]]:
    if not told.place:
        return (), ()
    numbers = [desk.ids.new("o") for _ in told.place]
    pair = tuple(
        as_order(
            wish,
            order_id=number,
            account=desk.mandate.account,
            portfolio=desk.mandate.portfolio,
            strategy=_strategy(desk.portfolio.positions.get(wish.symbol)),
            reason=f"{wish.type} at {wish.price}: rests at the broker while {wish.symbol} is held",
            oca_group=f"oca-{numbers[0]}",
        )
        for wish, number in zip(told.place, numbers, strict=True)
    )
    verdict = desk.judge(pair, causes)
    placed = tuple(
        OrderPlaced(
            event_id=approved.order.order_id,
            at=desk.market.at,
            causes=(approved.approval_id,),
            order=approved.order,
        )
        for approved in verdict.approved
    )
    return (*verdict.events, *placed), verdict.approved


def _amended(desk: Desk, told: Mend, causes: tuple[str, ...]) -> tuple[tuple[Event, ...], tuple[ApprovedOrder, ...]]:
    if not told.amend:
        return (), ()
    verdict = desk.judge(told.amend, causes)
    asked = tuple(
        AmendRequested(
            event_id=f"{approved.order.order_id}/amend_requested/{approved.approval_id}",
            at=desk.market.at,
            causes=(approved.approval_id,),
            order=approved.order,
        )
        for approved in verdict.approved
    )
    return (*verdict.events, *asked), verdict.approved


def _strategy(position: Position | None) -> str:
    return next((lot.strategy for lot in position.lots if lot.strategy), "") if position else ""


def _together(steps: Sequence[Step]) -> Step:
    return Step(
        events=tuple(event for step in steps for event in step.events),
        orders=tuple(order for step in steps for order in step.orders),
        cancels=tuple(order_id for step in steps for order_id in step.cancels),
        amends=tuple(order for step in steps for order in step.amends),
    )
