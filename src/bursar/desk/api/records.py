"""Books, reports, the audit, and why."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from bursar.adapters.journal import verify
from bursar.desk import books, views
from bursar.desk import why as chain
from bursar.desk import why_not as steps
from bursar.desk.api.parts import Cursor, Limit, TheDesk, Told, Trader, Viewer, by, itself, may_see, paged, stamped
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import portfolios, words
from bursar.desk.api.shapes import research as shapes
from bursar.desk.desk import Desk
from bursar.desk.traded import JournalFile
from bursar.domain.events import CommandReceived
from bursar.domain.record import GENESIS, encode, link
from bursar.errors import InputError, LedgerError

router = APIRouter(tags=["records"])


@router.get("/books", responses=described(tells=portfolios.AllBooks))
async def everything(desk: TheDesk, caller: Viewer) -> Response:
    """Show the books whole, as ``bursar books show`` does."""
    book = desk.past.book
    shown = [page for page in books.pages(book) if may_see(caller, page.book.account, page.book.portfolio)]
    return Response(books.as_json(book, shown, tuple(desk.past.simulated)), media_type="application/json")


@router.get("/books/{account}", responses=described(404, tells=portfolios.AllBooks))
async def of_account(account: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show the books of one account."""
    book = desk.past.book
    if account not in book.accounts:
        raise Problem(404, "not found", "the books know no such account")
    shown = [page for page in books.pages(book, account) if may_see(caller, account, page.book.portfolio)]
    return Response(books.as_json(book, shown, tuple(desk.past.simulated)), media_type="application/json")


@router.get("/reports", responses=described(tells=words.Listed[shapes.Kept]))
async def reports(desk: TheDesk, caller: Viewer) -> Response:
    """List the reports of runs that are kept."""
    folders = sorted((desk.home / "runs").glob("*/report.json")) if desk.home else []
    found = [{"name": path.parent.name, "bytes": path.stat().st_size} for path in folders]
    return Told(stamped(desk, items=found))


@router.get("/reports/{name}", responses=described(404, tells=shapes.Report))
async def report(name: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show the report of one run, as ``bursar demo --json`` printed it."""
    folders = sorted((desk.home / "runs").glob("*/report.json")) if desk.home else []
    path = next((path for path in folders if path.parent.name == name), None)
    if path is None:
        raise Problem(404, "not found", "no report is kept under this name")
    return Response(await asyncio.to_thread(path.read_bytes), media_type="application/json")


@router.get("/events", responses=described(tells=shapes.Events))
async def events(
    desk: TheDesk,
    caller: Viewer,
    first: Annotated[int, Query(ge=1, le=2**53, description="The first sequence number that is wanted.")] = 1,
    kind: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
) -> Response:
    """Read the journal from a sequence number on; ``next`` is where to go on."""
    found, reached = [], first
    for recorded in desk.past.records[first - 1 :]:
        reached = recorded.sequence + 1
        if kind in (None, recorded.event.kind):
            found.append(views.event(recorded))
            if len(found) == limit:
                break
    return Told(stamped(desk, items=found, next=reached))


@router.get("/events/{sequence}", responses=described(404, tells=words.Recorded))
async def event(sequence: int, desk: TheDesk, caller: Viewer) -> Response:
    """Show one event by its sequence number."""
    if not 1 <= sequence <= desk.past.sequence:
        raise Problem(404, "not found", "the journal does not reach there")
    return Told(views.event(desk.past.records[sequence - 1]))


@router.get("/audit", responses=described(tells=shapes.Audit))
async def audit(desk: TheDesk, caller: Viewer) -> Response:
    """See that nobody touched the journals: every event's hash, the chain, and the end that is kept outside."""
    trading = await asyncio.to_thread(_sound, desk)
    return Told(stamped(desk, journal=trading, notes=_chained(desk)))


def _sound(desk: Desk) -> dict[str, object]:
    if not isinstance(desk.journal, JournalFile):
        return {"sound": True, "events": desk.past.sequence, "head": _head(desk)}
    try:
        head = verify(desk.journal.path)
    except (LedgerError, InputError) as error:
        sequence = getattr(error, "sequence", None)
        return {"sound": False, "event": sequence, "problem": " ".join(str(error).split())}
    return {"sound": True, "events": head.sequence, "head": head.digest.hex()}


def _head(desk: Desk) -> str:
    return desk.past.records[-1].digest.hex() if desk.past.records else GENESIS.hex()


def _chained(desk: Desk) -> dict[str, object]:
    digest = GENESIS
    for recorded in desk.noted:
        digest = link(digest, encode(recorded.event))
        if digest != recorded.digest:
            return {"sound": False, "event": recorded.sequence, "problem": "its digest is not the one of its bytes"}
    return {"sound": True, "events": len(desk.noted), "head": digest.hex()}


@router.get("/audit/operators", responses=described(tells=words.Page[shapes.Did]))
async def operators(
    desk: TheDesk,
    caller: Trader,
    who: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List who did what at the desk, oldest first."""
    found = [
        {
            "note": each.sequence,
            "at": views.moment(each.event.at),
            "by": each.event.by,
            "did": each.event.command,
            "said": dict(each.event.arguments),
        }
        for each in desk.noted
        if isinstance(each.event, CommandReceived) and who in (None, each.event.by)
    ]
    return Told(paged(desk, found, by("note"), itself, limit=limit, cursor=cursor, about=f"operators {who}"))


@router.get("/why/{wanted}", responses=described(404, tells=shapes.Why))
async def why(wanted: str, desk: TheDesk, caller: Viewer) -> Response:
    """Say why an order was sent: from its fills back to the decision, the views and the prices."""
    try:
        links = chain.explain(desk.past.records, wanted)
    except InputError as error:
        raise Problem(404, "not found", " ".join(str(error).split())) from error
    return Told(stamped(desk, wanted=chain.full_id(wanted), links=json.loads(chain.as_json(links))))


@router.get("/why-not/{symbol}/{day}", responses=described(404, tells=shapes.WhyNot))
async def why_not(symbol: str, day: str, desk: TheDesk, caller: Viewer) -> Response:
    """Say why a symbol was not traded on a day, or why its target was what it was, and what would have changed it."""
    try:
        answer = steps.explain(desk.past.records, symbol, steps.day_of(day))
    except InputError as error:
        raise Problem(404, "not found", " ".join(str(error).split())) from error
    return Told(stamped(desk, **answer.as_json()))
