"""Templates as text: TOML in, canonical JSON out, and the digest that is a template's version.

Text is data from strangers. It is parsed, each key is looked up and each value checked for its kind; what is not known
is refused by name. Nothing of it is looked up as code. Two texts that mean the same have the same digest, whatever
their order and comments; another number anywhere is another version.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum, StrEnum
from hashlib import sha256
from typing import Any, TypeVar, get_args, get_type_hints

from bursar.errors import InputError
from bursar.research.templates.catalogue import KINDS
from bursar.research.templates.grammar import (
    Condition,
    Expiries,
    PairTerms,
    Ranking,
    Side,
    Signal,
    Sizing,
    Strength,
    Template,
    unknown,
)

Value = TypeVar("Value")

#: Longest text that is read: a template is a page.
TEXT_MAX = 20_000
#: What stands in a section of its own, beside the plain keys of a template.
_SECTIONS: Mapping[str, type] = {"rank": Ranking, "size": Sizing, "expiries": Expiries, "pairs": PairTerms}


def parse(text: str, origin: str = "a template") -> Template:
    """The template that ``text`` says. Raises InputError that names the key, the value and the remedy.

    origin  where the text came from, for the error
    """
    if len(text) > TEXT_MAX:
        raise InputError(f"{origin} has {len(text):,} letters; a template has at most {TEXT_MAX:,}")
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{origin} is not TOML: {error}") from error
    try:
        return from_document(said)
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error


def from_document(said: Mapping[str, Any]) -> Template:
    """The template of a parsed document."""
    plain = {key: value for key, value in said.items() if key not in (*_SECTIONS, "signals", "enter", "leave")}
    made: dict[str, Any] = {
        name: _build(shape, f"[{name}]", _table(said[name], name)) for name, shape in _SECTIONS.items() if name in said
    }
    if "signals" in said:
        table = _table(said["signals"], "signals")
        made["signals"] = tuple(_signal(name, _table(each, f"signals.{name}")) for name, each in table.items())
    for part in ("enter", "leave"):
        if part in said:
            made[part] = tuple(_condition(part, each) for each in _list(said[part], part))
    if "size" not in made:
        raise InputError("[size] is missing; say by, and positions")
    return _build(Template, "the template", plain, made)


def _signal(name: str, table: dict[str, Any]) -> Signal:
    own = {"reads", "weight", "strength", "optional"}
    strength = table.get("strength")
    made: dict[str, Any] = {"name": name, "parameters": {key: value for key, value in table.items() if key not in own}}
    if strength == "rank":
        made["strength"] = Strength(ranked=True)
    elif strength is not None:
        where = f"strength of {name}"
        if not isinstance(strength, dict):
            raise InputError(f'{where} is {strength!r}; give "rank", or {{ none = 50, full = 20 }}')
        made["strength"] = _build(Strength, where, strength)
    plain: dict[str, Any] = {key: table[key] for key in ("reads", "weight", "optional") if key in table}
    reads = plain.get("reads")
    if isinstance(reads, str) and reads not in KINDS:
        raise InputError(unknown("signal", reads, KINDS))
    return _build(Signal, f"[signals.{name}]", plain, made)


def _condition(part: str, said: object) -> Condition:
    table = dict(_table(said, part))
    sides = [side for side in Side if side.value in table]
    if len(sides) != 1:
        given = " and ".join(side.value for side in sides) or "none of them"
        raise InputError(
            f"[[{part}]] on {table.get('signal', 'nothing')} has {given}; give one of above, at_least, below, at_most"
        )
    made = {"side": sides[0], "than": _typed(float, f"{sides[0]} in [[{part}]]", table.pop(sides[0].value))}
    return _build(Condition, f"[[{part}]]", table, made)


def _table(said: object, name: str) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise InputError(f"{name} is {said!r}; it must be a section with keys")
    return said


def _list(said: object, name: str) -> list[Any]:
    if not isinstance(said, list):
        raise InputError(f"{name} is {said!r}; write [[{name}]] once for each condition")
    return said


def _build(shape: type[Value], where: str, said: Mapping[str, Any], made: Mapping[str, Any] | None = None) -> Value:
    """A value of ``shape`` from plain keys, beside what is made already."""
    given = dict(made or {})
    assert is_dataclass(shape), f"{shape} is a dataclass"
    open_fields: dict[str, Field[Any]] = {each.name: each for each in fields(shape) if each.name not in given}
    hints = get_type_hints(shape)
    for key, value in said.items():
        if key not in open_fields:
            raise InputError(f"{where}: {unknown('key', key, open_fields)}")
        given[key] = _typed(hints[key], f"{key} in {where}", value)
    for name, each in open_fields.items():
        if name not in given and each.default is MISSING and each.default_factory is MISSING:
            raise InputError(f"{where}: {name} is missing")
    return shape(**given)


def _typed(hint: Any, where: str, value: object) -> Any:
    """``value`` if it is of the kind that is asked for."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] or [hint]
    (kind,) = kinds
    if isinstance(kind, type) and issubclass(kind, Enum):
        known = {str(each.value): each for each in kind}
        if value not in known:
            raise InputError(f"{where}: {unknown('value', str(value), known)}")
        return known[str(value)]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind not in (str, int, float, bool) or type(value) is not kind:
        words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        raise InputError(f"{where} is {value!r}; give {words.get(kind, 'something else')}")
    return value


# ---------------------------------------------------------------- out


def document(template: Template) -> dict[str, Any]:
    """All that a template says, defaults included, in plain values: what is hashed and what ``--json`` prints."""
    return {
        each.name: _plain(getattr(template, each.name))
        for each in fields(Template)
        # It came later: what does not say it keeps the version under which it was judged.
        if each.name != "over_earnings" or template.over_earnings
    }


def _plain(value: object) -> Any:
    match value:
        case StrEnum():
            return value.value
        case Mapping():
            return {str(key): _plain(each) for key, each in sorted(value.items())}
        case tuple():
            return [_plain(each) for each in value]
        case _ if is_dataclass(value):
            return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        case _:
            return value


def digest(template: Template) -> str:
    """The version: the first twelve digits of the SHA-256 of the canonical document."""
    canonical = json.dumps(document(template), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()[:12]
