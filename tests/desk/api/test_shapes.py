"""Every answer is told in OpenAPI: its shape, and an example of it that is true to the shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from bursar.desk import cli, client
from bursar.desk.api.openapi import REF, example_of
from bursar.desk.api.routes import PREFIX
from bursar.desk.api.shapes import orders, people, portfolios, words
from bursar.desk.desk import Desk
from bursar.desk.traded import JournalFile
from bursar.domain.events import SessionClosed
from tests.desk.api.shaped import check, shapes
from tests.desk.api.world import Ask, Known, app_on, desk_on, routes, send

APP = app_on(desk_on())
OPENAPI = APP.openapi()
ANSWERS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path} {status}": answer["content"]
    for path, operations in OPENAPI["paths"].items()
    for method, operation in operations.items()
    for status, answer in operation["responses"].items()
    if status.startswith("2") and "content" in answer
}


def test_every_answer_has_a_shape_and_an_example_of_it() -> None:
    assert len(ANSWERS) > 100
    told = {
        f"{next(iter(route.methods or ()))} {PREFIX}{route.path} {status}": shape for route, status, shape in shapes()
    }
    for name, content in ANSWERS.items():
        assert content["application/json"]["schema"].keys() - {"title"}, f"{name} does not say what it answers"
        told[name].model_validate_json(json.dumps(content["application/json"]["example"]), strict=True)


@pytest.mark.parametrize("shape", dict.fromkeys(shape for _, _, shape in shapes()), ids=lambda shape: shape.__name__)
def test_every_field_of_a_shape_is_of_a_kind_and_what_the_example_has(shape: type[words.Shape]) -> None:
    schema = shape.model_json_schema(mode="serialization")
    example = example_of(schema, schema.get("$defs", {}))
    read = shape.model_validate(example, strict=True)
    assert read.model_dump(mode="json", by_alias=True) == example
    for each in (schema, *schema.get("$defs", {}).values()):
        assert "[" in each["title"] or each.get("description"), f"{each['title']} does not say what it is"


def test_no_shape_is_named_that_is_not_there() -> None:
    named = set(re.findall(f'"{REF}([^"]+)"', json.dumps(OPENAPI)))
    assert "ProblemShape" in named
    assert named <= OPENAPI["components"]["schemas"].keys()


def test_what_has_no_example_is_named() -> None:
    with pytest.raises(KeyError, match="has no example; give one where the shape is written"):
        example_of({"type": "string"}, {})


def test_an_answer_that_differs_from_its_shape_is_found() -> None:
    (answer,) = send(APP, Ask("GET", "/api/v1/ibkr/orders/o-00000002"))
    told = answer.json()
    for wrong in (told | {"surprise": 1}, {**told, "quantity": 10}, {name: told[name] for name in list(told)[:-1]}):
        answer._content = json.dumps(wrong).encode()
        with pytest.raises((AssertionError, ValueError)):
            check(answer)


def test_what_is_told_of_a_demo_is_of_its_shape_too(bursar_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--days", "4", "--in-process", "--json"]) == 0
    capsys.readouterr()
    desk = Desk(journal=JournalFile(bursar_home / "runs" / "demo" / "journal.sqlite"), authenticator=Known())
    desk.home = bursar_home
    desk.catch_up()
    (closed, *_) = [each for each in desk.past.events if isinstance(each, SessionClosed)]
    order_id = desk.past.orders.all()[0].order.order_id
    places = {
        "account": next(iter(desk.past.book.accounts)),
        "portfolio": "main",
        "symbol": next(iter(desk.past.book.instruments)),
        "view_id": next(iter(desk.past.views)),
        "day": closed.day.isoformat(),
        "wanted": order_id,
        "order_id": order_id,
        "sequence": "100",
    }
    app, told = app_on(desk), 0
    for route in routes(app):
        path = route.path
        for name, place in places.items():
            path = path.replace("{" + name + "}", place)
        if route.method == "GET" and "{" not in path and not path.endswith("/stream/events"):
            (answer,) = send(app, Ask("GET", path))  # which looks at the shape of what comes
            told += answer.is_success
    assert told > 55


@pytest.mark.parametrize(
    ("typed", "shape"),
    [
        (client.Me, people.Me),
        (client.Portfolio, portfolios.PortfolioLine),
        (client.Order, orders.Order),
        (client.Leg, orders.Leg),
        (client.Kept, orders.Kept),
        (client.Proposal, orders.Proposal),
        (client.Status, orders.Status),
        (client.Sent, words.Sent),
    ],
    ids=lambda each: each.__name__,
)
def test_the_typed_client_has_the_fields_that_the_api_tells(typed: type, shape: type[words.Shape]) -> None:
    assert get_type_hints(typed).keys() == shape.model_fields.keys()
