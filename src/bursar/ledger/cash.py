"""Cash that comes and goes without a trade: deposits, moves, fees, interest, dividends, conversions."""

from __future__ import annotations

from decimal import Decimal

from bursar.domain.events import CashMoved, CurrencyConverted, Deposited, DividendPaid, FeeCharged, Income, InterestPaid
from bursar.domain.money import ZERO
from bursar.errors import LedgerError
from bursar.ledger.lots import rounded
from bursar.ledger.position import Flow
from bursar.ledger.postings import Nature, Posting
from bursar.ledger.state import Books, Holding
from bursar.ledger.trades import convert, pay_commission


def deposited(books: Books, event: Deposited) -> None:
    """Cash from outside, or to it."""
    owner, amount, currency = (
        books.portfolio(event.account, event.portfolio),
        event.amount.amount,
        event.amount.currency,
    )
    books.enter((owner.cash_in(currency), amount), (owner.ledger(Nature.CAPITAL, currency), -amount))
    owner.flows.append(Flow(event.at.date(), event.account, event.portfolio, currency, amount))


def cash_moved(books: Books, event: CashMoved) -> None:
    """Cash from one portfolio to another."""
    for name, amount in ((event.from_portfolio, -event.amount.amount), (event.to_portfolio, event.amount.amount)):
        owner, currency = books.portfolio(event.account, name), event.amount.currency
        books.enter((owner.cash_in(currency), amount), (owner.ledger(Nature.TRANSFER, currency), -amount))
        owner.flows.append(Flow(event.at.date(), event.account, name, currency, amount, outside=False))


def fee_charged(books: Books, event: FeeCharged) -> None:
    """A fee of its own."""
    owner, amount, currency = (
        books.portfolio(event.account, event.portfolio),
        event.amount.amount,
        event.amount.currency,
    )
    books.enter((owner.cash_in(currency), amount), (owner.ledger(Nature.FEE, currency, event.symbol), -amount))


def interest_paid(books: Books, event: InterestPaid) -> None:
    """Interest received, or charged."""
    owner, amount, currency = (
        books.portfolio(event.account, event.portfolio),
        event.amount.amount,
        event.amount.currency,
    )
    books.enter((owner.cash_in(currency), amount), (owner.ledger(Nature.INTEREST, currency), -amount))


def currency_converted(books: Books, event: CurrencyConverted) -> None:
    """One currency for another, at the price that the broker made."""
    sold, bought, commission = event.sold, event.bought, event.commission
    if sold.currency == bought.currency or sold.amount <= 0 or bought.amount <= 0:
        raise LedgerError(f"{sold} cannot be exchanged for {bought}; give two currencies and amounts above zero")
    owner = books.portfolio(event.account, event.portfolio)
    charged = pay_commission(owner, commission)
    convert(books, owner, charged, (sold.currency, -sold.amount), (bought.currency, bought.amount))


def dividend_paid(books: Books, event: DividendPaid) -> None:
    """Income from a holding, which may have been sold since its ex-date; or capital that comes back."""
    if (event.account, event.portfolio, event.symbol) not in books.holdings:
        raise LedgerError(
            f"{event.symbol} was never held in {event.account} {event.portfolio!r}, and pays nothing there"
        )
    holding = books.holding(event.account, event.portfolio, event.symbol)
    if event.income is Income.RETURN_OF_CAPITAL:
        _return_capital(books, holding, event)
        return
    owner, currency = holding.owner, event.amount.currency
    nature = Nature.IN_LIEU if event.income is Income.PAYMENT_IN_LIEU else Nature.DIVIDEND
    postings: list[Posting] = [(owner.cash_in(currency), event.amount.amount - event.withheld.amount)]
    for strategy, amount in by_strategy(holding, event.amount.amount):
        postings.append((owner.ledger(nature, currency, holding.symbol, strategy), -amount))
    for strategy, amount in by_strategy(holding, event.withheld.amount):
        postings.append((owner.ledger(Nature.WITHHELD, currency, holding.symbol, strategy), amount))
    books.enter(*postings)


def by_strategy(holding: Holding, amount: Decimal) -> list[tuple[str, Decimal]]:
    """``amount`` split over the strategies that hold the symbol now, by quantity; the parts sum to it.

    What nobody holds any more goes to no strategy. Nothing is split where nothing is paid.
    """
    if not amount:
        return []
    quantities: dict[str, Decimal] = {}
    for lot in holding.lots:
        quantities[lot.strategy] = quantities.get(lot.strategy, ZERO) + lot.quantity
    if len(quantities) < 2:
        return [(next(iter(quantities), ""), amount)]
    (last, _), *others = sorted(quantities.items(), reverse=True)
    parts = [(strategy, rounded(amount * quantity / holding.quantity)) for strategy, quantity in others]
    return [(last, amount - sum((part for _, part in parts), ZERO)), *parts]


def _return_capital(books: Books, holding: Holding, event: DividendPaid) -> None:
    """Each share gets its part of what comes back: it lowers the lot's cost, and below zero it is a gain.

    Source: IRS Publication 550, "Nondividend Distributions".
    """
    owner, amount = holding.owner, event.amount.amount
    if event.amount.currency != holding.currency:
        raise LedgerError(f"capital of {holding.symbol} comes back in {event.amount.currency}, not {holding.currency}")
    postings: list[Posting] = [(owner.cash_in(holding.currency), amount - event.withheld.amount)]
    for strategy, withheld in by_strategy(holding, event.withheld.amount):
        postings.append((owner.ledger(Nature.WITHHELD, holding.currency, holding.symbol, strategy), withheld))
    left = amount
    for place, lot in enumerate(holding.lots):
        last = place == len(holding.lots) - 1
        part = left if last else rounded(amount * lot.quantity / holding.quantity)
        left -= part
        if not lot.known:
            postings.append((owner.ledger(Nature.UNKNOWN_BASIS, holding.currency, holding.symbol, lot.strategy), -part))
            continue
        lowers = min(part, lot.cost) if lot.quantity > 0 else part
        holding.lots[place] = lot._replace(cost=lot.cost - lowers)
        holding.profit += part - lowers
        postings += ((holding.basis, -lowers), (holding.gain(lot.strategy), lowers - part))
    if not holding.lots:
        postings.append((holding.gain(""), -amount))
    books.enter(*postings)
