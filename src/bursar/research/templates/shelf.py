"""The shelf: the templates that ship, and those of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from bursar.errors import InputError
from bursar.research.templates.grammar import Condition, Template, unknown
from bursar.research.templates.reading import parse


@cache
def shipped() -> Mapping[str, Template]:
    """Every template that comes with Bursar, by name, the baselines last."""
    found = {}
    for file in sorted(files("bursar.research.templates").joinpath("shipped").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            template = parse(file.read_text(encoding="utf-8"), file.name)
            if f"{template.name}.toml" != file.name:
                raise InputError(f"{file.name} holds a template called {template.name}; name both alike")
            found[template.name] = template
    return MappingProxyType(dict(sorted(found.items(), key=lambda pair: (pair[1].baseline, pair[0]))))


def template(name: str) -> Template:
    """The template of that name, or of that file where it ends in .toml. Raises InputError where there is none."""
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise InputError(f"there is no file {path}; give a template's file, or one of {', '.join(shipped())}")
        return parse(path.read_text(encoding="utf-8"), str(path))
    if name not in shipped():
        raise InputError(unknown("strategy", name, shipped()))
    return shipped()[name]


def varied(
    of: Template,
    *,
    positions: int | None = None,
    confidence_min: float | None = None,
    enter: Mapping[str, float] | None = None,
    leave: Mapping[str, float] | None = None,
) -> Template:
    """``of`` with other numbers: another version under the same name, as a study tries them.

    enter, leave  the number of each condition to change, by its signal
    Raises InputError for a condition that it does not have, or a number that makes no sense.
    """
    return replace(
        of,
        size=of.size if positions is None else replace(of.size, positions=positions),
        confidence_min=of.confidence_min if confidence_min is None else confidence_min,
        enter=_moved(of, of.enter, enter or {}),
        leave=_moved(of, of.leave, leave or {}),
    )


def _moved(of: Template, conditions: tuple[Condition, ...], than: Mapping[str, float]) -> tuple[Condition, ...]:
    there = {condition.signal: condition for condition in conditions}
    for signal in than:
        if signal not in there:
            raise InputError(f"template {of.name}: {unknown('condition', signal, there)}")
    return tuple(replace(each, than=than.get(each.signal, each.than)) for each in conditions)
