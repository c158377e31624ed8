"""An event as the bytes that the journal keeps, and back.

Canonical JSON: keys sorted, no spaces, UTF-8; a Decimal is a string that keeps its digits, a moment is
UTC with a Z, a day is ISO 8601, an enumeration is its value, and ``kind`` and ``version`` come with the
fields. A missing value is null. Floats (only in opinions) are the shortest text that reads back the same.

The journal hashes these bytes as they are stored and never encodes an old event again. A shape that
changed gets a higher ``version``, and a function in UPCASTS that turns the fields of the older version
into those of the next.

Decoders are built once a class from its annotations, so that there is no list of fields to forget.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Union, get_args, get_origin, get_type_hints

from bursar.domain.events import CATALOGUE, Event
from bursar.errors import InputError, LedgerError

_Read = Callable[[Any], Any]


#: What the first event is chained to.
GENESIS = bytes(32)


def _many_symbols(fields: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 an analyst abstained from one symbol at a time."""
    rest = {name: value for name, value in fields.items() if name != "symbol"}
    return rest | {"symbols": [fields["symbol"]]}


def _without_a_horizon(fields: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 a proposal promised a return and not by when, and named no loss in money."""
    return _without_prices(fields) | {"proposal": {**fields["proposal"], "horizon_days": 0, "loss_max": "0"}}


def _without_prices(fields: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 what was shown of a proposal did not name the prices that it came from."""
    shown = fields.get("outlook")
    return fields | {"outlook": shown and {**shown, "prices": {}}}


#: (kind, version) -> fields of that version to fields of the next.
UPCASTS: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {
    ("abstained", 1): _many_symbols,
    ("decided", 1): lambda fields: {**fields, "bounds": []},
    ("proposal_made", 1): _without_a_horizon,
    ("proposal_tapped", 1): _without_prices,
    ("leg_sent", 1): lambda fields: {**fields, "bid": None, "ask": None},
    ("proposal_ended", 1): lambda fields: {**fields, "prices": {}},
    ("order_accepted", 1): lambda fields: {**fields, "number": 0},
}


def link(previous: bytes, data: bytes) -> bytes:
    """The digest of an event stored as ``data`` after one with the digest ``previous``: a hash over both."""
    return hashlib.sha256(previous + data).digest()


def encode(event: Event) -> bytes:
    """The canonical bytes of ``event``. Raises InputError for a number that is not finite."""
    fields: dict[str, Any] = _plain(event)
    return _dumps(fields | {"kind": event.kind, "version": event.version})


def decode(data: bytes) -> Event:
    """The event that ``encode`` made ``data`` from, brought up to the current version of its kind.

    Raises LedgerError for bytes that are not an event, and for kinds or versions of a newer program.
    """
    try:
        fields = json.loads(data)
        kind, version = _same(str)(fields.pop("kind")), _same(int)(fields.pop("version"))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise LedgerError(f"not an event: {data[:60]!r}; the journal is damaged, restore it from a backup") from error
    shape = CATALOGUE.get(kind)
    if shape is None or version > shape.version:
        raise LedgerError(f"{kind!r} version {version} was written by a newer Bursar; open the journal with that one")
    while version < shape.version:
        upcast = UPCASTS.get((kind, version))
        if upcast is None:
            raise LedgerError(f"{kind!r} version {version} cannot be read any more: no upcast to {version + 1}")
        fields, version = upcast(fields), version + 1
    try:
        kind_of_event: Any = shape
        return _reader(kind_of_event)(fields)  # type: ignore[no-any-return]  # readers are made from annotations
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise LedgerError(f"a {kind!r} event does not read: {error}; the journal is damaged") from error


def _dumps(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@cache
def _names(shape: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(shape))


def _plain(value: Any) -> Any:
    """``value`` in the terms of JSON."""
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return value.value
        case str():
            return value
        case Decimal() | float() if not math.isfinite(value):
            raise InputError(f"{value} cannot be journalled; only finite numbers can")
        case Decimal():
            return format(value, "f")
        case float():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case tuple():
            named = getattr(value, "_fields", None)
            items = [_plain(item) for item in value]
            return items if named is None else dict(zip(named, items, strict=True))
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case _ if dataclasses.is_dataclass(value):
            shape: Any = type(value)
            return {name: _plain(getattr(value, name)) for name in _names(shape)}
    raise InputError(f"a {type(value).__name__} cannot be journalled")


@cache
def _reader(kind: Any) -> _Read:
    """A function from JSON to a value of type ``kind``."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        read = _reader(inner)
        return lambda value: None if value is None else read(value)
    if origin is tuple:
        item = _reader(arguments[0])
        return lambda value: tuple(item(each) for each in value)
    if origin is Mapping:
        item = _reader(arguments[1])
        return lambda value: MappingProxyType({key: item(each) for key, each in value.items()})
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        return _fields_reader(kind)
    return _SCALARS.get(kind, kind)  # type: ignore[no-any-return]  # an Enum reads by being called


def _fields_reader(kind: Any) -> _Read:
    hints = get_type_hints(kind)
    names: tuple[str, ...] = getattr(kind, "_fields", None) or _names(kind)
    readers = {name: _reader(hints[name]) for name in names}

    def read(value: Any) -> Any:
        unknown = value.keys() - readers.keys()
        if unknown:
            raise ValueError(f"unknown fields {sorted(unknown)}")
        return kind(**{name: readers[name](item) for name, item in value.items()})

    return read


def _same(kind: type) -> _Read:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, found {value!r}")
        return value

    return read


def _float(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"expected a number, found {value!r}")
    return float(value)


def _decimal(value: Any) -> Decimal:
    number = Decimal(_same(str)(value))
    if not number.is_finite():
        raise ValueError(f"expected a finite number, found {value!r}")
    return number


_SCALARS: dict[type, _Read] = {
    str: _same(str),
    int: _same(int),
    bool: _same(bool),
    float: _float,
    Decimal: _decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}
