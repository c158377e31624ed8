"""From settings to the parts that they describe. Which world an account trades in is read here alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from bursar.adapters.memory import MemoryFundamentals, MemoryNews
from bursar.config import Settings
from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.path import Shape
from bursar.ports import Fundamentals, History, News, Signals
from bursar.quant.sizing import SizeLimits
from bursar.research import committee, signals
from bursar.research.analysts import Analyst
from bursar.research.analysts.buffett import BuffettAnalyst
from bursar.research.analysts.dissenter import Dissenter
from bursar.research.analysts.fundamentals import FundamentalsAnalyst
from bursar.research.analysts.sentiment import SentimentAnalyst
from bursar.research.analysts.technical import TechnicalAnalyst
from bursar.research.analysts.valuation import ValuationAnalyst
from bursar.research.reasoning import Reasoner
from bursar.research.statements import Filings
from bursar.research.strategies import shape as portfolios
from bursar.research.strategies.blend import Blend
from bursar.research.strategies.committee import CommitteeStrategy
from bursar.research.templates import TemplateStrategy, template
from bursar.runtime.morning import Heard, Morning, remembering
from bursar.trading.agenda import Task
from bursar.trading.mandate import TAPS, Autonomy, Execution, Mandate
from bursar.trading.strategy import Strategy

#: A basis point is a hundredth of a percent.
BASIS_POINT = Decimal("0.0001")


def mandate(settings: Settings) -> Mandate:
    """What the engine may do, for the account that the settings name."""
    risk, costs = settings.risk, settings.costs
    fees = costs.commission_basis_points * BASIS_POINT
    return Mandate(
        account=settings.account.account_id,
        base_currency=settings.account.base_currency,
        limits=risk.limits(),
        agenda=replace(settings.schedule.agenda(), zone=settings.market.timezone),
        stop_loss=risk.stop_loss,
        take_profit=risk.take_profit,
        reentry_wait=timedelta(days=risk.reentry_wait_days),
        cost_rate=fees,
        cost_minimum=costs.commission_minimum,
        trade_min=settings.strategy.trade_min,
        drift_min=settings.schedule.drift_min if settings.schedule.rebalance == "threshold" else Decimal(0),
        autonomy=Autonomy(settings.strategy.autonomy),
        # What a person is shown before a tap is reckoned with the figure that sizes are: one, and not two.
        taps=replace(
            TAPS,
            cost_rate=fees,
            cost_minimum=costs.commission_minimum,
            adverse_move=settings.execution.adverse_move,
            behind_max=float(settings.execution.behind_max),
        ),
        protection_at_broker=risk.protection == "broker",
        capital=settings.sleeve.capital,
        hands_off=frozenset(settings.sleeve.hands_off),
        execution=Execution(
            route=settings.execution.route,
            within=timedelta(minutes=settings.execution.within_minutes),
            every=timedelta(minutes=settings.execution.every_minutes),
            urgency=settings.execution.urgency,
            participation=settings.execution.participation,
            expected=(costs.commission_basis_points + costs.spread_basis_points / 2) * BASIS_POINT,
        ),
        trades_without_quorum=settings.committee.without_quorum == "views",
    )


def shape(settings: Settings, first: Session) -> Shape:
    """How the simulated days look. Their first instant is the analysis of ``first``, where that is before the bell."""
    analysis = settings.schedule.pre_market
    zone = ZoneInfo(settings.market.timezone)
    before = first.open - datetime.combine(first.day, analysis, tzinfo=zone).astimezone(UTC)
    return Shape(
        before_open_minutes=max(int(before.total_seconds() // 60), 1),
        step_minutes=settings.schedule.monitor_minutes,
        spread_basis_points=float(settings.costs.spread_basis_points),
        after_close_minutes=max(settings.schedule.post_market_minutes, 1),
    )


def require_clock(settings: Settings, sessions: Sequence[Session]) -> None:
    """Raise InputError where by the clock of the schedule an exchange would be decided on after its closing bell."""
    agenda = mandate(settings).agenda
    for session in sessions:
        at = agenda.times(session)[Task.DECIDE]
        if at >= session.close:
            raise InputError(
                f"on the clock of market.timezone, {settings.market.timezone}, the decision of {session.day} is due at "
                f"{session.local(at):%H:%M on %d %B} in {session.zone}, and {session.exchange} is open from "
                f"{session.local(session.open):%H:%M} to {session.local(session.close):%H:%M}; set market.timezone to "
                f"{session.zone}, or schedule.analysis to an earlier time"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The facts that analysts read, as far as there are any: where one is empty, who needs it abstains.

    title  of the prices, for whoever looks the evidence up
    raw    closes as they were paid, for what a company costs
    """

    title: str
    history: History
    fundamentals: Fundamentals = field(default_factory=MemoryFundamentals)
    news: News = field(default_factory=MemoryNews)
    raw: History | None = None


#: Each analyst that can be selected: the name under which its views stand, and what it reads.
AGENTS: Mapping[str, str] = MappingProxyType(
    {
        "warren_buffett": BuffettAnalyst.name,
        "valuation_analyst": ValuationAnalyst.name,
        "sentiment_analyst": SentimentAnalyst.name,
        "technical_analyst": TechnicalAnalyst.name,
        "fundamentals_analyst": FundamentalsAnalyst.name,
        "dissenter": Dissenter.name,
    }
)


def analysts(settings: Settings, shelf: Shelf) -> tuple[Analyst, ...]:
    """The selected analysts. One that lacks its facts abstains by itself."""
    facts, raw = shelf.fundamentals, shelf.raw
    known: Mapping[str, Analyst] = {
        "warren_buffett": BuffettAnalyst(fundamentals=facts, raw=raw),
        "valuation_analyst": ValuationAnalyst(fundamentals=facts, raw=raw),
        "sentiment_analyst": SentimentAnalyst(news=shelf.news),
        "technical_analyst": TechnicalAnalyst(source=shelf.title, history=shelf.history),
        "fundamentals_analyst": FundamentalsAnalyst(fundamentals=facts),
        "dissenter": Dissenter(fundamentals=facts),
    }
    return tuple(known[name] for name in dict.fromkeys(settings.models.selected_agents))


def rules(settings: Settings) -> committee.Rules:
    """How the committee decides."""
    return committee.Rules(
        quorum=settings.committee.quorum,
        probability_min=float(settings.committee.probability_min),
        positions_max=settings.committee.positions_max,
    )


def morning(
    settings: Settings, shelf: Shelf, door: Signals, reasoner: Reasoner | None = None, heard_before: Heard | None = None
) -> Morning:
    """The morning's job: the selected analysts, the sources from outside that are heard, and their committee.

    heard_before  what the analysts said of the very same facts in another run; they are asked for the rest alone
    """
    risk, heard = settings.risk, settings.signals
    shelf = replace(shelf, fundamentals=Filings(shelf.fundamentals))
    chosen = [AGENTS[name] for name in dict.fromkeys(settings.models.selected_agents)]
    priced = shelf.raw is not None and "raw_close" not in shelf.raw.lacks()
    # What nobody can read is nobody's source: without prices as paid, an owner's view rests on statements alone.
    house = [
        seat if priced else replace(seat, reads=seat.reads - {"market value"})
        for name in chosen
        for seat in committee.SEATS
        if seat.analyst == name
    ]
    guests = [
        committee.Seat(analyst=signals.analyst_of(source), reads=frozenset({signals.analyst_of(source)}))
        for source in dict.fromkeys(heard.sources)
    ]
    return Morning(
        analysts=analysts(settings, shelf)
        if heard_before is None
        else remembering(analysts(settings, shelf), heard_before),
        history=shelf.history,
        seats=(*house, *guests),
        rules=rules(settings),
        sizes=SizeLimits(
            position_weight_max=float(risk.position_weight_max),
            sector_weight_max=float(risk.sector_weight_max),
            cash_reserve=float(risk.cash_reserve),
        ),
        reasoner=reasoner,
        door=door,
        listens=signals.Filter(
            sources=frozenset(heard.sources),
            confidence_min=float(heard.confidence_min),
            age_max=timedelta(days=heard.age_max_days),
        ),
        fundamentals=shelf.fundamentals if priced else None,
        raw=shelf.raw if priced else None,
    )


def strategy(settings: Settings) -> Strategy:
    """The strategies that are named, each with an equal part of equity, in the shape that the limits allow."""
    limits = settings.risk.limits()
    portfolio = portfolios.Shape(
        weight_max=float(limits.position_weight_max),
        sector_max=float(limits.sector_weight_max),
        volatility_max=float(limits.volatility_warning),
        purchases_max=limits.opening_orders_per_day_max,
    )
    chosen: list[CommitteeStrategy | TemplateStrategy] = [
        CommitteeStrategy(shape=portfolio)
        if name == "committee"
        else TemplateStrategy(template=template(name), shape=portfolio)
        for name in dict.fromkeys(settings.strategy.names)
    ]
    if len(chosen) == 1:
        return chosen[0]
    part = 1.0 / len(chosen)
    return Blend(parts=tuple((each, part) for each in chosen), shape=portfolio)


def universe(settings: Settings, listed: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
    """The instruments that may be traded: the watchlist, or all that the prices hold, as far as the limits allow."""
    wanted = settings.market.watchlist
    by_symbol = {instrument.symbol: instrument for instrument in listed}
    unknown = [symbol for symbol in wanted if symbol not in by_symbol]
    if unknown:
        raise InputError(
            f"market.watchlist names {', '.join(unknown)}, for which there are no prices; "
            f"choose from {', '.join(sorted(by_symbol))}"
        )
    limits = settings.risk.limits()
    allowed, forbidden = limits.allowed_symbols, limits.forbidden_sectors
    chosen = tuple(
        instrument
        for instrument in (tuple(by_symbol[symbol] for symbol in wanted) if wanted else listed)
        if (not allowed or instrument.symbol in allowed) and instrument.sector not in forbidden
    )
    if not chosen:
        raise InputError(
            f"the limits leave nothing to trade: allowed are {', '.join(allowed) or 'all symbols'}, without the "
            f"sectors {', '.join(forbidden) or 'none'}, and there are prices for {', '.join(sorted(by_symbol))}"
        )
    base = settings.account.base_currency
    foreign = sorted({instrument.currency for instrument in chosen} - {base})
    if foreign:
        raise InputError(
            f"account.base_currency is {base}, and these prices are in {', '.join(foreign)}; "
            f"set it to {foreign[0]}: an account is traded in the currency of its exchange, and nothing is converted "
            "for it"
        )
    return chosen
