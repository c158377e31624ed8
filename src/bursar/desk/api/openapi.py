"""How the API describes itself: OpenAPI with an example of every answer, made of the examples of its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from bursar.desk.api.problems import ProblemShape

REF = "#/components/schemas/"


class Described(FastAPI):
    """An application whose OpenAPI is whole: no answer without an example, and no shape that is named and not there."""

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            told = super().openapi()
            shapes = told.setdefault("components", {}).setdefault("schemas", {})
            problem = ProblemShape.model_json_schema(ref_template=REF + "{model}")
            shapes |= problem.pop("$defs") | {"ProblemShape": problem}
            for media in _answers(told):
                media.setdefault("example", example_of(media["schema"], shapes))
        return super().openapi()


def _answers(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What OpenAPI has of each answer in JSON that is no problem."""
    for operations in told["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status.startswith("2") and "application/json" in answer.get("content", {}):
                    yield answer["content"]["application/json"]


def example_of(schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> Any:
    """A value of a schema, made of the examples of its parts. Raises KeyError, with what it lacks, where there is none.

    shapes  those that the schema refers to, by name
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(shapes[schema["$ref"].rpartition("/")[2]], shapes)
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], shapes)
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: example_of(each, shapes) for name, each in schema["properties"].items()}
        case "object" if "propertyNames" in schema:
            return {schema["propertyNames"]["examples"][0]: example_of(schema["additionalProperties"], shapes)}
        case "array":
            return [example_of(schema["items"], shapes)]
        case "boolean":
            return True
    raise KeyError(f"{dict(schema)} has no example; give one where the shape is written")
