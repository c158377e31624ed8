"""Feasibility: whether this account could do it now: its cash, its permissions, its lots, and what the gate would say.

The gate itself judges the orders, at the last closes and a few minutes after the bell, so that nothing is offered that
it would refuse. Prices will have moved by then, and it judges again: what is feasible here may be refused there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import count

import numpy as np

from bursar.domain.events import Rejected
from bursar.domain.instruments import InstrumentKind
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import Effect, Order, Purpose, Side
from bursar.domain.proposals import Leg
from bursar.errors import DataError
from bursar.research.generate.ground import Ground
from bursar.risk.gate import judge
from bursar.risk.limits import RiskLimits
from bursar.risk.rules import Exposure
from bursar.trading.exposure import next_reports

#: Half of the spread that quotes are given here, as a part of the close.
HALF_SPREAD = Decimal("0.0002")
RETURN_DAYS = 252
#: How long after the bell it is judged.
AFTER_THE_BELL = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNow:
    """What an account has and may do. cash: settled; quantities: held, by symbol; cost_rate: of trading once."""

    account: str
    equity: Decimal
    cash: Decimal
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    limits: RiskLimits = field(default_factory=RiskLimits)
    cost_rate: Decimal = ZERO
    stop_loss: Decimal = Decimal("0.05")
    base_currency: str = "USD"


def refusals(
    legs: Sequence[Leg], ground: Ground, account: AccountNow, strategy: str, *, over_earnings: bool = False
) -> tuple[str, ...]:
    """Why ``legs`` cannot be done now, in words; nothing where they can.

    over_earnings  whether the strategy means to hold over earnings
    """
    found = [*_permissions(legs, ground, account), *_cash(legs, ground, account)]
    if not found:
        meant = frozenset({strategy} if over_earnings else ())
        found += _gate(legs, _exposure(ground, account, meant), account, strategy)
    return tuple(dict.fromkeys(found))


def _permissions(legs: Sequence[Leg], ground: Ground, account: AccountNow) -> list[str]:
    found = []
    for leg in legs:
        instrument = ground.instruments.get(leg.symbol)
        if instrument is None:
            found.append(f"{leg.symbol} is not listed here")
            continue
        if instrument.currency != account.base_currency:
            found.append(f"{leg.symbol} is in {instrument.currency}; convert money first")
        if leg.effect is Effect.OPEN and leg.side is Side.SELL and not account.limits.shorts_allowed:
            found.append(f"{leg.symbol} would be sold short, and this account does not (risk.shorts_allowed)")
        if instrument.kind is InstrumentKind.OPTION:
            found.append(f"{leg.symbol} is an option, and this account trades shares alone")
    return found


def _cash(legs: Sequence[Leg], ground: Ground, account: AccountNow) -> list[str]:
    needed = sum(
        (leg.quantity * leg.price * _multiplier(leg, ground) for leg in legs if leg.side is Side.BUY), ZERO
    ) * (1 + account.cost_rate)
    free = account.cash - account.limits.cash_reserve * account.equity
    return [] if needed <= free else [f"it needs {needed:,.2f} of cash, and {max(free, ZERO):,.2f} may be spent"]


def _multiplier(leg: Leg, ground: Ground) -> Decimal:
    instrument = ground.instruments.get(leg.symbol)
    return instrument.multiplier if instrument else Decimal(1)


def _gate(legs: Sequence[Leg], exposure: Exposure, account: AccountNow, strategy: str) -> list[str]:
    basket = tuple(_order(place, leg, account, strategy) for place, leg in enumerate(legs, start=1))
    numbers = count(1)
    try:
        verdict = judge(basket, exposure, account.limits, causes=(), new_id=lambda kind: f"{kind}-{next(numbers)}")
    except DataError as error:
        return [f"the gate cannot judge it: {error}"]
    broken: dict[str, Rejected] = {}
    for event in verdict.events:
        if isinstance(event, Rejected) and event.rule != "basket":
            broken.setdefault(event.rule, event)
    return [f"the gate would refuse it: {event.message}" for event in broken.values()]


def _order(place: int, leg: Leg, account: AccountNow, strategy: str) -> Order:
    return Order(
        order_id=f"o-{place:08d}",
        account=account.account,
        strategy=strategy,
        symbol=leg.symbol,
        side=leg.side,
        quantity=leg.quantity,
        effect=leg.effect,
        purpose=Purpose.ENTRY if leg.effect is Effect.OPEN else Purpose.REDUCE,
        reason=leg.reason,
    )


def _exposure(ground: Ground, account: AccountNow, earnings_meant: frozenset[str]) -> Exposure:
    at = ground.session.open + AFTER_THE_BELL
    last = dict(zip(ground.closes.symbols, ground.closes.values[-1].tolist(), strict=True))
    closes = {symbol: Decimal(repr(close)) for symbol, close in last.items() if close == close}
    table = ground.closes.values[-RETURN_DAYS - 1 :]
    whole = [place for place in range(table.shape[1]) if bool(np.isfinite(table[:, place]).all())]
    returns = table[1:, whole] / table[:-1, whole] - 1.0
    quotes = {
        symbol: Quote(
            symbol=symbol,
            at=at,
            known_at=at,
            bid=close * (1 - HALF_SPREAD),
            ask=close * (1 + HALF_SPREAD),
            last=close,
        )
        for symbol, close in closes.items()
    }
    return Exposure(
        at=at,
        equity=account.equity,
        quantities=account.quantities,
        quotes=quotes,
        instruments=ground.instruments,
        cash_settled=account.cash,
        base_currency=account.base_currency,
        session=ground.session,
        next_session=ground.sessions[1] if len(ground.sessions) > 1 else None,
        closes=closes,
        earnings=next_reports(ground.facts["days_to_report"]) if "days_to_report" in ground.facts else {},
        earnings_meant=earnings_meant,
        cost_rate=account.cost_rate,
        stop_loss=account.stop_loss,
        returns=returns if len(returns) > 1 else None,
        covariance=np.atleast_2d(np.cov(returns, rowvar=False)) if len(returns) > 1 else None,
        returns_of=tuple(ground.closes.symbols[place] for place in whole),
    )
