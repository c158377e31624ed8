"""Portfolios and what they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from bursar.desk import books, views
from bursar.desk.api.acting import IdempotencyKey, once_of
from bursar.desk.api.parts import (
    Asked,
    Cursor,
    IfMatch,
    IfNoneMatch,
    Limit,
    Line,
    TheDesk,
    Told,
    Trader,
    Viewer,
    Word,
    by,
    held_still,
    itself,
    may_see,
    paged,
    stamped,
    versioned,
)
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import portfolios as shapes
from bursar.desk.api.shapes import words
from bursar.desk.desk import Desk
from bursar.desk.guard.roles import Caller
from bursar.desk.register import Entry
from bursar.desk.track_record import plain_trip
from bursar.domain.events import PortfolioClosed, PortfolioOpened
from bursar.domain.money import ZERO
from bursar.ledger.book import UNALLOCATED, Flow

router = APIRouter(tags=["portfolios"])

#: Portfolios that one account may have.
PORTFOLIOS_MAX = 1_000

Named = dict[str, Any]


class NewPortfolio(Asked):
    """A portfolio to be opened."""

    account: Word = Field(examples=["DU9000001"])
    portfolio: Word = Field(description="Its short name, which stays.", examples=["growth"])
    name: Line = Field(examples=["Growth"])
    description: Annotated[str, Field(max_length=2_000)] = Field(default="", examples=["Large companies, held long."])


class ChangedPortfolio(Asked):
    """What a portfolio is to be called."""

    name: Line = Field(examples=["Growth and income"])
    description: Annotated[str, Field(max_length=2_000)] = Field(default="", examples=["Large companies."])


def key_of(account: str, portfolio: str) -> tuple[str, str]:
    """The name in the books of what the path calls a portfolio."""
    return account, UNALLOCATED if portfolio == books.NOBODYS else portfolio


def known(desk: Desk, caller: Caller, account: str, portfolio: str) -> tuple[books.Page | None, Entry | None]:
    """What the books and the register have of a portfolio; a 404 where neither has it, or it is another user's."""
    key = key_of(account, portfolio)
    entry = desk.register.portfolios.get(key)
    book = desk.past.book
    visible = may_see(caller, *key)
    if not visible or (key not in book.portfolios and entry is None):
        raise Problem(404, "not found", "there is no such portfolio; GET /api/v1/portfolios lists them")
    found = books.pages(book, *key) if key in book.portfolios else []
    return (found[0] if found else None), entry


def held(desk: Desk, caller: Caller, account: str, portfolio: str) -> books.Page:
    """What the books have of a portfolio; a 404 where they have nothing."""
    page, _ = known(desk, caller, account, portfolio)
    if page is None:
        raise Problem(404, "not found", "nothing was booked in this portfolio yet")
    return page


def _summary(page: books.Page | None, entry: Entry | None) -> Named:
    account = page.book.account if page else entry.account if entry else ""
    portfolio = page.name if page else entry.portfolio if entry else ""
    worth = page.worth if page else None
    return {
        "account": account,
        "portfolio": portfolio,
        "name": entry.name if entry else portfolio,
        "description": entry.description if entry else "",
        "state": "closed" if entry and entry.closed_at else "open",
        "opened_at": views.moment(entry.opened_at) if entry else None,
        "closed_at": views.moment(entry.closed_at) if entry else None,
        "base_currency": page.base if page else None,
        "net_asset_value": views.text(worth.net_asset_value) if worth else None,
        "positions": len(page.book.positions) if page else 0,
        "version": _version(entry),
    }


def _version(entry: Entry | None) -> str:
    return entry.version if entry else "0"


def everything(desk: Desk, caller: Caller) -> list[Named]:
    """A line about each portfolio that the caller may see."""
    pages = {(page.book.account, page.book.portfolio): page for page in books.pages(desk.past.book)}
    keys = sorted(pages.keys() | desk.register.portfolios.keys())
    return [_summary(pages.get(key), desk.register.portfolios.get(key)) for key in keys if may_see(caller, *key)]


_ORDERS: dict[str, Callable[[Named], Any]] = {
    "account": lambda each: (each["account"], each["portfolio"]),
    "name": lambda each: each["name"],
    "net_asset_value": lambda each: float(each["net_asset_value"] or 0),
    "positions": lambda each: each["positions"],
}


@router.get("/portfolios", responses=described(tells=words.Page[shapes.PortfolioLine]))
async def portfolios(
    desk: TheDesk,
    caller: Viewer,
    account: Annotated[str | None, Query(max_length=64)] = None,
    name: Annotated[str | None, Query(max_length=200, description="A part of its name.")] = None,
    state: Literal["open", "closed"] | None = None,
    sort: Literal["account", "name", "net_asset_value", "positions"] = "account",
    descending: bool = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List portfolios, filtered and sorted, a page at a time."""
    found = [
        each
        for each in everything(desk, caller)
        if account in (None, each["account"])
        and state in (None, each["state"])
        and (name is None or name.casefold() in str(each["name"]).casefold())
    ]
    found.sort(key=_ORDERS[sort], reverse=descending)
    about = f"portfolios {account} {name} {state} {sort} {descending}"
    key = by("account", "portfolio")
    return Told(paged(desk, found, key, itself, limit=limit, cursor=cursor, about=about))


@router.post("/portfolios", status_code=201, responses=described(400, 409, tells=shapes.Changed, status=201))
async def open_portfolio(
    asked: NewPortfolio, request: Request, desk: TheDesk, caller: Trader, idempotency_key: IdempotencyKey
) -> Response:
    """Open a portfolio: give a part of an account a name and a purpose."""

    async def act() -> Response:
        key = asked.account, asked.portfolio
        before = desk.register.portfolios.get(key)
        if before is not None and before.closed_at is None:
            raise Problem(409, "it is there already", "choose another short name, or change the one that is there")
        if asked.portfolio == books.NOBODYS:
            raise Problem(422, "a value cannot be used", f"{books.NOBODYS} is what belongs to no portfolio")
        if asked.account not in _accounts(desk):
            raise Problem(422, "a value cannot be used", "there is no such account; GET /api/v1/ibkr/accounts")
        if sum(account == asked.account for account, _ in desk.register.portfolios) >= PORTFOLIOS_MAX:
            raise Problem(409, "too many portfolios", f"an account has {PORTFOLIOS_MAX} at most")
        return await _opened(desk, caller, *key, asked.name, asked.description, "portfolio.open", 201)

    return await once_of(request).act(request, desk, caller, idempotency_key, act)


def _accounts(desk: Desk) -> set[str]:
    return {*desk.past.book.accounts, desk.settings.account.account_id}


async def _opened(
    desk: Desk, caller: Caller, account: str, portfolio: str, name: str, description: str, what: str, status: int
) -> Response:
    told = PortfolioOpened(
        event_id=f"desk/portfolio/{desk.number()}",
        at=desk.now(),
        account=account,
        portfolio=portfolio,
        name=name,
        description=description,
    )
    await desk.note(caller.user, what, {"account": account, "portfolio": portfolio}, [told])
    entry = desk.register.portfolios[account, portfolio]
    page, _ = known(desk, caller, account, portfolio)
    return versioned(stamped(desk, **_summary(page, entry)), entry.version, status=status)


@router.get("/portfolios/{account}/{portfolio}", responses=described(304, 404, tells=shapes.PortfolioTold))
async def portfolio(
    account: str, portfolio: str, desk: TheDesk, caller: Viewer, if_none_match: IfNoneMatch = None
) -> Response:
    """Show one portfolio whole: cash, positions with their lots, results. Its ETag is what a change names."""
    page, entry = known(desk, caller, account, portfolio)
    said = stamped(desk, **_summary(page, entry), books=books.plain(page, desk.past.book) if page else None)
    return versioned(said, _version(entry), None if page else if_none_match)


@router.put("/portfolios/{account}/{portfolio}", responses=described(400, 404, 409, 412, 428, tells=shapes.Changed))
async def change_portfolio(
    account: str, portfolio: str, asked: ChangedPortfolio, desk: TheDesk, caller: Trader, if_match: IfMatch = None
) -> Response:
    """Call a portfolio something else."""
    _, entry = known(desk, caller, account, portfolio)
    held_still(_version(entry), if_match)
    if entry and entry.closed_at:
        raise Problem(409, "it is closed", "open it again first")
    if not key_of(account, portfolio)[1]:
        raise Problem(409, "it has no name", f"{books.NOBODYS} is what belongs to no portfolio")
    return await _opened(desk, caller, account, portfolio, asked.name, asked.description, "portfolio.change", 200)


@router.delete("/portfolios/{account}/{portfolio}", responses=described(404, 409, 412, 428, tells=shapes.Changed))
async def close_portfolio(
    account: str,
    portfolio: str,
    desk: TheDesk,
    caller: Trader,
    if_match: IfMatch = None,
    reason: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Close a portfolio that holds nothing. Its history stays."""
    page, entry = known(desk, caller, account, portfolio)
    held_still(_version(entry), if_match)
    if entry is None:
        raise Problem(409, "it was never opened", "books are kept for it all the same; there is nothing to close")
    if entry.closed_at is not None:
        raise Problem(409, "it is closed", "there is nothing left to do")
    if page is not None and (page.book.positions or any(page.book.cash.values())):
        raise Problem(409, "it is not empty", "sell or move what it holds, and its cash, first")
    told = PortfolioClosed(
        event_id=f"desk/portfolio/{desk.number()}",
        at=desk.now(),
        account=account,
        portfolio=portfolio,
        reason=reason,
    )
    await desk.note(caller.user, "portfolio.close", {"account": account, "portfolio": portfolio}, [told])
    entry = desk.register.portfolios[account, portfolio]
    return versioned(stamped(desk, **_summary(page, entry)), entry.version)


@router.get("/portfolios/{account}/{portfolio}/cash", responses=described(404, tells=shapes.Cash))
async def cash(account: str, portfolio: str, desk: TheDesk, caller: Viewer) -> Response:
    """Cash by currency, what of it is settled, and what it earned and cost."""
    told = books.plain(held(desk, caller, account, portfolio), desk.past.book)
    return Told(stamped(desk, **{name: told[name] for name in ("cash", "settled_cash", "realized", "income", "fees")}))


_POSITION_ORDERS: dict[str, Callable[[Named], Any]] = {
    "symbol": lambda each: each["symbol"],
    "value": lambda each: float(each["value_in_base"] or 0),
    "unrealized": lambda each: float(each["unrealized_in_base"] or 0),
    "weight": lambda each: each["weight"] or 0.0,
}


@router.get("/portfolios/{account}/{portfolio}/positions", responses=described(404, tells=words.Page[shapes.Position]))
async def positions(
    account: str,
    portfolio: str,
    desk: TheDesk,
    caller: Viewer,
    sector: Annotated[str | None, Query(max_length=64)] = None,
    sort: Literal["symbol", "value", "unrealized", "weight"] = "symbol",
    descending: bool = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List what a portfolio holds, filtered and sorted, a page at a time."""
    page = held(desk, caller, account, portfolio)
    found = [
        books.plain_position(each, page.worth) for each in page.book.positions.values() if sector in (None, each.sector)
    ]
    found.sort(key=_POSITION_ORDERS[sort], reverse=descending)
    about = f"positions {account} {portfolio} {sector} {sort} {descending}"
    key = by("symbol")
    return Told(paged(desk, found, key, itself, limit=limit, cursor=cursor, about=about))


@router.get("/portfolios/{account}/{portfolio}/positions/{symbol}", responses=described(404, tells=shapes.PositionTold))
async def position(account: str, portfolio: str, symbol: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show one position with its lots."""
    page = held(desk, caller, account, portfolio)
    if symbol not in page.book.positions:
        raise Problem(404, "not found", "the portfolio does not hold it")
    return Told(stamped(desk, **books.plain_position(page.book.positions[symbol], page.worth)))


@router.get(
    "/portfolios/{account}/{portfolio}/transactions", responses=described(404, tells=words.Page[shapes.Transaction])
)
async def transactions(
    account: str,
    portfolio: str,
    desk: TheDesk,
    caller: Viewer,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    kind: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List what moved money or shares of a portfolio, oldest first."""
    _, name = key_of(account, portfolio)
    known(desk, caller, account, portfolio)
    found = [
        row
        for row in desk.past.transactions
        if (row["account"], row["portfolio"]) == (account, name)
        and symbol in (None, row["symbol"])
        and kind in (None, row["kind"])
    ]
    about = f"transactions {account} {portfolio} {symbol} {kind}"
    key = by("sequence")
    return Told(paged(desk, found, key, _transaction, limit=limit, cursor=cursor, about=about))


def _transaction(row: Named) -> Named:
    said = {name: row[name] for name in ("sequence", "event_id", "kind", "strategy", "symbol", "currency", "order_id")}
    amounts = {name: views.text(row[name]) for name in ("quantity", "price", "amount", "commission")}
    return said | amounts | {"at": views.moment(row["at"])}


@router.get(
    "/portfolios/{account}/{portfolio}/round-trips", responses=described(404, tells=words.Page[shapes.RoundTrip])
)
async def round_trips(
    account: str, portfolio: str, desk: TheDesk, caller: Viewer, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """List positions from nothing to nothing: what they made, and the best and the worst that they saw."""
    page = held(desk, caller, account, portfolio)
    found = list(enumerate(page.book.round_trips))
    about = f"round trips {account} {portfolio}"
    return Told(
        paged(
            desk,
            found,
            lambda pair: (pair[0],),
            lambda pair: plain_trip(pair[1]),
            limit=limit,
            cursor=cursor,
            about=about,
        )
    )


@router.get("/portfolios/{account}/{portfolio}/flows", responses=described(404, tells=words.Page[shapes.Flow]))
async def flows(
    account: str, portfolio: str, desk: TheDesk, caller: Viewer, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """List what came in and went out, and is neither gain nor loss."""
    page = held(desk, caller, account, portfolio)
    found = list(enumerate(page.book.flows))
    about = f"flows {account} {portfolio}"
    return Told(
        paged(
            desk, found, lambda pair: (pair[0],), lambda pair: _flow(pair[1]), limit=limit, cursor=cursor, about=about
        )
    )


def _flow(each: Flow) -> Named:
    return {
        "day": each.day.isoformat(),
        "currency": each.currency,
        "amount": views.text(each.amount),
        "outside": each.outside,
        "symbol": each.symbol or None,
        "quantity": views.text(each.quantity),
        "cost": views.text(each.cost),
    }


@router.get("/positions", tags=["positions"], responses=described(tells=words.Page[shapes.Held]))
async def all_positions(
    desk: TheDesk,
    caller: Viewer,
    account: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List what accounts hold of each symbol over all portfolios: what their broker sees."""
    book = desk.past.book
    found: dict[tuple[str, str], list[str]] = {}
    for page in books.pages(book):
        if account in (None, page.book.account) and may_see(caller, page.book.account, page.book.portfolio):
            for symbol in page.book.positions:
                found.setdefault((page.book.account, symbol), []).append(page.name)
    lines = [
        {
            "account": owner,
            "symbol": symbol,
            "quantity": views.text(
                sum((book.portfolio(*key_of(owner, name)).positions[symbol].quantity for name in names), ZERO)
            ),
            "portfolios": names,
        }
        for (owner, symbol), names in sorted(found.items())
    ]
    key = by("account", "symbol")
    about = f"all positions {account}"
    return Told(paged(desk, lines, key, itself, limit=limit, cursor=cursor, about=about))


@router.get("/positions/{symbol}", tags=["positions"], responses=described(404, tells=shapes.Holders))
async def positions_in(symbol: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show who holds a symbol, portfolio by portfolio."""
    found = [
        {"account": page.book.account, "portfolio": page.name}
        | books.plain_position(page.book.positions[symbol], page.worth)
        for page in books.pages(desk.past.book)
        if symbol in page.book.positions and may_see(caller, page.book.account, page.book.portfolio)
    ]
    if not found:
        raise Problem(404, "not found", "nobody holds it")
    return Told(stamped(desk, symbol=symbol, items=found))
