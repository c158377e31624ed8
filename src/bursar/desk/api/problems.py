"""What is said when something cannot be answered: problems as RFC 9457 writes them.

Each kind of error that Bursar raises has one status, so that a caller can tell what to do:

    422  InputError                    mend the request
    409  DataError                     facts are missing, stale or contradictory: try again when they are there
    502  BrokerError, ProtocolError    the broker refused, or cannot be understood
    503  BrokerError that is retryable, a database that is away: try again later
    503  LedgerError                   the books do not hold together: a person must look
    500  anything else                 a fault of Bursar's own, about which the answer says nothing more

What was sent is never repeated in an answer: it may be a secret, or a script.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from bursar.errors import AwayError, BrokerError, BursarError, DataError, InputError, LedgerError

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger("bursar.desk")


class Problem(Exception):  # noqa: N818  # the word of the standard
    """An answer that is a problem: its status, what kind it is in a few words, and what to do about it."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail = status, title, detail
        self.headers, self.errors = dict(headers or {}), list(errors)

    def response(self) -> Response:
        """As it goes over the wire. Only ASCII, so that nothing that was sent can break it."""
        said: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            said["detail"] = self.detail
        if self.errors:
            said["errors"] = self.errors
        return Response(json.dumps(said), self.status, self.headers, MEDIA_TYPE)


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str = Field(description="Where: a JSON pointer into the body, or the name of a parameter.")
    detail: str = Field(description="What is wrong there.")


class ProblemShape(BaseModel):
    """A problem (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(description="What kind of problem it is.", examples=["not found"])
    status: int = Field(examples=[404])
    detail: str | None = Field(default=None, description="What to do about it.")
    errors: list[Fault] | None = Field(default=None, description="Each thing that is wrong with the request.")


_TITLES = {
    400: "The request cannot be read.",
    401: "Nobody is signed in, or the token has expired.",
    403: "The role does not allow it, or a fresh second factor is needed.",
    404: "There is no such thing.",
    405: "This cannot be done with it.",
    409: "It contradicts how things stand, or facts are missing.",
    412: "It was changed since it was read.",
    413: "The body is too large.",
    422: "A value cannot be used.",
    428: "Say with If-Match which version is meant.",
    429: "Too many requests.",
    503: "Something that is needed is away; try again later.",
}


def described(
    *statuses: int, tells: type[BaseModel] | None = None, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a route: what it ``tells`` with ``status``, and the problems that it may answer with.

    401, 403, 422, 429 and 503 always may. What it tells is described and not checked: no answer is slower for it.
    """
    shape = {"schema": {"$ref": "#/components/schemas/ProblemShape"}}
    wanted = sorted({*statuses, 401, 403, 422, 429, 503} - {304})
    told: dict[int | str, dict[str, Any]] = {304: {"description": "It has not changed."}} if 304 in statuses else {}
    if tells is not None:
        generic = tells.__pydantic_generic_metadata__["origin"]  # Page, of Page[Order], which has no words of its own
        told[status] = {"description": " ".join(((generic or tells).__doc__ or "").split()), "model": tells}
    return told | {each: {"description": _TITLES[each], "content": {MEDIA_TYPE: shape}} for each in wanted}


def of_error(error: BursarError) -> Problem:
    """The problem that an error of ours is."""
    said = " ".join(str(error).split())
    match error:
        case AwayError():
            return Problem(503, "the database is away", "try again later", headers={"Retry-After": "5"})
        case InputError():
            return Problem(422, "a value cannot be used", said)
        case DataError():
            return Problem(409, "facts are missing or contradictory", said)
        case BrokerError(retryable=True):
            return Problem(503, "the broker is away", said, headers={"Retry-After": "5"})
        case LedgerError():
            return Problem(503, "the books do not hold together", said)
        case _:
            return Problem(502, "the broker refused", said)


def install(app: FastAPI) -> None:
    """Let ``app`` answer with problems whatever goes wrong in it."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(BursarError)
    async def _ours(_request: Request, error: BursarError) -> Response:
        return of_error(error).response()

    @app.exception_handler(RequestValidationError)
    async def _unread(_request: Request, error: RequestValidationError) -> Response:
        faults = [{"pointer": _pointer(each["loc"]), "detail": str(each["msg"])} for each in error.errors()]
        unread = any(each["type"] == "json_invalid" for each in error.errors())
        if unread:
            return Problem(400, "the body is not JSON", "send an object as RFC 8259 writes it").response()
        return Problem(422, "a value cannot be used", "mend what is named in errors", errors=faults[:20]).response()

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        title = {404: "not found", 405: "not possible here"}.get(error.status_code, "cannot be answered")
        return Problem(error.status_code, title, str(error.detail), headers=error.headers).response()

    @app.exception_handler(OSError)
    async def _system(_request: Request, error: OSError) -> Response:
        _log.exception("the system refused", exc_info=error)
        full = error.errno == errno.ENOSPC
        said = "the disk is full; make room" if full else "a file or a line that is needed is away"
        return Problem(503, "something is away", said, headers={"Retry-After": "5"}).response()

    @app.exception_handler(SQLAlchemyError)
    async def _database(_request: Request, error: SQLAlchemyError) -> Response:
        _log.exception("the database refused", exc_info=error)
        return Problem(503, "the database is away", "try again later", headers={"Retry-After": "5"}).response()

    @app.exception_handler(Exception)
    async def _fault(_request: Request, error: Exception) -> Response:
        _log.exception("a fault of our own", exc_info=error)
        return Problem(500, "a fault of Bursar's own", "the log says more").response()


def _pointer(place: Sequence[Any]) -> str:
    """``place`` as pydantic tells it, as a JSON pointer; a parameter by its name."""
    source, *path = place
    if source != "body":
        return "/".join(str(part) for part in path) or str(source)
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
