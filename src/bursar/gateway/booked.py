"""What a statement is made of: executions, corporate actions, postings, and lots first in, first out.

Everything comes from what the exchange did. A split changes the number of shares of each lot, a new name takes the lots
with it, a spin-off makes a lot of each lot, with its part of the cost; the part of a share that is paid out closes the
oldest lot, like a sale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import assert_never

from bursar.domain.instruments import Instrument, InstrumentKind
from bursar.domain.money import ZERO, round_money
from bursar.errors import InputError
from bursar.gateway.account import CashEntry
from bursar.gateway.actions import Action, Delisting, Dividend, SpinOff, Split, SymbolChange
from bursar.gateway.exchange import Exchange
from bursar.gateway.matching.corporate import IN_LIEU
from bursar.gateway.matching.deals import Deal
from bursar.gateway.notices import CommissionReported, Executed
from bursar.gateway.overnight import DayClosed
from bursar.gateway.taxlots import DIGITS, Lots

__all__ = ["DEPOSITS", "IN_LIEU", "Acted", "Booked", "Told", "collect"]

DEPOSITS = "Deposits/Withdrawals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """An execution as the statement has it; ``closed`` is how much of it closed what was held."""

    day: date
    executed: Executed
    report: CommissionReported
    instrument: Instrument
    signed: Decimal
    proceeds: Decimal
    cost: Decimal
    realized: Decimal
    closed: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What a corporate action did to one symbol; ``kind`` is IBKR's code, ``proceeds`` what was paid out in cash."""

    day: date
    symbol: str
    kind: str
    description: str
    quantity: Decimal
    proceeds: Decimal = ZERO
    realized: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Told:
    """All that a statement is made of; ``before`` is the last day before it, None where it begins with the first."""

    account: str
    first: date
    last: date
    before: DayClosed | None
    days: list[DayClosed]
    deals: list[Booked]
    acted: list[Acted]
    entries: list[CashEntry]
    lots: dict[str, Lots] = field(default_factory=dict)

    @property
    def end(self) -> DayClosed:
        return self.days[-1]


def collect(exchange: Exchange, account: str, first: date | None, last: date | None) -> Told:
    """What happened to ``account`` from ``first`` to ``last``. Raises InputError for what was never there."""
    if account not in exchange.accounts:
        raise InputError(f"the exchange keeps no account {account}; it keeps {', '.join(exchange.accounts)}")
    held, overnight = exchange.accounts[account], exchange.overnight
    days = [*overnight.nights[account].days, overnight.closed(held, exchange.session.day)]
    known = [each.day for each in days]
    first, last = first or known[0], last or known[-1]
    if first not in known or last not in known or last < first:
        raise InputError(
            f"a statement from {first} to {last} cannot be made; this exchange has traded from {known[0]} to "
            f"{known[-1]}"
        )
    told = _Reader(exchange, account)
    deals, acted = told.read(last)
    opening = CashEntry(
        day=known[0],
        kind=DEPOSITS,
        amount=held.opened_with,
        currency=held.currency,
        description="CASH RECEIPTS / ELECTRONIC FUND TRANSFERS",
    )
    return Told(
        account=account,
        first=first,
        last=last,
        before=next((each for each in reversed(days) if each.day < first), None),
        days=[each for each in days if first <= each.day <= last],
        deals=[each for each in deals if each.day >= first],
        acted=[each for each in acted if each.day >= first],
        entries=[each for each in (opening, *held.entries) if first <= each.day <= last and each.amount],
        lots=told.lots,
    )


class _Reader:
    """Goes through what happened to one account, oldest first; ``lots`` is what is left."""

    def __init__(self, exchange: Exchange, account: str) -> None:
        self._exchange = exchange
        self._account = account
        self._listed = exchange.world.listed
        self.lots: dict[str, Lots] = {}

    def read(self, last: date) -> tuple[list[Booked], list[Acted]]:
        """Executions and corporate actions up to ``last``."""
        actions = sorted(self._exchange.world.actions, key=lambda action: action.ex_day)
        deals: list[Booked] = []
        acted: list[Acted] = []
        for deal in self._exchange.deals.all:
            day = self._exchange.session.local(deal[0].at).date()
            if deal[0].account == self._account and day <= last and deal[0].shares:
                while actions and actions[0].ex_day <= day:
                    acted += self._act(actions.pop(0))
                deals.append(self._book(deal, day))
        for action in actions:
            if action.ex_day <= last:
                acted += self._act(action)
        return deals, acted

    def _of(self, symbol: str) -> Lots:
        return self.lots.setdefault(symbol, Lots())

    def _book(self, deal: Deal, day: date) -> Booked:
        executed, report = deal
        instrument = self._listed[executed.symbol]
        signed = executed.shares if executed.side == "BOT" else -executed.shares
        proceeds = -signed * executed.price * instrument.multiplier
        cost, realized, closed = -proceeds, ZERO, ZERO
        if instrument.kind is not InstrumentKind.CURRENCY:
            outcome = self._of(executed.symbol).trade(
                signed, report.commission - proceeds, executed.at, executed.exec_id
            )
            cost, realized, closed = outcome.cost, outcome.realized, outcome.closed
        return Booked(
            day=day,
            executed=executed,
            report=report,
            instrument=instrument,
            signed=signed,
            proceeds=proceeds,
            cost=cost,
            realized=realized,
            closed=closed,
        )

    def _act(self, action: Action) -> Iterator[Acted]:
        """What ``action`` did to the lots: nothing where none were held."""
        held = self._of(action.symbol).quantity
        if not held:
            return
        match action:
            case Dividend():
                return
            case Split():
                self._of(action.symbol).scale(held * action.factor)
                kind = "FS" if action.factor > 1 else "RS"
                words = f"{action.symbol} SPLIT {action.new:f} FOR {action.old:f}"
                yield self._in_whole_lots(action, action.symbol, kind, words, held)
            case SymbolChange():
                lots = self.lots.pop(action.symbol)
                self._of(action.into).open.extend(lots.open)
                words = f"{action.symbol} IS CALLED {action.into}"
                for symbol, quantity in ((action.symbol, -held), (action.into, held)):
                    yield Acted(day=action.ex_day, symbol=symbol, kind="IC", description=words, quantity=quantity)
            case SpinOff():
                lots, before = self._of(action.symbol), self._of(action.into).quantity
                parts = [(lot.cost * action.part).quantize(DIGITS) for lot in lots.open]
                self._of(action.into).open.extend(
                    replace(lot, quantity=lot.quantity * action.shares, cost=part)
                    for lot, part in zip(lots.open, parts, strict=True)
                )
                left = [replace(lot, cost=lot.cost - part) for lot, part in zip(lots.open, parts, strict=True)]
                lots.open.clear()
                lots.open.extend(left)
                words = f"{action.symbol} SPUN OFF {action.shares:f} {action.into} A SHARE"
                yield self._in_whole_lots(action, action.into, "SO", words, before)
            case Delisting():
                lots = self._of(action.symbol)
                proceeds = round_money(held * action.amount, self._listed[action.symbol].currency)
                outcome = lots.trade(-held, -proceeds, self._exchange.now, "")
                yield Acted(
                    day=action.ex_day,
                    symbol=action.symbol,
                    kind="TC",
                    description=f"{action.symbol} MERGED FOR {action.amount} PER SHARE",
                    quantity=-held,
                    proceeds=proceeds,
                    realized=outcome.realized,
                )
            case _:
                assert_never(action)

    def _in_whole_lots(self, action: Action, symbol: str, kind: str, words: str, before: Decimal) -> Acted:
        """Close the part of a lot that was paid out; ``before`` is what was held of ``symbol``."""
        lots, instrument = self._of(symbol), self._listed[symbol]
        rest = lots.quantity - instrument.whole_lots(lots.quantity)
        proceeds = realized = ZERO
        if rest:
            entries = self._exchange.accounts[self._account].entries
            paid = next(e for e in entries if e.kind == IN_LIEU and e.symbol == symbol and e.day >= action.ex_day)
            proceeds = paid.amount
            realized = lots.trade(-rest, -proceeds, self._exchange.now, "").realized
        return Acted(
            day=action.ex_day,
            symbol=symbol,
            kind=kind,
            description=words,
            quantity=lots.quantity - before,
            proceeds=proceeds,
            realized=realized,
        )
