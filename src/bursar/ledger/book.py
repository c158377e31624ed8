"""The book: what is owned, what it cost and what came of it, as a fold over the journal.

    book = fold(record.event for record in journal.read())

A Bookkeeper works on it, event by event; a Book is what it hands out, frozen. The same events give the same book,
one at a time or all at once. An event that contradicts the book raises LedgerError with the event's place in the
journal and changes nothing: trading stops, and a person looks.

What each kind of event means is told in trades, cash and actions; that it balances is seen to in postings.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from types import MappingProxyType
from typing import Any, cast

from bursar.domain import events
from bursar.domain.events import AccountOpened, Event, FillCorrected, Income, InstrumentListed, LotsChosen, Marked
from bursar.domain.instruments import Instrument
from bursar.domain.money import ZERO
from bursar.errors import BursarError, LedgerError
from bursar.ledger import actions, cash, trades
from bursar.ledger.log import Closings, Log
from bursar.ledger.lots import Closing, Lot
from bursar.ledger.position import Action, Flow, Position, RoundTrip
from bursar.ledger.postings import COSTS, INCOME, AccountName, Nature
from bursar.ledger.state import Books, PortfolioState, check_currency

__all__ = ["Book", "Bookkeeper", "Closing", "Flow", "Income", "Lot", "PortfolioBook", "Position", "RoundTrip", "fold"]

#: The portfolio of what belongs to none: fills that were not ours, cash that nobody has assigned.
UNALLOCATED = ""
#: Events that are folded between two looks at what they left behind.
_TOGETHER = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioBook:
    """One portfolio of one account.

    cash         by currency, at trade date
    pending      proceeds by the day on which they settle, of the last month of such days, by currency
    positions    by symbol; what is not held is not there
    balances     every account of its ledger; together they are zero in each currency
    commissions  paid so far, by currency, most of them within costs and gains
    round_trips, closings, flows  what came to an end, lot by lot, and what came in and went out, oldest first
    """

    account: str
    portfolio: str
    cash: Mapping[str, Decimal] = field(default_factory=dict)
    pending: Mapping[str, Mapping[date, Decimal]] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    balances: Mapping[AccountName, Decimal] = field(default_factory=dict)
    commissions: Mapping[str, Decimal] = field(default_factory=dict)
    round_trips: Sequence[RoundTrip] = ()
    closings: Sequence[Closing] = ()
    flows: Sequence[Flow] = ()

    def settled_cash(self, currency: str, on: date) -> Decimal:
        """Cash that may be spent on ``on``: without proceeds that settle later. What was bought is spent at once."""
        later = (amount for day, amount in self.pending.get(currency, {}).items() if day > on)
        return self.cash.get(currency, ZERO) - sum(later, ZERO)

    def total(self, natures: frozenset[Nature]) -> dict[str, Decimal]:
        """The balances of some kinds of accounts, by currency: assets and expenses positive, income negative."""
        totals: dict[str, Decimal] = {}
        for name, balance in self.balances.items():
            if name.nature in natures:
                totals[name.currency] = totals.get(name.currency, ZERO) + balance
        return totals

    @property
    def realized(self) -> Mapping[str, Decimal]:
        """Gains less losses of what was closed, net of its commissions, by currency."""
        return _negated(self.total(frozenset({Nature.REALIZED})))

    @property
    def income(self) -> Mapping[str, Decimal]:
        """Dividends, payments in lieu and interest, less the tax withheld, by currency."""
        return _negated(self.total(INCOME))

    @property
    def fees(self) -> Mapping[str, Decimal]:
        """All that was paid to the broker, by currency: commissions, wherever they are booked, and fees."""
        paid = dict(self.commissions)
        for currency, amount in self.total(COSTS - {Nature.COMMISSION}).items():
            paid[currency] = paid.get(currency, ZERO) + amount
        return paid


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Everything that is owned, as of one place in the journal.

    sequence  of the last event that is in it
    at        the latest moment that any of them speaks of; None before the first
    marks     the latest official or unofficial mark of each symbol
    marked_at when that was
    rates     units of the base currency for one of each other, as last marked
    actions   corporate actions on what was held, oldest first
    history   the events that it was made of, for whoever goes on from here
    """

    sequence: int
    at: datetime | None
    accounts: Mapping[str, AccountOpened]
    portfolios: Mapping[tuple[str, str], PortfolioBook]
    instruments: Mapping[str, Instrument]
    marks: Mapping[str, Decimal]
    marked_at: Mapping[str, datetime]
    rates: Mapping[str, Decimal]
    actions: Sequence[Action] = ()
    history: Sequence[Event] = field(default=(), compare=False, repr=False)

    def portfolio(self, account: str, portfolio: str = "main") -> PortfolioBook:
        """One portfolio; an empty one where nothing happened yet. Raises LedgerError for an unknown account."""
        if account not in self.accounts:
            known = ", ".join(self.accounts) or "none"
            raise LedgerError(f"account {account!r} was never opened; the books know {known}")
        return self.portfolios.get((account, portfolio)) or PortfolioBook(account=account, portfolio=portfolio)

    def of_account(self, account: str) -> tuple[PortfolioBook, ...]:
        """All portfolios of an account, the unallocated first."""
        held = (book for (owner, _), book in self.portfolios.items() if owner == account)
        return tuple(sorted(held, key=lambda book: book.portfolio))

    def quantity(self, account: str, symbol: str) -> Decimal:
        """What the whole account holds of a symbol, which is what the broker reports."""
        held = (book.positions.get(symbol) for book in self.of_account(account))
        return sum((position.quantity for position in held if position is not None), ZERO)


class Bookkeeper:
    """Works on a book. ``apply`` one event after the other, as the journal has them; ``book`` at any time."""

    def __init__(self, start: Book | None = None) -> None:
        self._books = Books()
        self._history: list[Event] = []
        self._handed: Book | None = None
        for event in start.history if start else ():
            self.apply(event)
        if start:
            self._books.sequence, self._books.at = start.sequence, start.at

    def apply(self, event: Event) -> bool:
        """Take one committed event; True where it is one that moves books.

        Raises LedgerError with its sequence number, and is then as it was before.
        """
        books = self._books
        books.postings = ()
        handler, moves = HANDLERS.get(type(event), _unknown), True
        try:
            if handler is not None:
                handler(books, event)
                self._history.append(event)
            elif isinstance(event, FillCorrected | LotsChosen):
                self._revise(event)
                books = self._books
            else:
                moves = False
        except (BursarError, ArithmeticError) as error:
            sequence = books.sequence + 1
            self._restore()
            raise LedgerError(_told(event, error), sequence=sequence) from error
        books.sequence += 1
        if books.at is None or event.at > books.at:
            books.at = event.at
        return moves

    def book(self) -> Book:
        """The book as it is now. What has not changed since the last one is shared with it."""
        books = self._books
        if self._handed is not None and self._handed.sequence == books.sequence:
            return self._handed
        self._handed = Book(
            sequence=books.sequence,
            at=books.at,
            accounts=MappingProxyType(dict(books.accounts)),
            portfolios=MappingProxyType({key: _frozen(state) for key, state in books.portfolios.items()}),
            instruments=MappingProxyType(dict(books.instruments)),
            marks=MappingProxyType(dict(books.marks)),
            marked_at=MappingProxyType(dict(books.marked_at)),
            rates=MappingProxyType(dict(books.rates)),
            actions=Log(books.actions),
            history=Log(self._history),
        )
        return self._handed

    def postings(self) -> tuple[tuple[AccountName, Decimal], ...]:
        """What the last event was entered as; nothing for an event that moves no money and no cost."""
        return tuple((account.name, amount) for account, amount in self._books.postings)

    def _revise(self, event: FillCorrected | LotsChosen) -> None:
        """What was said of a fill changes: the books become those in which it had been said at once."""
        executions = self._books.executions
        name = event.corrects if isinstance(event, FillCorrected) else event.execution_id
        if isinstance(event, FillCorrected) and name not in executions:
            raise LedgerError(f"{event.execution_id} corrects execution {name}, which was never booked")
        if isinstance(event, FillCorrected) and event.execution_id in executions:
            raise LedgerError(f"execution {event.execution_id} is booked already")
        self._history.append(event)
        if name in executions:
            try:
                self._books = _refolded(self._history, self._books)
            except (BursarError, ArithmeticError):
                self._history.pop()
                raise
        else:
            self._books.chosen[name] = dict(cast(LotsChosen, event).lots)

    def _restore(self) -> None:
        self._books = _refolded(self._history, self._books)


def fold(events: Iterable[Event], start: Book | None = None) -> Book:
    """The book after ``events``, from nothing or from ``start``.

    Going on from a book takes as long as making it did; whoever goes on often keeps a Bookkeeper.
    """
    keeper = Bookkeeper(start)
    # What a fold makes stays, and none of it is garbage: looking for some takes a fifth of the time. The collector is
    # shown what is young alone, and finds that tuples of numbers need never be looked at again.
    collecting = gc.isenabled()
    gc.disable()
    try:
        apply, stream = keeper.apply, iter(events)
        while batch := list(islice(stream, _TOGETHER)):
            for event in batch:
                apply(event)
            gc.collect(0)
    finally:
        if collecting:
            gc.enable()
    return keeper.book()


def _refolded(history: Sequence[Event], before: Books) -> Books:
    """Books made anew of ``history``, in which every fill is as it was last corrected, and sales take chosen lots."""
    books, names = Books(), dict[str, str]()
    for event in history:
        match event:
            case events.Filled(execution_id=execution):
                names[execution] = execution
            case FillCorrected(execution_id=execution, corrects=corrects):
                names[execution] = names[corrects]
                books.corrections[names[corrects]] = event
            case LotsChosen(execution_id=execution, lots=lots):
                books.chosen[names.get(execution, execution)] = dict(lots)
            case _:
                pass
    for event in history:
        handler = HANDLERS[type(event)]
        if handler is not None:
            handler(books, event)
    books.executions = names
    books.postings = ()
    books.sequence, books.at = before.sequence, before.at
    return books


def _frozen(state: PortfolioState) -> PortfolioBook:
    if state.frozen is None:
        state.frozen = PortfolioBook(
            account=state.account,
            portfolio=state.name,
            cash=MappingProxyType({currency: account.balance for currency, account in state.cash.items()}),
            pending=MappingProxyType({c: MappingProxyType(dict(days)) for c, days in state.pending.items()}),
            positions=MappingProxyType(
                {s: holding.freeze() for s, holding in state.holdings.items() if holding.quantity}
            ),
            balances=MappingProxyType({name: account.balance for name, account in state.chart.items()}),
            commissions=MappingProxyType(dict(state.commissions)),
            round_trips=Log(state.trips),
            closings=Closings(state.sales),
            flows=Log(state.flows),
        )
    return cast(PortfolioBook, state.frozen)


def _negated(totals: dict[str, Decimal]) -> Mapping[str, Decimal]:
    return {currency: -total for currency, total in totals.items()}


def _told(event: Event, error: Exception) -> str:
    if isinstance(error, ArithmeticError):
        return f"{event.event_id}: its numbers are too large or too long to be exact ({type(error).__name__})"
    return f"{event.event_id}: {error}"


# ---------------------------------------------------------------- the facts that books need


def _unknown(_books: Books, event: Event) -> None:
    raise LedgerError(f"the books do not know what a {event.kind!r} means")


def _account_opened(books: Books, event: AccountOpened) -> None:
    check_currency(event.base_currency)
    before = books.accounts.get(event.account)
    if before is not None and before.base_currency != event.base_currency:
        raise LedgerError(
            f"{event.account} is kept in {before.base_currency}; its base cannot become {event.base_currency}"
        )
    books.accounts[event.account] = event


def _instrument_listed(books: Books, event: InstrumentListed) -> None:
    instrument = event.instrument
    check_currency(instrument.currency)
    for holding in books.by_symbol.get(instrument.symbol, ()):
        before = holding.instrument
        if (before.kind, before.currency, before.multiplier) != (
            instrument.kind,
            instrument.currency,
            instrument.multiplier,
        ):
            raise LedgerError(f"{instrument.symbol} was booked as {before}; its kind, currency and multiplier stay")
        holding.instrument = instrument
        holding.frozen = holding.owner.frozen = None
    books.instruments[instrument.symbol] = instrument


def _marked(books: Books, event: Marked) -> None:
    for symbol, price in event.prices.items():
        if price < 0:
            raise LedgerError(f"the mark of {symbol} is {price}; a price is not negative")
    for currency, rate in event.rates.items():
        check_currency(currency)
        if rate <= 0:
            raise LedgerError(f"the rate of {currency} is {rate}; it must be above zero")
    books.marks.update(event.prices)
    books.marked_at.update(dict.fromkeys(event.prices, event.at))
    books.rates.update(event.rates)
    for symbol, price in event.prices.items():
        for holding in books.by_symbol.get(symbol, ()):
            holding.look(price)
            holding.owner.frozen = None


_Handler = Callable[[Books, Any], None]

#: What each kind of event does to the books, or None: nothing at all, or (two of them) to a fill that is booked.
HANDLERS: dict[type[Event], _Handler | None] = dict.fromkeys(events.CATALOGUE.values()) | {
    events.AccountOpened: _account_opened,
    events.InstrumentListed: _instrument_listed,
    events.Marked: _marked,
    events.Filled: trades.filled,
    events.Deposited: cash.deposited,
    events.CashMoved: cash.cash_moved,
    events.FeeCharged: cash.fee_charged,
    events.InterestPaid: cash.interest_paid,
    events.DividendPaid: cash.dividend_paid,
    events.CurrencyConverted: cash.currency_converted,
    events.PositionAdopted: actions.position_adopted,
    events.PositionReleased: actions.position_released,
    events.PositionMoved: actions.position_moved,
    events.Split: actions.split,
    events.SpunOff: actions.spun_off,
    events.Merged: actions.merged,
    events.SymbolChanged: actions.symbol_changed,
    events.FractionPaid: actions.fraction_paid,
    events.OptionEnded: actions.option_ended,
}
