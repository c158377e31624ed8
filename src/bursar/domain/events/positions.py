"""Positions that come, go and change without a trade."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from bursar.domain.events.base import Event
from bursar.domain.money import Money
from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdopted(Event, kind="position_adopted"):
    """A position that was there before us, or came in by transfer.

    quantity  signed; cost_basis  total in the instrument's currency, signed like the quantity, or None
              where nobody knows it
    hands_off  True for one that Bursar must never sell
    """

    account: str
    portfolio: str
    symbol: str
    quantity: Decimal
    cost_basis: Money | None = None
    acquired: date | None = None
    hands_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReleased(Event, kind="position_released"):
    """A position left by transfer, at cost; nothing was sold. quantity is above zero."""

    account: str
    portfolio: str
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMoved(Event, kind="position_moved"):
    """Shares went from one portfolio of an account to another, with their lots."""

    account: str
    from_portfolio: str
    to_portfolio: str
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(Event, kind="split"):
    """``new`` shares for every ``old`` one: 4 for 1, or 1 for 20 in a reverse split.

    Two whole numbers and no ratio, because a third has no exact Decimal.
    stock_dividend  True where it was paid as shares (21 for 20 is five percent); the arithmetic is the same
    """

    symbol: str
    new: Decimal
    old: Decimal
    stock_dividend: bool = False

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.new <= 0 or self.old <= 0:
            raise InputError(f"{self.symbol}: a split of {self.new} for {self.old}; both must be above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpunOff(Event, kind="spun_off"):
    """Shares of a child were given for shares of the parent.

    ratio          child shares for one parent share
    basis_fraction part of the parent's cost that goes with the child, 0 to 1
    """

    symbol: str
    child: str
    ratio: Decimal
    basis_fraction: Decimal

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.ratio <= 0 or not 0 <= self.basis_fraction <= 1:
            raise InputError(
                f"{self.symbol}: {self.ratio} shares of {self.child} with {self.basis_fraction} of the cost; "
                "the ratio must be above zero and the fraction from 0 to 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged(Event, kind="merged"):
    """Shares were taken for cash, for shares of another company, or both.

    into   the company that is held afterwards, or empty where only cash was paid
    ratio  its shares for one old share
    cash   for one old share
    price  of one of its shares on the day; needed where both are given, to say how much of the gain is realized
    """

    symbol: str
    into: str
    ratio: Decimal
    cash: Money
    price: Decimal | None = None

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if (self.into != "") != (self.ratio > 0) or self.cash.amount < 0 or (self.into == "" and not self.cash.amount):
            raise InputError(
                f"{self.symbol}: merged into {self.into!r} at {self.ratio} with {self.cash}; "
                "give cash, or a company with a ratio above zero, or both"
            )
        if self.into and self.cash.amount and self.price is None:
            raise InputError(f"{self.symbol}: paid in shares of {self.into} and in cash; give the price of its share")


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionPaid(Event, kind="fraction_paid"):
    """Cash in lieu of a fraction of a share that a corporate action left: a sale without an order.

    quantity  above zero, of the position as it stands after the action; amount  what was paid for it
    """

    account: str
    portfolio: str
    symbol: str
    quantity: Decimal
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolChanged(Event, kind="symbol_changed"):
    """The same shares under another name."""

    symbol: str
    new_symbol: str


class OptionEnd(StrEnum):
    """How an option ends other than by a trade."""

    EXERCISED = "exercised"
    ASSIGNED = "assigned"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionEnded(Event, kind="option_ended"):
    """Options were exercised by us, assigned to us, or expired.

    quantity  contracts, above zero; the shares that move follow from the option's terms
    cash      paid instead of shares where the option settles in cash, negative when we paid it
    """

    account: str
    portfolio: str
    symbol: str
    quantity: Decimal
    how: OptionEnd
    cash: Money | None = None
