"""Orders of one client: placing, canceling, asking what became of them, and being told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

from bursar.gateway import reporting as report
from bursar.gateway.answers import Answers, Messages
from bursar.gateway.checks import Refusal
from bursar.gateway.commands import Bind, Cancel, CancelAll, Place
from bursar.gateway.hub import Hub
from bursar.gateway.liquidation import TWS
from bursar.gateway.messages import CompletedOrdersEnd, OpenOrderEnd, PlaceOrder
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.messages.kinds import moment_of
from bursar.gateway.notices import (
    NO_CLIENT,
    PRE_SUBMITTED,
    Bound,
    CommissionReported,
    Executed,
    HoldingChanged,
    Notice,
    Order,
    OrderOpened,
    Refused,
    StatusReported,
    client_of,
)
from bursar.gateway.placing import DAY_BY_PRESET, OUTSIDE_RTH_IGNORED, command_of, not_imitated

NO_CONTRACT = (200, "No security definition has been found for the request")
NO_ACCOUNT = (321, "Error validating request.-'bW' : cause - You must specify an account.")
NOT_CLIENT_ZERO = (327, "Only API connections with clientId set to 0 can set the auto bind TWS orders property.")
#: IBKR's words for a side in a filter, and in an execution.
SIDES = {"BUY": "BOT", "SELL": "SLD", "BOT": "BOT", "SLD": "SLD"}


class OrderAnswers:
    """See the module. Reports of orders go to the client that placed them, and to the master, if there is one.

    Client 0 is told of orders that were made by hand, too: without a number until it binds them.
    """

    def __init__(self, hub: Hub, client_id: int) -> None:
        self._hub = hub
        self._exchange = hub.exchange
        self._contracts = hub.contracts
        self._client_id = client_id

    @property
    def answers(self) -> Answers:
        return {
            PlaceOrder: self._place,
            q.CancelOrder: self._cancel,
            q.ReqGlobalCancel: self._cancel_all,
            q.ReqOpenOrders: self._open_orders,
            q.ReqAllOpenOrders: self._all_open_orders,
            q.ReqAutoOpenOrders: self._auto_open_orders,
            q.ReqCompletedOrders: self._completed_orders,
            q.ReqExecutions: self._executions,
            q.ReqIds: self.next_id,
        }

    def told(self, notices: Iterable[Notice]) -> Messages:
        """What is told of ``notices``, which may be about anybody's orders."""
        master = self._client_id == self._exchange.terms.master_client
        for notice in notices:
            client = client_of(notice)
            if client == self._client_id or (master and client != NO_CLIENT):
                yield self._message(notice)

    def next_id(self, request: q.ReqIds) -> Messages:
        """The lowest order id that this client may use."""
        del request
        yield r.NextValidId(order_id=self._exchange.next_order_id(self._client_id))

    # ------------------------------------------------------------ placing and canceling

    def _place(self, request: PlaceOrder) -> Messages:
        order_id, order = request.order_id, request.order
        instrument = self._contracts.find(request.contract)
        accounts = tuple(self._exchange.accounts)
        if instrument is None:
            yield _error(order_id, NO_CONTRACT)
            return
        nameless = not order.account and not order.fa_group and len(accounts) > 1
        refusal = not_imitated(request) or (NO_ACCOUNT if nameless else None)
        if refusal:
            yield _error(order_id, refusal)
            return
        account = self._exchange.terms.adviser if order.fa_group else accounts[0]
        command = command_of(request, self._client_id, instrument.symbol, account, self._contracts.symbol_in)
        if order.what_if:
            yield self._what_if(command)
            return
        if order.outside_rth and not command.outside_rth:
            yield _error(order_id, OUTSIDE_RTH_IGNORED)
        if not order.tif and self._exchange.terms.presets:
            yield _error(order_id, DAY_BY_PRESET)
        self._hub.do(command)

    def _what_if(self, command: Place) -> object:
        answer = self._exchange.what_if(command)
        if isinstance(answer, Refused):
            return report.error_about(answer)
        held = Order(request=command, perm_id=0, status=PRE_SUBMITTED, placed_at=self._exchange.now)
        return report.what_if_order(held, answer, self._contracts)

    def _cancel(self, request: q.CancelOrder) -> Messages:
        self._hub.do(Cancel(client_id=self._client_id, order_id=request.order_id))
        return ()

    def _cancel_all(self, request: q.ReqGlobalCancel) -> Messages:
        del request
        self._hub.do(CancelAll(client_id=self._client_id))
        return ()

    # ------------------------------------------------------------ asking

    def _open_orders(self, request: q.ReqOpenOrders) -> Messages:
        """Of one client; client 0 so binds what was made by hand."""
        del request
        orders = self._exchange.open_orders(self._client_id)
        if not all(order.bound for order in orders):
            self._hub.do(Bind(auto=False))
        yield from self._standing(self._exchange.open_orders(self._client_id))

    def _all_open_orders(self, request: q.ReqAllOpenOrders) -> Messages:
        del request
        yield from self._standing(self._exchange.open_orders())

    def _auto_open_orders(self, request: q.ReqAutoOpenOrders) -> Messages:
        """Bind what was and will be made by hand; only client 0 may ask."""
        if request.auto_bind and self._client_id != TWS:
            yield _error(r.NO_REQUEST, NOT_CLIENT_ZERO)
        elif request.auto_bind and not self._exchange.orders.auto_bind:
            self._hub.do(Bind(auto=True))

    def _standing(self, orders: Iterable[Order]) -> Messages:
        for order in orders:
            yield report.open_order(order, self._contracts)
            yield report.order_status(order)
        yield OpenOrderEnd()

    def _completed_orders(self, request: q.ReqCompletedOrders) -> Messages:
        """All of them came through the API, so that asking for those alone changes nothing."""
        del request
        for order in self._exchange.completed_orders():
            yield report.completed_order(order, self._contracts)
        yield CompletedOrdersEnd()

    def _executions(self, request: q.ReqExecutions) -> Messages:
        try:
            since = moment_of(request.time) if request.time else None
        except ValueError:
            text = f"Error validating request.-'bZ' : cause - Invalid time {request.time[:40]!r}"
            yield _error(request.req_id, (321, text))
            return
        for executed, charged in self._exchange.executions(request.client_id or None):
            if self._passes(executed, request, since):
                yield report.exec_details(executed, self._contracts[executed.symbol], request.req_id)
                yield report.commission_report(charged)
        yield r.ExecDetailsEnd(req_id=request.req_id)

    def _passes(self, executed: Executed, wanted: q.ReqExecutions, since: datetime | None) -> bool:
        contract = self._contracts[executed.symbol]
        asked = (
            (wanted.acct_code, (executed.account,)),
            (wanted.symbol, (contract.symbol,)),
            (wanted.sec_type, (contract.sec_type,)),
            (wanted.exchange, (contract.exchange, contract.primary_exchange)),
            (wanted.side and SIDES.get(wanted.side.upper(), wanted.side), (executed.side,)),
        )
        return (since is None or executed.at >= since) and all(not word or word in allowed for word, allowed in asked)

    # ------------------------------------------------------------ being told

    def _message(self, notice: Notice) -> object:
        match notice:
            case OrderOpened(order=order):
                return report.open_order(order, self._contracts)
            case StatusReported(order=order):
                return report.order_status(order)
            case Executed():
                return report.exec_details(notice, self._contracts[notice.symbol])
            case CommissionReported():
                return report.commission_report(notice)
            case Refused():
                return report.error_about(notice)
            case Bound(order=order):
                return report.order_bound(order)
            case HoldingChanged():
                raise AssertionError("it is about no order")
            case _:
                assert_never(notice)


def _error(req_id: int, why: Refusal) -> r.ErrMsg:
    return r.ErrMsg(req_id=req_id, code=why[0], text=why[1])
