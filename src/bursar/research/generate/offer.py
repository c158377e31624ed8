"""Offer: a template on one day as something that a person may be asked to tap, and the ranking of many.

An offer is the choice of today, sized within limits, with what the template's record supports, what it would cost, how
much money it can carry, whether this account could do it now, and when each part would be done. It explains itself, and
what keeps it from being offered stands on it in words; it is ranked nevertheless, below those that can be.

    score     expected return of a horizon after costs and the price that our own size would pay, by volatility, a year
    reward    what is expected, in money; risk: what is lost if every component moves against us by its deviations
    capacity  money at which no leg is more than 1 % of its day's volume; nothing where nobody knows the volume
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from bursar.domain.instruments import Instrument, InstrumentKind
from bursar.domain.orders import Effect, Side
from bursar.domain.proposals import Leg, Proposal
from bursar.domain.targets import Target
from bursar.errors import DataError, InputError
from bursar.quant.costs import square_root_impact
from bursar.quant.performance import PERIODS_PER_YEAR
from bursar.research.generate.feasibility import AccountNow, refusals
from bursar.research.generate.ground import Ground
from bursar.research.generate.record import PERIODS_MIN, Record
from bursar.research.generate.size import Sized, SizeLimits, size
from bursar.research.generate.timeline import Step, timeline
from bursar.research.templates import Template, TemplateStrategy, digest
from bursar.research.templates.measure import measure
from bursar.research.templates.words import OVER_EARNINGS
from bursar.risk.contracts import Contract, Promise, promised
from bursar.trading.strategy import Holdings

#: Part of a day's volume that a leg may be before its own size is felt too much.
PARTICIPATION_MAX = 0.01
#: Sessions over which volume is averaged, and returns are read for sizes.
VOLUME_DAYS, RETURN_DAYS = 21, 252


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One template today.

    proposal    what would be tapped; None where nothing was chosen, or nothing could be sized
    promise     what may be promised of it; None where the record supports nothing
    breaches    of the contract, and why else it is not offered
    impact      price that our own size would pay, as a fraction of notional; NaN where nobody knows the volume
    capacity    money; NaN likewise
    """

    template: Template
    record: Record
    proposal: Proposal | None = None
    promise: Promise | None = None
    sized: Sized | None = None
    impact: float = math.nan
    capacity: float = math.nan
    breaches: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return digest(self.template)

    @property
    def offered(self) -> bool:
        """True where nothing speaks against it."""
        return self.proposal is not None and not self.breaches and not self.refusals

    @property
    def expected_return(self) -> float:
        """Of what is invested, over a horizon, after costs and our own price where it is known."""
        felt = 2.0 * self.impact if math.isfinite(self.impact) else 0.0
        return self.record.expected_return - felt

    @property
    def score(self) -> float:
        """Expected return by volatility, a year; NaN where the record says nothing."""
        if not self.record.volatility > 0.0:
            return math.nan
        return self.expected_return / self.record.volatility * math.sqrt(PERIODS_PER_YEAR / self.template.horizon_days)


def rank(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Those that can be offered first, each part by its score, the highest first; without a score last, by name."""

    def place(offer: Offer) -> tuple[bool, bool, float, str]:
        known = math.isfinite(offer.score)
        return not offer.offered, not known, -offer.score if known else 0.0, offer.template.name

    return tuple(sorted(offers, key=place))


def offer(
    record: Record,
    ground: Ground,
    account: AccountNow,
    limits: SizeLimits | None = None,
    contract: Contract | None = None,
) -> Offer:
    """What ``record``'s template offers on ``ground`` to ``account``."""
    template = record.template
    try:
        chosen, left_out = _chosen(template, ground)
        sized = _sized(chosen, ground, template, limits or _limits(account))
    except (DataError, InputError) as error:
        why = str(error).removeprefix(f"{template.name} ")
        return Offer(template=template, record=record, breaches=(why,))
    left_out = {**left_out, **sized.dropped}
    legs, small = _legs(chosen, sized, ground, account)
    left_out |= small
    if not legs:
        why = "no component is left after its limits" if chosen else "nothing meets its conditions today"
        return Offer(template=template, record=record, sized=sized, breaches=(why,), left_out=left_out)
    traded = [_daily_money(leg.symbol, ground) for leg in legs]
    promise = Promise(
        name=template.name,
        confidence=record.chance,
        components=tuple(leg.symbol for leg in legs),
        expected_return=record.expected_return,
        risk_max=sized.risk,
    )
    return Offer(
        template=template,
        record=record,
        proposal=_proposal(template, record, legs, sized, ground, account) if record.held else None,
        promise=promise if record.held else None,
        sized=sized,
        impact=_impact(legs, traded, ground),
        capacity=_capacity(legs, traded, account),
        breaches=_breaches(template, record, promise, contract),
        refusals=refusals(legs, ground, account, template.name, over_earnings=template.over_earnings),
        steps=timeline(
            legs,
            [float(leg.quantity * leg.price) / money for leg, money in zip(legs, traded, strict=True)],
            ground.sessions or (ground.session,),
            template.horizon_days,
        ),
        left_out=left_out,
    )


# ---------------------------------------------------------------- what is chosen, and how much


def _chosen(template: Template, ground: Ground) -> tuple[list[Target], dict[str, str]]:
    """Today's choice, the most wanted first, of an account that holds nothing; and what its signals are without."""
    market = ground.market()
    wishes = TemplateStrategy(template=template).wishes(market, ground.views, Holdings(equity=Decimal(0), weights={}))
    if template.signals:
        absent = measure(template, market, ground.views).absent
        return list(wishes), dict.fromkeys(absent, "a signal of which this source has nothing")
    return list(wishes), {}


def _limits(account: AccountNow) -> SizeLimits:
    """Those that were asked for, and what the account allows where that is less."""
    usual, own = SizeLimits(), account.limits
    return SizeLimits(
        sector_max=min(usual.sector_max, float(own.sector_weight_max)),
        position_max=min(usual.position_max, float(own.position_weight_max)),
        components_max=max(1, min(usual.components_max, own.opening_orders_per_day_max)),
    )


def _sized(chosen: Sequence[Target], ground: Ground, template: Template, limits: SizeLimits) -> Sized:
    symbols = [target.symbol for target in chosen]
    if not symbols:
        return Sized(weights={}, dropped={}, correlation_max=math.nan, risk=0.0, method="nothing to size")
    if any(ground.instruments[symbol].kind is InstrumentKind.OPTION for symbol in symbols):
        raise DataError("options are offered by the strategy itself: their sizes are their prices")
    columns = [ground.closes.symbols.index(symbol) for symbol in symbols]
    closes = ground.closes.values[-RETURN_DAYS - 1 :, columns]
    returns = closes[1:] / closes[:-1] - 1.0
    sector_of = {symbol: ground.instruments[symbol].sector for symbol in symbols}
    whole = returns[np.isfinite(returns).all(axis=1)]
    return size(symbols, whole, sector_of, horizon_days=template.horizon_days, limits=limits)


def _legs(
    chosen: Sequence[Target], sized: Sized, ground: Ground, account: AccountNow
) -> tuple[tuple[Leg, ...], dict[str, str]]:
    """Purchases in whole lots at the last close; and what is too small for one."""
    legs, small = [], {}
    for target in chosen:
        weight = sized.weights.get(target.symbol, 0.0)
        if weight <= 0.0:
            continue
        instrument: Instrument = ground.instruments[target.symbol]
        price = Decimal(repr(float(ground.closes.column(target.symbol)[-1])))
        quantity = instrument.whole_lots(Decimal(repr(weight)) * account.equity / price)
        if quantity <= 0:
            small[target.symbol] = f"{weight:.1%} of {account.equity:,.0f} is less than one lot at {price:,.2f}"
            continue
        legs.append(
            Leg(
                symbol=target.symbol,
                side=Side.BUY,
                quantity=quantity,
                effect=Effect.OPEN,
                price=price,
                reason=target.reason,
            )
        )
    return tuple(legs), small


def _proposal(
    template: Template, record: Record, legs: tuple[Leg, ...], sized: Sized, ground: Ground, account: AccountNow
) -> Proposal:
    return Proposal(
        proposal_id=f"s-{template.name}-{digest(template)}-{ground.session.day}",
        account=account.account,
        portfolio="main",
        strategy=template.name,
        legs=legs,
        made_at=ground.at,
        expires_at=ground.session.close,
        confidence=record.chance,
        expected_return=record.expected_return,
        risk_max=min(sized.risk, 1.0),
        reasons=(
            template.about,
            *([OVER_EARNINGS] if template.over_earnings else []),
            *(f"{leg.symbol}: {leg.reason}" for leg in legs),
            *record_in_words(record),
        ),
    )


def record_in_words(record: Record) -> tuple[str, ...]:
    """What the record is, and whether it can be told from luck."""
    if not record.held:
        return (f"no record: {record.why_not or 'it never chose anything'}",)
    told = abs(record.excess) > 2.0 * record.excess_error
    luck = "" if told else "; not distinguishable from luck"
    seen = (
        f"in {record.held} of {record.periods} past periods of {record.template.horizon_days} days it held something, "
        f"and {record.rises.mean():.0%} of that rose after costs, of everything {record.base_rises.mean():.0%}"
    )
    earned = (
        f"a period returned {record.returns.mean():+.2%} after costs, "
        f"{record.excess:+.2%} (± {record.excess_error:.2%}) above everything held alike{luck}"
    )
    return seen, earned


def _breaches(template: Template, record: Record, promise: Promise, contract: Contract | None) -> tuple[str, ...]:
    if template.baseline:
        return ("it is a baseline: others are held against it",)
    if record.held < PERIODS_MIN:
        why = record.why_not or f"it held anything in {record.held} past periods, and {PERIODS_MIN} are the least"
        return (f"nothing can be promised of it: {why}",)
    said = promised(promise, contract)
    return tuple(f"{each.what} is {each.measured:.3g}, asked is {each.bound:g}" for each in said)


# ---------------------------------------------------------------- what our own size does


def _daily_money(symbol: str, ground: Ground) -> float:
    """Money traded in a usual day; NaN where nobody knows."""
    volume = ground.facts.get("volume")
    if volume is None or symbol not in volume.symbols or len(volume.dates) < VOLUME_DAYS:
        return math.nan
    shares = volume.column(symbol)[-VOLUME_DAYS:]
    return float(np.mean(shares)) * float(ground.closes.column(symbol)[-1])


def _impact(legs: Sequence[Leg], traded: Sequence[float], ground: Ground) -> float:
    """Mean price that buying once pays for its size, by money; NaN where any volume is not known."""
    if not all(money > 0.0 for money in traded):
        return math.nan
    money = np.array([float(leg.quantity * leg.price) for leg in legs])
    columns = [ground.closes.symbols.index(leg.symbol) for leg in legs]
    closes = ground.closes.values[-VOLUME_DAYS * 3 :, columns]
    swing = np.nanstd(closes[1:] / closes[:-1] - 1.0, axis=0, ddof=1)
    return float(square_root_impact(money, np.asarray(traded), swing) @ money / money.sum())


def _capacity(legs: Sequence[Leg], traded: Sequence[float], account: AccountNow) -> float:
    if not all(money > 0.0 for money in traded):
        return math.nan
    parts = [float(leg.quantity * leg.price / account.equity) for leg in legs]
    return min(PARTICIPATION_MAX * money / part for money, part in zip(traded, parts, strict=True))
