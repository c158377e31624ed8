"""Offers of one morning: every template on the facts that were known then, for one account, ranked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from bursar.adapters.vendors import Source
from bursar.config import Settings
from bursar.domain.events import CommitteeMet, ViewFormed
from bursar.domain.sessions import Session
from bursar.domain.views import View
from bursar.errors import DataError, InputError
from bursar.research.generate.aggregate import Pooled, Voice, aggregate
from bursar.research.generate.feasibility import AccountNow
from bursar.research.generate.ground import Ground
from bursar.research.generate.offer import Offer, offer, rank
from bursar.research.generate.record import replay
from bursar.research.templates import Template, TemplateStrategy
from bursar.research.templates.measure import measure
from bursar.runtime import build
from bursar.runtime.analysis import Analysis, analyze
from bursar.runtime.library import Library, open_library
from bursar.trading.agenda import Task
from bursar.trading.opinions import heard
from bursar.trading.strategy import Holdings
from bursar.trading.view import known_facts

#: Fields beside closes that any signal reads.
FIELDS = ("volume", "implied_volatility", "days_to_report")
#: Sessions ahead that a timeline names: the longest horizon and a day.
AHEAD = 64


@dataclass(frozen=True, kw_only=True)
class Morning:
    """Everything that offers of a day are made of. cost_rate: of trading once, with half a spread."""

    source: Source
    ground: Ground
    account: AccountNow
    cost_rate: float


def morning(settings: Settings, home: Path, day: date, *, with_views: bool = True) -> Morning:
    """The morning of ``day``, of an account that holds cash alone. Raises InputError for a day that there is not.

    with_views  whether the analysts are asked, and their committee meets
    """
    library = open_library(settings, home, seed=settings.demo.seed, last=day)
    past, (session,) = library.sessions(day, 1)
    history = library.history(past[-1].close if past else session.open)
    chosen = {each.symbol: each for each in build.universe(settings, library.instruments)}
    mandate = build.mandate(settings)
    at = mandate.agenda.times(session)[Task.ANALYZE]
    symbols = tuple(sorted(chosen))
    views = _views(analyze(settings, home, day)) if with_views else ()
    ground = Ground(
        at=at,
        session=session,
        instruments=chosen,
        closes=history.asof(symbols, "close", at),
        lacks=history.lacks(),
        facts=known_facts(history, symbols, FIELDS, at, len(past)),
        views=views,
        sessions=_ahead(library, session),
    )
    cash = settings.account.initial_cash
    account = AccountNow(
        account=mandate.account,
        equity=cash,
        cash=cash,
        limits=mandate.limits,
        cost_rate=mandate.cost_rate,
        stop_loss=mandate.stop_loss,
        base_currency=mandate.base_currency,
    )
    half_spread = float(settings.costs.spread_basis_points) / 2.0 / 10_000.0
    return Morning(
        source=library.source, ground=ground, account=account, cost_rate=float(mandate.cost_rate) + half_spread
    )


def _views(analysis: Analysis) -> Sequence[View]:
    """The views that strategies of that morning go by."""
    views = [event.view for event in analysis.events if isinstance(event, ViewFormed)]
    met = next((event for event in analysis.events if isinstance(event, CommitteeMet)), None)
    since = min((view.known_at for view in views), default=None)
    return heard(views, met, since, without_quorum=True) if since is not None else ()


def _ahead(library: Library, session: Session) -> tuple[Session, ...]:
    try:
        return library.calendar.sessions(session.day, session.day + timedelta(days=2 * AHEAD))[:AHEAD]
    except InputError:  # the calendar ends with the prices
        return library.calendar.sessions(session.day, library.source.last)[:AHEAD]


def offers(
    templates: Sequence[Template], ready: Morning, *, periods: int = 120, told: Callable[[str], None] = lambda _: None
) -> tuple[Offer, ...]:
    """Every template's offer, ranked. told: is given the name of each before its record is replayed."""
    made = []
    for template in templates:
        told(template.name)
        record = replay(template, ready.ground, cost_rate=ready.cost_rate, periods=periods)
        made.append(offer(record, ready.ground, ready.account))
    return rank(made)


def pooled(made: Sequence[Offer]) -> tuple[Pooled, ...]:
    """What the offers say of each symbol together; each speaks by the number of periods that its record rests on."""
    heard_from = [each for each in made if each.proposal is not None and each.record.held]
    voices = [
        Voice(template=each.template.name, symbol=leg.symbol, chance=each.record.chance)
        for each in heard_from
        if each.proposal is not None
        for leg in each.proposal.legs
    ]
    weights = {each.template.name: float(each.record.held) for each in heard_from}
    return aggregate(voices, weights) if weights else ()


def stance(template: Template, ready: Morning) -> str:
    """What a template does on these facts: "works", "works without ..." or why it abstains."""
    market = ready.ground.market()
    try:
        absent = measure(template, market, ready.ground.views).absent if template.signals else ()
        TemplateStrategy(template=template).wishes(
            market, ready.ground.views, Holdings(equity=ready.account.equity, weights={})
        )
    except DataError as error:
        return str(error).removeprefix(f"{template.name} ")
    return f"works without {' and '.join(absent)}" if absent else "works"
