"""Parents: works what a rebalance wants to trade, in one piece or in many, and knows where each stands.

A parent is put to the gate whole, under the id of one order; only when that is approved does any of it leave. What the
route sends at once is that very order. Of any other, pieces are orders of their own: each is gated again, and none of
them is a trade of its own to the limits that count trades. Where a piece is refused or ends unfilled, no more is sent,
and what is left has cost what it has cost.

What closes is sent at once while its protection rests at the broker: that has made room for the whole of it, and a
position without its stop is a larger risk than half a spread.

Participation reads the day's volume as often as pieces may go. What is not told, or stands still, is no volume: then
the parent goes on as TWAP, its pieces say so, and it participates again once volume is told.

Everything here is a fold over the journal, so that a restart goes on where it stood; of the volume before it, it takes
that there was as much as what was sent is the part of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from bursar.domain.events import (
    AmendRequested,
    Decided,
    Event,
    OrderPlaced,
    ParentBegun,
    ParentEnded,
    PieceSent,
    Rejected,
    TradingState,
)
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import FINAL, Effect, Order, OrderStatus, OrderType
from bursar.domain.sessions import Session
from bursar.errors import DataError
from bursar.ledger.book import PortfolioBook
from bursar.risk.gate import Verdict
from bursar.trading.breaks import Breaks
from bursar.trading.ids import Ids
from bursar.trading.mandate import AUTO, Execution, Mandate, Step
from bursar.trading.oms import Orders, OrderState
from bursar.trading.protect import Cover
from bursar.trading.route import Route, route
from bursar.trading.schedule import Algorithm, Parent, Piece, Progress, adaptive_price, next_piece
from bursar.trading.standing import Standing
from bursar.trading.view import MarketView

#: Statuses after which nothing more is sent for a parent, unless the whole of it is filled.
ENDED_UNFILLED = FINAL - {OrderStatus.FILLED}
#: So often a reading of the day's volume may be what the last one was.
STILL_MAX = 1
#: Statuses in which a piece may be changed.
SURE = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an order that is put to the gate is to be worked, once it is approved. decided: the middle then."""

    route: Route
    ends: datetime
    decided_at: datetime
    decided: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What traded while a parent was worked.

    others  shares that all others traded, as of the reading
    at      when it was read last; told: the day's volume then; filled: of the parent
    still   how often in a row it had not moved
    """

    others: Decimal
    at: datetime
    told: Decimal
    filled: Decimal
    still: int = 0

    def read(self, at: datetime, told: Decimal, filled: Decimal) -> Volume:
        """One reading more. A day's volume that went back is another day's, and adds nothing."""
        theirs = max(told - self.told - (filled - self.filled), ZERO)
        still = self.still + 1 if told == self.told else 0
        return Volume(others=self.others + theirs, at=at, told=told, filled=filled, still=still)


class Desk(Protocol):
    """What parents need of an engine."""

    mandate: Mandate
    market: MarketView
    orders: Orders
    ids: Ids
    breaks: Breaks
    standing: Standing
    parents: Parents

    cover: Cover

    @property
    def portfolio(self) -> PortfolioBook: ...

    @property
    def session(self) -> Session | None: ...

    @property
    def trusts_the_line(self) -> bool: ...

    def put(self, basket: tuple[Order, ...], causes: tuple[str, ...]) -> Step:
        """Let the gate judge a basket, and place what it approves."""
        ...

    def judge(self, basket: tuple[Order, ...], causes: tuple[str, ...]) -> Verdict:
        """What the gate says of a basket."""
        ...


class Parents:
    """Which parents there are, and which orders are pieces of them: a fold, and the plans of what is not begun."""

    def __init__(self) -> None:
        self.open: dict[str, ParentBegun] = {}
        self._pieces: dict[str, list[str]] = {}
        self._parent: dict[str, str] = {}
        self._plans: dict[str, Plan] = {}
        self._coming: dict[str, str] = {}
        self._volumes: dict[str, Volume] = {}

    def apply(self, event: Event) -> None:
        """Take in one committed event."""
        match event:
            case ParentBegun(parent_id=parent_id):
                self.open[parent_id] = event
                self._pieces[parent_id] = []
            case PieceSent(parent_id=parent_id, order_id=order_id):
                self._pieces[parent_id].append(order_id)
                self._parent[order_id] = parent_id
            case ParentEnded(parent_id=parent_id):
                self.open.pop(parent_id, None)
                self._volumes.pop(parent_id, None)
            case _:
                pass

    def plan(self, order_id: str, plan: Plan) -> None:
        """Remember how an order that is about to be judged is to be worked."""
        self._plans[order_id] = plan

    def coming(self, order_id: str, parent_id: str) -> None:
        """An order that is about to be judged is a piece of a parent."""
        self._coming[order_id] = parent_id

    def traded(self, parent_id: str, job: Parent, progress: Progress, at: datetime, quote: Quote) -> Decimal | None:
        """Shares that all others traded since a parent began; None where nobody tells, or they stand still."""
        if quote.volume is None:
            return None
        known = self._volumes.get(parent_id)
        if known is None:
            before = progress.sent * (1 - job.participation) / job.participation
            known = Volume(others=before, at=at, told=quote.volume, filled=progress.filled)
        elif at - known.at >= job.every:
            known = known.read(at, quote.volume, progress.filled)
        self._volumes[parent_id] = known
        return known.others if known.still <= STILL_MAX else None

    def pieces(self, parent_id: str) -> tuple[str, ...]:
        """The orders that were sent for it, oldest first."""
        return tuple(self._pieces.get(parent_id, ()))

    def paced(self, order_id: str) -> bool:
        """True for an order that is not sent itself when it is approved: its pieces are."""
        plan = self._plans.get(order_id)
        return plan is not None and plan.route.algorithm is not Algorithm.AT_ONCE

    def later(self, among: Iterable[str]) -> frozenset[str]:
        """Those of these orders that are pieces of a parent which an earlier piece has begun."""
        found = set()
        for order_id in among:
            parent_id = self._parent.get(order_id) or self._coming.get(order_id)
            if parent_id and (sent := self._pieces[parent_id]) and sent[0] != order_id:
                found.add(order_id)
        return frozenset(found)

    def siblings(self, among: Iterable[str]) -> frozenset[str]:
        """All pieces of the parents of these orders."""
        parents = {self._parent.get(each) or self._coming.get(each, "") for each in among}
        return frozenset(piece for parent in parents for piece in self._pieces.get(parent, ()))

    def told(self, verdict: Verdict, market: MarketView, portfolio: str) -> tuple[Event, ...]:
        """What a verdict means for the parents that it judged, or a piece of which: begun, sent, or at an end."""
        events: list[Event] = []
        for approved in verdict.approved:
            order, approval = approved.order, approved.approval_id
            parent_id = self._coming.pop(order.order_id, "")
            plan, quote = self._plans.pop(order.order_id, None), market.quotes.get(order.symbol)
            if plan and quote and quote.two_sided:
                events.append(_begun(order, plan, quote, market.at, approval, portfolio))
                if plan.route.algorithm is Algorithm.AT_ONCE:
                    parent_id = order.order_id
            if parent_id:
                events.append(_sent(parent_id, order.order_id, market.at))
        for event in verdict.events:
            if isinstance(event, Rejected):
                self._plans.pop(event.order.order_id, None)
                parent_id = self._coming.pop(event.order.order_id, "")
                if parent_id:
                    events.append(ended(self.open[parent_id], market, f"a piece was refused: {event.message}"))
        return tuple(events)


def _begun(order: Order, plan: Plan, quote: Quote, at: datetime, approval: str, portfolio: str) -> ParentBegun:
    assert quote.bid is not None, "the quote is two-sided"
    assert quote.ask is not None, "the quote is two-sided"
    return ParentBegun(
        event_id=f"{order.order_id}/parent",
        at=at,
        causes=(approval,),
        parent_id=order.order_id,
        portfolio=portfolio,
        strategy=order.strategy,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        effect=order.effect,
        purpose=order.purpose,
        route=plan.route.algorithm.value,
        reason=plan.route.reason,
        ends=plan.ends,
        decided_at=plan.decided_at,
        decided_price=plan.decided,
        bid=quote.bid,
        ask=quote.ask,
    )


def _sent(parent_id: str, order_id: str, at: datetime) -> PieceSent:
    return PieceSent(event_id=f"{order_id}/piece", at=at, causes=(order_id,), parent_id=parent_id, order_id=order_id)


def ended(parent: ParentBegun, market: MarketView, reason: str) -> ParentEnded:
    """The word that nothing more of a parent is sent."""
    quote = market.quotes.get(parent.symbol)
    price = quote.mid if quote and quote.two_sided else (parent.bid + parent.ask) / 2
    return ParentEnded(
        event_id=f"{parent.parent_id}/parent_ended",
        at=market.at,
        causes=(parent.event_id,),
        parent_id=parent.parent_id,
        price=price,
        reason=reason,
    )


# ---------------------------------------------------------------- planning


def plan(desk: Desk, orders: Sequence[Order], decided: Decided) -> None:
    """Choose for each order of a rebalance how it is to be worked."""
    for order in orders:
        quote = desk.market.quotes.get(order.symbol)
        if quote is None or not quote.two_sided:
            continue
        ends = _ends(desk)
        desk.parents.plan(
            order.order_id,
            Plan(
                route=_route(desk, order, quote, ends),
                ends=ends,
                decided_at=decided.at,
                decided=decided.prices.get(order.symbol, quote.mid),
            ),
        )


def _ends(desk: Desk) -> datetime:
    """When what begins now is to be done: in the minutes that were set, and before the last ones of the session."""
    at, session = desk.market.at, desk.session
    wanted = at + desk.mandate.execution.within
    if session is None:
        return wanted
    return max(min(wanted, session.close - timedelta(minutes=desk.mandate.limits.closing_wait_minutes)), at)


def _route(desk: Desk, order: Order, quote: Quote, ends: datetime) -> Route:
    execution: Execution = desk.mandate.execution
    if execution.route == Algorithm.AT_ONCE:
        return Route(algorithm=Algorithm.AT_ONCE, reason="as execution.route says")
    if order.effect is Effect.CLOSE and desk.mandate.protection_at_broker:
        return Route(algorithm=Algorithm.AT_ONCE, reason="its protection has made room: waiting is the larger risk")
    if ends - desk.market.at < execution.every:
        return Route(algorithm=Algorithm.AT_ONCE, reason="the session is nearly over")
    if execution.route == AUTO:
        usual = desk.market.usual_volume(order.symbol)
        chosen = route(order.side, order.quantity, order.purpose, quote, daily_volume=usual)
    else:
        chosen = Route(algorithm=Algorithm(execution.route), reason="as execution.route says")
    if chosen.algorithm is Algorithm.PARTICIPATION and quote.volume is None:
        why = "" if execution.route != AUTO else f"{chosen.reason}; "
        reason = f"{why}participation needs the market's volume, which this source does not have"
        return Route(algorithm=Algorithm.TWAP, reason=reason)
    return chosen


# ---------------------------------------------------------------- working


def work(desk: Desk) -> Step:
    """The next move of every parent: pieces that are due, limits that pay more of the spread, and ends."""
    steps = [_step(desk, parent) for parent in tuple(desk.parents.open.values())]
    return Step(
        events=tuple(event for step in steps for event in step.events),
        orders=tuple(order for step in steps for order in step.orders),
        amends=tuple(order for step in steps for order in step.amends),
    )


def _step(desk: Desk, parent: ParentBegun) -> Step:
    states = [desk.orders[order_id] for order_id in desk.parents.pieces(parent.parent_id) if order_id in desk.orders]
    working = [state for state in states if state.working]
    filled = sum((state.filled for state in states), ZERO)
    why = _over(desk, parent, states, filled)
    if why:
        # An order that still works goes on: a limit of the day ends with the day, and is part of what it cost.
        return Step() if working else Step(events=(ended(parent, desk.market, why),))
    session, quote = desk.session, desk.market.quotes.get(parent.symbol)
    waits = parent.symbol in desk.breaks.symbols or not desk.trusts_the_line
    # As for every other opening: what is held has its stop before more is bought.
    waits |= parent.effect is Effect.OPEN and _bare(desk)
    if waits or session is None or not session.contains(desk.market.at) or quote is None or not quote.two_sided:
        return Step()
    job = _job(desk, parent)
    if job.algorithm is Algorithm.ADAPTIVE and working:
        return _amended(desk, parent, job, working[-1], quote)
    sent = filled + sum((state.remaining for state in working), ZERO)
    progress, why = Progress(sent=sent, filled=filled), ""
    if job.algorithm is Algorithm.PARTICIPATION:
        traded = desk.parents.traded(parent.parent_id, job, progress, desk.market.at, quote)
        progress = replace(progress, market_volume=traded)
        if traded is None:
            job, why = replace(job, algorithm=Algorithm.TWAP), "; as twap, since no volume is told"
    piece = next_piece(job, progress, desk.market.at, session, quote, desk.market.instruments[parent.symbol])
    return _placed(desk, parent, piece, why) if piece else Step()


def _bare(desk: Desk) -> bool:
    """Whether anything waits for its stop at the broker. What has no entry price has none to wait for."""
    held = desk.portfolio.positions
    waiting = [held[symbol] for symbol in desk.cover.bare - desk.breaks.symbols if symbol in held]
    return any(position.entry_price is not None for position in waiting)


def _over(desk: Desk, parent: ParentBegun, states: Sequence[OrderState], filled: Decimal) -> str:
    """Why nothing more of a parent is to be sent; empty where something is."""
    if filled >= parent.quantity:
        return "filled"
    if any(state.status in ENDED_UNFILLED for state in states):
        return "a piece ended unfilled"
    if parent.effect is Effect.OPEN and desk.standing.state is not TradingState.ACTIVE:
        return f"the account is {desk.standing.state}"
    if desk.standing.kill is not None:
        return "the account was killed"
    session = desk.session
    if session is None or not session.open <= parent.at < session.close or desk.market.at >= session.close:
        return "the session is over"
    return "" if parent.route != Algorithm.AT_ONCE else "sent whole"


def _job(desk: Desk, parent: ParentBegun) -> Parent:
    execution = desk.mandate.execution
    return Parent(
        symbol=parent.symbol,
        side=parent.side,
        quantity=parent.quantity,
        begins=parent.at,
        ends=parent.ends,
        algorithm=Algorithm(parent.route),
        every=execution.every,
        urgency=execution.urgency,
        participation=execution.participation,
    )


def _placed(desk: Desk, parent: ParentBegun, piece: Piece, why: str) -> Step:
    order = Order(
        order_id=desk.ids.new("o"),
        account=desk.mandate.account,
        portfolio=parent.portfolio,
        strategy=parent.strategy,
        symbol=parent.symbol,
        side=parent.side,
        quantity=piece.quantity,
        effect=parent.effect,
        purpose=parent.purpose,
        type=OrderType.MARKET if piece.limit_price is None else OrderType.LIMIT,
        limit_price=piece.limit_price,
        reason=f"{piece.quantity:f} of {parent.quantity:f} of {parent.parent_id}: {parent.route}, {parent.reason}{why}",
    )
    desk.parents.coming(order.order_id, parent.parent_id)
    try:
        return desk.put((order,), (parent.event_id,))
    except DataError:
        return Step()  # without the prices that the gate needs; there is another look


def _amended(desk: Desk, parent: ParentBegun, job: Parent, state: OrderState, quote: Quote) -> Step:
    """The limit that an adaptive order has now, where the broker has confirmed what it had before."""
    price = adaptive_price(job, desk.market.at, quote, desk.market.instruments[parent.symbol])
    if state.status not in SURE or not state.acknowledged or price == state.order.limit_price:
        return Step()
    try:
        verdict = desk.judge((replace(state.order, limit_price=price),), (parent.event_id,))
    except DataError:
        return Step()
    asked = tuple(
        AmendRequested(
            event_id=f"{approved.order.order_id}/amend_requested/{approved.approval_id}",
            at=desk.market.at,
            causes=(approved.approval_id,),
            order=approved.order,
        )
        for approved in verdict.approved
    )
    # A limit that the gate would not let pay more stays where it is; no word of it is kept at every look.
    return Step(events=(*verdict.events, *asked), amends=verdict.approved) if asked else Step()


def placed(verdict: Verdict, parents: Parents, at: datetime) -> tuple[tuple[OrderPlaced, ...], AbstractSet[str]]:
    """The orders of a verdict that are sent now, and the ids of those of which only pieces will be."""
    paced = {each.order.order_id for each in verdict.approved if parents.paced(each.order.order_id)}
    events = tuple(
        OrderPlaced(event_id=each.order.order_id, at=at, causes=(each.approval_id,), order=each.order)
        for each in verdict.approved
        if each.order.order_id not in paced
    )
    return events, paced
