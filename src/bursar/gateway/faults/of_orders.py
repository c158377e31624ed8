"""Faults of orders: what the broker does with them that nobody asked for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

from bursar.errors import InputError
from bursar.gateway.faults.fault import Fault, bounded, share_of
from bursar.gateway.faults.names import SENT, TOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(Fault):
    """An order is refused by the broker, though nothing is wrong with it."""

    name: ClassVar[str] = "reject"
    code: Annotated[int, "of the refusal"] = 201
    text: Annotated[str, "of the refusal"] = "Order rejected - reason:The simulated broker was told to."

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        bounded(self, "code", 1)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (SENT["placeOrder"],)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillAfterCancel(Fault):
    """The order is filled while its cancellation is on the way, which then comes too late, or cancels the rest."""

    name: ClassVar[str] = "fill_after_cancel"
    share: Annotated[Decimal, "of what remains that is filled"] = Decimal(1)

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        share_of(self.share)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (SENT["cancelOrder"],)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillWhileAway(Fault):
    """When a client is gone, its oldest working orders are filled."""

    name: ClassVar[str] = "fill_while_away"
    orders: Annotated[int, "how many of them"] = 1
    share: Annotated[Decimal, "of what remains that is filled"] = Decimal(1)

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        bounded(self, "orders", 1)
        share_of(self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectExecution(Fault):
    """An execution is corrected after it was told: the same id with a higher last part, and another price.

    Or fewer shares: with ``left: 0`` the trade is busted, and the position is what it was before it.
    """

    name: ClassVar[str] = "correct_execution"
    unasked: ClassVar[bool] = True
    price_change: Annotated[Decimal, "by how much the price changes"] = Decimal("-0.01")
    left: Annotated[Decimal, "what part of its shares still stands; 0 takes the trade back"] = Decimal(1)
    instants: Annotated[int, "after how many instants"] = 1

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        bounded(self, "instants", 1)
        if not 0 <= self.left <= 1:
            raise InputError(f"left is {self.left}; give a number from 0 to 1: what part of the shares still stands")
        if not self.price_change.is_finite() or (self.price_change == 0 and self.left == 1):
            raise InputError(f"price_change is {self.price_change}; give by how much the price changes, such as -0.01")

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (TOLD["execDetails"],)
