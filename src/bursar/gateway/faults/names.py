"""The names of messages, as a script of faults writes them: placeOrder, openOrder, execDetails, positionEnd.

A name is that of the message's declaration with a small first letter, as in IBKR's pages; errMsg is called error, as
clients call it.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from bursar.errors import InputError
from bursar.gateway.messages import REPLIES, REQUESTS
from bursar.gateway.messages.replies import ErrMsg


def _named(kind: type) -> str:
    return "error" if kind is ErrMsg else kind.__name__[0].lower() + kind.__name__[1:]


#: What clients send, and what they are told, by name.
SENT: Final[dict[str, type]] = {_named(each.kind): each.kind for each in REQUESTS.values()}
TOLD: Final[dict[str, type]] = {_named(each.kind): each.kind for each in REPLIES.values()}
#: The name of each, for the way back.
NAMES: Final[dict[type, str]] = {kind: name for name, kind in {**SENT, **TOLD}.items()}


def message_named(name: str, *, sent: bool = True, told: bool = True) -> type:
    """The message called ``name``, among those that clients send, are told, or both. Raises InputError."""
    known = (SENT if sent else {}) | (TOLD if told else {})
    if name in known:
        return known[name]
    if name in SENT or name in TOLD:
        who = "clients are told" if told else "clients send"
        raise InputError(f"{name} cannot be meant here; give a message that {who}, such as {next(iter(known))}")
    raise InputError(f"no message is called {name!r}{likely(name, known)}; docs/gateway-fidelity.md lists them")


def likely(word: str, known: dict[str, type]) -> str:
    """A question that names what may have been meant, or nothing."""
    near = get_close_matches(word, known, n=1)
    return f", did you mean {near[0]}?" if near else ""
