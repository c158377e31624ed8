"""Accounts, cash and income."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from bursar.domain.events.base import Event
from bursar.domain.instruments import Instrument
from bursar.domain.money import Money
from bursar.errors import InputError


class LotMethod(StrEnum):
    """Which lot a sale takes, by the names of IBKR's Tax Optimizer. What is set there must be set here.

    SPECIFIC takes the oldest first until ``LotsChosen`` names others.
    """

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    SPECIFIC = "specific"
    LONG_TERM_GAIN = "long_term_gain"
    LONG_TERM_LOSS = "long_term_loss"
    SHORT_TERM_GAIN = "short_term_gain"
    SHORT_TERM_LOSS = "short_term_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened(Event, kind="account_opened"):
    """We began to keep books for an account; said again, its lot method and permissions change from then on."""

    account: str
    base_currency: str
    lot_method: LotMethod = LotMethod.FIFO
    shorts_allowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioOpened(Event, kind="portfolio_opened"):
    """A part of an account got a name and a purpose. Books are kept for portfolios that were never opened, too."""

    account: str
    portfolio: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioClosed(Event, kind="portfolio_closed"):
    """A portfolio is not used any more. Its history stays."""

    account: str
    portfolio: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsChosen(Event, kind="lots_chosen"):
    """A person named the lots that a sale takes. IBKR accepts that until the evening of the trade.

    lots  quantity by the event that the lot came from, above zero each; together the quantity of the sale
    """

    execution_id: str
    lots: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBudgetSet(Event, kind="risk_budget_set"):
    """How much of a portfolio's risk a part of it may use.

    level  what the part is: strategy, sector, symbol or horizon
    share  of the portfolio's risk, 0 to 1
    """

    account: str
    portfolio: str
    level: str
    name: str
    share: Decimal
    method: str = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionReported(Event, kind="attribution_reported"):
    """A return was explained. effects: by name, as fractions; they sum to the active return."""

    account: str
    portfolio: str
    method: str
    first: date
    last: date
    effects: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentListed(Event, kind="instrument_listed"):
    """The facts of an instrument, as they stand from now on."""

    instrument: Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited(Event, kind="deposited"):
    """Cash came in from outside (or, with a negative amount, went out)."""

    account: str
    portfolio: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CashMoved(Event, kind="cash_moved"):
    """Cash went from one portfolio of an account to another."""

    account: str
    from_portfolio: str
    to_portfolio: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCharged(Event, kind="fee_charged"):
    """A fee that belongs to no fill: data, exchange, advice, borrow. Positive amounts are rebates."""

    account: str
    portfolio: str
    amount: Money
    what: str
    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestPaid(Event, kind="interest_paid"):
    """Interest on cash; negative when it was charged."""

    account: str
    portfolio: str
    amount: Money


class Income(StrEnum):
    """The kinds of income from holding a share, which are taxed differently."""

    DIVIDEND = "dividend"
    PAYMENT_IN_LIEU = "payment_in_lieu"
    RETURN_OF_CAPITAL = "return_of_capital"


@dataclass(frozen=True, slots=True, kw_only=True)
class DividendPaid(Event, kind="dividend_paid"):
    """Cash for a holding, before tax was withheld; negative when a short had to pay it.

    withheld  tax kept back, in the same currency; negative when it was given back
    A return of capital lowers the cost of the lots instead of being income.
    """

    account: str
    portfolio: str
    symbol: str
    amount: Money
    withheld: Money
    income: Income = Income.DIVIDEND
    ex_date: date | None = None

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.withheld.currency != self.amount.currency:
            raise InputError(f"{self.symbol}: {self.withheld.currency} withheld from {self.amount.currency}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyConverted(Event, kind="currency_converted"):
    """One currency was exchanged for another; both amounts are positive."""

    account: str
    portfolio: str
    sold: Money
    bought: Money
    commission: Money
