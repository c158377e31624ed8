"""Proposing: what becomes of a decision where a person has the last word.

    observe    nothing is sent; what would have been is journalled in words
    propose    the whole basket is one proposal, and one tap works it
    approve    each order is a proposal of its own, and waits for its tap
    automatic  orders go to the gate by themselves

Only a person raises the level. What is proposed carries what it would cost and what stopping halfway might
(``baskets.outlook``), worked out when it is made and again when it is tapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from bursar.domain.events import Decided, ProposalMade
from bursar.domain.market import Quote
from bursar.domain.orders import Effect, Order, Purpose
from bursar.domain.proposals import Leg, Outlook, Proposal
from bursar.domain.views import View
from bursar.ledger.book import PortfolioBook
from bursar.trading.baskets import outlook
from bursar.trading.exposure import Sight
from bursar.trading.ids import Ids
from bursar.trading.mandate import Autonomy, Mandate
from bursar.trading.rebalance import Draft
from bursar.trading.strategy import Strategy, meant_over_earnings
from bursar.trading.view import MarketView


def would(drafts: Sequence[Draft]) -> str:
    """What an account that is only observed would have sent, in words."""
    if not drafts:
        return "observing: nothing would have been sent"
    orders = ", ".join(f"{draft.side} {draft.quantity} {draft.symbol}" for draft in drafts)
    return f"observing: nothing is sent; it would have been {orders}"


class OutlookDesk(Protocol):
    """What an outlook needs of an engine."""

    mandate: Mandate
    market: MarketView
    ids: Ids

    @property
    def portfolio(self) -> PortfolioBook: ...

    def spendable(self) -> Decimal:
        """Cash that purchases may use now."""
        ...


class ProposingDesk(OutlookDesk, Protocol):
    """What proposing needs of an engine."""

    strategy: Strategy

    def sight(self) -> Sight:
        """What the gate may know at this instant."""
        ...


def outlook_of(desk: OutlookDesk, proposal: Proposal) -> Outlook:
    """What tapping ``proposal`` now would mean."""
    return outlook(
        proposal,
        desk.market.at,
        desk.market.quotes,
        {symbol: position.quantity for symbol, position in desk.portfolio.positions.items()},
        desk.spendable(),
        desk.mandate.taps,
        {symbol: instrument.multiplier for symbol, instrument in desk.market.instruments.items()},
    )


def proposals(
    desk: ProposingDesk, decided: Decided, drafts: Sequence[Draft], views: Iterable[View]
) -> tuple[ProposalMade, ...]:
    """The proposals of a decision: one of all drafts, or one of each where every order waits for its own tap."""
    known = {view.view_id: view for view in views}
    at, mandate = desk.market.at, desk.mandate
    groups = [drafts] if mandate.autonomy is Autonomy.PROPOSE else [[draft] for draft in drafts]
    made = []
    for group in groups:
        proposal = _proposal(decided, group, known, mandate, at, desk.market.quotes, desk.ids.new("p"))
        proposal = replace(proposal, reasons=(*proposal.reasons, *_over_earnings(desk, proposal)))
        made.append(
            ProposalMade(
                event_id=proposal.proposal_id,
                at=at,
                causes=(decided.event_id,),
                proposal=proposal,
                outlook=outlook_of(desk, proposal),
            )
        )
    return tuple(made)


def _proposal(
    decided: Decided,
    drafts: Sequence[Draft],
    views: Mapping[str, View],
    mandate: Mandate,
    at: datetime,
    quotes: Mapping[str, Quote],
    proposal_id: str,
) -> Proposal:
    legs = tuple(
        Leg(
            symbol=draft.symbol,
            side=draft.side,
            quantity=draft.quantity,
            effect=draft.effect,
            price=quotes[draft.symbol].mid,
            reason=draft.reason,
        )
        for draft in drafts
    )
    wanted = {target.symbol: target for target in decided.targets}
    ids = tuple(
        dict.fromkeys(view_id for leg in legs if leg.symbol in wanted for view_id in wanted[leg.symbol].view_ids)
    )
    said = [views[view_id] for view_id in ids if view_id in views]
    opened = sum((leg.quantity * leg.price for leg in legs if leg.effect is Effect.OPEN), Decimal(0))
    return Proposal(
        proposal_id=proposal_id,
        account=mandate.account,
        portfolio=mandate.portfolio,
        strategy=decided.strategy,
        legs=legs,
        made_at=at,
        expires_at=at + timedelta(seconds=mandate.taps.seconds_max),
        confidence=sum(view.confidence for view in said) / len(said) if said else 0.5,
        expected_return=sum(view.expected_excess_return for view in said) / len(said) if said else 0.0,
        horizon_days=round(sum(view.horizon_days for view in said) / len(said)) if said else 0,
        loss_max=opened * mandate.stop_loss,
        risk_max=float(opened / decided.equity * mandate.stop_loss) if decided.equity > 0 else 1.0,
        reasons=tuple(dict.fromkeys(leg.reason for leg in legs if leg.reason)),
        view_ids=ids,
    )


def _over_earnings(desk: ProposingDesk, proposal: Proposal) -> tuple[str, ...]:
    """The reports that are known to come over what it opens, where its strategy means to hold over them."""
    if proposal.strategy not in meant_over_earnings(desk.strategy):
        return ()
    companies = {desk.market.instruments[leg.symbol].company for leg in proposal.legs if leg.effect is Effect.OPEN}
    reports = desk.sight().earnings
    return tuple(
        f"{company} reports on {reports[company]}, and {proposal.strategy} means to hold over it"
        for company in sorted(companies & reports.keys())
    )


def as_order(leg: Leg, mandate: Mandate, strategy: str, order_id: str, *, compensates: bool) -> Order:
    """The order of a leg. What trades back by closing takes risk away, and no limit may hold it back."""
    closing = Purpose.EXIT if compensates else Purpose.REDUCE
    return Order(
        order_id=order_id,
        account=mandate.account,
        portfolio=mandate.portfolio,
        strategy=strategy,
        symbol=leg.symbol,
        side=leg.side,
        quantity=leg.quantity,
        effect=leg.effect,
        purpose=closing if leg.effect is Effect.CLOSE else Purpose.ENTRY,
        reason=leg.reason,
    )
