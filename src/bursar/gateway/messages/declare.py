"""Declaring a message: its number, its constant version field, how faithful it is, and where it is kept.

The declarations are the single source: readers, writers and docs/gateway-fidelity.md all come from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, dataclass_transform

from bursar.errors import InputError, ProtocolError
from bursar.gateway import codec
from bursar.gateway.messages.layouts import Constant, Layout, between, layout_of
from bursar.gateway.messages.tables import Table, table

Kind = TypeVar("Kind")


class Fidelity(StrEnum):
    """How near an imitated message comes to the real one."""

    FAITHFUL = "faithful"
    APPROXIMATE = "approximate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What is known of one message.

    number       its id on the wire
    summary      what it says, in a line
    lacks        where an approximate one falls short
    unconfirmed  what was never compared with a real TWS
    """

    kind: type
    number: int
    layout: Layout
    fidelity: Fidelity
    summary: str
    lacks: str
    unconfirmed: str


#: What clients send, and what is sent to them, by number and by class.
REQUESTS: dict[int, Declaration] = {}
REPLIES: dict[int, Declaration] = {}
BY_CLASS: dict[type, Declaration] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def request(number: int, **told: Any) -> Callable[[type[Kind]], type[Kind]]:
    """Declare what a client sends."""
    return _declare(REQUESTS, number, **told)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def reply(number: int, **told: Any) -> Callable[[type[Kind]], type[Kind]]:
    """Declare what the gateway sends."""
    return _declare(REPLIES, number, **told)


def _declare(
    where: dict[int, Declaration],
    number: int,
    *,
    version: int | None = None,
    version_until: int = 1_000_000,
    layout: Layout | None = None,
    lacks: str = "",
    unconfirmed: str = "",
) -> Callable[[type[Kind]], type[Kind]]:
    """Make the decorated class a frozen dataclass and keep its declaration.

    version        a constant field after the number, which old messages have
    version_until  the last protocol version in which that field is there
    layout         the order of its fields, where it is not the order of its attributes
    """

    def declare(kind: type[Kind]) -> type[Kind]:
        made: type = dataclass(frozen=True, slots=True, kw_only=True)(kind)
        head: Layout = (Constant(str(number)),)
        if version is not None:
            head += between(Constant(str(version)), until=version_until)
        declaration = Declaration(
            kind=made,
            number=number,
            layout=head + (layout_of(made) if layout is None else layout),
            fidelity=Fidelity.APPROXIMATE if lacks else Fidelity.FAITHFUL,
            summary=(kind.__doc__ or "").split("\n", maxsplit=1)[0],
            lacks=lacks,
            unconfirmed=unconfirmed,
        )
        where[number] = BY_CLASS[made] = declaration
        return made

    return declare


@cache
def table_of(kind: type, version: int) -> Table:
    """The compiled table of a declared message."""
    return table(kind, BY_CLASS[kind].layout, version)


def write(message: object, version: int) -> bytes:
    """``message`` as a frame for a conversation of ``version``."""
    kind: type = type(message)
    return codec.encode(table_of(kind, version).write(message))


def read_request(texts: list[str], version: int) -> Any:
    """The request that a client's texts make. Raises ProtocolError, also for texts that are left over."""
    return _read(REQUESTS, texts, version)


def read_reply(texts: list[str], version: int) -> Any:
    """The reply that texts make: what a client of our own, such as a test, reads."""
    return _read(REPLIES, texts, version)


def number_of(texts: list[str]) -> int:
    """The number of the message that texts make. Raises ProtocolError when they name none."""
    if not texts or not texts[0].isdigit() or not texts[0].isascii() or len(texts[0]) > 9:
        raise ProtocolError(f"a message begins with {texts[:1]}; the number of a message was expected")
    return int(texts[0])


def _read(where: dict[int, Declaration], texts: list[str], version: int) -> Any:
    number = number_of(texts)
    declaration = where.get(number)
    if declaration is None:
        raise InputError(f"message {number} is not declared; ask `number_of` before reading")
    left: Iterator[str] = iter(texts)
    message = table_of(declaration.kind, version).read(left)
    over = sum(1 for _ in left)
    if over:
        raise ProtocolError(f"{declaration.kind.__name__} (message {number}) has {over} fields too many")
    return message
