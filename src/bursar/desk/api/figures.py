"""Whether the service is well, its figures for Prometheus, and the five figures of performance."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from bursar.desk import views
from bursar.desk.api.parts import TheDesk, Told, Viewer, stamped
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import monitoring as shapes
from bursar.desk.api.shapes import research
from bursar.desk.desk import Desk
from bursar.errors import InputError
from bursar.ledger.performance import performance

router = APIRouter(tags=["metrics"])
health = APIRouter(tags=["metrics"])

#: The page's figures by the name that they were asked for under, and where they are from.
FIVE = {
    "sharpe_ratio": "sharpe",
    "max_drawdown": "max_drawdown",
    "annual_return": "annualized_return",
    "volatility": "volatility",
}


@health.get("/health", include_in_schema=False)
async def well(desk: TheDesk) -> Response:
    """Say whether the service is well: what is away, since when, and what works without it.

    Anybody may ask, so that it does not say why.

    trades  ``here`` where the process that trades is this service's own, ``elsewhere`` where this one only serves
    """
    trades, _ = await traders(desk)
    away = [{name: each[name] for name in ("part", "since", "still_works")} for each in desk.degraded.told()]
    return Told(
        {"status": "degraded" if away else "ok", "away": away, "trades": trades, "sequence": desk.past.sequence}
    )


async def traders(desk: Desk) -> tuple[str, list[dict[str, Any]]]:
    """Whether trading goes on here, elsewhere or nowhere, and who was granted the right to which account last."""
    now = desk.now()
    try:
        granted = await asyncio.to_thread(desk.traders)
    except (InputError, SQLAlchemyError):  # it is away, or not laid out yet
        return "unknown", []
    running = [grant for grant in granted if now < grant.until]
    here = any(grant.holder.startswith(f"{desk.name}/") for grant in running)
    told = [
        {
            "account": grant.account,
            "holder": grant.holder,
            "number": grant.fence,
            "until": views.moment(grant.until),
            "holds": grant in running,
        }
        for grant in granted
    ]
    return "here" if here else "elsewhere" if running else "nowhere", told


@health.get("/metrics", include_in_schema=False)
async def prometheus(request: Request, caller: Viewer) -> Response:
    """Tell all figures as Prometheus reads them."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/health", responses=described(tells=shapes.Health))
async def health_in_full(request: Request, desk: TheDesk, caller: Viewer) -> Response:
    """Say whether the service is well and, where it is not, what is away, since when, why, and what still works."""
    trades, told = await traders(desk)
    past, stream = desk.past, request.app.state.stream
    heard = desk.prices.heard_at
    return Told(
        stamped(
            desk,
            status="degraded" if desk.degraded else "ok",
            away=desk.degraded.told(),
            trades=trades,
            traders=told,
            line=past.line.state if past.line else None,
            trading=past.standing.state.value,
            seen_at=views.moment(desk.second.at) if desk.second else None,
            prices_age_seconds=(desk.now() - heard).total_seconds() if heard else None,
            readers=len(stream.readers),
            readers_dropped=stream.dropped,
        )
    )


@router.get("/metrics", responses=described(409, tells=shapes.FiveFigures))
async def five(desk: TheDesk, caller: Viewer) -> Response:
    """Tell how the account that is traded did: Sharpe ratio, drawdown, return, volatility and win rate.

    Null is what there is not enough data for. All are fractions, and annualized where their name says so.
    """
    book = desk.past.book
    account = desk.past.run.account if desk.past.run else next(iter(book.accounts), None)
    chronicle = desk.past.chronicles.get((account, "*")) if account else None
    if account is None or chronicle is None or not chronicle.days:
        raise Problem(409, "no day has closed", "there is nothing to tell before the first official mark")
    metrics = performance(chronicle.days).metrics
    trips = [trip for each in book.of_account(account) for trip in each.round_trips if trip.known]
    said: dict[str, Any] = {name: metrics[source] for name, source in FIVE.items()}
    said["win_rate"] = sum(trip.profit > 0 for trip in trips) / len(trips) if trips else None
    return Told(stamped(desk, account=account, simulated=list(desk.past.simulated), **said))


@router.get("/openapi.json", responses=described(tells=research.OpenApi))
async def openapi(request: Request, caller: Viewer) -> Response:
    """Describe the API, to those who may use it."""
    return Told(request.app.openapi())
