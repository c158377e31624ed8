"""Exits that are watched from here: a position is closed when its bid reaches the stop or the target.

They work while Bursar does. Where they should work without it, they rest at the broker: see ``protect``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bursar.domain.events import ExitTriggered
from bursar.domain.market import Quote
from bursar.domain.orders import Effect, Purpose, Side
from bursar.ledger.position import Position
from bursar.trading.mandate import Mandate
from bursar.trading.rebalance import Draft


def exit_due(
    position: Position, quote: Quote | None, mandate: Mandate, at: datetime, new_id: Callable[[str], str]
) -> tuple[ExitTriggered, Draft] | None:
    """The exit of a long position, and the order that it asks for; None where neither level is reached."""
    if quote is None or quote.bid is None or position.entry_price is None:
        return None
    stop = position.entry_price * (1 - mandate.stop_loss)
    target = position.entry_price * (1 + mandate.take_profit)
    if stop < quote.bid < target:
        return None
    lost = quote.bid <= stop
    triggered = ExitTriggered(
        event_id=new_id("x"),
        at=at,
        causes=tuple(dict.fromkeys(lot.source for lot in position.lots)),
        portfolio=mandate.portfolio,
        symbol=position.symbol,
        reason="stop loss" if lost else "take profit",
        level=stop if lost else target,
        observed=quote.bid,
    )
    draft = Draft(
        symbol=position.symbol,
        side=Side.SELL,
        quantity=position.quantity,
        effect=Effect.CLOSE,
        purpose=Purpose.EXIT,
        strategy=next((lot.strategy for lot in position.lots if lot.strategy), ""),
        reason=f"{triggered.reason}: the bid of {quote.bid} reached {triggered.level:.4f}",
    )
    return triggered, draft
