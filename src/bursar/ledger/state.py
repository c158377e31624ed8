"""The books while they are being worked on: plain mutable records that nobody outside of the fold sees.

``Books`` is what the handlers in trades, cash and actions change, one event at a time. ``book.Bookkeeper`` owns it,
and freezes what others may look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from bursar.domain.events import AccountOpened, FillCorrected
from bursar.domain.instruments import Instrument, InstrumentKind
from bursar.domain.money import CURRENCIES, ZERO
from bursar.errors import LedgerError
from bursar.ledger.lots import Lot, Sale, Taken, reached
from bursar.ledger.position import Action, Flow, Position, RoundTrip
from bursar.ledger.postings import AccountName, LedgerAccount, Nature, Posting, post

#: How long before the latest settlement another is still listed.
REMEMBERED = timedelta(days=30)


class Holding:
    """A position while it is being worked on. The fold owns it; nobody else sees it.

    ``basis`` and ``gains`` are the accounts that its cost and its realized gains, by strategy, are entered in.
    """

    __slots__ = (
        "basis",
        "best",
        "currency",
        "frozen",
        "gains",
        "hands_off",
        "instrument",
        "known",
        "lots",
        "mark",
        "multiplier",
        "opened_at",
        "owner",
        "paid",
        "place",
        "profit",
        "quantity",
        "symbol",
        "worst",
    )

    def __init__(self, owner: PortfolioState, instrument: Instrument) -> None:
        self.owner = owner
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.currency = instrument.currency
        self.multiplier = instrument.multiplier
        self.place = owner.account, owner.name, instrument.symbol, instrument.currency
        self.basis = owner.ledger(Nature.COST, instrument.currency, instrument.symbol)
        self.gains: dict[str, LedgerAccount] = {}
        self.quantity = ZERO
        self.paid = ZERO
        self.lots: list[Lot] = []
        self.mark: Decimal | None = None
        self.hands_off = False
        self.frozen: Position | None = None
        self.begin(None)

    def begin(self, at: datetime | None) -> None:
        """A new trip: the position goes from nothing to something at ``at``."""
        self.opened_at = at
        self.known = True
        self.profit = self.best = self.worst = ZERO

    def look(self, price: Decimal) -> None:
        """Take note of a price, and of how far the trip is ahead or behind at it."""
        self.mark = price
        self.frozen = None
        if self.quantity:
            self.reach(self.profit + self.quantity * price * self.multiplier - self.basis.balance)

    def reach(self, profit: Decimal) -> None:
        """Take note of how far the trip is ahead or behind."""
        if profit > self.best:
            self.best = profit
        elif profit < self.worst:
            self.worst = profit

    def freeze(self) -> Position:
        """The position as it is now."""
        if self.frozen is None:
            assert self.opened_at is not None, f"{self.symbol} is held since never"
            self.frozen = Position(
                self.symbol,
                self.quantity,
                tuple(self.lots),
                self.basis.balance,
                self.paid,
                self.known or all(lot.known for lot in self.lots),
                self.opened_at,
                self.mark,
                self.best,
                self.worst,
                self.hands_off,
                self.multiplier,
                self.currency,
                self.instrument.sector,
            )
        return self.frozen

    def gain(self, strategy: str) -> LedgerAccount:
        """The account of realized gains of one strategy."""
        account = self.gains.get(strategy)
        if account is None:
            account = self.gains[strategy] = self.owner.ledger(Nature.REALIZED, self.currency, self.symbol, strategy)
        return account


class PortfolioState:
    """One portfolio of one account while it is being worked on.

    pending      proceeds by currency and by the day on which they settle
    commissions  paid so far, by currency: most are part of a cost and have no account of their own
    """

    __slots__ = (
        "account",
        "cash",
        "chart",
        "commissions",
        "flows",
        "frozen",
        "holdings",
        "name",
        "pending",
        "sales",
        "trips",
    )

    def __init__(self, account: str, name: str) -> None:
        self.account = account
        self.name = name
        self.chart: dict[AccountName, LedgerAccount] = {}
        self.cash: dict[str, LedgerAccount] = {}
        self.pending: dict[str, dict[date, Decimal]] = {}
        self.commissions: dict[str, Decimal] = {}
        self.holdings: dict[str, Holding] = {}
        self.sales: list[Sale] = []
        self.trips: list[RoundTrip] = []
        self.flows: list[Flow] = []
        self.frozen: object = None

    def ledger(self, nature: Nature, currency: str, symbol: str = "", strategy: str = "") -> LedgerAccount:
        """An account of this portfolio, opened when it is first asked for."""
        name = AccountName(nature, currency, symbol, strategy)
        account = self.chart.get(name)
        if account is None:
            account = self.chart[name] = LedgerAccount(name)
            if nature is Nature.CASH:
                self.cash[currency] = account
        return account

    def cash_in(self, currency: str) -> LedgerAccount:
        """The cash account of one currency."""
        return self.cash.get(currency) or self.ledger(Nature.CASH, currency)

    def sold(self, place: tuple[str, str, str, str], parts: list[Taken], proceeds: Decimal, day: date, by: str) -> None:
        """Note what event ``by`` closed."""
        before = reached(self.sales[-1]) if self.sales else 0
        self.sales.append((place, tuple(parts), proceeds, day, by, before + len(parts)))

    def settle_later(self, currency: str, amount: Decimal, day: date) -> None:
        """Proceeds that will be there on ``day``. What settled long ago is forgotten: it is cash."""
        pending = self.pending.setdefault(currency, {})
        if day in pending:
            pending[day] += amount
            return
        pending[day] = amount
        since = max(pending) - REMEMBERED
        self.pending[currency] = {each: pending[each] for each in sorted(pending) if each >= since}


class Books:
    """Everything that the fold knows."""

    def __init__(self) -> None:
        self.sequence = 0
        self.at: datetime | None = None
        self.accounts: dict[str, AccountOpened] = {}
        self.instruments: dict[str, Instrument] = {}
        self.portfolios: dict[tuple[str, str], PortfolioState] = {}
        self.holdings: dict[tuple[str, str, str], Holding] = {}
        self.by_symbol: dict[str, list[Holding]] = {}
        self.marks: dict[str, Decimal] = {}
        self.marked_at: dict[str, datetime] = {}
        self.rates: dict[str, Decimal] = {}
        self.actions: list[Action] = []
        self.postings: Sequence[Posting] = ()
        # Executions that were booked, by the name under which they were first reported.
        self.executions: dict[str, str] = {}
        self.corrections: dict[str, FillCorrected] = {}
        self.chosen: dict[str, dict[str, Decimal]] = {}

    def account(self, account: str) -> AccountOpened:
        """The terms of an account, or LedgerError when it was never opened."""
        terms = self.accounts.get(account)
        if terms is None:
            known = ", ".join(self.accounts) or "none"
            raise LedgerError(f"account {account!r} was never opened; the books know {known}")
        return terms

    def instrument(self, symbol: str) -> Instrument:
        """The facts of a symbol, or LedgerError: without them nobody knows its currency and multiplier."""
        instrument = self.instruments.get(symbol)
        if instrument is None:
            raise LedgerError(f"{symbol!r} was never listed; an InstrumentListed must come before it is held")
        return instrument

    def portfolio(self, account: str, name: str) -> PortfolioState:
        """The portfolio to be changed, made when it is first asked for."""
        state = self.portfolios.get((account, name))
        if state is None:
            self.account(account)
            state = self.portfolios[account, name] = PortfolioState(account, name)
        state.frozen = None
        return state

    def holding(self, account: str, name: str, symbol: str) -> Holding:
        """The holding to be changed, made when it is first asked for."""
        holding = self.holdings.get((account, name, symbol))
        if holding is None:
            instrument = self.instrument(symbol)
            check_currency(instrument.currency)
            if instrument.kind in (InstrumentKind.FUTURE, InstrumentKind.INDEX, InstrumentKind.CURRENCY):
                raise LedgerError(f"{symbol}: the books cannot hold a {instrument.kind}")
            owner = self.portfolio(account, name)
            holding = self.holdings[account, name, symbol] = owner.holdings[symbol] = Holding(owner, instrument)
            holding.mark = self.marks.get(symbol)
            self.by_symbol.setdefault(symbol, []).append(holding)
        holding.frozen = holding.owner.frozen = None
        return holding

    def holders(self, symbol: str) -> list[Holding]:
        """Everywhere that ``symbol`` is held, to be changed; LedgerError where it is held nowhere."""
        held = [holding for holding in self.by_symbol.get(symbol, ()) if holding.quantity]
        if not held:
            raise LedgerError(f"{symbol} is held nowhere, so nothing can happen to it")
        for holding in held:
            holding.frozen = holding.owner.frozen = None
        return held

    def enter(self, *postings: Posting) -> None:
        """Post what one event means, all of it or nothing."""
        self.enter_all(postings)

    def enter_all(self, postings: Sequence[Posting]) -> None:
        """``enter`` for postings that were gathered."""
        post(postings)
        self.postings = [*self.postings, *postings] if self.postings else postings


def check_currency(currency: str) -> None:
    """Raise LedgerError for what is no currency."""
    if currency not in CURRENCIES:
        raise LedgerError(f"unknown currency {currency!r}; give an ISO 4217 code such as USD")
