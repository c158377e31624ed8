"""The kill: the one way to stop everything, a path of its own that no limit blocks.

    HALT     cancels every order that opens, and leaves protection and exits at work
    FLATTEN  does so, and closes every position of the sleeve by a market order

One symbol is closed in steps, so that resting exits never exceed the position: what works on it is canceled, the broker
confirms, and only then the closing order leaves. While the market is shut, or no two-sided quote comes (a halt),
protection stays where it is. Where a closing order is refused, the protection that made way for it is put back, and
the closing is tried again a while later. Hands-off positions stay, unless everything was to be closed; what the broker
and the books disagree on stays as well, and a person must look.

Nothing here looks at a limit, a price, or the journal: it goes on from what the engine remembers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from bursar.domain.events import CancelRequested, Event, KillFinished, KillForm, KillOrdered, OrderPlaced
from bursar.domain.orders import Effect, Order, OrderStatus, Purpose, Side
from bursar.ledger.position import Position
from bursar.risk.gate import judge
from bursar.trading.engine import Engine
from bursar.trading.exposure import to_close
from bursar.trading.mandate import Autonomy, Step
from bursar.trading.oms import OrderState

#: How long a cancel that was not answered, or a closing order that was refused, waits to be tried again.
RETRY = timedelta(minutes=1)
#: Of a cancel is nothing to be asked in these: it is on its way, or a person must look.
_LEFT_ALONE = frozenset({OrderStatus.PENDING_CANCEL, OrderStatus.FLAGGED})


class Killer:
    """Carries out the kill that is in force, one step at each instant, until there is nothing left to do.

    engine  whose orders and positions they are
    It remembers what it tried, so as not to flood the broker; a new one begins again, which does no harm.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tried: dict[str, datetime] = {}
        self._made_way: dict[str, dict[str, Order]] = {}
        self._sent: set[str] = set()

    def step(self) -> Step:
        """What is to be done now; nothing where no kill is in force."""
        killed = self._engine.standing.kill
        if killed is None:
            return Step()
        unwanted = [state for state in self._engine.orders.working() if state.order.opens]
        steps = [self._cancel(unwanted, killed)]
        waiting = bool(unwanted)
        if killed.form is KillForm.FLATTEN:
            for position in self._closing(killed):
                waiting = True
                steps.append(self._close(position, killed))
        if not waiting and not self._engine.standing.finished:
            steps.append(Step(events=(self._finished(killed),)))
        return Step(
            events=tuple(event for each in steps for event in each.events),
            orders=tuple(order for each in steps for order in each.orders),
            cancels=tuple(order_id for each in steps for order_id in each.cancels),
        )

    def _closing(self, killed: KillOrdered) -> Iterator[Position]:
        """Positions that a kill closes, by symbol."""
        if self._engine.mandate.autonomy is Autonomy.OBSERVE:
            return  # nothing is sent from an account that is only observed: its owner closes by hand
        broken = self._engine.breaks.symbols
        hands_off = frozenset() if killed.everything else self._engine.hands_off
        for symbol, position in sorted(self._engine.portfolio.positions.items()):
            if position.quantity and symbol not in broken and symbol not in hands_off:
                yield position

    def _close(self, position: Position, killed: KillOrdered) -> Step:
        symbol, at = position.symbol, self._engine.market.at
        working = self._engine.orders.working(symbol)
        if any(state.order.purpose is Purpose.KILL for state in working):
            return Step()
        made_way = symbol in self._made_way and not working
        if made_way and (symbol in self._sent or not self._trades(symbol)):
            self._tried[symbol] = at
            return self._protect_again(position, killed)
        if not self._trades(symbol) or self._waits(symbol):
            return Step()
        if working:
            for state in working:
                if state.order.purpose is Purpose.PROTECTION and state.status not in _LEFT_ALONE:
                    self._made_way.setdefault(symbol, {})[state.order.order_id] = state.order
            return self._cancel(working, killed)
        self._tried[symbol] = at
        self._sent.add(symbol)
        return self._place((self._order(position, killed),), killed)

    def _cancel(self, states: Sequence[OrderState], killed: KillOrdered) -> Step:
        at, events, cancels = self._engine.market.at, list[Event](), list[str]()
        for state in states:
            order_id = state.order.order_id
            if state.status in _LEFT_ALONE or self._waits(order_id):
                continue
            self._tried[order_id] = at
            cancels.append(order_id)
            events.append(
                CancelRequested(
                    event_id=self._engine.ids.new("c"),
                    at=at,
                    causes=(killed.event_id,),
                    order_id=order_id,
                    reason=f"kill: {killed.reason}",
                )
            )
        return Step(events=tuple(events), cancels=tuple(cancels))

    def _waits(self, what: str) -> bool:
        """True for what was tried a moment ago."""
        tried = self._tried.get(what)
        return tried is not None and self._engine.market.at - tried < RETRY

    def _trades(self, symbol: str) -> bool:
        """True while the market is open and both its sides are quoted: shut or halted, a closing order cannot work."""
        engine, quote = self._engine, self._engine.market.quotes.get(symbol)
        session, at = engine.session, engine.market.at
        if session is None or not session.contains(at) or quote is None or not quote.two_sided:
            return False
        return at - quote.at <= timedelta(seconds=engine.mandate.limits.quote_age_seconds_max)

    def _protect_again(self, position: Position, killed: KillOrdered) -> Step:
        """Put back the protection that made way, for as much as is held."""
        earlier = self._made_way.pop(position.symbol)
        self._sent.discard(position.symbol)
        held = abs(position.quantity)
        return self._place(
            tuple(
                replace(order, order_id=self._engine.ids.new("o"), quantity=min(order.quantity, held), parent_id=None)
                for order in earlier.values()
            ),
            killed,
        )

    def _order(self, position: Position, killed: KillOrdered) -> Order:
        mandate = self._engine.mandate
        return Order(
            order_id=self._engine.ids.new("o"),
            account=mandate.account,
            portfolio=mandate.portfolio,
            strategy=next((lot.strategy for lot in position.lots if lot.strategy), ""),
            symbol=position.symbol,
            side=Side.SELL if position.quantity > Decimal(0) else Side.BUY,
            quantity=abs(position.quantity),
            effect=Effect.CLOSE,
            purpose=Purpose.KILL,
            reason=f"kill: {killed.reason}",
        )

    def _place(self, basket: tuple[Order, ...], killed: KillOrdered) -> Step:
        """Through the gate, where one rule alone meets them: nothing closes more than is held."""
        if not basket:
            return Step()
        engine = self._engine
        seen = to_close(engine.sight(), {order.order_id for order in basket})
        if killed.everything:  # the owner said so by hand
            seen = replace(seen, hands_off=frozenset())
        verdict = judge(basket, seen, engine.mandate.limits, causes=(killed.event_id,), new_id=engine.ids.new)
        placed = tuple(
            OrderPlaced(
                event_id=approved.order.order_id,
                at=engine.market.at,
                causes=(approved.approval_id,),
                order=approved.order,
            )
            for approved in verdict.approved
        )
        return Step(events=(*verdict.events, *placed), orders=verdict.approved)

    def _finished(self, killed: KillOrdered) -> KillFinished:
        positions = self._engine.portfolio.positions
        kept = tuple(sorted(positions)) if killed.form is KillForm.FLATTEN else ()
        return KillFinished(
            event_id=f"{killed.event_id}/finished",
            at=self._engine.market.at,
            causes=(killed.event_id,),
            account=self._engine.mandate.account,
            kept=kept,
        )
