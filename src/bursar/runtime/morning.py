"""The morning's job: signals come in, analysts form their views, a model may judge them again, the committee meets.

All of it ends in events, which the loop commits together; nothing is decided here and nothing is sent. What the
committee has learned of its members is read back from the journal, so that a program that starts again knows it too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from bursar.adapters.memory import MemorySignals
from bursar.domain.committee import Seating
from bursar.domain.events import Abstained, Alerted, CommitteeMet, Event, ModelAsked, SignalReceived, ViewFormed
from bursar.domain.views import Abstention, View
from bursar.errors import DataError
from bursar.ports import Fundamentals, History, Signals
from bursar.quant.sizing import SizeLimits
from bursar.research import committee, signals
from bursar.research.analysts import Analyst
from bursar.research.analysts.dissenter import Dissenter
from bursar.research.climate import Barometer
from bursar.research.committee import Papers, Rules, Seat
from bursar.research.proposals import Purse, resolve
from bursar.research.reasoning import Asked, Reasoner
from bursar.research.record import Learned, Record
from bursar.research.skill import Scorecard, Standing
from bursar.research.statements import market_value, read_statements
from bursar.trading.engine import Engine
from bursar.trading.view import MarketView

#: An answer of a model is kept up to here; who goes on for longer says nothing more.
ANSWER_MAX = 4000


#: What analysts said, by their name and the moment.
Heard = dict[tuple[str, datetime], tuple[View | Abstention, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An analyst that forms its opinions of a morning once, and tells them again to other runs on the same facts."""

    analyst: Analyst
    heard: Heard

    @property
    def name(self) -> str:
        return self.analyst.name

    @property
    def needs(self) -> frozenset[str]:
        return self.analyst.needs

    def form(self, market: MarketView, ids: Callable[[], str]) -> tuple[View | Abstention, ...]:
        key = self.name, market.at
        if key not in self.heard:
            self.heard[key] = self.analyst.form(market, lambda: "remembered")
        return tuple(replace(said, view_id=ids()) if isinstance(said, View) else said for said in self.heard[key])


def remembering(analysts: Iterable[Analyst], heard: Heard) -> tuple[Analyst, ...]:
    """Those analysts, each with a memory; a dissenter answers the others and is asked each time."""
    return tuple(each if isinstance(each, Dissenter) else Remembered(analyst=each, heard=heard) for each in analysts)


@dataclass(slots=True, kw_only=True)
class Morning:
    """Who is asked, and how it becomes a meeting.

    analysts      in the order in which they speak; a dissenter hears the others first
    seats         of the committee; none holds no meeting
    reasoner      puts views to a language model; None judges by rule alone
    door          where signals from outside come in, and ``listens`` which of them are heard
    fundamentals  and raw closes, where the size of a company is told; None where nobody knows it
    """

    analysts: Sequence[Analyst]
    history: History
    seats: Sequence[Seat] = ()
    rules: Rules = field(default_factory=Rules)
    sizes: SizeLimits = field(default_factory=SizeLimits)
    reasoner: Reasoner | None = None
    door: Signals = field(default_factory=MemorySignals)
    listens: signals.Filter = field(default_factory=signals.Filter)
    fundamentals: Fundamentals | None = None
    raw: History | None = None
    _record: Record = field(default_factory=Record)
    _barometer: Barometer = field(default_factory=Barometer)
    _received: set[str] = field(default_factory=set)

    def absorb(self, event: Event) -> None:
        """Take note of one committed event, whether it is new or read back."""
        match event:
            case ViewFormed(view=view):
                self._record.note(view)
            case SignalReceived() | Alerted():
                self._received.add(event.event_id)
            case _:
                pass

    async def hold(self, engine: Engine) -> list[Event]:
        """Everything that the morning leads to, in its order."""
        market = engine.market
        received = self._receive(engine)
        heard = [event.signal for event in received if not event.refused]
        formed: list[View | Abstention] = [
            opinion
            for analyst in self.analysts
            if not isinstance(analyst, Dissenter)
            for opinion in analyst.form(market, lambda: engine.ids.new("v"))
        ]
        asked: tuple[Asked, ...] = ()
        if self.reasoner is not None:
            judged, asked = await self.reasoner.reconsider(market, formed)
            formed = list(judged)
        outside = [signals.view_of(signal, market, engine.ids.new("v")) for signal in heard]
        views = [opinion for opinion in (*formed, *outside) if isinstance(opinion, View)]
        doubts = [
            doubt
            for analyst in self.analysts
            if isinstance(analyst, Dissenter)
            for doubt in analyst.doubt(market, views, lambda: engine.ids.new("v"))
        ]
        opinions = [*formed, *outside, *doubts]
        questions = {each.view_id: _asked(each, engine) for each in asked}
        causes = {view_id: event.event_id for view_id, event in questions.items()}
        causes |= {
            view.view_id: _received_id(signal.source, signal.signal_id)
            for view, signal in zip(outside, heard, strict=True)
        }
        events: list[Event] = [
            *self._alerts(engine),
            *received,
            *questions.values(),
            *_journalled(opinions, causes, engine),
        ]
        if self.seats:
            events.append(self._meet(engine, opinions, events))
        return events

    def _receive(self, engine: Engine) -> list[SignalReceived]:
        """The signals that came in since the last time, those that are not listened to among them, with the reason."""
        market = engine.market
        coming = self.door.asof(market.at - self.listens.age_max, market.at)
        return [
            SignalReceived(
                event_id=_received_id(signal.source, signal.signal_id),
                at=market.at,
                portfolio=engine.mandate.portfolio,
                signal=signal,
                refused=self.listens.refuses(signal, market),
            )
            for signal in coming
            if _received_id(signal.source, signal.signal_id) not in self._received
        ]

    def _alerts(self, engine: Engine) -> list[Alerted]:
        """A word on everything in the box that is no signal, once."""
        found = {f"alert/signal/{name}": message for name, message in self.door.unread().items()}
        return [
            Alerted(event_id=event_id, at=engine.market.at, severity="warning", message=message)
            for event_id, message in found.items()
            if event_id not in self._received
        ]

    # ---------------------------------------------------------------- the meeting

    def _meet(self, engine: Engine, opinions: Sequence[View | Abstention], events: Sequence[Event]) -> CommitteeMet:
        market = engine.market
        symbols = tuple(sorted(market.instruments))
        names = [seat.analyst for seat in self.seats]
        learned = self._record.learned(self.history, symbols, names, market.at, ZoneInfo(market.session.zone))
        purse = _purse(engine)
        papers = Papers(
            positions=purse.positions,
            standings=learned.standings,
            calibrations=learned.calibrations,
            turnover=committee.turnover(self.history, symbols, market),
            market_value=self._market_values(symbols, market),
        )
        climate = self._barometer.read(self.history, symbols, market.closes, market.at)
        minutes = committee.meet(market, opinions, papers, self.rules, self.seats)
        return CommitteeMet(
            event_id=engine.ids.new("c"),
            at=market.at,
            causes=tuple(event.event_id for event in events if isinstance(event, ViewFormed | Abstained)),
            portfolio=engine.mandate.portfolio,
            quorum=self.rules.quorum,
            seats=tuple(_seating(seat, learned) for seat in self.seats),
            steps=minutes.steps,
            resolutions=resolve(minutes, market, purse, self.sizes, self.rules.horizon_days, climate.part),
            climate=climate.told(),
        )

    def _market_values(self, symbols: Sequence[str], market: MarketView) -> dict[str, float] | None:
        if self.fundamentals is None or self.raw is None:
            return None
        found = {}
        for symbol in symbols:
            try:
                statements = read_statements(self.fundamentals, symbol, market.at)
                found[symbol] = market_value(statements, self.raw, market)
            except DataError:
                found[symbol] = math.nan
        return found


def _purse(engine: Engine) -> Purse:
    """What the portfolio owns, at the last closes: in the morning there is no quote to value it by."""
    portfolio, closes = engine.portfolio, engine.market.closes
    cash = portfolio.cash.get(engine.mandate.base_currency, Decimal(0))
    quantities = {symbol: position.quantity for symbol, position in portfolio.positions.items() if position.quantity}
    worth = Decimal(0)
    for symbol, quantity in quantities.items():
        close = float(closes.column(symbol)[-1]) if symbol in closes.symbols and len(closes.dates) else math.nan
        if math.isfinite(close):
            worth += quantity * Decimal(repr(close))
    return Purse(equity=cash + worth, cash=cash, quantities=quantities)


def _seating(seat: Seat, learned: Learned) -> Seating:
    standing: Standing = learned.standings[seat.analyst]
    card: Scorecard | None = learned.scorecards.get(seat.analyst)
    return Seating(
        analyst=seat.analyst,
        reads=tuple(sorted(seat.reads)),
        weight=standing.weight,
        votes=card.votes if card else 0,
        hit_rate=card.hit_rate if card else None,
        brier=card.brier if card else None,
        rank_ic=_told(card.rank_ic) if card else None,
        skill=_told(standing.skill),
        uniqueness=standing.uniqueness,
    )


def _told(value: float) -> float | None:
    return value if math.isfinite(value) else None


# ---------------------------------------------------------------- as it is journalled


def _received_id(source: str, signal_id: str) -> str:
    return f"signal/{source}/{signal_id}"


def _asked(asked: Asked, engine: Engine) -> ModelAsked:
    answer = asked.answer
    return ModelAsked(
        event_id=engine.ids.new("m"),
        at=engine.market.at,
        analyst=asked.analyst,
        symbol=asked.symbol,
        model=answer.model,
        recorded=answer.recorded,
        prompt=asked.prompt,
        answer=answer.text[:ANSWER_MAX],
        problem=answer.problem,
        attempts=answer.attempts,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost=answer.cost,
    )


def _journalled(
    opinions: Iterable[View | Abstention], causes: dict[str, str], engine: Engine
) -> list[ViewFormed | Abstained]:
    """Views one by one, and abstentions of an analyst for one reason together, in the order in which they came."""
    at, events = engine.market.at, list[ViewFormed | Abstained]()
    silent: dict[tuple[str, str], list[str]] = {}
    for opinion in opinions:
        if isinstance(opinion, View):
            because = (causes[opinion.view_id],) if opinion.view_id in causes else ()
            events.append(ViewFormed(event_id=opinion.view_id, at=at, causes=because, view=opinion))
        else:
            silent.setdefault((opinion.analyst, opinion.reason), []).append(opinion.symbol)
    events += [
        Abstained(event_id=engine.ids.new("n"), at=at, analyst=analyst, symbols=tuple(symbols), reason=reason)
        for (analyst, reason), symbols in silent.items()
    ]
    return events
