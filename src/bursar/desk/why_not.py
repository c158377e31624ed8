"""Why a trade was not made, or why a target is what it is: the steps that it met on one day, and their figures.

The counterpart of ``why``, and like it a reader of the journal alone: what bound is what was written down when it did,
never computed again from what is known now. A journal of an older Bursar may not hold a step; then that is said.

The steps, in the order of a day: what the account may do, whether a decision was due, the committee, what the strategy
asked of the symbol and how it sized it, what the trade lost on its way to an order, the gate, the person, the broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from bursar.desk import wording
from bursar.desk.why import currency_of, written
from bursar.domain.events import (
    Abstained,
    CommitteeMet,
    Decided,
    DecisionSkipped,
    Event,
    Filled,
    InstrumentListed,
    OrderCanceled,
    OrderExpired,
    OrderPlaced,
    OrderRejected,
    ProposalEnded,
    ProposalMade,
    Rejected,
    SessionClosed,
    SessionOpened,
    TradingState,
    TradingStateChanged,
    Trimmed,
    ViewFormed,
)
from bursar.domain.orders import Order, Purpose, Side
from bursar.domain.targets import Bound, Trim, Unit
from bursar.errors import InputError
from bursar.ledger.book import Bookkeeper
from bursar.ports import Recorded

#: How many days or symbols an error names before it only counts.
_NAMED = 12

OVER_EARNINGS = "a strategy that means to hold over earnings (over_earnings = true in its template), or a later report"
#: How a figure is written in each unit but money.
_WRITE: dict[Unit, Callable[[float | Decimal], str]] = {
    Unit.FRACTION: lambda value: wording.percent(value, 2),
    Unit.NUMBER: wording.number,
    Unit.DAYS: lambda value: f"{wording.number(value, 1)} days",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One step that stood in the way, or made the trade smaller.

    says             what bound, in words
    change           what would have changed it: the least that the figure, or its limit, had to be another
    measured, limit  None where the step has no figure
    event_id         of the event that says so
    removed          False where it only made the trade smaller, or kept one part of a blend from wanting it
    """

    step: str
    says: str
    change: str
    measured: float | None = None
    limit: float | None = None
    event_id: str = ""
    removed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the journal holds about one symbol on one day.

    happened  a trade did; then ``causes`` are what made it what it was
    held      shares at the beginning of the day
    wanted    weight that was decided, a fraction of equity; None where nothing was decided
    orders    that were placed that day
    context   the opinions of that day
    """

    symbol: str
    day: date
    happened: bool
    says: str
    held: Decimal
    wanted: float | None
    causes: tuple[Cause, ...]
    orders: tuple[str, ...]
    context: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs; shares as text, for they are decimal."""
        return asdict(self) | {"day": self.day.isoformat(), "held": format(self.held, "f")}


def explain(journal: Iterable[Recorded], symbol: str, day: date) -> Answer:
    """Why ``symbol`` was not traded on ``day``, or why it was as it was.

    Raises InputError for a symbol that the journal does not know, and for a day that is no session of it.
    """
    events = [recorded.event for recorded in journal]
    symbol = symbol.strip().upper()
    _check_symbol(events, symbol)
    days = _by_session(events)
    _check_day(list(days), day)
    before = [event for each, of_day in days.items() if each < day for event in of_day]
    today = days[day]
    held = _held(before, symbol)
    after = [event for each in days if each > day for event in days[each]]
    found = _Found(before, today, after, symbol, held, currency_of(events))
    causes = tuple(found.causes())
    fills = [event for event in today if isinstance(event, Filled) and event.symbol == symbol]
    return Answer(
        symbol=symbol,
        day=day,
        happened=bool(fills),
        says=_headline(symbol, fills, causes),
        held=held,
        wanted=found.wanted,
        causes=causes,
        orders=tuple(order.order_id for order in found.placed()),
        context=tuple(_opinions(today, symbol)),
    )


def day_of(text: str) -> date:
    """A day as it was typed. Raises InputError for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is no day; give one such as 2022-01-03") from None


# ---------------------------------------------------------------- the day


def _check_symbol(events: list[Event], symbol: str) -> None:
    known = {event.instrument.symbol for event in events if isinstance(event, InstrumentListed)}
    if symbol in known:
        return
    if not known:
        raise InputError("this journal lists no instrument; run bursar demo, or name another one with --journal")
    near = get_close_matches(symbol, known, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    names = ", ".join(sorted(known)[:_NAMED])
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    raise InputError(f"{symbol} is not in this journal.{meant} It knows {names}{more}")


def _by_session(events: Iterable[Event]) -> dict[date, list[Event]]:
    """The events of each session: what came after the last one was closed belongs to the next."""
    days: dict[date, list[Event]] = {}
    today: list[Event] = []
    for event in events:
        if isinstance(event, SessionOpened) and event.day not in days:
            today = days[event.day] = today if today and not _in(days, today) else []
        today.append(event)
        if isinstance(event, SessionClosed):
            days.setdefault(event.day, today)
            today = []
    return days


def _in(days: dict[date, list[Event]], today: list[Event]) -> bool:
    """Whether the events at hand belong to a session already, which then was never closed."""
    return any(each is today for each in days.values())


def _check_day(days: list[date], day: date) -> None:
    if day in days:
        return
    if not days:
        raise InputError("this journal holds no session yet; run it for a day first")
    if not days[0] <= day <= days[-1]:
        raise InputError(f"{day} is outside this journal, whose sessions are from {days[0]} to {days[-1]}")
    earlier, later = max(each for each in days if each < day), min(each for each in days if each > day)
    raise InputError(f"{day} is no session of this journal; the nearest are {earlier} and {later}")


def _held(events: Iterable[Event], symbol: str) -> Decimal:
    keeper = Bookkeeper()
    for event in events:
        keeper.apply(event)
    positions = [portfolio.positions.get(symbol) for portfolio in keeper.book().portfolios.values()]
    return sum((position.quantity for position in positions if position), Decimal(0))


def _headline(symbol: str, fills: list[Filled], causes: tuple[Cause, ...]) -> str:
    if fills:
        told = [
            f"{'bought' if fill.side is Side.BUY else 'sold'} {wording.quantity(fill.quantity)} at "
            f"{wording.price(fill.price, fill.commission.currency)} ({fill.order_id})"
            for fill in fills
        ]
        return f"It did happen: {wording.several(tuple(told))}; bursar why {fills[0].order_id} tells why"
    return f"{symbol} was not traded: {next((each for each in causes if each.removed), causes[0]).says}"


# ---------------------------------------------------------------- the steps


class _Found:
    """The steps of one symbol on one day, in the order in which a trade meets them."""

    def __init__(
        self, before: list[Event], today: list[Event], after: list[Event], symbol: str, held: Decimal, currency: str
    ) -> None:
        self.currency = currency
        self.before, self.today, self.after, self.symbol, self.held = before, today, after, symbol, held
        decided = [event for event in today if isinstance(event, Decided)]
        self.decided = decided[-1] if decided else None
        target = next((each for each in self.decided.targets if each.symbol == symbol), None) if self.decided else None
        self.target = target
        self.wanted = None if self.decided is None else target.weight if target else 0.0

    def causes(self) -> Iterator[Cause]:
        """Never empty: where no step is on record, that is what is told."""
        found = [
            *self._standing(),
            *self._undecided(),
            *self._committee(),
            *self._bounds(),
            *self._trims(),
            *self._gate(),
            *self._person(),
            *self._broker(),
        ]
        yield from found or [self._nothing()]

    def placed(self) -> list[Order]:
        """The orders of the symbol that were placed that day."""
        return [e.order for e in self.today if isinstance(e, OrderPlaced) and e.order.symbol == self.symbol]

    def _standing(self) -> Iterator[Cause]:
        last = None
        for event in (*self.before, *self.today):
            if event is self.decided:
                break
            if isinstance(event, TradingStateChanged):
                last = event
        if last is None or last.state is TradingState.ACTIVE:
            return
        may = "nothing" if last.state is TradingState.HALTED else "only less than it held"
        says = f"the account might trade {may}: {last.reason} (by {last.by})"
        yield Cause(step=last.state.value, says=says, change="a person's re-arming it first", event_id=last.event_id)

    def _undecided(self) -> Iterator[Cause]:
        for event in self.today:
            if isinstance(event, DecisionSkipped):
                yield Cause(
                    step="skipped",
                    says=event.reason,
                    change="what is named here, in time for the decision",
                    event_id=event.event_id,
                )
        if self.decided is None and not any(isinstance(event, DecisionSkipped) for event in self.today):
            nearest = [event for event in self.before if isinstance(event, Decided)][-1:]
            nearest += [event for event in self.after if isinstance(event, Decided)][:1]
            told = " and ".join(f"{event.at:%Y-%m-%d}" for event in nearest) or "never"
            yield Cause(
                step="not due",
                says=f"no decision was made that day; the nearest in this journal: {told}",
                change="a rhythm that decides on this day",
            )

    def _committee(self) -> Iterator[Cause]:
        """The meeting's word, where the decision rests on it: a symbol without a quorum has no verdict at all."""
        met = next((event for event in reversed(self.today) if isinstance(event, CommitteeMet)), None)
        steps = {bound.step for bound in self._of_decision()}
        if met is None or self.target is not None or (steps and "unknown" not in steps):
            return
        for step in met.steps:
            if self.symbol in step.dropped:
                says = f"the committee left it out at {step.name}: {step.dropped[self.symbol]}"
                yield Cause(step=step.name, says=says, change="what is named here", event_id=met.event_id)
        for each in met.resolutions:
            if each.symbol == self.symbol and each.sources < met.quorum:
                says = f"{wording.count(each.sources, 'distinct source')} had a view, and {met.quorum} are a quorum"
                yield self._figured("quorum", says, each.sources, met.quorum, Unit.NUMBER, met.event_id)
            elif each.symbol == self.symbol:
                says = f"the committee resolved to {each.action.value} it: {each.reason}"
                yield self._figured("committee", says, each.probability, 0.5, Unit.FRACTION, met.event_id)

    def _of_decision(self) -> list[Bound]:
        return [each for each in self.decided.bounds if each.symbol == self.symbol] if self.decided else []

    def _bounds(self) -> Iterator[Cause]:
        for each in self._of_decision():
            event_id = self.decided.event_id if self.decided else ""
            removed = self.target is None and not each.after
            if each.measured is None or each.limit is None:
                change = "that it can be told"
                yield Cause(step=each.step, says=each.says, change=change, event_id=event_id, removed=removed)
            else:
                figures = each.measured, each.limit, each.unit
                yield replace(self._figured(each.step, each.says, *figures, event_id), removed=removed)

    def _trims(self) -> Iterator[Cause]:
        for event in self.today:
            if isinstance(event, Trimmed):
                yield from (self._trimmed(each, event.event_id) for each in event.trims if each.symbol == self.symbol)

    def _trimmed(self, trim: Trim, event_id: str) -> Cause:
        found = self._figured(trim.step, trim.says, float(trim.measured), float(trim.limit), trim.unit, event_id)
        return replace(found, removed=not trim.after)

    def _figured(self, step: str, says: str, measured: float, limit: float, unit: Unit, event_id: str) -> Cause:
        change = _change(measured, limit, self._writing(unit))
        return Cause(step=step, says=says, change=change, measured=measured, limit=limit, event_id=event_id)

    def _writing(self, unit: Unit) -> Callable[[float | Decimal], str]:
        if unit is Unit.MONEY:
            return lambda value: wording.money(Decimal(str(value)), self.currency)
        return _WRITE[unit]

    def _gate(self) -> Iterator[Cause]:
        refused = [event for event in self.today if isinstance(event, Rejected)]
        for event in refused:
            if event.order.symbol != self.symbol:
                continue
            first = event
            if event.rule == "basket":
                of_basket = (each for each in refused if each.at == event.at and each.rule != "basket")
                first = next(of_basket, event)
            write = written(first.rule, self.currency)
            change = _change(first.measured, first.limit, write)
            yield Cause(
                step=f"gate: {first.rule}",
                says=event.message,
                change=OVER_EARNINGS if first.rule == "earnings" else change,
                measured=float(first.measured),
                limit=float(first.limit),
                event_id=event.event_id,
            )

    def _person(self) -> Iterator[Cause]:
        ended = {event.proposal_id: event for event in self.today if isinstance(event, ProposalEnded)}
        for event in self.today:
            if not isinstance(event, ProposalMade):
                continue
            if self.symbol in {leg.symbol for leg in event.proposal.legs} and not self.placed():
                end = ended.get(event.event_id)
                became = f"it ended as {end.state.value}: {end.reason}" if end else "nobody tapped it that day"
                says = f"it was proposed ({event.event_id}), and {became}"
                yield Cause(step="person", says=says, change="a tap in time", event_id=event.event_id)

    def _broker(self) -> Iterator[Cause]:
        # What protects a position is not meant to trade.
        orders = {order.order_id for order in self.placed() if order.purpose is not Purpose.PROTECTION}
        filled = {event.order_id for event in self.today if isinstance(event, Filled)}
        ended = set()
        for event in self.today:
            match event:
                case OrderRejected(order_id=name) if name in orders:
                    says = f"the broker refused {name}: {event.message} ({event.code})"
                case OrderCanceled(order_id=name) if name in orders:
                    says = f"{name} was canceled{f': {event.reason}' if event.reason else ''}"
                case OrderExpired(order_id=name) if name in orders:
                    says = f"the time of {name} ran out"
                case _:
                    continue
            ended.add(name)
            yield Cause(step="broker", says=says, change="what is named here", event_id=event.event_id)
        for name in sorted(orders - filled - ended):
            yield Cause(
                step="working",
                says=f"{name} was placed and did not trade that day",
                change="a price at which it trades",
            )

    def _nothing(self) -> Cause:
        assert self.decided is not None, "a day without a decision has a cause"
        if self.target is None and not self.held:
            says = f"{self.decided.strategy} did not name it, and this journal does not say why"
            return Cause(step="not named", says=says, change="not on record", event_id=self.decided.event_id)
        said = (
            f"{wording.percent(self.wanted)} of equity was wanted: {self.target.reason if self.target else 'nothing'}"
        )
        says = f"{said}; {wording.quantity(self.held)} shares were held at the beginning of the day"
        return Cause(
            step="as wanted",
            says=says,
            change="a target that differs by a whole lot from what was held",
            event_id=self.decided.event_id,
        )


def _change(measured: Any, limit: Any, write: Callable[[Any], str]) -> str:
    if write(type(measured)(1)) == "yes":
        return f"{write(limit)} in place of {write(measured)}"
    more = "more" if limit > measured else "less"
    return f"{write(abs(limit - measured))} {more} of it, or a limit of {write(measured)} in place of {write(limit)}"


def _opinions(today: list[Event], symbol: str) -> Iterator[str]:
    for event in today:
        match event:
            case ViewFormed(view=view) if view.symbol == symbol:
                expected = wording.percent(view.expected_excess_return, 2, signed=True)
                sure = wording.percent(view.confidence, 0)
                yield f"{view.analyst} expected {expected} above cash in {view.horizon_days} days, {sure} sure"
            case Abstained(analyst=analyst, symbols=symbols, reason=reason) if symbol in symbols:
                yield f"{analyst} had no opinion: {reason}"


# ---------------------------------------------------------------- shown


def as_text(answer: Answer) -> RenderableType:
    """For a terminal: the steps, what would have changed each, and who thought what."""
    lines: list[RenderableType] = [Text(answer.says, style="bold"), Text("")]
    for number, cause in enumerate(answer.causes, start=1):
        lines.append(Text.assemble(f"{number}. {cause.says}", (f"  {cause.event_id}", "dim cyan")))
        lines.append(Padding(Text(f"what would have changed it: {cause.change}", style="dim"), (0, 3)))
    if answer.context:
        lines += [Text(""), Text("Who thought what that morning", style="dim")]
        lines += [Padding(Text(each), (0, 3)) for each in answer.context]
    return Padding(Group(*lines), (0, 1))
