"""What portfolios are worth, each second and day by day, and what they made."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from bursar.desk import views
from bursar.desk.api.parts import Cursor, Figures, Limit, TheDesk, Told, Viewer, by, itself, may_see, paged, stamped
from bursar.desk.api.portfolios import key_of, known
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import monitoring as shapes
from bursar.desk.api.shapes import words
from bursar.desk.desk import Desk
from bursar.desk.guard.roles import Caller
from bursar.desk.monitor import Second
from bursar.desk.track_record import plain_day, profit_groups, profit_sources
from bursar.domain.events import Alerted
from bursar.errors import DataError
from bursar.ledger.performance import Chronicle, performance, rolling
from bursar.ledger.profit import GROUPS, Profit

router = APIRouter(prefix="/monitoring", tags=["monitoring"])

Group = Literal["symbol", "sector", "strategy", "portfolio"]
assert set(GROUPS) >= {"symbol", "sector", "strategy", "portfolio"}, "profits are split by what the ledger splits by"


def _second(desk: Desk) -> Second:
    """What was seen last; looked at now where nobody did."""
    told = desk.second or desk.look()
    if told is None:
        raise Problem(409, "nothing is watched", "the journal holds no portfolio yet")
    return told


def _place(desk: Desk, caller: Caller, account: str, portfolio: str) -> tuple[Second, int]:
    known(desk, caller, account, portfolio)
    told, name = _second(desk), "/".join(key_of(account, portfolio))
    if name not in told.lines.portfolios:
        why = desk.monitor.unvalued.get(name, "nothing was booked in it yet")
        raise Problem(409, "it has no value", why)
    return told, told.lines.portfolios.index(name)


def chronicle_of(desk: Desk, caller: Caller, account: str, portfolio: str) -> Chronicle:
    """The days of a portfolio; of a whole account under the name ``all``."""
    if portfolio == "all":
        if account not in desk.past.book.accounts or any(each.startswith("portfolio:") for each in caller.scopes):
            raise Problem(404, "not found", "there is no such account")
        key = account, "*"
    else:
        known(desk, caller, account, portfolio)
        key = key_of(account, portfolio)
    found = desk.past.chronicles.get(key)
    if found is None or not found.days:
        raise Problem(409, "no day has closed", "there is nothing to tell before the first official mark")
    return found


@router.get("/snapshot", responses=described(409, tells=shapes.Snapshot))
async def snapshot(desk: TheDesk, caller: Viewer) -> Response:
    """Show every portfolio as it was seen at the last second."""
    told = _second(desk)
    places = [
        place for place, name in enumerate(told.lines.portfolios) if may_see(caller, *name.split("/", maxsplit=1))
    ]
    return Figures(
        stamped(
            desk,
            at=views.moment(told.at),
            items=views.seconds(told, places),
            unvalued=desk.monitor.unvalued,
        )
    )


@router.get("/portfolios/{account}/{portfolio}/snapshot", responses=described(404, 409, tells=shapes.SeenNow))
async def snapshot_of(account: str, portfolio: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show one portfolio as it was seen at the last second: positions, P&L, risk, limits."""
    return Figures(stamped(desk, **views.second(*_place(desk, caller, account, portfolio))))


@router.get("/portfolios/{account}/{portfolio}/utilization", responses=described(404, 409, tells=shapes.Utilization))
async def utilization(account: str, portfolio: str, desk: TheDesk, caller: Viewer) -> Response:
    """Say how much of each limit is used: 1 is the limit itself."""
    told, place = _place(desk, caller, account, portfolio)
    seen = views.second(told, place)
    limits = dict(desk.monitor.limits)
    return Told(stamped(desk, at=seen["at"], risk=seen["risk"], limits=limits, used=seen["limits_used"]))


@router.get("/portfolios/{account}/{portfolio}/series", responses=described(404, 409, tells=shapes.Series))
async def series(
    account: str,
    portfolio: str,
    desk: TheDesk,
    caller: Viewer,
    minutes: Annotated[int, Query(ge=1, le=1_440, description="How far back, in minutes.")] = 60,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 3_600,
) -> Response:
    """Tell the seconds that were kept, oldest first; amounts are whole hundredths of the base currency."""
    known(desk, caller, account, portfolio)
    kept = desk.snapshots
    if kept is None:
        raise Problem(409, "no seconds are kept", "start the service with a store, which `bursar run` does")
    last = desk.now()
    name = "/".join(key_of(account, portfolio))
    found = await asyncio.to_thread(kept.read, name, last - timedelta(minutes=minutes), last)
    rows = found.tail(limit).to_dicts()
    return Told(stamped(desk, unit="hundredths", items=[_row(row) for row in rows]))


def _row(row: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromtimestamp(row["at"], UTC)
    return {name: value for name, value in row.items() if name != "portfolio"} | {"at": views.moment(at)}


@router.get("/portfolios/{account}/{portfolio}/performance", responses=described(404, 409, tells=shapes.Performance))
async def performance_of(
    account: str,
    portfolio: str,
    desk: TheDesk,
    caller: Viewer,
    risk_free: Annotated[float, Query(ge=0, lt=1, description="What cash earns a year, as a fraction.")] = 0.0,
) -> Response:
    """Tell how a portfolio, or the whole account as ``all``, did: the twelve metrics, and what they rest on."""
    days = chronicle_of(desk, caller, account, portfolio).days
    whole = performance(days, risk_free=(1 + risk_free) ** (1 / 252) - 1)
    return Told(
        stamped(
            desk,
            first=whole.first.isoformat(),
            last=whole.last.isoformat(),
            observations=whole.observations,
            equity=views.text(whole.equity),
            came_in=views.text(whole.came_in),
            went_out=views.text(whole.went_out),
            money_weighted_return=whole.money_weighted,
            metrics=dict(whole.metrics),
            profit=profit_sources(sum(whole.profits.values(), Profit())),
            simulated=list(desk.past.simulated),
        )
    )


@router.get("/portfolios/{account}/{portfolio}/rolling", responses=described(404, 409, tells=shapes.Rolling))
async def rolling_of(
    account: str,
    portfolio: str,
    desk: TheDesk,
    caller: Viewer,
    window: Annotated[int, Query(ge=2, le=252)] = 20,
) -> Response:
    """Tell the metrics over a window of days that moves; null where there are too few."""
    days = chronicle_of(desk, caller, account, portfolio).days
    dates, rolled = rolling(days, window)
    told = {name: views.numbers(values) for name, values in rolled.items()}
    return Told(stamped(desk, window=window, days=[day.isoformat() for day in dates], metrics=told))


@router.get("/portfolios/{account}/{portfolio}/days", responses=described(404, 409, tells=words.Page[shapes.PlainDay]))
async def days_of(
    account: str, portfolio: str, desk: TheDesk, caller: Viewer, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """List days: what came in and went out, what was made, and by what."""
    found = [plain_day(day) for day in chronicle_of(desk, caller, account, portfolio).days]
    about = f"days {account} {portfolio}"
    return Told(paged(desk, found, by("day"), itself, limit=limit, cursor=cursor, about=about))


@router.get("/portfolios/{account}/{portfolio}/profit", responses=described(404, 409, tells=shapes.Profits))
async def profit_of(
    account: str,
    portfolio: str,
    desk: TheDesk,
    caller: Viewer,
    group: Group = "symbol",
    day: Annotated[date | None, Query(description="One day; all of them together by default.")] = None,
) -> Response:
    """Tell what was made, by symbol, sector, strategy or portfolio, each by price, exchange, income and costs."""
    days = chronicle_of(desk, caller, account, portfolio).days
    chosen = [each for each in days if day in (None, each.day)]
    if not chosen:
        raise DataError(f"no day closed on {day}; days are from {days[0].day} to {days[-1].day}")
    lines = [line for each in chosen for line in each.profits.items()]
    total = profit_sources(sum((profit for _, profit in lines), Profit()))
    return Told(stamped(desk, group=group, items=profit_groups(lines, group), total=total))


@router.get("/alerts", responses=described(tells=words.Page[shapes.Alert]))
async def alerts(
    desk: TheDesk,
    caller: Viewer,
    severity: Literal["info", "warning", "critical"] | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List what a person should know, oldest first."""
    found = [
        {
            "sequence": each.sequence,
            "at": views.moment(each.event.at),
            "severity": each.event.severity,
            "message": each.event.message,
        }
        for each in desk.past.alerts
        if isinstance(each.event, Alerted) and severity in (None, each.event.severity)
    ]
    return Told(paged(desk, found, by("sequence"), itself, limit=limit, cursor=cursor, about=f"alerts {severity}"))
