"""The broker and the feed in process, under a plan of faults: what the wire suffers, without a wire.

For simulations that want many runs a second. Faults strike by the same names and counts as over a socket: requests are
those that the broker over the wire would send, reports those that it would be told. What has no meaning without a
socket does nothing here: a client that does not read, seconds for which a port is shut, a clock that is off. Lines of
market data are never dead for good, since nobody could ask for them again.

A line that breaks makes everything raise BrokerError, retryable: make a new broker and feed over the same hub, as one
connects again. After a weekly re-login ``account`` raises until somebody took the outage off the weather.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from bursar.adapters.simulated import SimulatedBroker
from bursar.domain.accounts import AccountSnapshot
from bursar.domain.events import Event
from bursar.domain.market import Quote, Slice
from bursar.errors import BrokerError
from bursar.gateway.answers.orders import OrderAnswers
from bursar.gateway.commands import Cancel, Place
from bursar.gateway.faults import Faults
from bursar.gateway.hub import Hub
from bursar.gateway.messages import OpenOrderEnd, PlaceOrder
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.messages.kinds import UNSET_NUMBER
from bursar.gateway.messages.values import Contract, Order
from bursar.gateway.notices import CommissionReported, Notice, Refused, client_of

#: What a snapshot is put together from: a part of it, how it is asked for, and how the answer ends.
_PARTS = ("positions", "open_orders", "executions", "")


class TroubledBroker(SimulatedBroker):
    """See the module. ``hub`` has the exchange and the faults; without faults nothing goes wrong."""

    def __init__(self, hub: Hub, *, client_id: int = 1, journal: Iterable[Event] = ()) -> None:
        super().__init__(hub.exchange, client_id=client_id, journal=journal)
        self._hub = hub
        self._faults = hub.faults or Faults()
        weather = self._faults.weather
        if weather.outage and not weather.outage.person:
            weather.take_outage()
        self._line = self._faults.line(client_id, {}, tuple(hub.exchange.accounts))
        self._answers = OrderAnswers(hub, client_id)
        self._placed: dict[int, Place] = {}
        self._told: dict[int, tuple[object, Notice]] = {}
        self._moved: list[Quote] = []
        self._errors: list[object] = []
        hub.enter(client_id, self)

    # ------------------------------------------------------------ what the hub and the feed ask

    def market_moved(self, quotes: tuple[Quote, ...]) -> None:
        """Remember what the feed is to tell."""
        self._moved += quotes

    def take_quotes(self) -> tuple[Quote, ...]:
        """What moved and is told."""
        moved, self._moved = self._moved, []
        return tuple(quote for quote in moved if not self._faults.weather.silent(quote.symbol))

    def require(self) -> None:
        """Raise BrokerError, retryable, once the line is broken."""
        self._line.read_news()
        self._line.take_lost()
        if self._line.broken:
            self._hub.leave(self._client_id, self)
            raise BrokerError("the connection to the gateway broke", retryable=True)

    # ------------------------------------------------------------ what is asked of the broker

    async def cancel(self, order_id: str) -> None:
        number = next((number for number, known in self._references.items() if known == order_id), None)
        if number is None:
            number = self._working(order_id).request.order_id
        self._reporter.cancel_sent(order_id)
        self.asked = True
        command = Cancel(client_id=self._client_id, order_id=number)
        self._request_of(q.CancelOrder(order_id=number), number, lambda: self._hub.do(command))

    def reports(self) -> tuple[Event, ...]:
        self.require()
        for request in self._line.take_requests():
            self._arrive(request)
        notices = self._exchange.notices[self._seen :]
        self._seen = len(self._exchange.notices)
        said = [*self._line.bends(self._messages(notices), pushed=True), *self._errors, *self._line.due()]
        self._errors.clear()
        events = tuple(event for message in said for event in self._events(self._notice(message)))
        return events if not self._line.broken else self._last(events)

    async def account(self) -> AccountSnapshot:
        self.require()
        weather = self._faults.weather
        if weather.outage and weather.outage.person:
            raise BrokerError("the gateway waits for a person to log in", retryable=True)
        empty = {part for part in _PARTS if self._fails(part)}
        snapshot = await super().account()
        blank = {"positions": (), "open_orders": (), "executions": ()}
        return replace(snapshot, **{part: blank[part] for part in empty if part})  # type: ignore[arg-type]  # all tuples

    def _send(self, request: Place) -> None:
        self.asked = True
        self._references[request.order_id] = request.order_ref
        self._placed[request.order_id] = request
        message = PlaceOrder(order_id=request.order_id, contract=Contract(), order=Order())
        self._request_of(message, request.order_id, lambda: self._hub.do(request))

    # ------------------------------------------------------------ under the plan

    def _request_of(self, message: object, order_id: int, act: Callable[[], None]) -> None:
        """Let a request reach the exchange, unless something befalls it."""
        self.require()
        heard = self._line.hears(message)
        if heard.act:
            for fault in heard.orders:
                self._hub.strike(fault, self._client_id, order_id)
            act()
        self._errors += heard.say
        self._line.answered()
        self.require()

    def _arrive(self, request: object) -> None:
        """A request that was late reaches the exchange."""
        match request:
            case PlaceOrder(order_id=number):
                self._hub.do(self._placed[number])
            case q.CancelOrder(order_id=number):
                self._hub.do(Cancel(client_id=self._client_id, order_id=number))
            case _:
                pass

    def _fails(self, part: str) -> bool:
        """Whether a part of the snapshot looks empty; raises BrokerError where it is never told whole."""
        request, end = self._asked(part)
        heard = self._line.hears(request)
        looks_empty, told = self._line.looks_empty, list(self._line.bends((end,)))
        self._line.answered()
        self.require()
        if not heard.act or not told:
            raise BrokerError(f"the gateway did not tell {part or 'the account'} whole", retryable=True)
        return looks_empty

    def _asked(self, part: str) -> tuple[object, object]:
        match part:
            case "positions":
                return q.ReqPositions(), r.PositionEnd()
            case "open_orders":
                return q.ReqAllOpenOrders(), OpenOrderEnd()
            case "executions":
                return q.ReqExecutions(req_id=1), r.ExecDetailsEnd(req_id=1)
            case _:
                return q.ReqAccountUpdates(subscribe=True), r.AccountDownloadEnd(account=self._account)

    def _messages(self, notices: Iterable[Notice]) -> Iterator[object]:
        """Our notices as the wire would tell them."""
        for notice in notices:
            if client_of(notice) == self._client_id:
                for message in self._answers.told((notice,)):
                    self._told[id(message)] = (message, notice)
                    yield message

    def _notice(self, message: object) -> Notice:
        """What a message that came through was made from, or for one that was bent or made up, what it says."""
        known = self._told.get(id(message))
        if known:
            return known[1]
        if isinstance(message, r.CommissionReport):
            true = next(
                notice
                for _, notice in self._told.values()
                if isinstance(notice, CommissionReported) and notice.exec_id == message.exec_id
            )
            amount = Decimal(UNSET_NUMBER) if message.commission is None else message.commission
            return replace(true, commission=amount)
        assert isinstance(message, r.ErrMsg), f"{message} was told, and nothing like it was said"
        return Refused(
            at=self._exchange.now,
            client_id=self._client_id,
            order_id=message.req_id,
            code=message.code,
            text=message.text,
        )

    def _last(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """What came through before the line broke; whoever asks again is told that it is broken."""
        self._hub.leave(self._client_id, self)
        return events


class TroubledFeed:
    """Satisfies ``ports.Feed`` over the same hub as ``broker``: see ``SimulatedFeed``."""

    def __init__(self, hub: Hub, broker: TroubledBroker) -> None:
        self._hub = hub
        self._broker = broker

    async def __aiter__(self) -> AsyncIterator[Slice]:
        exchange, broker = self._hub.exchange, self._broker
        broker.asked = False
        yield Slice(at=exchange.now, quotes=exchange.quotes)
        while broker.asked or exchange.next_instant is not None:
            broker.require()
            if not broker.asked:
                self._hub.step()
            broker.asked = False
            yield Slice(at=exchange.now, quotes=broker.take_quotes())
