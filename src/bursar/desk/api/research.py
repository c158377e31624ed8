"""What is thought: strategies and their decisions, analysts and their views, meetings, and signals from outside."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, Field

from bursar.adapters.signals import SignalBox
from bursar.desk import meeting, views
from bursar.desk.api.acting import IdempotencyKey, once_of
from bursar.desk.api.parts import (
    Analyst,
    Asked,
    Cursor,
    Limit,
    Line,
    Number,
    Share,
    TheDesk,
    Told,
    Viewer,
    Whole,
    Word,
    by,
    itself,
    paged,
    stamped,
)
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import research as shapes
from bursar.desk.api.shapes import words
from bursar.desk.desk import Desk
from bursar.domain.events import Decided, SignalReceived, ViewFormed
from bursar.domain.signals import Signal
from bursar.errors import InputError

router = APIRouter(tags=["research"])


# ---------------------------------------------------------------- strategies


def _decision(sequence: int, each: Decided) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "decision": each.event_id,
        "at": views.moment(each.at),
        "portfolio": each.portfolio,
        "strategy": each.strategy,
        "equity": views.text(each.equity),
        "targets": [
            {"symbol": target.symbol, "weight": target.weight, "reason": target.reason, "views": list(target.view_ids)}
            for target in each.targets
        ],
    }


@router.get("/strategies", responses=described(tells=shapes.Strategies))
async def strategies(desk: TheDesk, caller: Viewer) -> Response:
    """List strategies: those that are set up, and what each decided so far."""
    names = dict.fromkeys([*desk.settings.strategy.names, *(each.strategy for _, each in desk.past.decisions)])
    found = [
        {
            "strategy": name,
            "set_up": name in desk.settings.strategy.names,
            "decisions": sum(each.strategy == name for _, each in desk.past.decisions),
        }
        for name in names
    ]
    return Told(stamped(desk, autonomy=desk.settings.strategy.autonomy, items=found))


@router.get("/strategies/{name}", responses=described(404, tells=shapes.StrategyTold))
async def strategy(name: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show a strategy's last decision."""
    last = next(((sequence, each) for sequence, each in reversed(desk.past.decisions) if each.strategy == name), None)
    if last is None and name not in desk.settings.strategy.names:
        raise Problem(404, "not found", "no strategy of this name is set up, or ever decided")
    return Told(stamped(desk, strategy=name, last_decision=_decision(*last) if last else None))


@router.get("/strategies/{name}/decisions", responses=described(404, tells=words.Page[shapes.Decision]))
async def decisions(name: str, desk: TheDesk, caller: Viewer, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List what a strategy decided, oldest first."""
    found = [_decision(sequence, each) for sequence, each in desk.past.decisions if each.strategy == name]
    if not found and name not in desk.settings.strategy.names:
        raise Problem(404, "not found", "no strategy of this name is set up, or ever decided")
    return Told(paged(desk, found, by("sequence"), itself, limit=limit, cursor=cursor, about=f"decisions {name}"))


# ---------------------------------------------------------------- analysts


@router.get("/analysts", responses=described(tells=words.Listed[shapes.AnalystLine]))
async def analysts(desk: TheDesk, caller: Viewer) -> Response:
    """List analysts: those that are set up, and how many views each formed."""
    counts: dict[str, int] = dict.fromkeys(desk.settings.models.selected_agents, 0)
    for recorded in desk.past.views.values():
        if isinstance(recorded.event, ViewFormed):
            name = recorded.event.view.analyst
            counts[name] = counts.get(name, 0) + 1
    return Told(stamped(desk, items=[{"analyst": name, "views": count} for name, count in counts.items()]))


@router.get("/views", responses=described(tells=words.Page[words.Recorded]))
async def formed(
    desk: TheDesk,
    caller: Viewer,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    analyst: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List views with their evidence, oldest first."""
    found = [
        views.event(each)
        for each in desk.past.views.values()
        if isinstance(each.event, ViewFormed)
        and symbol in (None, each.event.view.symbol)
        and analyst in (None, each.event.view.analyst)
    ]
    about = f"views {symbol} {analyst}"
    return Told(paged(desk, found, by("sequence"), itself, limit=limit, cursor=cursor, about=about))


@router.get("/views/{view_id}", responses=described(404, tells=words.Recorded))
async def view(view_id: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show one view."""
    if view_id not in desk.past.views:
        raise Problem(404, "not found", "nobody formed this view")
    return Told(stamped(desk, **views.event(desk.past.views[view_id])))


@router.get("/meetings", responses=described(tells=words.Page[shapes.MeetingLine]))
async def meetings(desk: TheDesk, caller: Viewer, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List the committee's meetings, oldest first."""
    found = [
        {
            "at": views.moment(each.met.at),
            "quorum": each.met.quorum,
            "quorate": len(each.met.quorate),
            "resolutions": len(each.met.resolutions),
            "views": len(each.views),
        }
        for each in meeting.sittings(desk.past.events)
    ]
    return Told(paged(desk, found, by("at"), itself, limit=limit, cursor=cursor, about="meetings"))


@router.get("/meetings/{day}", responses=described(404, tells=shapes.Meeting))
async def meeting_on(day: date, desk: TheDesk, caller: Viewer) -> Response:
    """Show the meeting of one day whole: who voted how, with what weight, and what was resolved."""
    try:
        sitting = meeting.sitting_on(desk.past.events, day)
    except InputError as error:
        raise Problem(404, "not found", " ".join(str(error).split())) from error
    return Told(stamped(desk, **json.loads(meeting.as_json(sitting))))


# ---------------------------------------------------------------- signals in


class NewSignal(Asked):
    """An opinion from outside. It sets no quantity."""

    signal_id: Word = Field(description="The same again is a repetition, and counts once.", examples=["s-1"])
    source: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] = Field(examples=["desk"])
    symbol: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9. -]{0,31}$")] = Field(examples=["AAPL"])
    horizon_days: Annotated[Whole, Field(ge=1, le=1260)] = Field(examples=[21])
    expected_excess_return: Annotated[Number, Field(ge=-1, le=1)] = Field(examples=[0.02])
    confidence: Share = Field(examples=[0.6])
    issued: AwareDatetime = Field(examples=["2022-01-03T12:30:00Z"])
    reason: Line = Field(examples=["orders are strong"])


@router.get("/signals", responses=described(tells=words.Page[words.Recorded]))
async def signals(
    desk: TheDesk,
    caller: Viewer,
    source: Annotated[str | None, Query(max_length=32)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the signals that a morning heard, oldest first."""
    found = [
        views.event(each)
        for each in desk.past.signals
        if isinstance(each.event, SignalReceived) and source in (None, each.event.signal.source)
    ]
    return Told(paged(desk, found, by("sequence"), itself, limit=limit, cursor=cursor, about=f"signals {source}"))


@router.post("/signals", status_code=202, responses=described(400, 409, tells=shapes.Heard, status=202))
async def signal(
    asked: NewSignal, request: Request, desk: TheDesk, caller: Analyst, idempotency_key: IdempotencyKey
) -> Response:
    """Put an opinion into the box, where the next morning finds it."""

    async def act() -> Response:
        said = asked.model_dump() | {"issued": asked.issued.astimezone(UTC)}
        if asked.issued > desk.now():
            raise InputError(f"issued is {asked.issued}, which is still to come; give when it was made")
        sent = Signal(**said)
        await _put(desk, sent)
        await desk.note(caller.user, "signal", {"signal": sent.signal_id, "source": sent.source, "symbol": sent.symbol})
        heard = sent.source in desk.settings.signals.sources
        return Told(stamped(desk, signal=sent.signal_id, source=sent.source, heard=heard), 202)

    return await once_of(request).act(request, desk, caller, idempotency_key, act)


async def _put(desk: Desk, sent: Signal) -> None:
    if desk.home is None:
        raise Problem(409, "there is no box", "this desk stands on nothing; start it with a home")
    await asyncio.to_thread(SignalBox(desk.home / "signals").send, sent)
