"""What the sessions of a gateway share: the exchange, who is connected, and the one door for commands.

Every command goes through ``do``, which has it written before it is done; so a gateway that was killed is the
same again once its log was replayed. Connections are not written: nothing that outlives one depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from bursar.domain.market import Quote
from bursar.gateway.commands import Advance, Command, Correct, Doom, Hit, RollBack, encode
from bursar.gateway.contracts import Contracts
from bursar.gateway.exchange import Exchange
from bursar.gateway.faults import CorrectExecution, Fault, Faults, FillAfterCancel, FillWhileAway, Reject
from bursar.gateway.history import History
from bursar.gateway.notices import Order
from bursar.gateway.pacing import HistoryPacing
from bursar.gateway.permissions import Permissions

#: IBKR's allowance of a new account.
MARKET_DATA_LINES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one gateway bears. What goes beyond is refused, in IBKR's words where it has some.

    market_data_lines    subscriptions of one client
    clients              at once
    answer_bytes         after so many bytes of answers a client must read before its next request is looked at
    messages_per_second  of one client, by the clock of whoever owns its socket; None counts nothing
    history_pacing       whether requests for bars are held to IBKR's rules: see ``pacing``
    account_updates      after how much time account values are told because prices moved them, which TWS does every
                         three minutes; None for after executions and postings alone
    """

    market_data_lines: int = MARKET_DATA_LINES
    clients: int = 32
    answer_bytes: int = 1 << 20
    messages_per_second: int | None = None
    history_pacing: bool = False
    account_updates: timedelta | None = None


class Listener(Protocol):
    """A session, as far as the hub knows it."""

    def market_moved(self, quotes: tuple[Quote, ...]) -> None: ...


def forget(_line: str) -> None:
    """Keep no log: for gateways that are not meant to survive."""


class Hub:
    """See the module.

    record       writes one line of the command log, and returns when it cannot be lost by a kill
    stepped      True lets a client's reqCurrentTime step the exchange (see ``Session``)
    permissions  whose market data clients see; all of it without a word
    faults       what is to go wrong; nothing without it
    day_over     called with each day that is over, once the next one began
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        record: Callable[[str], None] = forget,
        stepped: bool = False,
        limits: Limits | None = None,
        permissions: Permissions | None = None,
        faults: Faults | None = None,
        day_over: Callable[[date], None] | None = None,
    ) -> None:
        self.exchange = exchange
        self.contracts = Contracts(exchange.world)
        self.history = History(exchange.world)
        self.limits = limits or Limits()
        self.permissions = permissions or Permissions()
        self.history_pacing = HistoryPacing() if self.limits.history_pacing else None
        self.stepped = stepped
        self.faults = faults
        self.clients: dict[int, Listener] = {}
        self._record = record
        self._day_over = day_over
        self._clock: Callable[[], datetime] | None = None

    @property
    def now(self) -> datetime:
        """The time that clients are told."""
        return self._clock() if self._clock else self.exchange.now

    def flow(self, clock: Callable[[], datetime]) -> None:
        """From now on time is what ``clock`` says, and no client steps it."""
        self._clock, self.stepped = clock, False

    def do(self, command: Command) -> None:
        """Have ``command`` written, then do it, and let every session know what moved."""
        if self._record is not forget:
            self._record(encode(command))
        quotes = self.exchange.apply(command)
        if quotes:
            for listener in self.clients.values():
                listener.market_moved(quotes)

    def step(self) -> bool:
        """Go on to the next instant; False at the end of the world, where time stands still."""
        if self.exchange.next_instant is None:
            return False
        yesterday = self.exchange.session.day
        self.do(Advance())
        night = self.exchange.session.day != yesterday
        if night and self._day_over:
            self._day_over(yesterday)
        if self.faults:
            for fault, exec_id in self.faults.instant(self.exchange.now, night=night):
                self._correct(fault, exec_id)
        return True

    def enter(self, client_id: int, listener: Listener) -> None:
        """A client is let in; after a restart, what was to be forgotten is forgotten by now."""
        if self.faults and self.faults.weather.take_ids_lost():
            self.do(RollBack())
        self.clients[client_id] = listener

    def leave(self, client_id: int, listener: Listener) -> None:
        """A client is gone."""
        if self.clients.get(client_id) is listener:
            del self.clients[client_id]
            for fault in self.faults.left(client_id) if self.faults else ():
                self._fill_while_away(fault, client_id)

    def strike(self, fault: Fault, client_id: int, order_id: int) -> None:
        """Let a fault befall the order that a client is about to place or to cancel."""
        match fault:
            case Reject(code=code, text=text):
                self.do(Doom(client_id=client_id, code=code, text=text))
            case FillAfterCancel(share=share):
                order = self.exchange.order(client_id, order_id)
                if order is not None and not order.ended:
                    self._hit(order, share)
            case _:
                raise AssertionError(f"{fault.name} is no fault of orders")

    def _fill_while_away(self, fault: FillWhileAway, client_id: int) -> None:
        for order in self.exchange.open_orders(client_id)[: fault.orders]:
            self._hit(order, fault.share)

    def _correct(self, fault: CorrectExecution, exec_id: str) -> None:
        deal = self.exchange.deals.find(exec_id)
        if deal is None:
            return
        executed = deal[0]
        price = executed.price + (fault.price_change if fault.left else 0)
        left = self.exchange.world.listed[executed.symbol].whole_lots(executed.shares * fault.left)
        self.do(Correct(exec_id=exec_id, price=price, shares=None if fault.left == 1 else left))

    def _hit(self, order: Order, share: Decimal) -> None:
        """Fill a share of what remains of an order: whole lots, and at least one."""
        instrument = self.exchange.world.listed[order.request.symbol]
        quantity = max(instrument.whole_lots(order.remaining * share), instrument.lot)
        client_id, order_id = order.key
        self.do(Hit(client_id=client_id, order_id=order_id, total_quantity=quantity))
