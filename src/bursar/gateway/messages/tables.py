"""The language in which messages are declared, and the reader and writer that follow from a declaration.

A message is a frozen dataclass. Each attribute's annotation says both its type for Python and its kind on
the wire (``Size`` is a Decimal that old clients get in whole numbers), so that the order of the attributes is
the layout of the message. Messages whose layout depends on their own content, or that write one shared value
in an order of their own (orders: 130 attributes in three layouts), give the layout beside it, as a list of
paths with conditions:

    of("order", "action", "total_quantity")   attributes of a part
    when("order.hedge_type", given, ...)      only if an attribute that stands before it passes a test
    between(..., since=166)                   only in conversations of these versions
    rows("order.conditions", CONDITION)       a count, then so many rows

A table is compiled once for each version that is spoken; from then on no version is looked at. Sessions
therefore never ask for the version: tables know it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from bursar.errors import ProtocolError
from bursar.gateway.messages.kinds import Kind

#: The versions that the tables describe, oldest first. Those between them differ in ways that clients disagree
#: about (158 and 163 above all), so nothing else is ever agreed on.
VERSIONS = (157, 176, 178)

Test = Callable[[Any], bool]
_Put = Callable[[Any, list[str]], None]
_Take = Callable[[Iterator[str], dict[str, Any]], None]


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


# ---------------------------------------------------------------- from a layout to a writer and a reader


@dataclass(frozen=True, slots=True)
class Table:
    """A class and its layout in one version."""

    owner: type
    put: tuple[_Put, ...]
    take: tuple[_Take, ...]

    def write(self, value: Any) -> list[str]:
        """The texts of ``value``."""
        texts: list[str] = []
        for put in self.put:
            put(value, texts)
        return texts

    def read(self, texts: Iterator[str]) -> Any:
        """The value that the next texts make. Raises ProtocolError when they make none, or run out."""
        found: dict[str, Any] = {}
        for take in self.take:
            take(texts, found)
        return _build(self.owner, found)


@cache
def table(owner: type, layout: Layout, version: int) -> Table:
    """The compiled table of ``owner`` for conversations of ``version``."""
    steps = [_step(owner, item, version) for item in _in_version(layout, version)]
    return Table(owner, tuple(put for put, _ in steps), tuple(take for _, take in steps))


def _in_version(layout: Sequence[Item], version: int) -> Iterator[Item]:
    for item in layout:
        if not isinstance(item, Between):
            yield item
        elif item.since <= version <= item.until:
            yield from _in_version(item.items, version)


def _step(owner: type, item: Item, version: int) -> tuple[_Put, _Take]:
    match item:
        case Constant(text):
            return (lambda _value, texts: texts.append(text)), (lambda texts, _found: _drop(texts))
        case Path(path):
            return _path_step(owner, path, version)
        case When():
            return _when_step(owner, item, version)
        case Rows():
            return _rows_step(item, version)
        case Present():
            return _present_step(item, version)
        case Between():
            raise AssertionError("versions are resolved before steps are made")


def _path_step(owner: type, path: str, version: int) -> tuple[_Put, _Take]:
    get, kind = attrgetter(path), kind_of(owner, path)
    to_text, from_text = kind.writer(version), kind.reader(version)

    def put(value: Any, texts: list[str]) -> None:
        texts.append(to_text(get(value)))

    def take(texts: Iterator[str], found: dict[str, Any]) -> None:
        text = _next(texts, path)
        try:
            found[path] = from_text(text)
        except (ValueError, ArithmeticError) as error:
            raise ProtocolError(f"{owner.__name__}: {path} is {text[:40]!r}; {kind.expected} was expected") from error

    return put, take


def _when_step(owner: type, item: When, version: int) -> tuple[_Put, _Take]:
    get, inner = attrgetter(item.path), table(owner, item.items, version)

    def put(value: Any, texts: list[str]) -> None:
        if item.test(get(value)):
            texts.extend(inner.write(value))

    def take(texts: Iterator[str], found: dict[str, Any]) -> None:
        if item.test(found[item.path]):
            for step in inner.take:
                step(texts, found)

    return put, take


def _rows_step(item: Rows, version: int) -> tuple[_Put, _Take]:
    get, row = attrgetter(item.path), row_table(item.of, item.items, version)

    def put(value: Any, texts: list[str]) -> None:
        values = get(value)
        texts.append(str(len(values)))
        for each in values:
            texts.extend(row.write(each))

    def take(texts: Iterator[str], found: dict[str, Any]) -> None:
        count = _count(_next(texts, item.path), item.path)
        found[item.path] = tuple(row.read(texts) for _ in range(count))

    return put, take


def _present_step(item: Present, version: int) -> tuple[_Put, _Take]:
    get, part = attrgetter(item.path), table(item.of, item.items, version)

    def put(value: Any, texts: list[str]) -> None:
        inner = get(value)
        texts.append("0" if inner is None else "1")
        if inner is not None:
            texts.extend(part.write(inner))

    def take(texts: Iterator[str], found: dict[str, Any]) -> None:
        there = _count(_next(texts, item.path), item.path)
        found[item.path] = part.read(texts) if there else None

    return put, take


@dataclass(frozen=True, slots=True)
class _Words:
    """Rows of one text each need no class of their own."""

    def write(self, value: str) -> list[str]:
        return [value]

    def read(self, texts: Iterator[str]) -> str:
        return _next(texts, "a row")


def row_table(of_: type, items: Layout, version: int) -> Table | _Words:
    """The table of one row."""
    return _Words() if of_ is str else table(of_, items, version)


def _next(texts: Iterator[str], path: str) -> str:
    try:
        return next(texts)
    except StopIteration:
        raise ProtocolError(f"a message ends before {path}") from None


def _drop(texts: Iterator[str]) -> None:
    _next(texts, "a constant")


def _count(text: str, path: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7) and text:
        raise ProtocolError(f"the count of {path} is {text[:40]!r}; a whole number was expected")
    return int(text or 0)


def _build(owner: type, found: Mapping[str, Any]) -> Any:
    """A value of ``owner`` from attributes by path; parts are built first, what was not sent has its default."""
    own: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for path, value in found.items():
        head, _, rest = path.partition(".")
        if rest:
            parts.setdefault(head, {})[rest] = value
        else:
            own[head] = value
    for name, inner in parts.items():
        own[name] = _build(bare(hints_of(owner)[name]), inner)
    return owner(**own)
