"""Safety: what stops an account, and what lets it go on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bursar.domain.events.base import Event


class KillForm(StrEnum):
    """How an account is stopped: entries canceled and protection kept, or everything closed."""

    HALT = "halt"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillOrdered(Event, kind="kill_ordered"):
    """Someone, or a breached limit, stopped an account. Nothing opens from here until a person re-arms it.

    by          who, or the rule that was breached
    everything  True where positions that are marked hands-off are closed as well
    """

    account: str
    form: KillForm
    reason: str
    by: str
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KillFinished(Event, kind="kill_finished"):
    """What was to be closed is closed, and no entry works any more.

    kept  positions that stay: hands-off ones, unless everything was to be closed
    """

    account: str
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RearmRefused(Event, kind="rearm_refused"):
    """A person wanted an account to trade again, and it may not yet."""

    account: str
    reason: str
    by: str
