"""The exchange: a matching engine over a world, in virtual time, that plays the same game for the same commands.

It is a function of (world, terms, commands): no clock, no chance of its own, no I/O. ``replay`` builds it again
from the commands that a file kept. Rules of the house:

    market orders   fill at once at the best ask or bid while the session is open, from the opening bell
                    until just before the closing one; entered at other times they wait for the next open
    limit orders    rest, and fill at the opposite quote once it is at the limit or better
    DAY             ends with the session (with the next one when entered outside), GTC goes on
    size            any, unless ``Terms.partial_fills``: then no more than the size on display
    money           a purchase that the account cannot pay for is refused with 201; so is a sale of what it
                    does not have, unless ``Terms.shorts_allowed``. A market order that waited for the open is
                    looked at again there, since the price may have run away

What a user of it needs:

    told it    place  cancel  cancel_all  advance, or ``apply`` with any of the four as a ``Command``
    time       now  next_instant  session  open
    said by it notices (append-only; keep your own place in it)
    asked      quote  order  open_orders  completed_orders  executions  next_order_id  what_if  accounts
               ``history.bars`` and ``history.day`` (high, low, volume, the close before), and ``portfolio.py`` for
               account values, holdings and profit

Texts and codes are IBKR's where IBKR has one; none was confirmed against a real gateway.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.sessions import Session, settles_on
from bursar.errors import InputError
from bursar.gateway.account import Account
from bursar.gateway.checks import Refusal, bad_change, bad_request, waits_until
from bursar.gateway.commands import Advance, Cancel, CancelAll, Command, Place, decode
from bursar.gateway.credit import Credit
from bursar.gateway.fees import check_fees
from bursar.gateway.history import History
from bursar.gateway.notices import (
    CANCELLED,
    FILLED,
    INACTIVE,
    PRE_SUBMITTED,
    SUBMITTED,
    CommissionReported,
    Executed,
    Notice,
    Order,
    OrderOpened,
    Refused,
    StatusReported,
    WhatIf,
)
from bursar.gateway.terms import Terms
from bursar.gateway.world import World

__all__ = ["Exchange", "Terms", "WhatIf", "replay"]


class Exchange:
    """See the module. State changes in ``apply`` and what it stands for, and nowhere else."""

    def __init__(self, world: World, terms: Terms | None = None) -> None:
        self.world = world
        self.terms = terms = terms or Terms()
        check_fees(terms.fees, world)
        self.notices: list[Notice] = []
        self.accounts = {
            name: Account(name=name, cash=terms.cash, currency=terms.currency, shorts_allowed=terms.shorts_allowed)
            for name in terms.accounts
        }
        self._orders: dict[tuple[int, int], Order] = {}
        self._working: dict[int, Order] = {}
        self._executions: list[tuple[Executed, CommissionReported]] = []
        self._next_order_ids: dict[int, int] = {}
        self._first_perm_id = 1_000_000_000 + _number(terms.seed, "permId") % 1_000_000_000
        self._first_exec = _number(terms.seed, "execId")
        self._placed = 0
        self._latest: dict[str, Quote] = {}
        self.credit = Credit(world, terms.fees, self._latest)
        self.history = History(world)
        self.equity_before: dict[str, Decimal] = {}
        self._live: dict[str, Quote] = {}
        self._displayed: dict[tuple[str, str], Decimal] = {}
        self.now = world.tape.instants(world.sessions[0])[0]
        self._session_index = 0
        self._enter_session(0)

    # ------------------------------------------------------------ told

    def apply(self, command: Command) -> tuple[Quote, ...]:
        """Do what ``command`` says. Returns the quotes that changed, which only ``Advance`` makes."""
        match command:
            case Place():
                self.place(command)
            case Cancel():
                self.cancel(command)
            case CancelAll():
                self.cancel_all(command)
            case Advance():
                return self.advance()
            case _:
                assert_never(command)
        return ()

    def advance(self) -> tuple[Quote, ...]:
        """Go on to the next instant; resting orders meet the new quotes. Returns the quotes that changed.

        Raises InputError at the end of the world: ask ``next_instant`` first.
        """
        if self.next_instant is None:
            raise InputError(f"the world {self.world.name!r} ended at {self.now}")
        self._index += 1
        if self._index == len(self._instants):
            self._session_index += 1
            self._enter_session(self._session_index)
        else:
            self.now = self._instants[self._index]
            self._take(self._quotes[self._index])
        return self._quotes[self._index]

    def place(self, request: Place) -> None:
        """Take in a new order, or the change of a working one of the same client and id."""
        known = self._orders.get((request.client_id, request.order_id))
        refusal = bad_change(known, request) if known else None
        if known is None and request.order_id < self.next_order_id(request.client_id):
            refusal = 103, "Duplicate order id"
        refusal = refusal or self._invalid(request)
        if refusal:
            self._refuse(request, *refusal)
        elif known:
            self._change(known, request)
        else:
            self._enter(request)

    def cancel(self, command: Cancel) -> None:
        """Take an order back, if it still works."""
        order = self._orders.get((command.client_id, command.order_id))
        if order is None:
            text = f"OrderId {command.order_id} that needs to be cancelled is not found."
            self._refuse(command, 10147, text)
        elif order.ended:
            text = f"OrderId {command.order_id} that needs to be cancelled cannot be cancelled, state: {order.status}."
            self._refuse(command, 10148, text)
        else:
            self._cancel(order, "")

    def cancel_all(self, command: CancelAll) -> None:
        """Take back every working order of every client; ``command`` says who asked."""
        del command  # it is kept with the order log; what it does depends on nobody
        for order in tuple(self._working.values()):
            self._cancel(order, "")

    # ------------------------------------------------------------ asked

    @property
    def next_instant(self) -> datetime | None:
        """When time stops next, or None at the end of the world."""
        if self._index + 1 < len(self._instants):
            return self._instants[self._index + 1]
        if self._session_index + 1 < len(self.world.sessions):
            return self.world.tape.instants(self.world.sessions[self._session_index + 1])[0]
        return None

    @property
    def session(self) -> Session:
        """The session of the present day, open or not."""
        return self.world.sessions[self._session_index]

    @property
    def open(self) -> bool:
        """True from the opening bell until just before the closing one."""
        return self.session.contains(self.now)

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """The latest quote of each symbol that ever had one, by symbol."""
        return tuple(quote for _, quote in sorted(self._latest.items()))

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of ``symbol``, however old."""
        return self._latest.get(symbol)

    def order(self, client_id: int, order_id: int) -> Order | None:
        return self._orders.get((client_id, order_id))

    def open_orders(self, client_id: int | None = None) -> tuple[Order, ...]:
        """Working orders, of one client or of all, oldest first."""
        return tuple(each for each in self._working.values() if client_id in (None, each.request.client_id))

    def completed_orders(self) -> tuple[Order, ...]:
        """Orders that ended since midnight in the exchange's zone, in the order in which they were placed."""
        return tuple(each for each in self._orders.values() if each.ended_at and self._today(each.ended_at))

    def executions(self, client_id: int | None = None) -> tuple[tuple[Executed, CommissionReported], ...]:
        """Executions since midnight in the exchange's zone, of one client or of all, oldest first."""
        return tuple(
            pair for pair in self._executions if client_id in (None, pair[0].client_id) and self._today(pair[0].at)
        )

    def next_order_id(self, client_id: int) -> int:
        """The lowest order id that ``client_id`` may use: above all that it has used."""
        return self._next_order_ids.get(client_id, 1)

    def what_if(self, request: Place) -> WhatIf | Refused:
        """What ``request`` would cost and leave, or why it would be refused."""
        refusal = self._invalid(request) or self._unaffordable(request, request.total_quantity, perm_id=0)
        if refusal:
            return self._refused(request, *refusal)
        return self.credit.what_if(self.accounts[request.account], request, self.session.day)

    @property
    def header(self) -> str:
        """One line that names world and terms; a command log begins with it."""
        named = {"kind": "exchange", "version": 1, "world": self.world.fingerprint, "terms": repr(self.terms)}
        return json.dumps(named, sort_keys=True, separators=(",", ":"))

    # ------------------------------------------------------------ time

    def _enter_session(self, index: int) -> None:
        session = self.world.sessions[index]
        self._instants = self.world.tape.instants(session)
        if not {session.open, session.close} <= set(self._instants):
            raise InputError(f"the tape of {self.world.name!r} does not stop at both bells of {session.day}")
        self._quotes = self.world.tape.quotes(session)
        self._index = 0
        self.now = self._instants[0]
        for name, account in self.accounts.items():
            self.equity_before[name] = self.credit.net_liquidation(account)
            account.begin_day(session.day)
        self._take(self._quotes[0])

    def _take(self, quotes: tuple[Quote, ...]) -> None:
        """Let ``quotes`` become the market, open or shut, and match what rests."""
        self._latest.update((quote.symbol, quote) for quote in quotes)
        if not self.open:
            self._live.clear()
            if self.now == self.session.close:
                self._expire()
            return
        self._live.update((quote.symbol, quote) for quote in quotes)
        for quote in quotes:
            self._displayed[quote.symbol, "BUY"] = quote.ask_size
            self._displayed[quote.symbol, "SELL"] = quote.bid_size
        for order in tuple(self._working.values()):
            if order.status == PRE_SUBMITTED:
                order = self._keep(replace(order, status=SUBMITTED))
                self._report(order)
            self._match(order)

    def _expire(self) -> None:
        for order in tuple(self._working.values()):
            if order.request.tif == "DAY":
                self._cancel(order, "")

    def _today(self, at: datetime) -> bool:
        return self.session.local(at).date() == self.session.local(self.now).date()

    # ------------------------------------------------------------ orders

    def _invalid(self, request: Place) -> Refusal | None:
        return bad_request(
            request, self.world.listed.get(request.symbol), frozenset(self.accounts), self.terms.currency
        )

    def _enter(self, request: Place) -> None:
        """Give a valid request its permId, and accept it or refuse it for want of money or shares."""
        order = Order(
            request=request,
            perm_id=self._first_perm_id + self._placed,
            status=SUBMITTED if self.open else PRE_SUBMITTED,
            placed_at=self.now,
        )
        self._placed += 1
        self._next_order_ids[request.client_id] = request.order_id + 1
        if refusal := self._unaffordable(request, request.total_quantity, order.perm_id):
            self._end(order, INACTIVE, refusal)
            return
        self._hold(order)
        self._report(self._keep(order))
        if not self.open:
            upcoming = (each for each in self.world.sessions[self._session_index :] if each.open > self.now)
            self._refuse(request, *waits_until(request, next(upcoming, None)))
        self._match(order)

    def _change(self, known: Order, request: Place) -> None:
        changed = replace(known, request=request)
        refusal = self._unaffordable(request, changed.remaining, known.perm_id)
        if refusal:
            self._refuse(request, *refusal)
            return
        self._hold(changed)
        self._report(self._keep(changed))
        self._match(changed)

    def _match(self, order: Order) -> None:
        """Fill what the market gives of a working order."""
        quote = self._live.get(order.request.symbol)
        if quote is None or not quote.two_sided:
            return
        price = quote.ask if order.request.action == "BUY" else quote.bid
        assert price is not None
        if not _crosses(order.request, price):
            return
        quantity = order.remaining
        if self.terms.partial_fills:
            shown = self._displayed[order.request.symbol, order.request.action]
            quantity = self.world.listed[order.request.symbol].whole_lots(min(quantity, shown))
        if quantity == 0:
            return
        refusal = self._unaffordable(order.request, quantity, order.perm_id)
        if refusal:
            self._end(order, CANCELLED if order.filled else INACTIVE, refusal)
            return
        self._displayed[order.request.symbol, order.request.action] -= quantity
        self._fill(order, quantity, price)

    def _fill(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        request, multiplier = order.request, self.world.listed[order.request.symbol].multiplier
        filled, filled_value = order.filled + quantity, order.filled_value + quantity * price
        charged = self.terms.fees.charge(request.action, filled, filled_value * multiplier, self.session.day)
        commission = max(charged - order.commission, ZERO)
        account = self.accounts[request.account]
        realized = account.book(
            request.symbol,
            quantity if request.action == "BUY" else -quantity,
            quantity * price * multiplier,
            commission,
            settles_on(self.session.day, self.world.days),
        )
        done = filled == request.total_quantity
        order = self._keep(
            replace(
                order,
                status=FILLED if done else SUBMITTED,
                filled=filled,
                filled_value=filled_value,
                commission=order.commission + commission,
                last_fill_price=price,
                ended_at=self.now if done else None,
            )
        )
        self._hold(order)
        executed = Executed(
            at=self.now,
            client_id=request.client_id,
            order_id=request.order_id,
            perm_id=order.perm_id,
            order_ref=request.order_ref,
            exec_id=self._exec_id(),
            account=request.account,
            symbol=request.symbol,
            side="BOT" if request.action == "BUY" else "SLD",
            shares=quantity,
            price=price,
            cum_qty=filled,
            avg_price=order.avg_fill_price,
        )
        report = CommissionReported(
            at=self.now,
            client_id=request.client_id,
            exec_id=executed.exec_id,
            commission=commission,
            currency=account.currency,
            realized_pnl=realized,
        )
        self._executions.append((executed, report))
        self.notices.append(executed)
        self._report(order)
        self.notices.append(report)

    def _cancel(self, order: Order, reason: str) -> None:
        self._end(order, CANCELLED, (202, f"Order Canceled - reason:{reason}"))

    def _unaffordable(self, request: Place, quantity: Decimal, perm_id: int) -> Refusal | None:
        account = self.accounts[request.account]
        return self.credit.refusal(account, request, quantity, self.session.day, perm_id)

    def _hold(self, order: Order) -> None:
        self.credit.hold(self.accounts[order.request.account], order, self.session.day)

    def _end(self, order: Order, status: str, why: Refusal) -> None:
        """Nothing more of ``order`` will trade."""
        order = self._keep(replace(order, status=status, ended_at=self.now))
        self._hold(order)
        self._refuse(order.request, *why)
        self._report(order)

    def _keep(self, order: Order) -> Order:
        self._orders[order.key] = order
        if order.ended:
            self._working.pop(order.perm_id, None)
        else:
            self._working[order.perm_id] = order
        return order

    # ------------------------------------------------------------ saying

    def _report(self, order: Order) -> None:
        self.notices.append(OrderOpened(at=self.now, order=order))
        self.notices.append(StatusReported(at=self.now, order=order))

    def _refuse(self, about: Place | Cancel, code: int, text: str) -> None:
        self.notices.append(self._refused(about, code, text))

    def _refused(self, about: Place | Cancel, code: int, text: str) -> Refused:
        return Refused(at=self.now, client_id=about.client_id, order_id=about.order_id, code=code, text=text)

    def _exec_id(self) -> str:
        number = (self._first_exec + len(self._executions)) % 2**32
        return f"0000e0d5.{number:08x}.01.01"


def replay(world: World, terms: Terms, lines: Iterable[str]) -> Exchange:
    """The exchange that a command log leads to; ``lines`` begin with the header of the exchange that it is of.

    Raises InputError where the log is of another world or other terms.
    """
    exchange = Exchange(world, terms)
    log = iter(lines)
    header = next(log, None)
    if header != exchange.header:
        raise InputError(
            f"this log of commands is not of the world {world.name!r} on these terms; it begins {str(header)[:120]!r}"
        )
    for line in log:
        exchange.apply(decode(line))
    return exchange


def _crosses(request: Place, price: Decimal) -> bool:
    """True when ``price``, at which it can be had, is within the limit."""
    if request.lmt_price is None:
        return True
    return price <= request.lmt_price if request.action == "BUY" else price >= request.lmt_price


def _number(seed: int, what: str) -> int:
    """32 bits that depend on the seed alone."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{what}".encode(), digest_size=4).digest(), "big")
