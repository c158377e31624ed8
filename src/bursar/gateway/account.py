"""One account at the broker: cash, positions at average cost, and what its working orders hold back.

The broker keeps its own books, from its own executions: whoever checks his own against them has a second
witness. Average cost includes commissions, as IBKR's does. Cash of the day of the trade pays for purchases;
what is settled is reported beside it, for those who must not use the rest.

``cash`` is the account's own currency; ``foreign`` are the others, each a balance of its own. Whatever moves cash
and is no execution is an entry, in the words of a Flex report, so that a statement can add everything up again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.errors import InputError
from bursar.gateway.faith import GoodFaith
from bursar.gateway.margin import MarginRules
from bursar.gateway.terms import Terms

#: Cash blocked for each dollar that is short: the proceeds and half as much again (12 CFR 220.12).
SHORT_REQUIREMENT = Decimal("1.5")
#: Average cost is kept to this precision.
COST_PRECISION = Decimal("1e-10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Shares held, negative when short, and what they cost in all, commissions included.

    cost      signed as the quantity: what was paid for a long, minus what was received for a short
    realized  profit of the present trading day
    """

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO

    @property
    def avg_cost(self) -> Decimal:
        """Of one share (times the multiplier); zero where nothing is held."""
        return self.cost / self.quantity if self.quantity else ZERO


_NOTHING = Position()


@dataclass(frozen=True, slots=True, kw_only=True)
class CashEntry:
    """Cash that came, or went when negative, without an execution; ``kind`` is the type of a Flex CashTransaction.

    shares  for which it was paid, above zero, where they are gone with it
    """

    day: date
    kind: str
    amount: Decimal
    currency: str = "USD"
    symbol: str = ""
    description: str = ""
    shares: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Account:
    """One account, kept in step by ``book``, ``exchange``, ``post``, ``hold`` and ``begin_day``.

    margin       the rules under which it borrows; None for a cash account
    faith        who watches that a cash account does not sell what it has not paid for; None for nobody
    commissions  paid so far, in its own currency
    """

    name: str
    cash: Decimal
    currency: str = "USD"
    shorts_allowed: bool = False
    margin: MarginRules | None = None
    faith: GoodFaith | None = None
    commissions: Decimal = ZERO
    positions: dict[str, Position] = field(default_factory=dict)
    foreign: dict[str, Decimal] = field(default_factory=dict)
    entries: list[CashEntry] = field(default_factory=list)
    opened_with: Decimal = field(init=False)
    _short: dict[str, None] = field(default_factory=dict)
    _month: date = date.min
    _month_shares: Decimal = ZERO
    _proceeds: dict[tuple[date, str], Decimal] = field(default_factory=dict)
    _payments: dict[tuple[date, str], Decimal] = field(default_factory=dict)
    _deliveries: dict[tuple[date, str], Decimal] = field(default_factory=dict)
    _held_cash: dict[int, tuple[str, Decimal]] = field(default_factory=dict)
    _held_shares: dict[int, tuple[str, Decimal]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.cash.is_finite() or self.cash < 0:
            raise InputError(f"account {self.name} cannot begin with {self.cash} {self.currency}")
        self.opened_with = self.cash

    # ------------------------------------------------------------ what it has

    @property
    def balances(self) -> dict[str, Decimal]:
        """Cash by currency, the account's own first, negative when owed."""
        return {self.currency: self.cash, **self.foreign}

    def balance(self, currency: str) -> Decimal:
        return self.cash if currency == self.currency else self.foreign.get(currency, ZERO)

    @property
    def settled_cash(self) -> Decimal:
        """Cash less the proceeds of sales that have not settled."""
        own = (amount for (_, currency), amount in self._proceeds.items() if currency == self.currency)
        return self.cash - sum(own, ZERO)

    @property
    def proceeds_due(self) -> date | None:
        """The day on which the last of the proceeds in its own currency comes in; None where none is on its way."""
        return max((day for day, currency in self._proceeds if currency == self.currency), default=None)

    def settled_balance(self, currency: str) -> Decimal:
        """The balance without anything that has not settled, proceeds or payments: interest is on this."""
        came = (amount for (_, of), amount in self._proceeds.items() if of == currency)
        went = (amount for (_, of), amount in self._payments.items() if of == currency)
        return self.balance(currency) - sum(came, ZERO) + sum(went, ZERO)

    def settled_quantity(self, symbol: str) -> Decimal:
        """Shares that were delivered, without those on their way."""
        moving = (quantity for (_, of), quantity in self._deliveries.items() if of == symbol)
        return self.position(symbol).quantity - sum(moving, ZERO)

    def position(self, symbol: str) -> Position:
        """What is held of ``symbol``, possibly nothing."""
        return self.positions.get(symbol, _NOTHING)

    @property
    def quantities(self) -> dict[str, Decimal]:
        """Shares held of each symbol, negative when short, zeros left out."""
        return {symbol: position.quantity for symbol, position in self.positions.items() if position.quantity}

    @property
    def shorts(self) -> dict[str, Decimal]:
        """What is owed of each symbol, above zero: kept apart, since few are among many."""
        return {symbol: -self.positions[symbol].quantity for symbol in self._short}

    # ------------------------------------------------------------ what working orders hold back

    def held_cash(self, besides: int = 0, currency: str = "") -> Decimal:
        """What working orders hold back of one currency, without the one with permId ``besides``."""
        currency = currency or self.currency
        held = (amount for perm_id, (of, amount) in self._held_cash.items() if of == currency and perm_id != besides)
        return sum(held, ZERO)

    def available_shares(self, symbol: str, besides: int = 0) -> Decimal:
        """What a new sale may use of a long position."""
        held = (
            quantity for perm_id, (of, quantity) in self._held_shares.items() if of == symbol and perm_id != besides
        )
        return max(self.position(symbol).quantity, ZERO) - sum(held, ZERO)

    def hold(
        self, perm_id: int, *, cash: Decimal = ZERO, currency: str = "", symbol: str = "", shares: Decimal = ZERO
    ) -> None:
        """Hold back what a working order may still use, in place of what it held before."""
        self.release(perm_id)
        if cash > 0:
            self._held_cash[perm_id] = (currency or self.currency, cash)
        if shares > 0:
            self._held_shares[perm_id] = (symbol, shares)

    def release(self, perm_id: int) -> None:
        """The order will use nothing more."""
        self._held_cash.pop(perm_id, None)
        self._held_shares.pop(perm_id, None)

    # ------------------------------------------------------------ what happens to it

    def book(
        self,
        symbol: str,
        signed: Decimal,
        notional: Decimal,
        commission: Decimal,
        settles: date,
        currency: str = "",
    ) -> Decimal | None:
        """Take in one execution; return the profit that it realized, or None where it closed nothing.

        signed    shares, negative when sold
        notional  price times quantity times multiplier, above zero
        currency  of notional and commission; the account's own where none is given
        """
        currency = currency or self.currency
        paid = notional + commission if signed > 0 else -(notional - commission)
        self._move(currency, -paid)
        self.commissions += commission if currency == self.currency else ZERO
        self._await(settles, currency, -paid)
        self._deliveries[settles, symbol] = self._deliveries.get((settles, symbol), ZERO) + signed
        before = self.position(symbol)
        after = _after(before, signed, paid)
        self._keep(symbol, after)
        return after.realized - before.realized if before.quantity * signed < 0 else None

    def convert(self, bought: tuple[str, Decimal], sold: tuple[str, Decimal], commission: Decimal) -> None:
        """Exchange one currency for another, at once; the commission is in the account's own."""
        self._move(bought[0], bought[1])
        self._move(sold[0], -sold[1])
        self._move(self.currency, -commission)
        self.commissions += commission

    def trade(self, day: date, shares: Decimal) -> None:
        """Shares were traded on ``day``: plans with tiers count those of a month."""
        month = day.replace(day=1)
        if month != self._month:
            self._month, self._month_shares = month, ZERO
        self._month_shares += shares

    def traded(self, day: date) -> Decimal:
        """Shares traded in the calendar month of ``day``, so far."""
        return self._month_shares if self._month == day.replace(day=1) else ZERO

    def post(self, entry: CashEntry) -> None:
        """Take in cash that comes, or goes, without an execution."""
        self._move(entry.currency, entry.amount)
        self.entries.append(entry)

    def restate(self, symbol: str, position: Position, *, into: str = "", factor: Decimal = Decimal(1)) -> None:
        """What is held of ``symbol`` is ``position`` from now on, of ``into`` where that is given.

        factor  what is on its way, in or out, becomes so many times as much
        """
        self.positions.pop(symbol, None)
        self._short.pop(symbol, None)
        self._keep(into or symbol, position)
        for day, of in [key for key in self._deliveries if key[1] == symbol]:
            moving = self._deliveries.pop((day, of)) * factor
            self._deliveries[day, into or symbol] = self._deliveries.get((day, into or symbol), ZERO) + moving

    def begin_day(self, day: date) -> None:
        """A trading day begins: what was due by ``day`` has settled, and what was realized counts from zero."""
        for waiting in (self._proceeds, self._payments, self._deliveries):
            for key in [key for key in waiting if key[0] <= day]:
                del waiting[key]
        self.positions = {
            symbol: position if position.realized is ZERO else replace(position, realized=ZERO)
            for symbol, position in self.positions.items()
            if position.quantity
        }

    def _keep(self, symbol: str, position: Position) -> None:
        self.positions[symbol] = position
        if position.quantity < 0:
            self._short[symbol] = None
        else:
            self._short.pop(symbol, None)

    def _move(self, currency: str, amount: Decimal) -> None:
        if currency == self.currency:
            self.cash += amount
        else:
            self.foreign[currency] = self.foreign.get(currency, ZERO) + amount

    def _await(self, settles: date, currency: str, amount: Decimal) -> None:
        """Remember what comes (or goes, when negative) on ``settles``."""
        waiting = self._proceeds if amount > 0 else self._payments
        waiting[settles, currency] = waiting.get((settles, currency), ZERO) + abs(amount)


def open_accounts(terms: Terms) -> dict[str, Account]:
    """The accounts of an exchange as they begin, by name."""
    return {
        name: Account(
            name=name,
            cash=terms.cash,
            currency=terms.currency,
            shorts_allowed=terms.shorts_allowed or terms.margin is not None,
            margin=terms.margin,
            faith=GoodFaith() if terms.good_faith else None,
        )
        for name in terms.accounts
    }


def _after(before: Position, signed: Decimal, paid: Decimal) -> Position:
    """The position after ``signed`` shares for ``paid`` (negative when money came in), at average cost."""
    if before.quantity * signed >= 0:
        return Position(quantity=before.quantity + signed, cost=before.cost + paid, realized=before.realized)
    closed = min(abs(signed), abs(before.quantity))
    cost_closed = (before.cost * closed / abs(before.quantity)).quantize(COST_PRECISION)
    paid_closing = (paid * closed / abs(signed)).quantize(COST_PRECISION)
    return Position(
        quantity=before.quantity + signed,
        cost=before.cost - cost_closed + (paid - paid_closing),
        realized=before.realized - paid_closing - cost_closed,
    )
