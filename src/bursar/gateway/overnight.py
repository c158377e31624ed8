"""What happens to accounts between a close and the next day: interest, the fee of borrowed shares, and what was whose.

A day is closed before the next one begins, at its last prints. Interest and fees accrue for every calendar day until
the next session begins, on what has settled; a month's is posted on the third trading day of the next month, rounded
to the cent, so that cash changes once a month and AccruedCash every day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from bursar.domain.money import ZERO, round_money
from bursar.gateway.account import Account, CashEntry
from bursar.gateway.borrow import borrow_fee
from bursar.gateway.credit import Credit
from bursar.gateway.interest import posting_day
from bursar.gateway.terms import Terms
from bursar.gateway.world import World

#: What accrues, in the words of its description in a statement, and its kind there.
CREDIT, DEBIT, BORROW = "CREDIT", "DEBIT", "BORROW"
BORROW_FEES = "BORROW FEES"
_WORDS = {
    CREDIT: ("Broker Interest Received", "{currency} CREDIT INT FOR {month}"),
    DEBIT: ("Broker Interest Paid", "{currency} DEBIT INT FOR {month}"),
    BORROW: ("Broker Interest Paid", f"{{currency}} {BORROW_FEES} FOR {{month}}"),
}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

#: What accrued: kind, currency, and the first day of its month.
Accruals = dict[tuple[str, str, date], Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClosed:
    """What an account was worth at the close of a day, in its own currency.

    balances  cash by currency, and ``settled`` what of it had settled
    accrued   interest and fees that are not posted, below zero where they are owed
    prices    of what was held or closed that day, by symbol, one unit in its own currency with the multiplier
    rates     of the currencies in which there was cash or stock
    """

    day: date
    cash: Decimal
    longs: Decimal
    shorts: Decimal
    accrued: Decimal
    balances: dict[str, Decimal]
    settled: dict[str, Decimal]
    quantities: dict[str, Decimal]
    prices: dict[str, Decimal]
    rates: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        return self.cash + self.longs + self.shorts + self.accrued


@dataclass(slots=True)
class Night:
    """What one account carries from day to day; ``unrealized`` is the profit on its positions at the last close."""

    accruals: Accruals = field(default_factory=dict)
    days: list[DayClosed] = field(default_factory=list)
    unrealized: dict[str, Decimal] = field(default_factory=dict)


class Overnight:
    """See the module. ``nights`` holds what accrued and how each day ended, by account."""

    def __init__(self, world: World, terms: Terms, credit: Credit, accounts: Iterable[str]) -> None:
        self._world = world
        self._terms = terms
        self._credit = credit
        self.nights = {name: Night() for name in accounts}

    def accrued(self, account: str) -> dict[str, Decimal]:
        """What accrued and was not posted, by currency."""
        totals: dict[str, Decimal] = {}
        for (_, currency, _), amount in self.nights[account].accruals.items():
            totals[currency] = totals.get(currency, ZERO) + amount
        return totals

    def accrued_base(self, account: str) -> Decimal:
        """The same, together, in the accounts' currency."""
        parts = self.accrued(account)
        return sum((amount * (self._credit.rate(currency) or ZERO) for currency, amount in parts.items()), ZERO)

    def close(self, account: Account, day: date, until: date) -> None:
        """Close ``day`` of ``account``; the next one begins on ``until``."""
        night = self.nights[account.name]
        if self._terms.interest is not None:
            equity = self._credit.net_liquidation(account)
            for currency, balance in self._earning(account).items():
                amount = self._terms.interest.accrued(balance, equity, currency, day, (until - day).days)
                if amount:
                    _add(night.accruals, CREDIT if amount > 0 else DEBIT, currency, day, amount)
        if self._terms.lending is not None:
            for symbol, quantity in self._short(account).items():
                currency = self._world.listed[symbol].currency
                loan = self._terms.lending.loan(symbol, day)
                fee = borrow_fee(-quantity, self._credit.price(symbol), loan.fee, (until - day).days)
                if fee:
                    _add(night.accruals, BORROW, currency, day, -fee)
        night.days.append(self.closed(account, day))

    def begin(self, account: Account, day: date) -> None:
        """Post what accrued before this month, once its third trading day has come."""
        night, month = self.nights[account.name], day.replace(day=1)
        due = [key for key in night.accruals if key[2] < month]
        if not due or not posting_day(day, self._world.days):
            return
        for key in sorted(due):
            kind, currency, of = key
            amount = round_money(night.accruals.pop(key), currency)
            if amount:
                entry_kind, words = _WORDS[kind]
                said = words.format(currency=currency, month=f"{_MONTHS[of.month - 1]}-{of.year}")
                account.post(CashEntry(day=day, kind=entry_kind, amount=amount, currency=currency, description=said))

    def mark(self, account: Account) -> None:
        """Remember the profit on what ``account`` begins a day with, at the last close and after corporate actions."""
        self.nights[account.name].unrealized = {
            symbol: position.quantity * self._credit.price(symbol) - position.cost
            for symbol, position in account.positions.items()
            if position.quantity
        }

    def _short(self, account: Account) -> dict[str, Decimal]:
        """Shares that are short and were delivered, below zero."""
        settled = {symbol: account.settled_quantity(symbol) for symbol in account.quantities}
        return {symbol: quantity for symbol, quantity in settled.items() if quantity < 0}

    def _earning(self, account: Account) -> dict[str, Decimal]:
        """Settled balances without what shorts were sold for, at what they would now be."""
        balances = {currency: account.settled_balance(currency) for currency in account.balances}
        for symbol, quantity in self._short(account).items():
            currency = self._world.listed[symbol].currency
            balances[currency] = balances.get(currency, ZERO) + quantity * self._credit.price(symbol)
        return balances

    def closed(self, account: Account, day: date) -> DayClosed:
        """What ``account`` would be told to be worth, if ``day`` closed now."""
        quantities, credit = account.quantities, self._credit
        currencies = {*account.balances, *(self._world.listed[symbol].currency for symbol in quantities)}
        worth = {symbol: credit.worth({symbol: quantity}) for symbol, quantity in quantities.items()}
        return DayClosed(
            day=day,
            cash=credit.total_cash(account),
            longs=sum((value for value in worth.values() if value > 0), ZERO),
            shorts=sum((value for value in worth.values() if value < 0), ZERO),
            accrued=self.accrued_base(account.name),
            balances=account.balances,
            settled={currency: account.settled_balance(currency) for currency in account.balances},
            quantities=quantities,
            prices={symbol: credit.price(symbol) for symbol in account.positions},
            rates={currency: credit.rate(currency) or ZERO for currency in sorted(currencies)},
        )


def _add(accruals: Accruals, kind: str, currency: str, day: date, amount: Decimal) -> None:
    key = (kind, currency, day.replace(day=1))
    accruals[key] = accruals.get(key, ZERO) + amount
