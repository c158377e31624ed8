"""Double entry: every event is a set of postings that sum to zero in each currency.

What is owned is positive (cash, and positions at cost), where it came from is negative (what was paid in,
gains, income), so that the balances of all accounts together are zero at every moment.

    asset      CASH, COST
    capital    CAPITAL (from outside), TRANSFER (from another portfolio), CONVERSION (from another currency)
    result     REALIZED, DIVIDEND, IN_LIEU, INTEREST, WITHHELD, FEE, COMMISSION, UNKNOWN_BASIS

A commission in the instrument's own currency is part of the cost (or lowers the proceeds), as tax law has it,
and has no account; COMMISSION holds the others. Proceeds of shares whose cost nobody knows are neither gain
nor loss: they stay in UNKNOWN_BASIS.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from bursar.domain.money import ZERO
from bursar.errors import LedgerError


class Nature(StrEnum):
    """What an account of the ledger holds."""

    CASH = "cash"
    COST = "cost"
    CAPITAL = "capital"
    TRANSFER = "transfer"
    CONVERSION = "conversion"
    REALIZED = "realized"
    DIVIDEND = "dividend"
    IN_LIEU = "in_lieu"
    INTEREST = "interest"
    WITHHELD = "withheld"
    FEE = "fee"
    COMMISSION = "commission"
    UNKNOWN_BASIS = "unknown_basis"


ASSETS = frozenset({Nature.CASH, Nature.COST})
CAPITAL = frozenset({Nature.CAPITAL, Nature.TRANSFER, Nature.CONVERSION})
INCOME = frozenset({Nature.DIVIDEND, Nature.IN_LIEU, Nature.INTEREST, Nature.WITHHELD})
COSTS = frozenset({Nature.FEE, Nature.COMMISSION})


class AccountName(NamedTuple):
    """One account of a portfolio's ledger. symbol and strategy are empty where they mean nothing."""

    nature: Nature
    currency: str
    symbol: str = ""
    strategy: str = ""


class LedgerAccount:
    """An account and what is in it; balances change in ``post`` alone."""

    __slots__ = ("balance", "currency", "name")

    def __init__(self, name: AccountName) -> None:
        self.name = name
        self.currency = name.currency
        self.balance = ZERO


#: The smallest amount that the books tell apart: the digits of IBKR's statements. Sums of such amounts are exact.
QUANTUM = Decimal("1e-8")

Posting = tuple[LedgerAccount, Decimal]


def post(postings: Sequence[Posting]) -> None:
    """Enter all of ``postings``, or raise LedgerError and enter none: they must be exact, and must balance."""
    currency, total, mixed = postings[0][0].currency, ZERO, False
    for account, amount in postings:
        if account.currency != currency:
            mixed = True
        total += amount
    # A sum has the digits of its finest term, and nearly all terms have been rounded: then one look is enough.
    if not total.same_quantum(QUANTUM):
        _check_each_amount(postings)
    if mixed:
        _check_each_currency(postings)
    elif total:
        raise LedgerError(f"the event does not balance: {total} {currency} came from nowhere")
    for account, amount in postings:
        account.balance += amount


def _check_each_amount(postings: Sequence[Posting]) -> None:
    for account, amount in postings:
        if amount != amount.quantize(QUANTUM):
            raise LedgerError(f"an amount of {amount} {account.currency} is finer than a hundred-millionth")


def _check_each_currency(postings: Sequence[Posting]) -> None:
    totals: dict[str, Decimal] = {}
    for account, amount in postings:
        totals[account.currency] = totals.get(account.currency, ZERO) + amount
    wrong = {currency: total for currency, total in totals.items() if total}
    if wrong:
        came = " and ".join(f"{total} {currency}" for currency, total in sorted(wrong.items()))
        raise LedgerError(f"the event does not balance: {came} came from nowhere")
