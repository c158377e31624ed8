"""What happens to an account without an order, at an exchange in this process, in the words of the books.

    a split, a new name, a spin-off     as the exchange carried it out, before the first instant of its day
    a delisting                         paid out in cash: the end of the position
    dividends, and what a short owes    on the day of payment
    a part of a share                   paid out after a split or a spin-off
    interest, and fees of borrowing     on the day on which a month is posted

Over a wire none of this is told while it happens: a statement tells of it later. So whoever listens here asked for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_EVEN
from typing import assert_never

from bursar.domain.events import (
    DividendPaid,
    Event,
    FeeCharged,
    FractionPaid,
    Income,
    InterestPaid,
    Merged,
    Split,
    SpunOff,
    SymbolChanged,
)
from bursar.domain.money import ZERO, Money
from bursar.gateway import actions
from bursar.gateway.account import CashEntry
from bursar.gateway.exchange import Exchange
from bursar.gateway.matching.corporate import DIVIDEND, IN_LIEU, OWED, TAKEN
from bursar.gateway.overnight import BORROW_FEES
from bursar.ledger.postings import QUANTUM

INCOME = {DIVIDEND: Income.DIVIDEND, OWED: Income.PAYMENT_IN_LIEU}


class Happenings:
    """What was not told yet of one account; each is told once."""

    def __init__(self, exchange: Exchange, account: str, portfolio: str = "main") -> None:
        self._exchange = exchange
        self._account = account
        self._portfolio = portfolio
        self._actions = sorted(exchange.world.actions, key=lambda action: action.ex_day)
        self._entries = 0
        self._day: date = exchange.session.day  # what was before the first day is in no account

    def told(self) -> tuple[Event, ...]:
        """Everything since the last time: first what became of shares, then what was paid."""
        day, entries = self._exchange.session.day, self._exchange.accounts[self._account].entries
        acted = [action for action in self._actions if self._day < action.ex_day <= day] if day > self._day else []
        fresh = entries[self._entries :]
        self._day, self._entries = day, len(entries)
        events = [event for action in acted for event in self._acted(action)]
        numbered = enumerate(fresh, len(entries) - len(fresh))
        return (*events, *(self._paid(entry, number) for number, entry in numbered if entry.kind != TAKEN))

    def _acted(self, action: actions.Action) -> Iterator[Event]:
        at, symbol = self._exchange.now, action.symbol
        name = f"action/{symbol}/{action.ex_day}"
        match action:
            case actions.Dividend():
                return  # money, and told when it is paid
            case actions.Split():
                yield Split(event_id=f"{name}/split", at=at, symbol=symbol, new=action.new, old=action.old)
            case actions.SymbolChange():
                yield SymbolChanged(event_id=f"{name}/name", at=at, symbol=symbol, new_symbol=action.into)
            case actions.SpinOff():
                yield SpunOff(
                    event_id=f"{name}/spin_off",
                    at=at,
                    symbol=symbol,
                    child=action.into,
                    ratio=action.shares,
                    basis_fraction=action.part,
                )
            case actions.Delisting():
                cash = Money(action.amount, self._exchange.world.listed[symbol].currency)
                yield Merged(event_id=f"{name}/delisted", at=at, symbol=symbol, into="", ratio=ZERO, cash=cash)
            case _:
                assert_never(action)

    def _paid(self, entry: CashEntry, number: int) -> Event:
        """One entry of the account's cash; ``number`` is its place among them."""
        name, at = f"cash/{self._account}/{number + 1}", self._exchange.now
        account, portfolio, amount = self._account, self._portfolio, Money(entry.amount, entry.currency)
        if entry.kind in INCOME:
            return DividendPaid(
                event_id=name,
                at=at,
                account=account,
                portfolio=portfolio,
                symbol=entry.symbol,
                amount=amount,
                withheld=Money(ZERO, entry.currency),
                income=INCOME[entry.kind],
            )
        if entry.kind == IN_LIEU:
            return FractionPaid(
                event_id=name,
                at=at,
                account=account,
                portfolio=portfolio,
                symbol=entry.symbol,
                # The books round shares at their own place: what is left must be the whole number that the broker has.
                quantity=entry.shares.quantize(QUANTUM, ROUND_HALF_EVEN),
                amount=amount,
            )
        if BORROW_FEES in entry.description:
            return FeeCharged(
                event_id=name, at=at, account=account, portfolio=portfolio, amount=amount, what=BORROW_FEES.lower()
            )
        return InterestPaid(event_id=name, at=at, account=account, portfolio=portfolio, amount=amount)
