"""From settings to the parts that they describe. Which world an account trades in is read here alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from bursar.adapters.vendors import Source
from bursar.config import Settings
from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.path import Shape
from bursar.research.analysts import Analyst
from bursar.research.analysts.technical import TechnicalAnalyst
from bursar.research.strategies import shape as portfolios
from bursar.research.strategies.blend import Blend
from bursar.research.strategies.mean_reversion import MeanReversion
from bursar.research.strategies.momentum import Momentum
from bursar.trading.engine import Mandate
from bursar.trading.strategy import Strategy

#: A basis point is a hundredth of a percent.
BASIS_POINT = Decimal("0.0001")


def mandate(settings: Settings) -> Mandate:
    """What the engine may do, for the account that the settings name."""
    risk, costs = settings.risk, settings.costs
    return Mandate(
        account=settings.account.account_id,
        base_currency=settings.account.base_currency,
        limits=risk.limits(),
        agenda=replace(settings.schedule.agenda(), zone=settings.market.timezone),
        stop_loss=risk.stop_loss,
        take_profit=risk.take_profit,
        reentry_wait=timedelta(days=risk.reentry_wait_days),
        cost_rate=costs.commission_basis_points * BASIS_POINT,
        trade_min=settings.strategy.trade_min,
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


def analysts(settings: Settings, source: Source) -> tuple[Analyst, ...]:
    """Those of the selected analysts that can be asked.

    An analyst that exists and lacks its facts abstains by itself; one that does not exist yet is refused.
    """
    known: Mapping[str, Analyst] = {"technical_analyst": TechnicalAnalyst(source=source.title)}
    unknown = [name for name in settings.models.selected_agents if name not in known]
    if unknown:
        raise InputError(
            f"models.selected_agents names {', '.join(unknown)}, not built yet; choose from {', '.join(known)}"
        )
    return tuple(known[name] for name in settings.models.selected_agents)


def strategy(settings: Settings) -> Strategy:
    """The strategies that are named, each with an equal part of equity, in the shape that the limits allow."""
    limits = settings.risk.limits()
    portfolio = portfolios.Shape(
        weight_max=float(limits.position_weight_max),
        sector_max=float(limits.sector_weight_max),
        volatility_max=float(limits.volatility_warning),
        purchases_max=limits.opening_orders_per_day_max,
    )
    known: Mapping[str, Momentum | MeanReversion] = {
        "momentum": Momentum(shape=portfolio),
        "mean_reversion": MeanReversion(shape=portfolio),
    }
    named = tuple(dict.fromkeys(settings.strategy.names))
    if len(named) == 1:
        return known[named[0]]
    part = 1.0 / len(named)
    return Blend(parts=tuple((known[name], part) for name in named), shape=portfolio)


def universe(settings: Settings, listed: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
    """The instruments that may be traded: the watchlist, or all that the prices hold."""
    wanted = settings.market.watchlist
    by_symbol = {instrument.symbol: instrument for instrument in listed}
    unknown = [symbol for symbol in wanted if symbol not in by_symbol]
    if unknown:
        raise InputError(
            f"market.watchlist names {', '.join(unknown)}, for which there are no prices; "
            f"choose from {', '.join(sorted(by_symbol))}"
        )
    chosen = tuple(by_symbol[symbol] for symbol in wanted) if wanted else listed
    base = settings.account.base_currency
    foreign = sorted({instrument.currency for instrument in chosen} - {base})
    if foreign:
        raise InputError(
            f"account.base_currency is {base}, and these prices are in {', '.join(foreign)}; "
            f"set it to {foreign[0]}, since currencies are not converted yet"
        )
    return chosen
