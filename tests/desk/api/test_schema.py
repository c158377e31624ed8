"""Whatever a request looks like, the answer is one that OpenAPI tells of: schemathesis makes the requests.

Requests come from the schema: as it says, and as it forbids. No answer is a fault, none has a status that is not
documented, and what is JSON says so.
"""

from __future__ import annotations

import json
from typing import Any
from unittest import SkipTest

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from bursar.desk.api.acting import Once
from bursar.desk.api.problems import MEDIA_TYPE
from tests.conftest import Evidence
from tests.desk.api.world import Ask, app_on, desk_on, routes, send

APP = app_on(desk_on())
#: The routes of the groups. Those about people want a desk with people; the stream goes on for ever.
PATHS = {route.path for route in routes(APP)} - {"/api/v1/stream/events"}
READ: list[Any] = list(schemathesis.openapi.from_dict(APP.openapi()).get_all_operations())
OPERATIONS: dict[str, Any] = {each.ok().label: each.ok() for each in READ if each.ok().path in PATHS}


def _asked(case: Any) -> Ask:
    """The request that schemathesis wants to be made."""
    sent = case.as_transport_kwargs(base_url="http://127.0.0.1:8005")
    request = httpx.Request(
        sent["method"],
        sent["url"],
        params=sent.get("params"),
        headers={name: str(value) for name, value in (case.headers or {}).items()},
        json=sent.get("json"),
    )
    raw = request.content if "json" in sent else None
    names = ("idempotency-key", "if-match", "if-none-match", "last-event-id")
    headers = {name: value for name, value in request.headers.items() if name in names}
    return Ask(case.method, str(request.url), None, {**headers, "X-Step": "up"}, raw)


def forbids(operation: Any) -> bool:
    """Whether a request can be against the schema. Where all is text in a path, none can, and a search is long."""
    said = APP.openapi()["paths"][operation.path][operation.method]
    free = all(
        each["in"] == "path"
        and not each["schema"].keys() - {"type", "title"}
        and each["schema"].get("type") == "string"
        for each in said.get("parameters", ())
    )
    return "requestBody" in said or not free


def hold(label: str, allowed: int, forbidden: int) -> int:
    """Make requests of one operation that its schema allows, and that it forbids; how many were made."""
    operation, made = OPERATIONS[label], 0
    documented = {int(status) for status in APP.openapi()["paths"][operation.path][operation.method]["responses"]}

    def look(case: Any) -> None:
        nonlocal made
        made += 1
        try:
            ask = _asked(case)
        except (UnicodeEncodeError, httpx.InvalidURL, ValueError):
            return  # what cannot be sent at all
        (answer,) = send(APP, ask)
        assert answer.status_code < 500, (ask, answer.text)
        assert answer.status_code in documented, (ask, answer.status_code, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == MEDIA_TYPE
            assert answer.json()["status"] == answer.status_code
        elif answer.content:
            json.loads(answer.content)

    modes = {GenerationMode.POSITIVE: allowed} | ({GenerationMode.NEGATIVE: forbidden} if forbids(operation) else {})
    for mode, examples in modes.items():
        try:
            run = settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            )(given(case=operation.as_strategy(generation_mode=mode))(look))
            run()
        except (Unsatisfiable, SkipTest):
            assert mode is GenerationMode.NEGATIVE, "a route that nothing can be asked of"
    return made


def _renewed() -> None:
    APP.state.desk, APP.state.once = desk_on(), Once()


def test_whatever_is_asked_the_answer_is_documented_and_no_fault() -> None:
    _renewed()
    assert sum(hold(label, 4, 2) for label in OPERATIONS) >= 300


@pytest.mark.prove
def test_two_thousand_requests_are_answered_as_documented(evidence: Evidence) -> None:
    _renewed()
    made = sum(hold(label, 30, 15) for label in OPERATIONS)
    evidence(requests=made, faults=0)
    assert made >= 2_000
