"""Messages of every shape, made from their own annotations, so that a new one is tested without being listed."""

from __future__ import annotations

import types
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Union, get_args, get_origin

from hypothesis import strategies as st

from bursar.gateway import codec
from bursar.gateway.messages import write
from bursar.gateway.messages.kinds import Kind
from bursar.gateway.messages.layouts import bare, hints_of

#: What a client of ours or of anyone else could write; NUL ends a field and can be in none.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
WHOLES = st.integers(-(2**31) + 1, 2**31 - 2)
NUMBERS = st.decimals(-1_000_000, 1_000_000, allow_nan=False, allow_infinity=False, places=4)
#: Whole seconds, outside of the hour that New York has twice a year.
MOMENTS = st.integers(7_000 * 24, 25_000 * 24).map(
    lambda hours: datetime.fromtimestamp(hours * 3600 + hours % 3600, UTC).replace(hour=15)
)

BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "whole": WHOLES,
    "maybe whole": st.none() | WHOLES,
    "number": NUMBERS,
    "maybe number": st.none() | NUMBERS | st.just(Decimal("Infinity")),
    "unset": st.none() | NUMBERS,
    "size": st.integers(0, 10**9).map(Decimal),
    "flag": st.booleans(),
    "maybe flag": st.none() | st.booleans(),
    "text": TEXTS,
    "name": TEXTS,
    "moment": MOMENTS,
    # Seconds of eight digits, before 1973, would look like a day.
    "bar time": st.dates() | MOMENTS | st.integers(10**9, 2**31),
    "epoch": MOMENTS,
}


@cache
def values(kind: type) -> st.SearchStrategy[Any]:
    """Values of a declared class, parts and rows included."""
    hints = hints_of(kind)
    return st.builds(kind, **{field.name: _attribute(kind, field.name, hints[field.name]) for field in fields(kind)})


def _attribute(owner: type, name: str, hint: Any) -> st.SearchStrategy[Any]:
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Kind):
            return CHOICES.get((owner.__name__, name), st.nothing()) | BY_KIND[mark.name]
    inner = bare(hint)
    if get_origin(inner) is tuple:
        (row, _) = get_args(inner)
        return st.lists(TEXTS if row is str else values(row), max_size=3).map(tuple)
    if get_origin(inner) in (Union, types.UnionType):
        (part,) = (each for each in get_args(inner) if each is not type(None))
        return st.none() | values(part)
    return values(inner)


#: Words that decide which fields follow; drawn from thin air they would hardly ever come up.
CHOICES: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("Contract", "sec_type"): st.sampled_from(["STK", "BAG"]),
    ("Contract", "exchange"): st.sampled_from(["SMART", "IBKRATS"]),
    ("Order", "order_type"): st.sampled_from(["MKT", "LMT", "PEG BENCH", "PEG BEST", "PEGMID"]),
    ("Condition", "kind"): st.sampled_from([1, 3, 4, 5, 6, 7]),
}


def texts_of(message: object, version: int) -> list[str]:
    """What stands on the wire for ``message``."""
    (payload,) = codec.FrameReader().feed(write(message, version))
    return codec.decode(payload)
