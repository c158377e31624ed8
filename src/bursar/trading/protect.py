"""Protection: a stop and a target that rest at the broker, and never more of them than is held.

A position of ours has one stop and one target, in one OCA group so that one cancels the other. They live at the
broker, so that they work while we do not. What must hold at every instant:

    what rests to close a position is never more than the position: the pair counts once, any other closing order adds

So whoever wants to sell asks ``room`` first; where there is too little, protection shrinks, the broker confirms it,
and only then the sale goes. After every change (a fill, a split, a cancellation by the broker, a restart) ``mend``
says what is to be done, one confirmed step at a time: while an answer about a symbol's protection is awaited, nothing
more is asked of it. A half pair is taken back and placed anew as a pair, since a leg that was added later would not
cancel its partner.

``Cover`` counts how long each position was without a stop for all of it: ``unprotected_seconds``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from bursar.domain.events import (
    FillCorrected,
    Filled,
    Merged,
    OptionEnded,
    PositionAdopted,
    PositionMoved,
    PositionReleased,
    Split,
    SpunOff,
    SymbolChanged,
)
from bursar.domain.instruments import Instrument
from bursar.domain.money import ZERO
from bursar.domain.orders import Effect, Order, OrderStatus, OrderType, Purpose, Side, TimeInForce
from bursar.errors import InputError
from bursar.ledger.position import Position
from bursar.trading.oms import OrderState

#: While one of these, an order's remaining quantity is what the broker said last, and what comes next is not known.
UNSURE = frozenset(
    {OrderStatus.PENDING_NEW, OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE, OrderStatus.FLAGGED}
)
#: What changes a position without an order of ours: a fill may be of somebody else's.
MOVES_POSITIONS = (
    Filled,
    FillCorrected,
    Merged,
    OptionEnded,
    PositionAdopted,
    PositionMoved,
    PositionReleased,
    Split,
    SpunOff,
    SymbolChanged,
)
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAIL, OrderType.TRAIL_LIMIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Where a position is closed, in price, on the instrument's tick."""

    stop: Decimal
    target: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A protective order that is to be placed; it becomes an ``Order`` where it gets its id and its account."""

    symbol: str
    side: Side
    quantity: Decimal
    type: OrderType
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """What is to be asked of the broker now. waits: True while an answer is awaited, or asked for here."""

    place: tuple[Wish, ...] = ()
    amend: tuple[Order, ...] = ()
    cancel: tuple[str, ...] = ()
    waits: bool = False


def levels(position: Position, stop_loss: Decimal, take_profit: Decimal, instrument: Instrument) -> Levels | None:
    """Stop and target at these fractions from the entry; None where nobody knows what the entry cost.

    Rounded to the tick that is nearer to the entry, so that no more is risked than was said.
    """
    entry = position.entry_price if position.quantity else None
    if entry is None:
        return None
    if not 0 < stop_loss < 1 or take_profit <= 0:
        raise InputError(
            f"a stop {stop_loss:%} and a target {take_profit:%} away; give more than 0, a stop below 100 %"
        )
    sign = 1 if position.quantity > 0 else -1
    stop, target = entry * (1 - sign * stop_loss), max(entry * (1 + sign * take_profit), instrument.tick)
    return Levels(stop=_toward(entry, stop, instrument), target=_toward(entry, target, instrument))


def _toward(entry: Decimal, price: Decimal, instrument: Instrument) -> Decimal:
    on_tick = instrument.on_tick(price)
    if price < entry and on_tick < price:
        return on_tick + instrument.tick
    if price > entry and on_tick > price:
        return on_tick - instrument.tick
    return on_tick


def protective(working: Iterable[OrderState]) -> tuple[OrderState, ...]:
    """Those of the working orders of one symbol that protect it."""
    return tuple(state for state in working if state.order.purpose is Purpose.PROTECTION)


def resting(working: Iterable[OrderState]) -> Decimal:
    """How much of a position may be closed by what rests for one symbol: each OCA group once, the rest added up.

    An amendment that was asked for counts with the larger of its two quantities, until it is confirmed.
    """
    groups: dict[str, Decimal] = {}
    for state in working:
        if state.order.effect is not Effect.CLOSE:
            continue
        name = state.order.oca_group or state.order.order_id
        groups[name] = max(groups.get(name, ZERO), at_most(state))
    return sum(groups.values(), ZERO)


def at_most(state: OrderState) -> Decimal:
    """What an order may still trade: a change that was asked for counts until it is confirmed, where it is larger."""
    asked = max(state.amended.quantity - state.filled, ZERO) if state.amended else ZERO
    return max(state.remaining, asked)


def room(position: Decimal, working: Sequence[OrderState]) -> Decimal:
    """How much more of ``position`` (signed) may be sent to be closed now, in shares, never below zero."""
    return max(abs(position) - resting(working), ZERO)


def mend(
    symbol: str,
    position: Decimal,
    wanted: Levels | None,
    working: Sequence[OrderState],
    *,
    kept_back: Decimal = ZERO,
) -> Mend:
    """The next step towards a stop and a target for all of ``position`` that nothing else is closing.

    position   signed; zero asks that nothing rests
    wanted     levels, or None where no one knows the entry: then what rests is kept at its prices
    working    every working order of the symbol
    kept_back  that somebody is about to sell: protection shrinks by it first
    """
    held = protective(working)
    if any(state.status in UNSURE for state in held):
        return Mend(waits=True)
    others = resting(state for state in working if state.order.purpose is not Purpose.PROTECTION)
    quantity = max(abs(position) - others - kept_back, ZERO)
    side = Side.SELL if position > 0 else Side.BUY
    pair = _pair(held, side)
    if quantity == 0 or (held and pair is None):
        return Mend(cancel=tuple(state.order.order_id for state in held), waits=bool(held))
    if pair is None:
        return Mend(place=_wishes(symbol, side, quantity, wanted)) if wanted else Mend()
    changed = tuple(
        order
        for state, price in zip(pair, (wanted.stop, wanted.target) if wanted else (None, None), strict=True)
        if (order := _changed(state, quantity, price)) != state.order
    )
    return Mend(amend=changed, waits=bool(changed))


def _pair(held: Sequence[OrderState], side: Side) -> tuple[OrderState, OrderState] | None:
    """The stop and the target, where there is one of each, on the right side and in one group."""
    stops = [state for state in held if state.order.type in STOPS]
    targets = [state for state in held if state.order.type is OrderType.LIMIT]
    if len(held) != 2 or len(stops) != 1 or len(targets) != 1:
        return None
    one_group = stops[0].order.oca_group == targets[0].order.oca_group is not None
    return (stops[0], targets[0]) if one_group and all(state.order.side is side for state in held) else None


def _wishes(symbol: str, side: Side, quantity: Decimal, wanted: Levels) -> tuple[Wish, Wish]:
    def wish(kind: OrderType, price: Decimal) -> Wish:
        return Wish(symbol=symbol, side=side, quantity=quantity, type=kind, price=price)

    # The stop first: of the two it is the one that must not be missing.
    return wish(OrderType.STOP, wanted.stop), wish(OrderType.LIMIT, wanted.target)


def _changed(state: OrderState, quantity: Decimal, price: Decimal | None) -> Order:
    """The order as it should be: ``quantity`` more of it to fill, at ``price`` where one is wanted."""
    order = replace(state.order, quantity=state.filled + quantity)
    if price is None:
        return order
    return replace(order, limit_price=price) if order.type is OrderType.LIMIT else replace(order, stop_price=price)


def as_order(
    wish: Wish, *, order_id: str, account: str, portfolio: str, strategy: str, reason: str, oca_group: str
) -> Order:
    """The order of a wish, in the group of its pair. It stays until it is canceled: positions outlive the day."""
    stop = wish.type is OrderType.STOP
    return Order(
        order_id=order_id,
        account=account,
        portfolio=portfolio,
        strategy=strategy,
        symbol=wish.symbol,
        side=wish.side,
        quantity=wish.quantity,
        effect=Effect.CLOSE,
        purpose=Purpose.PROTECTION,
        type=wish.type,
        stop_price=wish.price if stop else None,
        limit_price=None if stop else wish.price,
        time_in_force=TimeInForce.GOOD_TILL_CANCELED,
        oca_group=oca_group,
        reason=reason,
    )


class Cover:
    """How long each position was held without a resting stop for all of it, in seconds, by symbol.

    To be told of every moment at which positions or orders changed, in their order; equal tellings give equal sums,
    so that a restart counts the same, with the time that it took.
    """

    def __init__(self) -> None:
        self.unprotected_seconds: dict[str, float] = {}
        self._since: datetime | None = None
        self._bare: frozenset[str] = frozenset()

    def look(self, at: datetime, positions: Iterable[Position], working: Iterable[OrderState]) -> None:
        """Count the time since the last look, and see what is bare from now on. Hands-off positions are not ours."""
        if self._since is not None and at > self._since:
            gone = (at - self._since) / timedelta(seconds=1)
            for symbol in self._bare:
                self.unprotected_seconds[symbol] = self.unprotected_seconds.get(symbol, 0.0) + gone
        stopped: dict[str, Decimal] = {}
        for state in working:
            order = state.order
            if order.purpose is Purpose.PROTECTION and order.type in STOPS and state.acknowledged:
                stopped[order.symbol] = stopped.get(order.symbol, ZERO) + state.remaining
        self._bare = frozenset(
            position.symbol
            for position in positions
            if not position.hands_off and abs(position.quantity) > stopped.get(position.symbol, ZERO)
        )
        self._since = max(at, self._since or at)

    @property
    def bare(self) -> frozenset[str]:
        """Symbols that are held without a stop for all of them, as of the last look."""
        return self._bare
