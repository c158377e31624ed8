"""Faults of one line, and of what is told over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from bursar.errors import InputError
from bursar.gateway.faults.fault import Fault, bounded, one_of, seconds_of
from bursar.gateway.faults.names import TOLD, message_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Fault):
    """The connection breaks.

    Before a message: a request is not acted on, a reply is not sent. After one: a request is acted on and nobody is
    told, a reply was the last that was sent.
    """

    name: ClassVar[str] = "drop"
    before: Annotated[str, "the message that is lost with the line"] = ""
    after: Annotated[str, "the last message that came through"] = ""

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        if bool(self.before) == bool(self.after):
            raise InputError("drop needs one of before and after: the message that breaks the line")
        message_named(self.before or self.after)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (message_named(self.before or self.after),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Fault):
    """A message arrives late: a reply is told, or a request acted on, some instants of the world later.

    Reports of orders and accounts are late where they are told as they happen, not where they answer a request.
    """

    name: ClassVar[str] = "delay"
    unasked: ClassVar[bool] = True
    message: Annotated[str, "which"] = ""
    instants: Annotated[int, "by how many instants of the world"] = 1

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        bounded(self, "instants", 1)
        message_named(self.message)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (message_named(self.message),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(Fault):
    """A reply is told twice, as IBKR does with orderStatus, and after a reconnect with execDetails."""

    name: ClassVar[str] = "duplicate"
    message: Annotated[str, "which"] = ""

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        message_named(self.message, sent=False)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (message_named(self.message, sent=False),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder(Fault):
    """A reply is overtaken by those that follow it, such as the execution by the status Filled.

    Reports of orders and accounts are overtaken where they are told as they happen, not where they answer a request.
    """

    name: ClassVar[str] = "reorder"
    unasked: ClassVar[bool] = True
    message: Annotated[str, "which"] = ""
    behind: Annotated[int, "by how many; in the next instant it comes at the latest"] = 1

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        bounded(self, "behind", 1)
        message_named(self.message, sent=False)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (message_named(self.message, sent=False),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swallow(Fault):
    """A message never arrives: a request is not acted on, a reply is not told. The line stands."""

    name: ClassVar[str] = "swallow"
    message: Annotated[str, "which"] = ""

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        message_named(self.message)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (message_named(self.message),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowReader(Fault):
    """A client does not read for a while: requests wait, ticks give way to newer ones, reports stay at the exchange."""

    name: ClassVar[str] = "slow_reader"
    after: Annotated[str, "begins after this message"] = ""
    seconds: Annotated[float, "of our time that it lasts"] = 1.0

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        seconds_of(self.seconds)
        message_named(self.after)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (message_named(self.after),)


# ---------------------------------------------------------------- what is told


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyAnswer(Fault):
    """A snapshot failed and looks empty: its end comes, and nothing before it."""

    name: ClassVar[str] = "empty_answer"
    request: Annotated[str, "which is answered so"] = "reqPositions"

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        message_named(self.request, told=False)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (message_named(self.request, told=False),)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndlessAccount(Fault):
    """The values of an account are told, and that they are all never is: accountDownloadEnd or its multi form lacks."""

    name: ClassVar[str] = "endless_account"
    account: Annotated[str, "which; without it every one but the first"] = ""
    times: Annotated[int, "how many ends are left out; 0 is all from there on"] = 0

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (TOLD["accountDownloadEnd"], TOLD["accountUpdateMultiEnd"])


@dataclass(frozen=True, slots=True, kw_only=True)
class LateCommission(Fault):
    """The commission of an execution comes some instants after it."""

    name: ClassVar[str] = "late_commission"
    unasked: ClassVar[bool] = True
    instants: Annotated[int, "by how many instants of the world"] = 1

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        bounded(self, "instants", 1)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (TOLD["commissionReport"],)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelCommission(Fault):
    """A commission is told that is none: Java's largest double, or -1. The true one follows later, or never."""

    name: ClassVar[str] = "sentinel_commission"
    unasked: ClassVar[bool] = True
    sentinel: Annotated[str, "unset (1.7976931348623157E308) or minus_one"] = "unset"
    instants: Annotated[int, "after how many instants the true one follows; 0 is never"] = 1

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        bounded(self, "instants", 0)
        one_of(self, "sentinel", ("unset", "minus_one"))

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (TOLD["commissionReport"],)


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseCancel(Fault):
    """An error about a working order that clients take for its end, and is not: 10349, 161, 10148, 104 ..."""

    name: ClassVar[str] = "false_cancel"
    unasked: ClassVar[bool] = True
    code: Annotated[int, "of the error"] = 10349
    text: Annotated[str, "of the error"] = "Order TIF was set to DAY based on order preset."

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        bounded(self, "code", 1)

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (TOLD["openOrder"],)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOff(Fault):
    """The gateway's clock is wrong: currentTime tells another time than the world's."""

    name: ClassVar[str] = "clock_off"
    minutes: Annotated[float, "that it is ahead; behind, below zero"] = 5.0
    times: Annotated[int, "how many times it is told wrong; 0 is from there on"] = 0

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        if not -1440 <= self.minutes <= 1440:
            raise InputError(f"minutes is {self.minutes}; give at most a day, 1440, either way")

    @property
    def waits_for(self) -> tuple[type, ...]:
        return (TOLD["currentTime"],)
