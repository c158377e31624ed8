"""What a fault is: when it strikes, and how a script writes it.

A fault strikes when its moment comes. Those of a conversation (``Fault``) wait for a message of it: the ``nth`` of
its kind, and so many ``times`` from there on. Those of the gateway itself (``Trouble``) strike all clients alike, after
a message, at a time of the world, or in a night. Messages are counted over the life of the gateway, so that a line
that was cut after the first order is not cut again after the reconnect.

A script writes the name of the fault and its fields as words; what each of them says stands beside it. The kinds are
in ``of_line``, ``of_orders`` and ``of_gateway``; ``catalogue`` makes the page about them, docs/faults.md.

Sources: issue threads of ib_async, ib_insync, LEAN, NautilusTrader and IBC on lost fills, order ids that went back,
empty snapshots, silent data and nightly restarts; codes and texts: IBKR's "Message Codes". None of it was seen at a
real TWS by us.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar

from bursar.errors import InputError
from bursar.gateway.faults.names import message_named

#: How many of something a script may ask for; more is a slip of the pen.
COUNT_MAX = 1_000_000
KEPT, LOST = "kept", "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What can go wrong in one conversation.

    unasked  strikes reports only where they are told as they happen, and not where they answer a request
    """

    name: ClassVar[str] = ""
    unasked: ClassVar[bool] = False
    client: Annotated[int | None, "in the conversation of this client alone; of every one without it"] = None
    nth: Annotated[int, "from which of these messages on"] = 1
    times: Annotated[int, "how many of them are struck; 0 is all from there on"] = 1
    chance: Annotated[float, "how likely each of them is struck, drawn from the seed"] = 1.0

    def __post_init__(self) -> None:
        bounded(self, "nth", 1)
        bounded(self, "times", 0)
        if not 0 < self.chance <= 1:
            raise InputError(f"chance is {self.chance}; give a number above 0 and at most 1")

    @property
    def waits_for(self) -> tuple[type, ...]:
        """The kinds of messages that this fault counts; none for one that waits for something else."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble(Fault):
    """What can be wrong with the gateway itself, for everybody: at once, unless it says when."""

    after: Annotated[str, "strikes after this message"] = ""
    at: Annotated[datetime | None, "strikes at this time of the world, with its zone"] = None
    night: Annotated[int, "strikes in the so manieth night, before the first instant of the next session"] = 0

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        bounded(self, "night", 0)
        if sum((bool(self.after), self.at is not None, bool(self.night))) > 1:
            raise InputError(f"{self.name} begins once: give only one of after, at and night")
        if self.at is not None and self.at.tzinfo is None:
            raise InputError(f"{self.name} at {self.at} names no zone; write it as 2022-01-03T15:00:00Z")
        if self.after:
            message_named(self.after)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (message_named(self.after),) if self.after else ()


def bounded(fault: object, name: str, least: int) -> None:
    """Raise InputError where a count makes no sense."""
    count = getattr(fault, name)
    if not least <= count <= COUNT_MAX:
        raise InputError(f"{name} is {count}; give a whole number from {least} to {COUNT_MAX}")


def share_of(share: Decimal) -> None:
    """Raise InputError for a share that is none."""
    if not 0 < share <= 1:
        raise InputError(f"share is {share}; give a number above 0 and at most 1: what part of the order is filled")


def seconds_of(seconds: float) -> None:
    """Raise InputError for a time that nobody waits for."""
    if not 0 <= seconds <= 86_400:
        raise InputError(f"seconds is {seconds}; give 0 to 86400")


def one_of(fault: object, name: str, known: tuple[str, ...]) -> None:
    """Raise InputError for a word that is not among those that a field knows."""
    if getattr(fault, name) not in known:
        raise InputError(f"{name} is {getattr(fault, name)!r}; give {' or '.join(known)}")
