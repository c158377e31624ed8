"""On what terms the exchange deals: whose accounts it keeps, what it charges, and what it lets them do."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from bursar.errors import InputError
from bursar.gateway.fees import BasisPoints, FeeSchedule

#: Our accounts begin like this, so that nobody takes them for real ones.
ACCOUNT_PREFIX = "DU9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms the exchange deals.

    cash  that each account begins with
    """

    seed: int = 0
    accounts: tuple[str, ...] = ("DU9000001",)
    cash: Decimal = Decimal(100_000)
    currency: str = "USD"
    fees: FeeSchedule = field(default_factory=BasisPoints)
    shorts_allowed: bool = False
    partial_fills: bool = False

    def __post_init__(self) -> None:
        if not self.accounts or len(set(self.accounts)) != len(self.accounts):
            raise InputError("an exchange needs at least one account, each named once")
        for name in self.accounts:
            if not name.startswith(ACCOUNT_PREFIX):
                raise InputError(f"account {name!r} could be taken for a real one; begin it with {ACCOUNT_PREFIX}")
