"""Where an account stands: what it may do, what it lost, and what it sent. A fold over the journal.

The day's loss is measured against the equity of the previous official close, with what came in or went out since left
out. The drawdown is measured on the chained returns of the sessions, from their highest close.

How an account that was stopped goes on (the written rule):

    a day's loss    nothing opens until another session has begun and a person has looked and re-armed it
    a drawdown      nothing opens until ``drawdown_wait_sessions`` more sessions have closed and a person has re-armed
                    it; the highest close then counts from there
    a thin margin   nothing opens until a person has re-armed it
    a kill          nothing opens until what was to be closed is closed and a person has re-armed it

A kill on top of a loss shortens no wait: what the loss asks for has to pass as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from bursar.domain.events import (
    AccountOpened,
    AccountSwitched,
    Alerted,
    AmendRequested,
    CancelRequested,
    CommandReceived,
    Event,
    KillFinished,
    KillOrdered,
    Marked,
    OrderPlaced,
    OrderRejected,
    SessionClosed,
    SessionOpened,
    SwitchRefused,
    TradingState,
    TradingStateChanged,
)
from bursar.domain.money import ZERO
from bursar.domain.orders import Order
from bursar.ledger.book import Flow, PortfolioBook
from bursar.ledger.valuation import rate

MINUTE = timedelta(minutes=1)

#: Who stops an account when a limit is breached, by the limit.
DAILY_LOSS, DRAWDOWN, MARGIN = "risk.daily_loss_max", "risk.drawdown_max", "risk.margin_cushion_min"
KILL_LOSS = "risk.daily_loss_kill"
#: How the id of the word begins that margin is thin.
MARGIN_WARNED = "margin_warning/"


class Standing:
    """Kept in step with the journal by ``apply``.

    state        what the account may do
    kill         the order to stop that is in force, or None
    finished     True once a kill has done what it was to do
    stopped_by   who or what brought it out of ACTIVE
    margin_warned  the word of the last session in which margin was thin
    rates        units of the base currency for one of each other, as last marked
    commands     the ids under which operators' commands were journalled
    answered     those of them that asked for another account, once it is journalled what came of that
    """

    def __init__(self) -> None:
        self.state = TradingState.ACTIVE
        self.kill: KillOrdered | None = None
        self.finished = False
        self.stopped_by = ""
        self.stopped_on: date | None = None
        self.margin_warned = ""
        self.closes: dict[str, Decimal] = {}
        self.rates: dict[str, Decimal] = {}
        self._base = ""
        self.messages: deque[datetime] = deque()
        self.commands: set[str] = set()
        self.answered: set[str] = set()
        self._sent: dict[str, tuple[Order, datetime]] = {}
        self._today: date | None = None
        self._equity: Decimal | None = None
        self._flows = 0
        self._index = self._top = 1.0
        self._closed_since = 0

    def apply(self, event: Event, portfolio: PortfolioBook | None = None) -> None:
        """Take in one committed event; ``portfolio`` as it is after one that ends a session."""
        match event:
            case SessionOpened(day=day):
                self._today, self._sent = day, {}
            case SessionClosed(equity=equity) if portfolio is not None:
                self._index *= 1.0 + float(-self.loss(equity, portfolio, self.closes))
                self._top = max(self._top, self._index)
                self._equity, self._flows = equity, len(portfolio.flows)
                self._closed_since += 1
            case Marked() | AccountOpened():
                self._valued(event)
            case OrderPlaced(order=order):
                self._note(event.at)
                if order.opens and order.parent_id is None:
                    self._sent[order.order_id] = order, event.at
            case OrderRejected(order_id=order_id):
                self._sent.pop(order_id, None)
            case AmendRequested() | CancelRequested():
                self._note(event.at)
            case CommandReceived() | AccountSwitched() | SwitchRefused() | Alerted():
                self._told(event)
            case KillOrdered():
                self.kill, self.finished = event, False
            case KillFinished():
                self.finished = True
            case TradingStateChanged(state=state, by=by):
                self._changed(state, by)
            case _:
                pass

    def _told(self, event: CommandReceived | AccountSwitched | SwitchRefused | Alerted) -> None:
        """What a person asked for, what became of it, and what a person was told."""
        if isinstance(event, Alerted):
            if event.event_id.startswith(MARGIN_WARNED):
                self.margin_warned = event.event_id
        elif isinstance(event, CommandReceived):
            self.commands.add(event.event_id)
        else:
            self.answered.update(event.causes)

    def loss(self, equity: Decimal, portfolio: PortfolioBook, prices: Mapping[str, Decimal], base: str = "") -> Decimal:
        """Lost since the previous official close, as a fraction of what was there; negative for a gain.

        What came in counts as there from the beginning, and what went out as there until now, so that no flow is
        taken for a gain or a loss.
        """
        amounts = [_worth(flow, prices, base or self._base, self.rates) for flow in portfolio.flows[self._flows :]]
        came = sum((amount for amount in amounts if amount > 0), ZERO)
        went = sum((-amount for amount in amounts if amount < 0), ZERO)
        before = (self._equity or ZERO) + came
        return 1 - (equity + went) / before if before > 0 else ZERO

    def drawdown(self, loss_today: Decimal) -> Decimal:
        """How far the account is below its highest close, today included; zero at a new one."""
        now = self._index * (1.0 - float(loss_today))
        return max(Decimal(f"{1.0 - now / self._top:.9f}"), ZERO)

    def sent(self) -> tuple[Order, ...]:
        """Opening parent orders of this session that the broker did not refuse, oldest first."""
        return tuple(order for order, _ in self._sent.values())

    def sent_at(self, order: Order) -> datetime:
        """When one of them was sent."""
        return self._sent[order.order_id][1]

    def messages_since(self, at: datetime) -> int:
        """Messages sent in the minute before ``at``."""
        return sum(moment > at - MINUTE for moment in self.messages)

    def refusal(self, today: date | None, wait_sessions: int) -> str:
        """Why a person may not re-arm the account yet; empty where he may."""
        if self.state is TradingState.ACTIVE:
            return "it is active already; there is nothing to re-arm"
        if self.kill is not None and not self.finished:
            return "what the kill was to close is not closed yet; wait until it is, or close it by hand"
        if self.stopped_by in (DAILY_LOSS, KILL_LOSS) and today == self.stopped_on:
            return "the day's loss holds it until the next session; come back tomorrow"
        if self.stopped_by == DRAWDOWN and self._closed_since < wait_sessions:
            left = wait_sessions - self._closed_since
            return f"after a drawdown {wait_sessions} sessions must close first, and {left} are missing"
        return ""

    def _valued(self, event: Marked | AccountOpened) -> None:
        if isinstance(event, AccountOpened):
            self._base = event.base_currency
            return
        self.rates.update(event.rates)
        if event.official:
            self.closes.update(event.prices)

    def _changed(self, state: TradingState, by: str) -> None:
        if state is TradingState.ACTIVE:
            if self.stopped_by == DRAWDOWN:
                self._top = self._index
            self.kill, self.finished, self.stopped_by = None, False, ""
        elif self.stopped_by not in (DAILY_LOSS, DRAWDOWN, KILL_LOSS):
            self.stopped_by, self.stopped_on, self._closed_since = by, self._today, 0
        self.state = state

    def _note(self, at: datetime) -> None:
        self.messages.append(at)
        while self.messages[0] <= at - MINUTE:
            self.messages.popleft()


def _worth(flow: Flow, prices: Mapping[str, Decimal], base: str, rates: Mapping[str, Decimal]) -> Decimal:
    """What a flow was worth: its cash, or what came in kind at today's price, or else at its cost."""
    exchange = rate(flow.currency, rates, base or flow.currency)
    amount = flow.amount
    if flow.symbol:
        price = prices.get(flow.symbol)
        amount += flow.cost if price is None else flow.quantity * price
    return amount * exchange
