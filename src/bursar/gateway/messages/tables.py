"""From a layout to the reader and the writer of a message, which so can never disagree.

A table is compiled once for each version that is spoken; from then on no version is looked at. Sessions therefore
never ask for the version: tables know it. Attributes that stand in a row are read and written in one go, since a
market in motion is made of nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from bursar.errors import ProtocolError
from bursar.gateway.messages.kinds import as_it_is
from bursar.gateway.messages.layouts import (
    Between,
    Constant,
    Item,
    Layout,
    Path,
    Present,
    Rows,
    When,
    bare,
    hints_of,
    kind_of,
)

#: The attributes that were read, by the part that they belong to; those of the message itself are under "".
_Found = dict[str, dict[str, Any]]
_Put = Callable[[Any, list[str]], None]
_Texts = Callable[[Any], Sequence[str]]
_Take = Callable[[Iterator[str], _Found], None]
_Step = tuple[_Put, _Take]

#: A count has no more digits than this: no frame is so long that it could hold more rows.
_COUNT_DIGITS_MAX = 6


@dataclass(frozen=True, slots=True)
class Table:
    """A class and its layout in one version.

    parts  the attributes that have attributes of their own
    write  the texts of a value
    """

    owner: type
    parts: tuple[str, ...]
    write: _Texts
    take: tuple[_Take, ...]

    def read(self, texts: Iterator[str]) -> Any:
        """The value that the next texts make. Raises ProtocolError when they make none, or run out."""
        found: _Found = {"": {}, **{part: {} for part in self.parts}}
        for take in self.take:
            take(texts, found)
        own = found.pop("")
        for name, attributes in found.items():
            own[name] = bare(hints_of(self.owner)[name])(**attributes)
        return self.owner(**own)


@cache
def table(owner: type, layout: Layout, version: int) -> Table:
    """The compiled table of ``owner`` for conversations of ``version``."""
    steps = _steps(owner, layout, version)
    parts = dict.fromkeys(part for part in map(_part, _paths(layout)) if part)
    write = _flat(owner, layout, version) or _one_by_one(tuple(put for put, _ in steps))
    return Table(owner, tuple(parts), write, tuple(take for _, take in steps))


def _flat(owner: type, layout: Layout, version: int) -> _Texts | None:
    """The writer of a message that is a few constants and then attributes, as most are; None for another."""
    items = tuple(_in_version(layout, version))
    head = [item.text for item in items if isinstance(item, Constant)]
    paths = [item.path for item in items[len(head) :] if isinstance(item, Path)]
    if not paths or len(head) + len(paths) < len(items):
        return None
    texts_of = _texts_of(owner, paths, version)
    return lambda value: [*head, *texts_of(value)]


def _one_by_one(puts: tuple[_Put, ...]) -> _Texts:
    def write(value: Any) -> list[str]:
        texts: list[str] = []
        for put in puts:
            put(value, texts)
        return texts

    return write


def _paths(layout: Sequence[Item]) -> Iterator[str]:
    """Every path of a layout, those under conditions included."""
    for item in layout:
        match item:
            case Path(path) | Rows(path=path) | Present(path=path):
                yield path
            case When(items=items) | Between(items=items):
                yield from _paths(items)
            case Constant():
                pass


def _part(path: str) -> str:
    return path.rpartition(".")[0]


def _name(path: str) -> str:
    # Interned, since a call with a hundred keywords compares each of them with each parameter: by identity, if it can.
    return sys.intern(path.rpartition(".")[2])


def _steps(owner: type, layout: Sequence[Item], version: int) -> list[_Step]:
    """What writes and reads ``layout``, in its order; paths in a row make one step."""
    steps: list[_Step] = []
    for kind, items in groupby(_in_version(layout, version), type):
        if kind is Path:
            steps.append(_run_step(owner, [item.path for item in items if isinstance(item, Path)], version))
        elif kind is Constant:
            steps.append(_constants_step([item.text for item in items if isinstance(item, Constant)]))
        else:
            steps.extend(_step(owner, item, version) for item in items)
    return steps


def _in_version(layout: Sequence[Item], version: int) -> Iterator[Item]:
    for item in layout:
        if not isinstance(item, Between):
            yield item
        elif item.since <= version <= item.until:
            yield from _in_version(item.items, version)


def _step(owner: type, item: Item, version: int) -> _Step:
    match item:
        case When():
            return _when_step(owner, item, version)
        case Rows():
            return _rows_step(item, version)
        case Present():
            return _present_step(item, version)
        case Path() | Constant() | Between():
            raise AssertionError("runs and versions are dealt with before steps are made")


def _constants_step(constants: list[str]) -> _Step:
    """Fields that are always the same."""

    def take(texts: Iterator[str], _found: _Found) -> None:
        for _ in constants:
            _drop(texts)

    return (lambda _value, texts: texts.extend(constants)), take


def _texts_of(owner: type, paths: list[str], version: int) -> _Texts:
    """What writes attributes that follow each other: text as it is, and all else by its kind."""
    get = attrgetter(*paths) if len(paths) > 1 else lambda value, one=attrgetter(*paths): (one(value),)
    writers = [kind_of(owner, path).writer(version) for path in paths]
    worded = [(place, write) for place, write in enumerate(writers) if write is not as_it_is]
    if not worded:
        return get
    if len(worded) == len(writers):
        return lambda value: [write(each) for write, each in zip(writers, get(value), strict=True)]

    def texts_of(value: Any) -> list[str]:
        texts = list(get(value))
        for place, write in worded:
            texts[place] = write(texts[place])
        return texts

    return texts_of


def _run_step(owner: type, paths: list[str], version: int) -> _Step:
    """Attributes that follow each other without conditions."""
    texts_of = _texts_of(owner, paths, version)
    kinds = [kind_of(owner, path) for path in paths]
    readers = [kind.reader(version) for kind in kinds]
    places = [(_part(path), _name(path), read) for path, read in zip(paths, readers, strict=True)]

    def put(value: Any, texts: list[str]) -> None:
        texts.extend(texts_of(value))

    def take(texts: Iterator[str], found: _Found) -> None:
        done, text = 0, ""
        try:
            for part, name, read in places:
                text = next(texts)
                found[part][name] = read(text)
                done += 1
        except StopIteration:
            raise ProtocolError(f"a message ends before {paths[done]}") from None
        except (ValueError, ArithmeticError) as error:
            expected = f"{owner.__name__}: {paths[done]} is {text[:40]!r}; {kinds[done].expected} was expected"
            raise ProtocolError(expected) from error

    return put, take


def _when_step(owner: type, item: When, version: int) -> _Step:
    get, steps = attrgetter(item.path), _steps(owner, item.items, version)
    part, name = _part(item.path), _name(item.path)

    def put(value: Any, texts: list[str]) -> None:
        if item.test(get(value)):
            for step, _ in steps:
                step(value, texts)

    def take(texts: Iterator[str], found: _Found) -> None:
        if item.test(found[part][name]):
            for _, step in steps:
                step(texts, found)

    return put, take


def _rows_step(item: Rows, version: int) -> _Step:
    get, row = attrgetter(item.path), _Words() if item.of is str else table(item.of, item.items, version)
    part, name = _part(item.path), _name(item.path)

    def put(value: Any, texts: list[str]) -> None:
        values = get(value)
        texts.append(str(len(values)))
        for each in values:
            texts.extend(row.write(each))

    def take(texts: Iterator[str], found: _Found) -> None:
        count = _count(_next(texts, item.path), item.path)
        found[part][name] = tuple(row.read(texts) for _ in range(count))

    return put, take


def _present_step(item: Present, version: int) -> _Step:
    get, inner = attrgetter(item.path), table(item.of, item.items, version)
    part, name = _part(item.path), _name(item.path)

    def put(value: Any, texts: list[str]) -> None:
        there = get(value)
        texts.append("0" if there is None else "1")
        if there is not None:
            texts.extend(inner.write(there))

    def take(texts: Iterator[str], found: _Found) -> None:
        there = _count(_next(texts, item.path), item.path)
        found[part][name] = inner.read(texts) if there else None

    return put, take


@dataclass(frozen=True, slots=True)
class _Words:
    """Rows of one text each need no class of their own."""

    def write(self, value: str) -> list[str]:
        return [value]

    def read(self, texts: Iterator[str]) -> str:
        return _next(texts, "a row")


def _next(texts: Iterator[str], path: str) -> str:
    try:
        return next(texts)
    except StopIteration:
        raise ProtocolError(f"a message ends before {path}") from None


def _drop(texts: Iterator[str]) -> None:
    _next(texts, "a constant")


def _count(text: str, path: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) <= _COUNT_DIGITS_MAX):
        raise ProtocolError(f"the count of {path} is {text[:40]!r}; a whole number was expected")
    return int(text or 0)
