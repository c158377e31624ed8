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
from bisect import bisect_left
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import assert_never

from bursar.domain.market import Quote
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.account import Account, open_accounts
from bursar.gateway.advisers import Advice
from bursar.gateway.checks import invalid
from bursar.gateway.commands import (
    Advance,
    Bind,
    ByHand,
    Cancel,
    CancelAll,
    Command,
    Correct,
    Doom,
    Hit,
    Place,
    ReplaceFA,
    RollBack,
    decode,
)
from bursar.gateway.credit import Credit
from bursar.gateway.fees import check_fees
from bursar.gateway.history import History
from bursar.gateway.liquidation import closing_order, next_closing
from bursar.gateway.locates import Locates
from bursar.gateway.matching import interventions
from bursar.gateway.matching.corporate import Corporate
from bursar.gateway.matching.deals import Deal, Deals
from bursar.gateway.matching.floor import Floor
from bursar.gateway.matching.hours import Hours
from bursar.gateway.matching.liquidity import Depth
from bursar.gateway.matching.market import Market
from bursar.gateway.matching.orders import Orders
from bursar.gateway.notices import HoldingChanged, Notice, Order, Refused, WhatIf
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
        self._hours = Hours(world)
        self.history = History(world)
        depth = Depth(terms.liquidity, self._printed) if terms.liquidity else None
        self._market = Market(display_only=terms.partial_fills, depth=depth)
        locates = Locates(terms.lending, self.accounts)
        self.credit = Credit(world, terms.fees, self._market.latest, terms.currency, terms.conversion, locates)
        self.overnight = Overnight(world, terms, self.credit, self.accounts)
        self.equity_before: dict[str, Decimal] = {}
        self.advice = Advice(self.accounts)
        self._floor = Floor(
            world,
            terms,
            self._hours,
            self._market,
            self.accounts,
            self.credit,
            self.history,
            self.notices,
            self.advice,
        )
        self._corporate = Corporate(world, self.accounts, self._market, self._clear, self._changed)
        self._begin_day()

    # ------------------------------------------------------------ told

    def apply(self, command: Command) -> tuple[Quote, ...]:
        """Do what ``command`` says. Returns the quotes that changed, which only ``Advance`` makes."""
        match command:
            case ByHand():
                interventions.by_hand(self._floor, command)
            case Place():
                self.place(command)
            case Bind():
                self.orders.auto_bind = self.orders.auto_bind or command.auto
                interventions.bind(self._floor)
            case RollBack():
                self.orders.roll_back()
            case Cancel():
                self.cancel(command)
            case CancelAll():
                self.cancel_all(command)
            case Advance():
                return self.advance()
            case Hit():
                interventions.hit(self._floor, command)
            case Doom():
                self._floor.doom(command)
            case Correct():
                interventions.correct(self._floor, command)
            case ReplaceFA():
                self.advice.replace(command.kind_of_data, command.xml)
            case _:
                assert_never(command)
        return ()

    def advance(self) -> tuple[Quote, ...]:
        """Go on to the next instant; resting orders meet the new quotes. Returns the quotes that changed.

        Raises InputError at the end of the world: ask ``next_instant`` first.
        """
        before = self.session.day
        if self._hours.advance():
            self._begin_day(before)
        else:
            self._move()
        return self._hours.quotes

    def place(self, request: Place) -> None:
        """Take in a new order, or the change of a working one of the same client and id."""
        self._floor.place(request)

    def cancel(self, command: Cancel) -> None:
        """Take an order back, if it still works."""
        self._floor.cancel(command)

    def cancel_all(self, command: CancelAll) -> None:
        """Take back every working order of every client; ``command`` says who asked."""
        del command  # it is kept with the order log; what it does depends on nobody
        self._floor.cancel_all()

    # ------------------------------------------------------------ asked

    @property
    def now(self) -> datetime:
        """The present instant."""
        return self._hours.now

    @property
    def next_instant(self) -> datetime | None:
        """When time stops next, or None at the end of the world."""
        return self._hours.next_instant

    @property
    def session(self) -> Session:
        """The session of the present day, open or not."""
        return self._hours.session

    @property
    def open(self) -> bool:
        """True from the opening bell until just before the closing one."""
        return self._hours.open

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """The latest quote of each symbol that ever had one, by symbol."""
        return tuple(quote for _, quote in sorted(self._market.latest.items()))

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of ``symbol``, however old."""
        return self._market.latest.get(symbol)

    @property
    def orders(self) -> Orders:
        """Every order that was ever taken."""
        return self._floor.orders

    def order(self, client_id: int, order_id: int) -> Order | None:
        return self.orders.known(client_id, order_id)

    def open_orders(self, client_id: int | None = None) -> tuple[Order, ...]:
        """Working orders, of one client or of all, oldest first."""
        return tuple(each for each in self.orders.working if client_id in (None, each.request.client_id))

    def completed_orders(self) -> tuple[Order, ...]:
        """Orders that ended since midnight in the exchange's zone, in the order in which they were placed."""
        return tuple(each for each in self.orders.all if each.ended_at and self._hours.today(each.ended_at))

    @property
    def deals(self) -> Deals:
        """Every execution with its commission."""
        return self._floor.deals

    def executions(self, client_id: int | None = None) -> tuple[Deal, ...]:
        """Executions since midnight in the exchange's zone, of one client or of all, oldest first."""
        # Of decades of deals, those of today: midnight is told once, and not for each of them.
        begin, end = self._hours.day
        first = bisect_left(self.deals.all, begin, key=_dealt_at)
        last = bisect_left(self.deals.all, end, first, key=_dealt_at)
        return tuple(pair for pair in self.deals.all[first:last] if client_id in (None, pair[0].client_id))

    def next_order_id(self, client_id: int) -> int:
        """The lowest order id that ``client_id`` may use: above all that it has used."""
        return self.orders.next_id(client_id)

    def what_if(self, request: Place) -> WhatIf | Refused:
        """What ``request`` would cost and leave, or why it would be refused."""
        refusal = self._floor.admission.invalid(request)
        if refusal is None and request.fa_group:
            refusal = invalid("Not supported by this gateway: what an order for a group would do")
        refusal = refusal or self._floor.unaffordable(request)
        if refusal:
            return self._floor.refused(request, refusal)
        return self.credit.what_if(self.accounts[request.account], request, self.session.day)

    @property
    def header(self) -> str:
        """One line that names world and terms; a command log begins with it."""
        named = {"kind": "exchange", "version": 1, "world": self.world.fingerprint, "terms": repr(self.terms)}
        return json.dumps(named, sort_keys=True, separators=(",", ":"))

    # ------------------------------------------------------------ time

    def _printed(self, symbol: str) -> Decimal:
        return self.history.printed(symbol, self.session, self.now)

    def _begin_day(self, before: date | None = None) -> None:
        """Begin a session; ``before`` is the day of the one that it follows."""
        for name, account in self.accounts.items():
            if before is not None:
                self.overnight.close(account, before, self.session.day)
            self.equity_before[name] = self.credit.net_liquidation(account)
            account.begin_day(self.session.day)
            self.overnight.begin(account, self.session.day)
        self._corporate.begin(before, self.session.day)
        for account in self.accounts.values():
            self.overnight.mark(account)
        self._move()

    def _clear(self, symbol: str, reason: str) -> None:
        interventions.clear(self._floor, symbol, reason)

    def _changed(self, account: str, symbol: str) -> None:
        self.notices.append(HoldingChanged(at=self.now, account=account, symbol=symbol))

    def _move(self) -> None:
        """Let the quotes of this instant meet what rests, and then accounts that they left without margin."""
        self._floor.moved()
        if self.open and self.terms.margin is not None:
            for account in self.accounts.values():
                self._liquidate(account)

    def _liquidate(self, account: Account) -> None:
        """Close positions of ``account`` until its equity covers maintenance margin: see ``liquidation``."""
        while (closing := next_closing(account, self.credit, self._market, self.world, self.session.day)) is not None:
            request = closing_order(account, closing, self.orders.next_manual_id)
            interventions.close_out(self._floor, request)


def _dealt_at(deal: Deal) -> datetime:
    return deal[0].at


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
