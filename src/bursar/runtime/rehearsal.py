"""A dry run: what would be sent at the next decision on an account, by the loop that would send it.

It is the same engine, the same strategies and the same gate, over a copy of the journal that is forgotten afterwards
and a broker that takes nothing (``seal.Rehearsed``). The day's tasks are done at the moment of the next decision, at
the prices of now: where the market is shut they are those of the last quotes, or else of the last closes, and that is
said. What a kill in force would close is shown as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bursar.adapters.memory import MemoryJournal
from bursar.domain.events import (
    Approved,
    Check,
    Decided,
    DecisionSkipped,
    Event,
    OrderPlaced,
    Rejected,
    TradingState,
    TradingStateChanged,
)
from bursar.domain.market import Quote, Slice
from bursar.domain.money import ZERO
from bursar.domain.orders import Order
from bursar.domain.targets import Target
from bursar.errors import DataError
from bursar.ports import Feed, Journal
from bursar.quant.costs import half_spread_cost
from bursar.runtime.account import Account, connected, loop
from bursar.runtime.loop import Loop
from bursar.runtime.seal import Rehearsed
from bursar.runtime.switch import Switch
from bursar.trading.agenda import Task
from bursar.trading.engine import Engine
from bursar.trading.exposure import last_closes
from bursar.trading.mandate import Autonomy

#: How often prices are looked for, and how many steps a decision may take: protection first makes way.
LOOKS, ROUNDS = 10, 10


class Prices(StrEnum):
    """What a rehearsal goes by."""

    LIVE = "quotes of this moment"
    LAST = "the last quotes, taken for those of the decision"
    CLOSES = "the last closes where there is no quote, taken for those of the decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """An order that would be sent. notional, cost: in the base currency; the cost is half a spread and the fees.

    first_asked  the broker would be asked about it first, and may refuse it
    """

    order: Order
    price: Decimal
    notional: Decimal
    cost: Decimal
    checks: tuple[Check, ...]
    first_asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A symbol that no order of the decision may touch, and why, in words."""

    symbol: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What would happen at ``decision_at``.

    at       when it was asked, by the broker's clock
    equity   of what is managed; cash that purchases may use
    targets  what the strategies want to hold
    skipped  why nothing was decided or sent; empty where something was
    left_out what is hands-off, or held outside of the sleeve
    """

    account: str
    currency: str
    at: datetime
    decision_at: datetime
    prices: Prices
    autonomy: Autonomy
    state: TradingState
    equity: Decimal
    cash: Decimal
    targets: tuple[Target, ...] = ()
    orders: tuple[Intended, ...] = ()
    refused: tuple[Rejected, ...] = ()
    skipped: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    simulated: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


async def rehearse(account: Account, journal: Journal, every_seconds: float) -> Rehearsal:
    """Play the next decision through. Nothing is sent, and ``journal`` stays as it is.

    Raises DataError where the prices that strategies read are not those of the last session, or no session is left.
    """
    account.require_prices()
    account = replace(account, mandate=replace(account.mandate, autonomy=Autonomy.AUTOMATIC))
    copy = MemoryJournal()
    await copy.append([recorded.event for recorded in journal.read()])
    held = [recorded.event for recorded in copy.read()]
    async with connected(account, held, every_seconds) as (broker, feed):
        now = [account.place.at]
        rehearsed = Rehearsed(broker, lambda: now[0])
        run = await loop(account, feed, rehearsed, copy)
        run.switch = Switch(account.home)
        at = await _look(run, feed, len(account.instruments))
        before = sum(1 for _ in copy.read())
        decision_at = account.mandate.agenda.next_trade(run.engine.sessions, at, run.engine.done)
        if decision_at is None:
            raise DataError(f"no decision follows {at}: the calendar ends")
        quotes, prices = _quotes(run.engine, at, decision_at)
        now[0] = decision_at
        await _decide(run, Slice(at=decision_at, quotes=quotes))
    events = [recorded.event for recorded in copy.read(before + 1)]
    return _told(account, run.engine, events, rehearsed, at, decision_at, prices)


async def _look(run: Loop, feed: Feed, wanted: int) -> datetime:
    """Reconcile, and take in the present prices, without doing any task of the day; when that was."""
    run.finished = lambda: True  # once the books were held against the broker, nothing more is done
    await run.start()
    looks = 0
    async for market in feed:
        await run.look(market)
        looks += 1
        known = sum(quote.two_sided for quote in run.engine.market.quotes.values())
        if run.reconciled and (known >= wanted or looks >= LOOKS):
            break
    run.finished = lambda: False
    return run.engine.market.at


def _quotes(engine: Engine, at: datetime, decision_at: datetime) -> tuple[tuple[Quote, ...], Prices]:
    """The market at the decision, as far as it can be told now, and what it is told from."""
    market, session = engine.market, engine.session
    open_now = session is not None and session.contains(at)
    prices = Prices.LIVE if open_now and decision_at == at else Prices.LAST
    quotes = dict(market.quotes)
    if not open_now:
        for symbol, close in last_closes(market.closes).items():
            if symbol not in quotes or not quotes[symbol].two_sided:
                quotes[symbol] = Quote(symbol=symbol, at=at, known_at=at, bid=close, ask=close, last=close)
                prices = Prices.CLOSES
    if prices is Prices.LIVE:
        return (), prices
    return tuple(replace(quote, at=decision_at, known_at=decision_at) for quote in quotes.values()), prices


async def _decide(run: Loop, market: Slice) -> None:
    """Do the tasks of the day at one moment, again until orders would have been sent: protection first makes way."""
    run.compare_every = timedelta.max
    for _ in range(ROUNDS):
        await run.look(market)
        session = run.engine.session
        if session is None or Task.TRADE in run.engine.done(session.day):
            return


def _told(
    account: Account,
    engine: Engine,
    events: Sequence[Event],
    rehearsed: Rehearsed,
    at: datetime,
    decision_at: datetime,
    prices: Prices,
) -> Rehearsal:
    checks = {event.order_id: event.checks for event in events if isinstance(event, Approved)}
    asked = {order.order_id for order in rehearsed.asked}
    placed = [event.order for event in events if isinstance(event, OrderPlaced)]
    skipped = [event.reason for event in events if isinstance(event, DecisionSkipped)]
    stopped = [f"{event.state}: {event.reason}" for event in events if isinstance(event, TradingStateChanged)]
    if engine.standing.state is TradingState.HALTED and not stopped:
        stopped = ["halted: nothing opens until a person re-arms the account (bursar rearm)"]
    decided = next((event for event in events if isinstance(event, Decided)), None)
    quotes = engine.market.quotes
    return Rehearsal(
        account=account.mandate.account,
        currency=account.mandate.base_currency,
        at=at,
        decision_at=decision_at,
        prices=prices,
        autonomy=Autonomy(account.settings.strategy.autonomy),
        state=engine.standing.state,
        equity=engine.valuation().net_asset_value,
        cash=engine.spendable(),
        targets=decided.targets if decided else (),
        orders=tuple(
            _intended(order, quotes, account, checks.get(order.order_id, ()), first_asked=order.order_id in asked)
            for order in placed
        ),
        refused=tuple(event for event in events if isinstance(event, Rejected)),
        skipped=(*stopped, *skipped),
        changes=tuple(dict.fromkeys(rehearsed.changes)),
        left_out=left_out(engine),
    )


def left_out(engine: Engine) -> tuple[LeftOut, ...]:
    """What no decision of ``engine`` touches, by symbol."""
    mandate, found = engine.mandate, dict[str, str]()
    for book in engine.book.of_account(mandate.account):
        for symbol, position in book.positions.items():
            if position.hands_off:
                found[symbol] = f"{position.quantity:f} were there before Bursar and are hands-off"
            elif book.portfolio != mandate.portfolio:
                found[symbol] = f"{position.quantity:f} are held outside of the sleeve, and stay"
    found |= dict.fromkeys(mandate.hands_off, "it is named by sleeve.hands_off")
    return tuple(LeftOut(symbol=symbol, why=why) for symbol, why in sorted(found.items()))


def _intended(
    order: Order, quotes: Mapping[str, Quote], account: Account, checks: tuple[Check, ...], *, first_asked: bool
) -> Intended:
    quote, multiplier = quotes[order.symbol], account.instruments[order.symbol].multiplier
    notional = order.quantity * quote.mid * multiplier
    spread = ZERO
    if quote.bid is not None and quote.ask is not None:
        spread = half_spread_cost(order.quantity * multiplier, quote.bid, quote.ask)
    return Intended(
        order=order,
        price=quote.mid,
        notional=notional,
        cost=spread + max(notional * account.mandate.cost_rate, account.mandate.cost_minimum),
        checks=checks,
        first_asked=first_asked,
    )
