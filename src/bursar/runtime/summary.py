"""What a run came to, told from its journal alone: the same journal gives the same report.

The events are read once, oldest first; books and orders are folded along the way, so that a fill can say
what it realized and an order how it ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from bursar.domain.events import (
    Abstained,
    Approved,
    Check,
    CommitteeMet,
    Decided,
    DecisionSkipped,
    Event,
    ExitTriggered,
    Filled,
    InstrumentListed,
    Marked,
    OrderPlaced,
    OrderRejected,
    Rejected,
    SessionClosed,
    ViewFormed,
)
from bursar.domain.money import ZERO
from bursar.domain.orders import Order, OrderStatus, OrderType, Purpose, Side
from bursar.domain.views import View
from bursar.ledger import position
from bursar.ledger.book import Bookkeeper, PortfolioBook
from bursar.ledger.position import Position
from bursar.runtime.results import (
    AbstentionLine,
    BookSummary,
    DayResult,
    DecisionLine,
    FillLine,
    LotLine,
    MeetingLine,
    OrderLine,
    OrderOutcome,
    PositionLine,
    RoundTrip,
    TargetLine,
    ViewLine,
)
from bursar.trading.oms import Orders, OrderState

_OUTCOMES = {
    OrderStatus.FILLED: OrderOutcome.FILLED,
    OrderStatus.CANCELED: OrderOutcome.CANCELED,
    OrderStatus.EXPIRED: OrderOutcome.EXPIRED,
    OrderStatus.REJECTED: OrderOutcome.REFUSED_BY_BROKER,
    OrderStatus.FLAGGED: OrderOutcome.FLAGGED,
}


@dataclass(slots=True)
class _Day:
    """What was found of one day so far."""

    views: list[ViewLine] = field(default_factory=list)
    abstentions: list[AbstentionLine] = field(default_factory=list)
    decisions: list[DecisionLine] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    fills: list[FillLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    meeting: MeetingLine | None = None
    closed: SessionClosed | None = None


class Summary:
    """A fold over a run's events.

    day_of  the trading day that an instant belongs to, on the exchange's own clock
    """

    def __init__(self, account: str, portfolio: str, day_of: Callable[[datetime], date]) -> None:
        self.orders = Orders()
        self.books = Bookkeeper()
        self.closing_prices: dict[str, Decimal] = {}
        self._realized: dict[str, Decimal] = defaultdict(Decimal)
        self._names: dict[str, str] = {}
        self._account = account
        self._portfolio = portfolio
        self._day_of = day_of
        self._days: dict[date, _Day] = defaultdict(_Day)
        self._warnings: dict[str, tuple[str, ...]] = {}
        self._refusals: dict[str, str] = {}
        self._fills: dict[str, list[FillLine]] = defaultdict(list)

    @property
    def portfolio(self) -> PortfolioBook:
        """The book as it stands."""
        return self.books.book().portfolio(self._account, self._portfolio)

    def read(self, events: Iterable[Event]) -> None:
        """Take in events, oldest first."""
        for event in events:
            self._read(event)

    def days(self, first_equity: Decimal) -> tuple[DayResult, ...]:
        """Every finished day. first_equity: what the first day began with."""
        results, before = [], first_equity
        for day in sorted(self._days):
            found = self._days[day]
            if found.closed is None:
                continue
            results.append(self._result(day, found, found.closed, before))
            before = found.closed.equity
        return tuple(results)

    def book(self) -> BookSummary:
        """The books after the last event, at the last official closes."""
        portfolio = self.portfolio
        positions = tuple(self._position(held) for _, held in sorted(portfolio.positions.items()))
        cash = sum(portfolio.cash.values(), ZERO)
        equity = cash + sum((line.value for line in positions), ZERO)
        return BookSummary(
            cash=cash,
            positions=tuple(replace(line, weight=float(line.value / equity)) for line in positions),
            round_trips=tuple(self._round_trip(trip) for trip in portfolio.round_trips),
            realized=sum(self._realized.values(), ZERO),
            unrealized=sum((line.unrealized for line in positions), ZERO),
            fees=sum((fill.fee for fills in self._fills.values() for fill in fills), ZERO),
        )

    def profit_by_symbol(self) -> dict[str, Decimal]:
        """Realized and unrealized together, after fees."""
        profit = defaultdict(Decimal, self._realized)
        for symbol, held in self.portfolio.positions.items():
            profit[symbol] += self._position(held).unrealized
        return dict(profit)

    def _position(self, held: Position) -> PositionLine:
        price = self.closing_prices[held.symbol]
        worth = held.value(price)
        return PositionLine(
            symbol=held.symbol,
            name=self._names.get(held.symbol, ""),
            sector=held.sector,
            quantity=held.quantity,
            price=price,
            value=worth,
            weight=0.0,
            cost=held.cost,
            unrealized=worth - held.cost,
            lots=tuple(
                LotLine(
                    acquired=lot.acquired,
                    quantity=lot.quantity,
                    cost=lot.cost,
                    unrealized=lot.quantity * price * held.multiplier - lot.cost,
                )
                for lot in held.lots
            ),
        )

    def _round_trip(self, trip: position.RoundTrip) -> RoundTrip:
        sales = [
            fill
            for fills in self._fills.values()
            for fill in fills
            if fill.symbol == trip.symbol and fill.side is Side.SELL and trip.opened_at <= fill.at <= trip.closed_at
        ]
        return RoundTrip(
            symbol=trip.symbol,
            opened=self._day_of(trip.opened_at),
            closed=self._day_of(trip.closed_at),
            quantity=sum((fill.quantity for fill in sales), ZERO),
            pnl=trip.profit,
            reason=self.orders[sales[-1].order_id].order.reason if sales else "",
        )

    def _read(self, event: Event) -> None:
        self.orders.apply(event)
        if isinstance(event, Filled):
            self._read_fill(event)
            return
        self.books.apply(event)
        day = self._days[self._day_of(event.at)]
        match event:
            case ViewFormed(view=view):
                day.views.append(_view(view))
            case Abstained(analyst=analyst, symbols=symbols, reason=reason):
                day.abstentions.append(AbstentionLine(analyst=analyst, symbols=symbols, reason=reason))
            case CommitteeMet():
                day.meeting = _meeting(event)
            case Decided():
                day.decisions.append(_decision(event))
            case DecisionSkipped(reason=reason):
                day.decisions.append(DecisionLine(decision_id=event.event_id, at=event.at, skipped=reason))
            case ExitTriggered(symbol=symbol, reason=reason, observed=observed, level=level):
                day.notes.append(f"{symbol}: {reason} at a bid of {observed} (level {level:.4f})")
            case InstrumentListed(instrument=instrument):
                self._names[instrument.symbol] = instrument.name
            case Marked(prices=prices, official=True):
                self.closing_prices = dict(prices)
            case SessionClosed():
                day.closed = event
                day.notes.extend(event.notes)
            case _:
                self._read_order(event, day)

    def _read_order(self, event: Event, day: _Day) -> None:
        match event:
            case Approved(order_id=order_id, checks=checks):
                self._warnings[order_id] = tuple(_warning(check) for check in checks if not check.passed)
            case Rejected():
                day.rejected.append(event)
            case OrderPlaced(order=order):
                day.orders.append(order)
            case OrderRejected(order_id=order_id, message=message):
                self._refusals[order_id] = message
            case _:
                pass

    def _read_fill(self, fill: Filled) -> None:
        before = sum(self.portfolio.realized.values(), ZERO)
        self.books.apply(fill)
        realized = sum(self.portfolio.realized.values(), ZERO) - before
        line = FillLine(
            event_id=fill.event_id,
            at=fill.at,
            order_id=fill.order_id,
            symbol=fill.symbol,
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.commission.amount,
            realized=realized if fill.side is Side.SELL else None,
        )
        self._realized[fill.symbol] += realized
        self._fills[fill.order_id].append(line)
        day = self._days[self._day_of(fill.at)]
        day.fills.append(line)
        if fill.order_id in self.orders and (order := self.orders[fill.order_id].order).purpose is Purpose.PROTECTION:
            what = "target" if order.type is OrderType.LIMIT else "stop"
            level = order.limit_price or order.stop_price
            day.notes.append(f"{fill.symbol}: {what} at the broker was reached: {fill.price} (level {level:.4f})")

    def _result(self, day: date, found: _Day, closed: SessionClosed, before: Decimal) -> DayResult:
        sent = tuple(self._order_line(self.orders[order.order_id]) for order in found.orders)
        return DayResult(
            day=day,
            views=tuple(found.views),
            abstentions=tuple(found.abstentions),
            meeting=found.meeting,
            decisions=tuple(found.decisions),
            orders=(*sent, *map(_stopped, found.rejected)),
            fills=tuple(found.fills),
            fees=sum((fill.fee for fill in found.fills), ZERO),
            pnl=closed.equity - before,
            equity=closed.equity,
            cash=closed.cash,
            notes=tuple(found.notes),
        )

    def _order_line(self, state: OrderState) -> OrderLine:
        order, fills = state.order, self._fills[state.order.order_id]
        outcome = _OUTCOMES.get(state.status, OrderOutcome.WORKING)
        if fills and outcome is not OrderOutcome.FILLED:
            outcome = OrderOutcome.PARTLY_FILLED
        return OrderLine(
            order_id=order.order_id,
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            purpose=order.purpose,
            strategy=order.strategy,
            reason=order.reason,
            outcome=outcome,
            outcome_note=self._refusals.get(order.order_id, ""),
            warnings=self._warnings.get(order.order_id, ()),
            filled=state.filled,
            average_price=_average_price(fills),
        )


def _average_price(fills: Sequence[FillLine]) -> Decimal | None:
    if not fills:
        return None
    return sum((fill.notional for fill in fills), ZERO) / sum((fill.quantity for fill in fills), ZERO)


def _view(view: View) -> ViewLine:
    return ViewLine(
        view_id=view.view_id,
        analyst=view.analyst,
        symbol=view.symbol,
        expected_excess_return=view.expected_excess_return,
        confidence=view.confidence,
        horizon_days=view.horizon_days,
        evidence=tuple(evidence.statement for evidence in view.evidence),
    )


def _meeting(event: CommitteeMet) -> MeetingLine:
    return MeetingLine(
        meeting_id=event.event_id,
        at=event.at,
        quorum=event.quorum,
        quorate=len(event.quorate),
        seats=event.seats,
        steps=event.steps,
        resolutions=event.resolutions,
        climate=event.climate,
    )


def _decision(event: Decided) -> DecisionLine:
    return DecisionLine(
        decision_id=event.event_id,
        at=event.at,
        strategy=event.strategy,
        equity=event.equity,
        targets=tuple(
            TargetLine(symbol=target.symbol, weight=target.weight, reason=target.reason) for target in event.targets
        ),
    )


def _stopped(event: Rejected) -> OrderLine:
    order = event.order
    return OrderLine(
        order_id=order.order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        purpose=order.purpose,
        strategy=order.strategy,
        reason=order.reason,
        outcome=OrderOutcome.REFUSED_BY_GATE,
        outcome_note=event.message,
    )


def _warning(check: Check) -> str:
    return f"{check.rule.replace('_', ' ')} of {check.measured:.1%}, wished at most {check.limit:.1%}"
