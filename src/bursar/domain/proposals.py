"""Proposals: orders that wait for a person's tap, with what they are expected to cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bursar.domain.money import Money
from bursar.domain.orders import Order


class ProposalStatus(StrEnum):
    """Where a proposal stands."""

    PENDING = "pending"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Several orders that make sense together, in the order in which they would be sent.

    confidence       0 to 1
    expected_return  over the strategy's horizon, after costs; a fraction of equity
    risk             worst expected loss of the whole, a fraction of equity
    expected_cost    of trading all legs
    legging_loss     worst expected loss when only some legs fill
    """

    proposal_id: str
    strategy: str
    legs: tuple[Order, ...]
    confidence: float
    expected_return: float
    risk: float
    expected_cost: Money
    legging_loss: Money
    expires_at: datetime
    reason: str
