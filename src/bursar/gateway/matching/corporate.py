"""What corporate actions do to accounts and to resting orders, before the first instant of a day.

    dividend       what is held at the close before is written down, and paid on its day; a short pays it
    split          shares are multiplied and cost the same together; a part of a share is paid out at the last price
    symbol change  positions go over to the new name, with their cost
    spin-off       new shares come beside the old, with their part of the cost; a part of a share is paid out
    delisting      shares go for cash, whatever they cost

Resting orders of a symbol that is split, renamed or spun off from are canceled, GTC and all others, as IBKR does; for a
dividend they stay as they are, at the prices that they have. Every account that a change touches is told.

Source: IBKR, "Corporate Actions: what happens to my open orders"; Treasury Regulation 1.358-2 for the cost of a
spin-off. The words of cash in lieu are not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import assert_never

from bursar.domain.instruments import Instrument
from bursar.domain.money import ZERO, round_money
from bursar.gateway.account import COST_PRECISION, Account, CashEntry, Position
from bursar.gateway.actions import Action, Delisting, Dividend, SpinOff, Split, SymbolChange
from bursar.gateway.matching.market import Market
from bursar.gateway.world import World

ONE = Decimal(1)
DIVIDEND, OWED, IN_LIEU, TAKEN = "Dividends", "Payment In Lieu Of Dividends", "Cash In Lieu", "Merger"


class Corporate:
    """See the module.

    withdraw  cancels what rests in a symbol, with a reason
    told      hears of each account and symbol whose position changed without an execution
    """

    def __init__(
        self,
        world: World,
        accounts: Mapping[str, Account],
        market: Market,
        withdraw: Callable[[str, str], None],
        told: Callable[[str, str], None],
    ) -> None:
        self._listed = world.listed
        self._actions = sorted(world.actions, key=lambda action: action.ex_day)
        self._accounts = accounts
        self._market = market
        self._withdraw = withdraw
        self._told = told
        self._due: list[tuple[date, Account, CashEntry]] = []

    def begin(self, before: date | None, day: date) -> None:
        """Do all that is to be done before ``day``, since the session of ``before``."""
        for action in self._actions:
            if before is not None and before < action.ex_day <= day:
                self._perform(action, day)
        waiting = []
        for pay_day, account, entry in self._due:
            if pay_day > day:
                waiting.append((pay_day, account, entry))
            else:
                account.post(replace(entry, day=day))
                self._told(account.name, entry.symbol)
        self._due = waiting

    def _perform(self, action: Action, day: date) -> None:
        if not isinstance(action, Dividend):
            self._withdraw(action.symbol, "Corporate action")
        held = [account for account in self._accounts.values() if account.position(action.symbol).quantity]
        match action:
            case Dividend():
                for account in held:
                    self._entitle(account, action)
            case Split():
                for account in held:
                    self._split(account, action, day)
                self._market.restate(action.symbol, ONE / action.factor, action.symbol)
            case SymbolChange():
                for account in held:
                    account.restate(action.symbol, account.position(action.symbol), into=action.into)
                    self._told(account.name, action.symbol)
                    self._told(account.name, action.into)
                self._market.restate(action.symbol, ONE, action.into)
            case SpinOff():
                for account in held:
                    self._spin_off(account, action, day)
                self._market.restate(action.symbol, action.part / action.shares, action.into)
                self._market.restate(action.symbol, ONE - action.part, action.symbol)
            case Delisting():
                for account in held:
                    self._take(account, action, day)
            case _:
                assert_never(action)

    def _take(self, account: Account, action: Delisting, day: date) -> None:
        """Pay for all that is held of ``action``'s symbol; who is short pays."""
        before, currency = account.position(action.symbol), self._listed[action.symbol].currency
        amount = round_money(before.quantity * action.amount, currency)
        words = f"{action.symbol} MERGED FOR {currency} {action.amount} PER SHARE"
        account.post(
            CashEntry(
                day=day, kind=TAKEN, amount=amount, currency=currency, symbol=action.symbol, description=words,
                shares=abs(before.quantity),
            )
        )  # fmt: skip
        account.restate(action.symbol, Position(realized=before.realized + amount - before.cost), factor=ZERO)
        self._told(account.name, action.symbol)

    def _entitle(self, account: Account, action: Dividend) -> None:
        quantity, currency = account.position(action.symbol).quantity, self._listed[action.symbol].currency
        entry = CashEntry(
            day=action.pay_day,
            kind=DIVIDEND if quantity > 0 else OWED,
            amount=round_money(quantity * action.amount, currency),
            currency=currency,
            symbol=action.symbol,
            description=f"{action.symbol} CASH DIVIDEND {currency} {action.amount} PER SHARE",
        )
        self._due.append((action.pay_day, account, entry))

    def _split(self, account: Account, action: Split, day: date) -> None:
        before = account.position(action.symbol)
        price = self._last(action.symbol) / action.factor
        after = self._in_whole_lots(
            account, replace(before, quantity=before.quantity * action.factor), price, action, day
        )
        account.restate(action.symbol, after, factor=action.factor)
        self._told(account.name, action.symbol)

    def _spin_off(self, account: Account, action: SpinOff, day: date) -> None:
        before, held = account.position(action.symbol), account.position(action.into)
        cost = (before.cost * action.part).quantize(COST_PRECISION)
        price = self._last(action.symbol) * action.part / action.shares
        came = Position(quantity=before.quantity * action.shares, cost=cost)
        came = self._in_whole_lots(account, came, price, action, day)
        account.restate(action.symbol, replace(before, cost=before.cost - cost))
        together = Position(
            quantity=held.quantity + came.quantity,
            cost=held.cost + came.cost,
            realized=held.realized + came.realized,
        )
        account.restate(action.into, together)
        self._told(account.name, action.symbol)
        self._told(account.name, action.into)

    def _in_whole_lots(
        self, account: Account, position: Position, price: Decimal, action: Split | SpinOff, day: date
    ) -> Position:
        """``position`` without the part of a lot, which is paid out at ``price`` and counts as sold."""
        symbol = action.into if isinstance(action, SpinOff) else action.symbol
        instrument: Instrument = self._listed[symbol]
        whole = instrument.whole_lots(position.quantity)
        rest = position.quantity - whole
        if not rest:
            return position
        cost = (position.cost * rest / position.quantity).quantize(COST_PRECISION)
        paid = round_money(rest * price * instrument.multiplier, instrument.currency)
        words = f"{symbol} CASH IN LIEU OF {abs(rest):f} SHARES"
        account.post(
            CashEntry(
                day=day,
                kind=IN_LIEU,
                amount=paid,
                currency=instrument.currency,
                symbol=symbol,
                description=words,
                shares=abs(rest),
            )
        )
        return Position(quantity=whole, cost=position.cost - cost, realized=position.realized + paid - cost)

    def _last(self, symbol: str) -> Decimal:
        quote = self._market.latest.get(symbol)
        return (quote.last if quote else None) or ZERO
