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
from operator import attrgetter
from typing import Any

from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must come true before an order works, in IBKR's words.

    kind         1 price, 3 time, 4 margin cushion in percent, 5 execution, 6 volume of the day, 7 percent change
                 since the last close
    symbol       what it is about; empty for a time and for the margin
    is_more      True: at ``value`` or above (at that time or after it); False: at it or below
    value        the number, or the time, as text; empty for an execution
    conjunction  what joins it to the next one: "a" and, "o" or
    """

    kind: int
    symbol: str = ""
    is_more: bool = True
    value: str = ""
    conjunction: str = "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An order to enter, or, under the id of a working order of the same client, what to change it into.

    client_id, order_id  together name the order; a client's order ids rise
    symbol               of the world; whoever reads contracts looks it up first
    action               BUY or SELL
    order_type           MKT, LMT, STP, STP LMT, TRAIL, TRAIL LIMIT, MOC, LOC
    tif                  DAY, GTC, GTD (until ``good_till_date``), IOC, FOK, OPG (in the opening auction alone)
    order_ref            the client's own word for it, passed through
    aux_price            the price of a stop; the distance of a trailing one, unless ``trailing_percent`` gives it
    trail_stop_price     where a trailing stop begins; otherwise its distance from the last price
    lmt_price_offset     from a trailing stop to its limit; otherwise as far as ``lmt_price`` is from where it begins
    parent_id            the order of the same client whose fill makes this one work
    transmit             False: to be held until one of its family comes with True
    oca_group            orders of one group take from each other: see ``oca_type``
    oca_type             1 the others are canceled; 2 and 3 they are reduced in proportion; 0 is taken for 1
    conditions_ignore_rth    conditions are looked at outside regular hours too
    fa_group     the adviser's group that shares it; the account is then the adviser's own
    fa_method, fa_percentage  how it is shared, where it is not as the group says
    conditions_cancel_order  when they come true the order is canceled, and until then it works
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
    aux_price: Decimal | None = None
    trail_stop_price: Decimal | None = None
    trailing_percent: Decimal | None = None
    lmt_price_offset: Decimal | None = None
    good_after_time: str = ""
    good_till_date: str = ""
    parent_id: int = 0
    transmit: bool = True
    oca_group: str = ""
    oca_type: int = 0
    outside_rth: bool = False
    conditions: tuple[Condition, ...] = ()
    conditions_ignore_rth: bool = False
    conditions_cancel_order: bool = False
    fa_group: str = ""
    fa_method: str = ""
    fa_percentage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand(Place):
    """A person enters an order in TWS itself: it belongs to client 0, whatever number it is sent with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """Client 0 takes the orders that were made by hand for its own; ``auto``: those to come as well, from now on."""

    auto: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """TWS forgets the numbers of orders that ended, so that they are given once more, as after some restarts."""


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
    """An execution is taken back and told again at another price: for faults on command.

    shares  how many of its shares still stand; None for all, 0 where the trade was busted
    """

    exec_id: str
    price: Decimal
    shares: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceFA:
    """An adviser replaces all groups (1) or all aliases (3) of the accounts with what ``xml`` says."""

    kind_of_data: int
    xml: str


Command = Place | ByHand | Bind | RollBack | Cancel | CancelAll | Advance | Hit | Doom | Correct | ReplaceFA

KINDS: Mapping[str, type[Command]] = {
    "place": Place,
    "cancel": Cancel,
    "cancel_all": CancelAll,
    "advance": Advance,
    "hit": Hit,
    "doom": Doom,
    "correct": Correct,
    "by_hand": ByHand,
    "bind": Bind,
    "roll_back": RollBack,
    "replace_fa": ReplaceFA,
}
_NAMES = {kind: name for name, kind in KINDS.items()}
_DECIMALS = frozenset(
    {
        "total_quantity",
        "lmt_price",
        "aux_price",
        "trail_stop_price",
        "trailing_percent",
        "lmt_price_offset",
        "price",
        "shares",
    }
)
#: What an order could not say at first. It is left out where it says nothing, so that old lines stay as they are.
_LATER = {
    field.name: field.default
    for field in dataclasses.fields(Place)
    if field.name
    not in {
        "client_id", "order_id", "account", "symbol", "action", "total_quantity", "order_type", "lmt_price", "tif",
        "order_ref",
    }
}  # fmt: skip


_later = attrgetter(*_LATER)
_USUAL = tuple(_LATER.values())
#: What every line of a kind says.
_SAID = {
    kind: tuple(field.name for field in dataclasses.fields(kind) if field.name not in {*_LATER, "shares"})
    for kind in _NAMES
}


def encode(command: Command) -> str:
    """The line for ``command``, without a line end."""
    kind = type(command)
    fields = {name: getattr(command, name) for name in _SAID[kind]}
    if isinstance(command, Place) and _later(command) != _USUAL:
        fields |= {name: said for name, usual in _LATER.items() if (said := getattr(command, name)) != usual}
        if command.conditions:
            fields["conditions"] = [dataclasses.asdict(condition) for condition in command.conditions]
    if isinstance(command, Correct) and command.shares is not None:
        fields["shares"] = command.shares
    fields |= {name: str(fields[name]) for name in _DECIMALS & fields.keys() if fields[name] is not None}
    return json.dumps({"kind": _NAMES[kind], **fields}, sort_keys=True, separators=(",", ":"))


def decode(line: str) -> Command:
    """The command that ``line`` holds. Raises InputError for anything that ``encode`` never wrote."""
    try:
        fields: dict[str, Any] = json.loads(line)
        kind = KINDS[fields.pop("kind")]
        fields |= {name: Decimal(fields[name]) for name in _DECIMALS & fields.keys() if fields[name] is not None}
        if "conditions" in fields:
            fields["conditions"] = tuple(Condition(**each) for each in fields["conditions"])
        command = kind(**fields)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise InputError(f"not a command of the exchange: {line[:120]!r}") from error
    if encode(command) != line:
        raise InputError(f"not a command in its canonical form: {line[:120]!r}")
    return command
