"""What our books and the broker disagree on, and until when: comparing, and a fold over breaks.

Each comparison holds four things against each other: the ledger's positions and cash, the orders that work, the
executions of the day, and what the broker says of each of them. A difference is a Break that names both sides. Nothing
is traded on its symbol while it is open; a difference in cash stops purchases.

    what                  who explains it
    position, cash,       nobody has to: when a later comparison finds both sides equal, that explains it
    execution, order      (the fill that was missing came, the order was found)
    flagged order         the broker, when it tells at last what became of the order, or a person
    overfill              a person: the broker did more than was asked
    trade by hand         a person: the books hold it already, and nobody knows yet whose it is

A person explains with ``settled``. What both sides still differ on would be found again at the next comparison, so
there the books must follow the broker, which a person has to say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bursar.domain.accounts import AccountSnapshot, BrokerOrder
from bursar.domain.events import (
    BreakExplained,
    BreakFound,
    Deposited,
    Event,
    Filled,
    OrderCanceled,
    OrderFlagged,
    PositionAdopted,
    PositionReleased,
)
from bursar.domain.money import ZERO, Money
from bursar.domain.orders import OrderStatus, execution_root
from bursar.errors import BrokerError, InputError
from bursar.ledger.book import Book
from bursar.trading.oms import Change, Orders

#: Cash may differ by less than this in any currency: brokers round at other places than we do.
CASH_TOLERANCE = Decimal(1)
#: What a person alone can explain.
BY_HAND, OVERFILL, FLAGGED = "trade by hand", "overfill", "flagged order"
#: Who explains what explains itself.
BURSAR = "bursar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing on which the two sides disagree. ``symbol`` is empty for cash."""

    what: str
    symbol: str
    ours: str
    theirs: str


def compare(
    book: Book, orders: Orders, snapshot: AccountSnapshot, account: str, today: tuple[datetime, datetime]
) -> tuple[Difference, ...]:
    """All differences, positions first. To be asked when everything that the broker reported is booked.

    today  both midnights of the exchange's zone: of what was before the first, no broker tells executions

    Raises BrokerError when another account answered: nothing it says is about us.
    """
    if snapshot.account != account:
        raise BrokerError(f"account {snapshot.account} answered for {account}; check the login and account.account_id")
    unbooked = _unbooked(orders, snapshot)
    under_way = {each.symbol for each in snapshot.executions if each.execution_id in unbooked & snapshot.waiting}
    return (
        *(each for each in _positions(book, snapshot, account) if each.symbol not in under_way),
        *_executions(orders, snapshot, unbooked, today),
        *_open_orders(orders, snapshot, under_way),
        *(() if unbooked else _cash(book, snapshot, account)),
    )


def _positions(book: Book, snapshot: AccountSnapshot, account: str) -> Iterator[Difference]:
    theirs = {position.symbol: position.quantity for position in snapshot.positions if position.quantity}
    ours: dict[str, Decimal] = {}
    for portfolio in book.of_account(account):
        for symbol, position in portfolio.positions.items():
            ours[symbol] = ours.get(symbol, ZERO) + position.quantity
    for symbol in sorted(ours.keys() | theirs.keys()):
        held, told = ours.get(symbol, ZERO), theirs.get(symbol, ZERO)
        if held != told:
            yield Difference(what="position", symbol=symbol, ours=_text(held), theirs=_text(told))


def _unbooked(orders: Orders, snapshot: AccountSnapshot) -> frozenset[str]:
    """Executions that the broker lists and nobody booked, neither as they are nor as they were corrected."""
    return frozenset(each for each in snapshot.execution_ids if not orders.booked(each))


def cash_agrees(differences: Sequence[Difference], orders: Orders, snapshot: AccountSnapshot) -> bool:
    """True where cash was compared and is equal. While an execution is not booked, nobody can tell."""
    return all(each.symbol for each in differences) and not _unbooked(orders, snapshot)


def _executions(
    orders: Orders, snapshot: AccountSnapshot, unbooked: frozenset[str], today: tuple[datetime, datetime]
) -> Iterator[Difference]:
    for each in snapshot.executions:
        if each.execution_id in unbooked:
            why = "its commission is not known" if each.execution_id in snapshot.waiting else "never reported"
            what = f"execution {each.execution_id}"
            yield Difference(what=what, symbol=each.symbol, ours=f"not booked: {why}", theirs="executed")
    listed = {execution_root(each) for each in snapshot.execution_ids}
    for execution_id, execution in orders.executed_between(*today):
        if execution.quantity and execution_root(execution_id) not in listed:
            what = f"execution {execution_id}"
            yield Difference(what=what, symbol=execution.symbol, ours=str(execution.quantity), theirs="not listed")


def _open_orders(orders: Orders, snapshot: AccountSnapshot, under_way: set[str]) -> Iterator[Difference]:
    for theirs in snapshot.open_orders:
        symbol, told = theirs.symbol, f"{theirs.status}, {theirs.remaining} left, permId {theirs.permanent_id}"
        if not theirs.order_id:
            what = f"order by hand, permId {theirs.permanent_id}"
            yield Difference(what=what, symbol=symbol, ours="none", theirs=told)
        elif theirs.order_id not in orders:
            yield Difference(what=f"order {theirs.order_id}", symbol=symbol, ours="never placed", theirs=told)
        elif symbol not in under_way and (ours := _disagrees(orders, theirs)):
            yield Difference(what=f"order {theirs.order_id}", symbol=symbol, ours=ours, theirs=told)


def _disagrees(orders: Orders, theirs: BrokerOrder) -> str:
    """What we hold of an order that the broker lists otherwise; empty where both agree."""
    ours = orders[theirs.order_id]
    told = f"{ours.status}, {ours.remaining} left, permId {ours.permanent_id}"
    if not ours.working or (ours.permanent_id and ours.permanent_id != theirs.permanent_id):
        return told
    total = theirs.filled + theirs.remaining
    sizes = {ours.order.quantity, ours.amended.quantity if ours.amended else ours.order.quantity}
    # Before its first status an order is listed without any size.
    # A change that is under way and never arrives leaves the size of before, and that is what fills made smaller.
    fits = any(0 <= size - total <= orders.reduced(ours) for size in sizes)
    return told if total and (theirs.filled != ours.filled or not fits) else ""


def _cash(book: Book, snapshot: AccountSnapshot, account: str) -> Iterator[Difference]:
    ours: dict[str, Decimal] = {}
    for portfolio in book.of_account(account):
        for currency, amount in portfolio.cash.items():
            ours[currency] = ours.get(currency, ZERO) + amount
    for currency in sorted(ours.keys() | snapshot.cash.keys()):
        held, told = ours.get(currency, ZERO), snapshot.cash.get(currency, ZERO)
        if abs(held - told) >= CASH_TOLERANCE:
            yield Difference(what=f"cash in {currency}", symbol="", ours=_text(held), theirs=_text(told))


class Breaks:
    """Which breaks are open: a fold over the journal."""

    def __init__(self) -> None:
        self.open: dict[str, BreakFound] = {}
        self._owed: dict[str, BreakFound] = {}

    def apply(self, event: Event, change: Change | None, symbol: str, account: str) -> None:
        """Take one committed event, and what it did to an order of ``symbol``, if to any."""
        match event:
            case BreakFound():
                self.open[event.event_id] = event
                self._owed.pop(event.event_id, None)
            case BreakExplained(break_id=break_id):
                self.open.pop(break_id, None)
            case Filled(order_id="", quantity=quantity, side=side, symbol=traded):
                self._owe(event, event.account, traded, BY_HAND, "no order of ours", f"{side} {quantity}")
            case _:
                pass
        if change and change.after is OrderStatus.FLAGGED:
            more = change.filled > change.quantity
            if more or change.before is not OrderStatus.FLAGGED:
                reason = event.reason if isinstance(event, OrderFlagged) else f"{change.filled} of {change.quantity}"
                ours = f"{change.order_id}: {reason}" if not more else f"{change.order_id} for {change.quantity}"
                theirs = f"{change.filled} filled" if more else "not known"
                self._owe(event, account, symbol, OVERFILL if more else FLAGGED, ours, theirs, change.order_id)

    def _owe(self, event: Event, account: str, symbol: str, what: str, ours: str, theirs: str, order: str = "") -> None:
        found = BreakFound(
            event_id=f"break/{event.event_id}",
            at=event.at,
            causes=(event.event_id, order) if order else (event.event_id,),
            account=account,
            symbol=symbol,
            what=what,
            ours=ours,
            theirs=theirs,
        )
        self._owed[found.event_id] = found

    def named(self, name: str) -> BreakFound:
        """The open break of that short name or id. Raises InputError with those that there are."""
        for found in self.open.values():
            if name in (found.event_id, short(found)):
                return found
        there = ", ".join(f"{short(each)} ({each.symbol or 'cash'}: {each.what})" for each in self.open.values())
        raise InputError(f"no break {name!r} is open; open are {there or 'none'}: bursar breaks")

    @property
    def owed(self) -> tuple[BreakFound, ...]:
        """Breaks that follow from what was absorbed, and are to be journalled before anything else is done."""
        return tuple(self._owed.values())

    @property
    def symbols(self) -> frozenset[str]:
        """What is not to be traded."""
        return frozenset(found.symbol for found in self.open.values() if found.symbol)

    @property
    def cash_in_doubt(self) -> bool:
        """True while nobody knows how much cash there is: nothing is bought."""
        return any(not found.symbol for found in self.open.values())

    def found(self, differences: Sequence[Difference], orders: Orders, account: str, at: datetime) -> tuple[Event, ...]:
        """What a whole comparison leads to: new breaks, and the explanation of those that are none any more."""
        now = {(each.what, each.symbol): each for each in differences}
        known = {(each.what, each.symbol): each for each in self.open.values()}
        new = [each for key, each in now.items() if key not in known or _differs(known[key], each)]
        events: list[Event] = [_explained(each, "both sides agree", at) for each in self._over(now, orders)]
        for each in new:
            before = known.get((each.what, each.symbol))
            if before is not None:
                events.append(_explained(before, f"it became {each.ours} against {each.theirs}", at))
            events.append(_break(each, account, at))
        return tuple(events)

    def _over(self, now: Iterable[tuple[str, str]], orders: Orders) -> Iterator[BreakFound]:
        """Open breaks that a comparison with the differences ``now`` explains."""
        differing = {symbol for _, symbol in now}
        for found in self.open.values():
            if found.what == FLAGGED:
                if orders[found.causes[1]].status is not OrderStatus.FLAGGED and found.symbol not in differing:
                    yield found
            elif found.what not in (BY_HAND, OVERFILL) and (found.what, found.symbol) not in now:
                yield found


def short(found: BreakFound) -> str:
    """A name of a break that a person can type; the same in every reading of the journal."""
    return hashlib.blake2b(found.event_id.encode(), digest_size=4).hexdigest()


def settled(
    found: BreakFound, because: str, by: str, at: datetime, cause: str, *, portfolio: str, take_theirs: bool
) -> tuple[Event, ...]:
    """What a person's explanation leads to: the break is closed, and what it was about no longer stands in the way.

    take_theirs  the books follow the broker, where both sides still differ on a position or on cash: shares come in
                 hands-off and without a cost, or leave at cost; cash comes in or leaves as a deposit

    Raises InputError for no reason, and for a difference that would be found again.
    """
    if not because.strip():
        raise InputError("say why: an explanation without a reason explains nothing")
    explained = BreakExplained(
        event_id=f"{found.event_id}/explained",
        at=at,
        causes=(found.event_id, cause),
        break_id=found.event_id,
        explanation=because.strip(),
        by=by,
    )
    if found.what in (BY_HAND, OVERFILL):
        return (explained,)
    if found.what == FLAGGED:
        order_id = found.causes[1]
        reason = f"settled by {by}: {because.strip()}"
        ended = OrderCanceled(
            event_id=f"{order_id}/settled/{short(found)}", at=at, causes=(cause,), order_id=order_id, reason=reason
        )
        return explained, ended
    if not take_theirs:
        raise InputError(
            f"{found.symbol or 'cash'}: the books say {found.ours} and the broker {found.theirs}, which the next "
            "comparison would find again; say that the books shall follow the broker, or wait until they agree"
        )
    return (*_following(found, at, cause, portfolio), explained)


def _following(found: BreakFound, at: datetime, cause: str, portfolio: str) -> tuple[Event, ...]:
    """What makes the books say what the broker says. Raises InputError for what is no amount."""
    name, account = f"{found.event_id}/followed", found.account
    if found.what == "position":
        change = Decimal(found.theirs) - Decimal(found.ours)
        if Decimal(found.ours) * change < 0:
            if abs(change) > abs(Decimal(found.ours)):
                raise InputError(f"{found.symbol} changed sides, which no transfer explains; book its trades")
            released = PositionReleased(
                event_id=name, at=at, causes=(cause,), account=account, portfolio=portfolio, symbol=found.symbol,
                quantity=abs(change),
            )  # fmt: skip
            return (released,)
        adopted = PositionAdopted(
            event_id=name, at=at, causes=(cause,), account=account, portfolio=portfolio, symbol=found.symbol,
            quantity=change, hands_off=True,
        )  # fmt: skip
        return (adopted,)
    if found.what.startswith("cash in "):
        amount = Money(Decimal(found.theirs) - Decimal(found.ours), found.what.removeprefix("cash in "))
        return (Deposited(event_id=name, at=at, causes=(cause,), account=account, portfolio=portfolio, amount=amount),)
    raise InputError(f"{found.what} is nothing that the books could follow; it ends when the broker says the same")


def _text(number: Decimal) -> str:
    """Without zeros that say nothing, and without an exponent."""
    return format(number.normalize(), "f")


def _differs(found: BreakFound, difference: Difference) -> bool:
    return (found.ours, found.theirs) != (difference.ours, difference.theirs)


def _break(each: Difference, account: str, at: datetime) -> BreakFound:
    name = f"{each.symbol}/{each.what}" if each.symbol else each.what
    return BreakFound(
        event_id=f"break/{account}/{name}/{at:%Y-%m-%dT%H:%M:%SZ}/{each.ours} against {each.theirs}",
        at=at,
        account=account,
        symbol=each.symbol,
        what=each.what,
        ours=each.ours,
        theirs=each.theirs,
    )


def _explained(found: BreakFound, explanation: str, at: datetime) -> BreakExplained:
    return BreakExplained(
        event_id=f"{found.event_id}/explained",
        at=at,
        causes=(found.event_id,),
        break_id=found.event_id,
        explanation=explanation,
        by=BURSAR,
    )
