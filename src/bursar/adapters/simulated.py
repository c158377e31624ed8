"""The broker and the feed over an exchange in the same process, without a wire.

They keep the rules that the wire keeps, so that a run in process and one over TCP see the same slices and
report the same events: time goes on only when nothing was sent since the last slice was given.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from types import MappingProxyType

from bursar.adapters.happenings import Happenings
from bursar.adapters.numbers import OrderNumbers
from bursar.adapters.reports import STATUSES, Reporter
from bursar.adapters.tickets import ticket
from bursar.domain.accounts import AccountSnapshot, BrokerExecution, BrokerOrder, BrokerPosition, Preview
from bursar.domain.events import Event
from bursar.domain.market import Slice
from bursar.domain.money import round_money
from bursar.domain.orders import ApprovedOrder, Order, OrderStatus
from bursar.errors import BrokerError
from bursar.gateway.commands import Cancel, Place
from bursar.gateway.exchange import Exchange
from bursar.gateway.notices import (
    Bound,
    CommissionReported,
    Executed,
    HoldingChanged,
    Notice,
    OrderOpened,
    Refused,
    StatusReported,
    client_of,
)
from bursar.gateway.notices import Order as ExchangeOrder

#: IBKR tells rates of exchange with seven digits.
RATE = Decimal("0.0000001")


class SimulatedBroker:
    """Satisfies ``ports.Broker`` as one client of an exchange in process.

    journal     what was said before, where the exchange outlived us: nothing of it is reported again
    happenings  True to report what happens to the account without an order as well, which no wire does
    """

    def __init__(
        self, exchange: Exchange, *, client_id: int = 1, journal: Iterable[Event] = (), happenings: bool = False
    ) -> None:
        self._exchange = exchange
        self._client_id = client_id
        self._account = exchange.terms.accounts[0]
        self._reporter = Reporter(exchange.world.listed, exchange.world.sessions, days=exchange.world.days)
        self._numbers = OrderNumbers()
        held = tuple(journal)
        self._reporter.recover(held)
        self._numbers.recover(held)
        self._happenings = Happenings(exchange, self._account) if happenings else None
        self._seen = 0
        self._references: dict[int, str] = {}
        self.asked = False  # True once anything was sent; the feed sets it back with each slice

    async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
        order = approved.order
        request = self._request(order, self._new_number(), parent_id=self._parent(order), transmit=not held)
        self._reporter.sent(order)
        self._send(request)

    async def amend(self, approved: ApprovedOrder) -> None:
        order = approved.order
        working = self._working(order.order_id).request
        request = self._request(order, working.order_id, parent_id=working.parent_id)
        self._reporter.amend_sent(order)
        self._send(request)

    async def cancel(self, order_id: str) -> None:
        number = next((number for number, known in self._references.items() if known == order_id), None)
        if number is None:
            number = self._working(order_id).request.order_id
        self._reporter.cancel_sent(order_id)
        self.asked = True
        self._exchange.cancel(Cancel(client_id=self._client_id, order_id=number))

    async def preview(self, order: Order) -> Preview:
        self.asked = True
        answer = self._exchange.what_if(self._request(order, self._new_number()))
        if isinstance(answer, Refused):
            raise BrokerError(f"{order.order_id} would be refused: {answer.text}", code=answer.code)
        return Preview(
            order=order,
            commission=answer.commission,
            initial_margin_after=answer.margin_after,
            maintenance_margin_after=answer.maintenance_after,
            equity_after=answer.equity_after,
        )

    def reports(self) -> tuple[Event, ...]:
        notices = self._exchange.notices[self._seen :]
        self._seen = len(self._exchange.notices)
        ours = (notice for notice in notices if client_of(notice) == self._client_id)
        happened = self._happenings.told() if self._happenings else ()
        return (*happened, *(event for notice in ours for event in self._events(notice)))

    async def account(self) -> AccountSnapshot:
        self.asked = True
        exchange, held = self._exchange, self._exchange.accounts[self._account]
        return AccountSnapshot(
            account=self._account,
            at=exchange.now,
            cash=MappingProxyType(held.balances),
            positions=tuple(
                BrokerPosition(symbol=symbol, quantity=quantity, average_cost=held.position(symbol).avg_cost)
                for symbol, quantity in sorted(held.quantities.items())
            ),
            open_orders=tuple(
                _broker_order(order) for order in exchange.open_orders() if order.request.account == self._account
            ),
            executions=tuple(
                BrokerExecution(
                    execution_id=executed.exec_id,
                    order_id=executed.order_ref if executed.client_id == self._client_id else "",
                    symbol=executed.symbol,
                )
                for executed, _ in exchange.executions()
                if executed.account == self._account
            ),
            waiting=self._reporter.waiting,
            equity=exchange.credit.net_liquidation(held),
            buying_power=exchange.credit.standing(held).power,
            maintenance=round_money(exchange.credit.standing(held).maintenance),
            rates=MappingProxyType(self._rates(held.currency, held.balances)),
        )

    def _rates(self, base: str, currencies: Iterable[str]) -> dict[str, Decimal]:
        told = ((currency, self._exchange.credit.rate(currency)) for currency in currencies if currency != base)
        return {currency: rate.quantize(RATE) for currency, rate in told if rate}

    def _new_number(self) -> int:
        """A number for a new order, above all that the exchange and the journal have seen of us."""
        self._numbers.next_valid(self._exchange.next_order_id(self._client_id))
        return self._numbers.new()

    def _send(self, request: Place) -> None:
        self.asked = True
        self._references[request.order_id] = request.order_ref
        self._exchange.place(request)

    def _request(self, order: Order, order_id: int, *, parent_id: int = 0, transmit: bool = True) -> Place:
        """``order`` in the exchange's words."""
        said = ticket(order)
        return Place(
            client_id=self._client_id,
            order_id=order_id,
            account=said.account,
            symbol=order.symbol,
            action=said.action,
            total_quantity=said.quantity,
            order_type=said.order_type,
            lmt_price=said.limit_price,
            tif=said.time_in_force,
            order_ref=said.reference,
            aux_price=said.aux_price,
            trail_stop_price=said.trail_stop_price,
            good_till_date=said.good_till,
            oca_group=said.oca_group,
            oca_type=said.oca_type,
            parent_id=parent_id,
            transmit=transmit,
        )

    def _parent(self, order: Order) -> int:
        """The number of its parent; 0 without one, or when all that the parent had to buy or sell is done.

        Raises BrokerError for a parent that was never sent.
        """
        if order.parent_id is None or self._reporter.filled(order.parent_id):
            return 0
        numbers = (number for number, known in self._references.items() if known == order.parent_id)
        number = next(numbers, None)
        if number is None:
            raise BrokerError(f"{order.order_id}: its parent {order.parent_id} is no order at the broker", code=135)
        return number

    def _working(self, order_id: str) -> ExchangeOrder:
        for order in self._exchange.open_orders(self._client_id):
            if order.request.order_ref == order_id:
                return order
        raise BrokerError(f"no working order {order_id} at the broker", code=10147)

    def _events(self, notice: Notice) -> tuple[Event, ...]:
        reporter = self._reporter
        match notice:
            case OrderOpened(at=at, order=order):
                request = order.request
                self._references[request.order_id] = request.order_ref
                return reporter.stands(
                    request.order_ref,
                    at=at,
                    status=order.status,
                    permanent_id=order.perm_id,
                    number=request.order_id,
                    quantity=request.total_quantity,
                    limit_price=request.lmt_price,
                    aux_price=request.aux_price,
                )
            case StatusReported(at=at, order=order):
                return reporter.stands(
                    order.request.order_ref,
                    at=at,
                    status=order.status,
                    permanent_id=order.perm_id,
                    number=order.request.order_id,
                )
            case Refused(at=at, order_id=order_id, code=code, text=text):
                return reporter.refused(self._references.get(order_id, ""), at=at, code=code, text=text)
            case Executed():
                reporter.executed(
                    notice.order_ref,
                    at=notice.at,
                    execution_id=notice.exec_id,
                    account=notice.account,
                    symbol=notice.symbol,
                    side=notice.side,
                    quantity=notice.shares,
                    price=notice.price,
                )
                return ()
            case CommissionReported():
                return reporter.charged(notice.exec_id, amount=notice.commission, currency=notice.currency)
            case HoldingChanged() | Bound():
                return ()


class SimulatedFeed:
    """Satisfies ``ports.Feed`` over the same exchange as ``broker``.

    The first slice is the present one. Asking for another steps the exchange, unless the broker was asked for
    anything since: then the market stands still for one more slice, at which its answers can be read.
    """

    def __init__(self, exchange: Exchange, broker: SimulatedBroker) -> None:
        self._exchange = exchange
        self._broker = broker

    async def __aiter__(self) -> AsyncIterator[Slice]:
        exchange, broker = self._exchange, self._broker
        broker.asked = False
        yield Slice(at=exchange.now, quotes=exchange.quotes)
        while broker.asked or exchange.next_instant is not None:
            quotes = () if broker.asked else exchange.advance()
            broker.asked = False
            yield Slice(at=exchange.now, quotes=quotes)


def _broker_order(order: ExchangeOrder) -> BrokerOrder:
    status = STATUSES[order.status]
    return BrokerOrder(
        order_id=order.request.order_ref,
        permanent_id=order.perm_id,
        symbol=order.request.symbol,
        status=OrderStatus.PARTIALLY_FILLED if order.filled and status is OrderStatus.NEW else status,
        filled=order.filled,
        remaining=order.remaining,
    )
