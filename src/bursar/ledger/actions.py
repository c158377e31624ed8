"""What happens to a position without a trade: corporate actions, ends of options, transfers.

Corporate actions reach every portfolio that holds the symbol. None of them makes money: costs move with the
shares, holding periods go on, and what is a gain is what was paid out in cash.

Sources: IRS Publication 550 (2023), chapter 4, "Stock splits", "Stock dividends", "Exercise of options";
26 U.S.C. § 355 and § 358 (spin-offs), § 354 and § 356 (mergers).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from bursar.domain.events import (
    FractionPaid,
    Merged,
    OptionEnd,
    OptionEnded,
    PositionAdopted,
    PositionMoved,
    PositionReleased,
    Split,
    SpunOff,
    SymbolChanged,
)
from bursar.domain.instruments import InstrumentKind, OptionRight
from bursar.domain.money import ZERO
from bursar.errors import LedgerError
from bursar.ledger.lots import Lot, insert, rounded
from bursar.ledger.position import Action, Flow, Part
from bursar.ledger.postings import Nature, Posting
from bursar.ledger.state import Books, Holding
from bursar.ledger.trades import close_all, take_lots, trade

_ONE = Decimal(1)

# ---------------------------------------------------------------- corporate actions


def split(books: Books, event: Split) -> None:
    """More or fewer shares at the same cost."""
    for holding in books.holders(event.symbol):
        _rescale(holding, event.new, event.old)
        if holding.mark is not None:
            holding.mark = holding.mark * event.old / event.new
    if event.symbol in books.marks:
        books.marks[event.symbol] = books.marks[event.symbol] * event.old / event.new
    books.actions.append(Action(event.symbol, (Part(event.symbol, event.new, event.old, _ONE),)))


def _rescale(holding: Holding, new: Decimal, old: Decimal) -> None:
    """Multiply every lot; the last one takes what rounding leaves, so that the sum is exact."""
    total = left = rounded(holding.quantity * new / old)
    lots = []
    for lot in holding.lots[:-1]:
        lots.append(lot._replace(quantity=rounded(lot.quantity * new / old)))
        left -= lots[-1].quantity
    lots = not_empty([*lots, holding.lots[-1]._replace(quantity=left)])
    if not lots or lots[0].quantity * lots[-1].quantity < 0:
        raise LedgerError(f"{holding.quantity} {holding.symbol} are too few for a split of {new} for {old}")
    holding.lots, holding.quantity = lots, total


def not_empty(lots: list[Lot]) -> list[Lot]:
    """``lots`` without those that rounding left with no quantity; their cost goes with the one after, or the last."""
    kept: list[Lot] = []
    cost = paid = ZERO
    for lot in lots:
        cost, paid = cost + lot.cost, paid + lot.paid
        if lot.quantity:
            kept.append(lot._replace(cost=cost, paid=paid))
            cost = paid = ZERO
    if kept and (cost or paid):
        kept[-1] = kept[-1]._replace(cost=kept[-1].cost + cost, paid=kept[-1].paid + paid)
    return kept


def spun_off(books: Books, event: SpunOff) -> None:
    """Shares of the child appear with a part of the parent's cost and with its holding period."""
    for parent in books.holders(event.symbol):
        child = books.holding(parent.owner.account, parent.owner.name, event.child)
        if child.currency != parent.currency:
            raise LedgerError(f"{event.child} is in {child.currency}, {event.symbol} in {parent.currency}")
        left, given = [], []
        for lot in parent.lots:
            cost, paid = rounded(lot.cost * event.basis_fraction), rounded(lot.paid * event.basis_fraction)
            left.append(lot._replace(cost=lot.cost - cost, paid=lot.paid - paid))
            given.append(lot._replace(quantity=rounded(lot.quantity * event.ratio), cost=cost, paid=paid))
        given = not_empty(given)
        if not given:
            continue  # so little was held that no share of the child came of it
        moved = sum((lot.cost for lot in given), ZERO)
        parent.lots = left
        parent.paid -= sum((lot.paid for lot in given), ZERO)
        books.enter((parent.basis, -moved), (child.basis, moved))
        receive(child, given)
    kept = Part(event.symbol, _ONE, _ONE, 1 - event.basis_fraction)
    books.actions.append(Action(event.symbol, (kept, Part(event.child, event.ratio, _ONE, event.basis_fraction))))


def merged(books: Books, event: Merged) -> None:
    """Shares go for cash, for other shares, or for both.

    Where both are paid, a long's gain is realized up to the cash and its losses are not; a short's cash is
    added to its cost.
    """
    for holding in books.holders(event.symbol):
        owner, cash = holding.owner, rounded(holding.quantity * event.cash.amount)
        if event.cash.amount and event.cash.currency != holding.currency:
            raise LedgerError(f"{event.symbol} is in {holding.currency} and was paid for in {event.cash.currency}")
        postings: list[Posting] = [(owner.cash_in(holding.currency), cash)] if cash else []
        if not event.into:
            close_all(books, holding, postings, cash, event.at, event.event_id)
            continue
        target = books.holding(owner.account, owner.name, event.into)
        if target.currency != holding.currency:
            raise LedgerError(f"{event.into} is in {target.currency}, {event.symbol} in {holding.currency}")
        moved = not_empty([_exchange(holding, lot, event, postings) for lot in holding.lots])
        if not moved:
            raise LedgerError(f"{holding.quantity} {event.symbol} are too few for {event.ratio} {event.into} each")
        cost = sum((lot.cost for lot in moved), ZERO)
        books.enter(*postings, (target.basis, cost), (holding.basis, -holding.basis.balance))
        _hand_over(holding, target, moved)
    parts = (Part(event.into, event.ratio, _ONE, _ONE),) if event.into else ()
    books.actions.append(Action(event.symbol, parts, event.cash.amount))


def _exchange(holding: Holding, lot: Lot, event: Merged, postings: list[Posting]) -> Lot:
    """The lot that ``lot`` becomes; what is realized is added to ``postings``."""
    quantity, cash = rounded(lot.quantity * event.ratio), rounded(lot.quantity * event.cash.amount)
    realized = ZERO
    if not lot.known:
        account = holding.owner.ledger(Nature.UNKNOWN_BASIS, holding.currency, holding.symbol, lot.strategy)
        if cash:
            postings.append((account, -cash))
        return lot._replace(quantity=quantity)
    if lot.quantity > 0 and event.price is not None:
        gain = quantity * event.price + cash - lot.cost
        realized = min(max(rounded(gain), ZERO), cash)
    if realized:
        holding.profit += realized
        postings.append((holding.gain(lot.strategy), -realized))
    return lot._replace(quantity=quantity, cost=lot.cost - cash + realized, paid=lot.paid - cash)


def symbol_changed(books: Books, event: SymbolChanged) -> None:
    """Everything under another name; its facts are the old ones unless others were listed."""
    if event.new_symbol not in books.instruments:
        books.instruments[event.new_symbol] = replace(books.instrument(event.symbol), symbol=event.new_symbol)
    if event.symbol in books.marks:
        books.marks.setdefault(event.new_symbol, books.marks[event.symbol])
        books.marked_at.setdefault(event.new_symbol, books.marked_at[event.symbol])
    for holding in books.holders(event.symbol):
        target = books.holding(holding.owner.account, holding.owner.name, event.new_symbol)
        if (target.currency, target.multiplier) != (holding.currency, holding.multiplier):
            raise LedgerError(f"{event.symbol} and {event.new_symbol} differ in currency or multiplier")
        cost = holding.basis.balance
        books.enter((holding.basis, -cost), (target.basis, cost))
        _hand_over(holding, target, holding.lots)
    books.actions.append(Action(event.symbol, (Part(event.new_symbol, _ONE, _ONE, _ONE),)))


def fraction_paid(books: Books, event: FractionPaid) -> None:
    """A fraction of a share is sold to whoever could not deliver it."""
    holding = books.holding(event.account, event.portfolio, event.symbol)
    amount = event.amount
    if not 0 < event.quantity <= abs(holding.quantity) or amount.currency != holding.currency:
        raise LedgerError(
            f"{amount} for {event.quantity} {event.symbol}, of which {holding.quantity} are held in {holding.currency}"
        )
    signed = -event.quantity.copy_sign(holding.quantity)
    _trade(books, holding, [(holding.owner.cash_in(amount.currency), amount.amount)], signed, amount.amount, event)


# ---------------------------------------------------------------- options


def option_ended(books: Books, event: OptionEnded) -> None:
    """Exercise and assignment trade the underlying at the strike, and the option's cost goes with the shares.

    Expiry closes the option for nothing, and so does what settles in cash for that cash.
    """
    option = books.holding(event.account, event.portfolio, event.symbol)
    terms = option.instrument
    if terms.kind is not InstrumentKind.OPTION:
        raise LedgerError(f"{event.symbol} is a {terms.kind}; only options are {event.how}")
    wrong_side = {OptionEnd.EXERCISED: option.quantity < 0, OptionEnd.ASSIGNED: option.quantity > 0}
    if not 0 < event.quantity <= abs(option.quantity) or wrong_side.get(event.how, False):
        raise LedgerError(f"{event.quantity} {event.symbol} cannot be {event.how}: {option.quantity} are held")
    signed = event.quantity.copy_sign(option.quantity)
    if event.how is OptionEnd.EXPIRED or event.cash is not None:
        cash = event.cash.amount if event.cash is not None else ZERO
        postings = [(option.owner.cash_in(option.currency), cash)] if cash else []
        _trade(books, option, postings, -signed, cash, event)
        return
    assert terms.underlying is not None, f"{terms.symbol} has no underlying"
    assert terms.strike is not None, f"{terms.symbol} has no strike"
    shares = signed * terms.multiplier * (1 if terms.right is OptionRight.CALL else -1)
    holding = books.holding(event.account, event.portfolio, terms.underlying)
    parts = take_lots(books, option, signed, event.at.date())
    premium, cash = sum((lot.cost for lot in parts), ZERO), -shares * terms.strike
    postings = [(holding.owner.cash_in(holding.currency), cash), (option.basis, -premium)]
    strategy = parts[0].strategy
    _trade(books, holding, postings, shares, cash - premium, event, paid=-cash, strategy=strategy)
    if not option.quantity:
        option.begin(None)


def _trade(
    books: Books,
    holding: Holding,
    postings: list[Posting],
    signed: Decimal,
    worth: Decimal,
    event: FractionPaid | OptionEnded,
    *,
    paid: Decimal = ZERO,
    strategy: str = "",
) -> None:
    trade(
        books,
        holding,
        postings,
        signed,
        worth=worth,
        paid=paid,
        day=event.at.date(),
        at=event.at,
        source=event.event_id,
        strategy=strategy,
    )


# ---------------------------------------------------------------- transfers


def position_adopted(books: Books, event: PositionAdopted) -> None:
    """Shares that were there before us, or came from elsewhere."""
    holding = books.holding(event.account, event.portfolio, event.symbol)
    basis = event.cost_basis
    if not event.quantity or (basis is not None and basis.amount * event.quantity < 0):
        raise LedgerError(
            f"{event.quantity} {event.symbol} for {basis}: quantity and cost have one sign, and are not zero"
        )
    if basis is not None and basis.currency != holding.currency:
        raise LedgerError(f"{event.symbol} is in {holding.currency}, its cost in {basis.currency}")
    cost, day = basis.amount if basis is not None else ZERO, event.acquired or event.at.date()
    lot = Lot(event.quantity, cost, cost, day, event.at, event.event_id, "", basis is not None)
    if cost:
        books.enter((holding.basis, cost), (holding.owner.ledger(Nature.CAPITAL, holding.currency), -cost))
    if not holding.quantity:
        holding.begin(event.at)
    receive(holding, [lot])
    holding.hands_off = holding.hands_off or event.hands_off
    _flow(books, holding, event.at.date(), [lot], 1, outside=True)


def position_released(books: Books, event: PositionReleased) -> None:
    """Shares that left, at cost."""
    holding = books.holding(event.account, event.portfolio, event.symbol)
    parts = _leave(books, holding, event)
    cost = sum((lot.cost for lot in parts), ZERO)
    if cost:
        books.enter((holding.basis, -cost), (holding.owner.ledger(Nature.CAPITAL, holding.currency), cost))
    _flow(books, holding, event.at.date(), parts, -1, outside=True)


def position_moved(books: Books, event: PositionMoved) -> None:
    """Shares from one portfolio to another, with their lots."""
    if event.from_portfolio == event.to_portfolio:
        raise LedgerError(f"{event.symbol} cannot move from {event.from_portfolio!r} to itself")
    source = books.holding(event.account, event.from_portfolio, event.symbol)
    target = books.holding(event.account, event.to_portfolio, event.symbol)
    opened_at = source.opened_at
    parts = _leave(books, source, event)
    cost = sum((lot.cost for lot in parts), ZERO)
    for holding, amount in ((source, -cost), (target, cost)):
        if amount:
            books.enter((holding.basis, amount), (holding.owner.ledger(Nature.TRANSFER, holding.currency), -amount))
    if not target.quantity:
        target.begin(opened_at)
    receive(target, parts)
    _flow(books, source, event.at.date(), parts, -1, outside=False)
    _flow(books, target, event.at.date(), parts, 1, outside=False)


def _leave(books: Books, holding: Holding, event: PositionReleased | PositionMoved) -> list[Lot]:
    """Take shares out of ``holding`` by the account's method; a trip whose shares are all gone ends untold."""
    if not 0 < event.quantity <= abs(holding.quantity):
        raise LedgerError(f"{event.quantity} {event.symbol} cannot leave: {holding.quantity} are held")
    signed = event.quantity.copy_sign(holding.quantity)
    parts = take_lots(books, holding, signed, event.at.date())
    if not holding.quantity:
        holding.begin(None)
        holding.hands_off = False
    return parts


def _flow(books: Books, holding: Holding, day: date, lots: Iterable[Lot], sign: int, *, outside: bool) -> None:
    """Note lots that came in (sign 1) or went out (-1)."""
    owner = holding.owner
    owner.flows += (
        Flow(
            day,
            owner.account,
            owner.name,
            holding.currency,
            ZERO,
            outside,
            holding.symbol,
            lot.strategy,
            sign * lot.quantity,
            sign * lot.cost,
            len(books.actions),
        )
        for lot in lots
    )


def receive(holding: Holding, lots: Iterable[Lot]) -> None:
    """Put ``lots`` in; their cost is entered by the caller."""
    for lot in lots:
        if holding.quantity * lot.quantity < 0:
            raise LedgerError(
                f"{lot.quantity} {holding.symbol} came in where {holding.quantity} are held; net them first"
            )
        if not holding.quantity and holding.opened_at is None:
            holding.begin(lot.at)
        insert(holding.lots, lot)
        holding.quantity += lot.quantity
        holding.paid += lot.paid
        holding.known = holding.known and lot.known


def _hand_over(holding: Holding, target: Holding, lots: list[Lot]) -> None:
    """``target`` takes over all ``lots`` and the trip of ``holding``, which is left with nothing."""
    if not target.quantity:
        target.begin(holding.opened_at)
        target.profit, target.best, target.worst = holding.profit, holding.best, holding.worst
        target.mark = target.mark or holding.mark
    target.hands_off = target.hands_off or holding.hands_off
    receive(target, lots)
    holding.lots, holding.quantity, holding.paid = [], ZERO, ZERO
    holding.begin(None)
    holding.hands_off = False
