"""Where a return came from. Contributions sum to the profit; an attribution against a benchmark needs one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from bursar.desk import views
from bursar.desk.api.monitoring import Group, chronicle_of
from bursar.desk.api.parts import Cursor, Limit, TheDesk, Told, Viewer, by, itself, may_see, paged, stamped
from bursar.desk.api.problems import described
from bursar.desk.api.shapes import monitoring as shapes
from bursar.desk.api.shapes import words
from bursar.desk.track_record import profit_groups, profit_sources
from bursar.domain.events import AttributionReported
from bursar.ledger.profit import Profit

router = APIRouter(prefix="/attribution", tags=["attribution"])


@router.get("/portfolios/{account}/{portfolio}", responses=described(404, 409, tells=shapes.Attribution))
async def attribution(account: str, portfolio: str, desk: TheDesk, caller: Viewer, group: Group = "sector") -> Response:
    """Split what a portfolio made, with nothing left over: each part, and its share of the capital of the first day."""
    days = chronicle_of(desk, caller, account, portfolio).days
    lines = [line for each in days for line in each.profits.items()]
    capital = days[0].opened + days[0].came_in
    parts = [
        {"name": name, **sources, "contribution": float(sources["total"]) / float(capital) if capital > 0 else None}
        for name, sources in profit_groups(lines, group).items()
    ]
    total = profit_sources(sum((profit for _, profit in lines), Profit()))
    first, last = days[0].day.isoformat(), days[-1].day.isoformat()
    desk.tally.attributed.labels(group).inc()
    return Told(stamped(desk, first=first, last=last, group=group, items=parts, total=total))


@router.get("/portfolios/{account}/{portfolio}/contributors", responses=described(404, 409, tells=shapes.Contributors))
async def contributors(
    account: str,
    portfolio: str,
    desk: TheDesk,
    caller: Viewer,
    group: Group = "symbol",
    most: Annotated[int, Query(ge=1, le=50)] = 5,
) -> Response:
    """Name what contributed most, and what cost most."""
    days = chronicle_of(desk, caller, account, portfolio).days
    lines = [line for each in days for line in each.profits.items()]
    parts = [{"name": name, **sources} for name, sources in profit_groups(lines, group).items()]
    parts.sort(key=lambda part: float(part["total"]), reverse=True)
    best = [part for part in parts[:most] if float(part["total"]) > 0]
    worst = [part for part in reversed(parts[-most:]) if float(part["total"]) < 0]
    desk.tally.attributed.labels(group).inc()
    return Told(stamped(desk, group=group, contributors=best, detractors=worst))


@router.get("/reports", responses=described(tells=words.Page[words.Recorded]))
async def reports(desk: TheDesk, caller: Viewer, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List the attributions that were journalled, oldest first."""
    found = [
        views.event(each)
        for each in desk.past.attributions
        if isinstance(each.event, AttributionReported) and may_see(caller, each.event.account, each.event.portfolio)
    ]
    return Told(paged(desk, found, by("sequence"), itself, limit=limit, cursor=cursor, about="attributions"))
