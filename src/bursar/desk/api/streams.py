"""The stream over a WebSocket and as server-sent events. Both go on from the sequence number that is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import Response, StreamingResponse

from bursar.desk.api.parts import TheDesk, Viewer
from bursar.desk.api.problems import Problem, described
from bursar.desk.guard.roles import Caller
from bursar.desk.stream import READERS_MAX, Stream

router = APIRouter(tags=["stream"])

#: How long a reader may leave a message lying before it is dropped, and how often it is asked who it is.
PATIENCE_SECONDS, ASKED_EVERY_SECONDS = 10.0, 15.0

#: Why a WebSocket was closed by us.
EXPIRED, RESTARTED, SLOW, FULL = 4401, 4410, 4408, 4429

After = Annotated[int, Query(ge=0, le=2**53, description="The last sequence number that was seen; 0 for all.")]


def stream_of(connection: Request | WebSocket) -> Stream:
    """The stream of the application."""
    stream: Stream = connection.app.state.stream
    return stream


@router.get(
    "/stream/events",
    responses=described(),
    response_class=StreamingResponse,
)
async def server_sent(
    request: Request,
    desk: TheDesk,
    caller: Viewer,
    after: After = 0,
    until: Annotated[int | None, Query(ge=0, le=2**53, description="End once it is reached; never by default.")] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,15}$")] = None,
) -> Response:
    """Follow the journal as server-sent events; a browser that comes back says by itself where it stood."""
    stream = stream_of(request)
    if len(stream.readers) >= READERS_MAX:
        raise Problem(503, "too many readers", "come back later", headers={"Retry-After": "30"})
    reached = int(last_event_id) if last_event_id is not None else after
    return StreamingResponse(lines(request, stream, caller, reached, until), media_type="text/event-stream")


async def lines(request: Request, stream: Stream, caller: Caller, after: int, until: int | None) -> AsyncIterator[str]:
    """Messages as server-sent events have them, until ``until`` is reached or nobody is signed in any more."""
    asked = asyncio.get_running_loop().time()
    if until is not None and min(until, stream.desk.past.sequence) <= after <= stream.desk.past.sequence:
        return
    async with aclosing(stream.follow(caller, after)) as told:
        async for said in told:
            named = f"id: {said.sequence}\n" if said.sequence is not None else ""
            yield f"{named}event: {said.kind}\ndata: {said.text}\n\n"
            if until is not None and said.sequence is not None and said.sequence >= until:
                return
            if (now := asyncio.get_running_loop().time()) - asked > ASKED_EVERY_SECONDS:
                asked = now
                authenticator = stream.desk.authenticator
                if authenticator is None or authenticator.caller(request) is None:
                    return


@router.websocket("/stream")
async def web_socket(websocket: WebSocket, caller: Viewer, after: After = 0) -> None:
    """Follow the journal. Nothing that is sent to it is looked at."""
    stream = stream_of(websocket)
    await websocket.accept()
    if len(stream.readers) >= READERS_MAX:
        await websocket.close(FULL, "too many readers")
        return
    gone = asyncio.create_task(_until_gone(websocket))
    told = asyncio.create_task(tell(websocket, stream, caller, after))
    try:
        await asyncio.wait({gone, told}, return_when=asyncio.FIRST_COMPLETED)
        if told.done() and not gone.done():
            code, why = told.result()
            with suppress(WebSocketDisconnect, RuntimeError):
                await asyncio.wait_for(websocket.close(code, why), 1.0)
    finally:
        for task in (gone, told):
            task.cancel()
        await asyncio.gather(gone, told, return_exceptions=True)


async def _until_gone(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return


async def tell(websocket: WebSocket, stream: Stream, caller: Caller, after: int) -> tuple[int, str]:
    """Tell until it cannot go on, and say why: a code and words."""
    loop = asyncio.get_running_loop()
    asked = loop.time()
    async with aclosing(stream.follow(caller, after)) as told:
        async for said in told:
            try:
                await asyncio.wait_for(websocket.send_text(said.text), PATIENCE_SECONDS)
            except TimeoutError:
                stream.dropped += 1
                return SLOW, "nothing was read for too long"
            if said.kind == "restart":
                return RESTARTED, "the journal is another one"
            if loop.time() - asked > ASKED_EVERY_SECONDS:
                asked = loop.time()
                authenticator = stream.desk.authenticator
                if authenticator is None or authenticator.caller(websocket) is None:
                    return EXPIRED, "nobody is signed in any more"
    return RESTARTED, "the journal is another one"
