"""What ``bursar books show`` says: what each portfolio owns, what it is worth, and what came of it.

Positions are valued at the last marks in the journal. A mark of an earlier day than the others is called stale, a
position that was never marked stands at the last price that it traded at, and both are named, with the part of the
total that rests on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from bursar.desk import wording
from bursar.desk.tables import signed_money, table
from bursar.domain.events import Event, RunStarted
from bursar.domain.money import ZERO
from bursar.errors import DataError, InputError
from bursar.ledger.book import UNALLOCATED, Book, Bookkeeper, PortfolioBook
from bursar.ledger.position import Position
from bursar.ledger.valuation import Valuation, stale_marks, value

#: How a portfolio without a name is called.
NOBODYS = "unallocated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One portfolio and its worth, or why it has none: a currency without a rate."""

    book: PortfolioBook
    base: str
    worth: Valuation | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The portfolio's name."""
        return NOBODYS if self.book.portfolio == UNALLOCATED else self.book.portfolio


def opened(events: Iterable[Event]) -> tuple[Book, tuple[str, ...]]:
    """The book that ``events`` make, and what in their world is simulated, in words."""
    keeper, simulated = Bookkeeper(), dict[str, None]()
    for event in events:
        keeper.apply(event)
        if isinstance(event, RunStarted):
            simulated |= dict.fromkeys(event.simulated)
    return keeper.book(), tuple(simulated)


def pages(book: Book, account: str | None = None, portfolio: str | None = None) -> list[Page]:
    """Every portfolio of every account, or those that were asked for. Raises InputError where there are none."""
    if account is not None and account not in book.accounts:
        raise InputError(f"account {account!r} is not in these books; they know {_several(book.accounts)}")
    found = [
        _page(book, each)
        for name in book.accounts
        for each in book.of_account(name)
        if account in (None, name) and (portfolio is None or portfolio in (each.portfolio, _page_name(each)))
    ]
    if portfolio is not None and not found:
        known = _several(_page_name(each) for each in book.portfolios.values())
        raise InputError(f"portfolio {portfolio!r} is not in these books; they know {known}")
    return found


def _page(book: Book, held: PortfolioBook) -> Page:
    base = book.accounts[held.account].base_currency
    try:
        worth = value(held, book.marks, book.rates, base, stale=stale_marks(book))
    except DataError as error:
        return Page(book=held, base=base, worth=None, problem=str(error))
    return Page(book=held, base=base, worth=worth)


def _page_name(held: PortfolioBook) -> str:
    return held.portfolio or NOBODYS


def _several(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def totals(shown: Iterable[Page]) -> dict[str, Decimal | None]:
    """Net asset value of each account, in its base currency; None where one of its portfolios has none."""
    found: dict[str, Decimal | None] = {}
    for page in shown:
        before, account = found.get(page.book.account, ZERO), page.book.account
        if before is None or page.worth is None:
            found[account] = None
        else:
            found[account] = before + page.worth.net_asset_value
    return found


# ---------------------------------------------------------------- JSON


def as_json(book: Book, shown: Sequence[Page], simulated: Sequence[str] = ()) -> str:
    """The pages as JSON: money as text with all of its digits, fractions as numbers."""
    worth = totals(shown)
    document = {
        "sequence": book.sequence,
        "at": _moment(book),
        "simulated": list(simulated),
        "accounts": {
            name: {
                "base_currency": terms.base_currency,
                "lot_method": terms.lot_method.value,
                "net_asset_value": None if (total := worth.get(name)) is None else _text(total),
            }
            for name, terms in book.accounts.items()
        },
        "portfolios": [plain(page, book) for page in shown],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(page: Page, book: Book) -> dict[str, Any]:
    """One portfolio as JSON has it."""
    held, worth = page.book, page.worth
    return {
        "account": held.account,
        "portfolio": held.portfolio,
        "base_currency": page.base,
        "net_asset_value": None if worth is None else _text(worth.net_asset_value),
        "positions_value": None if worth is None else _text(worth.positions_value),
        "problem": page.problem or None,
        "rests_on_doubtful_prices": None if worth is None else worth.doubtful,
        "stale_prices": list(worth.stale) if worth else [],
        "missing_prices": list(worth.missing) if worth else [],
        "cash": {currency: _text(amount) for currency, amount in held.cash.items()},
        "settled_cash": {currency: _text(held.settled_cash(currency, _day(book))) for currency in held.cash},
        "realized": _texts(held.realized),
        "income": _texts(held.income),
        "fees": _texts(held.fees),
        "positions": [plain_position(position, worth) for position in held.positions.values()],
        "balances": [
            {
                "account": name.nature.value,
                "currency": name.currency,
                "symbol": name.symbol,
                "strategy": name.strategy,
                "balance": _text(balance),
            }
            for name, balance in held.balances.items()
        ],
    }


def plain_position(position: Position, worth: Valuation | None) -> dict[str, Any]:
    """One position as JSON has it."""
    symbol = position.symbol
    return {
        "symbol": symbol,
        "currency": position.currency,
        "sector": position.sector,
        "quantity": _text(position.quantity),
        "cost": None if position.cost_basis is None else _text(position.cost_basis),
        "entry_price": None if position.entry_price is None else _text(position.entry_price),
        "mark": None if position.mark is None else _text(position.mark),
        "value_in_base": _text(worth.values[symbol]) if worth else None,
        "unrealized_in_base": _text(worth.unrealized[symbol]) if worth and symbol in worth.unrealized else None,
        "weight": worth.weights.get(symbol) if worth else None,
        "best": _text(position.best),
        "worst": _text(position.worst),
        "opened_at": position.opened_at.isoformat().replace("+00:00", "Z"),
        "hands_off": position.hands_off,
        "lots": [
            {
                "quantity": _text(lot.quantity),
                "cost": _text(lot.cost) if lot.known else None,
                "acquired": lot.acquired.isoformat(),
                "source": lot.source,
                "strategy": lot.strategy,
            }
            for lot in position.lots
        ],
    }


def _text(amount: Decimal) -> str:
    return format(amount, "f")


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {currency: _text(amount) for currency, amount in amounts.items()}


def _moment(book: Book) -> str | None:
    return None if book.at is None else book.at.isoformat().replace("+00:00", "Z")


def _day(book: Book) -> date:
    """The day of the books: what settles later is not settled."""
    return date.max if book.at is None else book.at.date()


# ---------------------------------------------------------------- for people


def as_tables(book: Book, shown: Sequence[Page], simulated: Sequence[str] = ()) -> RenderableType:
    """The pages for a terminal; where an account has several, their sum below them."""
    parts: list[RenderableType] = []
    for page in shown:
        parts += [_cash(page, book), Text(""), _positions(page, book), *_doubts(page), Text("")]
    for account, amount in totals(shown).items():
        mine = [page for page in shown if page.book.account == account]
        if len(mine) > 1:
            said = wording.money(amount, mine[0].base)
            parts.append(Text(f"  {len(mine)} portfolios of {account}: net asset value {said}", style="bold"))
    at = "nothing happened yet" if book.at is None else f"as of {book.at:%Y-%m-%d %H:%M:%S} UTC"
    notes = [f"{book.sequence:,} events, {at}", *([f"Simulated: {' '.join(simulated)}"] if simulated else [])]
    return Group(*parts, *(Padding(Text(note, style="dim"), (0, 2)) for note in notes))


def _cash(page: Page, book: Book) -> RenderableType:
    held = page.book
    made = table(
        f"{page.name} of {held.account}",
        "currency",
        numbers=("cash", "of it settled", "realized", "income", "fees"),
    )
    results = [held.realized, held.income, held.fees]
    for currency in dict.fromkeys([*held.cash, *(each for totals in results for each in totals)]):
        made.add_row(
            currency,
            wording.money(held.cash.get(currency, ZERO), currency),
            wording.money(held.settled_cash(currency, _day(book)), currency),
            signed_money(held.realized.get(currency, ZERO), currency),
            signed_money(held.income.get(currency, ZERO), currency),
            wording.money(held.fees.get(currency, ZERO), currency),
        )
    if not made.row_count:
        made.add_row(page.base, *[wording.NOTHING] * 5)
    return made


def _positions(page: Page, book: Book) -> RenderableType:
    held, worth = page.book, page.worth
    if not held.positions:
        return Text(f"  Nothing is held{_worth(page)}.")
    made = table("What is held", "symbol", numbers=("quantity", "lots", "entry", "last", "value", "share"))
    fared = table("How it fares", "symbol", "sector", numbers=("unrealized", "best", "worst", "days"))
    for symbol, position in held.positions.items():
        currency = position.currency
        made.add_row(
            Text.assemble(symbol, (" hands off", "dim") if position.hands_off else ""),
            wording.quantity(position.quantity),
            str(len(position.lots)),
            wording.price(position.entry_price, currency),
            wording.price(book.marks.get(symbol, position.mark), currency),
            wording.money(worth.values[symbol], page.base) if worth else wording.NOTHING,
            wording.percent(worth.weights.get(symbol)) if worth else wording.NOTHING,
        )
        fared.add_row(
            symbol,
            position.sector or wording.NOTHING,
            signed_money(worth.unrealized.get(symbol) if worth else None, page.base),
            signed_money(position.best, currency),
            signed_money(position.worst, currency),
            str((_day(book) - position.opened_at.date()).days),
        )
    if worth is None:
        return Group(made, Text(""), fared)
    made.add_row("all", "", "", "", "", wording.money(worth.positions_value, page.base), "")
    fared.add_row("all", "", signed_money(sum(worth.unrealized.values(), ZERO), page.base))
    return Group(made, Text(""), fared, Text(f"  {_worth(page).lstrip(', ').capitalize()}", style="bold"))


def _worth(page: Page) -> str:
    if page.worth is None:
        return ""
    return f", net asset value {wording.money(page.worth.net_asset_value, page.base)}"


def _doubts(page: Page) -> list[RenderableType]:
    """What the total cannot be relied on for."""
    worth = page.worth
    if worth is None:
        return [Padding(Text(f"It has no total: {page.problem}.", style="yellow"), (0, 2))]
    said = []
    if worth.stale:
        said.append(f"the price of {wording.several(worth.stale)} is older than the others")
    if worth.missing:
        said.append(f"{wording.several(worth.missing)} was never marked and stands at its last trade or at cost")
    if not said:
        return []
    part = wording.percent(worth.doubtful)
    return [Padding(Text(f"{part} of the positions' value is in doubt: {'; '.join(said)}.", style="yellow"), (0, 2))]
