"""Proposals: made, tapped, worked leg by leg, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from bursar.domain.events.base import Event
from bursar.domain.proposals import End, Outlook, Proposal, ProposalState
from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalMade(Event, kind="proposal_made", version=2):
    """Something was proposed to a person; nothing is sent. outlook: what tapping at once would have meant.

    Before version 2 a proposal named no horizon and no loss in money, and an outlook no prices.
    """

    proposal: Proposal
    outlook: Outlook | None = None

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.event_id != self.proposal.proposal_id:
            raise InputError(f"proposal {self.proposal.proposal_id} is journalled as {self.event_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalTapped(Event, kind="proposal_tapped", version=2):
    """A person said yes to what was shown. Its id is made of the proposal's, so that two taps are one.

    outlook  what was shown; before version 2 without its prices
    """

    proposal_id: str
    by: str
    outlook: Outlook

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.event_id != f"{self.proposal_id}/tapped":
            raise InputError(f"the tap of {self.proposal_id} is journalled as {self.event_id}; two taps must be one")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSent(Event, kind="leg_sent", version=2):
    """An order was placed for a leg of a proposal, in the same commit.

    leg          its place in the proposal, from 0
    compensates  True for one that trades back what the leg had traded
    bid, ask     of the market on arrival, now; None where it was not two-sided, and before version 2
    """

    proposal_id: str
    leg: int
    order_id: str
    compensates: bool = False
    bid: Decimal | None = None
    ask: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRefused(Event, kind="leg_refused"):
    """The gate would not let a leg out, or what trades one back; nothing of it was sent. reason: in words."""

    proposal_id: str
    leg: int
    reason: str
    compensates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalEnded(Event, kind="proposal_ended", version=2):
    """Nothing more of a proposal will be sent.

    end     what is left of it in the book
    loss    what trading back cost, fees included; zero where nothing was traded back
    reason  in words
    prices  the middle of each symbol's market now, at which what was not filled is valued; none before version 2
    """

    proposal_id: str
    state: ProposalState
    end: End
    reason: str
    loss: Decimal = Decimal(0)
    prices: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
