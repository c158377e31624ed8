"""Fills: what is bought opens lots, what is sold closes them, and the difference is a gain.

One rule serves longs and shorts, because a short's quantity and cost are below zero: the gain is what came in
less the cost that went out.

    buy 100 at 10, commission 1     cash -1001   cost +1001
    sell 40 at 12, commission 1     cash  +479   cost -400.40   realized -78.60    (a gain: capital's side)
    short 10 at 50, commission 1    cash  +499   cost  -499
    cover 10 at 45, commission 1    cash  -451   cost  +499     realized -48
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from bursar.domain.events import Filled
from bursar.domain.instruments import InstrumentKind
from bursar.domain.money import ZERO, Money
from bursar.domain.orders import Side
from bursar.errors import LedgerError
from bursar.ledger.lots import Lot, Taken, insert, new_lot, rounded, shares, take, take_chosen
from bursar.ledger.position import RoundTrip
from bursar.ledger.postings import QUANTUM, Nature, Posting
from bursar.ledger.state import Books, Holding, PortfolioState, check_currency

_BUY = Side.BUY


def filled(books: Books, event: Filled) -> None:
    """Book an execution, as it was last corrected."""
    execution = event.execution_id
    if execution in books.executions:
        raise LedgerError(f"execution {execution} of {event.symbol} is booked already")
    quantity, price, commission = event.quantity, event.price, event.commission
    if books.corrections and (correction := books.corrections.get(execution)):
        quantity, price, commission = correction.quantity, correction.price, correction.commission
    books.executions[execution] = execution
    if not quantity:
        return
    holding = books.holdings.get((event.account, event.portfolio, event.symbol))
    if holding is None:
        if books.instrument(event.symbol).kind is InstrumentKind.CURRENCY:
            _converted(books, event, quantity, price, commission)
            return
        holding = books.holding(event.account, event.portfolio, event.symbol)
    signed = quantity if event.side is _BUY else -quantity
    paid = (signed * price * holding.multiplier).quantize(QUANTUM, ROUND_HALF_EVEN)
    owner = holding.owner
    owner.frozen = holding.frozen = None
    cash, currency = -paid, holding.currency
    if commission.currency == currency:
        cash -= commission.amount
        owner.commissions[currency] = owner.commissions.get(currency, ZERO) + commission.amount
        postings = [(owner.cash_in(currency), cash)]
    else:
        postings = pay_commission(owner, commission, event.symbol, event.strategy)
        postings.append((owner.cash_in(currency), cash))
    trade(
        books,
        holding,
        postings,
        signed,
        worth=cash,
        paid=paid,
        day=event.traded_on or event.at.date(),
        at=event.at,
        source=event.event_id,
        strategy=event.strategy,
        execution=execution,
    )
    holding.mark = price
    if event.settles_on is not None and cash > ZERO:
        owner.settle_later(currency, cash, event.settles_on)


def _converted(books: Books, event: Filled, quantity: Decimal, price: Decimal, commission: Money) -> None:
    """A fill in a currency pair such as EUR.USD moves cash and leaves no position."""
    owner = books.portfolio(event.account, event.portfolio)
    instrument = books.instrument(event.symbol)
    base, _, quoted = event.symbol.partition(".")
    if quoted != instrument.currency:
        raise LedgerError(f"{event.symbol} is quoted in {instrument.currency}; a pair is named like EUR.USD")
    received = quantity if event.side is _BUY else -quantity
    charged = pay_commission(owner, commission, event.symbol, event.strategy)
    convert(books, owner, charged, (base, received), (quoted, -received * price))


def pay_commission(owner: PortfolioState, commission: Money, symbol: str = "", strategy: str = "") -> list[Posting]:
    """What a commission that belongs to no lot is entered as; it is counted here."""
    currency, amount = commission.currency, commission.amount
    owner.commissions[currency] = owner.commissions.get(currency, ZERO) + amount
    if not amount:
        return []
    return [(owner.cash_in(currency), -amount), (owner.ledger(Nature.COMMISSION, currency, symbol, strategy), amount)]


def convert(books: Books, owner: PortfolioState, postings: list[Posting], *legs: tuple[str, Decimal]) -> None:
    """Cash of one currency against cash of another; each leg is a currency and what was received of it."""
    for currency, amount in legs:
        check_currency(currency)
        postings += ((owner.cash_in(currency), amount), (owner.ledger(Nature.CONVERSION, currency), -amount))
    books.enter_all(postings)


def trade(
    books: Books,
    holding: Holding,
    postings: list[Posting],
    signed: Decimal,
    *,
    worth: Decimal,
    paid: Decimal,
    day: date,
    at: datetime,
    source: str,
    strategy: str,
    execution: str = "",
) -> None:
    """Open or close ``signed`` shares or contracts of ``holding``, or close all and open the rest.

    postings  the cash side, which this completes and enters
    worth     what came in for them, net: the proceeds of what closes, minus the cost of what opens
    paid      quantity times price, signed like the quantity, without commission
    """
    held = holding.quantity
    closing, opening = ZERO, signed
    if held and held.is_signed() is not signed.is_signed():
        left = held + signed
        crosses = left and left.is_signed() is signed.is_signed()
        closing, opening = (-held, left) if crosses else (signed, ZERO)
    if opening < ZERO and not _may_short(books, holding):
        have = f"only {held} are held" if held > 0 else "none are held"
        raise LedgerError(f"{abs(signed)} {holding.symbol} were sold, but {have} and shorts are not allowed")
    if closing:
        proceeds = worth
        if opening:
            proceeds = rounded(worth * closing / signed)
            worth, paid = worth - proceeds, paid - rounded(paid * closing / signed)
        close(books, holding, postings, closing, proceeds, day, source, execution)
        if not holding.quantity:
            _end_trip(holding, at)
    if opening:
        if not holding.quantity:
            holding.begin(at)
        cost = -worth
        postings.append((holding.basis, cost))
        insert(holding.lots, new_lot((opening, cost, paid, day, at, source, strategy, True)))
        holding.quantity += opening
        holding.paid += paid
    books.enter_all(postings)


def _may_short(books: Books, holding: Holding) -> bool:
    """Options may be written by anyone whom the broker lets; shares only where the account says so."""
    return holding.instrument.kind is InstrumentKind.OPTION or books.account(holding.owner.account).shorts_allowed


def close(
    books: Books,
    holding: Holding,
    postings: list[Posting],
    signed: Decimal,
    proceeds: Decimal,
    day: date,
    source: str,
    execution: str = "",
) -> None:
    """Take ``-signed`` out of the lots for ``proceeds``, and add cost and gains to ``postings``."""
    parts = _taken(books, holding, -signed, proceeds, day, execution)
    holding.owner.sold(holding.place, parts, proceeds, day, source)
    of, alike, basis = parts[0][6], True, ZERO
    for _, cost, paid, _, _, _, strategy, known in parts:
        holding.paid -= paid
        if known:
            basis -= cost
        alike = alike and known and strategy == of
    gains = {of: proceeds + basis} if alike else _gains_apart(holding, parts, proceeds, postings)
    if gains:
        postings.append((holding.basis, basis))
    for strategy, gain in gains.items():
        postings.append((holding.gain(strategy), -gain))
        holding.profit += gain


def _gains_apart(
    holding: Holding, parts: list[Taken], proceeds: Decimal, postings: list[Posting]
) -> dict[str, Decimal]:
    """The gains of each strategy; what lots of unknown cost brought is added to ``postings``."""
    gains: dict[str, Decimal] = {}
    for (_, cost, _, _, _, _, strategy, known), share in zip(parts, shares(parts, proceeds), strict=True):
        if known:
            gains[strategy] = gains.get(strategy, ZERO) + share - cost
        else:
            account = holding.owner.ledger(Nature.UNKNOWN_BASIS, holding.currency, holding.symbol, strategy)
            postings.append((account, -share))
    return gains


def close_all(
    books: Books, holding: Holding, postings: list[Posting], proceeds: Decimal, at: datetime, source: str
) -> None:
    """Everything is taken for ``proceeds``."""
    close(books, holding, postings, -holding.quantity, proceeds, at.date(), source)
    books.enter_all(postings)
    _end_trip(holding, at)


def take_lots(books: Books, holding: Holding, quantity: Decimal, day: date) -> list[Lot]:
    """Remove ``quantity`` (signed like the lots) for nothing, by the account's method, to put it elsewhere."""
    lots = [Lot(*part) for part in _taken(books, holding, quantity, ZERO, day)]
    for lot in lots:
        holding.paid -= lot.paid
    return lots


def _taken(
    books: Books, holding: Holding, quantity: Decimal, proceeds: Decimal, day: date, execution: str = ""
) -> list[Taken]:
    """Remove ``quantity`` (signed like the lots) by the account's method, or as a person chose."""
    holding.quantity -= quantity
    if books.chosen and (chosen := books.chosen.get(execution)):
        return take_chosen(holding.lots, quantity, chosen)
    return take(holding.lots, quantity, books.accounts[holding.owner.account].lot_method, proceeds, day)


def _end_trip(holding: Holding, at: datetime) -> None:
    """The position is nothing again."""
    assert holding.opened_at is not None, f"{holding.symbol} was closed and never opened"
    holding.reach(holding.profit)
    holding.owner.trips.append(
        RoundTrip(
            holding.owner.account,
            holding.owner.name,
            holding.symbol,
            holding.currency,
            holding.opened_at,
            at,
            holding.profit,
            holding.best,
            holding.worst,
            holding.known,
        )
    )
    holding.opened_at, holding.hands_off = None, False
