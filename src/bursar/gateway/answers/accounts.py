"""Accounts, as one client is told of them: values, positions, summaries, and what of them changed.

Everything here is a subscription: after an execution the positions that moved are told again, and those values
that are not what they were; after cash that came or went without one, the values. TWS also tells values every three
minutes; here prices alone make nobody speak unless ``Limits.account_updates`` asks for it, but for profit, which is in
``profit``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from bursar.gateway import reporting as report
from bursar.gateway.answers import Answers, Messages
from bursar.gateway.answers.profit import ProfitAnswers
from bursar.gateway.hub import Hub
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.notices import Executed, HoldingChanged, Notice
from bursar.gateway.portfolio import BASE, LEDGER, holding, values, values_of_all

#: How many summaries one client may subscribe to at once.
SUMMARIES_MAX = 2
#: Values by their name and currency.
Values = Mapping[tuple[str, str], str]


class AccountAnswers:
    """See the module."""

    def __init__(self, hub: Hub) -> None:
        self._exchange = hub.exchange
        self._contracts = hub.contracts
        self._profit = ProfitAnswers(hub)
        self._limits = hub.limits
        self._refreshed_at = hub.exchange.now
        self._positions = False
        self._entries = {name: len(account.entries) for name, account in hub.exchange.accounts.items()}
        self._held: dict[int, tuple[str, ...]] = {}
        self._account = ""
        self._told: Values = {}
        self._multi: dict[int, tuple[str, Values]] = {}
        self._worked_out: dict[str, tuple[tuple[datetime, int], Values]] = {}
        self._summaries: dict[int, tuple[frozenset[str], dict[str, Values]]] = {}

    @property
    def answers(self) -> Answers:
        return {
            q.ReqManagedAccts: self.managed,
            q.ReqPositions: self._subscribe_positions,
            q.CancelPositions: self._cancel_positions,
            q.ReqPositionsMulti: self._subscribe_held,
            q.CancelPositionsMulti: self._cancel_held,
            q.ReqAccountUpdates: self._subscribe_account,
            q.ReqAccountUpdatesMulti: self._subscribe_multi,
            q.CancelAccountUpdatesMulti: self._cancel_multi,
            q.ReqAccountSummary: self._subscribe_summary,
            q.CancelAccountSummary: self._cancel_summary,
            **self._profit.answers,
        }

    def managed(self, request: q.ReqManagedAccts) -> Messages:
        """The accounts."""
        del request
        yield r.ManagedAccounts(accounts=",".join(self._names))

    @property
    def _names(self) -> tuple[str, ...]:
        """The accounts that values are told of, an adviser's master account before those of its clients."""
        master = self._exchange.terms.adviser
        return (*([master] if master else []), *self._exchange.accounts)

    def told(self, notices: Iterable[Notice]) -> Messages:
        """What subscriptions are told after ``notices``: executions of anybody move the accounts."""
        yield from self._moved(notices)
        yield from self._refreshed()
        yield from self._profit.moved()

    def _moved(self, notices: Iterable[Notice]) -> Messages:
        executed = (
            (notice.account, notice.symbol) for notice in notices if isinstance(notice, Executed | HoldingChanged)
        )
        moved = dict.fromkeys((*executed, *self._posted()))
        if not moved:
            return
        dealt = [(account, symbol) for account, symbol in moved if symbol]
        if self._positions:
            for account, symbol in dealt:
                yield self._position(account, symbol)
        for req_id, accounts in self._held.items():
            for account, symbol in dealt:
                if account in accounts:
                    yield self._position_of(req_id, account, symbol)
        if self._account in {self._exchange.terms.adviser, *(account for account, _ in moved)} - {""}:
            yield from self._account_moved([symbol for account, symbol in dealt if account == self._account])
        yield from self._multi_moved()
        yield from self._summaries_moved()

    def _refreshed(self) -> Messages:
        """Values that prices alone moved, once they are due (see ``Limits.account_updates``)."""
        every, now = self._limits.account_updates, self._exchange.now
        if every is None or now - self._refreshed_at < every:
            return
        self._refreshed_at = now
        if self._account:
            held = self._exchange.accounts.get(self._account)
            yield from self._account_moved(held.quantities if held else ())
        yield from self._multi_moved()
        yield from self._summaries_moved()

    def _posted(self) -> Iterable[tuple[str, str]]:
        """Accounts whose cash moved without an execution, and what it was about: interest is about no symbol."""
        for name, account in self._exchange.accounts.items():
            known = self._entries.get(name, 0)
            if len(account.entries) > known:
                self._entries[name] = len(account.entries)
                yield from ((name, entry.symbol) for entry in account.entries[known:])

    # ------------------------------------------------------------ positions

    def _subscribe_positions(self, request: q.ReqPositions) -> Messages:
        del request
        self._positions = True
        for name, account in self._exchange.accounts.items():
            for symbol in account.quantities:
                yield self._position(name, symbol)
        yield r.PositionEnd()

    def _cancel_positions(self, request: q.CancelPositions) -> Messages:
        del request
        self._positions = False
        return ()

    def _position(self, account: str, symbol: str) -> r.Position:
        held = self._exchange.accounts[account].position(symbol)
        contract = self._contracts[symbol]
        return r.Position(account=account, contract=contract, position=held.quantity, avg_cost=held.avg_cost)

    def _subscribe_held(self, request: q.ReqPositionsMulti) -> Messages:
        accounts = (request.account,) if request.account else tuple(self._exchange.accounts)
        if not set(accounts) <= self._exchange.accounts.keys():
            yield _invalid_account(request.req_id, request.account)
            return
        self._held[request.req_id] = accounts
        for name in accounts:
            for symbol in self._exchange.accounts[name].quantities:
                yield self._position_of(request.req_id, name, symbol)
        yield r.PositionMultiEnd(req_id=request.req_id)

    def _cancel_held(self, request: q.CancelPositionsMulti) -> Messages:
        self._held.pop(request.req_id, None)
        return ()

    def _position_of(self, req_id: int, account: str, symbol: str) -> r.PositionMulti:
        held = self._exchange.accounts[account].position(symbol)
        return r.PositionMulti(
            req_id=req_id,
            account=account,
            contract=self._contracts[symbol],
            position=held.quantity,
            avg_cost=held.avg_cost,
        )

    # ------------------------------------------------------------ one account, with its portfolio

    def _subscribe_account(self, request: q.ReqAccountUpdates) -> Messages:
        """One account at a time: a second request takes the place of the first."""
        if not request.subscribe:
            self._account = ""
            return
        account = request.acct_code or next(iter(self._exchange.accounts))
        if account not in self._names:
            yield _invalid_account(r.NO_REQUEST, account)
            return
        self._account, self._told = account, {}
        held = self._exchange.accounts.get(account)
        yield from self._account_moved(held.quantities if held else ())
        yield r.AccountDownloadEnd(account=account)

    def _account_moved(self, symbols: Collection[str]) -> Messages:
        """Values that are new, and the positions in ``symbols``."""
        now = self._values(self._account)
        for (key, currency), value in _changed(now, self._told):
            yield r.AccountValue(key=key, value=value, currency=currency, account=self._account)
        self._told = now
        for symbol in sorted(set(symbols)):
            held = holding(self._exchange, self._account, symbol)
            yield report.portfolio_value(held, self._contracts[symbol], self._account)
        yield r.AccountUpdateTime(time=report.clock_text(self._exchange.now))

    # ------------------------------------------------------------ values under a request's number

    def _subscribe_multi(self, request: q.ReqAccountUpdatesMulti) -> Messages:
        account = request.account or next(iter(self._exchange.accounts))
        if account not in self._names:
            yield _invalid_account(request.req_id, account)
            return
        self._multi[request.req_id] = (account, {})
        yield from self._multi_values(request.req_id)
        yield r.AccountUpdateMultiEnd(req_id=request.req_id)

    def _cancel_multi(self, request: q.CancelAccountUpdatesMulti) -> Messages:
        self._multi.pop(request.req_id, None)
        return ()

    def _multi_moved(self) -> Messages:
        for req_id in self._multi:
            yield from self._multi_values(req_id)

    def _multi_values(self, req_id: int) -> Messages:
        account, told = self._multi[req_id]
        now = self._values(account)
        for (key, currency), value in _changed(now, told):
            yield r.AccountUpdateMulti(
                req_id=req_id, account=account, model_code="", key=key, value=value, currency=currency
            )
        self._multi[req_id] = (account, now)

    def _values(self, account: str) -> Values:
        """What is told of ``account`` now, worked out once for all who ask."""
        moment = (self._exchange.now, len(self._exchange.notices))
        known = self._worked_out.get(account)
        if known is None or known[0] != moment:
            told = values if account in self._exchange.accounts else values_of_all
            known = self._worked_out[account] = (moment, told(self._exchange, account))
        return known[1]

    # ------------------------------------------------------------ summaries

    def _subscribe_summary(self, request: q.ReqAccountSummary) -> Messages:
        if len(self._summaries.keys() - {request.req_id}) >= SUMMARIES_MAX:
            text = "Error processing request.-'cW' : cause - Maximum number of account summary requests exceeded"
            yield r.ErrMsg(req_id=request.req_id, code=322, text=text)
            return
        tags = frozenset(tag.strip() for tag in request.tags.split(",") if tag.strip())
        self._summaries[request.req_id] = (tags, {})
        yield from self._summary_values(request.req_id)
        yield r.AccountSummaryEnd(req_id=request.req_id)

    def _cancel_summary(self, request: q.CancelAccountSummary) -> Messages:
        self._summaries.pop(request.req_id, None)
        return ()

    def _summaries_moved(self) -> Messages:
        for req_id in self._summaries:
            yield from self._summary_values(req_id)

    def _summary_values(self, req_id: int) -> Messages:
        tags, told = self._summaries[req_id]
        for account in self._exchange.accounts:
            now = {name: value for name, value in self._values(account).items() if _wanted(name, tags)}
            for (tag, currency), value in _changed(now, told.get(account, {})):
                yield r.AccountSummary(req_id=req_id, account=account, tag=tag, value=value, currency=currency)
            told[account] = now


def _wanted(name: tuple[str, str], tags: frozenset[str]) -> bool:
    """True for a value that a summary of ``tags`` holds.

    ``$LEDGER`` stands for the balances of all currencies together, ``$LEDGER:EUR`` for those of one, ``$LEDGER:ALL``
    for every row of them.
    """
    key, currency = name
    if key in LEDGER and currency:
        ledger = "$LEDGER" if currency == BASE else f"$LEDGER:{currency}"
        if ledger in tags or "$LEDGER:ALL" in tags:
            return True
    return key in tags and currency != BASE


def _changed(values: Values, told: Values) -> Iterable[tuple[tuple[str, str], str]]:
    return [(name, value) for name, value in values.items() if told.get(name) != value]


def _invalid_account(req_id: int, account: str) -> r.ErrMsg:
    text = f"Error validating request.-'bP' : cause - Invalid account code {account!r}"
    return r.ErrMsg(req_id=req_id, code=321, text=text)
