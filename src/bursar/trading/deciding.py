"""Deciding, and trading on it: from what the strategy wants to orders at the gate, or a proposal for a person.

They are two tasks, since a decision is journalled before the market is open long enough to trade on it. Nothing here
is remembered: what was decided, and what must be left alone, is asked of the desk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from bursar.domain.events import Decided, Event, TradingState, Trimmed
from bursar.domain.money import ZERO
from bursar.domain.orders import Effect, Order
from bursar.domain.targets import Targets, Trim, Unit
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.ledger.valuation import Valuation
from bursar.risk.limits import RiskLimits
from bursar.trading import parents
from bursar.trading.exposure import exposure
from bursar.trading.mandate import Autonomy, Step
from bursar.trading.measuring import Measured
from bursar.trading.parents import Desk as ParentsDesk
from bursar.trading.proposing import ProposingDesk, proposals, would
from bursar.trading.rebalance import Draft, Sleeve, rebalance
from bursar.trading.shelter import Desk as ShelterDesk
from bursar.trading.shelter import make_room
from bursar.trading.strategy import Holdings


class DecidingDesk(ParentsDesk, ProposingDesk, ShelterDesk, Protocol):
    """What deciding needs of an engine. exits: when symbols were last closed by a stop or a target."""

    measured: Measured
    decided: Decided | None
    exits: dict[str, datetime]
    opinions: dict[tuple[str, str], View]

    def views(self) -> tuple[View, ...]:
        """Views that count in the present session."""
        ...

    def valuation(self) -> Valuation:
        """The portfolio at the latest two-sided quotes."""
        ...

    def limits(self) -> RiskLimits:
        """The limits as the present market leaves them."""
        ...

    def order(self, draft: Draft) -> Order:
        """A draft with the next id, for this account."""
        ...

    def skip(self, reason: str) -> Step:
        """The word that nothing is done, and why."""
        ...


def decide(desk: DecidingDesk) -> Step:
    """Ask the strategy what it wants to hold; nothing is sent yet."""
    views = desk.views()
    try:
        valuation = desk.valuation()
        holdings = Holdings(equity=valuation.net_asset_value, weights=valuation.weights)
        targets = desk.strategy.decide(desk.market, views, holdings)
        drift = _drift(targets, holdings)
        if drift < desk.mandate.drift_min:
            return desk.skip(
                f"the furthest from its target is {drift:.1%} of equity away, and a rebalance is worth it from "
                f"{desk.mandate.drift_min:.1%} on (schedule.drift_min)"
            )
        prices = {target.symbol: desk.market.price(target.symbol) for target in targets.targets}
    except DataError as error:
        return desk.skip(str(error))
    decided = Decided(
        event_id=desk.ids.new("d"),
        at=desk.market.at,
        causes=tuple(dict.fromkeys(view_id for target in targets.targets for view_id in target.view_ids)),
        portfolio=desk.mandate.portfolio,
        strategy=targets.strategy,
        targets=targets.targets,
        equity=valuation.net_asset_value,
        prices=prices | _prices_of_the_rest(desk, prices),
        bounds=targets.bounds,
    )
    return Step(events=(decided,))


def _drift(targets: Targets, holdings: Holdings) -> float:
    """The largest distance between a weight and its target; what no target names is to go."""
    wanted = {target.symbol: target.weight for target in targets.targets}
    held = holdings.weights
    return max((abs(wanted.get(name, 0.0) - held.get(name, 0.0)) for name in {*wanted, *held}), default=0.0)


def _prices_of_the_rest(desk: DecidingDesk, known: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The middle of what is held and no target names: what its sale will be measured against."""
    quotes = desk.market.quotes
    return {
        symbol: quotes[symbol].mid
        for symbol in sorted(desk.portfolio.positions)
        if symbol not in known and symbol in quotes and quotes[symbol].two_sided
    }


def _today(desk: DecidingDesk, at: datetime) -> bool:
    """Whether ``at`` is of the present day on the exchange's clock: Sydney's sessions begin before midnight in UTC."""
    local = desk.market.session.local
    return local(at).date() == local(desk.market.at).date()


def trade(desk: DecidingDesk) -> tuple[bool, Step]:
    """Turn today's decision into orders and put them to the gate, whole; True where that must wait.

    It waits while protection at the broker is not what it should be, or must make room for what is sold.
    """
    decided, state = desk.decided, desk.standing.state
    if decided is None or not _today(desk, decided.at) or state is TradingState.HALTED:
        return False, Step()
    try:
        trims: list[Trim] = []
        drafts = wanted(desk, decided, trims)
        if state is TradingState.REDUCING:
            drafts = tuple(draft for draft in drafts if draft.effect is Effect.CLOSE)
        if desk.mandate.autonomy is not Autonomy.AUTOMATIC:
            return False, _after(trims, desk, decided, _propose(desk, decided, drafts))
        if desk.mandate.protection_at_broker and (first := make_room(desk, drafts)) is not None:
            return True, first
        orders = tuple(desk.order(draft) for draft in drafts)
        parents.plan(desk, orders, decided)
        step = desk.put(orders, (decided.event_id,)) if orders else Step()
        return False, _after(trims, desk, decided, step)
    except DataError as error:
        return False, desk.skip(str(error))


def _after(trims: Sequence[Trim], desk: DecidingDesk, decided: Decided, step: Step) -> Step:
    """``step`` with the word of what was left out of the trades, before them."""
    if not trims:
        return step
    told = Trimmed(
        event_id=desk.ids.new("t"),
        at=desk.market.at,
        causes=(decided.event_id,),
        portfolio=desk.mandate.portfolio,
        trims=tuple(trims),
    )
    return replace(step, events=(told, *step.events))


def _propose(desk: DecidingDesk, decided: Decided, drafts: Sequence[Draft]) -> Step:
    """Put a decision before a person, or only say what it would have been."""
    if desk.mandate.autonomy is Autonomy.OBSERVE or not drafts:
        return desk.skip(would(drafts))
    made: tuple[Event, ...] = proposals(desk, decided, drafts, desk.opinions.values())
    return Step(events=made)


def wanted(desk: DecidingDesk, decided: Decided, told: list[Trim] | None = None) -> tuple[Draft, ...]:
    """The trades that lead from what is held to what was decided, as far as anything may be traded.

    told  what was left out of them, and by which figure, is added to it
    """
    at, mandate = desk.market.at, desk.mandate
    exited = {symbol: at - left for symbol, left in desk.exits.items() if at - left < mandate.reentry_wait}
    waiting = exited.keys() | desk.breaks.symbols | desk.hands_off
    if told is not None:
        told += _waiting(desk, decided, exited)
    targets = tuple(target for target in decided.targets if target.symbol not in waiting)
    seen, limits = exposure(desk.sight()), desk.limits()
    hands_off = desk.hands_off | desk.breaks.symbols
    sleeve = Sleeve(
        equity=seen.equity,
        quantities={symbol: quantity for symbol, quantity in seen.quantities.items() if symbol not in hands_off},
        cash_settled=ZERO if desk.breaks.cash_in_doubt else seen.cash_settled,
        unsettled=mandate.unsettled,
        cash_reserve=limits.cash_reserve,
        cost_rate=mandate.cost_rate,
        cost_minimum=mandate.cost_minimum,
        trade_min=mandate.trade_min,
        position_value_max=limits.position_value_max,
        order_value_max=limits.order_value_max,
        dearer=_dearer(desk),
    )
    return rebalance(
        Targets(strategy=decided.strategy, targets=targets), sleeve, desk.market.quotes, desk.market.instruments, told
    )


def _waiting(desk: DecidingDesk, decided: Decided, exited: Mapping[str, timedelta]) -> list[Trim]:
    """The targets that may not be traded now: a person decides about them, or an exit is too fresh."""
    found = []
    for target in decided.targets:
        symbol, day = target.symbol, timedelta(days=1)
        since, wait = exited.get(symbol, timedelta()) / day, desk.mandate.reentry_wait / day
        if symbol in desk.breaks.symbols:
            step, says = (
                "break",
                "our books and the broker's disagree on it, and nothing trades it until that is settled",
            )
        elif symbol in desk.hands_off:
            step, says = "hands_off", "it is marked hands-off, and no order touches it"
        elif symbol in exited:
            step, says = "reentry", f"a stop or a target closed it {since:.1f} days ago, and {wait:.1f} must pass"
        else:
            continue
        figures = Decimal(f"{since:.4f}"), Decimal(f"{wait:.4f}") if step == "reentry" else ZERO
        found.append(Trim(symbol, step, *figures, Unit.DAYS, ZERO, ZERO, says))
    return found


def _dearer(desk: DecidingDesk) -> dict[str, Decimal]:
    """How many times as much as expected each symbol has cost to trade, where anything was expected."""
    expected = desk.mandate.execution.expected
    if not expected:
        return {}
    return {symbol: desk.measured.rate(symbol, expected) / expected for symbol in desk.measured.symbols}
