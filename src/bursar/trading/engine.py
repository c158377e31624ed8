"""The engine: from what is known to what is done, with no clock, socket or thread in it.

Whoever owns the world (``runtime/loop.py``) tells it of the market with ``see``, asks which tasks are
``due``, lets it ``perform`` them, commits the events of each step, hands every committed event back with
``absorb``, and only then sends the step's orders. State changes in ``see`` and ``absorb`` alone, so an
engine that absorbs a journal is the engine that wrote it: starting is recovering.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from bursar.domain.accounts import AccountSnapshot, Preview
from bursar.domain.events import (
    AmendRejected,
    CancelRejected,
    CommitteeMet,
    Decided,
    DecisionSkipped,
    Event,
    ExitTriggered,
    Filled,
    KillForm,
    LineChanged,
    OrderCanceled,
    OrderRejected,
    ProposalTapped,
    Rejected,
    SessionClosed,
    TaskFinished,
    TasksMissed,
    ViewFormed,
)
from bursar.domain.market import Slice
from bursar.domain.orders import Order, OrderStatus, Purpose
from bursar.domain.sessions import Session
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.ledger.book import Book, Bookkeeper, PortfolioBook, Position
from bursar.ledger.valuation import Valuation
from bursar.ports import Panel
from bursar.risk.gate import Verdict, is_exempt, judge
from bursar.risk.limits import RiskLimits
from bursar.trading import day, parents
from bursar.trading.agenda import Item, Task, agenda
from bursar.trading.baskets import Sagas
from bursar.trading.breaks import Breaks, cash_agrees, compare
from bursar.trading.deciding import decide, trade
from bursar.trading.exits import exit_due
from bursar.trading.exposure import Past, Sight, exposure, last_closes, past_of, to_close
from bursar.trading.guard import guard
from bursar.trading.ids import Ids
from bursar.trading.line import LineState
from bursar.trading.mandate import AUTO, Ask, Autonomy, Mandate, Step
from bursar.trading.measuring import Measured
from bursar.trading.oms import Orders
from bursar.trading.opinions import heard
from bursar.trading.parents import Parents
from bursar.trading.protect import MOVES_POSITIONS, Cover
from bursar.trading.rebalance import Draft
from bursar.trading.recover import adopt, settle, told_rates
from bursar.trading.shelter import shelter
from bursar.trading.standing import Standing
from bursar.trading.strategy import Strategy, fields_read, meant_over_earnings
from bursar.trading.tapping import LegOf, selling, tap, told, work
from bursar.trading.view import VOLUMES, MarketView

__all__ = ["Ask", "Engine", "Mandate", "Step"]

#: How long what the broker would not cancel or change is left as it is.
RETRY = timedelta(minutes=1)
#: Tasks that wait while the line to the broker cannot be trusted. The others report, and go on.
NEED_THE_LINE = frozenset({Task.DECIDE, Task.TRADE, Task.MONITOR})


class Engine:
    """One portfolio's decisions."""

    def __init__(self, mandate: Mandate, strategy: Strategy, market: MarketView, sessions: Sequence[Session]) -> None:
        self.mandate = mandate
        self.market = market
        self.orders = Orders()
        self.standing = Standing()
        self.ids = Ids()
        self.strategy = strategy
        self.sessions = tuple(sessions)
        self._sessions = {session.day: session for session in sessions}
        self._day_before = {after.day: before.day for before, after in pairwise(sessions)}
        self._days = sorted(self._sessions)
        self._books = Bookkeeper()
        self._portfolio: PortfolioBook | None = None
        self._done: dict[date, set[Task]] = {}
        self._last_done: dict[Task, date] = {}
        self.opinions: dict[tuple[str, str], View] = {}
        self.started = False
        self._meeting: CommitteeMet | None = None
        self.decided: Decided | None = None
        self.exits: dict[str, datetime] = {}
        self._refused: dict[str, datetime] = {}
        self._stayed: dict[str, datetime] = {}
        self._midnights = market.session.day_around(market.at)
        self._local = market.at, market.session.local(market.at).date()
        self._past: Past | None = None
        self._volatility: float | None = None  # of the past, told once a morning and asked for at every instant
        self._closes: dict[str, Decimal] = {}
        self.breaks = Breaks()
        self.cover = Cover()
        self.sagas = Sagas(mandate.taps.behind_max)
        self.legs: dict[str, LegOf] = {}
        self.parents = Parents()
        self.measured = Measured()
        self._line = LineState.UP.value
        self._earnings: Mapping[str, date] = {}
        self._called_at: Decimal | None = None
        self._hands_off: frozenset[str] = frozenset()

    # ------------------------------------------------------------ what changes the state

    def see(self, market: Slice) -> None:
        """Take in what became known."""
        self.market = self.market.extended(market)
        session = self.session
        if session is not None and session is not self.market.session:
            self.market = replace(self.market, session=session)

    @property
    def reads(self) -> frozenset[str]:
        """Daily fields beside closes that the strategy reads, and that a way for an order is chosen by."""
        return fields_read(self.strategy) | set(VOLUMES if self.mandate.execution.route == AUTO else ())

    def refresh(
        self, closes: Panel, earnings: Mapping[str, date] | None = None, facts: Mapping[str, Panel] | None = None
    ) -> None:
        """Take in the history of finished sessions, and who reports next, as it is known this morning.

        facts  what is read beside closes (``reads``), as far as the source has it
        """
        self.market = replace(self.market, closes=closes, facts=facts or {})
        self._past, self._closes, self._earnings = past_of(closes), last_closes(closes), earnings or {}
        self._volatility = self._past.market_volatility if self._past else None

    def absorb(self, event: Event) -> None:
        """Take in one committed event."""
        self.started = True
        self.ids.seen(event.event_id)
        moved = self._books.apply(event)
        self._portfolio = None if moved else self._portfolio
        change = self.orders.apply(event)
        symbol = self.orders[change.order_id].order.symbol if change else ""
        self.breaks.apply(event, change, symbol, self.mandate.account)
        self.sagas.apply(event)
        self.parents.apply(event)
        self.measured.apply(event)
        self.standing.apply(event, self.portfolio if isinstance(event, SessionClosed) else None)
        match event:
            case TaskFinished(task=task, day=day):
                self._done.setdefault(day, set()).add(Task(task))
                self._passed((task,), day)
            case TasksMissed(tasks=tasks, day=day):
                self._passed(tasks, day)
            case ViewFormed(view=view):
                self.opinions[view.analyst, view.symbol] = view
            case CommitteeMet():
                self._meeting = event
            case Decided():
                self.decided = event
            case ExitTriggered(symbol=symbol):
                self.exits[symbol] = event.at
            case Filled(order_id=order_id) if self._protects(order_id):
                self.exits[event.symbol] = event.at
            case OrderRejected(order_id=order_id):
                self._refused[self.orders[order_id].order.symbol] = event.at
            case CancelRejected(order_id=order_id) | AmendRejected(order_id=order_id):
                self._stayed[self.orders[order_id].order.symbol] = event.at
            case LineChanged(state=state):
                self._line = state
            case _:
                pass
        if self.mandate.protection_at_broker and (change or isinstance(event, MOVES_POSITIONS)):
            self.cover.look(event.at, self.ours.values(), self.orders.working())

    def _passed(self, tasks: Iterable[str], day: date) -> None:
        """Tasks of a session are done, or will not be."""
        for task in map(Task, tasks):
            self._last_done[task] = max(day, self._last_done.get(task, day))

    def recover(self, events: Iterable[Event]) -> None:
        """Take in a journal from its beginning."""
        for event in events:
            self.absorb(event)

    # ------------------------------------------------------------ what can be asked

    @property
    def session(self) -> Session | None:
        """The session of the exchange's present day, open or not; None on a holiday."""
        return self._sessions.get(self._local_day())

    @property
    def portfolio(self) -> PortfolioBook:
        """The book of this portfolio as of the last committed event."""
        if self._portfolio is None:
            book, account = self._books.book(), self.mandate.account
            held = (each.positions.items() for each in book.of_account(account))
            adopted = {symbol for positions in held for symbol, position in positions if position.hands_off}
            self._hands_off = self.mandate.hands_off | adopted
            self._portfolio = book.portfolio(account, self.mandate.portfolio)
        return self._portfolio

    @property
    def book(self) -> Book:
        """All that is booked, as of the last committed event."""
        return self._books.book()

    @property
    def hands_off(self) -> frozenset[str]:
        """Symbols that no order may touch: those that were named, and what was adopted, whose portfolio it may be."""
        _ = self.portfolio
        return self._hands_off

    @property
    def ours(self) -> dict[str, Position]:
        """The positions that may be traded."""
        positions = self.portfolio.positions
        return {symbol: position for symbol, position in positions.items() if symbol not in self._hands_off}

    def _protects(self, order_id: str) -> bool:
        return order_id in self.orders and self.orders[order_id].order.purpose is Purpose.PROTECTION

    def told_no(self, symbol: str) -> bool:
        """Whether what protects ``symbol`` is left as it is for now, since the broker has just refused something of it.

        An order until the market has moved on; to cancel or change one for a minute: it was most likely filled, and
        that is not told yet.
        """
        stayed, at = self._stayed.get(symbol), self.market.at
        return self._refused.get(symbol) == at or (stayed is not None and at - stayed < RETRY)

    def sight(self) -> Sight:
        """What the gate may know at this instant."""
        return Sight(
            portfolio=self.portfolio,
            orders=self.orders,
            market=self.market,
            standing=self.standing,
            base_currency=self.mandate.base_currency,
            session=self.session,
            next_session=self._next_session(),
            cost_rate=self.mandate.cost_rate,
            cost_minimum=self.mandate.cost_minimum,
            stop_loss=self.mandate.stop_loss,
            past=self._past,
            closes=self._closes,
            unsettled=self.mandate.unsettled,
            earnings=self._earnings,
            earnings_meant=meant_over_earnings(self.strategy),
            called_at=self._called_at,
            hands_off=self.hands_off,
            later=self.parents.later(order.order_id for order in self.standing.sent()),
        )

    def limits(self) -> RiskLimits:
        """The mandate's limits as the present market leaves them: never larger."""
        return self.mandate.limits.adapted(self._volatility)

    def valuation(self) -> Valuation:
        """The portfolio at the latest two-sided quotes."""
        return self.sight().valuation()

    def views(self) -> tuple[View, ...]:
        """Views that count in the present session: see ``trading/opinions.py``."""
        session = self.session
        if session is None:
            return ()
        since = self.mandate.agenda.times(session)[Task.ANALYZE]
        return heard(
            self.opinions.values(),
            self._meeting,
            since - timedelta(hours=1),
            without_quorum=self.mandate.trades_without_quorum,
        )

    def _next_session(self) -> Session | None:
        """The session after today's, or None where the calendar ends."""
        place = bisect_right(self._days, self._local_day())
        return self._sessions[self._days[place]] if place < len(self._days) else None

    def _local_day(self) -> date:
        """The exchange's present day, told once an instant: it is asked for at every turn."""
        at, day = self._local
        if at is not self.market.at:
            at = self.market.at
            day = self.market.session.local(at).date()
            self._local = at, day
        return day

    def due(self) -> tuple[Task, ...]:
        """Tasks to perform now, in order."""
        session = self.session
        if session is None:
            return ()
        place = bisect_right(self._days, session.day)
        around = self.sessions[max(place - 2, 0) : place + 1]
        due = agenda(around, self.mandate.agenda, self.market.at, self._last_done).items
        trusted = self.trusts_the_line
        return tuple(item.task for item in due if trusted or item.task not in NEED_THE_LINE)

    def missed(self) -> tuple[TasksMissed, ...]:
        """What was not done in time and was not told yet, a session each."""
        found: dict[date, list[Item]] = {}
        for item in agenda(self.sessions, self.mandate.agenda, self.market.at, self._last_done).missed:
            found.setdefault(item.day, []).append(item)
        return tuple(
            TasksMissed(
                event_id=f"missed/{items[0].exchange}/{day}/{items[0].task}",
                at=self.market.at,
                exchange=items[0].exchange,
                day=day,
                tasks=tuple(item.task for item in items),
            )
            for day, items in found.items()
        )

    def done(self, day: date) -> frozenset[Task]:
        """Tasks of the session of ``day`` that are done."""
        return frozenset(self._done.get(day, ()))

    @property
    def trusts_the_line(self) -> bool:
        """True while what the broker says can be believed to be all that it knows: see ``trading/line.py``."""
        return self._line == LineState.UP

    @property
    def may_ask(self) -> bool:
        """True while the broker can be asked: its clock may be wrong, and be seen to be right again."""
        return self._line in (LineState.UP, LineState.SKEWED)

    # ------------------------------------------------------------ what is done

    def perform(self, task: Task) -> Step:
        """What ``task`` leads to. Analysis is a job and not performed here: see ``finish_analysis``."""
        session = self.session
        if session is None:
            raise DataError(f"{task} is not due at {self.market.at}: the exchange has no session that day")
        at, quotes = self.market.at, self.market.quotes
        match task:
            case Task.OPEN:
                return self._finish(task, session, Step(events=(day.opened(session, at),)))
            case Task.DECIDE:
                return self._finish(task, session, decide(self))
            case Task.TRADE:
                waits, step = trade(self)
                return step if waits else self._finish(task, session, step)
            case Task.MONITOR:
                return self._monitor()
            case Task.CLOSE:
                return self._finish(task, session, Step(events=(day.marked(session, at, quotes),)))
            case Task.REVIEW:
                rates = self.standing.rates
                closed = day.closed(session, at, quotes, self.portfolio, self.mandate.base_currency, rates)
                return self._finish(task, session, Step(events=(closed,)))
            case Task.ANALYZE:
                raise DataError("analysis is a job: run the analysts and call finish_analysis")

    def guard(self) -> Step:
        """Look at the losses, and stop the account where a limit is breached; none is while the market is shut."""
        session = self.session
        if session is None or not session.contains(self.market.at):
            return Step()
        return Step(
            events=guard(
                self.sight(),
                self.limits(),
                account=self.mandate.account,
                new_id=self.ids.new,
                person_simulated=self.mandate.person_simulated,
            )
        )

    def finish_analysis(self, formed: Sequence[Event]) -> Step:
        """The analysts' views and abstentions, as one step."""
        session = self.session
        if session is None:
            return Step(events=tuple(formed))
        return self._finish(Task.ANALYZE, session, Step(events=(*self.missed(), *formed)))

    def reconcile(self, snapshot: AccountSnapshot, *, fresh: bool = True, unsent: frozenset[str] = frozenset()) -> Step:
        """Hold the books against the broker's account, once every report is booked.

        fresh   True after a start or a reconnection, when nothing is on its way any more
        unsent  what was so ``unsent`` then, and still is
        """
        account, at = self.mandate.account, self.market.at
        for name in (each.order_id for listed in (snapshot.open_orders, snapshot.executions) for each in listed):
            self.ids.seen(name)  # perhaps of a journal that was lost: no new order may have it
        differences = compare(self._books.book(), self.orders, snapshot, account, self.midnights)
        doubtful = {each.symbol for each in differences} | self.breaks.symbols
        cash = cash_agrees(differences, self.orders, snapshot)
        aftermath = settle(
            self.orders, snapshot, doubtful, self._today, at=at, cash_agrees=cash, fresh=fresh, unsent=unsent
        )
        found = self.breaks.found(differences, self.orders, account, at)
        self._called_at = snapshot.called_at  # like a quote it is not journalled: no start goes on without asking
        rates = told_rates(snapshot, self.standing.rates, at, self.mandate.base_currency)
        return Step(events=(*rates, *found, *aftermath.events), cancels=aftermath.cancels)

    def contradictions(self) -> Step:
        """What a person must look at because of what was committed: see ``trading/breaks.py`` and ``promises.py``."""
        return Step(events=(*self.breaks.owed, *self.sagas.promises.owed(self.market.at)))

    @property
    def midnights(self) -> tuple[datetime, datetime]:
        """The midnights in the exchange's zone before and after the present instant."""
        begin, end = self._midnights
        if not begin <= self.market.at < end:
            self._midnights = self.market.session.day_around(self.market.at)
        return self._midnights

    def _today(self, at: datetime) -> bool:
        begin, end = self.midnights
        return begin <= at < end

    def adopt(self, snapshot: AccountSnapshot) -> Step:
        """Take over the positions that were there before us, where no books were kept yet.

        Once an order of ours was placed, a position may be its fill, of which no broker tells after midnight.
        """
        kept = any(portfolio.positions for portfolio in self._books.book().of_account(self.mandate.account))
        if kept or self.orders.begun or self.orders.executions:
            return Step()
        return Step(events=adopt(snapshot, self.mandate, self._books.book().instruments, self.market.at))

    @property
    def unsent(self) -> frozenset[str]:
        """What was journalled and never reached the broker, by its ids.

        To be asked after a whole interrogation over a connection by which nothing was sent: what the broker does not
        know then, it never had.
        """
        return frozenset(
            state.order.order_id
            for state in self.orders.working()
            if not state.acknowledged
            and state.status is OrderStatus.PENDING_NEW
            and state.order.symbol not in self.breaks.symbols
        )

    def resume(self, among: frozenset[str] | None = None) -> Step:
        """Gate again what was not sent, and send what still passes. among: what was ``unsent`` then, and may be now."""
        still = self.unsent if among is None else self.unsent & among
        unsent = tuple(state.order for state in self.orders.working() if state.order.order_id in still)
        if not unsent:
            return Step()
        try:
            verdict = self.judge(unsent, causes=tuple(order.order_id for order in unsent))
        except DataError:
            verdict = Verdict(approved=(), events=())
        passed = {approved.order.order_id for approved in verdict.approved}
        why = {event.order.order_id: event.event_id for event in verdict.events if isinstance(event, Rejected)}
        canceled = tuple(
            OrderCanceled(
                event_id=f"{order.order_id}/canceled",
                at=self.market.at,
                causes=(why.get(order.order_id, order.order_id),),
                order_id=order.order_id,
                reason="never sent: the gate refused it when Bursar started again",
            )
            for order in unsent
            if order.order_id not in passed
        )
        return Step(events=(*verdict.events, *canceled), orders=verdict.approved)

    def _finish(self, task: Task, session: Session, step: Step) -> Step:
        done = TaskFinished(
            event_id=f"{task}/{session.exchange}/{session.day}",
            at=self.market.at,
            causes=tuple(event.event_id for event in step.events),
            task=task,
            day=session.day,
        )
        return replace(step, events=(*step.events, done))

    def skip(self, reason: str) -> Step:
        """The word that nothing is done, and why."""
        skipped = DecisionSkipped(
            event_id=self.ids.new("k"), at=self.market.at, portfolio=self.mandate.portfolio, reason=reason
        )
        return Step(events=(skipped,))

    def spendable(self) -> Decimal:
        """Cash that purchases may use now. Raises DataError where it cannot be told."""
        return exposure(self.sight()).cash_settled

    def tap(self, proposal_id: str, by: str) -> ProposalTapped:
        """A person's yes to a proposal. Raises InputError, in words, where it cannot count; nothing is sent then."""
        return tap(self, proposal_id, by)

    def work(self) -> Step:
        """The next move of what was tapped; nothing while the line to the broker cannot be trusted."""
        return work(self) if self.trusts_the_line else Step()

    def pieces(self) -> Step:
        """The next move of every parent order: see ``trading/parents.py``."""
        return parents.work(self)

    def submit(self, drafts: Sequence[Draft], causes: tuple[str, ...], before: tuple[Event, ...] = ()) -> Step:
        """Number the drafts, let the gate judge them, and place what it approves."""
        if not drafts:
            return Step(events=before)
        return self._put(tuple(self.order(draft) for draft in drafts), causes, before)

    def answer(self, ask: Ask, previews: Mapping[str, Preview], refused: str = "") -> Step:
        """Go on with a basket, now that the broker has said what it would do, or why it would refuse it."""
        if refused:
            return self.skip(refused)
        try:
            return self._put(ask.basket, ask.causes, previews=previews)
        except DataError as error:
            return self.skip(str(error))

    def put(self, basket: tuple[Order, ...], causes: tuple[str, ...]) -> Step:
        """Let the gate judge a basket, and place what it approves."""
        return self._put(basket, causes)

    def _put(
        self,
        basket: tuple[Order, ...],
        causes: tuple[str, ...],
        before: tuple[Event, ...] = (),
        previews: Mapping[str, Preview] | None = None,
    ) -> Step:
        verdict = self.judge(basket, causes, previews)
        placed, paced = parents.placed(verdict, self.parents, self.market.at)
        ask = Ask(basket=basket, orders=verdict.previews, causes=causes) if verdict.previews else None
        legs = told(self.legs, verdict, self.market)
        begun = self.parents.told(verdict, self.market, self.mandate.portfolio)
        return Step(
            events=(*before, *verdict.events, *placed, *legs, *begun),
            orders=tuple(approved for approved in verdict.approved if approved.order.order_id not in paced),
            ask=ask,
        )

    def judge(
        self, basket: tuple[Order, ...], causes: tuple[str, ...], previews: Mapping[str, Preview] | None = None
    ) -> Verdict:
        """What the gate says of a basket."""
        without = {order.order_id for order in basket}
        sight = replace(self.sight(), repeated=self.parents.siblings(without), again=self.parents.later(without))
        closing = all(is_exempt(order) for order in basket)
        seen = to_close(sight, without) if closing else exposure(sight, without, previews)
        done = {order_id: self.orders[order_id].filled for order_id in without if order_id in self.orders}
        return judge(basket, seen, self.limits(), causes=causes, new_id=self.ids.new, done=done)

    def order(self, draft: Draft) -> Order:
        """A draft with the next id, for this account."""
        return Order(
            order_id=self.ids.new("o"),
            account=self.mandate.account,
            portfolio=self.mandate.portfolio,
            strategy=draft.strategy,
            symbol=draft.symbol,
            side=draft.side,
            quantity=draft.quantity,
            effect=draft.effect,
            purpose=draft.purpose,
            reason=draft.reason,
        )

    def _monitor(self) -> Step:
        """Close what has reached its stop or its target, unless an order is at it already.

        What the broker refused is tried again when the market has moved on, and not at the same instant for ever.
        Where protection rests at the broker, that is what is looked after instead. Who observes closes nothing.
        """
        if self.mandate.autonomy is Autonomy.OBSERVE:
            return Step()
        if self.mandate.protection_at_broker:
            killed = self.standing.kill  # which makes room for its own orders, and puts protection back
            if Task.TRADE in self.due() or (killed and killed.form is KillForm.FLATTEN):
                return Step()  # so does a rebalance that waits: what it took back is not to be placed again meanwhile
            return shelter(self, selling(self))[0]
        barred = self.breaks.symbols | {state.order.symbol for state in self.orders.working()}
        steps = [
            step
            for symbol, position in sorted(self.ours.items())
            if position.quantity > 0
            and symbol not in barred
            and self._refused.get(symbol) != self.market.at
            and (step := self._exit(position)) is not None
        ]
        return Step(
            events=tuple(event for step in steps for event in step.events),
            orders=tuple(order for step in steps for order in step.orders),
        )

    def _exit(self, position: Position) -> Step | None:
        due = exit_due(position, self.market.quotes.get(position.symbol), self.mandate, self.market.at, self.ids.new)
        if due is None:
            return None
        triggered, draft = due
        return self.submit((draft,), causes=(triggered.event_id,), before=(triggered,))
