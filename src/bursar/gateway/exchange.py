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

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from bursar.domain.market import Quote
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.account import Account, open_accounts
from bursar.gateway.checks import Refusal, bad_change, bad_request, waits_until
from bursar.gateway.commands import Advance, Cancel, CancelAll, Command, Correct, Doom, Hit, Place, decode
from bursar.gateway.credit import Credit
from bursar.gateway.fees import check_fees
from bursar.gateway.history import History
from bursar.gateway.liquidation import closing_order, next_closing
from bursar.gateway.matching.deals import Deal, Deals
from bursar.gateway.matching.market import Market
from bursar.gateway.matching.orders import Orders
from bursar.gateway.notices import (
    CANCELLED,
    INACTIVE,
    PRE_SUBMITTED,
    SUBMITTED,
    Notice,
    Order,
    OrderOpened,
    Refused,
    StatusReported,
    WhatIf,
)
from bursar.gateway.overnight import Overnight
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
        self.accounts = open_accounts(terms)
        self.orders = Orders(terms.seed)
        self._market = Market()
        self.credit = Credit(world, terms.fees, self._market.latest, terms.currency, terms.conversion)
        self.overnight = Overnight(world, terms, self.credit, self.accounts)
        self.deals = Deals(world, self.credit, self.accounts, terms.seed)
        self.history = History(world)
        self.equity_before: dict[str, Decimal] = {}
        self._doomed: dict[int, Refusal] = {}
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
            case Hit():
                self.hit(command)
            case Doom():
                self._doomed[command.client_id] = (command.code, command.text)
            case Correct():
                self.correct(command)
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
        known = self.orders.known(request.client_id, request.order_id)
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
        order = self.orders.known(command.client_id, command.order_id)
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
        for order in self.orders.working:
            self._cancel(order, "")

    def hit(self, command: Hit) -> None:
        """Fill so much of a working order at its limit, or where the market is; nothing while the market is shut."""
        order = self.orders.known(command.client_id, command.order_id)
        if order is None or order.ended or not self.open:
            return
        price = order.request.lmt_price or self._market.price(order.request)
        if price is not None:
            self._fill(order, min(command.total_quantity, order.remaining), price)

    def correct(self, command: Correct) -> None:
        """Take an execution back and tell it again at another price; nothing where there is none of that id."""
        deal = self.deals.find(command.exec_id)
        order = self.orders.known(deal[0].client_id, deal[0].order_id) if deal else None
        if deal is None or order is None:
            return
        order, (executed, report) = self.deals.correct(order, deal, command.price, at=self.now, day=self.session.day)
        self.orders.keep(order)
        self.notices += (executed, report)

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
        return tuple(quote for _, quote in sorted(self._market.latest.items()))

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of ``symbol``, however old."""
        return self._market.latest.get(symbol)

    def order(self, client_id: int, order_id: int) -> Order | None:
        return self.orders.known(client_id, order_id)

    def open_orders(self, client_id: int | None = None) -> tuple[Order, ...]:
        """Working orders, of one client or of all, oldest first."""
        return tuple(each for each in self.orders.working if client_id in (None, each.request.client_id))

    def completed_orders(self) -> tuple[Order, ...]:
        """Orders that ended since midnight in the exchange's zone, in the order in which they were placed."""
        return tuple(each for each in self.orders.all if each.ended_at and self._today(each.ended_at))

    def executions(self, client_id: int | None = None) -> tuple[Deal, ...]:
        """Executions since midnight in the exchange's zone, of one client or of all, oldest first."""
        return tuple(
            pair for pair in self.deals.all if client_id in (None, pair[0].client_id) and self._today(pair[0].at)
        )

    def next_order_id(self, client_id: int) -> int:
        """The lowest order id that ``client_id`` may use: above all that it has used."""
        return self.orders.next_id(client_id)

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
            if index:
                self.overnight.close(account, self.world.sessions[index - 1].day, session.day)
            self.equity_before[name] = self.credit.net_liquidation(account)
            account.begin_day(session.day)
            self.overnight.begin(account, session.day)
        self._take(self._quotes[0])

    def _take(self, quotes: tuple[Quote, ...]) -> None:
        """Let ``quotes`` become the market, open or shut, and match what rests."""
        if not self.open:
            self._market.see(quotes)
            self._market.shut()
            if self.now == self.session.close:
                self._expire()
            return
        self._market.take(quotes)
        for order in self.orders.working:
            if order.status == PRE_SUBMITTED:
                order = self.orders.keep(replace(order, status=SUBMITTED))
                self._report(order)
            self._match(order)
        if self.terms.margin is not None:
            for account in self.accounts.values():
                self._liquidate(account)

    def _liquidate(self, account: Account) -> None:
        """Close positions of ``account`` until its equity covers maintenance margin: see ``liquidation``."""
        while (closing := next_closing(account, self.credit, self._market, self.world, self.session.day)) is not None:
            for order in self.orders.working:
                if order.request.account == account.name:
                    self._cancel(order, "Liquidation")
            request = closing_order(account, closing, self.orders.next_manual_id)
            order = self.orders.keep(self.orders.taken(request, SUBMITTED, self.now))
            self._report(order)
            price = self._market.price(request)
            assert price is not None, "only what can be dealt at is closed"
            self._market.deal(request, closing.quantity)
            self._fill(order, closing.quantity, price)

    def _expire(self) -> None:
        for order in self.orders.working:
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
        order = self.orders.taken(request, SUBMITTED if self.open else PRE_SUBMITTED, self.now)
        doom = self._doomed.pop(request.client_id, None)
        if refusal := doom or self._unaffordable(request, request.total_quantity, order.perm_id):
            self._end(order, INACTIVE, refusal)
            return
        self._hold(order)
        self._report(self.orders.keep(order))
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
        self._report(self.orders.keep(changed))
        self._match(changed)

    def _match(self, order: Order) -> None:
        """Fill what the market gives of a working order."""
        price = self._market.price(order.request)
        if price is None or not _crosses(order.request, price):
            return
        quantity = order.remaining
        if self.terms.partial_fills:
            shown = self._market.displayed(order.request)
            quantity = self.world.listed[order.request.symbol].whole_lots(min(quantity, shown))
        if quantity == 0:
            return
        refusal = self._unaffordable(order.request, quantity, order.perm_id)
        if refusal:
            self._end(order, CANCELLED if order.filled else INACTIVE, refusal)
            return
        self._market.deal(order.request, quantity)
        self._fill(order, quantity, price)

    def _fill(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        order, (executed, report) = self.deals.book(order, quantity, price, at=self.now, day=self.session.day)
        self._hold(self.orders.keep(order))
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
        order = self.orders.end(order, status, self.now)
        self._hold(order)
        self._refuse(order.request, *why)
        self._report(order)

    # ------------------------------------------------------------ saying

    def _report(self, order: Order) -> None:
        self.notices.append(OrderOpened(at=self.now, order=order))
        self.notices.append(StatusReported(at=self.now, order=order))

    def _refuse(self, about: Place | Cancel, code: int, text: str) -> None:
        self.notices.append(self._refused(about, code, text))

    def _refused(self, about: Place | Cancel, code: int, text: str) -> Refused:
        return Refused(at=self.now, client_id=about.client_id, order_id=about.order_id, code=code, text=text)


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
