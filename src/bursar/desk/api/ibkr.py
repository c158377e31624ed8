"""The line to Interactive Brokers: status, accounts, orders, executions, instruments and market data."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from bursar.config.accounts import AccountProfile
from bursar.desk import views
from bursar.desk.api.acting import IdempotencyKey, once_of, send
from bursar.desk.api.parts import (
    Asked,
    Cursor,
    Killer,
    Limit,
    Line,
    TheDesk,
    Told,
    Trader,
    Viewer,
    by,
    itself,
    may_see,
    paged,
    stamped,
)
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import orders as shapes
from bursar.desk.api.shapes import words
from bursar.desk.desk import Desk
from bursar.domain.events import Filled, LineChanged
from bursar.domain.orders import OrderStatus
from bursar.risk.limits import RiskLimits
from bursar.runtime.door import admit, mode_of
from bursar.trading.canceling import objection
from bursar.trading.oms import OrderState

router = APIRouter(prefix="/ibkr", tags=["ibkr"])


class Switch(Asked):
    """Another account is to be traded."""

    reason: Line = Field(examples=["the practice month is over"])
    phrase: Annotated[str, Field(max_length=200)] = Field(
        default="", description="For an account with real money: what the door asks to be typed.", examples=[""]
    )


class Unlock(Asked):
    """The program that trades an account with real money may start."""

    phrase: Annotated[str, Field(max_length=200)] = Field(
        description="What the door asks to be typed.", examples=["trade real money in U7654321"]
    )


class Cancel(Asked):
    """An order is to be canceled."""

    reason: Line = Field(examples=["the news changed"])


@router.get("/status", responses=described(tells=shapes.Status))
async def status(desk: TheDesk, caller: Viewer) -> Response:
    """Say how the line to the broker is, as the loop that trades last told it; until it begins, whose money it is."""
    past, served = desk.past, desk.served
    return Told(
        stamped(
            desk,
            state=past.line.state if past.line else "unknown" if past.run is None else "up",
            reason=past.line.reason if past.line else "",
            since=views.moment(past.line.at) if past.line else None,
            mode=past.run.mode.value if past.run else mode_of(served.profile) if served else None,
            account=past.run.account if past.run else served.account if served else None,
            simulated=list(past.simulated),
            trading=past.standing.state.value,
            last_event_at=views.moment(past.book.at),
            prices_at=views.moment(desk.prices.told_at),
            orders_working=len(past.orders.working()),
            locked=next(({"name": each.name, "account": each.account} for each in desk.keys.waited.values()), None),
        )
    )


@router.get("/line", responses=described(tells=words.Page[shapes.LineChange]))
async def line(desk: TheDesk, caller: Viewer, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List every change of the line, oldest first."""
    found = [
        {
            "sequence": each.sequence,
            "at": views.moment(each.event.at),
            "state": each.event.state,
            "reason": each.event.reason,
        }
        for each in desk.past.records
        if isinstance(each.event, LineChanged)
    ]
    return Told(paged(desk, found, by("sequence"), itself, limit=limit, cursor=cursor, about="line"))


def _account(name: str, profile: AccountProfile, desk: Desk) -> dict[str, Any]:
    run = desk.past.run
    return {
        "name": name,
        "account": profile.account_id,
        "mode": mode_of(profile),
        "port": profile.port,
        "base_currency": profile.base_currency,
        "notional_per_day_max": views.text(profile.notional_per_day_max),
        "traded": run is not None and run.account == profile.account_id,
    }


@router.get("/accounts", responses=described(tells=words.Listed[shapes.SetUp]))
async def accounts(desk: TheDesk, caller: Viewer) -> Response:
    """List the accounts that are set up, and which of them is traded."""
    return Told(stamped(desk, items=[_account(name, profile, desk) for name, profile in desk.accounts.items()]))


@router.get("/accounts/{name}", responses=described(404, tells=shapes.SetUpTold))
async def account(name: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show one account that is set up, and the limits that hold in it."""
    if name not in desk.accounts:
        raise Problem(404, "not found", "no account is set up under this name")
    profile = desk.accounts[name]
    return Told(stamped(desk, **_account(name, profile, desk), limits=plain_limits(profile)))


def plain_limits(profile: AccountProfile) -> dict[str, Any]:
    """The limits of an account as JSON has them."""
    return plain_of(profile.limits())


def plain_of(limits: RiskLimits) -> dict[str, Any]:
    """Limits as JSON has them: amounts and fractions as text."""
    return {each.name: _plain(getattr(limits, each.name)) for each in fields(limits)}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    return [_plain(each) for each in value] if isinstance(value, tuple | frozenset) else str(value)


@router.post(
    "/accounts/{name}/switch", status_code=202, responses=described(400, 404, 409, tells=words.Sent, status=202)
)
async def switch(
    name: str, asked: Switch, request: Request, desk: TheDesk, caller: Killer, idempotency_key: IdempotencyKey
) -> Response:
    """Trade another account from now on. The door checks it here, and again where it is done."""

    async def act() -> Response:
        if name not in desk.accounts:
            raise Problem(404, "not found", "no account is set up under this name")
        profile, run = desk.accounts[name], desk.past.run
        if run is not None and run.account == profile.account_id:
            raise Problem(409, "it is traded already", "there is nothing to change")
        admit(name, profile, asked.phrase)
        if not desk.switchable:
            raise Problem(409, "one account is traded", "this run trades one account; start one that trades several")
        said = {"account": name, "reason": asked.reason, "phrase": asked.phrase}
        return await send(desk, caller, "switch", said, f"{caller.user} {idempotency_key}")

    return await once_of(request).act(request, desk, caller, idempotency_key, act)


@router.post("/accounts/{name}/unlock", responses=described(400, 404, 409, tells=shapes.Unlocked))
async def unlock(
    name: str, asked: Unlock, request: Request, desk: TheDesk, caller: Killer, idempotency_key: IdempotencyKey
) -> Response:
    """Let the program that trades an account with real money start, once: it is asked for again at each start."""

    async def act() -> Response:
        if name not in desk.accounts:
            raise Problem(404, "not found", "no account is set up under this name")
        if name not in desk.keys.waited:
            raise Problem(409, "no phrase is waited for", "it is traded already, or is not the one to be traded")
        desk.keys.check(name, asked.phrase)
        account = desk.accounts[name].account_id
        await desk.note(caller.user, "unlock", {"account": account})
        desk.keys.give(name, asked.phrase)
        return Told(stamped(desk, name=name, account=account, state="starting"))

    return await once_of(request).act(request, desk, caller, idempotency_key, act)


# ---------------------------------------------------------------- orders


def _order(desk: Desk, caller: Any, order_id: str) -> OrderState:
    if order_id in desk.past.orders:
        state = desk.past.orders[order_id]
        if may_see(caller, state.order.account, state.order.portfolio):
            return state
    raise Problem(404, "not found", "there is no such order")


@router.get("/orders", responses=described(tells=words.Page[shapes.Order]))
async def orders(
    desk: TheDesk,
    caller: Viewer,
    status: OrderStatus | None = None,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    working: bool | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List orders in the order in which they were placed."""
    found = [
        _told(desk, state)
        for state in desk.past.orders.all()
        if status in (None, state.status)
        and symbol in (None, state.order.symbol)
        and working in (None, state.working)
        and may_see(caller, state.order.account, state.order.portfolio)
    ]
    about = f"orders {status} {symbol} {working}"
    return Told(paged(desk, found, by("order_id"), itself, limit=limit, cursor=cursor, about=about))


def _told(desk: Desk, state: OrderState) -> dict[str, Any]:
    """An order, and why it would not be canceled."""
    why_not = _objection(desk, state.order.order_id) if state.working else ""
    return {**views.order(state), "cancel_refused": why_not or None}


def _objection(desk: Desk, order_id: str) -> str:
    return objection(desk.past.orders, order_id, desk.past.book, frozenset(desk.settings.sleeve.hands_off))


@router.get("/orders/{order_id}", responses=described(404, tells=shapes.OrderTold))
async def order(order_id: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show one order and where it stands."""
    return Told(stamped(desk, **_told(desk, _order(desk, caller, order_id))))


@router.get("/orders/{order_id}/trail", responses=described(404, tells=words.Listed[shapes.Change]))
async def trail(order_id: str, desk: TheDesk, caller: Viewer) -> Response:
    """Tell all that ever happened to one order, oldest first."""
    _order(desk, caller, order_id)
    return Told(stamped(desk, items=[views.change(each) for each in desk.past.trails.get(order_id, ())]))


@router.post(
    "/orders/{order_id}/cancel", status_code=202, responses=described(400, 404, 409, tells=words.Sent, status=202)
)
async def cancel(
    order_id: str, asked: Cancel, request: Request, desk: TheDesk, caller: Trader, idempotency_key: IdempotencyKey
) -> Response:
    """Ask the loop to cancel one order, where no position is left unprotected or half closed by it.

    The loop looks again when it takes the command, and says in the journal what came of it.
    """

    async def act() -> Response:
        order = _order(desk, caller, order_id).order
        if why_not := _objection(desk, order_id):
            raise Problem(409, "it cannot be canceled", f"{order_id} {why_not}")
        said = {"order": order_id, "reason": asked.reason, "account": order.account}
        # Whoever asks anew means it anew: the broker may have refused to cancel it the first time.
        return await send(desk, caller, "cancel", said, f"{caller.user} {order_id} {idempotency_key}")

    return await once_of(request).act(request, desk, caller, idempotency_key, act)


@router.get("/executions", responses=described(tells=words.Page[words.Recorded]))
async def executions(
    desk: TheDesk,
    caller: Viewer,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List executions as the broker told them, oldest first."""
    found = [
        views.event(each)
        for each in desk.past.records
        if isinstance(each.event, Filled)
        and symbol in (None, each.event.symbol)
        and may_see(caller, each.event.account, each.event.portfolio)
    ]
    about = f"executions {symbol}"
    return Told(paged(desk, found, by("sequence"), itself, limit=limit, cursor=cursor, about=about))


# ---------------------------------------------------------------- market


@router.get("/instruments", responses=described(tells=words.Page[shapes.Instrument]))
async def instruments(desk: TheDesk, caller: Viewer, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List what can be traded."""
    held = desk.past.book.instruments
    found = [views.instrument(held[symbol]) for symbol in sorted(held)]
    return Told(paged(desk, found, by("symbol"), itself, limit=limit, cursor=cursor, about="instruments"))


@router.get("/instruments/{symbol}", responses=described(404, tells=shapes.InstrumentTold))
async def instrument(symbol: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show what is known of an instrument."""
    if symbol not in desk.past.book.instruments:
        raise Problem(404, "not found", "it cannot be traded here")
    return Told(stamped(desk, **views.instrument(desk.past.book.instruments[symbol])))


def _market(desk: Desk, symbol: str) -> dict[str, Any] | None:
    """The latest quote of a symbol, or its mark in the books; None where there is neither."""
    now, book = desk.now(), desk.past.book
    if (quote := desk.prices.latest([symbol]).get(symbol)) is not None:
        return {"source": "quote"} | views.quote(quote, desk.prices.age(quote, now))
    if symbol not in book.marks:
        return None
    at = book.marked_at[symbol]
    return {
        "source": "mark",
        "symbol": symbol,
        "at": views.moment(at),
        "age_seconds": max((now - at).total_seconds(), 0.0),
        "bid": None,
        "ask": None,
        "last": views.text(book.marks[symbol]),
        "delayed": False,
    }


@router.get("/market-data", responses=described(tells=words.Listed[shapes.Quote]))
async def market_data(
    desk: TheDesk,
    caller: Viewer,
    symbols: Annotated[str | None, Query(max_length=4_000, description="With commas between; all by default.")] = None,
) -> Response:
    """Tell the latest prices with their age. Nothing may be ordered by them: the loop asks the broker itself."""
    wanted = symbols.split(",") if symbols else sorted(desk.past.book.instruments)
    found = [told for symbol in wanted[:500] if (told := _market(desk, symbol)) is not None]
    return Told(stamped(desk, items=found))


@router.get("/market-data/{symbol}", responses=described(404, tells=shapes.QuoteTold))
async def market_data_of(symbol: str, desk: TheDesk, caller: Viewer) -> Response:
    """Tell the latest price of a symbol with its age."""
    told = _market(desk, symbol)
    if told is None:
        raise Problem(404, "not found", "no price of it is known")
    return Told(stamped(desk, **told))
