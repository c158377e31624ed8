"""The language in which messages are declared.

A message is a frozen dataclass. Each attribute's annotation says both its type for Python and its kind on
the wire (``Size`` is a Decimal that old clients get in whole numbers), so that the order of the attributes is
the layout of the message. Messages whose layout depends on their own content, or that write one shared value
in an order of their own (orders: 130 attributes in three layouts), give the layout beside it, as a list of
paths with conditions:

    of("order", "action", "total_quantity")   attributes of a part
    when("order.hedge_type", given, ...)      only if an attribute that stands before it passes a test
    between(..., since=166)                   only in conversations of these versions
    rows("order.conditions", CONDITION)       a count, then so many rows

``tables.py`` makes readers and writers of layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from bursar.gateway.messages.kinds import Kind

#: The versions that the tables describe, oldest first. Those between them differ in ways that clients disagree
#: about (158 and 163 above all), so nothing else is ever agreed on.
VERSIONS = (157, 176, 178)

Test = Callable[[Any], bool]


# ---------------------------------------------------------------- what a layout is made of


@dataclass(frozen=True, slots=True)
class Path:
    """An attribute, with dots into its parts; its kind comes from the annotation."""

    path: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A text that is always the same: written as it is, and not looked at when read."""

    text: str


@dataclass(frozen=True, slots=True)
class When:
    """Items that are there only if an attribute, which stands before them, passes a test."""

    path: str
    test: Test
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """Items that are there only in conversations of some versions, both bounds included."""

    since: int
    until: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A count, then so many values of one class; ``items`` is the layout of one."""

    path: str
    of: type
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Present:
    """A flag that says whether a part is there, then the part."""

    path: str
    of: type
    items: tuple[Item, ...]


Item = Path | Constant | When | Between | Rows | Present
Layout = tuple[Item, ...]


def of(part: str, *names: str) -> Layout:
    """Attributes of one part; names may stand together, separated by blanks."""
    prefix = f"{part}." if part else ""
    return tuple(Path(prefix + name) for words in names for name in words.split())


def when(path: str, test: Test, *items: Item) -> Layout:
    """``items`` only if the attribute at ``path`` passes ``test``."""
    return (When(path, test, items),)


def between(*items: Item, since: int = 0, until: int = 1_000_000) -> Layout:
    """``items`` only in versions from ``since`` to ``until``, both included."""
    return (Between(since, until, items),)


def rows(path: str, kind: type, layout: Layout | None = None) -> Layout:
    """A count and so many values of ``kind``, laid out as its attributes unless ``layout`` says otherwise."""
    if kind is str:
        return (Rows(path, kind, ()),)
    return (Rows(path, kind, layout or layout_of(kind)),)


def optional(path: str, kind: type) -> Layout:
    """A flag and, if it is set, a value of ``kind``."""
    return (Present(path, kind, layout_of(kind)),)


@dataclass(frozen=True, slots=True)
class Since:
    """Marks an annotation: the attribute exists in this version and later ones."""

    version: int


@dataclass(frozen=True, slots=True)
class Laid:
    """Marks an annotation of a part: the names of its attributes, in wire order."""

    names: str


# ---------------------------------------------------------------- from a class to its layout


@cache
def hints_of(kind: type) -> Mapping[str, Any]:
    """The annotations of a class, with what marks them."""
    return get_type_hints(kind, include_extras=True)


@cache
def layout_of(kind: type) -> Layout:
    """The layout that the attributes of ``kind`` make in their order."""
    return tuple(item for field in fields(kind) for item in _items(field.name, hints_of(kind)[field.name]))


def _items(name: str, hint: Any) -> Layout:
    """The wire items of one annotated attribute."""
    marks = hint.__metadata__ if get_origin(hint) is Annotated else ()
    items: Layout
    match [mark for mark in marks if isinstance(mark, Laid)]:
        case [laid]:
            items = of(name, laid.names)
        case _ if get_origin(bare(hint)) is tuple:
            items = rows(name, get_args(bare(hint))[0])
        case _:
            items = (Path(name),)
    since = [mark.version for mark in marks if isinstance(mark, Since)]
    return between(*items, since=since[0]) if since else items


def bare(hint: Any) -> Any:
    """An annotation without its marks."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def kind_of(owner: type, path: str) -> Kind:
    """How the attribute at ``path`` is written. Raises TypeError for one that has no kind."""
    head, _, rest = path.partition(".")
    hint = hints_of(owner)[head]
    if rest:
        return kind_of(bare(hint), rest)
    return kind_in(hint, f"{owner.__name__}.{path}")


def kind_in(hint: Any, name: str) -> Kind:
    """The kind that an annotation is marked with."""
    for mark in hint.__metadata__ if get_origin(hint) is Annotated else ():
        if isinstance(mark, Kind):
            return mark
    raise TypeError(f"{name} is annotated with {hint}, which says nothing about the wire")
