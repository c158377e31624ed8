"""The run: days, marks, tasks, and what people were told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from bursar.domain.events.base import Event


class Mode(StrEnum):
    """The world that an account trades in."""

    BACKTEST = "backtest"
    PAPER = "paper"
    LIVE = "live"


class TradingState(StrEnum):
    """What an account may do: everything, only reduce, or nothing."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event, kind="run_started"):
    """Bursar began to work on an account, or began again after a stop.

    settings   the settings that it runs with, as text, without secrets
    simulated  what in this world is made up, in words; empty only where nothing is
    """

    run_id: str
    mode: Mode
    account: str
    seed: int | None = None
    settings: str = ""
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Event, kind="session_opened"):
    """A trading session began."""

    day: date
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFinished(Event, kind="task_finished"):
    """A task of the day's agenda is done, committed with what it led to: it will not be done twice."""

    task: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksMissed(Event, kind="tasks_missed"):
    """Tasks of a session that nobody did in time, and that will not be done: the program was away, or was too late."""

    exchange: str
    day: date
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked(Event, kind="marked"):
    """Prices at which positions are valued.

    official  True for the exchange's closing prices
    rates     units of the base currency for one unit of each other currency
    """

    prices: Mapping[str, Decimal]
    official: bool = False
    rates: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed(Event, kind="session_closed"):
    """A trading session ended, and was looked back on.

    equity  net asset value at the closing marks, in the account's base currency
    """

    day: date
    exchange: str
    equity: Decimal
    cash: Decimal
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingStateChanged(Event, kind="trading_state_changed"):
    """An account may do more or less than before. Back to ACTIVE only by a person, with a reason."""

    account: str
    state: TradingState
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReceived(Event, kind="command_received"):
    """A person, or a program for one, asked for something."""

    command: str
    arguments: Mapping[str, str]
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChanged(Event, kind="line_changed"):
    """The connection to the broker got better or worse."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted(Event, kind="alerted"):
    """Something that a person should know. severity: info, warning or critical."""

    severity: str
    message: str
