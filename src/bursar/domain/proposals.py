"""Proposals: several orders that make sense together, put before a person who may tap once.

Orders at a broker are never atomic; only a combination is one order. So a proposal is worked leg by leg, and what it
may cost to stop halfway is part of what the person sees before the tap (``Outlook``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from bursar.domain.orders import Effect, Side
from bursar.errors import InputError


class ProposalState(StrEnum):
    """How far a proposal is."""

    PENDING = "pending"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


class End(StrEnum):
    """What is left of it in the book: every leg, no leg, or something that a person must look at."""

    ALL = "all"
    NONE = "none"
    FLAGGED = "flagged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One order of a proposal. price: the middle of its quote when it was proposed."""

    symbol: str
    side: Side
    quantity: Decimal
    effect: Effect
    price: Decimal
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.quantity.is_finite() or self.quantity <= 0 or self.price <= 0:
            raise InputError(f"a leg of {self.quantity} {self.symbol} at {self.price}; give more than 0 of both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Legs in the order in which they are worked, why they are proposed, and until when.

    confidence       0 to 1, calibrated
    expected_return  of what it opens, over its horizon, after costs
    horizon_days     trading days over which that should come true; 0 where nothing is promised
    risk_max         part of equity that is lost if every stop is hit at once
    loss_max         the same in money
    view_ids         the views behind it
    expires_at       after this no tap counts
    """

    proposal_id: str
    account: str
    portfolio: str
    strategy: str
    legs: tuple[Leg, ...]
    made_at: datetime
    expires_at: datetime
    confidence: float
    expected_return: float
    risk_max: float
    horizon_days: int = 0
    loss_max: Decimal = Decimal(0)
    reasons: tuple[str, ...] = ()
    view_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.legs:
            raise InputError(f"proposal {self.proposal_id} has no leg; there is nothing to tap")
        symbols = [leg.symbol for leg in self.legs]
        if len(set(symbols)) != len(symbols):
            raise InputError(f"proposal {self.proposal_id} has two legs of one symbol; make them one")
        if self.expires_at <= self.made_at:
            raise InputError(f"proposal {self.proposal_id} expires at {self.expires_at}, before it is made")
        for name in ("confidence", "expected_return", "risk_max"):
            value: float = getattr(self, name)
            if not math.isfinite(value):
                raise InputError(f"{name} of proposal {self.proposal_id} is {value}; give a number")
        if not 0.0 <= self.confidence <= 1.0 or not 0.0 <= self.risk_max <= 1.0:
            raise InputError(
                f"proposal {self.proposal_id} has confidence {self.confidence} and risk {self.risk_max}; give 0 to 1"
            )
        if self.horizon_days < 0 or self.loss_max < 0:
            raise InputError(
                f"proposal {self.proposal_id} has a horizon of {self.horizon_days} days and may lose {self.loss_max}; "
                "give 0 or more"
            )

    @property
    def notional(self) -> Decimal:
        """Money that all legs move together, at the prices of the proposal."""
        return sum((leg.quantity * leg.price for leg in self.legs), Decimal(0))

    @property
    def lives(self) -> timedelta:
        """How long it can be tapped."""
        return self.expires_at - self.made_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a person is shown before the tap, and what the end is held against. Money, in the base currency.

    cost             expected: half a spread and the fees of every leg
    unwinding_cost   of trading everything back at once: a whole spread and fees both ways
    legging_loss_max what stopping after the worst leg may cost: what was traded is traded back at a price that has
                     moved ``adverse_move`` against it
    adverse_move     the move that is assumed, as a fraction of each price
    prices           the middle of each quote that it was worked out from
    refusals         why it cannot be tapped now, in words; empty where it can
    """

    cost: Decimal
    unwinding_cost: Decimal
    legging_loss_max: Decimal
    adverse_move: Decimal
    refusals: tuple[str, ...] = ()
    prices: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def feasible(self) -> bool:
        """True where nothing speaks against a tap."""
        return not self.refusals
