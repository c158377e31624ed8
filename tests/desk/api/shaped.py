"""Whether an answer is of the shape that OpenAPI tells of its route. Every test that asks the API looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import httpx
from fastapi.routing import APIRoute
from pydantic import BaseModel

from bursar.desk.api import people
from bursar.desk.api.routes import GROUPS, PREFIX

#: Shapes that were seen in an answer, by name.
SEEN: set[str] = set()


@cache
def api_routes() -> tuple[APIRoute, ...]:
    """Every route below the prefix."""
    groups = (*GROUPS, people.router, people.door)
    return tuple(route for group in groups for route in group.routes if isinstance(route, APIRoute))


def shapes() -> Iterator[tuple[APIRoute, int, type[BaseModel]]]:
    """Routes with what they tell, and with which status."""
    for route in api_routes():
        for status, said in route.responses.items():
            if "model" in said:
                yield route, int(status), said["model"]


def shape_of(answer: httpx.Response) -> type[BaseModel] | None:
    """What its route says that an answer is; None where it tells nothing in JSON."""
    asked = answer.request
    path = asked.url.path.removeprefix(PREFIX)
    for route in api_routes():
        if asked.method in (route.methods or ()) and route.path_regex.match(path):
            told: type[BaseModel] | None = route.responses.get(answer.status_code, {}).get("model")
            return told
    return None


def check(answer: httpx.Response) -> None:
    """Raise AssertionError for an answer that has more, less or other than its shape."""
    if not answer.is_success or answer.headers.get("content-type") != "application/json":
        return
    if not answer.request.url.path.startswith(PREFIX):
        return
    shape = shape_of(answer)
    assert shape is not None, f"{answer.request.method} {answer.request.url.path} tells what OpenAPI does not"
    read = shape.model_validate_json(answer.content, strict=True)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == answer.json(), answer.request.url.path
    SEEN.add(shape.__name__)
