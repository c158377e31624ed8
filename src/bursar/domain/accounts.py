"""What a broker says of an account, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from bursar.domain.orders import Order, OrderStatus

#: What an account's name says: these prefixes hold no real money.
PAPER_PREFIXES = ("DU", "DF")
#: Accounts of our own gateway begin with this, so that nobody takes them for real ones.
SIMULATED_PREFIX = "DU9"


def is_paper(account: str) -> bool:
    """True when the account's name says that no real money moves."""
    return account.startswith(PAPER_PREFIXES)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPosition:
    """A position as the broker reports it; quantity is negative for a short."""

    symbol: str
    quantity: Decimal
    average_cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """An order as the broker reports it; ``order_id`` is empty for one that is not ours."""

    order_id: str
    permanent_id: int
    symbol: str
    status: OrderStatus
    filled: Decimal
    remaining: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerExecution:
    """An execution as the broker reports it; ``order_id`` is empty for one of an order that is not ours."""

    execution_id: str
    order_id: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """One account at one instant. It exists only when every part arrived: unknown is not empty.

    executions  all since midnight in the exchange's zone; of those before it nothing is told
    waiting     ids of those of them that are not reported yet, because their commission is not known
    maintenance margin that the broker requires for all of it; None where it did not say
    rates       units of the base currency for one of each other, as far as the broker told them
    base        the broker's base currency for it, in which equity, buying power and maintenance are told; "" where it
                did not say
    """

    account: str
    at: datetime
    cash: Mapping[str, Decimal]
    positions: tuple[BrokerPosition, ...] = ()
    open_orders: tuple[BrokerOrder, ...] = ()
    executions: tuple[BrokerExecution, ...] = ()
    waiting: frozenset[str] = frozenset()
    equity: Decimal | None = None
    buying_power: Decimal | None = None
    maintenance: Decimal | None = None
    rates: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    base: str = ""

    def rates_in(self, currency: str) -> Mapping[str, Decimal]:
        """Units of ``currency`` for one of each other: books may be kept in another one than the broker's base.

        Empty where the broker told no rate between the two.
        """
        if self.base in ("", currency):
            return self.rates
        one = self.rates.get(currency)
        if one is None:
            return {}
        others = {name: rate / one for name, rate in self.rates.items() if name != currency}
        return {**others, self.base: 1 / one}

    @property
    def called_at(self) -> Decimal | None:
        """The part of equity that is required as margin, beyond which IBKR liquidates; None where nothing is owed.

        Who owes neither cash nor shares is never called: of a cash account the requirement is the price of what it
        holds.
        """
        owes = any(amount < 0 for amount in self.cash.values()) or any(held.quantity < 0 for held in self.positions)
        if not owes or self.maintenance is None or self.equity is None or self.equity <= 0:
            return None
        return self.maintenance / self.equity

    @property
    def execution_ids(self) -> tuple[str, ...]:
        """The ids of ``executions``."""
        return tuple(each.execution_id for each in self.executions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the broker says that an order would do, without doing it."""

    order: Order
    commission: Decimal
    initial_margin_after: Decimal
    maintenance_margin_after: Decimal
    equity_after: Decimal
    warnings: tuple[str, ...] = field(default=())
