"""The broker and the feed over IBKR's protocol: paper trading, and the same world over a wire.

What ib_async makes of messages is often wrong in small ways (it cancels working orders on some warnings, and takes a
snapshot that timed out for an empty one). So its trades are not looked at: every message about an order is heard as
it came, and the shared translation of ``reports.py`` says what it means. Reports get their time at the barrier that
they arrive before, since an order's status carries none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

import ib_async
from ib_async.util import UNSET_DOUBLE, parseIBDatetime

from bursar.adapters.ib_connection import Address, Connection, Contracts
from bursar.adapters.pacing import Priority
from bursar.adapters.reports import STATUSES, Reporter, exact
from bursar.adapters.tickets import ticket
from bursar.domain.accounts import AccountSnapshot, BrokerExecution, BrokerOrder, BrokerPosition, Preview
from bursar.domain.events import Event
from bursar.domain.instruments import Instrument, InstrumentKind, OptionRight
from bursar.domain.market import Quote, Slice
from bursar.domain.orders import ApprovedOrder, Order, OrderStatus
from bursar.domain.sessions import Session
from bursar.errors import BrokerError
from bursar.ports import Clock

#: Market data types whose prices are late.
DELAYED_TYPES = frozenset({3, 4})
#: The sum over all currencies, which is no currency.
BASE = "BASE"
SHARE = Decimal(1)
#: Types of orders whose limit and whose auxPrice are what was asked for, as IBKR calls them.
LIMITED = frozenset({"LMT", "STP LMT", "TRAIL LIMIT", "LOC"})
STOPPED = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})


async def connect(
    address: Address,
    instruments: Mapping[str, Instrument],
    sessions: Sequence[Session],
    *,
    clock: Clock,
    portfolio: str = "main",
    journal: Iterable[Event] = (),
    pace: Callable[[], Awaitable[None]] | None = None,
) -> tuple[IBBroker, IBFeed]:
    """A broker and a feed over one new connection.

    instruments  what is traded and quoted, by symbol
    sessions     all that may be traded in, for the days on which trades settle
    clock        for the rate limit: the wall's, or for a gateway in stepped time one that is moved by waiting
    journal      what was said before: nothing of it is reported again
    pace         waits from one look to the next where time flows; without it time is stepped, and ends

    Raises BrokerError where there is no gateway or it refuses us, DataError for an instrument that it does not know.
    """
    connection = Connection(address, clock)
    broker = IBBroker(connection, instruments, sessions, portfolio=portfolio, journal=journal)
    await connection.connect()
    try:
        await broker.contracts.look_up(connection)
        feed = IBFeed(connection, broker.contracts, pace)
        await feed.subscribe()
    except BaseException:
        connection.close()
        raise
    return broker, feed


class IBBroker:
    """Satisfies ``ports.Broker`` over a connection. Make it before the connection is made: it hears what comes."""

    def __init__(
        self,
        connection: Connection,
        instruments: Mapping[str, Instrument],
        sessions: Sequence[Session],
        *,
        portfolio: str = "main",
        journal: Iterable[Event] = (),
    ) -> None:
        self.connection = connection
        self.contracts = Contracts(instruments)
        self._reporter = Reporter(instruments, sessions, portfolio=portfolio)
        held = tuple(journal)
        self._reporter.recover(held)
        connection.numbers.recover(held)
        self._heard: list[Callable[[datetime], tuple[Event, ...]]] = []
        self._events: list[Event] = []
        self._numbers: dict[str, int] = {}
        self._references: dict[int, str] = {}
        self._parents: dict[int, int] = {}
        self._previews: dict[int, asyncio.Future[ib_async.OrderState]] = {}
        self._standing: dict[int, _Standing] = {}
        self._values: dict[tuple[str, str], str] = {}
        connection.at_barrier(self._settle)
        for name, listener in (
            ("openOrder", self._on_open_order),
            ("orderStatus", self._on_order_status),
            ("completedOrder", self._on_completed_order),
            ("execDetails", self._on_exec_details),
            ("commissionReport", self._on_commission),
            ("updateAccountValue", self._on_account_value),
            ("error", self._on_error),
        ):
            connection.hear(name, listener)

    # ------------------------------------------------------------ what is asked

    async def place(self, approved: ApprovedOrder, *, held: bool = False) -> None:
        order = approved.order
        said, contract = self._said(order), self.contracts[order.symbol]
        said.parentId, said.transmit = self._parent(order), not held
        await self._leave(Priority.ORDER)
        number = self.connection.numbers.new()
        self._numbers[order.order_id], self._references[number] = number, order.order_id
        self._parents[number] = said.parentId
        self._reporter.sent(order)
        self.connection.client.placeOrder(number, contract, said)

    async def amend(self, approved: ApprovedOrder) -> None:
        order = approved.order
        said, contract, number = self._said(order), self.contracts[order.symbol], self._number(order.order_id)
        said.parentId = self._parents.get(number, 0)
        await self._leave(Priority.ORDER)
        self._reporter.amend_sent(order)
        self.connection.client.placeOrder(number, contract, said)

    async def cancel(self, order_id: str) -> None:
        number = self._number(order_id)
        await self._leave(Priority.ORDER)
        self._reporter.cancel_sent(order_id)
        self.connection.client.cancelOrder(number)

    async def preview(self, order: Order) -> Preview:
        said, contract = self._said(order), self.contracts[order.symbol]
        said.whatIf = True

        def ask() -> asyncio.Future[ib_async.OrderState]:
            number = self.connection.numbers.new()
            self._references[number] = order.order_id
            answer = self._previews[number] = asyncio.get_running_loop().create_future()
            self.connection.client.placeOrder(number, contract, said)
            return answer

        state = await self.connection.answered(f"what {order.order_id} would do", ask, Priority.ORDER)
        return Preview(
            order=order,
            commission=_decimal(state.commission),
            initial_margin_after=_decimal(state.initMarginAfter),
            maintenance_margin_after=_decimal(state.maintMarginAfter),
            equity_after=_decimal(state.equityWithLoanAfter),
            warnings=(state.warningText,) if state.warningText else (),
        )

    def reports(self) -> tuple[Event, ...]:
        events, self._events = tuple(self._events), []
        return events

    async def account(self) -> AccountSnapshot:
        connection, name = self.connection, self.connection.address.account
        self._standing.clear()
        self._values.clear()
        ours = ib_async.ExecutionFilter(acctCode=name)
        positions, _, _, fills, _ = await asyncio.gather(
            connection.answered("its positions", connection.ib.reqPositionsAsync),
            connection.answered("its open orders", connection.ib.reqAllOpenOrdersAsync),
            self._completed(),
            connection.answered("its executions", lambda: connection.ib.reqExecutionsAsync(ours)),
            connection.answered("its account's values", lambda: connection.ib.reqAccountUpdatesAsync(name)),
        )
        held = [each for each in positions if each.account == name and each.position]
        return AccountSnapshot(
            account=name,
            at=connection.now,
            cash=MappingProxyType(self._cash()),
            positions=tuple(sorted((self._position(each) for each in held), key=lambda each: each.symbol)),
            open_orders=tuple(each.told() for each in self._standing.values() if each.account == name),
            executions=tuple(
                BrokerExecution(
                    execution_id=fill.execution.execId,
                    order_id=self._reference(fill.execution),
                    symbol=self.contracts.symbol(fill.contract),
                )
                for fill in fills
            ),
            waiting=self._reporter.waiting,
            equity=self._value("NetLiquidation"),
            buying_power=self._value("BuyingPower"),
            maintenance=self._value("MaintMarginReq"),
            rates=MappingProxyType(self._rates()),
            base=self._own(),
        )

    # ------------------------------------------------------------ what is heard

    def _settle(self, at: datetime) -> None:
        """Turn what was heard since the last barrier into events of ``at``."""
        heard, self._heard = self._heard, []
        for translate in heard:
            self._events.extend(translate(at))

    def _on_open_order(
        self, number: int, contract: ib_async.Contract, order: ib_async.Order, state: ib_async.OrderState
    ) -> None:
        if order.whatIf:
            self._end_preview(number, state)
            return
        ours = order.clientId == self.connection.address.client_id
        reference, symbol = order.orderRef if ours else "", self.contracts.symbol(contract)
        self._standing[order.permId] = _Standing(order.account, reference, symbol, order.permId, state.status)
        if not ours:
            return
        self._numbers[reference], self._references[number] = number, reference
        self._parents[number] = order.parentId
        self.connection.numbers.used(number)
        instrument = self.contracts.instruments.get(symbol)
        limit = _decimal(order.lmtPrice) if order.orderType in LIMITED else None
        stop = _decimal(order.auxPrice) if order.orderType in STOPPED else None
        quantity = _decimal(order.totalQuantity)
        if instrument:
            limit = exact(limit, instrument.tick) if limit is not None else None
            stop = exact(stop, instrument.tick) if stop is not None else None
            quantity = exact(quantity, instrument.lot)
        self._heard.append(
            lambda at: self._reporter.stands(
                reference,
                at=at,
                status=state.status,
                permanent_id=order.permId,
                number=number,
                quantity=quantity,
                limit_price=limit,
                aux_price=stop,
            )
        )

    def _on_order_status(
        self,
        number: int,
        status: str,
        filled: float,
        remaining: float,
        _average: float,
        permanent_id: int,
        *_rest: object,
    ) -> None:
        if standing := self._standing.get(permanent_id):
            standing.status, standing.filled, standing.remaining = status, filled, remaining
        if reference := self._references.get(number):
            self._heard.append(
                lambda at: self._reporter.stands(
                    reference, at=at, status=status, permanent_id=permanent_id, number=number
                )
            )

    def _on_completed_order(
        self, _contract: ib_async.Contract, order: ib_async.Order, state: ib_async.OrderState
    ) -> None:
        """An order that ended while we were away, at the time at which it did."""
        if order.account not in ("", self.connection.address.account):
            return  # of another account of the same login, whose orders may bear the same names
        ended = parseIBDatetime(state.completedTime) if state.completedTime else None

        def told(at: datetime) -> tuple[Event, ...]:
            when = ended.astimezone(UTC) if isinstance(ended, datetime) else at
            return self._reporter.stands(
                order.orderRef, at=when, status=state.status, permanent_id=order.permId, completed=True
            )

        self._heard.append(told)

    def _on_exec_details(self, _req_id: int, contract: ib_async.Contract, execution: ib_async.Execution) -> None:
        if execution.acctNumber != self.connection.address.account:
            return  # every client of a login hears of all of its accounts
        symbol, reference = self.contracts.symbol(contract), self._reference(execution)
        if reference:
            self.connection.numbers.used(execution.orderId)

        def told(_at: datetime) -> tuple[Event, ...]:
            self._reporter.executed(
                reference,
                at=execution.time.astimezone(UTC),
                execution_id=execution.execId,
                account=execution.acctNumber,
                symbol=symbol,
                side=execution.side,
                quantity=_decimal(execution.shares),
                price=_decimal(execution.price),
                strange=None if symbol in self.contracts.instruments else _strange(contract, symbol),
            )
            return ()

        self._heard.append(told)

    def _on_commission(self, report: ib_async.CommissionReport) -> None:
        self._heard.append(
            lambda _at: self._reporter.charged(
                report.execId, amount=_decimal(report.commission), currency=report.currency
            )
        )

    def _on_account_value(self, tag: str, value: str, currency: str, account: str) -> None:
        if account == self.connection.address.account:
            self._values[tag, currency] = value

    def _on_error(self, number: int, code: int, text: str, _json: str) -> None:
        if number in self._previews:
            # Codes of the 2100s are remarks, after which the answer still comes.
            if not 2100 <= code < 2200:
                refusal = BrokerError(f"{self._references[number]} would be refused: {text}", code=code)
                self._end_preview(number, refusal)
        elif reference := self._references.get(number):
            self._heard.append(lambda at: self._reporter.refused(reference, at=at, code=code, text=text))

    # ------------------------------------------------------------ inside

    def _end_preview(self, number: int, answer: ib_async.OrderState | Exception) -> None:
        """Give whoever waits for a preview its answer, unless he gave up."""
        preview = self._previews.pop(number, None)
        self._references.pop(number, None)
        if preview is None or preview.done():
            return
        if isinstance(answer, Exception):
            preview.set_exception(answer)
        else:
            preview.set_result(answer)

    def _said(self, order: Order) -> ib_async.Order:
        """``order`` as ib_async sends it, without its parent."""
        said = ticket(order)
        return ib_async.Order(
            action=said.action,
            totalQuantity=said.quantity,  # type: ignore[arg-type]  # sent to the last digit, as no float would be
            orderType=said.order_type,
            lmtPrice=_price_said(said.limit_price),
            auxPrice=_price_said(said.aux_price),
            trailStopPrice=_price_said(said.trail_stop_price),
            tif=said.time_in_force,
            goodTillDate=said.good_till,
            ocaGroup=said.oca_group,
            ocaType=said.oca_type,
            account=said.account,
            orderRef=said.reference,
        )

    def _parent(self, order: Order) -> int:
        """The number of its parent; 0 without one, or when all that the parent had to buy or sell is done.

        Raises BrokerError for a parent that was never sent.
        """
        if order.parent_id is None or self._reporter.filled(order.parent_id):
            return 0
        if order.parent_id not in self._numbers:
            raise BrokerError(f"{order.order_id}: its parent {order.parent_id} is no order at the broker", code=135)
        return self._numbers[order.parent_id]

    async def _leave(self, priority: Priority) -> None:
        """Return when a message may leave. Raises BrokerError when it surely cannot."""
        await self.connection.limiter.turn(priority)
        self.connection.require()

    async def _completed(self) -> None:
        """Ask for the orders that have ended, unless the connection has just begun with their list."""
        connection = self.connection
        if connection.is_new:
            connection.is_new = False
            return
        ask = connection.ib.reqCompletedOrdersAsync
        await connection.answered("its completed orders", lambda: ask(apiOnly=False))

    def _reference(self, execution: ib_async.Execution) -> str:
        """The id of our order that was executed. Another client may have given the same name to one of its own."""
        return execution.orderRef if execution.clientId == self.connection.address.client_id else ""

    def _number(self, order_id: str) -> int:
        if order_id not in self._numbers:
            raise BrokerError(f"no working order {order_id} at the broker", code=10147)
        return self._numbers[order_id]

    def _cash(self) -> dict[str, Decimal]:
        cash = {
            currency: Decimal(value)
            for (tag, currency), value in self._values.items()
            if tag == "CashBalance" and currency != BASE
        }
        if not cash:
            raise BrokerError("the gateway told the account's values without its cash", retryable=True)
        return cash

    def _rates(self) -> dict[str, Decimal]:
        """What a unit of each other currency is worth in the account's own, which IBKR tells as 1."""
        told = ((currency, Decimal(value)) for (tag, currency), value in self._values.items() if tag == "ExchangeRate")
        own = self._own()
        return {currency: rate for currency, rate in told if currency not in (BASE, own) and rate > 0}

    def _own(self) -> str:
        """The account's base currency at the broker; "" where it did not say."""
        return next((currency for tag, currency in self._values if tag == "NetLiquidation"), "")

    def _value(self, tag: str) -> Decimal | None:
        return next((Decimal(value) for (name, _), value in self._values.items() if name == tag), None)

    def _position(self, held: ib_async.Position) -> BrokerPosition:
        symbol = self.contracts.symbol(held.contract)
        instrument = self.contracts.instruments.get(symbol)
        quantity = _decimal(held.position)
        return BrokerPosition(
            symbol=symbol,
            quantity=exact(quantity, instrument.lot) if instrument else quantity,
            average_cost=_decimal(held.avgCost),
        )


#: IBKR's kinds of securities; of others the price times the multiplier is what was paid, as of shares.
_KINDS = {"OPT": InstrumentKind.OPTION, "FUT": InstrumentKind.FUTURE, "CASH": InstrumentKind.CURRENCY}
_SMALL = Decimal("0.000001")


class IBFeed:
    """Satisfies ``ports.Feed`` over a connection: where time flows at a ``pace``, else to a gateway in stepped time.

    The first slice is the present one. Asking for another steps the gateway, unless anything was asked of it since:
    then the market stands still for one more slice, at which its answers can be read. Ends with the gateway's world.
    """

    def __init__(
        self, connection: Connection, contracts: Contracts, pace: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._connection = connection
        self._contracts = contracts
        self._pace = pace
        self._tickers: dict[str, ib_async.Ticker] = {}
        self._moved: set[str] = set()

    @property
    def ticks(self) -> Mapping[str, Decimal]:
        """The smallest step of each price, as far as the broker told it."""
        return self._contracts.ticks

    async def subscribe(self) -> None:
        """Ask for the prices of all instruments."""
        connection = self._connection
        connection.ib.pendingTickersEvent += self._on_tickers
        for symbol in self._contracts.instruments:
            await connection.limiter.turn(Priority.DATA)
            connection.require()
            self._tickers[symbol] = connection.ib.reqMktData(self._contracts[symbol])

    async def resubscribe(self) -> None:
        """Ask for all prices again: what was subscribed to is gone, or silent."""
        connection = self._connection
        for symbol in self._contracts.instruments:
            for _ in ("to cancel", "to ask"):
                await connection.limiter.turn(Priority.DATA)
            connection.require()
            connection.ib.cancelMktData(self._contracts[symbol])
            self._tickers[symbol] = connection.ib.reqMktData(self._contracts[symbol])

    async def __aiter__(self) -> AsyncIterator[Slice]:
        connection = self._connection
        yield self._slice(await connection.barrier())
        while True:
            asked, before = connection.asked, connection.now
            if self._pace is not None:
                await self._pace()
            at = await connection.barrier()
            if self._pace is None and at == before and not asked:
                return
            yield self._slice(at)

    def _on_tickers(self, tickers: Iterable[ib_async.Ticker]) -> None:
        self._moved.update(self._contracts.symbol(ticker.contract) for ticker in tickers if ticker.contract)

    def _slice(self, at: datetime) -> Slice:
        moved, self._moved = self._moved, set()
        quotes = (self._quote(symbol, at) for symbol in self._contracts.instruments if symbol in moved)
        return Slice(at=at, quotes=tuple(quote for quote in quotes if quote))

    def _quote(self, symbol: str, at: datetime) -> Quote | None:
        """What the ticker shows; None before its first price."""
        ticker, tick = self._tickers[symbol], self._contracts.instruments[symbol].tick
        bid, ask, last = (_price(price, tick) for price in (ticker.bid, ticker.ask, ticker.last))
        if bid is None and ask is None and last is None:
            return None
        if ticker.halted > 0:
            # The prices from before a halt still stand there, and nobody can deal at them.
            bid = ask = None
        return Quote(
            symbol=symbol,
            at=at,
            known_at=at,
            bid=bid,
            ask=ask,
            bid_size=_size(ticker.bidSize),
            ask_size=_size(ticker.askSize),
            last=last,
            delayed=ticker.marketDataType in DELAYED_TYPES,
            volume=exact(_decimal(ticker.volume), SHARE) if ticker.volume >= 0 else None,
        )


@dataclass(slots=True)
class _Standing:
    """An open order as the broker told it."""

    account: str
    reference: str
    symbol: str
    permanent_id: int
    status: str
    filled: float = 0.0
    remaining: float = 0.0

    def told(self) -> BrokerOrder:
        status = STATUSES.get(self.status, OrderStatus.PENDING_NEW)
        partly = self.filled > 0 and status is OrderStatus.NEW
        return BrokerOrder(
            order_id=self.reference,
            permanent_id=self.permanent_id,
            symbol=self.symbol,
            status=OrderStatus.PARTIALLY_FILLED if partly else status,
            filled=exact(_decimal(self.filled), SHARE),
            remaining=exact(_decimal(self.remaining), SHARE),
        )


def _decimal(value: float | str | Decimal | None) -> Decimal:
    """The number that a float, written with the fewest digits, shows."""
    return Decimal(str(value))


def _price_said(price: Decimal | None) -> float | Decimal:
    """A price as ib_async sends it, to the last digit; its number for none."""
    return UNSET_DOUBLE if price is None else price


def _price(value: float, tick: Decimal) -> Decimal | None:
    """A price, or None for what stands for none: not a number, and what is not above zero."""
    return exact(_decimal(value), tick) if value > 0 else None


def _size(value: float) -> Decimal:
    return exact(_decimal(value), SHARE) if value > 0 else Decimal(0)


def _strange(contract: ib_async.Contract, symbol: str) -> Instrument:
    """What somebody traded by hand and is none of ours, as far as its contract tells it; in steps as small as any."""
    plain = Instrument(
        symbol=symbol,
        currency=contract.currency,
        multiplier=Decimal(contract.multiplier or 1),
        tick=_SMALL,
        lot=_SMALL,
        contract_id=contract.conId,
    )
    kind = _KINDS.get(contract.secType, InstrumentKind.STOCK)
    if kind is not InstrumentKind.OPTION:
        return replace(plain, kind=kind)
    try:
        expiry = date.fromisoformat(contract.lastTradeDateOrContractMonth[:8])
    except ValueError:
        return plain
    right = OptionRight.CALL if contract.right.startswith("C") else OptionRight.PUT
    return replace(
        plain, kind=kind, underlying=contract.symbol, expiry=expiry, strike=_decimal(contract.strike), right=right
    )
