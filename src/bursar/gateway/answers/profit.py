"""Profit, as one client is told of it: of an account, or of one position, whenever it is not what it was.

Unlike values and positions, profit follows prices. It is worked out only for whoever asked, and only when time or
an execution may have moved it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from bursar.domain.money import CENT
from bursar.gateway.answers import Answers, Messages
from bursar.gateway.hub import Hub
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.portfolio import daily_profit, holding, profit


class ProfitAnswers:
    """See the module."""

    def __init__(self, hub: Hub) -> None:
        self._exchange = hub.exchange
        self._contracts = hub.contracts
        self._accounts: dict[int, str] = {}
        self._positions: dict[int, tuple[str, str]] = {}
        self._told: dict[int, object] = {}
        self._looked: tuple[datetime, int] | None = None

    @property
    def answers(self) -> Answers:
        return {
            q.ReqPnL: self._subscribe,
            q.CancelPnL: self._cancel,
            q.ReqPnLSingle: self._subscribe_single,
            q.CancelPnLSingle: self._cancel_single,
        }

    def moved(self) -> Messages:
        """What is not what it was when it was last told."""
        looked = (self._exchange.now, len(self._exchange.notices))
        if not self._told or looked == self._looked:
            return
        self._looked = looked
        for message in self._all():
            if message != self._told[message.req_id]:
                self._told[message.req_id] = message
                yield message

    def _all(self) -> Iterator[r.PnL | r.PnLSingle]:
        for req_id, account in self._accounts.items():
            yield self._of_account(req_id, account)
        for req_id, (account, symbol) in self._positions.items():
            yield self._of_position(req_id, account, symbol)

    def _subscribe(self, request: q.ReqPnL) -> Messages:
        if refused := self._refused(request.req_id, request.account):
            yield refused
            return
        self._accounts[request.req_id] = request.account
        self._told[request.req_id] = told = self._of_account(request.req_id, request.account)
        yield told

    def _subscribe_single(self, request: q.ReqPnLSingle) -> Messages:
        if refused := self._refused(request.req_id, request.account):
            yield refused
            return
        symbol = self._contracts.symbol(request.con_id)
        if symbol is None:
            yield r.ErrMsg(
                req_id=request.req_id, code=200, text="No security definition has been found for the request"
            )
            return
        self._positions[request.req_id] = (request.account, symbol)
        self._told[request.req_id] = told = self._of_position(request.req_id, request.account, symbol)
        yield told

    def _cancel(self, request: q.CancelPnL) -> Messages:
        if self._accounts.pop(request.req_id, None) is not None:
            del self._told[request.req_id]
        return ()

    def _cancel_single(self, request: q.CancelPnLSingle) -> Messages:
        if self._positions.pop(request.req_id, None) is not None:
            del self._told[request.req_id]
        return ()

    def _refused(self, req_id: int, account: str) -> r.ErrMsg | None:
        if account not in self._exchange.accounts:
            text = f"Error validating request.-'cQ' : cause - Invalid account code {account!r}"
            return r.ErrMsg(req_id=req_id, code=321, text=text)
        if req_id in self._told:
            text = f"Error validating request.-'cQ' : cause - Duplicate ticker ID {req_id} for API request"
            return r.ErrMsg(req_id=req_id, code=322, text=text)
        return None

    def _of_account(self, req_id: int, account: str) -> r.PnL:
        gained = profit(self._exchange, account)
        return r.PnL(
            req_id=req_id,
            daily_pnl=_cents(gained.daily),
            unrealized_pnl=_cents(gained.unrealized),
            realized_pnl=_cents(gained.realized),
        )

    def _of_position(self, req_id: int, account: str, symbol: str) -> r.PnLSingle:
        held = holding(self._exchange, account, symbol)
        return r.PnLSingle(
            req_id=req_id,
            position=held.position.normalize(),  # ib_async reads a whole number, and 10.0 is none to it
            daily_pnl=_cents(daily_profit(self._exchange, account, symbol)),
            unrealized_pnl=_cents(held.unrealized_pnl),
            realized_pnl=_cents(held.realized_pnl),
            value=_cents(held.market_value),
        )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)
