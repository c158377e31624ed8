"""What the exchange is told, and the text in which it is kept.

The exchange is a function of its world, its terms and the commands that it was given, in their order. Whoever
owns a file writes ``encode(command)`` before he gives the command to the exchange; after a kill, the same
lines rebuild the same exchange (``exchange.replay``). Connecting is not among them: a connection
changes nothing that outlives it.

One command is one line of canonical JSON: keys sorted, no spaces, a Decimal as a string that keeps its digits.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An order to enter, or, under the id of a working order of the same client, what to change it into.

    client_id, order_id  together name the order; a client's order ids rise
    symbol               of the world; whoever reads contracts looks it up first
    action               BUY or SELL
    order_type           MKT or LMT
    tif                  DAY or GTC
    order_ref            the client's own word for it, passed through
    """

    client_id: int
    order_id: int
    account: str
    symbol: str
    action: str
    total_quantity: Decimal
    order_type: str = "MKT"
    lmt_price: Decimal | None = None
    tif: str = "DAY"
    order_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """A client takes one of its orders back."""

    client_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAll:
    """Every working order, of every client, is taken back (reqGlobalCancel)."""

    client_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Time goes on to the next instant of the world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Somebody deals with a working order, at its limit or where the market is: for faults on command."""

    client_id: int
    order_id: int
    total_quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Doom:
    """The next new order of a client is refused, whatever it is: for faults on command."""

    client_id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correct:
    """An execution is taken back and told again at another price: for faults on command."""

    exec_id: str
    price: Decimal


Command = Place | Cancel | CancelAll | Advance | Hit | Doom | Correct

KINDS: Mapping[str, type[Command]] = {
    "place": Place,
    "cancel": Cancel,
    "cancel_all": CancelAll,
    "advance": Advance,
    "hit": Hit,
    "doom": Doom,
    "correct": Correct,
}
_NAMES = {kind: name for name, kind in KINDS.items()}
_DECIMALS = frozenset({"total_quantity", "lmt_price", "price"})


def encode(command: Command) -> str:
    """The line for ``command``, without a line end."""
    fields = {field.name: getattr(command, field.name) for field in dataclasses.fields(command)}
    fields |= {name: str(fields[name]) for name in _DECIMALS & fields.keys() if fields[name] is not None}
    return json.dumps({"kind": _NAMES[type(command)], **fields}, sort_keys=True, separators=(",", ":"))


def decode(line: str) -> Command:
    """The command that ``line`` holds. Raises InputError for anything that ``encode`` never wrote."""
    try:
        fields: dict[str, Any] = json.loads(line)
        kind = KINDS[fields.pop("kind")]
        fields |= {name: Decimal(fields[name]) for name in _DECIMALS & fields.keys() if fields[name] is not None}
        command = kind(**fields)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise InputError(f"not a command of the exchange: {line[:120]!r}") from error
    if encode(command) != line:
        raise InputError(f"not a command in its canonical form: {line[:120]!r}")
    return command
