"""What the routes share: who asks, pages of lists, versions, and the kinds of values that a request may hold."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, Header, Query, Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints, WithJsonSchema

from bursar.desk.api.problems import Problem
from bursar.desk.desk import Desk
from bursar.desk.guard.gate import allowed
from bursar.desk.guard.roles import Caller, Role

# ---------------------------------------------------------------- values


class Asked(BaseModel):
    """What a request says: no field that we do not know, no number that is text, and none that is not finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


def _amount(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", value):
        raise ValueError('give an amount as text, such as "1234.50"')
    return Decimal(value)


Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$", "examples": ["1234.50"]}),
]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Vector = Annotated[list[Number], Field(min_length=1, max_length=500)]
Table = Annotated[list[Vector], Field(min_length=1, max_length=2_000)]


# ---------------------------------------------------------------- who asks


def desk_of(request: Request) -> Desk:
    """The desk behind the application."""
    desk: Desk = request.app.state.desk
    return desk


async def _desk(request: Request) -> Desk:
    return desk_of(request)


TheDesk = Annotated[Desk, Depends(_desk)]
Viewer = Annotated[Caller, Depends(allowed(Role.VIEWER))]
Analyst = Annotated[Caller, Depends(allowed(Role.ANALYST))]
Trader = Annotated[Caller, Depends(allowed(Role.TRADER))]
Killer = Annotated[Caller, Depends(allowed(Role.TRADER, step_up=True))]
Rearmer = Annotated[Caller, Depends(allowed(Role.ADMIN, step_up=True))]


def may_see(caller: Caller, account: str, portfolio: str) -> bool:
    """Whether a caller's scopes show a portfolio: those that name portfolios show them and no other."""
    named = [scope for scope in caller.scopes if scope.startswith("portfolio:")]
    return not named or f"portfolio:{account}/{portfolio}" in named


async def known_parameters(request: HTTPConnection) -> None:
    """Refuse a parameter of the query that the route does not know: a typing error must not widen an answer."""
    if not request.scope["query_string"]:
        return
    route = request.scope.get("route")
    dependant = getattr(route, "dependant", None)
    if dependant is None:
        return
    known = {field.alias for field in get_flat_params(dependant) if isinstance(field.field_info, params.Query)}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        faults = [{"pointer": name, "detail": "no such parameter"} for name in unknown[:20]]
        raise Problem(422, "a value cannot be used", "mend what is named in errors", errors=faults)


# ---------------------------------------------------------------- answers


class Told(JSONResponse):
    """JSON without NaN, in ASCII."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class Figures(Told):
    """Much of what we worked out ourselves: written by orjson, which takes a third of the time of pydantic's writer.

    Not for what somebody sent: half a surrogate pair is text to Python and to JSON, and nothing to that writer.
    """

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def stamped(desk: Desk, **content: Any) -> dict[str, Any]:
    """``content`` with the place in the journal that it is told at."""
    return {"sequence": desk.past.sequence, **content}


Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=400, description="Where to go on: ``next`` of the page before.")]

Item = TypeVar("Item")


def by(*names: str) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """The key of a line: what it has under ``names``."""
    return lambda line: tuple(line[name] for name in names)


def itself(item: Item) -> Item:
    """For lines that are shown as they are."""
    return item


def paged(
    desk: Desk,
    items: Sequence[Item],
    key: Callable[[Item], Sequence[Any]],
    shown: Callable[[Item], Any],
    *,
    limit: int,
    cursor: str | None,
    about: str,
) -> dict[str, Any]:
    """One page of ``items``, which are in the order of ``key``.

    about  what list it is, with its filters and its order: a cursor of another one is not taken
    """
    mark = hashlib.sha256(about.encode()).hexdigest()[:12]
    start = 0
    if cursor is not None:
        after = _opened(cursor, mark)
        start = next((place for place, item in enumerate(items) if list(key(item)) == after), -1) + 1
        if not start:
            raise Problem(422, "the cursor has expired", "what it stood at is gone; begin again without one")
    page = items[start : start + limit]
    more = start + limit < len(items)
    following = _closed(mark, key(page[-1])) if more and page else None
    return stamped(desk, items=[shown(item) for item in page], total=len(items), next=following)


def _closed(mark: str, key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([mark, *key]).encode()).decode().rstrip("=")


def _opened(cursor: str, mark: str) -> list[Any]:
    try:
        said = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        said = None
    if not isinstance(said, list) or not said or said[0] != mark:
        raise Problem(422, "the cursor cannot be used", "it belongs to another list; begin again without one")
    return said[1:]


# ---------------------------------------------------------------- versions

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=200, description="The ETag that was seen.")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=400, description="An ETag that is held.")]


def etag(version: str) -> str:
    """A version as a header says it."""
    return f'"{version}"'


def held_still(version: str, seen: str | None) -> None:
    """Refuse a change of what has changed since it was seen, or where nobody says what was seen."""
    if seen is None:
        raise Problem(428, "say which version is meant", "send its ETag as If-Match")
    if seen.strip() not in ("*", etag(version)):
        raise Problem(412, "it was changed since", "read it again, and decide anew")


def versioned(content: Mapping[str, Any], version: str, seen: str | None = None, status: int = 200) -> JSONResponse:
    """``content`` with its version; 304 without it where the caller holds that version."""
    headers = {"ETag": etag(version)}
    if seen is not None and etag(version) in [each.strip() for each in seen.split(",")]:
        return _Unchanged(None, 304, headers)
    return Told(content, status, headers)


class _Unchanged(JSONResponse):
    def render(self, content: Any) -> bytes:  # noqa: ARG002  # an answer without a body
        return b""
